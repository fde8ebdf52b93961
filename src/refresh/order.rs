//! The order of moments: the `as_of` of refreshes never goes backwards, so that what was answered about the past stays.
//!
//! Somebody who names a moment before the last refresh is refused. The clock of the machine is another matter: where it
//! was ahead and has been put right, what it dated into the future happened by now, and is dated so. No answer about
//! the past changes by that, because nothing later than now could be asked about.

use crate::db::schema::{instant_changes, refreshes};
use crate::error::{Error, InputCode, InputProblem};
use chrono::{DateTime, Utc};
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;

/// Checks a moment that somebody named for a refresh.
///
/// # Errors
/// [`Error::Invalid`] if it is before the last refresh or the last change that was followed; those of the database.
pub fn check_not_before_last(
    connection: &mut PgConnection,
    moment: DateTime<Utc>,
) -> Result<(), Error> {
    let refreshed: Option<DateTime<Utc>> = refreshes::table
        .filter(refreshes::state.eq("succeeded"))
        .select(max(refreshes::as_of))
        .first(connection)?;
    let followed: Option<DateTime<Utc>> = instant_changes::table
        .select(max(instant_changes::changed_at))
        .first(connection)?;
    match refreshed.max(followed) {
        Some(last) if moment < last => {
            let message = format!(
                "expected a moment that is not before the last refresh, {last:?}, found {moment:?}"
            );
            let hint = "a preview of a rule answers for any moment, and asOf tells past members";
            let problem = InputProblem::new(InputCode::Invalid, "now", message);
            Err(Error::Invalid(vec![
                problem.with_hint(Some(hint.to_owned())),
            ]))
        }
        _ => Ok(()),
    }
}

/// Dates what a clock that was ahead dated later than now to now.
///
/// # Errors
/// Those of the database.
pub fn pull_back(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<(), Error> {
    let refreshes = diesel::sql_query(
        "UPDATE refreshes SET as_of = $1, started_at = least(started_at, $1), finished_at = least(finished_at, $1) \
         WHERE as_of > $1",
    );
    let refreshes = refreshes.bind::<Timestamptz, _>(now).execute(connection)?;
    let changes = diesel::update(instant_changes::table)
        .filter(instant_changes::changed_at.gt(now))
        .set(instant_changes::changed_at.eq(now))
        .execute(connection)?;
    if refreshes + changes > 0 {
        tracing::warn!(
            refreshes,
            changes,
            "the clock was ahead: what it dated into the future is dated now"
        );
    }
    Ok(())
}
