//! The routes of the server, its state, and who may come in at all.
//!
//! A loopback server answers only to loopback names, so that a page whose name was pointed here cannot reach it.

use super::{answer, websocket};
use crate::config::StatusCodes;
use crate::db::list_pending_migrations;
use crate::graphql::{Api, ErrorCode};
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, guard};
use async_graphql::futures_util::FutureExt;
use serde_json::{Value, json};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tracing::Instrument;

/// The header with the name of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every worker of the server shares.
pub struct State {
    /// The API.
    pub api: Api,
    /// How requests are answered.
    pub settings: HttpSettings,
    /// Whether the server is about to stop; WebSockets and streams end when it is.
    pub is_stopping: watch::Sender<bool>,
}

/// How requests are answered.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Which statuses tell how a request went.
    pub status_codes: StatusCodes,
    /// How long answering may take.
    pub request_timeout: Duration,
}

/// Adds the routes of the API.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/graphql")
                .route(web::post().to(answer::post))
                .route(
                    web::get()
                        .guard(guard::fn_guard(websocket::is_asked_for))
                        .to(websocket::open),
                )
                .route(web::get().to(answer::get))
                .default_service(web::to(answer::other_method)),
        )
        .route("/health", web::get().to(health))
        .route(
            "/",
            web::get().to(async || {
                HttpResponse::Found()
                    .insert_header((header::LOCATION, "/graphiql"))
                    .finish()
            }),
        );
}

/// Refuses requests to another name than a loopback one.
pub async fn check_host<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<EitherBody<B>>> {
    let host = request.connection_info().host().to_owned();
    if is_loopback_name(&host) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let message = format!("expected a loopback name such as localhost as host, found \"{host}\"");
    let refused = refuse(StatusCode::FORBIDDEN, ErrorCode::Forbidden, &message);
    Ok(request.into_response(refused).map_into_right_body())
}

/// The name of a request in the log, which the client may give and is told.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

impl RequestId {
    /// Returns that of a request.
    pub fn of(request: &HttpRequest) -> Arc<str> {
        let extensions = request.extensions();
        let id = extensions.get::<RequestId>();
        id.map_or_else(|| Arc::from(""), |id| Arc::clone(&id.0))
    }
}

/// Gives every request a name, under which the log speaks of it, and answers also where the program has a mistake.
pub async fn name_request<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<B>> {
    let id = choose_request_id(request.headers());
    let name = HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unnamed"));
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let span = tracing::info_span!("request", id = %id);
    let answered = AssertUnwindSafe(next.call(request).instrument(span)).catch_unwind();
    match answered.await {
        Ok(answered) => {
            let mut response = answered?;
            response.headers_mut().insert(REQUEST_ID, name);
            Ok(response)
        }
        Err(_) => {
            tracing::error!(%id, "a request ended in a panic");
            let body = json!({ "errors": [{
                "message": "the server could not answer; its log says why",
                "extensions": { "code": ErrorCode::Internal.as_str(), "requestId": *id }
            }] });
            let mut builder = HttpResponse::InternalServerError();
            let failed = builder.insert_header((REQUEST_ID, name)).json(body);
            Err(InternalError::from_response("a panic", failed).into())
        }
    }
}

/// The name that the client gave, if it can stand in a log, or a new one.
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

/// Whether a host, with or without a port, is this machine.
pub fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Refuses a request with an error as GraphQL clients read it.
pub fn refuse(status: StatusCode, code: ErrorCode, message: &str) -> HttpResponse {
    let body: Value = json!({
        "errors": [{ "message": message, "extensions": { "code": code.as_str() } }]
    });
    HttpResponse::build(status)
        .insert_header(ContentType::json())
        .body(body.to_string())
}

/// Tells whether the server can answer: its database is there and has the right tables.
async fn health(state: web::Data<State>) -> HttpResponse {
    let pending = state.api.app().db.run(list_pending_migrations).await;
    match pending {
        Ok(pending) if pending.is_empty() => HttpResponse::Ok().json(json!({ "status": "ok" })),
        Ok(pending) => HttpResponse::ServiceUnavailable().json(json!({
            "status": "migrations are missing", "missing": pending
        })),
        Err(_) => HttpResponse::ServiceUnavailable().json(json!({
            "status": "the database is not available"
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names() {
        for host in [
            "localhost",
            "LOCALHOST:7655",
            "127.0.0.1:7655",
            "127.8.9.1",
            "[::1]:7655",
            "[::1]",
        ] {
            assert!(is_loopback_name(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com:7655",
            "10.0.0.1",
            "127.0.0.1.example.com",
            "[::2]:1",
        ] {
            assert!(!is_loopback_name(host), "{host}");
        }
    }
}
