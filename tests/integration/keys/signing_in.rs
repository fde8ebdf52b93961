//! Signing in and out over HTTP, and which requests the cookie of a session counts for.

use super::{ASK, create_key, key_command, revoke, unknown_key};
use crate::support::{Server, Socket, TestDatabase, eventually, rollcall};
use serde_json::{Value, json};
use ureq::http::{Method, Request, Response};

const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");
const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");
const MARK: (&str, &str) = ("x-rollcall-console", "1");

/// Sends a request with these headers.
#[track_caller]
pub fn send(
    server: &Server,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .build()
        .into();
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{}{path}", server.address));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.to_owned()).expect("a request");
    let response = agent.run(request).expect("the server answers");
    response.map(|mut body| body.read_to_string().expect("text"))
}

/// Signs in with a key and these headers more.
#[track_caller]
pub fn sign_in_with(server: &Server, key: &str, headers: &[(&str, &str)]) -> Response<String> {
    let bearer = format!("Bearer {key}");
    let headers = [&[("authorization", bearer.as_str())], headers].concat();
    send(server, Method::POST, "/session", &headers, "")
}

/// Returns the cookies that an answer sets.
fn cookies_of(answer: &Response<String>) -> Vec<String> {
    let set = answer.headers().get_all("set-cookie").into_iter();
    set.map(|value| value.to_str().expect("text").to_owned())
        .collect()
}

/// Signs in and returns the cookie as the browser sends it back.
#[track_caller]
pub fn sign_in(server: &Server, key: &str) -> String {
    sign_in_at(server, "", key)
}

/// Asks below a base path with a cookie, as a page of the server does.
#[track_caller]
pub fn ask_at(server: &Server, base_path: &str, cookie: &str, document: &str) -> Value {
    let body = json!({ "query": document }).to_string();
    let json = ("content-type", "application/json");
    let headers = [SAME, json, ("cookie", cookie)];
    let path = format!("{base_path}/graphql");
    let answer = send(server, Method::POST, &path, &headers, &body);
    serde_json::from_str(answer.body()).expect("JSON")
}

/// Signs in below a base path.
#[track_caller]
pub fn sign_in_at(server: &Server, base_path: &str, key: &str) -> String {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    let path = format!("{base_path}/session");
    let answer = send(server, Method::POST, &path, &headers, "");
    assert_eq!(answer.status(), 204, "{answer:?}");
    let set = cookies_of(&answer);
    let pair = set[0].split(';').next().expect("a cookie");
    pair.to_owned()
}

/// Asks with a cookie, as a page of the server does.
#[track_caller]
pub fn ask(server: &Server, cookie: &str, document: &str) -> Response<Value> {
    let headers = [SAME, MARK, ("cookie", cookie)];
    server.post_as(&headers, document, json!({}))
}

/// Asks with a cookie and returns the status.
#[track_caller]
pub fn status(server: &Server, cookie: &str) -> u16 {
    ask(server, cookie, ASK).status().as_u16()
}

#[test]
fn signing_in_sets_a_cookie_that_stands_for_the_key() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["console", "--scope", "read"]);
    let server = Server::start(&database);
    let answer = sign_in_with(&server, &key, &[]);
    assert_eq!(
        (answer.status().as_u16(), answer.body().as_str()),
        (204, "")
    );
    let [set, other] = <[String; 2]>::try_from(cookies_of(&answer)).expect("two cookies");
    assert!(
        other.starts_with("__Host-rollcall=; Path=/; Max-Age=0;"),
        "one of the other name would stand before it: {other}"
    );
    let (pair, attributes) = set.split_once(';').expect("attributes");
    assert_eq!(
        attributes, " Path=/; Max-Age=604800; HttpOnly; SameSite=Strict",
        "on loopback over plain HTTP"
    );
    let token = pair.strip_prefix("rollcall=").expect("the name");
    assert!(token.len() == 43 && token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(
        ask(&server, pair, ASK).body()["data"]["subscribers"]["totalCount"],
        0
    );
    // Stored is the hash, and nothing of the token itself.
    let hash = format!("SELECT sha256 = sha256('{token}') FROM sessions");
    assert_eq!(database.ask(&hash), "true");
    let holds = format!("SELECT count(*) FROM sessions s WHERE s::text LIKE '%{token}%'");
    assert_eq!(database.ask(&holds), "0");
    // The scopes are those of the key.
    let write = "mutation { createGroup(input: {key: \"a\"}) { userErrors { message } } }";
    assert_eq!(ask(&server, pair, write).status(), 403);
    let viewer = "{ viewer { scopes name isOpen session { startedAt expiresAt } } }";
    let answer = ask(&server, pair, viewer);
    let viewer = &answer.body()["data"]["viewer"];
    assert_eq!(
        (&viewer["scopes"], &viewer["name"], &viewer["isOpen"]),
        (&json!(["READ"]), &json!("console"), &json!(false))
    );
    let is_told = format!(
        "SELECT started_at = '{}' AND last_used_at + interval '12 hours' = '{}' FROM sessions",
        viewer["session"]["startedAt"].as_str().expect("a moment"),
        viewer["session"]["expiresAt"].as_str().expect("a moment"),
    );
    assert_eq!(database.ask(&is_told), "true");
}

#[test]
fn over_https_the_cookie_is_secure_and_of_this_host() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["console", "--scope", "read"]);
    let server = Server::start(&database);
    let attributes = "; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Strict";
    let public = ("host", "crm.example.com");
    for headers in [
        vec![public, ("origin", "https://crm.example.com")],
        vec![public],
        // A proxy that names the server as it reaches it.
        vec![("origin", "https://crm.example.com")],
        vec![("x-forwarded-proto", "https")],
    ] {
        let answer = sign_in_with(&server, &key, &headers);
        let set = cookies_of(&answer).swap_remove(0);
        assert!(set.starts_with("__Host-rollcall="), "{headers:?}: {set}");
        assert!(set.ends_with(attributes), "{headers:?}: {set}");
        let pair = set.split(';').next().expect("a cookie");
        let asked = [public, SAME, MARK, ("cookie", pair)];
        assert_eq!(server.post_as(&asked, ASK, json!({})).status(), 200);
    }
    // The browser would not keep the cookie, so that signing in would seem to do nothing.
    let clear = [public, ("origin", "http://crm.example.com")];
    let answer = sign_in_with(&server, &key, &clear);
    assert_eq!(answer.status(), 403);
    assert!(answer.body().contains("expected https"), "{answer:?}");
    // The plain cookie is for this machine alone.
    let plain = sign_in(&server, &key);
    let asked = [public, SAME, MARK, ("cookie", plain.as_str())];
    assert_eq!(server.post_as(&asked, ASK, json!({})).status(), 401);
}

#[test]
fn without_a_good_key_nobody_signs_in() {
    let database = TestDatabase::new();
    let revoked = create_key(&database, &["revoked", "--scope", "admin"]);
    revoke(&database, &revoked);
    let server = Server::start(&database);
    for key in [unknown_key(1), revoked, String::new()] {
        let answer = sign_in_with(&server, &key, &[]);
        assert_eq!(answer.status(), 401);
        assert!(cookies_of(&answer).is_empty());
    }
    assert_eq!(
        send(&server, Method::POST, "/session", &[], "").status(),
        401
    );
    for method in [Method::GET, Method::PUT] {
        let answer = send(&server, method, "/session", &[], "");
        assert_eq!(answer.status(), 405);
        assert_eq!(answer.headers()["allow"], "POST, DELETE");
    }
    // A session starts no other one, which would outlast seven days.
    let key = create_key(&database, &["console", "--scope", "read"]);
    let cookie = sign_in(&server, &key);
    let headers = [SAME, MARK, ("cookie", cookie.as_str())];
    assert_eq!(
        send(&server, Method::POST, "/session", &headers, "").status(),
        401
    );
}

#[test]
fn a_server_without_keys_needs_no_session() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let answer = sign_in_with(&server, &unknown_key(1), &[]);
    assert_eq!(answer.status(), 400);
    assert!(answer.body().contains("needs no session"), "{answer:?}");
    let (_, body) = server.post(
        "{ viewer { scopes name isOpen session { startedAt } apiKey { id } } }",
        json!({}),
    );
    let viewer = json!({"scopes": ["READ", "WRITE", "ADMIN"], "name": null, "isOpen": true, "session": null, "apiKey": null});
    assert_eq!(body["data"]["viewer"], viewer);
    // What is left of a session from other times does no harm.
    assert_eq!(status(&server, "rollcall=left"), 200);
    let left = [("cookie", "rollcall=left")];
    assert_eq!(server.post_as(&left, ASK, json!({})).status(), 200);
}

/// Every path that takes a key takes the cookie, under the same conditions.
#[test]
fn the_cookie_counts_only_for_pages_of_the_server() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["console", "--scope", "admin"]);
    let server = Server::start(&database);
    let cookie = sign_in(&server, &key);
    let own = format!("http://{}", server.address);
    let create = "mutation { createImport(input: {kind: SUBSCRIBERS}) { import { uploadUrl } } }";
    let upload = ask(&server, &cookie, create);
    let upload = upload.body()["data"]["createImport"]["import"]["uploadUrl"].clone();
    let upload = upload.as_str().expect("a path");
    let query = json!({ "query": "{ __typename }" }).to_string();
    let json = ("content-type", "application/json");
    let csv = ("content-type", "text/csv");
    let requests = [
        (Method::POST, "/graphql", vec![json], query.as_str(), 200),
        (
            Method::GET,
            "/graphql?query=%7B__typename%7D",
            vec![],
            "",
            200,
        ),
        (Method::GET, "/export/subscribers", vec![], "", 200),
        (
            Method::PUT,
            upload,
            vec![csv],
            "email\nona@example.com\n",
            202,
        ),
    ];
    for (method, path, headers, body, accepted) in requests {
        let ask = |more: &[(&str, &str)]| {
            let cookie = [("cookie", cookie.as_str())];
            let headers = [&headers, more, &cookie].concat();
            send(&server, method.clone(), path, &headers, body)
        };
        for refused in [
            vec![],
            vec![MARK],
            vec![MARK, ("sec-fetch-site", "cross-site")],
            vec![MARK, ("sec-fetch-site", "same-site")],
            vec![MARK, ("sec-fetch-site", "none")],
            vec![MARK, ("origin", "http://localhost:3000")],
        ] {
            let answer = ask(&refused);
            assert_eq!(answer.status(), 403, "{path} {refused:?}");
            assert!(answer.body().contains("X-Rollcall-Console"), "{answer:?}");
        }
        // The plain cookie is for pages of this machine: to others it is as if it were not there.
        for origin in ["https://evil.example", "null"] {
            let answer = ask(&[MARK, ("origin", origin)]);
            assert_eq!(answer.status(), 401, "{path} {origin}");
        }
        if path != "/graphql" {
            assert_eq!(ask(&[SAME]).status(), 403, "{path}: no body and no mark");
        }
        let origin = ("origin", own.as_str());
        let answer = ask(&[MARK, origin]);
        assert_eq!(answer.status(), accepted, "{path}: {answer:?}");
        if method != Method::PUT {
            assert_eq!(ask(&[MARK, SAME]).status(), accepted, "{path}");
        }
    }
    let json_alone = [SAME, ("cookie", cookie.as_str())];
    assert_eq!(server.post_as(&json_alone, ASK, json!({})).status(), 200);
    // What a form of a page can send.
    for form in [
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/plain",
    ] {
        let headers = [SAME, ("content-type", form), ("cookie", cookie.as_str())];
        let answer = send(&server, Method::POST, "/graphql", &headers, &query);
        assert_eq!(answer.status(), 403, "{form}");
    }
    // A key that comes itself counts, whatever cookie comes along.
    let bearer = format!("Bearer {key}");
    let both = [
        ("authorization", bearer.as_str()),
        ("cookie", cookie.as_str()),
    ];
    assert_eq!(server.post_as(&both, ASK, json!({})).status(), 200);
    let unknown = format!("Bearer {}", unknown_key(1));
    let both = [
        SAME,
        MARK,
        ("authorization", unknown.as_str()),
        ("cookie", cookie.as_str()),
    ];
    assert_eq!(server.post_as(&both, ASK, json!({})).status(), 401);
}

#[test]
fn a_web_socket_takes_the_cookie_of_a_page_of_its_host() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["console", "--scope", "read"]);
    let server = Server::start(&database);
    let cookie = sign_in(&server, &key);
    let own = format!("http://{}", server.address);
    let open = |headers: &[(&str, &str)]| {
        let headers = [&[PROTOCOL, ("cookie", cookie.as_str())], headers].concat();
        let mut socket = Socket::connect(&server, &headers)?;
        socket.send(json!({"type": "connection_init"}));
        Ok::<Socket, u16>(socket)
    };
    for headers in [
        vec![("origin", own.as_str())],
        vec![("origin", own.as_str()), SAME],
    ] {
        let mut socket = open(&headers).expect("opened");
        assert_eq!(socket.receive(), json!({"type": "connection_ack"}));
        socket.subscribe("1", ASK, json!({}));
        assert_eq!(socket.next("1"), json!({"subscribers": {"totalCount": 0}}));
    }
    // Pages of other ports of this machine may open sockets, for which they need a key of their own.
    let neighbour = ("origin", "http://localhost:3000");
    let same_site = ("sec-fetch-site", "same-site");
    for headers in [
        vec![],
        vec![MARK],
        vec![SAME],
        vec![neighbour],
        vec![neighbour, SAME],
        vec![("origin", own.as_str()), same_site],
    ] {
        let mut socket = open(&headers).expect("opened");
        assert_eq!(socket.wait_for_close().0, 4403, "{headers:?}");
    }
    let foreign = open(&[("origin", "https://evil.example"), MARK]);
    assert_eq!(foreign.err(), Some(403));
}

#[test]
fn signing_out_ends_the_session_everywhere() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["console", "--scope", "read"]);
    let servers = [Server::start(&database), Server::start(&database)];
    let cookie = sign_in(&servers[0], &key);
    let other = sign_in(&servers[0], &key);
    assert_eq!(status(&servers[1], &cookie), 200);
    let sign_out = |headers: &[(&str, &str)]| {
        let headers = [headers, &[("cookie", cookie.as_str())]].concat();
        send(&servers[0], Method::DELETE, "/session", &headers, "")
    };
    // A page of another site signs nobody out.
    assert_eq!(sign_out(&[SAME]).status(), 403);
    assert_eq!(
        sign_out(&[MARK, ("sec-fetch-site", "cross-site")]).status(),
        403
    );
    assert_eq!(status(&servers[0], &cookie), 200);
    let answer = sign_out(&[SAME, MARK]);
    assert_eq!(answer.status(), 204);
    assert_eq!(
        cookies_of(&answer),
        [
            "__Host-rollcall=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict",
            "rollcall=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
        ]
    );
    assert_eq!(status(&servers[0], &cookie), 401, "at once");
    eventually("the other server knows", || {
        status(&servers[1], &cookie) == 401
    });
    assert_eq!(status(&servers[1], &other), 200, "other sessions stay");
    assert_eq!(sign_out(&[SAME, MARK]).status(), 204, "it is so already");
    let nothing = send(&servers[0], Method::DELETE, "/session", &[], "");
    assert_eq!(nothing.status(), 204);
    assert_eq!(database.ask("SELECT count(*) FROM sessions"), "1");
}

#[test]
fn a_session_ends_with_its_key() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["console", "--scope", "read"]);
    let lasting = create_key(&database, &["lasting", "--scope", "read"]);
    let server = Server::start(&database);
    let (cookie, other) = (sign_in(&server, &key), sign_in(&server, &lasting));
    let origin = format!("http://{}", server.address);
    let headers = [PROTOCOL, ("cookie", cookie.as_str()), ("origin", &origin)];
    let mut socket = Socket::connect(&server, &headers).expect("opened");
    socket.send(json!({"type": "connection_init"}));
    assert_eq!(socket.receive(), json!({"type": "connection_ack"}));
    socket.subscribe("1", "subscription { refreshProgress { id } }", json!({}));
    revoke(&database, &key);
    assert_eq!(socket.wait_for_close(), (4403, "Forbidden".to_owned()));
    eventually("the session ends", || status(&server, &cookie) == 401);
    assert_eq!(database.ask("SELECT count(*) FROM sessions"), "1");
    assert_eq!(status(&server, &other), 200);
    revoke(&database, &lasting);
    assert!(key_command(&database, &["clear"]).status.success());
    assert_eq!(database.ask("SELECT count(*) FROM sessions"), "0");
    // The server knows of no key, and takes the next one at once. An expired key ends its sessions without a word.
    eventually("the server opens", || server.post(ASK, json!({})).0 == 200);
    let short = ["short", "--scope", "read", "--expires-in", "5s"];
    let short = create_key(&database, &short);
    let cookie = sign_in(&server, &short);
    assert_eq!(status(&server, &cookie), 200);
    eventually("the key expires", || status(&server, &cookie) == 401);
}

#[test]
fn a_session_that_is_signed_out_closes_its_sockets() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["console", "--scope", "read"]);
    let server = Server::start(&database);
    let cookie = sign_in(&server, &key);
    let origin = format!("http://{}", server.address);
    let headers = [PROTOCOL, ("cookie", cookie.as_str()), ("origin", &origin)];
    let mut socket = Socket::connect(&server, &headers).expect("opened");
    socket.send(json!({"type": "connection_init"}));
    assert_eq!(socket.receive(), json!({"type": "connection_ack"}));
    let headers = [SAME, MARK, ("cookie", cookie.as_str())];
    let answer = send(&server, Method::DELETE, "/session", &headers, "");
    assert_eq!(answer.status(), 204);
    assert_eq!(socket.wait_for_close(), (4403, "Forbidden".to_owned()));
}

#[test]
fn time_ends_sessions_of_a_running_server() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["console", "--scope", "read"]);
    let server = Server::start(&database);
    let cookie = sign_in(&server, &key);
    assert_eq!(status(&server, &cookie), 200);
    database.execute("UPDATE sessions SET last_used_at = last_used_at - interval '12 hours'");
    eventually("it was idle for too long", || {
        status(&server, &cookie) == 401
    });
    database.execute("UPDATE sessions SET last_used_at = now()");
    eventually("it is used", || status(&server, &cookie) == 200);
    database.execute("UPDATE sessions SET started_at = started_at - interval '7 days'");
    eventually("it is too old", || status(&server, &cookie) == 401);
}

#[test]
fn the_last_use_of_a_session_is_noted() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["console", "--scope", "read"]);
    let first = Server::start(&database);
    let cookie = sign_in(&first, &key);
    database.execute("UPDATE sessions SET last_used_at = last_used_at - interval '1 hour'");
    assert_eq!(status(&first, &cookie), 200);
    let is_now = "SELECT now() - last_used_at < '1 minute' FROM sessions";
    eventually("the use is noted", || database.ask(is_now) == "true");
}

#[test]
fn signing_in_again_replaces_the_session_of_the_browser() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["console", "--scope", "read"]);
    let server = Server::start(&database);
    let cookie = sign_in(&server, &key);
    let headers = [SAME, MARK, ("cookie", cookie.as_str())];
    assert_eq!(sign_in_with(&server, &key, &headers).status(), 204);
    assert_eq!(database.ask("SELECT count(*) FROM sessions"), "1");
    eventually("the old one has ended", || status(&server, &cookie) == 401);
    // A page of another site replaces none.
    let headers = [MARK, ("cookie", cookie.as_str())];
    assert_eq!(sign_in_with(&server, &key, &headers).status(), 204);
    assert_eq!(database.ask("SELECT count(*) FROM sessions"), "2");
}

#[test]
fn signing_in_costs() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["console", "--scope", "read"]);
    let settings = ["--database-url", &database.url, "--rate-limit", "250"];
    let server = Server::start_with(&settings);
    let statuses = [(); 3].map(|()| sign_in_with(&server, &key, &[]).status().as_u16());
    assert_eq!(statuses, [204, 204, 429]);
}

#[test]
fn no_log_holds_the_token_of_a_session() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["console", "--scope", "read"]);
    let serve = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--database-url",
        &database.url,
    ];
    let server = Server::spawn(rollcall(&serve).env("ROLLCALL_LOG", "rollcall=trace,info"));
    let cookie = sign_in(&server, &key);
    assert_eq!(status(&server, &cookie), 200);
    let foreign = [("cookie", cookie.as_str())];
    assert_eq!(server.post_as(&foreign, ASK, json!({})).status(), 403);
    let finished = server.interrupt();
    let token = cookie.strip_prefix("rollcall=").expect("a token");
    assert!(!finished.stderr.contains(&token[8..24]), "{finished}");
    assert!(!finished.stderr.is_empty(), "there is a log");
}
