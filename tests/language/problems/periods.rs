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
    assert_snapshot!(created(ago((30, "DAY"), (60, "DAY"))), @r#"
    WRONG_VALUE at date.is.betweenAgo
      expected "from" at least as long ago as "to", found 30 days ago and 60 days ago
    "#);
    assert_snapshot!(created(ago((1, "WEEK"), (8, "DAY"))), @r#"
    WRONG_VALUE at date.is.betweenAgo
      expected "from" at least as long ago as "to", found 1 week ago and 8 days ago
    "#);
    assert_snapshot!(created(ago((1, "MONTH"), (1, "YEAR"))), @r#"
    WRONG_VALUE at date.is.betweenAgo
      expected "from" at least as long ago as "to", found 1 month ago and 1 year ago
    "#);
    assert_snapshot!(problems_of(event(json!({"name": "visit", "betweenAgo": ago((1, "HOUR"), (2, "HOUR"))}))), @r#"
    WRONG_VALUE at event.betweenAgo
      expected "from" at least as long ago as "to", found 1 hour ago and 2 hours ago
    "#);
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
    assert_snapshot!(visits(json!({"amount": 30, "unit": "DAY"})), @r#"
    UNKNOWN_KEY at event.betweenAgo
      expected one of the keys ("from", "to"), found "amount"
    UNKNOWN_KEY at event.betweenAgo
      expected one of the keys ("from", "to"), found "unit"
    MISSING at event.betweenAgo
      expected the key "from", found none
    MISSING at event.betweenAgo
      expected the key "to", found none
    "#);
    assert_snapshot!(visits(json!({"from": {"amount": -1, "unit": "DAY"}, "to": {"amount": 1, "unit": "day"}})), @r#"
    WRONG_SHAPE at event.betweenAgo.from.amount
      expected a whole number from 0 to 100000, found the number -1
    WRONG_VALUE at event.betweenAgo.to.unit
      expected a unit ("HOUR", "DAY", "WEEK", "MONTH", "YEAR"), found "day"
      hint: did you mean "DAY"?
    "#);
    assert_snapshot!(visits(json!([60, 30])), @r#"
    WRONG_SHAPE at event.betweenAgo
      expected an object with the keys "from", "to", found a list
    "#);
    assert_snapshot!(problems_of(date("birthday", json!({"betweenAgo": ago((48, "HOUR"), (1, "HOUR"))}))), @r#"
    WRONG_VALUE at date.is.betweenAgo.from.unit
      the field holds days: expected DAY, WEEK, MONTH or YEAR, found HOUR
    WRONG_VALUE at date.is.betweenAgo.to.unit
      the field holds days: expected DAY, WEEK, MONTH or YEAR, found HOUR
    "#);
    assert_snapshot!(
        problems_of(event(json!({"name": "visit", "betweenAgo": ago((2, "DAY"), (1, "DAY")), "during": "TODAY"}))), @r#"
    WRONG_SHAPE at event
      expected at most one of "inTheLast", "betweenAgo", "during", "between", "before", "after", found several
    "#);
}

#[test]
fn calendar_periods_have_names() {
    let created = |period: Value| problems_of(date("createdAt", json!({"during": period})));
    assert_snapshot!(created(json!("LAST_MONHT")), @r#"
    WRONG_VALUE at date.is.during
      expected a calendar period ("YESTERDAY", "TODAY", "TOMORROW", "LAST_WEEK", "THIS_WEEK", "NEXT_WEEK", "LAST_MONTH", "THIS_MONTH", "NEXT_MONTH", "LAST_QUARTER", "THIS_QUARTER", "NEXT_QUARTER", "LAST_YEAR", "THIS_YEAR", "NEXT_YEAR"), found "LAST_MONHT"
      hint: did you mean "LAST_MONTH"?
    "#);
    assert_snapshot!(created(json!("yesterday")), @r#"
    WRONG_VALUE at date.is.during
      expected a calendar period ("YESTERDAY", "TODAY", "TOMORROW", "LAST_WEEK", "THIS_WEEK", "NEXT_WEEK", "LAST_MONTH", "THIS_MONTH", "NEXT_MONTH", "LAST_QUARTER", "THIS_QUARTER", "NEXT_QUARTER", "LAST_YEAR", "THIS_YEAR", "NEXT_YEAR"), found "yesterday"
      hint: did you mean "YESTERDAY"?
    "#);
    assert_snapshot!(created(json!({"period": "TODAY"})), @r#"
    WRONG_SHAPE at date.is.during
      expected a text, found an object
    "#);
    assert_snapshot!(problems_of(json!({"group": {"inAny": ["staff"], "addedAt": {"during": "LAST_30_DAYS"}}})), @r#"
    WRONG_VALUE at group.addedAt.during
      expected a calendar period ("YESTERDAY", "TODAY", "TOMORROW", "LAST_WEEK", "THIS_WEEK", "NEXT_WEEK", "LAST_MONTH", "THIS_MONTH", "NEXT_MONTH", "LAST_QUARTER", "THIS_QUARTER", "NEXT_QUARTER", "LAST_YEAR", "THIS_YEAR", "NEXT_YEAR"), found "LAST_30_DAYS"
    "#);
}

#[test]
fn a_measured_property_stands_beside_its_measure() {
    let visits = |more: Value| {
        let mut condition = json!({"name": "visit"});
        let keys = condition.as_object_mut().expect("an object");
        keys.extend(more.as_object().expect("an object").clone());
        problems_of(event(condition))
    };
    assert_snapshot!(visits(json!({"of": "total"})), @r#"
    WRONG_SHAPE at event.of
      expected "of" only beside one of "sum", "average", "min", "max", found none of them
    "#);
    assert_snapshot!(visits(json!({"count": {"atLeast": 1}, "of": "total"})), @r#"
    WRONG_SHAPE at event.of
      expected "of" only beside one of "sum", "average", "min", "max", found none of them
    "#);
    assert_snapshot!(visits(json!({"lastAt": {"isToday": true}, "of": "total"})), @r#"
    WRONG_SHAPE at event.of
      expected "of" only beside one of "sum", "average", "min", "max", found none of them
    "#);
    assert_snapshot!(visits(json!({"sum": {"atLeast": 1}, "of": ""})), @r#"
    EMPTY at event.of
      expected a text, found an empty one
    "#);
    assert_snapshot!(visits(json!({"sum": {"atLeast": 1}, "of": ["total"]})), @r#"
    WRONG_SHAPE at event.of
      expected a text, found a list
    "#);
    assert_snapshot!(visits(json!({"sum": {"isSet": true}, "of": "total"})), @r#"
    UNKNOWN_TEST at event.sum
      expected a comparison, found "isSet": a sum always exists
    "#);
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
    assert_snapshot!(base(json!({"ever": false})), @r#"
    WRONG_VALUE at segment.ever
      expected true, found false; use "not" for the opposite
    "#);
    assert_snapshot!(base(json!({"ever": "yes"})), @r#"
    WRONG_SHAPE at segment.ever
      expected true, found the text "yes"
    "#);
    assert_snapshot!(base(json!({"joinedAt": {"on": "2026-03-01"}})), @r#"
    UNKNOWN_TEST at segment.joinedAt
      expected a window of time ("inTheLast", "betweenAgo", "during", "between", "before", "after"), found "on"
      hint: "on" is a test of dates
    "#);
    assert_snapshot!(base(json!({"joinedAt": {"inTheLast": {"amount": 1, "unit": "DAYS"}}})), @r#"
    WRONG_VALUE at segment.joinedAt.inTheLast.unit
      expected a unit ("HOUR", "DAY", "WEEK", "MONTH", "YEAR"), found "DAYS"
      hint: did you mean "DAY"?
    "#);
    assert_snapshot!(base(json!({"addedAt": {"during": "TODAY"}})), @r#"
    UNKNOWN_KEY at segment
      expected one of the keys ("inAny", "inAll", "ever", "joinedAt"), found "addedAt"
    "#);
    assert_snapshot!(problems_of(json!({"segment": {"ever": true}})), @r#"
    MISSING at segment
      expected the key "inAny" or "inAll", found neither
    "#);
    assert_eq!(base(json!({"ever": null, "joinedAt": null})), "none");
}

#[test]
fn no_group_excludes_named_groups() {
    assert_snapshot!(problems_of(json!({"group": {"none": false}})), @r#"
    WRONG_VALUE at group.none
      expected true, found false; use "not" for the opposite
    "#);
    assert_snapshot!(problems_of(json!({"group": {"none": ["staff"]}})), @r#"
    WRONG_SHAPE at group.none
      expected true, found a list
    "#);
    assert_snapshot!(problems_of(json!({"group": {"none": true, "inAny": ["staff"]}})), @r#"
    WRONG_SHAPE at group
      expected at most one of "inAny", "inAll", "none", found several
    "#);
    assert_eq!(
        problems_of(json!({"group": {"none": true, "inAny": null}})),
        "none"
    );
}
