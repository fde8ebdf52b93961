//! Sends spans to a collector by OTLP over HTTP, on a separate thread. While the collector is slow or unreachable,
//! spans wait in a bounded queue. If it is full, further spans are dropped.

use super::{ARE_EXPORTED, TARGET};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::{Layer, Registry};

/// The environment variables that name a collector.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// How long a collector may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the end of the process waits for the last spans.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// How often the log may say that spans were not exported.
const BETWEEN_WARNINGS: Duration = Duration::from_mins(10);

/// How many bytes of an answer are read. Nothing of it is used.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// The layer that passes our spans to OpenTelemetry.
pub type ListeningLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// The running export of spans. Dropping it sends the last spans.
pub struct Exporting(SdkTracerProvider);

impl Drop for Exporting {
    fn drop(&mut self) {
        ARE_EXPORTED.store(false, Ordering::Relaxed);
        // If the collector is unreachable, the client has logged that.
        let _ = self.0.shutdown_with_timeout(LAST_SPANS);
    }
}

/// Starts the export if the environment names a collector. Returns `None` if not, or if the export is switched off.
///
/// # Errors
/// Fails if the environment variables of OpenTelemetry are invalid.
pub fn start() -> anyhow::Result<Option<(ListeningLayer, Exporting)>> {
    let value = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let is_off = value("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || value("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    let Some(named) = ENDPOINTS.into_iter().find(|name| value(name).is_some()) else {
        return Ok(None);
    };
    if is_off {
        return Ok(None);
    }
    let address = value(named).unwrap_or_default();
    let is_web = url::Url::parse(&address)
        .is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    if !is_web {
        // The address may contain a secret.
        anyhow::bail!(
            "{named}: expected a URL such as http://localhost:4318, found something else"
        );
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client::new())
        .with_protocol(Protocol::HttpBinary)
        .build()
        .map_err(|error| anyhow::anyhow!("the export of traces cannot begin: {error}"))?;
    let mut resource = Resource::builder();
    let attributes = value("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    if value("OTEL_SERVICE_NAME").is_none() && !attributes.contains("service.name=") {
        resource = resource.with_service_name("rollcall");
    }
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let provider = SdkTracerProvider::builder()
        .with_resource(resource.with_attribute(version).build())
        .with_batch_exporter(exporter)
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("rollcall"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(|metadata| metadata.target() == TARGET));
    ARE_EXPORTED.store(true, Ordering::Relaxed);
    Ok(Some((layer.boxed(), Exporting(provider))))
}

/// The headers that name the span of a caller.
pub(super) struct Caller<'h> {
    pub traceparent: Option<&'h str>,
    pub tracestate: Option<&'h str>,
}

impl Extractor for Caller<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        match name {
            "traceparent" => self.traceparent,
            "tracestate" => self.tracestate,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

/// Makes a span part of the trace of its caller, if there is one.
pub(super) fn adopt(span: &Span, caller: &Caller<'_>) {
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), caller);
    if context.span().span_context().is_valid() {
        // Fails if the span is not exported.
        let _ = span.set_parent(context);
    }
}

/// Renames a span. Recording `otel.name` works only before the span is entered.
pub(super) fn rename(span: &Span, name: String) {
    span.context().span().update_name(name);
}

/// The HTTP client of the exporter. It blocks the thread of the exporter.
#[derive(Debug)]
struct Client {
    agent: ureq::Agent,
    /// When a failure was last logged.
    warned: Mutex<Option<Instant>>,
}

impl Client {
    fn new() -> Client {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(ANSWER_TIMEOUT));
        Client {
            agent: config.build().into(),
            warned: Mutex::default(),
        }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let answer = self.agent.run(request.map(|body| body.to_vec()))?;
        let (parts, mut body) = answer.into_parts();
        let body = body.with_config().limit(LONGEST_ANSWER).read_to_vec()?;
        Ok(Response::from_parts(parts, Bytes::from(body)))
    }

    /// Logs a failure, but at most once in ten minutes.
    fn warn(&self, what: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|warned| warned.elapsed() >= BETWEEN_WARNINGS) {
            *warned = Some(Instant::now());
            tracing::warn!("traces were not exported: {what}; this is logged once in ten minutes");
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(request);
        match &sent {
            Ok(answer) if !answer.status().is_success() => {
                self.warn(&format!("the collector answered {}", answer.status()));
            }
            Ok(_) => {}
            Err(error) => self.warn(&error.to_string()),
        }
        Ok(sent?)
    }
}
