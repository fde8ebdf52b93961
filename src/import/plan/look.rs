//! Reads a whole file before anything is written, to collect the contents of its columns.

use super::analysis::{Looked, kinds_to_ask};
use super::column::{format_of, format_of_event, names_groups};
use super::event_columns::kind_of_event;
use super::header::is_column;
use super::options::{EventImport, ImportOptions, SubscriberImport};
use super::profile::{Profile, shortened};
use super::target::Target;
use crate::error::{Error, InputCode, InputProblem};
use crate::import::file::cells::Cells;
use crate::import::file::form::Form;
use crate::import::file::reader::size;
use crate::import::file::row::Row;
use crate::import::file::shape::is_address;
use crate::import::file::table::{RowSource, column_names, fit_width};
use crate::import::value::cell::{CellKind, CellValue};
use crate::import::value::format::CellFormat;
use crate::import::value::read_cell;
use std::collections::BTreeSet;
use std::sync::mpsc::{SyncSender, sync_channel};

/// The prefix of the key of a custom field in the name of its column.
const CUSTOM: &str = "custom.";

/// The most groups that the rows of a file may name.
const MAX_GROUPS: usize = 1_000;

/// The most columns of a file. The decision about a column depends on all others.
const MAX_COLUMNS: usize = 5_000;

/// How many rows are shown with the analysis.
const FIRST_ROWS: usize = 4;

/// How many rows are sent to the other thread at a time.
const PART: usize = 500;

/// How many bytes of rows are sent to the other thread at a time.
const PART_BYTES: usize = 1 << 20;

/// How many parts the channel holds.
const WAITING: usize = 2;

/// The kinds of values that are tried for every column.
pub const TRIED: [CellKind; 5] = [
    CellKind::Email,
    CellKind::Boolean,
    CellKind::Number,
    CellKind::Day,
    CellKind::Instant,
];

/// Reads all rows, and returns the contents of the columns.
///
/// # Errors
/// [`Error::Invalid`] if the header or the file cannot be read.
pub fn look(
    rows: &mut dyn RowSource,
    form: &Form,
    options: &ImportOptions,
) -> Result<Looked, Error> {
    let (names, first) = read_names(rows, form, options)?;
    let mut looked = Looked {
        profiles: profiles(&names, options),
        names,
        first_rows: Vec::new(),
        groups: BTreeSet::new(),
        rows: 0,
        malformed: 0,
    };
    let naming = naming_columns(&looked.names, options);
    // Rows are cut on this thread, and their cells read on another.
    let (sender, receiver) = sync_channel::<Vec<Row>>(WAITING);
    std::thread::scope(|scope| {
        let looking = scope.spawn(move || {
            for row in receiver.into_iter().flatten() {
                looked.add(row, &naming)?;
            }
            Ok(looked)
        });
        let was_read = send(rows, first, &sender);
        drop(sender);
        let looked = looking
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        was_read?;
        looked
    })
}

/// Sends rows in parts until the file ends or the receiver is gone.
fn send(
    rows: &mut dyn RowSource,
    first: Option<Row>,
    sender: &SyncSender<Vec<Row>>,
) -> Result<(), Error> {
    let mut part = Vec::from_iter(first);
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        bytes += size(&row);
        part.push(row);
        if part.len() == PART || bytes > PART_BYTES {
            bytes = 0;
            if sender.send(std::mem::take(&mut part)).is_err() {
                return Ok(());
            }
        }
    }
    // If the part is not received, the receiver has failed and reports why.
    let _ = sender.send(part);
    Ok(())
}

impl Looked {
    fn add(&mut self, row: Row, naming: &[(usize, CellFormat)]) -> Result<(), Error> {
        if row.is_footer {
            return Ok(());
        }
        self.rows += 1;
        match fit_width(&row, self.profiles.len()) {
            Ok(cells) => {
                if self.first_rows.len() < FIRST_ROWS {
                    let cells = cells.iter().map(|cell| shortened(cell.trim()));
                    self.first_rows.push(cells.collect());
                }
                for (cell, profile) in cells.iter().zip(&mut self.profiles) {
                    profile.add(cell);
                }
                for (place, format) in naming {
                    if let Some(CellValue::List(names)) =
                        read_cell(CellKind::List, &cells[*place], format).value()
                    {
                        self.groups.extend(names);
                    }
                }
            }
            Err(_) => self.malformed += 1,
        }
        if self.groups.len() > MAX_GROUPS {
            let message = format!(
                "expected columns with the names of at most {MAX_GROUPS} groups, found more"
            );
            return Err(Error::invalid("groupsFrom", message));
        }
        Ok(())
    }
}

/// Returns the columns that name groups, and how they are read.
fn naming_columns(names: &[String], options: &ImportOptions) -> Vec<(usize, CellFormat)> {
    let ImportOptions::Subscribers(options) = options else {
        return Vec::new();
    };
    let places = (0..names.len()).filter(|place| names_groups(options, names, *place));
    places
        .map(|place| (place, format_of(options, names, place)))
        .collect()
}

/// Returns the names of the columns, and the first row if it had to be read to find them.
///
/// # Errors
/// [`Error::Invalid`] if the header cannot be read.
pub fn read_names(
    rows: &mut dyn RowSource,
    form: &Form,
    options: &ImportOptions,
) -> Result<(Vec<String>, Option<Row>), Error> {
    if form.has_header {
        let names = read_header(rows)?;
        check_width(names.len())?;
        return Ok((names, None));
    }
    let first = rows.next()?;
    let cells = first.as_ref().and_then(|row| row.cells.as_ref().ok());
    let cells = cells.cloned().unwrap_or_default();
    check_width(cells.len())?;
    let names = made_up_names(&cells, options);
    Ok((names, first))
}

fn check_width(columns: usize) -> Result<(), Error> {
    if columns <= MAX_COLUMNS {
        return Ok(());
    }
    let message = format!("expected at most {MAX_COLUMNS} columns, found {columns}");
    let hint = "delete the columns that are not needed".to_owned();
    let problem = InputProblem::new(InputCode::Invalid, "header", message);
    Err(Error::Invalid(vec![problem.with_hint(Some(hint))]))
}

fn read_header(rows: &mut dyn RowSource) -> Result<Vec<String>, Error> {
    match rows.next()? {
        None => {
            let message = "expected a header line with a column \"email\", found an empty file";
            Err(Error::Invalid(vec![InputProblem::new(
                InputCode::Missing,
                "header",
                message,
            )]))
        }
        Some(row) => row
            .cells
            .map(|cells| column_names(&cells))
            .map_err(|message| Error::invalid("header", format!("line {}: {message}", row.line))),
    }
}

/// Names the columns of a file without a header. The first column with an address is "email", unless an option names
/// that column.
fn made_up_names(first: &Cells, options: &ImportOptions) -> Vec<String> {
    let said: &[(String, String)] = match options {
        ImportOptions::Subscribers(SubscriberImport { columns, .. })
        | ImportOptions::Events(EventImport { columns, .. }) => columns,
    };
    let email = first.iter().position(is_address);
    let email = email.filter(|_| !said.iter().any(|(_, target)| target.trim() == "email"));
    (0..first.len())
        .map(|position| match email {
            Some(email) if email == position => "email".to_owned(),
            _ => format!("column {}", position + 1),
        })
        .collect()
}

fn profiles(names: &[String], options: &ImportOptions) -> Vec<Profile> {
    let profiles = names.iter().enumerate().map(|(position, name)| {
        let name = name.trim();
        let (format, asked): (CellFormat, Vec<CellKind>) = match options {
            ImportOptions::Subscribers(options) => {
                let targets = said_targets(options, name, position);
                let mut format = format_of(options, names, position);
                let mut asked = kinds_to_ask(name, &targets);
                // Custom fields in an export of Rollcall: their types are not in the file.
                format.is_canonical =
                    format.is_literal && targets.is_empty() && name.starts_with(CUSTOM);
                if format.is_canonical {
                    asked.push(CellKind::List);
                }
                (format, asked)
            }
            ImportOptions::Events(options) => (
                format_of_event(options, names),
                kind_of_event(name).into_iter().collect(),
            ),
        };
        Profile::new(names.len(), format, &asked, &TRIED)
    });
    profiles.collect()
}

/// Returns the targets that options name for a column.
fn said_targets(options: &SubscriberImport, name: &str, position: usize) -> Vec<Target> {
    let is = |said: &str| is_column(said, name, position);
    let columns = options.columns.iter().filter(|(said, _)| is(said));
    let columns = columns.filter_map(|(_, field)| Target::builtin(field.trim()));
    let fields = options.fields.iter().filter(|(said, _)| is(said));
    let fields = fields.map(|(_, field_type)| Target::Custom(String::new(), *field_type));
    columns.chain(fields).collect()
}
