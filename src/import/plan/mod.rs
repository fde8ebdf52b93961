//! What is settled before the first row is written: where columns go, which groups there are, how days are written.

pub(in crate::import) mod mapping;
pub(in crate::import) mod options;
pub(in crate::import) mod suggest;
use super::file::reader::Kind;
use super::file::rows::{Row, Rows};
use super::file::source::{Form, unreadable};
use super::job::{FileForm, Import, Made, MappedColumn};
use super::value::dates::{DateFormat, DateReader};
use super::write::events::{EventReader, EventTarget, map_event_columns};
use super::write::person::PersonReader;
use crate::audience::clean::{clean_email, clean_text};
use crate::audience::group;
use crate::db::Db;
use crate::db::schema::imports;
use crate::error::{Error, InputCode, InputProblem};
use crate::import::plan::mapping::{Columns, Target, make_fields, map_subscriber_columns};
use crate::import::plan::options::{EventImport, ImportOptions, SubscriberImport};
use crate::import::plan::suggest::suggest;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use diesel::prelude::*;
use std::io::BufRead;

/// How many rows are looked at to suggest where columns go.
const LOOKED_AT: usize = 50;

/// What an import needs to read and write rows.
pub struct Plan {
    /// How rows are read.
    pub kind: Kind,
    /// The groups to add to; none for one that is not made in a dry run.
    pub groups: Vec<Option<i64>>,
    /// The rows that were looked at.
    pub first_rows: Vec<Row>,
}

/// Settles everything, and writes down what was found out about the file.
///
/// # Errors
/// [`Error::Invalid`] with everything that is wrong with the header or the options.
pub fn prepare<R: BufRead>(
    db: &Db,
    import: &Import,
    options: &ImportOptions,
    rows: &mut Rows<R>,
    form: Form,
    moment: DateTime<Utc>,
) -> Result<Plan, Error> {
    let (header, first_rows) = read_first(rows, form)?;
    let sample: Vec<Vec<String>> = first_rows
        .iter()
        .filter_map(|row| row.cells.as_ref().ok().cloned())
        .collect();
    let names = header.unwrap_or_else(|| made_up_names(&sample, options));
    let columns = Columns {
        names: &names,
        sample: &sample,
        delimiter: form.delimiter,
        numbers: options.file().numbers(),
    };
    let (kind, groups) = db.run_here(|connection| {
        store_form(connection, import.id, form, columns, None)?;
        connection.transaction(|connection| match options {
            ImportOptions::Subscribers(options) => {
                let targets = map_subscriber_columns(connection, columns, options)?;
                let stored = targets.iter().map(target_name).collect();
                store_form(connection, import.id, form, columns, Some(stored))?;
                let groups = settle(connection, import, &targets, options, moment)?;
                let reader = person_reader(&names, targets, options, moment);
                let kind = Kind::People(Box::new(reader), Box::new(cleaned(options)?));
                Ok((kind, groups))
            }
            ImportOptions::Events(options) => {
                let targets = map_event_columns(columns, options)?;
                let stored = targets.iter().map(EventTarget::name).collect();
                store_form(connection, import.id, form, columns, Some(stored))?;
                let kind = Kind::Events(EventReader {
                    header: names.clone(),
                    targets,
                    dates: dates(options.date_format.as_ref(), options.time_zone),
                    numbers: options.file.numbers(),
                });
                Ok((kind, Vec::new()))
            }
        })
    })?;
    Ok(Plan {
        kind,
        groups,
        first_rows,
    })
}

fn person_reader(
    names: &[String],
    targets: Vec<Target>,
    options: &SubscriberImport,
    now: DateTime<Utc>,
) -> PersonReader {
    PersonReader {
        header: names.to_vec(),
        targets,
        dates: dates(options.date_format.as_ref(), options.time_zone),
        numbers: options.file.numbers(),
        statuses: options.statuses.clone(),
        now,
    }
}

fn dates(format: Option<&DateFormat>, zone: Option<Tz>) -> DateReader {
    DateReader {
        format: format.cloned(),
        zone: zone.unwrap_or(Tz::UTC),
    }
}

/// The options with the texts that are stored in their normal form.
fn cleaned(options: &SubscriberImport) -> Result<SubscriberImport, Error> {
    let clean = |text: &Option<String>, path: &str| match text {
        Some(text) => clean_text(text).map_err(|message| Error::invalid(path, message)),
        None => Ok(None),
    };
    let raise_consent = clean(&options.raise_consent, "raiseConsent")?;
    if options.raise_consent.is_some() && raise_consent.is_none() {
        let message = "expected a reason why people may be addressed again, found an empty text";
        return Err(Error::invalid("raiseConsent", message));
    }
    Ok(SubscriberImport {
        source: clean(&options.source, "source")?,
        raise_consent,
        ..options.clone()
    })
}

/// Reads the header, if there is one, and the first rows.
fn read_first<R: BufRead>(
    rows: &mut Rows<R>,
    form: Form,
) -> Result<(Option<Vec<String>>, Vec<Row>), Error> {
    let header = if form.has_header {
        Some(read_header(rows)?)
    } else {
        None
    };
    let mut first = Vec::new();
    while first.len() < LOOKED_AT
        && let Some(row) = rows.next_row().map_err(unreadable)?
    {
        first.push(row);
    }
    Ok((header, first))
}

fn read_header<R: BufRead>(rows: &mut Rows<R>) -> Result<Vec<String>, Error> {
    match rows.next_row().map_err(unreadable)? {
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
            .map_err(|message| Error::invalid("header", format!("line {}: {message}", row.line))),
    }
}

/// Names the columns of a file without a header: the first that holds addresses is "email".
fn made_up_names(sample: &[Vec<String>], options: &ImportOptions) -> Vec<String> {
    let first = sample.first().map(Vec::as_slice).unwrap_or_default();
    let is_address = |cell: &String| clean_email(cell).is_ok();
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

fn target_name(target: &Target) -> Option<String> {
    match target {
        Target::Builtin(name) => Some((*name).to_owned()),
        Target::Custom(key, _) => Some(format!("custom.{key}")),
        Target::Nowhere => None,
    }
}

/// Writes down the form of the file and its columns, with suggestions where they are not mapped yet.
fn store_form(
    connection: &mut PgConnection,
    id: i64,
    form: Form,
    columns: Columns<'_>,
    targets: Option<Vec<Option<String>>>,
) -> Result<(), Error> {
    let mapped = columns
        .names
        .iter()
        .enumerate()
        .map(|(position, column)| MappedColumn {
            column: column.trim().replace('\0', "\u{fffd}"),
            target: targets
                .as_ref()
                .and_then(|targets| targets.get(position).cloned().flatten()),
            suggestion: suggest(column, columns.values(position), columns.numbers).as_text(),
        });
    let form = FileForm {
        form,
        columns: mapped.collect(),
    };
    let stored = serde_json::to_value(form).map_err(|error| Error::Internal(error.to_string()))?;
    diesel::update(imports::table.find(id))
        .set(imports::form.eq(stored))
        .execute(connection)?;
    Ok(())
}

/// Makes the groups and custom fields that are to be made, and returns the groups.
fn settle(
    connection: &mut PgConnection,
    import: &Import,
    targets: &[Target],
    options: &SubscriberImport,
    moment: DateTime<Utc>,
) -> Result<Vec<Option<i64>>, Error> {
    let mut made: Made = import.made();
    let mut groups = Vec::new();
    for key in &options.groups {
        let found = find_group(connection, key, options, moment, &mut made)?;
        if !groups.contains(&found) || found.is_none() {
            groups.push(found);
        }
    }
    if !options.dry_run {
        made.custom_fields
            .extend(make_fields(connection, targets, moment)?);
        let made =
            serde_json::to_value(&made).map_err(|error| Error::Internal(error.to_string()))?;
        diesel::update(imports::table.find(import.id))
            .set(imports::made.eq(made))
            .execute(connection)?;
    }
    Ok(groups)
}

fn find_group(
    connection: &mut PgConnection,
    key: &str,
    options: &SubscriberImport,
    moment: DateTime<Utc>,
    made: &mut Made,
) -> Result<Option<i64>, Error> {
    if options.create_groups && group::find_by_key(connection, key)?.is_none() {
        if options.dry_run {
            return Ok(None);
        }
        let created = group::create(connection, key, None, None, moment).map_err(of_group)?;
        made.groups.push(created.id);
        return Ok(Some(created.id));
    }
    match group::get_by_key(connection, key, "group") {
        Err(Error::Invalid(problems)) => Err(Error::Invalid(
            problems
                .into_iter()
                .map(|problem| {
                    let hint = problem.hint.clone();
                    let hint = hint.unwrap_or_else(|| "add --create-group to make it".to_owned());
                    problem.with_hint(Some(hint))
                })
                .collect(),
        )),
        found => Ok(Some(found?.id)),
    }
}

/// The key of a new group is not right: here it is called the group.
fn of_group(error: Error) -> Error {
    match error {
        Error::Invalid(mut problems) => {
            for problem in &mut problems {
                problem.path = "group".to_owned();
            }
            Error::Invalid(problems)
        }
        other => other,
    }
}
