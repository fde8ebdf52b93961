//! Maps a rule to a query of react-querybuilder.

use super::operator::SubjectKind;
use crate::condition::{
    BooleanTest, Condition, DateTest, ListTest, NumberTest, Quantifier, TextTest, TimeWindow,
};
use crate::literal::DateLiteral;
use crate::node::Node;
use crate::path::{child, element};
use crate::problem::{Code, Problem, Problems};
use crate::words::date;
use serde_json::{Value, json};

/// Maps a rule to a query of react-querybuilder, which is a group with a combinator. Read back, the query means the
/// same.
///
/// # Errors
/// Fails with a problem for every part of the rule that has no counterpart in react-querybuilder, with its path in the
/// rule: events, shares, locations, relative dates and anniversaries, regular expressions, letter case, sizes of lists,
/// when subscribers were added to a group, when they joined a segment, and past memberships of segments. Nothing is
/// mapped then, because the rest would mean something else.
pub fn to_query_builder(node: &Node) -> Result<Value, Vec<Problem>> {
    let mut writer = QueryWriter {
        problems: Problems::default(),
    };
    let item = writer.write_node(node, false, "");
    let query = match item.get("rules") {
        Some(_) => item,
        None => group("and", vec![item], false),
    };
    writer.problems.or(Some(query))
}

struct QueryWriter {
    problems: Problems,
}

/// A test that react-querybuilder may have an operator for.
struct Test {
    name: &'static str,
    value: Value,
    negated: bool,
}

impl Test {
    fn new(name: &'static str, value: Value) -> Test {
        let negated = false;
        Test {
            name,
            value,
            negated,
        }
    }

    fn negative(name: &'static str, value: Value) -> Test {
        let negated = true;
        Test {
            name,
            value,
            negated,
        }
    }

    fn is_set(wanted: bool) -> Test {
        Test {
            name: "isSet",
            value: Value::Null,
            negated: !wanted,
        }
    }
}

impl QueryWriter {
    /// Writes a node or its opposite. If it has a problem, returns null: the whole rule is refused then.
    fn write_node(&mut self, node: &Node, negated: bool, path: &str) -> Value {
        match node {
            Node::All(children) => self.write_group(children, ("all", "and"), negated, path),
            Node::Any(children) => self.write_group(children, ("any", "or"), negated, path),
            Node::Not(inner) => self.write_node(inner, !negated, &child(path, "not")),
            // An empty group matches all subscribers. To negate it, the group around it is negated.
            Node::Everyone if negated => group("and", vec![group("and", vec![], false)], true),
            Node::Everyone => group("and", vec![], false),
            Node::Condition(condition) => self
                .write_condition(condition, negated, path)
                .unwrap_or(Value::Null),
        }
    }

    fn write_group(
        &mut self,
        children: &[Node],
        (word, combinator): (&str, &str),
        negated: bool,
        path: &str,
    ) -> Value {
        let inside = child(path, word);
        let items = children.iter().enumerate();
        let items =
            items.map(|(position, node)| self.write_node(node, false, &element(&inside, position)));
        group(combinator, items.collect(), negated)
    }

    fn write_condition(
        &mut self,
        condition: &Condition,
        negated: bool,
        path: &str,
    ) -> Option<Value> {
        match condition {
            Condition::Text {
                field,
                test,
                case_sensitive,
            } => {
                if *case_sensitive && !matches!(test, TextTest::IsSet(_)) {
                    self.refuse_letter_case(path);
                }
                self.write_test(field, SubjectKind::Text, text_test(test), negated, path)
            }
            Condition::Number { field, test } => {
                self.write_test(field, SubjectKind::Number, number_test(test), negated, path)
            }
            // Days and date-times have the same operators.
            Condition::Date { field, test } => {
                self.write_test(field, SubjectKind::Instant, date_test(test), negated, path)
            }
            Condition::Boolean { field, test } => Some(rule(
                field,
                SubjectKind::Boolean,
                boolean_test(*test),
                negated,
            )),
            Condition::List {
                field,
                test: ListTest::ContainsAll(texts),
            } => Some(every(field, "contains", texts, negated)),
            Condition::List { field, test } => {
                self.write_test(field, SubjectKind::List, list_test(test), negated, path)
            }
            Condition::Status { any_of } => {
                let names: Vec<&str> = any_of.iter().map(|status| status.as_rule_str()).collect();
                let test = Test::new("in", json!(names));
                Some(rule("status", SubjectKind::Status, test, negated))
            }
            Condition::Group { added, .. } if *added != TimeWindow::AllTime => {
                let path = child(path, "group.addedAt");
                self.report(&path, Code::UnknownKey, "test of groups", "addedAt")
            }
            Condition::NoGroup { added } if *added != TimeWindow::AllTime => {
                let path = child(path, "group.addedAt");
                self.report(&path, Code::UnknownKey, "test of groups", "addedAt")
            }
            Condition::NoGroup { .. } => Some(rule(
                "group",
                SubjectKind::Group,
                Test::new("none", Value::Null),
                negated,
            )),
            Condition::Segment { ever: true, .. } => {
                let path = child(path, "segment.ever");
                self.report(&path, Code::UnknownKey, "test of segments", "ever")
            }
            Condition::Segment { joined, .. } if *joined != TimeWindow::AllTime => {
                let path = child(path, "segment.joinedAt");
                self.report(&path, Code::UnknownKey, "test of segments", "joinedAt")
            }
            Condition::Group {
                quantifier, keys, ..
            } => Some(membership(SubjectKind::Group, *quantifier, keys, negated)),
            Condition::Segment {
                quantifier, keys, ..
            } => Some(membership(SubjectKind::Segment, *quantifier, keys, negated)),
            Condition::Location(_) => self.unknown_node("location", path),
            Condition::Event(_) => self.unknown_node("event", path),
            Condition::Random(_) => self.unknown_node("random", path),
        }
    }

    /// Writes a test, or reports that it has no counterpart.
    fn write_test(
        &mut self,
        field: &str,
        kind: SubjectKind,
        test: Result<Test, &'static str>,
        negated: bool,
        path: &str,
    ) -> Option<Value> {
        match test {
            Ok(test) => Some(rule(field, kind, test, negated)),
            Err(name) => {
                let path = child(path, &format!("{}.is.{name}", kind.node_name()));
                self.report(&path, Code::UnknownTest, "test", name)
            }
        }
    }

    fn refuse_letter_case(&mut self, path: &str) {
        let path = child(path, "text.caseSensitive");
        let message = "react-querybuilder has no case-sensitive tests";
        self.problems.add(&path, Code::UnknownKey, message, || None);
    }

    fn unknown_node(&mut self, name: &str, path: &str) -> Option<Value> {
        self.report(&child(path, name), Code::UnknownNode, "node", name)
    }

    fn report(&mut self, path: &str, code: Code, what: &str, found: &str) -> Option<Value> {
        let message = format!("react-querybuilder has no {what} \"{found}\"");
        self.problems.add(path, code, message, || None);
        None
    }
}

fn group(combinator: &str, rules: Vec<Value>, is_denied: bool) -> Value {
    if is_denied {
        json!({"combinator": combinator, "not": true, "rules": rules})
    } else {
        json!({"combinator": combinator, "rules": rules})
    }
}

/// Returns the rule for a test or its opposite: a negative operator if there is one, or else a negated group.
fn rule(field: &str, kind: SubjectKind, test: Test, negated: bool) -> Value {
    let negated = test.negated != negated;
    let mut operators = kind
        .operators()
        .iter()
        .filter(|operator| operator.test == test.name);
    let operator = operators
        .clone()
        .find(|operator| operator.negated == negated);
    let value = match test.value {
        Value::Object(mut range) => json!([range.remove("from"), range.remove("to")]),
        value => value,
    };
    let named = |name: &str| json!({"field": field, "operator": name, "value": value});
    match (operator, operators.next()) {
        (Some(operator), _) => named(operator.name),
        (None, Some(positive)) => group("and", vec![named(positive.name)], true),
        (None, None) => Value::Null,
    }
}

fn membership(kind: SubjectKind, quantifier: Quantifier, keys: &[String], negated: bool) -> Value {
    let field = kind.node_name();
    match quantifier {
        Quantifier::Any => rule(field, kind, Test::new("inAny", json!(keys)), negated),
        Quantifier::All => every(field, "=", keys, negated),
    }
}

/// Returns a group of one rule for each value.
fn every(field: &str, operator: &str, values: &[String], negated: bool) -> Value {
    let rules = values
        .iter()
        .map(|value| json!({"field": field, "operator": operator, "value": value}));
    group("and", rules.collect(), negated)
}

/// Returns the test, or its name if it has no counterpart.
fn text_test(test: &TextTest) -> Result<Test, &'static str> {
    Ok(match test {
        TextTest::Equals(text) => Test::new("equals", json!(text)),
        TextTest::NotEquals(text) => Test::negative("equals", json!(text)),
        TextTest::In(texts) => Test::new("in", json!(texts)),
        TextTest::NotIn(texts) => Test::negative("in", json!(texts)),
        TextTest::Contains(text) => Test::new("contains", json!(text)),
        TextTest::NotContains(text) => Test::negative("contains", json!(text)),
        TextTest::StartsWith(text) => Test::new("startsWith", json!(text)),
        TextTest::EndsWith(text) => Test::new("endsWith", json!(text)),
        TextTest::IsSet(wanted) => Test::is_set(*wanted),
        TextTest::Matches(_) => return Err("matches"),
    })
}

fn number_test(test: &NumberTest) -> Result<Test, &'static str> {
    Ok(match test {
        NumberTest::Equals(value) => Test::new("equals", number(*value)),
        NumberTest::NotEquals(value) => Test::negative("equals", number(*value)),
        NumberTest::GreaterThan(value) => Test::new("greaterThan", number(*value)),
        NumberTest::AtLeast(value) => Test::new("atLeast", number(*value)),
        NumberTest::LessThan(value) => Test::new("lessThan", number(*value)),
        NumberTest::AtMost(value) => Test::new("atMost", number(*value)),
        NumberTest::Between(from, to) => {
            Test::new("between", json!({"from": number(*from), "to": number(*to)}))
        }
        NumberTest::In(values) => {
            let values = values.iter().map(|value| number(*value));
            Test::new("in", values.collect())
        }
        NumberTest::IsSet(wanted) => Test::is_set(*wanted),
    })
}

fn date_test(test: &DateTest) -> Result<Test, &'static str> {
    let said = |literal: &DateLiteral| json!(date(*literal));
    Ok(match test {
        DateTest::On(day) => Test::new("on", said(day)),
        DateTest::Before(day) => Test::new("before", said(day)),
        DateTest::After(day) => Test::new("after", said(day)),
        DateTest::OnOrBefore(day) => Test::new("onOrBefore", said(day)),
        DateTest::OnOrAfter(day) => Test::new("onOrAfter", said(day)),
        DateTest::Between(from, to) => {
            Test::new("between", json!({"from": said(from), "to": said(to)}))
        }
        DateTest::IsSet(wanted) => Test::is_set(*wanted),
        DateTest::InTheLast(_) => return Err("inTheLast"),
        DateTest::MoreThanAgo(_) => return Err("moreThanAgo"),
        DateTest::BetweenAgo(..) => return Err("betweenAgo"),
        DateTest::During(_) => return Err("during"),
        DateTest::InTheNext(_) => return Err("inTheNext"),
        DateTest::IsToday => return Err("isToday"),
        DateTest::AnniversaryToday => return Err("anniversaryToday"),
        DateTest::AnniversaryInTheNext(_) => return Err("anniversaryInTheNext"),
        DateTest::AnniversaryInTheLast(_) => return Err("anniversaryInTheLast"),
        DateTest::AnniversaryMonth(_) => return Err("anniversaryMonth"),
    })
}

fn boolean_test(test: BooleanTest) -> Test {
    match test {
        BooleanTest::IsTrue => Test::new("is", json!(true)),
        BooleanTest::IsFalse => Test::new("is", json!(false)),
        BooleanTest::IsSet(wanted) => Test::is_set(wanted),
    }
}

fn list_test(test: &ListTest) -> Result<Test, &'static str> {
    Ok(match test {
        ListTest::ContainsAny(texts) => Test::new("containsAny", json!(texts)),
        ListTest::ContainsNone(texts) => Test::negative("containsAny", json!(texts)),
        ListTest::IsSet(wanted) => Test::is_set(*wanted),
        ListTest::ContainsAll(_) => return Err("containsAll"),
        ListTest::Size(_) => return Err("size"),
    })
}

/// Returns a number, without a decimal point if it is whole.
fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        json!(value as i64)
    } else {
        json!(value)
    }
}
