//! What happens to people and segments while a refresh runs, and two refreshes at once.

use super::{assert_members_are_of_last_success, audience, count_refreshes, members};
use crate::support::{Held, Server, TestApp, rollcall, run};
use insta::assert_snapshot;
use rollcall::audience::{segment, subscriber_store};
use rollcall::clock::Clock;
use rollcall::error::Error;
use rollcall::past::{Refresh, Trigger};
use rollcall::refresh::{Selection, refresh, refresh_pending};
use rollcall::scan::RefreshSettings;
use serde_json::json;

/// Runs a refresh that waits for what is held, does something meanwhile, and returns what the refresh did.
fn meanwhile(app: &TestApp, held: Held, work: impl FnOnce(Held)) -> Result<Refresh, Error> {
    std::thread::scope(|scope| {
        let refreshing =
            scope.spawn(|| refresh(app.db(), &Selection::All, Trigger::Manual, &app.app.refresh));
        app.database.wait_for_waiting(1);
        work(held);
        refreshing.join().expect("no panic")
    })
}

fn numbers(app: &TestApp, question: &str) -> Vec<i64> {
    let answer = app.database.ask(&format!(
        "SELECT json_agg(n ORDER BY n) FROM ({question}) q (n)"
    ));
    serde_json::from_str(&answer).unwrap_or_default()
}

fn members_of(app: &TestApp, key: &str) -> Vec<i64> {
    numbers(
        app,
        &format!(
            "SELECT m.subscriber_id FROM segment_memberships m JOIN segments g ON g.id = m.segment_id WHERE g.key = '{key}'"
        ),
    )
}

/// The deletion begins before the refresh writes and commits after the refresh has evaluated the person.
#[test]
fn a_subscriber_deleted_before_it_writes_is_no_member() {
    let app = audience(1_000);
    let mut held = app.database.hold("SELECT 1");
    subscriber_store::delete(&mut held.connection, 7, app.clock.now()).expect("a deletion");
    meanwhile(&app, held, Held::commit).expect("a refresh");
    assert_deleted(&app, 7, 0);
}

/// The deletion waits for the refresh, which has written the person's bits already.
#[test]
fn a_subscriber_deleted_while_it_writes_is_no_member() {
    let app = audience(1_000);
    let now = app.clock.now();
    let held = app.database.hold_totals();
    std::thread::scope(|scope| {
        let mut deletion = None;
        meanwhile(&app, held, |held| {
            let db = app.db();
            deletion = Some(scope.spawn(move || {
                db.run_here(|connection| subscriber_store::delete(connection, 7, now))
            }));
            app.database.wait_for_waiting(2);
            drop(held);
        })
        .expect("a refresh");
        let deletion = deletion.expect("it was begun").join().expect("no panic");
        deletion.expect("a deletion");
    });
    assert_eq!(members_of(&app, "newcomers").len(), 999);
    // The next one gets the totals right.
    app.refresh();
    assert_deleted(&app, 7, 1);
}

#[track_caller]
fn assert_deleted(app: &TestApp, id: i64, told: u32) {
    assert!(
        numbers(app, "SELECT id FROM subscribers")
            .binary_search(&id)
            .is_err()
    );
    let members = members_of(app, "newcomers");
    assert_eq!(members.len(), 999);
    assert!(members.binary_search(&id).is_err());
    let counted = "SELECT r.member_count FROM segment_refreshes r JOIN segments g ON g.id = r.segment_id \
        WHERE g.key = 'newcomers' ORDER BY r.refresh_id DESC LIMIT 1";
    assert_eq!(app.database.ask(counted), "999");
    assert_eq!(
        app.database.ask("SELECT count(*) FROM segment_deletions"),
        told.to_string(),
        "a member who was deleted is told"
    );
}

#[test]
fn a_segment_deleted_meanwhile_leaves_nothing() {
    let app = audience(1_000);
    app.refresh();
    let id: i64 = app
        .database
        .ask("SELECT id FROM segments WHERE key = 'newcomers'")
        .parse()
        .expect("an id");
    app.set_time("2026-03-20T00:00:00Z");
    let mut held = app.database.hold("SELECT 1");
    segment::delete(&mut held.connection, id, None).expect("a deletion");
    meanwhile(&app, held, Held::commit).expect("a refresh");
    assert_eq!(
        numbers(
            &app,
            "SELECT segment_id FROM segment_blocks UNION SELECT segment_id FROM segment_refreshes \
             UNION SELECT segment_id FROM segment_changes"
        ),
        [id + 1],
        "only the other segment has members and a past"
    );
    assert_eq!(members_of(&app, "settled-lithuanians").len(), 333);
}

#[test]
fn a_segment_edited_meanwhile_is_pending_and_refreshed_again() {
    let app = audience(1_000);
    let id =
        app.query("{ segment(key: \"newcomers\") { id } }", json!({}))["segment"]["id"].clone();
    let held = app.database.hold_writing();
    meanwhile(&app, held, |held| {
        app.mutate(
            "mutation ($id: ID!) { updateSegment(input: {id: $id, \
             ruleJson: {text: {field: \"country\", is: {equals: \"EE\"}}}}) { userErrors { message } } }",
            json!({ "id": id }),
        );
        drop(held);
    })
    .expect("a refresh");
    let state = || {
        let asked = "{ segment(key: \"newcomers\") { state definitionVersion memberCount lastRefresh { definitionVersion } } }";
        app.query(asked, json!({}))["segment"].take()
    };
    assert_eq!(
        state(),
        json!({"state": "PENDING", "definitionVersion": 2, "memberCount": 1_000, "lastRefresh": {"definitionVersion": 1}})
    );
    let again = refresh_pending(app.db(), &app.app.refresh).expect("a refresh");
    assert!(again.is_some());
    assert_eq!(
        state(),
        json!({"state": "READY", "definitionVersion": 2, "memberCount": 333, "lastRefresh": {"definitionVersion": 2}})
    );
}

#[test]
fn of_two_refreshes_at_once_one_runs() {
    let app = audience(1_000);
    app.refresh();
    app.set_time("2026-03-05T00:00:00Z");
    let (one, other) = (Server::start(&app.database), Server::start(&app.database));
    let document =
        "mutation { refreshSegments(input: {}) { refresh { state } userErrors { code message } } }";
    let held = app.database.hold_writing();
    let first = meanwhile(&app, held, |held| {
        let before = members(&app);
        for server in [&one, &other] {
            let (_, answer) = server.post(document, json!({}));
            assert_eq!(
                answer["data"]["refreshSegments"],
                json!({ "refresh": null, "userErrors": [{
                    "code": "REFRESH_RUNNING",
                    "message": "another refresh is running; try again when it has finished",
                }]})
            );
        }
        let done = run(&mut rollcall(&[
            "refresh",
            "--database-url",
            &app.database.url,
        ]));
        assert_snapshot!(done, @r#"
        exit code 1
        rollcall: another refresh is running; try again when it has finished
        "#);
        let refused = refresh(app.db(), &Selection::All, Trigger::Manual, &app.app.refresh);
        assert!(matches!(refused, Err(Error::RefreshRunning)), "{refused:?}");
        assert_eq!(members(&app), before);
        assert_eq!(count_refreshes(&app, "running"), "1");
        drop(held);
    });
    first.expect("the first one runs");
    assert_eq!(count_refreshes(&app, "failed"), "0");
    assert_eq!(assert_members_are_of_last_success(&app), 2);
    let (_, answer) = other.post(document, json!({}));
    assert_eq!(answer["data"]["refreshSegments"]["userErrors"], json!([]));
}

/// The lock is a connection's. When only that one is lost, another refresh may begin, and then the first must not
/// write over it.
#[test]
fn a_refresh_that_lost_its_lock_does_not_write_over_the_next() {
    let app = audience(1_000);
    app.refresh();
    app.set_time("2026-03-05T00:00:00Z");
    let held = app.database.hold_writing();
    let first = std::thread::scope(|scope| {
        // A clock of its own, which stays when that of the application goes on.
        let of_first = RefreshSettings {
            clock: Clock::standing_at(app.clock.now()),
            ..app.app.refresh.clone()
        };
        let db = app.db();
        let first = scope.spawn(move || refresh(db, &Selection::All, Trigger::Manual, &of_first));
        app.database.wait_for_waiting(1);
        let cut = app.database.ask(
            "SELECT count(pg_terminate_backend(l.pid, 10000)) FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted \
             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('rollcall refresh ' || current_schema(), 0)",
        );
        assert_eq!(cut, "1");
        app.set_time("2026-03-25T00:00:00Z");
        let second =
            scope.spawn(|| refresh(app.db(), &Selection::All, Trigger::Manual, &app.app.refresh));
        app.database.wait_for_waiting(2);
        drop(held);
        second
            .join()
            .expect("no panic")
            .expect("the second one runs");
        first.join().expect("no panic")
    });
    assert!(matches!(first, Err(Error::Unavailable(_))), "{first:?}");
    assert_eq!(count_refreshes(&app, "failed"), "1");
    assert_eq!(assert_members_are_of_last_success(&app), 2);
}
