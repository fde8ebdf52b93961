//! The bounds of events are the same for the API and for files, and what the API takes comes back by export and import.

use crate::support::{TestApp, instant};
use rollcall::export::{Content, ExportRequest, prepare};
use rollcall::import::{
    EventImport, ImportReport, SubscriberImport, import_events, import_subscribers,
};
use serde_json::{Value, json};

const NOW: &str = "2026-03-01T09:30:00Z";

fn app() -> TestApp {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({}));
    app
}

/// Records an event of ona by the API; returns what is wrong with it: user errors, or for a variable that is refused the
/// error of the request.
fn record(app: &TestApp, mut event: Value) -> Value {
    event["email"] = json!("ona@example.com");
    let answer = app.respond(
        "mutation ($event: EventInput!) { recordEvents(input: {events: [$event]}) { recordedCount userErrors { code path message } } }",
        json!({ "event": event }),
    );
    match &answer["errors"] {
        Value::Null => answer["data"]["recordEvents"]["userErrors"].clone(),
        errors => errors.clone(),
    }
}

fn import(app: &TestApp, csv: &str) -> ImportReport {
    let options = EventImport::default();
    let report = import_events(app.db(), csv.as_bytes(), &options, app.clock.now(), |_| {});
    report.expect("the file can be imported")
}

/// Writes events of ona as a file.
fn file(events: &[Value]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "email",
        "event",
        "occurred_at",
        "value",
        "dedupe_key",
        "properties",
    ];
    writer.write_record(header).expect("a header");
    for event in events {
        let cell = |name: &str| match &event[name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let row = [
            "ona@example.com".to_owned(),
            cell("name"),
            cell("occurredAt"),
            cell("value"),
            cell("dedupeKey"),
            cell("properties"),
        ];
        writer.write_record(row).expect("a row");
    }
    String::from_utf8(writer.into_inner().expect("a file")).expect("UTF-8")
}

fn export(app: &TestApp, content: Content) -> String {
    let request = ExportRequest::of(content);
    let export = prepare(app.db(), &request, &app.app.refresh, &app.entry()).expect("an export");
    let mut file = Vec::new();
    export.write(&mut file, |_| {}).expect("it can be written");
    String::from_utf8(file).expect("UTF-8")
}

/// Properties of that depth.
fn nested(depth: usize) -> Value {
    json!({ "a": (2..depth).fold(json!([]), |inner, _| json!([inner])) })
}

/// Each event is at a bound, and one that is just beyond it.
fn borders() -> Vec<(&'static str, Value, Value)> {
    let event = |name: &str, value: Value| {
        let mut event = json!({ "name": "n", "occurredAt": NOW });
        event[name] = value;
        event
    };
    let pair = |name: &'static str, within: Value, beyond: Value| {
        (name, event(name, within), event(name, beyond))
    };
    let text = |letter: &str, length: usize| json!(letter.repeat(length));
    vec![
        pair("name", text("ė", 100), text("ė", 101)),
        pair("dedupeKey", text("👩", 255), text("👩", 256)),
        pair("dedupeKey", json!("x"), json!("x\0")),
        pair("value", json!(-0.000001), json!(-0.0000001)),
        pair("value", json!(999_999_999_999.999_9), json!(1e12)),
        pair(
            "occurredAt",
            json!("0001-01-01T00:00:00Z"),
            json!("0000-12-31T23:59:59Z"),
        ),
        pair(
            "occurredAt",
            json!("9999-12-31T23:59:59.999999Z"),
            json!("9999-12-31T23:59:59-01:00"),
        ),
        pair(
            "properties",
            json!({ "a": text("\"", 32_760) }),
            json!({ "a": text("\"", 32_770) }),
        ),
        pair(
            "properties",
            json!({ "a": text("\n", 32_760) }),
            json!({ "a": text("x", 65_530) }),
        ),
        pair(
            "properties",
            json!({ "a": vec![1e308; 200] }),
            json!({ "a": vec![1e308; 220] }),
        ),
        pair(
            "properties",
            json!({ "a": vec![5e-324; 190] }),
            json!({ "a": vec![5e-324; 210] }),
        ),
        pair(
            "properties",
            json!({ "ė".repeat(255): 1 }),
            json!({ "ė".repeat(256): 1 }),
        ),
        pair("properties", nested(32), nested(33)),
        pair("properties", json!({ "a": "" }), json!({ "a": "\0" })),
        pair(
            "properties",
            json!({ "": {} }),
            json!({ "b": { "c\0": [] } }),
        ),
    ]
}

#[test]
fn both_doors_have_the_same_bounds() {
    let app = app();
    for (name, within, beyond) in borders() {
        assert_eq!(record(&app, within.clone()), json!([]), "{name}");
        let mut again = within.clone();
        if name == "dedupeKey" {
            again["name"] = json!("other");
            again["dedupeKey"] = json!(format!(
                "{}",
                again["dedupeKey"]
                    .as_str()
                    .unwrap()
                    .replace('x', "y")
                    .replace('👩', "👨")
            ));
        }
        let report = import(&app, &file(&[again]));
        assert_eq!(
            (report.created, report.refused),
            (1, 0),
            "{name}: {:?}",
            report.problems
        );

        let errors = record(&app, beyond.clone());
        if name == "occurredAt" {
            assert_eq!(errors[0]["extensions"]["code"], "BAD_USER_INPUT");
            let message = errors[0]["message"].as_str().expect("a message");
            assert!(message.starts_with("$event.occurredAt: "), "{errors}");
        } else {
            assert_eq!(errors[0]["path"], format!("events[0].{name}"), "{errors}");
            assert_eq!(errors[0]["code"], "INVALID", "{errors}");
        }
        // A wrong row costs that row and no other.
        let good = json!({ "name": "good", "occurredAt": NOW });
        let report = import(&app, &file(&[beyond, good]));
        assert_eq!((report.created, report.refused), (1, 1), "{name}");
        assert_eq!(report.problems.len(), 1, "{name}");
    }
}

#[test]
fn what_the_api_takes_comes_back_by_export_and_import() {
    let app = app();
    for (name, within, _) in borders() {
        assert_eq!(record(&app, within), json!([]), "{name}");
    }
    // Everything at its bound at once.
    let all = json!({
        "name": "=".repeat(100), "occurredAt": "9999-12-31T23:59:59.999999Z", "value": -999_999_999_999.999_9,
        "dedupeKey": "\"".repeat(255), "properties": { "\"".repeat(255): "\"".repeat(32_000) },
    });
    assert_eq!(record(&app, all), json!([]));
    let first = export(&app, Content::Events);
    let again = TestApp::at(NOW);
    let people = export(&app, Content::Subscribers);
    let options = SubscriberImport::default();
    let report = import_subscribers(
        again.db(),
        people.as_bytes(),
        &options,
        instant(NOW),
        |_| {},
    );
    assert_eq!(report.expect("a report").created, 1);
    let report = import(&again, &first);
    assert_eq!((report.refused, &report.problems), (0, &Vec::new()));
    assert_eq!(export(&again, Content::Events), first);
    let stored = "SELECT md5(string_agg((to_jsonb(e) - 'id' - 'subscriber_id') #>> '{}', E'\\n' ORDER BY id)) FROM events e";
    assert_eq!(again.database.ask(stored), app.database.ask(stored));
}

/// A property whose text Postgres cannot store costs its row, in every form of the file.
#[test]
fn a_nul_character_costs_its_cell() {
    let app = app();
    for cell in [
        "\"{\"\"a\"\": \"\"\\u0000\"\"}\"",
        "\"{\"\"\\u0000\"\": 1}\"",
        "\"{\"\"a\"\": [{\"\"b\"\": \"\"x\\u0000y\"\"}]}\"",
    ] {
        let csv = format!(
            "email,event,occurred_at,properties\nona@example.com,a,{NOW},{cell}\nona@example.com,b,{NOW},\n"
        );
        let report = import(&app, &csv);
        assert_eq!((report.created, report.refused), (1, 1), "{cell}");
        let message = &report.problems[0].message;
        assert!(message.contains("NUL"), "{message}");
        assert_eq!(report.problems[0].line, 2);
    }
    let csv = format!(
        "email,event,occurred_at,properties.a\nona@example.com,a,{NOW},x\0y\nona@example.com,b,{NOW},1\n"
    );
    let report = import(&app, &csv);
    assert_eq!((report.created, report.refused), (2, 0));
}

/// Values are summed as they were recorded, to the last decimal.
#[test]
fn large_values_keep_their_decimals() {
    let app = app();
    for value in [123_456_789_012.123_46, 0.000_001] {
        assert_eq!(
            record(&app, json!({ "name": "buy", "value": value })),
            json!([])
        );
    }
    assert_eq!(
        app.database
            .ask("SELECT string_agg(e.value::text, ' ' ORDER BY id) FROM events e"),
        "123456789012.123460 0.000001"
    );
    assert_eq!(
        app.database
            .ask("SELECT t.value_sum::text FROM event_totals t"),
        "123456789012.123461"
    );
    let data = app.query(
        "query ($rule: JSON!) { previewSegment(ruleJson: $rule) { memberCount } }",
        json!({ "rule": {"all": [
            { "event": { "name": "buy", "max": { "equals": 123_456_789_012.123_46 } } },
            { "event": { "name": "buy", "sum": { "equals": 123_456_789_012.123_46 } } },
        ]}}),
    );
    assert_eq!(data["previewSegment"]["memberCount"], 1);
}
