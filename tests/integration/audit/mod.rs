//! The audit log: who did what.

mod actors;
mod keeping;
mod mutations;
mod reading;

use crate::support::{TestApp, TestDatabase};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Everything of an entry.
const ENTRY: &str = "at action actor { kind name keyPrefix } apiKeyId sessionNumber peer requestId target { type id key } \
    subscriberIds count fields definitionVersionBefore definitionVersionAfter";

/// Lists the entries, oldest first.
#[track_caller]
fn entries(app: &TestApp) -> Vec<Value> {
    let asked = format!("{{ auditLog(first: 250) {{ nodes {{ {ENTRY} }} }} }}");
    let mut data = app.query(&asked, json!({}));
    let mut nodes = take_nodes(&mut data["auditLog"]);
    nodes.reverse();
    nodes
}

fn take_nodes(connection: &mut Value) -> Vec<Value> {
    let nodes = connection["nodes"].take();
    nodes.as_array().expect("a list").clone()
}

/// Returns the global id of a thing.
fn global(kind: &str, id: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{kind}:{id}"))
}

/// Returns one value of the newest row about an action; an empty text if there is no row.
fn newest(database: &TestDatabase, action: &str, column: &str) -> String {
    database.ask(&format!(
        "SELECT coalesce((SELECT {column}::text FROM audit_log WHERE action = '{action}' ORDER BY id DESC LIMIT 1), '')"
    ))
}
