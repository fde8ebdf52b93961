//! The first API key of a server that is set up by a program.

use super::api_key::{ApiKey, KEY_LENGTH, MARK, PREFIX_LENGTH, Scope, hash};
use crate::db::schema::api_keys;
use crate::error::{Error, InputCode, InputProblem};
use chrono::{DateTime, Utc};
use diesel::prelude::*;

/// Stores a key that was made elsewhere as the first one, with ADMIN. Returns `None` if there is any key already, revoked
/// ones too, and if another server is faster.
///
/// # Errors
/// [`Error::Invalid`] if `key` does not have the form of a key; the message does not repeat it.
pub fn create_first(
    connection: &mut PgConnection,
    key: &str,
    name: &str,
    now: DateTime<Utc>,
) -> Result<Option<ApiKey>, Error> {
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
        .on_conflict_do_nothing()
        .returning(ApiKey::as_returning())
        .get_result(connection);
    Ok(stored.optional()?)
}

/// Returns whether there is any key, revoked and expired ones too.
///
/// # Errors
/// Those of the database.
pub fn has_any(connection: &mut PgConnection) -> Result<bool, Error> {
    Ok(
        diesel::select(diesel::dsl::exists(api_keys::table.select(api_keys::id)))
            .get_result(connection)?,
    )
}
