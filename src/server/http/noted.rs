//! Records how long requests take, for the metrics and for the log.

use crate::metrics::metrics;
use crate::server::state::State;
use crate::traces;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::web;
use std::time::Instant;
use tracing::Span;

/// The route of requests that match no route, and of those that are answered with 404.
const OTHER: &str = "other";

/// The target under which requests are logged, for `ROLLCALL_LOG`.
const LOG: &str = "rollcall::requests";

/// A running request.
pub struct NotedRequest {
    method: &'static str,
    base_path: String,
    began: Instant,
    /// Its span, for traces.
    pub span: Span,
}

impl NotedRequest {
    /// Starts the measurement.
    pub fn begin(request: &ServiceRequest, id: &str) -> NotedRequest {
        let known = [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::HEAD,
            Method::OPTIONS,
        ];
        let names = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"];
        let known = known.iter().position(|known| known == request.method());
        let state = request.app_data::<web::Data<State>>();
        // A client may send any word as a method.
        let method = known.map_or("OTHER", |place| names[place]);
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        NotedRequest {
            method,
            span: traces::of_request(method, id, header),
            base_path: state.map_or_else(String::new, |state| state.settings.base_path.clone()),
            began: Instant::now(),
        }
    }

    /// Records the answer. Its body may not be sent completely yet.
    pub fn end<B>(self, response: &ServiceResponse<B>) {
        let pattern = response.request().match_pattern();
        let route = pattern
            .as_deref()
            .and_then(|pattern| pattern.strip_prefix(&self.base_path))
            .filter(|route| !route.is_empty() && response.status() != 404);
        let (method, route) = (self.method, route.unwrap_or(OTHER));
        let (status, took) = (response.status(), self.began.elapsed());
        metrics().note_request(method, route, status.as_u16(), took);
        traces::end_request(&self.span, method, route, status.as_u16());
        let (status, milliseconds) = (status.as_u16(), took.as_micros() as f64 / 1_000.0);
        // The macros need a level that is known at compile time.
        if status >= 500 {
            tracing::warn!(target: LOG, method, route, status, milliseconds, "a request failed");
        } else {
            tracing::debug!(target: LOG, method, route, status, milliseconds, "answered a request");
        }
    }
}
