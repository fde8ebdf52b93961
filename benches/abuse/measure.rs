//! A case beside the probe: processor time, memory, and how long the probe takes.

use super::client::Client;
use super::server::Server;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The query that must always be answered.
pub const PROBE: &str = "{ groups(first: 1) { totalCount } }";
/// How often it is sent.
const PAUSE: Duration = Duration::from_millis(20);

/// What a case came to.
pub struct Figures {
    processor: Duration,
    peak: u64,
    rested: u64,
    median: Duration,
    longest: Duration,
    failed: usize,
    remark: String,
}

/// Runs a case beside the probe, waits, and returns the figures.
pub fn measure(
    server: &Server,
    rest: Duration,
    case: impl FnOnce(&Server) -> anyhow::Result<String>,
) -> anyhow::Result<Figures> {
    server.forget_peak()?;
    let before = server.processor_time();
    let is_over = AtomicBool::new(false);
    let (remark, (mut times, failed)) = std::thread::scope(|scope| {
        let probing = scope.spawn(|| probe(&server.address, &is_over));
        let remark = case(server);
        is_over.store(true, Ordering::Relaxed);
        let probed = probing
            .join()
            .map_err(|_| anyhow::anyhow!("the probe panicked"));
        // A case that the server stopped is a result too.
        let remark = remark.unwrap_or_else(|error| format!("broke off: {error}"));
        Ok::<_, anyhow::Error>((remark, probed?))
    })?;
    let (processor, peak) = (server.processor_time() - before, server.peak_memory());
    std::thread::sleep(rest);
    times.sort_unstable();
    Ok(Figures {
        processor,
        peak,
        rested: server.memory(),
        median: times.get(times.len() / 2).copied().unwrap_or_default(),
        longest: times.last().copied().unwrap_or_default(),
        failed,
        remark,
    })
}

/// Sends the probe again and again. Returns how long each took, and how many had no answer or an error.
fn probe(address: &str, is_over: &AtomicBool) -> (Vec<Duration>, usize) {
    let client = Client::new(address);
    let (mut times, mut failed) = (Vec::new(), 0);
    while !is_over.load(Ordering::Relaxed) {
        let start = Instant::now();
        let answer = client.ask(PROBE, Value::Null);
        times.push(start.elapsed());
        if !answer.is_ok_and(|answer| answer["errors"].is_null()) {
            failed += 1;
        }
        std::thread::sleep(PAUSE.saturating_sub(start.elapsed()));
    }
    (times, failed)
}

impl Figures {
    /// Prints the names of the columns.
    pub fn print_head() {
        println!(
            "{:<16}{:>8}{:>9}{:>9}{:>11}{:>11}{:>9}{:>9}{:>8}  outcome",
            "", "CPU s", "peak MB", "rest MB", "median ms", "worst ms", "median", "worst", "failed"
        );
    }

    /// Prints a line, with the probe as multiples of the quiet machine.
    pub fn print(&self, name: &str, quiet: &Figures) {
        let ratio = |of: Duration, to: Duration| of.as_secs_f64() / to.as_secs_f64().max(1e-9);
        println!(
            "{name:<16}{:>8.2}{:>9.0}{:>9.0}{:>11.2}{:>11.1}{:>8.1}×{:>8.1}×{:>8}  {}",
            self.processor.as_secs_f64(),
            self.peak as f64 / 1e6,
            self.rested as f64 / 1e6,
            self.median.as_secs_f64() * 1e3,
            self.longest.as_secs_f64() * 1e3,
            ratio(self.median, quiet.median),
            ratio(self.longest, quiet.longest),
            self.failed,
            self.remark
        );
    }
}
