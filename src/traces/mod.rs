//! Traces for OpenTelemetry collectors: when requests, database work, refreshes, imports and deliveries began and
//! ended. The content of spans is restricted: no values, no addresses, no documents, nothing about a person.
//!
//! Spans are made by `tracing` under a target of their own, which only the exporter reads. Without an exporter, a span
//! costs one read of a flag.

#[cfg(feature = "otlp")]
mod export;

#[cfg(feature = "otlp")]
pub use export::{Exporting, ListeningLayer, start};

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tracing::field::Empty;
use tracing::{Span, info_span};

/// The target of all spans. It does not begin as the targets of the log do, so that settings of the log do not match
/// it.
pub const TARGET: &str = "traces";

/// Whether spans are exported.
static ARE_EXPORTED: AtomicBool = AtomicBool::new(false);

/// Returns whether spans are exported, so that work for spans alone can be skipped.
pub fn are_exported() -> bool {
    ARE_EXPORTED.load(Ordering::Relaxed)
}

/// Makes a span if spans are exported. Otherwise returns [`Span::none`], whatever the log settings are.
fn exported(make: impl FnOnce() -> Span) -> Span {
    match are_exported() {
        true => make(),
        false => Span::none(),
    }
}

/// Returns the current span, for another thread that does part of its work. Returns [`Span::none`] if spans are not
/// exported.
pub fn current() -> Span {
    exported(Span::current)
}

/// Begins the span of an HTTP request. `header` returns the value of a header. Only the headers that name the span of
/// the caller are read (`traceparent`, `tracestate`).
pub fn of_request<'h>(
    method: &'static str,
    request_id: &str,
    header: impl Fn(&str) -> Option<&'h str>,
) -> Span {
    if !are_exported() {
        return Span::none();
    }
    let span = info_span!(
        target: TARGET, "request", otel.kind = "server", otel.name = method, otel.status_code = Empty,
        http.request.method = method, http.route = Empty, http.response.status_code = Empty, request_id,
    );
    #[cfg(feature = "otlp")]
    export::adopt(
        &span,
        &export::Caller {
            traceparent: header("traceparent"),
            tracestate: header("tracestate"),
        },
    );
    #[cfg(not(feature = "otlp"))]
    let _ = header;
    span
}

/// Records the route and the status of a request.
pub fn end_request(span: &Span, method: &str, route: &str, status: u16) {
    if span.is_none() {
        return;
    }
    #[cfg(feature = "otlp")]
    export::rename(span, format!("{method} {route}"));
    #[cfg(not(feature = "otlp"))]
    let _ = method;
    span.record("http.route", route);
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

/// Begins the span of a query or a mutation. `name` is the name of the operation and is recorded only if it is short.
pub fn of_operation(kind: &'static str, name: Option<&str>) -> Span {
    let name = name.filter(|name| name.len() <= 100);
    exported(|| {
        let title = name.map_or_else(|| kind.to_owned(), |name| format!("{kind} {name}"));
        info_span!(
            target: TARGET, "operation", otel.name = title, otel.status_code = Empty,
            graphql.operation.type = kind, graphql.operation.name = name, outcome = Empty,
        )
    })
}

/// Begins the span of work with a database connection, as part of the current span. Without a current span there is
/// none.
pub fn of_database() -> Span {
    if !are_exported() || Span::current().is_none() {
        return Span::none();
    }
    info_span!(
        target: TARGET, "database", otel.kind = "client", otel.status_code = Empty, db.system.name = "postgresql",
        connection_wait_seconds = Empty, outcome = Empty,
    )
}

/// Records how long the work waited for its connection.
pub fn end_wait(span: &Span, waited: Duration) {
    span.record("connection_wait_seconds", waited.as_secs_f64());
}

/// Begins the span of a refresh.
pub fn of_refresh(trigger: &'static str) -> Span {
    exported(
        || info_span!(target: TARGET, "refresh", otel.status_code = Empty, trigger, outcome = Empty),
    )
}

/// Begins the span of an import.
pub fn of_import(kind: &str, import: i64) -> Span {
    exported(
        || info_span!(target: TARGET, "import", otel.status_code = Empty, kind, import, outcome = Empty),
    )
}

/// Begins the span of sending a message to a webhook. It has the id and not the URL, which may contain a secret.
pub fn of_delivery(webhook: i64) -> Span {
    exported(|| {
        info_span!(
            target: TARGET, "webhook delivery", otel.kind = "client", otel.status_code = Empty, webhook,
            http.response.status_code = Empty, outcome = Empty,
        )
    })
}

/// Records the status that the receiver of a message answered.
pub fn end_delivery(span: &Span, status: Option<u16>) {
    if let Some(status) = status {
        span.record("http.response.status_code", status);
    }
    end(
        span,
        status.is_some_and(|status| (200..300).contains(&status)),
    );
}

/// Records whether something succeeded.
pub fn end(span: &Span, is_ok: bool) {
    end_as(span, if is_ok { "ok" } else { "failed" }, is_ok);
}

/// Records how something ended. The outcome is a fixed word.
pub fn end_as(span: &Span, outcome: &'static str, is_ok: bool) {
    span.record("outcome", outcome);
    if !is_ok {
        span.record("otel.status_code", "ERROR");
    }
}
