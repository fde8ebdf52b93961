//! Removes changes that are no longer kept.

use super::settle::{lock, settle};
use crate::db::schema::{changes, history};
use crate::error::Error;
use crate::past::fold_history;
use chrono::{DateTime, Utc};
use diesel::dsl::max;
use diesel::prelude::*;

/// Removes the changes before a moment, those of memberships and those in the log. Returns how many rows it removed.
pub fn forget_changes(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<usize, Error> {
    // Waiting changes are younger than those in the log, even if no client has read the log for long.
    while !settle(connection)? {}
    connection.transaction(|connection| {
        lock(connection)?;
        // In one transaction: a row of the log that represents a refresh cannot be read without what the refresh wrote.
        let folded = fold_history(connection, before)?;
        Ok(folded + shorten(connection, before)?)
    })
}

/// Removes the rows before a moment, and those that represent refreshes whose changes are folded away. The last of
/// these rows stays, emptied: everything after its position is kept.
fn shorten(connection: &mut PgConnection, before: DateTime<Utc>) -> Result<usize, Error> {
    let first_kept: Option<i64> = changes::table
        .filter(changes::at.ge(before))
        .order(changes::seq)
        .select(changes::seq)
        .first(connection)
        .optional()?;
    let older = changes::table.filter(changes::seq.lt(first_kept.unwrap_or(i64::MAX)));
    let last_older: Option<i64> = older.select(max(changes::seq)).first(connection)?;
    let folded = history::table
        .select(history::folded_through)
        .single_value();
    let last_folded: Option<i64> = changes::table
        .filter(changes::kind.eq("refreshed"))
        .filter(changes::about.le(folded))
        .select(max(changes::seq))
        .first(connection)?;
    let Some(last) = last_older.max(last_folded) else {
        return Ok(0);
    };
    let moved = diesel::update(history::table.filter(history::changes_kept_after.lt(last)))
        .set(history::changes_kept_after.eq(last))
        .execute(connection)?;
    if moved == 0 {
        return Ok(0);
    }
    diesel::update(changes::table.find(last))
        .set((
            changes::about.eq(None::<i64>),
            changes::fields.eq(Vec::<Option<String>>::new()),
            changes::number.eq(0),
            changes::first_id.eq(None::<i64>),
            changes::last_id.eq(None::<i64>),
            changes::ids.eq(None::<Vec<u8>>),
        ))
        .execute(connection)?;
    Ok(diesel::delete(changes::table.filter(changes::seq.lt(last))).execute(connection)?)
}
