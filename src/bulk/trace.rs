//! The changes that bulk actions store about a person, to show them to that person.

use crate::db::schema::{bulk_action_changes, bulk_actions};
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;

/// A change that a bulk action made to a person. It is kept as long as it can be undone.
#[derive(Debug, Clone, Queryable)]
pub struct BulkTrace {
    /// The id of the changed subscriber.
    pub subscriber_id: i64,
    /// The id of the bulk action.
    pub number: i64,
    /// The change that the bulk action made.
    pub change: Value,
    /// When the bulk action started.
    pub at: Option<DateTime<Utc>>,
    /// The changed values, as they were before.
    pub before: Value,
}

/// Lists the changes that bulk actions made to these people, by subscriber and then oldest first.
pub fn list_traces_of(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
) -> Result<Vec<BulkTrace>, Error> {
    Ok(bulk_action_changes::table
        .inner_join(bulk_actions::table)
        .filter(bulk_action_changes::subscriber_id.eq_any(subscriber_ids))
        .order((
            bulk_action_changes::subscriber_id,
            bulk_action_changes::bulk_action_id,
        ))
        .select((
            bulk_action_changes::subscriber_id,
            bulk_actions::id,
            bulk_actions::change,
            bulk_actions::started_at,
            bulk_action_changes::before,
        ))
        .load(connection)?)
}
