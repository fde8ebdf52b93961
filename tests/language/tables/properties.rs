//! Events that count only where their properties pass.

use super::{Audience, audience, check, nobody, parse};
use crate::naive::{Event, Person};
use serde_json::{Value, json};

const NOW: &str = "2026-03-29T12:00:00Z Europe/Vilnius";

/// People who bought something once for every list of properties, which they are named by.
fn buyers(properties: &str) -> Audience {
    audience(NOW, properties, |properties| {
        let properties = parse::<Value>(&format!("[{properties}]"));
        let properties = properties.as_array().expect("a list").iter();
        let event = |properties: &Value| Event {
            name: "purchase".to_owned(),
            occurred_at: parse("2026-03-20T10:00:00Z"),
            value: Some(10_000_000),
            properties: properties.as_object().expect("an object").clone(),
        };
        Person {
            events: properties.map(event).collect(),
            ..nobody()
        }
    })
}

fn bought(filters: Value) -> Value {
    json!({"event": {"name": "purchase", "where": filters}})
}

fn of(kind: &str, property: &str, test: Value) -> Value {
    bought(json!([{kind: {"property": property, "is": test}}]))
}

#[test]
fn texts_of_properties() {
    let all = r#"{} | {"p":"Vilnius"} | {"p":"VILNIUS"} | {"p":"Kaunas"} | {"p":""} | {"p":3} | {"p":["Vilnius"]} | {"p":null}"#;
    let people = buyers(all);
    let vilnius = r#"{"p":"Vilnius"} | {"p":"VILNIUS"}"#;
    let set = r#"{"p":"Vilnius"} | {"p":"VILNIUS"} | {"p":"Kaunas"}"#;
    let unset = r#"{} | {"p":""} | {"p":3} | {"p":["Vilnius"]} | {"p":null}"#;
    for (test, expected) in [
        (json!({"equals": "vilnius"}), vilnius.to_owned()),
        (json!({"in": ["vilnius", "riga"]}), vilnius.to_owned()),
        (json!({"contains": "ILNI"}), vilnius.to_owned()),
        (json!({"startsWith": "v"}), vilnius.to_owned()),
        (json!({"endsWith": "US"}), vilnius.to_owned()),
        (json!({"matches": "^v"}), vilnius.to_owned()),
        (json!({"isSet": true}), set.to_owned()),
        (json!({"isSet": false}), unset.to_owned()),
        // Events without such a property pass negative tests; people without events have none that passes.
        (
            json!({"notEquals": "kaunas"}),
            all.replace(r#" | {"p":"Kaunas"}"#, ""),
        ),
        (
            json!({"notIn": ["kaunas"]}),
            all.replace(r#" | {"p":"Kaunas"}"#, ""),
        ),
        (
            json!({"notContains": "iln"}),
            all.replace(&format!("{vilnius} | "), ""),
        ),
        (json!({"equals": "3"}), String::new()),
    ] {
        check(&people, of("text", "p", test), &expected);
    }
    let exact = json!({"property": "p", "is": {"equals": "VILNIUS"}, "caseSensitive": true});
    check(
        &people,
        bought(json!([{ "text": exact }])),
        r#"{"p":"VILNIUS"}"#,
    );
}

#[test]
fn numbers_of_properties() {
    let all = r#"{} | {"p":-0.0} | {"p":3} | {"p":3.5} | {"p":1e308} | {"p":"3"} | {"p":true} | {"p":"NaN"}"#;
    let people = buyers(all);
    for (test, expected) in [
        (json!({"equals": 3}), r#"{"p":3}"#),
        (json!({"equals": 0}), r#"{"p":-0.0}"#),
        (json!({"greaterThan": 3}), r#"{"p":3.5} | {"p":1e308}"#),
        (json!({"atLeast": 3.5}), r#"{"p":3.5} | {"p":1e308}"#),
        (json!({"lessThan": 0}), ""),
        (json!({"atMost": 3}), r#"{"p":-0.0} | {"p":3}"#),
        (
            json!({"between": {"from": 3, "to": 3.5}}),
            r#"{"p":3} | {"p":3.5}"#,
        ),
        (json!({"in": [3.5, 0]}), r#"{"p":-0.0} | {"p":3.5}"#),
        (
            json!({"isSet": true}),
            r#"{"p":-0.0} | {"p":3} | {"p":3.5} | {"p":1e308}"#,
        ),
        (
            json!({"isSet": false}),
            r#"{} | {"p":"3"} | {"p":true} | {"p":"NaN"}"#,
        ),
        (
            json!({"notEquals": 3}),
            r#"{} | {"p":-0.0} | {"p":3.5} | {"p":1e308} | {"p":"3"} | {"p":true} | {"p":"NaN"}"#,
        ),
    ] {
        check(&people, of("number", "p", test), expected);
    }
}

#[test]
fn booleans_of_properties() {
    let people = buyers(r#"{} | {"p":true} | {"p":false} | {"p":"true"} | {"p":1} | {"p":null}"#);
    let unset = r#"{} | {"p":"true"} | {"p":1} | {"p":null}"#;
    check(
        &people,
        of("boolean", "p", json!({"isTrue": true})),
        r#"{"p":true}"#,
    );
    check(
        &people,
        of("boolean", "p", json!({"isFalse": true})),
        r#"{"p":false}"#,
    );
    check(
        &people,
        of("boolean", "p", json!({"isSet": true})),
        r#"{"p":true} | {"p":false}"#,
    );
    check(&people, of("boolean", "p", json!({"isSet": false})), unset);
}

#[test]
fn lists_of_properties() {
    let people = buyers(
        r#"{} | {"p":[]} | {"p":["red"]} | {"p":["RED","red",3,null,"",["blue"]]} | {"p":"red"}"#,
    );
    let empty = r#"{} | {"p":[]} | {"p":"red"}"#;
    let red = r#"{"p":["red"]} | {"p":["RED","red",3,null,"",["blue"]]}"#;
    for (test, expected) in [
        (json!({"containsAny": ["Red", "blue"]}), red),
        (json!({"containsAll": ["red"]}), red),
        (json!({"containsAll": ["red", "blue"]}), ""),
        (json!({"containsNone": ["red"]}), empty),
        (json!({"size": {"equals": 0}}), empty),
        // What is no text is not among the items.
        (
            json!({"size": {"equals": 2}}),
            r#"{"p":["RED","red",3,null,"",["blue"]]}"#,
        ),
        (
            json!({"size": {"notEquals": 2}}),
            r#"{} | {"p":[]} | {"p":["red"]} | {"p":"red"}"#,
        ),
        (json!({"isSet": true}), red),
        (json!({"isSet": false}), empty),
    ] {
        check(&people, of("list", "p", test), expected);
    }
}

#[test]
fn dates_of_properties() {
    // A day is the instant at which it begins in Vilnius, which is two hours ahead of UTC, and three from 01:00 UTC on.
    let people = buyers(
        r#"{} | {"p":"2026-03-29"} | {"p":"2026-03-28T21:59:59.999999Z"} | {"p":"2026-03-29T23:59:59+03:00"} | {"p":"2026-03-29T21:00:00Z"} | {"p":"2024-02-29"} | {"p":"2026-02-30"} | {"p":20260329} | {"p":"2026-03-29T09:00:00"}"#,
    );
    let on_the_day = r#"{"p":"2026-03-29"} | {"p":"2026-03-29T23:59:59+03:00"}"#;
    let (before, after) = (
        r#"{"p":"2026-03-28T21:59:59.999999Z"}"#,
        r#"{"p":"2026-03-29T21:00:00Z"}"#,
    );
    let till_tomorrow = r#"{"p":"2026-03-29"} | {"p":"2026-03-28T21:59:59.999999Z"} | {"p":"2026-03-29T23:59:59+03:00"}"#;
    let leap = r#"{"p":"2024-02-29"}"#;
    for (test, expected) in [
        (json!({"on": "2026-03-29"}), on_the_day.to_owned()),
        (
            json!({"on": "2026-03-28T22:00:00Z"}),
            r#"{"p":"2026-03-29"}"#.to_owned(),
        ),
        (json!({"isToday": true}), on_the_day.to_owned()),
        (
            json!({"before": "2026-03-29"}),
            format!("{before} | {leap}"),
        ),
        (json!({"after": "2026-03-29"}), after.to_owned()),
        (
            json!({"onOrBefore": "2026-03-28"}),
            format!("{before} | {leap}"),
        ),
        (json!({"onOrAfter": "2026-03-30"}), after.to_owned()),
        (
            json!({"between": {"from": "2026-03-28", "to": "2026-03-29"}}),
            till_tomorrow.to_owned(),
        ),
        (
            json!({"inTheLast": {"amount": 14, "unit": "HOUR"}}),
            r#"{"p":"2026-03-29"}"#.to_owned(),
        ),
        (
            json!({"moreThanAgo": {"amount": 14, "unit": "HOUR"}}),
            format!("{before} | {leap}"),
        ),
        (
            json!({"inTheNext": {"amount": 9, "unit": "HOUR"}}),
            format!(r#"{{"p":"2026-03-29T23:59:59+03:00"}} | {after}"#),
        ),
        (json!({"anniversaryMonth": 2}), leap.to_owned()),
        (json!({"anniversaryToday": true}), on_the_day.to_owned()),
        (
            json!({"anniversaryInTheLast": {"amount": 29, "unit": "DAY"}}),
            format!("{till_tomorrow} | {leap}"),
        ),
        (
            json!({"anniversaryInTheNext": {"amount": 1, "unit": "DAY"}}),
            format!("{on_the_day} | {after}"),
        ),
        (
            json!({"isSet": false}),
            r#"{} | {"p":"2026-02-30"} | {"p":20260329} | {"p":"2026-03-29T09:00:00"}"#.to_owned(),
        ),
    ] {
        check(&people, of("date", "p", test), &expected);
    }
}

#[test]
fn only_events_that_pass_every_test_are_measured() {
    let people = buyers(
        r#"{"p":1,"gift":true},{"p":2} | {"p":1},{"p":1,"gift":true} | {"p":2,"gift":true} | {"p":1},{"p":2,"gift":true}"#,
    );
    let filters = json!([
        {"number": {"property": "p", "is": {"equals": 1}}},
        {"boolean": {"property": "gift", "is": {"isTrue": true}}},
    ]);
    let both = r#"{"p":1,"gift":true},{"p":2} | {"p":1},{"p":1,"gift":true}"#;
    check(&people, bought(filters.clone()), both);
    for (measure, test, expected) in [
        (
            "count",
            json!({"equals": 0}),
            r#"none | {"p":2,"gift":true} | {"p":1},{"p":2,"gift":true}"#,
        ),
        (
            "sum",
            json!({"atMost": 9}),
            r#"none | {"p":2,"gift":true} | {"p":1},{"p":2,"gift":true}"#,
        ),
        ("sum", json!({"equals": 10}), both),
        ("distinctDays", json!({"equals": 1}), both),
        ("average", json!({"equals": 10}), both),
        (
            "max",
            json!({"isSet": false}),
            r#"none | {"p":2,"gift":true} | {"p":1},{"p":2,"gift":true}"#,
        ),
        ("lastAt", json!({"on": "2026-03-20"}), both),
    ] {
        let rule = json!({"event": {"name": "purchase", "where": filters, measure: test}});
        check(&people, rule, expected);
    }
    // Within the window, or else not at all.
    let later = json!({"event": {"name": "purchase", "where": filters, "after": "2026-03-20"}});
    check(&people, later, "");
}
