//! Watches the API keys of running transfers. Uploads and downloads are aborted within seconds after their key was
//! revoked or has expired.

use super::caller::Caller;
use super::keys::KeyUpdates;
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

/// The message for a transfer whose key was revoked or has expired.
pub const REVOKED: &str =
    "the API key was revoked or expired while the file was being sent; try again with another key";

/// Watches whether a caller would still be admitted.
pub struct KeyWatch {
    state: web::Data<State>,
    caller: Caller,
    /// While this exists, the keys are loaded every two seconds.
    updates: KeyUpdates,
}

impl KeyWatch {
    /// Watches the key of a caller.
    pub fn begin(state: &web::Data<State>, caller: Caller) -> KeyWatch {
        KeyWatch {
            updates: state.gate.keys.listen(),
            state: state.clone(),
            caller,
        }
    }

    fn is_good(&self) -> bool {
        let State { api, gate, .. } = &**self.state;
        gate.keys.still_admit(&self.caller.access, api.app().now())
    }

    /// Waits until the key is no longer valid.
    async fn end(&mut self) {
        while self.is_good() {
            self.updates.next().await;
        }
    }
}

/// Makes a body fail if it arrives too slowly or if its key is no longer valid.
pub fn guard_payload(payload: Payload, watch: KeyWatch) -> Payload {
    let pace = Pace::new(&watch.state.transfer);
    let guarded = unfold(Some((payload, watch, pace)), async |guarded| {
        let (mut payload, mut watch, mut pace) = guarded?;
        let refused = |kind, message: String| {
            let error = PayloadError::Io(io::Error::new(kind, message));
            Some((Err(error), None))
        };
        tokio::select! {
            biased;
            () = watch.end() => refused(io::ErrorKind::PermissionDenied, REVOKED.to_owned()),
            chunk = payload.next() => {
                let chunk = chunk?;
                pace.count(chunk.as_ref().map_or(0, Bytes::len));
                Some((chunk, Some((payload, watch, pace))))
            }
            () = poll_fn(|context| pace.poll_too_slow(context)) => {
                refused(io::ErrorKind::TimedOut, too_slow(&watch.state.transfer))
            }
        }
    });
    Payload::Stream {
        payload: guarded.boxed_local(),
    }
}

/// A body that fails once the key of its request is no longer valid.
pub struct GuardedBody {
    body: BoxBody,
    watch: KeyWatch,
}

impl GuardedBody {
    /// Guards a body.
    pub fn new(body: impl MessageBody + 'static, watch: KeyWatch) -> GuardedBody {
        GuardedBody {
            body: body.boxed(),
            watch,
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
        if !self.watch.is_good() {
            return Poll::Ready(Some(Err(REVOKED.into())));
        }
        Pin::new(&mut self.body).poll_next(context)
    }
}
