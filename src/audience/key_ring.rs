//! The API keys and sessions that a server accepts.

use super::api_key::{ApiKey, Hash};
use super::session::{self, Session};
use crate::db::schema::api_keys;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;

/// The keys and sessions by which a server checks requests.
#[derive(Debug, Default)]
pub struct KeyRing {
    /// Whether any key exists, usable or not.
    pub has_any: bool,
    /// The keys that are neither revoked nor expired, each with its hash.
    pub keys: Vec<(Hash, ApiKey)>,
    /// The sessions that have not ended, each with its hash.
    pub sessions: Vec<(Hash, Session)>,
}

/// Loads what a server needs to check keys.
pub fn load_ring(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<KeyRing, Error> {
    // Sessions are loaded before keys: a session whose key is not loaded gives no access.
    let sessions = session::load(connection, now)?;
    let rows: Vec<(Vec<u8>, ApiKey)> = api_keys::table
        .filter(api_keys::revoked_at.is_null())
        .filter(
            api_keys::expires_at
                .is_null()
                .or(api_keys::expires_at.gt(now)),
        )
        .select((api_keys::sha256, ApiKey::as_select()))
        .load(connection)?;
    let has_any = !rows.is_empty()
        || diesel::select(diesel::dsl::exists(api_keys::table.select(api_keys::id)))
            .get_result(connection)?;
    let keys = rows.into_iter();
    let keys = keys.filter_map(|(hash, key)| Some((hash.try_into().ok()?, key)));
    Ok(KeyRing {
        has_any,
        keys: keys.collect(),
        sessions,
    })
}
