//! What is exported, imported into an empty server and exported again is the same.

use super::{NOW, columns, emails, export, export_csv};
use crate::support::{TestApp, instant};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use rollcall::export::Content;
use rollcall::import::{EventImport, SubscriberImport, import_events, import_subscribers};
use rollcall::rule::CustomType;
use serde_json::{Map, Value, json};

/// The custom fields of these tests: one of each type, and some with keys of built-in fields.
const FIELDS: [(&str, CustomType); 8] = [
    ("city", CustomType::Text),
    ("email", CustomType::Text),
    ("plan", CustomType::Text),
    ("visits", CustomType::Number),
    ("renewal", CustomType::Date),
    ("seen", CustomType::Datetime),
    ("vip", CustomType::Boolean),
    ("tags", CustomType::List),
];

fn make_fields(app: &TestApp) {
    for (key, of_type) in FIELDS {
        app.mutate(
            "mutation ($key: String!, $type: CustomFieldType!) { createCustomField(input: {key: $key, type: $type}) { userErrors { message } } }",
            json!({ "key": key, "type": of_type.as_str().to_uppercase() }),
        );
    }
}

/// Imports a file of ours into an empty server, with the flags of a command.
#[track_caller]
fn import_again(app: &TestApp, csv: &str, group: Option<&str>) {
    let is_fresh = group.is_none();
    let fields = FIELDS.iter().filter(|_| is_fresh);
    let options = SubscriberImport {
        fields: fields
            .map(|(key, of_type)| (format!("custom.{key}"), *of_type))
            .collect(),
        groups: group.map(str::to_owned).into_iter().collect(),
        create_groups: group.is_some(),
        ..SubscriberImport::default()
    };
    let report = import_subscribers(
        app.db(),
        csv.as_bytes(),
        &options,
        instant("2027-01-01T00:00:00Z"),
        |_| {},
    );
    let report = report.expect("the file can be imported");
    assert_eq!(
        (report.refused, report.repeated, &report.problems),
        (0, 0, &Vec::new())
    );
}

/// Texts that files break: formulas, quotes, line ends, separators, escapes, other scripts.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "'",
        "''",
        "=",
        "+",
        "-",
        "@",
        "\t",
        "\r",
        "\n",
        "\r\n",
        ",",
        ";",
        "|",
        "\"",
        "\"\"",
        "\\",
        "[",
        "]",
        "[\"a\"]",
        "{}",
        "a",
        "Z",
        "0",
        "1.0",
        " ",
        "ė",
        "日本",
        "👩‍👩‍👧",
        "e\u{301}",
        "\u{feff}",
        "\u{200f}",
        "null",
        "true",
        "NaN",
        "#",
        "\u{a0}",
        "\u{85}",
    ]);
    prop::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat())
}

fn person() -> impl Strategy<Value = (Value, Map<String, Value>)> {
    let texts = (text(), text(), text(), text(), text());
    let numbers = (
        any::<f64>().prop_filter("finite", |number| number.is_finite()),
        -90.0..=90.0,
        -180.0..=180.0,
    );
    let others = (
        prop::option::of(any::<bool>()),
        prop::collection::vec(text(), 0..4),
        0..40_000_i64,
        0..5_usize,
    );
    (texts, numbers, others).prop_map(|(texts, numbers, (vip, tags, day, status))| {
        let status = ["SUBSCRIBED", "UNSUBSCRIBED", "BOUNCED", "COMPLAINED", "PENDING"][status];
        let at = instant("1950-01-01T00:00:00Z") + chrono::Duration::days(day) + chrono::Duration::microseconds(day * 7_919);
        let values = json!({
            "status": status, "firstName": texts.0, "lastName": texts.1, "phone": texts.2, "country": "LT", "region": texts.3,
            "position": { "latitude": numbers.1, "longitude": numbers.2 }, "language": "pt-br", "timezone": "Europe/Vilnius",
            "birthday": (at - chrono::Duration::days(18_000)).date_naive().to_string(), "source": texts.4,
        });
        let custom = json!({
            "city": texts.0, "email": texts.1, "plan": texts.2, "visits": numbers.0, "renewal": at.date_naive().to_string(),
            "seen": at.to_rfc3339(), "vip": vip, "tags": tags,
        });
        (values, custom.as_object().expect("an object").clone())
    })
}

#[test]
fn people_come_back_with_custom_fields_and_groups() {
    let app = TestApp::at(NOW);
    make_fields(&app);
    let mut runner = TestRunner::new(Config::default());
    let people = prop::collection::vec(person(), 150..151);
    let people = people.new_tree(&mut runner).expect("people").current();
    let prefixes = ["", "=", "+", "-", "'=", "''", "ė", "'"];
    let mut addresses = Vec::new();
    for (number, (mut values, custom)) in people.into_iter().enumerate() {
        let email = format!("{}p{number}@example.com", prefixes[number % prefixes.len()]);
        values["customFields"] = json!(custom);
        app.subscriber(&email, values);
        addresses.push(email);
    }
    let staff: Vec<&str> = addresses.iter().step_by(3).map(String::as_str).collect();
    app.group("staff", &staff);
    app.group("empty", &[]);
    let first = export_csv(&app, Content::Subscribers);
    // With the columns of every export of ours: an address alone may begin with the apostrophe of a spreadsheet.
    let members = |app: &TestApp| {
        export_csv(
            app,
            Content::Group {
                key: "staff".to_owned(),
            },
        )
    };
    let first_members = members(&app);
    assert_eq!(first_members.lines().count(), staff.len() + 1);

    let empty = TestApp::at("2027-01-01T00:00:00Z");
    import_again(&empty, &first, None);
    import_again(&empty, &first_members, Some("staff"));
    assert_eq!(export_csv(&empty, Content::Subscribers), first);
    assert_eq!(members(&empty), first_members);

    // Not only the files are the same, but what they were made of.
    let stored = "SELECT md5(string_agg(to_jsonb(s) - 'updated_at' - 'subscribed_at' - 'unsubscribed_at' #>> '{}', E'\\n' ORDER BY id)) \
        FROM subscribers s";
    assert_eq!(empty.database.ask(stored), app.database.ask(stored));
    let fields = "SELECT string_agg(f.key || f.type, ',' ORDER BY f.key) FROM custom_fields f";
    assert_eq!(empty.database.ask(fields), app.database.ask(fields));

    // Imported once more, nothing changes.
    import_again(&empty, &first, Some("staff"));
    assert_eq!(export_csv(&empty, Content::Subscribers), first);
}

#[test]
fn an_export_of_everything_needs_no_option() {
    let app = TestApp::at(NOW);
    make_fields(&app);
    let mut runner = TestRunner::new(Config::default());
    let people = prop::collection::vec(person(), 60..61);
    let people = people.new_tree(&mut runner).expect("people").current();
    let mut addresses = Vec::new();
    for (number, (mut values, custom)) in people.into_iter().enumerate() {
        let email = format!("p{number}@example.com");
        values["customFields"] = json!(custom);
        app.subscriber(&email, values);
        addresses.push(email);
    }
    let some = |step: usize| {
        addresses
            .iter()
            .step_by(step)
            .map(String::as_str)
            .collect::<Vec<&str>>()
    };
    app.group("staff", &some(3));
    app.group("vip", &some(4));
    // People agreed and left at different times.
    let times = app.database.hold(
        "UPDATE subscribers SET created_at = created_at - id * interval '1 day', \
             subscribed_at = CASE WHEN status = 'subscribed' OR id % 2 = 0 THEN created_at - id * interval '1 hour' END, \
             unsubscribed_at = CASE WHEN status IN ('unsubscribed', 'bounced', 'complained') THEN created_at - id * interval '1 minute' END",
    );
    times.commit();
    let everything = columns(
        Content::Subscribers,
        &["all", "subscribed_at", "unsubscribed_at", "groups"],
    );
    let first = export(&app, &everything);
    let empty = TestApp::at("2027-01-01T00:00:00Z");
    import_again_without_fields(&empty, &first);
    assert_eq!(export(&empty, &everything), first);
}

#[test]
fn events_come_back() {
    let app = TestApp::at(NOW);
    app.subscriber("+ona@example.com", json!({}));
    let mut runner = TestRunner::new(Config::default());
    let drawn = prop::collection::vec(
        (
            text(),
            text(),
            prop::option::of(-1_000_000_000_000..1_000_000_000_000_i64),
        ),
        60..61,
    );
    let drawn = drawn.new_tree(&mut runner).expect("events").current();
    for (number, (name, property, millionths)) in drawn.into_iter().enumerate() {
        let value = millionths.map(|millionths| millionths as f64 / 1e6);
        // A byte order mark or a formula may begin the name, but something has to be in it.
        let name = format!("{name}n");
        app.mutate(
            "mutation ($event: EventInput!) { recordEvents(input: {events: [$event]}) { recordedCount userErrors { message path } } }",
            json!({ "event": {
                "email": "+ona@example.com", "name": name, "occurredAt": "2026-02-01T10:00:00.123456Z", "value": value,
                "dedupeKey": (number % 2 == 0).then(|| format!("={number}")),
                "properties": { "text": property, "digits": "0012", "number": 12, "flag": true, "none": null, "deep": { "a": ["1", 2] } },
            }}),
        );
    }
    let first = export_csv(&app, Content::Events);
    let empty = TestApp::at("2027-01-01T00:00:00Z");
    import_again_without_fields(&empty, &export(&app, &emails(Content::Subscribers)));
    let report = import_events(
        empty.db(),
        first.as_bytes(),
        &EventImport::default(),
        instant("2027-01-01T00:00:00Z"),
        |_| {},
    );
    let report = report.expect("the file can be imported");
    assert_eq!(
        (report.created, report.refused),
        (60, 0),
        "{:?}",
        report.problems
    );
    assert_eq!(export_csv(&empty, Content::Events), first);
    let stored = "SELECT md5(string_agg(to_jsonb(e) #>> '{}', E'\\n' ORDER BY id)) FROM events e";
    assert_eq!(empty.database.ask(stored), app.database.ask(stored));
}

fn import_again_without_fields(app: &TestApp, csv: &str) {
    let options = SubscriberImport::default();
    let report = import_subscribers(app.db(), csv.as_bytes(), &options, instant(NOW), |_| {});
    assert_eq!(report.expect("the file can be imported").refused, 0);
}
