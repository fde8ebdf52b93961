//! The type of a custom field and the values that are written at the same time.

use super::{NOW, SET_TYPE, add_people, custom_field, email, refusals};
use crate::support::TestApp;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

const LOCK_TYPES: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('rollcall types ' || current_schema(), 0))";

const UPSERT: &str = "mutation ($email: String!, $custom: JSON!) { upsertSubscriber(input: {email: $email, \
    values: {customFields: $custom}}) { userErrors { code path message } } }";

#[test]
fn a_value_is_checked_against_the_type_that_its_field_has_when_it_is_written() {
    let app = TestApp::at(NOW);
    add_people(&app, 1);
    custom_field(&app, "visits", "TEXT");
    let held = app.database.hold(&format!(
        "{LOCK_TYPES}; UPDATE custom_fields SET type = 'number'"
    ));
    let payload = std::thread::scope(|scope| {
        let values = json!({ "email": email(1), "custom": {"visits": "7"} });
        let writing = scope.spawn(|| app.payload(UPSERT, values));
        app.database.wait_for_waiting(1);
        held.commit();
        writing.join().expect("no panic")
    });
    assert_eq!(refusals(&payload), ["INVALID customFields.visits"]);
    assert_eq!(app.database.ask("SELECT custom FROM subscribers"), "{}");
}

#[test]
fn values_that_are_not_custom_do_not_wait_for_a_change_of_type() {
    let app = TestApp::at(NOW);
    add_people(&app, 1);
    let held = app.database.hold(LOCK_TYPES);
    app.subscriber(&email(1), json!({"city": "Vilnius"}));
    held.commit();
}

#[test]
fn values_have_the_type_of_their_field_after_many_changes_of_type() {
    let app = TestApp::at(NOW);
    add_people(&app, 30);
    let id = custom_field(&app, "visits", "TEXT");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let (app, is_over) = (&app, &is_over);
            scope.spawn(move || {
                let mut turn = writer;
                while !is_over.load(Ordering::Relaxed) {
                    turn += 1;
                    let value = [json!("7"), json!(7), Value::Null, json!("8")][turn % 4].clone();
                    let values =
                        json!({ "email": email(1 + turn % 30), "custom": {"visits": value} });
                    let payload = app.payload(UPSERT, values);
                    for refusal in refusals(&payload) {
                        assert_eq!(refusal, "INVALID customFields.visits");
                    }
                }
            });
        }
        for turn in 0..30 {
            let type_name = ["NUMBER", "TEXT"][turn % 2];
            let payload = app.payload(SET_TYPE, json!({ "id": id, "type": type_name }));
            if payload["userErrors"] != json!([]) {
                is_over.store(true, Ordering::Relaxed);
                panic!("{payload}");
            }
            let stored = ["number", "string"][turn % 2];
            let others = format!(
                "SELECT count(*) FROM subscribers, custom_fields f WHERE f.type = '{}' AND jsonb_typeof(custom -> 'visits') <> '{stored}'",
                type_name.to_lowercase()
            );
            let others = app.database.ask(&others);
            if others != "0" {
                is_over.store(true, Ordering::Relaxed);
                panic!("{others} values of another type");
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_type_is_not_changed_while_an_import_runs() {
    let app = TestApp::at(NOW);
    let id = custom_field(&app, "visits", "TEXT");
    let held = app.database.hold_imports();
    let change = json!({ "id": id, "type": "NUMBER" });
    let payload = app.payload(SET_TYPE, change.clone());
    assert_eq!(refusals(&payload), ["IN_USE id"]);
    let delete =
        "mutation ($id: ID!) { deleteCustomField(input: {id: $id}) { userErrors { code path } } }";
    assert_eq!(
        refusals(&app.payload(delete, json!({ "id": id }))),
        ["IN_USE id"]
    );
    // The name for people is no type.
    app.mutate(
        "mutation ($id: ID!) { updateCustomField(input: {id: $id, label: \"Visits\"}) { userErrors { code } } }",
        json!({ "id": id }),
    );
    held.commit();
    app.mutate(SET_TYPE, change);
}
