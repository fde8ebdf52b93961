//! Calendar steps in a time zone.
//!
//! An hour is 3,600 seconds. Days, weeks, months and years keep the wall-clock time, clamped at month ends. If a
//! daylight-saving change skips a wall-clock time, the time is read with the offset in force before the change, that
//! is, moved forward by the gap. If a wall-clock time occurs twice, the earlier one counts.
//!
//! Times beyond the supported range ([`super::range`]) are clamped to it: a window of 7,000 years reaches back to the
//! first supported time. No window can therefore ask Postgres for a time that it does not support.

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
    /// The time that relative dates count from, in whole microseconds.
    pub now: DateTime<Utc>,
    /// The time zone in which days begin and end.
    pub zone: Tz,
}

impl Moment {
    /// Returns the local day of `now`.
    pub fn today(&self) -> NaiveDate {
        self.local_day(self.now)
    }

    /// Returns the local day of a time.
    pub fn local_day(&self, instant: DateTime<Utc>) -> NaiveDate {
        instant.with_timezone(&self.zone).date_naive()
    }

    /// Returns the time at which a local day begins.
    pub fn day_start(&self, day: NaiveDate) -> DateTime<Utc> {
        self.to_instant(day.and_time(NaiveTime::MIN))
    }

    /// Returns the time at which a local day ends, that is, at which the next day begins.
    pub fn day_end(&self, day: NaiveDate) -> DateTime<Utc> {
        self.day_start(day.succ_opt().unwrap_or(NaiveDate::MAX))
    }

    /// Returns `now` moved back by a period, clamped to the supported range.
    pub fn ago(&self, period: Period) -> DateTime<Utc> {
        match period.unit {
            Unit::Hour => shift_moment(self.now, -Duration::hours(i64::from(period.amount))),
            _ => {
                let local = self.now.with_timezone(&self.zone).naive_local();
                self.to_instant(days_before(local.date(), period).and_time(local.time()))
            }
        }
    }

    /// Returns `now` moved forward by a period, clamped to the supported range.
    pub fn ahead(&self, period: Period) -> DateTime<Utc> {
        match period.unit {
            Unit::Hour => shift_moment(self.now, Duration::hours(i64::from(period.amount))),
            _ => {
                let local = self.now.with_timezone(&self.zone).naive_local();
                self.to_instant(days_after(local.date(), period).and_time(local.time()))
            }
        }
    }

    /// Converts a local wall-clock time to UTC, clamped to the supported range.
    pub fn to_instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        clamp_moment(self.find_instant(local))
    }

    fn find_instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        match self.zone.from_local_datetime(&local) {
            MappedLocalTime::Single(instant) | MappedLocalTime::Ambiguous(instant, _) => {
                instant.with_timezone(&Utc)
            }
            MappedLocalTime::None => {
                // No zone has skipped more than a day, so the old offset was in force one day earlier.
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

/// Returns the day that is a period before another day. Hours are ignored.
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

/// Returns the day that is a period after another day. Hours are ignored.
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
