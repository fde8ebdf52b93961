//! What a bulk action changes.

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
    /// To add the people to the group of that key.
    AddToGroup(String),
    /// To remove the people from the group of that key.
    RemoveFromGroup(String),
    /// To set a field.
    SetField {
        /// Its name, as in rules.
        field: String,
        /// The value; null clears.
        value: Value,
    },
    /// To delete the people.
    Delete,
}

/// The change as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// The people are added to a group.
    AddToGroup(NamedGroup),
    /// The people are removed from a group.
    RemoveFromGroup(NamedGroup),
    /// A field is set.
    SetField(FieldSetting),
    /// The people are deleted.
    Delete,
}

/// A group by its id, and by the key that it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedGroup {
    /// The id.
    pub id: i64,
    /// The key.
    pub key: String,
}

impl Asked {
    /// Turns what is asked for into a change.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the group or the field does not exist, or the value cannot be one of the field.
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
    /// Whether it is remembered what there was before.
    pub fn can_be_undone(&self) -> bool {
        !matches!(self, Change::Delete)
    }
}
