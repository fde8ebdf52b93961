//! How many connections the database has for us.

use crate::error::Error;
use diesel::prelude::*;
use diesel::sql_types::Integer;

/// Returns how many connections the database lets ordinary users have at the same time.
pub fn count_allowed_connections(connection: &mut PgConnection) -> Result<u32, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        allowed: i32,
    }
    let row: Row = diesel::sql_query(
        "SELECT current_setting('max_connections')::integer \
         - current_setting('superuser_reserved_connections')::integer AS allowed",
    )
    .get_result(connection)?;
    Ok(u32::try_from(row.allowed).unwrap_or_default())
}
