//! Loads the columns of a chunk straight from Postgres into Arrow arrays, and only the columns that the plan lists.

use super::blocks::{StoredBlocks, load_stored_bits};
use super::column_builder::ColumnBuilder;
use super::load_events::load_events;
use super::load_history::load_histories;
use super::meter::Phase;
use super::pg_array::{Elements, RawRow, read_i32, read_instant};
use super::rows::{Piece, Rows};
use super::work::Work;
use crate::audience::field_column::{custom_column, date_column, text_column};
use crate::error::Error;
use crate::evaluate::{Chunk, Column, ColumnKey, GroupKey, Plan};
use crate::rule::TextField;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};
use std::collections::{BTreeSet, HashMap};

/// Loads the data that a plan needs about some subscribers.
///
/// # Errors
/// [`Error::Abandoned`] and [`Error::TimedOut`] if the work is stopped.
pub fn load_chunk(
    connection: &mut PgConnection,
    plan: &Plan,
    rows: &Rows,
    work: Work<'_>,
) -> Result<Chunk, Error> {
    let meter = work.meter;
    let (exists, columns) =
        meter.time(Phase::Fields, || load_columns(connection, plan, rows, work))?;
    let (groups, segments, histories) = meter.time(Phase::Memberships, || {
        let groups = load_groups(connection, plan, rows)?;
        let segments = load_segments(connection, plan, rows)?;
        let histories = load_histories(connection, plan, rows, &segments)?;
        Ok::<_, Error>((groups, segments, histories))
    })?;
    let events = meter.time(Phase::Events, || {
        load_events(connection, &plan.events, rows, work)
    })?;
    Ok(Chunk {
        ids: rows.ids(),
        exists,
        columns,
        groups,
        segments,
        histories,
        events,
    })
}

fn load_columns(
    connection: &mut PgConnection,
    plan: &Plan,
    rows: &Rows,
    work: Work<'_>,
) -> Result<(BooleanBuffer, HashMap<ColumnKey, Column>), Error> {
    let mut exists = BooleanBufferBuilder::new(rows.count());
    let mut builders: Vec<(&ColumnKey, ColumnBuilder)> = plan
        .columns
        .iter()
        .map(|key| (key, ColumnBuilder::new(key, rows.count())))
        .collect();
    let expressions: Vec<String> = plan.columns.iter().map(sql_expression).collect();
    for piece in rows.pieces() {
        work.cancel.check()?;
        let row: RawRow =
            diesel::sql_query(columns_sql(&expressions, piece)).get_result(connection)?;
        let rows = piece.rows();
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

fn columns_sql(expressions: &[String], piece: Piece<'_>) -> String {
    let aggregates: String = (0..expressions.len())
        .map(|position| format!(", array_agg(c{position})"))
        .collect();
    let columns: String = expressions
        .iter()
        .enumerate()
        .map(|(position, expression)| format!(", {expression} AS c{position}"))
        .collect();
    format!(
        "SELECT array_agg(place){aggregates} FROM (SELECT {}::integer AS place{columns} \
         FROM {} ORDER BY id) AS people",
        piece.place("id"),
        piece.source("subscribers", "id"),
    )
}

/// Returns the SQL expression for a column. Custom values are read as text, which cannot fail, and parsed here; so is
/// the domain of an e-mail address.
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
    rows: &Rows,
) -> Result<HashMap<GroupKey, BooleanBuffer>, Error> {
    let ids: BTreeSet<i64> = plan.groups.iter().filter_map(|key| key.group).collect();
    let mut groups = HashMap::new();
    if plan.groups.iter().any(|key| key.group.is_none()) {
        let whole = rows.whole();
        let sql = format!(
            "SELECT NULL, array_agg({}::integer), array_agg(added_at) FROM {}",
            whole.place("subscriber_id"),
            whole.source("group_memberships", "subscriber_id"),
        );
        let row: RawRow = diesel::sql_query(sql).get_result(connection)?;
        let keys = plan.groups.iter().filter(|key| key.group.is_none());
        groups.extend(read_members(&row, keys, rows)?);
    }
    if ids.is_empty() {
        return Ok(groups);
    }
    let is_windowed = |key: &&GroupKey| key.from.is_some() || key.until.is_some();
    let added_at = match plan.groups.iter().find(is_windowed) {
        Some(_) => "array_agg(added_at)",
        None => "NULL",
    };
    let whole = rows.whole();
    let sql = format!(
        "SELECT group_id, array_agg({}::integer), {added_at} FROM {} AND group_id = ANY($1) GROUP BY group_id",
        whole.place("subscriber_id"),
        whole.source("group_memberships", "subscriber_id"),
    );
    let found: Vec<RawRow> = diesel::sql_query(sql)
        .bind::<Array<BigInt>, _>(Vec::from_iter(ids))
        .load(connection)?;
    for row in found {
        let id = row.bigint(0)?;
        let keys = plan.groups.iter().filter(|key| key.group == Some(id));
        groups.extend(read_members(&row, keys, rows)?);
    }
    Ok(groups)
}

/// Returns the members that count for each key. The row has the places of members and the times at which they were
/// added.
fn read_members<'k>(
    row: &RawRow,
    keys: impl Iterator<Item = &'k GroupKey>,
    rows: &Rows,
) -> Result<Vec<(GroupKey, BooleanBuffer)>, Error> {
    let offsets = read_offsets(row.array(1)?)?;
    let added = read_instants(row.array(2)?)?;
    let members = |key: &GroupKey| {
        let mut members = BooleanBufferBuilder::new(rows.count());
        members.append_n(rows.count(), false);
        for (place, offset) in offsets.iter().enumerate() {
            let counts = added.get(place).is_none_or(|added| key.contains(*added));
            if counts && *offset < rows.count() {
                members.set_bit(*offset, true);
            }
        }
        members.finish()
    };
    Ok(keys.map(|key| (*key, members(key))).collect())
}

fn read_instants(mut elements: Elements<'_>) -> Result<Vec<i64>, Error> {
    let mut instants = Vec::with_capacity(elements.len());
    while let Some(element) = elements.next_element()? {
        instants.push(read_instant(element.unwrap_or_default())?);
    }
    Ok(instants)
}

/// Loads the stored members of the segments that the plan lists.
fn load_segments(
    connection: &mut PgConnection,
    plan: &Plan,
    rows: &Rows,
) -> Result<HashMap<i64, BooleanBuffer>, Error> {
    if plan.segments.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = Vec::from_iter(plan.segments.iter().copied());
    match rows {
        Rows::Range(range) => {
            let stored = StoredBlocks::load(connection, &ids, *range)?;
            let members = ids.into_iter().map(|id| (id, stored.members(id, *range)));
            Ok(members.collect())
        }
        Rows::List(subscriber_ids) => load_stored_bits(connection, &ids, subscriber_ids),
    }
}
