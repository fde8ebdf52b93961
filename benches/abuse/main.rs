//! A server under attack: hostile cases beside a probe that must always be answered, and a soak.
//!
//! ```text
//! cargo bench --bench abuse                              # 300,000 people, every case
//! cargo bench --bench abuse -- --people 20000            # a small run
//! cargo bench --bench abuse -- --only answer             # the cases whose names contain that
//! cargo bench --bench abuse -- --rest 60                 # memory a minute after each case
//! cargo bench --bench abuse -- --soak 30                 # mixed load for 30 minutes instead of the cases
//! cargo bench --profile dev --bench abuse                # without building for release
//! ```
//!
//! The audience lies in a Postgres of the benchmark's own, and the server is the program as it is shipped, with its usual
//! limits, on a port of the loopback interface. Each case lasts for about ten seconds at the most. Beside it, a client sends
//! `{ groups(first: 1) { totalCount } }` every 20 ms. A line tells the processor seconds of the server (without those of
//! Postgres), its peak of memory, its memory after a rest, and the median and the longest time of the probe, also as
//! multiples of those on the quiet machine. `failed` counts probes that had no answer or an error: it must be 0.
//!
//! The soak prints memory every minute, and in the end every error code with how often it came. Memory should be flat after
//! the first minutes. It fails if there was a code that the load does not provoke on purpose, or a request without an
//! answer. Figures are of one run on one machine: read the ratios.

#[path = "../refresh/audience.rs"]
#[allow(dead_code)]
mod audience;
mod cases;
mod client;
#[path = "../refresh/ground.rs"]
#[allow(dead_code)]
mod ground;
mod measure;
#[path = "../refresh/segments.rs"]
#[allow(dead_code)]
mod segments;
mod server;
mod soak;

use chrono::{DateTime, Utc};
use clap::Parser;
use client::Client;
use ground::{execute, with_database};
use measure::{Figures, measure};
use rollcall::db::Db;
use server::Server;
use std::time::Duration;

/// How many segments there are.
const SEGMENTS: usize = 20;
/// How long the quiet machine is measured.
const QUIET: Duration = Duration::from_secs(5);

#[derive(Debug, Parser)]
struct Arguments {
    /// How many people the audience has.
    #[arg(long, default_value_t = 300_000)]
    people: i64,
    /// Runs only the cases whose names contain this.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// How many seconds after each case memory is looked at.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    rest: u64,
    /// Runs mixed load for so many minutes instead of the cases.
    #[arg(long, value_name = "MINUTES", num_args = 0..=1, default_missing_value = "30")]
    soak: Option<u64>,
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
    println!("{} people, {SEGMENTS} segments", arguments.people);
    make_audience(db, arguments.people)?;
    let server = Server::start(url)?;
    let client = Client::new(&server.address);
    client.data("mutation { refreshSegments(input: {}) { userErrors { message } } }")?;
    wait_for_refresh(&client)?;
    match arguments.soak {
        Some(minutes) => soak::run(&server, Duration::from_secs(60 * minutes)),
        None => run_cases(&server, arguments),
    }
}

fn run_cases(server: &Server, arguments: &Arguments) -> anyhow::Result<()> {
    let rest = Duration::from_secs(arguments.rest);
    Figures::print_head();
    let quiet = measure(server, Duration::ZERO, |_| {
        std::thread::sleep(QUIET);
        Ok(String::new())
    })?;
    quiet.print("quiet machine", &quiet);
    let only = arguments.only.as_deref().unwrap_or_default();
    let chosen = cases::ALL.iter().filter(|(name, _)| name.contains(only));
    let mut count = 0;
    for (name, case) in chosen {
        measure(server, rest, case)?.print(name, &quiet);
        count += 1;
    }
    anyhow::ensure!(count > 0, "no case has a name that contains {only:?}");
    Ok(())
}

/// Makes the audience of the other benchmarks, with long names for regular expressions and large values for answers.
fn make_audience(db: &Db, people: i64) -> anyhow::Result<()> {
    let now: DateTime<Utc> = audience::NOW.parse()?;
    audience::make(db, people, now)?;
    segments::make(db, 0..SEGMENTS, now)?;
    execute(
        db,
        "UPDATE subscribers SET last_name = repeat(md5(id::text), 10); \
         INSERT INTO custom_fields (key, label, type, created_at, updated_at) VALUES ('bulk', 'Bulk', 'text', now(), now()); \
         UPDATE subscribers SET custom = custom || jsonb_build_object('bulk', repeat('x', 10000)) \
         WHERE id IN (SELECT subscriber_id FROM group_memberships m JOIN groups g ON g.id = m.group_id WHERE g.key = 'staff')",
    )?;
    execute(db, "VACUUM ANALYZE")
}

fn wait_for_refresh(client: &Client) -> anyhow::Result<()> {
    loop {
        let data = client.data("{ refreshes(first: 1) { nodes { state } } }")?;
        if data["refreshes"]["nodes"][0]["state"] != "RUNNING" {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
