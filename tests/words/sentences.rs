//! Whole rules in one sentence.

use crate::parsed;
use insta::assert_snapshot;
use rollcall_rule::summarize;
use serde_json::{Value, json};

fn sentence(rule: Value) -> String {
    summarize(&parsed(&rule))
}

fn country(key: &str) -> Value {
    json!({"text": {"field": "country", "is": {"equals": key}}})
}

fn group(key: &str) -> Value {
    json!({"group": {"inAny": [key]}})
}

#[test]
fn everybody_and_nobody() {
    assert_snapshot!(sentence(json!({"everyone": true})), @"All subscribers.");
    assert_snapshot!(sentence(json!({"all": [{"everyone": true}]})), @"All subscribers.");
    assert_snapshot!(sentence(json!({"not": {"everyone": true}})), @"No subscribers.");
    assert_snapshot!(
        sentence(json!({"any": [country("LT"), {"everyone": true}, {"not": {"everyone": true}}]})),
        @r#"Subscribers whose country is "LT", of any kind, or of no kind."#
    );
}

#[test]
fn the_rule_of_the_documentation() {
    assert_snapshot!(sentence(json!({"all": [
        {"text": {"field": "country", "is": {"in": ["LT", "LV", "EE"]}}},
        {"not": {"group": {"inAny": ["staff"]}}},
        {"event": {
            "name": "purchase",
            "inTheLast": {"amount": 90, "unit": "DAY"},
            "sum": {"atLeast": 100},
        }},
        {"any": [
            {"date": {
                "field": "birthday",
                "is": {"anniversaryInTheNext": {"amount": 7, "unit": "DAY"}},
            }},
            {"number": {"field": "custom.visits", "is": {"between": {"from": 3, "to": 9}}}},
        ]},
    ]})), @r#"Subscribers whose country is "LT", "LV" or "EE", who are not in the group "staff", whose "purchase" events of the last 90 days have a sum of at least 100, and (whose birthday comes round in the next 7 days or whose custom field visits is between 3 and 9)."#);
}

#[test]
fn groups_of_conditions() {
    assert_snapshot!(sentence(json!({"all": [country("LT"), group("staff")]})), @r#"Subscribers whose country is "LT" and who are in the group "staff"."#);
    assert_snapshot!(sentence(json!({"any": [country("LT"), group("staff")]})), @r#"Subscribers whose country is "LT" or who are in the group "staff"."#);
    assert_snapshot!(
        sentence(json!({"all": [{"not": country("LT")}, group("staff")]})),
        @r#"Subscribers whose country is missing or not "LT", and who are in the group "staff"."#
    );
    assert_snapshot!(
        sentence(json!({"any": [country("LT"), country("LV"), group("staff")]})),
        @r#"Subscribers whose country is "LT", whose country is "LV", or who are in the group "staff"."#
    );
}

#[test]
fn groups_within_groups() {
    let both = json!({"all": [country("LT"), group("staff")]});
    let either = json!({"any": [country("LV"), group("press")]});
    assert_snapshot!(sentence(json!({"any": [both, either]})), @r#"Subscribers (whose country is "LT" and who are in the group "staff"), or (whose country is "LV" or who are in the group "press")."#);
    assert_snapshot!(sentence(json!({"all": [both, {"not": either}]})), @r#"Subscribers (whose country is "LT" and who are in the group "staff"), and who are not among those (whose country is "LV" or who are in the group "press")."#);
    assert_snapshot!(sentence(json!({"all": [{"any": [both]}, {"all": [either]}]})), @r#"Subscribers (whose country is "LT" and who are in the group "staff"), and (whose country is "LV" or who are in the group "press")."#);
    assert_snapshot!(sentence(json!({"any": [country("EE"), {"all": [both, either]}]})), @r#"Subscribers whose country is "EE", or ((whose country is "LT" and who are in the group "staff"), and (whose country is "LV" or who are in the group "press"))."#);
}

#[test]
fn denials_of_groups() {
    let both = json!({"all": [country("LT"), group("staff")]});
    assert_snapshot!(sentence(json!({ "not": both })), @r#"All subscribers except those whose country is "LT" and who are in the group "staff"."#);
    assert_snapshot!(sentence(json!({"not": {"any": [country("LT"), {"not": both}]}})), @r#"All subscribers except those whose country is "LT" or who are not among those (whose country is "LT" and who are in the group "staff")."#);
    assert_snapshot!(sentence(json!({"not": {"not": both}})), @r#"Subscribers whose country is "LT" and who are in the group "staff"."#);
    assert_snapshot!(sentence(json!({"not": {"any": [country("LT")]}})), @r#"Subscribers whose country is missing or not "LT"."#);
}

#[test]
fn long_lists_are_cut_and_counted() {
    let many: Vec<String> = (0..10_000).map(|key| format!("k{key}")).collect();
    let list = |values: &[String]| {
        sentence(json!({"text": {"field": "postalCode", "is": {"in": values}}}))
    };
    assert_snapshot!(list(&many), @r#"Subscribers whose postal code is "k0", "k1", "k2", "k3", "k4" or one of 9,995 others."#);
    assert_snapshot!(list(&many[..7]), @r#"Subscribers whose postal code is "k0", "k1", "k2", "k3", "k4" or one of 2 others."#);
    assert_snapshot!(list(&many[..6]), @r#"Subscribers whose postal code is "k0", "k1", "k2", "k3", "k4" or "k5"."#);
    assert_snapshot!(
        sentence(json!({"text": {"field": "postalCode", "is": {"notIn": many}}})),
        @r#"Subscribers whose postal code is missing or none of "k0", "k1", "k2", "k3", "k4" and 9,995 others."#
    );
}
