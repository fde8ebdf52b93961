//! Files on their way belong to an API key that is still good. Uploads and downloads of a key that is revoked or expires
//! are broken off within seconds.

use super::caller::Caller;
use super::keys::Looks;
use super::pace::{Pace, too_slow};
use crate::server::state::State;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::{self, Bytes};
use async_graphql::futures_util::StreamExt;
use async_graphql::futures_util::stream::unfold;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Says that a transfer ended with its key.
pub const REVOKED: &str =
    "the API key was revoked or expired while the file was being sent; try again with another key";

/// Whether a caller would still be let in.
pub struct Standing {
    state: web::Data<State>,
    caller: Caller,
    /// As long as it exists, the keys are looked up every two seconds.
    looks: Looks,
}

impl Standing {
    /// Watches the key of a caller.
    pub fn watch(state: &web::Data<State>, caller: Caller) -> Standing {
        Standing {
            looks: state.gate.keys.listen(),
            state: state.clone(),
            caller,
        }
    }

    fn is_good(&self) -> bool {
        let State { api, gate, .. } = &**self.state;
        gate.keys.still_admit(&self.caller.access, api.app().now())
    }

    /// Waits until the key is not good any more.
    async fn end(&mut self) {
        while self.is_good() {
            self.looks.next().await;
        }
    }
}

/// Makes a body fail that arrives too slowly or whose key is not good any more.
pub fn guard_payload(payload: Payload, standing: Standing) -> Payload {
    let pace = Pace::new(&standing.state.transfer);
    let guarded = unfold(Some((payload, standing, pace)), async |guarded| {
        let (mut payload, mut standing, mut pace) = guarded?;
        let refused = |kind, message: String| {
            let error = PayloadError::Io(io::Error::new(kind, message));
            Some((Err(error), None))
        };
        tokio::select! {
            biased;
            () = standing.end() => refused(io::ErrorKind::PermissionDenied, REVOKED.to_owned()),
            chunk = payload.next() => {
                let chunk = chunk?;
                pace.count(chunk.as_ref().map_or(0, Bytes::len));
                Some((chunk, Some((payload, standing, pace))))
            }
            () = poll_fn(|context| pace.poll_too_slow(context)) => {
                refused(io::ErrorKind::TimedOut, too_slow(&standing.state.transfer))
            }
        }
    });
    Payload::Stream {
        payload: guarded.boxed_local(),
    }
}

/// A body that breaks off when the key that asked for it is not good any more.
pub struct GuardedBody {
    body: BoxBody,
    standing: Standing,
}

impl GuardedBody {
    /// Guards a body.
    pub fn new(body: impl MessageBody + 'static, standing: Standing) -> GuardedBody {
        GuardedBody {
            body: body.boxed(),
            standing,
        }
    }
}

impl MessageBody for GuardedBody {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if !self.standing.is_good() {
            return Poll::Ready(Some(Err(REVOKED.into())));
        }
        Pin::new(&mut self.body).poll_next(context)
    }
}
