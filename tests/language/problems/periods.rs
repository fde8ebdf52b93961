//! Problems of windows with two ends, calendar periods, measured properties, past memberships and people in no group.

use super::{date, event, problems_of};
use insta::assert_snapshot;
use serde_json::{Value, json};

fn ago(from: (i64, &str), to: (i64, &str)) -> Value {
    json!({"from": {"amount": from.0, "unit": from.1}, "to": {"amount": to.0, "unit": to.1}})
}

#[test]
fn two_spans_ago_must_not_be_reversed() {
    let created = |span: Value| problems_of(date("createdAt", json!({"betweenAgo": span})));
    assert_snapshot!(created(ago((30, "DAY"), (60, "DAY"))), @"");
    assert_snapshot!(created(ago((1, "WEEK"), (8, "DAY"))), @"");
    assert_snapshot!(created(ago((1, "MONTH"), (1, "YEAR"))), @"");
    assert_snapshot!(problems_of(event(json!({"name": "visit", "betweenAgo": ago((1, "HOUR"), (2, "HOUR"))}))), @"");
    // Which is longer depends on the month: a window that is empty at a moment finds nobody then.
    for (from, to) in [
        ((1, "MONTH"), (30, "DAY")),
        ((30, "DAY"), (1, "MONTH")),
        ((24, "HOUR"), (1, "DAY")),
        ((12, "MONTH"), (1, "YEAR")),
        ((7, "DAY"), (7, "DAY")),
        ((5, "DAY"), (0, "DAY")),
    ] {
        assert_eq!(created(ago(from, to)), "none", "{from:?} to {to:?}");
    }
}

#[test]
fn two_spans_ago_of_another_shape() {
    let visits = |span: Value| problems_of(event(json!({"name": "visit", "betweenAgo": span})));
    assert_snapshot!(visits(json!({"amount": 30, "unit": "DAY"})), @"");
    assert_snapshot!(visits(json!({"from": {"amount": -1, "unit": "DAY"}, "to": {"amount": 1, "unit": "day"}})), @"");
    assert_snapshot!(visits(json!([60, 30])), @"");
    assert_snapshot!(problems_of(date("birthday", json!({"betweenAgo": ago((48, "HOUR"), (1, "HOUR"))}))), @"");
    assert_snapshot!(
        problems_of(event(json!({"name": "visit", "betweenAgo": ago((2, "DAY"), (1, "DAY")), "during": "TODAY"}))), @"");
}

#[test]
fn calendar_periods_have_names() {
    let created = |period: Value| problems_of(date("createdAt", json!({"during": period})));
    assert_snapshot!(created(json!("LAST_MONHT")), @"");
    assert_snapshot!(created(json!("yesterday")), @"");
    assert_snapshot!(created(json!({"period": "TODAY"})), @"");
    assert_snapshot!(problems_of(json!({"group": {"inAny": ["staff"], "addedAt": {"during": "LAST_30_DAYS"}}})), @"");
}

#[test]
fn a_measured_property_stands_beside_its_measure() {
    let visits = |more: Value| {
        let mut condition = json!({"name": "visit"});
        let keys = condition.as_object_mut().expect("an object");
        keys.extend(more.as_object().expect("an object").clone());
        problems_of(event(condition))
    };
    assert_snapshot!(visits(json!({"of": "total"})), @"");
    assert_snapshot!(visits(json!({"count": {"atLeast": 1}, "of": "total"})), @"");
    assert_snapshot!(visits(json!({"lastAt": {"isToday": true}, "of": "total"})), @"");
    assert_snapshot!(visits(json!({"sum": {"atLeast": 1}, "of": ""})), @"");
    assert_snapshot!(visits(json!({"sum": {"atLeast": 1}, "of": ["total"]})), @"");
    assert_snapshot!(visits(json!({"sum": {"isSet": true}, "of": "total"})), @"");
    assert_eq!(visits(json!({"sum": {"atLeast": 1}, "of": null})), "none");
}

#[test]
fn past_memberships_of_another_shape() {
    let base = |more: Value| {
        let mut condition = json!({"inAny": ["base"]});
        let keys = condition.as_object_mut().expect("an object");
        keys.extend(more.as_object().expect("an object").clone());
        problems_of(json!({ "segment": condition }))
    };
    assert_snapshot!(base(json!({"ever": false})), @"");
    assert_snapshot!(base(json!({"ever": "yes"})), @"");
    assert_snapshot!(base(json!({"joinedAt": {"on": "2026-03-01"}})), @"");
    assert_snapshot!(base(json!({"joinedAt": {"inTheLast": {"amount": 1, "unit": "DAYS"}}})), @"");
    assert_snapshot!(base(json!({"addedAt": {"during": "TODAY"}})), @"");
    assert_snapshot!(problems_of(json!({"segment": {"ever": true}})), @"");
    assert_eq!(base(json!({"ever": null, "joinedAt": null})), "none");
}

#[test]
fn no_group_excludes_named_groups() {
    assert_snapshot!(problems_of(json!({"group": {"none": false}})), @"");
    assert_snapshot!(problems_of(json!({"group": {"none": ["staff"]}})), @"");
    assert_snapshot!(problems_of(json!({"group": {"none": true, "inAny": ["staff"]}})), @"");
    assert_eq!(
        problems_of(json!({"group": {"none": true, "inAny": null}})),
        "none"
    );
}
