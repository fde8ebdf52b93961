//! Logic above the conditions, and rules that only say what people are not.

use super::{Audience, NOON, active, audience, check, custom, parse};
use crate::naive::CustomValue;
use serde_json::{Value, json};

fn visitors() -> Audience {
    audience(NOON, "1 | 2 | 3 | 4", |value| {
        custom("visits", CustomValue::Number(parse(value)))
    })
}

fn at_least(number: i64) -> Value {
    json!({"number": {"field": "custom.visits", "is": {"atLeast": number}}})
}

fn at_most(number: i64) -> Value {
    json!({"number": {"field": "custom.visits", "is": {"atMost": number}}})
}

#[test]
fn everyone_is_everyone() {
    let everyone = json!({"everyone": true});
    check(&visitors(), everyone.clone(), "none | 1 | 2 | 3 | 4");
    check(&visitors(), json!({ "not": everyone }), "");
}

#[test]
fn all_any_and_not_nest() {
    let people = visitors();
    check(&people, json!({"all": [at_least(2), at_most(3)]}), "2 | 3");
    check(&people, json!({"any": [at_least(4), at_most(1)]}), "1 | 4");
    check(&people, json!({"all": [at_least(2)]}), "2 | 3 | 4");
    check(&people, json!({"any": [at_least(2)]}), "2 | 3 | 4");
    check(&people, json!({"all": [at_least(3), at_most(2)]}), "");
    check(
        &people,
        json!({"any": [at_least(3), at_most(2)]}),
        "1 | 2 | 3 | 4",
    );
    check(&people, json!({"not": {"not": at_least(3)}}), "3 | 4");
    check(
        &people,
        json!({"not": {"all": [at_least(2), at_most(3)]}}),
        "none | 1 | 4",
    );
    check(
        &people,
        json!({"not": {"any": [at_least(4), at_most(1)]}}),
        "none | 2 | 3",
    );
    check(
        &people,
        json!({"all": [at_least(2), {"not": {"any": [at_least(4), {"all": [at_least(3), at_most(3)]}]}}]}),
        "2",
    );
}

#[test]
fn negative_rules_include_who_has_nothing() {
    let people = audience(NOON, "busy", |_| {
        let mut person = active(&[("purchase", "2026-07-15T11:00:00Z", Some(20_000_000))]);
        person.text.insert("country", "DE".to_owned());
        person
            .custom
            .insert("visits".to_owned(), CustomValue::Number(3.0));
        person
            .custom
            .insert("vip".to_owned(), CustomValue::Boolean(true));
        person
            .custom
            .insert("tags".to_owned(), CustomValue::List(vec!["red".to_owned()]));
        person.place = Some((54.7, 25.3));
        person.birthday = Some(parse("2000-07-15"));
        person.status = "bounced";
        person
            .groups
            .insert("staff".to_owned(), parse("2026-01-01T00:00:00Z"));
        person
    });
    let negatives = [
        json!({"text": {"field": "country", "is": {"notEquals": "de"}}}),
        json!({"text": {"field": "country", "is": {"notIn": ["DE", "AT"]}}}),
        json!({"text": {"field": "country", "is": {"notContains": "d"}}}),
        json!({"text": {"field": "country", "is": {"isSet": false}}}),
        json!({"not": {"text": {"field": "country", "is": {"matches": "."}}}}),
        json!({"number": {"field": "custom.visits", "is": {"notEquals": 3}}}),
        json!({"number": {"field": "custom.visits", "is": {"isSet": false}}}),
        json!({"not": {"boolean": {"field": "custom.vip", "is": {"isTrue": true}}}}),
        json!({"date": {"field": "birthday", "is": {"isSet": false}}}),
        json!({"not": {"date": {"field": "birthday", "is": {"anniversaryToday": true}}}}),
        json!({"list": {"field": "custom.tags", "is": {"containsNone": ["RED"]}}}),
        json!({"list": {"field": "custom.tags", "is": {"size": {"notEquals": 1}}}}),
        json!({"list": {"field": "custom.tags", "is": {"size": {"equals": 0}}}}),
        json!({"list": {"field": "custom.tags", "is": {"isSet": false}}}),
        json!({"not": {"list": {"field": "custom.tags", "is": {"containsAll": ["red"]}}}}),
        json!({"location": {"isSet": false}}),
        json!({"not": {"location": {"within": {
            "latitude": 54, "longitude": 25, "radiusKm": 1_000,
        }}}}),
        json!({"not": {"status": {"in": ["BOUNCED"]}}}),
        json!({"not": {"group": {"inAny": ["staff"], "addedAt": {"after": "2025-12-31"}}}}),
        json!({"not": {"group": {"inAny": ["staff"]}}}),
        json!({"not": {"event": {"name": "purchase"}}}),
        json!({"event": {"name": "purchase", "count": {"equals": 0}}}),
        json!({"event": {"name": "purchase", "count": {"notEquals": 1}}}),
        json!({"event": {"name": "purchase", "sum": {"notEquals": 20}}}),
        json!({"event": {"name": "purchase", "sum": {"atMost": 10}}}),
        json!({"event": {"name": "purchase", "distinctDays": {"equals": 0}}}),
        json!({"event": {"name": "purchase", "average": {"notEquals": 20}}}),
        json!({"event": {"name": "purchase", "min": {"isSet": false}}}),
        json!({"event": {"name": "purchase", "max": {"notEquals": 20}}}),
        json!({"event": {"name": "purchase", "firstAt": {"isSet": false}}}),
        json!({"not": {"event": {"name": "purchase", "lastAt": {"isToday": true}}}}),
        json!({"event": {
            "name": "purchase", "inTheLast": {"amount": 1, "unit": "DAY"}, "count": {"lessThan": 1},
        }}),
    ];
    for negative in &negatives {
        check(&people, negative.clone(), "none");
    }
    check(&people, json!({ "all": negatives }), "none");
    check(&people, json!({ "any": negatives }), "none");

    let with_country = json!({"text": {"field": "country", "is": {"isSet": true}}});
    check(&people, json!({"all": [negatives[0], with_country]}), "");
}
