//! Connections that are cut, as by a restart of the database.

use super::{assert_members_are_of_last_success, audience, count_refreshes, members};
use crate::support::{Held, Server, TestApp, TestDatabase};
use rollcall::error::Error;
use rollcall::past::Trigger;
use rollcall::refresh::{Selection, refresh};
use serde_json::json;
use std::sync::Barrier;

fn cut_while_waiting(hold: impl Fn(&TestApp) -> Held) {
    let app = audience(1_000);
    app.refresh();
    let before = members(&app);
    app.set_time("2026-03-05T00:00:00Z");
    let held = hold(&app);
    let cut_off = std::thread::scope(|scope| {
        let refreshing =
            scope.spawn(|| refresh(app.db(), &Selection::All, Trigger::Manual, &app.app.refresh));
        app.database.wait_for_waiting(1);
        app.database.cut();
        refreshing.join().expect("no panic")
    });
    assert!(matches!(cut_off, Err(Error::Unavailable(_))), "{cut_off:?}");
    drop(held);
    assert_eq!(members(&app), before);
    assert_eq!(assert_members_are_of_last_success(&app), 1);

    let next = refresh(app.db(), &Selection::All, Trigger::Manual, &app.app.refresh);
    next.expect("the database is back");
    assert_eq!(assert_members_are_of_last_success(&app), 2);
    assert_eq!(count_refreshes(&app, "running"), "0");
    assert_eq!(count_refreshes(&app, "failed"), "1");
}

#[test]
fn a_refresh_cut_off_while_it_evaluates() {
    cut_while_waiting(|app| {
        app.database
            .hold("LOCK TABLE subscribers IN ACCESS EXCLUSIVE MODE")
    });
}

#[test]
fn a_refresh_cut_off_before_it_writes() {
    cut_while_waiting(|app| app.database.hold_writing());
}

#[test]
fn a_refresh_cut_off_when_it_has_written_the_members() {
    cut_while_waiting(|app| app.database.hold_totals());
}

#[test]
fn a_transaction_cut_off_is_unavailable_too() {
    let app = audience(10);
    let now = app.clock.now();
    let held = app.database.hold_writing();
    let cut_off = std::thread::scope(|scope| {
        let deleting = scope.spawn(|| {
            app.db().run_here(|connection| {
                rollcall::audience::subscriber_store::delete(connection, 1, now)
            })
        });
        app.database.wait_for_waiting(1);
        app.database.cut();
        deleting.join().expect("no panic")
    });
    assert!(matches!(cut_off, Err(Error::Unavailable(_))), "{cut_off:?}");
    drop(held);
    assert_eq!(app.database.ask("SELECT count(*) FROM subscribers"), "10");
}

/// However many connections the pool held, one request at most notices that they were cut.
#[test]
fn a_pool_recovers_from_a_cut_at_once() {
    let database = TestDatabase::new();
    let everybody = Barrier::new(6);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let used = database.db.run_here(|_| {
                    everybody.wait();
                    Ok(())
                });
                used.expect("a connection");
            });
        }
    });
    let count = || {
        database
            .db
            .run_here(rollcall::audience::status_count::count_everybody)
            .map(|counts| counts.total())
    };
    database.cut();
    let first = count();
    assert!(
        matches!(first, Err(Error::Unavailable(_)) | Ok(0)),
        "{first:?}"
    );
    for _ in 0..6 {
        assert_eq!(count().expect("the database is back"), 0);
    }
}

#[test]
fn a_server_outlives_a_cut() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let ask = || server.post("{ subscribers { totalCount } }", json!({}));
    let right = json!({ "data": { "subscribers": { "totalCount": 0 } } });
    assert_eq!(ask(), (200, right.clone()));
    database.cut();
    let (status, answer) = ask();
    if answer != right {
        assert_eq!(status, 503);
        assert_eq!(answer.get("data"), None, "{answer}");
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], "UNAVAILABLE",
            "{answer}"
        );
        assert_eq!(
            answer["errors"][0]["message"],
            "the database is not available; try again in a moment"
        );
    }
    assert_eq!(ask(), (200, right));
}
