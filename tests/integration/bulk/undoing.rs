//! Undoing bulk actions: everything is as it was before, or nothing is touched.

use super::{LATER, act, audience, in_country, show, stored, undo};
use serde_json::{Value, json};

#[test]
fn every_kind_is_undone_exactly() {
    let app = audience();
    app.mutate(
        "mutation { createCustomField(input: {key: \"plan\", type: TEXT}) { userErrors { code } } }",
        json!({}),
    );
    app.group("staff", &["ona@example.com", "janis@example.com"]);
    app.subscriber(
        "ona@example.com",
        json!({"status": "UNSUBSCRIBED", "city": "Kaunas", "customFields": {"plan": "old"}}),
    );
    app.subscriber(
        "rasa@example.com",
        json!({"birthday": "1990-02-28", "position": {"latitude": 0.1, "longitude": 0.2}}),
    );
    app.set_time(LATER);
    let set = |field: &str, value: Value| json!({"setField": {"field": field, "value": value}});
    for action in [
        json!({"addToGroup": "staff"}),
        json!({"removeFromGroup": "staff"}),
        set("city", json!("Vilnius")),
        set("city", json!(null)),
        set("birthday", json!("2000-01-01")),
        set("position", json!({"latitude": 1, "longitude": 2})),
        set("custom.plan", json!("pro")),
        set("custom.plan", json!(null)),
        set("status", json!("COMPLAINED")),
        set("status", json!("PENDING")),
    ] {
        let before = stored(&app);
        let id = act(&app, json!({"rule": {"everyone": true}}), action.clone());
        assert_ne!(stored(&app), before, "{action}");
        assert_eq!(show(&app, &id)["canUndo"], true, "{action}");
        let undone = undo(&app, &id);
        assert_eq!(undone["state"], "UNDONE", "{action}: {undone}");
        assert_eq!(stored(&app), before, "{action}");
        assert_eq!(show(&app, &id)["canUndo"], false, "{action}");
    }
    assert_eq!(
        app.database.ask("SELECT count(*) FROM bulk_action_changes"),
        "0"
    );
    assert_eq!(
        app.database.ask("SELECT count(*) FROM bulk_action_people"),
        "0"
    );
}

#[test]
fn a_later_value_is_not_lost() {
    let app = audience();
    let id = act(
        &app,
        in_country("LT"),
        json!({"setField": {"field": "city", "value": "Vilnius"}}),
    );
    app.set_time(LATER);
    app.subscriber("rasa@example.com", json!({"city": "Kaunas"}));
    let before = stored(&app);
    let refused = undo(&app, &id);
    assert_eq!(refused["state"], "SUCCEEDED");
    let why = refused["undoError"].as_str().expect("a reason");
    assert!(why.contains("1 subscribers have another"), "{why}");
    assert!(!why.contains("rasa"), "{why}");
    assert_eq!(stored(&app), before);
    // Once that is settled, it can be undone.
    app.subscriber("rasa@example.com", json!({"city": "Vilnius"}));
    let undone = undo(&app, &id);
    assert_eq!(
        (&undone["state"], &undone["undoError"]),
        (&json!("UNDONE"), &Value::Null)
    );
    assert_eq!(app.database.ask("SELECT count(city) FROM subscribers"), "0");
}

#[test]
fn what_else_was_changed_since_stays() {
    let app = audience();
    app.group("staff", &[]);
    let city = act(
        &app,
        in_country("LT"),
        json!({"setField": {"field": "city", "value": "Vilnius"}}),
    );
    let added = act(&app, in_country("LT"), json!({"addToGroup": "staff"}));
    app.set_time(LATER);
    app.subscriber("rasa@example.com", json!({"firstName": "Rasa"}));
    let id = app.subscriber("jonas@example.com", json!({}));
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { code } } }",
        json!({"id": id}),
    );
    // Out and in again: that is not the doing of the bulk action any more.
    for groups in [json!({"remove": ["staff"]}), json!({"add": ["staff"]})] {
        app.mutate(
            "mutation ($groups: GroupChangesInput!) { upsertSubscriber(input: {email: \"ona@example.com\", groups: $groups}) { userErrors { code } } }",
            json!({ "groups": groups }),
        );
    }
    for id in [&city, &added] {
        assert_eq!(undo(&app, id)["state"], "UNDONE");
    }
    let people = "SELECT string_agg(concat_ws(' ', email, city, first_name, updated_at::date), ', ' ORDER BY id) FROM subscribers";
    assert_eq!(
        app.database.ask(people),
        "ona@example.com 2026-03-01, rasa@example.com Rasa 2026-03-05, janis@example.com 2026-03-01"
    );
    let members = "SELECT string_agg(concat_ws(' ', s.email, m.source), ', ') FROM group_memberships m JOIN subscribers s ON s.id = m.subscriber_id";
    assert_eq!(app.database.ask(members), "ona@example.com api");
}

#[test]
fn what_a_removed_or_changed_target_makes_impossible_is_told() {
    let app = audience();
    app.group("staff", &["ona@example.com"]);
    app.mutate(
        "mutation { createCustomField(input: {key: \"plan\", type: TEXT}) { userErrors { code } } }",
        json!({}),
    );
    let removed = act(&app, in_country("LT"), json!({"removeFromGroup": "staff"}));
    let set = act(
        &app,
        in_country("LT"),
        json!({"setField": {"field": "custom.plan", "value": "1"}}),
    );
    app.database.execute("DELETE FROM groups");
    app.database
        .execute("UPDATE custom_fields SET type = 'number'");
    for id in [removed, set] {
        let refused = undo(&app, &id);
        assert_eq!(refused["state"], "SUCCEEDED");
        assert!(
            refused["undoError"]
                .as_str()
                .is_some_and(|why| why.contains("deleted")),
            "{refused}"
        );
    }
}

/// What is remembered for the undoing is held about a person too.
#[test]
fn people_can_see_what_is_remembered_of_them() {
    let app = audience();
    app.subscriber("ona@example.com", json!({"city": "Kaunas"}));
    act(
        &app,
        in_country("LT"),
        json!({"setField": {"field": "city", "value": "Vilnius"}}),
    );
    let data = app.query(
        "{ subscriber(email: \"ona@example.com\") { personalData } }",
        json!({}),
    );
    let held = &data["subscriber"]["personalData"]["bulkActions"];
    assert_eq!(held[0]["before"]["city"], "Kaunas", "{data}");
    assert_eq!(held[0]["source"], "bulk 1", "{data}");
}
