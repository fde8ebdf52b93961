//! The log of changes: everything that happens is told once, in an order that readers can rely on.

mod bounded;
mod command;
mod erasing;
mod interleaving;
mod keeping;
mod kinds;
mod one_row;
mod pages;
mod stretches;
mod subscribing;

use crate::support::TestApp;
use serde_json::{Value, json};

const NOW: &str = "2026-06-15T12:00:00Z";
const ASK: &str = "query ($after: ID, $kinds: [ChangeKind!], $first: Int) { changes(after: $after, kinds: $kinds, first: $first) { \
    changes { kind at position fields subscriberIds subscribers { id email } nodeId group { key } segment { key } \
    customField { key } refresh { id } } endPosition hasMore } }";

/// Asks for a page of changes.
#[track_caller]
fn page(app: &TestApp, after: &Value, more: Value) -> Value {
    let mut variables = json!({ "after": after });
    let more = more.as_object().cloned().unwrap_or_default();
    variables.as_object_mut().expect("an object").extend(more);
    app.query(ASK, variables)["changes"].take()
}

/// The present position.
#[track_caller]
pub fn position(app: &TestApp) -> Value {
    let page = page(app, &Value::Null, Value::Null);
    assert_eq!(page["changes"], json!([]));
    page["endPosition"].clone()
}

/// Reads everything after a position, and moves it.
#[track_caller]
fn read(app: &TestApp, after: &mut Value) -> Vec<Value> {
    let mut changes = Vec::new();
    loop {
        let page = page(app, after, Value::Null);
        *after = page["endPosition"].clone();
        changes.extend(page["changes"].as_array().expect("a list").iter().cloned());
        if page["hasMore"] == json!(false) {
            return changes;
        }
    }
}

/// Reads everything after a position, and moves it: each change as a line.
#[track_caller]
fn lines(app: &TestApp, after: &mut Value) -> Vec<String> {
    read(app, after).iter().map(line).collect()
}

/// A change as `KIND key (fields): names`, names being the first parts of e-mail addresses.
fn line(change: &Value) -> String {
    let list = |name: &str| change[name].as_array().expect("a list").clone();
    let mut line = change["kind"].as_str().expect("a kind").to_owned();
    for about in ["group", "segment", "customField"] {
        if let Some(key) = change[about]["key"].as_str() {
            line += &format!(" {key}");
        }
    }
    let fields = list("fields");
    if !fields.is_empty() {
        let names = fields.iter().map(|name| name.as_str().expect("a name"));
        line += &format!(" ({})", names.collect::<Vec<_>>().join(" "));
    }
    let people = list("subscribers");
    if !people.is_empty() {
        let names = people.iter().map(|person| {
            let email = person["email"].as_str().expect("an e-mail");
            email.split('@').next().unwrap_or_default().to_owned()
        });
        line += &format!(": {}", names.collect::<Vec<_>>().join(" "));
    }
    line
}

/// The code of the error that a document is answered with.
#[track_caller]
fn code(app: &TestApp, document: &str, variables: Value) -> String {
    let response = app.respond(document, variables);
    let code = response["errors"][0]["extensions"]["code"].as_str();
    code.unwrap_or_else(|| panic!("no error in {response}"))
        .to_owned()
}

fn country(code: &str) -> Value {
    json!({"text": {"field": "country", "is": {"equals": code}}})
}

/// Makes a custom field for texts.
fn custom_field(app: &TestApp, key: &str) -> String {
    let payload = app.mutate(
        "mutation ($key: String!) { createCustomField(input: {key: $key, type: TEXT}) { customField { id } userErrors { message } } }",
        json!({ "key": key }),
    );
    payload["customField"]["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

fn delete(app: &TestApp, id: &str) {
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": id }),
    );
}
