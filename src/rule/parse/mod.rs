//! Parses JSON to a [`Node`]: the shape of a rule, its limits and its values. Names are looked up later, in `check.rs`.
//!
//! Parsing continues after a mistake, so that one run finds all of them.

pub(crate) mod condition;
pub(crate) mod date;
pub(crate) mod event;
mod parser;
pub(crate) mod test;
use super::condition::Condition;
use super::limits::{MAX_DEPTH, MAX_NODES};
use super::node::Node;
use super::node_name::NodeName;
use super::path::{child, element};
use super::problem::{Code, Problem, Problems};
use super::report::Report;
use parser::Parser;
use serde_json::Value;

const NODE_NAMES: [&str; NodeName::ALL.len()] = {
    let mut names = [""; NodeName::ALL.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = NodeName::ALL[place].as_str();
        place += 1;
    }
    names
};

/// Reads a rule: an object with one key, the kind of the node.
///
/// # Errors
/// Fails with the problems of the rule, in the order in which they were found.
pub fn parse_rule(value: &Value) -> Result<Node, Vec<Problem>> {
    let (node, problems) = parse_leniently(value);
    problems.or(node)
}

/// Reads as much of a rule as can be read. Returns it with the problems of the rest.
///
/// If there is a problem, the tree is only good for looking up the names in it: placeholders replace the nodes and
/// tests that could not be read.
pub(super) fn parse_leniently(value: &Value) -> (Option<Node>, Problems) {
    let mut parser = Parser::default();
    let node = parser.parse_node(value, "", 1);
    (node, parser.problems)
}

impl Parser {
    fn parse_node(&mut self, value: &Value, path: &str, depth: usize) -> Option<Node> {
        self.node_count += 1;
        if self.node_count > MAX_NODES {
            if self.node_count == MAX_NODES + 1 {
                let message = format!("expected at most {MAX_NODES} nodes, found more");
                self.report(path, Code::TooManyNodes, message);
            }
            return None;
        }
        if depth > MAX_DEPTH {
            let message = format!("expected nodes nested at most {MAX_DEPTH} deep, found more");
            self.report(path, Code::TooDeep, message);
            return None;
        }
        let (name, body) = self.single_entry(value, path, "a node", &NODE_NAMES)?;
        let inside = child(path, name);
        match name {
            "all" => Some(Node::All(self.parse_children(body, &inside, depth)?)),
            "any" => Some(Node::Any(self.parse_children(body, &inside, depth)?)),
            "not" => {
                let node = self.parse_node(body, &inside, depth + 1);
                Some(Node::Not(Box::new(node.unwrap_or(Node::Everyone))))
            }
            "everyone" => self.expect_true(body, &inside).map(|()| Node::Everyone),
            _ => self
                .parse_condition(name, body, path, &inside)
                .map(Node::Condition),
        }
    }

    fn parse_condition(
        &mut self,
        name: &str,
        body: &Value,
        path: &str,
        inside: &str,
    ) -> Option<Condition> {
        match name {
            "text" | "number" | "date" | "boolean" | "list" => {
                self.parse_test_of(name, "field", body, inside)
            }
            "status" => self.parse_status(body, inside),
            "location" => self.parse_location(body, inside),
            "group" => self.parse_group(body, inside),
            "segment" => self.parse_segment(body, inside),
            "event" => self.parse_event(body, inside),
            "random" => self.parse_random(body, inside),
            _ => self.unknown(path, name, Code::UnknownNode, "a node", &NODE_NAMES),
        }
    }

    fn parse_children(&mut self, value: &Value, path: &str, depth: usize) -> Option<Vec<Node>> {
        let Value::Array(items) = value else {
            return self.wrong_shape(path, "a list of nodes", value);
        };
        if items.is_empty() {
            self.report(path, Code::Empty, "expected at least one node, found none");
            return None;
        }
        let children = items.iter().enumerate().map_while(|(position, item)| {
            let within_bounds = self.node_count <= MAX_NODES;
            within_bounds.then(|| self.parse_node(item, &element(path, position), depth + 1))
        });
        Some(
            children
                .map(|node| node.unwrap_or(Node::Everyone))
                .collect(),
        )
    }
}
