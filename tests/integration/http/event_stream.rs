//! Server-sent events.

use super::Client;
use crate::support::{Server, TestApp, TestDatabase};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::time::Duration;

/// Opens a stream and returns its events, as they come: their names and data.
fn open(client: &Client, body: &Value) -> impl Iterator<Item = (String, Value)> + use<> {
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(60)));
    let agent: ureq::Agent = config.build().into();
    let request = agent
        .post(&client.url)
        .header("accept", "text/event-stream");
    let response = request.send_json(body).expect("a stream");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut lines = BufReader::new(response.into_body().into_reader()).lines();
    std::iter::from_fn(move || {
        loop {
            let line = lines.next()?.ok()?;
            let Some(name) = line.strip_prefix("event: ") else {
                continue;
            };
            let data = lines.next()?.ok()?;
            let data = data.strip_prefix("data:").expect("data").trim();
            let data = if data.is_empty() {
                Value::Null
            } else {
                serde_json::from_str(data).expect("JSON")
            };
            return Some((name.to_owned(), data));
        }
    })
}

#[test]
fn queries_and_mistakes_come_as_one_event() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    let events: Vec<_> = open(&client, &json!({"query": "{ __typename }"})).collect();
    let next = |data: Value| ("next".to_owned(), data);
    let complete = ("complete".to_owned(), Value::Null);
    assert_eq!(
        events,
        [
            next(json!({"data": {"__typename": "Query"}})),
            complete.clone()
        ]
    );
    let events: Vec<_> = open(&client, &json!({"query": "{ nothing }"})).collect();
    assert_eq!(events.len(), 2);
    assert_eq!(
        events[0].1["errors"][0]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
    assert_eq!(events[1], complete);
    let headers = [
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
    ];
    let answer = client.post("{", &headers);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "BAD_REQUEST")
    );
    let by_get = client.get("?query=mutation%7B__typename%7D", &headers[1..]);
    assert!(by_get.text.contains("WRONG_WAY"), "{}", by_get.text);
}

#[test]
fn a_subscription_is_told_what_happens_and_ends_with_the_server() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.subscriber("ona@example.com", json!({}));
    app.segment("all", json!({"everyone": true}));
    app.refresh();
    let server = Server::start(&app.database);
    let client = Client::new(&server);
    let known = app.query("{ refreshes(first: 1) { nodes { id } } }", json!({}));
    let document = "subscription ($after: ID) { ...F } fragment F on Subscription { \
                    membershipChanged(segment: {key: \"all\"}, after: $after) { joined { email } left { email } } }";
    let body =
        json!({"query": document, "variables": {"after": known["refreshes"]["nodes"][0]["id"]}});
    let mut events = open(&client, &body);
    app.subscriber("jonas@example.com", json!({}));
    app.refresh();
    let (name, data) = events.next().expect("an event");
    assert_eq!(name, "next");
    assert_eq!(
        data,
        json!({"data": {"membershipChanged": {"joined": [{"email": "jonas@example.com"}], "left": []}}})
    );
    assert!(server.interrupt().status.success());
    assert_eq!(events.next(), None);
}
