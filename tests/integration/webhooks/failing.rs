//! Receivers that do not answer, or not as they should.

use super::{ask, create, deliver, move_to};
use crate::support::{TestApp, instant};
use crate::webhooks::receiver::{Receiver, Reply};
use chrono::{Duration, SecondsFormat};
use rollcall::webhook::{Delivery, DeliveryOutcome, Reader, Ready};
use serde_json::{Value, json};

const STATE: &str = "isEnabled disabledReason failureCount failingSince nextAttemptAt";

fn later(app: &TestApp, by: Duration) {
    let then = app.app.now() + by;
    app.set_time(&then.to_rfc3339_opts(SecondsFormat::Micros, true));
}

/// Enables a webhook: its next attempt is due at once.
#[track_caller]
fn enable(app: &TestApp, id: &str) {
    app.mutate(
        "mutation ($id: ID!) { updateWebhook(input: {id: $id, isEnabled: true}) { userErrors { message } } }",
        json!({ "id": id }),
    );
}

/// How long it is until the next attempt.
#[track_caller]
fn wait(app: &TestApp, id: &str) -> Duration {
    let state = ask(app, id, STATE);
    let next = state["nextAttemptAt"].as_str();
    instant(next.unwrap_or_else(|| panic!("no attempt is due: {state}"))) - app.app.now()
}

#[test]
fn a_failed_message_is_sent_again_by_the_table_and_then_the_order_goes_on() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let (id, _) = create(
        &app,
        &receiver.url,
        &["SUBSCRIBER_CREATED"],
        json!({"peoplePerMessage": 1}),
    );
    for name in ["ona", "jonas"] {
        move_to(&app, &format!("{name}@example.com"), "LT");
    }
    receiver.reply([Reply::Status(503, ""), Reply::Nothing, Reply::Half]);
    let table = [
        Duration::seconds(5),
        Duration::minutes(5),
        Duration::minutes(30),
    ];
    for (failures, expected) in (1..).zip(table) {
        assert_eq!(deliver(&app), [DeliveryOutcome::Failed]);
        let state = ask(&app, &id, STATE);
        assert_eq!(state["failureCount"], failures);
        assert_eq!(state["failingSince"], "2026-06-15T12:00:00+00:00");
        let wait = wait(&app, &id);
        assert!(
            wait >= expected && wait <= expected + expected / 10,
            "{wait}"
        );
        later(&app, wait - Duration::milliseconds(1));
        assert_eq!(deliver(&app), [], "not before its time");
        later(&app, Duration::milliseconds(1));
    }
    assert_eq!(deliver(&app), [DeliveryOutcome::Idle]);
    let received = receiver.take();
    let ids: Vec<&str> = received.iter().map(|one| one.id()).collect();
    assert_eq!(ids.len(), 5);
    assert!(ids[..4].iter().all(|id| *id == ids[0]) && ids[4] != ids[0]);
    let state = ask(&app, &id, STATE);
    assert_eq!(state["failureCount"], 0);
    assert_eq!(
        (&state["failingSince"], &state["nextAttemptAt"]),
        (&Value::Null, &Value::Null)
    );
    let attempts = ask(&app, &id, "attempts { attempt isDelivered status error }");
    assert_eq!(
        attempts["attempts"],
        json!([
            {"attempt": 1, "isDelivered": true, "status": 204, "error": null},
            {"attempt": 4, "isDelivered": true, "status": 204, "error": null},
            {"attempt": 3, "isDelivered": false, "status": null, "error": attempts["attempts"][2]["error"]},
            {"attempt": 2, "isDelivered": false, "status": null, "error": "the receiver closed the connection without an answer"},
            {"attempt": 1, "isDelivered": false, "status": 503, "error": null},
        ])
    );
}

#[test]
fn retry_after_is_honoured() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let (id, _) = create(&app, &receiver.url, &["SUBSCRIBER_CREATED"], json!({}));
    move_to(&app, "ona@example.com", "LT");
    receiver.reply([
        Reply::Status(429, "retry-after: 120\r\n"),
        Reply::Status(503, "retry-after: Mon, 15 Jun 2026 13:00:00 GMT\r\n"),
    ]);
    deliver(&app);
    assert_eq!(wait(&app, &id), Duration::seconds(120));
    later(&app, Duration::seconds(120));
    deliver(&app);
    let next = ask(&app, &id, STATE)["nextAttemptAt"].take();
    assert_eq!(next, "2026-06-15T13:00:00+00:00");
}

#[test]
fn redirects_and_refusals_are_failures() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let (id, _) = create(&app, &receiver.url, &["SUBSCRIBER_CREATED"], json!({}));
    move_to(&app, "ona@example.com", "LT");
    let other = Receiver::start();
    let redirect: &'static str = format!("location: {}\r\n", other.url).leak();
    for status in [301, 302, 307, 308, 400, 401, 404, 500] {
        receiver.reply([Reply::Status(status, redirect)]);
        assert_eq!(deliver(&app), [DeliveryOutcome::Failed], "{status}");
        enable(&app, &id);
    }
    assert_eq!(other.received().len(), 0);
}

#[test]
fn gone_disables_and_enabling_goes_on_where_it_stopped() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let (id, _) = create(
        &app,
        &receiver.url,
        &["SUBSCRIBER_CREATED"],
        json!({"peoplePerMessage": 1}),
    );
    move_to(&app, "ona@example.com", "LT");
    receiver.reply([Reply::Status(410, "")]);
    assert_eq!(deliver(&app), [DeliveryOutcome::Failed]);
    let state = ask(&app, &id, STATE);
    assert_eq!(
        (&state["isEnabled"], &state["disabledReason"]),
        (&json!(false), &json!("GONE"))
    );
    assert_eq!(state["nextAttemptAt"], Value::Null);
    later(&app, Duration::days(30));
    move_to(&app, "jonas@example.com", "LT");
    assert_eq!(deliver(&app), []);
    let first = receiver.take().remove(0);
    enable(&app, &id);
    assert_eq!(deliver(&app), [DeliveryOutcome::Idle]);
    let received = receiver.take();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].id(), first.id());
    assert_eq!(ask(&app, &id, STATE)["disabledReason"], Value::Null);
}

#[test]
fn three_days_of_failures_disable() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let (id, _) = create(&app, &receiver.url, &["SUBSCRIBER_CREATED"], json!({}));
    move_to(&app, "ona@example.com", "LT");
    receiver.always(Reply::Status(500, ""));
    let mut attempts = 0;
    while ask(&app, &id, STATE)["isEnabled"] == true {
        assert_eq!(deliver(&app), [DeliveryOutcome::Failed]);
        attempts += 1;
        assert!(attempts < 20);
        if ask(&app, &id, STATE)["isEnabled"] == true {
            later(&app, wait(&app, &id));
        }
    }
    assert_eq!(
        attempts, 10,
        "the tenth attempt is more than three days after the first"
    );
    assert_eq!(ask(&app, &id, STATE)["disabledReason"], "FAILING");
    let ids: Vec<String> = receiver
        .take()
        .iter()
        .map(|one| one.id().to_owned())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[test]
fn an_edit_while_a_message_is_on_its_way_is_not_overwritten() {
    let app = TestApp::at(super::NOW);
    let (former, latter) = (Receiver::start(), Receiver::start());
    former.always(Reply::Gate);
    let (id, _) = create(&app, &former.url, &["SUBSCRIBER_CREATED"], json!({}));
    move_to(&app, "ona@example.com", "LT");
    let other = app.beside();
    let delivery = other.app.delivery();
    let claim = delivery.claim().expect("a claim").expect("an endpoint");
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| delivery.deliver(claim).expect("a turn"));
        crate::support::eventually("the message is on its way", || former.received().len() == 1);
        app.mutate(
            "mutation ($id: ID!, $url: String!) { updateWebhook(input: {id: $id, url: $url}) { userErrors { message } } }",
            json!({ "id": id, "url": latter.url }),
        );
        assert_eq!(deliver(&app), [], "one request at a time");
        former.open();
        assert_eq!(sending.join().expect("a thread"), DeliveryOutcome::Lost);
    });
    assert_eq!(deliver(&app), [DeliveryOutcome::Idle]);
    assert_eq!(latter.received()[0].id(), former.received()[0].id());
}

#[test]
fn answers_keep_nothing_of_people_who_are_deleted() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    receiver.always(Reply::Echo);
    let (id, _) = create(
        &app,
        &receiver.url,
        &["SUBSCRIBER_CREATED"],
        json!({"fields": ["country", "firstName"]}),
    );
    let zuzana = app.subscriber(
        "zuzana.traceable@example.com",
        json!({"country": "CZ", "firstName": "Zuzanamark"}),
    );
    deliver(&app);
    let kept = ask(&app, &id, "attempts { answer }");
    let answer = kept["attempts"][0]["answer"].as_str().expect("an answer");
    assert!(answer.contains("subscriber.created"), "{answer}");
    assert!(
        !answer.contains("zuzana") && !answer.contains("Zuzanamark"),
        "{answer}"
    );
    super::delete(&app, &zuzana);
    deliver(&app);
    let kept = ask(&app, &id, "attempts { answer status }");
    assert_eq!(kept["attempts"], json!([{"answer": null, "status": 200}]));
}

#[test]
fn answers_of_disabled_webhooks_go_with_a_deletion_too() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    receiver.always(Reply::Echo);
    let (id, _) = create(&app, &receiver.url, &["SUBSCRIBER_CREATED"], json!({}));
    let ona = app.subscriber("ona@example.com", json!({}));
    deliver(&app);
    app.mutate(
        "mutation ($id: ID!) { updateWebhook(input: {id: $id, isEnabled: false}) { userErrors { message } } }",
        json!({ "id": id }),
    );
    super::delete(&app, &ona);
    assert_eq!(deliver(&app), []);
    let kept = ask(&app, &id, "attempts { answer }");
    assert_eq!(kept["attempts"], json!([{ "answer": null }]));
}

/// Claims the only endpoint that is due, and reads its next message.
fn read_next(delivery: &Delivery) -> Ready {
    let claim = delivery.claim().expect("an answer").expect("a claim");
    let mut reader = Reader::new(String::new());
    let ready = delivery.read(claim, &mut reader).expect("a reading");
    ready.expect("a message")
}

#[test]
fn an_answer_that_comes_after_a_deletion_is_not_kept() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    receiver.always(Reply::Echo);
    let (id, _) = create(&app, &receiver.url, &["SUBSCRIBER_CREATED"], json!({}));
    let ona = app.subscriber("ona@example.com", json!({}));
    let delivery = app.app.delivery();
    let ready = read_next(&delivery);
    let (sent, at) = delivery.send(&ready);
    // The deletion gets its place before the answer is recorded.
    super::delete(&app, &ona);
    crate::changes::position(&app);
    let turn = delivery.record(&ready, &sent, at).expect("a record");
    assert_eq!(turn, DeliveryOutcome::More);
    let kept = ask(&app, &id, "attempts { answer isDelivered }");
    assert_eq!(
        kept["attempts"],
        json!([{"answer": null, "isDelivered": true}])
    );
}

#[test]
fn an_answer_is_not_recorded_while_a_deletion_gets_its_order() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    receiver.always(Reply::Echo);
    let (id, _) = create(&app, &receiver.url, &["SUBSCRIBER_CREATED"], json!({}));
    let ona = app.subscriber("ona@example.com", json!({}));
    let delivery = app.app.delivery();
    let ready = read_next(&delivery);
    let (sent, at) = delivery.send(&ready);
    super::delete(&app, &ona);
    // Answers were taken away, and the place of the deletion is not committed yet.
    let settling = app.database.hold(
        "SELECT pg_advisory_xact_lock(hashtextextended('rollcall changes ' || current_schema(), 0)); \
         INSERT INTO changes (at, kind, fields, number, first_id, last_id) \
         VALUES (now(), 'subscriber_deleted', '{}', 1, 1, 1)",
    );
    std::thread::scope(|scope| {
        let recording = scope.spawn(|| delivery.record(&ready, &sent, at));
        app.database.wait_for_waiting(1);
        settling.commit();
        let turn = recording.join().expect("a thread").expect("a record");
        assert_eq!(turn, DeliveryOutcome::More);
    });
    let kept = ask(&app, &id, "attempts { answer }");
    assert_eq!(kept["attempts"], json!([{ "answer": null }]));
}

#[test]
fn a_deletion_that_is_under_way_makes_no_delivery_wait() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    receiver.always(Reply::Echo);
    create(
        &app,
        &receiver.url,
        &["SUBSCRIBER_CREATED"],
        json!({"peoplePerMessage": 1}),
    );
    let make = |from: u32, to: u32| {
        app.database.execute(&format!(
            "INSERT INTO subscribers (email, created_at, updated_at) SELECT n || '@example.com', now(), now() FROM generate_series({from}, {to}) n"
        ));
    };
    // As many attempts as are kept, so that each further one removes one.
    make(1, 100);
    deliver(&app);
    let held = app
        .database
        .hold("DELETE FROM subscribers WHERE email = '1@example.com'");
    make(101, 110);
    deliver(&app);
    assert_eq!(receiver.take().len(), 110);
    held.commit();
    deliver(&app);
    let kept = "SELECT concat_ws(' ', count(*), count(answer)) FROM webhook_attempts";
    assert_eq!(app.database.ask(kept), "100 0");
}

#[test]
fn disabling_by_failures_is_in_the_audit_log() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let (id, _) = create(&app, &receiver.url, &["SUBSCRIBER_CREATED"], json!({}));
    move_to(&app, "ona@example.com", "LT");
    let entries = || {
        let data = app.query(
            "{ auditLog(first: 9, filter: {actions: [\"disableWebhook\"]}) { nodes { actor { kind } target { type id } fields } } }",
            json!({}),
        );
        data["auditLog"]["nodes"].clone()
    };
    receiver.reply([Reply::Status(503, ""), Reply::Status(410, "")]);
    deliver(&app);
    assert_eq!(entries(), json!([]), "a failure disables nothing");
    later(&app, Duration::hours(1));
    deliver(&app);
    let entry = json!({"actor": {"kind": "SYSTEM"}, "target": {"type": "WEBHOOK", "id": id}, "fields": ["disabledReason"]});
    assert_eq!(entries(), json!([entry]));
    enable(&app, &id);
    receiver.always(Reply::Status(500, ""));
    for _ in 0..20 {
        deliver(&app);
        later(&app, Duration::hours(12));
    }
    assert_eq!(
        ask(&app, &id, "disabledReason")["disabledReason"],
        "FAILING"
    );
    assert_eq!(entries(), json!([entry, entry]));
}
