//! The two trees of a rule: [`Node`], what was written, and [`CheckedRule`], what is known to make sense.

use super::field::{DateField, TextField};
use super::literal::{DateLiteral, Period, Status};
use serde::Serialize;

/// A rule as it was written: shapes and values are right, names are not looked up yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// True where every child is true.
    All(Vec<Node>),
    /// True where at least one child is true.
    Any(Vec<Node>),
    /// True where the child is false.
    Not(Box<Node>),
    /// Always true.
    Everyone,
    /// A leaf.
    Condition(Condition),
}

/// What a leaf asks, with names as they were written.
#[derive(Debug, Clone, PartialEq)]
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
    Status {
        any_of: Vec<Status>,
    },
    Group {
        quantifier: Quantifier,
        keys: Vec<String>,
    },
    Event(EventCondition),
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
    Matches(String),
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
    InTheNext(Period),
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

/// Whether one or every one of several things is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Quantifier {
    /// At least one.
    Any,
    /// Every one.
    All,
}

/// What people did: events of these names in this window, measured so.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventCondition {
    /// Names of events, sorted, each once.
    pub names: Vec<String>,
    /// Which of them count.
    pub window: EventWindow,
    /// What is computed of them.
    pub measure: Measure,
    /// What the result must be; never `IsSet`.
    pub test: NumberTest,
}

/// When an event must have happened to count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the keys of the language")]
pub enum EventWindow {
    AllTime,
    InTheLast(Period),
    Between(DateLiteral, DateLiteral),
    Before(DateLiteral),
    After(DateLiteral),
}

/// What is computed of the events that count; both are 0 when there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Measure {
    /// How many they are.
    Count,
    /// The sum of their values; an event without a value adds 0.
    Sum,
}

/// A rule that can be evaluated: every name is known and of the right type.
///
/// Nodes stand in the order in which they are read, parents before children; the root is the first.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedRule {
    /// The nodes.
    pub nodes: Vec<CheckedNode>,
}

/// A node of a [`CheckedRule`].
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedNode {
    /// Its place in the rule, as in problems.
    pub path: String,
    /// The index of the node above it; none for the root.
    pub parent: Option<usize>,
    /// What it says.
    pub kind: NodeKind,
}

/// What a [`CheckedNode`] says; children are indices into [`CheckedRule::nodes`].
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// True where every child is true.
    All(Vec<usize>),
    /// True where at least one child is true.
    Any(Vec<usize>),
    /// True where the child is false.
    Not(usize),
    /// Always true.
    Everyone,
    /// A positive test, or its complement among all subscribers.
    Leaf {
        /// The test.
        leaf: Leaf,
        /// Whether its complement is meant.
        negated: bool,
    },
}

/// A positive test of something a subscriber has or did.
///
/// Serialised, it is the identity under which equal leaves of different segments are evaluated once.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "the keys of the language, described in its table"
)]
pub enum Leaf {
    Text {
        field: TextField,
        test: TextTest,
        case_sensitive: bool,
    },
    /// The key of a custom field of type number.
    Number {
        key: String,
        test: NumberTest,
    },
    Date {
        field: DateField,
        test: DateTest,
    },
    /// The key of a custom field of type boolean.
    Boolean {
        key: String,
        test: BooleanTest,
    },
    Status {
        any_of: Vec<Status>,
    },
    Group {
        quantifier: Quantifier,
        ids: Vec<i64>,
    },
    Event(EventCondition),
}
