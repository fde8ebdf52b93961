//! Calendar periods: whole days, weeks, months, quarters and years around the present day.

use crate::names;
use chrono::{Datelike, Days, Months, NaiveDate};
use serde::Serialize;

/// A whole period of the calendar, relative to the present day of the configured time zone. Weeks begin on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[expect(missing_docs, reason = "the names of the language")]
pub enum CalendarPeriod {
    Yesterday,
    Today,
    Tomorrow,
    LastWeek,
    ThisWeek,
    NextWeek,
    LastMonth,
    ThisMonth,
    NextMonth,
    LastQuarter,
    ThisQuarter,
    NextQuarter,
    LastYear,
    ThisYear,
    NextYear,
}

/// How long a calendar period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Day,
    Week,
    /// A number of months.
    Months(u32),
}

names!(CalendarPeriod {
    Yesterday: "YESTERDAY",
    Today: "TODAY",
    Tomorrow: "TOMORROW",
    LastWeek: "LAST_WEEK",
    ThisWeek: "THIS_WEEK",
    NextWeek: "NEXT_WEEK",
    LastMonth: "LAST_MONTH",
    ThisMonth: "THIS_MONTH",
    NextMonth: "NEXT_MONTH",
    LastQuarter: "LAST_QUARTER",
    ThisQuarter: "THIS_QUARTER",
    NextQuarter: "NEXT_QUARTER",
    LastYear: "LAST_YEAR",
    ThisYear: "THIS_YEAR",
    NextYear: "NEXT_YEAR",
});

impl CalendarPeriod {
    /// Returns the period in English. The words never say "the last month", because that means the 30 days before now,
    /// which is another window.
    pub fn words(self) -> &'static str {
        match self {
            CalendarPeriod::Yesterday => "yesterday",
            CalendarPeriod::Today => "today",
            CalendarPeriod::Tomorrow => "tomorrow",
            CalendarPeriod::LastWeek => "the previous calendar week",
            CalendarPeriod::ThisWeek => "the present calendar week",
            CalendarPeriod::NextWeek => "the next calendar week",
            CalendarPeriod::LastMonth => "the previous calendar month",
            CalendarPeriod::ThisMonth => "the present calendar month",
            CalendarPeriod::NextMonth => "the next calendar month",
            CalendarPeriod::LastQuarter => "the previous calendar quarter",
            CalendarPeriod::ThisQuarter => "the present calendar quarter",
            CalendarPeriod::NextQuarter => "the next calendar quarter",
            CalendarPeriod::LastYear => "the previous calendar year",
            CalendarPeriod::ThisYear => "the present calendar year",
            CalendarPeriod::NextYear => "the next calendar year",
        }
    }

    /// Returns whether the period is a single day.
    pub fn is_day(self) -> bool {
        self.length() == Length::Day
    }

    fn length(self) -> Length {
        match self {
            CalendarPeriod::Yesterday | CalendarPeriod::Today | CalendarPeriod::Tomorrow => {
                Length::Day
            }
            CalendarPeriod::LastWeek | CalendarPeriod::ThisWeek | CalendarPeriod::NextWeek => {
                Length::Week
            }
            CalendarPeriod::LastMonth | CalendarPeriod::ThisMonth | CalendarPeriod::NextMonth => {
                Length::Months(1)
            }
            CalendarPeriod::LastQuarter
            | CalendarPeriod::ThisQuarter
            | CalendarPeriod::NextQuarter => Length::Months(3),
            CalendarPeriod::LastYear | CalendarPeriod::ThisYear | CalendarPeriod::NextYear => {
                Length::Months(12)
            }
        }
    }

    /// Returns the offset from the present period: -1, 0 or 1.
    fn steps(self) -> i32 {
        match self {
            CalendarPeriod::Yesterday
            | CalendarPeriod::LastWeek
            | CalendarPeriod::LastMonth
            | CalendarPeriod::LastQuarter
            | CalendarPeriod::LastYear => -1,
            CalendarPeriod::Today
            | CalendarPeriod::ThisWeek
            | CalendarPeriod::ThisMonth
            | CalendarPeriod::ThisQuarter
            | CalendarPeriod::ThisYear => 0,
            CalendarPeriod::Tomorrow
            | CalendarPeriod::NextWeek
            | CalendarPeriod::NextMonth
            | CalendarPeriod::NextQuarter
            | CalendarPeriod::NextYear => 1,
        }
    }

    /// Returns the first and the last day of the period.
    pub fn days(self, today: NaiveDate) -> (NaiveDate, NaiveDate) {
        let length = self.length();
        let present = length.start(today);
        let first = length.shift(present, self.steps());
        let after = length.shift(present, self.steps() + 1);
        (first, after.pred_opt().unwrap_or(after))
    }
}

impl Length {
    /// Returns the first day of the period that a day lies in.
    fn start(self, day: NaiveDate) -> NaiveDate {
        let start = match self {
            Length::Day => Some(day),
            Length::Week => {
                let since_monday = day.weekday().num_days_from_monday();
                day.checked_sub_days(Days::new(u64::from(since_monday)))
            }
            Length::Months(months) => {
                let month = day.month0() / months * months;
                day.with_day(1).and_then(|first| first.with_month0(month))
            }
        };
        start.unwrap_or(day)
    }

    fn shift(self, day: NaiveDate, steps: i32) -> NaiveDate {
        let distance = steps.unsigned_abs();
        let days = |each: u64| Days::new(each * u64::from(distance));
        let shifted = match (self, steps < 0) {
            (Length::Day, true) => day.checked_sub_days(days(1)),
            (Length::Day, false) => day.checked_add_days(days(1)),
            (Length::Week, true) => day.checked_sub_days(days(7)),
            (Length::Week, false) => day.checked_add_days(days(7)),
            (Length::Months(each), true) => day.checked_sub_months(Months::new(each * distance)),
            (Length::Months(each), false) => day.checked_add_months(Months::new(each * distance)),
        };
        // Fails only at the ends of chrono's calendar, 260,000 years away.
        shifted.unwrap_or(day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_whole_and_follow_each_other() {
        let days = |today: &str| {
            let today: NaiveDate = today.parse().expect("a day");
            let said = CalendarPeriod::ALL.map(|period| {
                let (first, last) = period.days(today);
                format!("{} {first} {last}", period.as_str())
            });
            said.join("\n")
        };
        // 2027-01-01 is a Friday: its week belongs to both years, its month and quarter to one.
        insta::assert_snapshot!(days("2027-01-01"), @"
        YESTERDAY 2026-12-31 2026-12-31
        TODAY 2027-01-01 2027-01-01
        TOMORROW 2027-01-02 2027-01-02
        LAST_WEEK 2026-12-21 2026-12-27
        THIS_WEEK 2026-12-28 2027-01-03
        NEXT_WEEK 2027-01-04 2027-01-10
        LAST_MONTH 2026-12-01 2026-12-31
        THIS_MONTH 2027-01-01 2027-01-31
        NEXT_MONTH 2027-02-01 2027-02-28
        LAST_QUARTER 2026-10-01 2026-12-31
        THIS_QUARTER 2027-01-01 2027-03-31
        NEXT_QUARTER 2027-04-01 2027-06-30
        LAST_YEAR 2026-01-01 2026-12-31
        THIS_YEAR 2027-01-01 2027-12-31
        NEXT_YEAR 2028-01-01 2028-12-31
        ");
        insta::assert_snapshot!(days("2024-02-29"), @"
        YESTERDAY 2024-02-28 2024-02-28
        TODAY 2024-02-29 2024-02-29
        TOMORROW 2024-03-01 2024-03-01
        LAST_WEEK 2024-02-19 2024-02-25
        THIS_WEEK 2024-02-26 2024-03-03
        NEXT_WEEK 2024-03-04 2024-03-10
        LAST_MONTH 2024-01-01 2024-01-31
        THIS_MONTH 2024-02-01 2024-02-29
        NEXT_MONTH 2024-03-01 2024-03-31
        LAST_QUARTER 2023-10-01 2023-12-31
        THIS_QUARTER 2024-01-01 2024-03-31
        NEXT_QUARTER 2024-04-01 2024-06-30
        LAST_YEAR 2023-01-01 2023-12-31
        THIS_YEAR 2024-01-01 2024-12-31
        NEXT_YEAR 2025-01-01 2025-12-31
        ");
    }
}
