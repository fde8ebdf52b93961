//! Servers of two versions on one database: the older one goes on, unless a migration says that it cannot, and the newer one
//! migrates while the older one is at work.

use super::{TestDatabase, old_database};
use crate::operating::on;
use crate::support::{Server, eventually};
use diesel::connection::SimpleConnection;
use rollcall::db::{list_pending_migrations, migrate};
use serde_json::Value;

const FUTURE: &str = "29991231000000";

/// Does what a newer program does when it migrates.
fn migrate_from_the_future(database: &TestDatabase, oldest: Option<&str>) {
    database.execute(&format!(
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('{FUTURE}') ON CONFLICT DO NOTHING"
    ));
    if let Some(oldest) = oldest {
        database.execute(&format!("UPDATE oldest_program SET migration = '{oldest}'"));
    }
}

fn is_ready(server: &Server) -> bool {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let answer = agent
        .get(format!("http://{}/health/ready", server.address))
        .call();
    answer.expect("the server answers").status() == 200
}

#[test]
fn an_older_server_stays_ready_and_can_be_started_beside_a_newer_one() {
    let database = TestDatabase::new();
    let first = Server::start(&database);
    migrate_from_the_future(&database, None);
    assert!(is_ready(&first));
    let second = Server::start(&database);
    assert!(is_ready(&second));
    for server in [&first, &second] {
        assert_eq!(
            server
                .post(
                    "mutation { createGroup(input: {key: \"staff\"}) { userErrors { code } } }",
                    Value::Null
                )
                .0,
            200
        );
    }
    let command = on(&database, &["migrate"]);
    assert_eq!(command.stdout, "the database is up to date\n", "{command}");
    assert!(
        command.stderr.contains("this version can work beside it"),
        "{command}"
    );
}

#[test]
fn an_older_server_that_cannot_work_any_more_says_so() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    migrate_from_the_future(&database, Some(FUTURE));
    assert!(!is_ready(&server));
    let refused = on(&database, &["migrate"]).to_string();
    assert!(
        refused.starts_with("exit code 1")
            && refused.contains(
                "a newer Rollcall has migrated this database: upgrade this program (it does not know the migrations 29991231000000)"
            ),
        "{refused}"
    );
}

#[test]
fn a_program_that_misses_migrations_does_not_work_beside_a_newer_one() {
    let database = old_database();
    migrate_from_the_future(&database, None);
    let refused = database.db.run_here(migrate).expect_err("it is refused");
    assert!(
        refused.to_string().contains("upgrade this program"),
        "{refused}"
    );
}

#[test]
fn a_migration_that_waits_for_a_lock_lets_others_go_on() {
    let database = old_database();
    // As a backup or a refresh reads.
    let read = database.hold("SELECT count(*) FROM subscribers");
    std::thread::scope(|scope| {
        let migrated = scope.spawn(|| database.db.run_here(migrate));
        database.wait_for_waiting(1);
        // Waits behind the migration until that gives up; without an end it would never be done.
        let mut other = database.connect();
        other
            .batch_execute(
                "SET lock_timeout = '60s'; INSERT INTO subscribers (email, created_at, updated_at) VALUES ('new@example.com', now(), now())",
            )
            .expect("an insert is not held up");
        eventually("it waits again", || {
            database.wait_for_waiting(1);
            !migrated.is_finished()
        });
        drop(read);
        let applied = migrated.join().expect("no panic").expect("migrations run");
        assert!(applied.len() > 9, "{applied:?}");
    });
    let left = database
        .db
        .run_here(list_pending_migrations)
        .expect("a list");
    assert_eq!(left, [""; 0]);
    let kept = database.ask("SELECT sum(count) FROM subscriber_counts");
    assert_eq!(kept, database.ask("SELECT count(*) FROM subscribers"));
}
