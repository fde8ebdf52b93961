//! Problems of shape and size: nodes, tests and keys that are not what the language has there.

use super::{date, event, number, problems_of, text};
use crate::columns::read;
use insta::assert_snapshot;
use serde_json::json;

#[test]
fn unknown_nodes() {
    assert_snapshot!(problems_of(json!({"everybody": true})), @r#"
    UNKNOWN_NODE at (root)
      expected a node ("all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random"), found "everybody"
      hint: did you mean "everyone"?
    "#);
    assert_snapshot!(problems_of(json!({"and": [{"everyone": true}]})), @r#"
    UNKNOWN_NODE at (root)
      expected a node ("all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random"), found "and"
      hint: did you mean "all"?
    "#);
    assert_snapshot!(problems_of(json!({"OR": [{"everyone": true}]})), @r#"
    UNKNOWN_NODE at (root)
      expected a node ("all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random"), found "OR"
      hint: did you mean "any"?
    "#);
    assert_snapshot!(problems_of(json!({"country": {"equals": "LT"}})), @r#"
    UNKNOWN_NODE at (root)
      expected a node ("all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random"), found "country"
    "#);
}

#[test]
fn nodes_of_another_shape() {
    assert_snapshot!(problems_of(json!({
        "text": {"field": "city", "is": {"equals": "Vilnius"}},
        "status": {"in": ["PENDING"]},
    })), @r#"
    WRONG_SHAPE at (root)
      expected a node, an object with exactly one key, found 2: "text", "status"
      hint: put several under "all" or "any"
    "#);
    assert_snapshot!(problems_of(json!({})), @r#"
    MISSING at (root)
      expected a node, an object with one of the keys "all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random", found none
    "#);
    assert_snapshot!(problems_of(json!({"all": null})), @r#"
    MISSING at (root)
      expected a node, an object with one of the keys "all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random", found none
    "#);
    assert_snapshot!(problems_of(json!([{"everyone": true}])), @r#"
    WRONG_SHAPE at (root)
      expected a node, an object with one of the keys "all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random", found a list
    "#);
    assert_snapshot!(problems_of(json!("everyone")), @r#"
    WRONG_SHAPE at (root)
      expected a node, an object with one of the keys "all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random", found the text "everyone"
    "#);
    assert_snapshot!(problems_of(json!({"all": {"everyone": true}})), @"
    WRONG_SHAPE at all
      expected a list of nodes, found an object
    ");
    assert_snapshot!(problems_of(json!({"not": [{"everyone": true}]})), @r#"
    WRONG_SHAPE at not
      expected a node, an object with one of the keys "all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random", found a list
    "#);
    assert_snapshot!(problems_of(json!({"everyone": false})), @r#"
    WRONG_VALUE at everyone
      expected true, found false; use "not" for the opposite
    "#);
    assert_snapshot!(problems_of(json!({"everyone": {}})), @"
    WRONG_SHAPE at everyone
      expected true, found an object
    ");
}

#[test]
fn empty_logic_and_lists() {
    assert_snapshot!(problems_of(json!({"all": []})), @"
    EMPTY at all
      expected at least one node, found none
    ");
    assert_snapshot!(problems_of(json!({"any": [{"all": []}, {"any": []}]})), @"
    EMPTY at any[0].all
      expected at least one node, found none
    EMPTY at any[1].any
      expected at least one node, found none
    ");
    assert_snapshot!(problems_of(json!({"status": {"in": []}})), @"
    EMPTY at status.in
      expected a list of statuses, found an empty one
    ");
    assert_snapshot!(problems_of(json!({"group": {"inAll": []}})), @"
    EMPTY at group.inAll
      expected a list of group keys, found an empty one
    ");
    assert_snapshot!(problems_of(text("city", json!({"in": []}))), @"
    EMPTY at text.is.in
      expected a list of texts, found an empty one
    ");
    assert_snapshot!(problems_of(text("city", json!({"equals": ""}))), @"
    EMPTY at text.is.equals
      expected a text, found an empty one
    ");
    assert_snapshot!(problems_of(event(json!({"names": []}))), @"
    EMPTY at event.names
      expected a list of event names, found an empty one
    ");
}

#[test]
fn unknown_keys_and_missing_ones() {
    assert_snapshot!(
        problems_of(json!({"text": {"feld": "city", "is": {"equals": "x"}, "note": "x"}})),
        @r#"
    UNKNOWN_KEY at text
      expected one of the keys ("field", "is", "caseSensitive"), found "feld"
      hint: did you mean "field"?
    UNKNOWN_KEY at text
      expected one of the keys ("field", "is", "caseSensitive"), found "note"
    MISSING at text
      expected the key "field", found none
    "#
    );
    assert_snapshot!(problems_of(json!({"number": {"field": "custom.visits"}})), @r#"
    MISSING at number
      expected the key "is", found none
    "#);
    assert_snapshot!(
        problems_of(json!({"text": {"field": "city", "is": {"equals": "x"}, "caseSensitive": "no"}})),
        @r#"
    WRONG_SHAPE at text.caseSensitive
      expected true or false, found the text "no"
    "#
    );
    assert_snapshot!(problems_of(number(json!({"between": {"from": 1}}))), @r#"
    MISSING at number.is.between
      expected the key "to", found none
    "#);
}

#[test]
fn tests_of_another_type() {
    assert_snapshot!(problems_of(text("city", json!({"greaterThan": 3}))), @r#"
    UNKNOWN_TEST at text.is
      expected a test of text ("equals", "notEquals", "in", "notIn", "contains", "notContains", "startsWith", "endsWith", "matches", "isSet"), found "greaterThan"
      hint: "greaterThan" is a test of numbers
    "#);
    assert_snapshot!(problems_of(number(json!({"contains": "3"}))), @r#"
    UNKNOWN_TEST at number.is
      expected a test of numbers ("equals", "notEquals", "greaterThan", "atLeast", "lessThan", "atMost", "between", "in", "isSet"), found "contains"
      hint: "contains" is a test of text
    "#);
    assert_snapshot!(problems_of(number(json!({"atleast": 3}))), @r#"
    UNKNOWN_TEST at number.is
      expected a test of numbers ("equals", "notEquals", "greaterThan", "atLeast", "lessThan", "atMost", "between", "in", "isSet"), found "atleast"
      hint: did you mean "atLeast"?
    "#);
    assert_snapshot!(problems_of(date("birthday", json!({"equals": "2026-03-01"}))), @r#"
    UNKNOWN_TEST at date.is
      expected a test of dates ("on", "before", "after", "onOrBefore", "onOrAfter", "between", "inTheLast", "moreThanAgo", "betweenAgo", "inTheNext", "during", "isToday", "anniversaryToday", "anniversaryInTheNext", "anniversaryInTheLast", "anniversaryMonth", "isSet"), found "equals"
      hint: "equals" is a test of text and numbers
    "#);
    assert_snapshot!(problems_of(number(json!({"atLeast": 3, "atMost": 9}))), @r#"
    WRONG_SHAPE at number.is
      expected a test of numbers, an object with exactly one key, found 2: "atLeast", "atMost"
      hint: put several conditions, each with one test, under "all" or "any"
    "#);
    assert_snapshot!(problems_of(text("city", json!("Vilnius"))), @r#"
    WRONG_SHAPE at text.is
      expected a test of text, an object with one of the keys "equals", "notEquals", "in", "notIn", "contains", "notContains", "startsWith", "endsWith", "matches", "isSet", found the text "Vilnius"
    "#);
    assert_snapshot!(problems_of(json!({"group": {"in": ["staff"]}})), @r#"
    UNKNOWN_KEY at group
      expected one of the keys ("inAny", "inAll", "none", "addedAt"), found "in"
    MISSING at group
      expected the key "inAny", "inAll" or "none", found none of them
    "#);
}

#[test]
fn rules_that_are_too_large() {
    let nested =
        |depth: usize| (1..depth).fold(json!({"everyone": true}), |node, _| json!({ "not": node }));
    assert_snapshot!(problems_of(nested(16)), @"none");
    assert_snapshot!(problems_of(nested(17)), @"
    TOO_DEEP at not.not.not.not.not.not.not.not.not.not.not.not.not.not.not.not
      expected nodes nested at most 16 deep, found more
    ");

    let wide = |nodes: usize| json!({"any": vec![json!({"everyone": true}); nodes - 1]});
    assert_snapshot!(problems_of(wide(500)), @"none");
    assert_snapshot!(problems_of(wide(501)), @"
    TOO_MANY_NODES at any[499]
      expected at most 500 nodes, found more
    ");

    let numbers = |count: u32| number(json!({"in": (0..count).collect::<Vec<_>>()}));
    assert_snapshot!(problems_of(numbers(10_000)), @"none");
    assert_snapshot!(problems_of(numbers(10_001)), @"
    TOO_MANY_VALUES at number.is.in
      expected at most 10000 numbers, found 10001
    ");
    let texts = vec!["x"; 10_001];
    assert_snapshot!(problems_of(text("city", json!({ "in": texts }))), @"
    TOO_MANY_VALUES at text.is.in
      expected at most 10000 texts, found 10001
    ");
    assert_snapshot!(problems_of(json!({"group": {"inAny": texts}})), @"
    TOO_MANY_VALUES at group.inAny
      expected at most 10000 group keys, found 10001
    ");
    assert_snapshot!(problems_of(event(json!({ "names": texts }))), @"
    TOO_MANY_VALUES at event.names
      expected at most 10000 event names, found 10001
    ");
}

#[test]
fn what_was_found_is_shortened() {
    let long = "x".repeat(10_000);
    assert_snapshot!(problems_of(text(&long, json!({ &long: "x" }))), @r#"
    UNKNOWN_TEST at text.is
      expected a test of text ("equals", "notEquals", "in", "notIn", "contains", "notContains", "startsWith", "endsWith", "matches", "isSet"), found "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
    UNKNOWN_FIELD at text.field
      expected a field, found "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…", which does not exist
      hint: known fields: email, email.domain, firstName, lastName, phone, country, region, city, postalCode, language, timezone, source, custom.city2, custom.plan
    "#);
    assert_snapshot!(problems_of(json!({ &long: 1, "not": 2 })), @r#"
    WRONG_SHAPE at (root)
      expected a node, an object with exactly one key, found 2: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
      hint: put several under "all" or "any"
    "#);
    assert_snapshot!(problems_of(date("birthday", json!({ "on": long }))), @r#"
    WRONG_VALUE at date.is.on
      expected a day such as "2026-03-01" or a time such as "2026-03-01T09:30:00Z", found "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
    "#);
    assert_snapshot!(problems_of(json!({"group": {"inAny": [long]}})), @r#"
    UNKNOWN_GROUP at group.inAny[0]
      expected the key of a group, found "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…", which does not exist
    "#);
}

#[test]
fn there_is_an_end_to_problems() {
    let wrong = vec![json!({"text": {"field": "contry", "is": {"equals": 3}}}); 499];
    let problems = read(&json!({ "all": wrong })).expect_err("it has problems");
    assert_eq!(problems.len(), 100);
}
