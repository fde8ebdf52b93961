//! Memberships and events belong to people and groups that exist, as foreign keys would promise: triggers ask once for each
//! statement.

use crate::support::{TestApp, TestDatabase};
use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};

const NOW: &str = "2026-06-15T12:00:00Z";

/// Two people, each in a group and with an event.
const GROUND: &str = "
    INSERT INTO subscribers (id, email, created_at, updated_at)
        SELECT n, n || '@example.com', now(), now() FROM generate_series(1, 2) n;
    INSERT INTO groups (id, key, name, created_at, updated_at)
        SELECT n, 'g' || n, 'G', now(), now() FROM generate_series(1, 2) n;
    INSERT INTO group_memberships SELECT n, n, now(), 'api' FROM generate_series(1, 2) n;
    INSERT INTO events (subscriber_id, name, occurred_at) SELECT n, 'visit', now() FROM generate_series(1, 2) n;
    INSERT INTO event_totals SELECT n, 'visit', 1, 0, now(), now() FROM generate_series(1, 2) n";

/// The groups and people of memberships, and the people of events and totals.
const WHO: &str = "SELECT concat_ws('; ', \
    (SELECT string_agg(group_id || ':' || subscriber_id, ' ' ORDER BY group_id) FROM group_memberships), \
    (SELECT string_agg(subscriber_id::text, ' ' ORDER BY subscriber_id) FROM events), \
    (SELECT string_agg(subscriber_id::text, ' ' ORDER BY subscriber_id) FROM event_totals))";

/// A membership and an event of subscriber 1, as they are written beside each other.
const SECOND: &str = "INSERT INTO group_memberships VALUES (2, 1, now(), 'api'); \
    INSERT INTO events (subscriber_id, name, occurred_at) VALUES (1, 'order', now()); \
    INSERT INTO event_totals VALUES (1, 'order', 1, 0, now(), now())";

fn ground() -> TestApp {
    let app = TestApp::at(NOW);
    app.database.execute(GROUND);
    app
}

#[track_caller]
fn refuse(database: &TestDatabase, sql: &str, says: &str) {
    let refused = database.connect().batch_execute(sql);
    let Err(Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, information)) = refused
    else {
        panic!("{sql}: {refused:?}");
    };
    assert!(
        information.message().contains(says),
        "{sql}: {}",
        information.message()
    );
}

#[test]
fn rows_without_a_subscriber_or_a_group_are_refused() {
    let app = ground();
    let refused = [
        (
            "INSERT INTO group_memberships VALUES (1, 9, now(), 'api')",
            "subscriber",
        ),
        (
            "INSERT INTO group_memberships VALUES (9, 1, now(), 'api')",
            "group",
        ),
        (
            "INSERT INTO group_memberships SELECT 1, n, now(), 'api' FROM generate_series(2, 3) n",
            "subscriber",
        ),
        (
            "INSERT INTO events (subscriber_id, name, occurred_at) VALUES (9, 'visit', now())",
            "subscriber",
        ),
        (
            "INSERT INTO event_totals VALUES (9, 'visit', 1, 0, now(), now())",
            "subscriber",
        ),
        (
            "COPY events (subscriber_id, name, occurred_at) FROM PROGRAM 'echo 9,visit,2026-01-01' CSV",
            "subscriber",
        ),
    ];
    for (sql, says) in refused {
        refuse(
            &app.database,
            sql,
            &format!("names a {says} that does not exist"),
        );
    }
    assert_eq!(app.database.ask(WHO), "1:1 2:2; 1 2; 1 2");
}

/// 200 people with ids in a row but for those of `left_out`, and after them a membership of each of the 200 ids.
fn stretch(left_out: &str) -> String {
    format!(
        "INSERT INTO subscribers (id, email, created_at, updated_at) \
         SELECT n, n || '@example.com', now(), now() FROM generate_series(1001, 1200) n WHERE n NOT IN ({left_out}); \
         INSERT INTO group_memberships SELECT 1, n, now(), 'import' FROM generate_series(1001, 1200) n"
    )
}

#[test]
fn rows_about_people_who_were_just_written_are_checked_too() {
    let app = ground();
    for left_out in ["1001", "1100", "1200"] {
        refuse(
            &app.database,
            &format!("BEGIN; {}", stretch(left_out)),
            "subscriber",
        );
    }
    app.database.execute(&stretch("0"));
    let members = "SELECT count(*) FROM group_memberships WHERE subscriber_id > 1000";
    assert_eq!(app.database.ask(members), "200");
}

#[test]
fn people_of_others_within_a_stretch_are_kept_from_being_deleted() {
    let app = ground();
    app.database.execute(
        "INSERT INTO subscribers (id, email, created_at, updated_at) VALUES (1100, '1100@example.com', now(), now())",
    );
    race(
        &app,
        &stretch("1100"),
        "DELETE FROM subscribers WHERE id = 1100",
    )
    .expect("the deletion waits");
    let members = "SELECT count(*) FROM group_memberships WHERE subscriber_id > 1000";
    assert_eq!(app.database.ask(members), "199");
}

#[test]
fn rows_are_moved_only_to_somebody_who_exists() {
    let app = ground();
    for (sql, says) in [
        (
            "UPDATE group_memberships SET subscriber_id = 9 WHERE subscriber_id = 1",
            "subscriber",
        ),
        (
            "UPDATE group_memberships SET group_id = 9 WHERE subscriber_id = 1",
            "group",
        ),
        (
            "UPDATE events SET subscriber_id = 9 WHERE subscriber_id = 1",
            "subscriber",
        ),
        (
            "UPDATE event_totals SET subscriber_id = 9 WHERE subscriber_id = 1",
            "subscriber",
        ),
    ] {
        refuse(
            &app.database,
            sql,
            &format!("names a {says} that does not exist"),
        );
    }
    app.database.execute(
        "UPDATE group_memberships SET subscriber_id = 2, group_id = 1 WHERE group_id = 1; \
         UPDATE events SET subscriber_id = 2",
    );
    assert_eq!(app.database.ask(WHO), "1:2 2:2; 2 2; 1 2");
}

#[test]
fn rows_go_with_their_subscriber_and_group() {
    let app = ground();
    app.database.execute("DELETE FROM groups WHERE id = 2");
    assert_eq!(app.database.ask(WHO), "1:1; 1 2; 1 2");
    app.database.execute("DELETE FROM subscribers WHERE id = 1");
    assert_eq!(app.database.ask(WHO), "2; 2");
    app.database.execute("DELETE FROM subscribers");
    assert_eq!(app.database.ask(WHO), "");
}

#[test]
fn rows_go_when_a_table_is_emptied() {
    let app = ground();
    app.database.execute("TRUNCATE groups");
    assert_eq!(app.database.ask(WHO), "1 2; 1 2");
    for all in [
        "TRUNCATE subscribers CASCADE",
        "TRUNCATE subscribers, group_memberships, events, event_totals CASCADE",
    ] {
        let app = ground();
        app.database.execute(all);
        assert_eq!(app.database.ask(WHO), "", "{all}");
    }
}

#[test]
fn deletions_that_would_miss_rows_are_refused() {
    let app = ground();
    for deletion in [
        "DELETE FROM subscribers WHERE id = 1",
        "DELETE FROM groups WHERE id = 1",
    ] {
        let mut connection = app.database.connect();
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ";
        let refused = connection.batch_execute(&format!("{begin}; {deletion}; COMMIT"));
        let message = refused.expect_err(deletion).to_string();
        assert!(message.contains("READ COMMITTED only"), "{message}");
    }
    assert_eq!(app.database.ask(WHO), "1:1 2:2; 1 2; 1 2");
}

#[test]
fn the_server_deletes_whatever_isolation_the_database_has() {
    let app = ground();
    let name = app.database.ask("SELECT current_user");
    app.database.execute(&format!(
        "ALTER ROLE {name} IN DATABASE {} SET default_transaction_isolation = 'repeatable read'",
        app.database.ask("SELECT current_database()")
    ));
    app
        .beside()
        .mutate(
            "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
            serde_json::json!({"id": app.query("{ subscriber(email: \"1@example.com\") { id } }", serde_json::json!({}))["subscriber"]["id"]}),
        );
    assert_eq!(app.database.ask(WHO), "2:2; 2; 2");
}

/// Begins `first`, starts `second` beside it, and commits `first` while `second` waits for it.
fn race(app: &TestApp, first: &str, second: &str) -> QueryResult<()> {
    let held = app.database.hold(first);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut connection: PgConnection = app.database.connect();
            let name = app.database.name();
            // The name by which the wait below knows it.
            connection.batch_execute(&format!("SET application_name = '{name}'"))?;
            connection.batch_execute(second)
        });
        app.database.wait_for_waiting(1);
        held.commit();
        other.join().expect("the other does not panic")
    })
}

#[test]
fn deleted_subscribers_and_groups_keep_no_rows() {
    for deletion in [
        "DELETE FROM subscribers WHERE id = 1",
        "DELETE FROM groups WHERE id = 2",
    ] {
        let app = ground();
        race(&app, SECOND, deletion)
            .expect("the deletion waits, and takes what was written meanwhile");
        let left = match deletion.contains("groups") {
            true => "1:1; 1 1 2; 1 1 2",
            false => "2:2; 2; 2",
        };
        assert_eq!(app.database.ask(WHO), left, "{deletion}");
    }
}

#[test]
fn nothing_is_written_about_who_is_being_deleted() {
    for deletion in [
        "DELETE FROM subscribers WHERE id = 1",
        "DELETE FROM groups WHERE id = 2",
    ] {
        for statement in SECOND.split("; ") {
            if deletion.contains("groups") && !statement.contains("group_memberships") {
                continue;
            }
            let app = ground();
            let refused = race(&app, deletion, statement).expect_err(statement);
            let Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) = refused else {
                panic!("{statement}: {refused:?}");
            };
        }
    }
}
