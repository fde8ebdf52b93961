//! Every test of every node in English, and its opposite: the two lines of each.

use crate::parsed;
use insta::assert_snapshot;
use rollcall_rule::summarize;
use serde_json::{Value, json};

/// What is said of each condition and, below it, of its complement.
fn said<const N: usize>(conditions: [Value; N]) -> String {
    let said = conditions.into_iter().map(|condition| {
        let positive = summarize(&parsed(&condition));
        let negative = summarize(&parsed(&json!({ "not": condition })));
        let twice = json!({"not": {"not": condition}});
        assert_eq!(summarize(&parsed(&twice)), positive);
        let cut = |sentence: String| {
            let clause = sentence.strip_prefix("Subscribers ").map(str::to_owned);
            clause.expect("the sentence begins so")
        };
        format!("+ {}\n- {}", cut(positive), cut(negative))
    });
    said.collect::<Vec<_>>().join("\n")
}

fn of_field<const N: usize>(node: &str, field: &str, tests: [Value; N]) -> String {
    said(tests.map(|test| json!({node: {"field": field, "is": test}})))
}

fn of_event<const N: usize>(measures: [Value; N]) -> String {
    said(measures.map(|measure| {
        let mut event = json!({"name": "purchase"});
        let keys = event.as_object_mut().expect("an object");
        keys.extend(measure.as_object().expect("an object").clone());
        json!({ "event": event })
    }))
}

#[test]
fn texts() {
    assert_snapshot!(of_field(
        "text",
        "country",
        [
            json!({"equals": "DE"}),
            json!({"notEquals": "DE"}),
            json!({"in": ["LT", "LV", "EE"]}),
            json!({"in": ["LT"]}),
            json!({"notIn": ["LT", "LV"]}),
            json!({"contains": "T"}),
            json!({"notContains": "T"}),
            json!({"startsWith": "L"}),
            json!({"endsWith": "T"}),
            json!({"matches": "^L[TV]$"}),
            json!({"isSet": true}),
            json!({"isSet": false}),
        ]
    ));
}

#[test]
fn texts_that_everybody_has_and_letter_case() {
    assert_snapshot!(of_field(
        "text",
        "email",
        [
            json!({"equals": "a@b.lt"}),
            json!({"in": ["a@b.lt", "c@d.lv"]}),
            json!({"endsWith": ".lt"}),
        ]
    ));
    assert_snapshot!(said([
        json!({"text": {"field": "custom.plan", "is": {"equals": "Pro"}, "caseSensitive": true}}),
        json!({"text": {"field": "custom.plan", "is": {"isSet": true}, "caseSensitive": true}}),
        json!({"text": {"field": "city", "is": {"in": ["Čia \"ir\" ten", "two\nlines"]}}}),
        json!({"text": {"field": "odd name", "is": {"contains": "x".repeat(80)}}}),
    ]));
}

#[test]
fn numbers() {
    assert_snapshot!(of_field(
        "number",
        "custom.visits",
        [
            json!({"equals": 3}),
            json!({"notEquals": 3}),
            json!({"greaterThan": 1e308}),
            json!({"atLeast": 100.0}),
            json!({"lessThan": -0.5}),
            json!({"atMost": 12345}),
            json!({"between": {"from": 3, "to": 9}}),
            json!({"in": [3, 1, 2]}),
            json!({"isSet": true}),
            json!({"isSet": false}),
        ]
    ));
}

#[test]
fn dates() {
    assert_snapshot!(of_field(
        "date",
        "birthday",
        [
            json!({"on": "2026-03-01"}),
            json!({"before": "2026-03-01"}),
            json!({"after": "2026-03-01"}),
            json!({"onOrBefore": "2026-03-01"}),
            json!({"onOrAfter": "2026-03-01"}),
            json!({"between": {"from": "0001-01-01", "to": "2026-03-31"}}),
            json!({"inTheLast": {"amount": 90, "unit": "DAY"}}),
            json!({"inTheLast": {"amount": 1, "unit": "WEEK"}}),
            json!({"moreThanAgo": {"amount": 1, "unit": "YEAR"}}),
            json!({"inTheNext": {"amount": 2, "unit": "MONTH"}}),
            json!({"betweenAgo": {"from": {"amount": 60, "unit": "DAY"}, "to": {"amount": 30, "unit": "DAY"}}}),
            json!({"betweenAgo": {"from": {"amount": 1, "unit": "MONTH"}, "to": {"amount": 1, "unit": "DAY"}}}),
            json!({"during": "YESTERDAY"}),
            json!({"during": "LAST_MONTH"}),
            json!({"isToday": true}),
            json!({"anniversaryToday": true}),
            json!({"anniversaryInTheNext": {"amount": 7, "unit": "DAY"}}),
            json!({"anniversaryInTheLast": {"amount": 1, "unit": "DAY"}}),
            json!({"anniversaryMonth": 3}),
            json!({"isSet": true}),
            json!({"isSet": false}),
        ]
    ));
    assert_snapshot!(of_field(
        "date",
        "createdAt",
        [
            json!({"after": "2026-03-01T09:30:00+02:00"}),
            json!({"moreThanAgo": {"amount": 10000, "unit": "HOUR"}}),
        ]
    ));
}

#[test]
fn booleans_and_lists() {
    assert_snapshot!(of_field(
        "boolean",
        "custom.vip",
        [
            json!({"isTrue": true}),
            json!({"isFalse": true}),
            json!({"isSet": true}),
            json!({"isSet": false}),
        ]
    ));
    assert_snapshot!(of_field(
        "list",
        "custom.tags",
        [
            json!({"containsAny": ["a"]}),
            json!({"containsAny": ["a", "b", "c"]}),
            json!({"containsAll": ["a", "b"]}),
            json!({"containsNone": ["a"]}),
            json!({"containsNone": ["a", "b"]}),
            json!({"size": {"equals": 0}}),
            json!({"size": {"notEquals": 2}}),
            json!({"size": {"atLeast": 1}}),
            json!({"size": {"atMost": 1}}),
            json!({"size": {"between": {"from": 1, "to": 3}}}),
            json!({"isSet": true}),
            json!({"isSet": false}),
        ]
    ));
}

#[test]
fn statuses_places_memberships_and_shares() {
    assert_snapshot!(said([
        json!({"status": {"in": ["SUBSCRIBED"]}}),
        json!({"status": {"in": ["BOUNCED", "COMPLAINED"]}}),
        json!({"location": {"within": {"latitude": 54.69, "longitude": 25.28, "radiusKm": 25}}}),
        json!({"location": {"isSet": true}}),
        json!({"location": {"isSet": false}}),
        json!({"group": {"inAny": ["staff"]}}),
        json!({"group": {"inAny": ["staff", "press"]}}),
        json!({"group": {"inAll": ["staff", "press"]}}),
        json!({"group": {"inAny": ["staff"], "addedAt": {"inTheLast": {"amount": 30, "unit": "DAY"}}}}),
        json!({"group": {"inAny": ["staff"], "addedAt": {"before": "2026-03-01"}}}),
        json!({"group": {"inAny": ["staff"], "addedAt": {"during": "YESTERDAY"}}}),
        json!({"group": {"none": true}}),
        json!({"group": {"none": true, "addedAt": {"during": "THIS_WEEK"}}}),
        json!({"segment": {"inAny": ["loyal"]}}),
        json!({"segment": {"inAny": ["loyal", "lapsed"]}}),
        json!({"segment": {"inAll": ["loyal", "lapsed"]}}),
        json!({"segment": {"inAny": ["loyal"], "ever": true}}),
        json!({"segment": {"inAny": ["loyal", "lapsed"], "ever": true}}),
        json!({"segment": {"inAll": ["loyal", "lapsed"], "ever": true}}),
        json!({"segment": {"inAny": ["loyal"], "joinedAt": {"inTheLast": {"amount": 7, "unit": "DAY"}}}}),
        json!({"segment": {"inAny": ["loyal"], "ever": true, "joinedAt": {"during": "LAST_YEAR"}}}),
        json!({"random": {"salt": "spring", "fromPercent": 0, "toPercent": 12.5}}),
    ]));
}

#[test]
fn measures_of_a_property_and_windows_with_two_ends() {
    assert_snapshot!(of_event([
        json!({"sum": {"atLeast": 100}, "of": "total"}),
        json!({"sum": {"atMost": 100}, "of": "total"}),
        json!({"average": {"lessThan": 5}, "of": "total"}),
        json!({"average": {"isSet": true}, "of": "unit price"}),
        json!({"min": {"equals": 5}, "of": "total"}),
        json!({"max": {"between": {"from": 1, "to": 2}}, "of": "total"}),
        json!({"betweenAgo": {"from": {"amount": 60, "unit": "DAY"}, "to": {"amount": 30, "unit": "DAY"}}}),
        json!({"during": "YESTERDAY"}),
        json!({"during": "LAST_QUARTER", "count": {"equals": 0}}),
    ]));
}

#[test]
fn counts_of_events() {
    assert_snapshot!(of_event([
        json!({}),
        json!({"count": {"equals": 0}}),
        json!({"count": {"equals": 1}}),
        json!({"count": {"notEquals": 2}}),
        json!({"count": {"greaterThan": 1}}),
        json!({"count": {"atLeast": 10000}}),
        json!({"count": {"lessThan": 3}}),
        json!({"count": {"atMost": 0}}),
        json!({"count": {"between": {"from": 2, "to": 5}}}),
        json!({"count": {"in": [1, 3]}}),
        json!({"distinctDays": {"atLeast": 3}}),
        json!({"distinctDays": {"equals": 1}}),
    ]));
}

#[test]
fn measures_of_events() {
    assert_snapshot!(of_event([
        json!({"sum": {"equals": 100}}),
        json!({"sum": {"notEquals": 100}}),
        json!({"sum": {"atLeast": 99.5}}),
        json!({"sum": {"atMost": 10}}),
        json!({"sum": {"between": {"from": 1, "to": 2}}}),
        json!({"sum": {"in": [1, 2]}}),
        json!({"average": {"atLeast": 5}}),
        json!({"average": {"notEquals": 5}}),
        json!({"min": {"between": {"from": 1, "to": 2}}}),
        json!({"max": {"in": [1, 2]}}),
        json!({"max": {"isSet": true}}),
        json!({"average": {"isSet": false}}),
        json!({"firstAt": {"before": "2026-01-01"}}),
        json!({"lastAt": {"inTheLast": {"amount": 30, "unit": "DAY"}}}),
        json!({"lastAt": {"isSet": false}}),
    ]));
}

#[test]
fn which_events_count() {
    assert_snapshot!(said([
        json!({"event": {"name": "purchase", "inTheLast": {"amount": 1, "unit": "DAY"}}}),
        json!({"event": {"name": "purchase", "between": {"from": "2026-01-01", "to": "2026-01-31"}}}),
        json!({"event": {"name": "purchase", "before": "2026-01-01"}}),
        json!({"event": {"name": "purchase", "after": "2026-01-01T00:00:00Z"}}),
        json!({"event": {
            "names": ["visit", "purchase"],
            "where": [
                {"text": {"property": "sku", "is": {"notEquals": "A-1"}}},
                {"number": {"property": "price", "is": {"atLeast": 5}}},
                {"date": {"property": "delivered", "is": {"isToday": true}}},
                {"boolean": {"property": "gift", "is": {"isTrue": true}}},
                {"list": {"property": "tags", "is": {"containsAny": ["a", "b"]}}},
            ],
            "inTheLast": {"amount": 90, "unit": "DAY"},
            "sum": {"atLeast": 100},
        }}),
        json!({"event": {
            "name": "purchase",
            "where": [{"text": {"property": "email", "is": {"notEquals": "x"}}}],
            "inTheLast": {"amount": 90, "unit": "DAY"},
            "lastAt": {"moreThanAgo": {"amount": 7, "unit": "DAY"}},
        }}),
    ]));
}
