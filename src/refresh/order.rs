//! The order of moments: the `as_of` of refreshes never goes backwards, so that answers about the past stay the same.
//!
//! If a caller names a moment before the last refresh, it is refused. The clock of the machine may step back too. A
//! refresh then takes the moment of the last one, until the clock has passed it: whichever of the two times was wrong,
//! nothing about the past changes. There is one exception. If all future moments lie within one day, and that day is
//! far from now, the clock was ahead for a while and has been corrected. What got a future date has already happened,
//! and is dated now. This changes no answer either, because queries about a moment later than now are refused.

use crate::db::schema::{instant_changes, refreshes};
use crate::error::{Error, InputCode, InputProblem};
use chrono::{DateTime, Duration, Utc};
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Timestamptz};

/// Checks a moment that a caller named for a refresh.
///
/// # Errors
/// [`Error::Invalid`] if it is before the last refresh or the last change that was followed.
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
            let message = format!("{moment:?} is before the last refresh, {last:?}");
            let hint = "preview a rule for any moment, or ask for past members with asOf";
            let problem = InputProblem::new(InputCode::Invalid, "now", message);
            Err(Error::Invalid(vec![
                problem.with_hint(Some(hint.to_owned())),
            ]))
        }
        _ => Ok(()),
    }
}

/// A day, even one on which the clocks go back.
const DAY: Duration = Duration::hours(25);

/// The first and the last moment that lie in the future.
#[derive(QueryableByName)]
struct Future {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    first: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last: Option<DateTime<Utc>>,
}

/// Returns the moment of a refresh that begins now. It is not before the last refresh or the last change that was
/// followed.
pub fn settle(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<DateTime<Utc>, Error> {
    let future = diesel::sql_query(
        "SELECT min(at) AS first, max(at) AS last FROM ( \
             SELECT as_of AS at FROM refreshes WHERE state = 'succeeded' AND as_of > $1 \
             UNION ALL SELECT changed_at FROM instant_changes WHERE changed_at > $1) AS future",
    );
    let future: Future = future.bind::<Timestamptz, _>(now).get_result(connection)?;
    let (Some(first), Some(last)) = (future.first, future.last) else {
        return Ok(now);
    };
    if first - now > DAY && last - first <= DAY {
        pull_back(connection, now)?;
        return Ok(now);
    }
    tracing::warn!(
        ?now,
        ?last,
        "the clock went back: the refresh uses the time of the last one"
    );
    Ok(last)
}

/// Returns the moment of a follower's step that begins now. It is not before the last refresh.
pub fn settle_following(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, Error> {
    let last: Option<DateTime<Utc>> = refreshes::table
        .filter(refreshes::state.eq("succeeded"))
        .order(refreshes::id.desc())
        .select(refreshes::as_of)
        .first(connection)
        .optional()?;
    Ok(last.map_or(now, |last| last.max(now)))
}

fn pull_back(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<(), Error> {
    let refreshes = diesel::sql_query(
        "UPDATE refreshes SET as_of = $1, started_at = least(started_at, $1), finished_at = least(finished_at, $1) \
         WHERE as_of > $1",
    );
    let refreshes = refreshes.bind::<Timestamptz, _>(now).execute(connection)?;
    let changes = diesel::update(instant_changes::table)
        .filter(instant_changes::changed_at.gt(now))
        .set(instant_changes::changed_at.eq(now))
        .execute(connection)?;
    tracing::warn!(
        refreshes,
        changes,
        "the clock was ahead: refreshes and changes dated in the future are dated now"
    );
    Ok(())
}
