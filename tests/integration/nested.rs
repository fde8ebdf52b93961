//! Segments that ask about other segments: order, cycles, and what happens when one of them cannot be evaluated.

use crate::support::TestApp;
use rollcall::past::Trigger;
use rollcall::refresh::{Selection, refresh, refresh_pending};
use serde_json::{Value, json};

fn country(code: &str) -> Value {
    json!({"text": {"field": "country", "is": {"equals": code}}})
}

fn in_segment(key: &str) -> Value {
    json!({"segment": {"inAny": [key]}})
}

fn app() -> TestApp {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for (name, code) in [("anna", "DE"), ("jonas", "LT"), ("ona", "LT")] {
        app.subscriber(&format!("{name}@x.lt"), json!({ "country": code }));
    }
    app.group("staff", &["ona@x.lt"]);
    app
}

#[track_caller]
fn edit(app: &TestApp, id: &str, rule: &Value) -> Value {
    app.payload(
        "mutation ($id: ID!, $rule: JSON!) { updateSegment(input: {id: $id, ruleJson: $rule}) { userErrors { code path message } } }",
        json!({ "id": id, "rule": rule }),
    )["userErrors"]
        .clone()
}

#[test]
fn whoever_asks_is_evaluated_after_whom_it_asks() {
    let app = app();
    // The names, and so the ids, stand against the order of evaluation.
    let base = app.segment("base", country("LT"));
    app.segment("left", json!({"not": in_segment("base")}));
    app.segment(
        "right",
        json!({"all": [in_segment("base"), {"group": {"inAny": ["staff"]}}]}),
    );
    app.segment("top", json!({"segment": {"inAny": ["left", "right"]}}));
    app.segment("both", json!({"segment": {"inAll": ["base", "right"]}}));
    app.refresh();
    assert_eq!(app.members("left"), ["anna@x.lt"]);
    assert_eq!(app.members("right"), ["ona@x.lt"]);
    assert_eq!(app.members("top"), ["anna@x.lt", "ona@x.lt"]);
    assert_eq!(app.members("both"), ["ona@x.lt"]);

    // An edit of one is the refresh of all that are connected with it, and of no other.
    app.segment("apart", json!({"everyone": true}));
    refresh_pending(app.db(), &app.app.refresh).expect("a refresh");
    assert_eq!(edit(&app, &base, &country("DE")), json!([]));
    app.set_time("2026-06-15T13:00:00Z");
    refresh_pending(app.db(), &app.app.refresh)
        .expect("a refresh")
        .expect("one was due");
    assert_eq!(app.members("left"), ["jonas@x.lt", "ona@x.lt"]);
    assert_eq!(app.members("top"), ["jonas@x.lt", "ona@x.lt"]);
    let data = app.query(
        "{ refreshes(first: 1) { nodes { trigger segments { segment { key } } } } }",
        json!({}),
    );
    let keys = |keys: &[&str]| -> Vec<Value> {
        let key = |key: &&str| json!({"segment": {"key": key}});
        keys.iter().map(key).collect()
    };
    assert_eq!(
        data["refreshes"]["nodes"][0],
        json!({"trigger": "EDIT", "segments": keys(&["base", "left", "right", "top", "both"])})
    );

    // The same holds for one that is asked for by hand.
    app.subscriber("jonas@x.lt", json!({"country": "DE"}));
    let number = Selection::Ids(vec![id_of(&app, "left")]);
    refresh(app.db(), &number, Trigger::Manual, &app.app.refresh).expect("a refresh");
    assert_eq!(app.members("base"), ["anna@x.lt", "jonas@x.lt"]);
    assert_eq!(app.members("left"), ["ona@x.lt"]);
}

fn id_of(app: &TestApp, key: &str) -> i64 {
    app.db()
        .run_here(|connection| rollcall::audience::segment::find_by_key(connection, key))
        .expect("a row")
        .expect("a segment")
        .id
}

#[test]
fn a_circle_is_refused_with_its_path_and_a_diamond_is_not() {
    let app = app();
    let base = app.segment("base", country("LT"));
    app.segment("left", json!({"not": in_segment("base")}));
    app.segment("right", in_segment("base"));
    app.segment("top", json!({"segment": {"inAny": ["left", "right"]}}));
    let circle = |way: &str| {
        json!([{"code": "CYCLE", "path": "rule.any[1].segment.inAny[0]", "message":
            format!("the segment would use itself: {way}")}])
    };
    let with = |key: &str| json!({"any": [country("LT"), in_segment(key)]});
    assert_eq!(edit(&app, &base, &with("base")), circle("base -> base"));
    assert_eq!(
        edit(&app, &base, &with("left")),
        circle("base -> left -> base")
    );
    assert_eq!(
        edit(&app, &base, &with("top")),
        circle("base -> top -> left -> base")
    );
    let unknown = edit(&app, &base, &in_segment("rigth"));
    assert_eq!(
        unknown,
        json!([{"code": "UNKNOWN_SEGMENT", "path": "rule.segment.inAny[0]", "message":
            "expected the key of a segment, found \"rigth\", which does not exist"}])
    );
    app.refresh();
    assert_eq!(app.members("top").len(), 3);
}

#[test]
fn what_is_used_is_listed_both_ways_and_cannot_go() {
    let app = app();
    app.mutate(
        "mutation { createCustomField(input: {key: \"visits\", type: NUMBER}) { userErrors { message } } }",
        json!({}),
    );
    let base = app.segment("base", country("LT"));
    app.segment(
        "top",
        json!({"all": [
            in_segment("base"), {"group": {"inAny": ["staff"]}},
            {"number": {"field": "custom.visits", "is": {"atLeast": 1}}},
            {"event": {"names": ["visit", "purchase"]}}]}),
    );
    let data = app.query(
        "{ segment(key: \"top\") { usedBy { key } dependsOn { kind name customField { key usedBy { key } } group { key usedBy { key } } \
         segment { key usedBy { key } dependsOn { name } } } } }",
        json!({}),
    );
    let by_top = json!([{"key": "top"}]);
    assert_eq!(
        data["segment"],
        json!({"usedBy": [], "dependsOn": [
            {"kind": "EVENT", "name": "purchase", "customField": null, "group": null, "segment": null},
            {"kind": "EVENT", "name": "visit", "customField": null, "group": null, "segment": null},
            {"kind": "FIELD", "name": "visits", "customField": {"key": "visits", "usedBy": by_top}, "group": null, "segment": null},
            {"kind": "GROUP", "name": "staff", "customField": null, "group": {"key": "staff", "usedBy": by_top}, "segment": null},
            {"kind": "SEGMENT", "name": "base", "customField": null, "group": null,
             "segment": {"key": "base", "usedBy": by_top, "dependsOn": []}},
        ]})
    );
    let refused = app.payload(
        "mutation ($id: ID!) { deleteSegment(input: {id: $id}) { deletedId userErrors { code message } } }",
        json!({ "id": base }),
    );
    assert_eq!(
        refused,
        json!({"deletedId": null, "userErrors": [
            {"code": "IN_USE", "message": "segment \"base\" is used by segment \"top\"; change the rule of that segment, or delete the segment, first"}]})
    );
    let field = app.query("{ customFields { nodes { id } } }", json!({}));
    let field = &field["customFields"]["nodes"][0]["id"];
    let retyped = app.payload(
        "mutation ($id: ID!) { updateCustomField(input: {id: $id, type: TEXT}) { customField { key } userErrors { code message } } }",
        json!({ "id": field }),
    );
    assert_eq!(
        retyped,
        json!({"customField": null, "userErrors": [
            {"code": "IN_USE", "message": "custom field \"visits\" is used by segment \"top\"; change the rule of that segment, or delete the segment, first"}]})
    );
}

#[test]
fn an_invalid_segment_stops_no_other_and_lends_its_last_members() {
    let app = app();
    app.segment("staff-members", json!({"group": {"inAny": ["staff"]}}));
    app.segment("asks", in_segment("staff-members"));
    app.segment("apart", country("LT"));
    app.refresh();
    // Nothing of ours deletes a group that is used; whoever reaches into the database can.
    app.database
        .execute("DELETE FROM groups WHERE key = 'staff'");
    app.subscriber("anna@x.lt", json!({"country": "LT"}));
    app.set_time("2026-06-16T12:00:00Z");
    app.refresh();
    let data = app.query(
        "{ segments { nodes { key state memberCount problems { path code message } } } }",
        json!({}),
    );
    assert_eq!(
        data["segments"]["nodes"],
        json!([
            {"key": "apart", "state": "READY", "memberCount": 3, "problems": []},
            {"key": "asks", "state": "READY", "memberCount": 1, "problems": []},
            {"key": "staff-members", "state": "INVALID", "memberCount": 1, "problems": [
                {"path": "group.inAny[0]", "code": "UNKNOWN_GROUP",
                 "message": "expected the key of a group, found \"staff\", which does not exist"}]},
        ])
    );
}

#[test]
fn an_archived_segment_lends_its_last_members() {
    let app = app();
    let base = app.segment("base", country("LT"));
    app.segment("asks", in_segment("base"));
    app.refresh();
    app.mutate(
        "mutation ($id: ID!) { updateSegment(input: {id: $id, archived: true}) { userErrors { message } } }",
        json!({ "id": base }),
    );
    app.subscriber("anna@x.lt", json!({"country": "LT"}));
    app.refresh();
    assert_eq!(app.members("asks"), ["jonas@x.lt", "ona@x.lt"]);
    // Who is deleted is a member of nothing, whatever is stored.
    let id = app.query("{ subscriber(email: \"ona@x.lt\") { id } }", json!({}));
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": id["subscriber"]["id"] }),
    );
    app.refresh();
    assert_eq!(app.members("asks"), ["jonas@x.lt"]);
}

#[test]
fn every_rule_a_segment_had_is_kept() {
    let app = app();
    let id = app.segment("mine", country("LT"));
    app.set_time("2026-06-16T12:00:00Z");
    assert_eq!(edit(&app, &id, &country("DE")), json!([]));
    let data = app.query(
        "{ segment(key: \"mine\") { definitions { totalCount nodes { version rule summary createdAt } } \
         last: definitions(last: 1) { nodes { version } pageInfo { hasPreviousPage } } } }",
        json!({}),
    );
    assert_eq!(
        data["segment"],
        json!({"definitions": {"totalCount": 2, "nodes": [
            {"version": 2, "rule": country("DE"), "summary": "Subscribers whose country is \"DE\".", "createdAt": "2026-06-16T12:00:00+00:00"},
            {"version": 1, "rule": country("LT"), "summary": "Subscribers whose country is \"LT\".", "createdAt": "2026-06-15T12:00:00+00:00"},
        ]}, "last": {"nodes": [{"version": 1}], "pageInfo": {"hasPreviousPage": true}}})
    );
}
