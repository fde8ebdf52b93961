//! Events measured over a property, in windows with two ends, and people in no group: from the tables to the answer.

use super::{explain, preview};
use crate::support::TestApp;
use serde_json::{Value, json};

fn app() -> TestApp {
    let app = TestApp::in_zone("2026-03-30T09:00:00Z", chrono_tz::Europe::Vilnius);
    for email in ["anna@x.lt", "jonas@x.lt", "ona@x.lt"] {
        app.subscriber(email, json!({}));
    }
    app
}

/// Records orders with these totals, written as JSON.
#[track_caller]
fn order(app: &TestApp, email: &str, at: &str, totals: &[&str]) {
    let events = totals.iter().map(|total| {
        let total: Value = serde_json::from_str(total).expect("JSON");
        json!({"email": email, "name": "order", "occurredAt": at, "value": 1, "properties": {"total": total}})
    });
    let events: Vec<Value> = events.collect();
    app.mutate(
        "mutation ($events: [EventInput!]!) { recordEvents(input: {events: $events}) { userErrors { message path } } }",
        json!({ "events": events }),
    );
}

fn measured(measure: &str, test: Value) -> Value {
    json!({"event": {"name": "order", measure: test, "of": "total"}})
}

#[test]
fn sums_of_a_property_are_exact_in_any_order() {
    let app = app();
    let at = "2026-03-01T00:00:00Z";
    order(
        &app,
        "anna@x.lt",
        at,
        &["1e16", "1", "-1e16", "\"7\"", "null"],
    );
    order(&app, "jonas@x.lt", at, &["0.1", "0.2", "0.3"]);
    order(&app, "ona@x.lt", at, &["\"12\"", "[1]"]);
    for (measure, test, count) in [
        ("sum", json!({"equals": 1}), 1),
        ("sum", json!({"equals": 0.6}), 1),
        ("sum", json!({"equals": 0}), 1),
        ("average", json!({"equals": 0.2}), 1),
        ("average", json!({"isSet": true}), 2),
        ("min", json!({"lessThan": 0}), 1),
        ("max", json!({"atLeast": 0.3}), 2),
    ] {
        let rule = measured(measure, test);
        assert_eq!(preview(&app, &rule), json!(count), "{rule}");
    }
    assert_eq!(
        explain(&app, "anna@x.lt", &measured("sum", json!({"atLeast": 1}))),
        (true, "sum 1".to_owned())
    );
    assert_eq!(
        explain(&app, "ona@x.lt", &measured("max", json!({"atLeast": 1}))),
        (false, "no events with a number in \"total\"".to_owned())
    );
    // Values and properties are measured apart from each other, also in one plan.
    let both = json!({"all": [measured("sum", json!({"equals": 0.6})), {"event": {"name": "order", "sum": {"equals": 3}}}]});
    assert_eq!(preview(&app, &both), json!(1));
    app.segment("exact", measured("sum", json!({"equals": 1})));
    app.refresh();
    assert_eq!(app.members("exact"), ["anna@x.lt"]);
}

#[test]
fn calendar_periods_and_two_ended_windows_read_the_right_events() {
    let app = app();
    // Yesterday began in Vilnius at 22:00 UTC and ended, after 23 hours, at 21:00 UTC.
    order(&app, "anna@x.lt", "2026-03-28T22:00:00Z", &["1"]);
    order(&app, "jonas@x.lt", "2026-03-29T20:59:59.999999Z", &["1"]);
    order(&app, "ona@x.lt", "2026-03-29T21:00:00Z", &["1"]);
    let yesterday = json!({"event": {"name": "order", "during": "YESTERDAY"}});
    let last_week = json!({"event": {"name": "order", "during": "LAST_WEEK"}});
    let days = |amount: i64| json!({"amount": amount, "unit": "DAY"});
    let ago = json!({"event": {"name": "order", "betweenAgo": {"from": days(2), "to": days(1)}}});
    app.segment("yesterday", yesterday);
    app.segment("last-week", last_week);
    app.segment("ago", ago);
    app.refresh();
    assert_eq!(app.members("yesterday"), ["anna@x.lt", "jonas@x.lt"]);
    assert_eq!(app.members("last-week"), ["anna@x.lt", "jonas@x.lt"]);
    assert_eq!(app.members("ago"), ["anna@x.lt"]);
}

#[test]
fn people_in_no_group_are_found_by_refresh_preview_and_explanation() {
    let app = app();
    app.group("staff", &["ona@x.lt"]);
    app.set_time("2026-04-15T09:00:00Z");
    app.group("press", &["ona@x.lt", "jonas@x.lt"]);
    let none = json!({"group": {"none": true}});
    let lately = json!({"group": {"none": true, "addedAt": {"before": "2026-04-01"}}});
    assert_eq!(preview(&app, &none), json!(1));
    assert_eq!(preview(&app, &json!({ "not": none })), json!(2));
    assert_eq!(preview(&app, &lately), json!(2));
    assert_eq!(
        explain(&app, "anna@x.lt", &none),
        (true, "in no group".to_owned())
    );
    assert_eq!(
        explain(&app, "ona@x.lt", &none),
        (false, "in a group".to_owned())
    );
    app.segment("alone", none);
    app.refresh();
    assert_eq!(app.members("alone"), ["anna@x.lt"]);
}

#[test]
fn the_typed_input_says_all_that_the_json_says() {
    let app = app();
    let data = app.query(
        "{ previewSegment(rule: {all: [ \
             {event: {name: \"order\", betweenAgo: {from: {amount: 60, unit: DAY}, to: {amount: 30, unit: DAY}}, \
               average: {atLeast: 1}, of: \"total\"}} \
             {event: {name: \"order\", during: LAST_MONTH}} \
             {date: {field: \"birthday\", is: {during: NEXT_WEEK}}} \
             {date: {field: \"createdAt\", is: {betweenAgo: {from: {amount: 2, unit: MONTH}, to: {amount: 1, unit: DAY}}}}} \
             {group: {none: true, addedAt: {during: THIS_YEAR}}}]}) { problems { path message } summary memberCount } }",
        json!({}),
    );
    let summary = data["previewSegment"]["summary"].as_str();
    assert_eq!(
        summary.expect("a sentence"),
        "Subscribers whose \"order\" events from 60 to 30 days ago have an average of property total of at least 1, \
         who have at least 1 \"order\" event of the previous calendar month, whose birthday is in the next calendar week, \
         whose time of being added is between 2 months and 1 day ago, \
         and who are in no group that they were added to in the present calendar year."
    );
    assert_eq!(data["previewSegment"]["memberCount"], json!(0));
}
