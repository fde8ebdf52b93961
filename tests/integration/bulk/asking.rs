//! What can be asked for, and what cannot.

use super::{CANCEL, CREATE, LATER, UNDO, act, audience, create, in_country, run_all, show, step};
use serde_json::{Value, json};

#[test]
fn what_cannot_be_done_is_refused_with_its_place() {
    let app = audience();
    app.group("staff", &[]);
    app.mutate(
        "mutation { createCustomField(input: {key: \"visits\", type: NUMBER}) { userErrors { code } } }",
        json!({}),
    );
    let delete = json!({"delete": true});
    let set = |field: &str, value: Value| json!({"setField": {"field": field, "value": value}});
    for (people, action, code, path) in [
        (json!({}), delete.clone(), "INVALID", ""),
        (
            json!({"segment": "a", "group": "staff"}),
            delete.clone(),
            "INVALID",
            "",
        ),
        (
            json!({"segment": "nobody"}),
            delete.clone(),
            "NOT_FOUND",
            "segment",
        ),
        (
            json!({"group": "stuff"}),
            delete.clone(),
            "NOT_FOUND",
            "group",
        ),
        (
            json!({"ruleJson": {"text": {"field": "land", "is": {"isSet": true}}}}),
            delete,
            "UNKNOWN_FIELD",
            "rule.text.field",
        ),
        (
            in_country("LT"),
            json!({"delete": false}),
            "INVALID",
            "action.delete",
        ),
        (
            in_country("LT"),
            json!({"addToGroup": "stuff"}),
            "NOT_FOUND",
            "action.addToGroup",
        ),
        (
            in_country("LT"),
            json!({"removeFromGroup": "x"}),
            "NOT_FOUND",
            "action.removeFromGroup",
        ),
        (
            in_country("LT"),
            set("email", json!("a@b.lt")),
            "NOT_FOUND",
            "action.setField.field",
        ),
        (
            in_country("LT"),
            set("custom.visit", json!(1)),
            "NOT_FOUND",
            "action.setField.field",
        ),
        (
            in_country("LT"),
            set("custom.visits", json!("x")),
            "INVALID",
            "action.setField.value",
        ),
        (
            in_country("LT"),
            set("country", json!("Lithuania")),
            "INVALID",
            "action.setField.value",
        ),
        (
            in_country("LT"),
            set("city", json!(3)),
            "INVALID",
            "action.setField.value",
        ),
        (
            in_country("LT"),
            set("status", json!(null)),
            "INVALID",
            "action.setField.value",
        ),
        (
            in_country("LT"),
            set("position", json!({"latitude": 91, "longitude": 0})),
            "INVALID",
            "action.setField.value",
        ),
        (
            in_country("LT"),
            set("birthday", json!("2090-01-01")),
            "INVALID",
            "action.setField.value",
        ),
    ] {
        let mut input = people;
        input["action"] = action;
        let payload = app.payload(CREATE, json!({ "input": input }));
        let error = &payload["userErrors"][0];
        assert_eq!(
            (&error["code"], &error["path"]),
            (&json!(code), &json!(path)),
            "{input}: {payload}"
        );
        assert_eq!(payload["bulkAction"], Value::Null, "{input}");
    }
    assert_eq!(app.database.ask("SELECT count(*) FROM bulk_actions"), "0");
}

#[test]
fn no_more_than_a_hundred_wait() {
    let app = audience();
    let input = json!({"rule": {"everyone": true}, "action": {"setField": {"field": "city", "value": "Vilnius"}}});
    for _ in 0..100 {
        app.mutate(CREATE, json!({ "input": input }));
    }
    let payload = app.payload(CREATE, json!({ "input": input }));
    let message = payload["userErrors"][0]["message"].as_str();
    assert!(
        message.is_some_and(|text| text.contains("100")),
        "{payload}"
    );
    step(&app);
    app.mutate(CREATE, json!({ "input": input }));
}

#[test]
fn people_are_those_who_fit_when_it_begins() {
    let app = audience();
    app.group("baltic", &[]);
    let id = create(&app, in_country("LT"), json!({"addToGroup": "baltic"}));
    app.subscriber("janis@example.com", json!({"country": "LT"}));
    app.subscriber("ona@example.com", json!({"country": "EE"}));
    run_all(&app);
    assert_eq!(super::counts(&app, &id), json!([3, 3, 3, 0]));
    let added = app.database.ask(
        "SELECT string_agg(email, ' ' ORDER BY email) FROM subscribers s JOIN group_memberships m ON m.subscriber_id = s.id",
    );
    assert_eq!(
        added,
        "janis@example.com jonas@example.com rasa@example.com"
    );
}

#[test]
fn one_that_cannot_begin_any_more_fails_and_says_why() {
    let app = audience();
    app.group("staff", &["ona@example.com"]);
    app.group("gone", &[]);
    let of_rule = create(
        &app,
        json!({"rule": {"group": {"inAny": ["gone"]}}}),
        json!({"delete": true}),
    );
    let of_group = create(&app, json!({"group": "gone"}), json!({"delete": true}));
    let to_group = create(
        &app,
        json!({"group": "staff"}),
        json!({"addToGroup": "gone"}),
    );
    app.database
        .execute("DELETE FROM groups WHERE key = 'gone'");
    run_all(&app);
    for id in [of_rule, of_group, to_group] {
        let shown = show(&app, &id);
        assert_eq!(shown["state"], "FAILED", "{shown}");
        assert!(
            shown["error"]
                .as_str()
                .is_some_and(|text| text.contains("group")),
            "{shown}"
        );
        assert_eq!(shown["changedCount"], 0);
    }
    assert_eq!(app.database.ask("SELECT count(*) FROM subscribers"), "4");
}

#[test]
fn only_one_that_has_not_ended_is_cancelled_and_only_one_that_has_is_undone() {
    let app = audience();
    let set = json!({"setField": {"field": "city", "value": "Vilnius"}});
    let waiting = create(&app, in_country("LT"), set.clone());
    let early = app.payload(UNDO, json!({"id": waiting}));
    assert_eq!(early["userErrors"][0]["path"], "id");
    let cancelled = app.mutate(CANCEL, json!({"id": waiting}));
    assert_eq!(cancelled["bulkAction"]["state"], "CANCELLED");
    assert!(step(&app).is_none());
    let nothing = app.payload(UNDO, json!({"id": waiting}));
    assert_eq!(
        nothing["userErrors"][0]["message"],
        "the bulk action has changed nothing"
    );
    let done = act(&app, in_country("LT"), set);
    let late = app.payload(CANCEL, json!({"id": done}));
    assert_eq!(late["userErrors"][0]["code"], "INVALID");
    // Asked for and taken back.
    app.mutate(UNDO, json!({"id": done}));
    let taken_back = app.mutate(CANCEL, json!({"id": done}));
    assert_eq!(taken_back["bulkAction"]["state"], "SUCCEEDED");
    assert!(step(&app).is_none());
    // Forgotten after a time.
    assert_eq!(show(&app, &done)["canUndo"], true);
    app.set_time("2026-06-01T00:00:00Z");
    super::tidy(app.db(), app.clock.now()).expect("tidied");
    assert_eq!(
        app.database.ask("SELECT count(*) FROM bulk_action_changes"),
        "0"
    );
    let forgotten = app.payload(UNDO, json!({"id": done}));
    let message = forgotten["userErrors"][0]["message"].as_str();
    assert!(
        message.is_some_and(|text| text.contains("can no longer be undone")),
        "{forgotten}"
    );
    app.set_time(LATER);
}
