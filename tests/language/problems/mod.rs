//! What is said about a rule that is wrong: the place, what was expected, what was found, and a hint.

mod memberships;
mod nodes;
mod periods;
mod shapes;
mod values;

use crate::columns::read;
use insta::assert_snapshot;
use rollcall_rule::{Problem, read_document};
use serde_json::{Value, json};

/// The problems of a rule, each with its code and its place before it.
fn problems_of(rule: Value) -> String {
    match read(&rule) {
        Ok(_) => "none".to_owned(),
        Err(problems) => describe(&problems),
    }
}

fn describe(problems: &[Problem]) -> String {
    let describe = |problem: &Problem| {
        let code = serde_json::to_value(problem.code).expect("codes have names");
        let code = code.as_str().expect("a name");
        let place = if problem.path.is_empty() {
            "(root)"
        } else {
            &problem.path
        };
        let hint = problem.hint.iter().map(|hint| format!("\n  hint: {hint}"));
        format!(
            "{code} at {place}\n  {}{}",
            problem.message,
            hint.collect::<String>()
        )
    };
    problems.iter().map(describe).collect::<Vec<_>>().join("\n")
}

fn text(field: &str, test: Value) -> Value {
    json!({"text": {"field": field, "is": test}})
}

fn number(test: Value) -> Value {
    json!({"number": {"field": "custom.visits", "is": test}})
}

fn date(field: &str, test: Value) -> Value {
    json!({"date": {"field": field, "is": test}})
}

fn list(test: Value) -> Value {
    json!({"list": {"field": "custom.tags", "is": test}})
}

fn location(test: Value) -> Value {
    json!({ "location": test })
}

fn event(condition: Value) -> Value {
    json!({ "event": condition })
}

#[test]
fn all_problems_are_told_at_once() {
    assert_snapshot!(problems_of(json!({"all": [
        text("contry", json!({"equals": "LT"})),
        {"not": {"group": {"inAny": ["staff", "pres", "nobody-at-all"]}}},
        {"any": [
            number(json!({"atLeast": "3", "atMost": 9})),
            text("custom.plann", json!({"equals": 3})),
            date("birthday", json!({"before": "2026-02-30"})),
        ]},
        {"sttus": {"in": ["PENDING"]}},
    ]})), @r#"
    WRONG_SHAPE at all[2].any[0].number.is
      expected a test of numbers, an object with exactly one key, found 2: "atLeast", "atMost"
      hint: put several conditions, each with one test, under "all" or "any"
    WRONG_SHAPE at all[2].any[1].text.is.equals
      expected a text, found the number 3
    WRONG_VALUE at all[2].any[2].date.is.before
      expected a day of the calendar (February 2026 has the days 01 to 28), found "2026-02-30"
    UNKNOWN_NODE at all[3]
      expected a node ("all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random"), found "sttus"
      hint: did you mean "status"?
    UNKNOWN_FIELD at all[0].text.field
      expected a field, found "contry", which does not exist
      hint: did you mean "country"?
    UNKNOWN_GROUP at all[1].not.group.inAny[1]
      expected the key of a group, found "pres", which does not exist
      hint: did you mean "press"?
    UNKNOWN_GROUP at all[1].not.group.inAny[2]
      expected the key of a group, found "nobody-at-all", which does not exist
    UNKNOWN_FIELD at all[2].any[1].text.field
      expected a field, found "custom.plann", which does not exist
      hint: did you mean "custom.plan"?
    "#);
}

#[test]
fn stored_documents_have_a_version() {
    let problems_of = |document: Value| match read_document(&document) {
        Ok(_) => "none".to_owned(),
        Err(problems) => describe(&problems),
    };
    assert_snapshot!(problems_of(json!({"v": 1, "root": {"everyone": true}})), @"none");
    assert_snapshot!(problems_of(json!({"v": 2, "root": {"everyone": true}})), @"
    UNKNOWN_VERSION at (root)
      expected a stored rule of version 1, found version 2
    ");
    assert_snapshot!(problems_of(json!({"v": "1", "root": {"everyone": true}})), @r#"
    UNKNOWN_VERSION at (root)
      expected a stored rule of version 1, found version "1"
    "#);
    assert_snapshot!(problems_of(json!({"everyone": true})), @"
    UNKNOWN_VERSION at (root)
      expected a stored rule of version 1, found no version
    ");
    assert_snapshot!(problems_of(json!({"v": 1})), @r#"
    MISSING at (root)
      expected the key "root" in a stored rule, found none
    "#);
    assert_snapshot!(problems_of(json!({"v": 1, "root": {"all": []}})), @"
    EMPTY at all
      expected at least one node, found none
    ");
}
