//! Membership at any moment of the past: the present members, with every change since then undone.
//!
//! The moment of a change is the `as_of` of its refresh. Changes are kept as long as the settings say; what is older
//! is folded away, and whoever asks beyond it is told so.

use super::history::{Refresh, SegmentRefresh};
use crate::audience::gaps;
use crate::audience::id_set::IdSet;
use crate::audience::membership::CHUNK_IDS;
use crate::audience::paging::{Page, PageRequest};
use crate::db::schema::{history, refreshes, segment_changes, segment_refreshes};
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::dsl::{max, min};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Timestamptz};
use serde_json::Value;
use std::collections::HashMap;

/// Runs a question over one snapshot, so that members and changes belong together.
fn in_snapshot<T>(
    connection: &mut PgConnection,
    ask: impl FnOnce(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    connection
        .build_transaction()
        .repeatable_read()
        .read_only()
        .run(ask)
}

/// Returns the members of a segment as of a moment, among those who are subscribers still.
///
/// # Errors
/// [`Error::Invalid`] if the moment is longer ago than changes are kept; those of the database.
pub fn find_members_as_of(
    connection: &mut PgConnection,
    segment_id: i64,
    at: DateTime<Utc>,
) -> Result<IdSet, Error> {
    in_snapshot(connection, |connection| {
        members_as_of(connection, segment_id, at)
    })
}

fn members_as_of(
    connection: &mut PgConnection,
    segment_id: i64,
    at: DateTime<Utc>,
) -> Result<IdSet, Error> {
    let last: Option<i64> = segment_refreshes::table
        .inner_join(refreshes::table)
        .filter(segment_refreshes::segment_id.eq(segment_id))
        .filter(segment_refreshes::problems.eq(Value::Array(Vec::new())))
        .filter(refreshes::as_of.le(at))
        .select(max(segment_refreshes::refresh_id))
        .first(connection)?;
    match last {
        // Before its first refresh the segment was empty.
        None => Ok(IdSet::default()),
        Some(last) => {
            check_kept(connection, last, at)?;
            members_after(connection, segment_id, last)
        }
    }
}

/// Makes sure that no change after a refresh was folded away.
fn check_kept(
    connection: &mut PgConnection,
    refresh_id: i64,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let folded: i64 = history::table
        .select(history::folded_through)
        .first(connection)?;
    if refresh_id >= folded {
        return Ok(());
    }
    let since: DateTime<Utc> = refreshes::table
        .find(folded)
        .select(refreshes::as_of)
        .first(connection)?;
    let message = format!(
        "expected a moment since {since}, which is how far back changes are kept, found {at}"
    );
    Err(Error::invalid("asOf", message))
}

/// Returns the members after a refresh: the present ones, with every later change undone.
fn members_after(
    connection: &mut PgConnection,
    segment_id: i64,
    refresh_id: i64,
) -> Result<IdSet, Error> {
    let mut members = IdSet::of_segment(connection, segment_id)?;
    let later = segment_changes::table
        .filter(segment_changes::segment_id.eq(segment_id))
        .filter(segment_changes::refresh_id.gt(refresh_id));
    let rows: Vec<(i32, Vec<u8>)> = later
        .select((segment_changes::chunk, segment_changes::changed))
        .load(connection)?;
    for (chunk, changed) in rows {
        for id in ids_of(chunk, &changed)? {
            members.flip(id);
        }
    }
    Ok(members)
}

fn ids_of(chunk: i32, changed: &[u8]) -> Result<impl Iterator<Item = i64>, Error> {
    let first = i64::from(chunk) * CHUNK_IDS;
    let offsets = gaps::decode(changed)?;
    Ok(offsets
        .into_iter()
        .map(move |offset| first + i64::from(offset)))
}

/// Who joined a segment and who left it in a refresh, among those who are subscribers still.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Who was not a member before and was after it.
    pub joined: IdSet,
    /// Who was a member before and was not after it.
    pub left: IdSet,
}

/// Finds who joined a segment and who left it in a refresh.
///
/// # Errors
/// [`Error::Invalid`] if the refresh is longer ago than changes are kept; those of the database.
pub fn find_changed(
    connection: &mut PgConnection,
    segment_id: i64,
    refresh_id: i64,
) -> Result<Changed, Error> {
    in_snapshot(connection, |connection| {
        let as_of: DateTime<Utc> = refreshes::table
            .find(refresh_id)
            .select(refreshes::as_of)
            .first(connection)?;
        // Of the very refresh that was folded away last, the members after it are known, but not the change.
        check_kept(connection, refresh_id - 1, as_of)?;
        let after = members_after(connection, segment_id, refresh_id)?;
        if find_first_fill(connection, &[segment_id])?.get(&segment_id) == Some(&refresh_id) {
            return Ok(Changed {
                joined: after,
                left: IdSet::default(),
            });
        }
        let rows: Vec<(i32, Vec<u8>)> = segment_changes::table
            .filter(segment_changes::segment_id.eq(segment_id))
            .filter(segment_changes::refresh_id.eq(refresh_id))
            .select((segment_changes::chunk, segment_changes::changed))
            .load(connection)?;
        let mut changed = Changed::default();
        for (chunk, ids) in rows {
            for id in ids_of(chunk, &ids)? {
                match after.contains(id) {
                    true => changed.joined.flip(id),
                    false => changed.left.flip(id),
                }
            }
        }
        Ok(changed)
    })
}

/// Returns the refresh in which each of these segments was filled first.
fn find_first_fill(
    connection: &mut PgConnection,
    segment_ids: &[i64],
) -> Result<HashMap<i64, i64>, Error> {
    let rows: Vec<(i64, Option<i64>)> = segment_refreshes::table
        .filter(segment_refreshes::segment_id.eq_any(segment_ids))
        .filter(segment_refreshes::problems.eq(Value::Array(Vec::new())))
        .group_by(segment_refreshes::segment_id)
        .select((
            segment_refreshes::segment_id,
            min(segment_refreshes::refresh_id),
        ))
        .load(connection)?;
    let filled = rows.into_iter();
    Ok(filled
        .filter_map(|(segment, refresh)| Some((segment, refresh?)))
        .collect())
}

/// A subscriber who joined a segment or left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The segment.
    pub segment_id: i64,
    /// The refresh in which it happened.
    pub refresh_id: i64,
    /// Its `as_of`.
    pub at: DateTime<Utc>,
    /// Whether the subscriber joined rather than left.
    pub joined: bool,
}

/// Lists when a subscriber joined segments and left them, newest first.
///
/// What is longer ago than changes are kept is not in it: neither is that somebody joined whose membership is older.
///
/// # Errors
/// Those of the database.
pub fn list_passages(
    connection: &mut PgConnection,
    subscriber_id: i64,
) -> Result<Vec<Passage>, Error> {
    in_snapshot(connection, |connection| {
        let rows = changes_around(connection, subscriber_id)?;
        let ids: Vec<i64> = rows.keys().copied().collect();
        let first_fills = find_first_fill(connection, &ids)?;
        let folded: i64 = history::table
            .select(history::folded_through)
            .first(connection)?;
        let mut passages = Vec::new();
        for (segment_id, known) in rows {
            let mut is_in = known.is_member;
            for refresh_id in known.changed_in {
                passages.push((segment_id, refresh_id, is_in));
                is_in = !is_in;
            }
            let first_fill = first_fills.get(&segment_id).copied();
            if let Some(first) = first_fill.filter(|first| is_in && *first > folded) {
                passages.push((segment_id, first, true));
            }
        }
        date_passages(connection, passages)
    })
}

fn date_passages(
    connection: &mut PgConnection,
    passages: Vec<(i64, i64, bool)>,
) -> Result<Vec<Passage>, Error> {
    let ids: Vec<i64> = passages.iter().map(|(_, refresh, _)| *refresh).collect();
    let dates: Vec<(i64, DateTime<Utc>)> = refreshes::table
        .filter(refreshes::id.eq_any(ids))
        .select((refreshes::id, refreshes::as_of))
        .load(connection)?;
    let dates: HashMap<i64, DateTime<Utc>> = dates.into_iter().collect();
    let dated = passages.into_iter().filter_map(|passage| {
        let (segment_id, refresh_id, joined) = passage;
        Some(Passage {
            segment_id,
            refresh_id,
            at: *dates.get(&refresh_id)?,
            joined,
        })
    });
    let mut dated: Vec<Passage> = dated.collect();
    dated.sort_by_key(|passage| (std::cmp::Reverse(passage.refresh_id), passage.segment_id));
    Ok(dated)
}

/// What is known of one subscriber and one segment.
#[derive(Default)]
struct Known {
    is_member: bool,
    /// The refreshes in which that changed, newest first.
    changed_in: Vec<i64>,
}

/// Finds membership and its changes of a subscriber in every segment.
fn changes_around(
    connection: &mut PgConnection,
    subscriber_id: i64,
) -> Result<HashMap<i64, Known>, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Bool)]
        is_member: bool,
        #[diesel(sql_type = Array<BigInt>)]
        refresh_ids: Vec<i64>,
        #[diesel(sql_type = Array<Binary>)]
        changes: Vec<Vec<u8>>,
    }
    let chunk = i32::try_from(subscriber_id / CHUNK_IDS).unwrap_or(i32::MAX);
    let place = u32::try_from(subscriber_id % CHUNK_IDS).unwrap_or(u32::MAX);
    // Segment by segment along the index, which begins with them.
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT s.id, segment_has(s.id, $1) AS is_member, c.refresh_ids, c.changes FROM segments s CROSS JOIN LATERAL \
         (SELECT coalesce(array_agg(refresh_id ORDER BY refresh_id DESC), '{}') AS refresh_ids, \
          coalesce(array_agg(changed ORDER BY refresh_id DESC), '{}') AS changes \
          FROM segment_changes WHERE segment_id = s.id AND chunk = $2) c",
    )
    .bind::<BigInt, _>(subscriber_id)
    .bind::<Integer, _>(chunk)
    .load(connection)?;
    let mut known = HashMap::with_capacity(rows.len());
    for row in rows {
        let mut changed_in = Vec::new();
        for (refresh_id, changed) in row.refresh_ids.iter().zip(&row.changes) {
            if gaps::decode(changed)?.binary_search(&place).is_ok() {
                changed_in.push(*refresh_id);
            }
        }
        let is_member = row.is_member;
        known.insert(
            row.id,
            Known {
                is_member,
                changed_in,
            },
        );
    }
    Ok(known)
}

/// Finds since when members have been members of segments: for each (segment, subscriber) pair that is a membership
/// as of a moment, or now, and of which that is known.
///
/// # Errors
/// Those of the database.
pub fn find_joined_at(
    connection: &mut PgConnection,
    pairs: &[(i64, i64)],
    at: Option<DateTime<Utc>>,
) -> Result<HashMap<(i64, i64), DateTime<Utc>>, Error> {
    in_snapshot(connection, |connection| {
        let mut by_chunk: HashMap<(i64, i64), Vec<i64>> = HashMap::new();
        for (segment, subscriber) in pairs {
            let chunk = (*segment, subscriber / CHUNK_IDS);
            by_chunk.entry(chunk).or_default().push(*subscriber);
        }
        let last = last_changes(connection, &by_chunk, at)?;
        let segments: Vec<i64> = pairs.iter().map(|(segment, _)| *segment).collect();
        let first_fills = find_first_fill(connection, &segments)?;
        let folded: i64 = history::table
            .select(history::folded_through)
            .first(connection)?;
        let joined: Vec<((i64, i64), i64)> = pairs
            .iter()
            .filter_map(|pair| {
                let first = first_fills.get(&pair.0).filter(|first| **first > folded);
                Some((*pair, *last.get(pair).or(first)?))
            })
            .collect();
        let ids: Vec<i64> = joined.iter().map(|(_, refresh)| *refresh).collect();
        let dates: Vec<(i64, DateTime<Utc>)> = refreshes::table
            .filter(refreshes::id.eq_any(ids))
            .select((refreshes::id, refreshes::as_of))
            .load(connection)?;
        let dates: HashMap<i64, DateTime<Utc>> = dates.into_iter().collect();
        Ok(joined
            .into_iter()
            .filter_map(|(pair, refresh)| Some((pair, *dates.get(&refresh)?)))
            .collect())
    })
}

/// Finds the last refresh in which the membership of each of these pairs changed, if any did.
fn last_changes(
    connection: &mut PgConnection,
    by_chunk: &HashMap<(i64, i64), Vec<i64>>,
    at: Option<DateTime<Utc>>,
) -> Result<HashMap<(i64, i64), i64>, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        segment_id: i64,
        #[diesel(sql_type = Integer)]
        chunk: i32,
        #[diesel(sql_type = BigInt)]
        refresh_id: i64,
        #[diesel(sql_type = Binary)]
        changed: Vec<u8>,
    }
    let (segments, chunks): (Vec<i64>, Vec<i64>) = by_chunk.keys().copied().unzip();
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT c.segment_id, c.chunk, c.refresh_id, c.changed FROM unnest($1, $2) AS asked (segment_id, chunk) \
         JOIN segment_changes c ON c.segment_id = asked.segment_id AND c.chunk = asked.chunk::integer \
         WHERE $3 IS NULL OR (SELECT as_of FROM refreshes WHERE id = c.refresh_id) <= $3 ORDER BY c.refresh_id DESC",
    )
    .bind::<Array<BigInt>, _>(segments)
    .bind::<Array<BigInt>, _>(chunks)
    .bind::<Nullable<Timestamptz>, _>(at)
    .load(connection)?;
    let mut last = HashMap::new();
    for row in rows {
        let asked = by_chunk.get(&(row.segment_id, i64::from(row.chunk)));
        let mut waiting: Vec<i64> = asked.into_iter().flatten().copied().collect();
        waiting.retain(|id| !last.contains_key(&(row.segment_id, *id)));
        if waiting.is_empty() {
            continue;
        }
        let changed = gaps::decode(&row.changed)?;
        for id in waiting {
            let place = u32::try_from(id % CHUNK_IDS).unwrap_or(u32::MAX);
            if changed.binary_search(&place).is_ok() {
                last.insert((row.segment_id, id), row.refresh_id);
            }
        }
    }
    Ok(last)
}

/// Lists a page of the refreshes of a segment, newest first, with what each did to it.
///
/// # Errors
/// Those of the database.
pub fn list_refreshes_of(
    connection: &mut PgConnection,
    segment_id: i64,
    request: &PageRequest<i64>,
) -> Result<Page<(Refresh, SegmentRefresh)>, Error> {
    request.fetch(|request, limit| {
        let mut query = segment_refreshes::table
            .inner_join(refreshes::table)
            .filter(segment_refreshes::segment_id.eq(segment_id))
            .select((Refresh::as_select(), SegmentRefresh::as_select()))
            .limit(limit)
            .into_boxed();
        if let Some(after) = request.after {
            query = query.filter(segment_refreshes::refresh_id.lt(after));
        }
        if let Some(before) = request.before {
            query = query.filter(segment_refreshes::refresh_id.gt(before));
        }
        query = if request.from_end {
            query.order(segment_refreshes::refresh_id.asc())
        } else {
            query.order(segment_refreshes::refresh_id.desc())
        };
        Ok(query.load(connection)?)
    })
}

/// Returns how many refreshes a segment has had.
///
/// # Errors
/// Those of the database.
pub fn count_refreshes_of(connection: &mut PgConnection, segment_id: i64) -> Result<i64, Error> {
    Ok(segment_refreshes::table
        .filter(segment_refreshes::segment_id.eq(segment_id))
        .count()
        .get_result(connection)?)
}

/// Folds away the changes of refreshes whose `as_of` is before a moment; returns how many rows went.
///
/// # Errors
/// Those of the database.
pub fn fold_history(connection: &mut PgConnection, before: DateTime<Utc>) -> Result<usize, Error> {
    connection.transaction(|connection| {
        // Not simply those before the moment: a refresh may have been run by another clock, and those before it not.
        let succeeded = refreshes::table.filter(refreshes::state.eq("succeeded"));
        let first_kept: Option<i64> = succeeded
            .filter(refreshes::as_of.ge(before))
            .select(min(refreshes::id))
            .first(connection)?;
        let mut folded = succeeded.select(max(refreshes::id)).into_boxed();
        if let Some(first_kept) = first_kept {
            folded = folded.filter(refreshes::id.lt(first_kept));
        }
        let Some(last): Option<i64> = folded.first(connection)? else {
            return Ok(0);
        };
        // An earlier fold may have gone further, with another setting.
        let moved = diesel::update(history::table.filter(history::folded_through.lt(last)))
            .set(history::folded_through.eq(last))
            .execute(connection)?;
        if moved == 0 {
            return Ok(0);
        }
        let folded = segment_changes::table.filter(segment_changes::refresh_id.le(last));
        Ok(diesel::delete(folded).execute(connection)?)
    })
}

/// What a stretch of time did to a segment.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct GrowthPoint {
    /// The first instant of the stretch; of a single refresh its `as_of`.
    #[diesel(sql_type = Timestamptz)]
    pub start: DateTime<Utc>,
    /// How many members there were at its end.
    #[diesel(sql_type = BigInt)]
    pub member_count: i64,
    /// How many joined within it.
    #[diesel(sql_type = BigInt)]
    pub joined: i64,
    /// How many left within it.
    #[diesel(sql_type = BigInt)]
    pub left: i64,
}

/// How long the stretches are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrowthStep {
    /// Each refresh by itself.
    Refresh,
    /// Local days.
    Day,
    /// Local weeks, from Monday.
    Week,
    /// Local months.
    Month,
}

/// The most points of a growth.
pub const MAX_GROWTH_POINTS: i64 = 1_000;

/// Tells how a segment grew: one point for each stretch with a refresh, oldest first, of the refreshes whose `as_of`
/// lies in a half-open range.
///
/// # Errors
/// [`Error::Invalid`] if there are more than 1,000; those of the database.
pub fn list_growth(
    connection: &mut PgConnection,
    segment_id: i64,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    step: GrowthStep,
    zone: chrono_tz::Tz,
) -> Result<Vec<GrowthPoint>, Error> {
    let start = match step {
        GrowthStep::Refresh => "r.as_of".to_owned(),
        GrowthStep::Day => format!("date_trunc('day', r.as_of, '{zone}')"),
        GrowthStep::Week => format!("date_trunc('week', r.as_of, '{zone}')"),
        GrowthStep::Month => format!("date_trunc('month', r.as_of, '{zone}')"),
    };
    let group = match step {
        GrowthStep::Refresh => "r.id, 1",
        _ => "1",
    };
    let sql = format!(
        "SELECT {start} AS start, (array_agg(s.member_count ORDER BY s.refresh_id DESC))[1] AS member_count, \
         sum(s.joined)::bigint AS joined, sum(s.\"left\")::bigint AS \"left\" \
         FROM segment_refreshes s JOIN refreshes r ON r.id = s.refresh_id \
         WHERE s.segment_id = $1 AND r.as_of >= $2 AND r.as_of < $3 GROUP BY {group} ORDER BY max(s.refresh_id) LIMIT {}",
        MAX_GROWTH_POINTS + 1
    );
    let points: Vec<GrowthPoint> = diesel::sql_query(sql)
        .bind::<BigInt, _>(segment_id)
        .bind::<Timestamptz, _>(from)
        .bind::<Timestamptz, _>(to)
        .load(connection)?;
    if points.len() as i64 > MAX_GROWTH_POINTS {
        let message = format!(
            "expected at most {MAX_GROWTH_POINTS} points, found more; ask for longer steps or a shorter time"
        );
        return Err(Error::invalid("by", message));
    }
    Ok(points)
}
