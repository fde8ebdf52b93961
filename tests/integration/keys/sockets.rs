//! Keys over WebSockets.

use super::{create_key, revoke, unknown_key};
use crate::support::{Server, Socket, TestDatabase};
use serde_json::json;
use std::time::{Duration, Instant};

const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");
const LISTEN: &str = "subscription { refreshProgress { id } }";

#[test]
fn the_key_comes_with_the_introduction_or_the_upgrade() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "read"]);
    let server = Server::start(&database);
    let bearer = format!("Bearer {key}");
    let mut sockets = Vec::new();
    for name in ["authorization", "Authorization"] {
        let mut payload = json!({"other": 1});
        payload[name] = json!(bearer);
        sockets.push(Socket::introduce(&server, payload).expect("let in"));
    }
    let upgraded = Socket::connect(&server, &[PROTOCOL, ("authorization", &bearer)]);
    let mut upgraded = upgraded.expect("let in");
    upgraded.send(json!({"type": "connection_init"}));
    assert_eq!(upgraded.receive(), json!({"type": "connection_ack"}));
    sockets.push(upgraded);
    for socket in &mut sockets {
        socket.subscribe("1", "{ subscribers { totalCount } }", json!({}));
        assert_eq!(socket.next("1"), json!({"subscribers": {"totalCount": 0}}));
    }
}

#[test]
fn without_a_good_key_a_socket_is_closed() {
    let database = TestDatabase::new();
    let revoked = create_key(&database, &["revoked", "--scope", "read"]);
    revoke(&database, &revoked);
    let key = create_key(&database, &["shop", "--scope", "read"]);
    let server = Server::start(&database);
    let bearer = |key: &str| format!("Bearer {key}");
    let forbidden = (4403, "Forbidden".to_owned());
    for payload in [
        json!(null),
        json!({}),
        json!({"authorization": bearer(&unknown_key(1))}),
        json!({"authorization": bearer(&revoked)}),
        json!({"authorization": key}),
        json!({"authorization": [bearer(&key)]}),
        json!({"key": bearer(&key)}),
    ] {
        let closed = Socket::introduce(&server, payload.clone()).err();
        assert_eq!(closed, Some(forbidden.clone()), "{payload}");
    }
    let unknown = bearer(&unknown_key(1));
    let opened = Socket::connect(&server, &[PROTOCOL, ("authorization", &unknown)]);
    assert_eq!(opened.err(), Some(401));
    // A bad key is not made good by another at the upgrade.
    let good = bearer(&key);
    let opened = Socket::connect(&server, &[PROTOCOL, ("authorization", &good)]);
    let mut socket = opened.expect("let in");
    socket.send(json!({"type": "connection_init", "payload": {"authorization": unknown}}));
    assert_eq!(socket.wait_for_close(), forbidden);
    // Nor is anything answered before the introduction.
    let mut socket = Socket::silent(&server);
    socket.subscribe("1", "{ __typename }", json!({}));
    assert_eq!(socket.wait_for_close().0, 4401);
}

#[test]
fn a_socket_ends_with_its_key() {
    let database = TestDatabase::new();
    let revoked = create_key(&database, &["revoked", "--scope", "read"]);
    let expiring = create_key(
        &database,
        &["expiring", "--scope", "read", "--expires-in", "5s"],
    );
    let lasting = create_key(&database, &["lasting", "--scope", "read"]);
    let server = Server::start(&database);
    let open = |key: &str| {
        let payload = json!({"authorization": format!("Bearer {key}")});
        let mut socket = Socket::introduce(&server, payload).expect("let in");
        socket.subscribe("1", LISTEN, json!({}));
        socket
    };
    let [mut by_revoked, mut by_expiring, mut by_lasting] =
        [&revoked, &expiring, &lasting].map(|key| open(key));
    revoke(&database, &revoked);
    let revoked_at = Instant::now();
    let forbidden = (4403, "Forbidden".to_owned());
    assert_eq!(by_revoked.wait_for_close(), forbidden);
    let took = revoked_at.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(by_expiring.wait_for_close(), forbidden);
    let is_past = database.ask("SELECT expires_at <= now() FROM api_keys WHERE name = 'expiring'");
    assert_eq!(is_past, "true", "not before its time");
    by_lasting.subscribe("2", "{ __typename }", json!({}));
    assert_eq!(by_lasting.next("2"), json!({"__typename": "Query"}));
}

#[test]
fn a_socket_without_a_key_ends_with_the_first_key() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let mut socket = Socket::open(&server);
    create_key(&database, &["shop", "--scope", "read"]);
    assert_eq!(socket.wait_for_close(), (4403, "Forbidden".to_owned()));
}
