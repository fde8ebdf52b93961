//! Copies of segments, and earlier versions of their rules.

use crate::support::TestApp;
use serde_json::{Value, json};

const SEGMENT: &str =
    "segment { key name description tags rule mode state definitionVersion version }";

fn copy(app: &TestApp, input: &Value) -> Value {
    let document = format!(
        "mutation ($input: CopySegmentInput!) {{ copySegment(input: $input) \
         {{ {SEGMENT} warnings {{ code }} userErrors {{ code path message }} }} }}"
    );
    app.payload(&document, json!({ "input": input }))
}

fn restore(app: &TestApp, input: &Value) -> Value {
    let document = format!(
        "mutation ($input: RestoreSegmentDefinitionInput!) {{ restoreSegmentDefinition(input: $input) \
         {{ {SEGMENT} userErrors {{ code path message }} }} }}"
    );
    app.payload(&document, json!({ "input": input }))
}

fn in_city(city: &str) -> Value {
    json!({"text": {"field": "city", "is": {"equals": city}}})
}

/// A segment with three versions of its rule; returns its id.
fn segment(app: &TestApp) -> Value {
    let made = app.mutate(
        "mutation ($rule: JSON) { createSegment(input: {key: \"city\", name: \"In the city\", description: \"All of them\", \
         tags: [\"a\", \"B\"], mode: INSTANT, ruleJson: $rule}) { segment { id } userErrors { message } } }",
        json!({"rule": in_city("Vilnius")}),
    );
    let id = made["segment"]["id"].clone();
    for city in ["Kaunas", "Riga"] {
        app.mutate(
            "mutation ($id: ID!, $rule: JSON) { updateSegment(input: {id: $id, ruleJson: $rule}) { userErrors { message } } }",
            json!({"id": id, "rule": in_city(city)}),
        );
    }
    id
}

fn definitions(app: &TestApp) -> Vec<Value> {
    let data = app.query(
        "{ segment(key: \"city\") { definitions { nodes { version rule } } } }",
        json!({}),
    );
    let nodes = data["segment"]["definitions"]["nodes"].as_array().cloned();
    nodes.expect("a list")
}

#[test]
fn a_copy_has_everything_but_the_members_and_the_past() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.subscriber("ona@example.com", json!({"city": "Riga"}));
    let id = segment(&app);
    app.refresh();
    let copied = copy(&app, &json!({"id": id, "key": "copy", "name": "Mine"}));
    let expected = json!({
        "key": "copy", "name": "Mine", "description": "All of them", "tags": ["a", "B"], "rule": in_city("Riga"),
        "mode": "INSTANT", "state": "PENDING", "definitionVersion": 1, "version": 1,
    });
    assert_eq!(copied["segment"], expected, "{copied}");
    let again = copy(&app, &json!({"id": id, "key": "again"}));
    assert_eq!(again["segment"]["name"], json!("In the city"));
    app.refresh();
    let data = app.query(
        "{ segment(key: \"copy\") { memberCount state } }",
        json!({}),
    );
    assert_eq!(data["segment"], json!({"memberCount": 1, "state": "READY"}));
}

#[test]
fn a_copy_that_cannot_be_made_is_refused() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let id = segment(&app);
    for (input, code, path) in [
        (json!({"id": id, "key": "city"}), "TAKEN", "key"),
        (json!({"id": id, "key": "In the city"}), "INVALID", "key"),
        (
            json!({"id": "U2VnbWVudDo5OTk", "key": "copy"}),
            "NOT_FOUND",
            "",
        ),
        (json!({"id": "rubbish", "key": "copy"}), "INVALID", "id"),
    ] {
        let refused = copy(&app, &input);
        let error = &refused["userErrors"][0];
        assert_eq!(refused["segment"], Value::Null, "{input}");
        assert_eq!(error["code"], json!(code), "{input}: {refused}");
        if !path.is_empty() {
            assert_eq!(error["path"], json!(path), "{input}: {refused}");
        }
    }
    // What the rule asks about is gone.
    app.group("staff", &[]);
    app.segment("of-staff", json!({"group": {"inAny": ["staff"]}}));
    app.database
        .execute("DELETE FROM segment_dependencies; DELETE FROM groups WHERE key = 'staff'");
    let data = app.query("{ segment(key: \"of-staff\") { id } }", json!({}));
    let refused = copy(&app, &json!({"id": data["segment"]["id"], "key": "copy"}));
    assert_eq!(refused["segment"], Value::Null);
    let path = refused["userErrors"][0]["path"]
        .as_str()
        .unwrap_or_default();
    assert!(path.contains("group.inAny[0]"), "{refused}");
}

#[test]
fn an_old_rule_becomes_the_newest_version() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let id = segment(&app);
    app.refresh();
    let restored = restore(&app, &json!({"id": id, "definitionVersion": 1}));
    let segment = &restored["segment"];
    assert_eq!(segment["rule"], in_city("Vilnius"), "{restored}");
    assert_eq!(
        (
            &segment["definitionVersion"],
            &segment["state"],
            &segment["name"]
        ),
        (&json!(4), &json!("PENDING"), &json!("In the city"))
    );
    let cities = ["Vilnius", "Riga", "Kaunas", "Vilnius"];
    let versions = (1..=4).rev().zip(cities);
    let expected: Vec<Value> = versions
        .map(|(version, city)| json!({"version": version, "rule": in_city(city)}))
        .collect();
    assert_eq!(definitions(&app), expected);
    // It has that rule already.
    let again = restore(&app, &json!({"id": id, "definitionVersion": 1}));
    assert_eq!(again["segment"]["definitionVersion"], json!(4));
    assert_eq!(definitions(&app).len(), 4);
}

#[test]
fn a_restoration_that_cannot_be_is_refused() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let id = segment(&app);
    for version in [0, 4, -1, i32::MAX] {
        let refused = restore(&app, &json!({"id": id, "definitionVersion": version}));
        let expected = json!([{
            "code": "NOT_FOUND", "path": "definitionVersion",
            "message": format!("expected a version from 1 to 3, found {version}"),
        }]);
        assert_eq!(refused["userErrors"], expected);
    }
    let stale = json!({"id": id, "definitionVersion": 1, "ifVersion": 1});
    let refused = restore(&app, &stale);
    assert_eq!(
        refused["userErrors"][0]["code"],
        json!("CONFLICT"),
        "{refused}"
    );
    let fresh = json!({"id": id, "definitionVersion": 1, "ifVersion": 3});
    assert_eq!(restore(&app, &fresh)["userErrors"], json!([]));
    // A rule that has become invalid is refused, and the segment keeps its own.
    app.group("staff", &[]);
    let update = |rule: Value| {
        app.mutate(
            "mutation ($id: ID!, $rule: JSON) { updateSegment(input: {id: $id, ruleJson: $rule}) { userErrors { message } } }",
            json!({"id": id, "rule": rule}),
        )
    };
    update(json!({"group": {"inAny": ["staff"]}}));
    update(in_city("Riga"));
    app.mutate(
        "mutation ($id: ID!) { deleteGroup(input: {id: $id}) { userErrors { message } } }",
        json!({"id": app.query("{ group(key: \"staff\") { id } }", json!({}))["group"]["id"]}),
    );
    let refused = restore(&app, &json!({"id": id, "definitionVersion": 5}));
    assert_eq!(refused["segment"], Value::Null);
    let path = refused["userErrors"][0]["path"]
        .as_str()
        .unwrap_or_default();
    assert!(path.contains("group.inAny[0]"), "{refused}");
    assert_eq!(definitions(&app)[0]["rule"], in_city("Riga"));
}
