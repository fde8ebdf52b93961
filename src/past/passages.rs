//! Passages: when somebody joined segments and left them, put together from the changes in refreshes and between them.

use super::as_of::{find_first_fill, in_snapshot};
use crate::audience::gaps;
use crate::audience::membership::CHUNK_IDS;
use crate::db::schema::{history, instant_changes, refreshes};
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Timestamptz};
use std::collections::{HashMap, HashSet};

/// A subscriber who joined a segment or left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The segment.
    pub segment_id: i64,
    /// The place among all changes, whatever any clock said.
    pub place: (i64, i64),
    /// The refresh in which it happened; none if the segment followed a change of the subscriber at once.
    pub refresh_id: Option<i64>,
    /// The `as_of` of the refresh, or the moment for which the change was followed.
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
        passages_of(connection, subscriber_id)
    })
}

/// As [`list_passages`], for a caller who is in a snapshot already.
///
/// # Errors
/// Those of the database.
pub fn passages_of(
    connection: &mut PgConnection,
    subscriber_id: i64,
) -> Result<Vec<Passage>, Error> {
    let rows = changes_around(connection, subscriber_id)?;
    let ids: Vec<i64> = rows.keys().copied().collect();
    let first_fills = find_first_fill(connection, &ids)?;
    let folded: i64 = history::table
        .select(history::folded_through)
        .first(connection)?;
    let mut passages = Vec::new();
    for (segment_id, known) in rows {
        let mut is_in = known.is_member;
        for change in known.changes {
            passages.push((segment_id, change, is_in));
            is_in = !is_in;
        }
        let first_fill = first_fills.get(&segment_id).copied();
        if let Some(first) = first_fill.filter(|first| is_in && *first > folded) {
            passages.push((segment_id, Change::of_refresh(first), true));
        }
    }
    date_passages(connection, passages)
}

fn date_passages(
    connection: &mut PgConnection,
    passages: Vec<(i64, Change, bool)>,
) -> Result<Vec<Passage>, Error> {
    let changes = passages.iter().map(|(_, change, _)| change);
    let dates = dates_of(connection, changes)?;
    let mut passages = passages;
    passages
        .sort_by_key(|(segment_id, change, _)| (std::cmp::Reverse(change.place()), *segment_id));
    let dated = passages
        .into_iter()
        .filter_map(|(segment_id, change, joined)| {
            Some(Passage {
                segment_id,
                place: change.place(),
                refresh_id: change.instant.is_none().then_some(change.refresh_id),
                at: change.at(&dates)?,
                joined,
            })
        });
    Ok(dated.collect())
}

/// A change of a membership: in a refresh, or after it and before the next.
#[derive(Clone, Copy)]
struct Change {
    refresh_id: i64,
    /// If after it: the number of the change, and when it was.
    instant: Option<(i64, DateTime<Utc>)>,
}

impl Change {
    fn of_refresh(refresh_id: i64) -> Change {
        Change {
            refresh_id,
            instant: None,
        }
    }

    /// The place among all changes, whatever any clock said.
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

/// What is known of one subscriber and one segment.
#[derive(Default)]
struct Known {
    is_member: bool,
    /// Its changes, newest first.
    changes: Vec<Change>,
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
    let mut known: HashMap<i64, Known> = HashMap::with_capacity(rows.len());
    for row in rows {
        let of_segment = known.entry(row.id).or_default();
        of_segment.is_member = row.is_member;
        for (refresh_id, changed) in row.refresh_ids.iter().zip(&row.changes) {
            if gaps::decode(changed)?.binary_search(&place).is_ok() {
                of_segment.changes.push(Change::of_refresh(*refresh_id));
            }
        }
    }
    let instant: Vec<(i64, i64, i64, DateTime<Utc>)> = instant_changes::table
        .filter(instant_changes::subscriber_id.eq(subscriber_id))
        .select((
            instant_changes::segment_id,
            instant_changes::refresh_id,
            instant_changes::id,
            instant_changes::changed_at,
        ))
        .load(connection)?;
    for (segment_id, refresh_id, number, at) in instant {
        if let Some(of_segment) = known.get_mut(&segment_id) {
            let instant = Some((number, at));
            of_segment.changes.push(Change {
                refresh_id,
                instant,
            });
        }
    }
    for of_segment in known.values_mut() {
        of_segment
            .changes
            .sort_by_key(|change| std::cmp::Reverse(change.place()));
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
    in_snapshot(connection, |connection| joined_at_of(connection, pairs, at))
}

/// As [`find_joined_at`], for a caller who is in a snapshot already.
///
/// # Errors
/// Those of the database.
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
    let instant: Vec<Row> = diesel::sql_query(
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
        // Whichever are fewer are looked for among the others.
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
