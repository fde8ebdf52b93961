//! From JSON to [`Node`]: the shape of a rule, its bounds and its values. Names are looked up later, in `check.rs`.
//!
//! Parsing goes on after a mistake, so that one reading finds all of them.

pub(crate) mod condition;
pub(crate) mod date;
pub(crate) mod event;
pub(crate) mod test;
use super::condition::Condition;
use super::limits::{MAX_DEPTH, MAX_NODES, MAX_VALUES};
use super::node::Node;
use super::number::read_double;
use super::pattern::{Pattern, PatternCompiler};
use super::problem::{Code, Problem, Problems, nearest, quoted, shorten};
use super::report::Report;
use super::stored_form::Edges;
use super::words::outline::NodeName;
use crate::parse::test::test_of_what;
use serde_json::{Map, Value};

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
/// Every problem of the rule, in the order in which the places stand in it.
pub fn parse_rule(value: &Value) -> Result<Node, Vec<Problem>> {
    let (node, problems) = parse_leniently(value);
    problems.or(node)
}

/// Reads as much of a rule as can be read, and what is wrong with the rest.
///
/// Beside a problem the tree is fit for nothing but looking up the names in it: other nodes and tests stand where
/// those are that could not be read.
pub(super) fn parse_leniently(value: &Value) -> (Option<Node>, Problems) {
    let mut parser = Parser::default();
    let node = parser.parse_node(value, "", 1);
    (node, parser.problems)
}

/// The problems found so far. Its methods return nothing where they reported a problem.
#[derive(Default)]
pub struct Parser {
    problems: Problems,
    node_count: usize,
    patterns: PatternCompiler,
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

impl Report for Parser {
    fn problems(&mut self) -> &mut Problems {
        &mut self.problems
    }
}

/// The small steps that every part of the language is read with.
impl Parser {
    pub(super) fn unknown<T>(
        &mut self,
        path: &str,
        found: &str,
        code: Code,
        expected: &str,
        known: &[&str],
    ) -> Option<T> {
        let names = quoted(known.iter().copied());
        let message = format!(
            "expected {expected} ({names}), found \"{}\"",
            shorten(found)
        );
        // The name nearest to "and" is "any", which means the opposite.
        let meant = match found.to_lowercase().as_str() {
            "and" if code == Code::UnknownNode => "all",
            "or" if code == Code::UnknownNode => "any",
            _ => found,
        };
        let hint = || {
            let slip = nearest(meant, known.iter().copied());
            slip.or_else(|| (code == Code::UnknownTest).then(|| test_of_what(found))?)
        };
        self.problems.add(path, code, message, hint);
        None
    }

    /// Reads an object that may have these keys and no others.
    pub(super) fn object<'v>(
        &mut self,
        value: &'v Value,
        path: &str,
        known: &[&str],
    ) -> Option<&'v Map<String, Value>> {
        let Value::Object(body) = value else {
            let expected = format!("an object with the keys {}", quoted(known.iter().copied()));
            return self.wrong_shape(path, &expected, value);
        };
        for key in body.keys().filter(|key| !known.contains(&key.as_str())) {
            self.unknown::<()>(path, key, Code::UnknownKey, "one of the keys", known);
        }
        Some(body)
    }

    /// Reads an object that has exactly one key, such as a node or a test. An explicit null counts as absent,
    /// since GraphQL clients send unset fields that way.
    pub(super) fn single_entry<'v>(
        &mut self,
        value: &'v Value,
        path: &str,
        what: &str,
        known: &[&str],
    ) -> Option<(&'v str, &'v Value)> {
        let names = || quoted(known.iter().copied());
        let Value::Object(body) = value else {
            let expected = format!("{what}, an object with one of the keys {}", names());
            return self.wrong_shape(path, &expected, value);
        };
        let entries: Vec<(&String, &Value)> =
            body.iter().filter(|(_, value)| !value.is_null()).collect();
        match entries.as_slice() {
            [(name, body)] => Some((name.as_str(), body)),
            [] => {
                let message = format!(
                    "expected {what}, an object with one of the keys {}, found none",
                    names()
                );
                self.report(path, Code::Missing, message);
                None
            }
            several => {
                let found = shorten(&quoted(several.iter().map(|(name, _)| name.as_str())));
                let message = format!(
                    "expected {what}, an object with exactly one key, found {}: {found}",
                    several.len()
                );
                let hint = match what {
                    "a node" => "put several under \"all\" or \"any\"",
                    _ => "put several conditions, each with one test, under \"all\" or \"any\"",
                };
                self.problems
                    .add(path, Code::WrongShape, message, || Some(hint.to_owned()));
                None
            }
        }
    }

    pub(super) fn required<'v>(
        &mut self,
        body: &'v Map<String, Value>,
        key: &str,
        path: &str,
    ) -> Option<&'v Value> {
        let value = body.get(key).filter(|value| !value.is_null());
        if value.is_none() {
            self.report(
                path,
                Code::Missing,
                format!("expected the key \"{key}\", found none"),
            );
        }
        value
    }

    /// Returns the one of these keys that is there, or none; reports a problem if there are several.
    pub(super) fn at_most_one<'v>(
        &mut self,
        body: &'v Map<String, Value>,
        keys: &[&'static str],
        path: &str,
    ) -> Option<Option<(&'static str, &'v Value)>> {
        let mut present = keys
            .iter()
            .filter_map(|key| body.get(*key).map(|value| (*key, value)))
            .filter(|(_, value)| !value.is_null());
        let first = present.next();
        if present.next().is_some() {
            let message = format!(
                "expected at most one of {}, found several",
                quoted(keys.iter().copied())
            );
            self.report(path, Code::WrongShape, message);
            return None;
        }
        Some(first)
    }

    pub(super) fn text<'v>(&mut self, value: &'v Value, path: &str) -> Option<&'v str> {
        match value {
            Value::String(text) if text.is_empty() => {
                self.report(path, Code::Empty, "expected a text, found an empty one");
                None
            }
            Value::String(text) => self.storable(text, path),
            other => self.wrong_shape(path, "a text", other),
        }
    }

    /// Reads a regular expression.
    pub(super) fn pattern(
        &mut self,
        value: &Value,
        path: &str,
        case_sensitive: bool,
    ) -> Option<Pattern> {
        let text = self.value(value, path, Edges::Open)?;
        match self.patterns.compile(&text, case_sensitive) {
            Ok(pattern) => pattern,
            Err(message) => {
                self.report(path, Code::InvalidRegex, message);
                None
            }
        }
    }

    pub(super) fn number(&mut self, value: &Value, path: &str) -> Option<f64> {
        let Value::Number(number) = value else {
            return self.wrong_shape(path, "a number", value);
        };
        match read_double(number) {
            // Adding zero turns -0 into 0: the comparison kernels tell the two apart, people do not.
            Ok(number) => Some(number + 0.0),
            Err(message) => {
                self.report(path, Code::WrongValue, message);
                None
            }
        }
    }

    /// Reads a number between two others, both included.
    pub(super) fn number_between(
        &mut self,
        body: &Map<String, Value>,
        key: &str,
        path: &str,
        (least, most): (f64, f64),
    ) -> Option<f64> {
        let inside = child(path, key);
        let number = self
            .required(body, key, path)
            .and_then(|value| self.number(value, &inside))?;
        if (least..=most).contains(&number) {
            return Some(number);
        }
        let message = format!("expected a number from {least} to {most}, found {number}");
        self.report(&inside, Code::WrongValue, message);
        None
    }

    pub(super) fn flag(&mut self, value: &Value, path: &str) -> Option<bool> {
        match value {
            Value::Bool(flag) => Some(*flag),
            other => self.wrong_shape(path, "true or false", other),
        }
    }

    pub(super) fn expect_true(&mut self, value: &Value, path: &str) -> Option<()> {
        match value {
            Value::Bool(true) => Some(()),
            Value::Bool(false) => {
                let message = "expected true, found false; use \"not\" for the opposite";
                self.report(path, Code::WrongValue, message);
                None
            }
            other => self.wrong_shape(path, "true", other),
        }
    }

    /// Reads a list with at least one and at most [`MAX_VALUES`] items.
    pub(super) fn list<T>(
        &mut self,
        value: &Value,
        path: &str,
        what: &str,
        mut read: impl FnMut(&mut Parser, &Value, &str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(items) = value else {
            return self.wrong_shape(path, &format!("a list of {what}"), value);
        };
        if items.is_empty() {
            let message = format!("expected a list of {what}, found an empty one");
            self.report(path, Code::Empty, message);
            return None;
        }
        if items.len() > MAX_VALUES {
            let message = format!(
                "expected at most {MAX_VALUES} {what}, found {}",
                items.len()
            );
            self.report(path, Code::TooManyValues, message);
            return None;
        }
        let read_items: Vec<Option<T>> = items
            .iter()
            .enumerate()
            .map(|(position, item)| read(self, item, &element(path, position)))
            .collect();
        read_items.into_iter().collect()
    }
}

/// Returns the path of a key below a path.
pub(super) fn child(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// Returns the path of a list item.
pub(super) fn element(path: &str, position: usize) -> String {
    format!("{path}[{position}]")
}

pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text \"{}\"", shorten(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
