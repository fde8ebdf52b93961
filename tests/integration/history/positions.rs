//! Positions and cursors belong to one history: another one, or one too old, is answered and never passed over.

use super::backup::Backup;
use super::{
    OtherServer, add_segments, ask_segment, delete, emails, follow, position, set_country,
};
use crate::support::TestApp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rollcall::past::fold_history;
use serde_json::{Value, json};

fn app() -> TestApp {
    let app = TestApp::at(super::NOW);
    set_country(&app, "ona", "LT");
    set_country(&app, "jonas", "LT");
    add_segments(&app);
    app.refresh();
    follow(&app);
    app
}

/// Makes a change of both segments, in a refresh and at once.
fn move_to(app: &TestApp, name: &str, code: &str) {
    set_country(app, name, code);
    follow(app);
    app.refresh();
}

#[track_caller]
fn assert_resync(server: &OtherServer, after: &Value) {
    for (key, _) in super::SEGMENTS {
        let answer = server.follow(key, after).next();
        assert_eq!(answer, Err("RESYNC".to_owned()), "{key} after {after}");
    }
}

fn last_refresh(app: &TestApp) -> Value {
    let data = app.query("{ refreshes(first: 1) { nodes { id } } }", json!({}));
    data["refreshes"]["nodes"][0]["id"].clone()
}

fn newest_cursor(app: &TestApp, key: &str) -> Value {
    let newest = ask_segment(app, key, "changes(first: 1) { pageInfo { startCursor } }");
    newest["changes"]["pageInfo"]["startCursor"].clone()
}

fn poll(app: &TestApp, key: &str, before: &Value) -> Value {
    let document = format!(
        "{{ segment(key: \"{key}\") {{ changes(last: 9, before: {before}) {{ nodes {{ joinedCount }} }} }} }}"
    );
    app.respond(&document, json!({}))
}

#[test]
fn a_restored_backup_is_noticed_before_and_after_it_goes_on() {
    let app = app();
    let server = OtherServer::over(&app);
    let known = position(&app, "lt");
    let backup = Backup::take(&app, "one");
    let mut open = super::SEGMENTS.map(|(key, _)| server.follow(key, &known));
    move_to(&app, "anna", "LT");
    for listener in &mut open {
        assert_eq!(listener.change(), (emails(&["anna"]), vec![], vec![]));
    }
    let items = super::SEGMENTS.map(|(key, _)| {
        let item = server.follow(key, &known).next().expect("an item");
        (key, item["position"].clone())
    });
    let (lost, lost_refresh) = (position(&app, "lt"), last_refresh(&app));
    let lost_cursor = newest_cursor(&app, "lt");

    backup.restore(&app);
    assert_resync(&server, &lost);
    assert_resync(&server, &lost_refresh);
    // It goes on: the same ids are given to other changes.
    move_to(&app, "rasa", "LT");
    assert_eq!(last_refresh(&app), lost_refresh, "the id is there again");
    assert_resync(&server, &lost);
    for (key, position) in &items {
        assert_eq!(
            server.follow(key, position).next(),
            Err("RESYNC".to_owned())
        );
    }
    for listener in &mut open {
        assert_eq!(listener.next(), Err("RESYNC".to_owned()));
    }
    let polled = poll(&app, "lt", &lost_cursor);
    assert_eq!(
        polled["errors"][0]["extensions"]["code"],
        json!("RESYNC"),
        "{polled}"
    );
    let message = polled["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains("load the members again"), "{message}");
    // What is older than the backup is of both histories.
    for (key, _) in super::SEGMENTS {
        let change = server.follow(key, &known).change();
        assert_eq!(change, (emails(&["rasa"]), vec![], vec![]), "{key}");
    }
}

#[test]
fn the_history_of_another_server_is_another() {
    let (one, other) = (app(), app());
    for app in [&one, &other] {
        move_to(app, "anna", "LT");
    }
    let server = OtherServer::over(&one);
    assert_resync(&server, &position(&other, "lt"));
    let polled = poll(&one, "lt", &newest_cursor(&other, "lt"));
    assert_eq!(polled["errors"][0]["extensions"]["code"], json!("RESYNC"));
    // Before the first refresh there is a history too.
    let (one, other) = (TestApp::at(super::NOW), TestApp::at(super::NOW));
    for app in [&one, &other] {
        add_segments(app);
    }
    let server = OtherServer::over(&one);
    let (ours, theirs) = (position(&one, "lt"), position(&other, "lt"));
    assert_resync(&server, &theirs);
    let mut listener = server.follow("lt", &ours);
    move_to(&one, "ona", "LT");
    assert_eq!(listener.change(), (emails(&["ona"]), vec![], vec![]));
}

#[test]
fn a_position_older_than_what_is_kept_is_told_so() {
    let app = app();
    let server = OtherServer::over(&app);
    let (old, old_refresh) = (position(&app, "lt"), last_refresh(&app));
    let mut open = super::SEGMENTS.map(|(key, _)| server.follow(key, &old));
    app.set_time("2026-07-01T12:00:00Z");
    move_to(&app, "anna", "LT");
    for listener in &mut open {
        assert_eq!(listener.change(), (emails(&["anna"]), vec![], vec![]));
    }
    app.set_time("2026-08-01T12:00:00Z");
    app.refresh();
    let kept = position(&app, "lt");
    let cut = crate::support::instant("2026-08-01T12:00:00Z");
    let folded = app
        .db()
        .run_here(|connection| fold_history(connection, cut));
    assert!(folded.expect("a fold") > 0);
    assert_resync(&server, &old);
    assert_resync(&server, &old_refresh);
    let lists = app.respond(
        "{ segment(key: \"now\") { changes(last: 2) { nodes { joinedCount deleted { nodes { id } } } } } }",
        json!({}),
    );
    assert_eq!(lists["errors"][0]["extensions"]["code"], json!("RESYNC"));
    move_to(&app, "jonas", "LV");
    for (key, _) in super::SEGMENTS {
        let mut listener = server.follow(key, &kept);
        assert_eq!(listener.change(), (vec![], emails(&["jonas"]), vec![]));
    }
}

#[test]
fn whoever_comes_back_with_the_position_of_an_item_is_told_nobody_again() {
    let app = app();
    let server = OtherServer::over(&app);
    let mut after = position(&app, "now");
    for (name, code) in [
        ("anna", "LT"),
        ("rasa", "LT"),
        ("ona", "LV"),
        ("rasa", "LV"),
        ("rasa", "LT"),
    ] {
        set_country(&app, name, code);
        follow(&app);
    }
    app.refresh();
    let gone = set_country(&app, "jonas", "LT");
    delete(&app, &gone);
    set_country(&app, "ona", "LT");
    follow(&app);
    app.refresh();
    let mut told = Vec::new();
    while told.len() < 7 {
        // One item, and the connection is lost.
        let item = server.follow("now", &after).next().expect("an item");
        assert_eq!(item["refresh"], Value::Null, "{item}");
        for (list, sign) in [("joined", '+'), ("left", '-')] {
            for person in item[list].as_array().expect("a list") {
                let email = person["email"].as_str().expect("an address");
                told.push(format!(
                    "{sign}{}",
                    email.split('@').next().unwrap_or_default()
                ));
            }
        }
        let deleted = item["deletedIds"].as_array().expect("a list");
        told.extend(deleted.iter().map(|_| "deleted".to_owned()));
        assert_ne!(item["position"], after);
        after = item["position"].clone();
    }
    assert_eq!(
        told,
        [
            "+anna", "+rasa", "-ona", "-rasa", "+rasa", "deleted", "+ona"
        ]
    );
    // Nothing is left: the next item is the next change.
    move_to(&app, "anna", "LV");
    let mut listener = server.follow("now", &after);
    assert_eq!(listener.change(), (vec![], emails(&["anna"]), vec![]));
}

/// The id of a refresh that failed stands for what was known before it.
#[test]
fn a_failed_refresh_loses_nothing() {
    let app = app();
    let server = OtherServer::over(&app);
    app.database.execute(
        "INSERT INTO refreshes (trigger, as_of, started_at, finished_at, state, error) \
         VALUES ('manual', '2026-06-15T12:00:00Z', now(), now(), 'failed', 'of a test')",
    );
    let failed = last_refresh(&app);
    move_to(&app, "anna", "LT");
    for (key, _) in super::SEGMENTS {
        let change = server.follow(key, &failed).change();
        assert_eq!(change, (emails(&["anna"]), vec![], vec![]), "{key}");
    }
}

#[test]
fn what_is_no_position_is_bad_input() {
    let app = app();
    let server = OtherServer::over(&app);
    let encode = |text: &str| json!(URL_SAFE_NO_PAD.encode(text));
    for (after, code) in [
        (json!(""), "BAD_USER_INPUT"),
        (json!("%%%"), "BAD_USER_INPUT"),
        (encode("Subscriber:1"), "BAD_USER_INPUT"),
        (encode("Position:1:0:7"), "BAD_USER_INPUT"),
        (encode("Position:1:0:7:-1"), "BAD_USER_INPUT"),
        (
            encode("Position:9223372036854775808:0:7:0"),
            "BAD_USER_INPUT",
        ),
        // Of this form, and of no history.
        (encode("Position:1:0:7:0"), "RESYNC"),
        (encode("Position:1:999:7:0"), "RESYNC"),
        (encode("Position:-1:-1:-1:0"), "RESYNC"),
        (
            encode("Position:9223372036854775807:9223372036854775807:7:9223372036854775807"),
            "RESYNC",
        ),
        (encode("Refresh:0"), "RESYNC"),
        (encode("Refresh:-5"), "RESYNC"),
        (encode("Refresh:9223372036854775807"), "RESYNC"),
    ] {
        let answer = server.follow("lt", &after).next();
        assert_eq!(answer, Err(code.to_owned()), "{after}");
    }
}
