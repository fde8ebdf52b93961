//! Problems of values and names: numbers, dates, periods, patterns, fields, groups.

use super::{date, event, number, problems_of, text};
use insta::assert_snapshot;
use serde_json::{Value, json};

#[test]
fn fields_that_do_not_exist_or_have_another_type() {
    assert_snapshot!(problems_of(text("custom.pan", json!({"isSet": true}))), @r#"
    UNKNOWN_FIELD at text.field
      expected a field, found "custom.pan", which does not exist
      hint: did you mean "custom.plan"?
    "#);
    assert_snapshot!(problems_of(text("Country", json!({"isSet": true}))), @r#"
    UNKNOWN_FIELD at text.field
      expected a field, found "Country", which does not exist
      hint: did you mean "country"?
    "#);
    assert_snapshot!(problems_of(text("shoe size", json!({"isSet": true}))), @r#"
    UNKNOWN_FIELD at text.field
      expected a field, found "shoe size", which does not exist
      hint: known fields: email, email.domain, firstName, lastName, phone, country, region, city, postalCode, language, timezone, source, custom.city2, custom.plan
    "#);
    assert_snapshot!(problems_of(text("custom.visits", json!({"isSet": true}))), @r#"
    WRONG_FIELD_TYPE at text.field
      expected a field of type text, found "custom.visits" of type number
      hint: ask about it with {"number": {"field": "custom.visits", ...}}
    "#);
    assert_snapshot!(problems_of(date("city", json!({"isSet": true}))), @r#"
    WRONG_FIELD_TYPE at date.field
      expected a field of type date, found "city" of type text
      hint: ask about it with {"text": {"field": "city", ...}}
    "#);
    assert_snapshot!(
        problems_of(json!({"boolean": {"field": "birthday", "is": {"isSet": true}}})),
        @r#"
    WRONG_FIELD_TYPE at boolean.field
      expected a field of type boolean, found "birthday" of type date
      hint: ask about it with {"date": {"field": "birthday", ...}}
    "#
    );
}

#[test]
fn numbers_that_are_none() {
    assert_snapshot!(problems_of(number(json!({"equals": "NaN"}))), @r#"
    WRONG_SHAPE at number.is.equals
      expected a number, found the text "NaN"
    "#);
    assert_snapshot!(problems_of(number(json!({"in": [1, "Infinity", null]}))), @r#"
    WRONG_SHAPE at number.is.in[1]
      expected a number, found the text "Infinity"
    WRONG_SHAPE at number.is.in[2]
      expected a number, found null
    "#);
    assert_snapshot!(problems_of(number(json!({"between": {"from": 9, "to": 3.5}}))), @r#"
    WRONG_VALUE at number.is.between
      expected "from" at most "to", found 9 and 3.5
    "#);
    assert_snapshot!(problems_of(number(json!({"isSet": 1}))), @"
    WRONG_SHAPE at number.is.isSet
      expected true or false, found the number 1
    ");
}

#[test]
fn days_and_instants_that_do_not_exist() {
    let on = |literal: &str| date("createdAt", json!({ "on": literal }));
    assert_snapshot!(problems_of(on("2026-02-29")), @r#"
    WRONG_VALUE at date.is.on
      expected a day of the calendar (February 2026 has the days 01 to 28), found "2026-02-29"
    "#);
    for literal in [
        "2026-3-1",
        "+2026-3-01",
        "2026-03- 1",
        " 2026-3-01",
        "2026-13-01",
        "0000-01-01",
        "10000-01-01",
        "01.03.2026",
        "yesterday",
        "2026-03-01T09:30:00",
        "2026-03-01T09:30Z",
        "2026-03-01T25:00:00Z",
    ] {
        let problems = problems_of(on(literal));
        assert!(
            problems.starts_with("WRONG_VALUE at date.is.on\n"),
            "{literal}: {problems}"
        );
        assert!(
            problems.ends_with(&format!("found \"{literal}\"")),
            "{literal}: {problems}"
        );
    }
    assert_snapshot!(problems_of(on("0001-01-01T00:00:00+05:00")), @r"
    WRONG_VALUE at date.is.on
      expected a moment from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999Z, found 0000-12-31T19:00:00Z
    ");
    assert_snapshot!(problems_of(date("createdAt", json!({"on": 20_260_301}))), @r#"
    WRONG_SHAPE at date.is.on
      expected a day such as "2026-03-01" or a time such as "2026-03-01T09:30:00Z", found the number 20260301
    "#);
    assert_snapshot!(
        problems_of(date("createdAt", json!({"between": {"from": "2026-03-02", "to": "2026-03-01"}}))),
        @r#"
    WRONG_VALUE at date.is.between
      expected "from" not later than "to", found "2026-03-02" and "2026-03-01"
    "#
    );
    assert_snapshot!(
        problems_of(date("birthday", json!({"anniversaryMonth": 13}))),
        @"
    WRONG_SHAPE at date.is.anniversaryMonth
      expected a month from 1 to 12, found the number 13
    "
    );
    assert_snapshot!(problems_of(date("birthday", json!({"isToday": false}))), @r#"
    WRONG_VALUE at date.is.isToday
      expected true, found false; use "not" for the opposite
    "#);
}

#[test]
fn fields_of_days_take_no_instants_and_no_hours() {
    let instant = "2026-03-01T09:30:00Z";
    assert_snapshot!(problems_of(date("birthday", json!({ "before": instant }))), @"
    WRONG_VALUE at date.is.before
      the field holds days: expected a day, found a time
    ");
    assert_snapshot!(
        problems_of(date("custom.renewal", json!({"between": {"from": instant, "to": instant}}))),
        @"
    WRONG_VALUE at date.is.between.from
      the field holds days: expected a day, found a time
    WRONG_VALUE at date.is.between.to
      the field holds days: expected a day, found a time
    "
    );
    let hours = json!({"amount": 3, "unit": "HOUR"});
    assert_snapshot!(problems_of(date("birthday", json!({ "inTheLast": hours }))), @"
    WRONG_VALUE at date.is.inTheLast.unit
      the field holds days: expected DAY, WEEK, MONTH or YEAR, found HOUR
    ");
    assert_snapshot!(problems_of(date("createdAt", json!({ "anniversaryInTheNext": hours }))), @"
    WRONG_VALUE at date.is.anniversaryInTheNext.unit
      expected DAY, WEEK, MONTH or YEAR for an anniversary, found HOUR
    ");
}

#[test]
fn periods_of_no_known_length() {
    let period = |amount: Value, unit: Value| {
        date(
            "createdAt",
            json!({"inTheLast": {"amount": amount, "unit": unit}}),
        )
    };
    assert_snapshot!(problems_of(period(json!(3), json!("DAYS"))), @r#"
    WRONG_VALUE at date.is.inTheLast.unit
      expected a unit ("HOUR", "DAY", "WEEK", "MONTH", "YEAR"), found "DAYS"
      hint: did you mean "DAY"?
    "#);
    assert_snapshot!(problems_of(period(json!(3), json!("day"))), @r#"
    WRONG_VALUE at date.is.inTheLast.unit
      expected a unit ("HOUR", "DAY", "WEEK", "MONTH", "YEAR"), found "day"
      hint: did you mean "DAY"?
    "#);
    assert_snapshot!(problems_of(period(json!(-1.5), json!("FORTNIGHT"))), @r#"
    WRONG_SHAPE at date.is.inTheLast.amount
      expected a whole number from 0 to 100000, found the number -1.5
    WRONG_VALUE at date.is.inTheLast.unit
      expected a unit ("HOUR", "DAY", "WEEK", "MONTH", "YEAR"), found "FORTNIGHT"
    "#);
    assert_snapshot!(problems_of(period(json!(100_001), json!("YEAR"))), @"
    WRONG_SHAPE at date.is.inTheLast.amount
      expected a whole number from 0 to 100000, found the number 100001
    ");
    assert_snapshot!(problems_of(date("createdAt", json!({"inTheLast": "3 days"}))), @r#"
    WRONG_SHAPE at date.is.inTheLast
      expected an object with the keys "amount", "unit", found the text "3 days"
    "#);
}

#[test]
fn regular_expressions_that_do_not_compile() {
    let matches = |pattern: &str| text("city", json!({ "matches": pattern }));
    assert_snapshot!(problems_of(matches("(a|b")), @r#"
    INVALID_REGEX at text.is.matches
      expected a valid regular expression, found "(a|b": unclosed group
    "#);
    assert_snapshot!(problems_of(matches("^(?!a)")), @r#"
    INVALID_REGEX at text.is.matches
      expected a valid regular expression, found "^(?!a)": look-around, including look-ahead and look-behind, is not supported
    "#);
    assert_snapshot!(problems_of(matches(r"(\w{100}){100}")), @"
    INVALID_REGEX at text.is.matches
      expected a regular expression that needs at most 524288 bytes, found one that needs more
    ");
    assert_snapshot!(problems_of(matches(&"a".repeat(501))), @"
    INVALID_REGEX at text.is.matches
      expected a regular expression of at most 500 characters, found 501
    ");
    assert_snapshot!(problems_of(matches(&"ą".repeat(500))), @"none");
}

#[test]
fn statuses_groups_and_events() {
    assert_snapshot!(problems_of(json!({"status": {"in": ["Subscribed", "GONE", 3]}})), @r#"
    WRONG_VALUE at status.in[0]
      expected a status ("SUBSCRIBED", "UNSUBSCRIBED", "BOUNCED", "COMPLAINED", "PENDING"), found "Subscribed"
      hint: did you mean "SUBSCRIBED"?
    WRONG_VALUE at status.in[1]
      expected a status ("SUBSCRIBED", "UNSUBSCRIBED", "BOUNCED", "COMPLAINED", "PENDING"), found "GONE"
    WRONG_SHAPE at status.in[2]
      expected a text, found the number 3
    "#);
    assert_snapshot!(problems_of(json!({"group": {"inAny": ["Staff", "stuff", "customers"]}})), @r#"
    UNKNOWN_GROUP at group.inAny[0]
      expected the key of a group, found "Staff", which does not exist
      hint: did you mean "staff"?
    UNKNOWN_GROUP at group.inAny[1]
      expected the key of a group, found "stuff", which does not exist
      hint: did you mean "staff"?
    UNKNOWN_GROUP at group.inAny[2]
      expected the key of a group, found "customers", which does not exist
    "#);
    assert_snapshot!(problems_of(event(json!({"count": {"atLeast": 1}}))), @r#"
    MISSING at event
      expected the key "name" or "names", found neither
    "#);
    assert_snapshot!(problems_of(event(json!({"name": "visit", "names": ["visit"]}))), @r#"
    WRONG_SHAPE at event
      expected at most one of "name", "names", found several
    "#);
    assert_snapshot!(
        problems_of(event(json!({"name": "visit", "before": "2026-03-01", "after": "2026-02-01"}))),
        @r#"
    WRONG_SHAPE at event
      expected at most one of "inTheLast", "betweenAgo", "during", "between", "before", "after", found several
    "#
    );
    assert_snapshot!(
        problems_of(event(json!({"name": "visit", "count": {"isSet": true}}))),
        @r#"
    UNKNOWN_TEST at event.count
      expected a comparison, found "isSet": a count always exists
    "#
    );
}
