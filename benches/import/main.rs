//! Our import against a bare `COPY`, side by side in one run.
//!
//! ```text
//! cargo bench --bench import                     # 1 M subscribers into a group, three turns: some minutes
//! cargo bench --bench import -- --rows 100000    # a small run
//! ```
//!
//! The bare way is one `COPY` of the finished rows into `subscribers` with its indexes, checks and triggers: no parsing, no
//! cleaning, no look-up of who is known, no group. Ours reads a CSV file of the same people, and does all of that. Beside
//! it stands the `COPY` of the memberships too, which an import into a group cannot do without. Then the same file is
//! imported again, which changes nothing, and once more with another city for everybody. An event of everybody is imported beside
//! a bare `COPY` of the events and of their totals; and everybody is exported beside a
//! bare `COPY` of the table. Turns alternate, and the shortest time of each counts. Figures are of one run on one machine: read the ratios.

#[path = "../refresh/ground.rs"]
mod ground;

mod bare;

use bare::{copy_events, copy_memberships, copy_out, copy_subscribers, copy_totals};
use chrono::{DateTime, Utc};
use clap::Parser;
use ground::{execute, timed, with_database};
use rollcall::audience::audit::Entry;
use rollcall::clock::Clock;
use rollcall::db::Db;
use rollcall::export::{Content, ExportRequest, Format, prepare};
use rollcall::import::{
    BATCH_ROWS, EventImport, ImportOptions, ImportReport, ImportSettings, Spool, SubscriberImport,
    create, create_to, in_place, try_run,
};
use rollcall::rule::CustomType;
use rollcall::scan::RefreshSettings;
use rollcall::scan::{Meter, RULE_BUDGET};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The moment of all imports.
const NOW: &str = "2026-11-25T00:00:00Z";

#[derive(Debug, Parser)]
struct Arguments {
    /// How many subscribers.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// How often each way is timed.
    #[arg(long, default_value_t = 3)]
    turns: usize,
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

/// The files of a run.
struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// The addresses come in an order without a pattern, as they do in lists.
fn email(row: u64) -> String {
    format!("person{}@example{}.com", row * 7_919 % 1_000_003, row % 50)
}

fn write_files(rows: u64) -> anyhow::Result<Files> {
    let files = Files {
        dir: tempfile::tempdir()?,
    };
    let open = |name: &str| -> anyhow::Result<BufWriter<std::fs::File>> {
        Ok(BufWriter::new(std::fs::File::create(files.path(name))?))
    };
    let [mut people, mut moved] = [open("people.csv")?, open("moved.csv")?];
    let [mut copied, mut members] = [open("subscribers.copy")?, open("memberships.copy")?];
    let mut events = open("events.csv")?;
    let [mut copied_events, mut totals] = [open("events.copy")?, open("totals.copy")?];
    let header = "email,first_name,last_name,phone,country,city,plan,visits";
    writeln!(people, "{header}")?;
    writeln!(moved, "{header}")?;
    writeln!(events, "email,event,occurred_at,value,dedupe_key")?;
    for row in 1..=rows {
        let email = email(row);
        let (phone, visits, last) = (format!("+3706{row:07}"), row % 100, row % 5_000);
        let line =
            |city: &str| format!("{email},Name{row},Surname{last},{phone},LT,{city},pro,{visits}");
        writeln!(people, "{}", line("Vilnius"))?;
        writeln!(moved, "{}", line("Kaunas"))?;
        writeln!(
            copied,
            "{row}\t{email}\tsubscribed\tName{row}\tSurname{last}\t{phone}\tLT\tVilnius\t{{\"plan\": \"pro\", \"visits\": {visits}}}\t{NOW}\t{NOW}\t{NOW}"
        )?;
        writeln!(members, "1\t{row}\t{NOW}\timport")?;
        writeln!(
            events,
            "{email},purchase,2026-06-01T10:00:00Z,{visits}.5,k{row}"
        )?;
        let at = "2026-06-01T10:00:00Z";
        writeln!(
            copied_events,
            "{row}\t{row}\tpurchase\t{at}\t{visits}.5\t{{}}\tk{row}"
        )?;
        writeln!(totals, "{row}\tpurchase\t1\t{visits}.5\t{at}\t{at}")?;
    }
    for mut file in [
        people,
        moved,
        copied,
        members,
        events,
        copied_events,
        totals,
    ] {
        file.flush()?;
    }
    Ok(files)
}

fn run(db: &Db, arguments: &Arguments) -> anyhow::Result<()> {
    let rows = arguments.rows;
    println!(
        "{rows} subscribers into a group, the shortest of {} turns",
        arguments.turns
    );
    let files = write_files(rows)?;
    // Names, what is timed, and the shortest time of it.
    let mut shortest = [Duration::MAX; 10];
    let mut peak = 0;
    for _ in 0..arguments.turns {
        empty(db)?;
        execute(
            db,
            "INSERT INTO groups (id, key, name, created_at, updated_at) VALUES (1, 'bench', 'bench', now(), now())",
        )?;
        let bare = timed(|| copy_subscribers(db, &files.path("subscribers.copy")))?;
        let members = timed(|| copy_memberships(db, &files.path("memberships.copy")))?;
        empty(db)?;
        reset_peak_memory();
        let looked = timed(|| look(db, &files.path("people.csv"), &people()))?;
        let (ours, report) = import(db, &files.path("people.csv"), &people())?;
        anyhow::ensure!(
            (report.created, report.added_to_group) == (rows, rows),
            "{report:?}"
        );
        let (again, report) = import(db, &files.path("people.csv"), &people())?;
        anyhow::ensure!(report.unchanged == rows, "{report:?}");
        let (moved, report) = import(db, &files.path("moved.csv"), &people())?;
        anyhow::ensure!(report.updated == rows, "{report:?}");
        let bare_events = timed(|| {
            copy_events(db, &files.path("events.copy"))?;
            copy_totals(db, &files.path("totals.copy"))
        })?;
        execute(db, "TRUNCATE events, event_totals RESTART IDENTITY")?;
        execute(db, "CHECKPOINT")?;
        let events = ImportOptions::Events(EventImport::default());
        let (events, report) = import(db, &files.path("events.csv"), &events)?;
        anyhow::ensure!(report.created == rows, "{report:?}");
        let copied = timed(|| copy_out(db))?;
        let exported = timed(|| export(db))?;
        peak = peak_memory().max(peak);
        for (shortest, taken) in shortest.iter_mut().zip([
            bare,
            members,
            looked,
            ours,
            again,
            moved,
            bare_events,
            events,
            copied,
            exported,
        ]) {
            *shortest = taken.min(*shortest);
        }
    }
    let [
        bare,
        members,
        looked,
        ours,
        again,
        moved,
        bare_events,
        events,
        copied,
        exported,
    ] = shortest;
    let line = |name: &str, taken: Duration| {
        let ratio = taken.as_secs_f64() / bare.as_secs_f64();
        println!("{name:<52}{:>8.2} s{ratio:>8.2} times", taken.as_secs_f64());
    };
    line("bare COPY into subscribers", bare);
    line("COPY of the memberships beside it", members);
    line("looking at the file, which comes first", looked);
    line("import into a group", ours);
    line("the same file again, which changes nothing", again);
    line("another city for everybody, to be undone", moved);
    line("bare COPY into events and their totals", bare_events);
    line("an event of everybody", events);
    line("bare COPY out of subscribers", copied);
    line("export of everybody", exported);
    let out = exported.as_secs_f64() / copied.as_secs_f64();
    println!(
        "{:<52}{out:>18.2} times",
        "export of everybody, to the COPY out"
    );
    let both = ours.as_secs_f64() / (bare + members).as_secs_f64();
    println!(
        "{:<52}{both:>18.2} times",
        "import into a group, to both COPYs"
    );
    let of_events = events.as_secs_f64() / bare_events.as_secs_f64();
    println!(
        "{:<52}{of_events:>18.2} times",
        "an event of everybody, to both COPYs"
    );
    println!(
        "{:<52}{:>8.0} MB",
        "peak memory of our process",
        peak as f64 / 1e6
    );
    Ok(())
}

fn empty(db: &Db) -> anyhow::Result<()> {
    execute(
        db,
        "TRUNCATE subscribers, groups, custom_fields, imports RESTART IDENTITY CASCADE; TRUNCATE touches",
    )?;
    execute(db, "CHECKPOINT")
}

fn people() -> ImportOptions {
    ImportOptions::Subscribers(SubscriberImport {
        groups: vec!["bench".to_owned()],
        create_groups: true,
        fields: vec![
            ("plan".to_owned(), CustomType::Text),
            ("visits".to_owned(), CustomType::Number),
        ],
        ..SubscriberImport::default()
    })
}

fn settings() -> anyhow::Result<ImportSettings> {
    Ok(ImportSettings {
        clock: Clock::standing_at(NOW.parse()?),
        spool: Spool::new(std::env::temp_dir(), u64::MAX),
        batch_rows: BATCH_ROWS,
        is_stopping: Arc::default(),
    })
}

/// Looks at a file and stops before anything is written.
fn look(db: &Db, path: &Path, options: &ImportOptions) -> anyhow::Result<()> {
    let file = in_place(path)?;
    let now = NOW.parse()?;
    let import =
        db.run_here(|connection| create_to(connection, options, "bench", Some(&file), true, now))?;
    try_run(db, import.id, &settings()?, |_| {})?;
    Ok(())
}

fn import(
    db: &Db,
    path: &Path,
    options: &ImportOptions,
) -> anyhow::Result<(Duration, ImportReport)> {
    let now: DateTime<Utc> = NOW.parse()?;
    let settings = settings()?;
    let mut report = ImportReport::default();
    let taken = timed(|| {
        let file = in_place(path)?;
        let import =
            db.run_here(|connection| create(connection, options, "bench", Some(&file), now))?;
        let done = try_run(db, import.id, &settings, |_| {})?;
        report = done.map(|done| done.report()).unwrap_or_default();
        Ok(())
    })?;
    Ok((taken, report))
}

/// Exports everybody with all columns.
fn export(db: &Db) -> anyhow::Result<()> {
    let settings = RefreshSettings {
        workers: 2,
        clock: Clock::standing_at(NOW.parse()?),
        meter: Meter::default(),
        cancel: Default::default(),
        rule_budget: RULE_BUDGET,
    };
    let request = ExportRequest {
        content: Content::Subscribers,
        format: Format::Csv,
        columns: None,
        statuses: Vec::new(),
        is_raw: false,
    };
    let entry = Entry::of_system("bench", settings.clock.now());
    prepare(db, &request, &settings, &entry)?.write(&mut std::io::sink(), |_| {})?;
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
