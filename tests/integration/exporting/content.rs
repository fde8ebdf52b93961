//! What stands in the files.

use super::{NOW, columns, emails, export, export_csv};
use crate::support::TestApp;
use insta::assert_snapshot;
use rollcall::export::{Content, ExportRequest, Format, prepare};
use rollcall::rule::Status;
use serde_json::{Value, json};

/// A small audience with everything in it.
fn audience() -> TestApp {
    let app = TestApp::at(NOW);
    for (key, of_type) in [
        ("plan", "TEXT"),
        ("visits", "NUMBER"),
        ("tags", "LIST"),
        ("vip", "BOOLEAN"),
    ] {
        app.mutate(
            "mutation ($key: String!, $type: CustomFieldType!) { createCustomField(input: {key: $key, type: $type}) { userErrors { message } } }",
            json!({ "key": key, "type": of_type }),
        );
    }
    app.subscriber("ona@example.com", json!({
        "firstName": "Ona \"Onutė\"", "lastName": "=HYPERLINK(\"http://x\")", "phone": "+370 600", "country": "LT", "city": "Vilnius, LT",
        "position": { "latitude": -54.5, "longitude": 25.25 }, "birthday": "1990-05-17",
        "customFields": { "plan": "gold", "visits": -12.5, "tags": ["a", "b"], "vip": true },
    }));
    app.subscriber("jonas@example.com", json!({
        "status": "UNSUBSCRIBED", "country": "DE", "customFields": { "tags": ["x|y", "z"] },
    }));
    app.subscriber(
        "-ruta@example.com",
        json!({ "firstName": "'=1", "country": "LT" }),
    );
    app
}

#[test]
fn subscribers_as_csv() {
    let app = audience();
    assert_snapshot!(export_csv(&app, Content::Subscribers), @"");
}

#[test]
fn subscribers_as_ndjson() {
    let app = audience();
    let request = ExportRequest {
        format: Format::Ndjson,
        columns: Some(
            ["all", "groups", "subscribed_at"]
                .map(str::to_owned)
                .to_vec(),
        ),
        ..ExportRequest::of(Content::Subscribers)
    };
    app.group("staff", &["ona@example.com"]);
    app.group("press", &["ona@example.com"]);
    let text = export(&app, &request);
    assert_snapshot!(text, @"");
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).expect("every line is JSON");
        assert!(
            row["email"].is_string() && row["groups"].is_array(),
            "{row}"
        );
    }
}

#[test]
fn columns_are_chosen_by_name() {
    let app = audience();
    app.group("staff", &["ona@example.com"]);
    app.group("press", &["ona@example.com"]);
    let request = columns(
        Content::Subscribers,
        &[
            "custom.tags",
            " firstName",
            "Email",
            "groups",
            "unsubscribed_at",
        ],
    );
    assert_snapshot!(export(&app, &request), @"");
    let refusal = |names: &[&str]| {
        let refused = prepare(
            app.db(),
            &columns(Content::Subscribers, names),
            &app.app.refresh,
        );
        refused
            .map(|_| ())
            .expect_err("unknown columns")
            .to_string()
    };
    assert_snapshot!(refusal(&["emial", "plan", "email", "E-mail", "custom.nothing"]), @"");
    assert_snapshot!(refusal(&[]), @"");
}

#[test]
fn raw_cells_are_what_is_stored() {
    let app = audience();
    let request = ExportRequest {
        is_raw: true,
        ..columns(
            Content::Subscribers,
            &["email", "first_name", "last_name", "phone"],
        )
    };
    assert_snapshot!(export(&app, &request), @"");
}

#[test]
fn groups_segments_and_rules_are_who_is_in_them() {
    let app = audience();
    app.group("staff", &["ona@example.com", "-ruta@example.com"]);
    let rule = json!({"text": {"field": "country", "is": {"equals": "LT"}}});
    app.segment("lithuanians", rule.clone());
    app.refresh();
    let expected = "email\nona@example.com\n'-ruta@example.com\n";
    let group = Content::Group {
        key: "staff".to_owned(),
    };
    let segment = |as_of: Option<&str>| Content::Segment {
        key: "lithuanians".to_owned(),
        as_of: as_of.map(crate::support::instant),
    };
    assert_eq!(export(&app, &emails(group)), expected);
    assert_eq!(export(&app, &emails(segment(None))), expected);
    assert_eq!(export(&app, &emails(Content::Rule(rule.clone()))), expected);

    // The past is what it was; a rule is evaluated now.
    app.set_time("2026-03-02T09:30:00Z");
    app.subscriber("jonas@example.com", json!({ "country": "LT" }));
    app.refresh();
    assert_eq!(
        export(&app, &emails(segment(Some("2026-03-01T10:00:00Z")))),
        expected
    );
    assert_eq!(
        export(&app, &emails(segment(Some("2026-02-01T10:00:00Z")))),
        "email\n"
    );
    let all = "email\nona@example.com\njonas@example.com\n'-ruta@example.com\n";
    assert_eq!(export(&app, &emails(segment(None))), all);
    assert_eq!(export(&app, &emails(Content::Rule(rule))), all);

    // Only some statuses.
    let request = ExportRequest {
        statuses: vec![Status::Unsubscribed, Status::Bounced],
        ..emails(segment(None))
    };
    assert_eq!(export(&app, &request), "email\njonas@example.com\n");
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let app = audience();
    app.group("staff", &[]);
    app.segment("everyone", json!({"everyone": true}));
    let refusal = |content: Content| {
        let refused = prepare(app.db(), &ExportRequest::of(content), &app.app.refresh);
        refused.map(|_| ()).expect_err("a refusal").to_string()
    };
    assert_snapshot!(refusal(Content::Group { key: "stuff".to_owned() }), @"");
    assert_snapshot!(refusal(Content::Segment { key: "everyon".to_owned(), as_of: None }), @"");
    assert_snapshot!(refusal(Content::Rule(json!({"text": {"field": "cuntry", "is": {"equals": "LT"}}}))), @"");
}

#[test]
fn memberships_tell_since_when_and_where_from() {
    let app = audience();
    app.group("staff", &["ona@example.com", "jonas@example.com"]);
    app.segment(
        "lithuanians",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    app.segment("everyone", json!({"everyone": true}));
    app.refresh();
    app.set_time("2026-03-02T09:30:00Z");
    app.subscriber("jonas@example.com", json!({ "country": "LT" }));
    app.refresh();
    app.mutate(
        "mutation { copySegmentToGroup(input: {segment: \"lithuanians\", group: \"copied\", createGroup: true, \
         asOf: \"2026-03-01T12:00:00Z\"}) { userErrors { message path } } }",
        json!({}),
    );
    assert_snapshot!(export_csv(&app, Content::Memberships), @"");
    let request = ExportRequest {
        format: Format::Ndjson,
        statuses: vec![Status::Unsubscribed],
        ..columns(Content::Memberships, &["key", "addedAt", "joinedAt"])
    };
    assert_snapshot!(export(&app, &request), @"");
}

#[test]
fn events_with_their_properties() {
    let app = audience();
    app.event(
        "ona@example.com",
        "purchase",
        "2026-02-01T10:00:00.25Z",
        Some(-12.5),
    );
    app.mutate(
        "mutation ($event: EventInput!) { recordEvents(input: {events: [$event]}) { userErrors { message } } }",
        json!({ "event": {
            "email": "jonas@example.com", "name": "=visit", "occurredAt": "2026-02-02T10:00:00Z", "dedupeKey": "v-1",
            "properties": { "page": "=cmd()", "it's": -5, "deep": { "a": [1, "2"] } },
        }}),
    );
    assert_snapshot!(export_csv(&app, Content::Events), @"");
    let request = columns(
        Content::Events,
        &[
            "email",
            "properties.page",
            "properties.it's",
            "properties.deep",
            "properties.none",
        ],
    );
    assert_snapshot!(export(&app, &request), @"");
    let request = ExportRequest {
        format: Format::Ndjson,
        statuses: vec![Status::Unsubscribed],
        ..ExportRequest::of(Content::Events)
    };
    assert_snapshot!(export(&app, &request), @"");
    let request = ExportRequest {
        format: Format::Ndjson,
        ..request
    };
    let request = ExportRequest {
        columns: Some(vec![
            "properties.it's".to_owned(),
            "properties.deep".to_owned(),
        ]),
        ..request
    };
    assert_snapshot!(export(&app, &request), @"");
}

#[test]
fn an_empty_server_exports_headers() {
    let app = TestApp::at(NOW);
    assert_eq!(export(&app, &emails(Content::Subscribers)), "email\n");
    assert_eq!(
        export_csv(&app, Content::Memberships),
        "email,kind,key,added_at,joined_at,source\n"
    );
    assert_eq!(
        export_csv(&app, Content::Events),
        "email,event,occurred_at,value,dedupe_key,properties\n"
    );
    let request = ExportRequest {
        format: Format::Ndjson,
        ..ExportRequest::of(Content::Subscribers)
    };
    assert_eq!(export(&app, &request), "");
}
