//! The first API key of a server that is set up by a program.

use super::api_key::{ApiKey, KEY_LENGTH, MARK, PREFIX_LENGTH, Scope, hash};
use crate::db::schema::api_keys;
use crate::error::{Error, InputCode, InputProblem};
use chrono::{DateTime, Utc};
use diesel::prelude::*;

/// Stores a key that was made elsewhere as the first API key, with the scope ADMIN. The caller opens the transaction.
/// Returns `None` if there is any key already, even a revoked one. Of several servers, only one stores its key.
///
/// # Errors
/// [`Error::Invalid`] if `key` does not have the form of a key; the message does not repeat it.
pub fn create_first(
    connection: &mut PgConnection,
    key: &str,
    name: &str,
    now: DateTime<Utc>,
) -> Result<Option<ApiKey>, Error> {
    // Two servers may read different keys from their files, so no constraint would stop the second.
    diesel::sql_query("LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE").execute(connection)?;
    if has_any(connection)? {
        return Ok(None);
    }
    let Some(digest) = hash(key) else {
        let message = format!(
            "expected {MARK} and {} letters and digits, found {} characters of another form",
            KEY_LENGTH - MARK.len(),
            key.chars().count()
        );
        let problem = InputProblem::new(InputCode::Invalid, "key", message);
        return Err(Error::Invalid(vec![problem]));
    };
    let stored = diesel::insert_into(api_keys::table)
        .values((
            api_keys::name.eq(name),
            api_keys::prefix.eq(&key[..PREFIX_LENGTH]),
            api_keys::sha256.eq(digest.as_slice()),
            api_keys::scopes.eq(vec![Scope::Admin.name()]),
            api_keys::created_at.eq(now),
        ))
        .returning(ApiKey::as_returning())
        .get_result(connection)?;
    Ok(Some(stored))
}

/// Returns whether a key is stored, even if it is revoked or expired.
pub fn is_stored(connection: &mut PgConnection, key: &str) -> Result<bool, Error> {
    let Some(digest) = hash(key) else {
        return Ok(false);
    };
    let found = api_keys::table.filter(api_keys::sha256.eq(digest.as_slice()));
    Ok(diesel::select(diesel::dsl::exists(found)).get_result(connection)?)
}

/// Returns whether there is any key, including revoked and expired keys.
pub fn has_any(connection: &mut PgConnection) -> Result<bool, Error> {
    Ok(
        diesel::select(diesel::dsl::exists(api_keys::table.select(api_keys::id)))
            .get_result(connection)?,
    )
}
