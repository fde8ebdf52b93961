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
    app.subscriber(
        "jonas@example.com",
        json!({
            "status": "UNSUBSCRIBED", "country": "DE", "customFields": { "tags": ["x|y", "z"] },
        }),
    );
    app.subscriber(
        "-ruta@example.com",
        json!({ "firstName": "'=1", "country": "LT" }),
    );
    app
}

#[test]
fn subscribers_as_csv() {
    let app = audience();
    assert_snapshot!(export_csv(&app, Content::Subscribers), @r#"
    email,status,first_name,last_name,phone,country,region,city,postal_code,latitude,longitude,language,timezone,birthday,source,created_at,custom.plan,custom.tags,custom.vip,custom.visits
    ona@example.com,subscribed,"Ona ""Onutė""","'=HYPERLINK(""http://x"")",'+370 600,LT,,"Vilnius, LT",,-54.5,25.25,,,1990-05-17,,2026-03-01T09:30:00.000000Z,gold,a|b,true,-12.5
    jonas@example.com,unsubscribed,,,,DE,,,,,,,,,,2026-03-01T09:30:00.000000Z,,"[""x|y"",""z""]",,
    '-ruta@example.com,subscribed,''=1,,,LT,,,,,,,,,,2026-03-01T09:30:00.000000Z,,,,
    "#);
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
    assert_snapshot!(text, @r#"
    {"email":"ona@example.com","status":"subscribed","first_name":"Ona \"Onutė\"","last_name":"=HYPERLINK(\"http://x\")","phone":"+370 600","country":"LT","region":null,"city":"Vilnius, LT","postal_code":null,"latitude":-54.5,"longitude":25.25,"language":null,"timezone":null,"birthday":"1990-05-17","source":null,"created_at":"2026-03-01T09:30:00.000000Z","custom.plan":"gold","custom.tags":["a", "b"],"custom.vip":true,"custom.visits":-12.5,"groups":["press", "staff"],"subscribed_at":"2026-03-01T09:30:00.000000Z"}
    {"email":"jonas@example.com","status":"unsubscribed","first_name":null,"last_name":null,"phone":null,"country":"DE","region":null,"city":null,"postal_code":null,"latitude":null,"longitude":null,"language":null,"timezone":null,"birthday":null,"source":null,"created_at":"2026-03-01T09:30:00.000000Z","custom.plan":null,"custom.tags":["x|y", "z"],"custom.vip":null,"custom.visits":null,"groups":[],"subscribed_at":null}
    {"email":"-ruta@example.com","status":"subscribed","first_name":"'=1","last_name":null,"phone":null,"country":"LT","region":null,"city":null,"postal_code":null,"latitude":null,"longitude":null,"language":null,"timezone":null,"birthday":null,"source":null,"created_at":"2026-03-01T09:30:00.000000Z","custom.plan":null,"custom.tags":null,"custom.vip":null,"custom.visits":null,"groups":[],"subscribed_at":"2026-03-01T09:30:00.000000Z"}
    "#);
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
    assert_snapshot!(export(&app, &request), @r#"
    custom.tags,first_name,email,groups,unsubscribed_at
    a|b,"Ona ""Onutė""",ona@example.com,press;staff,
    "[""x|y"",""z""]",,jonas@example.com,,2026-03-01T09:30:00.000000Z
    ,''=1,'-ruta@example.com,,
    "#);
    let refusal = |names: &[&str]| {
        let refused = prepare(
            app.db(),
            &columns(Content::Subscribers, names),
            &app.app.refresh,
            &app.entry(),
        );
        refused
            .map(|_| ())
            .expect_err("unknown columns")
            .to_string()
    };
    assert_snapshot!(refusal(&["emial", "plan", "email", "E-mail", "custom.nothing"]), @r#"columns: expected names of columns, found "emial" (did you mean "email"?); columns: expected names of columns, found "plan" (did you mean "custom.plan"?); columns: expected each column once, found "email" again; columns: expected names of columns (email, status, first_name, last_name, phone, country, region, city, postal_code, latitude, longitude, language, timezone, birthday, source, created_at, updated_at, subscribed_at, unsubscribed_at, groups, custom.plan, custom.tags, custom.vip, custom.visits), found "custom.nothing""#);
    assert_snapshot!(refusal(&[]), @"columns: expected the names of columns, found none");
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
    assert_snapshot!(export(&app, &request), @r#"
    email,first_name,last_name,phone
    ona@example.com,"Ona ""Onutė""","=HYPERLINK(""http://x"")",+370 600
    jonas@example.com,,,
    -ruta@example.com,'=1,,
    "#);
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
        let refused = prepare(
            app.db(),
            &ExportRequest::of(content),
            &app.app.refresh,
            &app.entry(),
        );
        refused.map(|_| ()).expect_err("a refusal").to_string()
    };
    assert_snapshot!(refusal(Content::Group { key: "stuff".to_owned() }), @r#"group: expected the key of a group, found "stuff", which does not exist (did you mean "staff"?)"#);
    assert_snapshot!(refusal(Content::Segment { key: "everyon".to_owned(), as_of: None }), @r#"segment: expected the key of a segment, found "everyon", which does not exist (did you mean "everyone"?)"#);
    assert_snapshot!(refusal(Content::Rule(json!({"text": {"field": "cuntry", "is": {"equals": "LT"}}}))), @r#"the rule is not valid: text.field: expected a field, found "cuntry", which does not exist (did you mean "country"?)"#);
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
    assert_snapshot!(export_csv(&app, Content::Memberships), @r#"
    email,kind,key,added_at,joined_at,source
    ona@example.com,group,copied,2026-03-02T09:30:00.000000Z,,segment:lithuanians@2026-03-01T12:00:00Z
    '-ruta@example.com,group,copied,2026-03-02T09:30:00.000000Z,,segment:lithuanians@2026-03-01T12:00:00Z
    ona@example.com,group,staff,2026-03-01T09:30:00.000000Z,,api
    jonas@example.com,group,staff,2026-03-01T09:30:00.000000Z,,api
    ona@example.com,segment,everyone,,2026-03-01T09:30:00.000000Z,
    jonas@example.com,segment,everyone,,2026-03-01T09:30:00.000000Z,
    '-ruta@example.com,segment,everyone,,2026-03-01T09:30:00.000000Z,
    ona@example.com,segment,lithuanians,,2026-03-01T09:30:00.000000Z,
    jonas@example.com,segment,lithuanians,,2026-03-02T09:30:00.000000Z,
    '-ruta@example.com,segment,lithuanians,,2026-03-01T09:30:00.000000Z,
    "#);
    let request = ExportRequest {
        format: Format::Ndjson,
        statuses: vec![Status::Unsubscribed],
        ..columns(Content::Memberships, &["key", "addedAt", "joinedAt"])
    };
    assert_snapshot!(export(&app, &request), @r#"
    {"key":"staff","added_at":"2026-03-01T09:30:00.000000Z","joined_at":null}
    {"key":"everyone","added_at":null,"joined_at":"2026-03-01T09:30:00.000000Z"}
    {"key":"lithuanians","added_at":null,"joined_at":"2026-03-02T09:30:00.000000Z"}
    "#);
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
    assert_snapshot!(export_csv(&app, Content::Events), @r#"
    email,event,occurred_at,value,dedupe_key,properties
    ona@example.com,purchase,2026-02-01T10:00:00.250000Z,-12.5,,{}
    jonas@example.com,'=visit,2026-02-02T10:00:00.000000Z,,v-1,"{""deep"": {""a"": [1, ""2""]}, ""it's"": -5, ""page"": ""=cmd()""}"
    "#);
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
    assert_snapshot!(export(&app, &request), @r#"
    email,properties.page,properties.it's,properties.deep,properties.none
    ona@example.com,,,,
    jonas@example.com,'=cmd(),-5,"{""a"": [1, ""2""]}",
    "#);
    let request = ExportRequest {
        format: Format::Ndjson,
        statuses: vec![Status::Unsubscribed],
        ..ExportRequest::of(Content::Events)
    };
    assert_snapshot!(export(&app, &request), @r#"{"email":"jonas@example.com","event":"=visit","occurred_at":"2026-02-02T10:00:00.000000Z","value":null,"dedupe_key":"v-1","properties":{"deep": {"a": [1, "2"]}, "it's": -5, "page": "=cmd()"}}"#);
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
    assert_snapshot!(export(&app, &request), @r#"{"properties.it's":-5,"properties.deep":{"a": [1, "2"]}}"#);
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
