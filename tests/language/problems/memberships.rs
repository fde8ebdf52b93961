//! Problems of groups and segments: keys that do not exist, windows, and circles.

use super::{describe, problems_of};
use insta::assert_snapshot;
use rollcall_rule::{Catalogue, KnownSegment, parse_and_check};
use serde_json::{Value, json};

#[test]
fn groups_and_when_people_were_added() {
    assert_snapshot!(problems_of(json!({"group": {"inAny": ["staff"], "inAll": ["press"]}})), @r#"
    WRONG_SHAPE at group
      expected at most one of "inAny", "inAll", "none", found several
    "#);
    assert_snapshot!(problems_of(json!({"group": {"addedAt": {"after": "2026-03-01"}}})), @r#"
    MISSING at group
      expected the key "inAny", "inAll" or "none", found none of them
    "#);
    assert_snapshot!(problems_of(json!({"group": {"inAny": "staff"}})), @r#"
    WRONG_SHAPE at group.inAny
      expected a list of group keys, found the text "staff"
    "#);
    let added =
        |window: Value| problems_of(json!({"group": {"inAny": ["staff"], "addedAt": window}}));
    assert_snapshot!(added(json!("2026-03-01")), @r#"
    WRONG_SHAPE at group.addedAt
      expected a window of time, an object with one of the keys "inTheLast", "betweenAgo", "during", "between", "before", "after", found the text "2026-03-01"
    "#);
    assert_snapshot!(added(json!({})), @r#"
    MISSING at group.addedAt
      expected a window of time, an object with one of the keys "inTheLast", "betweenAgo", "during", "between", "before", "after", found none
    "#);
    assert_snapshot!(added(json!({"on": "2026-03-01"})), @r#"
    UNKNOWN_TEST at group.addedAt
      expected a window of time ("inTheLast", "betweenAgo", "during", "between", "before", "after"), found "on"
      hint: "on" is a test of dates
    "#);
    assert_snapshot!(added(json!({"before": "2026-03-01", "after": "2026-02-01"})), @r#"
    WRONG_SHAPE at group.addedAt
      expected a window of time, an object with exactly one key, found 2: "before", "after"
      hint: put several conditions, each with one test, under "all" or "any"
    "#);
    assert_snapshot!(added(json!({"inTheLast": {"amount": 3, "unit": "days"}})), @r#"
    WRONG_VALUE at group.addedAt.inTheLast.unit
      expected a unit ("HOUR", "DAY", "WEEK", "MONTH", "YEAR"), found "days"
      hint: did you mean "DAY"?
    "#);
    assert_snapshot!(
        problems_of(json!({"group": {"inAll": ["pres"], "addedAt": {"before": "soon"}}})),
        @r#"
    WRONG_VALUE at group.addedAt.before
      expected a day such as "2026-03-01" or a time such as "2026-03-01T09:30:00Z", found "soon"
    UNKNOWN_GROUP at group.inAll[0]
      expected the key of a group, found "pres", which does not exist
      hint: did you mean "press"?
    "#
    );
}

#[test]
fn segments_that_do_not_exist() {
    assert_snapshot!(problems_of(json!({"segment": {"inAny": ["Base", "bose", "customers"]}})), @r#"
    UNKNOWN_SEGMENT at segment.inAny[0]
      expected the key of a segment, found "Base", which does not exist
      hint: did you mean "base"?
    UNKNOWN_SEGMENT at segment.inAny[1]
      expected the key of a segment, found "bose", which does not exist
      hint: did you mean "base"?
    UNKNOWN_SEGMENT at segment.inAny[2]
      expected the key of a segment, found "customers", which does not exist
    "#);
    assert_snapshot!(problems_of(json!({"segment": {"inAll": []}})), @"
    EMPTY at segment.inAll
      expected a list of segment keys, found an empty one
    ");
    assert_snapshot!(problems_of(json!({"segment": {"inAny": ["base"], "inAll": ["left"]}})), @r#"
    WRONG_SHAPE at segment
      expected at most one of "inAny", "inAll", found several
    "#);
    assert_snapshot!(problems_of(json!({"segment": {"in": ["base"]}})), @r#"
    UNKNOWN_KEY at segment
      expected one of the keys ("inAny", "inAll", "ever", "joinedAt"), found "in"
    MISSING at segment
      expected the key "inAny" or "inAll", found neither
    "#);
    assert_snapshot!(problems_of(json!({"segment": "base"})), @r#"
    WRONG_SHAPE at segment
      expected an object with the keys "inAny", "inAll", "ever", "joinedAt", found the text "base"
    "#);
    assert_snapshot!(problems_of(json!({"segment": {"inAny": [3, ""]}})), @"
    WRONG_SHAPE at segment.inAny[0]
      expected a text, found the number 3
    EMPTY at segment.inAny[1]
      expected a text, found an empty one
    ");
    assert_snapshot!(
        problems_of(json!({"segment": {"inAny": ["base"], "addedAt": {"after": "2026-03-01"}}})),
        @r#"
    UNKNOWN_KEY at segment
      expected one of the keys ("inAny", "inAll", "ever", "joinedAt"), found "addedAt"
    "#
    );
}

/// Segments, each written with those that it asks about: `a: b c; b: c; c:`.
fn segments(text: &str) -> Catalogue {
    let known = text.split("; ").zip(1..).map(|(segment, id)| {
        let (key, uses) = segment.split_once(':').expect("a key");
        let uses = uses.split_whitespace().map(str::to_owned).collect();
        (key.to_owned(), KnownSegment { id, uses })
    });
    Catalogue {
        segments: known.collect(),
        ..Catalogue::default()
    }
}

/// The problems of a rule of the segment `own` that asks about others.
fn asking(catalogue: &Catalogue, own: &str, keys: &[&str]) -> String {
    let rule = json!({"any": [{"everyone": true}, {"not": {"segment": {"inAny": keys}}}]});
    match parse_and_check(&rule, catalogue, Some(own)) {
        Ok(_) => "none".to_owned(),
        Err(problems) => describe(&problems),
    }
}

#[test]
fn circles_are_told_with_their_way() {
    let catalogue = segments("a: b; b: c; c:; d:");
    assert_snapshot!(asking(&catalogue, "a", &["a"]), @"
    CYCLE at any[1].not.segment.inAny[0]
      the segment would use itself: a -> a
    ");
    assert_snapshot!(asking(&catalogue, "b", &["a"]), @"
    CYCLE at any[1].not.segment.inAny[0]
      the segment would use itself: b -> a -> b
    ");
    assert_snapshot!(asking(&catalogue, "c", &["a"]), @"
    CYCLE at any[1].not.segment.inAny[0]
      the segment would use itself: c -> a -> b -> c
    ");
    // Also of a segment that is not stored yet.
    assert_snapshot!(asking(&catalogue, "new", &["new"]), @"
    CYCLE at any[1].not.segment.inAny[0]
      the segment would use itself: new -> new
    ");
    // The shortest way is told, and every key that leads back.
    let catalogue = segments("a: b c; b: d; c: e; d: e; e:");
    assert_snapshot!(asking(&catalogue, "e", &["c", "nobody", "a", "b"]), @r#"
    CYCLE at any[1].not.segment.inAny[0]
      the segment would use itself: e -> c -> e
    UNKNOWN_SEGMENT at any[1].not.segment.inAny[1]
      expected the key of a segment, found "nobody", which does not exist
    CYCLE at any[1].not.segment.inAny[2]
      the segment would use itself: e -> a -> c -> e
    CYCLE at any[1].not.segment.inAny[3]
      the segment would use itself: e -> b -> d -> e
    "#);
    // What the segment asked about before is of no account: the rule is about to be replaced.
    let catalogue = segments("a: b; b:");
    assert_snapshot!(asking(&catalogue, "a", &["b"]), @"none");
}

#[test]
fn diamonds_are_fine() {
    let catalogue = segments("top: left right; left: base; right: base; base:; other: top base");
    assert_eq!(
        asking(&catalogue, "top", &["left", "right", "base"]),
        "none"
    );
    assert_eq!(
        asking(&catalogue, "other", &["left", "right", "top"]),
        "none"
    );
    assert_eq!(
        asking(&catalogue, "new", &["top", "other", "base", "base"]),
        "none"
    );
    assert_ne!(asking(&catalogue, "base", &["other"]), "none");
}

#[test]
fn everything_wrong_with_memberships_at_once() {
    let catalogue = segments("a: b; b:");
    let rule = json!({"all": [
        {"segment": {"inAny": ["a", "c"]}},
        {"group": {"inAll": ["staff"], "addedAt": {"inTheLast": {"amount": -1, "unit": "DAY"}}}},
        {"not": {"list": {"field": "custom.tags", "is": {"size": {"isSet": true}}}}},
        {"location": {"within": {"latitude": 91, "longitude": 0, "radiusKm": 1}}},
        {"event": {"name": "visit", "where": [{"text": {"property": "p", "is": {"equals": ""}}}]}},
        {"random": {"salt": "a", "fromPercent": 1, "toPercent": 1}},
    ]});
    let problems = parse_and_check(&rule, &catalogue, Some("b")).expect_err("problems");
    assert_snapshot!(describe(&problems), @r#"
    WRONG_SHAPE at all[1].group.addedAt.inTheLast.amount
      expected a whole number from 0 to 100000, found the number -1
    UNKNOWN_TEST at all[2].not.list.is.size
      expected a comparison, found "isSet": a size always exists
    WRONG_VALUE at all[3].location.within.latitude
      expected a number from -90 to 90, found 91
    EMPTY at all[4].event.where[0].text.is.equals
      expected a text, found an empty one
    WRONG_VALUE at all[5].random
      expected "fromPercent" less than "toPercent", found 1 and 1
    CYCLE at all[0].segment.inAny[0]
      the segment would use itself: b -> a -> b
    UNKNOWN_SEGMENT at all[0].segment.inAny[1]
      expected the key of a segment, found "c", which does not exist
      hint: did you mean "a"?
    UNKNOWN_GROUP at all[1].group.inAll[0]
      expected the key of a group, found "staff", which does not exist
    UNKNOWN_FIELD at all[2].not.list.field
      expected a field, found "custom.tags", which does not exist
      hint: no custom field of type list exists yet
    "#);
}
