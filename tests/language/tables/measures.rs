//! What is made of events: days, averages, extremes, the first and the last.

use super::dates::{DAYS, PERIODS, just_after, just_before};
use super::{Audience, NOON, active, audience, check};
use serde_json::{Value, json};

/// All time, which lifetime totals answer as far as they can, and windows around everything, which the events answer.
fn wide_windows() -> [Value; 4] {
    [
        json!({}),
        json!({"inTheLast": {"amount": 60, "unit": "YEAR"}}),
        json!({"before": "9999-12-31"}),
        json!({"between": {"from": "1999-12-31", "to": "2030-12-31"}}),
    ]
}

/// Checks a measure of visits in every wide window.
#[track_caller]
fn check_measure(people: &Audience, measure: &str, test: &Value, expected: &str) {
    for window in wide_windows() {
        let mut event = json!({"name": "visit", measure: test});
        let parts = event.as_object_mut().expect("an object");
        parts.extend(window.as_object().expect("an object").clone());
        check(people, json!({ "event": event }), expected);
    }
}

/// People named by the values of their visits in millionths, or `-` for a visit without one.
fn spenders(values: &str) -> Audience {
    audience(NOON, values, |values| {
        let visit = |value: &str| ("visit", "2026-03-20T10:00:00Z", value.parse().ok());
        active(&values.split(' ').map(visit).collect::<Vec<_>>())
    })
}

#[test]
fn days_are_local_ones_and_counted_once() {
    for (zone, _, [before, first, last, after]) in DAYS {
        let all = format!("{before} {first} {last} {after}");
        let [one, two, three] = [
            format!("{first} {last} {first}"),
            format!("{before} {first}"),
            format!("{after} {before} {last} {first}"),
        ];
        let people = audience(
            &format!("2026-12-31T12:00:00Z {zone}"),
            &format!("{one} | {two} | {three} | {all}"),
            |instants| {
                let visits = instants.split(' ').map(|at| ("visit", at, None));
                active(&visits.collect::<Vec<_>>())
            },
        );
        let days = |test: Value, expected: &str| {
            check_measure(&people, "distinctDays", &test, expected);
        };
        days(json!({"equals": 0}), "none");
        days(json!({"equals": 1}), &one);
        days(json!({"equals": 2}), &two);
        days(json!({"atLeast": 3}), &format!("{three} | {all}"));
        days(json!({"notEquals": 3}), &format!("none | {one} | {two}"));
        days(json!({"atMost": 1}), &format!("none | {one}"));
    }
}

#[test]
fn averages_are_of_the_values_there_are() {
    let people = spenders("100000 200000 300000 | 10000000 - | - | 5000000 -5000000 | -3000000");
    for (test, expected) in [
        // 0.1, 0.2 and 0.3 make 0.2, though their sum as doubles would make a little more.
        (json!({"equals": 0.2}), "100000 200000 300000"),
        (json!({"equals": 10}), "10000000 -"),
        (json!({"equals": 0}), "5000000 -5000000"),
        (json!({"equals": -3}), "-3000000"),
        (
            json!({"atLeast": 0}),
            "100000 200000 300000 | 10000000 - | 5000000 -5000000",
        ),
        // Who has no value has no average: not 0 either.
        (json!({"atMost": 0}), "5000000 -5000000 | -3000000"),
        (json!({"lessThan": 0.2}), "5000000 -5000000 | -3000000"),
        (json!({"greaterThan": 0.2}), "10000000 -"),
        (
            json!({"between": {"from": 0.2, "to": 10}}),
            "100000 200000 300000 | 10000000 -",
        ),
        (json!({"in": [-3, 10]}), "10000000 - | -3000000"),
        (
            json!({"notEquals": 10}),
            "none | 100000 200000 300000 | - | 5000000 -5000000 | -3000000",
        ),
        (
            json!({"isSet": true}),
            "100000 200000 300000 | 10000000 - | 5000000 -5000000 | -3000000",
        ),
        (json!({"isSet": false}), "none | -"),
    ] {
        check_measure(&people, "average", &test, expected);
    }
}

#[test]
fn extremes_are_of_the_values_there_are() {
    let people = spenders("10000000 -2500000 - | 10000000 | - - | 0");
    for (measure, test, expected) in [
        ("min", json!({"equals": -2.5}), "10000000 -2500000 -"),
        ("min", json!({"equals": 10}), "10000000"),
        ("min", json!({"atMost": 0}), "10000000 -2500000 - | 0"),
        ("min", json!({"lessThan": 0}), "10000000 -2500000 -"),
        (
            "min",
            json!({"notEquals": 10}),
            "none | 10000000 -2500000 - | - - | 0",
        ),
        ("min", json!({"isSet": false}), "none | - -"),
        (
            "max",
            json!({"equals": 10}),
            "10000000 -2500000 - | 10000000",
        ),
        ("max", json!({"atMost": 0}), "0"),
        (
            "max",
            json!({"atLeast": 0}),
            "10000000 -2500000 - | 10000000 | 0",
        ),
        (
            "max",
            json!({"notEquals": 0}),
            "none | 10000000 -2500000 - | 10000000 | - -",
        ),
        (
            "max",
            json!({"isSet": true}),
            "10000000 -2500000 - | 10000000 | 0",
        ),
        ("max", json!({"between": {"from": 0, "to": 9.999999}}), "0"),
    ] {
        check_measure(&people, measure, &test, expected);
    }
}

/// People named by when they visited.
fn visitors(moment: &str, instants: &str) -> Audience {
    audience(moment, instants, |instants| {
        let visits = instants.split(' ').map(|at| ("visit", at, None));
        active(&visits.collect::<Vec<_>>())
    })
}

#[test]
fn the_first_and_the_last_visit_are_instants() {
    let (early, middle, late) = (
        "2024-02-29T12:00:00Z",
        "2026-01-31T12:00:00Z",
        "2026-07-15T12:00:00Z",
    );
    let (long, short) = (
        format!("{late} {early} {middle}"),
        format!("{middle} {late}"),
    );
    let people = visitors(NOON, &format!("{long} | {short} | {early}"));
    for (measure, test, expected) in [
        (
            "firstAt",
            json!({"on": "2024-02-29"}),
            format!("{long} | {early}"),
        ),
        ("firstAt", json!({"on": "2026-01-31"}), short.clone()),
        (
            "firstAt",
            json!({"before": "2026-01-31"}),
            format!("{long} | {early}"),
        ),
        ("firstAt", json!({"onOrAfter": middle}), short.clone()),
        ("firstAt", json!({"anniversaryMonth": 1}), short.clone()),
        (
            "lastAt",
            json!({"isToday": true}),
            format!("{long} | {short}"),
        ),
        (
            "lastAt",
            json!({"moreThanAgo": {"amount": 90, "unit": "DAY"}}),
            early.to_owned(),
        ),
        (
            "lastAt",
            json!({"inTheLast": {"amount": 0, "unit": "HOUR"}}),
            format!("{long} | {short}"),
        ),
        (
            "lastAt",
            json!({"inTheNext": {"amount": 1, "unit": "HOUR"}}),
            format!("{long} | {short}"),
        ),
        ("lastAt", json!({"after": late}), String::new()),
        (
            "lastAt",
            json!({"onOrBefore": late}),
            format!("{long} | {short} | {early}"),
        ),
        (
            "lastAt",
            json!({"between": {"from": early, "to": early}}),
            early.to_owned(),
        ),
        (
            "lastAt",
            json!({"anniversaryToday": true}),
            format!("{long} | {short}"),
        ),
        (
            "lastAt",
            json!({"anniversaryInTheLast": {"amount": 20, "unit": "WEEK"}}),
            { format!("{long} | {short} | {early}") },
        ),
        (
            "lastAt",
            json!({"anniversaryInTheNext": {"amount": 1, "unit": "DAY"}}),
            format!("{long} | {short}"),
        ),
        (
            "lastAt",
            json!({"isSet": true}),
            format!("{long} | {short} | {early}"),
        ),
        ("firstAt", json!({"isSet": false}), "none".to_owned()),
    ] {
        check_measure(&people, measure, &test, &expected);
    }
    // Within a window, the last is the last of the window.
    let rule =
        json!({"event": {"name": "visit", "before": "2026-07-15", "lastAt": {"on": middle}}});
    check(&people, rule, &format!("{long} | {short}"));
}

#[test]
fn windows_of_events_are_those_of_instants() {
    for (zone, day, [before, first, last, after]) in DAYS {
        let instants = [before, first, last, after].join(" | ");
        let people = visitors(&format!("{first} {zone}"), &instants);
        let visited = |test: &str, value: Value| json!({"event": {"name": "visit", test: value}});
        let whole = format!("{first} | {last}");
        check(
            &people,
            visited("between", json!({"from": day, "to": day})),
            &whole,
        );
        check(&people, visited("before", json!(day)), before);
        check(&people, visited("after", json!(day)), after);
        check(
            &people,
            visited("before", json!(last)),
            &format!("{before} | {first}"),
        );
        check(
            &people,
            visited("after", json!(first)),
            &format!("{last} | {after}"),
        );
        let (last_at, first_at) = (json!({"on": day}), json!({"isToday": true}));
        check(&people, visited("lastAt", last_at), &whole);
        check(&people, visited("firstAt", first_at), &whole);
    }
    for (moment, amount, unit, past, _) in PERIODS {
        let (now, _) = moment.split_once(' ').expect("an instant and a zone");
        let bounds = if past == now {
            now.to_owned()
        } else {
            format!("{past} | {now}")
        };
        let (too_early, too_late) = (just_before(past), just_after(now));
        let people = visitors(moment, &format!("{too_early} | {bounds} | {too_late}"));
        let span = json!({"amount": amount, "unit": unit});
        let rule = json!({"event": {"name": "visit", "inTheLast": span}});
        check(&people, rule, &bounds);
        let never = json!({"event": {"name": "visit", "inTheLast": span, "count": {"equals": 0}}});
        check(&people, never, &format!("none | {too_early} | {too_late}"));
    }
}

#[test]
fn windows_of_one_rule_do_not_cut_each_other() {
    let (early, middle, late) = (
        "2026-01-10T12:00:00Z",
        "2026-02-10T12:00:00Z",
        "2026-03-10T12:00:00Z",
    );
    let all = format!("{early} {middle} {late}");
    let people = visitors(NOON, &format!("{early} | {middle} | {late} | {all}"));
    // Events are read once for all of these, from the first beginning to the last end.
    let in_month = |first: &str, last: &str| json!({"event": {"name": "visit", "between": {"from": first, "to": last}}});
    let months = [
        in_month("2026-02-01", "2026-02-28"),
        in_month("2026-03-01", "2026-03-31"),
        in_month("2026-01-01", "2026-01-31"),
    ];
    check(&people, json!({ "all": months }), &all);
    check(
        &people,
        json!({ "any": months }),
        &format!("{early} | {middle} | {late} | {all}"),
    );
    let before = json!({"event": {"name": "visit", "before": "2026-01-31"}});
    let after = json!({"event": {"name": "visit", "after": "2026-03-01"}});
    let both = json!({"all": [before, months[0], months[1]]});
    check(&people, both, &all);
    check(&people, json!({"all": [after, months[0], months[2]]}), &all);
    check(
        &people,
        json!({"any": [before, after]}),
        &format!("{early} | {late} | {all}"),
    );
}
