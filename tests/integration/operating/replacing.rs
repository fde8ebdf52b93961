//! Restoring over a database that is not empty.

use super::{back_up, on, text};
use crate::keys::{create_key, revoke};
use crate::support::{Finished, TestApp, TestDatabase, instant};
use diesel::connection::SimpleConnection;
use rollcall::backup::Archive;
use rollcall::import::{SubscriberImport, import_subscribers};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const NOW: &str = "2026-03-01T12:00:00Z";

fn delete(app: &TestApp, id: &str) {
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": id }),
    );
}

fn newest_cursor(app: &TestApp) -> Value {
    let document = "{ segment(key: \"all\") { changes(first: 1) { pageInfo { startCursor } } } }";
    app.query(document, json!({}))["segment"]["changes"]["pageInfo"]["startCursor"].clone()
}

/// Restores a backup over a database, to which nobody else is connected.
#[track_caller]
fn replace(database: &TestDatabase, path: &Path) -> Finished {
    leave(database);
    on(database, &["restore", "--replace", text(path)])
}

/// Ends all connections of the test.
#[track_caller]
pub fn leave(database: &TestDatabase) {
    database.ask(
        "SELECT count(pg_terminate_backend(pid, 30000)) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    database.forget_questions();
}

#[test]
fn deletions_and_revocations_since_the_backup_happen_again() {
    let app = TestApp::at(NOW);
    let [_, rasa, _] = ["ona", "rasa", "jonas"]
        .map(|name| app.subscriber(&format!("{name}@example.com"), json!({})));
    let unsubscribed = app.subscriber("left@example.com", json!({ "status": "UNSUBSCRIBED" }));
    app.segment("all", json!({ "everyone": true }));
    app.refresh();
    let [revoked, _] =
        ["one", "two"].map(|name| create_key(&app.database, &[name, "--scope", "read"]));
    let before = newest_cursor(&app);
    // What an import remembers of people, for undoing it.
    let file = b"email,first_name\nrasa@example.com,Rasa\n";
    let options = SubscriberImport::default();
    import_subscribers(app.db(), &file[..], &options, instant(NOW), |_| {}).expect("an import");
    app.database.execute(
        "INSERT INTO import_changes (import_id, subscriber_id, before, after) \
         SELECT i.id, s.id, to_jsonb(s), to_jsonb(s) FROM imports i, subscribers s WHERE s.email = 'rasa@example.com'",
    );
    app.mutate(
        "mutation { createWebhook(input: {name: \"shop\", url: \"http://127.0.0.1:9/\", types: [REFRESH_FAILED]}) { userErrors { message } } }",
        json!({}),
    );
    let dir = tempfile::tempdir().expect("a directory");
    let path = back_up(&app.database, dir.path());

    delete(&app, &rasa);
    delete(&app, &unsubscribed);
    // In plain SQL, too; and a deletion that an earlier version noted.
    app.database.execute(&format!(
        "DELETE FROM subscribers WHERE email = 'jonas@example.com'; \
         UPDATE subscriber_deletions SET created_at = NULL WHERE subscriber_id = {}",
        app.database
            .ask("SELECT max(subscriber_id) FROM subscriber_deletions")
    ));
    // Somebody new, who is not in the backup, and one with an address of before.
    app.subscriber("new@example.com", json!({}));
    app.subscriber("rasa@example.com", json!({}));
    app.refresh();
    revoke(&app.database, &revoked[..12]);

    let database = &app.database;
    let done = replace(database, &path);
    assert!(done.status.success(), "{done}");
    assert!(
        done.stdout
            .contains("deleted 3 subscribers again and revoked 1 API keys again"),
        "{done}"
    );
    let people = "SELECT string_agg(email, ' ') FROM subscribers";
    assert_eq!(database.ask(people), "ona@example.com");
    let members = "SELECT string_agg(subscriber_id::text, ' ') FROM segment_memberships";
    assert_eq!(
        database.ask(members),
        database.ask("SELECT id FROM subscribers")
    );
    assert_eq!(database.ask("SELECT count(*) FROM suppressions"), "1");
    assert_eq!(database.ask("SELECT count(*) FROM import_changes"), "0");
    let keys = "SELECT string_agg(name, ' ') FROM api_keys WHERE revoked_at IS NULL";
    assert_eq!(database.ask(keys), "two");
    let webhooks = "SELECT disabled_reason FROM webhooks";
    assert_eq!(database.ask(webhooks), "restored");
    let entries = "SELECT count(*) FROM audit_log WHERE action = 'restoreBackup'";
    assert_eq!(database.ask(entries), "1");

    // Positions of before belong to another history, and every segment waits for its refresh.
    // With connections of its own: those of before are gone.
    let app = app.beside();
    app.set_time("2026-03-02T12:00:00Z");
    let polled = app.respond(
        &format!("{{ segment(key: \"all\") {{ changes(last: 9, before: {before}) {{ nodes {{ joinedCount }} }} }} }}"),
        json!({}),
    );
    assert_eq!(
        polled["errors"][0]["extensions"]["code"],
        json!("RESYNC"),
        "{polled}"
    );
    let state = app.query("{ segment(key: \"all\") { state } }", json!({}));
    assert_eq!(state["segment"]["state"], json!("PENDING"));
    app.refresh();
    assert_eq!(app.members("all"), ["ona@example.com"]);
}

#[test]
fn an_interrupted_restore_can_be_repeated_and_forgets_no_deletion() {
    repeat_an_interrupted_restore("SELECT 1");
    // As if the backup were of a program that knew neither table yet.
    repeat_an_interrupted_restore(
        "DROP TRIGGER remember_erased ON subscribers; DROP TABLE erased_subscribers; DROP TABLE audit_log CASCADE",
    );
}

/// `before` is done in the database that the first restore has half restored.
fn repeat_an_interrupted_restore(before: &str) {
    let app = TestApp::at(NOW);
    let ona = app.subscriber("ona@example.com", json!({}));
    let dir = tempfile::tempdir().expect("a directory");
    let path = back_up(&app.database, dir.path());
    delete(&app, &ona);
    // Only hashes know it then.
    app.database.execute("DELETE FROM subscriber_deletions");
    let entries = app.database.ask("SELECT count(*) FROM audit_log");
    let database = &app.database;
    leave(database);
    let archive = Archive::open(&path).expect("a backup");
    let mut connection = database.connect();
    rollcall::backup::restore(
        &archive,
        &mut connection,
        &database.url,
        dir.path(),
        true,
        "ona",
    )
    .expect("a restored database");
    drop(connection);
    let refused = on(database, &["backup", "-o", text(&dir.path().join("other"))]).to_string();
    assert!(
        refused.contains("was interrupted; run rollcall migrate"),
        "{refused}"
    );
    // The connection of the test is one of those that were ended.
    database.connect().batch_execute(before).expect("done");
    let done = replace(database, &path);
    assert!(
        done.stdout.contains("deleted 1 subscribers again"),
        "{done}"
    );
    assert_eq!(database.ask("SELECT count(*) FROM subscribers"), "0");
    let kept = database.ask("SELECT count(*) FROM audit_log WHERE action <> 'restoreBackup'");
    assert_eq!(kept, entries);
}

#[test]
fn ids_that_were_given_again_are_other_people() {
    let app = TestApp::at(NOW);
    let ona = app.subscriber("ona@example.com", json!({}));
    let dir = tempfile::tempdir().expect("a directory");
    let path = back_up(&app.database, dir.path());
    // As after another restore: the id is that of another row.
    delete(&app, &ona);
    app.database
        .execute("UPDATE subscriber_deletions SET created_at = created_at - interval '1 hour'; DELETE FROM erased_subscribers");
    let database = &app.database;
    let done = replace(database, &path);
    assert!(
        done.stdout.contains("deleted 0 subscribers again"),
        "{done}"
    );
    assert_eq!(
        database.ask("SELECT email FROM subscribers"),
        "ona@example.com"
    );
}

#[test]
fn a_database_that_is_not_empty_or_in_use_is_refused() {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({}));
    let dir = tempfile::tempdir().expect("a directory");
    let path = back_up(&app.database, dir.path());
    app.subscriber("rasa@example.com", json!({}));
    let database = &app.database;
    let untouched = || assert_eq!(database.ask("SELECT count(*) FROM subscribers"), "2");
    let refused = on(database, &["restore", text(&path)]).to_string();
    assert!(
        refused.starts_with(
            "exit code 1\nrollcall: the database is not empty: found __diesel_schema_migrations, "
        ),
        "{refused}"
    );
    untouched();
    // Connections of the test itself.
    let refused = on(database, &["restore", "--replace", text(&path)]).to_string();
    assert!(
        refused.contains("other connections; stop the servers first; nothing was changed"),
        "{refused}"
    );
    untouched();
    let execute = |sql: &str| database.connect().batch_execute(sql).expect("statements");
    execute("CREATE TABLE invoices (subscriber_id bigint)");
    let refused = replace(database, &path).to_string();
    assert!(
        refused
            .contains("--replace would delete tables that this Rollcall does not know: invoices; "),
        "{refused}"
    );
    untouched();
    // What others made upon our tables is not dropped, and stops it; all is as before.
    execute(
        "DROP TABLE invoices; CREATE SCHEMA reports; CREATE VIEW reports.people AS SELECT * FROM subscribers",
    );
    let refused = replace(database, &path).to_string();
    assert!(
        refused.contains("psql failed") && refused.contains("other objects depend on"),
        "{refused}"
    );
    untouched();
    execute("DROP SCHEMA reports CASCADE");
    let done = replace(database, &path);
    assert!(done.status.success(), "{done}");
    assert_eq!(database.ask("SELECT count(*) FROM subscribers"), "1");
}

/// Makes a backup under a name of its own.
#[track_caller]
fn back_up_as(database: &TestDatabase, dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::rename(back_up(database, dir), &path).expect("a file");
    path
}

#[test]
fn deletions_are_known_longer_than_changes_and_through_several_restores() {
    let app = TestApp::at(NOW);
    let dir = tempfile::tempdir().expect("a directory");
    let database = &app.database;
    let empty = back_up_as(database, dir.path(), "empty");
    let ona = app.subscriber("ona@example.com", json!({}));
    app.subscriber("jonas@example.com", json!({}));
    let both = back_up_as(database, dir.path(), "both");
    delete(&app, &ona);
    // Longer ago than changes are kept.
    database.execute("DELETE FROM subscriber_deletions");
    let people = "SELECT coalesce(string_agg(email, ' '), '') FROM subscribers";
    // The first backup does not have the deleted subscriber, and nothing of the deletion.
    let done = replace(database, &empty);
    assert!(done.status.success(), "{done}");
    assert_eq!(database.ask(people), "");
    let done = replace(database, &both);
    assert!(
        done.stdout.contains("deleted 1 subscribers again"),
        "{done}"
    );
    assert_eq!(database.ask(people), "jonas@example.com");
    let done = replace(database, &both);
    assert!(done.status.success(), "{done}");
    assert_eq!(database.ask(people), "jonas@example.com");
    let hashes = "SELECT count(*) FROM erased_subscribers";
    assert_eq!(database.ask(hashes), "1", "each deletion is kept once");
}

#[test]
fn deletions_are_forgotten_when_no_backup_has_them() {
    let app = TestApp::at(NOW);
    let ona = app.subscriber("ona@example.com", json!({}));
    delete(&app, &ona);
    app.database
        .execute("UPDATE erased_subscribers SET erased_at = '2016-02-29T12:00:00Z'");
    let run = || rollcall::refresh::run_due(app.db(), &app.app.refresh).expect("a run");
    assert!(run().is_none(), "the first day");
    app.set_time("2026-03-02T12:00:00Z");
    assert!(run().is_some());
    let hashes = "SELECT count(*) FROM erased_subscribers";
    assert_eq!(app.database.ask(hashes), "1");
    app.set_time("2026-03-03T12:00:00Z");
    assert!(run().is_some());
    assert_eq!(app.database.ask(hashes), "0", "ten years later");
}

#[test]
fn the_audit_log_is_kept_and_says_who_restored() {
    let app = TestApp::at(NOW);
    let dir = tempfile::tempdir().expect("a directory");
    let database = &app.database;
    app.segment("before", json!({"everyone": true}));
    let path = back_up_as(database, dir.path(), "first");
    app.segment("after", json!({"everyone": true}));
    app.subscriber("ona@example.com", json!({}));
    let entries = "SELECT string_agg(concat_ws(' ', action, target_key), ', ' ORDER BY at, id) FROM audit_log";
    let former = database.ask(entries);
    assert!(former.contains("createSegment after"), "{former}");
    let done = replace(database, &path);
    assert!(done.status.success(), "{done}");
    assert_eq!(database.ask(entries), format!("{former}, restoreBackup"));
    let who =
        "SELECT concat_ws(' ', actor, actor_name) FROM audit_log WHERE action = 'restoreBackup'";
    let user = database.ask(who);
    assert!(user.starts_with("command_line "), "{user}");
    assert!(user.len() > "command_line ".len(), "{user}");
    // Ids that entries are about are given to nothing else.
    let named = "SELECT max(target_id) FROM audit_log WHERE target = 'segment'";
    let named: i64 = database.ask(named).parse().expect("an id");
    let app = app.beside();
    app.segment("new", json!({"everyone": true}));
    let id = "SELECT id FROM segments WHERE key = 'new'";
    let id: i64 = database.ask(id).parse().expect("an id");
    assert!(id > named, "{id}");
    // Once more: nothing stands twice.
    let former = database.ask(entries);
    let done = replace(database, &path);
    assert!(done.status.success(), "{done}");
    assert_eq!(database.ask(entries), format!("{former}, restoreBackup"));
}

#[test]
fn what_a_backup_of_another_database_replaces_is_counted() {
    let (app, other) = (TestApp::at(NOW), TestApp::at(NOW));
    // A test database is a copy, with the secret of the original.
    other.database.execute(
        "UPDATE suppression_key SET inner_key = set_byte(inner_key, 0, 1 - get_bit(inner_key, 0))",
    );
    let dir = tempfile::tempdir().expect("a directory");
    other.segment("other", json!({"everyone": true}));
    let path = back_up_as(&other.database, dir.path(), "other");
    app.segment("ours", json!({"everyone": true}));
    app.set_time("2026-03-01T13:00:00Z");
    app.segment("too", json!({"everyone": true}));
    let database = &app.database;
    let done = replace(database, &path);
    assert!(done.status.success(), "{done}");
    assert_eq!(
        database.ask("SELECT string_agg(concat_ws(' ', action, count, target_key), ', ' ORDER BY id) FROM audit_log WHERE action <> 'migrate'"),
        "createSegment other, loseAuditLog 2 2026-03-01T12:00:00Z/2026-03-01T13:00:00Z, restoreBackup"
    );
}
