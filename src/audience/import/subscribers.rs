//! Importing subscribers: rows become people, batch by batch, each batch in one transaction.

use super::mapping::{BUILTIN_COLUMNS, SubscriberImport, Target, map_subscriber_columns};
use super::rows::Rows;
use super::{ImportReport, Progress, RowProblem};
use crate::audience::clean::{
    clean_country, clean_day, clean_degrees, clean_email, clean_instant, clean_language,
    clean_number, clean_text, clean_timezone,
};
use crate::audience::custom_field::clean_cell;
use crate::audience::group;
use crate::db::Db;
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::Status;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Jsonb, Timestamptz};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::io::BufRead;

/// How many rows are written with one statement.
const BATCH: usize = 5_000;

/// Imports a CSV file of subscribers: adds those who are new and changes those who are known by their e-mail address.
/// An empty cell leaves a value as it is. A status that says not to address somebody is never raised by a file.
///
/// Each batch of rows is one transaction, so that an import that stops half-way can simply be run again.
///
/// # Errors
/// [`Error::Invalid`] if the header or the group cannot be used; then nothing was written.
pub fn import_subscribers(
    db: &Db,
    source: impl BufRead,
    options: &SubscriberImport,
    now: DateTime<Utc>,
    mut progress: impl FnMut(Progress),
) -> Result<ImportReport, Error> {
    let mut rows = Rows::new(source, options.delimiter);
    let header = read_header(&mut rows, "email")?;
    let (targets, group_id) = db.run_here(|connection| {
        connection.transaction(|connection| {
            let targets = map_subscriber_columns(connection, &header, options, now)?;
            Ok((targets, find_group(connection, options, now)?))
        })
    })?;
    let mut report = ImportReport::default();
    let mut batch = Batch::default();
    while let Some(row) = rows.next_row().map_err(unreadable)? {
        report.rows += 1;
        match row
            .cells
            .map_err(|message| vec![problem(row.line, None, message)])
            .and_then(|cells| read_person(&cells, &targets, &header, row.line))
        {
            Ok(person) => batch.add(person, &mut report),
            // A row is refused as a whole, with the first of its problems.
            Err(problems) => problems
                .into_iter()
                .take(1)
                .for_each(|found| report.refuse(found)),
        }
        if batch.people.len() >= BATCH {
            write(db, &mut batch, group_id, now, &mut report)?;
            progress(Progress {
                bytes: rows.bytes(),
                rows: report.rows,
            });
        }
    }
    write(db, &mut batch, group_id, now, &mut report)?;
    progress(Progress {
        bytes: rows.bytes(),
        rows: report.rows,
    });
    Ok(report)
}

/// Reads the header line of a file.
pub fn read_header<R: BufRead>(rows: &mut Rows<R>, needed: &str) -> Result<Vec<String>, Error> {
    let missing = |found: String| {
        let message = format!("expected a header line with a column \"{needed}\", found {found}");
        Error::Invalid(vec![InputProblem::new(
            InputCode::Missing,
            "header",
            message,
        )])
    };
    match rows.next_row().map_err(unreadable)? {
        None => Err(missing("an empty file".to_owned())),
        Some(row) => row.cells.map_err(|message| {
            let message = format!("line {}: {message}", row.line);
            Error::Invalid(vec![InputProblem::new(
                InputCode::Invalid,
                "header",
                message,
            )])
        }),
    }
}

/// A file that stops to be readable half-way.
pub fn unreadable(error: std::io::Error) -> Error {
    Error::invalid("file", format!("it cannot be read: {error}"))
}

/// A problem of a row.
pub fn problem(line: u64, column: Option<&str>, message: impl Into<String>) -> RowProblem {
    RowProblem {
        line,
        column: column.map(str::to_owned),
        message: message.into(),
    }
}

fn find_group(
    connection: &mut PgConnection,
    options: &SubscriberImport,
    now: DateTime<Utc>,
) -> Result<Option<i64>, Error> {
    let Some(key) = &options.group else {
        return Ok(None);
    };
    if options.create_group && group::find_by_key(connection, key)?.is_none() {
        let created = group::create(connection, key, None, None, now);
        return Ok(Some(created.map_err(of_group)?.id));
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

/// Rows to write, each e-mail address once.
#[derive(Default)]
struct Batch {
    people: Vec<Map<String, Value>>,
    places: HashMap<String, usize>,
}

impl Batch {
    /// Adds a row. Where one with the same address was there, the new one replaces it cell by cell, but for a status
    /// that says not to address somebody: that one is not raised by a later row of the file either.
    fn add(&mut self, person: Map<String, Value>, report: &mut ImportReport) {
        let email = person
            .get("email")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(place) = self.places.get(email) else {
            self.places.insert(email.to_owned(), self.people.len());
            self.people.push(person);
            return;
        };
        report.repeated += 1;
        let earlier = &mut self.people[*place];
        for (column, value) in person {
            match (earlier.get_mut(&column), value) {
                (Some(Value::Object(earlier)), Value::Object(later)) => earlier.extend(later),
                (Some(earlier), later) if is_raised(&column, earlier, &later) => {
                    report.suppressed += 1;
                }
                (_, value) => {
                    earlier.insert(column, value);
                }
            }
        }
    }
}

/// Whether a status says to address somebody whom an earlier one says not to.
fn is_raised(column: &str, earlier: &Value, later: &Value) -> bool {
    let is_in = |value: &Value, statuses: &[&str]| {
        value
            .as_str()
            .is_some_and(|status| statuses.contains(&status))
    };
    column == "status"
        && is_in(earlier, &["unsubscribed", "bounced", "complained"])
        && is_in(later, &["subscribed", "pending"])
}

/// Turns the cells of a row into the columns of the table; empty cells are left out.
fn read_person(
    cells: &[String],
    targets: &[Target],
    header: &[String],
    line: u64,
) -> Result<Map<String, Value>, Vec<RowProblem>> {
    if cells.len() != targets.len() {
        let message = format!("expected {} cells, found {}", targets.len(), cells.len());
        return Err(vec![problem(line, None, message)]);
    }
    let mut person = Map::new();
    let mut custom = Map::new();
    let mut problems = Vec::new();
    for ((cell, target), column) in cells.iter().zip(targets).zip(header) {
        let result = match target {
            Target::Nowhere => Ok(()),
            Target::Builtin(name) => read_builtin(name, cell).map(|value| {
                person.extend(value.map(|value| ((*name).to_owned(), value)));
            }),
            Target::Custom(key, custom_type) => clean_cell(*custom_type, cell).map(|value| {
                custom.extend(value.map(|value| (key.clone(), value)));
            }),
        };
        if let Err(message) = result {
            problems.push(problem(line, Some(column), message));
        }
    }
    if person.contains_key("latitude") != person.contains_key("longitude") {
        let message = "expected latitude and longitude together, found only one of them";
        problems.push(problem(line, None, message));
    }
    person.insert("custom".to_owned(), Value::Object(custom));
    if problems.is_empty() {
        Ok(person)
    } else {
        Err(problems)
    }
}

fn read_builtin(name: &str, cell: &str) -> Result<Option<Value>, String> {
    let degrees = |bound: f64| {
        let number = clean_number(cell)?;
        number
            .map(|number| clean_degrees(number, bound))
            .transpose()
    };
    Ok(match name {
        "email" => Some(json!(clean_email(cell)?)),
        "status" => match cell.trim() {
            "" => None,
            text => match Status::parse(text) {
                Some(status) => Some(json!(status.as_str())),
                None => {
                    let known: Vec<&str> = Status::ALL.into_iter().map(Status::as_str).collect();
                    return Err(format!(
                        "expected a status ({}), found \"{text}\"",
                        known.join(", ")
                    ));
                }
            },
        },
        "country" => clean_country(cell)?.map(Value::String),
        "language" => clean_language(cell)?.map(Value::String),
        "timezone" => clean_timezone(cell)?.map(Value::String),
        "birthday" => clean_day(cell)?.map(|day| json!(day.to_string())),
        "created_at" => clean_instant(cell)?.map(|instant| json!(instant.to_rfc3339())),
        "latitude" => degrees(90.0)?.map(|degrees| json!(degrees)),
        "longitude" => degrees(180.0)?.map(|degrees| json!(degrees)),
        _ => clean_text(cell)?.map(Value::String),
    })
}

fn write(
    db: &Db,
    batch: &mut Batch,
    group_id: Option<i64>,
    now: DateTime<Utc>,
    report: &mut ImportReport,
) -> Result<(), Error> {
    let people = std::mem::take(&mut batch.people);
    batch.places.clear();
    if people.is_empty() {
        return Ok(());
    }
    let asked = people.len() as u64;
    let rows = Value::Array(people.into_iter().map(Value::Object).collect());
    let merged = db.run_here(|connection| {
        connection.transaction(|connection| merge(connection, &rows, group_id, now))
    })?;
    report.created += merged.created;
    report.updated += merged.updated;
    report.unchanged += asked.saturating_sub(merged.created + merged.updated);
    report.suppressed += merged.suppressed;
    report.added_to_group += merged.added;
    Ok(())
}

#[derive(QueryableByName)]
struct Affected {
    #[diesel(sql_type = BigInt)]
    affected: i64,
}

struct Merged {
    created: u64,
    updated: u64,
    suppressed: u64,
    added: u64,
}

fn merge(
    connection: &mut PgConnection,
    rows: &Value,
    group_id: Option<i64>,
    now: DateTime<Utc>,
) -> Result<Merged, Error> {
    let suppressed: Affected = diesel::sql_query(format!(
        "SELECT count(*) AS affected FROM {SOURCE} JOIN subscribers s ON s.email = r.email WHERE {SUPPRESSED}"
    ))
    .bind::<Jsonb, _>(rows)
    .get_result(connection)?;
    let updated = diesel::sql_query(update_sql())
        .bind::<Jsonb, _>(rows)
        .bind::<Timestamptz, _>(now)
        .execute(connection)?;
    // A separate insert of those who are missing: an insert that turns into an update would waste ids, which are dense.
    let created = diesel::sql_query(INSERT)
        .bind::<Jsonb, _>(rows)
        .bind::<Timestamptz, _>(now)
        .execute(connection)?;
    let added = match group_id {
        None => 0,
        Some(group_id) => diesel::sql_query(format!(
            "INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
             SELECT $2, s.id, $3, 'import' FROM {SOURCE} JOIN subscribers s ON s.email = r.email \
             ORDER BY s.id ON CONFLICT DO NOTHING"
        ))
        .bind::<Jsonb, _>(rows)
        .bind::<BigInt, _>(group_id)
        .bind::<Timestamptz, _>(now)
        .execute(connection)?,
    };
    Ok(Merged {
        created: created as u64,
        updated: updated as u64,
        suppressed: u64::try_from(suppressed.affected).unwrap_or_default(),
        added: added as u64,
    })
}

/// The rows of a batch as a table.
const SOURCE: &str = "jsonb_to_recordset($1) AS r (email text, status text, first_name text, last_name text, \
    phone text, country text, region text, city text, postal_code text, latitude float8, longitude float8, \
    language text, timezone text, birthday date, source text, created_at timestamptz, custom jsonb)";

/// Whether a row says to address somebody who is not to be addressed.
const SUPPRESSED: &str = "s.status IN ('unsubscribed', 'bounced', 'complained') AND r.status IN ('subscribed', 'pending')";

/// The update of those who are known, where anything differs.
fn update_sql() -> String {
    let plain = BUILTIN_COLUMNS
        .iter()
        .filter(|column| !["email", "status", "created_at"].contains(*column));
    let sets: String = plain
        .clone()
        .map(|column| format!("{column} = coalesce(r.{column}, s.{column}), "))
        .collect();
    let differences: String = plain
        .map(|column| {
            format!("r.{column} IS DISTINCT FROM s.{column} AND r.{column} IS NOT NULL OR ")
        })
        .collect();
    let status =
        format!("CASE WHEN r.status IS NULL OR {SUPPRESSED} THEN s.status ELSE r.status END");
    format!(
        "UPDATE subscribers s SET {sets} status = {status}, custom = s.custom || r.custom, updated_at = $2, \
         subscribed_at = CASE WHEN {status} = 'subscribed' AND s.status <> 'subscribed' THEN $2 \
             ELSE s.subscribed_at END, \
         unsubscribed_at = CASE WHEN {status} IN ('unsubscribed', 'bounced', 'complained') AND s.status <> {status} \
             THEN $2 ELSE s.unsubscribed_at END \
         FROM (SELECT * FROM {SOURCE} ORDER BY email) r WHERE s.email = r.email \
         AND ({differences} {status} <> s.status OR s.custom || r.custom <> s.custom)"
    )
}

/// The insert of those who are missing, in the order of the file.
const INSERT: &str = "INSERT INTO subscribers (email, status, first_name, last_name, phone, country, region, city, \
    postal_code, latitude, longitude, language, timezone, birthday, source, custom, created_at, updated_at, \
    subscribed_at, unsubscribed_at) \
    SELECT r.email, coalesce(r.status, 'subscribed'), r.first_name, r.last_name, r.phone, r.country, r.region, r.city, \
    r.postal_code, r.latitude, r.longitude, r.language, r.timezone, r.birthday, r.source, r.custom, \
    coalesce(r.created_at, $2), $2, \
    CASE WHEN coalesce(r.status, 'subscribed') = 'subscribed' THEN coalesce(r.created_at, $2) END, \
    CASE WHEN r.status IN ('unsubscribed', 'bounced', 'complained') THEN $2 END \
    FROM ROWS FROM (jsonb_to_recordset($1) AS (email text, status text, first_name text, last_name text, \
    phone text, country text, region text, city text, postal_code text, latitude float8, longitude float8, \
    language text, timezone text, birthday date, source text, created_at timestamptz, custom jsonb)) \
    WITH ORDINALITY AS r (email, status, first_name, last_name, phone, country, region, city, postal_code, latitude, \
    longitude, language, timezone, birthday, source, created_at, custom, place) \
    WHERE NOT EXISTS (SELECT FROM subscribers s WHERE s.email = r.email) ORDER BY r.place \
    ON CONFLICT (email) DO NOTHING";
