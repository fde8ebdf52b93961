//! Removing many subscribers at once, as [`super::subscriber::delete`] does one.

use super::gaps;
use super::membership::{BLOCK_BYTES, BLOCK_IDS, CHUNK_IDS, lock_for_refresh};
use crate::db::schema::{segment_blocks, segment_changes, subscriber_deletions, subscribers};
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

/// How many subscribers are deleted with one statement.
const AT_A_TIME: usize = 10_000;

/// Deletes subscribers with memberships, events and totals, takes them out of every segment and out of what is
/// remembered of who joined and left. Must run within a transaction, which keeps refreshes and other deletions waiting.
///
/// # Errors
/// Those of the database.
pub fn remove_subscribers(
    connection: &mut PgConnection,
    mut ids: Vec<i64>,
    now: DateTime<Utc>,
) -> Result<usize, Error> {
    ids.sort_unstable();
    ids.dedup();
    lock_for_refresh(connection)?;
    let mut removed = 0;
    for some in ids.chunks(AT_A_TIME) {
        removed += diesel::delete(subscribers::table.filter(subscribers::id.eq_any(some)))
            .execute(connection)?;
        let rows: Vec<_> = some
            .iter()
            .map(|id| {
                (
                    subscriber_deletions::subscriber_id.eq(id),
                    subscriber_deletions::deleted_at.eq(now),
                )
            })
            .collect();
        diesel::insert_into(subscriber_deletions::table)
            .values(rows)
            .on_conflict_do_nothing()
            .execute(connection)?;
    }
    for of_block in ids.chunk_by(|one, other| one / BLOCK_IDS == other / BLOCK_IDS) {
        clear_block(connection, of_block)?;
    }
    for of_chunk in ids.chunk_by(|one, other| one / CHUNK_IDS == other / CHUNK_IDS) {
        forget_chunk(connection, of_chunk)?;
    }
    Ok(removed)
}

/// Clears the bits of ids of one block in every segment.
fn clear_block(connection: &mut PgConnection, ids: &[i64]) -> Result<(), Error> {
    let mut mask = vec![0xff_u8; BLOCK_BYTES];
    for id in ids {
        let bit = usize::try_from(id % BLOCK_IDS).unwrap_or_default();
        mask[bit / 8] &= !(1 << (bit % 8));
    }
    let block = i32::try_from(ids.first().copied().unwrap_or_default() / BLOCK_IDS);
    let block = block.unwrap_or(i32::MAX);
    let rows: Vec<(i64, Vec<u8>)> = segment_blocks::table
        .filter(segment_blocks::block.eq(block))
        .order(segment_blocks::segment_id)
        .select((segment_blocks::segment_id, segment_blocks::members))
        .for_update()
        .load(connection)?;
    for (segment, members) in rows {
        let kept: Vec<u8> = members
            .iter()
            .zip(&mask)
            .map(|(byte, mask)| byte & mask)
            .collect();
        let stored = segment_blocks::table.find((block, segment));
        if kept.iter().all(|byte| *byte == 0) {
            diesel::delete(stored).execute(connection)?;
        } else if kept != members {
            diesel::update(stored)
                .set(segment_blocks::members.eq(kept))
                .execute(connection)?;
        }
    }
    Ok(())
}

/// Forgets that ids of one chunk ever joined or left a segment.
fn forget_chunk(connection: &mut PgConnection, ids: &[i64]) -> Result<(), Error> {
    let chunk = ids.first().copied().unwrap_or_default() / CHUNK_IDS;
    diesel::sql_query(
        "SELECT pg_advisory_xact_lock(hashtextextended('rollcall changes ' || current_schema(), $1))",
    )
    .bind::<BigInt, _>(chunk)
    .execute(connection)?;
    let chunk = i32::try_from(chunk).unwrap_or(i32::MAX);
    let rows: Vec<(i64, i64, Vec<u8>)> = segment_changes::table
        .filter(segment_changes::chunk.eq(chunk))
        .select((
            segment_changes::segment_id,
            segment_changes::refresh_id,
            segment_changes::changed,
        ))
        .load(connection)?;
    for (segment, refresh, bytes) in rows {
        let before = gaps::decode(&bytes)?;
        let mut after = before.clone();
        after.retain(|place| {
            let id = i64::from(chunk) * CHUNK_IDS + i64::from(*place);
            ids.binary_search(&id).is_err()
        });
        let stored = segment_changes::table.find((segment, chunk, refresh));
        if after.is_empty() {
            diesel::delete(stored).execute(connection)?;
        } else if after.len() < before.len() {
            diesel::update(stored)
                .set(segment_changes::changed.eq(gaps::encode(&after)))
                .execute(connection)?;
        }
    }
    Ok(())
}
