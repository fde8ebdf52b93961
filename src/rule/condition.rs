//! The conditions of rules, as they were written.

use super::calendar_period::CalendarPeriod;
use super::literal::{DateLiteral, Period, Status};
use super::pattern::Pattern;
use crate::names;
use serde::Serialize;

/// A condition, with names as they were written.
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
    /// In no group at all, or in no group to which the subscriber was added within the window.
    NoGroup {
        added: TimeWindow,
    },
    Segment {
        quantifier: Quantifier,
        keys: Vec<String>,
        /// Whether memberships that have ended count too.
        ever: bool,
        /// Only memberships that began in this window count.
        joined: TimeWindow,
    },
    Event(EventCondition),
    Random(RandomShare),
}

/// A test of a text. The check turns a negative test into the complement of a positive one, so that it is true for a
/// missing value.
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

/// A test of a day or a date-time.
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
    /// The number of items; 0 if the list is missing. The test is never `IsSet`.
    Size(NumberTest),
    IsSet(bool),
}

/// A test of the location of a subscriber.
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
    /// Shares with different salts are independent of each other.
    pub salt: String,
    /// The start of the share in percent, included.
    pub from_percent: f64,
    /// The end of the share in percent, excluded.
    pub to_percent: f64,
}

/// Whether membership of any or of all of the groups or segments is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Quantifier {
    /// At least one.
    Any,
    /// Every one.
    All,
}

/// A condition on events: the events that have these names, lie in the window and pass the filters are measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventCondition {
    /// Names of events, sorted, each once.
    pub names: Vec<String>,
    /// Only events in this window count.
    pub window: TimeWindow,
    /// Only events that pass all of these count: conditions whose fields are properties of the event.
    pub filters: Vec<Condition>,
    /// What is computed from the events, and the test of the result.
    pub measure: Measure,
    /// The property that sum, average, min and max are computed from. If absent, they use the values of the events.
    pub of: Option<String>,
}

/// The window in which something must have happened to count.
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

/// What is computed from the events that count, and the test of the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Measure {
    /// A number.
    Number(NumberMeasure, NumberTest),
    /// A time; missing if there are no events.
    Instant(InstantMeasure, DateTest),
}

/// A number that is computed from events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum NumberMeasure {
    /// The number of events.
    Count,
    /// The number of local days with at least one event.
    DistinctDays,
    /// The sum of the values; 0 if there are none. An event without a value adds 0.
    Sum,
    /// The mean of the values; missing if there are none.
    Average,
    /// The least value; missing if there are none.
    Min,
    /// The greatest value; missing if there are none.
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
    /// Returns whether the measure is computed from values rather than from the events themselves.
    pub fn is_of_values(self) -> bool {
        !matches!(self, NumberMeasure::Count | NumberMeasure::DistinctDays)
    }

    /// Returns whether there is a result even without events, so that `isSet` makes no sense.
    pub fn always_exists(self) -> bool {
        matches!(
            self,
            NumberMeasure::Count | NumberMeasure::DistinctDays | NumberMeasure::Sum
        )
    }
}

/// A time that is computed from events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum InstantMeasure {
    /// The time of the first event.
    FirstAt,
    /// The time of the last event.
    LastAt,
}

names!(InstantMeasure {
    FirstAt: "firstAt",
    LastAt: "lastAt",
});
