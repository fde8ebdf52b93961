//! Segments whose members are not those of their rule yet are not read as empty.

use super::{archive, country};
use crate::support::TestApp;
use rollcall::export::{Content, ExportRequest, prepare};
use serde_json::{Value, json};

fn app() -> TestApp {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for (email, code) in [
        ("anna@x.lt", "DE"),
        ("jonas@x.lt", "LT"),
        ("ona@x.lt", "LT"),
    ] {
        app.subscriber(email, json!({ "country": code }));
    }
    app
}

const COPY: &str = "copySegmentToGroup(input: {segment: \"lt\", group: \"kept\", createGroup: true}) { \
    addedCount userErrors { code path message hint } }";

fn copy(app: &TestApp) -> Value {
    app.payload(&format!("mutation {{ {COPY} }}"), json!({}))
}

#[test]
fn a_segment_that_is_made_and_copied_in_one_request_is_filled_first() {
    let app = app();
    let data = app.query(
        &format!(
            "mutation ($rule: JSON!) {{ createSegment(input: {{key: \"lt\", ruleJson: $rule}}) {{ userErrors {{ message }} }} {COPY} }}"
        ),
        json!({"rule": country("LT")}),
    );
    assert_eq!(
        data["copySegmentToGroup"],
        json!({"addedCount": 2, "userErrors": []})
    );
    let state = app.query("{ segment(key: \"lt\") { state memberCount } }", json!({}));
    assert_eq!(
        state["segment"],
        json!({"state": "READY", "memberCount": 2})
    );
}

#[test]
fn a_segment_with_a_new_rule_is_refreshed_before_it_is_copied() {
    let app = app();
    let id = app.segment("lt", country("LT"));
    app.refresh();
    app.mutate(
        "mutation ($id: ID!, $rule: JSON!) { updateSegment(input: {id: $id, ruleJson: $rule}) { userErrors { message } } }",
        json!({"id": id, "rule": country("DE")}),
    );
    assert_eq!(copy(&app), json!({"addedCount": 1, "userErrors": []}));
    // Nothing is refreshed where the members are those of the rule.
    let refreshes = "SELECT count(*) FROM refreshes";
    let before = app.database.ask(refreshes);
    copy(&app);
    assert_eq!(app.database.ask(refreshes), before);
}

#[test]
fn a_segment_that_was_archived_before_its_first_refresh_cannot_be_copied() {
    let app = app();
    let id = app.segment("lt", country("LT"));
    archive(&app, &id, true);
    assert_eq!(
        copy(&app),
        json!({"addedCount": 0, "userErrors": [{
            "code": "INVALID", "path": "segment",
            "message": "the segment \"lt\" has no members yet: no refresh has filled it",
            "hint": "bring it back with updateSegment(archived: false), and refresh it"}]})
    );
    assert_eq!(app.database.ask("SELECT count(*) FROM groups"), "0");
}

#[test]
fn an_archived_segment_is_copied_with_its_last_members() {
    let app = app();
    let id = app.segment("lt", country("LT"));
    app.refresh();
    archive(&app, &id, true);
    app.subscriber("anna@x.lt", json!({"country": "LT"}));
    assert_eq!(copy(&app), json!({"addedCount": 2, "userErrors": []}));
}

#[test]
fn a_segment_that_was_never_refreshed_is_not_exported_as_empty() {
    let app = app();
    app.segment("lt", country("LT"));
    let content = Content::Segment {
        key: "lt".to_owned(),
        as_of: None,
    };
    let request = ExportRequest::of(content);
    let Err(refused) = prepare(app.db(), &request, &app.app.refresh, &app.entry()) else {
        panic!("an empty file was made");
    };
    assert_eq!(
        refused.to_string(),
        "segment: the segment \"lt\" has no members yet: no refresh has filled it \
         (wait for its first refresh, or run refreshSegments; where its state is INVALID, mend its rule first)"
    );
    app.refresh();
    let export = prepare(app.db(), &request, &app.app.refresh, &app.entry()).expect("an export");
    let rows = export.write(&mut Vec::new(), |_| {}).expect("a file");
    assert_eq!(rows, 2);
}
