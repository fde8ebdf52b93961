//! Upserts: of one subscriber with groups, of many at once, and events of which some are wrong.

mod groups;
mod many;

use crate::support::TestApp;
use serde_json::{Value, json};

const NOW: &str = "2026-03-01T09:30:00+00:00";
const LATER: &str = "2026-04-01T09:30:00+00:00";

/// Returns the keys of the groups of a subscriber with when the subscriber was added to each, by key.
fn groups_of(app: &TestApp, email: &str) -> Value {
    let data = app.query(
        "query ($email: String!) { subscriber(email: $email) { groups(first: 50) { edges { addedAt node { key } } } } }",
        json!({ "email": email }),
    );
    let edges = data["subscriber"]["groups"]["edges"].as_array();
    let edges = edges.expect("a list").iter();
    edges
        .map(|edge| json!([edge["node"]["key"], edge["addedAt"]]))
        .collect()
}
