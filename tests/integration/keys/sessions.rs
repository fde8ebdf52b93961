//! Sessions in the database, by a clock of the test's own.

use crate::support::TestApp;
use chrono::{DateTime, TimeDelta, Utc};
use rollcall::audience::api_key::{self, Access, Scope, Scopes};
use rollcall::audience::key_ring::load_ring;
use rollcall::audience::session::{self, Session};
use serde_json::json;

fn app() -> TestApp {
    TestApp::at("2026-06-15T12:00:00Z")
}

fn create_key(app: &TestApp, expires_at: Option<DateTime<Utc>>) -> i64 {
    let now = app.app.now();
    let scopes: Scopes = [Scope::Admin].into_iter().collect();
    let made = app
        .db()
        .run_here(|connection| api_key::create(connection, "console", scopes, expires_at, now));
    made.expect("a key").0.id
}

fn start(app: &TestApp, key: i64) -> Option<Session> {
    let now = app.app.now();
    let started = app
        .db()
        .run_here(|connection| session::start(connection, key, None, now));
    started.expect("an answer").map(|(session, _)| session)
}

/// Returns the ids of the sessions that are usable.
fn usable(app: &TestApp) -> Vec<i64> {
    let now = app.app.now();
    let ring = app.db().run_here(|connection| load_ring(connection, now));
    let sessions = ring.expect("the keys").sessions.into_iter();
    sessions.map(|(_, session)| session.id).collect()
}

fn record_use(app: &TestApp, ids: &[i64]) {
    let now = app.app.now();
    let noted = app
        .db()
        .run_here(|connection| session::record_use(connection, ids, now));
    noted.expect("the use is noted");
}

#[test]
fn a_session_ends_after_twelve_idle_hours() {
    let app = app();
    let key = create_key(&app, None);
    let session = start(&app, key).expect("a session");
    app.set_time("2026-06-15T23:59:59Z");
    assert_eq!(usable(&app), [session.id]);
    record_use(&app, &[session.id]);
    app.set_time("2026-06-16T11:59:58Z");
    assert_eq!(usable(&app), [session.id]);
    app.set_time("2026-06-16T11:59:59Z");
    assert!(usable(&app).is_empty());
    record_use(&app, &[session.id]);
    assert!(usable(&app).is_empty(), "a late use does not revive it");
}

#[test]
fn a_session_ends_after_seven_days_of_use() {
    let app = app();
    let key = create_key(&app, None);
    let session = start(&app, key).expect("a session");
    for hour in (6..7 * 24).step_by(6) {
        app.clock.set(session.started_at + TimeDelta::hours(hour));
        record_use(&app, &[session.id]);
        assert_eq!(usable(&app), [session.id], "after {hour} hours");
    }
    app.set_time("2026-06-22T11:59:59Z");
    assert_eq!(usable(&app), [session.id]);
    app.set_time("2026-06-22T12:00:00Z");
    assert!(usable(&app).is_empty());
    // Rows of sessions that have ended go when the next one starts.
    start(&app, key).expect("a session");
    assert_eq!(app.database.ask("SELECT count(*) FROM sessions"), "1");
}

#[test]
fn a_use_is_noted_once_a_minute() {
    let app = app();
    let key = create_key(&app, None);
    let session = start(&app, key).expect("a session");
    let last_use = || app.database.ask("SELECT last_used_at FROM sessions");
    let first = last_use();
    app.set_time("2026-06-15T12:01:00Z");
    record_use(&app, &[session.id]);
    assert_eq!(last_use(), first);
    app.set_time("2026-06-15T12:01:01Z");
    record_use(&app, &[session.id]);
    assert_ne!(last_use(), first);
}

#[test]
fn a_key_has_twenty_sessions_at_most() {
    let app = app();
    let (key, other) = (create_key(&app, None), create_key(&app, None));
    let of_other = start(&app, other).expect("a session");
    let mut started = Vec::new();
    for minute in 0..25 {
        app.set_time(&format!("2026-06-15T13:{minute:02}:00Z"));
        started.push(start(&app, key).expect("a session").id);
        // The first one is used all the time, and so it stays.
        app.set_time(&format!("2026-06-15T13:{minute:02}:30Z"));
        record_use(&app, &started[..1]);
    }
    let mut expected: Vec<i64> = vec![of_other.id, started[0]];
    expected.extend(&started[6..]);
    let mut found = usable(&app);
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn unusable_keys_start_no_sessions() {
    let app = app();
    let now = app.app.now();
    let expiring = create_key(&app, Some(now + TimeDelta::hours(1)));
    let revoked = create_key(&app, None);
    assert!(start(&app, expiring).is_some() && start(&app, revoked).is_some());
    let done = app
        .db()
        .run_here(|connection| api_key::revoke(connection, revoked, now));
    done.expect("revoked");
    assert_eq!(app.database.ask("SELECT count(*) FROM sessions"), "1");
    app.set_time("2026-06-15T13:00:00Z");
    assert_eq!(start(&app, expiring), None);
    assert_eq!(start(&app, revoked), None);
    assert_eq!(start(&app, 4_711), None);
}

#[test]
fn the_viewer_of_a_session_knows_when_it_ends() {
    let app = app();
    let now = app.app.now();
    let key = create_key(&app, Some(now + TimeDelta::hours(5)));
    let session = start(&app, key).expect("a session");
    let access = Access {
        key_id: Some(key),
        session_id: Some(session.id),
        scopes: [Scope::Admin].into_iter().collect(),
    };
    let ask = || {
        let viewer =
            "{ viewer { scopes name isOpen apiKey { name } session { startedAt expiresAt } } }";
        app.respond_to(&access, viewer, json!({}))["data"]["viewer"].clone()
    };
    let expected = json!({
        "scopes": ["READ", "WRITE", "ADMIN"], "name": "console", "isOpen": false, "apiKey": {"name": "console"},
        "session": {"startedAt": "2026-06-15T12:00:00+00:00", "expiresAt": "2026-06-15T17:00:00+00:00"},
    });
    assert_eq!(ask(), expected, "the key ends first");
    app.database
        .execute("UPDATE api_keys SET expires_at = NULL");
    assert_eq!(
        ask()["session"]["expiresAt"],
        json!("2026-06-16T00:00:00+00:00")
    );
}

#[test]
fn any_key_may_ask_who_it_is_and_admin_about_the_key() {
    let app = app();
    let key = create_key(&app, None);
    let ask = |scope: Scope, document: &str| {
        let access = Access {
            key_id: Some(key),
            session_id: None,
            scopes: [scope].into_iter().collect(),
        };
        app.respond_to(&access, document, json!({}))
    };
    for scope in [Scope::Read, Scope::Write] {
        let viewer = ask(
            scope,
            "{ viewer { scopes name isOpen session { startedAt } } }",
        );
        let scope_name = scope.name().to_uppercase();
        let expected =
            json!({"scopes": [scope_name], "name": "console", "isOpen": false, "session": null});
        assert_eq!(viewer["data"]["viewer"], expected, "{viewer}");
        let key = ask(scope, "{ viewer { apiKey { name } } }");
        assert_eq!(key["errors"][0]["extensions"]["code"], json!("FORBIDDEN"));
    }
}
