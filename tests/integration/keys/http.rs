//! What a server tells those who come with a key, without one, or with a wrong one.

use super::{ASK, create_key, key_command, revoke, status, unknown_key};
use crate::support::{Server, Socket, TestDatabase, eventually, rollcall};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Returns how often the table of keys was read so far.
fn scans(database: &TestDatabase) -> u64 {
    let scans = database.ask(
        "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_user_tables \
         WHERE relname = 'api_keys' AND schemaname = current_schema()",
    );
    scans.parse().expect("a number")
}

#[test]
fn without_keys_a_server_on_loopback_is_open_and_with_the_first_one_it_closes() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    assert_eq!(server.post(ASK, json!({})).0, 200);
    // What a proxy or a client sends along is no reason to refuse what needs no key.
    assert_eq!(status(&server, "whatever"), 200);
    let key = create_key(&database, &["shop", "--scope", "read"]);
    eventually("the server asks for a key", || {
        server.post(ASK, json!({})).0 == 401
    });
    assert_eq!(status(&server, &key), 200);
    let lower = format!("bearer  {key}");
    let answer = server.post_as(&[("authorization", &lower)], ASK, json!({}));
    assert_eq!(answer.status(), 200, "schemes have no case");
    assert_eq!(
        answer.body()["data"],
        json!({"subscribers": {"totalCount": 0}})
    );
}

#[test]
fn whatever_is_wrong_with_a_key_the_answer_is_the_same() {
    let database = TestDatabase::new();
    let revoked = create_key(&database, &["revoked", "--scope", "admin"]);
    revoke(&database, &revoked);
    let expired = create_key(
        &database,
        &["expired", "--scope", "admin", "--expires-in", "1s"],
    );
    let good = create_key(&database, &["good", "--scope", "admin"]);
    let server = Server::start(&database);
    eventually("a key expires", || status(&server, &expired) == 401);
    assert_eq!(status(&server, &good), 200);
    let bearer = |key: &str| format!("Bearer {key}");
    let mut other = good.clone();
    other.replace_range(20..21, if &good[20..21] == "a" { "b" } else { "a" });
    let mut told = BTreeSet::new();
    for value in [
        None,
        Some(bearer(&unknown_key(1))),
        Some(bearer(&revoked)),
        Some(bearer(&expired)),
        Some(bearer(&other)),
        Some(bearer(&good[..43])),
        Some(bearer(&format!("{good}x"))),
        Some(bearer("")),
        Some(bearer("rck_")),
        Some(good.clone()),
        Some(format!("Basic {good}")),
        Some("Bearer".to_owned()),
        Some(String::new()),
    ] {
        let headers: Vec<_> = value
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        let answer = server.post_as(&headers, ASK, json!({}));
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .map(|value| value.to_str().expect("text").to_owned())
        };
        told.insert((
            answer.status().as_u16(),
            header("www-authenticate"),
            header("content-type"),
            header("retry-after"),
            answer.body().to_string(),
        ));
    }
    let body = r#"{"errors":[{"message":"expected a valid API key in the header \"Authorization: Bearer rck_...\"","extensions":{"code":"UNAUTHENTICATED"}}]}"#;
    let expected = (
        401,
        Some("Bearer".to_owned()),
        Some("application/json".to_owned()),
        None,
        body.to_owned(),
    );
    assert_eq!(told, BTreeSet::from([expected]));
}

#[test]
fn health_and_the_explorer_need_no_key() {
    let database = TestDatabase::new();
    create_key(&database, &["shop", "--scope", "read"]);
    let server = Server::start(&database);
    let get = |path: &str| {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let mut answer = agent
            .get(format!("http://{}{path}", server.address))
            .call()
            .expect("the server answers");
        let body = answer.body_mut().read_to_string().expect("text");
        (answer.status().as_u16(), body)
    };
    assert_eq!(get("/health"), (200, r#"{"status":"ok"}"#.to_owned()));
    assert_eq!(get("/graphiql").0, 200);
    assert_eq!(get("/graphql").0, 401);
    database.execute("DELETE FROM __diesel_schema_migrations WHERE version LIKE '20261125%'");
    let missing = r#"{"status":"migrations are missing"}"#;
    assert_eq!(get("/health"), (503, missing.to_owned()), "and not which");
}

/// What proxies write of the host could be written by a page whose name was pointed here.
#[test]
fn only_the_host_itself_tells_the_host() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let status =
        |headers: &[(&str, &str)]| server.post_as(headers, ASK, json!({})).status().as_u16();
    assert_eq!(status(&[("host", "localhost")]), 200);
    assert_eq!(status(&[("host", "example.com")]), 403);
    for header in ["x-forwarded-host", "forwarded"] {
        let value = if header == "forwarded" {
            "host=localhost"
        } else {
            "localhost"
        };
        assert_eq!(
            status(&[("host", "example.com"), (header, value)]),
            403,
            "{header}"
        );
        assert_eq!(
            status(&[("host", "localhost"), (header, "host=example.com")]),
            200,
            "{header}"
        );
    }
}

/// With a key a proxy on this machine may keep the name that the world knows. Without keys nobody may come by it, not even
/// in the moment in which the last one is forgotten.
#[test]
fn whoever_has_a_key_may_call_the_server_as_they_like() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "read"]);
    let server = Server::start(&database);
    let bearer = format!("Bearer {key}");
    let named = [
        ("host", "audience.example.com"),
        ("authorization", bearer.as_str()),
    ];
    let status = |headers: &[(&str, &str)]| server.post_as(headers, ASK, json!({})).status();
    assert_eq!(status(&named), 200);
    assert_eq!(status(&named[..1]), 401);
    let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
    let opened = Socket::connect(&server, &[protocol, named[0]]);
    let mut socket = opened.expect("opened, and not let in yet");
    revoke(&database, &key);
    assert!(key_command(&database, &["clear"]).status.success());
    eventually("the server opens", || status(&[]) == 200);
    assert_eq!(status(&named), 403);
    socket.send(json!({"type": "connection_init"}));
    assert_eq!(socket.wait_for_close().0, 4403);
    // An idle server learns of it only by the request itself.
    let idle = Server::start(&database);
    let key = create_key(&database, &["again", "--scope", "read"]);
    assert_eq!(
        idle.post_as(&[named[0]], ASK, json!({})).status(),
        403,
        "open as far as it knows"
    );
    eventually("the server closes", || idle.post(ASK, json!({})).0 == 401);
    revoke(&database, &key);
    assert!(key_command(&database, &["clear"]).status.success());
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(idle.post_as(&[named[0]], ASK, json!({})).status(), 403);
    assert_eq!(idle.post(ASK, json!({})).0, 200);
}

/// Strangers share the looks that are made for them, and known keys wait for nobody.
#[test]
fn unknown_keys_cost_no_statement_each() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "read"]);
    let server = Server::start(&database);
    let (before, begun) = (scans(&database), Instant::now());
    std::thread::scope(|scope| {
        for thread in 0..20 {
            let (server, key) = (&server, &key);
            scope.spawn(move || {
                for number in 0..20 {
                    assert_eq!(status(server, &unknown_key(thread * 100 + number)), 401);
                }
                assert_eq!(status(server, key), 200);
            });
        }
    });
    let took = begun.elapsed();
    // Connections tell what they did at most once a second, and when they do something.
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(status(&server, &key), 200);
    std::thread::sleep(Duration::from_millis(500));
    let looks = scans(&database) - before;
    let bound = took.as_millis() as u64 / 100 + 5;
    assert!(
        looks > 0 && looks <= bound,
        "{looks} looks, at most {bound}"
    );
    assert!(looks < 200, "{looks} looks for 400 keys");
}

#[test]
fn while_nobody_asks_nobody_looks_at_keys() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "read"]);
    let server = Server::start(&database);
    let bearer = format!("Bearer {key}");
    // Asks the database for nothing else, which would hide the look.
    let ask = || server.post_as(&[("authorization", &bearer)], "{ __typename }", json!({}));
    assert_eq!(ask().status(), 200);
    eventually("the use is noted", || {
        database.ask("SELECT last_used_at IS NOT NULL FROM api_keys") == "true"
    });
    let name = database.name();
    let last_look = || {
        database.ask(&format!(
            "SELECT max(query_start) FROM pg_stat_activity WHERE application_name = '{name}-process' \
             AND query LIKE '%\"api_keys\"%'"
        ))
    };
    std::thread::sleep(Duration::from_millis(500));
    let before = last_look();
    assert!(!before.is_empty());
    std::thread::sleep(Duration::from_secs(4));
    // Other questions may have come over the same connection since.
    assert!(last_look() <= before);
    assert_eq!(ask().status(), 200);
    assert!(last_look() > before);
}

#[test]
fn no_log_holds_a_key() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "admin"]);
    let server = Server::spawn(
        rollcall(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--database-url",
            &database.url,
        ])
        .env("ROLLCALL_LOG", "rollcall=trace,info"),
    );
    let bearer = format!("Bearer {key}");
    let create = "mutation { createApiKey(input: {name: \"b\", scopes: [READ]}) { secret } }";
    let answer = server.post_as(&[("authorization", &bearer)], create, json!({}));
    let made = answer.body()["data"]["createApiKey"]["secret"]
        .as_str()
        .expect("a key")
        .to_owned();
    assert_eq!(status(&server, &made), 200);
    let stranger = unknown_key(9);
    assert_eq!(status(&server, &stranger), 401);
    assert_eq!(status(&server, &key[..40]), 401);
    let payload = json!({"authorization": bearer});
    Socket::introduce(&server, payload).expect("let in");
    let finished = server.interrupt();
    for key in [&key, &made, &stranger] {
        assert!(!finished.stderr.contains(&key[12..20]), "{finished}");
    }
    assert!(!finished.stderr.is_empty(), "there is a log");
}
