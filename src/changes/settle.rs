//! Gives changes their order: committed rows move from `waiting_changes` to `changes`.

use super::erase::{forget_deleted, take_out};
use super::kind::ChangeKind;
use super::row::StoredIds;
use crate::db::{AdvisoryLock, statement};
use crate::error::Error;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text};

/// How many rows are moved in one transaction, and about how many ids they have at most.
const ROWS: i64 = 1_000;
const IDS: i64 = 500_000;
/// How many transactions one call makes at most.
const STEPS: usize = 10;

/// Gives committed changes their order, so that readers see them from then on. Returns whether it moved all of them: if
/// very many wait, one call moves only a part. Must not run within a transaction.
pub fn settle(connection: &mut PgConnection) -> Result<bool, Error> {
    for _ in 0..STEPS {
        if !has_waiting(connection)? {
            return Ok(true);
        }
        connection.transaction(step)?;
    }
    Ok(!has_waiting(connection)?)
}

/// Like [`settle`], but a failure to order changes does not keep readers from the changes that have their order. It is
/// logged, and the next call tries again.
///
/// # Errors
/// All errors except [`Error::Internal`] and [`Error::TimedOut`].
pub fn settle_or_go_on(connection: &mut PgConnection) -> Result<bool, Error> {
    match settle(connection) {
        Err(error @ (Error::Internal(_) | Error::TimedOut)) => {
            tracing::error!(
                %error,
                "cannot order new changes; readers see them when a retry succeeds"
            );
            Ok(true)
        }
        settled => settled,
    }
}

fn has_waiting(connection: &mut PgConnection) -> Result<bool, Error> {
    Ok(statement("SELECT EXISTS (SELECT FROM waiting_changes)")
        .returning::<Bool>()
        .get_result(connection)?)
}

/// Makes this transaction the only one that writes `changes`, until its end.
pub(super) fn lock(connection: &mut PgConnection) -> Result<(), Error> {
    AdvisoryLock::Changes.hold(connection)
}

/// Until the end of this transaction, keeps changes from getting their order, and deleted subscribers from being
/// removed from the log.
pub fn hold_order(connection: &mut PgConnection) -> Result<(), Error> {
    AdvisoryLock::Changes.share(connection)
}

/// A row of `waiting_changes`.
#[derive(QueryableByName)]
pub(super) struct Waiting {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    first_id: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_id: Option<i64>,
    #[diesel(sql_type = Nullable<Array<BigInt>>)]
    ids: Option<Vec<i64>>,
}

impl Waiting {
    /// Returns whether the row is about subscribers.
    fn has_people(&self) -> bool {
        ChangeKind::parse(&self.kind).is_some_and(ChangeKind::has_people)
    }

    /// Returns the ids of the subscribers, ascending and each once.
    fn take_ids(&mut self) -> Vec<i64> {
        match (self.ids.take(), self.first_id, self.last_id) {
            (Some(mut ids), ..) => {
                ids.sort_unstable();
                ids.dedup();
                ids
            }
            (None, Some(first), Some(last)) => (first..=last).collect(),
            _ => Vec::new(),
        }
    }
}

/// Moves the oldest rows.
fn step(connection: &mut PgConnection) -> Result<(), Error> {
    lock(connection)?;
    // Read under the lock, so that the rows that an earlier transaction moved are gone.
    let mut rows: Vec<Waiting> = statement(
        "SELECT id, kind, first_id, last_id, ids FROM ( \
             SELECT *, sum(number) OVER (ORDER BY id) - number AS before \
             FROM (SELECT * FROM waiting_changes ORDER BY id LIMIT $1) AS oldest) AS counted \
         WHERE before < $2 ORDER BY id",
    )
    .bind::<BigInt, _>(ROWS)
    .bind::<BigInt, _>(IDS)
    .load(connection)?;
    if rows.is_empty() {
        return Ok(());
    }
    let mut deleted = Vec::new();
    let mut people: Vec<Option<Vec<i64>>> = Vec::with_capacity(rows.len());
    for row in &mut rows {
        let ids = row.has_people().then(|| row.take_ids());
        if row.kind == ChangeKind::SubscriberDeleted.as_str() {
            deleted.extend(ids.iter().flatten());
        }
        people.push(ids);
    }
    deleted.sort_unstable();
    forget_deleted(connection, &deleted)?;
    let mut moved = Moved::default();
    for (row, ids) in rows.iter().zip(people) {
        let ids = ids.map(|mut ids| {
            if row.kind != ChangeKind::SubscriberDeleted.as_str() {
                take_out(&mut ids, &deleted);
            }
            ids
        });
        moved.push(row, ids.as_deref());
    }
    moved.write(connection)
}

/// The columns of the rows that are moved.
#[derive(Default)]
struct Moved {
    ids: Vec<i64>,
    numbers: Vec<i32>,
    firsts: Vec<Option<i64>>,
    lasts: Vec<Option<i64>>,
    coded: Vec<Option<Vec<u8>>>,
    /// Whether all subscribers of the row are deleted.
    are_void: Vec<bool>,
}

impl Moved {
    fn push(&mut self, row: &Waiting, people: Option<&[i64]>) {
        let (stored, bounds) = match people {
            Some(ids) => {
                let stored = StoredIds::of(ids);
                let bounds = stored.bounds;
                (stored, bounds)
            }
            // The ids are of another table, or there are none.
            None => (StoredIds::of(&[]), row.first_id.zip(row.last_id)),
        };
        self.ids.push(row.id);
        self.numbers.push(stored.number);
        self.firsts.push(bounds.map(|(first, _)| first));
        self.lasts.push(bounds.map(|(_, last)| last));
        self.coded.push(stored.coded);
        self.are_void.push(people.is_some_and(<[i64]>::is_empty));
    }

    fn write(self, connection: &mut PgConnection) -> Result<(), Error> {
        statement(
            "WITH moved AS (DELETE FROM waiting_changes WHERE id = ANY ($1) RETURNING id, at, kind, about, fields) \
             INSERT INTO changes (at, kind, about, fields, number, first_id, last_id, ids) \
             SELECT at, kind, CASE WHEN NOT is_void THEN about END, CASE WHEN is_void THEN '{}' ELSE fields END, \
                 number, first_id, last_id, coded \
             FROM moved JOIN unnest($1, $2, $3, $4, $5, $6) AS settled (id, number, first_id, last_id, coded, is_void) \
                 USING (id) ORDER BY id",
        )
        .bind::<Array<BigInt>, _>(self.ids)
        .bind::<Array<Integer>, _>(self.numbers)
        .bind::<Array<Nullable<BigInt>>, _>(self.firsts)
        .bind::<Array<Nullable<BigInt>>, _>(self.lasts)
        .bind::<Array<Nullable<Binary>>, _>(self.coded)
        .bind::<Array<Bool>, _>(self.are_void)
        .execute(connection)?;
        Ok(())
    }
}
