//! Loads the history of segments for a chunk: which memberships there were, and when they began.
//!
//! The history is what refreshes and the follower wrote before the snapshot. `evaluate/tree.rs` adds the memberships
//! that begin with the present evaluation.

use super::rows::Rows;
use crate::audience::block::CHUNK_IDS;
use crate::audience::gaps;
use crate::db::schema::{history, instant_changes, refreshes, segment_changes};
use crate::error::Error;
use crate::evaluate::{HistoryKey, Plan};
use crate::past::as_of::find_first_fill;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use std::collections::{BTreeSet, HashMap};

/// Some memberships of a segment that changed together.
struct Change {
    /// The place among all changes: the refresh, and the number of the change after it.
    place: (i64, i64),
    /// When the change happened, in microseconds since 1970-01-01.
    at: i64,
    /// The rows of the chunk whose memberships changed.
    rows: Vec<usize>,
}

/// The history of a segment, as far as it concerns a chunk.
#[derive(Default)]
struct History {
    /// The changes that are kept, newest first.
    changes: Vec<Change>,
    /// When the segment was filled first, unless that is longer ago than changes are kept.
    first_filled_at: Option<i64>,
}

/// Finds for each key of the plan the subscribers who have had a membership that counts. `stored` holds the stored
/// members of the segments.
pub fn load_histories(
    connection: &mut PgConnection,
    plan: &Plan,
    rows: &Rows,
    stored: &HashMap<i64, BooleanBuffer>,
) -> Result<HashMap<HistoryKey, BooleanBuffer>, Error> {
    if plan.histories.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: BTreeSet<i64> = plan.histories.iter().map(|key| key.segment_id).collect();
    let known = read_histories(connection, &Vec::from_iter(ids), rows)?;
    let nobody = BooleanBuffer::new_unset(rows.count());
    let nothing = History::default();
    let find = |key: &HistoryKey| {
        let stored = stored.get(&key.segment_id).unwrap_or(&nobody);
        let history = known.get(&key.segment_id).unwrap_or(&nothing);
        (*key, find_members(key, stored, history))
    };
    Ok(plan.histories.iter().map(find).collect())
}

/// Finds the subscribers who have had a membership that counts. Goes back from the stored members, change by change.
fn find_members(key: &HistoryKey, stored: &BooleanBuffer, history: &History) -> BooleanBuffer {
    let mut is_member: Vec<bool> = stored.iter().collect();
    let mut has_changed = vec![false; is_member.len()];
    let mut found = BooleanBufferBuilder::new(is_member.len());
    match key.is_unbounded() {
        true => found.append_buffer(stored),
        false => found.append_n(is_member.len(), false),
    }
    for change in &history.changes {
        let is_in_time = key.contains(change.at);
        for row in change.rows.iter().copied() {
            // Without bounds, every change shows a membership that counts, whenever it began.
            let has_joined = is_member[row] && is_in_time && (key.ever || !has_changed[row]);
            if has_joined || key.is_unbounded() {
                found.set_bit(row, true);
            }
            has_changed[row] = true;
            is_member[row] = !is_member[row];
        }
    }
    if history.first_filled_at.is_some_and(|at| key.contains(at)) {
        for row in 0..is_member.len() {
            if is_member[row] && (key.ever || !has_changed[row]) {
                found.set_bit(row, true);
            }
        }
    }
    found.finish()
}

fn read_histories(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    rows: &Rows,
) -> Result<HashMap<i64, History>, Error> {
    let mut known: HashMap<i64, History> = HashMap::new();
    for (segment_id, change) in changes_in_refreshes(connection, segment_ids, rows)? {
        known.entry(segment_id).or_default().changes.push(change);
    }
    for (segment_id, change) in changes_between(connection, segment_ids, rows)? {
        known.entry(segment_id).or_default().changes.push(change);
    }
    for history in known.values_mut() {
        let newest_first = |change: &Change| std::cmp::Reverse(change.place);
        history.changes.sort_by_key(newest_first);
    }
    for (segment_id, at) in first_fills(connection, segment_ids)? {
        known.entry(segment_id).or_default().first_filled_at = Some(at);
    }
    Ok(known)
}

fn changes_in_refreshes(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    rows: &Rows,
) -> Result<Vec<(i64, Change)>, Error> {
    /// A segment, a chunk, a refresh, the changed ids, and the time.
    type Row = (i64, i32, i64, Vec<u8>, DateTime<Utc>);
    let found: Vec<Row> = segment_changes::table
        .inner_join(refreshes::table)
        .filter(segment_changes::segment_id.eq_any(segment_ids))
        .filter(segment_changes::chunk.eq_any(chunks_of(rows)))
        .select((
            segment_changes::segment_id,
            segment_changes::chunk,
            segment_changes::refresh_id,
            segment_changes::changed,
            refreshes::as_of,
        ))
        .load(connection)?;
    let read = |(segment_id, chunk, refresh_id, changed, as_of): Row| {
        let first = i64::from(chunk) * CHUNK_IDS;
        let ids = gaps::decode(&changed)?.into_iter();
        let change = Change {
            place: (refresh_id, 0),
            at: as_of.timestamp_micros(),
            rows: ids
                .filter_map(|offset| row_of(rows, first + i64::from(offset)))
                .collect(),
        };
        Ok::<_, Error>((segment_id, change))
    };
    found.into_iter().map(read).collect()
}

/// Reads the changes of instant segments between refreshes.
fn changes_between(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    rows: &Rows,
) -> Result<Vec<(i64, Change)>, Error> {
    let mut query = instant_changes::table
        .filter(instant_changes::segment_id.eq_any(segment_ids))
        .select((
            instant_changes::segment_id,
            instant_changes::subscriber_id,
            instant_changes::refresh_id,
            instant_changes::id,
            instant_changes::changed_at,
        ))
        .into_boxed();
    query = match rows {
        Rows::Range(range) => query
            .filter(instant_changes::subscriber_id.ge(range.first))
            .filter(instant_changes::subscriber_id.lt(range.last())),
        Rows::List(ids) => query.filter(instant_changes::subscriber_id.eq_any(ids)),
    };
    let found: Vec<(i64, i64, i64, i64, DateTime<Utc>)> = query.load(connection)?;
    let read =
        |(segment_id, subscriber_id, refresh_id, number, at): (_, _, _, _, DateTime<Utc>)| {
            let change = Change {
                place: (refresh_id, number),
                at: at.timestamp_micros(),
                rows: Vec::from_iter(row_of(rows, subscriber_id)),
            };
            (segment_id, change)
        };
    Ok(found.into_iter().map(read).collect())
}

/// Finds when segments were filled first, as far as changes are kept.
fn first_fills(
    connection: &mut PgConnection,
    segment_ids: &[i64],
) -> Result<Vec<(i64, i64)>, Error> {
    let folded: i64 = history::table
        .select(history::folded_through)
        .first(connection)?;
    let fills = find_first_fill(connection, segment_ids)?;
    let known = fills.values().filter(|refresh_id| **refresh_id > folded);
    let dates: Vec<(i64, DateTime<Utc>)> = refreshes::table
        .filter(refreshes::id.eq_any(known))
        .select((refreshes::id, refreshes::as_of))
        .load(connection)?;
    let dates: HashMap<i64, DateTime<Utc>> = dates.into_iter().collect();
    let date = |(segment_id, refresh_id)| {
        let at = dates.get(&refresh_id)?;
        Some((segment_id, at.timestamp_micros()))
    };
    Ok(fills.into_iter().filter_map(date).collect())
}

/// Lists the chunks of the stored changes that concern these rows.
fn chunks_of(rows: &Rows) -> Vec<i32> {
    let chunk = |id: i64| i32::try_from(id / CHUNK_IDS).unwrap_or(i32::MAX);
    match rows {
        Rows::Range(range) => (chunk(range.first)..=chunk(range.last() - 1)).collect(),
        Rows::List(ids) => {
            let mut chunks: Vec<i32> = ids.iter().map(|id| chunk(*id)).collect();
            chunks.dedup();
            chunks
        }
    }
}

/// Returns the row of a subscriber, if it is one of these.
fn row_of(rows: &Rows, id: i64) -> Option<usize> {
    match rows {
        Rows::Range(range) => {
            let row = usize::try_from(id - range.first).ok()?;
            (row < range.rows).then_some(row)
        }
        Rows::List(ids) => ids.binary_search(&id).ok(),
    }
}
