//! Positions of endpoints in the log of changes.

use crate::changes::{self, Position};
use crate::db::schema::{changes as columns, history};
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::dsl::min;
use diesel::prelude::*;

/// Returns the position after everything that is committed. Must not run within a transaction.
pub fn position_now(connection: &mut PgConnection) -> Result<String, Error> {
    Ok(changes::find_position(connection)?.to_text())
}

/// Returns the position before all changes at or after a time.
///
/// # Errors
/// [`Error::Invalid`] if the changes since then are no longer kept.
pub fn position_at(connection: &mut PgConnection, at: DateTime<Utc>) -> Result<String, Error> {
    let now = changes::find_position(connection)?;
    let log = columns::table;
    let first: Option<i64> = log
        .filter(columns::at.ge(at))
        .select(min(columns::seq))
        .first(connection)?;
    let Some(first) = first else {
        return Ok(now.to_text());
    };
    let before: Option<(i64, i64)> = log
        .filter(columns::seq.lt(first))
        .order(columns::seq.desc())
        .select((columns::seq, columns::token))
        .first(connection)
        .optional()?;
    let kept_after: i64 = history::table
        .select(history::changes_kept_after)
        .first(connection)?;
    let (seq, token) = before.unwrap_or((0, now.history));
    if seq < kept_after {
        let message = format!("the changes since {at:?} are no longer kept");
        return Err(Error::invalid("since", message));
    }
    Ok(Position { seq, token, ..now }.to_text())
}
