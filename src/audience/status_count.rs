//! How many subscribers there are, by status: kept by triggers, so that nobody has to count them.

use crate::db::statement;
use crate::error::Error;
use crate::rule::Status;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use std::collections::BTreeMap;

/// From how many rows on the changes are added up: reading so many takes no time worth mentioning.
const MANY: i64 = 500;
/// How many are added up at once.
const AT_ONCE: i64 = 100_000;

/// Returns how many subscribers have each status; those that nobody has are left out.
///
/// # Errors
/// Those of the database.
pub fn count_by_status(connection: &mut PgConnection) -> Result<BTreeMap<Status, i64>, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        status: String,
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let rows: Vec<Row> = statement(
        "SELECT status, sum(count)::bigint AS count FROM subscriber_counts GROUP BY status HAVING sum(count) <> 0",
    )
    .load(connection)?;
    let rows = rows.into_iter();
    Ok(rows
        .filter_map(|row| Some((Status::parse(&row.status)?, row.count)))
        .collect())
}

/// Returns how many subscribers there are.
///
/// # Errors
/// Those of the database.
pub fn count_everybody(connection: &mut PgConnection) -> Result<i64, Error> {
    Ok(count_by_status(connection)?.into_values().sum())
}

/// Adds the changes up, if they are many. Several servers may do this at the same time, beside statements that count.
///
/// # Errors
/// Those of the database.
pub fn add_up(connection: &mut PgConnection) -> Result<(), Error> {
    statement(
        "WITH summed AS ( \
             SELECT id FROM subscriber_counts \
             WHERE (SELECT count(*) FROM (SELECT FROM subscriber_counts LIMIT $1) AS many) = $1 \
             ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED \
         ), gone AS ( \
             DELETE FROM subscriber_counts USING summed WHERE subscriber_counts.id = summed.id RETURNING status, count \
         ) INSERT INTO subscriber_counts (status, count) SELECT status, sum(count) FROM gone GROUP BY status",
    )
    .bind::<BigInt, _>(MANY)
    .bind::<BigInt, _>(AT_ONCE)
    .execute(connection)?;
    Ok(())
}
