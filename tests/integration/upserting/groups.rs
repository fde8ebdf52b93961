//! The groups of an upsert.

use super::{LATER, NOW, groups_of};
use crate::support::TestApp;
use rollcall::follow::follow_touches;
use serde_json::{Value, json};

const UPSERT: &str = "mutation ($groups: GroupChangesInput, $values: SubscriberValuesInput) { \
    upsertSubscriber(input: {email: \"ona@example.com\", groups: $groups, values: $values}) { \
    outcome subscriber { id } userErrors { code path message hint } } }";

fn app() -> TestApp {
    let app = TestApp::at(NOW);
    for key in ["customers", "staff", "vip"] {
        app.group(key, &[]);
    }
    app
}

#[track_caller]
fn change(app: &TestApp, groups: Value) -> Value {
    app.mutate(UPSERT, json!({ "groups": groups }))["outcome"].clone()
}

fn id_of(app: &TestApp, key: &str) -> Value {
    let data = app.query(
        "query ($key: String!) { group(key: $key) { id } }",
        json!({ "key": key }),
    );
    data["group"]["id"].clone()
}

#[test]
fn groups_are_added_and_removed_by_key_and_by_id() {
    let app = app();
    let vip = id_of(&app, "vip");
    assert_eq!(change(&app, json!({"add": ["staff", vip]})), "CREATED");
    let both = json!([["staff", NOW], ["vip", NOW]]);
    assert_eq!(groups_of(&app, "ona@example.com"), both);
    app.set_time(LATER);
    assert_eq!(
        change(&app, json!({"add": ["vip"], "remove": ["customers"]})),
        "UNCHANGED"
    );
    assert_eq!(
        change(&app, json!({"add": ["customers"], "remove": ["staff"]})),
        "UPDATED"
    );
    let moved = json!([["customers", LATER], ["vip", NOW]]);
    assert_eq!(groups_of(&app, "ona@example.com"), moved);
    let sources = "SELECT string_agg(DISTINCT source, ',') FROM group_memberships";
    assert_eq!(app.database.ask(sources), "api");
}

#[test]
fn set_leaves_a_subscriber_in_these_groups_only() {
    let app = app();
    app.group("others", &[]);
    app.subscriber("janis@example.com", json!({}));
    change(&app, json!({"add": ["staff", "vip"]}));
    app.mutate(
        "mutation { addToGroup(input: {group: \"staff\", emails: [\"janis@example.com\"]}) { userErrors { code } } }",
        json!({}),
    );
    app.set_time(LATER);
    assert_eq!(
        change(&app, json!({"set": ["customers", "vip"]})),
        "UPDATED"
    );
    assert_eq!(
        groups_of(&app, "ona@example.com"),
        json!([["customers", LATER], ["vip", NOW]])
    );
    assert_eq!(
        change(&app, json!({"set": ["vip", "customers", "vip"]})),
        "UNCHANGED"
    );
    assert_eq!(change(&app, json!({"set": []})), "UPDATED");
    assert_eq!(groups_of(&app, "ona@example.com"), json!([]));
    assert_eq!(
        groups_of(&app, "janis@example.com"),
        json!([["staff", NOW]])
    );
}

#[test]
fn groups_that_cannot_be_changed_are_all_named_and_change_nothing() {
    let app = app();
    let vip = id_of(&app, "vip");
    let gone = "R3JvdXA6OTk5";
    for (groups, errors) in [
        (
            json!({"add": ["stuff", "vip", gone], "remove": ["vip"]}),
            json!([
                ["NOT_FOUND", "groups.add[0]"],
                ["NOT_FOUND", "groups.add[2]"],
                ["INVALID", "groups.remove[0]"]
            ]),
        ),
        (
            json!({"add": ["vip"], "remove": [vip]}),
            json!([["INVALID", "groups.remove[0]"]]),
        ),
        (
            json!({"set": [], "add": ["vip"]}),
            json!([["INVALID", "groups.set"]]),
        ),
        (
            json!({"set": ["x"]}),
            json!([["NOT_FOUND", "groups.set[0]"]]),
        ),
        (
            json!({"add": vec!["vip"; 251]}),
            json!([["INVALID", "groups"]]),
        ),
        // The id of a subscriber is no group.
        (
            json!({"add": ["U3Vic2NyaWJlcjox"]}),
            json!([["NOT_FOUND", "groups.add[0]"]]),
        ),
    ] {
        let payload = app.payload(UPSERT, json!({ "groups": groups }));
        let found = payload["userErrors"].as_array().expect("a list").iter();
        let found: Value = found
            .map(|error| json!([error["code"], error["path"]]))
            .collect();
        assert_eq!(found, errors, "{groups}");
        assert_eq!(payload["subscriber"], Value::Null);
    }
    // Together with what is wrong with values, with the nearest key, and without wasting an id.
    let payload = app.payload(
        UPSERT,
        json!({"groups": {"add": ["staf"]}, "values": {"country": "Lithuania"}}),
    );
    assert_eq!(payload["userErrors"][0]["path"], "country");
    assert_eq!(payload["userErrors"][1]["path"], "groups.add[0]");
    let hint = payload["userErrors"][1]["hint"].as_str();
    assert!(hint.is_some_and(|hint| hint.contains("staff")), "{payload}");
    assert_eq!(app.database.ask("SELECT count(*) FROM subscribers"), "0");
    assert_eq!(change(&app, json!({"add": ["vip"]})), "CREATED");
    assert_eq!(app.database.ask("SELECT max(id) FROM subscribers"), "1");
}

#[test]
fn instant_segments_follow_the_groups_of_an_upsert() {
    let app = app();
    app.mutate(
        "mutation { createSegment(input: {key: \"very\", rule: {group: {inAny: [\"vip\"]}}, mode: INSTANT}) { userErrors { code } } }",
        json!({}),
    );
    app.refresh();
    let follow = || follow_touches(app.db(), &app.app.refresh).expect("following succeeds");
    change(&app, json!({"set": ["vip"]}));
    follow();
    assert_eq!(app.members("very"), ["ona@example.com"]);
    change(&app, json!({"set": ["staff"]}));
    follow();
    assert_eq!(app.members("very"), Vec::<String>::new());
    let data = app.query(
        "{ subscriber(email: \"ona@example.com\") { history(first: 5) { nodes { direction } } } }",
        json!({}),
    );
    assert_eq!(
        data["subscriber"]["history"]["nodes"],
        json!([{"direction": "LEFT"}, {"direction": "JOINED"}])
    );
}
