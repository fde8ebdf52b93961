//! `rollcall export`.

use super::audited::entry;
use super::database;
use super::export_file::Destination;
use super::terminal::{progress_bar, say_rows};
use crate::audience::setting::Missing;
use crate::clock::Clock;
use crate::config::{DatabaseSettings, ScheduleSettings};
use crate::export::{
    Content, ExportError, ExportRequest, Format, Progress, prepare, write_audit, write_person,
};
use crate::rule::{Status, find_lost_digits, parse_instant};
use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use indicatif::ProgressBar;
use std::io::{BufWriter, ErrorKind, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How many steps the progress bar has.
const STEPS: f64 = 1_000.0;

/// What can be exported.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// All subscribers.
    Subscribers(FileArguments),
    /// The members of a group.
    Group {
        /// The key of the group.
        key: String,
        #[command(flatten)]
        file: FileArguments,
    },
    /// The members of a segment, now or as of a moment of the past.
    Segment {
        /// The key of the segment.
        key: String,
        /// A moment of the past, such as 2026-03-01T00:00:00Z; the members of the last refresh if absent.
        #[arg(long, value_name = "TIME", value_parser = parse_instant)]
        as_of: Option<DateTime<Utc>>,
        #[command(flatten)]
        file: FileArguments,
    },
    /// The subscribers whom a rule matches now.
    Rule {
        /// A file with the rule as JSON; "-" is standard input.
        rule: PathBuf,
        /// The moment that relative dates count from, such as 1997-10-01T00:00:00Z; now if absent.
        #[arg(long, value_name = "TIME", value_parser = parse_instant)]
        now: Option<DateTime<Utc>>,
        #[command(flatten)]
        file: FileArguments,
    },
    /// Memberships: the groups and segments of each subscriber, and since when.
    Memberships(FileArguments),
    /// The events of subscribers.
    Events(FileArguments),
    /// The audit log, one JSON object per line, oldest first.
    Audit {
        /// Only entries from this moment on, such as 2026-03-01T00:00:00Z.
        #[arg(long, value_name = "TIME", value_parser = parse_instant)]
        from: Option<DateTime<Utc>>,
        /// Only entries before this moment.
        #[arg(long, value_name = "TIME", value_parser = parse_instant)]
        to: Option<DateTime<Utc>>,
        /// The file to write; standard output if absent.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// All that is held about one person, as a JSON document.
    Person {
        /// The e-mail address.
        email: String,
        /// The file to write; standard output if absent.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// How a file is written.
#[derive(Debug, Clone, Args)]
pub struct FileArguments {
    /// The format of the file.
    #[arg(long, value_enum, default_value_t = FormatName::Csv)]
    format: FormatName,

    /// The columns, separated by commas, such as email,country,custom.plan. "all" means the default columns,
    /// which are those that an import reads.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Option<Vec<String>>,

    /// Only subscribers with these statuses, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = parse_status)]
    status: Vec<Status>,

    /// Write cells of a CSV file as they are, including those that a spreadsheet would take for formulas.
    #[arg(long)]
    raw: bool,

    /// The file to write, which appears only when it is complete; standard output if absent.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object per line.
    Ndjson,
}

/// Runs `rollcall export`.
pub fn run(
    database: &DatabaseSettings,
    schedule: &ScheduleSettings,
    command: &Command,
) -> anyhow::Result<ExitCode> {
    let (content, file, now) = match command {
        Command::Subscribers(file) => (Content::Subscribers, file, None),
        Command::Group { key, file } => (Content::Group { key: key.clone() }, file, None),
        Command::Segment { key, as_of, file } => {
            let (key, as_of) = (key.clone(), *as_of);
            (Content::Segment { key, as_of }, file, None)
        }
        Command::Rule { rule, now, file } => (Content::Rule(read_rule(rule)?), file, *now),
        Command::Memberships(file) => (Content::Memberships, file, None),
        Command::Events(file) => (Content::Events, file, None),
        Command::Audit { from, to, output } => {
            return run_audit(database, (*from, *to), output.as_deref());
        }
        Command::Person { email, output } => return run_person(database, email, output.as_deref()),
    };
    let request = ExportRequest {
        content,
        format: match file.format {
            FormatName::Csv => Format::Csv,
            FormatName::Ndjson => Format::Ndjson,
        },
        columns: file.columns.clone(),
        statuses: file.status.clone(),
        is_raw: file.raw,
    };
    let clock = now.map_or(Clock::System, Clock::standing_at);
    let opened = database::open(database)?;
    database::settle(&opened.db, &schedule.given(), Missing::Given)?;
    let settings = schedule.refresh(clock);
    let entry = entry(request.content.action(), Clock::System.now());
    let export = prepare(&opened.db, &request, &settings, &entry)?;
    let output = file.output.as_deref();
    let result = write_to(output, |sink| {
        let bar = bar_beside(output);
        let written = export.write(sink, |progress: Progress| {
            bar.set_position((progress.share * STEPS) as u64);
            say_rows(&bar, progress.rows, 0);
        });
        bar.finish_and_clear();
        written
    });
    opened.close()?;
    finish(result, output)
}

fn run_person(
    database: &DatabaseSettings,
    email: &str,
    output: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let opened = database::open(database)?;
    let result = write_to(output, |mut sink| {
        let entry = entry("exportPerson", Clock::System.now());
        write_person(&opened.db, email, true, &mut sink, &entry)?;
        sink.write_all(b"\n")?;
        Ok(1)
    });
    opened.close()?;
    finish(result, output)
}

fn run_audit(
    database: &DatabaseSettings,
    (from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    output: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let opened = database::open(database)?;
    let entry = entry("exportAuditLog", Clock::System.now());
    let result = write_to(output, |sink| {
        write_audit(&opened.db, from, to, sink, &entry)
    });
    opened.close()?;
    finish(result, output)
}

fn write_to(
    output: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> Result<u64, ExportError>,
) -> Result<u64, ExportError> {
    match output {
        None => {
            let mut sink = BufWriter::new(std::io::stdout().lock());
            let rows = write(&mut sink)?;
            sink.flush()?;
            Ok(rows)
        }
        Some(path) => {
            let mut destination = Destination::open(path)?;
            let rows = write(&mut destination)?;
            destination.finish()?;
            Ok(rows)
        }
    }
}

fn finish(result: Result<u64, ExportError>, output: Option<&Path>) -> anyhow::Result<ExitCode> {
    match (result, output) {
        (Ok(rows), Some(path)) => {
            let noun = if rows == 1 { "row" } else { "rows" };
            eprintln!("{rows} {noun} in {}", path.display());
            Ok(ExitCode::SUCCESS)
        }
        (Ok(_), None) => Ok(ExitCode::SUCCESS),
        // The reader has closed the pipe, as `head` does.
        (Err(ExportError::Write(error)), None) if error.kind() == ErrorKind::BrokenPipe => {
            Ok(ExitCode::FAILURE)
        }
        (Err(ExportError::Write(error)), Some(path)) => {
            Err(error).with_context(|| format!("\"{}\" cannot be written", path.display()))
        }
        (Err(error), _) => Err(error.into()),
    }
}

fn read_rule(path: &Path) -> anyhow::Result<serde_json::Value> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::read_to_string(path).map(|read| {
            text = read;
            text.len()
        })
    };
    read.with_context(|| format!("the rule \"{}\" cannot be read", path.display()))?;
    let rule = serde_json::from_str(&text)
        .with_context(|| format!("expected a rule as JSON in \"{}\"", path.display()))?;
    if let Some((place, message)) = find_lost_digits(&text, &[]) {
        anyhow::bail!("the rule \"{}\", {place}: {message}", path.display());
    }
    Ok(rule)
}

/// Returns a progress bar on standard error. It is hidden unless standard error is a terminal and the rows go
/// elsewhere.
fn bar_beside(output: Option<&Path>) -> ProgressBar {
    let is_mixed = output.is_none() && std::io::stdout().is_terminal();
    if is_mixed || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    progress_bar(STEPS as u64)
}

fn parse_status(text: &str) -> Result<Status, String> {
    Status::parse(text.trim()).ok_or_else(|| {
        let known: Vec<&str> = Status::ALL.into_iter().map(Status::as_str).collect();
        format!("expected a status ({})", known.join(", "))
    })
}
