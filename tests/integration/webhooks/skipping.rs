//! Changes that an endpoint is not told of, and parts of changes whose rest disappears.

use super::{ask, create, deliver, in_lithuania};
use crate::support::TestApp;
use crate::webhooks::receiver::{Received, Receiver};
use chrono::Duration;
use rollcall::webhook::{DeliveryOutcome, Reader};
use serde_json::{Value, json};

/// More people than are read at once, twice.
const CROWD: usize = 45_000;

fn later(app: &TestApp, by: Duration) {
    let then = app.app.now() + by;
    app.set_time(&then.to_rfc3339());
}

/// Makes so many subscribers in Lithuania.
fn crowd(app: &TestApp, number: usize) {
    app.database.execute(&format!(
        "INSERT INTO subscribers (email, country, created_at, updated_at) \
         SELECT n || '@example.com', 'LT', now(), now() FROM generate_series(1, {number}) n"
    ));
}

#[test]
fn pages_of_which_nothing_is_wanted_are_left_behind_one_by_one() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    app.segment("lt", in_lithuania());
    app.refresh();
    create(&app, &receiver.url, &["SEGMENT_MEMBERS_CHANGED"], json!({}));
    crowd(&app, CROWD);
    app.refresh();
    // All but the last are deleted before they are told.
    app.database.execute(&format!(
        "DELETE FROM subscribers WHERE email <> '{CROWD}@example.com'"
    ));
    let delivery = app.app.delivery();
    let claim = delivery.claim().expect("an answer").expect("a claim");
    let state = || {
        app.database
            .ask("SELECT concat_ws(' ', position, lease_until) FROM webhooks")
    };
    let before = state();
    later(&app, Duration::seconds(50));
    let mut reader = Reader::new(String::new());
    let turn = delivery.read(claim, &mut reader).expect("a reading");
    assert_eq!(turn.err(), Some(DeliveryOutcome::More));
    let after = state();
    let (old, new) = (before.split_once(' '), after.split_once(' '));
    let ((old_place, old_lease), (new_place, new_lease)) =
        (old.expect("two values"), new.expect("two values"));
    assert_ne!(old_place, new_place, "the place is saved");
    assert!(new_lease > old_lease, "{new_lease}");
    // By the lease as it was, another server would have begun again.
    later(&app, Duration::seconds(50));
    assert_eq!(delivery.claim().expect("an answer"), None);
    assert_eq!(
        delivery.deliver(claim).expect("a turn"),
        DeliveryOutcome::Idle
    );
    let received = of_type(&receiver, "segment.members.changed");
    assert_eq!(received.len(), 1);
    assert_eq!(
        received[0].data()["joined"][0]["email"],
        format!("{CROWD}@example.com")
    );
}

/// Returns what came of a type: deletions are told too.
fn of_type(receiver: &Receiver, of: &str) -> Vec<Received> {
    let received = receiver.take().into_iter();
    received
        .filter(|message| message.message_type() == of)
        .collect()
}

/// Delivers one message and returns it.
#[track_caller]
fn deliver_one(app: &TestApp, receiver: &Receiver) -> Received {
    let delivery = app.app.delivery();
    let claim = delivery.claim().expect("an answer").expect("a claim");
    let mut reader = Reader::new(String::new());
    let ready = delivery.read(claim, &mut reader).expect("a reading");
    let ready = ready.expect("a message");
    let (sent, at) = delivery.send(&ready);
    let turn = delivery.record(&ready, &sent, at).expect("a record");
    assert_eq!(turn, DeliveryOutcome::More);
    app.database
        .execute("UPDATE webhooks SET lease_until = NULL, lease_token = NULL");
    receiver.take().pop().expect("a message")
}

fn place(message: &Received) -> (Value, Value) {
    let mut data = message.data();
    (data["part"].take(), data["isLast"].take())
}

#[test]
fn a_change_whose_rest_is_deleted_between_two_parts_still_ends() {
    for (of, side, statement) in [
        ("subscriber.created", "people", "SELECT 1"),
        (
            "group.members.changed",
            "added",
            "INSERT INTO group_memberships SELECT 1, id, now(), 'sql' FROM subscribers",
        ),
        ("segment.members.changed", "joined", "SELECT 1"),
        (
            "subscriber.updated",
            "people",
            "UPDATE subscribers SET city = 'Vilnius'",
        ),
    ] {
        let app = TestApp::at(super::NOW);
        let receiver = Receiver::start();
        app.group("all", &[]);
        app.segment("lt", in_lithuania());
        app.refresh();
        let types = [of.to_uppercase().replace('.', "_")];
        let (id, _) = create(
            &app,
            &receiver.url,
            &[&types[0]],
            json!({"peoplePerMessage": 2}),
        );
        crowd(&app, 5);
        app.database.execute(statement);
        app.refresh();
        let first = deliver_one(&app, &receiver);
        assert_eq!(first.message_type(), of);
        assert_eq!(place(&first), (json!(1), json!(false)), "{of}");
        app.database.execute("DELETE FROM subscribers WHERE id > 2");
        // Erased from the log as well.
        crate::changes::position(&app);
        deliver(&app);
        let mut received = of_type(&receiver, of);
        assert_eq!(received.len(), 1, "{of}");
        let last = received.remove(0);
        assert_eq!(last.message_type(), of);
        assert_eq!(place(&last), (json!(2), json!(true)), "{of}");
        assert_eq!(last.data()[side], json!([]), "{of}");
        for subject in ["group", "segment", "refresh"] {
            assert_eq!(first.data()[subject], last.data()[subject], "{of}");
        }
        assert_ne!(first.id(), last.id());
        crowd_again(&app);
        app.refresh();
        deliver(&app);
        let next = of_type(&receiver, of);
        assert!(next.iter().all(|next| place(next).0 == json!(1)), "{of}");
        assert_eq!(ask(&app, &id, "failureCount")["failureCount"], 0);
    }
}

/// Makes somebody new, so that something is told behind what disappeared.
fn crowd_again(app: &TestApp) {
    app.subscriber("new@example.com", json!({"country": "LT"}));
    app.database.execute(
        "INSERT INTO group_memberships SELECT 1, id, now(), 'sql' FROM subscribers ON CONFLICT DO NOTHING",
    );
}

#[test]
fn a_part_that_is_left_is_the_last_one() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    create(
        &app,
        &receiver.url,
        &["SUBSCRIBER_CREATED"],
        json!({"peoplePerMessage": 2}),
    );
    crowd(&app, 7);
    deliver_one(&app, &receiver);
    app.database
        .execute("DELETE FROM subscribers WHERE id IN (3, 4, 6, 7)");
    deliver(&app);
    let received = receiver.take();
    let parts: Vec<(Value, Value)> = received.iter().map(place).collect();
    assert_eq!(parts, [(json!(2), json!(true))]);
    assert_eq!(received[0].data()["people"][0]["email"], "5@example.com");
}

#[test]
fn an_endpoint_that_is_changed_begins_the_parts_anew() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let (id, _) = create(
        &app,
        &receiver.url,
        &["SUBSCRIBER_CREATED"],
        json!({"peoplePerMessage": 2}),
    );
    crowd(&app, 5);
    assert_eq!(
        place(&deliver_one(&app, &receiver)),
        (json!(1), json!(false))
    );
    app.mutate(
        "mutation ($id: ID!) { updateWebhook(input: {id: $id, peoplePerMessage: 10}) { userErrors { message } } }",
        json!({ "id": id }),
    );
    deliver(&app);
    let received = receiver.take();
    let parts: Vec<(Value, Value)> = received.iter().map(place).collect();
    assert_eq!(parts, [(json!(1), json!(true))]);
    let people = received[0].data()["people"].take();
    assert_eq!(people.as_array().expect("a list").len(), 3);
}
