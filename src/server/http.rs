//! The HTTP door of the API.
//!
//! Queries and mutations come by `POST`, or as subscriptions do over a WebSocket (`websocket.rs`). Only `POST` with `application/json` is answered: a page of another site cannot send that without asking first, and
//! no cookies exist that could speak for somebody. Who is let in, `access.rs` decides.

use super::access::{self, Caller, Gate};
use super::guard::is_too_deep;
use super::websocket;
use crate::db::list_pending_migrations;
use crate::graphql::{App, RollcallSchema, execute, never_began};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Bytes, ReqData, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, guard};
use serde_json::{Value, json};
use tokio::sync::watch;

/// The largest body of a request, in bytes.
pub const MAX_BODY: usize = 1 << 20;

/// What every worker of the server shares.
pub struct State {
    /// The application.
    pub app: App,
    /// The schema that answers from it.
    pub schema: RollcallSchema,
    /// Who is let in.
    pub gate: Gate,
    /// Whether the server is about to stop; WebSockets close when it is.
    pub is_stopping: watch::Sender<bool>,
}

/// Adds the routes of the API.
pub fn configure(config: &mut ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(MAX_BODY))
        .service(
            web::resource("/graphql")
                .wrap(from_fn(access::admit))
                .route(web::post().to(answer))
                .route(
                    web::get()
                        .guard(guard::fn_guard(websocket::is_asked_for))
                        .to(websocket::open),
                )
                .default_service(web::to(only_post)),
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

async fn answer(
    request: HttpRequest,
    state: web::Data<State>,
    caller: ReqData<Caller>,
    body: Result<Bytes, actix_web::Error>,
) -> HttpResponse {
    let is_json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        let message = "expected a body of type application/json";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_REQUEST", message);
    }
    let body = match body {
        Ok(body) => body,
        Err(error) => {
            let message = format!("expected a body of at most {MAX_BODY} bytes: {error}");
            let status = error.as_response_error().status_code();
            return refuse(status, "BAD_REQUEST", &message);
        }
    };
    let parsed = match serde_json::from_slice::<async_graphql::Request>(&body) {
        Ok(parsed) if parsed.query.trim().is_empty() => {
            let message = "expected a JSON object with \"query\" and perhaps \"variables\", found no \"query\"";
            return refuse(StatusCode::BAD_REQUEST, "BAD_REQUEST", message);
        }
        Ok(parsed) => parsed,
        Err(error) => {
            let message =
                format!("expected a JSON object with \"query\" and perhaps \"variables\": {error}");
            return refuse(StatusCode::BAD_REQUEST, "BAD_REQUEST", &message);
        }
    };
    if is_too_deep(&parsed.query) {
        let message = "expected a document with fewer nested brackets";
        return refuse(
            StatusCode::BAD_REQUEST,
            "GRAPHQL_VALIDATION_FAILED",
            message,
        );
    }
    if let Err(wait) = state.gate.limiter.check(caller.client(), 1) {
        return access::refuse_rate(wait);
    }
    respond(&execute(&state.schema, &state.app, parsed, &caller.access).await)
}

/// Writes a response. One whose execution never began has no `data`, as the specification asks.
fn respond(response: &async_graphql::Response) -> HttpResponse {
    if never_began(response) {
        let body = json!({ "errors": response.errors });
        return HttpResponse::BadRequest().json(body);
    }
    HttpResponse::Ok().json(response)
}

async fn only_post() -> HttpResponse {
    let message =
        "expected POST with a JSON body, or GET for a WebSocket; the explorer is at /graphiql";
    let mut refused = refuse(StatusCode::METHOD_NOT_ALLOWED, "BAD_REQUEST", message);
    let allow = header::HeaderValue::from_static("POST");
    refused.headers_mut().insert(header::ALLOW, allow);
    refused
}

/// Refuses a request with an error as GraphQL clients read it.
pub fn refuse(status: StatusCode, code: &str, message: &str) -> HttpResponse {
    let body: Value = json!({
        "errors": [{ "message": message, "extensions": { "code": code } }]
    });
    HttpResponse::build(status)
        .insert_header(ContentType::json())
        .body(body.to_string())
}

/// Tells whether the server can answer: its database is there and has the right tables.
async fn health(state: web::Data<State>) -> HttpResponse {
    let pending = state.app.db.run(list_pending_migrations).await;
    match pending {
        Ok(pending) if pending.is_empty() => HttpResponse::Ok().json(json!({ "status": "ok" })),
        // Which ones, is nobody's business who has no key.
        Ok(_) => HttpResponse::ServiceUnavailable().json(json!({
            "status": "migrations are missing"
        })),
        Err(_) => HttpResponse::ServiceUnavailable().json(json!({
            "status": "the database is not available"
        })),
    }
}
