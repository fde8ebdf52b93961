//! Metrics of this process, for Prometheus. Every module may add to them, and `server/metrics.rs` serves them on a
//! separate listener. The values of labels are bounded: no label contains text that a client wrote.

use chrono::{DateTime, Utc};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeMetric, prometheus_text,
};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Upper bounds of the buckets for the durations of requests, in seconds.
const REQUEST_BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// Upper bounds of the buckets for the durations of refreshes, in seconds.
const REFRESH_BUCKETS: [f64; 9] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0];

static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// Returns the metrics of this process.
pub fn metrics() -> &'static Metrics {
    &METRICS
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    r#type: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CodeLabel {
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TransportLabel {
    transport: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StatusLabel {
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefreshLabels {
    trigger: &'static str,
    outcome: &'static str,
}

type Seconds = Gauge<f64, AtomicU64>;

/// The labels of a family with a single metric, which is absent until its value is known.
type NoLabels = [(&'static str, &'static str); 0];

/// The metrics of one process.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Histogram>,
    operations: Family<OperationLabels, Histogram>,
    refused: Family<CodeLabel, Counter>,
    sockets: Family<TransportLabel, Gauge>,
    connections: Family<StateLabel, Gauge>,
    waits: Histogram,
    refreshes: Family<RefreshLabels, Histogram>,
    last_refresh: Family<NoLabels, Seconds>,
    segments: Family<StateLabel, Gauge>,
    subscribers: Family<StatusLabel, Gauge>,
    lag: Family<NoLabels, Seconds>,
    import_rows: Family<OutcomeLabel, Counter>,
    webhook_attempts: Family<OutcomeLabel, Counter>,
    last_backup: Family<NoLabels, Seconds>,
}

fn of_requests() -> Histogram {
    Histogram::new(REQUEST_BUCKETS)
}

fn of_refreshes() -> Histogram {
    Histogram::new(REFRESH_BUCKETS)
}

impl Metrics {
    fn new() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::default(),
            requests: Family::new_with_constructor(of_requests),
            operations: Family::new_with_constructor(of_requests),
            refused: Family::default(),
            sockets: Family::default(),
            connections: Family::default(),
            waits: of_requests(),
            refreshes: Family::new_with_constructor(of_refreshes),
            last_refresh: Family::default(),
            segments: Family::default(),
            subscribers: Family::default(),
            lag: Family::default(),
            import_rows: Family::default(),
            webhook_attempts: Family::default(),
            last_backup: Family::default(),
        };
        metrics.register();
        metrics
    }

    /// Registers every metric with its name and help text. The encoder adds `_total` to the names of counters.
    fn register(&mut self) {
        let registry = &mut self.registry;
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("rollcall_build", "The version of the program", build);
        registry.register(
            "rollcall_http_request_duration_seconds",
            "How long requests took until their answer began",
            self.requests.clone(),
        );
        registry.register(
            "rollcall_graphql_operation_duration_seconds",
            "How long GraphQL operations took",
            self.operations.clone(),
        );
        registry.register(
            "rollcall_graphql_refused",
            "Requests that were not executed",
            self.refused.clone(),
        );
        registry.register(
            "rollcall_sockets",
            "Open connections of subscriptions",
            self.sockets.clone(),
        );
        registry.register(
            "rollcall_db_connections",
            "Connections to the database that requests share",
            self.connections.clone(),
        );
        registry.register(
            "rollcall_db_wait_seconds",
            "How long work waited for a connection to the database",
            self.waits.clone(),
        );
        registry.register(
            "rollcall_refresh_duration_seconds",
            "How long refreshes of this server took",
            self.refreshes.clone(),
        );
        registry.register(
            "rollcall_refresh_last_success_timestamp_seconds",
            "When a refresh of any server last succeeded",
            self.last_refresh.clone(),
        );
        registry.register(
            "rollcall_segments",
            "Segments by state",
            self.segments.clone(),
        );
        registry.register(
            "rollcall_subscribers",
            "Subscribers by status",
            self.subscribers.clone(),
        );
        registry.register(
            "rollcall_follower_lag_seconds",
            "How old the oldest change is that instant segments have not followed",
            self.lag.clone(),
        );
        registry.register(
            "rollcall_import_rows",
            "Rows of files that imports of this server have read",
            self.import_rows.clone(),
        );
        registry.register(
            "rollcall_webhook_attempts",
            "Attempts of this server to deliver a message to a webhook",
            self.webhook_attempts.clone(),
        );
        registry.register(
            "rollcall_backup_last_success_timestamp_seconds",
            "When the newest backup in the directory was made",
            self.last_backup.clone(),
        );
        registry.register_collector(Box::new(ProcessFigures));
    }

    /// Records a request. `route` is the pattern of one of our routes, or one fixed word for all other paths.
    pub fn note_request(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let labels = RequestLabels {
            method,
            route: route.to_owned(),
            status,
        };
        self.requests
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Records an operation that was executed.
    pub fn note_operation(&self, r#type: &'static str, outcome: &'static str, took: Duration) {
        let labels = OperationLabels { r#type, outcome };
        self.operations
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Records a request that was not executed.
    pub fn note_refused(&self, code: &'static str) {
        self.refused.get_or_create(&CodeLabel { code }).inc();
    }

    /// Counts an open socket until the returned value is dropped.
    pub fn open_socket(&self, transport: &'static str) -> OpenSocket {
        let gauge = self
            .sockets
            .get_or_create_owned(&TransportLabel { transport });
        gauge.inc();
        OpenSocket(gauge)
    }

    /// Records how long work waited for a connection.
    pub fn note_wait(&self, waited: Duration) {
        self.waits.observe(waited.as_secs_f64());
    }

    /// Records a refresh.
    pub fn note_refresh(&self, trigger: &'static str, has_succeeded: bool, took: Duration) {
        let outcome = if has_succeeded { "succeeded" } else { "failed" };
        let labels = RefreshLabels { trigger, outcome };
        self.refreshes
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Records rows of a file that an import has committed.
    pub fn note_import_rows(&self, outcome: &'static str, rows: u64) {
        self.import_rows
            .get_or_create(&OutcomeLabel { outcome })
            .inc_by(rows);
    }

    /// Records an attempt to deliver a message.
    pub fn note_webhook_attempt(&self, is_delivered: bool) {
        let outcome = match is_delivered {
            true => "delivered",
            false => "failed",
        };
        self.webhook_attempts
            .get_or_create(&OutcomeLabel { outcome })
            .inc();
    }

    /// Records when the newest backup was made.
    pub fn note_backup(&self, made_at: DateTime<Utc>) {
        self.last_backup.get_or_create(&[]).set(seconds(made_at));
    }

    /// Sets how many connections of the pool are in use and how many are idle.
    pub fn set_connections(&self, used: u32, idle: u32) {
        for (state, number) in [("used", used), ("idle", idle)] {
            let gauge = self.connections.get_or_create(&StateLabel { state });
            gauge.set(number.into());
        }
    }

    /// Sets the figures of the database. `None` removes them: the database does not answer, and old figures must not be
    /// reported.
    pub fn set_figures(&self, figures: Option<&Figures>) {
        self.segments.clear();
        self.subscribers.clear();
        self.lag.clear();
        self.last_refresh.clear();
        let Some(figures) = figures else {
            return;
        };
        for (state, number) in &figures.segments {
            let label = StateLabel { state };
            self.segments.get_or_create(&label).set(*number);
        }
        for (status, number) in &figures.subscribers {
            let label = StatusLabel { status };
            self.subscribers.get_or_create(&label).set(*number);
        }
        self.lag.get_or_create(&[]).set(figures.lag.as_secs_f64());
        if let Some(at) = figures.last_refresh {
            self.last_refresh.get_or_create(&[]).set(seconds(at));
        }
    }

    /// Writes all metrics in the text format of Prometheus.
    pub fn write(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// The figures of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// How many segments are in each state.
    pub segments: Vec<(&'static str, i64)>,
    /// How many subscribers have each status.
    pub subscribers: Vec<(&'static str, i64)>,
    /// When a refresh last succeeded.
    pub last_refresh: Option<DateTime<Utc>>,
    /// How long the oldest waiting change has been waiting for the follower.
    pub lag: Duration,
}

/// Counts one open socket until it is dropped.
pub struct OpenSocket(Gauge);

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn seconds(moment: DateTime<Utc>) -> f64 {
    // An `f64` holds milliseconds exactly for some 285,000 years.
    moment.timestamp_millis() as f64 / 1_000.0
}

/// Metrics of the process from the operating system, under their usual names. Empty on systems without `/proc` (macOS).
#[derive(Debug)]
struct ProcessFigures;

/// One metric of the process.
struct ProcessFigure {
    name: &'static str,
    help: &'static str,
    is_counter: bool,
    value: f64,
}

impl Collector for ProcessFigures {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        for figure in read_process().unwrap_or_default() {
            let ProcessFigure { name, help, .. } = figure;
            if figure.is_counter {
                let counter = ConstCounter::new(figure.value);
                let kind = counter.metric_type();
                counter.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
            } else {
                let gauge = ConstGauge::new(figure.value);
                let kind = gauge.metric_type();
                gauge.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
            }
        }
        Ok(())
    }
}

/// Reads the metrics of the process from `/proc` (proc(5)). Returns `None` if one cannot be read.
fn read_process() -> Option<Vec<ProcessFigure>> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may contain blanks. The field after it is field number 3.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok()??;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    let (ticks, page) = (ticks as f64, page as f64);
    let boot = std::fs::read_to_string("/proc/stat").ok()?;
    let boot = boot.lines().find_map(|line| line.strip_prefix("btime "))?;
    let boot: f64 = boot.trim().parse().ok()?;
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    let (most, _) =
        nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).ok()?;
    let gauge = |name, help, value| ProcessFigure {
        name,
        help,
        is_counter: false,
        value,
    };
    Some(vec![
        ProcessFigure {
            name: "process_cpu_seconds",
            help: "Time of processors that the process has used",
            is_counter: true,
            value: (field(14)? + field(15)?) / ticks,
        },
        gauge(
            "process_resident_memory_bytes",
            "Memory of the process",
            field(24)? * page,
        ),
        gauge(
            "process_virtual_memory_bytes",
            "Address space of the process",
            field(23)?,
        ),
        gauge("process_threads", "Threads of the process", field(20)?),
        gauge("process_open_fds", "Open files", open as f64),
        gauge("process_max_fds", "How many files may be open", most as f64),
        gauge(
            "process_start_time_seconds",
            "When the process began",
            boot + field(22)? / ticks,
        ),
    ])
}
