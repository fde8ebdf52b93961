//! Bulk actions: changes of many subscribers as jobs.

mod asking;
mod going_on;
mod running;
mod undoing;

use crate::support::TestApp;
use rollcall::bulk::{BulkAction, run_next, tidy};
use serde_json::{Value, json};
use std::sync::atomic::AtomicBool;

const NOW: &str = "2026-03-01T09:30:00Z";
const LATER: &str = "2026-03-05T09:30:00Z";

const CREATE: &str = "mutation ($input: CreateBulkActionInput!) { createBulkAction(input: $input) { \
    bulkAction { id state kind } userErrors { code path message hint } } }";
const UNDO: &str = "mutation ($id: ID!) { undoBulkAction(input: {id: $id}) { \
    bulkAction { state } userErrors { code path message } } }";
const CANCEL: &str = "mutation ($id: ID!) { cancelBulkAction(input: {id: $id}) { \
    bulkAction { state } userErrors { code path message } } }";

/// Asks for a bulk action, and returns its id.
#[track_caller]
fn create(app: &TestApp, people: Value, action: Value) -> String {
    let mut input = people;
    input["action"] = action;
    let payload = app.mutate(CREATE, json!({ "input": input }));
    let id = payload["bulkAction"]["id"].as_str();
    id.expect("an id").to_owned()
}

/// Does what waits.
#[track_caller]
fn run_all(app: &TestApp) {
    while step(app).is_some() {}
}

#[track_caller]
fn step(app: &TestApp) -> Option<BulkAction> {
    let is_stopping = AtomicBool::new(false);
    run_next(app.db(), &app.app.refresh, &is_stopping).expect("a bulk action is run")
}

/// Asks for a bulk action and runs it, and returns its id.
#[track_caller]
fn act(app: &TestApp, people: Value, action: Value) -> String {
    let id = create(app, people, action);
    run_all(app);
    id
}

/// Undoes a bulk action, and returns it.
#[track_caller]
fn undo(app: &TestApp, id: &str) -> Value {
    let payload = app.mutate(UNDO, json!({ "id": id }));
    assert_eq!(payload["bulkAction"]["state"], "UNDOING");
    run_all(app);
    show(app, id)
}

#[track_caller]
fn show(app: &TestApp, id: &str) -> Value {
    let data = app.query(
        "query ($id: ID!) { bulkAction(id: $id) { state kind progress matchedCount doneCount changedCount withheldCount \
         error canUndo undoError } }",
        json!({ "id": id }),
    );
    data["bulkAction"].clone()
}

/// Returns the counts of a bulk action: matched, done, changed, withheld.
#[track_caller]
fn counts(app: &TestApp, id: &str) -> Value {
    let shown = show(app, id);
    assert_eq!(shown["state"], "SUCCEEDED", "{shown}");
    assert_eq!(shown["progress"], 1.0, "{shown}");
    let counts = ["matchedCount", "doneCount", "changedCount", "withheldCount"];
    counts.iter().map(|name| shown[name].clone()).collect()
}

fn in_country(code: &str) -> Value {
    json!({"rule": {"text": {"field": "country", "is": {"equals": code}}}})
}

/// Makes subscribers in Lithuania, and one in Latvia.
fn audience() -> TestApp {
    let app = TestApp::at(NOW);
    for name in ["ona", "rasa", "jonas"] {
        app.subscriber(&format!("{name}@example.com"), json!({"country": "LT"}));
    }
    app.subscriber("janis@example.com", json!({"country": "LV"}));
    app
}

/// Everything that is stored of subscribers and their groups, but for the versions.
fn stored(app: &TestApp) -> String {
    app.database.ask(
        "SELECT json_build_array( \
         (SELECT json_agg(to_jsonb(s) - 'version' ORDER BY s.id) FROM subscribers s), \
         (SELECT json_agg(m ORDER BY m.group_id, m.subscriber_id) FROM group_memberships m))",
    )
}
