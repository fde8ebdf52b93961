//! Reads a single rule of react-querybuilder.

use super::operator::{NO_FIELDS, Operator, SubjectKind, Takes};
use super::{Reader, present};
use crate::limits::MAX_VALUES;
use crate::literal::{DateLiteral, Status};
use crate::number::{check_digits, read_double};
use crate::parse::date::{parse_date_literal, read_date_literal};
use crate::path::{child, element};
use crate::problem::{Code, nearest, quoted, shorten};
use crate::range::Refusal;
use crate::report::Report;
use serde_json::{Map, Number, Value, json};

impl Reader<'_> {
    /// Maps a rule to a node.
    pub(super) fn read_rule(&mut self, rule: &Map<String, Value>, path: &str) -> Option<Value> {
        self.check_extras(rule, path);
        let field = self.name(rule, "field", path);
        let operator = self.name(rule, "operator", path);
        let (field, operator) = (field?, operator?);
        let kind = self.kind(field, &child(path, "field"))?;
        let operator = self.operator(operator, kind, &child(path, "operator"))?;
        let value = rule.get("value").unwrap_or(&Value::Null);
        let wanted = self.wanted(value, operator, kind, &child(path, "value"))?;
        Some(node(field, kind, operator, wanted))
    }

    /// Reports keys that would change the meaning of a rule and have no counterpart.
    fn check_extras(&mut self, rule: &Map<String, Value>, path: &str) {
        if let Some(source) = present(rule, "valueSource").filter(|source| *source != "value") {
            let found = shorten(&source.to_string());
            let message = format!("expected the value source \"value\", found {found}");
            let hint = "fields cannot be compared with each other: give a value";
            let path = child(path, "valueSource");
            self.problems
                .add(&path, Code::WrongValue, message, || Some(hint.to_owned()));
        }
        if present(rule, "match").is_some() {
            let message = "expected a rule without a match mode, found one with it";
            let hint = "ask whether a list contains values with \"contains\", \"in\" or \"notIn\"";
            let path = child(path, "match");
            self.problems
                .add(&path, Code::UnknownKey, message, || Some(hint.to_owned()));
        }
        if present(rule, "not").is_some_and(|not| *not != Value::Bool(false)) {
            let message = "expected \"not\" in a group, found it in a rule";
            let path = child(path, "not");
            self.report(&path, Code::UnknownKey, message);
        }
    }

    fn name<'v>(&mut self, rule: &'v Map<String, Value>, key: &str, path: &str) -> Option<&'v str> {
        match present(rule, key) {
            Some(Value::String(name)) => Some(name),
            Some(other) => self.wrong_shape(&child(path, key), "a text", other),
            None => {
                let message = format!("expected the key \"{key}\", found none");
                self.report(path, Code::Missing, message);
                None
            }
        }
    }

    fn kind(&mut self, field: &str, path: &str) -> Option<SubjectKind> {
        let kind = SubjectKind::of(field, self.catalogue);
        if kind.is_none() {
            let catalogue = self.catalogue;
            let found = shorten(field);
            let message = format!("expected a field, found \"{found}\", which does not exist");
            let hint = || {
                if ["", "~"].contains(&field) {
                    return Some("choose a field, or remove the rule".to_owned());
                }
                if catalogue.custom_fields.contains_key(field) {
                    return Some(format!("did you mean \"custom.{field}\"?"));
                }
                let types = ["text", "number", "date", "boolean", "list"];
                let known = types.map(|name| catalogue.list_field_names(name)).concat();
                let known = known.iter().map(String::as_str).chain(NO_FIELDS);
                nearest(field, known)
            };
            self.problems.add(path, Code::UnknownField, message, hint);
        }
        kind
    }

    fn operator(&mut self, name: &str, kind: SubjectKind, path: &str) -> Option<&'static Operator> {
        let known = kind.operators();
        let operator = known.iter().find(|operator| operator.name == name);
        if operator.is_none() {
            let names = || known.iter().map(|operator| operator.name);
            let message = format!(
                "expected an operator of a {} field ({}), found \"{}\"",
                kind.node_name(),
                quoted(names()),
                shorten(name)
            );
            let hint = || match (kind, name) {
                (SubjectKind::Day | SubjectKind::Instant, "in" | "notIn") => {
                    let instead = "use \"=\" or \"!=\" rules in a group of their own";
                    Some(instead.to_owned())
                }
                (SubjectKind::List, "=" | "!=") => Some("use \"contains\" or \"in\"".to_owned()),
                _ => nearest(name, names()),
            };
            self.problems.add(path, Code::UnknownTest, message, hint);
        }
        operator
    }

    /// Maps the value of an operator to the value of its test.
    fn wanted(
        &mut self,
        value: &Value,
        operator: &Operator,
        kind: SubjectKind,
        path: &str,
    ) -> Option<Value> {
        match operator.takes {
            Takes::Nothing => Some(Value::Bool(!operator.negated)),
            Takes::True => Some(Value::Bool(true)),
            Takes::One => self.one(value, kind, path),
            Takes::OneOfList => self.one(value, kind, path).map(|value| json!([value])),
            Takes::Several => self.several(value, kind, path).map(Value::Array),
            Takes::Range => self.range(value, kind, path),
        }
    }

    fn one(&mut self, value: &Value, kind: SubjectKind, path: &str) -> Option<Value> {
        match kind {
            SubjectKind::Text | SubjectKind::List => self.text(value, path),
            SubjectKind::Number => self.number(value, path),
            SubjectKind::Day | SubjectKind::Instant => self.date(value, kind, path),
            SubjectKind::Boolean => match value {
                Value::Bool(_) => Some(value.clone()),
                Value::String(text) if ["true", "false"].contains(&text.as_str()) => {
                    Some(Value::Bool(text == "true"))
                }
                other => self.wrong_shape(path, "true or false", other),
            },
            SubjectKind::Status => self.status(value, path),
            SubjectKind::Group | SubjectKind::Segment => self.key(value, kind, path),
        }
    }

    fn several(&mut self, value: &Value, kind: SubjectKind, path: &str) -> Option<Vec<Value>> {
        let (items, has_places) = match value {
            Value::Array(items) => (items.clone(), true),
            Value::String(text) => (split_at_commas(text), false),
            Value::Number(_) => (vec![value.clone()], false),
            other => return self.wrong_shape(path, "a list of values", other),
        };
        if items.is_empty() {
            let message = "expected a list of values, found an empty one";
            self.report(path, Code::Empty, message);
            return None;
        }
        if items.len() > MAX_VALUES {
            let found = items.len();
            let message = format!("expected at most {MAX_VALUES} values, found {found}");
            self.report(path, Code::TooManyValues, message);
            return None;
        }
        let read: Vec<Option<Value>> = items
            .iter()
            .enumerate()
            .map(|(position, item)| {
                let place = has_places.then(|| element(path, position));
                self.one(item, kind, place.as_deref().unwrap_or(path))
            })
            .collect();
        read.into_iter().collect()
    }

    fn range(&mut self, value: &Value, kind: SubjectKind, path: &str) -> Option<Value> {
        let ends = self.several(value, kind, path)?;
        let [from, to] = ends.as_slice() else {
            let message = format!("expected two values, found {}", ends.len());
            self.report(path, Code::WrongShape, message);
            return None;
        };
        if is_reversed(from, to) {
            let message = format!("expected the lower value first, found {from} and {to}");
            self.report(path, Code::WrongValue, message);
            return None;
        }
        Some(json!({"from": from, "to": to}))
    }

    fn text(&mut self, value: &Value, path: &str) -> Option<Value> {
        match value {
            Value::String(text) if text.is_empty() => {
                let message = "expected a text, found an empty one";
                let hint = "to ask for those without a value use the operator \"null\"";
                self.problems
                    .add(path, Code::Empty, message, || Some(hint.to_owned()));
                None
            }
            Value::String(text) => self.storable(text, path).map(Value::from),
            Value::Number(number) => Some(Value::String(number.to_string())),
            other => self.wrong_shape(path, "a text", other),
        }
    }

    fn number(&mut self, value: &Value, path: &str) -> Option<Value> {
        let number = match value {
            Value::Number(number) => Some(read_double(number).map(|_| number.clone())),
            Value::String(text) => read_number(text.trim()),
            _ => None,
        };
        match number {
            Some(Ok(number)) => Some(Value::Number(number)),
            Some(Err(message)) => {
                self.report(path, Code::WrongValue, message);
                None
            }
            None => self.wrong_shape(path, "a number", value),
        }
    }

    fn date(&mut self, value: &Value, kind: SubjectKind, path: &str) -> Option<Value> {
        let expected = match kind {
            SubjectKind::Day => "a day such as \"2026-03-01\"",
            _ => "a day such as \"2026-03-01\" or a time such as \"2026-03-01T09:30:00Z\"",
        };
        let Value::String(text) = value else {
            return self.wrong_shape(path, expected, value);
        };
        let literal = read_date_literal(text.trim()).and_then(|literal| match (literal, kind) {
            (DateLiteral::Instant(_), SubjectKind::Day) => Err(Refusal::Malformed),
            (literal, _) => Ok(literal),
        });
        match literal {
            Err(refusal) => {
                let message = refusal.explain(expected, text);
                let hint = || with_offset(text).filter(|_| kind == SubjectKind::Instant);
                self.problems.add(path, Code::WrongValue, message, hint);
                None
            }
            Ok(_) => Some(json!(text.trim())),
        }
    }

    fn status(&mut self, value: &Value, path: &str) -> Option<Value> {
        let Value::String(text) = value else {
            return self.wrong_shape(path, "a status", value);
        };
        let status = Status::parse(text.trim());
        if status.is_none() {
            let known = || Status::ALL.into_iter().map(Status::as_rule_str);
            let names = quoted(known());
            let message = format!("expected a status ({names}), found \"{}\"", shorten(text));
            let hint = || nearest(text, known());
            self.problems.add(path, Code::WrongValue, message, hint);
        }
        status.map(|status| json!(status.as_rule_str()))
    }

    fn key(&mut self, value: &Value, kind: SubjectKind, path: &str) -> Option<Value> {
        let what = kind.node_name();
        let Value::String(key) = value else {
            return self.wrong_shape(path, &format!("the key of a {what}"), value);
        };
        let (groups, segments) = (&self.catalogue.groups, &self.catalogue.segments);
        let (is_known, code) = match kind {
            SubjectKind::Group => (groups.contains_key(key), Code::UnknownGroup),
            _ => (segments.contains_key(key), Code::UnknownSegment),
        };
        if !is_known {
            let found = shorten(key);
            let message =
                format!("expected the key of a {what}, found \"{found}\", which does not exist");
            let hint = || match kind {
                SubjectKind::Group => nearest(key, groups.keys().map(String::as_str)),
                _ => nearest(key, segments.keys().map(String::as_str)),
            };
            self.problems.add(path, code, message, hint);
        }
        is_known.then(|| value.clone())
    }
}

/// Returns the node for a rule: the test, its opposite if the operator is negated and the test has one, or else a `not`
/// node.
fn node(field: &str, kind: SubjectKind, operator: &Operator, wanted: Value) -> Value {
    let (mut test, mut wanted) = (operator.test, wanted);
    if kind == SubjectKind::Boolean && operator.takes == Takes::One {
        test = match wanted {
            Value::Bool(true) => "isTrue",
            _ => "isFalse",
        };
        wanted = Value::Bool(true);
    }
    // `Reader::wanted` has already applied the negation to `isSet`.
    let is_denied = operator.negated && operator.takes != Takes::Nothing;
    let opposite = kind.opposite(test).filter(|_| is_denied);
    let test = json!({ opposite.unwrap_or(test): wanted });
    let name = kind.node_name();
    let node = if NO_FIELDS.contains(&name) {
        json!({ name: test })
    } else {
        json!({ name: {"field": field, "is": test} })
    };
    if is_denied && opposite.is_none() {
        json!({ "not": node })
    } else {
        node
    }
}

/// Splits a text at its commas, except commas after a backslash. Blank parts are left out.
fn split_at_commas(text: &str) -> Vec<Value> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, parts.last_mut()) {
            ('\\', Some(part)) if characters.next_if_eq(&',').is_some() => part.push(','),
            (',', _) => parts.push(String::new()),
            (other, Some(part)) => part.push(other),
            (_, None) => {}
        }
    }
    let parts = parts.iter().map(|part| part.trim());
    parts
        .filter(|part| !part.is_empty())
        .map(|part| json!(part))
        .collect()
}

/// Reads a number from a text; returns `None` if the text is not one.
fn read_number(text: &str) -> Option<Result<Number, String>> {
    let double: f64 = text.parse().ok()?;
    let number = match text.parse::<i64>() {
        Ok(whole) => whole.into(),
        Err(_) => Number::from_f64(double)?,
    };
    Some(check_digits(text, double).map(|()| number))
}

/// Returns whether the first of two values of the same kind is the greater one.
fn is_reversed(from: &Value, to: &Value) -> bool {
    match (from, to) {
        (Value::String(from), Value::String(to)) => {
            match (parse_date_literal(from), parse_date_literal(to)) {
                (Some(DateLiteral::Day(from)), Some(DateLiteral::Day(to))) => from > to,
                (Some(DateLiteral::Instant(from)), Some(DateLiteral::Instant(to))) => from > to,
                _ => false,
            }
        }
        _ => from.as_f64() > to.as_f64(),
    }
}

/// Returns a hint to add an offset, if the text is a date-time without one.
fn with_offset(text: &str) -> Option<String> {
    let text = text.trim();
    let completed = [format!("{text}Z"), format!("{text}:00Z")];
    let instant = completed
        .into_iter()
        .find(|text| parse_date_literal(text).is_some())?;
    Some(format!(
        "add the offset from UTC, such as \"{instant}\" for UTC itself"
    ))
}
