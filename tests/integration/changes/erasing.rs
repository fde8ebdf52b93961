//! Deleted subscribers: of each the log keeps the id and the time, and nothing else.

use super::{NOW, delete, position};
use crate::support::{Server, Socket, TestApp, eventually};
use serde_json::json;

/// Everything that the log holds about people, but for deletions.
fn held(app: &TestApp) -> String {
    app.database.ask(
        "SELECT string_agg(concat_ws(' ', kind, about, fields, number, first_id, last_id, encode(ids, 'hex')), ', ' ORDER BY seq) \
         FROM changes WHERE kind NOT IN ('subscriber_deleted', 'group_created') AND number > 0",
    )
}

#[test]
fn rows_about_one_and_about_several_lose_the_deleted() {
    let app = TestApp::at(NOW);
    app.group("staff", &[]);
    app.database.execute(
        "INSERT INTO subscribers (email, created_at, updated_at) SELECT n || '@example.com', now(), now() FROM generate_series(1, 9) n; \
         UPDATE subscribers SET city = 'Vilnius' WHERE id = 5; \
         UPDATE subscribers SET city = 'Riga' WHERE id IN (2, 5, 9); \
         INSERT INTO group_memberships SELECT 1, id, now(), 'sql' FROM subscribers WHERE id IN (4, 5)",
    );
    position(&app);
    let before = held(&app);
    assert!(before.contains("subscriber_created {} 9 1 9"), "{before}");
    // One has its order before it is deleted, and another change of it has not.
    app.database.execute(
        "UPDATE subscribers SET city = 'Tartu' WHERE id = 5; DELETE FROM subscribers WHERE id = 5",
    );
    position(&app);
    let after = held(&app);
    assert!(after.contains("subscriber_created {} 8 1 9 "), "{after}");
    assert!(
        after.contains("subscriber_updated {city} 2 2 9 "),
        "{after}"
    );
    assert!(after.contains("group_members_added 1 {} 1 4 4"), "{after}");
    assert_eq!(after.matches("subscriber_updated").count(), 1, "{after}");
    app.database.execute("DELETE FROM subscribers");
    position(&app);
    assert_eq!(held(&app), "");
    assert_eq!(
        app.database
            .ask("SELECT sum(number) FROM changes WHERE kind = 'subscriber_deleted'"),
        "9"
    );
    assert_eq!(
        app.database.ask("SELECT count(*) FROM changes WHERE number = 0 AND (fields <> '{}' OR first_id IS NOT NULL OR about IS NOT NULL) AND kind LIKE 'subscriber%'"),
        "0"
    );
}

#[test]
fn positions_survive_that_what_they_name_is_erased() {
    let app = TestApp::at(NOW);
    let id = app.subscriber("ona@example.com", json!({}));
    let known = position(&app);
    delete(&app, &id);
    let mut after = known;
    let told = super::read(&app, &mut after);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["subscriberIds"], json!([id]));
}

#[test]
fn a_row_that_cannot_be_read_stops_nothing() {
    let app = TestApp::at(NOW);
    app.database.execute(
        "INSERT INTO subscribers (email, created_at, updated_at) SELECT n || '@example.com', now(), now() FROM generate_series(1, 9) n; \
         UPDATE subscribers SET city = 'Riga' WHERE id IN (2, 5, 9); UPDATE subscribers SET city = 'Tartu' WHERE id IN (6, 8)",
    );
    position(&app);
    app.database.execute(
        "UPDATE changes SET ids = '\\x00' WHERE first_id = 6; DELETE FROM subscribers WHERE id = 5",
    );
    position(&app);
    let after = held(&app);
    assert!(after.contains("{city} 2 2 9 "), "{after}");
    // By its bounds it cannot hold the deleted one, and nobody looks into it.
    assert!(after.contains("{city} 2 6 8 00"), "{after}");
    app.database.execute("DELETE FROM subscribers WHERE id = 7");
    position(&app);
    let after = held(&app);
    assert!(!after.contains(" 6 8 "), "it may hold the deleted: {after}");
    assert_eq!(
        app.database.ask("SELECT count(*) FROM waiting_changes"),
        "0"
    );
}

#[test]
fn what_cannot_get_its_place_keeps_no_reader_from_the_rest() {
    let app = TestApp::at(NOW);
    let mut after = position(&app);
    app.subscriber("ona@example.com", json!({}));
    position(&app);
    app.database.execute(
        "INSERT INTO waiting_changes (kind, number, first_id, last_id, ids) VALUES ('subscriber_updated', 2, 1, 3, '{1, NULL}')",
    );
    app.subscriber("jonas@example.com", json!({}));
    assert_eq!(
        super::lines(&app, &mut after),
        ["SUBSCRIBER_CREATED: ona"],
        "what has its place is told"
    );
    let turns = crate::webhooks::deliver(&app);
    assert_eq!(turns, [], "the loop of webhooks goes on");
    app.database
        .execute("DELETE FROM waiting_changes WHERE ids IS NOT NULL");
    assert_eq!(
        super::lines(&app, &mut after),
        ["SUBSCRIBER_CREATED: jonas"]
    );
}

#[test]
fn listeners_hear_of_segments_while_a_change_cannot_get_its_place() {
    let app = TestApp::at(NOW);
    app.segment("all", json!({"everyone": true}));
    app.refresh();
    app.database.execute(
        "INSERT INTO waiting_changes (kind, number, first_id, last_id, ids) VALUES ('subscriber_updated', 2, 1, 3, '{1, NULL}')",
    );
    let server = Server::start(&app.database);
    let mut socket = Socket::open(&server);
    socket.subscribe(
        "1",
        "subscription { membershipChanged(segment: {key: \"all\"}) { joinedCount } }",
        json!({}),
    );
    let error = "cannot order new changes";
    eventually("the hub says why", || server.logged().contains(error));
    app.subscriber("ona@example.com", json!({}));
    app.refresh();
    let item = socket.next("1");
    assert_eq!(item["membershipChanged"]["joinedCount"], 1, "{item}");
}
