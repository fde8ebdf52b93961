//! Writing what a refresh found, in one transaction.
//!
//! Changes are kept in memory while they are few; only a first fill of a large audience begins to write before the
//! scan has ended. From then to the end, deletions of subscribers and segments wait.

use super::blocks::BlockChange;
use crate::audience::gaps;
use crate::audience::membership::{
    BLOCK_BYTES, BLOCK_IDS, CHUNK_BLOCKS, clear_bits, count_segment_members, list_bits,
    lock_for_refresh,
};
use crate::db::schema::{
    refreshes, schedules, segment_changes, segment_refreshes, segments, subscriber_deletions,
};
use crate::error::Error;
use crate::rule::Problem;
use chrono::{DateTime, Utc};
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer};
use std::collections::HashSet;

/// How many changed blocks are kept before the transaction begins: about 32 MB.
const KEPT: usize = 16_384;
/// How many blocks are sent with one statement.
const BATCH: usize = 1_024;

/// A segment that takes part in a refresh.
#[derive(Debug)]
pub struct RefreshedSegment {
    /// Its id.
    pub id: i64,
    /// The version of its rule in the snapshot.
    pub definition_version: i32,
    /// Whether it had members before: a first fill is not a change.
    pub was_filled: bool,
    /// Why its rule cannot be evaluated, if so.
    pub problems: Vec<Problem>,
    /// How many members it has now.
    pub member_count: i64,
    joined: u64,
    left: u64,
}

impl RefreshedSegment {
    /// A segment before its evaluation.
    pub fn new(id: i64, definition_version: i32, was_filled: bool, problems: Vec<Problem>) -> Self {
        RefreshedSegment {
            id,
            definition_version,
            was_filled,
            problems,
            member_count: 0,
            joined: 0,
            left: 0,
        }
    }
}

/// The transaction of a refresh. Dropped before [`Writer::finish`], it leaves nothing.
pub struct Writer {
    connection: PgConnection,
    refresh_id: i64,
    /// The segments, in the order of the refresh.
    pub segments: Vec<RefreshedSegment>,
    kept: Vec<BlockChange>,
    begun: Option<Begun>,
}

/// What is known once the transaction holds its locks.
struct Begun {
    /// The segments that still exist.
    existing: HashSet<i64>,
    /// Subscribers deleted since the snapshot was taken.
    deleted: Vec<i64>,
}

impl Writer {
    /// A writer that has not begun.
    pub fn new(
        connection: PgConnection,
        refresh_id: i64,
        segments: Vec<RefreshedSegment>,
    ) -> Writer {
        Writer {
            connection,
            refresh_id,
            segments,
            kept: Vec::new(),
            begun: None,
        }
    }

    /// Takes the changes of a chunk.
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
        self.forget_deleted()?;
        self.record_segments()?;
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

    /// Closes the run, unless another refresh has: one that took the lock because this one's connection to it was lost.
    /// That one has not seen what would be written here, and must not be written over.
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
        let existing: Vec<i64> = segments::table
            .filter(segments::id.eq_any(ids))
            .select(segments::id)
            .load(connection)?;
        let deleted = subscriber_deletions::table
            .select(subscriber_deletions::subscriber_id)
            .load(connection)?;
        self.begun = Some(Begun {
            existing: existing.into_iter().collect(),
            deleted,
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
        for change in &mut kept {
            change.forget(&offsets_in(change.block, &begun.deleted));
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
        let (empty, filled): (Vec<&BlockChange>, Vec<&BlockChange>) =
            batch.iter().partition(|change| change.is_empty());
        if !filled.is_empty() {
            diesel::sql_query(
                "INSERT INTO segment_blocks (segment_id, block, members) SELECT * FROM unnest($1, $2, $3) \
                 ON CONFLICT (block, segment_id) DO UPDATE SET members = excluded.members",
            )
            .bind::<Array<BigInt>, _>(self.segment_ids(&filled))
            .bind::<Array<Integer>, _>(blocks(&filled))
            .bind::<Array<Binary>, _>(column(&filled, |change| change.members.as_slice()))
            .execute(&mut self.connection)?;
        }
        if !empty.is_empty() {
            diesel::sql_query(
                "DELETE FROM segment_blocks b USING unnest($1, $2) AS empty (segment_id, block) \
                 WHERE b.segment_id = empty.segment_id AND b.block = empty.block",
            )
            .bind::<Array<BigInt>, _>(self.segment_ids(&empty))
            .bind::<Array<Integer>, _>(blocks(&empty))
            .execute(&mut self.connection)?;
        }
        Ok(())
    }

    /// Remembers who joined or left, chunk by chunk; the changes of a chunk stand together.
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

    fn segment_ids(&self, changes: &[&BlockChange]) -> Vec<i64> {
        column(changes, |change| self.segments[change.segment].id)
    }

    /// Makes sure that nobody deleted since the snapshot stays a member anywhere.
    fn forget_deleted(&mut self) -> Result<(), Error> {
        let deleted = match &self.begun {
            Some(begun) if !begun.deleted.is_empty() => begun.deleted.clone(),
            _ => return Ok(()),
        };
        clear_bits(&mut self.connection, &deleted)?;
        diesel::delete(
            subscriber_deletions::table.filter(subscriber_deletions::subscriber_id.eq_any(deleted)),
        )
        .execute(&mut self.connection)?;
        // The workers counted them; the blocks know better.
        let ids: Vec<i64> = self.segments.iter().map(|segment| segment.id).collect();
        let counts = count_segment_members(&mut self.connection, &ids)?;
        for segment in &mut self.segments {
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
        let rows: Vec<_> = self
            .segments
            .iter()
            .filter(existing)
            .map(|segment| {
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

fn chunk_of(change: &BlockChange) -> i32 {
    change.block / CHUNK_BLOCKS
}

/// Lists the places in their chunk that changed in these blocks.
fn list_offsets(changes: &[BlockChange]) -> Vec<u32> {
    let places = changes.iter().flat_map(|change| {
        let place = change.block % CHUNK_BLOCKS;
        list_bits(place, &change.changed)
    });
    places
        .filter_map(|place| u32::try_from(place).ok())
        .collect()
}

fn blocks(changes: &[&BlockChange]) -> Vec<i32> {
    column(changes, |change| change.block)
}

fn column<'c, T>(changes: &[&'c BlockChange], value: impl Fn(&'c BlockChange) -> T) -> Vec<T> {
    changes.iter().map(|change| value(change)).collect()
}

/// Returns the places in a block of those ids that lie in it.
fn offsets_in(block: i32, ids: &[i64]) -> Vec<usize> {
    let first = i64::from(block) * BLOCK_IDS;
    ids.iter()
        .filter_map(|id| usize::try_from(id - first).ok())
        .filter(|offset| *offset < BLOCK_BYTES * 8)
        .collect()
}
