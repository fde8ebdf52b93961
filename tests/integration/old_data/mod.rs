//! A database of an older Rollcall, with data, is brought to this version. `tests/cases/old-data` holds its dump and what the
//! older program answered. Both are made anew by the ignored test, from the program of a release:
//!
//! ```sh
//! ROLLCALL_OLD=path/to/the/old/rollcall cargo test --test integration old_data_is_recorded -- --ignored
//! ```

mod beside;
mod fill;
mod questions;

use crate::history::OtherServer;
use crate::support::{Server, TestApp, TestDatabase, eventually, instant, without_settings};
use diesel::connection::SimpleConnection;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rollcall::db::{connection_variables, list_pending_migrations, migrate};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Command;

/// The clock of the old program was the demo's, so that nothing here depends on when it ran. This moment is later.
const NOW: &str = "1998-07-01T12:00:00Z";

/// The time zone of the old database.
const ZONE: chrono_tz::Tz = chrono_tz::Europe::Vilnius;

/// What the old program answered.
#[derive(serde::Serialize, serde::Deserialize)]
struct Recorded {
    /// The newest migration of the old program.
    migration: String,
    /// The secret of an API key.
    api_key: String,
    /// A position of the segment `lt`, some changes before the end.
    position: String,
    answers: Vec<Value>,
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases/old-data")
        .join(name)
}

fn read(name: &str) -> String {
    let compressed = std::fs::File::open(file(name)).expect("a file of the old release");
    let mut text = String::new();
    let read = GzDecoder::new(compressed).read_to_string(&mut text);
    read.expect("a compressed text");
    text
}

fn write(name: &str, text: &str) {
    let file = std::fs::File::create(file(name)).expect("a file");
    let mut encoder = GzEncoder::new(file, Compression::best());
    encoder.write_all(text.as_bytes()).expect("it is written");
    encoder.finish().expect("it is written");
}

fn recorded() -> Recorded {
    serde_json::from_str(&read("answers.json.gz")).expect("recorded answers")
}

/// The old database, not yet migrated.
fn old_database() -> TestDatabase {
    let database = TestDatabase::without_tables();
    // A connection of its own: the dump sets the search path of its session.
    let restored = database.connect().batch_execute(&read("database.sql.gz"));
    restored.expect("the dump is restored");
    let newest = "SELECT max(version) FROM __diesel_schema_migrations";
    assert_eq!(database.ask(newest), recorded().migration);
    database
}

/// The old database, migrated by this program.
fn upgraded() -> TestApp {
    let database = old_database();
    let applied = database.db.run_here(migrate).expect("migrations run");
    assert!(!applied.is_empty(), "the dump is as new as this program");
    TestApp::over(database, NOW, ZONE)
}

#[test]
fn data_of_an_old_release_gives_the_same_answers() {
    let app = upgraded();
    let recorded = recorded();
    let asked = questions::all();
    assert_eq!(asked.len(), recorded.answers.len());
    for ((document, variables), answer) in asked.into_iter().zip(recorded.answers) {
        let mut found = app.query(&document, variables.clone());
        // Fields of rules may have been added since.
        if let Some(fields) = found.get_mut("ruleFields").and_then(Value::as_array_mut) {
            let known = answer["ruleFields"].as_array().expect("fields");
            fields.retain(|field| known.iter().any(|known| known["name"] == field["name"]));
        }
        assert_eq!(found, answer, "{variables} {document}");
    }
}

#[test]
fn data_of_an_old_release_is_refreshed_to_the_members_of_a_full_evaluation() {
    let app = upgraded();
    app.refresh();
    app.mutate(
        "mutation { upsertSubscriber(input: {email: \"p7@example.com\", values: {country: \"LT\", customFields: {visits: 3}}}) \
         { userErrors { message } } }",
        json!({}),
    );
    rollcall::follow::follow_touches(app.db(), &app.app.refresh).expect("changes are followed");
    app.refresh();
    let found = app.query(
        "{ segments(first: 50) { nodes { key state rule memberCount problems { message } } } }",
        json!({}),
    );
    let segments = found["segments"]["nodes"].as_array().expect("a list");
    assert!(segments.len() > 8, "{segments:?}");
    for segment in segments {
        assert_eq!(segment["state"], "READY", "{segment}");
        assert!(segment["memberCount"].as_u64() > Some(0), "{segment}");
        let evaluated = app.query(
            "query ($rule: JSON!, $key: String!) { previewSegment(ruleJson: $rule, compareTo: {key: $key}) { \
             memberCount difference { joiningCount leavingCount } } }",
            json!({"rule": segment["rule"], "key": segment["key"]}),
        );
        assert_eq!(
            evaluated["previewSegment"],
            json!({"memberCount": segment["memberCount"], "difference": {"joiningCount": 0, "leavingCount": 0}}),
            "{segment}"
        );
    }
    let ask = |question: &str| app.database.ask(question);
    let members = "SELECT count(*) FROM segment_memberships m JOIN segments s ON s.id = m.segment_id WHERE s.key = 'lt'";
    let wanted = "SELECT count(*) FROM subscribers WHERE country = 'LT' AND status = 'subscribed'";
    assert_eq!(ask(members), ask(wanted));
    let counted = "SELECT sum(count) FROM subscriber_counts";
    assert_eq!(ask(counted), ask("SELECT count(*) FROM subscribers"));
}

#[test]
fn clients_of_an_old_release_go_on_after_the_upgrade() {
    let app = upgraded();
    let recorded = recorded();
    let server = Server::start(&app.database);
    let key = format!("Bearer {}", recorded.api_key);
    let asked = server.post_as(
        &[("authorization", &key)],
        "{ viewer { name } settings { timeZone } }",
        Value::Null,
    );
    assert_eq!(asked.status(), 200);
    assert_eq!(asked.body()["data"]["viewer"]["name"], "shop");
    server.interrupt();

    // A mirror goes on from the position that the old program told.
    let before = app.members("lt");
    let change = "mutation { upsertSubscriber(input: {email: \"p7@example.com\", values: {country: \"LT\"}}) { userErrors { message } } }";
    app.mutate(change, json!({}));
    app.refresh();
    let after = app.members("lt");
    assert!(
        !before.contains(&"p7@example.com".to_owned())
            && after.contains(&"p7@example.com".to_owned())
    );
    let mirror = OtherServer::over(&app);
    let told = mirror.follow("lt", &json!(recorded.position)).next();
    let joined = told.expect("an item")["joined"].to_string();
    assert!(joined.contains("p7@example.com"), "{joined}");
}

#[test]
fn an_upgrade_changes_nothing_that_it_need_not() {
    let database = old_database();
    let tables = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class \
        WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname <> '__diesel_schema_migrations'";
    let names = database.ask(tables);
    let count = |name: &str| database.ask(&format!("SELECT count(*) FROM {name}"));
    let before: Vec<_> = names
        .split(' ')
        .map(|name| (name.to_owned(), count(name)))
        .collect();
    assert!(
        before.iter().filter(|(_, rows)| rows != "0").count() > 20,
        "{before:?}"
    );
    let applied = database.db.run_here(migrate).expect("migrations run");
    assert!(!applied.is_empty());
    for (name, rows) in before {
        let is_there = format!("SELECT to_regclass('{name}') IS NOT NULL");
        if database.ask(&is_there) == "true" {
            assert_eq!(count(&name), rows, "{name}");
        }
    }
    let left = database
        .db
        .run_here(list_pending_migrations)
        .expect("a list");
    assert_eq!(left, [""; 0]);
}

#[test]
#[ignore = "makes the files that the other tests read, by the program of a release"]
fn old_data_is_recorded() {
    let program =
        std::env::var("ROLLCALL_OLD").expect("ROLLCALL_OLD names the program of a release");
    let database = TestDatabase::without_tables();
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(program);
    without_settings(&mut command)
        .args([
            "demo",
            "--listen",
            "127.0.0.1:0",
            "--time-zone",
            ZONE.name(),
        ])
        .args(["--database-url", &database.url, "--spool-dir"])
        .arg(dir.path());
    let server = Server::spawn(&mut command);
    fill::fill(&server);
    eventually("instant segments have followed", || {
        database.ask("SELECT count(*) FROM touches") == "0"
    });
    let ask = |(document, variables): (String, Value)| fill::ask(&server, &document, variables);
    let answers = questions::all().into_iter().map(ask).collect();
    let position = fill::ask(
        &server,
        "{ segment(key: \"lt\") { position } }",
        Value::Null,
    );
    let position = position["segment"]["position"]
        .as_str()
        .expect("a position");
    // The last request: from now on the server needs a key.
    let api_key = fill::make_keys(&server);
    let stopped = server.interrupt();
    assert!(stopped.status.success(), "{stopped}");
    assert!(instant(NOW) > instant(&database.ask("SELECT to_char(max(updated_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM subscribers")));
    let recorded = Recorded {
        migration: database.ask("SELECT max(version) FROM __diesel_schema_migrations"),
        api_key,
        position: position.to_owned(),
        answers,
    };
    write(
        "answers.json.gz",
        &serde_json::to_string(&recorded).expect("JSON"),
    );
    write("database.sql.gz", &dump(&database));
}

/// Dumps a database as statements that every PostgreSQL from 14 on takes.
fn dump(database: &TestDatabase) -> String {
    let variables = connection_variables(&database.url).expect("an address");
    let dumped = Command::new("pg_dump")
        .args([
            "--inserts",
            "--rows-per-insert=1000",
            "--no-owner",
            "--no-privileges",
            "--no-sync",
        ])
        .envs(variables)
        .output()
        .expect("pg_dump runs");
    assert!(
        dumped.status.success(),
        "{}",
        String::from_utf8_lossy(&dumped.stderr)
    );
    let dumped = String::from_utf8(dumped.stdout).expect("UTF-8");
    // Settings that only newer versions know, and commands of psql.
    let is_told = |line: &&str| {
        !line.starts_with('\\')
            && !line.starts_with("--")
            && !line.starts_with("SET transaction_timeout")
    };
    let lines: Vec<_> = dumped.lines().filter(is_told).collect();
    lines.join("\n")
}
