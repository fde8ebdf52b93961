//! Writers at the same time: none of them fails because of another, and none overwrites what it has not seen.

mod contention;
mod dedupe;
mod stress;
mod types;
mod versions;

use crate::support::TestApp;
use serde_json::{Value, json};

const NOW: &str = "2026-06-01T12:00:00Z";

const RECORD: &str = "mutation ($events: [EventInput!]!) { recordEvents(input: {events: $events}) { \
    recordedCount ignoredCount userErrors { code path message } } }";

/// Adds p1 to pN, the country of each by its number.
fn add_people(app: &TestApp, count: usize) {
    app.database.execute(&format!(
        "INSERT INTO subscribers (email, country, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', (ARRAY['LV', 'LT', 'EE'])[1 + n % 3], '2026-03-01', '2026-03-01' \
         FROM generate_series(1, {count}) n"
    ));
}

fn email(number: usize) -> String {
    format!("p{number}@example.com")
}

/// Makes a custom field and returns its global id.
fn custom_field(app: &TestApp, key: &str, type_name: &str) -> String {
    let made = app.mutate(
        "mutation ($key: String!, $type: CustomFieldType!) { createCustomField(input: {key: $key, type: $type}) { \
         customField { id version } userErrors { message } } }",
        json!({ "key": key, "type": type_name }),
    );
    assert_eq!(made["customField"]["version"], 1);
    made["customField"]["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

const SET_TYPE: &str = "mutation ($id: ID!, $type: CustomFieldType!) { \
    updateCustomField(input: {id: $id, type: $type}) { userErrors { code path message } } }";

/// Returns codes and paths of the user errors of a payload.
fn refusals(payload: &Value) -> Vec<String> {
    let errors = payload["userErrors"].as_array().expect("a list");
    errors
        .iter()
        .map(|error| format!("{} {}", error["code"], error["path"]).replace('"', ""))
        .collect()
}
