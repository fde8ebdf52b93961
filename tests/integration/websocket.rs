//! The WebSocket door: who may come in, the protocol, and its end.

use crate::support::{Server, Socket, TestApp, TestDatabase};
use serde_json::json;
use tungstenite::Message;

const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

#[test]
fn queries_and_mutations_are_answered_as_over_http() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let mut socket = Socket::open(&server);
    let add = "mutation Add($email: String!) { upsertSubscriber(input: {email: $email}) { userErrors { code } subscriber { email status } } }";
    socket.subscribe("1", add, json!({"email": "ona@example.com"}));
    assert_eq!(
        socket.receive().to_string(),
        r#"{"id":"1","type":"next","payload":{"data":{"upsertSubscriber":{"userErrors":[],"subscriber":{"email":"ona@example.com","status":"SUBSCRIBED"}}}}}"#
    );
    assert_eq!(socket.receive(), json!({"id": "1", "type": "complete"}));
    // Loaders need a place to wait in; two operations are under way at the same time.
    let ask = "{ subscribers { nodes { email groups { nodes { key } } } totalCount } }";
    socket.subscribe("a", ask, json!(null));
    socket.subscribe("b", ask, json!({}));
    let mut messages: Vec<_> = (0..4).map(|_| socket.receive()).collect();
    messages.sort_by_key(|message| (message["id"].to_string(), message["type"] == "complete"));
    let data = json!({"subscribers": {"nodes": [{"email": "ona@example.com", "groups": {"nodes": []}}], "totalCount": 1}});
    for (id, messages) in ["a", "b"].iter().zip(messages.chunks(2)) {
        let next = json!({"id": id, "type": "next", "payload": {"data": data}});
        assert_eq!(messages, [next, json!({"id": id, "type": "complete"})]);
    }
}

#[test]
fn what_cannot_be_executed_is_an_error_and_the_socket_goes_on() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let mut socket = Socket::open(&server);
    let deep = format!("{{ a(b: {}", "[".repeat(2_000));
    for (document, code) in [
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        (deep.as_str(), "TOO_COMPLEX"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription { refreshProgress { id } other: refreshProgress { id } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "subscription ($s: String!) { membershipChanged(segment: {key: $s}) { isLast } }",
            "BAD_USER_INPUT",
        ),
        (
            "subscription { membershipChanged(segment: {key: \"none\"}) { isLast } }",
            "NOT_FOUND",
        ),
        (
            "subscription { membershipChanged(segment: {key: \"none\"}, after: \"x\") { isLast } }",
            "BAD_USER_INPUT",
        ),
    ] {
        socket.subscribe("1", document, json!({}));
        let message = socket.receive();
        assert_eq!(message["type"], json!("error"), "{document}: {message}");
        assert_eq!(
            message["payload"][0]["extensions"]["code"],
            json!(code),
            "{document}"
        );
    }
    // One whose execution began is answered, whatever came of it.
    socket.subscribe("1", "{ segment { id } }", json!({}));
    let message = socket.receive();
    assert_eq!(message["type"], json!("next"));
    assert_eq!(
        message["payload"]["errors"][0]["extensions"]["code"],
        json!("BAD_USER_INPUT")
    );
    assert_eq!(socket.receive()["type"], json!("complete"));
    let (status, body) = server.post("subscription { refreshProgress { id } }", json!({}));
    assert_eq!(status, 405, "over HTTP alone there are none: {body}");
}

#[test]
fn every_breach_of_the_protocol_has_its_code() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let late = std::thread::scope(|scope| {
        let late = scope.spawn(|| Socket::silent(&server).wait_for_close());
        let mut socket = Socket::silent(&server);
        socket.send(json!({"type": "ping"}));
        assert_eq!(socket.receive(), json!({"type": "pong"}));
        socket.subscribe("1", "{ __typename }", json!({}));
        assert_eq!(socket.wait_for_close(), (4401, "Unauthorized".to_owned()));

        let mut socket = Socket::open(&server);
        socket.send(json!({"type": "connection_init"}));
        assert_eq!(socket.wait_for_close().0, 4429);

        let mut socket = Socket::open(&server);
        for _ in 0..2 {
            socket.subscribe("ona", "subscription { refreshProgress { id } }", json!({}));
        }
        let reason = "Subscriber for ona already exists".to_owned();
        assert_eq!(socket.wait_for_close(), (4409, reason));

        let mut socket = Socket::open(&server);
        socket.send(json!({"type": "start", "id": "1", "payload": {"query": "{ __typename }"}}));
        assert_eq!(socket.wait_for_close().0, 4400);
        let mut socket = Socket::open(&server);
        socket.send_message(Message::binary(b"{\"type\": \"ping\"}".as_slice()));
        assert_eq!(socket.wait_for_close().0, 4400);

        let mut socket = Socket::open(&server);
        socket.send(json!({"type": "ping", "payload": {"fits": "x".repeat(1_000_000)}}));
        assert_eq!(socket.receive()["type"], json!("pong"));
        socket.send(json!({"type": "ping", "payload": {"does not": "x".repeat(1 << 20)}}));
        assert_eq!(socket.wait_for_close().0, 1009);
        late.join().expect("a close")
    });
    let reason = "Connection initialisation timeout".to_owned();
    assert_eq!(late, (4408, reason));
}

#[test]
fn only_this_protocol_from_this_machine_is_let_in() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let status = |headers: &[(&str, &str)]| Socket::connect(&server, headers).err();
    assert_eq!(status(&[]), Some(406));
    assert_eq!(status(&[(PROTOCOL.0, "graphql-ws")]), Some(406));
    assert_eq!(status(&[PROTOCOL]), None);
    let from = |origin: &str| status(&[PROTOCOL, ("origin", origin), ("accept-encoding", "gzip")]);
    assert_eq!(from("http://localhost:3000"), None);
    assert_eq!(from(&format!("http://{}", server.address)), None);
    assert_eq!(from("http://example.com"), Some(403));
    assert_eq!(from("null"), Some(403));
    assert_eq!(status(&[PROTOCOL, ("host", "example.com")]), Some(403));
    let plain = ureq::get(format!("http://{}/graphql", server.address)).call();
    assert!(matches!(plain, Err(ureq::Error::StatusCode(400))));
}

#[test]
fn a_server_that_stops_says_goodbye() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.segment("all", json!({"everyone": true}));
    app.refresh();
    let server = Server::start(&app.database);
    let mut idle = Socket::open(&server);
    let mut busy = Socket::open(&server);
    let listen = "subscription { membershipChanged(segment: {key: \"all\"}) { isLast } }";
    busy.subscribe("1", listen, json!({}));
    let finished = server.interrupt();
    assert!(finished.status.success(), "{finished}");
    for socket in [&mut idle, &mut busy] {
        let reason = "The server stops".to_owned();
        assert_eq!(socket.wait_for_close(), (1001, reason));
    }
}
