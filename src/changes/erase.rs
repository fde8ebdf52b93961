//! Erases deleted subscribers: for each, the log keeps only the id and the time of the deletion.
//!
//! Erasing is part of giving changes their order. A change of a subscriber commits before the subscriber can be
//! deleted. All that the log has about a deleted subscriber is therefore already in it, or is moved together with the
//! deletion.

use super::row::{StoredIds, read_ids};
use crate::audience::block::CHUNK_IDS;
use crate::db::statement;
use crate::error::Error;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable};

/// How many rows about several subscribers are loaded together.
const ROWS: usize = 100;

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

/// Removes deleted subscribers, given ascending, from the log except for their deletions, and removes the answers of
/// webhook receivers. Rows stay, because positions name them.
pub(super) fn forget_deleted(connection: &mut PgConnection, deleted: &[i64]) -> Result<(), Error> {
    if deleted.is_empty() {
        return Ok(());
    }
    forget_answers(connection)?;
    statement(
        "UPDATE changes SET about = NULL, fields = '{}', number = 0, first_id = NULL, last_id = NULL \
         WHERE kind <> 'followed' AND first_id = last_id AND first_id = ANY ($1) AND kind <> 'subscriber_deleted'",
    )
    .bind::<Array<BigInt>, _>(deleted)
    .execute(connection)?;
    for rows in list_several(connection, deleted)?.chunks(ROWS) {
        take_out_of(connection, rows, deleted)?;
    }
    Ok(())
}

/// Removes the answers of webhook receivers: a receiver may send back what it got, in a form that is not recognised.
/// Rows are locked in the order of their ids, as everywhere that several rows are locked.
fn forget_answers(connection: &mut PgConnection) -> Result<(), Error> {
    statement(
        "UPDATE webhook_attempts SET answer = NULL WHERE id = ANY (ARRAY ( \
             SELECT id FROM webhook_attempts WHERE answer IS NOT NULL AND type <> 'webhook.test' ORDER BY id FOR UPDATE))",
    )
    .execute(connection)?;
    Ok(())
}

/// Lists the rows about several subscribers whose id range contains a deleted id. The ids in the rows are not read.
fn list_several(connection: &mut PgConnection, deleted: &[i64]) -> Result<Vec<i64>, Error> {
    #[derive(QueryableByName)]
    struct Bounds {
        #[diesel(sql_type = BigInt)]
        seq: i64,
        #[diesel(sql_type = BigInt)]
        first_id: i64,
        #[diesel(sql_type = BigInt)]
        last_id: i64,
    }
    let in_chunks = deleted.chunk_by(|one, other| one / CHUNK_IDS == other / CHUNK_IDS);
    let (least, greatest): (Vec<i64>, Vec<i64>) = in_chunks
        .filter_map(|ids| Some((*ids.first()?, *ids.last()?)))
        .unzip();
    let rows = statement(
        "SELECT seq, first_id, last_id FROM unnest($1, $2) AS deleted (least, greatest) \
         JOIN changes ON first_id >> 17 = least >> 17 AND last_id >= least AND first_id <= greatest \
         WHERE kind <> 'followed' AND first_id < last_id AND kind <> 'subscriber_deleted'",
    )
    .bind::<Array<BigInt>, _>(least)
    .bind::<Array<BigInt>, _>(greatest)
    .load_iter::<Bounds, PgRowByRowLoadingMode>(connection)?;
    let mut found = Vec::new();
    for row in rows {
        let row = row?;
        let from = deleted.partition_point(|id| *id < row.first_id);
        if deleted.get(from).is_some_and(|id| *id <= row.last_id) {
            found.push(row.seq);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Removes deleted subscribers from rows about several subscribers.
fn take_out_of(connection: &mut PgConnection, rows: &[i64], deleted: &[i64]) -> Result<(), Error> {
    let rows: Vec<Several> =
        statement("SELECT seq, first_id, last_id, ids FROM changes WHERE seq = ANY ($1)")
            .bind::<Array<BigInt>, _>(rows)
            .load(connection)?;
    for row in rows {
        let ids = read_ids(Some((row.first_id, row.last_id)), row.ids.as_deref());
        let mut ids = ids.unwrap_or_else(|error| {
            // The row may hold a deleted subscriber, so it is emptied. An error here would stop all later changes.
            tracing::error!(seq = row.seq, %error, "emptied an unreadable row of the change log");
            deleted.to_vec()
        });
        if take_out(&mut ids, deleted) {
            rewrite(connection, row.seq, &StoredIds::of(&ids))?;
        }
    }
    Ok(())
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

/// Removes `others` from `ids`, both ascending. Returns whether any were removed.
pub(super) fn take_out(ids: &mut Vec<i64>, others: &[i64]) -> bool {
    let before = ids.len();
    if !others.is_empty() {
        ids.retain(|id| others.binary_search(id).is_err());
    }
    ids.len() < before
}
