//! Queries of react-querybuilder, and the rules that they are.

use crate::catalogue;
use rollcall_rule::{from_query_builder, parse_and_check};
use serde_json::{Value, json};

fn rule(query: &Value) -> Value {
    let rule = from_query_builder(query, &catalogue())
        .unwrap_or_else(|problems| panic!("{query} can be mapped: {problems:#?}"));
    parse_and_check(&rule, &catalogue(), None).expect("what is mapped can be evaluated");
    rule
}

/// Asserts what single rules are: field, operator, value and our node.
fn assert_rules<const N: usize>(cases: [(&str, &str, Value, Value); N]) {
    for (field, operator, value, expected) in cases {
        let single = json!({"field": field, "operator": operator, "value": value});
        let query = json!({"combinator": "and", "rules": [single]});
        assert_eq!(rule(&query), expected, "{query}");
    }
}

fn test(node: &str, field: &str, test: Value) -> Value {
    json!({node: {"field": field, "is": test}})
}

#[test]
fn texts() {
    let text = |of| test("text", "country", of);
    assert_rules([
        ("country", "=", json!("LT"), text(json!({"equals": "LT"}))),
        (
            "country",
            "!=",
            json!("LT"),
            text(json!({"notEquals": "LT"})),
        ),
        (
            "country",
            "contains",
            json!("L"),
            text(json!({"contains": "L"})),
        ),
        (
            "country",
            "doesNotContain",
            json!("L"),
            text(json!({"notContains": "L"})),
        ),
        (
            "country",
            "beginsWith",
            json!("L"),
            text(json!({"startsWith": "L"})),
        ),
        (
            "country",
            "doesNotBeginWith",
            json!("L"),
            json!({"not": text(json!({"startsWith": "L"}))}),
        ),
        (
            "country",
            "endsWith",
            json!("T"),
            text(json!({"endsWith": "T"})),
        ),
        (
            "country",
            "doesNotEndWith",
            json!("T"),
            json!({"not": text(json!({"endsWith": "T"}))}),
        ),
        (
            "country",
            "in",
            json!(["LT", "LV"]),
            text(json!({"in": ["LT", "LV"]})),
        ),
        (
            "country",
            "notIn",
            json!("LT, LV"),
            text(json!({"notIn": ["LT", "LV"]})),
        ),
        (
            "country",
            "null",
            Value::Null,
            text(json!({"isSet": false})),
        ),
        (
            "country",
            "notNull",
            json!(""),
            text(json!({"isSet": true})),
        ),
        (
            "postalCode",
            "=",
            json!(1234),
            test("text", "postalCode", json!({"equals": "1234"})),
        ),
    ]);
}

#[test]
fn numbers() {
    let number = |of| test("number", "custom.visits", of);
    assert_rules([
        (
            "custom.visits",
            "=",
            json!("3"),
            number(json!({"equals": 3})),
        ),
        (
            "custom.visits",
            "!=",
            json!(3.5),
            number(json!({"notEquals": 3.5})),
        ),
        (
            "custom.visits",
            "<",
            json!(" 3 "),
            number(json!({"lessThan": 3})),
        ),
        (
            "custom.visits",
            "<=",
            json!(3),
            number(json!({"atMost": 3})),
        ),
        (
            "custom.visits",
            ">",
            json!("1e3"),
            number(json!({"greaterThan": 1000.0})),
        ),
        (
            "custom.visits",
            ">=",
            json!(-3),
            number(json!({"atLeast": -3})),
        ),
        (
            "custom.visits",
            "between",
            json!([3, "9"]),
            number(json!({"between": {"from": 3, "to": 9}})),
        ),
        (
            "custom.visits",
            "between",
            json!("3,9"),
            number(json!({"between": {"from": 3, "to": 9}})),
        ),
        (
            "custom.visits",
            "notBetween",
            json!("3,9"),
            json!({"not": number(json!({"between": {"from": 3, "to": 9}}))}),
        ),
        (
            "custom.visits",
            "in",
            json!("1, 2,,"),
            number(json!({"in": [1, 2]})),
        ),
        ("custom.visits", "in", json!(1), number(json!({"in": [1]}))),
        (
            "custom.visits",
            "notIn",
            json!([1, 2]),
            json!({"not": number(json!({"in": [1, 2]}))}),
        ),
        (
            "custom.visits",
            "null",
            json!(0),
            number(json!({"isSet": false})),
        ),
    ]);
}

#[test]
fn dates_booleans_and_lists() {
    let date = |of| test("date", "createdAt", of);
    let vip = |of| test("boolean", "custom.vip", of);
    let tags = |of| test("list", "custom.tags", of);
    let day = json!("2026-03-01");
    let days = json!("2026-03-01,2026-03-31");
    let range = json!({"between": {"from": "2026-03-01", "to": "2026-03-31"}});
    assert_rules([
        ("createdAt", "=", day.clone(), date(json!({"on": day}))),
        (
            "createdAt",
            "!=",
            day.clone(),
            json!({"not": date(json!({"on": day}))}),
        ),
        ("createdAt", "<", day.clone(), date(json!({"before": day}))),
        (
            "createdAt",
            "<=",
            day.clone(),
            date(json!({"onOrBefore": day})),
        ),
        ("createdAt", ">", day.clone(), date(json!({"after": day}))),
        (
            "createdAt",
            ">=",
            json!("2026-03-01T09:30:00Z"),
            date(json!({"onOrAfter": "2026-03-01T09:30:00Z"})),
        ),
        ("createdAt", "between", days.clone(), date(range.clone())),
        ("createdAt", "notBetween", days, json!({"not": date(range)})),
        ("custom.vip", "=", json!(true), vip(json!({"isTrue": true}))),
        (
            "custom.vip",
            "=",
            json!("false"),
            vip(json!({"isFalse": true})),
        ),
        (
            "custom.vip",
            "!=",
            json!(true),
            json!({"not": vip(json!({"isTrue": true}))}),
        ),
        (
            "custom.vip",
            "notNull",
            Value::Null,
            vip(json!({"isSet": true})),
        ),
        (
            "custom.tags",
            "contains",
            json!("a,b"),
            tags(json!({"containsAny": ["a,b"]})),
        ),
        (
            "custom.tags",
            "doesNotContain",
            json!("a"),
            tags(json!({"containsNone": ["a"]})),
        ),
        (
            "custom.tags",
            "in",
            json!("a\\,b, c"),
            tags(json!({"containsAny": ["a,b", "c"]})),
        ),
        (
            "custom.tags",
            "notIn",
            json!(["a", "b"]),
            tags(json!({"containsNone": ["a", "b"]})),
        ),
        (
            "custom.tags",
            "null",
            Value::Null,
            tags(json!({"isSet": false})),
        ),
    ]);
}

#[test]
fn statuses_groups_and_segments() {
    assert_rules([
        (
            "status",
            "=",
            json!("subscribed"),
            json!({"status": {"in": ["SUBSCRIBED"]}}),
        ),
        (
            "status",
            "!=",
            json!("BOUNCED"),
            json!({"not": {"status": {"in": ["BOUNCED"]}}}),
        ),
        (
            "status",
            "in",
            json!("Bounced,PENDING"),
            json!({"status": {"in": ["BOUNCED", "PENDING"]}}),
        ),
        (
            "group",
            "in",
            json!(["staff", "press"]),
            json!({"group": {"inAny": ["staff", "press"]}}),
        ),
        (
            "group",
            "notIn",
            json!("staff"),
            json!({"not": {"group": {"inAny": ["staff"]}}}),
        ),
        (
            "segment",
            "=",
            json!("loyal"),
            json!({"segment": {"inAny": ["loyal"]}}),
        ),
        (
            "segment",
            "!=",
            json!("loyal"),
            json!({"not": {"segment": {"inAny": ["loyal"]}}}),
        ),
    ]);
}

/// A rule of react-querybuilder about the country.
fn theirs(key: &str) -> Value {
    json!({"id": key, "path": [0], "field": "country", "operator": "=", "value": key})
}

fn ours(key: &str) -> Value {
    test("text", "country", json!({"equals": key}))
}

fn muted(key: &str) -> Value {
    let mut rule = theirs(key);
    rule["muted"] = json!(true);
    rule
}

#[test]
fn groups() {
    let [a, b, c] = ["a", "b", "c"].map(theirs);
    assert_eq!(
        rule(
            &json!({"id": "root", "combinator": "AND", "not": false, "rules": [
                a, {"combinator": "or", "not": true, "rules": [b, c], "someone's": "own key"},
            ]})
        ),
        json!({"all": [ours("a"), {"not": {"any": [ours("b"), ours("c")]}}]})
    );
    assert_eq!(
        rule(&json!({"combinator": "or", "not": true, "rules": [a]})),
        json!({"not": ours("a")})
    );
}

#[test]
fn an_empty_group_is_everybody() {
    let everyone = json!({"everyone": true});
    let empty = json!({"combinator": "or", "rules": []});
    assert_eq!(rule(&empty), everyone);
    assert_eq!(rule(&json!({"rules": []})), everyone);
    assert_eq!(
        rule(&json!({"combinator": "and", "rules": [theirs("a"), empty]})),
        json!({"all": [ours("a"), everyone]})
    );
}

#[test]
fn combinators_between_rules() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(theirs);
    assert_eq!(rule(&json!({"rules": [a]})), ours("a"));
    assert_eq!(
        rule(&json!({"rules": [a, "and", b, "and", c]})),
        json!({"all": [ours("a"), ours("b"), ours("c")]})
    );
    assert_eq!(
        rule(&json!({"rules": [a, "or", b, "and", c, "OR", d]})),
        json!({"any": [ours("a"), {"all": [ours("b"), ours("c")]}, ours("d")]})
    );
    assert_eq!(
        rule(&json!({"rules": [a, "and", {"not": true, "rules": [b, "or", c]}]})),
        json!({"all": [ours("a"), {"not": {"any": [ours("b"), ours("c")]}}]})
    );
}

#[test]
fn what_is_muted_is_left_out_and_what_is_disabled_is_not() {
    let (a, b) = (theirs("a"), theirs("b"));
    let locked = json!({"disabled": true, "combinator": "and", "rules": [b], "muted": null});
    assert_eq!(
        rule(&json!({"combinator": "and", "rules": [a, muted("x"), locked]})),
        json!({"all": [ours("a"), ours("b")]})
    );
    let silent = json!({"combinator": "or", "not": true, "rules": [muted("x"), muted("y")]});
    assert_eq!(
        rule(&json!({"combinator": "or", "rules": [a, silent, b]})),
        json!({"any": [ours("a"), ours("b")]})
    );
    assert_eq!(
        rule(&json!({"rules": [muted("x"), "or", a, "or", muted("y"), "or", b]})),
        json!({"any": [ours("a"), ours("b")]})
    );
    assert_eq!(
        rule(&json!({"rules": [a, "and", muted("x"), "and", b]})),
        json!({"all": [ours("a"), ours("b")]})
    );
}
