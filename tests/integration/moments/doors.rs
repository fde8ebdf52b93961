//! Every door takes the same moments; and what events in the future mean.

use super::{FIRST, LAST, OUTSIDE};
use crate::support::{TestApp, TestDatabase};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rollcall::import::{
    EventImport, ImportReport, SubscriberImport, import_events, import_subscribers,
};
use rollcall::rule::CustomType;
use serde_json::{Value, json};

const NOW: &str = "2026-03-01T12:00:00Z";

fn import_rows(app: &TestApp, what: &str, csv: &str) -> ImportReport {
    let now = app.clock.now();
    let report = match what {
        "events" => import_events(
            app.db(),
            csv.as_bytes(),
            &EventImport::default(),
            now,
            |_| {},
        ),
        _ => {
            let fields = [("seen", CustomType::Datetime), ("day", CustomType::Date)];
            let options = SubscriberImport {
                fields: fields
                    .map(|(key, of_type)| (key.to_owned(), of_type))
                    .to_vec(),
                ..SubscriberImport::default()
            };
            import_subscribers(app.db(), csv.as_bytes(), &options, now, |_| {})
        }
    };
    report.expect("the file can be imported")
}

fn app() -> TestApp {
    let app = TestApp::at(NOW);
    let imported = import_rows(&app, "subscribers", "email,seen,day\nona@x.lt,,\n");
    assert_eq!(imported.problems, []);
    app.segment("everyone", json!({"everyone": true}));
    app.refresh();
    app
}

/// How many doors the API has for moments; each takes variables and literals.
const DOORS: usize = 7;

/// Sends a moment to every door of the API as a variable, then as a literal, and returns the responses.
fn send(app: &TestApp, text: &str) -> Vec<Value> {
    let documents: [&str; DOORS] = [
        "query ($at: DateTime!) { previewSegment(rule: {everyone: true}, now: $at) { memberCount } }",
        "query ($at: DateTime!) { segment(key: \"everyone\") { memberCount(asOf: $at) } }",
        "query ($at: DateTime!) { segment(key: \"everyone\") { growth(from: $at, to: $at) { start } } }",
        "query ($at: DateTime!) { subscriber(email: \"ona@x.lt\") { explain(rule: {everyone: true}, now: $at) { isMatch } } }",
        "mutation ($at: DateTime!) { recordEvents(input: {events: [{email: \"ona@x.lt\", name: \"buy\", occurredAt: $at}]}) { recordedCount userErrors { message } } }",
        "mutation ($at: DateTime!) { copySegmentToGroup(input: {segment: \"everyone\", group: \"g\", createGroup: true, asOf: $at}) { userErrors { message } } }",
        "mutation ($at: DateTime!) { createApiKey(input: {name: \"k\", scopes: [READ], expiresAt: $at}) { userErrors { message } } }",
    ];
    let variables = json!({ "at": text });
    let as_variables = documents.map(|document| app.respond(document, variables.clone()));
    let literals = documents.map(|document| {
        let start = document.find('{').expect("a selection");
        let operation = document.split(' ').next().expect("a kind");
        let body = document[start..].replace("$at", &format!("\"{text}\""));
        app.respond(&format!("{operation} {body}"), json!({}))
    });
    as_variables.into_iter().chain(literals).collect()
}

#[test]
fn moments_outside_the_range_are_refused_at_every_door() {
    let app = app();
    for text in OUTSIDE {
        for (place, response) in send(&app, text).into_iter().enumerate() {
            let error = &response["errors"][0];
            // A literal makes the document wrong, a variable the input.
            let code = match place < DOORS {
                true => "BAD_USER_INPUT",
                false => "GRAPHQL_VALIDATION_FAILED",
            };
            assert_eq!(error["extensions"]["code"], code, "{text}: {response}");
            let message = error["message"].as_str().expect("a message");
            assert!(message.contains("expected"), "{message}");
            let is_named =
                message.contains("0001-01-01T00:00:00Z") || message.contains("leap second");
            assert!(is_named, "it says which moments there are: {message}");
        }
        let values = app.payload(
            "mutation ($at: JSON!) { upsertSubscriber(input: {email: \"ona@x.lt\", values: {customFields: $at}}) { userErrors { path message } } }",
            json!({ "at": { "seen": text } }),
        );
        assert_eq!(
            values["userErrors"].as_array().map(Vec::len),
            Some(1),
            "{text}: {values}"
        );
        let rule = json!({"date": {"field": "createdAt", "is": {"on": text}}});
        let saved = app.payload(
            "mutation ($rule: JSON!) { createSegment(input: {key: \"s\", ruleJson: $rule}) { userErrors { code path message } } }",
            json!({ "rule": rule }),
        );
        assert_eq!(
            saved["userErrors"][0]["code"], "WRONG_VALUE",
            "{text}: {saved}"
        );
        let subscribers = format!("email,seen,day\nona@x.lt,{text},\n");
        let events = format!("email,event,occurred_at\nona@x.lt,buy,{text}\n");
        // Subscribers lose the cell, events are nothing without their time.
        assert_eq!(
            import_rows(&app, "subscribers", &subscribers).dropped_cells,
            1,
            "{text}"
        );
        assert_eq!(import_rows(&app, "events", &events).refused, 1, "{text}");
    }
    for table in ["events", "groups", "api_keys"] {
        let rows = app.database.ask(&format!("SELECT count(*) FROM {table}"));
        assert_eq!(rows, "0", "{table}");
    }
}

#[test]
fn moments_at_the_borders_are_taken_and_come_back() {
    let app = app();
    for text in [FIRST, LAST] {
        let past = text == FIRST;
        for (place, response) in send(&app, text).into_iter().enumerate() {
            // What is asked of the past must be past, and a key must expire in the future.
            let is_refused = match place % DOORS {
                1 | 5 => !past,
                6 => past,
                _ => false,
            };
            let refused =
                response["errors"].is_array() || response.to_string().contains("\"message\"");
            assert_eq!(refused, is_refused, "{text} at door {place}: {response}");
        }
        let csv = format!("email,event,occurred_at\nona@x.lt,read,{text}\n");
        assert_eq!(import_rows(&app, "events", &csv).refused, 0);
        let csv = format!("email,seen,day\nona@x.lt,{text},{}\n", &text[..10]);
        assert_eq!(import_rows(&app, "subscribers", &csv).refused, 0);
        let data = app.query(
            "{ subscriber(email: \"ona@x.lt\") { customFields { key value } events(name: \"read\", first: 1) { nodes { occurredAt } } } }",
            json!({}),
        );
        let fields = &data["subscriber"]["customFields"];
        let seen = |key: &str| {
            let fields = fields.as_array().expect("a list");
            let found = fields.iter().find(|field| field["key"] == key);
            found.expect("the field")["value"]
                .as_str()
                .expect("a text")
                .to_owned()
        };
        assert_eq!(seen("day"), text[..10]);
        assert_eq!(
            seen("seen").parse::<chrono::DateTime<chrono::Utc>>(),
            text.parse()
        );
        app.refresh();
    }
    let data = app.query(
        "{ subscriber(email: \"ona@x.lt\") { events(name: \"read\") { nodes { occurredAt } } } }",
        json!({}),
    );
    assert_eq!(
        data["subscriber"]["events"]["nodes"],
        json!([
            {"occurredAt": "9999-12-31T23:59:59.999999+00:00"},
            {"occurredAt": "0001-01-01T00:00:00+00:00"},
        ])
    );
}

#[test]
fn cursors_hold_moments_of_the_range_only() {
    let app = app();
    app.event("ona@x.lt", "buy", "2026-02-01T00:00:00Z", None);
    for text in OUTSIDE {
        for end in ["after", "before"] {
            let cursor = URL_SAFE_NO_PAD.encode(json!([text, 1]).to_string());
            let document = format!(
                "query ($c: String!) {{ subscriber(email: \"ona@x.lt\") {{ events({end}: $c) {{ totalCount }} }} }}"
            );
            let response = app.respond(&document, json!({ "c": cursor }));
            let code = &response["errors"][0]["extensions"]["code"];
            assert_eq!(*code, "BAD_USER_INPUT", "{text}: {response}");
        }
    }
}

#[test]
fn plain_sql_cannot_store_an_event_outside_and_older_ones_are_brought_inside() {
    let app = app();
    let up = include_str!("../../../migrations/2026-11-28-000020_bound_moments/up.sql");
    let down = include_str!("../../../migrations/2026-11-28-000020_bound_moments/down.sql");
    let insert = |at: &str| {
        format!(
            "INSERT INTO events (subscriber_id, name, occurred_at) SELECT id, 'old', '{at}' FROM subscribers; \
             INSERT INTO event_totals SELECT id, '{at}', 1, 0, '{at}', '{at}' FROM subscribers"
        )
    };
    let olds = [
        "4000-01-01 00:00:00+00 BC",
        "0001-12-31 23:59:59+00 BC",
        "12000-01-01 00:00:00+00",
        "infinity",
        "-infinity",
    ];
    for at in olds {
        let refused = app.db().run_here(|connection| {
            use diesel::connection::SimpleConnection;
            Ok(connection.batch_execute(&insert(at)).is_err())
        });
        assert!(refused.expect("an answer"), "{at}");
    }
    app.database.execute(down);
    for at in olds {
        app.database.execute(&insert(at));
    }
    app.database.execute(up);
    let moments = "SELECT json_agg(DISTINCT to_json(at)) FROM (SELECT occurred_at AT TIME ZONE 'UTC' AS at FROM events \
         UNION ALL SELECT first_at AT TIME ZONE 'UTC' FROM event_totals UNION ALL SELECT last_at AT TIME ZONE 'UTC' FROM event_totals) m";
    let moments: Value = serde_json::from_str(
        &app.database
            .ask(&moments.replace("DISTINCT to_json(at)", "DISTINCT at::text")),
    )
    .expect("a list");
    assert_eq!(
        moments,
        json!(["0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"])
    );
}

#[test]
fn custom_moments_that_plain_sql_wrote_outside_count_as_missing() {
    let app = app();
    for (number, text) in OUTSIDE.iter().enumerate() {
        app.database.execute(&format!(
            "INSERT INTO subscribers (email, custom, created_at, updated_at) VALUES ('p{number}@x.lt', '{{\"seen\": \"{text}\"}}', now(), now())"
        ));
    }
    app.subscriber(
        "good@x.lt",
        json!({"customFields": {"seen": "2016-12-31T23:59:59Z"}}),
    );
    app.segment(
        "seen",
        json!({"date": {"field": "custom.seen", "is": {"isSet": true}}}),
    );
    app.refresh();
    assert_eq!(app.members("seen"), ["good@x.lt"]);
}

/// What docs/rules.md says: all time is all time, and a window counts what lies in it.
#[test]
fn events_in_the_future_count_in_the_windows_that_reach_them() {
    let app = TestApp::over(TestDatabase::new(), NOW, chrono_tz::UTC);
    for name in ["past", "future", "both"] {
        app.subscriber(&format!("{name}@x.lt"), json!({}));
    }
    for email in ["past@x.lt", "both@x.lt"] {
        app.event(email, "buy", "2026-02-20T00:00:00Z", Some(5.0));
    }
    for email in ["future@x.lt", "both@x.lt"] {
        app.event(email, "buy", "2030-01-01T00:00:00Z", Some(7.0));
    }
    let mut expected = Vec::new();
    let mut ask = |key: &str, body: Value, members: &[&str]| {
        let mut event = json!({"name": "buy"});
        for (name, value) in body.as_object().expect("an object") {
            event[name] = value.clone();
        }
        app.segment(key, json!({ "event": event }));
        let members: Vec<String> = members.iter().map(|name| format!("{name}@x.lt")).collect();
        expected.push((key.to_owned(), members));
    };
    let year = |amount: u32| json!({"amount": amount, "unit": "YEAR"});
    // All time: every event that is recorded.
    ask("ever", json!({}), &["both", "future", "past"]);
    ask("twice", json!({"count": {"equals": 2}}), &["both"]);
    ask("spent", json!({"sum": {"atLeast": 7}}), &["both", "future"]);
    ask(
        "last-ahead",
        json!({"lastAt": {"inTheNext": year(10)}}),
        &["both", "future"],
    );
    ask(
        "last-ago",
        json!({"lastAt": {"moreThanAgo": {"amount": 1, "unit": "DAY"}}}),
        &["past"],
    );
    ask(
        "first-ahead",
        json!({"firstAt": {"inTheNext": year(10)}}),
        &["future"],
    );
    // Windows: those in them. A relative one ends now.
    ask("recent", json!({"inTheLast": year(1)}), &["both", "past"]);
    ask(
        "longest",
        json!({"inTheLast": year(100_000)}),
        &["both", "past"],
    );
    ask("until-now", json!({"before": NOW}), &["both", "past"]);
    ask("from-now", json!({"after": NOW}), &["both", "future"]);
    let reaching = json!({"between": {"from": "2029-12-31", "to": "2030-01-01"}});
    ask("reaching", reaching, &["both", "future"]);
    ask(
        "last-of-those-until-now",
        json!({"inTheLast": year(100_000), "lastAt": {"moreThanAgo": {"amount": 1, "unit": "DAY"}}}),
        &["both", "past"],
    );
    app.refresh();
    for (key, members) in expected {
        assert_eq!(app.members(&key), members, "{key}");
    }
}
