//! Every kind of change, made in every way there is.

use super::{NOW, country, custom_field, delete, lines, position, read};
use crate::support::TestApp;
use rollcall::bulk::run_next;
use rollcall::follow::follow_touches;
use rollcall::import::{
    SubscriberImport, ask_to_undo, import_events, import_subscribers, undo_asked,
};
use serde_json::{Value, json};
use std::sync::atomic::AtomicBool;

fn rename(app: &TestApp, mutation: &str, id: &str) {
    let input = mutation[..1].to_uppercase() + &mutation[1..] + "Input";
    app.mutate(
        &format!("mutation ($input: {input}!) {{ {mutation}(input: $input) {{ userErrors {{ message }} }} }}"),
        json!({"input": {"id": id, (if mutation == "updateCustomField" { "label" } else { "name" }): "Another"}}),
    );
}

fn remove(app: &TestApp, mutation: &str, id: &str) {
    app.mutate(
        &format!("mutation ($id: ID!) {{ {mutation}(input: {{id: $id}}) {{ userErrors {{ message }} }} }}"),
        json!({ "id": id }),
    );
}

#[test]
fn mutations_of_subscribers_are_told_with_their_fields() {
    let app = TestApp::at(NOW);
    custom_field(&app, "plan");
    let mut after = position(&app);
    let ona = app.subscriber("ona@example.com", json!({"city": "Vilnius"}));
    app.set_time("2026-06-15T13:00:00Z");
    app.subscriber(
        "ona@example.com",
        json!({"firstName": "Ona", "postalCode": "01100", "customFields": {"plan": "pro"}}),
    );
    app.subscriber("ona@example.com", json!({"firstName": "Ona"}));
    app.set_time("2026-06-15T14:00:00Z");
    app.subscriber("ona@example.com", json!({"status": "UNSUBSCRIBED"}));
    assert_eq!(
        lines(&app, &mut after),
        [
            "SUBSCRIBER_CREATED: ona",
            "SUBSCRIBER_UPDATED (firstName postalCode custom.plan): ona",
            "SUBSCRIBER_STATUS_CHANGED (status): ona",
        ]
    );
    delete(&app, &ona);
    let told = read(&app, &mut after);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["kind"], "SUBSCRIBER_DELETED");
    assert_eq!(told[0]["subscriberIds"], json!([ona]));
    assert_eq!(told[0]["subscribers"], json!([]));
}

#[test]
fn groups_and_their_members_are_told() {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({}));
    app.subscriber("jonas@example.com", json!({}));
    let mut after = position(&app);
    app.group("staff", &["ona@example.com", "jonas@example.com"]);
    let found = app.query("{ group(key: \"staff\") { id } }", json!({}));
    let id = found["group"]["id"].as_str().expect("an id");
    rename(&app, "updateGroup", id);
    app.mutate(
        "mutation { removeFromGroup(input: {group: \"staff\", emails: [\"ona@example.com\"]}) { userErrors { message } } }",
        json!({}),
    );
    app.mutate(
        "mutation { upsertSubscriber(input: {email: \"ona@example.com\", groups: {add: [\"staff\"]}}) { userErrors { message } } }",
        json!({}),
    );
    let told = lines(&app, &mut after);
    let told: Vec<&str> = told
        .iter()
        .map(String::as_str)
        .filter(|line| !line.starts_with("SUBSCRIBER_UPDATED (updatedAt)"))
        .collect();
    assert_eq!(
        told,
        [
            "GROUP_CREATED staff",
            "GROUP_MEMBERS_ADDED staff: ona jonas",
            "GROUP_UPDATED staff (name)",
            "GROUP_MEMBERS_REMOVED staff: ona",
            "GROUP_MEMBERS_ADDED staff: ona",
        ]
    );
    remove(&app, "deleteGroup", id);
    let told = read(&app, &mut after);
    assert_eq!(told.len(), 1, "not the memberships one by one");
    assert_eq!(
        (&told[0]["kind"], &told[0]["nodeId"]),
        (&json!("GROUP_DELETED"), &json!(id))
    );
    assert_eq!(told[0]["group"], Value::Null);
}

#[test]
fn members_of_segments_are_told_by_refreshes_and_at_once() {
    let app = TestApp::at(NOW);
    for (name, code) in [("ona", "LT"), ("jonas", "LT"), ("janis", "LV")] {
        app.subscriber(&format!("{name}@example.com"), json!({ "country": code }));
    }
    let mut after = position(&app);
    let id = app.segment("lt", country("LT"));
    app.mutate(
        "mutation ($rule: JSON!) { createSegment(input: {key: \"now\", mode: INSTANT, ruleJson: $rule}) { userErrors { message } } }",
        json!({"rule": country("LV")}),
    );
    app.refresh();
    assert_eq!(
        lines(&app, &mut after),
        [
            "SEGMENT_CREATED lt",
            "SEGMENT_CREATED now",
            "SEGMENT_MEMBERS_JOINED lt: ona jonas",
            "SEGMENT_MEMBERS_JOINED now: janis",
        ]
    );
    app.subscriber("ona@example.com", json!({"country": "LV"}));
    follow_touches(app.db(), &app.app.refresh).expect("changes are followed");
    app.refresh();
    let told = read(&app, &mut after);
    let told_lines: Vec<String> = told.iter().map(super::line).collect();
    assert_eq!(
        told_lines,
        [
            "SUBSCRIBER_UPDATED (country): ona",
            "SEGMENT_MEMBERS_JOINED now: ona",
            "SEGMENT_MEMBERS_LEFT lt: ona",
        ]
    );
    assert_eq!(told[1]["refresh"], Value::Null);
    assert_ne!(told[2]["refresh"], Value::Null);
    app.mutate(
        "mutation ($id: ID!, $rule: JSON!) { updateSegment(input: {id: $id, ruleJson: $rule}) { userErrors { message } } }",
        json!({"id": id, "rule": country("LV")}),
    );
    app.refresh();
    assert_eq!(
        lines(&app, &mut after),
        [
            "SEGMENT_UPDATED lt (definitionVersion rule)",
            "SEGMENT_MEMBERS_JOINED lt: ona janis",
            "SEGMENT_MEMBERS_LEFT lt: jonas",
        ]
    );
    remove(&app, "deleteSegment", &id);
    let told = read(&app, &mut after);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["kind"], &told[0]["nodeId"]),
        (&json!("SEGMENT_DELETED"), &json!(id))
    );
}

#[test]
fn custom_fields_are_told() {
    let app = TestApp::at(NOW);
    let mut after = position(&app);
    let id = custom_field(&app, "plan");
    rename(&app, "updateCustomField", &id);
    assert_eq!(
        lines(&app, &mut after),
        [
            "CUSTOM_FIELD_CREATED plan",
            "CUSTOM_FIELD_UPDATED plan (label)"
        ]
    );
    app.subscriber("ona@example.com", json!({"customFields": {"plan": "pro"}}));
    remove(&app, "deleteCustomField", &id);
    let told = lines(&app, &mut after);
    assert_eq!(told[0], "SUBSCRIBER_CREATED: ona");
    assert!(
        told.contains(&"CUSTOM_FIELD_DELETED".to_owned()),
        "{told:?}"
    );
    assert!(
        told.contains(&"SUBSCRIBER_UPDATED (custom.plan): ona".to_owned()),
        "{told:?}"
    );
}

#[test]
fn imports_and_their_undoing_are_told() {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({"city": "Kaunas"}));
    let mut after = position(&app);
    app.set_time("2026-06-15T13:00:00Z");
    let options = SubscriberImport {
        groups: vec!["imported".to_owned()],
        create_groups: true,
        ..SubscriberImport::default()
    };
    let file =
        "email,city\nona@example.com,Vilnius\njonas@example.com,Riga\nrasa@example.com,Riga\n";
    import_subscribers(app.db(), file.as_bytes(), &options, app.clock.now(), |_| {})
        .expect("an import");
    let mut told = lines(&app, &mut after);
    told.sort();
    assert_eq!(
        told,
        [
            "GROUP_CREATED imported",
            "GROUP_MEMBERS_ADDED imported: jonas rasa",
            "GROUP_MEMBERS_ADDED imported: ona",
            "SUBSCRIBER_CREATED: jonas rasa",
            "SUBSCRIBER_UPDATED (city): ona",
        ]
    );
    let now = app.clock.now();
    app.db()
        .run_here(|connection| ask_to_undo(connection, 1, now))
        .expect("it can be asked for");
    undo_asked(app.db(), 1, now).expect("it is undone");
    let told = read(&app, &mut after);
    let kinds: Vec<&str> = told
        .iter()
        .map(|change| change["kind"].as_str().expect("a kind"))
        .collect();
    for kind in ["GROUP_DELETED", "SUBSCRIBER_DELETED", "SUBSCRIBER_UPDATED"] {
        assert!(kinds.contains(&kind), "{kind} is not in {kinds:?}");
    }
    let deleted = told
        .iter()
        .find(|change| change["kind"] == "SUBSCRIBER_DELETED")
        .expect("one");
    assert_eq!(deleted["subscriberIds"].as_array().map(Vec::len), Some(2));
}

#[test]
fn people_whom_an_import_of_events_makes_are_told() {
    let app = TestApp::at(NOW);
    let mut after = position(&app);
    let options = rollcall::import::EventImport {
        create_people: true,
        ..Default::default()
    };
    let file = "email,event,occurred_at\nona@example.com,visit,2026-06-01T00:00:00Z\n";
    import_events(app.db(), file.as_bytes(), &options, app.clock.now(), |_| {}).expect("an import");
    assert_eq!(lines(&app, &mut after), ["SUBSCRIBER_CREATED: ona"]);
}

#[test]
fn bulk_actions_and_their_undoing_are_told() {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({"city": "Kaunas"}));
    app.subscriber("jonas@example.com", json!({"city": "Vilnius"}));
    app.group("staff", &[]);
    app.set_time("2026-06-15T13:00:00Z");
    let mut after = position(&app);
    let run = || {
        let is_stopping = AtomicBool::new(false);
        while run_next(app.db(), &app.app.refresh, &is_stopping)
            .expect("it runs")
            .is_some()
        {}
    };
    let act = |action: Value| {
        let payload = app.mutate(
            "mutation ($action: BulkChangeInput!) { createBulkAction(input: {rule: {everyone: true}, action: $action}) { bulkAction { id } userErrors { message } } }",
            json!({ "action": action }),
        );
        run();
        payload["bulkAction"]["id"].clone()
    };
    let undo = |id: Value| {
        app.mutate(
            "mutation ($id: ID!) { undoBulkAction(input: {id: $id}) { userErrors { message } } }",
            json!({ "id": id }),
        );
        run();
    };
    undo(act(
        json!({"setField": {"field": "city", "value": "Vilnius"}}),
    ));
    undo(act(json!({"addToGroup": "staff"})));
    let told = lines(&app, &mut after);
    let told: Vec<&str> = told
        .iter()
        .map(String::as_str)
        .filter(|line| !line.starts_with("SUBSCRIBER_UPDATED (updatedAt)"))
        .collect();
    assert_eq!(
        told,
        [
            "SUBSCRIBER_UPDATED (city): ona",
            "SUBSCRIBER_UPDATED (city): ona",
            "GROUP_MEMBERS_ADDED staff: ona jonas",
            "GROUP_MEMBERS_REMOVED staff: ona jonas",
        ]
    );
}

#[test]
fn plain_sql_is_told_too() {
    let app = TestApp::at(NOW);
    app.group("staff", &[]);
    app.group("other", &[]);
    let mut after = position(&app);
    app.database.execute(
        "INSERT INTO subscribers (email, created_at, updated_at) SELECT n || '@example.com', now(), now() \
         FROM unnest(ARRAY['ona', 'jonas', 'rasa']) AS n",
    );
    app.database.execute(
        "UPDATE subscribers SET first_name = 'X', language = 'lt' WHERE email LIKE 'ona%'",
    );
    app.database
        .execute("UPDATE subscribers SET first_name = 'X' WHERE true");
    app.database.execute("UPDATE subscribers SET status = 'bounced', city = CASE email WHEN 'rasa@example.com' THEN 'Riga' END");
    app.database.execute("UPDATE subscribers SET email = email");
    app.database
        .execute("INSERT INTO group_memberships SELECT 1, id, now(), 'sql' FROM subscribers");
    app.database
        .execute("UPDATE group_memberships SET group_id = 2 WHERE subscriber_id = 1");
    app.database
        .execute("UPDATE group_memberships SET source = 'other'");
    app.database
        .execute("DELETE FROM group_memberships WHERE subscriber_id = 2");
    assert_eq!(
        lines(&app, &mut after),
        [
            "SUBSCRIBER_CREATED: ona jonas rasa",
            "SUBSCRIBER_UPDATED (firstName language): ona",
            "SUBSCRIBER_UPDATED (firstName): jonas rasa",
            "SUBSCRIBER_STATUS_CHANGED (status): ona jonas rasa",
            "SUBSCRIBER_UPDATED (city): rasa",
            "GROUP_MEMBERS_ADDED staff: ona jonas rasa",
            "GROUP_MEMBERS_REMOVED staff: ona",
            "GROUP_MEMBERS_ADDED other: ona",
            "GROUP_MEMBERS_REMOVED staff: jonas",
        ]
    );
    app.database
        .execute("DELETE FROM subscribers WHERE id <> 2");
    let told = read(&app, &mut after);
    let kinds: Vec<&Value> = told.iter().map(|change| &change["kind"]).collect();
    assert_eq!(
        kinds,
        ["SUBSCRIBER_DELETED"],
        "memberships go with their subscribers"
    );
    assert_eq!(told[0]["subscriberIds"].as_array().map(Vec::len), Some(2));
}

/// A plan that was made for one row must not be used for a million pairs of rows.
#[test]
fn one_statement_may_change_many() {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({}));
    for number in 0..10 {
        app.database
            .execute(&format!("UPDATE subscribers SET city = 'c{number}'"));
    }
    let after = position(&app);
    app.database.execute(
        "INSERT INTO subscribers (email, created_at, updated_at) SELECT n || '@example.com', now(), now() \
         FROM generate_series(1, 150000) n; \
         UPDATE subscribers SET city = 'Vilnius' WHERE id % 3 = 0",
    );
    // Two chunks of ids each.
    assert!(position(&app).as_str().is_some());
    let rows = app.database.ask(
        "SELECT string_agg(kind || ' ' || number || ' ' || (ids IS NULL), ', ' ORDER BY seq) FROM (SELECT * FROM changes ORDER BY seq DESC LIMIT 4) c",
    );
    assert_eq!(
        rows,
        "subscriber_created 131070 true, subscriber_created 18930 true, subscriber_updated 43690 false, subscriber_updated 6310 false"
    );
    let mut after = after;
    let mut people = std::collections::BTreeMap::<String, usize>::new();
    loop {
        let page = app.query(
            "query ($after: ID!) { changes(after: $after, first: 250) { changes { kind subscriberIds } endPosition hasMore } }",
            json!({ "after": after }),
        );
        let page = &page["changes"];
        for change in page["changes"].as_array().expect("a list") {
            let kind = change["kind"].as_str().expect("a kind").to_owned();
            *people.entry(kind).or_default() +=
                change["subscriberIds"].as_array().expect("a list").len();
        }
        after = page["endPosition"].clone();
        if page["hasMore"] == json!(false) {
            break;
        }
    }
    assert_eq!(people["SUBSCRIBER_CREATED"], 150_000);
    assert_eq!(people["SUBSCRIBER_UPDATED"], 50_000);
}
