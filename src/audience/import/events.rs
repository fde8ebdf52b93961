//! Importing events: the whole file in one transaction, because events have no identity of their own that would make
//! it harmless to read a part of them again.

use super::mapping::missing_column;
use super::rows::{Row, Rows};
use super::subscribers::{problem, read_header, unreadable};
use super::{ImportReport, Progress, RowProblem};
use crate::audience::clean::{clean_email, clean_instant, clean_number, clean_text};
use crate::audience::event::{self, NewEvent, clean_name, clean_value};
use crate::audience::subscriber::find_ids_by_emails;
use crate::db::Db;
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::nearest;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::{Map, Value, json};
use std::io::BufRead;

/// How many rows are written with one statement.
const BATCH: usize = 5_000;

const COLUMNS: [&str; 6] = [
    "email",
    "event",
    "occurred_at",
    "value",
    "dedupe_key",
    "properties",
];
const REQUIRED: [&str; 3] = ["email", "event", "occurred_at"];
const PROPERTIES: &str = "properties.";

/// Imports a CSV file of events with the columns `email`, `event`, `occurred_at` and perhaps `value`, `dedupe_key`,
/// `properties` (a JSON object) and `properties.*`. All good rows are recorded, or, where the import does not come to its end, none.
///
/// # Errors
/// [`Error::Invalid`] if the header cannot be used; then nothing was written.
pub fn import_events(
    db: &Db,
    source: impl BufRead,
    delimiter: u8,
    mut progress: impl FnMut(Progress),
) -> Result<ImportReport, Error> {
    let mut rows = Rows::new(source, delimiter);
    let header = read_header(&mut rows, "email")?;
    let columns = map_columns(&header, delimiter)?;
    let mut report = ImportReport::default();
    db.run_here(|connection| {
        connection.transaction(|connection| {
            let mut batch = Vec::with_capacity(BATCH);
            while let Some(row) = rows.next_row().map_err(unreadable)? {
                report.rows += 1;
                match read_event(row, &columns, &header) {
                    Ok(event) => batch.push(event),
                    Err(found) => report.refuse(found),
                }
                if batch.len() >= BATCH {
                    write(connection, &mut batch, &mut report)?;
                    progress(Progress {
                        bytes: rows.bytes(),
                        rows: report.rows,
                    });
                }
            }
            write(connection, &mut batch, &mut report)
        })
    })?;
    progress(Progress {
        bytes: rows.bytes(),
        rows: report.rows,
    });
    // That a subscriber does not exist is only found when a batch is written.
    report.problems.sort_by_key(|problem| problem.line);
    Ok(report)
}

/// An event whose subscriber is not looked up yet.
struct ReadEvent {
    line: u64,
    email: String,
    event: NewEvent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Column(&'static str),
    Property(String),
}

fn map_columns(header: &[String], delimiter: u8) -> Result<Vec<Target>, Error> {
    let mut problems = Vec::new();
    let mut targets = Vec::with_capacity(header.len());
    for column in header {
        let name = column.trim();
        let known = COLUMNS
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name));
        let target = match (known, name.strip_prefix(PROPERTIES)) {
            (Some(known), _) => Some(Target::Column(known)),
            (None, Some(property)) if !property.is_empty() => {
                Some(Target::Property(property.to_owned()))
            }
            _ => None,
        };
        match target {
            Some(target) if targets.contains(&target) => {
                let message = format!("expected each column once, found \"{name}\" again");
                problems.push(InputProblem::new(InputCode::Invalid, "header", message));
            }
            Some(target) => targets.push(target),
            None => {
                let message = format!(
                    "expected one of the columns {} or a column \"{PROPERTIES}NAME\", found \"{name}\"",
                    COLUMNS.join(", ")
                );
                let hint = nearest(name, COLUMNS)
                    .unwrap_or_else(|| format!("name it \"{PROPERTIES}{name}\" to keep it"));
                problems.push(
                    InputProblem::new(InputCode::NotFound, "header", message).with_hint(Some(hint)),
                );
            }
        }
    }
    if targets.is_empty() {
        let missing = missing_column(REQUIRED[0], header, delimiter);
        return Err(Error::Invalid(vec![missing]));
    }
    for required in REQUIRED {
        if !targets.contains(&Target::Column(required)) {
            problems.push(missing_column(required, header, delimiter));
        }
    }
    if problems.is_empty() {
        Ok(targets)
    } else {
        Err(Error::Invalid(problems))
    }
}

fn read_event(row: Row, targets: &[Target], header: &[String]) -> Result<ReadEvent, RowProblem> {
    let line = row.line;
    let cells = row.cells.map_err(|message| problem(line, None, message))?;
    if cells.len() != targets.len() {
        let message = format!("expected {} cells, found {}", targets.len(), cells.len());
        return Err(problem(line, None, message));
    }
    let mut email = String::new();
    let mut name = String::new();
    let mut occurred_at: Option<DateTime<Utc>> = None;
    let mut value = None;
    let mut dedupe_key = None;
    let mut properties = Map::new();
    for ((cell, target), column) in cells.iter().zip(targets).zip(header) {
        let refused = |message: String| problem(line, Some(column), message);
        match target {
            Target::Column("email") => email = clean_email(cell).map_err(refused)?,
            Target::Column("event") => name = clean_name(cell).map_err(refused)?,
            Target::Column("occurred_at") => occurred_at = clean_instant(cell).map_err(refused)?,
            Target::Column("value") => {
                let number = clean_number(cell).map_err(refused)?;
                value = number.map(clean_value).transpose().map_err(refused)?;
            }
            Target::Column("dedupe_key") => dedupe_key = clean_text(cell).map_err(refused)?,
            // All at once, as exports write them.
            Target::Column(_) => properties.extend(read_properties(cell).map_err(refused)?),
            Target::Property(property) => {
                let text = clean_text(cell).map_err(refused)?;
                properties.extend(text.map(|text| (property.clone(), guess(&text))));
            }
        }
    }
    let occurred_at = occurred_at.ok_or_else(|| {
        let message = "expected an instant such as \"2026-03-01T09:30:00Z\", found an empty cell";
        problem(line, Some("occurred_at"), message)
    })?;
    Ok(ReadEvent {
        line,
        email,
        event: NewEvent {
            subscriber_id: 0,
            name,
            occurred_at,
            value,
            properties,
            dedupe_key,
        },
    })
}

fn read_properties(cell: &str) -> Result<Map<String, Value>, String> {
    match clean_text(cell)? {
        None => Ok(Map::new()),
        Some(text) => serde_json::from_str(&text)
            .map_err(|error| format!("expected a JSON object, found something else: {error}")),
    }
}

/// A property cell that reads as a number or a truth value is one. Digits that a number cannot hold are no number but
/// somebody's long key, of which none may be lost.
fn guess(text: &str) -> Value {
    match text {
        "true" => json!(true),
        "false" => json!(false),
        text => match serde_json::from_str::<serde_json::Number>(text) {
            Ok(number) if number.is_f64() && !text.contains(['.', 'e', 'E']) => json!(text),
            Ok(number) => Value::Number(number),
            Err(_) => json!(text),
        },
    }
}

fn write(
    connection: &mut PgConnection,
    batch: &mut Vec<ReadEvent>,
    report: &mut ImportReport,
) -> Result<(), Error> {
    let read = std::mem::take(batch);
    let mut emails: Vec<String> = read.iter().map(|event| event.email.clone()).collect();
    emails.sort();
    emails.dedup();
    let ids = find_ids_by_emails(connection, &emails)?;
    let mut events = Vec::with_capacity(read.len());
    for read_event in read {
        match ids.get(&read_event.email) {
            Some(id) => events.push(NewEvent {
                subscriber_id: *id,
                ..read_event.event
            }),
            None => {
                let message = format!(
                    "expected the e-mail address of a subscriber, found \"{}\", who does not exist; import subscribers first",
                    read_event.email
                );
                report.refuse(problem(read_event.line, Some("email"), message));
            }
        }
    }
    let recorded = event::record(connection, &events)? as u64;
    report.created += recorded;
    report.unchanged += events.len() as u64 - recorded;
    Ok(())
}
