//! Loading: the columns of a chunk, straight from Postgres into Arrow arrays, and only those the plan lists.

use super::blocks::StoredBlocks;
use super::column_builder::ColumnBuilder;
use super::load_events::load_events;
use super::meter::{Meter, Phase};
use super::pg_array::{Elements, RawRow, read_i32, read_instant};
use super::scan::ChunkRange;
use crate::audience::field_column::{custom_column, date_column, text_column};
use crate::error::Error;
use crate::evaluate::{Chunk, Column, ColumnKey, GroupKey, Plan};
use crate::rule::{Moment, TextField};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};
use std::collections::{BTreeSet, HashMap};

/// Loads what a plan needs to know about a range of ids.
pub fn load_chunk(
    connection: &mut PgConnection,
    plan: &Plan,
    range: ChunkRange,
    moment: &Moment,
    meter: &Meter,
) -> Result<Chunk, Error> {
    let (exists, columns) = meter.time(Phase::Fields, || load_columns(connection, plan, range))?;
    let (groups, segments) = meter.time(Phase::Memberships, || {
        let groups = load_groups(connection, plan, range)?;
        Ok::<_, Error>((groups, load_segments(connection, plan, range)?))
    })?;
    let events = meter.time(Phase::Events, || {
        load_events(connection, &plan.events, range, moment, meter)
    })?;
    Ok(Chunk {
        first_id: range.first,
        exists,
        columns,
        groups,
        segments,
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

/// Returns what to select for a column. Custom values are read as text, which cannot fail, and parsed here; so is the
/// domain of an e-mail.
fn sql_expression(key: &ColumnKey) -> String {
    match key {
        ColumnKey::Text(TextField::EmailDomain) => text_column(&TextField::Email),
        ColumnKey::Text(field) => text_column(field),
        ColumnKey::Date(field) => date_column(field),
        ColumnKey::Number(key) | ColumnKey::Boolean(key) | ColumnKey::List(key) => {
            custom_column(key)
        }
        ColumnKey::Latitude => "latitude".to_owned(),
        ColumnKey::Longitude => "longitude".to_owned(),
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

fn load_groups(
    connection: &mut PgConnection,
    plan: &Plan,
    range: ChunkRange,
) -> Result<HashMap<GroupKey, BooleanBuffer>, Error> {
    if plan.groups.is_empty() {
        return Ok(HashMap::new());
    }
    let is_windowed = |key: &&GroupKey| key.from.is_some() || key.until.is_some();
    let added_at = match plan.groups.iter().find(is_windowed) {
        Some(_) => "array_agg(added_at)",
        None => "NULL",
    };
    let ids: BTreeSet<i64> = plan.groups.iter().map(|key| key.id).collect();
    let sql = format!(
        "SELECT group_id, array_agg((subscriber_id - $2)::integer), {added_at} FROM group_memberships \
         WHERE group_id = ANY($1) AND subscriber_id >= $2 AND subscriber_id < $3 GROUP BY group_id"
    );
    let rows: Vec<RawRow> = diesel::sql_query(sql)
        .bind::<Array<BigInt>, _>(Vec::from_iter(ids))
        .bind::<BigInt, _>(range.first)
        .bind::<BigInt, _>(range.last())
        .load(connection)?;
    let mut groups = HashMap::new();
    for row in rows {
        let id = row.bigint(0)?;
        let offsets = read_offsets(row.array(1)?)?;
        let added = read_instants(row.array(2)?)?;
        for key in plan.groups.iter().filter(|key| key.id == id) {
            let mut members = BooleanBufferBuilder::new(range.rows);
            members.append_n(range.rows, false);
            for (place, offset) in offsets.iter().enumerate() {
                let counts = added.get(place).is_none_or(|added| key.contains(*added));
                if counts && *offset < range.rows {
                    members.set_bit(*offset, true);
                }
            }
            groups.insert(*key, members.finish());
        }
    }
    Ok(groups)
}

fn read_instants(mut elements: Elements<'_>) -> Result<Vec<i64>, Error> {
    let mut instants = Vec::with_capacity(elements.len());
    while let Some(element) = elements.next_element()? {
        instants.push(read_instant(element.unwrap_or_default())?);
    }
    Ok(instants)
}

/// Loads the stored members of the segments whose rules are not in the plan.
fn load_segments(
    connection: &mut PgConnection,
    plan: &Plan,
    range: ChunkRange,
) -> Result<HashMap<i64, BooleanBuffer>, Error> {
    if plan.segments.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = Vec::from_iter(plan.segments.iter().copied());
    let stored = StoredBlocks::load(connection, &ids, range)?;
    Ok(ids
        .into_iter()
        .map(|id| (id, stored.members(id, range)))
        .collect())
}
