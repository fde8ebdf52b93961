//! Answers as server-sent events: for subscriptions of clients that do not use WebSockets, and for all other
//! operations.
//!
//! The protocol is that of `graphql-sse` with a connection for each operation:
//! <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md#distinct-connections-mode>.

use super::connection::Held;
use crate::graphql::{Answer, Holding, Prepared, Refusal, Reply, write_response};
use crate::server::door::caller::Caller;
use crate::server::door::keys::KeyUpdates;
use crate::server::http::media_type::MediaType;
use crate::server::http::refusal::refuse_connection;
use crate::server::state::State;
use actix_web::http::header;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use async_graphql::futures_util::stream::{self, BoxStream, Stream, StreamExt};
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Interval, interval};

/// How often a comment is sent, so that no proxy closes the connection as idle.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Opens a stream. Errors of the operation are sent in the stream, as the protocol asks.
pub fn open(
    request: &HttpRequest,
    state: &web::Data<State>,
    caller: Caller,
    prepared: Result<Prepared, Refusal>,
) -> HttpResponse {
    let held = match state.gate.permits.take(caller.client(), "event_stream") {
        Ok(permit) => Held::hold(request, permit),
        Err(full) => return refuse_connection(full),
    };
    let replies = match prepared {
        Ok(prepared) => state.api.stream(prepared),
        Err(refusal) => stream::iter([Reply::Refused(refusal)]).boxed(),
    };
    HttpResponse::Ok()
        .content_type(MediaType::EventStream.content_type())
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Some proxies would buffer events.
        .insert_header(("x-accel-buffering", "no"))
        // Compression would buffer them too.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        // The permit is free again when the connection is gone.
        .force_close()
        .streaming(write(state, caller, held, replies))
}

/// How many bytes of an event are handed to the connection at a time: it copies what it is given.
const PIECE: usize = 1 << 16;

/// The state of a stream.
struct Writing {
    state: web::Data<State>,
    caller: Caller,
    updates: KeyUpdates,
    /// Counts the stream until both the stream and its connection have ended.
    _held: Held,
    replies: BoxStream<'static, Reply>,
    alive: Interval,
    /// The part of an event that is not sent yet, and the memory that the event holds.
    rest: Bytes,
    holding: Option<Holding>,
    has_ended: bool,
}

fn write(
    state: &web::Data<State>,
    caller: Caller,
    held: Held,
    replies: BoxStream<'static, Reply>,
) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    let mut is_ending = state.end_sockets.subscribe();
    let writing = Writing {
        updates: state.gate.keys.listen(),
        state: state.clone(),
        caller,
        _held: held,
        replies,
        alive: interval(ALIVE_EVERY),
        rest: Bytes::new(),
        holding: None,
        has_ended: false,
    };
    let stopped = async move {
        // An error means that the server has ended.
        let _ = is_ending.wait_for(|is_ending| *is_ending).await;
    };
    let events = stream::unfold(writing, |mut writing| async {
        let piece = writing.next_piece().await?;
        Some((Ok(piece), writing))
    });
    events.take_until(Box::pin(stopped))
}

impl Writing {
    /// Returns the next piece to send.
    async fn next_piece(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            self.holding = None;
            self.rest = Bytes::from(self.next().await?);
        }
        let length = self.rest.len().min(PIECE);
        Some(self.rest.split_to(length))
    }

    /// Waits for the next event. Returns `None` after the end, and if the key is no longer valid.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if self.has_ended {
                return None;
            }
            let reply = tokio::select! {
                reply = self.replies.next() => reply,
                _ = self.alive.tick() => return Some(b":\n\n".to_vec()),
                () = self.updates.next() => {
                    let State { api, gate, .. } = &**self.state;
                    self.has_ended = !gate.keys.still_admit(&self.caller.access, api.app().now());
                    continue;
                }
            };
            return Some(match reply {
                Some(Reply::Next(answer)) => {
                    let Answer { response, holding } = *answer;
                    self.holding = Some(holding);
                    next(&write_response(&response))
                }
                Some(Reply::Refused(refusal)) => {
                    let refused = json!({ "errors": refusal.errors });
                    next(refused.to_string().as_bytes())
                }
                None => {
                    self.has_ended = true;
                    b"event: complete\ndata:\n\n".to_vec()
                }
            });
        }
    }
}

/// Writes a payload as an event. JSON has line breaks only within texts, where they are escaped.
fn next(payload: &[u8]) -> Vec<u8> {
    [b"event: next\ndata: ", payload, b"\n\n"].concat()
}
