//! The parser of rules: the problems found so far, and the basic steps that all parts of the language share.

use crate::limits::MAX_VALUES;
use crate::number::read_double;
use crate::path::{child, element};
use crate::pattern::{Pattern, PatternCompiler};
use crate::problem::{Code, Problems, nearest, quoted, shorten};
use crate::report::Report;
use crate::stored_form::Edges;
use crate::vocabulary;
use crate::vocabulary::names;
use serde_json::{Map, Value};

/// The problems found so far. Its methods return `None` if a problem kept them from reading the value.
#[derive(Default)]
pub struct Parser {
    pub(super) problems: Problems,
    pub(super) node_count: usize,
    patterns: PatternCompiler,
}

impl Report for Parser {
    fn problems(&mut self) -> &mut Problems {
        &mut self.problems
    }
}

/// The basic steps that all parts of the language share.
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

    /// Returns the one of these keys that is present, or `Some(None)` if none is. Reports a problem if there are
    /// several.
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

/// Returns a hint that says which types have this test, for a test that was used with another type.
fn test_of_what(name: &str) -> Option<String> {
    let tests = [
        ("text", &names(&vocabulary::TEXT_TESTS)[..]),
        ("numbers", &names(&vocabulary::NUMBER_TESTS)),
        ("dates", &names(&vocabulary::DATE_TESTS)),
        ("booleans", &names(&vocabulary::BOOLEAN_TESTS)),
        ("lists", &names(&vocabulary::LIST_TESTS)),
    ];
    let of: Vec<&str> = tests
        .into_iter()
        .filter(|(_, names)| names.contains(&name))
        .map(|(what, _)| what)
        .collect();
    (!of.is_empty()).then(|| format!("\"{name}\" is a test of {}", of.join(" and ")))
}
