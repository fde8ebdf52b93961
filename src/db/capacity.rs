//! How many connections the database allows.

use super::statement::statement;
use crate::error::Error;
use diesel::prelude::*;
use diesel::sql_types::Integer;

/// Returns how many connections the database lets ordinary users have at the same time.
pub fn count_allowed_connections(connection: &mut PgConnection) -> Result<u32, Error> {
    let allowed: i32 = statement(
        "SELECT current_setting('max_connections')::integer \
         - current_setting('superuser_reserved_connections')::integer",
    )
    .returning::<Integer>()
    .get_result(connection)?;
    Ok(u32::try_from(allowed).unwrap_or_default())
}
