//! Listening where others can reach the server.

use super::{ASK, create_key, revoke, status};
use crate::support::{Server, Socket, TestDatabase, rollcall, run};
use insta::assert_snapshot;
use serde_json::json;

const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

fn everywhere(database: &TestDatabase, settings: &[&str]) -> std::process::Command {
    let listen = [
        "serve",
        "--listen",
        "0.0.0.0:0",
        "--database-url",
        &database.url,
    ];
    let mut command = rollcall(&listen);
    command.args(settings);
    command
}

#[test]
fn nobody_listens_to_others_without_a_usable_key() {
    let database = TestDatabase::new();
    assert_snapshot!(run(&mut everywhere(&database, &[])), @r#"
    exit code 1
    rollcall: cannot listen on 0.0.0.0:0: without API keys Rollcall answers on loopback only; make a key first with `rollcall key create NAME --scope read`, or listen on 127.0.0.1
    "#);
    let key = create_key(&database, &["shop", "--scope", "read"]);
    revoke(&database, &key);
    assert_eq!(run(&mut everywhere(&database, &[])).status.code(), Some(1));
}

#[test]
fn with_a_key_any_host_is_answered_and_nobody_without_one() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "read"]);
    let server = Server::spawn(&mut everywhere(&database, &[]));
    assert_eq!(status(&server, &key), 200);
    let bearer = format!("Bearer {key}");
    let named = [
        ("authorization", bearer.as_str()),
        ("host", "audience.example.com"),
    ];
    assert_eq!(server.post_as(&named, ASK, json!({})).status(), 200);
    assert_eq!(server.post_as(&named[1..], ASK, json!({})).status(), 401);
    revoke(&database, &key);
    crate::support::eventually("the key is worthless", || status(&server, &key) == 401);
    super::key_command(&database, &["clear"]);
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    assert_eq!(server.post(ASK, json!({})).0, 401, "it never opens");
}

#[test]
fn sockets_are_for_pages_of_the_server_and_of_allowed_origins() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "read"]);
    let allow = [
        "--allow-origin",
        "https://App.example.com:443",
        "--allow-origin",
        "http://localhost:3000",
    ];
    let server = Server::spawn(&mut everywhere(&database, &allow));
    let bearer = format!("Bearer {key}");
    let open = |host: &str, origin: &str| {
        let headers = [
            PROTOCOL,
            ("authorization", &bearer),
            ("host", host),
            ("origin", origin),
        ];
        Socket::connect(&server, &headers).err()
    };
    let host = "audience.example.com:7655";
    assert_eq!(open(host, "http://audience.example.com:7655"), None);
    assert_eq!(open(host, "HTTP://AUDIENCE.example.com:7655"), None);
    assert_eq!(open(host, "https://app.example.com"), None);
    assert_eq!(open(host, "http://localhost:3000"), None);
    for origin in [
        "http://audience.example.com",
        "http://example.com:7655",
        "http://app.example.com",
        "https://app.example.com.evil.example",
        "http://localhost:3001",
        "http://127.0.0.1",
        "null",
    ] {
        assert_eq!(open(host, origin), Some(403), "{origin}");
    }
}

#[test]
fn settings_that_make_no_sense() {
    let serve = |arguments: &[&str]| run(rollcall(&["serve"]).args(arguments));
    assert_snapshot!(serve(&["--allow-origin", "app.example.com"]), @r#"
    exit code 2
    error: invalid value 'app.example.com' for '--allow-origin <ORIGIN>': expected an origin such as https://app.example.com or http://localhost:3000, without a path

    For more information, try '--help'.
    "#);
    assert_snapshot!(serve(&["--allow-origin", "https://app.example.com/"]), @r#"
    exit code 2
    error: invalid value 'https://app.example.com/' for '--allow-origin <ORIGIN>': expected an origin such as https://app.example.com or http://localhost:3000, without a path

    For more information, try '--help'.
    "#);
    assert_snapshot!(serve(&["--allow-origin", "*"]), @r#"
    exit code 2
    error: invalid value '*' for '--allow-origin <ORIGIN>': expected an origin such as https://app.example.com or http://localhost:3000, without a path

    For more information, try '--help'.
    "#);
    assert_snapshot!(serve(&["--rate-limit", "0"]), @r#"
    exit code 2
    error: invalid value '0' for '--rate-limit <COST_PER_MINUTE>': expected a number from 1 to 4294967295

    For more information, try '--help'.
    "#);
    assert_snapshot!(serve(&["--max-sockets", "none"]), @r#"
    exit code 2
    error: invalid value 'none' for '--max-sockets <NUMBER>': expected a number from 1 to 4294967295

    For more information, try '--help'.
    "#);
}
