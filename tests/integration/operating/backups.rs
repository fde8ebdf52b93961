//! Backups of a database at work, and what is there when one was restored.

use super::{back_up, on, text};
use crate::keys::create_key;
use crate::support::{
    Server, TestApp, TestDatabase, cluster_dir, eventually, import_text, rollcall, run,
};
use rollcall::backup::Archive;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

const NOW: &str = "2026-03-01T12:00:00Z";

/// Restores a backup into a database of its own.
#[track_caller]
fn restored(path: &std::path::Path) -> TestDatabase {
    let database = TestDatabase::without_tables();
    let done = on(&database, &["restore", text(path)]);
    assert!(done.status.success(), "{done}");
    database
}

fn country(code: &str) -> Value {
    json!({"text": {"field": "country", "is": {"equals": code}}})
}

/// Returns how many members differ from those that SQL finds.
fn wrong_members(database: &TestDatabase, key: &str, rule: &str) -> String {
    database.ask(&format!(
        "SELECT count(*) FROM (SELECT id, true AS is_wanted FROM subscribers WHERE {rule}) w \
         FULL JOIN (SELECT m.subscriber_id AS id, true AS is_found FROM segment_memberships m \
             JOIN segments g ON g.id = m.segment_id WHERE g.key = '{key}') f USING (id) \
         WHERE is_wanted IS NULL OR is_found IS NULL"
    ))
}

/// Sets a flag when dropped, also where an assertion fails: a scope waits for its threads.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_backup_of_a_busy_database_holds_one_moment() {
    let app = TestApp::at(NOW);
    app.segment("lt", country("LT"));
    app.mutate(
        "mutation ($rule: JSON!) { createSegment(input: {key: \"now\", mode: INSTANT, ruleJson: $rule}) { \
         userErrors { message } } }",
        json!({ "rule": country("LT") }),
    );
    app.database.execute(
        "INSERT INTO subscribers (email, country, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', (ARRAY['LT', 'LV'])[1 + n % 2], now(), now() FROM generate_series(1, 20000) n",
    );
    app.refresh();
    let server = Server::start(&app.database);
    let dir = tempfile::tempdir().expect("a directory");
    let is_over = AtomicBool::new(false);
    let goes_on = || !is_over.load(Ordering::Relaxed);
    let paths: Vec<_> = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in (0..).take_while(|_| goes_on()) {
                let rows = (0..2_000).map(|row| format!("i{number}-{row}@example.com,LT\n"));
                let file = format!("email,country\n{}", rows.collect::<String>());
                let done = import_text(&app.database, "subscribers", file, &[]);
                assert!(done.status.success(), "{done}");
            }
        });
        scope.spawn(|| {
            for number in (0..).take_while(|_| goes_on()) {
                let code = ["LV", "LT"][number % 2];
                let document = format!(
                    "mutation {{ upsertSubscriber(input: {{email: \"p{}@example.com\", values: {{country: \"{code}\"}}}}) \
                     {{ userErrors {{ message }} }} }}",
                    1 + number % 50
                );
                assert_eq!(server.post(&document, Value::Null).0, 200);
            }
        });
        scope.spawn(|| {
            while goes_on() {
                let done = on(&app.database, &["refresh"]);
                let is_taken = done.stderr.contains("another refresh is running");
                assert!(done.status.success() || is_taken, "{done}");
            }
        });
        let _ends = Ends(&is_over);
        let busy = "SELECT (SELECT count(*) FROM imports) > 1 AND (SELECT count(*) FROM instant_changes) > 5 \
                    AND (SELECT count(*) FROM refreshes) > 2";
        eventually("everything is at work", || app.database.ask(busy) == "true");
        let paths = ["one", "two", "three"].map(|name| {
            let dir = dir.path().join(name);
            std::fs::create_dir(&dir).expect("a directory");
            back_up(&app.database, &dir)
        });
        paths.into()
    });
    server.interrupt();
    for path in paths {
        let verified = run(&mut rollcall(&["backup", "verify", text(&path)]));
        assert!(verified.status.success(), "{verified}");
        let manifest = Archive::open(&path).expect("a backup").manifest;
        let database = restored(&path);
        for table in ["subscribers", "events", "segment_definitions", "imports"] {
            let counted = database.ask(&format!("SELECT count(*) FROM {table}"));
            assert_eq!(counted, manifest.rows[table].to_string(), "{table}");
        }
        let kept = database.ask("SELECT sum(count) FROM subscriber_counts");
        assert_eq!(kept, manifest.rows["subscribers"].to_string());
        let unfinished = "SELECT (SELECT count(*) FROM imports WHERE state IN ('ready', 'running')) \
                          + (SELECT count(*) FROM refreshes WHERE state = 'running')";
        assert_eq!(database.ask(unfinished), "0");
        // It goes on: what instant segments had not followed yet is followed, and a refresh finds all the rest.
        let server = Server::start(&database);
        let followed = "SELECT count(*) FROM touches WHERE followed_at IS NULL";
        let pending = "{ segments(first: 9) { nodes { state } } }";
        eventually("the restored database is up to date", || {
            let (_, body) = server.post(pending, Value::Null);
            let is_ready = body["data"]["segments"]["nodes"]
                .as_array()
                .is_some_and(|nodes| nodes.iter().all(|node| node["state"] == "READY"));
            is_ready && database.ask(followed) == "0"
        });
        for key in ["lt", "now"] {
            assert_eq!(
                wrong_members(&database, key, "country = 'LT'"),
                "0",
                "{key}"
            );
        }
    }
}

#[test]
fn jobs_that_were_under_way_are_closed_with_a_reason() {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({ "country": "LT" }));
    app.segment("lt", country("LT"));
    app.group("people", &[]);
    app.refresh();
    let dir = tempfile::tempdir().expect("a directory");
    let import = dir.path().join("people.csv");
    std::fs::write(&import, "email\nrasa@example.com\n").expect("a file");
    app.mutate(
        "mutation { createBulkAction(input: {rule: {everyone: true}, action: {addToGroup: \"people\"}}) \
         { userErrors { message } } }",
        json!({}),
    );
    let path = {
        let held = (app.database.hold_imports(), app.database.hold_writing());
        std::thread::scope(|scope| {
            scope.spawn(|| on(&app.database, &["import", "subscribers", text(&import)]));
            scope.spawn(|| on(&app.database, &["refresh"]));
            app.database.wait_for_waiting(1);
            let under_way = "SELECT (SELECT count(*) FROM imports WHERE state IN ('ready', 'running')) \
                             || ' ' || (SELECT count(*) FROM refreshes WHERE state = 'running')";
            eventually("both are under way", || {
                app.database.ask(under_way) == "1 1"
            });
            let path = back_up(&app.database, dir.path());
            drop(held);
            path
        })
    };
    let database = restored(&path);
    let reason = database.ask("SELECT error FROM imports");
    assert!(
        reason.starts_with("the job had not ended when the backup of 20")
            && reason.ends_with("restoring that backup ended it"),
        "{reason}"
    );
    for (table, where_) in [
        ("imports", "true"),
        ("bulk_actions", "true"),
        ("refreshes", "id = (SELECT max(id) FROM refreshes)"),
    ] {
        let end = database.ask(&format!(
            "SELECT state || ' ' || error FROM {table} WHERE {where_}"
        ));
        assert_eq!(end, format!("failed {reason}"), "{table}");
    }
    assert_eq!(database.ask("SELECT count(*) FROM bulk_action_people"), "0");
    // The original finished the refresh under the same id: its position must mean nothing here.
    let same = "SELECT json_agg(token ORDER BY id) FROM refreshes";
    assert_ne!(app.database.ask(same), database.ask(same));
}

#[test]
fn the_embedded_database_comes_back_after_its_directory_was_lost() {
    let dir = cluster_dir("backup");
    let [data_dir, path] = ["data", "audience.backup"].map(|name| dir.path().join(name));
    let file = dir.path().join("people.csv");
    std::fs::write(
        &file,
        "email,country\nona@example.com,LT\nrasa@example.com,LV\n",
    )
    .expect("a file");
    let with_data = |arguments: &[&str]| {
        let done = run(rollcall(arguments).args(["--data-dir", text(&data_dir)]));
        assert!(done.status.success(), "{done}");
        done.stdout
    };
    with_data(&["import", "subscribers", text(&file)]);
    let ask = ["export", "subscribers"];
    let before = with_data(&ask);
    assert!(before.contains("rasa@example.com"), "{before}");
    with_data(&["backup", "-o", text(&path)]);
    let mode = std::fs::metadata(&path)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::remove_dir_all(&data_dir).expect("the directory goes");
    let told = with_data(&["restore", text(&path)]);
    assert!(
        told.starts_with("restored 2 subscribers, 0 events, 0 groups and 0 segments at 20"),
        "{told}"
    );
    assert_eq!(with_data(&ask), before);
}

#[test]
fn a_restore_that_was_killed_before_its_end_is_finished_by_the_next_command() {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({}));
    app.database.execute(
        "INSERT INTO refreshes (trigger, as_of, started_at, state) VALUES ('manual', now(), now(), 'running')",
    );
    create_key(&app.database, &["shop", "--scope", "read"]);
    let dir = tempfile::tempdir().expect("a directory");
    let path = back_up(&app.database, dir.path());
    let database = TestDatabase::without_tables();
    let archive = Archive::open(&path).expect("a backup");
    let mut connection = database.connect();
    rollcall::backup::restore(
        &archive,
        &mut connection,
        &database.url,
        dir.path(),
        false,
        "ona",
    )
    .expect("a restored database");
    assert_eq!(
        database.ask("SELECT string_agg(state, ' ') FROM refreshes"),
        "running"
    );
    let done = on(&database, &["key", "list"]);
    assert!(done.stdout.contains("shop"), "{done}");
    assert_eq!(
        database.ask("SELECT string_agg(state, ' ') FROM refreshes"),
        "failed"
    );
    let left = "SELECT count(*) FROM pg_class WHERE relname LIKE 'unfinished_restore%'";
    assert_eq!(database.ask(left), "0");
}

#[test]
fn a_backup_replaces_a_file_only_when_it_is_whole() {
    let app = TestApp::at(NOW);
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("audience.backup");
    std::fs::write(&path, "precious").expect("a file");
    let empty = TestDatabase::without_tables();
    let refused = on(&empty, &["backup", "-o", text(&path)]).to_string();
    assert_eq!(
        refused,
        "exit code 1\nrollcall: the backup was not made: the schema \"public\" of this database has no tables of Rollcall, so there is nothing to back up; nothing was changed\n"
    );
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), "precious");
    assert_eq!(back_up(&app.database, dir.path()), path);
    let names: Vec<_> = std::fs::read_dir(dir.path())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["audience.backup"], "nothing else is left");
    for (output, told) in [
        (
            dir.path().to_owned(),
            "expected the name of a file for the backup, found the directory",
        ),
        (dir.path().join("missing/file"), "No such file or directory"),
    ] {
        let refused = on(&app.database, &["backup", "-o", text(&output)]).to_string();
        assert!(
            refused.starts_with("exit code 1") && refused.contains(told),
            "{refused}"
        );
    }
}
