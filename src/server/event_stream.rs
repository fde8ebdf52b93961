//! Answers as server-sent events: for subscriptions where WebSockets are not wanted, and for anything else.
//!
//! The protocol is that of `graphql-sse` with a connection for each operation:
//! <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md#distinct-connections-mode>.

use super::http::State;
use super::media_type::MediaType;
use crate::graphql::{Prepared, Refusal, Reply};
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{self, Bytes};
use async_graphql::futures_util::stream::{self, BoxStream, Stream, StreamExt};
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Interval, interval};

/// How often something is sent while nothing happens, so that nobody in between takes the connection for dead.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Opens a stream. What is wrong with the operation is told in it, as the protocol asks.
pub fn open(state: &web::Data<State>, prepared: Result<Prepared, Refusal>) -> HttpResponse {
    let replies = match prepared {
        Ok(prepared) => state.api.stream(prepared),
        Err(refusal) => stream::iter([Reply::Refused(refusal)]).boxed(),
    };
    HttpResponse::Ok()
        .content_type(MediaType::EventStream.content_type())
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        // Some proxies would keep events until there are many.
        .insert_header(("x-accel-buffering", "no"))
        // Compression would keep them too.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .streaming(write(state, replies))
}

/// What a stream needs to go on.
struct Writing {
    replies: BoxStream<'static, Reply>,
    alive: Interval,
    has_ended: bool,
}

fn write(
    state: &web::Data<State>,
    replies: BoxStream<'static, Reply>,
) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    let mut is_stopping = state.is_stopping.subscribe();
    let writing = Writing {
        replies,
        alive: interval(ALIVE_EVERY),
        has_ended: false,
    };
    let stopped = async move {
        // An error means that the server is gone.
        let _ = is_stopping.wait_for(|is_stopping| *is_stopping).await;
    };
    let events = stream::unfold(writing, |mut writing| async {
        if writing.has_ended {
            return None;
        }
        let event = tokio::select! {
            reply = writing.replies.next() => match reply {
                Some(Reply::Next(response)) => next(&json!(response)),
                Some(Reply::Refused(refusal)) => next(&json!({ "errors": refusal.errors })),
                None => {
                    writing.has_ended = true;
                    "event: complete\ndata:\n\n".to_owned()
                }
            },
            _ = writing.alive.tick() => ":\n\n".to_owned(),
        };
        Some((Ok(Bytes::from(event)), writing))
    });
    events.take_until(Box::pin(stopped))
}

/// JSON has no line breaks outside of its texts, and in them they are escaped.
fn next(payload: &serde_json::Value) -> String {
    format!("event: next\ndata: {payload}\n\n")
}
