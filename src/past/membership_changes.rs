//! Membership changes: when a subscriber joined segments and left them, assembled from the changes in refreshes and
//! between them.

use super::as_of::find_first_fill;
use super::snapshot::in_snapshot;
use crate::audience::block::CHUNK_IDS;
use crate::audience::gaps;
use crate::db::schema::{history, instant_changes, refreshes};
use crate::db::statement;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Timestamptz};
use std::collections::{HashMap, HashSet};

/// A membership change: a subscriber joined a segment or left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipChange {
    /// The segment.
    pub segment_id: i64,
    /// The place among all changes, which does not depend on clocks.
    pub place: (i64, i64),
    /// The refresh in which it happened; `None` if the follower wrote it between refreshes.
    pub refresh_id: Option<i64>,
    /// The `as_of` of the refresh, or the moment for which the change was followed.
    pub at: DateTime<Utc>,
    /// Whether the subscriber joined rather than left.
    pub joined: bool,
}

/// Membership changes by subscriber.
pub type ChangesBySubscriber = HashMap<i64, Vec<MembershipChange>>;

/// Lists when each of these subscribers joined segments and left them, newest first.
///
/// Changes that are not kept any more are missing, and so is the join of a membership that is older than the kept changes.
pub fn list_membership_changes(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
) -> Result<ChangesBySubscriber, Error> {
    in_snapshot(connection, |connection| {
        membership_changes_of(connection, subscriber_ids)
    })
}

/// Like [`list_membership_changes`], for callers that are in a snapshot already.
pub fn membership_changes_of(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
) -> Result<ChangesBySubscriber, Error> {
    let known = changes_around(connection, subscriber_ids)?;
    let mut segments: Vec<i64> = known.keys().map(|(_, segment)| *segment).collect();
    segments.sort_unstable();
    segments.dedup();
    let first_fills = find_first_fill(connection, &segments)?;
    let folded: i64 = history::table
        .select(history::folded_through)
        .first(connection)?;
    let mut undated = Vec::new();
    for ((subscriber_id, segment_id), known) in known {
        let pair = (subscriber_id, segment_id);
        let mut is_in = known.is_member;
        for change in known.changes {
            undated.push((pair, change, is_in));
            is_in = !is_in;
        }
        let first_fill = first_fills.get(&segment_id).copied();
        if let Some(first) = first_fill.filter(|first| is_in && *first > folded) {
            undated.push((pair, Change::of_refresh(first), true));
        }
    }
    date_changes(connection, undated)
}

/// Adds the dates to changes of the memberships of (subscriber, segment) pairs.
fn date_changes(
    connection: &mut PgConnection,
    mut undated: Vec<((i64, i64), Change, bool)>,
) -> Result<ChangesBySubscriber, Error> {
    let changes = undated.iter().map(|(_, change, _)| change);
    let dates = dates_of(connection, changes)?;
    undated.sort_by_key(|((_, segment_id), change, _)| {
        (std::cmp::Reverse(change.place()), *segment_id)
    });
    let mut changes = ChangesBySubscriber::new();
    for ((subscriber_id, segment_id), change, joined) in undated {
        let Some(at) = change.at(&dates) else {
            continue;
        };
        changes
            .entry(subscriber_id)
            .or_default()
            .push(MembershipChange {
                segment_id,
                place: change.place(),
                refresh_id: change.instant.is_none().then_some(change.refresh_id),
                at,
                joined,
            });
    }
    Ok(changes)
}

/// A change of a membership: in a refresh, or after it and before the next.
#[derive(Clone, Copy)]
struct Change {
    refresh_id: i64,
    /// For a change after the refresh: its number and its time.
    instant: Option<(i64, DateTime<Utc>)>,
}

impl Change {
    fn of_refresh(refresh_id: i64) -> Change {
        Change {
            refresh_id,
            instant: None,
        }
    }

    /// The place among all changes, which does not depend on clocks.
    fn place(&self) -> (i64, i64) {
        (
            self.refresh_id,
            self.instant.map_or(0, |(number, _)| number),
        )
    }

    fn at(&self, dates: &HashMap<i64, DateTime<Utc>>) -> Option<DateTime<Utc>> {
        match self.instant {
            Some((_, at)) => Some(at),
            None => dates.get(&self.refresh_id).copied(),
        }
    }
}

/// Returns the `as_of` of the refreshes in which something changed.
fn dates_of<'c>(
    connection: &mut PgConnection,
    changes: impl Iterator<Item = &'c Change>,
) -> Result<HashMap<i64, DateTime<Utc>>, Error> {
    let ids: Vec<i64> = changes
        .filter(|change| change.instant.is_none())
        .map(|change| change.refresh_id)
        .collect();
    let dates: Vec<(i64, DateTime<Utc>)> = refreshes::table
        .filter(refreshes::id.eq_any(ids))
        .select((refreshes::id, refreshes::as_of))
        .load(connection)?;
    Ok(dates.into_iter().collect())
}

/// The membership of one subscriber in one segment.
#[derive(Default)]
struct Known {
    is_member: bool,
    /// The changes of the membership, newest first.
    changes: Vec<Change>,
}

/// Finds the membership of each of these subscribers in every segment, and its changes, by subscriber and segment.
fn changes_around(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
) -> Result<HashMap<(i64, i64), Known>, Error> {
    let mut known: HashMap<(i64, i64), Known> = HashMap::new();
    for pair in memberships_of(connection, subscriber_ids)? {
        known.entry(pair).or_default().is_member = true;
    }
    add_changes_in_refreshes(connection, subscriber_ids, &mut known)?;
    let instant: Vec<(i64, i64, i64, i64, DateTime<Utc>)> = instant_changes::table
        .filter(instant_changes::subscriber_id.eq_any(subscriber_ids))
        .select((
            instant_changes::subscriber_id,
            instant_changes::segment_id,
            instant_changes::refresh_id,
            instant_changes::id,
            instant_changes::changed_at,
        ))
        .load(connection)?;
    for (subscriber_id, segment_id, refresh_id, number, at) in instant {
        let pair = known.entry((subscriber_id, segment_id)).or_default();
        pair.changes.push(Change {
            refresh_id,
            instant: Some((number, at)),
        });
    }
    for pair in known.values_mut() {
        pair.changes
            .sort_by_key(|change| std::cmp::Reverse(change.place()));
    }
    Ok(known)
}

/// Lists the (subscriber, segment) pairs of these subscribers that are memberships now.
fn memberships_of(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
) -> Result<Vec<(i64, i64)>, Error> {
    Ok(statement(
        "SELECT asked.id AS subscriber_id, b.segment_id FROM unnest($1) AS asked (id) \
         JOIN segment_blocks b ON b.block = (asked.id >> 13)::integer WHERE get_bit(b.members, asked.id & 8191) = 1",
    )
    .bind::<Array<BigInt>, _>(subscriber_ids)
    .returning::<(BigInt, BigInt)>()
    .load(connection)?)
}

/// Adds the changes that refreshes made. They are read segment by segment and chunk by chunk, so that only the changes
/// of one are in memory at a time.
fn add_changes_in_refreshes(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
    known: &mut HashMap<(i64, i64), Known>,
) -> Result<(), Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        segment_id: i64,
        #[diesel(sql_type = Integer)]
        chunk: i32,
        #[diesel(sql_type = Array<BigInt>)]
        refresh_ids: Vec<i64>,
        #[diesel(sql_type = Array<Binary>)]
        changes: Vec<Vec<u8>>,
    }
    let mut by_chunk: HashMap<i32, Vec<i64>> = HashMap::new();
    for id in subscriber_ids {
        let chunk = i32::try_from(id / CHUNK_IDS).unwrap_or(i32::MAX);
        by_chunk.entry(chunk).or_default().push(*id);
    }
    let chunks: Vec<i32> = by_chunk.keys().copied().collect();
    // Segment by segment, because the index begins with the segment.
    let rows = statement(
        "SELECT s.id AS segment_id, asked.chunk, c.refresh_ids, c.changes FROM segments s CROSS JOIN unnest($1) AS asked (chunk) \
         CROSS JOIN LATERAL (SELECT array_agg(refresh_id) AS refresh_ids, array_agg(changed) AS changes \
          FROM segment_changes WHERE segment_id = s.id AND chunk = asked.chunk) c WHERE c.refresh_ids IS NOT NULL",
    )
    .bind::<Array<Integer>, _>(chunks)
    .load_iter::<Row, PgRowByRowLoadingMode>(connection)?;
    for row in rows {
        let row = row?;
        let ids = by_chunk.get(&row.chunk).map_or(&[][..], Vec::as_slice);
        for (refresh_id, changed) in row.refresh_ids.iter().zip(&row.changes) {
            let changed = gaps::decode(changed)?;
            let is_changed = |id: &&i64| {
                let place = u32::try_from(*id % CHUNK_IDS).unwrap_or(u32::MAX);
                changed.binary_search(&place).is_ok()
            };
            for id in ids.iter().filter(is_changed) {
                let pair = known.entry((*id, row.segment_id)).or_default();
                pair.changes.push(Change::of_refresh(*refresh_id));
            }
        }
    }
    Ok(())
}

/// Finds when memberships began. Each pair is a segment and a subscriber who is a member as of a moment, or now. Pairs
/// whose beginning is not known are left out.
pub fn find_joined_at(
    connection: &mut PgConnection,
    pairs: &[(i64, i64)],
    at: Option<DateTime<Utc>>,
) -> Result<HashMap<(i64, i64), DateTime<Utc>>, Error> {
    in_snapshot(connection, |connection| joined_at_of(connection, pairs, at))
}

/// Like [`find_joined_at`], for callers that are in a snapshot already.
pub fn joined_at_of(
    connection: &mut PgConnection,
    pairs: &[(i64, i64)],
    at: Option<DateTime<Utc>>,
) -> Result<HashMap<(i64, i64), DateTime<Utc>>, Error> {
    let mut by_chunk: HashMap<(i64, i64), Vec<i64>> = HashMap::new();
    for (segment, subscriber) in pairs {
        let chunk = (*segment, subscriber / CHUNK_IDS);
        by_chunk.entry(chunk).or_default().push(*subscriber);
    }
    let last = last_changes(connection, pairs, &by_chunk, at)?;
    let mut segments: Vec<i64> = pairs.iter().map(|(segment, _)| *segment).collect();
    segments.sort_unstable();
    segments.dedup();
    let first_fills = find_first_fill(connection, &segments)?;
    let folded: i64 = history::table
        .select(history::folded_through)
        .first(connection)?;
    let joined: Vec<((i64, i64), Change)> = pairs
        .iter()
        .filter_map(|pair| {
            let first = first_fills.get(&pair.0).filter(|first| **first > folded);
            let first = first.map(|first| Change::of_refresh(*first));
            Some((*pair, last.get(pair).copied().or(first)?))
        })
        .collect();
    let dates = dates_of(connection, joined.iter().map(|(_, change)| change))?;
    Ok(joined
        .into_iter()
        .filter_map(|(pair, change)| Some((pair, change.at(&dates)?)))
        .collect())
}

/// Finds the last change of the membership of each of these pairs, if there was any.
fn last_changes(
    connection: &mut PgConnection,
    pairs: &[(i64, i64)],
    by_chunk: &HashMap<(i64, i64), Vec<i64>>,
    at: Option<DateTime<Utc>>,
) -> Result<HashMap<(i64, i64), Change>, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        segment_id: i64,
        #[diesel(sql_type = BigInt)]
        subscriber_id: i64,
        #[diesel(sql_type = BigInt)]
        refresh_id: i64,
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Timestamptz)]
        changed_at: DateTime<Utc>,
    }
    let in_refreshes = last_refreshes(connection, by_chunk, at)?.into_iter();
    let mut last: HashMap<(i64, i64), Change> = in_refreshes
        .map(|(pair, refresh_id)| (pair, Change::of_refresh(refresh_id)))
        .collect();
    let (segments, subscribers): (Vec<i64>, Vec<i64>) = pairs.iter().copied().unzip();
    let instant: Vec<Row> = statement(
        "SELECT DISTINCT ON (c.segment_id, c.subscriber_id) c.* \
         FROM (SELECT DISTINCT * FROM unnest($1, $2) AS asked (segment_id, subscriber_id)) asked \
         JOIN instant_changes c USING (segment_id, subscriber_id) WHERE $3 IS NULL OR c.changed_at <= $3 \
         ORDER BY c.segment_id, c.subscriber_id, c.id DESC",
    )
    .bind::<Array<BigInt>, _>(segments)
    .bind::<Array<BigInt>, _>(subscribers)
    .bind::<Nullable<Timestamptz>, _>(at)
    .load(connection)?;
    for row in instant {
        let change = Change {
            refresh_id: row.refresh_id,
            instant: Some((row.id, row.changed_at)),
        };
        let known = last.entry((row.segment_id, row.subscriber_id));
        let known = known.or_insert(change);
        if known.place() < change.place() {
            *known = change;
        }
    }
    Ok(last)
}

/// Finds the last refresh in which the membership of each of these pairs changed, if any did.
fn last_refreshes(
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
    let rows: Vec<Row> = statement(
        "SELECT c.segment_id, c.chunk, c.refresh_id, c.changed FROM unnest($1, $2) AS asked (segment_id, chunk) \
         JOIN segment_changes c ON c.segment_id = asked.segment_id AND c.chunk = asked.chunk::integer \
         WHERE $3 IS NULL OR (SELECT as_of FROM refreshes WHERE id = c.refresh_id) <= $3 ORDER BY c.refresh_id DESC",
    )
    .bind::<Array<BigInt>, _>(segments)
    .bind::<Array<BigInt>, _>(chunks)
    .bind::<Nullable<Timestamptz>, _>(at)
    .load(connection)?;
    let mut last = HashMap::new();
    let mut waiting: HashMap<(i64, i64), HashSet<i64>> = by_chunk
        .iter()
        .map(|(chunk, ids)| (*chunk, ids.iter().copied().collect()))
        .collect();
    for row in rows {
        let chunk = i64::from(row.chunk);
        let Some(waiting) = waiting
            .get_mut(&(row.segment_id, chunk))
            .filter(|waiting| !waiting.is_empty())
        else {
            continue;
        };
        let changed = gaps::decode(&row.changed)?;
        let ids = changed
            .iter()
            .map(|place| chunk * CHUNK_IDS + i64::from(*place));
        // Look for the fewer ids among the others.
        let found: Vec<i64> = if changed.len() < waiting.len() {
            ids.filter(|id| waiting.contains(id)).collect()
        } else {
            let place = |id: i64| u32::try_from(id % CHUNK_IDS).unwrap_or(u32::MAX);
            let ids = waiting.iter().copied();
            ids.filter(|id| changed.binary_search(&place(*id)).is_ok())
                .collect()
        };
        for id in found {
            waiting.remove(&id);
            last.insert((row.segment_id, id), row.refresh_id);
        }
    }
    Ok(last)
}
