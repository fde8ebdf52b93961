//! Entries are only added, and removed when they are old.

use super::entries;
use crate::support::{TestApp, TestDatabase, instant, rollcall, run};
use diesel::connection::SimpleConnection;
use rollcall::audience::audit::{Entry, TargetKind, Trace, forget_before, write};
use rollcall::refresh::run_due;
use serde_json::json;

const NOW: &str = "2026-06-15T12:00:00Z";

#[test]
fn entries_cannot_be_changed_or_removed() {
    let app = TestApp::at(NOW);
    app.group("vip", &[]);
    let before = entries(&app);
    assert_eq!(before.len(), 1);
    for sql in [
        "UPDATE audit_log SET action = 'nothing'",
        "DELETE FROM audit_log",
        "DELETE FROM audit_log WHERE false",
        "TRUNCATE audit_log",
        "SET rollcall.forgets_audit = 'on'; UPDATE audit_log SET action = 'nothing'",
        "SET rollcall.forgets_audit = 'on'; TRUNCATE audit_log",
        "SET rollcall.forgets_audit = 'off'; DELETE FROM audit_log",
        "INSERT INTO audit_log (id, at, action, actor) VALUES (1, now(), 'nothing', 'system') ON CONFLICT (id) DO UPDATE SET action = 'nothing'",
    ] {
        let refused = app.database.connect().batch_execute(sql);
        let refused = refused.expect_err(sql).to_string();
        assert!(refused.contains("only added"), "{sql}: {refused}");
    }
    assert_eq!(entries(&app), before);
}

/// Writes entries of these moments.
fn write_at(app: &TestApp, moments: &[&str]) {
    let written = app.db().run_here(|connection| {
        for moment in moments {
            let entry = Entry::of_system("signIn", instant(moment));
            write(connection, &entry, &Trace::to(TargetKind::ApiKey))?;
        }
        Ok(())
    });
    written.expect("entries");
}

fn times(app: &TestApp) -> Vec<String> {
    let all = entries(app);
    let of_sign_ins = all.iter().filter(|entry| entry["action"] == "signIn");
    of_sign_ins
        .map(|entry| entry["at"].as_str().expect("a moment").to_owned())
        .collect()
}

#[test]
fn the_daily_job_removes_entries_that_are_older_than_keep_audit() {
    let app = TestApp::at("2026-06-14T12:00:00Z");
    run_due(app.db(), &app.app.refresh).expect("the first look");
    app.mutate(
        "mutation { updateSettings(input: {keepAudit: 30}) { userErrors { message } } }",
        json!({}),
    );
    let (old, young) = ("2026-05-14T00:00:00+00:00", "2026-05-16T00:00:00+00:00");
    write_at(&app, &[old, young]);
    app.set_time("2026-06-15T04:00:00Z");
    run_due(app.db(), &app.app.refresh)
        .expect("the job")
        .expect("it was due");
    assert_eq!(times(&app), [young]);
    let all = entries(&app);
    let last = all.last().expect("an entry");
    assert_eq!(last["action"], "forgetAuditLog");
    assert_eq!(last["actor"]["kind"], "SYSTEM");
    assert_eq!(last["count"], 1);
}

#[test]
fn forgetting_says_nothing_where_there_is_nothing_to_forget() {
    let app = TestApp::at(NOW);
    write_at(&app, &[NOW]);
    let forgotten = app
        .db()
        .run_here(|connection| forget_before(connection, instant(NOW), instant(NOW)));
    assert_eq!(forgotten.expect("an answer"), 0);
    assert_eq!(entries(&app).len(), 1);
}

#[test]
fn the_audit_log_is_kept_for_a_month_at_least() {
    let app = TestApp::at(NOW);
    let payload = app.payload(
        "mutation { updateSettings(input: {keepAudit: 29}) { userErrors { path message } } }",
        json!({}),
    );
    let message = "expected a number of days from 30 to 36500, found \"29\"";
    assert_eq!(
        payload["userErrors"],
        json!([{ "path": "keepAudit", "message": message }])
    );
    let database = TestDatabase::new();
    let command = ["settings", "--database-url", &database.url];
    let done = run(rollcall(&command).args(["set", "keep_audit", "29"]));
    assert!(!done.status.success(), "{done}");
    let done = run(rollcall(&command).args(["set", "keep_audit", "31"]));
    assert!(done.status.success(), "{done}");
    assert!(done.stdout.contains("keep_audit"), "{done}");
}
