//! Erasing deleted subscribers: of each the log keeps the id and the time of the deletion, and nothing else.
//!
//! It is done where changes get their order. A change of a subscriber commits before the subscriber can be deleted, so
//! that everything the log has about a deleted subscriber is in it, or moved together with the deletion.

use super::row::{StoredIds, read_ids};
use crate::audience::block::CHUNK_IDS;
use crate::db::statement;
use crate::error::Error;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable};

/// A row about several subscribers.
#[derive(QueryableByName)]
struct Several {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = BigInt)]
    first_id: i64,
    #[diesel(sql_type = BigInt)]
    last_id: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    ids: Option<Vec<u8>>,
}

/// Takes deleted subscribers, ascending, out of the log but for their deletions. Rows stay, since positions name them.
///
/// # Errors
/// Those of the database.
pub(super) fn forget_deleted(connection: &mut PgConnection, deleted: &[i64]) -> Result<(), Error> {
    if deleted.is_empty() {
        return Ok(());
    }
    statement(
        "UPDATE changes SET about = NULL, fields = '{}', number = 0, first_id = NULL, last_id = NULL \
         WHERE kind <> 'followed' AND first_id = last_id AND first_id = ANY ($1) AND kind <> 'subscriber_deleted'",
    )
    .bind::<Array<BigInt>, _>(deleted)
    .execute(connection)?;
    let changed = find_several(connection, deleted)?;
    for (seq, ids) in changed {
        rewrite(connection, seq, &ids)?;
    }
    Ok(())
}

/// Finds the rows about several subscribers that have any of these, each with the ids that are left.
fn find_several(
    connection: &mut PgConnection,
    deleted: &[i64],
) -> Result<Vec<(i64, StoredIds)>, Error> {
    let mut chunks: Vec<i64> = deleted.iter().map(|id| id / CHUNK_IDS).collect();
    chunks.dedup();
    let rows = statement(
        "SELECT seq, first_id, last_id, ids FROM changes \
         WHERE kind <> 'followed' AND first_id < last_id AND first_id >> 17 = ANY ($1) AND kind <> 'subscriber_deleted'",
    )
    .bind::<Array<BigInt>, _>(chunks)
    .load_iter::<Several, PgRowByRowLoadingMode>(connection)?;
    let mut changed = Vec::new();
    for row in rows {
        let row = row?;
        let bounds = (row.first_id, row.last_id);
        let from = deleted.partition_point(|id| *id < bounds.0);
        if deleted.get(from).is_none_or(|id| *id > bounds.1) {
            continue;
        }
        let mut ids = read_ids(Some(bounds), row.ids.as_deref())?;
        if take_out(&mut ids, deleted) {
            changed.push((row.seq, StoredIds::of(&ids)));
        }
    }
    Ok(changed)
}

fn rewrite(connection: &mut PgConnection, seq: i64, ids: &StoredIds) -> Result<(), Error> {
    statement(
        "UPDATE changes SET number = $2, first_id = $3, last_id = $4, ids = $5, \
             about = CASE WHEN $2 > 0 THEN about END, fields = CASE WHEN $2 > 0 THEN fields ELSE '{}' END \
         WHERE seq = $1",
    )
    .bind::<BigInt, _>(seq)
    .bind::<Integer, _>(ids.number)
    .bind::<Nullable<BigInt>, _>(ids.bounds.map(|(first, _)| first))
    .bind::<Nullable<BigInt>, _>(ids.bounds.map(|(_, last)| last))
    .bind::<Nullable<Binary>, _>(ids.coded.as_deref())
    .execute(connection)?;
    Ok(())
}

/// Takes ids out of others, both ascending; returns whether there were any.
pub(super) fn take_out(ids: &mut Vec<i64>, others: &[i64]) -> bool {
    let before = ids.len();
    if !others.is_empty() {
        ids.retain(|id| others.binary_search(id).is_err());
    }
    ids.len() < before
}
