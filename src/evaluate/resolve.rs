//! From a leaf to what can be compared with stored values: dates become ranges, once for the whole evaluation.

use super::anniversary::AnniversaryDays;
use super::columns::ColumnKey;
use super::text::TextMatcher;
use crate::rule::{
    BooleanTest, DateField, DateLiteral, DateTest, EventWindow, Leaf, Measure, Moment, NumberTest,
    Quantifier, Status, TextField, TextTest, days_after, days_before,
};
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use std::collections::BTreeSet;

/// A leaf whose names, periods and patterns are worked out.
#[derive(Debug)]
pub enum ResolvedLeaf {
    /// A text that matches; compared in lower case if `fold`.
    Text {
        /// The field.
        field: TextField,
        /// What it must match.
        matcher: TextMatcher,
        /// Whether letter case is ignored.
        fold: bool,
    },
    /// A custom number that passes a test.
    Number {
        /// The key of the custom field.
        key: String,
        /// The test.
        test: NumberTest,
    },
    /// A day in a range, both ends included, in days since 1970-01-01.
    Days {
        /// The field.
        field: DateField,
        /// The first day.
        from: Option<i32>,
        /// The last day.
        to: Option<i32>,
    },
    /// An instant in a half-open range, in microseconds since 1970-01-01.
    Instants {
        /// The field.
        field: DateField,
        /// The first instant.
        from: Option<i64>,
        /// The first instant after the range.
        until: Option<i64>,
    },
    /// A day of the year out of a set.
    Anniversary {
        /// The field.
        field: DateField,
        /// The days.
        days: AnniversaryDays,
    },
    /// A field that has a value.
    IsSet(ColumnKey),
    /// A custom boolean of this value.
    Boolean {
        /// The key of the custom field.
        key: String,
        /// The value.
        wanted: bool,
    },
    /// A status out of several.
    Status(Vec<Status>),
    /// Membership by hand.
    Group {
        /// In one or in all of them.
        quantifier: Quantifier,
        /// The groups.
        ids: Vec<i64>,
    },
    /// The event leaf at this position of the plan.
    Event(usize),
}

/// An event condition whose window is worked out.
#[derive(Debug, Clone, PartialEq)]
pub struct EventLeaf {
    /// Names of the events, sorted.
    pub names: Vec<String>,
    /// The first instant that counts, in microseconds since 1970-01-01.
    pub from: Option<i64>,
    /// The first instant after the window.
    pub until: Option<i64>,
    /// What is computed.
    pub measure: Measure,
    /// What it must be.
    pub test: NumberTest,
}

impl EventLeaf {
    /// Whether the lifetime totals answer it.
    pub fn is_all_time(&self) -> bool {
        self.from.is_none() && self.until.is_none()
    }
}

impl ResolvedLeaf {
    /// Adds what this leaf needs to have loaded. Events are listed apart, in the plan.
    pub fn list_needs(&self, columns: &mut BTreeSet<ColumnKey>, groups: &mut BTreeSet<i64>) {
        match self {
            ResolvedLeaf::Text { field, .. } => {
                columns.insert(ColumnKey::Text(field.clone()));
            }
            ResolvedLeaf::Number { key, .. } => {
                columns.insert(ColumnKey::Number(key.clone()));
            }
            ResolvedLeaf::Days { field, .. }
            | ResolvedLeaf::Instants { field, .. }
            | ResolvedLeaf::Anniversary { field, .. } => {
                columns.insert(ColumnKey::Date(field.clone()));
            }
            ResolvedLeaf::IsSet(key) => {
                columns.insert(key.clone());
            }
            ResolvedLeaf::Boolean { key, .. } => {
                columns.insert(ColumnKey::Boolean(key.clone()));
            }
            ResolvedLeaf::Status(_) => {
                columns.insert(ColumnKey::Status);
            }
            ResolvedLeaf::Group { ids, .. } => groups.extend(ids),
            ResolvedLeaf::Event(_) => {}
        }
    }
}

/// Works out a leaf at a moment; event conditions are appended to `event_leaves`.
pub fn resolve_leaf(
    leaf: &Leaf,
    moment: &Moment,
    event_leaves: &mut Vec<EventLeaf>,
) -> ResolvedLeaf {
    match leaf {
        Leaf::Text {
            test: TextTest::IsSet(_),
            field,
            ..
        } => ResolvedLeaf::IsSet(ColumnKey::Text(field.clone())),
        Leaf::Text {
            field,
            test,
            case_sensitive,
        } => ResolvedLeaf::Text {
            field: field.clone(),
            matcher: TextMatcher::new(test, *case_sensitive),
            fold: !case_sensitive,
        },
        Leaf::Number {
            key,
            test: NumberTest::IsSet(_),
        } => ResolvedLeaf::IsSet(ColumnKey::Number(key.clone())),
        Leaf::Number { key, test } => ResolvedLeaf::Number {
            key: key.clone(),
            test: test.clone(),
        },
        Leaf::Date { field, test } => resolve_date(field, test, moment),
        Leaf::Boolean { key, test } => match test {
            BooleanTest::IsSet(_) => ResolvedLeaf::IsSet(ColumnKey::Boolean(key.clone())),
            BooleanTest::IsTrue | BooleanTest::IsFalse => ResolvedLeaf::Boolean {
                key: key.clone(),
                wanted: *test == BooleanTest::IsTrue,
            },
        },
        Leaf::Status { any_of } => ResolvedLeaf::Status(any_of.clone()),
        Leaf::Group { quantifier, ids } => ResolvedLeaf::Group {
            quantifier: *quantifier,
            ids: ids.clone(),
        },
        Leaf::Event(event) => {
            let (from, until) = resolve_window(event.window, moment);
            event_leaves.push(EventLeaf {
                names: event.names.clone(),
                from,
                until,
                measure: event.measure,
                test: event.test.clone(),
            });
            ResolvedLeaf::Event(event_leaves.len() - 1)
        }
    }
}

fn resolve_date(field: &DateField, test: &DateTest, moment: &Moment) -> ResolvedLeaf {
    let today = moment.today();
    let anniversary = |days| ResolvedLeaf::Anniversary {
        field: field.clone(),
        days,
    };
    match test {
        DateTest::IsSet(_) => ResolvedLeaf::IsSet(ColumnKey::Date(field.clone())),
        DateTest::AnniversaryToday => anniversary(AnniversaryDays::between(today, today)),
        DateTest::AnniversaryInTheNext(period) => {
            anniversary(AnniversaryDays::between(today, days_after(today, *period)))
        }
        DateTest::AnniversaryInTheLast(period) => {
            anniversary(AnniversaryDays::between(days_before(today, *period), today))
        }
        DateTest::AnniversaryMonth(month) => anniversary(AnniversaryDays::in_month(*month)),
        _ if field.is_day() => {
            let (from, to) = day_range(test, today);
            ResolvedLeaf::Days {
                field: field.clone(),
                from: from.map(day_number),
                to: to.map(day_number),
            }
        }
        _ => {
            let (from, until) = instant_range(test, moment);
            ResolvedLeaf::Instants {
                field: field.clone(),
                from,
                until,
            }
        }
    }
}

/// Returns the first and the last day that pass the test.
fn day_range(test: &DateTest, today: NaiveDate) -> (Option<NaiveDate>, Option<NaiveDate>) {
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
        DateTest::InTheNext(period) => (Some(today), Some(days_after(today, *period))),
        _ => (Some(today), Some(today)),
    }
}

/// Returns the day of a literal; the check has refused instants where days are asked for.
fn literal_day(literal: &DateLiteral) -> Option<NaiveDate> {
    match literal {
        DateLiteral::Day(day) => Some(*day),
        DateLiteral::Instant(instant) => Some(instant.date_naive()),
    }
}

/// Returns the half-open range of instants that pass the test.
fn instant_range(test: &DateTest, moment: &Moment) -> (Option<i64>, Option<i64>) {
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
        DateTest::InTheNext(period) => (Some(now), Some(micros(moment.ahead(*period)) + 1)),
        _ => {
            let today = DateLiteral::Day(moment.today());
            (start(&today), end(&today))
        }
    }
}

fn resolve_window(window: EventWindow, moment: &Moment) -> (Option<i64>, Option<i64>) {
    let test = match window {
        EventWindow::AllTime => return (None, None),
        EventWindow::InTheLast(period) => DateTest::InTheLast(period),
        EventWindow::Between(from, to) => DateTest::Between(from, to),
        EventWindow::Before(literal) => DateTest::Before(literal),
        EventWindow::After(literal) => DateTest::After(literal),
    };
    instant_range(&test, moment)
}

fn literal_start(literal: &DateLiteral, moment: &Moment) -> i64 {
    match literal {
        DateLiteral::Day(day) => micros(moment.day_start(*day)),
        DateLiteral::Instant(instant) => micros(*instant),
    }
}

/// Returns the first instant after the literal; stored instants are whole microseconds.
fn literal_end(literal: &DateLiteral, moment: &Moment) -> i64 {
    match literal {
        DateLiteral::Day(day) => micros(moment.day_end(*day)),
        DateLiteral::Instant(instant) => micros(*instant) + 1,
    }
}

fn micros(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_micros()
}

/// Returns the days since 1970-01-01.
pub fn day_number(day: NaiveDate) -> i32 {
    const EPOCH_FROM_CE: i32 = 719_163;
    day.num_days_from_ce() - EPOCH_FROM_CE
}
