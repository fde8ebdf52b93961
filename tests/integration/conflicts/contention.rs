//! Deadlocks, and rows that vanish between being looked up and being written to.

use super::{NOW, RECORD, add_people, email, refusals};
use crate::support::TestApp;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use rollcall::error::Error;
use rollcall::import::{EventImport, import_events};
use serde_json::{Value, json};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs two pieces of work at the same time and returns what both answered.
fn both<T: Send>(one: impl FnOnce() -> T + Send, other: impl FnOnce() -> T + Send) -> [T; 2] {
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            barrier.wait();
            other()
        });
        barrier.wait();
        let one = one();
        [one, other.join().expect("no panic")]
    })
}

#[test]
fn a_deadlocked_transaction_is_repeated() {
    let app = TestApp::at(NOW);
    add_people(&app, 2);
    let barrier = Barrier::new(2);
    let attempts = AtomicUsize::new(0);
    let update = |first: i64, second: i64| {
        let mut is_first_attempt = true;
        app.db().run_here(|connection| {
            attempts.fetch_add(1, Ordering::Relaxed);
            connection.transaction(|connection| {
                let city = |id| {
                    format!("UPDATE subscribers SET city = concat(city, '{first}') WHERE id = {id}")
                };
                connection.batch_execute(&city(first))?;
                if std::mem::take(&mut is_first_attempt) {
                    barrier.wait();
                }
                Ok(connection.batch_execute(&city(second))?)
            })
        })
    };
    let results = both(|| update(1, 2), || update(2, 1));
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(attempts.into_inner(), 3, "one was rolled back and repeated");
    // What was rolled back left nothing, and both wrote once.
    let cities = app
        .database
        .ask("SELECT string_agg(length(city)::text, ' ') FROM subscribers");
    assert_eq!(cities, "2 2");
}

#[test]
fn work_is_repeated_a_bounded_number_of_times_and_only_after_a_conflict() {
    let app = TestApp::at(NOW);
    let count_attempts = |error: fn() -> Error| {
        let mut attempts = 0;
        let result: Result<(), Error> = app.db().run_here(|_| {
            attempts += 1;
            Err(error())
        });
        (attempts, result.expect_err("it fails"))
    };
    let (attempts, error) = count_attempts(|| Error::Contention("deadlock".to_owned()));
    assert!(matches!(error, Error::Contention(_)), "{error:?}");
    assert!((2..20).contains(&attempts), "{attempts} attempts");
    let (attempts, _) = count_attempts(|| Error::invalid("name", "expected a text"));
    assert_eq!(attempts, 1);
    let (attempts, _) = count_attempts(|| Error::Unavailable("the database is away".to_owned()));
    assert_eq!(attempts, 1);
}

#[test]
fn the_same_events_in_opposite_orders_are_recorded_once() {
    let app = TestApp::at(NOW);
    add_people(&app, 3);
    for round in 0..10 {
        let events: Vec<Value> = (0..300)
            .map(|number| {
                let key = format!("r{round}-{number}");
                json!({"email": email(1 + number % 3), "name": "buy", "value": 1.5, "dedupeKey": key})
            })
            .collect();
        let reversed: Vec<Value> = events.iter().rev().cloned().collect();
        let answers = both(
            || app.payload(RECORD, json!({ "events": events })),
            || app.payload(RECORD, json!({ "events": reversed })),
        );
        let count = |name: &str| -> i64 {
            answers
                .iter()
                .map(|answer| answer[name].as_i64().expect("a count"))
                .sum()
        };
        assert_eq!((count("recordedCount"), count("ignoredCount")), (300, 300));
    }
    let totals = app
        .database
        .ask("SELECT json_agg(json_build_array(count, value_sum)) FROM event_totals");
    assert_eq!(
        totals,
        "[[1000, 1500.000000], [1000, 1500.000000], [1000, 1500.000000]]"
    );
}

/// Ids tell the order in which events were sent, whatever the order in which their keys are locked.
#[test]
fn events_get_their_ids_in_the_order_of_the_request() {
    let app = TestApp::at(NOW);
    add_people(&app, 2);
    let events: Vec<Value> = [("z", 2), ("a", 1), ("m", 2), ("b", 1)]
        .into_iter()
        .map(|(key, person)| json!({"email": email(person), "name": key, "dedupeKey": key}))
        .collect();
    app.mutate(RECORD, json!({ "events": events }));
    let order = app
        .database
        .ask("SELECT string_agg(dedupe_key, '' ORDER BY id) FROM events");
    assert_eq!(order, "zamb");
}

#[test]
fn events_of_a_subscriber_who_is_being_deleted_are_refused() {
    let app = TestApp::at(NOW);
    add_people(&app, 3);
    let id = app.subscriber("p3@example.com", json!({}));
    for (who, path) in [
        (json!({"email": "p2@example.com"}), "events[1].email"),
        (json!({ "subscriberId": id }), "events[1].subscriberId"),
    ] {
        let number = if path.ends_with("email") { 2 } else { 3 };
        let held = app
            .database
            .hold(&format!("DELETE FROM subscribers WHERE id = {number}"));
        let mut event = who;
        event["name"] = json!("buy");
        let events = json!([{"email": "p1@example.com", "name": "buy"}, event]);
        let payload = std::thread::scope(|scope| {
            let recording = scope.spawn(|| app.payload(RECORD, json!({ "events": events })));
            app.database.wait_for_waiting(1);
            held.commit();
            recording.join().expect("no panic")
        });
        assert_eq!(refusals(&payload), [format!("NOT_FOUND {path}")]);
    }
    // The other event of each call was recorded.
    assert_eq!(app.database.ask("SELECT count(*) FROM events"), "2");
}

#[test]
fn an_import_of_events_goes_on_without_a_subscriber_who_is_being_deleted() {
    let app = TestApp::at(NOW);
    add_people(&app, 2);
    let csv = "email,event,occurred_at\np1@example.com,buy,2026-02-01T10:00:00Z\np2@example.com,buy,2026-02-01T10:00:00Z\n";
    let held = app.database.hold("DELETE FROM subscribers WHERE id = 2");
    let report = std::thread::scope(|scope| {
        let importing = scope.spawn(|| {
            let options = EventImport::default();
            import_events(app.db(), csv.as_bytes(), &options, app.clock.now(), |_| {})
        });
        app.database.wait_for_waiting(1);
        held.commit();
        importing.join().expect("no panic")
    });
    let report = report.expect("the file can be imported");
    assert_eq!((report.rows, report.created), (2, 1));
}

#[test]
fn a_group_that_is_being_deleted_is_said_to_be_gone() {
    let app = TestApp::at(NOW);
    add_people(&app, 2);
    for field in ["addToGroup", "removeFromGroup"] {
        app.group("readers", &["p1@example.com"]);
        let held = app.database.hold("DELETE FROM groups");
        let document = format!(
            "mutation {{ {field}(input: {{group: \"readers\", emails: [\"p1@example.com\", \"p2@example.com\"]}}) {{ \
             userErrors {{ code path }} }} }}"
        );
        let payload = std::thread::scope(|scope| {
            let changing = scope.spawn(|| app.payload(&document, json!({})));
            app.database.wait_for_waiting(1);
            held.commit();
            changing.join().expect("no panic")
        });
        assert_eq!(payload["userErrors"][0]["code"], "NOT_FOUND", "{field}");
    }
}

#[test]
fn members_are_added_and_removed_in_opposite_orders() {
    let app = TestApp::at(NOW);
    add_people(&app, 400);
    app.group("readers", &[]);
    let change = |field: &str, emails: &[String]| {
        let document = format!(
            "mutation ($emails: [String!]!) {{ {field}(input: {{group: \"readers\", emails: $emails}}) {{ \
             userErrors {{ code }} }} }}"
        );
        app.mutate(&document, json!({ "emails": emails }));
    };
    let forth: Vec<String> = (1..=400).map(email).collect();
    let back: Vec<String> = forth.iter().rev().cloned().collect();
    for _ in 0..5 {
        both(
            || change("addToGroup", &forth),
            || change("addToGroup", &back),
        );
        both(
            || change("removeFromGroup", &forth),
            || change("removeFromGroup", &back),
        );
        both(
            || change("addToGroup", &forth),
            || change("removeFromGroup", &back),
        );
    }
}

/// A copy that makes its group and finds it made by another adds to that one.
#[test]
fn two_copies_may_make_the_same_group() {
    let app = TestApp::at(NOW);
    add_people(&app, 9);
    app.segment("all", json!({"everyone": true}));
    app.refresh();
    for round in 0..5 {
        let copy = || {
            app.mutate(
                "mutation ($group: String!) { copySegmentToGroup(input: {segment: \"all\", group: $group, createGroup: true}) { \
                 addedCount userErrors { code message } } }",
                json!({ "group": format!("copy-{round}") }),
            )
        };
        let counts: i64 = both(copy, copy)
            .iter()
            .map(|copied| copied["addedCount"].as_i64().expect("a count"))
            .sum();
        assert_eq!(counts, 9);
    }
}
