//! Rows become events and their totals, all of them or none.

use super::import_of_events;
use crate::support::TestApp;
use rollcall::error::Error;
use rollcall::import::{EventImport, FileOptions, ImportReport, import_events};
use serde_json::json;
use std::io::{BufReader, Read};

fn app() -> TestApp {
    let app = TestApp::at("2026-03-01T09:30:00Z");
    for email in ["ona@example.com", "jonas@example.com"] {
        app.subscriber(email, json!({}));
    }
    app
}

fn totals(app: &TestApp) -> String {
    app.database.ask(
        "SELECT json_agg(json_build_array(s.email, t.name, t.count, t.value_sum, t.first_at, t.last_at) ORDER BY s.id, t.name) \
         FROM event_totals t JOIN subscribers s ON s.id = t.subscriber_id",
    )
}

#[track_caller]
fn assert_totals_are_of_the_events(app: &TestApp) {
    let wrong = app.database.ask(
        "SELECT count(*) FROM event_totals t FULL JOIN ( \
             SELECT subscriber_id, name, count(*) AS n, coalesce(sum(value), 0) AS v, min(occurred_at) AS a, max(occurred_at) AS z \
             FROM events GROUP BY subscriber_id, name) e USING (subscriber_id, name) \
         WHERE (t.count, t.value_sum, t.first_at, t.last_at) IS DISTINCT FROM (e.n, e.v, e.a, e.z)",
    );
    assert_eq!(wrong, "0");
}

#[test]
fn decimals_follow_a_comma_where_that_is_said() {
    let app = app();
    let csv = "email;event;occurred_at;value;properties.weight;properties.version\n\
        ona@example.com;purchase;2026-02-01T10:00:00Z;1.234,5;0,75;1.25\n";
    let options = EventImport {
        file: FileOptions {
            decimal_comma: true,
            ..FileOptions::default()
        },
        ..EventImport::default()
    };
    let now = app.clock.now();
    let report = import_events(app.db(), csv.as_bytes(), &options, now, |_| {});
    assert_eq!(report.expect("the file can be imported").created, 1);
    assert_eq!(
        app.database
            .ask("SELECT concat_ws(' ', value, properties) FROM events"),
        r#"1234.500000 {"weight": 0.75, "version": "1.25"}"#
    );
}

#[test]
fn every_column_is_stored_and_properties_are_typed() {
    let app = app();
    let csv = "Email,EVENT,occurred_at,Value,dedupe_key,properties.shop,properties.items,properties.gift,properties.order,properties.code\n\
        ONA@example.com, purchase ,2026-02-01T12:00:00+02:00,12.345679,k1,Vilnius,3,true,12345678901234567890123,007\n\
        jonas@example.com,visit,2026-02-02T10:00:00Z,,,,2.50,,,\n";
    let report = import_of_events(&app, csv);
    assert_eq!(
        report,
        ImportReport {
            rows: 2,
            created: 2,
            ..ImportReport::default()
        }
    );
    let events = app.database.ask(
        "SELECT json_agg(json_build_array(e.subscriber_id, e.name, e.occurred_at, e.value, e.dedupe_key, e.properties) ORDER BY e.id) FROM events e",
    );
    assert_eq!(
        events,
        r#"[[1, "purchase", "2026-02-01T10:00:00+00:00", 12.345679, "k1", {"code": "007", "gift": true, "shop": "Vilnius", "items": 3, "order": "12345678901234567890123"}], [2, "visit", "2026-02-02T10:00:00+00:00", null, null, {"items": 2.5}]]"#
    );
    assert_totals_are_of_the_events(&app);
}

#[test]
fn a_dedupe_key_is_recorded_once() {
    let app = app();
    let csv = "email,event,occurred_at,value,dedupe_key\n\
        ona@example.com,purchase,2026-02-01T10:00:00Z,10,a\n\
        ona@example.com,purchase,2026-02-03T10:00:00Z,5.25,b\n\
        ona@example.com,purchase,2026-02-01T10:00:00Z,10,a\n\
        jonas@example.com,purchase,2026-02-02T10:00:00Z,,c\n";
    let report = import_of_events(&app, csv);
    assert_eq!((report.created, report.unchanged), (3, 1));
    let expected = r#"[["ona@example.com", "purchase", 2, 15.250000, "2026-02-01T10:00:00+00:00", "2026-02-03T10:00:00+00:00"], ["jonas@example.com", "purchase", 1, 0.000000, "2026-02-02T10:00:00+00:00", "2026-02-02T10:00:00+00:00"]]"#;
    assert_eq!(totals(&app), expected);
    let again = import_of_events(&app, csv);
    assert_eq!((again.created, again.unchanged), (0, 4));
    assert_eq!(totals(&app), expected);
    // A later file adds to the totals, also before what was the first.
    let more = "email,event,occurred_at,value,dedupe_key\nona@example.com,purchase,2026-01-01T10:00:00Z,-1,d\n";
    assert_eq!(import_of_events(&app, more).created, 1);
    assert!(
        totals(&app)
            .contains(r#"3, 14.250000, "2026-01-01T10:00:00+00:00", "2026-02-03T10:00:00+00:00""#)
    );
    assert_totals_are_of_the_events(&app);
}

#[test]
fn events_of_nobody_are_reported_and_the_others_recorded() {
    let app = app();
    let rows: String = (0..6_000)
        .map(|number| match number % 1_000 {
            999 => format!("nobody{number}@example.com,visit,2026-02-01T10:00:00Z\n"),
            _ => "ona@example.com,visit,2026-02-01T10:00:00Z\n".to_owned(),
        })
        .collect();
    let report = import_of_events(&app, &format!("email,event,occurred_at\n{rows}"));
    assert_eq!(
        (report.rows, report.created, report.refused),
        (6_000, 5_994, 6)
    );
    let lines: Vec<u64> = report.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [1_001, 2_001, 3_001, 4_001, 5_001, 6_001]);
    assert!(totals(&app).starts_with(r#"[["ona@example.com", "visit", 5994,"#));
    assert_totals_are_of_the_events(&app);
}

/// A disk that fails, a pipe that breaks.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the device is gone"))
    }
}

#[test]
fn a_file_that_cannot_be_read_to_its_end_leaves_no_event() {
    let app = app();
    let rows = "ona@example.com,visit,2026-02-01T10:00:00Z,1\n".repeat(12_000);
    let csv = format!("email,event,occurred_at,value\n{rows}");
    let source = BufReader::new(csv.as_bytes().chain(Broken));
    let mut written = 0;
    let result = import_events(
        app.db(),
        source,
        &EventImport::default(),
        app.clock.now(),
        |progress| {
            written = progress.rows;
        },
    );
    assert_eq!(
        written, 0,
        "nothing is written before the whole file is there"
    );
    let Err(Error::Invalid(problems)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(
        problems[0].message,
        "the file cannot be read: the device is gone"
    );
    assert_eq!(app.database.ask("SELECT count(*) FROM events"), "0");
    assert_eq!(app.database.ask("SELECT count(*) FROM event_totals"), "0");
}
