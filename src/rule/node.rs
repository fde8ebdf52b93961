//! The two trees of a rule: [`Node`] is the rule as it was written, [`CheckedRule`] the rule with every name looked up.

use super::condition::{
    BooleanTest, Condition, DateTest, ListTest, LocationTest, Measure, NumberTest, Quantifier,
    RandomShare, TextTest, TimeWindow,
};
use super::field::{DateField, TextField};
use super::literal::Status;
use serde::Serialize;

/// A rule as it was written. Shapes and values are valid, but names are not looked up yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// True if every child is true.
    All(Vec<Node>),
    /// True if at least one child is true.
    Any(Vec<Node>),
    /// True if the child is false.
    Not(Box<Node>),
    /// Always true.
    Everyone,
    /// A leaf.
    Condition(Condition),
}

/// A rule that can be evaluated: every name is known and of the right type.
///
/// Nodes are in the order in which they are read, parents before children; the root is the first.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedRule {
    /// The nodes.
    pub nodes: Vec<CheckedNode>,
}

impl CheckedRule {
    /// Lists the ids of the segments that the rule uses.
    pub fn list_segments(&self) -> Vec<i64> {
        let asked = self.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Segment { ids, .. } => Some(ids.iter().copied()),
            _ => None,
        });
        asked.flatten().collect()
    }
}

/// A node of a [`CheckedRule`].
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedNode {
    /// Its path in the rule, as in problems.
    pub path: String,
    /// The index of its parent; `None` for the root.
    pub parent: Option<usize>,
    /// Its kind, with its content.
    pub kind: NodeKind,
}

/// The content of a [`CheckedNode`]. Children are indices into [`CheckedRule::nodes`].
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// True if every child is true.
    All(Vec<usize>),
    /// True if at least one child is true.
    Any(Vec<usize>),
    /// True if the child is false.
    Not(usize),
    /// Always true.
    Everyone,
    /// A positive test, or its complement among all subscribers.
    Leaf {
        /// The test.
        leaf: Leaf,
        /// Whether the complement of the test is meant.
        negated: bool,
    },
    /// Membership of segments.
    Segment {
        /// Whether membership of any or of all of the segments is needed.
        quantifier: Quantifier,
        /// The ids of the segments, sorted, each once.
        ids: Vec<i64>,
        /// Whether memberships that have ended count too.
        ever: bool,
        /// Only memberships that began in this window count.
        joined: TimeWindow,
    },
}

/// A positive test of a value or of events of a subscriber. Equal leaves of different segments are evaluated once.
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
    /// A custom field of type number, by key.
    Number {
        key: String,
        test: NumberTest,
    },
    Date {
        field: DateField,
        test: DateTest,
    },
    /// A custom field of type boolean, by key.
    Boolean {
        key: String,
        test: BooleanTest,
    },
    /// A custom field of type list, by key.
    List {
        key: String,
        test: ListTest,
    },
    Status {
        any_of: Vec<Status>,
    },
    Location(LocationTest),
    Group {
        quantifier: Quantifier,
        ids: Vec<i64>,
        added: TimeWindow,
    },
    /// In any group at all.
    AnyGroup {
        added: TimeWindow,
    },
    Event(EventLeaf),
    Random(RandomShare),
}

/// An event condition whose tests are positive.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventLeaf {
    /// Names of events, sorted, each once.
    pub names: Vec<String>,
    /// Only events in this window count.
    pub window: TimeWindow,
    /// Tests that an event must pass to count. They test its properties as if these were custom fields.
    pub filters: Vec<EventFilter>,
    /// What is computed from the events, and the test of the result.
    pub measure: Measure,
    /// The property that the measure is computed from. If absent, it is computed from the values of the events.
    pub of: Option<String>,
}

/// A positive test of a property of an event, or its complement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventFilter {
    /// The test; its field is the property, as if it were a custom field.
    pub leaf: Leaf,
    /// Whether the complement of the test is meant.
    pub negated: bool,
}
