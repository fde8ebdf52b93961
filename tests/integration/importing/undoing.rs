//! Undoing: everything as it was before, or nothing, and why.

use super::{run_job, subscribers, with_fields};
use crate::support::TestApp;
use insta::assert_snapshot;
use rollcall::import::{
    EventImport, Import, ImportOptions, ImportState, SubscriberImport, get, run_next, tidy, undo,
};
use rollcall::rule::CustomType;
use serde_json::json;

const NOW: &str = "2026-03-01T09:30:00Z";
const IMPORTED: &str = "2026-04-01T09:30:00Z";
const LATER: &str = "2026-04-02T09:30:00Z";

/// Two people with a history: Ona was edited twice, Jonas has unsubscribed and is in a group.
fn app() -> TestApp {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({"firstName": "Ona"}));
    app.subscriber(
        "jonas@example.com",
        json!({"city": "Kaunas", "position": {"latitude": 54.9, "longitude": 23.9}}),
    );
    app.set_time("2026-03-10T10:00:00.123456Z");
    app.subscriber(
        "ona@example.com",
        json!({"firstName": "Onutė", "birthday": "1990-05-17"}),
    );
    app.subscriber("jonas@example.com", json!({"status": "UNSUBSCRIBED"}));
    app.subscriber("still@example.com", json!({"city": "Utena"}));
    app.group("readers", &["jonas@example.com"]);
    app.event(
        "ona@example.com",
        "purchase",
        "2026-03-01T00:00:00Z",
        Some(5.0),
    );
    app.segment(
        "vilnius",
        json!({"text": {"field": "city", "is": {"equals": "Vilnius"}}}),
    );
    app.refresh();
    app.set_time(IMPORTED);
    app
}

/// Everything that an import can change, with every column but the version, which counts an undoing as a change.
fn everything(app: &TestApp) -> String {
    app.database.ask(
        "SELECT json_build_array((SELECT json_agg(to_jsonb(s) - 'version' ORDER BY s.id) FROM subscribers s), \
         (SELECT json_agg(g ORDER BY g.id) FROM groups g), \
         (SELECT json_agg(m ORDER BY m.group_id, m.subscriber_id) FROM group_memberships m), \
         (SELECT json_agg(f) FROM custom_fields f), (SELECT json_agg(e ORDER BY e.id) FROM events e), \
         (SELECT json_agg(t ORDER BY t.subscriber_id, t.name) FROM event_totals t), \
         (SELECT json_agg(b) FROM segment_blocks b))",
    )
}

const FILE: &str = "email,first_name,city,status,visits\nona@example.com,Ona M.,Vilnius,,3\njonas@example.com,Jonas,Vilnius,bounced,\n\
    still@example.com,,Utena,,\nnew@example.com,New,Vilnius,,7\nother@example.com,Other,Riga,pending,\nnew@example.com,Newer,,,8\n";

fn options() -> ImportOptions {
    let mut options = with_fields(&[("visits", CustomType::Number)]);
    options.groups = vec!["readers".to_owned(), "spring".to_owned()];
    options.create_groups = true;
    subscribers(options)
}

#[track_caller]
fn imported(app: &TestApp, csv: &str) -> Import {
    let (import, failure) = run_job(app, &options(), csv.as_bytes());
    assert_eq!(failure, None);
    import
}

#[track_caller]
fn refused(app: &TestApp, import: &Import) -> String {
    let before = everything(app);
    let error = undo(app.db(), import.id, app.clock.now()).expect_err("it is refused");
    assert_eq!(everything(app), before, "nothing is half undone");
    error.to_string()
}

#[test]
fn everything_is_as_it_was_before() {
    let app = app();
    let before = everything(&app);
    let import = imported(&app, FILE);
    assert_ne!(everything(&app), before);
    // What segments made of it goes too.
    app.refresh();
    assert_eq!(
        app.members("vilnius"),
        ["jonas@example.com", "new@example.com", "ona@example.com"]
    );
    app.set_time(LATER);
    let undone = undo(app.db(), import.id, app.clock.now()).expect("undone");
    assert_eq!(undone.state(), ImportState::Undone);
    app.refresh();
    assert_eq!(app.members("vilnius"), Vec::<String>::new());
    assert_eq!(everything(&app), before);
    assert_eq!(
        app.database.ask("SELECT (SELECT count(*) FROM import_changes) + (SELECT count(*) FROM import_batches) + (SELECT count(*) FROM import_additions)"),
        "0"
    );
    assert_eq!(refused(&app, &import), "id: the import is already undone");
    // And it can be done again, with ids that were never used.
    assert_eq!(imported(&app, FILE).report(), import.report());
    assert_eq!(
        app.database
            .ask("SELECT min(s.id) FROM subscribers s WHERE s.email = 'new@example.com'"),
        "6"
    );
}

/// Rows of one person in several batches, some of which change somebody whom the import itself had added.
#[test]
fn batches_that_tell_of_the_same_people_are_undone_as_one() {
    let mut app = app();
    app.app.imports.batch_rows = 1;
    let before = everything(&app);
    let csv = format!(
        "{FILE}ona@example.com,Third,,,4\nnew@example.com,,Tartu,,\nother@example.com,Other,Riga,,\n"
    );
    let import = imported(&app, &csv);
    assert_eq!((import.batches, import.report().repeated), (9, 4));
    assert_eq!(
        app.database.ask("SELECT count(*) FROM import_changes"),
        "2",
        "only who was there before"
    );
    undo(app.db(), import.id, app.clock.now()).expect("undone");
    assert_eq!(everything(&app), before);
}

#[test]
fn later_changes_are_not_lost() {
    let app = app();
    let import = imported(&app, FILE);
    app.set_time(LATER);
    app.subscriber("ona@example.com", json!({"city": "Tartu"}));
    app.subscriber("new@example.com", json!({"city": "Tartu"}));
    app.event("other@example.com", "visit", LATER, None);
    assert_snapshot!(refused(&app, &import), @"id: 3 subscribers changed after the import (undo would lose those changes): ona@example.com (changed), new@example.com (changed), other@example.com (has events) (nothing was undone)");
}

#[test]
fn an_edit_that_leaves_no_time_behind_is_seen_too() {
    let app = app();
    let import = imported(&app, FILE);
    app.database
        .execute("UPDATE subscribers SET city = 'Riga' WHERE email = 'ona@example.com'");
    assert!(refused(&app, &import).contains("ona@example.com (changed)"));
}

#[test]
fn another_import_on_top_has_to_be_undone_first() {
    let app = app();
    let before = everything(&app);
    let first = imported(&app, FILE);
    let between = everything(&app);
    app.set_time(LATER);
    let second = imported(
        &app,
        "email,first_name,visits\nona@example.com,Again,\nnew@example.com,Again,\n",
    );
    assert!(refused(&app, &first).contains("2 subscribers changed after"));
    undo(app.db(), second.id, app.clock.now()).expect("undone");
    assert_eq!(everything(&app), between);
    undo(app.db(), first.id, app.clock.now()).expect("undone");
    assert_eq!(everything(&app), before);
}

#[test]
fn groups_and_fields_that_others_use_stay() {
    let app = app();
    let import = imported(&app, FILE);
    app.set_time(LATER);
    app.mutate(
        "mutation { addToGroup(input: {group: \"spring\", emails: [\"new@example.com\"]}) { userErrors { message } } }",
        json!({}),
    );
    app.subscriber("fresh@example.com", json!({}));
    app.mutate(
        "mutation { addToGroup(input: {group: \"spring\", emails: [\"fresh@example.com\"]}) { userErrors { message } } }",
        json!({}),
    );
    assert_snapshot!(refused(&app, &import), @r#"id: the group "spring", which this import created, has other members by now (1); undo would delete it"#);
    app.mutate(
        "mutation { removeFromGroup(input: {group: \"spring\", emails: [\"fresh@example.com\"]}) { userErrors { message } } }",
        json!({}),
    );
    app.segment(
        "visitors",
        json!({"number": {"field": "custom.visits", "is": {"atLeast": 1}}}),
    );
    assert_snapshot!(refused(&app, &import), @r#"custom field "visits" is used by segment "visitors"; change the rule of that segment, or delete the segment, first"#);
    // Whoever joined another group by hand would be lost with it.
    app.mutate(
        "mutation { addToGroup(input: {group: \"readers\", emails: [\"fresh@example.com\"]}) { userErrors { message } } }",
        json!({}),
    );
    app.group("panel", &["other@example.com"]);
    assert!(refused(&app, &import).contains("other@example.com (joined a group)"));
}

#[test]
fn whoever_was_deleted_since_stays_deleted() {
    let app = app();
    let import = imported(&app, FILE);
    for email in ["ona@example.com", "new@example.com"] {
        let id = app.query(
            "query ($email: String!) { subscriber(email: $email) { id } }",
            json!({ "email": email }),
        );
        app.mutate(
            "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
            json!({ "id": id["subscriber"]["id"] }),
        );
    }
    undo(app.db(), import.id, app.clock.now()).expect("undone");
    assert_eq!(
        app.database.ask("SELECT string_agg(s.email || coalesce(s.city, ''), ' ' ORDER BY s.id) FROM subscribers s"),
        "jonas@example.comKaunas still@example.comUtena"
    );
}

#[test]
fn it_is_remembered_for_a_time() {
    let app = app();
    let import = imported(&app, FILE);
    app.set_time("2026-05-01T09:30:00Z");
    tidy(app.db(), &app.app.imports).expect("tidied");
    assert!(
        app.db()
            .run_here(|connection| get(connection, import.id))
            .expect("an import")
            .can_undo(app.clock.now())
    );
    app.set_time("2026-05-01T09:30:01Z");
    assert!(refused(&app, &import).contains("the import can no longer be undone"));
    tidy(app.db(), &app.app.imports).expect("tidied");
    assert_eq!(app.database.ask("SELECT count(*) FROM import_changes"), "0");
    assert!(refused(&app, &import).contains("the import can no longer be undone"));
}

#[test]
fn dry_runs_and_imports_that_have_not_begun_are_not_undone() {
    let app = app();
    let dry = SubscriberImport {
        dry_run: true,
        ..SubscriberImport::default()
    };
    let (import, _) = run_job(&app, &subscribers(dry), b"email\nx@example.com\n");
    assert_eq!(
        refused(&app, &import),
        "id: the import was a dry run, which wrote nothing"
    );
    let waiting = super::make_job(
        &app,
        &subscribers(SubscriberImport::default()),
        b"email\nx@example.com\n",
    );
    assert!(refused(&app, &waiting).contains("cancel it first"));
    run_next(app.db(), &app.app.imports).expect("an import");
}

#[test]
fn events_and_their_totals_are_taken_back() {
    let mut app = app();
    app.app.imports.batch_rows = 2;
    app.event("jonas@example.com", "visit", "2026-03-05T00:00:00Z", None);
    let before = everything(&app);
    let csv = "email,event,occurred_at,value,dedupe_key\nona@example.com,purchase,2026-01-01T00:00:00Z,1.5,a\n\
        ona@example.com,purchase,2026-03-20T00:00:00Z,,b\njonas@example.com,purchase,2026-03-20T00:00:00Z,2,c\n\
        ona@example.com,purchase,2026-03-21T00:00:00Z,,\nona@example.com,purchase,2026-03-21T00:00:00Z,,a\n";
    let (import, failure) = run_job(
        &app,
        &ImportOptions::Events(EventImport::default()),
        csv.as_bytes(),
    );
    assert_eq!(
        (failure, import.report().created, import.report().unchanged),
        (None, 4, 1)
    );
    app.event(
        "ona@example.com",
        "purchase",
        "2026-03-30T00:00:00Z",
        Some(1.0),
    );
    undo(app.db(), import.id, app.clock.now()).expect("undone");
    // What was recorded later stays.
    assert_eq!(
        app.database.ask("SELECT concat_ws(' ', t.count, t.value_sum, t.first_at, t.last_at) FROM event_totals t WHERE t.name = 'purchase'"),
        "2 6.000000 2026-03-01 00:00:00+00 2026-03-30 00:00:00+00"
    );
    app.database.execute("DELETE FROM events WHERE occurred_at = '2026-03-30T00:00:00Z'; \
        UPDATE event_totals SET count = 1, value_sum = 5, last_at = first_at WHERE name = 'purchase'");
    assert_eq!(everything(&app), before);
}
