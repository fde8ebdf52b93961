//! What a leaf of a rule asks, as it was written.

use super::calendar_period::CalendarPeriod;
use super::literal::{DateLiteral, Period, Status};
use super::pattern::Pattern;
use crate::names;
use serde::Serialize;

/// What a leaf asks, with names as they were written.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "the keys of the language, described in its table"
)]
pub enum Condition {
    Text {
        field: String,
        test: TextTest,
        case_sensitive: bool,
    },
    Number {
        field: String,
        test: NumberTest,
    },
    Date {
        field: String,
        test: DateTest,
    },
    Boolean {
        field: String,
        test: BooleanTest,
    },
    List {
        field: String,
        test: ListTest,
    },
    Status {
        any_of: Vec<Status>,
    },
    Location(LocationTest),
    Group {
        quantifier: Quantifier,
        keys: Vec<String>,
        added: TimeWindow,
    },
    /// In no group at all, or in none since a time in the window.
    NoGroup {
        added: TimeWindow,
    },
    Segment {
        quantifier: Quantifier,
        keys: Vec<String>,
        /// Whether memberships that have ended count too.
        ever: bool,
        /// When a membership must have begun to count.
        joined: TimeWindow,
    },
    Event(EventCondition),
    Random(RandomShare),
}

/// A test of a text. Negative tests are `negated` nodes over these, so that they are true for a missing value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the keys of the language")]
pub enum TextTest {
    Equals(String),
    NotEquals(String),
    In(Vec<String>),
    NotIn(Vec<String>),
    Contains(String),
    NotContains(String),
    StartsWith(String),
    EndsWith(String),
    Matches(Pattern),
    IsSet(bool),
}

/// A test of a number. The numbers of a list are sorted, each once.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the keys of the language")]
pub enum NumberTest {
    Equals(f64),
    NotEquals(f64),
    GreaterThan(f64),
    AtLeast(f64),
    LessThan(f64),
    AtMost(f64),
    Between(f64, f64),
    In(Vec<f64>),
    IsSet(bool),
}

/// A test of a day or an instant.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the keys of the language")]
pub enum DateTest {
    On(DateLiteral),
    Before(DateLiteral),
    After(DateLiteral),
    OnOrBefore(DateLiteral),
    OnOrAfter(DateLiteral),
    Between(DateLiteral, DateLiteral),
    InTheLast(Period),
    MoreThanAgo(Period),
    /// From the first period before now to the second period before now.
    BetweenAgo(Period, Period),
    InTheNext(Period),
    During(CalendarPeriod),
    IsToday,
    AnniversaryToday,
    AnniversaryInTheNext(Period),
    AnniversaryInTheLast(Period),
    AnniversaryMonth(u32),
    IsSet(bool),
}

/// A test of a boolean: a missing value is neither true nor false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the keys of the language")]
pub enum BooleanTest {
    IsTrue,
    IsFalse,
    IsSet(bool),
}

/// A test of a list of texts. Texts are compared in lower case.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the keys of the language")]
pub enum ListTest {
    ContainsAny(Vec<String>),
    ContainsAll(Vec<String>),
    ContainsNone(Vec<String>),
    /// How many items there are; 0 where there is no list. Never `IsSet`.
    Size(NumberTest),
    IsSet(bool),
}

/// A test of where a subscriber is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum LocationTest {
    /// Not farther than `radius_km` from a place, along the great circle.
    Within {
        /// Degrees north of the place.
        latitude: f64,
        /// Degrees east of the place.
        longitude: f64,
        /// The greatest distance in kilometres.
        radius_km: f64,
    },
    /// Whether latitude and longitude are known.
    IsSet(bool),
}

/// A stable share of all subscribers; see [`bucket`](super::bucket).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RandomShare {
    /// Shares of different salts are independent of each other.
    pub salt: String,
    /// The share begins here, in percent.
    pub from_percent: f64,
    /// The share ends before this, in percent.
    pub to_percent: f64,
}

/// Whether one or every one of several things is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Quantifier {
    /// At least one.
    Any,
    /// Every one.
    All,
}

/// What people did: events of these names in this window that pass these tests, measured so.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventCondition {
    /// Names of events, sorted, each once.
    pub names: Vec<String>,
    /// When they must have happened to count.
    pub window: TimeWindow,
    /// What their properties must be to count: conditions whose fields are properties.
    pub filters: Vec<Condition>,
    /// What is computed of them, and what the result must be.
    pub measure: Measure,
    /// The property that sum, average, min and max are computed of; the values of the events if absent.
    pub of: Option<String>,
}

/// When something must have happened to count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the keys of the language")]
pub enum TimeWindow {
    AllTime,
    InTheLast(Period),
    /// From the first period before now to the second period before now.
    BetweenAgo(Period, Period),
    During(CalendarPeriod),
    Between(DateLiteral, DateLiteral),
    Before(DateLiteral),
    After(DateLiteral),
}

/// What is computed of the events that count, and what it must be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Measure {
    /// A number.
    Number(NumberMeasure, NumberTest),
    /// An instant; missing when there are no events.
    Instant(InstantMeasure, DateTest),
}

/// A number that is computed of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum NumberMeasure {
    /// How many they are; 0 when there are none.
    Count,
    /// On how many local days there was one; 0 when there are none.
    DistinctDays,
    /// The sum of their values, where one without a value adds 0; 0 when there are none.
    Sum,
    /// The mean of the values that there are; missing when there are none.
    Average,
    /// The least of the values that there are; missing when there are none.
    Min,
    /// The greatest of the values that there are; missing when there are none.
    Max,
}

names!(NumberMeasure {
    Count: "count",
    DistinctDays: "distinctDays",
    Sum: "sum",
    Average: "average",
    Min: "min",
    Max: "max",
});

impl NumberMeasure {
    /// Whether it is computed of values rather than of the events themselves.
    pub fn is_of_values(self) -> bool {
        !matches!(self, NumberMeasure::Count | NumberMeasure::DistinctDays)
    }

    /// Whether there is a result even without events, so that asking whether it is set makes no sense.
    pub fn always_exists(self) -> bool {
        matches!(
            self,
            NumberMeasure::Count | NumberMeasure::DistinctDays | NumberMeasure::Sum
        )
    }
}

/// An instant that is computed of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum InstantMeasure {
    /// When the first happened.
    FirstAt,
    /// When the last happened.
    LastAt,
}

names!(InstantMeasure {
    FirstAt: "firstAt",
    LastAt: "lastAt",
});
