//! Our refresh against the best hand-written SQL, side by side in one run.
//!
//! ```text
//! cargo bench --bench refresh                          # 1 M subscribers, 5 M events, 100 segments
//! cargo bench --bench refresh -- --subscribers 50000   # a small run; events follow, five each
//! ```
//!
//! The SQL way keeps one row per membership and runs one set-based difference per segment, over the same tables, with
//! fresh statistics and the indexes it profits from. Both ways do a first fill, then about 1 % of the audience
//! changes and three days pass, then both do a daily refresh. In the end both must have found the same members.
//! Then rules are previewed, and ten times the segments are refreshed our way.
//! Figures are of one run on one machine: read the ratios.

mod audience;
mod previews;
mod segments;
mod sql_way;

use chrono::{DateTime, Utc};
use clap::Parser;
use diesel::connection::SimpleConnection;
use rollcall::clock::Clock;
use rollcall::db::embedded::{EmbeddedOptions, EmbeddedPostgres};
use rollcall::db::{Db, migrate};
use rollcall::refresh::{Figure, Meter, Phase, RefreshSettings, Selection, Trigger, refresh};
use std::time::{Duration, Instant};

#[derive(Debug, Parser)]
struct Arguments {
    /// How many subscribers.
    #[arg(long, default_value_t = 1_000_000)]
    subscribers: i64,
    /// How many segments.
    #[arg(long, default_value_t = 100)]
    segments: usize,
    /// How many parts of the audience are evaluated at the same time.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Only our way: for profiling and for sizes at which the SQL way takes too long.
    #[arg(long)]
    only_ours: bool,
    /// How many times the segments are refreshed in the end.
    #[arg(long, default_value_t = 10)]
    times: usize,
    /// A Postgres to use instead of one of the benchmark's own; its database must be empty.
    #[arg(long)]
    database_url: Option<String>,
    /// Given by `cargo bench`; means nothing here.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let scratch = tempfile::Builder::new()
        .prefix("rollcall-bench-")
        .tempdir_in("/tmp")?;
    // As root, Postgres runs as another user, who must be able to come here.
    #[cfg(unix)]
    std::fs::set_permissions(
        scratch.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )?;
    let (url, postgres) = match &arguments.database_url {
        Some(url) => (url.clone(), None),
        None => {
            let options = EmbeddedOptions::lasting(scratch.path().join("data"));
            let postgres = EmbeddedPostgres::start(&options)?;
            (postgres.url().to_owned(), Some(postgres))
        }
    };
    let db = Db::open(&url, 4)?;
    db.run_here(|connection| migrate(connection).map(drop))?;
    let result = run(&db, &arguments);
    drop(db);
    if let Some(postgres) = postgres {
        postgres.stop()?;
    }
    result
}

fn run(db: &Db, arguments: &Arguments) -> anyhow::Result<()> {
    let now: DateTime<Utc> = audience::NOW.parse()?;
    let later = now + chrono::Duration::days(3);
    println!(
        "{} subscribers, {} events, {} segments, {} workers",
        arguments.subscribers,
        arguments.subscribers * 5,
        arguments.segments,
        arguments.workers
    );
    let made = timed(|| audience::make(db, arguments.subscribers, now))?;
    println!("{:<44}{:>9.1} s", "making the audience", made.as_secs_f64());
    let definitions = segments::make(db, 0..arguments.segments, now)?;

    let mut ours = [Duration::ZERO; 2];
    let mut sql = [Duration::ZERO; 2];
    let mut peak = 0;
    for (round, moment) in [now, later].into_iter().enumerate() {
        let name = ["first fill", "daily refresh"][round];
        if round == 1 {
            audience::change(db, later)?;
        }
        reset_peak_memory();
        let settings = settings(arguments.workers, moment);
        ours[round] = timed(|| refresh_ours(db, &settings))?;
        peak = peak_memory().max(peak);
        println!(
            "{:<44}{:>9.2} s",
            format!("{name}, ours"),
            ours[round].as_secs_f64()
        );
        report_phases(&settings.meter);
        if !arguments.only_ours {
            sql[round] = timed(|| sql_way::refresh(db, &definitions, moment))?;
            println!(
                "{:<44}{:>9.2} s",
                format!("{name}, SQL"),
                sql[round].as_secs_f64()
            );
            let ratio = ours[round].as_secs_f64() / sql[round].as_secs_f64();
            println!(
                "{:<44}{:>9.4} = 1/{:.1}",
                format!("{name}, ours to SQL"),
                ratio,
                1.0 / ratio
            );
        }
    }
    println!(
        "{:<44}{:>9.0} MB",
        "peak resident memory of our process",
        peak as f64 / 1e6
    );
    report_storage(db)?;
    if !arguments.only_ours {
        let memberships = sql_way::check_same_members(db, &definitions)?;
        println!("both ways found the same {memberships} memberships");
    }
    previews::report(db, arguments.workers, later)?;
    run_many(db, arguments, ours[1])
}

/// Refreshes ten times the segments, and compares with the time that the first took.
fn run_many(db: &Db, arguments: &Arguments, few: Duration) -> anyhow::Result<()> {
    let now: DateTime<Utc> = audience::NOW.parse()?;
    let count = arguments.segments * arguments.times;
    segments::make(db, arguments.segments..count, now)?;
    for (days, name) in [(3, "fill"), (6, "daily refresh")] {
        let moment = now + chrono::Duration::days(days);
        let settings = settings(arguments.workers, moment);
        reset_peak_memory();
        let many = timed(|| refresh_ours(db, &settings))?;
        println!(
            "{:<44}{:>9.2} s = {:.2} times that of {}, peak {:.0} MB",
            format!("{name} of {count} segments"),
            many.as_secs_f64(),
            many.as_secs_f64() / few.as_secs_f64(),
            arguments.segments,
            peak_memory() as f64 / 1e6,
        );
        report_phases(&settings.meter);
    }
    report_storage(db)
}

fn settings(workers: usize, now: DateTime<Utc>) -> RefreshSettings {
    RefreshSettings {
        zone: chrono_tz::UTC,
        workers,
        clock: Clock::standing_at(now),
        meter: Meter::default(),
    }
}

fn refresh_ours(db: &Db, settings: &RefreshSettings) -> anyhow::Result<()> {
    refresh(db, &Selection::All, Trigger::Manual, settings)?;
    Ok(())
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

fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

fn report_storage(db: &Db) -> anyhow::Result<()> {
    for (name, tables) in [
        ("storage of our members", "'segment_blocks'"),
        ("storage of our changes", "'segment_block_changes'"),
        ("storage of SQL memberships", "'sql_memberships'"),
    ] {
        let sql = format!("SELECT pg_total_relation_size(to_regclass({tables}))");
        if let Some(size) = audience::optional_number(db, &sql)? {
            println!("{name:<44}{:>9.1} MB", size as f64 / 1e6);
        }
    }
    Ok(())
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

/// Runs statements.
fn execute(db: &Db, sql: &str) -> anyhow::Result<()> {
    Ok(db.run_here(|connection| Ok(connection.batch_execute(sql)?))?)
}
