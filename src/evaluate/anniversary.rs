//! Anniversaries: which days of the year fall into a span of days. Outside leap years, 29 February counts as 28
//! February.

use chrono::{Datelike, NaiveDate};

/// A set of days of the year, each a month and a day, 29 February included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnniversaryDays {
    /// For each month, from 1, one bit for each day, from 1.
    days_of_month: [u32; 13],
}

impl AnniversaryDays {
    /// Returns the days of the year that have an anniversary from the first to the last of these days, both included.
    pub fn between(first: NaiveDate, last: NaiveDate) -> AnniversaryDays {
        AnniversaryDays::of(|month, day| {
            // The earliest anniversary that is not before the first day is in its year or in the next.
            [first.year(), first.year() + 1]
                .into_iter()
                .filter_map(|year| anniversary_in(year, month, day))
                .any(|anniversary| first <= anniversary && anniversary <= last)
        })
    }

    /// Returns the days of a month, 1 to 12.
    pub fn in_month(wanted: u32) -> AnniversaryDays {
        AnniversaryDays::of(|month, _| month == wanted)
    }

    /// Returns whether the month and day of this date are in the set.
    pub fn contains(&self, date: NaiveDate) -> bool {
        self.days_of_month[date.month() as usize] & (1 << date.day()) != 0
    }

    fn of(is_contained: impl Fn(u32, u32) -> bool) -> AnniversaryDays {
        let mut days_of_month = [0; 13];
        for month in 1..=12 {
            for day in 1..=31 {
                days_of_month[month as usize] |= u32::from(is_contained(month, day)) << day;
            }
        }
        AnniversaryDays { days_of_month }
    }
}

fn anniversary_in(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    let day = if (month, day) == (2, 29) {
        NaiveDate::from_ymd_opt(year, 2, 29)
    } else {
        NaiveDate::from_ymd_opt(year, month, day)
    };
    day.or_else(|| {
        (month == 2)
            .then(|| NaiveDate::from_ymd_opt(year, 2, 28))
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn leap_day_counts_as_the_28th_in_other_years() {
        let common = AnniversaryDays::between(date("2026-02-28"), date("2026-02-28"));
        assert!(common.contains(date("2000-02-29")));
        assert!(common.contains(date("2000-02-28")));
        let leap = AnniversaryDays::between(date("2028-02-28"), date("2028-02-28"));
        assert!(!leap.contains(date("2000-02-29")));
    }

    #[test]
    fn a_span_over_new_year_and_one_of_many_years() {
        let span = AnniversaryDays::between(date("2026-12-30"), date("2027-01-02"));
        assert!(span.contains(date("1990-12-31")));
        assert!(span.contains(date("1990-01-02")));
        assert!(!span.contains(date("1990-01-03")));
        let years = AnniversaryDays::between(date("2026-06-01"), date("2030-06-01"));
        assert!(years.contains(date("1990-05-31")));
    }
}
