//! Subscriptions: refreshes as they go on, and who joins and leaves, whichever process refreshes.

use crate::support::{Server, Socket, TestApp, eventually, rollcall, run};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const PROGRESS: &str = "subscription { refreshProgress { id state progress trigger } }";
const CHANGES: &str = "subscription ($key: String!, $after: ID) { membershipChanged(segment: {key: $key}, after: $after) { \
    refresh { id state progress } joined { email } left { email } isLast } }";

fn country(code: &str) -> Value {
    json!({"text": {"field": "country", "is": {"equals": code}}})
}

/// A segment of people from Lithuania with two members, refreshed once.
fn app() -> TestApp {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for (name, code) in [("ona", "LT"), ("jonas", "LT"), ("anna", "DE")] {
        app.subscriber(&format!("{name}@example.com"), json!({ "country": code }));
    }
    app.segment("lt", country("LT"));
    app.refresh();
    app
}

fn move_to(app: &TestApp, name: &str, code: &str) {
    app.subscriber(&format!("{name}@example.com"), json!({ "country": code }));
}

/// Refreshes in a process of its own.
fn refresh_elsewhere(app: &TestApp) {
    let finished = run(&mut rollcall(&[
        "refresh",
        "--database-url",
        &app.database.url,
    ]));
    assert!(finished.status.success(), "{finished}");
}

fn last_refresh(app: &TestApp) -> Value {
    let data = app.query("{ refreshes(first: 1) { nodes { id } } }", json!({}));
    data["refreshes"]["nodes"][0]["id"].clone()
}

/// Waits for an item and returns who joined and who left.
#[track_caller]
fn change(socket: &mut Socket, id: &str) -> (Vec<String>, Vec<String>) {
    let item = &socket.next(id)["membershipChanged"];
    let emails = |list: &Value| -> Vec<String> {
        let people = list.as_array().expect("a list").iter();
        people
            .map(|person| person["email"].as_str().expect("an e-mail").to_owned())
            .collect()
    };
    assert_eq!(item["refresh"]["state"], json!("SUCCEEDED"));
    assert_eq!(item["refresh"]["progress"], json!(1.0));
    (emails(&item["joined"]), emails(&item["left"]))
}

fn people(joined: &[&str], left: &[&str]) -> (Vec<String>, Vec<String>) {
    let emails = |names: &[&str]| -> Vec<String> {
        let names = names.iter();
        names.map(|name| format!("{name}@example.com")).collect()
    };
    (emails(joined), emails(left))
}

#[test]
fn changes_come_refresh_by_refresh_whoever_refreshes() {
    let app = app();
    let server = Server::start(&app.database);
    let mut socket = Socket::open(&server);
    socket.subscribe("1", CHANGES, json!({"key": "lt"}));
    socket.settle();
    move_to(&app, "anna", "LT");
    move_to(&app, "ona", "DE");
    refresh_elsewhere(&app);
    assert_eq!(change(&mut socket, "1"), people(&["anna"], &["ona"]));
    // Two in a row, the second without any change.
    move_to(&app, "ona", "LT");
    app.refresh();
    app.refresh();
    move_to(&app, "anna", "DE");
    app.refresh();
    assert_eq!(change(&mut socket, "1"), people(&["ona"], &[]));
    assert_eq!(change(&mut socket, "1"), people(&[], &["anna"]));
    // The server itself.
    move_to(&app, "anna", "LT");
    server.post(
        "mutation { refreshSegments(input: {}) { userErrors { message } } }",
        json!({}),
    );
    assert_eq!(change(&mut socket, "1"), people(&["anna"], &[]));
    // A client that goes and one that stays.
    let mut other = Socket::open(&server);
    other.subscribe("2", CHANGES, json!({"key": "lt"}));
    other.settle();
    socket.send(json!({"id": "1", "type": "complete"}));
    socket.settle();
    move_to(&app, "jonas", "EE");
    app.refresh();
    assert_eq!(change(&mut other, "2"), people(&[], &["jonas"]));
    socket.settle();
}

#[test]
fn a_refresh_that_runs_already_counts() {
    let app = app();
    let server = Server::start(&app.database);
    let mut socket = Socket::open(&server);
    move_to(&app, "anna", "LT");
    let held = app.database.hold_writing();
    std::thread::scope(|scope| {
        let refreshing = scope.spawn(|| refresh_elsewhere(&app));
        app.database.wait_for_waiting(1);
        socket.subscribe("1", CHANGES, json!({"key": "lt"}));
        socket.settle();
        held.commit();
        refreshing.join().expect("a refresh");
    });
    assert_eq!(change(&mut socket, "1"), people(&["anna"], &[]));
}

#[test]
fn whoever_comes_back_misses_nothing() {
    let app = app();
    let before = last_refresh(&app);
    move_to(&app, "anna", "LT");
    app.refresh();
    move_to(&app, "jonas", "DE");
    app.refresh();
    let server = Server::start(&app.database);
    let mut socket = Socket::open(&server);
    socket.subscribe("1", CHANGES, json!({"key": "lt", "after": before}));
    assert_eq!(change(&mut socket, "1"), people(&["anna"], &[]));
    assert_eq!(change(&mut socket, "1"), people(&[], &["jonas"]));
    // Straight after the message, without waiting for anything.
    socket.subscribe(
        "2",
        CHANGES,
        json!({"key": "lt", "after": last_refresh(&app)}),
    );
    move_to(&app, "jonas", "LT");
    refresh_elsewhere(&app);
    let ids = [socket.receive(), socket.receive()].map(|mut item| item["id"].take());
    assert!(ids.contains(&json!("1")) && ids.contains(&json!("2")));
    // The first fill of a segment is a change too.
    move_to(&app, "anna", "DE");
    app.segment("de", country("DE"));
    app.refresh();
    let mut other = Socket::open(&server);
    other.subscribe("3", CHANGES, json!({"key": "de", "after": before}));
    assert_eq!(change(&mut other, "3"), people(&["anna"], &[]));
}

#[test]
fn large_changes_come_in_several_items_without_the_deleted() {
    let app = app();
    let before = last_refresh(&app);
    app.database.execute(
        "INSERT INTO subscribers (email, country, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', 'LT', now(), now() FROM generate_series(1, 2500) n",
    );
    move_to(&app, "ona", "DE");
    app.refresh();
    let id = app.subscriber("p2@example.com", json!({}));
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": id }),
    );
    let server = Server::start(&app.database);
    let mut socket = Socket::open(&server);
    socket.subscribe("1", CHANGES, json!({"key": "lt", "after": before}));
    let items: Vec<Value> = (0..3).map(|_| socket.next("1")).collect();
    let of = |list: &str| -> Vec<String> {
        let lists = items
            .iter()
            .filter_map(|item| item["membershipChanged"][list].as_array());
        assert!(lists.clone().all(|list| list.len() <= 1_000));
        lists
            .flatten()
            .filter_map(|person| Some(person["email"].as_str()?.to_owned()))
            .collect()
    };
    let expected = (1..=2500).filter(|number| *number != 2);
    let expected: Vec<String> = expected.map(|n| format!("p{n}@example.com")).collect();
    assert_eq!(of("joined"), expected);
    assert_eq!(of("left"), ["ona@example.com"]);
    let last: Vec<&Value> = items
        .iter()
        .map(|item| &item["membershipChanged"]["isLast"])
        .collect();
    assert_eq!(last, [false, false, true]);
}

#[test]
fn it_ends_with_its_segment_and_outlives_the_connections() {
    let app = app();
    let server = Server::start(&app.database);
    let mut socket = Socket::open(&server);
    socket.subscribe("1", CHANGES, json!({"key": "lt"}));
    socket.settle();
    let name = app.database.name();
    let cut = app.database.ask(&format!(
        "SELECT count(pg_terminate_backend(pid, 30000)) FROM pg_stat_activity WHERE application_name = '{name}-process'"
    ));
    assert_ne!(cut, "0");
    move_to(&app, "anna", "LT");
    app.refresh();
    assert_eq!(change(&mut socket, "1"), people(&["anna"], &[]));
    app.mutate(
        "mutation { deleteSegment(input: {id: \"U2VnbWVudDox\"}) { userErrors { message } } }",
        json!({}),
    );
    app.refresh();
    assert_eq!(socket.receive(), json!({"id": "1", "type": "complete"}));
}

#[test]
fn progress_is_told_from_start_to_end() {
    let app = app();
    let server = Server::start(&app.database);
    let mut socket = Socket::open(&server);
    socket.subscribe("1", PROGRESS, json!({}));
    socket.settle();
    let held = app.database.hold_writing();
    let step = |socket: &mut Socket| {
        let data = socket.next("1");
        let step = &data["refreshProgress"];
        assert_eq!(step["trigger"], json!("MANUAL"));
        (
            step["id"].clone(),
            step["state"].clone(),
            step["progress"].clone(),
        )
    };
    std::thread::scope(|scope| {
        let refreshing = scope.spawn(|| refresh_elsewhere(&app));
        app.database.wait_for_waiting(1);
        let (id, state, _) = step(&mut socket);
        assert_eq!(state, json!("RUNNING"));
        // As the refresh itself does while it goes on.
        app.database.execute(
            "UPDATE refreshes SET done_ids = 3000000, total_ids = 4000000 WHERE state = 'running'",
        );
        let advanced = (id.clone(), json!("RUNNING"), json!(0.75));
        while step(&mut socket) != advanced {}
        // Who comes later begins with what is running.
        let mut other = Socket::open(&server);
        other.subscribe("1", PROGRESS, json!({}));
        assert_eq!(step(&mut other), advanced);
        held.commit();
        refreshing.join().expect("a refresh");
        let ended = (id, json!("SUCCEEDED"), json!(1.0));
        assert_eq!(step(&mut socket), ended);
        assert_eq!(step(&mut other), ended);
    });
    // Several within half a second: the end of each is told.
    let ids: Vec<Value> = (0..3)
        .map(|_| {
            app.refresh();
            last_refresh(&app)
        })
        .collect();
    let mut ended = Vec::new();
    while ended.len() < 3 {
        let (id, state, _) = step(&mut socket);
        if state == json!("SUCCEEDED") {
            ended.push(id);
        }
    }
    assert_eq!(ended, ids);
}

#[test]
fn nobody_looks_while_nobody_listens() {
    let app = app();
    let server = Server::start(&app.database);
    let last_question = || {
        let name = app.database.name();
        app.database.ask(&format!(
            "SELECT max(query_start) FROM pg_stat_activity WHERE application_name = '{name}-process'"
        ))
    };
    // Whether the key of an open socket is still good is asked every two seconds; what is new, every half second.
    let is_asking = || {
        let mut seen = BTreeSet::new();
        for _ in 0..30 {
            seen.insert(last_question());
            std::thread::sleep(Duration::from_millis(100));
        }
        seen.len() > 4
    };
    let mut socket = Socket::open(&server);
    socket.settle();
    assert!(!is_asking());
    socket.subscribe("1", PROGRESS, json!({}));
    socket.settle();
    assert!(is_asking());
    socket.send(json!({"id": "1", "type": "complete"}));
    eventually("the looking ends", || !is_asking());
}

#[test]
fn an_instant_segment_tells_at_once_and_refreshes_in_their_place() {
    let app = app();
    app.mutate(
        "mutation { createSegment(input: {key: \"now\", mode: INSTANT, rule: {text: {field: \"country\", is: {equals: \"LT\"}}}}) { userErrors { message } } }",
        json!({}),
    );
    app.refresh();
    let before = last_refresh(&app);
    let server = Server::start(&app.database);
    let mut socket = Socket::open(&server);
    socket.subscribe("1", CHANGES, json!({"key": "now"}));
    socket.settle();
    // The server follows by itself, in the order of the changes, however they are made.
    move_to(&app, "anna", "LT");
    let emails = |list: &Value| -> Vec<String> {
        let people = list.as_array().expect("a list").iter();
        let emails = people.filter_map(|person| person["email"].as_str());
        emails.map(str::to_owned).collect()
    };
    let mut told = Vec::new();
    let mut tell = |socket: &mut Socket, id: &str, count: usize| {
        told.clear();
        while told.len() < count {
            let item = &socket.next(id)["membershipChanged"];
            assert_eq!(item["refresh"], Value::Null);
            told.extend(
                emails(&item["joined"])
                    .into_iter()
                    .map(|email| (email, true)),
            );
            told.extend(
                emails(&item["left"])
                    .into_iter()
                    .map(|email| (email, false)),
            );
        }
        told.clone()
    };
    let anna = "anna@example.com".to_owned();
    assert_eq!(tell(&mut socket, "1", 1), [(anna.clone(), true)]);
    move_to(&app, "anna", "DE");
    assert_eq!(tell(&mut socket, "1", 1), [(anna.clone(), false)]);
    refresh_elsewhere(&app);
    move_to(&app, "anna", "LT");
    assert_eq!(tell(&mut socket, "1", 1), [(anna.clone(), true)]);
    // Whoever comes later and knows a refresh is told all that came after it, also from between.
    let mut later = Socket::open(&server);
    later.subscribe("2", CHANGES, json!({"key": "now", "after": before}));
    let all = [true, false, true].map(|joined| (anna.clone(), joined));
    assert_eq!(tell(&mut later, "2", 3), all);
}
