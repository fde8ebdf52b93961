//! Removes deleted subscribers from every segment, one or a hundred thousand of them, with a few statements per block.
//!
//! The ids stay in the stored changes, so that counts of the past still add up. For each segment that loses members,
//! their ids are stored, so that listeners are notified and a mirror can delete them.

use super::block::{BLOCK_BYTES, BLOCK_IDS, CHUNK_IDS, list_bits};
use super::gaps;
use super::member_lock::lock_for_refresh;
use crate::db::schema::{
    erased_subscribers, refreshes, segment_blocks, subscriber_deletions, subscribers,
};
use crate::db::statement;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Timestamptz};
use std::collections::BTreeMap;

/// How many subscribers are deleted with one statement.
const AT_A_TIME: usize = 10_000;

/// Deletes subscribers with memberships, events and totals, and removes them from every segment. Must run in a
/// transaction. Refreshes and other deletions wait for its end.
pub fn remove_subscribers(
    connection: &mut PgConnection,
    ids: Vec<i64>,
    now: DateTime<Utc>,
) -> Result<usize, Error> {
    lock_for_refresh(connection)?;
    let mut removed = 0;
    for some in ids.chunks(AT_A_TIME) {
        removed += diesel::delete(subscribers::table.filter(subscribers::id.eq_any(some)))
            .execute(connection)?;
    }
    erase(connection, ids, now)?;
    Ok(removed)
}

/// For how many days the hashes of deleted subscribers are kept: ten years. Restoring an older backup may bring back
/// subscribers who were deleted since.
pub const KEEP_ERASED: i64 = 3_653;

/// Deletes the hashes of subscribers who were deleted before a moment, and returns how many.
pub fn forget_erased(connection: &mut PgConnection, before: DateTime<Utc>) -> Result<usize, Error> {
    let old = erased_subscribers::table.filter(erased_subscribers::erased_at.lt(before));
    Ok(diesel::delete(old).execute(connection)?)
}

/// Removes subscribers whose rows are deleted from every segment, and stores which segments lost them. The caller must
/// hold [`lock_for_refresh`], because listeners rely on changes becoming visible in the order of their ids. The API
/// calls this in the transaction of the deletion. After a deletion in plain SQL, the follower or the next refresh calls
/// it.
pub fn erase(
    connection: &mut PgConnection,
    mut ids: Vec<i64>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    ids.sort_unstable();
    ids.dedup();
    let last_refresh: Option<i64> = refreshes::table
        .filter(refreshes::state.eq("succeeded"))
        .select(max(refreshes::id))
        .first(connection)?;
    let deletion = Deletion {
        at: now,
        refresh_id: last_refresh.unwrap_or_default(),
    };
    // A trigger has inserted these rows.
    let noted = subscriber_deletions::table
        .filter(subscriber_deletions::subscriber_id.eq_any(&ids))
        .filter(subscriber_deletions::refresh_id.is_null());
    diesel::update(noted)
        .set(subscriber_deletions::refresh_id.eq(deletion.refresh_id))
        .execute(connection)?;
    for of_chunk in ids.chunk_by(|one, other| one / CHUNK_IDS == other / CHUNK_IDS) {
        let mut members = BTreeMap::new();
        for of_block in of_chunk.chunk_by(|one, other| one / BLOCK_IDS == other / BLOCK_IDS) {
            clear_block(connection, of_block, &mut members)?;
        }
        deletion.remember(connection, of_chunk[0] / CHUNK_IDS, members)?;
    }
    Ok(())
}

/// The deleted members of each segment in one chunk, as ascending offsets in the chunk.
type DeletedMembers = BTreeMap<i64, Vec<u32>>;

/// Clears the bits of ids of one block in every segment, and adds the ids to the deleted members of segments that had
/// them.
fn clear_block(
    connection: &mut PgConnection,
    ids: &[i64],
    deleted: &mut DeletedMembers,
) -> Result<(), Error> {
    let number = ids.first().copied().unwrap_or_default() / BLOCK_IDS;
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    let mut mask = vec![0_u8; BLOCK_BYTES];
    for id in ids {
        let bit = usize::try_from(id % BLOCK_IDS).unwrap_or_default();
        mask[bit / 8] |= 1 << (bit % 8);
    }
    let blocks: Vec<(i64, Vec<u8>)> = segment_blocks::table
        .filter(segment_blocks::block.eq(number))
        .select((segment_blocks::segment_id, segment_blocks::members))
        .load(connection)?;
    let (mut emptied, mut changed, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for (segment_id, mut members) in blocks {
        let mut cleared = vec![0_u8; BLOCK_BYTES];
        for ((cleared, byte), mask) in cleared.iter_mut().zip(&mut members).zip(&mask) {
            *cleared = *byte & mask;
            *byte &= !mask;
        }
        if cleared.iter().all(|byte| *byte == 0) {
            continue;
        }
        let places = list_bits(number, &cleared).into_iter();
        let places = places.filter_map(|id| u32::try_from(id % CHUNK_IDS).ok());
        deleted.entry(segment_id).or_default().extend(places);
        if members.iter().all(|byte| *byte == 0) {
            emptied.push(segment_id);
        } else {
            changed.push(segment_id);
            kept.push(members);
        }
    }
    if !emptied.is_empty() {
        let emptied = segment_blocks::table
            .filter(segment_blocks::block.eq(number))
            .filter(segment_blocks::segment_id.eq_any(emptied));
        diesel::delete(emptied).execute(connection)?;
    }
    if !changed.is_empty() {
        statement(
            "UPDATE segment_blocks b SET members = kept.members FROM unnest($1, $2) AS kept (segment_id, members) \
             WHERE b.block = $3 AND b.segment_id = kept.segment_id",
        )
        .bind::<Array<BigInt>, _>(changed)
        .bind::<Array<Binary>, _>(kept)
        .bind::<Integer, _>(number)
        .execute(connection)?;
    }
    Ok(())
}

/// When subscribers were deleted.
struct Deletion {
    at: DateTime<Utc>,
    /// The id of the last refresh that had succeeded by then, or 0.
    refresh_id: i64,
}

impl Deletion {
    /// Stores the members that segments lost in one chunk.
    fn remember(
        &self,
        connection: &mut PgConnection,
        chunk: i64,
        deleted: DeletedMembers,
    ) -> Result<(), Error> {
        if deleted.is_empty() {
            return Ok(());
        }
        let segment_ids: Vec<i64> = deleted.keys().copied().collect();
        let numbers = deleted.values().map(|places| places.len());
        let numbers: Vec<i32> = numbers
            .filter_map(|number| number.try_into().ok())
            .collect();
        let coded: Vec<Vec<u8>> = deleted
            .values()
            .map(|places| gaps::encode(places))
            .collect();
        statement(
            "INSERT INTO segment_deletions (segment_id, number, deleted, chunk, deleted_at, refresh_id) \
             SELECT *, $4, $5, $6 FROM unnest($1, $2, $3)",
        )
        .bind::<Array<BigInt>, _>(segment_ids)
        .bind::<Array<Integer>, _>(numbers)
        .bind::<Array<Binary>, _>(coded)
        .bind::<Integer, _>(i32::try_from(chunk).unwrap_or(i32::MAX))
        .bind::<Timestamptz, _>(self.at)
        .bind::<BigInt, _>(self.refresh_id)
        .execute(connection)?;
        Ok(())
    }
}
