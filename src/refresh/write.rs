//! Writes what a refresh found, in one transaction.
//!
//! Changes are kept in memory while they are few. The refresh of a large audience begins to write before the scan has
//! ended. From then until the end, deletions of subscribers and segments wait.

use crate::audience::block::{BLOCK_IDS, CHUNK_BLOCKS, list_bits};
use crate::audience::gaps;
use crate::audience::member_count::count_segment_members;
use crate::audience::member_lock::lock_for_refresh;
use crate::audience::removal::erase;
use crate::audience::segment::SegmentMode;
use crate::db::schema::{
    refreshes, schedules, segment_changes, segment_refreshes, segments, subscriber_deletions,
};
use crate::error::Error;
use crate::refresh::touches;
use crate::rule::Problem;
use crate::scan::blocks::{BlockChange, StoredBlocks, store_blocks};
use chrono::{DateTime, Utc};
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};
use std::collections::{HashMap, HashSet};

/// How many changed blocks are kept before the transaction begins: about 8 MB, so that a large audience needs no more
/// memory than a small one.
const KEPT: usize = 4_096;
/// How many blocks are sent with one statement.
const BATCH: usize = 1_024;

/// A segment that takes part in a refresh.
#[derive(Debug)]
pub struct RefreshedSegment {
    /// Its id.
    pub id: i64,
    /// The version of its rule in the snapshot.
    pub definition_version: i32,
    /// Whether a refresh had filled it before. A first fill is not recorded as a change.
    pub was_filled: bool,
    /// Why its rule cannot be evaluated; empty if it can.
    pub problems: Vec<Problem>,
    /// Whether it may follow changes of subscribers at once.
    pub is_instant: bool,
    /// Whether no earlier refresh gave it the members of this version of its rule.
    pub is_first: bool,
    /// How many members it has now.
    pub member_count: i64,
    /// How long its rule was evaluated, in microseconds; `None` if it was not.
    pub evaluation_micros: Option<i64>,
    joined: u64,
    left: u64,
}

impl RefreshedSegment {
    /// Makes a segment before its evaluation.
    pub fn new(id: i64, definition_version: i32, was_filled: bool, problems: Vec<Problem>) -> Self {
        RefreshedSegment {
            id,
            definition_version,
            was_filled,
            problems,
            is_instant: false,
            is_first: false,
            member_count: 0,
            evaluation_micros: None,
            joined: 0,
            left: 0,
        }
    }
}

/// The transaction of a refresh. If it is dropped before [`BlockWriter::finish`], nothing is written.
pub struct BlockWriter {
    connection: PgConnection,
    refresh_id: i64,
    as_of: DateTime<Utc>,
    /// The segments, in the order of the refresh.
    pub segments: Vec<RefreshedSegment>,
    kept: Vec<BlockChange>,
    begun: Option<Begun>,
}

/// What is known once the transaction holds its locks.
struct Begun {
    /// The segments that still exist.
    existing: HashSet<i64>,
    /// Subscribers deleted since the refresh before this one, ascending.
    deleted: Vec<i64>,
    /// Subscribers whom the snapshot may show with old values, ascending. The follower updates them in instant
    /// segments.
    touched: Vec<i64>,
}

impl BlockWriter {
    /// Makes a writer that has not begun.
    pub fn new(
        connection: PgConnection,
        refresh_id: i64,
        as_of: DateTime<Utc>,
        segments: Vec<RefreshedSegment>,
    ) -> BlockWriter {
        BlockWriter {
            connection,
            refresh_id,
            as_of,
            segments,
            kept: Vec::new(),
            begun: None,
        }
    }

    /// Adds the changes of a chunk.
    pub fn add(&mut self, changes: Vec<BlockChange>) -> Result<(), Error> {
        self.kept.extend(changes);
        if self.kept.len() >= KEPT {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what is left and commits. `due` is recorded as the last run of the schedule of that name.
    pub fn finish(
        mut self,
        due: Option<(&str, DateTime<Utc>)>,
        finished_at: DateTime<Utc>,
    ) -> Result<(), Error> {
        self.flush()?;
        self.count_again()?;
        self.record_segments()?;
        let is_first = self.segments.iter().any(|segment| segment.is_first);
        touches::finish_refresh(&mut self.connection, self.as_of, is_first)?;
        if let Some((name, due)) = due {
            diesel::insert_into(schedules::table)
                .values((schedules::name.eq(name), schedules::last_run_at.eq(due)))
                .on_conflict(schedules::name)
                .do_update()
                .set(schedules::last_run_at.eq(due))
                .execute(&mut self.connection)?;
        }
        self.succeed(finished_at)?;
        Ok(AnsiTransactionManager::commit_transaction(
            &mut self.connection,
        )?)
    }

    /// Marks the refresh as succeeded. Fails if another refresh has closed this one, which happens if this refresh
    /// loses the connection that holds the lock. The other refresh has not seen what this one would write, so its
    /// result must stay.
    fn succeed(&mut self, finished_at: DateTime<Utc>) -> Result<(), Error> {
        let running = refreshes::table
            .find(self.refresh_id)
            .filter(refreshes::state.eq("running"));
        let closed = diesel::update(running)
            .set((
                refreshes::state.eq("succeeded"),
                refreshes::finished_at.eq(finished_at),
            ))
            .execute(&mut self.connection)?;
        if closed == 0 {
            let message = "the connection that held the lock of this refresh was lost, and another refresh began";
            return Err(Error::Unavailable(message.to_owned()));
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Error> {
        if self.begun.is_some() {
            return Ok(());
        }
        let connection = &mut self.connection;
        AnsiTransactionManager::begin_transaction(connection)?;
        lock_for_refresh(connection)?;
        let ids: Vec<i64> = self.segments.iter().map(|segment| segment.id).collect();
        let modes: Vec<(i64, SegmentMode)> = segments::table
            .filter(segments::id.eq_any(ids))
            .select((segments::id, segments::mode))
            .load(connection)?;
        let modes: HashMap<i64, SegmentMode> = modes.into_iter().collect();
        for segment in &mut self.segments {
            // A segment that became or stopped being instant meanwhile may have been followed too.
            segment.is_instant |= modes.get(&segment.id) == Some(&SegmentMode::Instant);
        }
        let deleted = find_deleted(connection, self.as_of)?;
        self.begun = Some(Begun {
            existing: modes.into_keys().collect(),
            deleted,
            touched: touches::list_touched(connection)?,
        });
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.begin()?;
        let mut kept = std::mem::take(&mut self.kept);
        let Some(begun) = &self.begun else {
            return Ok(());
        };
        kept.retain(|change| begun.existing.contains(&self.segments[change.segment].id));
        for batch in kept.chunks_mut(BATCH) {
            follow_stored(&mut self.connection, &self.segments, begun, batch)?;
        }
        kept.retain(|change| !change.is_void());
        for change in &kept {
            let (joined, left) = change.count();
            let segment = &mut self.segments[change.segment];
            segment.joined += joined;
            segment.left += left;
        }
        for batch in kept.chunks(BATCH) {
            self.store(batch)?;
        }
        self.remember(&kept)
    }

    fn store(&mut self, batch: &[BlockChange]) -> Result<(), Error> {
        let blocks: Vec<(i64, i32, &[u8])> = batch
            .iter()
            .map(|change| {
                let segment_id = self.segments[change.segment].id;
                (segment_id, change.block, change.members.as_slice())
            })
            .collect();
        store_blocks(&mut self.connection, &blocks)
    }

    /// Records joins and leaves, chunk by chunk. The changes of a chunk are next to each other.
    fn remember(&mut self, kept: &[BlockChange]) -> Result<(), Error> {
        let chunks = kept.chunk_by(|left, right| {
            left.segment == right.segment && chunk_of(left) == chunk_of(right)
        });
        let rows: Vec<_> = chunks
            .filter(|changes| self.segments[changes[0].segment].was_filled)
            .filter_map(|changes| {
                let offsets = list_offsets(changes);
                let row = (
                    segment_changes::refresh_id.eq(self.refresh_id),
                    segment_changes::segment_id.eq(self.segments[changes[0].segment].id),
                    segment_changes::chunk.eq(chunk_of(&changes[0])),
                    segment_changes::changed.eq(gaps::encode(&offsets)),
                );
                (!offsets.is_empty()).then_some(row)
            })
            .collect();
        for rows in rows.chunks(BATCH) {
            diesel::insert_into(segment_changes::table)
                .values(rows)
                .execute(&mut self.connection)?;
        }
        Ok(())
    }

    /// Counts members again if the workers cannot have counted them right: the members of instant segments, and of all
    /// segments if a subscriber was deleted meanwhile.
    fn count_again(&mut self) -> Result<(), Error> {
        let begun = self.begun.as_ref();
        let all = begun.is_some_and(|begun| !begun.deleted.is_empty());
        let is_counted = |segment: &&mut RefreshedSegment| all || segment.is_instant;
        let counted: Vec<&mut RefreshedSegment> =
            self.segments.iter_mut().filter(is_counted).collect();
        let ids: Vec<i64> = counted.iter().map(|segment| segment.id).collect();
        let counts = count_segment_members(&mut self.connection, &ids)?;
        for segment in counted {
            segment.member_count = counts.get(&segment.id).copied().unwrap_or_default();
        }
        Ok(())
    }

    fn record_segments(&mut self) -> Result<(), Error> {
        let existing = |segment: &&RefreshedSegment| {
            let begun = self.begun.as_ref();
            begun.is_some_and(|begun| begun.existing.contains(&segment.id))
        };
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let segments: Vec<&RefreshedSegment> = self.segments.iter().filter(existing).collect();
        let ids: Vec<i64> = segments.iter().map(|segment| segment.id).collect();
        let between = count_between(&mut self.connection, &ids)?;
        let rows: Vec<_> = segments
            .into_iter()
            .map(|segment| {
                let between = between.get(&segment.id).copied().unwrap_or_default();
                let (joined, left) = if segment.was_filled {
                    (segment.joined, segment.left)
                } else {
                    (u64::try_from(segment.member_count).unwrap_or_default(), 0)
                };
                (
                    segment_refreshes::refresh_id.eq(self.refresh_id),
                    segment_refreshes::segment_id.eq(segment.id),
                    segment_refreshes::definition_version.eq(segment.definition_version),
                    segment_refreshes::member_count.eq(segment.member_count),
                    segment_refreshes::joined.eq(count(joined)),
                    segment_refreshes::left.eq(count(left)),
                    segment_refreshes::problems
                        .eq(serde_json::to_value(&segment.problems).unwrap_or_default()),
                    segment_refreshes::joined_between.eq(between.joined),
                    segment_refreshes::left_between.eq(between.left),
                    segment_refreshes::deleted.eq(between.deleted),
                    segment_refreshes::evaluation_micros.eq(segment.evaluation_micros),
                )
            })
            .collect();
        // One statement has at most 65,535 binds.
        for rows in rows.chunks(BATCH) {
            diesel::insert_into(segment_refreshes::table)
                .values(rows)
                .execute(&mut self.connection)?;
        }
        Ok(())
    }
}

/// Finds the subscribers deleted since the refresh before this one, ascending. First removes from all segments the
/// subscribers whom plain SQL deleted, because the snapshot may show them as members.
fn find_deleted(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<i64>, Error> {
    let noted = subscriber_deletions::table.filter(subscriber_deletions::refresh_id.is_null());
    let noted: Vec<i64> = noted
        .select(subscriber_deletions::subscriber_id)
        .load(connection)?;
    if !noted.is_empty() {
        erase(connection, noted, now)?;
    }
    let last: Option<i64> = refreshes::table
        .filter(refreshes::state.eq("succeeded"))
        .select(max(refreshes::id))
        .first(connection)?;
    Ok(subscriber_deletions::table
        .filter(subscriber_deletions::refresh_id.ge(last.unwrap_or_default()))
        .select(subscriber_deletions::subscriber_id)
        .order(subscriber_deletions::subscriber_id)
        .load(connection)?)
}

/// What happened to a segment since its last refresh.
#[derive(Debug, Clone, Copy, Default, QueryableByName)]
struct Between {
    #[diesel(sql_type = BigInt)]
    segment_id: i64,
    #[diesel(sql_type = BigInt)]
    joined: i64,
    #[diesel(sql_type = BigInt)]
    left: i64,
    #[diesel(sql_type = BigInt)]
    deleted: i64,
}

/// Counts what happened to segments since the last refresh of each.
fn count_between(
    connection: &mut PgConnection,
    segment_ids: &[i64],
) -> Result<HashMap<i64, Between>, Error> {
    let rows: Vec<Between> = diesel::sql_query(
        "SELECT s.id AS segment_id, c.joined, c.\"left\", d.deleted FROM unnest($1) AS s (id) \
         CROSS JOIN LATERAL (SELECT coalesce(max(refresh_id), 0) AS id FROM segment_refreshes WHERE segment_id = s.id) last \
         CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE joined) AS joined, count(*) FILTER (WHERE NOT joined) AS \"left\" \
             FROM instant_changes WHERE segment_id = s.id AND refresh_id >= last.id) c \
         CROSS JOIN LATERAL (SELECT coalesce(sum(number), 0)::bigint AS deleted \
             FROM segment_deletions WHERE segment_id = s.id AND refresh_id >= last.id) d",
    )
    .bind::<Array<BigInt>, _>(segment_ids)
    .load(connection)?;
    Ok(rows.into_iter().map(|row| (row.segment_id, row)).collect())
}

/// Rebases changes that were computed from the snapshot onto the current state. Deleted subscribers are dropped. In instant
/// segments touched subscribers are left out, because the follower has updated them since the snapshot, and the changes are
/// applied to the members that are stored now.
fn follow_stored(
    connection: &mut PgConnection,
    segments: &[RefreshedSegment],
    begun: &Begun,
    changes: &mut [BlockChange],
) -> Result<(), Error> {
    let is_instant = |change: &BlockChange| segments[change.segment].is_instant;
    let of = |change: &BlockChange| (segments[change.segment].id, change.block);
    let followed: Vec<(i64, i32)> = changes
        .iter()
        .filter(|change| is_instant(change))
        .map(of)
        .collect();
    let stored = StoredBlocks::load_single(connection, &followed)?;
    for change in changes {
        change.forget(&offsets_in(change.block, &begun.deleted));
        if is_instant(change) {
            change.leave(&offsets_in(change.block, &begun.touched));
            let (segment_id, block) = of(change);
            change.apply_to(stored.get(segment_id, block));
        }
    }
    Ok(())
}

fn chunk_of(change: &BlockChange) -> i32 {
    change.block / CHUNK_BLOCKS
}

/// Lists the offsets in their chunk of the ids that changed in these blocks.
fn list_offsets(changes: &[BlockChange]) -> Vec<u32> {
    let places = changes.iter().flat_map(|change| {
        let place = change.block % CHUNK_BLOCKS;
        list_bits(place, &change.changed)
    });
    places
        .filter_map(|place| u32::try_from(place).ok())
        .collect()
}

/// Returns the offsets in a block of the ids that lie in it. The ids must ascend.
fn offsets_in(block: i32, ids: &[i64]) -> Vec<usize> {
    let first = i64::from(block) * BLOCK_IDS;
    let start = ids.partition_point(|id| *id < first);
    let within = ids[start..].iter().map(|id| id - first);
    within
        .take_while(|offset| *offset < BLOCK_IDS)
        .filter_map(|offset| usize::try_from(offset).ok())
        .collect()
}
