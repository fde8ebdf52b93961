//! Our refresh against the best hand-written SQL, side by side in one run.
//!
//! ```text
//! cargo bench --bench refresh                          # all of it: about an hour, and 30 GB of disk
//! cargo bench --bench refresh -- --subscribers 50000 --scale 2 --times 2      # a small run
//! cargo bench --bench refresh -- --only-ours --scale 1 --times 1              # for profiling
//! ```
//!
//! The SQL way keeps one row per membership and runs one set-based difference per segment, over the same tables, with
//! fresh statistics and the indexes it profits from. Both ways do a first fill, then about 1 % of the audience
//! changes and three days pass, then both do a daily refresh. In the end both must have found the same members.
//! Then rules are previewed; further days tell what history costs; ten times the segments are refreshed both ways; and
//! ten times the subscribers our way. Figures are of one run on one machine: read the ratios.

mod audience;
mod ground;
mod previews;
mod segments;
mod sql_way;

use chrono::{DateTime, Utc};
use clap::Parser;
use ground::{execute, timed, with_database};
use rollcall::clock::Clock;
use rollcall::db::Db;
use rollcall::past::Trigger;
use rollcall::refresh::{Selection, refresh};
use rollcall::scan::RefreshSettings;
use rollcall::scan::{Figure, Meter, Phase, RULE_BUDGET};
use segments::Definition;
use std::time::Duration;

#[derive(Debug, Parser)]
struct Arguments {
    /// How many subscribers; events are five times as many.
    #[arg(long, default_value_t = 1_000_000)]
    subscribers: i64,
    /// How many segments.
    #[arg(long, default_value_t = 100)]
    segments: usize,
    /// How many parts of the audience are evaluated at the same time.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// How many further days of changes tell what history costs.
    #[arg(long, default_value_t = 5)]
    days: usize,
    /// How many times the segments are refreshed after that.
    #[arg(long, default_value_t = 10)]
    times: usize,
    /// How many times the subscribers are refreshed in the end.
    #[arg(long, default_value_t = 10)]
    scale: i64,
    /// Only our way.
    #[arg(long)]
    only_ours: bool,
    /// A Postgres to use instead of one of the benchmark's own; its database must be empty.
    #[arg(long)]
    database_url: Option<String>,
    /// Given by `cargo bench`; means nothing here.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    with_database(arguments.database_url.as_deref(), |db, _| {
        Run::new(db, &arguments)?.run()
    })
}

/// What the parts of a run share.
struct Run<'a> {
    db: &'a Db,
    arguments: &'a Arguments,
    now: DateTime<Utc>,
    definitions: Vec<Definition>,
    /// The largest memory of our process during any refresh so far.
    peak: u64,
}

impl<'a> Run<'a> {
    fn new(db: &'a Db, arguments: &'a Arguments) -> anyhow::Result<Run<'a>> {
        Ok(Run {
            db,
            arguments,
            now: audience::NOW.parse()?,
            definitions: Vec::new(),
            peak: 0,
        })
    }

    fn run(&mut self) -> anyhow::Result<()> {
        let Arguments {
            subscribers,
            segments,
            workers,
            ..
        } = self.arguments;
        let events = subscribers * 5;
        println!(
            "{subscribers} subscribers, {events} events, {segments} segments, {workers} workers"
        );
        let made = timed(|| audience::make(self.db, *subscribers, self.now))?;
        line("making the audience", made);
        self.definitions = segments::make(self.db, 0..*segments, self.now)?;

        self.compare("first fill")?;
        self.pass(3, 0)?;
        let few = self.compare("daily refresh")?;
        println!(
            "{:<44}{:>9.0} MB",
            "peak memory of our process",
            megabytes(self.peak)
        );
        report_storage(self.db)?;
        self.check_same_members()?;
        previews::report(self.db, *workers, self.now)?;
        self.remember_days()?;
        self.refresh_more_segments(few)?;
        self.refresh_more_subscribers(few)
    }

    /// Lets days pass on which about 1 % changes.
    fn pass(&mut self, days: i64, seed: usize) -> anyhow::Result<()> {
        self.now += chrono::Duration::days(days);
        audience::change(self.db, self.now, seed)
    }

    /// Refreshes both ways, and returns how long ours took.
    fn compare(&mut self, name: &str) -> anyhow::Result<Duration> {
        let ours = self.refresh_ours(name)?;
        if !self.arguments.only_ours {
            let sql = timed(|| sql_way::refresh(self.db, &self.definitions, self.now))?;
            line(&format!("{name}, SQL"), sql);
            let ratio = sql.as_secs_f64() / ours.as_secs_f64();
            println!("{:<44}   1 / {ratio:.1}", format!("{name}, ours to SQL"));
        }
        Ok(ours)
    }

    fn refresh_ours(&mut self, name: &str) -> anyhow::Result<Duration> {
        let settings = settings(self.arguments.workers, self.now);
        reset_peak_memory();
        let taken = timed(|| {
            refresh(self.db, &Selection::All, Trigger::Manual, &settings)?;
            Ok(())
        })?;
        self.peak = self.peak.max(peak_memory());
        line(&format!("{name}, ours"), taken);
        report_phases(&settings.meter);
        Ok(taken)
    }

    fn check_same_members(&self) -> anyhow::Result<()> {
        if !self.arguments.only_ours {
            let memberships = sql_way::check_same_members(self.db, &self.definitions)?;
            println!("both ways found the same {memberships} memberships");
        }
        Ok(())
    }

    /// Refreshes after each of some days, and tells what a year of them would take to remember.
    fn remember_days(&mut self) -> anyhow::Result<()> {
        let days = self.arguments.days;
        if days == 0 {
            return Ok(());
        }
        let size = "SELECT sum(pg_column_size(c.*) + 24 + 30) FROM segment_changes c";
        let before = audience::optional_number(self.db, size)?.unwrap_or_default();
        let mut taken = Duration::ZERO;
        for day in 1..=days {
            self.pass(1, day)?;
            let settings = settings(self.arguments.workers, self.now);
            taken += timed(|| {
                refresh(self.db, &Selection::All, Trigger::Daily, &settings)?;
                Ok(())
            })?;
        }
        let after = audience::optional_number(self.db, size)?.unwrap_or_default();
        let per_day = (after - before) as f64 / days as f64;
        line(
            &format!("{days} daily refreshes, each"),
            taken / days as u32,
        );
        println!(
            "{:<44}{:>9.0} MB, {:.3} MB a day with rows and index",
            "history of a year of such days",
            per_day * 365.0 / 1e6,
            per_day / 1e6
        );
        Ok(())
    }

    fn refresh_more_segments(&mut self, few: Duration) -> anyhow::Result<()> {
        let (segments, times) = (self.arguments.segments, self.arguments.times);
        if times < 2 {
            return Ok(());
        }
        let count = segments * times;
        let more = segments::make(self.db, segments..count, self.now)?;
        self.definitions.extend(more);
        self.peak = 0;
        self.compare(&format!(
            "{count} segments, of which {} are new",
            count - segments
        ))?;
        report_storage(self.db)?;
        self.pass(1, 50)?;
        let many = self.refresh_ours(&format!("daily refresh of {count} segments"))?;
        println!(
            "{:<44}{:>9.2} times that of {segments}, peak {:.0} MB",
            "",
            many.as_secs_f64() / few.as_secs_f64(),
            megabytes(self.peak)
        );
        // Back to the segments of the beginning, and without the rows of the SQL way.
        execute(
            self.db,
            &format!(
                "DROP TABLE IF EXISTS sql_memberships; DELETE FROM segments WHERE key >= 'segment-{segments:04}'"
            ),
        )?;
        execute(self.db, "VACUUM ANALYZE")
    }

    fn refresh_more_subscribers(&mut self, few: Duration) -> anyhow::Result<()> {
        let (subscribers, scale) = (self.arguments.subscribers, self.arguments.scale);
        if scale < 2 {
            return Ok(());
        }
        let ids = subscribers + 1..=subscribers * scale;
        let made = timed(|| audience::add(self.db, ids, self.now))?;
        line(&format!("making {} subscribers", subscribers * scale), made);
        self.peak = 0;
        self.refresh_ours("fill of the new subscribers")?;
        self.pass(1, 60)?;
        self.peak = 0;
        let name = format!("daily refresh of {} subscribers", subscribers * scale);
        let many = self.refresh_ours(&name)?;
        println!(
            "{:<44}{:>9.2} times that of {subscribers}, peak {:.0} MB",
            "",
            many.as_secs_f64() / few.as_secs_f64(),
            megabytes(self.peak)
        );
        report_storage(self.db)
    }
}

fn settings(workers: usize, now: DateTime<Utc>) -> RefreshSettings {
    RefreshSettings {
        workers,
        clock: Clock::standing_at(now),
        meter: Meter::default(),
        cancel: Default::default(),
        rule_budget: RULE_BUDGET,
    }
}

fn line(name: &str, taken: Duration) {
    println!("{name:<44}{:>9.2} s", taken.as_secs_f64());
}

fn report_phases(meter: &Meter) {
    for phase in Phase::ALL {
        let taken = meter.taken(phase).as_secs_f64();
        println!("    {:<40}{taken:>9.2} s", phase.as_str());
    }
    println!(
        "    {} conditions, of which {} distinct leaves, {} of them about events, in {} scans of events or totals",
        meter.figure(Figure::Conditions),
        meter.figure(Figure::Leaves),
        meter.figure(Figure::EventLeaves),
        meter.figure(Figure::EventScans),
    );
}

fn report_storage(db: &Db) -> anyhow::Result<()> {
    for (name, table) in [
        (
            "storage of our members, dead rows included",
            "segment_blocks",
        ),
        ("storage of our changes", "segment_changes"),
        ("storage of SQL memberships", "sql_memberships"),
    ] {
        let sql = format!("SELECT pg_total_relation_size(to_regclass('{table}'))");
        if let Some(size) = audience::optional_number(db, &sql)? {
            println!("{name:<44}{:>9.1} MB", size as f64 / 1e6);
        }
    }
    let rows = "SELECT count(*) * (1024 + 4 + 28 + 12 + 2 * 28) FROM segment_blocks";
    let living = audience::optional_number(db, rows)?.unwrap_or_default();
    println!(
        "{:<44}{:>9.1} MB",
        "    of which living blocks with their indexes",
        living as f64 / 1e6
    );
    Ok(())
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Starts measuring the peak anew, where the system can (Linux).
fn reset_peak_memory() {
    // Where this is not possible, the peak since the start of the process is reported instead.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Returns the peak resident memory in bytes; 0 where the system does not tell.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
