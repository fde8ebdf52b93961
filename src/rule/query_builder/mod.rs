//! Maps rules from and to the JSON of [react-querybuilder](https://react-querybuilder.js.org), which many rule editors
//! store.
//!
//! A field has the name that rules give it, such as `country` or `custom.visits`. Three names are not fields: `status`,
//! whose values are statuses in any letter case, and `group` and `segment`, whose values are keys.
//!
//! | field | operators |
//! |---|---|
//! | text | `= != contains doesNotContain beginsWith doesNotBeginWith endsWith doesNotEndWith in notIn null notNull` |
//! | number | `= != < <= > >= between notBetween in notIn null notNull` |
//! | date | `= != < <= > >= between notBetween null notNull`, for `on`, `before`, `onOrBefore`, `after`, `onOrAfter` |
//! | boolean | `= != null notNull` |
//! | list | `contains doesNotContain` for one text, `in notIn` for any of several, `null notNull` |
//! | `status group segment` | `= != in notIn` |
//!
//! - A group without rules matches all subscribers, also within other groups, as in react-querybuilder. A negated empty
//!   group is refused, because some exports of react-querybuilder take it for all subscribers and others for none.
//! - Negative operators are also true for a missing value: `country != "DE"` includes subscribers without a country.
//!   The database queries that react-querybuilder exports leave these subscribers out. Here, a `notNull` rule beside it
//!   does so.
//! - Text comparisons ignore letter case. `between` includes both ends.
//! - Rules and groups that are `muted` are left out, as in the exports of react-querybuilder. Rules and groups that are
//!   `disabled` count, because `disabled` only locks them in the editor.
//! - A list of values is an array, or a text with commas between the values (`\,` is a comma within a value). Numbers
//!   and booleans may be texts.
//! - If the combinators are between the rules, `and` binds closer than `or`.
//! - `id`, `path` and keys that the format does not have are ignored.
//!
//! Each part that cannot be expressed in the other format is a problem. Then nothing is mapped, because a rule without
//! that part would mean something else.

pub(crate) mod operator;
pub(crate) mod rule;
pub(crate) mod write;
use super::catalogue::Catalogue;
use super::limits::MAX_DEPTH;
use super::parse::parse_rule;
use super::path::{child, element};
use super::problem::{Code, Problem, Problems, shorten};
use super::report::Report;
use serde_json::{Map, Value, json};

/// Maps a query of react-querybuilder, in either of its forms, to a rule.
///
/// # Errors
/// Fails with a problem for everything that cannot be mapped, with paths into the query such as `rules[1].operator`.
pub fn from_query_builder(query: &Value, catalogue: &Catalogue) -> Result<Value, Vec<Problem>> {
    let mut reader = Reader {
        catalogue,
        problems: Problems::default(),
    };
    let rule = match query {
        Value::Object(group) if is_muted(group) => {
            let message = "expected a query that is not muted, found a muted one";
            reader.report("muted", Code::Empty, message);
            None
        }
        Value::Object(group) => reader.read_group(group, "", 1),
        other => reader.wrong_shape("", "a query, an object with the key \"rules\"", other),
    };
    let rule = reader.problems.or(rule)?;
    // Every part of the rule is valid by itself. What is left to check are the limits of the whole rule.
    match parse_rule(&rule) {
        Ok(_) => Ok(rule),
        Err(problems) => Err(problems
            .into_iter()
            .map(|problem| Problem::new("", problem.code, problem.message))
            .collect()),
    }
}

/// The problems found so far. Its methods return `None` if a problem kept them from reading the value.
pub struct Reader<'c> {
    pub(super) catalogue: &'c Catalogue,
    pub(super) problems: Problems,
}

impl Report for Reader<'_> {
    fn problems(&mut self) -> &mut Problems {
        &mut self.problems
    }
}

impl Reader<'_> {
    fn read_group(
        &mut self,
        group: &Map<String, Value>,
        path: &str,
        depth: usize,
    ) -> Option<Value> {
        if depth > MAX_DEPTH {
            let message = format!("expected groups nested at most {MAX_DEPTH} deep, found more");
            self.report(path, Code::TooDeep, message);
            return None;
        }
        let is_denied = self.flag(group, "not", path);
        let inside = child(path, "rules");
        let items = match present(group, "rules") {
            Some(Value::Array(items)) => items,
            Some(other) => return self.wrong_shape(&inside, "a list of rules and groups", other),
            None => {
                let message = "expected the key \"rules\", found none";
                self.report(path, Code::Missing, message);
                return None;
            }
        };
        if is_denied && items.iter().all(is_left_out) {
            let message =
                "expected at least one rule that is not muted in a group with \"not\", found none";
            self.report(&inside, Code::Empty, message);
            return None;
        }
        let node = match present(group, "combinator") {
            Some(word) => {
                let word = self.combinator(word, &child(path, "combinator"));
                let nodes = self.read_items(items, &inside, depth);
                combine(word?, nodes)
            }
            None => self.read_independent(items, path, depth)?,
        };
        Some(if is_denied {
            json!({ "not": node })
        } else {
            node
        })
    }

    fn read_items(&mut self, items: &[Value], path: &str, depth: usize) -> Vec<Value> {
        let counting = items
            .iter()
            .enumerate()
            .filter(|(_, item)| !is_left_out(item));
        counting
            .map(|(position, item)| self.read_item(item, &element(path, position), depth))
            .collect()
    }

    /// Reads a rule or a group. If it has a problem, returns a placeholder: the whole rule is refused then.
    fn read_item(&mut self, item: &Value, path: &str, depth: usize) -> Value {
        let node = match item {
            Value::Object(item) => {
                self.flag(item, "muted", path);
                if item.contains_key("rules") {
                    self.read_group(item, path, depth + 1)
                } else {
                    self.read_rule(item, path)
                }
            }
            Value::String(word) => {
                let message = format!(
                    "expected a rule or a group, found the text \"{}\"",
                    shorten(word)
                );
                let hint =
                    "combinators are allowed between rules only if the group itself has none";
                self.problems
                    .add(path, Code::WrongShape, message, || Some(hint.to_owned()));
                None
            }
            other => self.wrong_shape(path, "a rule or a group", other),
        };
        node.unwrap_or_else(everyone)
    }

    /// Reads a group with combinators between its rules: `or` begins another term, `and` continues the last one.
    fn read_independent(&mut self, items: &[Value], path: &str, depth: usize) -> Option<Value> {
        let inside = child(path, "rules");
        let has_words = items.iter().any(Value::is_string);
        if items.len() > 1 && !has_words {
            let message =
                "expected the key \"combinator\", or combinators between the rules, found neither";
            self.report(path, Code::Missing, message);
        }
        if has_words && items.len().is_multiple_of(2) {
            let message = "expected a rule or a group after the last combinator, found none";
            self.report(&inside, Code::Missing, message);
        }
        let mut terms: Vec<Vec<Value>> = Vec::new();
        let mut words = vec!["any"];
        for (position, item) in items.iter().enumerate() {
            let place = element(&inside, position);
            if position % 2 == 1 && has_words {
                words.push(self.combinator(item, &place).unwrap_or("all"));
            } else if !is_left_out(item) {
                let node = self.read_item(item, &place, depth);
                match terms.last_mut() {
                    Some(term) if words.last() == Some(&"all") => term.push(node),
                    _ => terms.push(vec![node]),
                }
            }
        }
        self.check_muted(items, &words[1..], &inside);
        let terms = terms.into_iter().map(|term| combine("all", term));
        Some(combine("any", terms.collect()))
    }

    /// Reports a muted rule if the group mixes `and` and `or`, because it is unclear which combinator to leave out with
    /// the rule.
    fn check_muted(&mut self, items: &[Value], words: &[&str], path: &str) {
        let is_mixed = words.contains(&"all") && words.contains(&"any");
        if let Some(position) = items.iter().position(is_left_out).filter(|_| is_mixed) {
            let message = "a muted rule in a group with both \"and\" and \"or\" is ambiguous";
            let hint = "remove the rule together with its combinator";
            let path = element(path, position);
            self.problems
                .add(&path, Code::WrongValue, message, || Some(hint.to_owned()));
        }
    }

    /// Reads a combinator. Returns the name of the node for it.
    fn combinator(&mut self, word: &Value, path: &str) -> Option<&'static str> {
        const EXPECTED: &str = "a combinator (\"and\", \"or\")";
        let Value::String(text) = word else {
            return self.wrong_shape(path, EXPECTED, word);
        };
        match text.to_lowercase().as_str() {
            "and" => Some("all"),
            "or" => Some("any"),
            other => {
                let message = format!("expected {EXPECTED}, found \"{}\"", shorten(text));
                let hint = "write \"a xor b\" as (a or b) and not (a and b)";
                let hint = (other == "xor").then(|| hint.to_owned());
                self.problems.add(path, Code::WrongValue, message, || hint);
                None
            }
        }
    }

    pub(super) fn flag(&mut self, item: &Map<String, Value>, key: &str, path: &str) -> bool {
        match present(item, key) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.wrong_shape::<()>(&child(path, key), "true or false", other);
                false
            }
        }
    }
}

/// Returns the value of a key. An explicit null counts as absent.
pub fn present<'v>(item: &'v Map<String, Value>, key: &str) -> Option<&'v Value> {
    item.get(key).filter(|value| !value.is_null())
}

fn everyone() -> Value {
    json!({"everyone": true})
}

/// Puts nodes under `all` or `any`. A single node needs neither, and an empty list matches all subscribers.
fn combine(word: &str, mut nodes: Vec<Value>) -> Value {
    match nodes.len() {
        0 => everyone(),
        1 => nodes.remove(0),
        _ => json!({ word: nodes }),
    }
}

fn is_muted(item: &Map<String, Value>) -> bool {
    item.get("muted") == Some(&Value::Bool(true))
}

/// Returns whether a rule or a group is muted, or is a group that has rules all of which are left out.
fn is_left_out(item: &Value) -> bool {
    let Value::Object(item) = item else {
        return false;
    };
    let rules = item.get("rules").and_then(Value::as_array);
    is_muted(item)
        || rules.is_some_and(|items| {
            let mut members = items.iter().filter(|item| !item.is_string());
            let has_members = members.clone().next().is_some();
            has_members && members.all(is_left_out)
        })
}
