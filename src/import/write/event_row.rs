//! A row of a file of events, cleaned and typed.

use super::person::check_width;
use crate::audience::custom_field::store_number;
use crate::audience::event_bounds::{check_properties, clean_dedupe_key, clean_name, clean_value};
use crate::audience::properties::clean_properties;
use crate::import::file::row::Row;
use crate::import::plan::event_columns::EventTarget;
use crate::import::report::{ProblemKind, RowProblem};
use crate::import::value::cell::{CellKind, CellOutcome, CellValue};
use crate::import::value::format::CellFormat;
use crate::import::value::{Decimal, read_cell};
use crate::rule::{check_digits, check_moment, find_lost_digits};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// An event whose subscriber is not looked up yet.
pub struct ReadEvent {
    /// The line on which the row begins, from 1.
    pub line: u64,
    /// The address of the subscriber.
    pub email: String,
    /// The name of the event.
    pub name: String,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// The value of the event.
    pub value: Option<f64>,
    /// The properties of the event.
    pub properties: Map<String, Value>,
    /// The key by which the sender identifies the event.
    pub dedupe_key: Option<String>,
}

impl ReadEvent {
    /// Returns what identifies the event, or `None` if it has no key.
    pub fn identity(&self) -> Option<[&str; 3]> {
        let key = self.dedupe_key.as_deref()?;
        Some([&self.email, &self.name, key])
    }
}

/// Reads the rows of a file as events.
pub struct EventReader {
    /// The names of the columns.
    pub header: Vec<String>,
    /// The target of each column.
    pub targets: Vec<EventTarget>,
    /// How their cells are read.
    pub format: CellFormat,
    /// The name of all events, if no column has it.
    pub event: Option<String>,
    /// The place of the column that identifies an order, if rows are folded.
    pub fold: Option<usize>,
}

impl EventReader {
    /// Turns the cells of a row into an event, with remarks about the cells.
    ///
    /// # Errors
    /// The first problem of the row, which is refused as a whole.
    pub fn read(&self, row: &Row) -> Result<(ReadEvent, Vec<RowProblem>), RowProblem> {
        let line = row.line;
        let cells = check_width(row, self.targets.len())?;
        let mut event = ReadEvent {
            line,
            email: String::new(),
            name: self.event.clone().unwrap_or_default(),
            occurred_at: DateTime::UNIX_EPOCH,
            value: None,
            properties: Map::new(),
            dedupe_key: None,
        };
        let mut remarks = Vec::new();
        for ((cell, target), column) in cells.iter().zip(&self.targets).zip(&self.header) {
            let remark = self
                .read_cell(&mut event, target, cell)
                .map_err(|message| {
                    let kind = match target {
                        EventTarget::Column("email") => ProblemKind::InvalidEmail,
                        _ => ProblemKind::Mistyped,
                    };
                    RowProblem::new(line, kind, message).of_cell(column, cell)
                })?;
            remarks.extend(remark.map(|message| {
                RowProblem::new(line, ProblemKind::Remark, message).of_cell(column, cell)
            }));
        }
        event.properties = clean_properties(event.properties);
        // Not cell by cell: the bounds apply to all properties together.
        check_properties(&event.properties)
            .map_err(|message| RowProblem::new(line, ProblemKind::Mistyped, message))?;
        Ok((event, remarks))
    }

    /// Reads a cell into an event; returns a remark about the cell, if there is one.
    fn read_cell(
        &self,
        event: &mut ReadEvent,
        target: &EventTarget,
        cell: &str,
    ) -> Result<Option<String>, String> {
        match target {
            EventTarget::Nowhere => {}
            EventTarget::Column("email") => {
                let (value, remark) = self.value(CellKind::Email, cell)?;
                match value {
                    Some(CellValue::Text(email)) => event.email = email,
                    _ => return Err("expected an e-mail address, found an empty cell".to_owned()),
                }
                return Ok(remark);
            }
            EventTarget::Column("event") => match (cell.trim(), &self.event) {
                ("", Some(name)) => event.name.clone_from(name),
                _ => event.name = clean_name(cell)?,
            },
            EventTarget::Column("occurred_at") => {
                let (value, remark) = self.value(CellKind::Instant, cell)?;
                match value {
                    Some(CellValue::Instant(moment)) => event.occurred_at = check_moment(moment)?,
                    _ => {
                        return Err(
                            "expected a time such as \"2026-03-01T09:30:00Z\", found an empty cell"
                                .to_owned(),
                        );
                    }
                }
                return Ok(remark);
            }
            EventTarget::Column("value") => {
                let (value, remark) = self.value(CellKind::Number, cell)?;
                if let Some(CellValue::Number(number)) = value {
                    event.value = Some(clean_value(number)?);
                }
                return Ok(remark);
            }
            EventTarget::Column("dedupe_key") => event.dedupe_key = clean_dedupe_key(cell)?,
            // All properties in one cell, as exports write them.
            EventTarget::Column(_) => event.properties.extend(read_properties(cell)?),
            EventTarget::Property(property) => {
                let (value, remark) = self.value(CellKind::Text, cell)?;
                if let Some(CellValue::Text(text)) = value {
                    event.properties.insert(property.clone(), self.guess(&text));
                }
                return Ok(remark);
            }
        }
        Ok(None)
    }

    fn value(
        &self,
        kind: CellKind,
        cell: &str,
    ) -> Result<(Option<CellValue>, Option<String>), String> {
        match read_cell(kind, cell, &self.format) {
            CellOutcome::Value(value) => Ok((Some(value), None)),
            CellOutcome::Remark(value, remark) => Ok((Some(value), Some(remark))),
            CellOutcome::Nothing => Ok((None, None)),
            CellOutcome::Bad(bad) => Err(bad.reason),
        }
    }

    /// Returns a property as a number or a truth value if it can be read as one. A whole number beyond 2^53 stays a
    /// text: it is a long key, of which a double can lose digits.
    fn guess(&self, text: &str) -> Value {
        let has_comma = self.format.numbers.decimal == Some(Decimal::Comma);
        match text {
            "true" => json!(true),
            "false" => json!(false),
            text if has_comma && text.contains(',') => match self.format.numbers.read(text) {
                Ok(Some(number)) => json!(number),
                _ => json!(text),
            },
            // A text with a point and no comma may be a version or a date.
            text if has_comma && text.contains('.') => json!(text),
            text => match serde_json::from_str::<f64>(text) {
                Ok(double) if check_digits(text, double).is_ok() => match store_number(double) {
                    number if number.is_i64() || text.contains(['.', 'e', 'E']) => number,
                    _ => json!(text),
                },
                _ => json!(text),
            },
        }
    }

    /// Returns the cell that identifies the order of a row. Returns `None` if rows are not folded or the cell is empty.
    pub fn order_of<'r>(&self, row: &'r Row) -> Option<&'r str> {
        let cell = row.cells.as_ref().ok()?.get(self.fold?)?.trim();
        (!cell.is_empty()).then_some(cell)
    }

    /// Joins the rows of one order. In each column the first cell that is not empty counts; properties that differ
    /// become lists.
    ///
    /// # Errors
    /// As [`EventReader::read`].
    pub fn fold_rows(
        &self,
        first: &Row,
        others: &[Row],
    ) -> Result<(ReadEvent, Vec<RowProblem>), RowProblem> {
        if others.is_empty() {
            return self.read(first);
        }
        let line = first.line;
        let width = self.targets.len();
        let cells = check_width(first, width)?;
        let mut lists: Vec<Vec<String>> = cells.iter().map(|cell| vec![cell.to_owned()]).collect();
        for row in others {
            for (place, other) in check_width(row, width)?.iter().enumerate() {
                lists[place].push(other.to_owned());
            }
        }
        // In each column, the first cell that is not empty.
        let filled = |cells: &Vec<String>| cells.iter().position(|cell| !cell.trim().is_empty());
        let folded = lists.iter().map(|cells| &cells[filled(cells).unwrap_or(0)]);
        let (mut event, remarks) = self.read(&Row::of(line, Ok(folded.collect())))?;
        for (target, items) in self.targets.iter().zip(&lists) {
            let EventTarget::Property(property) = target else {
                continue;
            };
            let mut used = items
                .iter()
                .map(|item| item.trim())
                .filter(|item| !item.is_empty());
            let first = used.next();
            if used.any(|item| Some(item) != first) {
                let items = items
                    .iter()
                    .map(|item| item.trim())
                    .filter(|item| !item.is_empty());
                let list: Vec<Value> = items.map(|item| self.guess(item)).collect();
                event
                    .properties
                    .insert(property.clone(), Value::Array(list));
            }
        }
        event.properties = clean_properties(event.properties);
        check_properties(&event.properties)
            .map_err(|message| RowProblem::new(line, ProblemKind::Mistyped, message))?;
        Ok((event, remarks))
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
