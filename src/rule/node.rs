//! The two trees of a rule: [`Node`], what was written, and [`CheckedRule`], what is known to make sense.

use super::condition::{
    BooleanTest, Condition, DateTest, ListTest, LocationTest, Measure, NumberTest, Quantifier,
    RandomShare, TextTest, TimeWindow,
};
use super::field::{DateField, TextField};
use super::literal::Status;
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

/// A rule that can be evaluated: every name is known and of the right type.
///
/// Nodes are in the order in which they are read, parents before children; the root is the first.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedRule {
    /// The nodes.
    pub nodes: Vec<CheckedNode>,
}

impl CheckedRule {
    /// Lists the ids of the segments that the rule asks about.
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
    /// Membership of segments, as their rules say in the same evaluation.
    Segment {
        /// In one or in all of them.
        quantifier: Quantifier,
        /// The ids of the segments, sorted, each once.
        ids: Vec<i64>,
        /// Whether memberships that have ended count too.
        ever: bool,
        /// When a membership must have begun to count.
        joined: TimeWindow,
    },
}

/// A positive test of something a subscriber has or did. Equal leaves of different segments are evaluated once.
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
    /// The key of a custom field of type list.
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
    /// When they must have happened to count.
    pub window: TimeWindow,
    /// What each must be to count: tests of its properties, in the place where custom fields have theirs.
    pub filters: Vec<EventFilter>,
    /// What is computed of them, and what the result must be.
    pub measure: Measure,
    /// The property that it is computed of; the values of the events if absent.
    pub of: Option<String>,
}

/// A positive test of a property of an event, or its complement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventFilter {
    /// The test; its field is the property, as if it were a custom field.
    pub leaf: Leaf,
    /// Whether its complement is meant.
    pub negated: bool,
}
