//! Instant segments under load: edits every second of which each is followed, while a refresh runs beside them.
//!
//! ```text
//! cargo bench --bench instant                          # 1 M subscribers, 100 segments, 20 of them instant
//! cargo bench --bench instant -- --subscribers 50000   # a small run
//! ```
//!
//! First an import of 100,000 subscribers and as many events is timed without the triggers that note changes, with them
//! and nobody who follows, and with an instant segment. Then writers change subscribers, groups and events, each change
//! in a transaction of its own; a prober changes somebody, waits until membership has followed, and notes how long that
//! took. In the end everything is evaluated anew, which must find nothing to change in the instant segments.
//! Figures are of one run on one machine: read the ratios.

#[path = "../refresh/audience.rs"]
#[allow(dead_code)]
mod audience;
#[path = "../refresh/ground.rs"]
mod ground;
mod importing;
mod load;
#[path = "../refresh/segments.rs"]
#[allow(dead_code)]
mod segments;

use chrono::{DateTime, Utc};
use clap::Parser;
use ground::{execute, timed, with_database};
use rollcall::audience::segment::{self, SegmentMode};
use rollcall::clock::Clock;
use rollcall::db::Db;
use rollcall::follow::follow_touches;
use rollcall::past::Trigger;
use rollcall::refresh::{Selection, refresh};
use rollcall::scan::RefreshSettings;
use rollcall::scan::{Meter, RULE_BUDGET};
use serde_json::json;
use std::time::Duration;

#[derive(Debug, Parser)]
struct Arguments {
    /// How many subscribers.
    #[arg(long, default_value_t = 1_000_000)]
    subscribers: i64,
    /// How many segments.
    #[arg(long, default_value_t = 100)]
    segments: usize,
    /// How many of them are instant, beside one that the prober watches.
    #[arg(long, default_value_t = 20)]
    instant: usize,
    /// How many edits a second are tried.
    #[arg(long, default_value_t = 1_000)]
    edits: u32,
    /// How many connections make them; each waits for its own commit.
    #[arg(long, default_value_t = 16)]
    writers: u32,
    /// For how many seconds at least; it is longer if the refresh is.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How many parts of the audience the refresh evaluates at the same time.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// How many rows are imported; 0 leaves that out.
    #[arg(long, default_value_t = 100_000)]
    imported: usize,
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
        run(db, &arguments)
    })
}

fn run(db: &Db, arguments: &Arguments) -> anyhow::Result<()> {
    let now: DateTime<Utc> = audience::NOW.parse()?;
    println!(
        "{} subscribers, {} events, {} segments, {} of them instant, {} workers",
        arguments.subscribers,
        arguments.subscribers * 5,
        arguments.segments,
        arguments.instant,
        arguments.workers
    );
    audience::make(db, arguments.subscribers, now)?;
    segments::make(db, 0..arguments.segments, now)?;
    if arguments.imported > 0 {
        importing::report(db, arguments.imported, now)?;
    }
    execute(
        db,
        &format!(
            "UPDATE segments SET mode = 'instant' WHERE id <= {}",
            arguments.instant
        ),
    )?;
    let watched = db.run_here(|connection| {
        let rule = json!({"text": {"field": "city", "is": {"equals": load::PROBED}}});
        segment::create(
            connection,
            "watched",
            None,
            None,
            &rule,
            SegmentMode::Instant,
            now,
        )
    })?;
    // The clock stands, so that the last evaluation can find only what was not followed.
    let settings = RefreshSettings {
        workers: arguments.workers,
        clock: Clock::standing_at(now),
        meter: Meter::default(),
        cancel: Default::default(),
        rule_budget: RULE_BUDGET,
    };
    report("first fill", timed(|| refresh_all(db, &settings))?);
    follow_touches(db, &settings)?;
    report("refresh alone", timed(|| refresh_all(db, &settings))?);
    load::run(db, arguments, watched.id, &settings)?;
    let drained = timed(|| Ok(follow_touches(db, &settings).map(drop)?))?;
    report("following the rest", drained);
    refresh_all(db, &settings)?;
    let missed = number(
        db,
        "SELECT sum(r.joined + r.left) FROM segment_refreshes r JOIN segments s ON s.id = r.segment_id \
         WHERE s.mode = 'instant' AND r.refresh_id = (SELECT max(id) FROM refreshes)",
    )?;
    anyhow::ensure!(
        missed == 0,
        "a full evaluation changed {missed} memberships of instant segments"
    );
    println!("a full evaluation finds nothing to change in the instant segments");
    Ok(())
}

fn refresh_all(db: &Db, settings: &RefreshSettings) -> anyhow::Result<()> {
    refresh(db, &Selection::All, Trigger::Manual, settings)?;
    Ok(())
}

fn report(what: &str, taken: Duration) {
    println!("{what:<52}{:>9.2} s", taken.as_secs_f64());
}

fn number(db: &Db, sql: &str) -> anyhow::Result<i64> {
    Ok(audience::optional_number(db, sql)?.unwrap_or_default())
}
