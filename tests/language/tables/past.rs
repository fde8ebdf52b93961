//! Past memberships of segments, and people in no group.

use super::*;
use crate::columns::FIRST_ID;
use crate::naive::Past;

/// People with Lithuanian addresses are in `base` now. What is stored of each stands in the name: `in` or `out`, and the
/// days in July on which they joined.
fn members() -> Audience {
    let names = "LT in 1 | LT in 1 10 | LT in | LT out | LT out 10 | DE in 1 | DE in | DE out | DE out 1 10";
    let mut audience = audience(NOON, names, |name| Person {
        text: [("country", name[..2].to_owned())].into(),
        ..nobody()
    });
    let rule = json!({"text": {"field": "country", "is": {"equals": "LT"}}});
    audience
        .world
        .segments
        .insert("base".to_owned(), Segment::Rule(rule));
    let past = audience
        .people
        .iter()
        .enumerate()
        .map(|(place, (name, _))| {
            let mut words = name.split(' ').skip(1);
            let is_member = words.next() == Some("in");
            let joined = words.map(|day| parse(&format!("2026-07-{day:0>2}T00:00:00Z")));
            // The people stand in every third row.
            (
                FIRST_ID + 3 * place as i64 + 1,
                Past {
                    is_member,
                    joined: joined.collect(),
                },
            )
        });
    audience
        .world
        .past
        .insert("base".to_owned(), past.collect());
    audience
}

#[track_caller]
fn check_members(test: Value, expected: &str) {
    let mut segment = json!({"inAny": ["base"]});
    let keys = segment.as_object_mut().expect("an object");
    keys.extend(test.as_object().expect("an object").clone());
    check(&members(), json!({ "segment": segment }), expected);
}

#[test]
fn without_more_present_members_count() {
    check_members(
        json!({}),
        "LT in 1 | LT in 1 10 | LT in | LT out | LT out 10",
    );
}

#[test]
fn ever_finds_past_members_and_those_who_join_now() {
    let ever = "LT in 1 | LT in 1 10 | LT in | LT out | LT out 10 | DE in 1 | DE in | DE out 1 10";
    check_members(json!({"ever": true}), ever);
}

#[test]
fn joined_at_is_when_a_present_membership_began() {
    let last_week = json!({"inTheLast": {"amount": 7, "unit": "DAY"}});
    check_members(
        json!({ "joinedAt": last_week }),
        "LT in 1 10 | LT out | LT out 10",
    );
    let month_start = json!({"between": {"from": "2026-07-01", "to": "2026-07-05"}});
    check_members(json!({ "joinedAt": month_start }), "LT in 1");
    // Of a membership older than what is kept nothing is known.
    check_members(
        json!({"joinedAt": {"before": "2026-07-15"}}),
        "LT in 1 | LT in 1 10",
    );
    check_members(
        json!({"joinedAt": {"during": "TODAY"}}),
        "LT out | LT out 10",
    );
}

#[test]
fn ever_with_joined_at_is_when_any_membership_began() {
    let month_start = json!({"between": {"from": "2026-07-01", "to": "2026-07-05"}});
    check_members(
        json!({"ever": true, "joinedAt": month_start}),
        "LT in 1 | LT in 1 10 | DE in 1 | DE out 1 10",
    );
    let last_week = json!({"inTheLast": {"amount": 7, "unit": "DAY"}});
    check_members(
        json!({"ever": true, "joinedAt": last_week}),
        "LT in 1 10 | LT out | LT out 10 | DE out 1 10",
    );
}

#[test]
fn people_in_no_group_are_found_and_by_when_they_were_added() {
    let audience = audience(NOON, "staff 1 | staff 14 | press 14 beta 1", |value| {
        let words: Vec<&str> = value.split(' ').collect();
        let groups = words.chunks(2).map(|pair| {
            let added = format!("2026-07-{:0>2}T00:00:00Z", pair[1]);
            (pair[0].to_owned(), parse(&added))
        });
        Person {
            groups: groups.collect(),
            ..nobody()
        }
    });
    check(&audience, json!({"group": {"none": true}}), "none");
    let last_week = json!({"inTheLast": {"amount": 7, "unit": "DAY"}});
    check(
        &audience,
        json!({"group": {"none": true, "addedAt": last_week}}),
        "none | staff 1",
    );
}

/// Somebody with events that have these prices, written as JSON.
fn paid(value: &str) -> Person {
    let prices = value.split(' ').filter(|price| *price != "nothing");
    let event = |price: &str| Event {
        name: "purchase".to_owned(),
        occurred_at: parse("2026-07-01T00:00:00Z"),
        value: Some(5_000_000),
        properties: Map::from_iter([("price".to_owned(), parse(price))]),
    };
    Person {
        events: prices.map(event).collect(),
        ..nobody()
    }
}

#[test]
fn measures_of_a_property_ignore_what_is_no_number() {
    let people = r#"nothing | "12" | 3 null | 10 "x" 20 | 0.1 0.2 0.3 | -5 | [1]"#;
    let check = |measure: Value, expected: &str| {
        let mut event = json!({"name": "purchase", "of": "price"});
        let keys = event.as_object_mut().expect("an object");
        keys.extend(measure.as_object().expect("an object").clone());
        check(
            &audience(NOON, people, paid),
            json!({ "event": event }),
            expected,
        );
    };
    let zeros = r#"none | nothing | "12" | [1]"#;
    check(json!({"sum": {"equals": 0}}), zeros);
    check(json!({"sum": {"atLeast": 3}}), r#"3 null | 10 "x" 20"#);
    check(json!({"sum": {"equals": 0.6}}), "0.1 0.2 0.3");
    check(json!({"average": {"equals": 15}}), r#"10 "x" 20"#);
    check(json!({"average": {"equals": 0.2}}), "0.1 0.2 0.3");
    check(json!({"average": {"isSet": false}}), zeros);
    check(json!({"min": {"lessThan": 1}}), "0.1 0.2 0.3 | -5");
    check(json!({"max": {"equals": 20}}), r#"10 "x" 20"#);
}

#[test]
fn sums_of_a_property_do_not_depend_on_the_order_of_events() {
    let people =
        "1e16 1 -1e16 | 1 1e16 -1e16 | 1e16 -1e16 1 | 1e308 1e308 -1e308 -1e308 1 | 1e308 1e308";
    let rule = |test: Value| json!({"event": {"name": "purchase", "sum": test, "of": "price"}});
    check(
        &audience(NOON, people, paid),
        rule(json!({"equals": 1})),
        "1e16 1 -1e16 | 1 1e16 -1e16 | 1e16 -1e16 1 | 1e308 1e308 -1e308 -1e308 1",
    );
    // Too large for a double, and so larger than each.
    check(
        &audience(NOON, people, paid),
        rule(json!({"greaterThan": 1.7976931348623157e308})),
        "1e308 1e308",
    );
}
