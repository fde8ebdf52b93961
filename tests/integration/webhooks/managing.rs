//! Making, changing and deleting webhooks.

use super::{ask, create, deliver, move_to};
use crate::support::{TestApp, eventually};
use crate::webhooks::receiver::{Receiver, Reply};
use insta::assert_json_snapshot;
use rollcall::webhook::TESTS_AT_ONCE;
use serde_json::{Value, json};

const ALL: &str = "id name url types segments { key } groups { key } fields peoplePerMessage isEnabled disabledReason \
    disabledSince failureCount failingSince nextAttemptAt previousSecretUntil version createdAt updatedAt \
    attempts { messageId }";

#[track_caller]
fn errors(app: &TestApp, input: Value) -> Value {
    let mut payload = app.payload(
        "mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { \
         webhook { id } secret userErrors { code path message hint } } }",
        json!({ "input": input }),
    );
    assert_eq!(payload["webhook"], Value::Null);
    assert_eq!(payload["secret"], Value::Null);
    payload["userErrors"].take()
}

#[test]
fn a_webhook_is_made_shown_changed_and_deleted() {
    let app = TestApp::at(super::NOW);
    app.segment("lt", super::in_lithuania());
    app.group("staff", &[]);
    let (id, secret) = create(
        &app,
        "HTTPS://Example.com/hook",
        &[
            "SEGMENT_MEMBERS_CHANGED",
            "SUBSCRIBER_CREATED",
            "SUBSCRIBER_CREATED",
        ],
        json!({"segments": ["lt"], "groups": ["staff"], "fields": ["email", "firstName"], "peoplePerMessage": 10}),
    );
    assert!(secret.starts_with("whsec_"), "{secret}");
    let made = ask(&app, &id, ALL);
    assert_json_snapshot!(made);
    let listed = app.query(
        &format!("{{ webhooks {{ totalCount nodes {{ {ALL} }} }} }}"),
        json!({}),
    );
    assert_eq!(
        listed["webhooks"],
        json!({"totalCount": 1, "nodes": [made]})
    );
    app.set_time("2026-06-15T13:00:00Z");
    let changed = app.mutate(
        &format!(
            "mutation ($id: ID!) {{ updateWebhook(input: {{id: $id, ifVersion: 1, name: \"crm\", segments: null, \
             groups: null, types: [GROUP_MEMBERS_CHANGED], fields: [], isEnabled: false}}) {{ webhook {{ {ALL} }} userErrors {{ message }} }} }}"
        ),
        json!({ "id": id }),
    );
    assert_json_snapshot!(changed["webhook"]);
    assert_eq!(ask(&app, &id, ALL), changed["webhook"]);
    let stale = app.payload(
        "mutation ($id: ID!) { updateWebhook(input: {id: $id, ifVersion: 1, name: \"x\"}) { userErrors { code path } } }",
        json!({ "id": id }),
    );
    assert_eq!(
        stale["userErrors"],
        json!([{"code": "CONFLICT", "path": "ifVersion"}])
    );
    let deleted = app.mutate(
        "mutation ($id: ID!) { deleteWebhook(input: {id: $id}) { deletedId userErrors { message } } }",
        json!({ "id": id }),
    );
    assert_eq!(deleted["deletedId"], json!(id));
    assert_eq!(ask(&app, &id, "id"), Value::Null);
    for mutation in [
        "deleteWebhook",
        "rotateWebhookSecret",
        "sendTestWebhook",
        "updateWebhook",
    ] {
        let payload = app.payload(
            &format!("mutation ($id: ID!) {{ {mutation}(input: {{id: $id}}) {{ userErrors {{ code path }} }} }}"),
            json!({ "id": id }),
        );
        assert_eq!(
            payload["userErrors"],
            json!([{"code": "NOT_FOUND", "path": "id"}]),
            "{mutation}"
        );
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let app = TestApp::at(super::NOW);
    app.segment("lt", super::in_lithuania());
    assert_json_snapshot!(errors(
        &app,
        json!({"name": " ", "url": "ftp://example.com", "types": [], "segments": ["lv"], "groups": [],
            "fields": ["firstname", "weather"], "peoplePerMessage": 1_001})
    ));
    assert_json_snapshot!(errors(
        &app,
        json!({"name": "x".repeat(201), "url": "https://169.254.169.254/", "types": ["REFRESH_FINISHED"]})
    ));
    let listed = app.query("{ webhooks { totalCount } }", json!({}));
    assert_eq!(listed["webhooks"]["totalCount"], 0);
}

#[test]
fn a_secret_is_shown_once_and_rotated() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let (id, first) = create(&app, &receiver.url, &["SUBSCRIBER_CREATED"], json!({}));
    let rotated = app.mutate(
        "mutation ($id: ID!) { rotateWebhookSecret(input: {id: $id}) { secret webhook { previousSecretUntil } userErrors { message } } }",
        json!({ "id": id }),
    );
    let second = rotated["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(first, second);
    assert_eq!(
        rotated["webhook"]["previousSecretUntil"],
        "2026-06-16T12:00:00+00:00"
    );
    app.set_time("2026-06-16T11:59:59Z");
    move_to(&app, "ona@example.com", "LT");
    deliver(&app);
    let both = receiver.take().remove(0);
    assert!(both.is_signed_by(&first) && both.is_signed_by(&second));
    assert_eq!(both.header("webhook-signature").split(' ').count(), 2);
    app.set_time("2026-06-16T12:00:00Z");
    move_to(&app, "jonas@example.com", "LT");
    deliver(&app);
    let one = receiver.take().remove(0);
    assert!(!one.is_signed_by(&first) && one.is_signed_by(&second));
    let stored = app.database.ask("SELECT string_agg(w::text || a::text, '') FROM webhooks w JOIN webhook_attempts a ON a.webhook_id = w.id");
    assert!(stored.contains(&second) && !stored.is_empty());
    let attempts = app
        .database
        .ask("SELECT string_agg(a::text, '') FROM webhook_attempts a");
    assert!(!attempts.contains("whsec_"), "{attempts}");
}

#[test]
fn a_test_shows_what_the_receiver_answers() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let (id, secret) = create(&app, &receiver.url, &["SUBSCRIBER_CREATED"], json!({}));
    let test = |reply| {
        receiver.reply([reply]);
        let mut payload = app.mutate(
            "mutation ($id: ID!) { sendTestWebhook(input: {id: $id}) { attempt { type attempt isDelivered status error answer } userErrors { message } } }",
            json!({ "id": id }),
        );
        payload["attempt"].take()
    };
    let echoed = test(Reply::Echo);
    let received = receiver.take().remove(0);
    assert!(received.is_signed_by(&secret));
    assert_eq!(received.data(), json!({"name": "shop"}));
    assert_eq!(
        echoed,
        json!({"type": "webhook.test", "attempt": 1, "isDelivered": true, "status": 200, "error": null, "answer": received.body})
    );
    let refused = test(Reply::Status(401, ""));
    assert_eq!(
        (&refused["status"], &refused["isDelivered"]),
        (&json!(401), &json!(false))
    );
    let silent = test(Reply::Nothing);
    assert_eq!(silent["status"], Value::Null);
    assert!(
        silent["error"]
            .as_str()
            .is_some_and(|error| error.contains("without an answer")),
        "{silent}"
    );
    let kept = ask(&app, &id, "failureCount attempts { status }");
    let kept_statuses = json!([{"status": null}, {"status": 401}, {"status": 200}]);
    assert_eq!(kept, json!({"failureCount": 0, "attempts": kept_statuses}));
    let few = ask(&app, &id, "attempts(first: 1) { status }");
    assert_eq!(few["attempts"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_hundred_attempts_are_kept_for_a_month() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let (id, _) = create(
        &app,
        &receiver.url,
        &["SUBSCRIBER_CREATED"],
        json!({"peoplePerMessage": 1}),
    );
    for number in 0..105 {
        move_to(&app, &format!("{number}@example.com"), "LT");
    }
    deliver(&app);
    assert_eq!(receiver.received().len(), 105);
    let kept = ask(&app, &id, "attempts(first: 100) { messageId }");
    let ids: Vec<Value> = kept["attempts"].as_array().expect("a list").clone();
    let told = receiver.received().into_iter().rev();
    let told: Vec<Value> = told
        .map(|one| json!({"messageId": one.id()}))
        .take(100)
        .collect();
    assert_eq!(ids, told);
    assert_eq!(
        app.database.ask("SELECT count(*) FROM webhook_attempts"),
        "100"
    );
    app.db()
        .run_here(|connection| {
            rollcall::webhook::tidy(connection, crate::support::instant("2026-07-15T12:00:01Z"))
        })
        .expect("old attempts go");
    assert_eq!(
        app.database.ask("SELECT count(*) FROM webhook_attempts"),
        "0"
    );
}

#[test]
fn there_are_at_most_a_hundred_webhooks() {
    let app = TestApp::at(super::NOW);
    for _ in 0..100 {
        create(
            &app,
            "https://example.com/",
            &["REFRESH_FINISHED"],
            json!({}),
        );
    }
    let wrong = errors(
        &app,
        json!({"name": "one more", "url": "https://example.com/", "types": ["REFRESH_FINISHED"]}),
    );
    assert_eq!(wrong[0]["hint"], "delete those that are not used any more");
}

#[test]
fn only_a_few_tests_wait_for_receivers_at_the_same_time() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    receiver.always(Reply::Gate);
    let ids: Vec<String> = (0..=TESTS_AT_ONCE)
        .map(|_| super::create(&app, &receiver.url, &["SUBSCRIBER_CREATED"], json!({})).0)
        .collect();
    let test = |id: &str| {
        app.respond(
            "mutation ($id: ID!) { sendTestWebhook(input: {id: $id}) { attempt { isDelivered } userErrors { message } } }",
            json!({ "id": id }),
        )
    };
    let code = |answer: &Value| answer["errors"][0]["extensions"]["code"].clone();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| test(&ids[0]));
        eventually("the first waits", || receiver.received().len() == 1);
        assert_eq!(
            code(&test(&ids[0])),
            "TOO_MANY_OPERATIONS",
            "of one webhook"
        );
        let others = ids[1..TESTS_AT_ONCE].iter();
        let others: Vec<_> = others.map(|id| scope.spawn(|| test(id))).collect();
        eventually("as many as may wait do", || {
            receiver.received().len() == TESTS_AT_ONCE
        });
        assert_eq!(code(&test(&ids[TESTS_AT_ONCE])), "TOO_MANY_OPERATIONS");
        receiver.open();
        for sending in others.into_iter().chain([first]) {
            let answer = sending.join().expect("a thread");
            let attempt = &answer["data"]["sendTestWebhook"]["attempt"];
            assert_eq!(attempt["isDelivered"], true, "{answer}");
        }
    });
    let again = test(&ids[0]);
    assert_eq!(
        again["data"]["sendTestWebhook"]["attempt"]["isDelivered"],
        true
    );
}
