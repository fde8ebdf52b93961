//! Calendar steps in a time zone.
//!
//! An hour is 3,600 seconds. Days, weeks, months and years keep the wall-clock time, clamped at month ends.
//! A wall-clock time that a daylight-saving change skips is read with the offset in force before the change,
//! that is, moved forward by the gap; one that happens twice is the earlier one.
//!
//! What lies beyond the range of moments ([`super::range`]) is clamped to it: a window of 7,000 years reaches back to
//! the first moment. So no window can ask Postgres for an instant that it does not know.

use super::literal::{Period, Unit};
use super::range::{clamp_moment, shift_moment};
use chrono::{
    DateTime, Days, Duration, MappedLocalTime, Months, NaiveDate, NaiveDateTime, NaiveTime,
};
use chrono::{Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// The one "now" of an evaluation, and the time zone in which days begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The instant that relative dates count from, in whole microseconds.
    pub now: DateTime<Utc>,
    /// Where days begin and end.
    pub zone: Tz,
}

impl Moment {
    /// Returns the local day of `now`.
    pub fn today(&self) -> NaiveDate {
        self.local_day(self.now)
    }

    /// Returns the local day of an instant.
    pub fn local_day(&self, instant: DateTime<Utc>) -> NaiveDate {
        instant.with_timezone(&self.zone).date_naive()
    }

    /// Returns the first instant of a local day.
    pub fn day_start(&self, day: NaiveDate) -> DateTime<Utc> {
        self.to_instant(day.and_time(NaiveTime::MIN))
    }

    /// Returns the first instant of the day after a local day.
    pub fn day_end(&self, day: NaiveDate) -> DateTime<Utc> {
        self.day_start(day.succ_opt().unwrap_or(NaiveDate::MAX))
    }

    /// Returns `now` moved back by a period, clamped to the range of moments.
    pub fn ago(&self, period: Period) -> DateTime<Utc> {
        match period.unit {
            Unit::Hour => shift_moment(self.now, -Duration::hours(i64::from(period.amount))),
            _ => {
                let local = self.now.with_timezone(&self.zone).naive_local();
                self.to_instant(days_before(local.date(), period).and_time(local.time()))
            }
        }
    }

    /// Returns `now` moved forward by a period, clamped to the range of moments.
    pub fn ahead(&self, period: Period) -> DateTime<Utc> {
        match period.unit {
            Unit::Hour => shift_moment(self.now, Duration::hours(i64::from(period.amount))),
            _ => {
                let local = self.now.with_timezone(&self.zone).naive_local();
                self.to_instant(days_after(local.date(), period).and_time(local.time()))
            }
        }
    }

    /// Returns the instant of a wall-clock time, clamped to the range of moments.
    pub fn to_instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        clamp_moment(self.find_instant(local))
    }

    fn find_instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        match self.zone.from_local_datetime(&local) {
            MappedLocalTime::Single(instant) | MappedLocalTime::Ambiguous(instant, _) => {
                instant.with_timezone(&Utc)
            }
            MappedLocalTime::None => {
                // No zone has skipped more than a day, so a day earlier the old offset was in force.
                let before = local.checked_sub_days(Days::new(1)).unwrap_or(local);
                let offset = self.zone.offset_from_utc_datetime(&before).fix();
                match local.checked_sub_offset(offset) {
                    Some(utc) => utc.and_utc(),
                    None => local.and_utc(),
                }
            }
        }
    }
}

/// Returns the day that lies a period before another; hours count as nothing.
pub fn days_before(day: NaiveDate, period: Period) -> NaiveDate {
    let amount = period.amount;
    let moved = match period.unit {
        Unit::Hour => Some(day),
        Unit::Day => day.checked_sub_days(Days::new(u64::from(amount))),
        Unit::Week => day.checked_sub_days(Days::new(7 * u64::from(amount))),
        Unit::Month => day.checked_sub_months(Months::new(amount)),
        Unit::Year => day.checked_sub_months(Months::new(12 * amount)),
    };
    moved.unwrap_or(NaiveDate::MIN)
}

/// Returns the day that lies a period after another; hours count as nothing.
pub fn days_after(day: NaiveDate, period: Period) -> NaiveDate {
    let amount = period.amount;
    let moved = match period.unit {
        Unit::Hour => Some(day),
        Unit::Day => day.checked_add_days(Days::new(u64::from(amount))),
        Unit::Week => day.checked_add_days(Days::new(7 * u64::from(amount))),
        Unit::Month => day.checked_add_months(Months::new(amount)),
        Unit::Year => day.checked_add_months(Months::new(12 * amount)),
    };
    moved.unwrap_or(NaiveDate::MAX)
}
