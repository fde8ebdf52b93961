//! Positions of another history, or longer ago than changes are kept, are answered with RESYNC and never with silence.

use super::{ASK, NOW, code, country, lines, page, position, read};
use crate::support::{TestApp, instant};
use rollcall::changes::forget_changes;
use rollcall::follow::follow_touches;
use serde_json::{Value, json};

const FOLLOW: &str = "query ($after: ID) { changes(after: $after) { endPosition } }";

#[track_caller]
fn assert_resync(app: &TestApp, after: &Value) {
    let response = app.respond(FOLLOW, json!({ "after": after }));
    assert_eq!(
        response["errors"][0]["extensions"]["code"], "RESYNC",
        "{response}"
    );
    let message = response["errors"][0]["message"]
        .as_str()
        .expect("a message");
    assert!(message.contains("again"), "what to do is said: {message}");
}

fn forget(app: &TestApp, before: &str) -> usize {
    let forgotten = app
        .db()
        .run_here(|connection| forget_changes(connection, instant(before)));
    forgotten.expect("changes are forgotten")
}

#[test]
fn what_is_not_kept_any_more_is_not_passed_over() {
    let app = TestApp::at(NOW);
    let beginning = position(&app);
    app.subscriber("ona@example.com", json!({}));
    let known = position(&app);
    app.subscriber("jonas@example.com", json!({}));
    let last = position(&app);
    app.database.execute("UPDATE changes SET at = CASE WHEN seq = (SELECT max(seq) FROM changes) THEN '2026-05-05'::timestamptz ELSE '2026-01-01' END");
    assert_eq!(
        forget(&app, "2026-02-01T00:00:00Z"),
        0,
        "the last row that goes stays as a place"
    );
    assert_resync(&app, &beginning);
    // After this position everything is kept.
    let mut after = known.clone();
    assert_eq!(lines(&app, &mut after), ["SUBSCRIBER_CREATED: jonas"]);
    assert_eq!(forget(&app, "2026-06-01T00:00:00Z"), 1);
    assert_resync(&app, &known);
    let mut after = last;
    assert_eq!(read(&app, &mut after), Vec::<Value>::new());
    app.subscriber("rasa@example.com", json!({}));
    assert_eq!(lines(&app, &mut after), ["SUBSCRIBER_CREATED: rasa"]);
    assert_eq!(
        app.database
            .ask("SELECT count(*) FROM changes WHERE first_id IS NULL"),
        "1",
        "its content is gone"
    );
}

#[test]
fn refreshes_that_are_folded_away_are_not_kept_either() {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({"country": "LT"}));
    app.segment("lt", country("LT"));
    let beginning = position(&app);
    app.refresh();
    let known = position(&app);
    app.set_time("2026-06-17T12:00:00Z");
    app.subscriber("ona@example.com", json!({"country": "LV"}));
    app.refresh();
    // By the clock of the application, which is not that of the database.
    forget(&app, "2026-06-16T00:00:00Z");
    assert_resync(&app, &beginning);
    let mut after = known;
    assert_eq!(
        lines(&app, &mut after),
        [
            "SUBSCRIBER_UPDATED (country): ona",
            "SEGMENT_MEMBERS_LEFT lt: ona"
        ]
    );
}

/// In the middle of a change that is not kept.
#[test]
fn a_position_within_the_last_row_that_goes_is_too_old() {
    let app = TestApp::at(NOW);
    let start = position(&app);
    app.database.execute(
        "INSERT INTO subscribers (email, created_at, updated_at) SELECT n || '@example.com', now(), now() FROM generate_series(1, 1500) n",
    );
    let first = page(&app, &start, json!({"first": 1}));
    let within = first["endPosition"].clone();
    let whole = position(&app);
    app.database.execute("UPDATE changes SET at = '2026-01-01'");
    forget(&app, "2026-02-01T00:00:00Z");
    assert_resync(&app, &within);
    let mut after = whole;
    assert_eq!(read(&app, &mut after), Vec::<Value>::new());
}

#[test]
fn the_history_of_another_database_is_another() {
    let (one, other) = (TestApp::at(NOW), TestApp::at(NOW));
    let before_anything = position(&one);
    for app in [&one, &other] {
        app.subscriber("ona@example.com", json!({}));
    }
    let known = position(&one);
    assert_resync(&other, &before_anything);
    assert_resync(&other, &known);
    assert_eq!(code(&other, ASK, json!({ "after": known })), "RESYNC");
}

#[test]
fn a_restore_renews_the_history_of_every_position() {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({"country": "LT"}));
    app.mutate(
        "mutation ($rule: JSON!) { createSegment(input: {key: \"now\", mode: INSTANT, ruleJson: $rule}) { userErrors { message } } }",
        json!({"rule": country("LT")}),
    );
    let of_segment = || {
        app.query("{ segment(key: \"now\") { position } }", json!({}))["segment"]["position"].take()
    };
    let server = crate::history::OtherServer::over(&app);
    let before_refresh = of_segment();
    app.refresh();
    let after_refresh = of_segment();
    app.subscriber("ona@example.com", json!({"country": "LV"}));
    follow_touches(app.db(), &app.app.refresh).expect("changes are followed");
    let between = of_segment();
    let known = position(&app);
    app.database.execute("SELECT renew_history()");
    assert_resync(&app, &known);
    for after in [before_refresh, after_refresh, between] {
        let answer = server.follow("now", &after).next();
        assert_eq!(answer, Err("RESYNC".to_owned()), "{after}");
    }
    // From now on it is followed again.
    let mut after = position(&app);
    app.subscriber("jonas@example.com", json!({}));
    assert_eq!(lines(&app, &mut after), ["SUBSCRIBER_CREATED: jonas"]);
}

#[test]
fn a_truncated_table_begins_a_new_history() {
    for table in [
        "subscribers",
        "groups",
        "segments",
        "custom_fields",
        "group_memberships",
    ] {
        let app = TestApp::at(NOW);
        app.subscriber("ona@example.com", json!({}));
        let known = position(&app);
        app.database.execute(&format!("TRUNCATE {table} CASCADE"));
        assert_resync(&app, &known);
        let mut after = position(&app);
        app.subscriber("new@example.com", json!({}));
        assert_eq!(
            lines(&app, &mut after),
            ["SUBSCRIBER_CREATED: new"],
            "{table}"
        );
    }
}
