//! The ids of requests, by which lines of the log name them.

use super::noted::NotedRequest;
use crate::graphql::ErrorCode;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use async_graphql::futures_util::FutureExt;
use serde_json::json;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tracing::Instrument;

/// The header with the id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request in the log. The client may choose it, and the response repeats it.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

impl RequestId {
    /// Returns the id of a request, or an empty text if it has none.
    pub fn of(request: &HttpRequest) -> Arc<str> {
        let extensions = request.extensions();
        let id = extensions.get::<RequestId>();
        id.map_or_else(|| Arc::from(""), |id| Arc::clone(&id.0))
    }
}

/// Gives every request an id for the log, and also answers if the handler panics.
pub async fn name_request<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<B>> {
    let id = choose_request_id(request.headers());
    let name = HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unnamed"));
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let noted = NotedRequest::begin(&request, &id);
    let span = tracing::info_span!("request", id = %id, key = tracing::field::Empty);
    // Both spans are entered: one is for traces, the other for the log.
    let answered = next.call(request).instrument(noted.span.clone());
    let answered = AssertUnwindSafe(answered.instrument(span.clone())).catch_unwind();
    match answered.await {
        Ok(answered) => {
            let mut response = answered?;
            span.in_scope(|| noted.end(&response));
            let headers = response.headers_mut();
            headers.insert(REQUEST_ID, name);
            protect(headers);
            Ok(response)
        }
        Err(_) => {
            tracing::error!(%id, "a request ended in a panic");
            let body = json!({ "errors": [{
                "message": "the server could not answer; its log says why",
                "extensions": { "code": ErrorCode::Internal.as_str(), "requestId": *id }
            }] });
            let mut builder = HttpResponse::InternalServerError();
            let mut failed = builder.insert_header((REQUEST_ID, name)).json(body);
            protect(failed.headers_mut());
            Err(InternalError::from_response("a panic", failed).into())
        }
    }
}

/// Forbids caching, unless the answer allows it itself, and forbids guessing the type.
fn protect(headers: &mut HeaderMap) {
    if !headers.contains_key(header::CACHE_CONTROL) {
        let no_store = HeaderValue::from_static("no-store");
        headers.insert(header::CACHE_CONTROL, no_store);
    }
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
}

/// Returns the id that the client gave, if it can be written to a log, or a new one.
fn choose_request_id(headers: &HeaderMap) -> Arc<str> {
    let given = headers
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let is_usable = |id: &&str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        (1..=128).contains(&id.len()) && id.bytes().all(is_plain)
    };
    match given.filter(is_usable) {
        Some(given) => given.into(),
        None => uuid::Uuid::new_v4().to_string().into(),
    }
}
