//! What rules may refer to, read from the database.

use super::custom_field;
use crate::db::schema::groups;
use crate::error::Error;
use crate::rule::Catalogue;
use diesel::prelude::*;

/// Reads the custom fields and groups that exist.
///
/// # Errors
/// Those of the database.
pub fn load_catalogue(connection: &mut PgConnection) -> Result<Catalogue, Error> {
    let custom_fields = custom_field::list_all(connection)?
        .into_iter()
        .map(|field| (field.key.clone(), field.custom_type()))
        .collect();
    let groups: Vec<(String, i64)> = groups::table
        .select((groups::key, groups::id))
        .load(connection)?;
    Ok(Catalogue {
        custom_fields,
        groups: groups.into_iter().collect(),
    })
}
