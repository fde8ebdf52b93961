//! Problems of lists, locations, events and random shares.

use super::{event, list, location, problems_of, text};
use insta::assert_snapshot;
use serde_json::{Value, json};

#[test]
fn lists() {
    assert_snapshot!(problems_of(list(json!({"contains": ["red"]}))), @r#"
    UNKNOWN_TEST at list.is
      expected a test of lists ("containsAny", "containsAll", "containsNone", "size", "isSet"), found "contains"
      hint: did you mean "containsAll"?
    "#);
    assert_snapshot!(problems_of(list(json!({"containsAny": "red"}))), @r#"
    WRONG_SHAPE at list.is.containsAny
      expected a list of texts, found the text "red"
    "#);
    assert_snapshot!(problems_of(list(json!({"containsAll": []}))), @"
    EMPTY at list.is.containsAll
      expected a list of texts, found an empty one
    ");
    assert_snapshot!(problems_of(list(json!({"containsNone": ["red", 3, ""]}))), @"
    WRONG_SHAPE at list.is.containsNone[1]
      expected a text, found the number 3
    EMPTY at list.is.containsNone[2]
      expected a text, found an empty one
    ");
    assert_snapshot!(problems_of(list(json!({"size": 2}))), @r#"
    WRONG_SHAPE at list.is.size
      expected a test of numbers, an object with one of the keys "equals", "notEquals", "greaterThan", "atLeast", "lessThan", "atMost", "between", "in", "isSet", found the number 2
    "#);
    assert_snapshot!(problems_of(list(json!({"size": {"isSet": true}}))), @r#"
    UNKNOWN_TEST at list.is.size
      expected a comparison, found "isSet": a size always exists
    "#);
    assert_snapshot!(problems_of(list(json!({"size": {"atLeast": "two"}}))), @r#"
    WRONG_SHAPE at list.is.size.atLeast
      expected a number, found the text "two"
    "#);
    assert_snapshot!(problems_of(list(json!({"isSet": null}))), @r#"
    MISSING at list.is
      expected a test of lists, an object with one of the keys "containsAny", "containsAll", "containsNone", "size", "isSet", found none
    "#);
    assert_snapshot!(problems_of(list(json!({"containsAny": vec!["x"; 10_001]}))), @"
    TOO_MANY_VALUES at list.is.containsAny
      expected at most 10000 texts, found 10001
    ");
    let of = |field: &str| json!({"list": {"field": field, "is": {"isSet": true}}});
    assert_snapshot!(problems_of(of("custom.tag")), @r#"
    UNKNOWN_FIELD at list.field
      expected a field, found "custom.tag", which does not exist
      hint: did you mean "custom.tags"?
    "#);
    assert_snapshot!(problems_of(of("tags")), @r#"
    UNKNOWN_FIELD at list.field
      expected a field, found "tags", which does not exist
      hint: known fields: custom.skills, custom.tags
    "#);
    assert_snapshot!(problems_of(of("city")), @r#"
    WRONG_FIELD_TYPE at list.field
      expected a field of type list, found "city" of type text
      hint: ask about it with {"text": {"field": "city", ...}}
    "#);
    assert_snapshot!(problems_of(text("custom.tags", json!({"contains": "red"}))), @r#"
    WRONG_FIELD_TYPE at text.field
      expected a field of type text, found "custom.tags" of type list
      hint: ask about it with {"list": {"field": "custom.tags", ...}}
    "#);
    assert_snapshot!(
        problems_of(json!({"list": {"field": "custom.tags", "is": {"isSet": true}, "caseSensitive": true}})),
        @r#"
    UNKNOWN_KEY at list
      expected one of the keys ("field", "is"), found "caseSensitive"
    "#
    );
}

#[test]
fn locations() {
    assert_snapshot!(problems_of(location(json!({}))), @r#"
    MISSING at location
      expected a test of locations, an object with one of the keys "within", "isSet", found none
    "#);
    assert_snapshot!(problems_of(location(json!({"near": {"latitude": 1}}))), @r#"
    UNKNOWN_TEST at location
      expected a test of locations ("within", "isSet"), found "near"
    "#);
    assert_snapshot!(problems_of(location(json!({"isSet": "yes"}))), @r#"
    WRONG_SHAPE at location.isSet
      expected true or false, found the text "yes"
    "#);
    assert_snapshot!(problems_of(location(json!({"within": [54.7, 25.3, 10]}))), @r#"
    WRONG_SHAPE at location.within
      expected an object with the keys "latitude", "longitude", "radiusKm", found a list
    "#);
    let within = |latitude: Value, longitude: Value, radius: Value| {
        let circle = json!({"latitude": latitude, "longitude": longitude, "radiusKm": radius});
        location(json!({ "within": circle }))
    };
    assert_snapshot!(problems_of(within(json!(90), json!(-180), json!(20_038))), @"none");
    assert_snapshot!(problems_of(within(json!(90.5), json!(-181), json!(20_039))), @"
    WRONG_VALUE at location.within.latitude
      expected a number from -90 to 90, found 90.5
    WRONG_VALUE at location.within.longitude
      expected a number from -180 to 180, found -181
    WRONG_VALUE at location.within.radiusKm
      expected a number from 0 to 20038, found 20039
    ");
    assert_snapshot!(problems_of(within(json!(54.7), json!(25.3), json!(0))), @"
    WRONG_VALUE at location.within.radiusKm
      expected a radius of more than 0 kilometres, found 0
    ");
    assert_snapshot!(problems_of(within(json!("54.7"), json!(null), json!(-1))), @r#"
    WRONG_SHAPE at location.within.latitude
      expected a number, found the text "54.7"
    MISSING at location.within
      expected the key "longitude", found none
    WRONG_VALUE at location.within.radiusKm
      expected a number from 0 to 20038, found -1
    "#);
    assert_snapshot!(
        problems_of(location(json!({"within": {"lat": 54.7, "longitude": 25.3, "radius": 10}}))),
        @r#"
    UNKNOWN_KEY at location.within
      expected one of the keys ("latitude", "longitude", "radiusKm"), found "lat"
    UNKNOWN_KEY at location.within
      expected one of the keys ("latitude", "longitude", "radiusKm"), found "radius"
      hint: did you mean "radiusKm"?
    MISSING at location.within
      expected the key "latitude", found none
    MISSING at location.within
      expected the key "radiusKm", found none
    "#
    );
}

#[test]
fn names_windows_and_measures_of_events() {
    assert_snapshot!(problems_of(json!({"event": "visit"})), @r#"
    WRONG_SHAPE at event
      expected an object with the keys "name", "names", "where", "inTheLast", "betweenAgo", "during", "between", "before", "after", "count", "distinctDays", "sum", "average", "min", "max", "firstAt", "lastAt", "of", found the text "visit"
    "#);
    assert_snapshot!(problems_of(event(json!({"count": {"atLeast": 1}}))), @r#"
    MISSING at event
      expected the key "name" or "names", found neither
    "#);
    assert_snapshot!(problems_of(event(json!({"name": "visit", "average": {"atLeast": 1}, "minimum": 3}))), @r#"
    UNKNOWN_KEY at event
      expected one of the keys ("name", "names", "where", "inTheLast", "betweenAgo", "during", "between", "before", "after", "count", "distinctDays", "sum", "average", "min", "max", "firstAt", "lastAt", "of"), found "minimum"
    "#);
    assert_snapshot!(
        problems_of(event(json!({"name": "visit", "count": {"atLeast": 1}, "sum": {"atLeast": 1}}))),
        @r#"
    WRONG_SHAPE at event
      expected at most one of "count", "distinctDays", "sum", "average", "min", "max", "firstAt", "lastAt", found several
    "#
    );
    assert_snapshot!(
        problems_of(event(json!({"name": "visit", "inTheLast": {"amount": 1, "unit": "DAY"}, "before": "2026-03-01"}))),
        @r#"
    WRONG_SHAPE at event
      expected at most one of "inTheLast", "betweenAgo", "during", "between", "before", "after", found several
    "#
    );
    for measure in ["count", "distinctDays", "sum"] {
        let problems = problems_of(event(json!({"name": "visit", measure: {"isSet": true}})));
        let message = format!("expected a comparison, found \"isSet\": a {measure} always exists");
        assert_eq!(
            problems,
            format!("UNKNOWN_TEST at event.{measure}\n  {message}")
        );
    }
    for measure in ["average", "min", "max", "firstAt", "lastAt"] {
        let rule = event(json!({"name": "visit", measure: {"isSet": false}}));
        assert_eq!(problems_of(rule), "none");
    }
    assert_snapshot!(problems_of(event(json!({"name": "visit", "average": {"on": "2026-03-01"}}))), @r#"
    UNKNOWN_TEST at event.average
      expected a test of numbers ("equals", "notEquals", "greaterThan", "atLeast", "lessThan", "atMost", "between", "in", "isSet"), found "on"
      hint: did you mean "in"?
    "#);
    assert_snapshot!(problems_of(event(json!({"name": "visit", "lastAt": {"atLeast": 3}}))), @r#"
    UNKNOWN_TEST at event.lastAt
      expected a test of dates ("on", "before", "after", "onOrBefore", "onOrAfter", "between", "inTheLast", "moreThanAgo", "betweenAgo", "inTheNext", "during", "isToday", "anniversaryToday", "anniversaryInTheNext", "anniversaryInTheLast", "anniversaryMonth", "isSet"), found "atLeast"
      hint: "atLeast" is a test of numbers
    "#);
    assert_snapshot!(problems_of(event(json!({"name": "visit", "firstAt": "2026-03-01"}))), @r#"
    WRONG_SHAPE at event.firstAt
      expected a test of dates, an object with one of the keys "on", "before", "after", "onOrBefore", "onOrAfter", "between", "inTheLast", "moreThanAgo", "betweenAgo", "inTheNext", "during", "isToday", "anniversaryToday", "anniversaryInTheNext", "anniversaryInTheLast", "anniversaryMonth", "isSet", found the text "2026-03-01"
    "#);
    assert_snapshot!(problems_of(event(json!({"name": "visit", "inTheLast": "90 days"}))), @r#"
    WRONG_SHAPE at event.inTheLast
      expected an object with the keys "amount", "unit", found the text "90 days"
    "#);
    assert_snapshot!(
        problems_of(event(json!({"name": "visit", "between": {"from": "2026-03-02", "to": "2026-03-01"}}))),
        @r#"
    WRONG_VALUE at event.between
      expected "from" not later than "to", found "2026-03-02" and "2026-03-01"
    "#
    );
    assert_snapshot!(problems_of(event(json!({"name": "", "after": "soon", "count": 3}))), @r#"
    EMPTY at event.name
      expected a text, found an empty one
    WRONG_VALUE at event.after
      expected a day such as "2026-03-01" or a time such as "2026-03-01T09:30:00Z", found "soon"
    WRONG_SHAPE at event.count
      expected a test of numbers, an object with one of the keys "equals", "notEquals", "greaterThan", "atLeast", "lessThan", "atMost", "between", "in", "isSet", found the number 3
    "#);
}

#[test]
fn properties_of_events() {
    let with = |filters: Value| event(json!({"name": "purchase", "where": filters}));
    assert_snapshot!(problems_of(with(json!({"text": {}}))), @"
    WRONG_SHAPE at event.where
      expected a list of tests of properties, found an object
    ");
    assert_snapshot!(problems_of(with(json!([]))), @"
    EMPTY at event.where
      expected a list of tests of properties, found an empty one
    ");
    assert_snapshot!(problems_of(with(json!(["red", {}, {"status": {"in": ["PENDING"]}}]))), @r#"
    WRONG_SHAPE at event.where[0]
      expected a test of a property, an object with one of the keys "text", "number", "date", "boolean", "list", found the text "red"
    MISSING at event.where[1]
      expected a test of a property, an object with one of the keys "text", "number", "date", "boolean", "list", found none
    UNKNOWN_TEST at event.where[2]
      expected a test of a property ("text", "number", "date", "boolean", "list"), found "status"
    "#);
    assert_snapshot!(
        problems_of(with(json!([{"text": {"field": "shop", "is": {"equals": "online"}}}]))),
        @r#"
    UNKNOWN_KEY at event.where[0].text
      expected one of the keys ("property", "is", "caseSensitive"), found "field"
    MISSING at event.where[0].text
      expected the key "property", found none
    "#
    );
    assert_snapshot!(
        problems_of(with(json!([
            {"number": {"property": "price", "is": {"contains": "3"}}},
            {"date": {"property": "due", "is": {"before": "2026-02-30"}}},
            {"boolean": {"property": "gift", "is": {"isTrue": false}}},
            {"list": {"property": 3, "is": {"size": {"isSet": true}}}},
            {"text": {"property": "shop", "is": {"matches": "("}}},
        ]))),
        @r#"
    UNKNOWN_TEST at event.where[0].number.is
      expected a test of numbers ("equals", "notEquals", "greaterThan", "atLeast", "lessThan", "atMost", "between", "in", "isSet"), found "contains"
      hint: "contains" is a test of text
    WRONG_VALUE at event.where[1].date.is.before
      expected a day of the calendar (February 2026 has the days 01 to 28), found "2026-02-30"
    WRONG_VALUE at event.where[2].boolean.is.isTrue
      expected true, found false; use "not" for the opposite
    WRONG_SHAPE at event.where[3].list.property
      expected a text, found the number 3
    UNKNOWN_TEST at event.where[3].list.is.size
      expected a comparison, found "isSet": a size always exists
    INVALID_REGEX at event.where[4].text.is.matches
      expected a valid regular expression, found "(": unclosed group
    "#
    );
    // Both a day and an instant can be compared with a property, and hours as well.
    assert_snapshot!(problems_of(with(json!([
        {"date": {"property": "due", "is": {"before": "2026-03-01T00:00:00Z"}}},
        {"date": {"property": "due", "is": {"inTheNext": {"amount": 3, "unit": "HOUR"}}}},
    ]))), @"none");
    let filter = json!({"boolean": {"property": "gift", "is": {"isTrue": true}}});
    assert_snapshot!(problems_of(with(json!(vec![&filter; 20]))), @"none");
    assert_snapshot!(problems_of(with(json!(vec![&filter; 21]))), @"
    TOO_MANY_VALUES at event.where
      expected at most 20 tests of properties, found 21
    ");
}

#[test]
fn random_shares() {
    let random = |salt: Value, from: Value, to: Value| {
        problems_of(json!({"random": {"salt": salt, "fromPercent": from, "toPercent": to}}))
    };
    assert_snapshot!(random(json!("a"), json!(0), json!(100)), @"none");
    assert_snapshot!(random(json!("a"), json!(50), json!(50)), @r#"
    WRONG_VALUE at random
      expected "fromPercent" less than "toPercent", found 50 and 50
    "#);
    assert_snapshot!(random(json!("a"), json!(60), json!(50)), @r#"
    WRONG_VALUE at random
      expected "fromPercent" less than "toPercent", found 60 and 50
    "#);
    assert_snapshot!(random(json!(""), json!(-1), json!(100.5)), @"
    EMPTY at random.salt
      expected a text, found an empty one
    WRONG_VALUE at random.fromPercent
      expected a number from 0 to 100, found -1
    WRONG_VALUE at random.toPercent
      expected a number from 0 to 100, found 100.5
    ");
    assert_snapshot!(random(json!(7), json!("0"), json!(null)), @r#"
    WRONG_SHAPE at random.salt
      expected a text, found the number 7
    WRONG_SHAPE at random.fromPercent
      expected a number, found the text "0"
    MISSING at random
      expected the key "toPercent", found none
    "#);
    assert_snapshot!(problems_of(json!({"random": {"percent": 10}})), @r#"
    UNKNOWN_KEY at random
      expected one of the keys ("salt", "fromPercent", "toPercent"), found "percent"
      hint: did you mean "toPercent"?
    MISSING at random
      expected the key "salt", found none
    MISSING at random
      expected the key "fromPercent", found none
    MISSING at random
      expected the key "toPercent", found none
    "#);
    assert_snapshot!(problems_of(json!({"random": 10})), @r#"
    WRONG_SHAPE at random
      expected an object with the keys "salt", "fromPercent", "toPercent", found the number 10
    "#);
}
