//! The change that a bulk action makes.

use super::setting::FieldSetting;
use crate::audience::group;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::PgConnection;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The requested change.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// Add the subscribers to the group with that key.
    AddToGroup(String),
    /// Remove the subscribers from the group with that key.
    RemoveFromGroup(String),
    /// Set a field.
    SetField {
        /// The name of the field, as in rules.
        field: String,
        /// The value; null clears.
        value: Value,
    },
    /// Delete the subscribers.
    Delete,
}

/// The change as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// The subscribers are added to a group.
    AddToGroup(NamedGroup),
    /// The subscribers are removed from a group.
    RemoveFromGroup(NamedGroup),
    /// A field is set.
    SetField(FieldSetting),
    /// The subscribers are deleted.
    Delete,
}

/// A group: its id, and its key when the action was requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedGroup {
    /// The id.
    pub id: i64,
    /// The key.
    pub key: String,
}

impl Asked {
    /// Converts the request to a change.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the group or the field does not exist, or the field does not accept the value.
    pub(super) fn read(
        &self,
        connection: &mut PgConnection,
        now: DateTime<Utc>,
    ) -> Result<Change, Error> {
        let named = |connection: &mut PgConnection, key: &str, path: &str| {
            let group = group::get_by_key(connection, key, path)?;
            let (id, key) = (group.id, group.key);
            Ok::<_, Error>(NamedGroup { id, key })
        };
        Ok(match self {
            Asked::AddToGroup(key) => {
                Change::AddToGroup(named(connection, key, "action.addToGroup")?)
            }
            Asked::RemoveFromGroup(key) => {
                Change::RemoveFromGroup(named(connection, key, "action.removeFromGroup")?)
            }
            Asked::SetField { field, value } => {
                Change::SetField(FieldSetting::read(connection, field, value, now)?)
            }
            Asked::Delete => Change::Delete,
        })
    }
}

impl Change {
    /// Whether the previous values are stored, so that the change can be undone.
    pub fn can_be_undone(&self) -> bool {
        !matches!(self, Change::Delete)
    }
}
