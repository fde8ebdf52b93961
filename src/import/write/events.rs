//! Events: what a row tells, and writing a batch of them.

use super::batch::{Context, Placed};
use super::copy::{CopyText, import_staging_events as staging, use_indexes};
use super::person::check_width;
use crate::audience::clean::clean_email;
use crate::audience::custom_field::store_number;
use crate::audience::event::{Recorded, merge_sql};
use crate::audience::event_bounds::{check_properties, clean_dedupe_key, clean_name, clean_value};
use crate::audience::properties::clean_properties;
use crate::audience::subscriber::find_ids_by_emails;
use crate::error::{Error, InputCode, InputProblem};
use crate::import::file::rows::Row;
use crate::import::plan::mapping::{Columns, missing_column};
use crate::import::plan::options::EventImport;
use crate::import::plan::suggest::is_made_up;
use crate::import::report::{ProblemKind, RowProblem};
use crate::import::value::dates::DateReader;
use crate::import::value::numbers::NumberReader;
use crate::rule::{check_digits, check_moment, find_lost_digits, nearest};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::{Map, Value, json};

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

/// An event whose subscriber is not looked up yet.
pub struct ReadEvent {
    /// The line on which the row begins, from 1.
    pub line: u64,
    email: String,
    name: String,
    occurred_at: DateTime<Utc>,
    value: Option<f64>,
    properties: Map<String, Value>,
    dedupe_key: Option<String>,
}

impl ReadEvent {
    /// Returns what makes the event the same as another, if the sender gave it a key.
    pub fn identity(&self) -> Option<[&str; 3]> {
        let key = self.dedupe_key.as_deref()?;
        Some([&self.email, &self.name, key])
    }
}

/// Where the cells of a column of events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventTarget {
    /// A column of events.
    Column(&'static str),
    /// A property.
    Property(String),
    /// Nowhere.
    Nowhere,
}

impl EventTarget {
    /// Its name in reports, if it goes anywhere.
    pub fn name(&self) -> Option<String> {
        match self {
            EventTarget::Column(name) => Some((*name).to_owned()),
            EventTarget::Property(name) => Some(format!("{PROPERTIES}{name}")),
            EventTarget::Nowhere => None,
        }
    }
}

/// How rows of a file become events.
pub struct EventReader {
    /// The names of the columns.
    pub header: Vec<String>,
    /// Where each goes.
    pub targets: Vec<EventTarget>,
    /// How times are written.
    pub dates: DateReader,
    /// How numbers are written.
    pub numbers: NumberReader,
}

/// Maps the columns of a file of events.
///
/// # Errors
/// [`Error::Invalid`] with every column that cannot be mapped.
pub fn map_event_columns(
    columns: Columns<'_>,
    options: &EventImport,
) -> Result<Vec<EventTarget>, Error> {
    let mut problems = Vec::new();
    let mut targets = Vec::with_capacity(columns.names.len());
    for column in columns.names {
        let column = column.trim();
        let said = options
            .columns
            .iter()
            .find(|(name, _)| name.trim() == column);
        let name = said.map_or(column, |(_, target)| target.trim());
        if said.is_none()
            && options
                .ignore
                .iter()
                .any(|ignored| ignored.trim() == column)
        {
            targets.push(EventTarget::Nowhere);
            continue;
        }
        match find_target(name) {
            Some(target) if targets.contains(&target) => {
                let message = format!("expected each column once, found \"{name}\" again");
                problems.push(InputProblem::new(InputCode::Invalid, "header", message));
            }
            Some(target) => targets.push(target),
            None => problems.push(unknown_column(name)),
        }
    }
    let missing = |needed| missing_column(needed, columns.names, columns.delimiter);
    if targets.is_empty() {
        return Err(Error::Invalid(vec![missing(REQUIRED[0])]));
    }
    for required in REQUIRED {
        if !targets.contains(&EventTarget::Column(required)) {
            problems.push(missing(required));
        }
    }
    if problems.is_empty() {
        Ok(targets)
    } else {
        Err(Error::Invalid(problems))
    }
}

fn find_target(name: &str) -> Option<EventTarget> {
    let mut known = COLUMNS.iter();
    let known = known.find(|known| known.eq_ignore_ascii_case(name));
    match (known, name.strip_prefix(PROPERTIES)) {
        (Some(known), _) => Some(EventTarget::Column(known)),
        (None, Some(property)) if !property.is_empty() => {
            Some(EventTarget::Property(property.to_owned()))
        }
        _ => None,
    }
}

fn unknown_column(name: &str) -> InputProblem {
    let message = format!(
        "expected one of the columns {} or a column \"{PROPERTIES}NAME\", found \"{name}\"",
        COLUMNS.join(", ")
    );
    let hint = nearest(name, COLUMNS).unwrap_or_else(|| {
        let target = if is_made_up(name) {
            "FIELD".to_owned()
        } else {
            format!("{PROPERTIES}{name}")
        };
        format!(
            "keep it with --column \"{name}={target}\", or leave it out with --ignore \"{name}\""
        )
    });
    InputProblem::new(InputCode::NotFound, "header", message).with_hint(Some(hint))
}

impl EventReader {
    /// Turns the cells of a row into an event.
    ///
    /// # Errors
    /// The first thing that is wrong with it: a row is refused as a whole.
    pub fn read(&self, row: Row) -> Result<ReadEvent, RowProblem> {
        let line = row.line;
        let cells = check_width(row, self.targets.len())?;
        let mut event = ReadEvent {
            line,
            email: String::new(),
            name: String::new(),
            occurred_at: DateTime::UNIX_EPOCH,
            value: None,
            properties: Map::new(),
            dedupe_key: None,
        };
        for ((cell, target), column) in cells.iter().zip(&self.targets).zip(&self.header) {
            self.read_cell(&mut event, target, cell)
                .map_err(|message| {
                    let kind = match target {
                        EventTarget::Column("email") => ProblemKind::InvalidEmail,
                        _ => ProblemKind::Mistyped,
                    };
                    RowProblem::new(line, kind, message).of_cell(column, cell)
                })?;
        }
        event.properties = clean_properties(event.properties);
        // Not cell by cell: the bounds are those of all properties together.
        check_properties(&event.properties)
            .map_err(|message| RowProblem::new(line, ProblemKind::Mistyped, message))?;
        Ok(event)
    }

    fn read_cell(
        &self,
        event: &mut ReadEvent,
        target: &EventTarget,
        cell: &str,
    ) -> Result<(), String> {
        match target {
            EventTarget::Nowhere => {}
            EventTarget::Column("email") => event.email = clean_email(cell)?,
            EventTarget::Column("event") => event.name = clean_name(cell)?,
            EventTarget::Column("occurred_at") => {
                let moment = self.dates.instant(cell)?.ok_or(
                    "expected an instant such as \"2026-03-01T09:30:00Z\", found an empty cell",
                )?;
                event.occurred_at = check_moment(moment)?;
            }
            EventTarget::Column("value") => {
                event.value = self.numbers.read(cell)?.map(clean_value).transpose()?;
            }
            EventTarget::Column("dedupe_key") => event.dedupe_key = clean_dedupe_key(cell)?,
            // All at once, as exports write them.
            EventTarget::Column(_) => event.properties.extend(read_properties(cell)?),
            EventTarget::Property(property) => {
                let text = cell.trim();
                let value = (!text.is_empty()).then(|| (property.clone(), self.guess(text)));
                event.properties.extend(value);
            }
        }
        Ok(())
    }

    /// A property cell that reads as a number or a truth value is one. A whole number beyond 2^53 stays a text: it is a
    /// long key, of which a double can lose digits.
    fn guess(&self, text: &str) -> Value {
        match text {
            "true" => json!(true),
            "false" => json!(false),
            text if self.numbers.decimal_comma && text.contains(',') => {
                match self.numbers.read(text) {
                    Ok(Some(number)) => json!(number),
                    _ => json!(text),
                }
            }
            // A point without a comma is that of a version or a date as likely.
            text if self.numbers.decimal_comma && text.contains('.') => json!(text),
            text => match serde_json::from_str::<f64>(text) {
                Ok(double) if check_digits(text, double).is_ok() => match store_number(double) {
                    number if number.is_i64() || text.contains(['.', 'e', 'E']) => number,
                    _ => json!(text),
                },
                _ => json!(text),
            },
        }
    }
}

fn read_properties(cell: &str) -> Result<Map<String, Value>, String> {
    let text = cell.trim();
    if text.is_empty() {
        return Ok(Map::new());
    }
    let properties = serde_json::from_str(text)
        .map_err(|error| format!("expected a JSON object, found something else: {error}"))?;
    match find_lost_digits(text, &[]) {
        Some((path, message)) => Err(format!("{path}: {message}")),
        None => Ok(properties),
    }
}

/// Records events of a batch.
///
/// # Errors
/// Those of the database.
pub fn place(
    connection: &mut PgConnection,
    events: &[ReadEvent],
    context: &Context,
) -> Result<Placed, Error> {
    use_indexes(connection)?;
    let mut placed = Placed::default();
    let mut emails: Vec<String> = events.iter().map(|event| event.email.clone()).collect();
    emails.sort();
    emails.dedup();
    let ids = find_ids_by_emails(connection, &emails)?;
    let mut text = CopyText::default();
    let mut asked: u64 = 0;
    for event in events {
        let Some(id) = ids.get(&event.email) else {
            placed.say(of_nobody(event));
            continue;
        };
        asked += 1;
        let properties = serde_json::to_string(&event.properties);
        let properties = properties.map_err(|error| Error::Internal(error.to_string()))?;
        text.number(*id);
        text.cell(Some(&event.name));
        text.cell(Some(&event.occurred_at.to_rfc3339()));
        text.cell(event.value.map(|value| value.to_string()).as_deref());
        text.cell(Some(&properties));
        text.cell(event.dedupe_key.as_deref());
        text.end_row();
    }
    if asked == 0 {
        return Ok(placed);
    }
    text.send(
        connection,
        staging::table,
        (
            staging::subscriber_id,
            staging::name,
            staging::occurred_at,
            staging::value,
            staging::properties,
            staging::dedupe_key,
        ),
    )?;
    if context.is_dry_run {
        placed.report.created = count_new(connection)?;
    } else {
        let recorded: Recorded =
            diesel::sql_query(merge_sql("import_staging_events e", "ORDER BY e.ctid"))
                .get_result(connection)?;
        placed.report.created = u64::try_from(recorded.events).unwrap_or_default();
        placed.new_ids = recorded.ids;
    }
    placed.report.unchanged = asked.saturating_sub(placed.report.created);
    Ok(placed)
}

fn of_nobody(event: &ReadEvent) -> RowProblem {
    let message = format!(
        "expected the e-mail address of a subscriber, found \"{}\", who does not exist; import subscribers first",
        event.email
    );
    RowProblem::new(event.line, ProblemKind::Unknown, message).of_cell("email", &event.email)
}

/// Counts the staged events that would be new.
fn count_new(connection: &mut PgConnection) -> Result<u64, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        events: i64,
    }
    let counted: Row = diesel::sql_query(
        "SELECT count(*) FILTER (WHERE e.dedupe_key IS NULL) \
             + count(DISTINCT (e.subscriber_id, e.name, e.dedupe_key)) FILTER (WHERE e.dedupe_key IS NOT NULL) AS events \
         FROM import_staging_events e WHERE e.dedupe_key IS NULL \
         OR NOT EXISTS (SELECT FROM events x WHERE x.subscriber_id = e.subscriber_id AND x.name = e.name \
             AND x.dedupe_key = e.dedupe_key)",
    )
    .get_result(connection)?;
    Ok(u64::try_from(counted.events).unwrap_or_default())
}
