//! Runs bulk actions, one at a time, block by block. A block is changed completely or not at all. If the process dies,
//! the next process continues after the last changed block.

use super::batch::change_block;
use super::change::Change;
use super::job::{self, BulkAction, BulkState, forget_before, reason_of};
use super::undo;
use crate::audience::audit::{self, Entry, TargetKind, Trace};
use crate::audience::id_set::IdSet;
use crate::audience::setting;
use crate::db::schema::{bulk_action_people, bulk_actions};
use crate::db::{AdvisoryLock, Db, SessionLock};
use crate::error::Error;
use crate::rule::shift_moment;
use crate::scan::RefreshSettings;
use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs or undoes the next bulk action that is queued or was interrupted when its process died. Returns `None` if there
/// is no such action, or if another process is running one.
///
/// # Errors
/// Errors that may pass, such as an unavailable database; the action is continued later. If the action itself fails,
/// this is no error here: the reason is stored with the action.
pub fn run_next(
    db: &Db,
    settings: &RefreshSettings,
    is_stopping: &AtomicBool,
) -> Result<Option<BulkAction>, Error> {
    // Check without the lock first: usually there is nothing to do.
    if db.run_here(next)?.is_none() {
        return Ok(None);
    }
    let Some(lock) = SessionLock::take(db, AdvisoryLock::Bulk)? else {
        return Ok(None);
    };
    let Some(action) = db.run_here(next)? else {
        return Ok(None);
    };
    let done = match action.state() {
        BulkState::Undoing => undo::undo(db, action.id, settings.clock.now()),
        _ => {
            let result = run(db, &action, settings, is_stopping);
            finish(db, &action, result, settings.clock.now())
        }
    };
    drop(lock);
    done.map(Some)
}

fn next(connection: &mut PgConnection) -> Result<Option<BulkAction>, Error> {
    Ok(bulk_actions::table
        .filter(
            bulk_actions::state
                .eq_any(["ready", "running"])
                .or(bulk_actions::undo_asked_at.is_not_null()),
        )
        // Undo goes first: an action that can be undone is older than the queued ones.
        .order((bulk_actions::undo_asked_at.is_null(), bulk_actions::id))
        .select(BulkAction::as_select())
        .first(connection)
        .optional()?)
}

fn run(
    db: &Db,
    action: &BulkAction,
    settings: &RefreshSettings,
    is_stopping: &AtomicBool,
) -> Result<BulkState, Error> {
    let action = match action.state() {
        BulkState::Ready => {
            let people = action.people()?.find(db, settings)?;
            begin(db, action.id, &people, settings.clock.now())?
        }
        _ => action.clone(),
    };
    // The action was cancelled while its subscribers were being found, or before its process died.
    if action.state() != BulkState::Running || action.cancel_requested {
        return Ok(BulkState::Cancelled);
    }
    let change = action.change()?;
    let mut last = action.last_block;
    loop {
        let block = db.run_here(|connection| block_after(connection, action.id, last))?;
        let Some((number, members)) = block else {
            return Ok(BulkState::Succeeded);
        };
        if is_stopping.load(Ordering::Relaxed) {
            let message = "the process is stopping; the bulk action will be resumed";
            return Err(Error::Unavailable(message.to_owned()));
        }
        let now = settings.clock.now();
        let is_cancelled = db.run_here(|connection| {
            change_block(connection, &action, &change, (number, &members), now)
        })?;
        if is_cancelled {
            return Ok(BulkState::Cancelled);
        }
        last = number;
    }
}

/// Stores the subscribers of the action and starts it, unless it was cancelled meanwhile.
fn begin(db: &Db, id: i64, people: &IdSet, now: DateTime<Utc>) -> Result<BulkAction, Error> {
    db.run_here(|connection| {
        connection.transaction(|connection| {
            let action = job::lock(connection, id)?;
            if action.state() != BulkState::Ready {
                return Ok(action);
            }
            let blocks: Vec<_> = people
                .blocks()
                .map(|(block, members)| {
                    (
                        bulk_action_people::bulk_action_id.eq(id),
                        bulk_action_people::block.eq(block),
                        bulk_action_people::members.eq(members),
                    )
                })
                .collect();
            for some in blocks.chunks(1_000) {
                diesel::insert_into(bulk_action_people::table)
                    .values(some.to_vec())
                    .execute(connection)?;
            }
            Ok(diesel::update(bulk_actions::table.find(id))
                .set((
                    bulk_actions::state.eq(BulkState::Running.as_str()),
                    bulk_actions::started_at.eq(now),
                    bulk_actions::matched.eq(i64::try_from(people.count()).unwrap_or(i64::MAX)),
                ))
                .returning(BulkAction::as_returning())
                .get_result(connection)?)
        })
    })
}

fn block_after(
    connection: &mut PgConnection,
    id: i64,
    last: i32,
) -> Result<Option<(i32, Vec<u8>)>, Error> {
    Ok(bulk_action_people::table
        .filter(bulk_action_people::bulk_action_id.eq(id))
        .filter(bulk_action_people::block.gt(last))
        .order(bulk_action_people::block)
        .select((bulk_action_people::block, bulk_action_people::members))
        .first(connection)
        .optional()?)
}

/// Stores how an action ended.
fn finish(
    db: &Db,
    action: &BulkAction,
    result: Result<BulkState, Error>,
    now: DateTime<Utc>,
) -> Result<BulkAction, Error> {
    let (state, error) = match result {
        Ok(state) => (state, None),
        // The action keeps its state, so that it is continued later.
        Err(error @ (Error::Unavailable(_) | Error::Contention(_) | Error::RefreshRunning)) => {
            return Err(error);
        }
        Err(error) => (BulkState::Failed, Some(reason_of(action, &error))),
    };
    db.run_here(|connection| {
        connection.transaction(|connection| {
            let action = job::lock(connection, action.id)?;
            let keep_undo = setting::load(connection)?.keep_undo;
            let until = shift_moment(now, Duration::days(i64::from(keep_undo)));
            let is_kept = action.started_at.is_some()
                && action.change().as_ref().is_ok_and(Change::can_be_undone);
            forget_people(connection, action.id)?;
            let entry = Entry::of_system("endBulkAction", now);
            let changed = usize::try_from(action.changed).unwrap_or_default();
            let trace = Trace::of(TargetKind::BulkAction, action.id).with_count(changed);
            audit::write(connection, &entry, &trace)?;
            Ok(diesel::update(bulk_actions::table.find(action.id))
                .set((
                    bulk_actions::state.eq(state.as_str()),
                    bulk_actions::error.eq(&error),
                    bulk_actions::finished_at.eq(action.finished_at.unwrap_or(now)),
                    bulk_actions::undo_until.eq(is_kept.then_some(until)),
                ))
                .returning(BulkAction::as_returning())
                .get_result(connection)?)
        })
    })
}

fn forget_people(connection: &mut PgConnection, id: i64) -> Result<(), Error> {
    let people = bulk_action_people::table.filter(bulk_action_people::bulk_action_id.eq(id));
    diesel::delete(people).execute(connection)?;
    Ok(())
}

/// Deletes the previous values of bulk actions that can no longer be undone.
pub fn tidy(db: &Db, now: DateTime<Utc>) -> Result<(), Error> {
    db.run_here(|connection| {
        connection.transaction(|connection| {
            let expired: Vec<i64> = bulk_actions::table
                .filter(bulk_actions::undo_until.lt(now))
                .filter(bulk_actions::undo_asked_at.is_null())
                .select(bulk_actions::id)
                .for_update()
                .load(connection)?;
            forget_before(connection, &expired)?;
            diesel::update(bulk_actions::table.filter(bulk_actions::id.eq_any(&expired)))
                .set((
                    bulk_actions::undo_until.eq(None::<DateTime<Utc>>),
                    bulk_actions::undo_error.eq(None::<String>),
                ))
                .execute(connection)?;
            Ok(())
        })
    })
}
