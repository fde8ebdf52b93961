//! A bulk action as a job: a row with the request, the progress and the result.

use super::change::Change;
use super::people::People;
use crate::audience::paging::{Page, PageRequest};
use crate::db::schema::{bulk_action_changes, bulk_actions};
use crate::db::word::words;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;

/// A bulk action.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = bulk_actions, check_for_backend(diesel::pg::Pg))]
#[expect(
    missing_docs,
    reason = "the columns, described in the migration and in the GraphQL schema"
)]
pub struct BulkAction {
    pub id: i64,
    /// The stored state. It does not show a requested undo, as `state()` does.
    pub state: BulkState,
    pub people: Value,
    pub change: Value,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub matched: Option<i64>,
    pub last_block: i32,
    pub done: i64,
    pub changed: i64,
    pub withheld: i64,
    pub error: Option<String>,
    pub cancel_requested: bool,
    pub undo_until: Option<DateTime<Utc>>,
    pub undo_asked_at: Option<DateTime<Utc>>,
    pub undo_error: Option<String>,
    pub undone_at: Option<DateTime<Utc>>,
}

/// The state of a bulk action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkState {
    /// Queued.
    Ready,
    /// Running, or interrupted when its process died.
    Running,
    /// Finished for all of its subscribers.
    Succeeded,
    /// Failed; the changes made so far stay.
    Failed,
    /// Cancelled; the changes made so far stay.
    Cancelled,
    /// Queued to be undone, or being undone.
    Undoing,
    /// Undone: its changes were reverted.
    Undone,
}

words!(BulkState {
    Ready: "ready",
    Running: "running",
    Succeeded: "succeeded",
    Failed: "failed",
    Cancelled: "cancelled",
    Undoing: "undoing",
    Undone: "undone",
});

impl BulkAction {
    /// Returns [`BulkState::Undoing`] if undo is requested, or else the stored state.
    pub fn state(&self) -> BulkState {
        match self.undo_asked_at {
            Some(_) => BulkState::Undoing,
            None => self.state,
        }
    }

    /// Returns which subscribers to change.
    ///
    /// # Errors
    /// [`Error::Internal`] if the stored JSON cannot be read, for example because another version of this program wrote
    /// it.
    pub fn people(&self) -> Result<People, Error> {
        serde_json::from_value(self.people.clone()).map_err(|error| self.unreadable(&error))
    }

    /// Returns the change to make.
    ///
    /// # Errors
    /// As [`BulkAction::people`].
    pub fn change(&self) -> Result<Change, Error> {
        serde_json::from_value(self.change.clone()).map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &serde_json::Error) -> Error {
        Error::Internal(format!(
            "cannot read the stored request of bulk action {}: {error}",
            self.id
        ))
    }

    /// Returns the share of the subscribers that are done, from 0 to 1.
    pub fn progress(&self) -> f64 {
        match (self.state, self.matched) {
            (BulkState::Succeeded | BulkState::Undone, _) => 1.0,
            (_, None | Some(0)) => 0.0,
            (_, Some(matched)) => (self.done as f64 / matched as f64).clamp(0.0, 1.0),
        }
    }

    /// Whether undo can be requested at this time.
    pub fn can_undo(&self, now: DateTime<Utc>) -> bool {
        self.undo_asked_at.is_none() && self.is_undoable(now)
    }

    /// Whether the action has ended and its previous values are still stored.
    pub(super) fn is_undoable(&self, now: DateTime<Utc>) -> bool {
        self.undo_until.is_some_and(|until| now <= until)
            && matches!(
                self.state,
                BulkState::Succeeded | BulkState::Failed | BulkState::Cancelled
            )
    }

    /// The timestamp of all changes that the action makes.
    pub(super) fn moment(&self) -> DateTime<Utc> {
        self.started_at.unwrap_or(self.created_at)
    }

    /// The source that is stored with memberships and status changes of the action.
    pub(super) fn source(&self) -> String {
        format!("bulk {}", self.id)
    }
}

/// Finds bulk actions by id, in no particular order.
pub fn find_by_ids(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<BulkAction>, Error> {
    Ok(bulk_actions::table
        .filter(bulk_actions::id.eq_any(ids))
        .select(BulkAction::as_select())
        .load(connection)?)
}

/// Returns the bulk action of that id.
///
/// # Errors
/// [`Error::NotFound`].
pub fn get(connection: &mut PgConnection, id: i64) -> Result<BulkAction, Error> {
    find_by_ids(connection, &[id])?
        .pop()
        .ok_or_else(|| Error::not_found("bulk action", id))
}

/// Lists a page of bulk actions, newest first.
pub fn list_page(
    connection: &mut PgConnection,
    request: &PageRequest<i64>,
) -> Result<Page<BulkAction>, Error> {
    request.fetch(
        |action: &BulkAction| action.id,
        |request, limit| {
            let mut query = bulk_actions::table
                .select(BulkAction::as_select())
                .limit(limit)
                .into_boxed();
            if let Some(after) = request.after {
                query = query.filter(bulk_actions::id.lt(after));
            }
            if let Some(before) = request.before {
                query = query.filter(bulk_actions::id.gt(before));
            }
            query = if request.from_end {
                query.order(bulk_actions::id.asc())
            } else {
                query.order(bulk_actions::id.desc())
            };
            Ok(query.load(connection)?)
        },
    )
}

/// Locks the row of a bulk action.
pub(super) fn lock(connection: &mut PgConnection, id: i64) -> Result<BulkAction, Error> {
    bulk_actions::table
        .find(id)
        .for_update()
        .select(BulkAction::as_select())
        .first(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("bulk action", id))
}

/// Returns why an action failed or was not undone. Internal errors are logged and not shown.
pub(super) fn reason_of(action: &BulkAction, error: &Error) -> String {
    match error {
        Error::Internal(_) => {
            tracing::error!(%error, bulk_action = action.id, "a bulk action failed");
            "the server could not continue; its log says why".to_owned()
        }
        error => error.to_string().replace('\0', "\u{fffd}"),
    }
}

/// Deletes the previous values that bulk actions stored for undo.
pub(super) fn forget_before(connection: &mut PgConnection, ids: &[i64]) -> Result<(), Error> {
    let changes = bulk_action_changes::table;
    diesel::delete(changes.filter(bulk_action_changes::bulk_action_id.eq_any(ids)))
        .execute(connection)?;
    Ok(())
}
