//! Loading: the columns of a chunk, straight from Postgres into Arrow arrays, and only those the plan lists.

use super::pg_array::{
    Elements, RawRow, read_day, read_i32, read_i64, read_instant, read_millionths, read_text,
};
use super::scan::ChunkRange;
use crate::audience::membership::BLOCK_IDS;
use crate::error::Error;
use crate::evaluate::{Chunk, Column, ColumnKey, EventSpan, EventTally, Plan, day_number};
use crate::rule::{DateField, Status, TextField};
use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Float64Builder, StringBuilder, TimestampMicrosecondBuilder,
    UInt8Builder,
};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use chrono::{DateTime, NaiveDate};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use std::collections::HashMap;

/// Loads what a plan needs to know about a range of ids.
pub fn load_chunk(
    connection: &mut PgConnection,
    plan: &Plan,
    range: ChunkRange,
) -> Result<Chunk, Error> {
    let (exists, columns) = load_columns(connection, plan, range)?;
    let groups = load_groups(connection, plan, range)?;
    let events = load_events(connection, plan, range)?;
    Ok(Chunk {
        exists,
        columns,
        groups,
        events,
    })
}

fn load_columns(
    connection: &mut PgConnection,
    plan: &Plan,
    range: ChunkRange,
) -> Result<(BooleanBuffer, HashMap<ColumnKey, Column>), Error> {
    let mut exists = BooleanBufferBuilder::new(range.rows);
    let mut builders: Vec<(&ColumnKey, ColumnBuilder)> = plan
        .columns
        .iter()
        .map(|key| (key, ColumnBuilder::new(key, range.rows)))
        .collect();
    let expressions: Vec<String> = plan.columns.iter().map(sql_expression).collect();
    for (first, last) in range.blocks() {
        let row: RawRow =
            diesel::sql_query(columns_sql(&expressions, first, last)).get_result(connection)?;
        let rows = usize::try_from(last - first).unwrap_or_default();
        let offsets = read_offsets(row.array(0)?)?;
        let mut present = vec![false; rows];
        for offset in &offsets {
            if let Some(present) = present.get_mut(*offset) {
                *present = true;
            }
        }
        exists.append_slice(&present);
        for (position, (_, builder)) in builders.iter_mut().enumerate() {
            builder.append_block(&offsets, row.array(position + 1)?, rows)?;
        }
    }
    let columns = builders
        .into_iter()
        .map(|(key, builder)| (key.clone(), builder.finish()))
        .collect();
    Ok((exists.finish(), columns))
}

fn columns_sql(expressions: &[String], first: i64, last: i64) -> String {
    let aggregates: String = (0..expressions.len())
        .map(|position| format!(", array_agg(c{position})"))
        .collect();
    let columns: String = expressions
        .iter()
        .enumerate()
        .map(|(position, expression)| format!(", {expression} AS c{position}"))
        .collect();
    format!(
        "SELECT array_agg(place){aggregates} FROM (SELECT (id - {first})::integer AS place{columns} \
         FROM subscribers WHERE id >= {first} AND id < {last} ORDER BY id) AS people"
    )
}

/// Returns what to select for a column. Custom values are read as text, which cannot fail, and parsed here.
fn sql_expression(key: &ColumnKey) -> String {
    match key {
        ColumnKey::Text(TextField::Custom(key))
        | ColumnKey::Number(key)
        | ColumnKey::Boolean(key)
        | ColumnKey::Date(DateField::CustomDate(key) | DateField::CustomDatetime(key)) => {
            // Keys are plain by a constraint of their table; the doubled quote keeps a mistake there harmless.
            format!("custom ->> '{}'", key.replace('\'', "''"))
        }
        ColumnKey::Text(field) => match field {
            TextField::Email | TextField::EmailDomain => "email",
            TextField::FirstName => "first_name",
            TextField::LastName => "last_name",
            TextField::Phone => "phone",
            TextField::Country => "country",
            TextField::Region => "region",
            TextField::City => "city",
            TextField::PostalCode => "postal_code",
            TextField::Language => "language",
            TextField::Timezone => "timezone",
            TextField::Source | TextField::Custom(_) => "source",
        }
        .to_owned(),
        ColumnKey::Date(field) => match field {
            DateField::Birthday => "birthday",
            DateField::CreatedAt => "created_at",
            DateField::UpdatedAt => "updated_at",
            DateField::SubscribedAt => "subscribed_at",
            DateField::UnsubscribedAt | DateField::CustomDate(_) | DateField::CustomDatetime(_) => {
                "unsubscribed_at"
            }
        }
        .to_owned(),
        ColumnKey::Status => "status".to_owned(),
    }
}

fn read_offsets(mut elements: Elements<'_>) -> Result<Vec<usize>, Error> {
    let mut offsets = Vec::with_capacity(elements.len());
    while let Some(element) = elements.next_element()? {
        let offset = read_i32(element.unwrap_or_default())?;
        offsets.push(usize::try_from(offset).unwrap_or(usize::MAX));
    }
    Ok(offsets)
}

/// A column in the making; what it reads depends on the field.
enum ColumnBuilder {
    Text(StringBuilder),
    EmailDomain(StringBuilder),
    Number(Float64Builder),
    Day(Date32Builder),
    CustomDay(Date32Builder),
    Instant(TimestampMicrosecondBuilder),
    CustomInstant(TimestampMicrosecondBuilder),
    Boolean(BooleanBuilder),
    Status(UInt8Builder),
}

impl ColumnBuilder {
    fn new(key: &ColumnKey, rows: usize) -> ColumnBuilder {
        match key {
            ColumnKey::Text(TextField::EmailDomain) => {
                ColumnBuilder::EmailDomain(StringBuilder::with_capacity(rows, rows * 12))
            }
            ColumnKey::Text(_) => {
                ColumnBuilder::Text(StringBuilder::with_capacity(rows, rows * 12))
            }
            ColumnKey::Number(_) => ColumnBuilder::Number(Float64Builder::with_capacity(rows)),
            ColumnKey::Date(DateField::CustomDate(_)) => {
                ColumnBuilder::CustomDay(Date32Builder::with_capacity(rows))
            }
            ColumnKey::Date(DateField::CustomDatetime(_)) => {
                ColumnBuilder::CustomInstant(TimestampMicrosecondBuilder::with_capacity(rows))
            }
            ColumnKey::Date(field) if field.is_day() => {
                ColumnBuilder::Day(Date32Builder::with_capacity(rows))
            }
            ColumnKey::Date(_) => {
                ColumnBuilder::Instant(TimestampMicrosecondBuilder::with_capacity(rows))
            }
            ColumnKey::Boolean(_) => ColumnBuilder::Boolean(BooleanBuilder::with_capacity(rows)),
            ColumnKey::Status => ColumnBuilder::Status(UInt8Builder::with_capacity(rows)),
        }
    }

    /// Appends the rows of a block: the values at their offsets, nulls between them.
    fn append_block(
        &mut self,
        offsets: &[usize],
        mut values: Elements<'_>,
        rows: usize,
    ) -> Result<(), Error> {
        let mut next_row = 0;
        for offset in offsets {
            let value = values.next_element()?.flatten();
            self.append_nulls(offset.saturating_sub(next_row));
            self.append(value)?;
            next_row = offset + 1;
        }
        self.append_nulls(rows.saturating_sub(next_row));
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        match self {
            ColumnBuilder::Text(builder) | ColumnBuilder::EmailDomain(builder) => {
                (0..count).for_each(|_| builder.append_null());
            }
            ColumnBuilder::Number(builder) => builder.append_nulls(count),
            ColumnBuilder::Day(builder) | ColumnBuilder::CustomDay(builder) => {
                builder.append_nulls(count);
            }
            ColumnBuilder::Instant(builder) | ColumnBuilder::CustomInstant(builder) => {
                builder.append_nulls(count);
            }
            ColumnBuilder::Boolean(builder) => builder.append_nulls(count),
            ColumnBuilder::Status(builder) => builder.append_nulls(count),
        }
    }

    fn append(&mut self, value: Option<&[u8]>) -> Result<(), Error> {
        let text = || value.map(read_text).transpose();
        match self {
            ColumnBuilder::Text(builder) => builder.append_option(text()?),
            ColumnBuilder::EmailDomain(builder) => {
                builder.append_option(text()?.and_then(|email| email.rsplit('@').next()));
            }
            ColumnBuilder::Number(builder) => builder.append_option(
                text()?
                    .and_then(|text| text.parse::<f64>().ok())
                    .filter(|number| number.is_finite())
                    .map(|number| number + 0.0),
            ),
            ColumnBuilder::Day(builder) => builder.append_option(value.map(read_day).transpose()?),
            ColumnBuilder::CustomDay(builder) => builder.append_option(
                text()?
                    .and_then(|text| text.parse::<NaiveDate>().ok())
                    .map(day_number),
            ),
            ColumnBuilder::Instant(builder) => {
                builder.append_option(value.map(read_instant).transpose()?);
            }
            ColumnBuilder::CustomInstant(builder) => builder.append_option(
                text()?
                    .and_then(|text| DateTime::parse_from_rfc3339(text).ok())
                    .map(|instant| instant.timestamp_micros()),
            ),
            ColumnBuilder::Boolean(builder) => builder.append_option(match text()? {
                Some("true") => Some(true),
                Some("false") => Some(false),
                _ => None,
            }),
            ColumnBuilder::Status(builder) => {
                let status = text()?.and_then(Status::parse);
                let place = status.and_then(|status| Status::ALL.iter().position(|s| *s == status));
                builder.append_option(place.and_then(|place| u8::try_from(place).ok()));
            }
        }
        Ok(())
    }

    fn finish(self) -> Column {
        match self {
            ColumnBuilder::Text(mut builder) | ColumnBuilder::EmailDomain(mut builder) => {
                Column::Text(builder.finish())
            }
            ColumnBuilder::Number(mut builder) => Column::Number(builder.finish()),
            ColumnBuilder::Day(mut builder) | ColumnBuilder::CustomDay(mut builder) => {
                Column::Day(builder.finish())
            }
            ColumnBuilder::Instant(mut builder) | ColumnBuilder::CustomInstant(mut builder) => {
                Column::Instant(builder.finish())
            }
            ColumnBuilder::Boolean(mut builder) => Column::Boolean(builder.finish()),
            ColumnBuilder::Status(mut builder) => Column::Status(builder.finish()),
        }
    }
}

fn load_groups(
    connection: &mut PgConnection,
    plan: &Plan,
    range: ChunkRange,
) -> Result<HashMap<i64, BooleanBuffer>, Error> {
    if plan.groups.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = plan.groups.iter().copied().collect();
    let rows: Vec<RawRow> = diesel::sql_query(
        "SELECT group_id, array_agg((subscriber_id - $2)::integer) FROM group_memberships \
         WHERE group_id = ANY($1) AND subscriber_id >= $2 AND subscriber_id < $3 GROUP BY group_id",
    )
    .bind::<Array<BigInt>, _>(ids)
    .bind::<BigInt, _>(range.first)
    .bind::<BigInt, _>(range.last())
    .load(connection)?;
    let mut groups = HashMap::new();
    for row in rows {
        let mut members = BooleanBufferBuilder::new(range.rows);
        members.append_n(range.rows, false);
        for offset in read_offsets(row.array(1)?)? {
            members.set_bit(offset, true);
        }
        groups.insert(row.bigint(0)?, members.finish());
    }
    Ok(groups)
}

/// Answers the event leaves of the plan: those of all time from the totals, the others from the events themselves,
/// each in one pass.
fn load_events(
    connection: &mut PgConnection,
    plan: &Plan,
    range: ChunkRange,
) -> Result<Vec<BooleanBuffer>, Error> {
    let mut answers: Vec<Option<BooleanBuffer>> = vec![None; plan.event_leaves.len()];
    for from_totals in [true, false] {
        let places: Vec<usize> = (0..plan.event_leaves.len())
            .filter(|place| plan.event_leaves[*place].is_all_time() == from_totals)
            .collect();
        if places.is_empty() {
            continue;
        }
        let leaves = places.iter().map(|place| &plan.event_leaves[*place]);
        let mut tally = EventTally::new(leaves.collect(), range.rows);
        for (first, last) in range.blocks() {
            add_block(
                connection,
                &mut tally,
                from_totals,
                range.first,
                first,
                last,
            )?;
        }
        for (place, answer) in places.into_iter().zip(tally.finish()) {
            answers[place] = Some(answer);
        }
    }
    let unanswered = || BooleanBuffer::new_unset(range.rows);
    Ok(answers
        .into_iter()
        .map(|answer| answer.unwrap_or_else(unanswered))
        .collect())
}

/// Adds the events, or the totals, of a block of ids to a tally.
fn add_block(
    connection: &mut PgConnection,
    tally: &mut EventTally<'_>,
    from_totals: bool,
    chunk_first: i64,
    first: i64,
    last: i64,
) -> Result<(), Error> {
    let span = tally.span().clone();
    let sql = if from_totals {
        totals_sql(&span, chunk_first, first, last)
    } else {
        events_sql(&span, chunk_first, first, last)
    };
    let mut query = diesel::sql_query(sql).into_boxed();
    for name in &span.names {
        query = query.bind::<Text, _>(name);
    }
    for bound in [span.from, span.until].into_iter().flatten() {
        query = query.bind::<Nullable<Timestamptz>, _>(DateTime::from_timestamp_micros(bound));
    }
    let row: RawRow = query.get_result(connection)?;
    let (mut keys, mut figures, mut values) = (row.array(0)?, row.array(1)?, row.array(2)?);
    let names = span.names.len().max(1);
    while let Some(key) = keys.next_element()? {
        let key = usize::try_from(read_i64(key.unwrap_or_default())?).unwrap_or_default();
        let figure = figures.next_element()?.flatten().unwrap_or_default();
        let (at, count) = if from_totals {
            (0, u64::try_from(read_i64(figure)?).unwrap_or_default())
        } else {
            (read_instant(figure)?, 1)
        };
        let value = match values.next_element()?.flatten() {
            Some(value) => read_millionths(value)?,
            None => 0,
        };
        tally.add(key / names, key % names, at, count, value);
    }
    Ok(())
}

/// Selects the totals of a block: for each its row and name in one number, the count, and the sum if it is needed.
fn totals_sql(span: &EventSpan, chunk_first: i64, first: i64, last: i64) -> String {
    let value = if span.needs_values {
        "array_agg(value_sum)"
    } else {
        "NULL"
    };
    let rows = keyed_rows(
        span,
        "event_totals",
        "count, value_sum",
        chunk_first,
        first,
        last,
        "",
    );
    format!("SELECT array_agg(key), array_agg(count), {value} FROM ({rows}) AS totals")
}

/// Selects the events of a block: for each its row and name in one number, the instant, and the value if it is needed.
fn events_sql(span: &EventSpan, chunk_first: i64, first: i64, last: i64) -> String {
    let mut place = span.names.len();
    let mut window = String::new();
    for (bound, operator) in [(span.from, ">="), (span.until, "<")] {
        if bound.is_some() {
            place += 1;
            window += &format!(" AND occurred_at {operator} ${place}");
        }
    }
    let (value, columns) = if span.needs_values {
        ("array_agg(value)", "occurred_at, value")
    } else {
        ("NULL", "occurred_at")
    };
    let rows = keyed_rows(span, "events", columns, chunk_first, first, last, &window);
    format!("SELECT array_agg(key), array_agg(occurred_at), {value} FROM ({rows}) AS happened")
}

/// Selects rows of a block in the order of subscribers, with row and name in one number. The names are compared in the
/// selection and not in the condition, so that one walk along the index serves all of them.
fn keyed_rows(
    span: &EventSpan,
    table: &str,
    columns: &str,
    chunk_first: i64,
    first: i64,
    last: i64,
    window: &str,
) -> String {
    let names = span.names.len();
    let numbers: String = (0..names)
        .map(|number| format!(" WHEN ${} THEN {number}", number + 1))
        .collect();
    format!(
        "SELECT (subscriber_id - {chunk_first}) * {names} + number AS key, {columns} \
         FROM (SELECT *, CASE name{numbers} END AS number FROM {table} \
         WHERE subscriber_id >= {first} AND subscriber_id < {last}{window}) AS rows \
         WHERE number IS NOT NULL ORDER BY subscriber_id"
    )
}

impl ChunkRange {
    /// Lists the blocks of the range, each as its first id and the first id after it.
    fn blocks(self) -> impl Iterator<Item = (i64, i64)> {
        (self.first..self.last())
            .step_by(BLOCK_IDS as usize)
            .map(move |first| (first, (first + BLOCK_IDS).min(self.last())))
    }
}
