//! A rule as a flat list of its nodes, each described in a few words, for a tree view.

use super::sentence::say_condition;
use crate::condition::Condition;
use crate::node::Node;
use crate::node_name::NodeName;
use crate::path::{child, element};

/// A node of a rule in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeText {
    /// Its path in the rule, as in problems.
    pub path: String,
    /// The index of its parent; `None` for the root.
    pub parent: Option<usize>,
    /// What kind of node it is.
    pub kind: NodeName,
    /// Its description in a few words, such as `country is "LT", "LV" or "EE"`.
    pub text: String,
    /// The expected value, to be shown beside the actual one, such as `"LT", "LV" or "EE"`. `None` if the node is
    /// logic.
    pub wanted: Option<String>,
}

impl NodeName {
    /// Returns the kind of a node.
    pub fn of(node: &Node) -> NodeName {
        match node {
            Node::All(_) => NodeName::All,
            Node::Any(_) => NodeName::Any,
            Node::Not(_) => NodeName::Not,
            Node::Everyone => NodeName::Everyone,
            Node::Condition(condition) => match condition {
                Condition::Text { .. } => NodeName::Text,
                Condition::Number { .. } => NodeName::Number,
                Condition::Date { .. } => NodeName::Date,
                Condition::Boolean { .. } => NodeName::Boolean,
                Condition::List { .. } => NodeName::List,
                Condition::Status { .. } => NodeName::Status,
                Condition::Location(_) => NodeName::Location,
                Condition::Group { .. } | Condition::NoGroup { .. } => NodeName::Group,
                Condition::Segment { .. } => NodeName::Segment,
                Condition::Event(_) => NodeName::Event,
                Condition::Random(_) => NodeName::Random,
            },
        }
    }
}

/// Lists the nodes of a rule in words, parents before children, in the order and with the paths of
/// [`CheckedRule::nodes`](crate::CheckedRule::nodes).
pub fn describe_nodes(node: &Node) -> Vec<NodeText> {
    let mut found = Vec::new();
    describe_node(node, String::new(), None, &mut found);
    found
}

fn describe_node(node: &Node, path: String, parent: Option<usize>, found: &mut Vec<NodeText>) {
    let index = found.len();
    let (text, wanted) = match node {
        Node::All(_) => ("all of".to_owned(), None),
        Node::Any(_) => ("any of".to_owned(), None),
        Node::Not(_) => ("not".to_owned(), None),
        Node::Everyone => ("everyone".to_owned(), None),
        Node::Condition(condition) => {
            let phrase = say_condition(condition, false);
            let wanted = phrase.wanted.clone();
            (phrase.into_text(), Some(wanted))
        }
    };
    let kind = NodeName::of(node);
    let inside = child(&path, kind.as_str());
    found.push(NodeText {
        path,
        parent,
        kind,
        text,
        wanted,
    });
    match node {
        Node::All(children) | Node::Any(children) => {
            for (position, node) in children.iter().enumerate() {
                describe_node(node, element(&inside, position), Some(index), found);
            }
        }
        Node::Not(inner) => describe_node(inner, inside, Some(index), found),
        Node::Everyone | Node::Condition(_) => {}
    }
}
