//! Health: whether the process answers, and whether it can serve requests. No key is needed, so reasons contain no
//! details.

use crate::server::state::State;
use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use serde_json::json;

/// Adds the routes of health.
pub fn configure(config: &mut ServiceConfig) {
    config
        .route("/health", web::get().to(health))
        .route("/health/live", web::get().to(live))
        .route("/health/ready", web::get().to(ready));
}

/// Reports whether the database can be reached and has the right tables.
async fn health(state: web::Data<State>) -> HttpResponse {
    match state.health.check().await.reason() {
        None => HttpResponse::Ok().json(json!({ "status": "ok" })),
        Some(reason) => HttpResponse::ServiceUnavailable().json(json!({ "status": reason })),
    }
}

/// Reports that the process answers, whatever the state of the database: a restart would not help the database.
async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "live" }))
}

/// Reports whether requests can be served now, for load balancers.
async fn ready(state: web::Data<State>) -> HttpResponse {
    let is_stopping = *state.is_stopping.borrow();
    let reason = match is_stopping {
        true => Some("the server is stopping"),
        false => state.health.check().await.reason(),
    };
    match reason {
        None => HttpResponse::Ok().json(json!({ "status": "ready" })),
        Some(reason) => HttpResponse::ServiceUnavailable()
            .json(json!({ "status": "not ready", "reason": reason })),
    }
}
