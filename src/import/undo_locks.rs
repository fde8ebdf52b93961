//! The locks that undoing an import takes first, in the order in which every other writer takes them.

use super::job;
use crate::audience::custom_field;
use crate::audience::rule_lock::lock_rules;
use crate::audience::type_lock::lock_types;
use crate::error::Error;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};

/// Locks all subscribers that the import added or changed, in the order of ids, before any of them is changed.
pub fn lock_subscribers(
    connection: &mut PgConnection,
    import_id: i64,
    created: &[i64],
) -> Result<(), Error> {
    diesel::sql_query(
        "SELECT FROM subscribers WHERE id = ANY($2) \
         OR id IN (SELECT subscriber_id FROM import_changes WHERE import_id = $1) ORDER BY id FOR UPDATE",
    )
    .bind::<BigInt, _>(import_id)
    .bind::<Array<BigInt>, _>(created)
    .execute(connection)?;
    Ok(())
}

/// Takes the locks for deleting groups and custom fields, if the import created any. They come before the locks of
/// members and subscribers.
///
/// # Errors
/// [`Error::NotFound`] if the import does not exist.
pub fn lock_made(connection: &mut PgConnection, id: i64) -> Result<(), Error> {
    let made = job::get(connection, id)?.made();
    if !made.groups.is_empty() || !made.custom_fields.is_empty() {
        lock_rules(connection)?;
    }
    for field in custom_field::find_by_ids(connection, &made.custom_fields)? {
        lock_types(connection, &field.key)?;
    }
    Ok(())
}
