//! The daily job: when it is due, and running it once for each time that it is due.
//!
//! The time of its last run is a row of the database, written in the transaction of the refresh. A server that was down
//! therefore catches up once, however long it was down, and only one of several servers runs the job.

use super::running::is_refresh_running;
use super::step::{Lock, Selection};
use crate::audience::audit;
use crate::audience::removal::{KEEP_ERASED, forget_erased};
use crate::audience::setting::{self, Settings};
use crate::changes::forget_changes;
use crate::db::Db;
use crate::db::schema::schedules;
use crate::error::Error;
use crate::past::history::{Refresh, Trigger, list_pending_segment_ids};
use crate::rule::{Moment, shift_moment};
use crate::scan::RefreshSettings;
use chrono::{DateTime, Days, Duration, NaiveTime, Utc};
use chrono_tz::Tz;
use diesel::prelude::*;

/// The name of the job in the table of schedules.
const NAME: &str = "daily refresh";

/// When the daily refresh is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Daily {
    /// The wall-clock time. If a daylight-saving change skips it, the job runs that much later. If it occurs twice, the
    /// first time counts.
    pub at: NaiveTime,
    /// The time zone of the wall-clock time.
    pub zone: Tz,
    /// For how many days joins and leaves are kept.
    pub keep_changes: u32,
    /// For how many days entries of the audit log are kept.
    pub keep_audit: u32,
}

impl Daily {
    /// Returns the schedule in these settings.
    pub fn of(settings: &Settings) -> Daily {
        Daily {
            at: settings.refresh_at,
            zone: settings.time_zone,
            keep_changes: settings.keep_changes,
            keep_audit: settings.keep_audit,
        }
    }

    /// Reads the schedule from the settings of the database.
    pub fn load(connection: &mut PgConnection) -> Result<Daily, Error> {
        Ok(Daily::of(&setting::load(connection)?))
    }
}

/// Returns the last time that the job was due, now included.
pub fn due_time(daily: Daily, now: DateTime<Utc>) -> DateTime<Utc> {
    let moment = Moment {
        now,
        zone: daily.zone,
    };
    let today = moment.to_instant(moment.today().and_time(daily.at));
    if today <= now {
        return today;
    }
    let yesterday = moment.today().checked_sub_days(Days::new(1));
    yesterday.map_or(now, |day| moment.to_instant(day.and_time(daily.at)))
}

/// Returns the next time that the job is due, after now.
pub fn next_due(daily: Daily, now: DateTime<Utc>) -> DateTime<Utc> {
    let moment = Moment {
        now,
        zone: daily.zone,
    };
    let mut day = moment.today();
    loop {
        let due = moment.to_instant(day.and_time(daily.at));
        match day.succ_opt() {
            Some(next_day) if due <= now => day = next_day,
            _ => return due,
        }
    }
}

/// Returns when the job runs next. `ran_for` is the due time of its last run. Returns `now` if the job is overdue.
pub fn next_run(daily: Daily, ran_for: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
    // A new database counts as having run.
    match ran_for.is_none() || has_run(ran_for, due_time(daily, now), now) {
        true => next_due(daily, now),
        false => now,
    }
}

/// How far the clocks of two servers may be apart.
const SKEW: Duration = Duration::hours(1);

/// Returns whether the job has run for the time at which it was last due. A run for a future time was made by a clock
/// that was ahead and does not count, because it would hold up all runs until then. The clock of another server may be
/// a little ahead.
pub fn has_run(ran_for: Option<DateTime<Utc>>, due: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    ran_for.is_some_and(|ran_for| due <= ran_for && ran_for - now <= SKEW)
}

/// Returns the due time of the last run.
pub fn last_run(connection: &mut PgConnection) -> Result<Option<DateTime<Utc>>, Error> {
    Ok(schedules::table
        .find(NAME)
        .select(schedules::last_run_at)
        .first(connection)
        .optional()?)
}

/// Runs the job if it is due and has not run for that time. A new database counts as having run: its segments were
/// refreshed when they were made.
///
/// # Errors
/// [`Error::RefreshRunning`] if another refresh is running, perhaps this very job on another server. Errors of
/// [`refresh`](super::refresh).
pub fn run_due(db: &Db, settings: &RefreshSettings) -> Result<Option<Refresh>, Error> {
    let daily = db.run_here(Daily::load)?;
    let now = settings.clock.now();
    let due = due_time(daily, now);
    let ran_for = db.run_here(|connection| {
        diesel::insert_into(schedules::table)
            .values((schedules::name.eq(NAME), schedules::last_run_at.eq(due)))
            .on_conflict_do_nothing()
            .execute(connection)?;
        last_run(connection)
    })?;
    if has_run(ran_for, due, now) {
        return Ok(None);
    }
    let mut lock = Lock::take(db)?;
    // Another server may have run it between the first check and the lock.
    let ran_for = last_run(&mut lock.session.connection)?;
    if has_run(ran_for, due, now) {
        return Ok(None);
    }
    let refresh = lock.refresh(
        db,
        &Selection::All,
        Trigger::Daily,
        Some((NAME, due)),
        settings,
    )?;
    // Counted from the run before: a clock that is ahead for one run must not delete the past.
    let last = ran_for.map_or(due, |ran_for| ran_for.min(due));
    let before = shift_moment(last, -Duration::days(i64::from(daily.keep_changes)));
    let folded = db.run_here(|connection| forget_changes(connection, before))?;
    tracing::debug!(folded, "changes that are too old are not kept");
    let before = shift_moment(last, -Duration::days(i64::from(daily.keep_audit)));
    db.run_here(|connection| audit::forget_before(connection, before, now))?;
    let before = shift_moment(last, -Duration::days(KEEP_ERASED));
    db.run_here(|connection| forget_erased(connection, before))?;
    Ok(Some(refresh))
}

/// Closes refreshes that stopped with their server, unless a refresh is running.
pub fn close_abandoned(db: &Db) -> Result<(), Error> {
    // The lock of refreshes is held only for this transaction, so that it hardly ever refuses a refresh.
    db.run_here(|connection| {
        connection.transaction(|connection| is_refresh_running(connection).map(drop))
    })
}

/// Refreshes the pending segments, if there are any.
///
/// # Errors
/// As [`refresh`](super::refresh).
pub fn refresh_pending(db: &Db, settings: &RefreshSettings) -> Result<Option<Refresh>, Error> {
    let pending = db.run_here(list_pending_segment_ids)?;
    if pending.is_empty() {
        return Ok(None);
    }
    let selection = Selection::Ids(pending);
    Lock::take(db)?
        .refresh(db, &selection, Trigger::Edit, None, settings)
        .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    /// Walks through `days` days and returns every time the job was due, in local time.
    fn dues(zone: Tz, at: &str, start: &str, days: i64) -> Vec<String> {
        let daily = Daily {
            at: at.parse().expect("a time"),
            zone,
            keep_changes: 400,
            keep_audit: 730,
        };
        let mut now = instant(start);
        let end = now + chrono::Duration::days(days);
        let mut found = Vec::new();
        while now < end {
            let due = next_due(daily, now);
            assert_eq!(due_time(daily, due), due);
            assert!(due_time(daily, due - chrono::Duration::seconds(1)) < due);
            found.push(due.with_timezone(&zone).format("%d %H:%M %z").to_string());
            now = due;
        }
        found
    }

    #[test]
    fn once_a_day_through_both_changes() {
        let zone = chrono_tz::Europe::Vilnius;
        // On 29 March 2026 the clocks go from 03:00 to 04:00: that day 03:00 does not exist.
        assert_eq!(
            dues(zone, "03:00:00", "2026-03-27T12:00:00Z", 3),
            [
                "28 03:00 +0200",
                "29 04:00 +0300",
                "30 03:00 +0300",
                "31 03:00 +0300"
            ]
        );
        // On 25 October 2026 they go from 04:00 back to 03:00: that day 03:00 happens twice.
        assert_eq!(
            dues(zone, "03:00:00", "2026-10-23T12:00:00Z", 3),
            [
                "24 03:00 +0300",
                "25 03:00 +0300",
                "26 03:00 +0200",
                "27 03:00 +0200"
            ]
        );
    }
}
