//! What receivers are told, and in which order.

use super::{ask, create, deliver, in_lithuania, move_to, types_of};
use crate::support::TestApp;
use crate::webhooks::receiver::{Receiver, Reply};
use diesel::connection::SimpleConnection;
use rollcall::webhook::{DeliveryOutcome, Reader};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The addresses of people.
fn emails(people: &Value) -> Vec<&str> {
    let people = people.as_array().expect("a list").iter();
    people
        .map(|person| person["email"].as_str().expect("an address"))
        .collect()
}

#[test]
fn members_are_told_with_the_chosen_fields() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let segment = app.segment("lt", in_lithuania());
    for name in ["ona", "jonas", "anna"] {
        move_to(
            &app,
            &format!("{name}@example.com"),
            if name == "anna" { "DE" } else { "LT" },
        );
    }
    let (_, secret) = create(
        &app,
        &receiver.url,
        &["SEGMENT_MEMBERS_CHANGED"],
        json!({"segments": ["lt"], "fields": ["country"]}),
    );
    let first = app.refresh();
    assert_eq!(deliver(&app), [DeliveryOutcome::Idle]);
    let filled = receiver.take();
    assert_eq!(filled.len(), 1, "counts instead of people");
    assert!(filled[0].is_signed_by(&secret));
    let refresh = |id: i64| rollcall::audience::global_id::write_global_id("Refresh", id);
    assert_eq!(
        filled[0].json(),
        json!({"type": "segment.filled", "timestamp": "2026-06-15T12:00:00Z", "data": {
            "segment": {"id": segment, "key": "lt", "name": "lt"}, "refresh": refresh(first.id),
            "asOf": "2026-06-15T12:00:00Z", "memberCount": 2, "joinedCount": 2, "leftCount": 0, "isFirst": true,
            "exportPath": "/export/segment/lt"}})
    );
    move_to(&app, "anna@example.com", "LT");
    move_to(&app, "ona@example.com", "DE");
    app.set_time("2026-06-16T03:00:00Z");
    let second = app.refresh();
    deliver(&app);
    let changed = receiver.take();
    assert_eq!(changed.len(), 1);
    let mut data = changed[0].data();
    for side in ["joined", "left"] {
        for person in data[side].as_array_mut().expect("a list") {
            person
                .as_object_mut()
                .expect("an object")
                .remove("id")
                .expect("an id");
        }
    }
    assert_eq!(
        data,
        json!({"segment": {"id": segment, "key": "lt", "name": "lt"}, "refresh": refresh(second.id),
            "asOf": "2026-06-16T03:00:00Z", "joined": [{"email": "anna@example.com", "country": "LT"}],
            "left": [{"email": "ona@example.com", "country": "DE"}], "part": 1, "isLast": true})
    );
}

#[test]
fn a_changed_rule_is_told_as_a_filling() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let segment = app.segment("people", in_lithuania());
    move_to(&app, "ona@example.com", "LT");
    move_to(&app, "anna@example.com", "DE");
    app.refresh();
    create(&app, &receiver.url, &["SEGMENT_MEMBERS_CHANGED"], json!({}));
    app.mutate(
        "mutation ($id: ID!) { updateSegment(input: {id: $id, rule: {everyone: true}}) { userErrors { message } } }",
        json!({ "id": segment }),
    );
    app.refresh();
    deliver(&app);
    let data = receiver.take().remove(0).data();
    assert_eq!(
        [
            &data["memberCount"],
            &data["joinedCount"],
            &data["leftCount"],
            &data["isFirst"]
        ],
        [&json!(2), &json!(1), &json!(0), &json!(false)]
    );
}

#[test]
fn many_people_come_in_parts_and_many_changes_in_few_messages() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let (id, _) = create(
        &app,
        &receiver.url,
        &["SUBSCRIBER_CREATED", "GROUP_MEMBERS_CHANGED"],
        json!({"peoplePerMessage": 500}),
    );
    app.group("all", &[]);
    execute(
        &app,
        "INSERT INTO subscribers (email, status, created_at, updated_at) SELECT 'p' || lpad(n::text, 4, '0') || '@example.com', 'subscribed', now(), now() FROM generate_series(1, 1700) n; \
         INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) SELECT (SELECT id FROM groups), id, now(), 'api' FROM subscribers",
    );
    deliver(&app);
    let received = receiver.take();
    let parts: Vec<(String, Value, Value)> = received
        .iter()
        .map(|one| {
            (
                one.message_type(),
                one.data()["part"].take(),
                one.data()["isLast"].take(),
            )
        })
        .collect();
    let expected: Vec<(String, Value, Value)> = ["subscriber.created", "group.members.changed"]
        .iter()
        .flat_map(|of| (1..=4).map(|part| ((*of).to_owned(), json!(part), json!(part == 4))))
        .collect();
    assert_eq!(parts, expected);
    for (of, side) in [
        ("subscriber.created", "people"),
        ("group.members.changed", "added"),
    ] {
        let told = received.iter().filter(|one| one.message_type() == of);
        let told: Vec<String> = told
            .flat_map(|one| {
                emails(&one.data()[side])
                    .into_iter()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect();
        let expected: Vec<String> = (1..=1_700)
            .map(|n| format!("p{n:04}@example.com"))
            .collect();
        assert_eq!(told, expected);
    }
    let ids: BTreeSet<&str> = received.iter().map(|one| one.id()).collect();
    assert_eq!(ids.len(), received.len());
    // Small changes of one kind are told together.
    for number in 0..40 {
        move_to(&app, &format!("late{number}@example.com"), "LT");
    }
    deliver(&app);
    let together = receiver.take();
    assert_eq!(together.len(), 1);
    assert_eq!(emails(&together[0].data()["people"]).len(), 40);
    assert_eq!(ask(&app, &id, "failureCount")["failureCount"], 0);
}

#[test]
fn large_people_take_more_messages_and_none_is_too_large() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    app.mutate(
        "mutation { createCustomField(input: {key: \"note\", type: TEXT}) { userErrors { message } } }",
        json!({}),
    );
    create(
        &app,
        &receiver.url,
        &["SUBSCRIBER_CREATED"],
        json!({"fields": ["custom.note"]}),
    );
    execute(
        &app,
        "INSERT INTO subscribers (email, status, created_at, updated_at, custom) SELECT 'p' || n || '@example.com', 'subscribed', now(), now(), \
         jsonb_build_object('note', repeat('ž', 10000)) FROM generate_series(1, 100) n",
    );
    deliver(&app);
    let received = receiver.take();
    assert!(received.iter().all(|one| one.body.len() <= 256_000));
    let told: usize = received
        .iter()
        .map(|one| emails(&one.data()["people"]).len())
        .sum();
    assert_eq!(told, 100);
    let last: Vec<Value> = received
        .iter()
        .map(|one| one.data()["isLast"].take())
        .collect();
    let before = &last[..last.len() - 1];
    assert!(before.iter().all(|is_last| *is_last == json!(false)));
    assert_eq!(last[last.len() - 1], json!(true));
}

/// Runs statements.
#[track_caller]
fn execute(app: &TestApp, sql: &str) {
    let executed = app
        .db()
        .run_here(|connection| Ok(connection.batch_execute(sql)?));
    executed.expect("the statements run");
}

#[test]
fn every_type_is_told() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let all = app.query(
        "{ __type(name: \"WebhookType\") { enumValues { name } } }",
        json!({}),
    );
    let all = all["__type"]["enumValues"].as_array().expect("a list");
    let all: Vec<&str> = all
        .iter()
        .map(|value| value["name"].as_str().expect("a name"))
        .collect();
    create(&app, &receiver.url, &all, json!({}));
    let tell = |mutation: &str, variables: Value| {
        app.mutate(mutation, variables);
        deliver(&app);
    };
    let ona = app.subscriber("ona@example.com", json!({"country": "DE"}));
    deliver(&app);
    move_to(&app, "ona@example.com", "LT");
    deliver(&app);
    app.subscriber("ona@example.com", json!({"status": "UNSUBSCRIBED"}));
    deliver(&app);
    app.group("staff", &["ona@example.com"]);
    deliver(&app);
    let staff = app.query("{ group(key: \"staff\") { id } }", json!({}))["group"]["id"].take();
    tell(
        "mutation ($id: ID!) { updateGroup(input: {id: $id, name: \"Staff\"}) { userErrors { message } } }",
        json!({ "id": staff }),
    );
    tell(
        "mutation ($id: ID!) { deleteGroup(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": staff }),
    );
    let segment = app.segment("lt", in_lithuania());
    app.refresh();
    deliver(&app);
    move_to(&app, "ona@example.com", "DE");
    app.refresh();
    deliver(&app);
    tell(
        "mutation ($id: ID!) { updateSegment(input: {id: $id, name: \"Lithuania\"}) { userErrors { message } } }",
        json!({ "id": segment }),
    );
    execute(
        &app,
        "UPDATE segments SET rule = '{\"v\": 1, \"root\": {\"weather\": {}}}'",
    );
    app.refresh();
    app.refresh();
    deliver(&app);
    tell(
        "mutation ($id: ID!) { deleteSegment(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": segment }),
    );
    execute(
        &app,
        "INSERT INTO refreshes (trigger, as_of, started_at, state) VALUES ('manual', now(), now(), 'running'); \
         UPDATE refreshes SET state = 'failed', finished_at = now(), error = 'no disk' WHERE state = 'running'",
    );
    deliver(&app);
    let options = rollcall::import::SubscriberImport::default();
    let file = "email\njonas@example.com\n";
    let imported = rollcall::import::import_subscribers(
        app.db(),
        file.as_bytes(),
        &options,
        app.app.now(),
        |_| {},
    );
    assert_eq!(imported.expect("an import").refused, 0);
    deliver(&app);
    super::delete(&app, &ona);
    deliver(&app);
    let told = types_of(&receiver);
    let distinct: BTreeSet<&str> = told.iter().map(String::as_str).collect();
    let expected: BTreeSet<&str> = rollcall::webhook::MessageType::CHOICES
        .iter()
        .map(|of| of.name())
        .collect();
    assert_eq!(distinct, expected);
    let invalid = told.iter().filter(|of| *of == "segment.invalid").count();
    assert_eq!(invalid, 1, "a segment that stays invalid is told once");
    let mut seen = BTreeSet::new();
    for message in receiver.received() {
        if seen.insert(message.message_type()) {
            let mut body = message.json();
            body["timestamp"] = json!("TIME");
            let name = message.message_type();
            insta::with_settings!({filters => vec![
                (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
            ]}, { insta::assert_json_snapshot!(name, body) });
        }
    }
}

#[test]
fn an_endpoint_is_told_only_what_it_follows() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    app.segment("lt", in_lithuania());
    app.segment(
        "de",
        json!({"text": {"field": "country", "is": {"equals": "DE"}}}),
    );
    app.refresh();
    app.group("staff", &[]);
    app.group("press", &[]);
    create(
        &app,
        &receiver.url,
        &["SEGMENT_MEMBERS_CHANGED", "GROUP_MEMBERS_CHANGED"],
        json!({"segments": ["lt"], "groups": ["press"]}),
    );
    move_to(&app, "ona@example.com", "LT");
    move_to(&app, "anna@example.com", "DE");
    for group in ["staff", "press"] {
        app.mutate(
            "mutation ($group: String!) { addToGroup(input: {group: $group, emails: [\"ona@example.com\"]}) { userErrors { message } } }",
            json!({ "group": group }),
        );
    }
    app.refresh();
    deliver(&app);
    let about: Vec<Value> = receiver
        .received()
        .iter()
        .map(|one| {
            json!([
                one.message_type(),
                one.data()["segment"]["key"],
                one.data()["group"]["key"]
            ])
        })
        .collect();
    assert_eq!(
        about,
        [
            json!(["group.members.changed", null, "press"]),
            json!(["segment.members.changed", "lt", null])
        ]
    );
}

#[test]
fn what_was_sent_and_not_recorded_is_sent_again_with_the_same_id() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    create(&app, &receiver.url, &["SUBSCRIBER_CREATED"], json!({}));
    move_to(&app, "ona@example.com", "LT");
    let dying = app.app.delivery();
    let claim = dying.claim().expect("a claim").expect("an endpoint");
    let mut reader = Reader::new(String::new());
    let ready = dying.read(claim, &mut reader).expect("a message");
    let Ok(ready) = ready else {
        panic!("expected a message");
    };
    let (sent, at) = dying.send(&ready);
    assert_eq!(sent.status, Some(204));
    // The process dies here. Nobody else delivers while its claim lasts.
    let other = app.beside();
    assert_eq!(deliver(&other), []);
    app.set_time("2026-06-15T12:01:00Z");
    assert_eq!(deliver(&other), [DeliveryOutcome::Idle]);
    let received = receiver.take();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].id(), received[1].id());
    assert_eq!(received[0].body, received[1].body);
    // A process that was only slow records nothing any more.
    assert_eq!(
        dying.record(&ready, &sent, at).expect("a turn"),
        DeliveryOutcome::Lost
    );
    assert_eq!(
        app.database.ask("SELECT count(*) FROM webhook_attempts"),
        "1"
    );
    move_to(&app, "jonas@example.com", "LT");
    deliver(&app);
    assert_eq!(receiver.take().len(), 1);
}

#[test]
fn two_servers_deliver_each_message_once_in_order() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    create(
        &app,
        &receiver.url,
        &["SUBSCRIBER_CREATED"],
        json!({"peoplePerMessage": 1}),
    );
    let servers: Vec<TestApp> = (0..2).map(|_| app.beside()).collect();
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for server in servers {
            let is_done = &is_done;
            scope.spawn(move || {
                while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                    deliver(&server);
                }
            });
        }
        for number in 0..60 {
            move_to(&app, &format!("p{number:02}@example.com"), "LT");
        }
        crate::support::eventually("everybody is told", || receiver.received().len() >= 60);
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let received = receiver.take();
    let told: Vec<String> = received
        .iter()
        .map(|one| emails(&one.data()["people"])[0].to_owned())
        .collect();
    let expected: Vec<String> = (0..60)
        .map(|number| format!("p{number:02}@example.com"))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn a_slow_receiver_holds_no_connection_and_stops_no_other() {
    let app = TestApp::at(super::NOW);
    let (slow, quick) = (Receiver::start(), Receiver::start());
    slow.always(Reply::Gate);
    create(&app, &slow.url, &["SUBSCRIBER_CREATED"], json!({}));
    create(&app, &quick.url, &["SUBSCRIBER_CREATED"], json!({}));
    move_to(&app, "ona@example.com", "LT");
    // All of this shares one connection.
    let only = app.beside_with(1);
    let delivery = only.app.delivery();
    let claim = delivery
        .claim()
        .expect("a claim")
        .expect("the slow endpoint");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| delivery.deliver(claim).expect("a turn"));
        crate::support::eventually("the message is on its way", || slow.received().len() == 1);
        assert_eq!(deliver(&only), [DeliveryOutcome::Idle]);
        assert_eq!(quick.received().len(), 1);
        let told = only.query("{ webhooks { totalCount } }", json!({}));
        assert_eq!(told["webhooks"]["totalCount"], 2);
        assert!(!waiting.is_finished());
        slow.open();
        assert_eq!(waiting.join().expect("a thread"), DeliveryOutcome::Idle);
    });
}

#[test]
fn lost_history_is_told() {
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let (id, _) = create(&app, &receiver.url, &["SUBSCRIBER_CREATED"], json!({}));
    move_to(&app, "ona@example.com", "LT");
    execute(&app, "SELECT renew_history()");
    // Until it is accepted, it is the same message.
    receiver.reply([Reply::Status(500, "")]);
    deliver(&app);
    app.set_time("2026-06-15T12:00:10Z");
    deliver(&app);
    let received = receiver.take();
    let told: Vec<String> = received.iter().map(|one| one.message_type()).collect();
    assert_eq!(told, ["webhook.resync", "webhook.resync"]);
    assert_eq!(received[0].id(), received[1].id());
    move_to(&app, "jonas@example.com", "LT");
    deliver(&app);
    let received = receiver.take();
    assert_eq!(emails(&received[0].data()["people"]), ["jonas@example.com"]);
    assert_eq!(ask(&app, &id, "isEnabled")["isEnabled"], true);
}

#[test]
fn a_replay_sends_everything_again_with_new_ids() {
    // Changes are dated by the clock of the database, which is not as late.
    let app = TestApp::at("2099-01-01T00:00:00Z");
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
    deliver(&app);
    let first = receiver.take();
    let replay = |since: &str| {
        app.payload(
            "mutation ($id: ID!, $since: DateTime!) { replayWebhook(input: {id: $id, since: $since}) { webhook { id } userErrors { code path } } }",
            json!({ "id": id, "since": since }),
        )
    };
    assert_eq!(replay("2026-01-01T00:00:00Z")["userErrors"], json!([]));
    deliver(&app);
    let second = receiver.take();
    let bodies = |received: &[crate::webhooks::receiver::Received]| -> Vec<String> {
        received.iter().map(|one| one.body.clone()).collect()
    };
    assert_eq!(bodies(&first), bodies(&second));
    let ids: BTreeSet<&str> = first.iter().chain(&second).map(|one| one.id()).collect();
    assert_eq!(ids.len(), 4);
    // The present time skips what waits.
    move_to(&app, "anna@example.com", "DE");
    assert_eq!(replay("2099-01-01T00:00:00Z")["userErrors"], json!([]));
    deliver(&app);
    assert_eq!(receiver.take().len(), 0);
    let later = replay("2099-01-01T00:00:01Z");
    assert_eq!(
        later["userErrors"],
        json!([{"code": "INVALID", "path": "since"}])
    );
}
