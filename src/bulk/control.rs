//! Requests to create, cancel and undo bulk actions.

use super::change::{Asked, Change};
use super::job::{BulkAction, BulkState, get, lock};
use super::people::People;
use crate::db::schema::bulk_actions;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;

/// How many bulk actions may be queued or running.
const MOST_WAITING: i64 = 100;

/// Creates a bulk action and queues it.
///
/// # Errors
/// [`Error::InvalidRule`]; [`Error::Invalid`] if a segment, a group or the field does not exist, the field does not
/// accept the value, or too many bulk actions are unfinished.
pub fn create(
    connection: &mut PgConnection,
    people: &People,
    asked: &Asked,
    now: DateTime<Utc>,
) -> Result<BulkAction, Error> {
    connection.transaction(|connection| {
        people.check(connection)?;
        let change = asked.read(connection, now)?;
        let waiting: i64 = bulk_actions::table
            .filter(bulk_actions::state.eq_any(["ready", "running"]))
            .count()
            .get_result(connection)?;
        if waiting >= MOST_WAITING {
            let message = format!(
                "{waiting} bulk actions have not ended yet (the limit is {MOST_WAITING}); try again when some have ended"
            );
            return Err(Error::invalid("", message));
        }
        let internal = |error: serde_json::Error| Error::Internal(error.to_string());
        Ok(diesel::insert_into(bulk_actions::table)
            .values((
                bulk_actions::people.eq(serde_json::to_value(people).map_err(internal)?),
                bulk_actions::change.eq(serde_json::to_value(change).map_err(internal)?),
                bulk_actions::created_at.eq(now),
            ))
            .returning(BulkAction::as_returning())
            .get_result(connection)?)
    })
}

/// Cancels a bulk action. A running action stops after its current block, a queued action at once. If an undo of the
/// action is queued, the undo is cancelled.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] if the action has ended.
pub fn ask_to_stop(
    connection: &mut PgConnection,
    id: i64,
    now: DateTime<Utc>,
) -> Result<BulkAction, Error> {
    connection.transaction(|connection| {
        let action = lock(connection, id)?;
        let row = bulk_actions::table.find(id);
        match action.state() {
            BulkState::Ready => diesel::update(row)
                .set((
                    bulk_actions::state.eq(BulkState::Cancelled.as_str()),
                    bulk_actions::finished_at.eq(now),
                ))
                .execute(connection)?,
            BulkState::Running => diesel::update(row)
                .set(bulk_actions::cancel_requested.eq(true))
                .execute(connection)?,
            // No undo is complete yet: it locks this row last, and then checks that it is still requested.
            BulkState::Undoing => diesel::update(row)
                .set(bulk_actions::undo_asked_at.eq(None::<DateTime<Utc>>))
                .execute(connection)?,
            other => {
                let message = format!(
                    "the bulk action has already ended: it is {}",
                    other.as_str()
                );
                return Err(Error::invalid("id", message));
            }
        };
        get(connection, id)
    })
}

/// Requests the undo of a bulk action.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] if the action cannot be undone.
pub fn ask_to_undo(
    connection: &mut PgConnection,
    id: i64,
    now: DateTime<Utc>,
) -> Result<BulkAction, Error> {
    connection.transaction(|connection| {
        let action = lock(connection, id)?;
        if action.state() == BulkState::Undoing {
            return Ok(action);
        }
        check_undo(&action, now)?;
        Ok(diesel::update(bulk_actions::table.find(id))
            .set((
                bulk_actions::undo_asked_at.eq(now),
                bulk_actions::undo_error.eq(None::<String>),
            ))
            .returning(BulkAction::as_returning())
            .get_result(connection)?)
    })
}

/// Fails if the bulk action cannot be undone.
pub(super) fn check_undo(action: &BulkAction, now: DateTime<Utc>) -> Result<(), Error> {
    if action.is_undoable(now) {
        return Ok(());
    }
    let message = match action.state {
        BulkState::Undone => "the bulk action is already undone".to_owned(),
        BulkState::Ready | BulkState::Running => format!(
            "the bulk action has not ended yet: it is {}; cancel it first",
            action.state.as_str()
        ),
        _ if action.change()? == Change::Delete => {
            "a deletion cannot be undone: nothing is kept of deleted subscribers".to_owned()
        }
        _ if action.started_at.is_none() => "the bulk action has changed nothing".to_owned(),
        _ => "the bulk action can no longer be undone: its undo data has been deleted (the setting keep_undo says after how many days)"
            .to_owned(),
    };
    Err(Error::invalid("id", message))
}
