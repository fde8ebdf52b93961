//! Undoing an import: either everything is exactly as it was before, or nothing is touched and the error says what
//! prevents the undo. Subscribers who were edited later are not overwritten.

use super::job::{self, Import, ImportState};
use super::plan::options::ImportKind;
use super::run::remove_file;
use super::undo_later::Later;
use super::undo_locks::{lock_made, lock_subscribers};
use super::write::copy::make_time_utc;
use crate::audience::audit::{self, Entry, TargetKind, Trace};
use crate::audience::consent::restore_suppressions;
use crate::audience::member_lock::lock_for_refresh;
use crate::audience::removal::remove_subscribers;
use crate::audience::runs;
use crate::audience::status_change::Cause;
use crate::audience::subscriber_column::list_names;
use crate::audience::{custom_field, group};
use crate::db::schema::{group_memberships, import_additions, import_batches, imports};
use crate::db::{AdvisoryLock, Db, SessionLock, statement};
use crate::error::Error;
use crate::rule::join_first;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};

/// How many ids one statement takes.
const AT_A_TIME: usize = 20_000;

/// Requests the undo of an import. The undo is done even if this process dies.
///
/// # Errors
/// [`Error::Invalid`] if the import cannot be undone; [`Error::NotFound`].
pub fn ask_to_undo(
    connection: &mut PgConnection,
    id: i64,
    now: DateTime<Utc>,
) -> Result<Import, Error> {
    let import = job::get(connection, id)?;
    if import.state() == ImportState::Undoing {
        return Ok(import);
    }
    connection.transaction(|connection| {
        let import = job::lock(connection, id)?;
        check(&import, now)?;
        Ok(diesel::update(imports::table.find(id))
            .set((
                imports::undo_asked_at.eq(now),
                imports::undo_error.eq(None::<String>),
            ))
            .returning(Import::as_returning())
            .get_result(connection)?)
    })
}

/// Undoes an import if its undo is still requested. Returns `None` if another import is running or being undone; the
/// caller retries then.
///
/// # Errors
/// Errors of [`undo`]. If the undo is refused, the request for it is dropped and the reason is stored with the import.
/// After any other failure the undo is retried.
pub fn undo_asked(db: &Db, id: i64, now: DateTime<Utc>) -> Result<Option<Import>, Error> {
    let Some(mut lock) = SessionLock::take(db, AdvisoryLock::Import)? else {
        return Ok(None);
    };
    // A refusal names subscribers. It is stored in the transaction that found them, before any of them can be deleted.
    let outcome = lock.connection.transaction(|connection| {
        lock_made(connection, id)?;
        lock_for_refresh(connection)?;
        let import = job::lock(connection, id)?;
        // The undo is done or was cancelled, perhaps while this waited for the locks.
        let Some(asked) = import.undo_asked_at else {
            return Ok(Outcome::NotAsked(import));
        };
        let moments = Moments { asked, now };
        match connection.transaction(|connection| undo_within(connection, id, moments)) {
            Ok(undone) => Ok(Outcome::Undone(undone)),
            Err(refusal) if is_refusal(&refusal) => {
                diesel::update(imports::table.find(id))
                    .set((
                        imports::undo_asked_at.eq(None::<DateTime<Utc>>),
                        imports::undo_error.eq(reason(&refusal)),
                    ))
                    .execute(connection)?;
                Ok(Outcome::Refused(refusal))
            }
            Err(error) => Err(error),
        }
    })?;
    match outcome {
        Outcome::NotAsked(import) => Ok(Some(import)),
        Outcome::Undone(import) => end(&mut lock, import).map(Some),
        Outcome::Refused(refusal) => Err(refusal),
    }
}

/// The outcome of an undo.
enum Outcome {
    NotAsked(Import),
    Undone(Import),
    Refused(Error),
}

/// Whether an error means that the undo is not possible, rather than that it failed for another reason.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::Invalid(_) | Error::InvalidRule(_) | Error::InUse { .. } | Error::NotFound { .. }
    )
}

/// Returns the text of a refusal, as in a user error.
fn reason(refusal: &Error) -> String {
    let text = match refusal {
        Error::Invalid(problems) => {
            let messages = problems.iter().map(|problem| problem.message.as_str());
            join_first(&messages.collect::<Vec<&str>>(), "; ")
        }
        other => other.to_string(),
    };
    text.replace('\0', "\u{fffd}")
}

/// Undoes the next import for which undo was requested, and returns the import: with the reason, if the undo was refused.
/// Returns `None` if no undo is requested, or while another import runs.
pub fn undo_next(db: &Db, now: DateTime<Utc>) -> Result<Option<Import>, Error> {
    let Some(id) = db.run_here(job::list_undoing)?.first().copied() else {
        return Ok(None);
    };
    match undo_asked(db, id, now) {
        Err(refusal) if is_refusal(&refusal) => {
            db.run_here(|connection| job::get(connection, id)).map(Some)
        }
        undone => undone,
    }
}

/// Undoes an import, in one transaction.
///
/// # Errors
/// [`Error::Invalid`] if the import cannot be undone now, or if later changes would be lost, with their number and the
/// first of them; [`Error::InUse`] if a segment uses a group or a custom field that the import created;
/// [`Error::NotFound`].
pub fn undo(db: &Db, id: i64, now: DateTime<Utc>) -> Result<Import, Error> {
    undo_as(db, id, now, &Entry::of_system("undoImport", now))
}

/// Does the same as [`undo`], with the entry of the caller for the audit log.
///
/// # Errors
/// As [`undo`].
pub fn undo_as(db: &Db, id: i64, now: DateTime<Utc>, entry: &Entry) -> Result<Import, Error> {
    let Some(mut lock) = SessionLock::take(db, AdvisoryLock::Import)? else {
        return Err(Error::invalid(
            "id",
            "another import is running or being undone; undo this one when that has finished",
        ));
    };
    let undone = lock.connection.transaction(|connection| {
        lock_made(connection, id)?;
        lock_for_refresh(connection)?;
        audit::write(connection, entry, &Trace::of(TargetKind::Import, id))?;
        undo_within(connection, id, Moments { asked: now, now })
    })?;
    end(&mut lock, undone)
}

/// When the undo was requested, and when it is done.
#[derive(Debug, Clone, Copy)]
struct Moments {
    asked: DateTime<Utc>,
    now: DateTime<Utc>,
}

/// Undoes an import within a transaction. No subscriber is deleted meanwhile, and no members are written:
/// [`lock_for_refresh`] comes before the locks of rows, as it does wherever subscribers are deleted.
fn undo_within(connection: &mut PgConnection, id: i64, moments: Moments) -> Result<Import, Error> {
    make_time_utc(connection)?;
    let import = job::lock(connection, id)?;
    check(&import, moments.asked)?;
    match import.kind {
        ImportKind::Subscribers => undo_subscribers(connection, &import, moments.now)?,
        ImportKind::Events => {
            undo_events(connection, &import)?;
            remove_people(connection, &import, moments.now)?;
        }
    }
    job::forget_before(connection, &[id])?;
    let entry = Entry::of_system("endUndoOfImport", moments.now);
    audit::write(connection, &entry, &Trace::of(TargetKind::Import, id))?;
    diesel::update(imports::table.find(id))
        .set((
            imports::undone_at.eq(moments.now),
            imports::undo_until.eq(None::<DateTime<Utc>>),
            imports::undo_asked_at.eq(None::<DateTime<Utc>>),
            imports::undo_error.eq(None::<String>),
        ))
        .execute(connection)?;
    job::set_state(
        connection,
        id,
        ImportState::Undone,
        None,
        import.finished_at,
    )
}

/// Removes the file of an undone import.
fn end(lock: &mut SessionLock, undone: Import) -> Result<Import, Error> {
    remove_file(&mut lock.connection, &undone)?;
    job::get(&mut lock.connection, undone.id)
}

fn check(import: &Import, now: DateTime<Utc>) -> Result<(), Error> {
    if import.is_undoable(now) {
        return Ok(());
    }
    let message = match import.state {
        ImportState::Undone => "the import is already undone".to_owned(),
        _ if import.is_dry_run() => "the import was a dry run, which wrote nothing".to_owned(),
        ImportState::Failed | ImportState::Cancelled if import.started_at.is_none() => {
            "the import has changed nothing".to_owned()
        }
        ImportState::Succeeded | ImportState::Failed | ImportState::Cancelled => {
            "the import can no longer be undone: its undo data has been deleted (the setting keep_undo says after how many days)"
                .to_owned()
        }
        _ => format!(
            "the import has not ended yet: it is {}; cancel it first",
            import.state.as_str()
        ),
    };
    Err(Error::invalid("id", message))
}

fn created_ids(connection: &mut PgConnection, import: &Import) -> Result<Vec<i64>, Error> {
    let batches: Vec<Vec<u8>> = import_batches::table
        .filter(import_batches::import_id.eq(import.id))
        .order(import_batches::number)
        .select(import_batches::created)
        .load(connection)?;
    let mut ids = Vec::new();
    for batch in batches {
        ids.extend(runs::decode(&batch)?);
    }
    Ok(ids)
}

/// Removes the subscribers that an import of events created.
fn remove_people(
    connection: &mut PgConnection,
    import: &Import,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let batches: Vec<Option<Vec<u8>>> = import_batches::table
        .filter(import_batches::import_id.eq(import.id))
        .filter(import_batches::people.is_not_null())
        .order(import_batches::number)
        .select(import_batches::people)
        .load(connection)?;
    let mut people = Vec::new();
    for batch in batches.into_iter().flatten() {
        people.extend(runs::decode(&batch)?);
    }
    if people.is_empty() {
        return Ok(());
    }
    let moment = import.started_at.unwrap_or(import.created_at);
    lock_subscribers(connection, import.id, &people)?;
    let mut later = Later::default();
    for ids in people.chunks(AT_A_TIME) {
        later.find_touched(connection, import.id, ids, moment)?;
    }
    later.refuse()?;
    Cause::undo(import.id, now).tell(connection)?;
    remove_subscribers(connection, people, now)?;
    restore_suppressions(connection, import.id)
}

fn undo_subscribers(
    connection: &mut PgConnection,
    import: &Import,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let moment = import.started_at.unwrap_or(import.created_at);
    let created = created_ids(connection, import)?;
    lock_subscribers(connection, import.id, &created)?;
    let mut later = Later::default();
    later.find_changed(connection, import.id)?;
    for ids in created.chunks(AT_A_TIME) {
        later.find_touched(connection, import.id, ids, moment)?;
    }
    later.refuse()?;
    leave_groups(connection, import.id, moment)?;
    Cause::undo(import.id, now).tell(connection)?;
    diesel::sql_query(restore_sql())
        .bind::<BigInt, _>(import.id)
        .execute(connection)?;
    remove_subscribers(connection, created, now)?;
    restore_suppressions(connection, import.id)?;
    unmake(connection, import)
}

/// Ends the memberships that the import added, except those that were ended and begun again since.
fn leave_groups(
    connection: &mut PgConnection,
    import_id: i64,
    moment: DateTime<Utc>,
) -> Result<(), Error> {
    let additions: Vec<(i64, Vec<u8>)> = import_additions::table
        .filter(import_additions::import_id.eq(import_id))
        .order((import_additions::number, import_additions::group_id))
        .select((import_additions::group_id, import_additions::added))
        .load(connection)?;
    for (group, added) in additions {
        diesel::sql_query(
            "DELETE FROM group_memberships WHERE group_id = $1 AND subscriber_id = ANY($2) \
             AND added_at = $3 AND source = 'import'",
        )
        .bind::<BigInt, _>(group)
        .bind::<Array<BigInt>, _>(runs::decode(&added)?)
        .bind::<Timestamptz, _>(moment)
        .execute(connection)?;
    }
    Ok(())
}

/// Returns the statement that restores changed subscribers. It takes the columns from the table, so that none is
/// forgotten.
fn restore_sql() -> String {
    let columns = list_names();
    let old: Vec<String> = columns
        .iter()
        .map(|column| format!("old.{column}"))
        .collect();
    format!(
        "UPDATE subscribers s SET ({}) = ROW({}) FROM import_changes c \
         CROSS JOIN LATERAL jsonb_populate_record(NULL::subscribers, c.before) old \
         WHERE c.import_id = $1 AND s.id = c.subscriber_id",
        columns.join(", "),
        old.join(", ")
    )
}

/// Removes the groups and custom fields that the import created. Fails if one of them has been used since.
fn unmake(connection: &mut PgConnection, import: &Import) -> Result<(), Error> {
    let made = import.made();
    for id in made.groups {
        let Some(found) = group::find_by_ids(connection, &[id])?.pop() else {
            continue;
        };
        let others: i64 = group_memberships::table
            .filter(group_memberships::group_id.eq(id))
            .count()
            .get_result(connection)?;
        if others > 0 {
            let message = format!(
                "the group \"{}\", which this import created, has other members by now ({}); undo would delete it",
                found.key, others
            );
            return Err(Error::invalid("id", message));
        }
        group::delete(connection, id, None)?;
    }
    for id in made.custom_fields {
        let Some(found) = custom_field::find_by_ids(connection, &[id])?.pop() else {
            continue;
        };
        let others: i64 = statement("SELECT count(*) FROM subscribers WHERE custom ? $1")
            .bind::<Text, _>(&found.key)
            .returning::<BigInt>()
            .get_result(connection)?;
        if others > 0 {
            let message = format!(
                "the custom field \"{}\", which this import created, has a value for other subscribers by now ({}); undo would delete it",
                found.key, others
            );
            return Err(Error::invalid("id", message));
        }
        custom_field::delete(connection, id, None)?;
    }
    Ok(())
}

/// Deletes the events that the import recorded, and recomputes the totals of their subscribers.
fn undo_events(connection: &mut PgConnection, import: &Import) -> Result<(), Error> {
    let created = created_ids(connection, import)?;
    // All totals are locked in the order of their key before any is changed, as when events are recorded.
    diesel::sql_query(
        "SELECT FROM event_totals t JOIN (SELECT DISTINCT subscriber_id, name FROM events WHERE id = ANY($1)) e \
         USING (subscriber_id, name) ORDER BY t.subscriber_id, t.name FOR UPDATE OF t",
    )
    .bind::<Array<BigInt>, _>(&created)
    .execute(connection)?;
    for ids in created.chunks(AT_A_TIME) {
        diesel::sql_query(
            "WITH gone AS (DELETE FROM events WHERE id = ANY($1) RETURNING id, subscriber_id, name), \
             affected AS (SELECT DISTINCT subscriber_id, name FROM gone), \
             left_over AS (SELECT a.subscriber_id, a.name, t.* FROM affected a LEFT JOIN LATERAL ( \
                 SELECT count(*) AS number, coalesce(sum(value), 0) AS total, min(occurred_at) AS first, \
                     max(occurred_at) AS last \
                 FROM events e WHERE e.subscriber_id = a.subscriber_id AND e.name = a.name AND e.id <> ALL($1)) t \
                 ON true), \
             ended AS (DELETE FROM event_totals t USING left_over l \
                 WHERE t.subscriber_id = l.subscriber_id AND t.name = l.name AND l.number = 0) \
             UPDATE event_totals t SET count = l.number, value_sum = l.total, first_at = l.first, last_at = l.last \
             FROM left_over l WHERE t.subscriber_id = l.subscriber_id AND t.name = l.name AND l.number > 0",
        )
        .bind::<Array<BigInt>, _>(ids)
        .execute(connection)?;
    }
    Ok(())
}
