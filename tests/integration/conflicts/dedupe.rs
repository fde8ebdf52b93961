//! Dedupe keys: each names an event among those of one subscriber and name.

use super::{NOW, RECORD, add_people, email};
use crate::support::TestApp;
use rollcall::import::{EventImport, ImportReport, import_events};
use serde_json::{Value, json};

fn record(app: &TestApp, events: &[(usize, &str, &str)]) -> (i64, i64) {
    let events: Vec<Value> = events
        .iter()
        .map(|(person, name, key)| json!({"email": email(*person), "name": name, "dedupeKey": key}))
        .collect();
    let payload = app.mutate(RECORD, json!({ "events": events }));
    let count = |name: &str| payload[name].as_i64().expect("a count");
    (count("recordedCount"), count("ignoredCount"))
}

#[test]
fn a_key_names_one_event_of_a_subscriber_and_name() {
    let app = TestApp::at(NOW);
    add_people(&app, 2);
    assert_eq!(record(&app, &[(1, "order_placed", "ORD-1")]), (1, 0));
    assert_eq!(record(&app, &[(1, "order_paid", "ORD-1")]), (1, 0));
    assert_eq!(record(&app, &[(2, "order_placed", "ORD-1")]), (1, 0));
    let all = [
        (1, "order_placed", "ORD-1"),
        (1, "order_paid", "ORD-1"),
        (2, "order_placed", "ORD-1"),
        (2, "order_paid", "ORD-1"),
        (2, "order_paid", "ORD-1"),
    ];
    assert_eq!(record(&app, &all), (1, 4));
}

fn import(app: &TestApp, csv: &str, dry_run: bool) -> ImportReport {
    let options = EventImport {
        dry_run,
        ..EventImport::default()
    };
    let report = import_events(app.db(), csv.as_bytes(), &options, app.clock.now(), |_| {});
    report.expect("the file can be imported")
}

#[test]
fn files_and_dry_runs_tell_the_same_events_apart() {
    let app = TestApp::at(NOW);
    add_people(&app, 2);
    record(&app, &[(1, "order_placed", "ORD-1")]);
    let csv = "email,event,occurred_at,dedupe_key\n\
        p1@example.com,order_placed,2026-02-01T10:00:00Z,ORD-1\n\
        p1@example.com,order_paid,2026-02-01T10:00:00Z,ORD-1\n\
        p2@example.com,order_placed,2026-02-01T10:00:00Z,ORD-1\n\
        p2@example.com,order_placed,2026-02-01T10:00:00Z,ORD-1\n\
        p2@example.com,order_placed,2026-02-01T10:00:00Z,\n";
    let expected = (5, 3, 2);
    for dry_run in [true, false] {
        let report = import(&app, csv, dry_run);
        let counts = (report.rows, report.created, report.unchanged);
        assert_eq!(counts, expected, "dry run: {dry_run}");
    }
    // What has no key cannot be told from what is known.
    let report = import(&app, csv, true);
    assert_eq!((report.created, report.unchanged), (1, 4));
}
