//! What rules ask of stored data: past memberships, archived and unfilled segments, properties, and what is warned about.

mod archived;
mod events;
mod past;
mod unfilled;
mod warnings;

use crate::support::TestApp;
use serde_json::{Value, json};

fn country(code: &str) -> Value {
    json!({"text": {"field": "country", "is": {"equals": code}}})
}

/// Archives a segment, or brings it back.
#[track_caller]
fn archive(app: &TestApp, id: &str, archived: bool) {
    app.mutate(
        "mutation ($id: ID!, $archived: Boolean!) { updateSegment(input: {id: $id, archived: $archived}) { \
         userErrors { message } } }",
        json!({ "id": id, "archived": archived }),
    );
}

/// How many subscribers a preview of the rule finds.
#[track_caller]
fn preview(app: &TestApp, rule: &Value) -> Value {
    let data = app.query(
        "query ($rule: JSON!) { previewSegment(ruleJson: $rule) { problems { path message } memberCount } }",
        json!({ "rule": rule }),
    );
    assert_eq!(data["previewSegment"]["problems"], json!([]));
    data["previewSegment"]["memberCount"].clone()
}

/// Whether the rule is true of a subscriber, and what was seen at its root.
#[track_caller]
fn explain(app: &TestApp, email: &str, rule: &Value) -> (bool, String) {
    let data = app.query(
        "query ($email: String!, $rule: JSON!) { subscriber(email: $email) { explain(ruleJson: $rule) { \
         isMatch problems { path message } nodes { seen } } } }",
        json!({ "email": email, "rule": rule }),
    );
    let explanation = &data["subscriber"]["explain"];
    assert_eq!(explanation["problems"], json!([]));
    let seen = explanation["nodes"][0]["seen"].as_str().unwrap_or_default();
    (explanation["isMatch"] == json!(true), seen.to_owned())
}
