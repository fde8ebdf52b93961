//! The audits of GraphQL over HTTP.

use crate::support::{Server, TestDatabase, Workshop};
use serde_json::{Value, json};

#[test]
fn every_audit_of_graphql_over_http_is_passed() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let url = format!("http://{}/graphql", server.address);
    let printed = workshop.node("audit.mjs", &[&url]).succeeded();
    let found: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(found["others"], json!([]), "{printed}");
    assert_eq!(found["ok"], 61, "{printed}");
}
