//! What people did: counts and sums, of all time and in windows.

use super::{Audience, active, audience, check};
use serde_json::{Value, json};

const NOW: &str = "2026-03-29T12:00:00Z Europe/Vilnius";

/// Purchases and visits, named so that the tables below can be read.
fn shoppers() -> Audience {
    audience(
        NOW,
        "visited | bought | bought twice | bought and visited",
        |name| {
            let at = "2026-03-20T10:00:00Z";
            match name {
                "visited" => active(&[("visit", at, None)]),
                "bought" => active(&[("purchase", at, None)]),
                "bought twice" => active(&[("purchase", at, None), ("purchase", at, None)]),
                _ => active(&[("visit", at, None), ("purchase", at, None)]),
            }
        },
    )
}

fn event(mut parts: Value, window: &Value) -> Value {
    let (parts_map, window) = (parts.as_object_mut(), window.as_object().cloned());
    parts_map
        .expect("an object")
        .extend(window.unwrap_or_default());
    json!({ "event": parts })
}

/// All time, which lifetime totals answer, and windows around everything, which the events answer.
fn wide_windows() -> [Value; 4] {
    [
        json!({}),
        json!({"inTheLast": {"amount": 10, "unit": "YEAR"}}),
        json!({"after": "1999-12-31"}),
        json!({"between": {"from": "2000-01-01", "to": "2026-12-31"}}),
    ]
}

#[test]
fn zero_counts() {
    let people = shoppers();
    for window in &wide_windows() {
        let purchases = |test: Value| event(json!({"name": "purchase", "count": test}), window);
        check(
            &people,
            event(json!({"name": "purchase"}), window),
            "bought | bought twice | bought and visited",
        );
        check(&people, purchases(json!({"equals": 0})), "none | visited");
        check(
            &people,
            purchases(json!({"notEquals": 0})),
            "bought | bought twice | bought and visited",
        );
        check(
            &people,
            purchases(json!({"atMost": 1})),
            "none | visited | bought | bought and visited",
        );
        check(&people, purchases(json!({"lessThan": 1})), "none | visited");
        check(&people, purchases(json!({"lessThan": 0})), "");
        check(
            &people,
            purchases(json!({"greaterThan": 1})),
            "bought twice",
        );
        check(&people, purchases(json!({"atLeast": 2})), "bought twice");
        check(
            &people,
            purchases(json!({"between": {"from": 0, "to": 1}})),
            "none | visited | bought | bought and visited",
        );
        check(
            &people,
            purchases(json!({"in": [2, 0]})),
            "none | visited | bought twice",
        );
        check(&people, purchases(json!({"equals": 1.5})), "");
        check(
            &people,
            purchases(json!({"atLeast": 0})),
            "none | visited | bought | bought twice | bought and visited",
        );
    }
}

#[test]
fn several_names_count_together() {
    let people = shoppers();
    for window in &wide_windows() {
        let both = |test: Value| {
            event(
                json!({"names": ["visit", "purchase", "visit"], "count": test}),
                window,
            )
        };
        check(&people, both(json!({"equals": 0})), "none");
        check(&people, both(json!({"equals": 1})), "visited | bought");
        check(
            &people,
            both(json!({"equals": 2})),
            "bought twice | bought and visited",
        );
        let never = |test: Value| event(json!({"name": "refund", "count": test}), window);
        check(&people, event(json!({"name": "refund"}), window), "");
        check(
            &people,
            never(json!({"equals": 0})),
            "none | visited | bought | bought twice | bought and visited",
        );
        // Names of events know no other letter case.
        check(&people, event(json!({"name": "Purchase"}), window), "");
    }
}

#[test]
fn sums_are_exact_decimals() {
    let at = "2026-03-20T10:00:00Z";
    let values =
        "29.33 + 70.67 | 29.33 + 70.66 | 0.1 + 0.2 | 5 - 5 | no value | 1000 times 0.1 | -3";
    let people = audience(NOW, values, |name| {
        let values: Vec<Option<i64>> = match name {
            "29.33 + 70.67" => vec![Some(29_330_000), Some(70_670_000)],
            "29.33 + 70.66" => vec![Some(29_330_000), Some(70_660_000)],
            "0.1 + 0.2" => vec![Some(100_000), Some(200_000), None],
            "5 - 5" => vec![Some(5_000_000), Some(-5_000_000)],
            "no value" => vec![None, None],
            "1000 times 0.1" => vec![Some(100_000); 1000],
            _ => vec![Some(-3_000_000)],
        };
        let purchase = |value| ("purchase", at, value);
        active(&values.into_iter().map(purchase).collect::<Vec<_>>())
    });
    for window in &wide_windows() {
        let sum = |test: Value| event(json!({"name": "purchase", "sum": test}), window);
        check(
            &people,
            sum(json!({"atLeast": 100})),
            "29.33 + 70.67 | 1000 times 0.1",
        );
        check(
            &people,
            sum(json!({"equals": 100})),
            "29.33 + 70.67 | 1000 times 0.1",
        );
        check(&people, sum(json!({"greaterThan": 100})), "");
        check(&people, sum(json!({"equals": 99.99})), "29.33 + 70.66");
        check(&people, sum(json!({"equals": 0.3})), "0.1 + 0.2");
        check(
            &people,
            sum(json!({"atMost": 10})),
            "none | 0.1 + 0.2 | 5 - 5 | no value | -3",
        );
        check(
            &people,
            sum(json!({"equals": 0})),
            "none | 5 - 5 | no value",
        );
        check(
            &people,
            sum(json!({"equals": -0.0})),
            "none | 5 - 5 | no value",
        );
        check(&people, sum(json!({"lessThan": 0})), "-3");
        check(&people, sum(json!({"in": [-3, 0.3, 7]})), "0.1 + 0.2 | -3");
        check(
            &people,
            sum(json!({"between": {"from": 0.3, "to": 99.99}})),
            "29.33 + 70.66 | 0.1 + 0.2",
        );
        check(
            &people,
            sum(json!({"notEquals": 0})),
            "29.33 + 70.67 | 29.33 + 70.66 | 0.1 + 0.2 | 1000 times 0.1 | -3",
        );
    }
}

#[test]
fn windows_end_where_they_say() {
    // A day before the moment on the wall clock, the local midnights around that day, and the moment itself.
    let instants = "2026-03-27T21:59:59.999999Z | 2026-03-27T22:00:00Z | 2026-03-28T12:59:59.999999Z | \
        2026-03-28T13:00:00Z | 2026-03-28T21:59:59.999999Z | 2026-03-28T22:00:00Z | \
        2026-03-29T12:00:00Z | 2026-03-29T12:00:00.000001Z";
    let people = audience(NOW, instants, |at| active(&[("visit", at, None)]));
    let visited = |window: Value| event(json!({"name": "visit"}), &window);
    check(&people, visited(json!({})), instants);
    check(
        &people,
        visited(json!({"inTheLast": {"amount": 1, "unit": "DAY"}})),
        "2026-03-28T13:00:00Z | 2026-03-28T21:59:59.999999Z | 2026-03-28T22:00:00Z | \
         2026-03-29T12:00:00Z",
    );
    check(
        &people,
        visited(json!({"before": "2026-03-28"})),
        "2026-03-27T21:59:59.999999Z",
    );
    check(
        &people,
        visited(json!({"after": "2026-03-28"})),
        "2026-03-28T22:00:00Z | 2026-03-29T12:00:00Z | 2026-03-29T12:00:00.000001Z",
    );
    check(
        &people,
        visited(json!({"between": {"from": "2026-03-28", "to": "2026-03-28"}})),
        "2026-03-27T22:00:00Z | 2026-03-28T12:59:59.999999Z | 2026-03-28T13:00:00Z | \
         2026-03-28T21:59:59.999999Z",
    );
    check(
        &people,
        visited(json!({"before": "2026-03-27T22:00:00Z"})),
        "2026-03-27T21:59:59.999999Z",
    );
    check(
        &people,
        visited(json!({"after": "2026-03-29T12:00:00Z"})),
        "2026-03-29T12:00:00.000001Z",
    );
    check(
        &people,
        visited(json!({"between": {"from": "2026-03-29T12:00:00Z", "to": "2026-03-29T12:00:00Z"}})),
        "2026-03-29T12:00:00Z",
    );
    check(
        &people,
        event(
            json!({"name": "visit", "count": {"equals": 0}}),
            &json!({"before": "2026-03-28T22:00:00Z"}),
        ),
        "none | 2026-03-28T22:00:00Z | 2026-03-29T12:00:00Z | 2026-03-29T12:00:00.000001Z",
    );
}

#[test]
fn only_what_lies_in_the_window_is_counted_and_summed() {
    let people = audience(NOW, "ann | bob", |name| {
        let mut deeds = vec![
            ("purchase", "2026-01-10T10:00:00Z", Some(50_000_000)),
            ("purchase", "2026-02-10T10:00:00Z", Some(30_000_000)),
        ];
        if name == "bob" {
            deeds.push(("refund", "2026-02-11T10:00:00Z", Some(-30_000_000)));
            deeds.push(("purchase", "2026-03-10T10:00:00Z", None));
        }
        active(&deeds)
    });
    let february = json!({"between": {"from": "2026-02-01", "to": "2026-02-28"}});
    let sum = |names: Value, test: Value| event(json!({"names": names, "sum": test}), &february);
    check(
        &people,
        sum(json!(["purchase"]), json!({"equals": 30})),
        "ann | bob",
    );
    check(
        &people,
        sum(json!(["purchase", "refund"]), json!({"equals": 30})),
        "ann",
    );
    check(
        &people,
        sum(json!(["refund", "purchase"]), json!({"equals": 0})),
        "none | bob",
    );
    let count =
        |window: Value, test: Value| event(json!({"name": "purchase", "count": test}), &window);
    check(
        &people,
        count(february.clone(), json!({"equals": 1})),
        "ann | bob",
    );
    check(
        &people,
        count(json!({"after": "2026-01-10"}), json!({"equals": 2})),
        "bob",
    );
    check(
        &people,
        count(json!({"before": "2026-02-10"}), json!({"equals": 1})),
        "ann | bob",
    );
    check(&people, count(json!({}), json!({"equals": 3})), "bob");
}
