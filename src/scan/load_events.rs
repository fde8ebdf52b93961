//! Loads events. One pass over the lifetime totals answers the conditions that totals can answer, and one pass over the
//! events answers the others, however many conditions there are.

use super::chunk_range::ChunkRange;
use super::column_builder::ColumnBuilder;
use super::meter::Figure;
use super::pg_array::{RawRow, read_i64, read_instant, read_millionths};
use super::rows::{Piece, Rows};
use super::work::Work;
use crate::error::Error;
use crate::evaluate::{
    ColumnKey, EventFigures, EventPlan, EventSpan, EventTally, Measured, evaluate_filters,
    measured_numbers,
};
use crate::rule::{DateField, TextField};
use arrow_array::Array;
use arrow_buffer::BooleanBuffer;
use chrono::DateTime;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

/// Answers the event conditions of a plan for some subscribers, in the order of the plan.
pub fn load_events(
    connection: &mut PgConnection,
    plan: &EventPlan,
    rows: &Rows,
    work: Work<'_>,
) -> Result<Vec<BooleanBuffer>, Error> {
    let mut answers = vec![BooleanBuffer::new_unset(rows.count()); plan.leaves.len()];
    for tally in tally_events(connection, plan, rows, work)? {
        for (place, answer) in tally.finish() {
            answers[place] = answer;
        }
    }
    Ok(answers)
}

/// Measures the event conditions of a plan for one subscriber, in the order of the plan.
pub fn measure_events(
    connection: &mut PgConnection,
    plan: &EventPlan,
    subscriber_id: i64,
    work: Work<'_>,
) -> Result<Vec<Measured>, Error> {
    let alone = Rows::Range(ChunkRange {
        first: subscriber_id,
        rows: 1,
    });
    let mut measured = vec![Measured::Missing; plan.leaves.len()];
    for tally in tally_events(connection, plan, &alone, work)? {
        for (place, figure) in tally.measured() {
            measured[place] = figure;
        }
    }
    Ok(measured)
}

fn tally_events<'p>(
    connection: &mut PgConnection,
    plan: &'p EventPlan,
    rows: &Rows,
    work: Work<'_>,
) -> Result<Vec<EventTally<'p>>, Error> {
    let mut tallies = Vec::new();
    if let Some(mut tally) = EventTally::of_totals(plan, rows.count(), work.moment) {
        for piece in rows.pieces() {
            work.cancel.check()?;
            work.meter.add(Figure::EventScans, 1);
            add_totals(connection, &mut tally, piece)?;
        }
        tallies.push(tally);
    }
    if let Some(mut tally) = EventTally::of_events(plan, rows.count(), work.moment) {
        for piece in rows.pieces() {
            work.cancel.check()?;
            work.meter.add(Figure::EventScans, 1);
            add_events(connection, plan, &mut tally, piece, work)?;
        }
        tallies.push(tally);
    }
    Ok(tallies)
}

/// Adds the lifetime totals of a piece of a chunk to a tally.
fn add_totals(
    connection: &mut PgConnection,
    tally: &mut EventTally<'_>,
    piece: Piece<'_>,
) -> Result<(), Error> {
    let span = tally.span().clone();
    let columns = "count, value_sum, first_at, last_at";
    let rows = keyed_rows(&span, "event_totals", columns, piece, "");
    let sql = format!(
        "SELECT array_agg(key), array_agg(count), array_agg(value_sum), array_agg(first_at), array_agg(last_at) \
         FROM ({rows}) AS totals"
    );
    let row: RawRow =
        bind_names(diesel::sql_query(sql).into_boxed(), &span).get_result(connection)?;
    let (mut keys, mut counts, mut sums) = (row.array(0)?, row.array(1)?, row.array(2)?);
    let (mut first_ats, mut last_ats) = (row.array(3)?, row.array(4)?);
    while let Some(key) = keys.next_element()? {
        let (row, name) = read_key(key, &span)?;
        let count = read_i64(counts.next_element()?.flatten().unwrap_or_default())?;
        let sum = read_millionths(sums.next_element()?.flatten().unwrap_or_default())?;
        let first_at = read_instant(first_ats.next_element()?.flatten().unwrap_or_default())?;
        let last_at = read_instant(last_ats.next_element()?.flatten().unwrap_or_default())?;
        let count = u64::try_from(count).unwrap_or_default();
        let figures = EventFigures::of_totals(count, sum, first_at, last_at);
        tally.add(row, name, &figures, |_| false, |_| None);
    }
    Ok(())
}

/// Adds the events of a piece of a chunk to a tally.
fn add_events(
    connection: &mut PgConnection,
    plan: &EventPlan,
    tally: &mut EventTally<'_>,
    piece: Piece<'_>,
    work: Work<'_>,
) -> Result<(), Error> {
    let span = tally.span().clone();
    let sql = events_sql(&span, &plan.columns, piece);
    let mut query = bind_names(diesel::sql_query(sql).into_boxed(), &span);
    for bound in [span.from, span.until].into_iter().flatten() {
        query = query.bind::<Nullable<Timestamptz>, _>(DateTime::from_timestamp_micros(bound));
    }
    for column in &plan.columns {
        query = query.bind::<Text, _>(property_name(column));
    }
    let row: RawRow = query.get_result(connection)?;
    let (mut keys, mut instants, mut values) = (row.array(0)?, row.array(1)?, row.array(2)?);
    let events = keys.len();
    let mut columns = std::collections::HashMap::new();
    for (position, key) in plan.columns.iter().enumerate() {
        let mut builder = ColumnBuilder::of_property(key, events, work.moment);
        builder.append_all(row.array(FIXED_COLUMNS + position)?)?;
        columns.insert(key.clone(), builder.finish());
    }
    let numbers = measured_numbers(plan, &columns);
    let passing = evaluate_filters(plan, columns, events, work.moment, &work.watch())?;
    let mut place = 0;
    while let Some(key) = keys.next_element()? {
        let (row, name) = read_key(key, &span)?;
        let at = read_instant(instants.next_element()?.flatten().unwrap_or_default())?;
        let value = values
            .next_element()?
            .flatten()
            .map(read_millionths)
            .transpose()?;
        let figures = EventFigures::of_event(at, value);
        let number = |property: usize| {
            let numbers = numbers[property].as_ref()?;
            numbers.is_valid(place).then(|| numbers.value(place))
        };
        tally.add(
            row,
            name,
            &figures,
            |filter| passing[filter].value(place),
            number,
        );
        place += 1;
    }
    Ok(())
}

/// How many arrays come before those of the properties.
const FIXED_COLUMNS: usize = 3;

fn read_key(key: Option<&[u8]>, span: &EventSpan) -> Result<(usize, usize), Error> {
    let key = usize::try_from(read_i64(key.unwrap_or_default())?).unwrap_or_default();
    let names = span.names.len().max(1);
    Ok((key / names, key % names))
}

/// Returns the query for the events of a piece of a chunk. It selects for each event its row and name in one number,
/// its time, its value if that is needed, and the properties.
fn events_sql<'k>(
    span: &EventSpan,
    properties: impl IntoIterator<Item = &'k ColumnKey>,
    piece: Piece<'_>,
) -> String {
    let mut place = count_name_binds(span);
    let mut window = String::new();
    for (bound, operator) in [(span.from, ">="), (span.until, "<")] {
        if bound.is_some() {
            place += 1;
            window += &format!(" AND occurred_at {operator} ${place}");
        }
    }
    let (mut arrays, mut columns) = if span.needs_values {
        (
            "array_agg(value)".to_owned(),
            "occurred_at, value".to_owned(),
        )
    } else {
        ("NULL".to_owned(), "occurred_at".to_owned())
    };
    for (position, key) in properties.into_iter().enumerate() {
        place += 1;
        arrays += &format!(", array_agg(p{position})");
        columns += &format!(", {} AS p{position}", property_expression(key, place));
    }
    let rows = keyed_rows(span, "events", &columns, piece, &window);
    format!("SELECT array_agg(key), array_agg(occurred_at), {arrays} FROM ({rows}) AS happened")
}

/// Returns the SQL expression for a property, whose name is the bind with that number. A value of another type than the
/// tested one becomes null, here or when it is read.
fn property_expression(key: &ColumnKey, place: usize) -> String {
    let of_type = |name: &str| {
        format!(
            "CASE jsonb_typeof(properties -> ${place}) WHEN '{name}' THEN nullif(properties ->> ${place}, '') END"
        )
    };
    match key {
        ColumnKey::Text(_) | ColumnKey::Date(_) => of_type("string"),
        ColumnKey::List(_) => of_type("array"),
        ColumnKey::Boolean(_) => of_type("boolean"),
        _ => of_type("number"),
    }
}

fn property_name(key: &ColumnKey) -> &str {
    match key {
        ColumnKey::Text(TextField::Custom(name))
        | ColumnKey::Number(name)
        | ColumnKey::Date(DateField::CustomDatetime(name))
        | ColumnKey::Boolean(name)
        | ColumnKey::List(name) => name,
        // A property is named like a custom field; see `rule/positive.rs`.
        _ => "",
    }
}

/// Up to this many names are compared one after the other, which is the fastest way for a few. More names are looked
/// up.
const FEW_NAMES: usize = 32;

type Query<'q> = BoxedSqlQuery<'q, Pg, SqlQuery>;

/// Binds the names of a span, before all other binds. A few names are bound one by one, many as one JSON object with
/// their numbers.
fn bind_names<'q>(mut query: Query<'q>, span: &'q EventSpan) -> Query<'q> {
    if span.names.len() > FEW_NAMES {
        let numbers = span.names.iter().cloned().zip((0..).map(Value::from));
        return query.bind::<Jsonb, _>(Value::Object(numbers.collect()));
    }
    for name in &span.names {
        query = query.bind::<Text, _>(name);
    }
    query
}

fn count_name_binds(span: &EventSpan) -> usize {
    match span.names.len() {
        names if names > FEW_NAMES => 1,
        names => names,
    }
}

/// Returns the query for the rows of a piece in the order of subscribers, with row and name in one number. The names
/// are compared in the select list and not in the condition, so that one index scan serves all of them.
fn keyed_rows(
    span: &EventSpan,
    table: &str,
    columns: &str,
    piece: Piece<'_>,
    window: &str,
) -> String {
    let names = span.names.len();
    let number = if names > FEW_NAMES {
        "($1 ->> name)::integer".to_owned()
    } else {
        let numbers: String = (0..names)
            .map(|number| format!(" WHEN ${} THEN {number}", number + 1))
            .collect();
        format!("CASE name{numbers} END")
    };
    format!(
        "SELECT {} * {names} + number AS key, {columns} \
         FROM (SELECT *, {number} AS number FROM {}{window}) AS rows \
         WHERE number IS NOT NULL ORDER BY subscriber_id",
        piece.place_in_chunk("subscriber_id"),
        piece.source(table, "subscriber_id"),
    )
}
