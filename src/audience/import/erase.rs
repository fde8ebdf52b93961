//! What imports hold of a person, for those who want to know, and for those who want to be forgotten.

use super::runs;
use crate::db::schema::{
    import_additions, import_batches, import_changes, import_problems, imports,
};
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use serde_json::Value;

/// How an import changed a person, as long as that can be undone.
#[derive(Debug, Clone, Queryable)]
pub struct PersonChange {
    /// Whom.
    pub subscriber_id: i64,
    /// The name of the file.
    pub file_name: String,
    /// When.
    pub at: Option<DateTime<Utc>>,
    /// The values before.
    pub before: Value,
    /// The values after.
    pub after: Value,
}

/// Lists how imports changed these people, oldest first.
///
/// # Errors
/// Those of the database.
pub fn list_changes_of(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
) -> Result<Vec<PersonChange>, Error> {
    Ok(import_changes::table
        .inner_join(imports::table)
        .filter(import_changes::subscriber_id.eq_any(subscriber_ids))
        .order((import_changes::subscriber_id, import_changes::import_id))
        .select((
            import_changes::subscriber_id,
            imports::file_name,
            imports::started_at,
            import_changes::before,
            import_changes::after,
        ))
        .load(connection)?)
}

/// Removes a person from all that is remembered of imports: undoing one does not bring them back.
///
/// # Errors
/// Those of the database.
pub fn forget_person(connection: &mut PgConnection, id: i64, email: &str) -> Result<(), Error> {
    diesel::delete(import_changes::table.filter(import_changes::subscriber_id.eq(id)))
        .execute(connection)?;
    // Of problems only the text tells whom they are about.
    let names = sql::<Bool>(
        "strpos(lower(concat_ws(' ', import_problems.value, import_problems.reason)), ",
    )
    .bind::<Text, _>(email.to_lowercase())
    .sql(") > 0");
    diesel::delete(import_problems::table.filter(names)).execute(connection)?;
    forget_what_was_said(connection, email)?;
    forget_created(connection, id)?;
    forget_added(connection, id)
}

/// Takes the person out of why imports failed or were not undone, and out of rows that were taken for headers.
fn forget_what_was_said(connection: &mut PgConnection, email: &str) -> Result<(), Error> {
    // An error shows only the beginning of such a row, which need not have come to the address.
    diesel::sql_query(
        "UPDATE imports SET \
             error = CASE WHEN error IS NOT NULL AND strpos(lower(concat_ws(' ', error, form::text)), $1) > 0 \
                 THEN $2 ELSE error END, \
             undo_error = CASE WHEN strpos(lower(undo_error), $1) > 0 THEN $2 ELSE undo_error END, \
             form = CASE WHEN strpos(lower(form::text), $1) > 0 THEN NULL ELSE form END \
         WHERE strpos(lower(concat_ws(' ', error, undo_error, form::text)), $1) > 0",
    )
    .bind::<Text, _>(email.to_lowercase())
    .bind::<Text, _>("it named somebody who has been deleted since")
    .execute(connection)?;
    Ok(())
}

/// Takes the person out of those whom batches added. They are few rows, of a few bytes each.
fn forget_created(connection: &mut PgConnection, id: i64) -> Result<(), Error> {
    let batches: Vec<(i64, i32, Vec<u8>)> = import_batches::table
        .inner_join(imports::table)
        .filter(imports::kind.eq("subscribers"))
        .select((
            import_batches::import_id,
            import_batches::number,
            import_batches::created,
        ))
        .load(connection)?;
    for (import_id, number, created) in batches {
        if let Some(left) = without(&created, id)? {
            diesel::update(import_batches::table.find((import_id, number)))
                .set(import_batches::created.eq(left))
                .execute(connection)?;
        }
    }
    Ok(())
}

fn forget_added(connection: &mut PgConnection, id: i64) -> Result<(), Error> {
    let additions: Vec<(i64, i32, i64, Vec<u8>)> = import_additions::table
        .select(import_additions::all_columns)
        .load(connection)?;
    for (import_id, number, group_id, added) in additions {
        if let Some(left) = without(&added, id)? {
            diesel::update(import_additions::table.find((import_id, number, group_id)))
                .set(import_additions::added.eq(left))
                .execute(connection)?;
        }
    }
    Ok(())
}

/// Returns runs without an id, if they have it.
fn without(bytes: &[u8], id: i64) -> Result<Option<Vec<u8>>, Error> {
    let mut ids = runs::decode(bytes)?;
    let Ok(place) = ids.binary_search(&id) else {
        return Ok(None);
    };
    ids.remove(place);
    Ok(Some(runs::encode(ids)))
}
