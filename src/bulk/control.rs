//! Requests about bulk actions: to make, stop and undo them.

use super::change::{Asked, Change};
use super::job::{BulkAction, BulkState, get, lock};
use super::people::People;
use crate::db::schema::bulk_actions;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;

/// How many bulk actions may wait for their turn.
const MOST_WAITING: i64 = 100;

/// Makes a bulk action, which waits for its turn.
///
/// # Errors
/// [`Error::InvalidRule`]; [`Error::Invalid`] with what cannot be found or set, or if too many are waiting.
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

/// Asks a bulk action to stop. A running action stops after its block, a waiting one at once. An action that waits to be
/// undone is then not undone.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] if it has ended.
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
            // No process is undoing it: the one that does holds the row, and checks again that it was asked for.
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

/// Asks for the undoing of a bulk action.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] if it cannot be undone.
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

/// Refuses to undo a bulk action that cannot be undone.
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
