//! A rule as one English sentence.
//!
//! The sentence uses the names and keys of the rule and means exactly the same. A negative test says that subscribers
//! without a value are included, and nested groups are in parentheses.

use super::join_clauses;
use super::sentence::say_condition;
use crate::node::Node;

/// Describes a rule in one sentence, such as `Subscribers whose country is "LT", and who are not in the group "staff".`
///
/// A long list of values is cut to the first five and the number of the others. Long texts are cut, with an ellipsis.
pub fn summarize(node: &Node) -> String {
    match simplify(node, false) {
        (Node::Everyone, false) => "All subscribers.".to_owned(),
        (Node::Everyone, true) => "No subscribers.".to_owned(),
        (Node::All(children), false) => format!("Subscribers {}.", say_several(children, "and")),
        (Node::Any(children), false) => format!("Subscribers {}.", say_several(children, "or")),
        (Node::All(children), true) => {
            let inside = say_several(children, "and");
            format!("All subscribers except those {inside}.")
        }
        (Node::Any(children), true) => {
            let inside = say_several(children, "or");
            format!("All subscribers except those {inside}.")
        }
        (node, negated) => format!("Subscribers {}.", say_clause(node, negated)),
    }
}

/// Unwraps `not` nodes and groups of one. Returns the node inside, and whether it is negated.
fn simplify(node: &Node, negated: bool) -> (&Node, bool) {
    match node {
        Node::Not(inner) => simplify(inner, !negated),
        Node::All(children) | Node::Any(children) => match children.as_slice() {
            [only] => simplify(only, negated),
            _ => (node, negated),
        },
        _ => (node, negated),
    }
}

fn say_clause(node: &Node, negated: bool) -> String {
    let (node, negated) = simplify(node, negated);
    let (children, word) = match node {
        Node::Condition(condition) => return say_condition(condition, negated).clause,
        Node::All(children) => (children, "and"),
        Node::Any(children) => (children, "or"),
        _ if negated => return "of no kind".to_owned(),
        _ => return "of any kind".to_owned(),
    };
    let inside = say_several(children, word);
    if negated {
        format!("who are not among those ({inside})")
    } else {
        format!("({inside})")
    }
}

fn say_several(children: &[Node], word: &str) -> String {
    let clauses: Vec<String> = children
        .iter()
        .map(|child| say_clause(child, false))
        .collect();
    join_clauses(&clauses, word)
}
