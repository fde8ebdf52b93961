//! Bulk actions that are stopped, or whose server dies, half-way.

use super::{CANCEL, audience, create, in_country, run_all, show, undo};
use crate::support::{Server, TestApp, eventually};
use rollcall::bulk::run_next;
use serde_json::json;
use std::sync::atomic::AtomicBool;

/// Three blocks of subscribers.
const PEOPLE: usize = 20_000;

/// The id of a subscriber in the second block.
const SECOND: usize = 9_000;

fn large() -> TestApp {
    let app = TestApp::at(super::NOW);
    app.database.execute(&format!(
        "INSERT INTO subscribers (email, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', now(), now() FROM generate_series(1, {PEOPLE}) n"
    ));
    app.group("all", &[]);
    app
}

fn everyone() -> serde_json::Value {
    json!({"rule": {"everyone": true}})
}

#[test]
fn one_whose_server_is_killed_is_gone_on_with_by_another() {
    let app = large();
    let city = json!({"setField": {"field": "city", "value": "Vilnius"}});
    for action in [json!({"addToGroup": "all"}), city, json!({"delete": true})] {
        let held = app.database.hold(&format!(
            "SELECT FROM subscribers WHERE id = {SECOND} FOR UPDATE"
        ));
        let server = Server::start(&app.database);
        let id = create(&app, everyone(), action.clone());
        eventually("the first block is done", || {
            show(&app, &id)["doneCount"] == 8_191
        });
        app.database.wait_for_waiting(1);
        server.kill();
        drop(held);
        app.database.wait_for_end_of_processes();
        let shown = show(&app, &id);
        assert_eq!(
            (&shown["state"], &shown["doneCount"]),
            (&json!("RUNNING"), &json!(8_191)),
            "{action}"
        );
        let server = Server::start(&app.database);
        eventually("it has ended", || show(&app, &id)["state"] != "RUNNING");
        server.kill();
        app.database.wait_for_end_of_processes();
        assert_eq!(
            super::counts(&app, &id),
            json!([PEOPLE, PEOPLE, PEOPLE, 0]),
            "{action}"
        );
        let moments = "SELECT count(DISTINCT added_at) FROM group_memberships";
        assert!(["0", "1"].contains(&app.database.ask(moments).as_str()));
    }
    assert_eq!(app.database.ask("SELECT count(*) FROM subscribers"), "0");
}

#[test]
fn one_that_is_cancelled_stops_behind_its_block_and_can_be_undone() {
    let app = large();
    let id = create(&app, everyone(), json!({"addToGroup": "all"}));
    let held = app.database.hold(&format!(
        "SELECT FROM subscribers WHERE id = {SECOND} FOR UPDATE"
    ));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| run_all(&app.beside()));
        eventually("the first block is done", || {
            show(&app, &id)["doneCount"] == 8_191
        });
        app.mutate(CANCEL, json!({"id": id}));
        // Another process finds it at work.
        let is_stopping = AtomicBool::new(false);
        let other = run_next(app.db(), &app.app.refresh, &is_stopping);
        assert_eq!(other.expect("nothing fails"), None);
        drop(held);
        running.join().expect("it ends");
    });
    let shown = show(&app, &id);
    assert_eq!(
        (&shown["state"], &shown["doneCount"]),
        (&json!("CANCELLED"), &json!(16_383))
    );
    assert_eq!(
        app.database.ask("SELECT count(*) FROM group_memberships"),
        "16383"
    );
    assert_eq!(undo(&app, &id)["state"], "UNDONE");
    assert_eq!(
        app.database.ask("SELECT count(*) FROM group_memberships"),
        "0"
    );
}

#[test]
fn one_that_a_stopping_server_left_is_cancelled_without_going_on() {
    let app = large();
    let id = create(&app, everyone(), json!({"addToGroup": "all"}));
    let is_stopping = AtomicBool::new(true);
    let stopped = run_next(app.db(), &app.app.refresh, &is_stopping);
    assert!(stopped.is_err(), "it is gone on with later");
    assert_eq!(show(&app, &id)["state"], "RUNNING");
    app.mutate(CANCEL, json!({"id": id}));
    run_all(&app);
    let shown = show(&app, &id);
    assert_eq!(
        (&shown["state"], &shown["changedCount"]),
        (&json!("CANCELLED"), &json!(0))
    );
}

#[test]
fn a_group_that_is_deleted_before_the_action_runs_is_named_in_its_error() {
    let app = audience();
    for action in ["addToGroup", "removeFromGroup"] {
        app.group("fair", &["ona@example.com"]);
        let id = create(&app, in_country("LT"), json!({ action: "fair" }));
        let group = app.query("{ group(key: \"fair\") { id } }", json!({}));
        app.mutate(
            "mutation ($id: ID!) { deleteGroup(input: {id: $id}) { userErrors { message } } }",
            json!({ "id": group["group"]["id"] }),
        );
        run_all(&app);
        let shown = show(&app, &id);
        assert_eq!(shown["state"], "FAILED", "{shown}");
        assert_eq!(
            shown["error"],
            "group: the group \"fair\" was deleted before the bulk action had ended"
        );
    }
}
