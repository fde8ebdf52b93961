//! What is left to do when a backup was restored and the migrations have run: jobs that were under way are closed, what was
//! deleted since is deleted again, and a new history begins.
//!
//! A mark in the database says that it is to be done. Whoever opens the database next does it, in one transaction, so that
//! no server ever runs on a database in between.

use super::error::BackupError;
use crate::audience::audit::{self, Entry, TargetKind, Trace};
use crate::audience::import_trace::forget_people;
use crate::audience::removal::remove_subscribers;
use crate::db::Db;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text, Timestamptz};

/// How the tables begin that are the mark.
pub(super) const MARK: &str = "unfinished_restore";

/// How many people are forgotten at a time.
const AT_A_TIME: usize = 1_000;

/// What was done behind a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// The moment of the snapshot that was restored.
    pub made_at: DateTime<Utc>,
    /// How many jobs were under way and are closed.
    pub closed: usize,
    /// How many subscribers were deleted again.
    pub deleted: usize,
    /// How many API keys were revoked again.
    pub revoked: usize,
}

/// Does what a restore left to do; returns `None` if there is nothing. The migrations must have run.
///
/// # Errors
/// Those of the database; nothing was done then.
pub fn finish_restore(db: &Db, now: DateTime<Utc>) -> Result<Option<Finished>, BackupError> {
    let done = db.run_here(|connection| {
        if !is_marked(connection)? {
            return Ok(None);
        }
        connection.transaction(|connection| {
            // Another process may have been faster.
            connection.batch_execute("SELECT pg_advisory_xact_lock(hashtextextended('rollcall restore ' || current_schema(), 0))")?;
            match is_marked(connection)? {
                true => finish(connection, now).map(Some),
                false => Ok(None),
            }
        })
    });
    Ok(done?)
}

fn is_marked(connection: &mut PgConnection) -> Result<bool, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        is_marked: bool,
    }
    let row: Row = diesel::sql_query(format!(
        "SELECT to_regclass(quote_ident(current_schema()) || '.{MARK}') IS NOT NULL AS is_marked"
    ))
    .get_result(connection)?;
    Ok(row.is_marked)
}

fn finish(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Finished, Error> {
    #[derive(QueryableByName)]
    struct Mark {
        #[diesel(sql_type = Timestamptz)]
        made_at: DateTime<Utc>,
    }
    let Mark { made_at } =
        diesel::sql_query(format!("SELECT made_at FROM {MARK}")).get_result(connection)?;
    let closed = close_jobs(connection, made_at, now)?;
    let people = list_deleted(connection)?;
    let ids = people.iter().map(|(id, _)| *id).collect();
    let deleted = remove_subscribers(connection, ids, now)?;
    for people in people.chunks(AT_A_TIME) {
        forget_people(connection, people)?;
    }
    // Behind the deletions, whose triggers may write hashes too.
    connection.batch_execute(&format!(
        "INSERT INTO suppressions (address_hash, status, since) \
         SELECT address_hash, status, since FROM {MARK}_suppressions \
         WHERE (SELECT replaced_key FROM {MARK}) = (SELECT inner_key FROM suppression_key) \
         ON CONFLICT DO NOTHING"
    ))?;
    let revoked = diesel::sql_query(format!(
        "UPDATE api_keys k SET revoked_at = m.revoked_at FROM {MARK}_keys m \
         WHERE m.sha256 = k.sha256 AND m.revoked_at IS NOT NULL AND k.revoked_at IS NULL"
    ))
    .execute(connection)?;
    begin_history(connection)?;
    // A copy of the database that is looked at somewhere else must not send anything.
    diesel::sql_query(
        "UPDATE webhooks SET disabled_reason = 'restored', disabled_since = $1 WHERE disabled_reason IS NULL",
    )
    .bind::<Timestamptz, _>(now)
    .execute(connection)?;
    let entry = Entry::of_system("restoreBackup", now);
    audit::write(connection, &entry, &Trace::to(TargetKind::Database))?;
    connection.batch_execute(&format!(
        "DELETE FROM sessions; \
         DROP TABLE {MARK}, {MARK}_deletions, {MARK}_suppressions, {MARK}_keys"
    ))?;
    Ok(Finished {
        made_at,
        closed,
        deleted,
        revoked,
    })
}

/// Ends what was under way when the backup was made: going on would do again what has been done since.
fn close_jobs(
    connection: &mut PgConnection,
    made_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<usize, Error> {
    let reason = format!(
        "it was under way when the backup of {} was made, and ended when that was restored",
        made_at.format("%Y-%m-%dT%H:%M:%SZ")
    );
    let statements = [
        "UPDATE imports SET state = 'failed', error = $1, finished_at = $2 \
         WHERE state IN ('waiting', 'ready', 'analyzed', 'running')",
        "UPDATE imports SET undo_asked_at = NULL, undo_error = $1 WHERE undo_asked_at IS NOT NULL AND $2 IS NOT NULL",
        "UPDATE bulk_actions SET state = 'failed', error = $1, finished_at = $2 WHERE state IN ('ready', 'running')",
        "UPDATE bulk_actions SET undo_asked_at = NULL, undo_error = $1 WHERE undo_asked_at IS NOT NULL AND $2 IS NOT NULL",
        "UPDATE refreshes SET state = 'failed', error = $1, finished_at = $2 WHERE state = 'running'",
    ];
    let mut closed = 0;
    for statement in statements {
        closed += diesel::sql_query(statement)
            .bind::<Text, _>(&reason)
            .bind::<Timestamptz, _>(now)
            .execute(connection)?;
    }
    connection.batch_execute(
        "DELETE FROM bulk_action_people p USING bulk_actions b \
         WHERE b.id = p.bulk_action_id AND b.state NOT IN ('ready', 'running')",
    )?;
    Ok(closed)
}

/// Lists the subscribers whom the replaced database had deleted. The moment at which a row was made tells whether an id is
/// still that of the same person; where it was not kept, the histories must be the same.
fn list_deleted(connection: &mut PgConnection) -> Result<Vec<(i64, String)>, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Text)]
        email: String,
    }
    let rows: Vec<Row> = diesel::sql_query(format!(
        "SELECT s.id, s.email FROM {MARK}_deletions d JOIN subscribers s ON s.id = d.subscriber_id \
         WHERE d.created_at = s.created_at OR (d.created_at IS NULL \
         AND (SELECT replaced_token FROM {MARK}) = (SELECT token FROM history))"
    ))
    .load(connection)?;
    Ok(rows.into_iter().map(|row| (row.id, row.email)).collect())
}

/// Begins a new history, in which no position of before is known, and marks every segment for its refresh.
fn begin_history(connection: &mut PgConnection) -> Result<(), Error> {
    Ok(connection.batch_execute(
        "UPDATE history SET token = DEFAULT; UPDATE refreshes SET token = DEFAULT; \
         UPDATE instant_changes SET token = DEFAULT; UPDATE segment_deletions SET token = DEFAULT; \
         UPDATE segments SET stale_through = coalesce((SELECT max(id) FROM refreshes), 0)",
    )?)
}
