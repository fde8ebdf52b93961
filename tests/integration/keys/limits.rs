//! Budgets, and how many sockets there may be.

use super::{ask, create_key, status};
use crate::support::{Server, Socket, TestDatabase, eventually};
use serde_json::json;

const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

#[test]
fn every_key_has_its_budget() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "read"]);
    let other = create_key(&database, &["other", "--scope", "read"]);
    let server = Server::start_with(&["--database-url", &database.url, "--rate-limit", "3"]);
    for _ in 0..3 {
        assert_eq!(status(&server, &key), 200);
    }
    let refused = ask(&server, &key);
    assert_eq!(refused.status(), 429);
    let seconds: u64 = refused.headers()["retry-after"]
        .to_str()
        .expect("text")
        .parse()
        .expect("seconds");
    assert!((1..=20).contains(&seconds), "{seconds}");
    let error = &refused.body()["errors"][0];
    assert_eq!(error["extensions"]["code"], json!("RATE_LIMITED"));
    assert_eq!(
        error["message"],
        json!(format!(
            "the rate limit is reached (cost per minute); try again in {seconds} s"
        ))
    );
    assert_eq!(refused.body().get("data"), None);
    // Over a socket it is the same budget, and a refusal ends the operation and not the socket.
    let payload = json!({"Authorization": format!("Bearer {key}")});
    let mut socket = Socket::introduce(&server, payload).expect("let in");
    socket.subscribe("1", "{ __typename }", json!({}));
    let message = socket.receive();
    assert_eq!(message["type"], json!("error"), "{message}");
    let extensions = &message["payload"][0]["extensions"];
    assert_eq!(extensions["code"], json!("RATE_LIMITED"));
    assert!(
        extensions["retryAfter"]
            .as_u64()
            .is_some_and(|seconds| seconds <= 20)
    );
    socket.send(json!({"type": "ping"}));
    assert_eq!(socket.receive()["type"], json!("pong"));
    for _ in 0..3 {
        assert_eq!(status(&server, &other), 200, "others are not concerned");
    }
}

#[test]
fn without_keys_the_address_has_the_budget() {
    let database = TestDatabase::new();
    let server = Server::start_with(&["--database-url", &database.url, "--rate-limit", "2"]);
    let statuses: Vec<u16> = (0..3).map(|_| status(&server, "")).collect();
    assert_eq!(statuses, [200, 200, 429]);
}

#[test]
fn a_server_has_so_many_sockets() {
    let database = TestDatabase::new();
    let server = Server::start_with(&["--database-url", &database.url, "--max-sockets", "2"]);
    let first = Socket::silent(&server);
    let _second = Socket::open(&server);
    assert_eq!(Socket::connect(&server, &[PROTOCOL]).err(), Some(503));
    assert_eq!(status(&server, ""), 200, "requests are answered as ever");
    drop(first);
    eventually("a place is free", || {
        Socket::connect(&server, &[PROTOCOL]).is_ok()
    });
}

#[test]
fn a_client_has_so_many_sockets() {
    let database = TestDatabase::new();
    let settings = [
        "--database-url",
        &database.url,
        "--max-sockets-per-client",
        "2",
    ];
    let server = Server::start_with(&settings);
    let mut open = vec![Socket::open(&server), Socket::open(&server)];
    assert_eq!(Socket::connect(&server, &[PROTOCOL]).err(), Some(429));
    let keys = ["a", "b"].map(|name| create_key(&database, &[name, "--scope", "read"]));
    for socket in &mut open {
        assert_eq!(socket.wait_for_close().0, 4403, "they had no key");
    }
    drop(open);
    let introduce = |key: &str| {
        let mut result = None;
        // Whoever has introduced itself does not count for the address any more.
        eventually("a place is free", || {
            let opened = Socket::connect(&server, &[PROTOCOL]);
            if let Ok(mut socket) = opened {
                socket.send(json!({"type": "connection_init", "payload": {"authorization": format!("Bearer {key}")}}));
                result = Some(socket);
            }
            result.is_some()
        });
        result.expect("a socket")
    };
    let mut sockets: Vec<Socket> = Vec::new();
    for key in &keys {
        for _ in 0..2 {
            let mut socket = introduce(key);
            assert_eq!(socket.receive()["type"], json!("connection_ack"));
            sockets.push(socket);
        }
    }
    let (code, reason) = introduce(&keys[0]).wait_for_close();
    assert_eq!(code, 1013, "{reason}");
    let bearer = format!("Bearer {}", keys[0]);
    let by_header = [PROTOCOL, ("authorization", &bearer)];
    assert_eq!(Socket::connect(&server, &by_header).err(), Some(429));
    sockets.remove(0);
    eventually("a place is free", || {
        Socket::connect(&server, &by_header).is_ok()
    });
}
