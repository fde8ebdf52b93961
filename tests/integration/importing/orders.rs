//! Exports of orders become events.

use super::run_job;
use crate::support::TestApp;
use rollcall::import::{
    EventImport, ImportOptions, ImportReport, ImportState, Others, import_events, undo,
};
use serde_json::json;

const NOW: &str = "2026-06-01T09:30:00Z";

const SHOP: &str = "Name,Email,Total,Created at,Lineitem quantity,Lineitem name,Id\n\
    #1050,ona@example.com,100.90,2026-05-01 09:59:00 +0200,1,Matcha 100 gram,5550001\n\
    #1050,ona@example.com,,2026-05-01 09:59:00 +0200,2,Matcha 50 gram,\n\
    #1049,new@example.com,10.00,2026-04-01 09:59:00 +0200,1,Cup,5550000\n";

fn purchases() -> EventImport {
    EventImport {
        event: Some("purchase".to_owned()),
        fold: Some("Name".to_owned()),
        others: Some(Others::Field),
        ..EventImport::default()
    }
}

fn app() -> TestApp {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({}));
    app
}

#[track_caller]
fn import(app: &TestApp, csv: &str, options: &EventImport) -> ImportReport {
    let report = import_events(app.db(), csv.as_bytes(), options, app.clock.now(), |_| {});
    let report = report.expect("the file can be imported");
    assert_eq!(
        report.rows,
        report.created + report.unchanged + report.folded + report.refused,
        "every row is counted once: {report:?}"
    );
    report
}

fn events(app: &TestApp) -> String {
    app.database.ask(
        "SELECT string_agg(concat_ws(' ', s.email, e.name, e.occurred_at AT TIME ZONE 'UTC', trim_scale(e.value), e.dedupe_key, e.properties), '; ' ORDER BY e.id) \
         FROM events e JOIN subscribers s ON s.id = e.subscriber_id",
    )
}

#[test]
fn lines_of_one_order_become_one_event() {
    let app = app();
    let report = import(&app, SHOP, &purchases());
    assert_eq!((report.created, report.folded, report.unknown), (1, 1, 1));
    assert_eq!(
        events(&app),
        "ona@example.com purchase 2026-05-01 07:59:00 100.9 #1050 \
         {\"Id\": 5550001, \"Lineitem name\": [\"Matcha 100 gram\", \"Matcha 50 gram\"], \"Lineitem quantity\": [1, 2]}"
    );
    // Sent again, nothing is recorded twice.
    let again = import(&app, SHOP, &purchases());
    assert_eq!((again.created, again.unchanged), (0, 1));
    assert_eq!(app.database.ask("SELECT count FROM event_totals"), "1");
}

#[test]
fn people_can_be_made_of_their_events_and_unmade() {
    let app = app();
    let options = EventImport {
        create_people: true,
        ..purchases()
    };
    let dry = EventImport {
        dry_run: true,
        ..options.clone()
    };
    let report = import(&app, SHOP, &dry);
    assert_eq!((report.created, report.created_people), (2, 1));
    assert_eq!(app.database.ask("SELECT count(*) FROM subscribers"), "1");
    let (imported, failure) = run_job(&app, &ImportOptions::Events(options), SHOP.as_bytes());
    assert_eq!(failure, None);
    let report = imported.report();
    assert_eq!((report.created, report.created_people), (2, 1));
    let people =
        "SELECT string_agg(s.email || ' ' || s.status, ', ' ORDER BY s.id) FROM subscribers s";
    assert_eq!(
        app.database.ask(people),
        "ona@example.com subscribed, new@example.com pending"
    );
    let undone = undo(app.db(), imported.id, app.clock.now()).expect("it can be undone");
    assert_eq!(undone.state(), ImportState::Undone);
    assert_eq!(app.database.ask(people), "ona@example.com subscribed");
    assert_eq!(app.database.ask("SELECT count(*) FROM events"), "0");
    assert_eq!(app.database.ask("SELECT count(*) FROM event_totals"), "0");
}

#[test]
fn known_and_new_events_of_one_file_are_told_apart() {
    let app = app();
    let mut csv = "email,event,occurred_at,value,dedupe_key\n".to_owned();
    for number in 0..40 {
        csv.push_str(&format!(
            "ona@example.com,visit,{},{number}.5,k{}\n",
            1_683_356_889 + number,
            number % 30
        ));
    }
    let options = EventImport::default();
    let report = import(&app, &csv, &options);
    assert_eq!((report.created, report.unchanged), (30, 10));
    csv.push_str("ona@example.com,visit,1683356889,1,k-new\nona@example.com,visit,1683356889,1,\n");
    let report = import(&app, &csv, &options);
    assert_eq!((report.created, report.unchanged), (2, 40));
    assert_eq!(
        app.database
            .ask("SELECT concat_ws(' ', count, trim_scale(value_sum)) FROM event_totals"),
        "32 452"
    );
}

#[test]
fn what_a_file_of_orders_lacks_is_said() {
    let app = app();
    let refused = import_events(
        app.db(),
        SHOP.as_bytes(),
        &EventImport::default(),
        app.clock.now(),
        |_| {},
    );
    let said = refused.expect_err("no event").to_string();
    assert!(
        said.contains("no column has the names of the events") && said.contains("Lineitem name"),
        "{said}"
    );
}
