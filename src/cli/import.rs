//! `rollcall import`.

use super::database;
use crate::audience::event;
use crate::audience::import::{
    ImportReport, MAX_LISTED, Progress, SubscriberImport, import_events, import_subscribers,
};
use crate::clock::Clock;
use crate::config::DatabaseSettings;
use crate::rule::CustomType;
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How many problems are printed; the others are counted.
const PRINTED: usize = 20;

/// What can be imported.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Add or change subscribers: one row each, known by the column "email".
    Subscribers(SubscriberArguments),
    /// Record what subscribers did: columns "email", "event", "occurred_at", perhaps "value", "dedupe_key",
    /// "properties" (a JSON object) and "properties.NAME". The whole file or nothing is recorded.
    Events(EventArguments),
}

/// What `rollcall import subscribers` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct SubscriberArguments {
    /// The CSV file; "-" is standard input.
    file: PathBuf,

    /// The key of a group to add every subscriber of the file to.
    #[arg(long, value_name = "KEY")]
    group: Option<String>,

    /// Make the group if it does not exist.
    #[arg(long, requires = "group")]
    create_group: bool,

    /// Make a custom field of a column: COLUMN:TYPE, with text, number, date, datetime, boolean or list. May be given
    /// several times.
    #[arg(long = "field", value_name = "COLUMN:TYPE", value_parser = parse_field)]
    fields: Vec<(String, CustomType)>,

    /// Leave a column out. May be given several times.
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,

    /// What separates the cells: one character, or "tab".
    #[arg(long, default_value = ",", value_parser = parse_delimiter)]
    delimiter: u8,
}

/// What `rollcall import events` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct EventArguments {
    /// The CSV file; "-" is standard input.
    file: PathBuf,

    /// What separates the cells: one character, or "tab".
    #[arg(long, default_value = ",", value_parser = parse_delimiter)]
    delimiter: u8,
}

/// Imports a file and prints the report. The code tells whether every row could be used.
pub fn run(database: &DatabaseSettings, command: &Command) -> anyhow::Result<ExitCode> {
    let file = match command {
        Command::Subscribers(arguments) => &arguments.file,
        Command::Events(arguments) => &arguments.file,
    };
    let (source, size) = open_file(file)?;
    let opened = database::open(database)?;
    let bar = progress_bar(size);
    let progress = |progress: Progress| {
        bar.set_position(progress.bytes);
        bar.set_message(format!("{} rows", progress.rows));
    };
    let result = match command {
        Command::Subscribers(arguments) => {
            let options = SubscriberImport {
                group: arguments.group.clone(),
                create_group: arguments.create_group,
                fields: arguments.fields.clone(),
                ignore: arguments.ignore.clone(),
                delimiter: arguments.delimiter,
            };
            import_subscribers(&opened.db, source, &options, Clock::System.now(), progress)
        }
        Command::Events(arguments) => {
            import_events(&opened.db, source, arguments.delimiter, progress)
        }
    };
    bar.finish_and_clear();
    let report = result.with_context(|| format!("\"{}\" was not imported", file.display()))?;
    opened.db.run_here(event::analyze)?;
    print_report(&report, matches!(command, Command::Subscribers(_)));
    opened.close()?;
    Ok(if report.refused == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    })
}

fn open_file(file: &Path) -> anyhow::Result<(Box<dyn BufRead>, Option<u64>)> {
    if file == Path::new("-") {
        return Ok((Box::new(BufReader::new(std::io::stdin())), None));
    }
    let opened =
        File::open(file).with_context(|| format!("\"{}\" cannot be opened", file.display()))?;
    let size = opened.metadata().ok().map(|metadata| metadata.len());
    Ok((Box::new(BufReader::with_capacity(1 << 16, opened)), size))
}

fn progress_bar(size: Option<u64>) -> ProgressBar {
    let (bar, template) = match size {
        Some(size) => (
            ProgressBar::new(size),
            "{bar:30} {percent:>3}%  {msg}  {bytes_per_sec}  {eta} left",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {msg}  {bytes_per_sec}",
        ),
    };
    // A template that cannot be read leaves the plain bar.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn print_report(report: &ImportReport, is_subscribers: bool) {
    println!("{} rows", report.rows);
    let lines = if is_subscribers {
        vec![
            (report.created, "created"),
            (report.updated, "updated"),
            (report.unchanged, "unchanged"),
            (
                report.repeated,
                "repeated in the file (the last row counts)",
            ),
            (
                report.suppressed,
                "kept unsubscribed, bounced or complained",
            ),
            (report.added_to_group, "added to the group"),
            (report.refused, "refused"),
        ]
    } else {
        vec![
            (report.created, "recorded"),
            (report.unchanged, "known already"),
            (report.refused, "refused"),
        ]
    };
    for (number, what) in lines.into_iter().filter(|(number, _)| *number > 0) {
        println!("  {number:>9} {what}");
    }
    for problem in report.problems.iter().take(PRINTED) {
        eprintln!("  {problem}");
    }
    if report.refused > PRINTED as u64 {
        let more = report.refused - PRINTED as u64;
        eprintln!("  and {more} more (a report keeps the first {MAX_LISTED})");
    }
}

fn parse_field(text: &str) -> Result<(String, CustomType), String> {
    let expected = "expected COLUMN:TYPE with text, number, date, datetime, boolean or list, such as first_purchase:date";
    let (column, type_name) = text.rsplit_once(':').ok_or(expected)?;
    let custom_type = CustomType::parse(type_name.trim()).ok_or(expected)?;
    Ok((column.trim().to_owned(), custom_type))
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && *byte != b'"' && *byte != b'\n' => Ok(*byte),
        _ if text == "tab" || text == "\\t" => Ok(b'\t'),
        _ => Err("expected one character such as \";\", or \"tab\"".to_owned()),
    }
}
