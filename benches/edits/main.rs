//! What a mutation costs: edits a second of this program and, side by side, of another one.
//!
//! ```text
//! cargo bench --bench edits                                # this program alone
//! cargo bench --bench edits -- --beside target/before      # and an older program
//! ```
//!
//! Each program serves a database of its own with the same audience, in one Postgres, and both run all the time. They are
//! asked in turns of two seconds, so that what else the machine does meets both alike. A line tells the median of the edits a
//! second over the turns, and as a ratio how many times as long an edit of this program takes. Every edit changes something.
//! Figures are of one run on one machine: read the ratios.

#[path = "../refresh/audience.rs"]
#[allow(dead_code)]
mod audience;
#[path = "../abuse/client.rs"]
#[allow(dead_code)]
mod client;
#[path = "../refresh/ground.rs"]
#[allow(dead_code)]
mod ground;
#[path = "../abuse/server.rs"]
#[allow(dead_code)]
mod server;

use anyhow::Context;
use clap::Parser;
use client::Client;
use ground::{execute, with_database};
use rollcall::db::Db;
use serde_json::{Value, json};
use server::Server;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long one program is asked before the other has its turn.
const TURN: Duration = Duration::from_secs(2);

#[derive(Debug, Parser)]
struct Arguments {
    /// How many people the audience has.
    #[arg(long, default_value_t = 100_000)]
    people: i64,
    /// How many turns each program has for each line.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    turns: u32,
    /// Another program, that of an older release.
    #[arg(long, value_name = "PROGRAM")]
    beside: Option<PathBuf>,
    /// Given by `cargo bench`; means nothing here.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A kind of edit: its name, its document, and the variables of each edit.
type Kind = (&'static str, &'static str, fn(u64, i64) -> Value);

const KINDS: [Kind; 3] = [
    (
        "name",
        "mutation ($email: String!, $text: String!) { upsertSubscriber(input: {email: $email, values: {firstName: $text}}) \
         { subscriber { id } userErrors { message } } }",
        |number, people| json!({ "email": address(number, people), "text": format!("Edited {number}") }),
    ),
    (
        "custom field",
        "mutation ($email: String!, $fields: JSON!) { upsertSubscriber(input: {email: $email, values: {customFields: $fields}}) \
         { subscriber { id } userErrors { message } } }",
        |number, people| json!({ "email": address(number, people), "fields": { "visits": 1_000 + number } }),
    ),
    (
        "new subscriber",
        "mutation ($email: String!) { upsertSubscriber(input: {email: $email, values: {}}) \
         { subscriber { id } userErrors { message } } }",
        |number, _| json!({ "email": format!("new{number}@example.com") }),
    ),
];

/// Returns the address of a person, another one for each edit.
fn address(number: u64, people: i64) -> String {
    let id = 1 + number.wrapping_mul(7_919) % people.unsigned_abs();
    // As the audience of the benchmarks has them.
    let h = id * 2_654_435_761 % 4_294_967_296 / 7;
    let domains = ["example.com", "example.org", "mail.example", "work.example"];
    format!("person{id}@{}", domains[(h % 4) as usize])
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    with_database(None, |db, url| run(db, url, &arguments))
}

fn run(db: &Db, url: &str, arguments: &Arguments) -> anyhow::Result<()> {
    let own = Path::new(env!("CARGO_BIN_EXE_rollcall"));
    let mut servers = vec![serve(db, url, own, "this_one", arguments.people)?];
    if let Some(other) = &arguments.beside {
        servers.push(serve(db, url, other, "beside", arguments.people)?);
    }
    println!(
        "{} people; edits a second, the median of {} turns",
        arguments.people, arguments.turns
    );
    println!(
        "{:<20}{:>8}{:>10}{:>10}{:>10}",
        "edit", "clients", "this one", "beside", "as long"
    );
    let number = AtomicU64::new(1);
    for (name, document, variables) in KINDS {
        for clients in [1, 8] {
            let mut rates = vec![Vec::new(); servers.len()];
            for turn in 0..arguments.turns as usize {
                for place in 0..servers.len() {
                    // In turns, since the first one meets what Postgres still writes to disk of the turn before.
                    let place = (place + turn) % servers.len();
                    let edit = |number| variables(number, arguments.people);
                    let rate = ask(&servers[place], clients, document, &number, &edit)?;
                    rates[place].push(rate);
                }
            }
            let medians: Vec<f64> = rates.into_iter().map(median).collect();
            print!("{name:<20}{clients:>8}{:>10.0}", medians[0]);
            match medians.get(1) {
                Some(beside) => println!("{beside:>10.0}{:>10.2}", beside / medians[0]),
                None => println!(),
            }
        }
    }
    Ok(())
}

/// Starts a program over a new database with an audience.
fn serve(db: &Db, url: &str, program: &Path, name: &str, people: i64) -> anyhow::Result<Server> {
    execute(db, &format!("CREATE DATABASE {name}"))?;
    let url = beside(url, name)?;
    // The program makes the tables, as its release has them.
    let server = Server::start_program(program, &url)?;
    let filled = Db::open(&url, 1)?;
    audience::make(&filled, people, audience::NOW.parse()?)?;
    execute(&filled, "CHECKPOINT")?;
    Ok(server)
}

/// Returns the address of another database of the same Postgres.
fn beside(url: &str, name: &str) -> anyhow::Result<String> {
    let (before, options) = url.split_once('?').unwrap_or((url, ""));
    let (server, _) = before
        .rsplit_once('/')
        .context("an address of a database")?;
    Ok(format!("{server}/{name}?{options}"))
}

/// Edits for a turn with that many clients. Returns the edits a second.
fn ask(
    server: &Server,
    clients: usize,
    document: &str,
    number: &AtomicU64,
    variables: &(impl Fn(u64) -> Value + Sync),
) -> anyhow::Result<f64> {
    let start = Instant::now();
    let edit = || -> anyhow::Result<u64> {
        let client = Client::new(&server.address);
        let mut done = 0;
        while start.elapsed() < TURN {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let answer = client.ask(document, variables(number))?;
            let payload = &answer["data"]["upsertSubscriber"];
            anyhow::ensure!(payload["subscriber"]["id"].is_string(), "{answer}");
            done += 1;
        }
        Ok(done)
    };
    let done = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(edit)).collect();
        let counts = threads.into_iter().map(|thread| match thread.join() {
            Ok(count) => count,
            Err(_) => Err(anyhow::anyhow!("a client has panicked")),
        });
        counts.sum::<anyhow::Result<u64>>()
    })?;
    Ok(done as f64 / start.elapsed().as_secs_f64())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
