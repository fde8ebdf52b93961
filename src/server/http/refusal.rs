//! Refusals of requests that are not executed, in the form that GraphQL clients read.

use crate::graphql::ErrorCode;
use crate::rule::bounded;
use crate::server::door::keys::Refusal;
use crate::server::door::limits::{Full, RetryAfter};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType, HeaderValue};
use serde_json::{Value, json};

/// The message for a client without a valid key. It is the same for every reason.
const UNAUTHENTICATED: &str =
    "expected a valid API key in the header \"Authorization: Bearer rck_...\"";

/// The message for a client with too many sockets.
pub const TOO_MANY_SOCKETS: &str =
    "this client has as many sockets as it may have; close one first";

/// After how many seconds to try again if the database is not available.
const DATABASE_RETRY_SECONDS: u64 = 5;

/// After how many seconds to try again if there are too many sockets.
const SOCKET_RETRY_SECONDS: u64 = 10;

/// Returns a refusal with an error in the form that GraphQL clients read.
pub fn refuse(status: StatusCode, code: ErrorCode, message: &str) -> HttpResponse {
    let body: Value = json!({
        "errors": [{ "message": bounded(message), "extensions": { "code": code.as_str() } }]
    });
    HttpResponse::build(status)
        .insert_header(ContentType::json())
        .body(body.to_string())
}

/// Refuses a client without a valid key, or a request while keys cannot be loaded.
pub fn refuse_key(refusal: Refusal) -> HttpResponse {
    match refusal {
        Refusal::Unauthenticated => {
            let status = StatusCode::UNAUTHORIZED;
            let mut refused = refuse(status, ErrorCode::Unauthenticated, UNAUTHENTICATED);
            let bearer = HeaderValue::from_static("Bearer");
            refused
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, bearer);
            refused
        }
        Refusal::Unavailable => {
            let message = "the database is not available; try again in a moment";
            let refused = refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::Unavailable,
                message,
            );
            retry_after(refused, DATABASE_RETRY_SECONDS)
        }
    }
}

/// Refuses a request of a client whose budget is used up.
pub fn refuse_rate(wait: RetryAfter) -> HttpResponse {
    let refused = refuse(
        StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::RateLimited,
        &rate_message(wait),
    );
    retry_after(refused, wait.seconds())
}

/// Returns the message for a client that has reached its rate limit.
pub fn rate_message(wait: RetryAfter) -> String {
    format!(
        "the rate limit is reached (cost per minute); try again in {} s",
        wait.seconds()
    )
}

/// Adds the header `Retry-After`.
pub fn retry_after(mut response: HttpResponse, seconds: u64) -> HttpResponse {
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Refuses a socket or an event stream because there are too many.
pub fn refuse_connection(full: Full) -> HttpResponse {
    let refused = match full {
        Full::Server => {
            let message = "the server has as many sockets as it may have; try again in a moment";
            refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::Unavailable,
                message,
            )
        }
        Full::Client => refuse(
            StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::RateLimited,
            TOO_MANY_SOCKETS,
        ),
    };
    retry_after(refused, SOCKET_RETRY_SECONDS)
}
