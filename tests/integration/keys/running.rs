//! Keys that are made, revoked and used while servers run.

use super::{ASK, ask, create_key, key_command, revoke, status};
use crate::support::{Server, TestDatabase, eventually};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn a_key_made_anywhere_works_at_once_and_a_revoked_one_nowhere_soon() {
    let database = TestDatabase::new();
    let admin = create_key(&database, &["admin", "--scope", "admin"]);
    let servers = [Server::start(&database), Server::start(&database)];
    let key = create_key(&database, &["shop", "--scope", "read"]);
    for server in &servers {
        assert_eq!(status(server, &key), 200);
    }
    let bearer = format!("Bearer {admin}");
    let revoke = "mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { userErrors { message } apiKey { prefix } } }";
    // The key 2 in the form of global ids.
    let answer = servers[0].post_as(
        &[("authorization", &bearer)],
        revoke,
        json!({"id": "QXBpS2V5OjI"}),
    );
    let revoked_at = Instant::now();
    let prefix = &answer.body()["data"]["revokeApiKey"]["apiKey"]["prefix"];
    assert_eq!(prefix, &json!(key[..12]));
    for server in &servers {
        eventually("a revoked key is worthless", || status(server, &key) == 401);
        assert_eq!(status(server, &admin), 200, "the others stay");
    }
    let took = revoked_at.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn an_expired_key_is_worthless_while_the_server_runs() {
    let database = TestDatabase::new();
    let key = create_key(
        &database,
        &["short", "--scope", "read", "--expires-in", "3s"],
    );
    let server = Server::start(&database);
    assert_eq!(status(&server, &key), 200);
    eventually("the key expires", || status(&server, &key) == 401);
    let is_past = database.ask("SELECT expires_at <= now() FROM api_keys");
    assert_eq!(is_past, "true", "not before its time");
    assert_eq!(
        server.post(ASK, json!({})).0,
        401,
        "it does not open the server"
    );
}

#[test]
fn a_server_that_had_keys_stays_closed_until_they_are_forgotten() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "read"]);
    let server = Server::start(&database);
    revoke(&database, &key);
    eventually("the key is worthless", || status(&server, &key) == 401);
    assert_eq!(server.post(ASK, json!({})).0, 401);
    let again = Server::start(&database);
    assert_eq!(again.post(ASK, json!({})).0, 401);
    assert!(key_command(&database, &["clear"]).status.success());
    for server in [&server, &again] {
        eventually("the server opens", || server.post(ASK, json!({})).0 == 200);
    }
}

#[test]
fn the_last_use_is_noted_once_a_minute() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "read"]);
    let other = create_key(&database, &["other", "--scope", "read"]);
    let server = Server::start(&database);
    let last_use = || database.ask("SELECT last_used_at FROM api_keys WHERE name = 'shop'");
    assert_eq!(last_use(), "");
    assert_eq!(status(&server, &key), 200);
    eventually("the use is noted", || !last_use().is_empty());
    let first = last_use();
    let is_now =
        database.ask("SELECT now() - last_used_at < '1 minute' FROM api_keys WHERE name = 'shop'");
    assert_eq!(is_now, "true");
    // Another use comes at once, in a look that notes that of another key.
    assert_eq!(status(&server, &key), 200);
    assert_eq!(status(&server, &other), 200);
    let noted = "SELECT last_used_at IS NOT NULL FROM api_keys WHERE name = 'other'";
    eventually("the other use is noted", || database.ask(noted) == "true");
    assert_eq!(last_use(), first);
    // Another server does not write within the minute either, and does after it.
    let second = Server::start(&database);
    assert_eq!(status(&second, &key), 200);
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(last_use(), first);
    database.execute("UPDATE api_keys SET last_used_at = last_used_at - interval '61 seconds' WHERE name = 'shop'");
    let third = Server::start(&database);
    assert_eq!(status(&third, &key), 200);
    eventually("the use is noted again", || last_use() > first);
}

/// While the keys cannot be looked up, nobody can say who is let in.
#[test]
fn keys_that_cannot_be_looked_up_are_no_reason_to_let_anybody_in() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "read"]);
    let server = Server::start(&database);
    assert_eq!(status(&server, &key), 200);
    let held = database.hold("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE");
    let begun = Instant::now();
    eventually("what was seen is too old", || status(&server, &key) == 503);
    assert!(
        begun.elapsed() > Duration::from_secs(5),
        "short waits are borne"
    );
    let answer = ask(&server, &key);
    assert_eq!(answer.headers()["retry-after"], "5");
    assert_eq!(
        answer.body().to_string(),
        r#"{"errors":[{"message":"the database is not available; try again in a moment","extensions":{"code":"UNAVAILABLE"}}]}"#
    );
    held.commit();
    eventually("the server is back", || status(&server, &key) == 200);
}
