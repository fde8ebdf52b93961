//! From answers to HTTP: statuses, headers and bodies.
//!
//! The meaning of the statuses changed while GraphQL over HTTP was drafted. [`StatusCodes::Established`] is what
//! today's clients and audits expect; [`StatusCodes::Draft`] is the draft of August 2026:
//! <https://graphql.github.io/graphql-over-http/draft/#sec-Status-Codes>.

use super::media_type::MediaType;
use crate::config::StatusCodes;
use crate::graphql::{Answer, ErrorCode, Holding, Refusal, code_of, write_response};
use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::Bytes;
use async_graphql::Value;
use serde_json::json;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// After how many seconds a client may try again while the database is not available.
const RETRY_AFTER: &str = "1";

/// Returns the response for an executed operation.
pub fn respond(answer: Answer, media_type: MediaType, codes: StatusCodes) -> HttpResponse {
    let Answer { response, holding } = answer;
    let is_away = |error| code_of(error) == Some(ErrorCode::Unavailable.as_str());
    if response.errors.iter().any(is_away) && is_empty(&response.data) {
        // There is no answer, and caches must not store that.
        let body = json!({ "errors": response.errors });
        let mut builder = HttpResponse::ServiceUnavailable();
        builder.insert_header((header::RETRY_AFTER, RETRY_AFTER));
        return builder.content_type(media_type.content_type()).json(body);
    }
    let is_partial = !response.errors.is_empty();
    let status = match codes {
        StatusCodes::Draft if is_partial => partial_success(),
        _ => StatusCode::OK,
    };
    let mut builder = HttpResponse::build(status);
    builder.content_type(media_type.content_type());
    builder.body(InPieces {
        rest: Bytes::from(write_response(&response)),
        _holding: holding,
    })
}

/// A body that is sent in pieces. The connection would copy a whole body before it writes.
struct InPieces {
    rest: Bytes,
    /// Held until the last piece is sent, or the connection is gone.
    _holding: Holding,
}

impl MessageBody for InPieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        const PIECE: usize = 1 << 16;
        let length = self.rest.len().min(PIECE);
        Poll::Ready((length > 0).then(|| Ok(self.rest.split_to(length))))
    }
}

/// Returns the response for a request that was not executed. It has no data, as the specification demands.
pub fn refuse(refusal: &Refusal, media_type: MediaType, codes: StatusCodes) -> HttpResponse {
    let body = json!({ "errors": refusal.errors });
    let mut builder = HttpResponse::build(status_of(refusal.code, media_type, codes));
    if refusal.code == ErrorCode::OperationNotAllowed {
        builder.insert_header((header::ALLOW, "POST"));
    }
    builder.content_type(media_type.content_type()).json(body)
}

fn status_of(code: ErrorCode, media_type: MediaType, codes: StatusCodes) -> StatusCode {
    let is_old_client = media_type == MediaType::Json && codes == StatusCodes::Established;
    match code {
        ErrorCode::BadRequest => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::OperationNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorCode::Contention | ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ if is_old_client => StatusCode::OK,
        ErrorCode::ParseFailed | ErrorCode::PersistedQueryNotFound => StatusCode::BAD_REQUEST,
        _ => match codes {
            StatusCodes::Established => StatusCode::BAD_REQUEST,
            StatusCodes::Draft => StatusCode::UNPROCESSABLE_ENTITY,
        },
    }
}

/// The draft's status for data with errors, which has no name yet.
fn partial_success() -> StatusCode {
    StatusCode::from_u16(294).unwrap_or(StatusCode::OK)
}

/// Returns whether the data is null, or every field of it is null.
fn is_empty(data: &Value) -> bool {
    match data {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(|value| *value == Value::Null),
        _ => false,
    }
}
