//! Resolves a test of dates at a moment to a range or to a set of days of the year.

use super::anniversary::AnniversaryDays;
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use rollcall_rule::{DateLiteral, DateTest, Moment, TimeWindow, days_after, days_before};

/// Returns the first and the last day that pass the test.
pub fn day_range(test: &DateTest, today: NaiveDate) -> (Option<NaiveDate>, Option<NaiveDate>) {
    match test {
        DateTest::On(day) => (literal_day(day), literal_day(day)),
        DateTest::Before(day) => (None, literal_day(day).and_then(|day| day.pred_opt())),
        DateTest::After(day) => (literal_day(day).and_then(|day| day.succ_opt()), None),
        DateTest::OnOrBefore(day) => (None, literal_day(day)),
        DateTest::OnOrAfter(day) => (literal_day(day), None),
        DateTest::Between(from, to) => (literal_day(from), literal_day(to)),
        DateTest::InTheLast(period) => (Some(days_before(today, *period)), Some(today)),
        DateTest::MoreThanAgo(period) => (
            None,
            days_before(today, *period).checked_sub_days(Days::new(1)),
        ),
        DateTest::BetweenAgo(from, to) => (
            Some(days_before(today, *from)),
            Some(days_before(today, *to)),
        ),
        DateTest::InTheNext(period) => (Some(today), Some(days_after(today, *period))),
        DateTest::During(period) => {
            let (first, last) = period.days(today);
            (Some(first), Some(last))
        }
        _ => (Some(today), Some(today)),
    }
}

/// Returns the day of a literal. The check has refused date-times for fields of days.
fn literal_day(literal: &DateLiteral) -> Option<NaiveDate> {
    match literal {
        DateLiteral::Day(day) => Some(*day),
        DateLiteral::Instant(instant) => Some(instant.date_naive()),
    }
}

/// Returns the half-open range of times that pass the test, in microseconds since 1970-01-01.
pub fn instant_range(test: &DateTest, moment: &Moment) -> (Option<i64>, Option<i64>) {
    let start = |literal: &DateLiteral| Some(literal_start(literal, moment));
    let end = |literal: &DateLiteral| Some(literal_end(literal, moment));
    let now = moment.now.timestamp_micros();
    match test {
        DateTest::On(literal) => (start(literal), end(literal)),
        DateTest::Before(literal) => (None, start(literal)),
        DateTest::After(literal) => (end(literal), None),
        DateTest::OnOrBefore(literal) => (None, end(literal)),
        DateTest::OnOrAfter(literal) => (start(literal), None),
        DateTest::Between(from, to) => (start(from), end(to)),
        DateTest::InTheLast(period) => (Some(micros(moment.ago(*period))), Some(now + 1)),
        DateTest::MoreThanAgo(period) => (None, Some(micros(moment.ago(*period)))),
        DateTest::BetweenAgo(from, to) => (
            Some(micros(moment.ago(*from))),
            Some(micros(moment.ago(*to)) + 1),
        ),
        DateTest::InTheNext(period) => (Some(now), Some(micros(moment.ahead(*period)) + 1)),
        DateTest::During(period) => {
            let (first, last) = period.days(moment.today());
            (
                start(&DateLiteral::Day(first)),
                end(&DateLiteral::Day(last)),
            )
        }
        _ => {
            let today = DateLiteral::Day(moment.today());
            (start(&today), end(&today))
        }
    }
}

/// Returns the half-open range of times of a window, in microseconds since 1970-01-01.
pub fn resolve_window(window: TimeWindow, moment: &Moment) -> (Option<i64>, Option<i64>) {
    let test = match window {
        TimeWindow::AllTime => return (None, None),
        TimeWindow::InTheLast(period) => DateTest::InTheLast(period),
        TimeWindow::BetweenAgo(from, to) => DateTest::BetweenAgo(from, to),
        TimeWindow::During(period) => DateTest::During(period),
        TimeWindow::Between(from, to) => DateTest::Between(from, to),
        TimeWindow::Before(literal) => DateTest::Before(literal),
        TimeWindow::After(literal) => DateTest::After(literal),
    };
    instant_range(&test, moment)
}

fn literal_start(literal: &DateLiteral, moment: &Moment) -> i64 {
    match literal {
        DateLiteral::Day(day) => micros(moment.day_start(*day)),
        DateLiteral::Instant(instant) => micros(*instant),
    }
}

/// Returns the first time after the literal. Stored times are whole microseconds.
fn literal_end(literal: &DateLiteral, moment: &Moment) -> i64 {
    match literal {
        DateLiteral::Day(day) => micros(moment.day_end(*day)),
        DateLiteral::Instant(instant) => micros(*instant) + 1,
    }
}

fn micros(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_micros()
}

/// A test of a time that is not in a column.
#[derive(Debug, Clone, PartialEq)]
pub enum InstantTest {
    /// The time is in a half-open range of microseconds since 1970-01-01.
    Range(Option<i64>, Option<i64>),
    /// The time falls on one of these days of the year.
    Anniversary(AnniversaryDays),
    /// Any time.
    IsSet,
}

impl InstantTest {
    /// Resolves a positive test at a moment.
    pub fn new(test: &DateTest, moment: &Moment) -> InstantTest {
        match (test, anniversary_days(test, moment.today())) {
            (DateTest::IsSet(_), _) => InstantTest::IsSet,
            (_, Some(days)) => InstantTest::Anniversary(days),
            (test, None) => {
                let (from, until) = instant_range(test, moment);
                InstantTest::Range(from, until)
            }
        }
    }

    /// Returns whether a time passes.
    pub fn passes(&self, at: i64, moment: &Moment) -> bool {
        match self {
            InstantTest::Range(from, until) => {
                from.is_none_or(|from| from <= at) && until.is_none_or(|until| at < until)
            }
            InstantTest::Anniversary(days) => DateTime::<Utc>::from_timestamp_micros(at)
                .is_some_and(|instant| days.contains(moment.local_day(instant))),
            InstantTest::IsSet => true,
        }
    }
}

/// Returns the days of the year that pass a test of anniversaries, or `None` if it is another test.
pub fn anniversary_days(test: &DateTest, today: NaiveDate) -> Option<AnniversaryDays> {
    Some(match test {
        DateTest::AnniversaryToday => AnniversaryDays::between(today, today),
        DateTest::AnniversaryInTheNext(period) => {
            AnniversaryDays::between(today, days_after(today, *period))
        }
        DateTest::AnniversaryInTheLast(period) => {
            AnniversaryDays::between(days_before(today, *period), today)
        }
        DateTest::AnniversaryMonth(month) => AnniversaryDays::in_month(*month),
        _ => return None,
    })
}

/// Returns the days since 1970-01-01.
pub fn day_number(day: NaiveDate) -> i32 {
    const EPOCH_FROM_CE: i32 = 719_163;
    day.num_days_from_ce() - EPOCH_FROM_CE
}
