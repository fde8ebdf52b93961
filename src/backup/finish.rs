//! Completes a restore after the migrations have run: closes the jobs that were unfinished, deletes again what was
//! deleted since the backup, and begins a new history.
//!
//! A mark in the database says that a restore must be completed. The next process that opens the database completes it
//! in one transaction, so that no server ever runs on an unfinished database.

use super::error::BackupError;
use crate::audience::actor::{Actor, Origin};
use crate::audience::audit::{self, Entry, TargetKind, Trace};
use crate::audience::import_trace::forget_people;
use crate::audience::removal::remove_subscribers;
use crate::db::{AdvisoryLock, Db, statement};
use crate::error::Error;
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz};

/// The prefix of the names of the tables that are the mark.
pub(super) const MARK: &str = "unfinished_restore";

/// How many people are deleted from the data of imports at a time.
const AT_A_TIME: usize = 1_000;

/// What was done after a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// The time of the snapshot that was restored.
    pub made_at: DateTime<Utc>,
    /// How many unfinished jobs were closed.
    pub closed: usize,
    /// How many subscribers were deleted again.
    pub deleted: usize,
    /// How many API keys were revoked again.
    pub revoked: usize,
}

/// Completes a restore. Returns `None` if no restore waits to be completed. The migrations must have run. If this
/// fails, nothing is changed.
pub fn finish_restore(db: &Db, now: DateTime<Utc>) -> Result<Option<Finished>, BackupError> {
    let done = db.run_here(|connection| {
        if !is_marked(connection)? {
            return Ok(None);
        }
        connection.transaction(|connection| {
            // Another process may have been faster.
            AdvisoryLock::Restore.hold(connection)?;
            match is_marked(connection)? {
                true => finish(connection, now).map(Some),
                false => Ok(None),
            }
        })
    });
    Ok(done?)
}

fn is_marked(connection: &mut PgConnection) -> Result<bool, Error> {
    Ok(statement(format!(
        "SELECT to_regclass(quote_ident(current_schema()) || '.{MARK}') IS NOT NULL"
    ))
    .returning::<Bool>()
    .get_result(connection)?)
}

/// The content of the mark.
#[derive(QueryableByName)]
struct Mark {
    #[diesel(sql_type = Timestamptz)]
    made_at: DateTime<Utc>,
    /// The user who restored the backup; `None` if an older program wrote the mark.
    #[diesel(sql_type = Nullable<Text>)]
    restored_by: Option<String>,
    /// Whether the backup is of the database that it replaced.
    #[diesel(sql_type = Bool)]
    is_same_database: bool,
}

impl Mark {
    fn read(connection: &mut PgConnection) -> Result<Mark, Error> {
        // An older program that was interrupted may not have made these tables.
        connection.batch_execute(&format!(
            "CREATE TABLE IF NOT EXISTS {MARK}_erased (hash bytea, erased_at timestamptz); \
             CREATE TABLE IF NOT EXISTS {MARK}_audit (entry jsonb); \
             CREATE TABLE IF NOT EXISTS {MARK}_sequences (name text, last_value bigint)"
        ))?;
        Ok(diesel::sql_query(format!(
            "SELECT made_at, to_jsonb(m) ->> 'restored_by' AS restored_by, \
                 coalesce(replaced_key = (SELECT inner_key FROM suppression_key), false) AS is_same_database \
             FROM {MARK} m"
        ))
        .get_result(connection)?)
    }
}

fn finish(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Finished, Error> {
    let mark = Mark::read(connection)?;
    let made_at = mark.made_at;
    let closed = close_jobs(connection, made_at, now)?;
    let people = list_deleted(connection)?;
    let ids = people.iter().map(|(id, _)| *id).collect();
    let deleted = remove_subscribers(connection, ids, now)?;
    for people in people.chunks(AT_A_TIME) {
        forget_people(connection, people)?;
    }
    // After the deletions, because their triggers may write hashes too.
    carry_over_erased(connection)?;
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
    // A copy of the database that is restored somewhere else must not send anything.
    diesel::sql_query(
        "UPDATE webhooks SET disabled_reason = 'restored', disabled_since = $1 WHERE disabled_reason IS NULL",
    )
    .bind::<Timestamptz, _>(now)
    .execute(connection)?;
    let actor = mark.restored_by.map_or(Actor::System, Actor::CommandLine);
    let entry = |action| Entry::new(Origin::of(actor.clone()), action, now);
    keep_audit(connection, mark.is_same_database, &entry("loseAuditLog"))?;
    let trace = Trace::to(TargetKind::Database);
    audit::write(connection, &entry("restoreBackup"), &trace)?;
    connection.batch_execute(&format!(
        "DELETE FROM sessions; \
         DROP TABLE {MARK}, {MARK}_deletions, {MARK}_erased, {MARK}_suppressions, {MARK}_keys, {MARK}_audit, {MARK}_sequences"
    ))?;
    Ok(Finished {
        made_at,
        closed,
        deleted,
        revoked,
    })
}

/// Closes the jobs that were unfinished when the backup was made. Continuing them would repeat what was done since.
fn close_jobs(
    connection: &mut PgConnection,
    made_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<usize, Error> {
    let reason = format!(
        "the job had not ended when the backup of {} was made; restoring that backup ended it",
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

/// Lists the subscribers whom the replaced database had deleted. The creation time shows whether an id still belongs to
/// the same person. If it was not kept, the histories must be the same. Hashes show deletions that the log of changes
/// no longer has.
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
         AND (SELECT replaced_token FROM {MARK}) = (SELECT token FROM history)) \
         UNION \
         SELECT s.id, s.email FROM suppression_key k CROSS JOIN subscribers s \
         JOIN {MARK}_erased e ON e.hash = erasure_hash(k.inner_key, k.outer_key, s.id, s.created_at)"
    ))
    .load(connection)?;
    Ok(rows.into_iter().map(|row| (row.id, row.email)).collect())
}

/// Keeps the list of subscribers whom the replaced database had deleted, for the next restore. It includes subscribers
/// who are not in this backup, because they may be in another.
fn carry_over_erased(connection: &mut PgConnection) -> Result<(), Error> {
    Ok(connection.batch_execute(&format!(
        "INSERT INTO erased_subscribers (hash, erased_at) \
         SELECT hash, max(erased_at) FROM ( \
             SELECT hash, erased_at FROM {MARK}_erased \
             UNION ALL SELECT erasure_hash(inner_key, outer_key, subscriber_id, created_at), now() \
             FROM {MARK}_deletions CROSS JOIN suppression_key WHERE created_at IS NOT NULL) AS kept \
         WHERE NOT EXISTS (SELECT FROM erased_subscribers e WHERE e.hash = kept.hash) GROUP BY hash"
    ))?)
}

/// Keeps the entries of the audit log that the backup does not have. If the backup is of another database, their ids
/// would refer to other objects. Then the entries are dropped, and a new entry says how many, and for which period.
fn keep_audit(
    connection: &mut PgConnection,
    is_same_database: bool,
    lost: &Entry,
) -> Result<(), Error> {
    // Compared without ids, because an earlier restore may have given an entry another id.
    let missing = format!(
        "FROM {MARK}_audit m CROSS JOIN LATERAL jsonb_populate_record(NULL::audit_log, m.entry) AS e \
         WHERE NOT EXISTS (SELECT FROM audit_log a WHERE to_jsonb(a) - 'id' = to_jsonb(e) - 'id')"
    );
    if is_same_database {
        // No object may get an id that an entry is about.
        return Ok(connection.batch_execute(&format!(
            "SELECT setval(format('%I.%I', s.schemaname, s.sequencename)::regclass, m.last_value) \
             FROM (SELECT name, max(last_value) AS last_value FROM {MARK}_sequences GROUP BY name) AS m \
             JOIN pg_sequences s ON s.schemaname = current_schema() AND s.sequencename = m.name \
             WHERE m.last_value > coalesce(s.last_value, 0); \
             INSERT INTO audit_log (id, at, action, actor, actor_name, api_key_id, api_key_prefix, session_id, peer, request_id, \
                 target, target_id, target_key, subscriber_ids, count, fields, version_before, version_after) \
             SELECT DISTINCT ON (e.at, e.id) \
                 CASE WHEN EXISTS (SELECT FROM audit_log a WHERE a.id = e.id) \
                     THEN nextval(pg_get_serial_sequence('audit_log', 'id')) ELSE e.id END, e.at, e.action, e.actor, e.actor_name, e.api_key_id, e.api_key_prefix, e.session_id, \
                 e.peer, e.request_id, e.target, e.target_id, e.target_key, e.subscriber_ids, e.count, \
                 coalesce(e.fields, '{{}}'), e.version_before, e.version_after \
             {missing} ORDER BY e.at, e.id"
        ))?);
    }
    #[derive(QueryableByName)]
    struct Lost {
        #[diesel(sql_type = BigInt)]
        number: i64,
        #[diesel(sql_type = Nullable<Timestamptz>)]
        first: Option<DateTime<Utc>>,
        #[diesel(sql_type = Nullable<Timestamptz>)]
        last: Option<DateTime<Utc>>,
    }
    let found: Lost = diesel::sql_query(format!(
        "SELECT count(*) AS number, min(e.at) AS first, max(e.at) AS last {missing}"
    ))
    .get_result(connection)?;
    if let (Some(first), Some(last)) = (found.first, found.last) {
        let instant = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        // An interval, as ISO 8601 writes it.
        let interval = format!("{}/{}", instant(first), instant(last));
        let number = usize::try_from(found.number).unwrap_or_default();
        let trace = Trace::to(TargetKind::AuditLog).with_count(number);
        audit::write(connection, lost, &trace.with_key(&interval))?;
    }
    Ok(())
}

/// Begins a new history, in which no earlier position is known, and marks every segment for its refresh.
fn begin_history(connection: &mut PgConnection) -> Result<(), Error> {
    Ok(connection.batch_execute(
        "UPDATE history SET token = DEFAULT; UPDATE refreshes SET token = DEFAULT; \
         UPDATE instant_changes SET token = DEFAULT; UPDATE segment_deletions SET token = DEFAULT; \
         UPDATE segments SET stale_through = coalesce((SELECT max(id) FROM refreshes), 0)",
    )?)
}
