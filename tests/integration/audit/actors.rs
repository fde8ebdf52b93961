//! Who: API keys, sessions, commands and servers; and what is recorded besides mutations.

use super::newest;
use crate::keys::signing_in::send;
use crate::keys::{create_key, revoke};
use crate::support::{Server, TestApp, TestDatabase, import_text, rollcall, run};
use rollcall::audience::api_key::{Access, Scope};
use serde_json::{Value, json};
use ureq::http::Method;

const JSON: (&str, &str) = ("content-type", "application/json");
const MAKE_SEGMENT: &str = "mutation ($key: String!) { createSegment(input: {key: $key, ruleJson: {everyone: true}}) { userErrors { message } } }";

fn make_segment(key: &str) -> String {
    json!({ "query": MAKE_SEGMENT, "variables": { "key": key } }).to_string()
}

/// Returns who wrote the first version of the rule of a segment, as the database has it.
fn author(database: &TestDatabase, key: &str) -> String {
    database.ask(&format!(
        "SELECT concat_ws(' ', written_by, written_by_name) FROM segment_definitions d JOIN segments s ON s.id = d.segment_id \
         WHERE s.key = '{key}' AND d.version = 1"
    ))
}

#[test]
fn keys_and_sessions_are_told_apart_with_the_address_and_the_request() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "admin"]);
    let bearer = format!("Bearer {key}");
    let server = Server::start(&database);
    let by_key = [JSON, ("authorization", &bearer), ("x-request-id", "one-1")];
    let answer = send(
        &server,
        Method::POST,
        "/graphql",
        &by_key,
        &make_segment("one"),
    );
    assert_eq!(answer.status(), 200, "{answer:?}");
    let told = "concat_ws(' ', actor, actor_name, api_key_id, api_key_prefix, peer, request_id, target, target_key)";
    let prefix = &key[..12];
    assert_eq!(
        newest(&database, "createSegment", told),
        format!("api_key shop 1 {prefix} 127.0.0.1 one-1 segment one")
    );
    assert_eq!(author(&database, "one"), "api_key shop");

    let signed_in = send(
        &server,
        Method::POST,
        "/session",
        &[("authorization", &bearer)],
        "",
    );
    assert_eq!(signed_in.status(), 204, "{signed_in:?}");
    let who = "concat_ws(' ', actor, actor_name, session_id, peer, target, target_id)";
    assert_eq!(
        newest(&database, "signIn", who),
        "session shop 1 127.0.0.1 api_key 1"
    );
    let cookie = signed_in.headers()["set-cookie"].to_str().expect("text");
    let cookie = cookie.split(';').next().expect("a cookie");
    let by_session = [JSON, ("cookie", cookie), ("sec-fetch-site", "same-origin")];
    let answer = send(
        &server,
        Method::POST,
        "/graphql",
        &by_session,
        &make_segment("two"),
    );
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(
        newest(
            &database,
            "createSegment",
            "concat_ws(' ', actor, actor_name, session_id)"
        ),
        "session shop 1"
    );
    assert_eq!(author(&database, "two"), "session shop");

    let answer = send(&server, Method::DELETE, "/session", &by_session, "");
    assert_eq!(answer.status(), 204, "{answer:?}");
    assert_eq!(newest(&database, "signOut", "session_id"), "1");
}

#[test]
fn writers_of_versions_are_told_by_the_api() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.segment("all", json!({"everyone": true}));
    app.database.execute(
        "INSERT INTO segment_definitions (segment_id, version, rule, created_at) SELECT id, 0, rule, created_at FROM segments",
    );
    let data = app.query(
        "{ segment(key: \"all\") { definitions { nodes { version writtenBy { kind name keyPrefix } } } } }",
        json!({}),
    );
    assert_eq!(
        data["segment"]["definitions"]["nodes"],
        json!([
            { "version": 1, "writtenBy": { "kind": "NOBODY", "name": null, "keyPrefix": null } },
            { "version": 0, "writtenBy": null },
        ])
    );
}

#[test]
fn who_wrote_a_version_is_named_to_admins_alone() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.segment("all", json!({"everyone": true}));
    app.database.execute(
        "UPDATE segment_definitions SET written_by = 'api_key', written_by_name = 'Shop of Ona', written_by_prefix = 'rck_abcdefgh'",
    );
    let told = |scope: Scope| {
        let access = Access {
            key_id: Some(1),
            session_id: None,
            scopes: [Scope::Read, scope].into_iter().collect(),
        };
        let data = app.respond_to(
            &access,
            "{ segment(key: \"all\") { definitions { nodes { writtenBy { kind name keyPrefix } } } } }",
            json!({}),
        );
        data["data"]["segment"]["definitions"]["nodes"][0]["writtenBy"].clone()
    };
    let named = json!({"kind": "API_KEY", "name": "Shop of Ona", "keyPrefix": "rck_abcdefgh"});
    assert_eq!(told(Scope::Admin), named);
    let unnamed = json!({"kind": "API_KEY", "name": null, "keyPrefix": null});
    assert_eq!(told(Scope::Read), unnamed);
    assert_eq!(told(Scope::Write), unnamed);
}

#[test]
fn refused_keys_and_scopes_are_counted() {
    let database = TestDatabase::new();
    let reader = create_key(&database, &["reader", "--scope", "read"]);
    let server = Server::start(&database);
    for _ in 0..3 {
        let headers = [
            JSON,
            (
                "authorization",
                "Bearer rck_0000000000000000000000000000000000000000",
            ),
        ];
        let answer = send(
            &server,
            Method::POST,
            "/graphql",
            &headers,
            &make_segment("x"),
        );
        assert_eq!(answer.status(), 401, "{answer:?}");
    }
    let bearer = format!("Bearer {reader}");
    for _ in 0..2 {
        let headers = [JSON, ("authorization", bearer.as_str())];
        let answer = send(
            &server,
            Method::POST,
            "/graphql",
            &headers,
            &make_segment("x"),
        );
        assert!(answer.body().contains("FORBIDDEN"), "{answer:?}");
    }
    // What was counted is written once a minute, and when the server stops.
    server.interrupt();
    let told = "concat_ws(' ', actor, actor_name, peer, count)";
    assert_eq!(newest(&database, "refuseKey", told), "nobody 127.0.0.1 3");
    assert_eq!(
        newest(&database, "refuseScope", told),
        "api_key reader 127.0.0.1 2"
    );
    assert_eq!(
        database.ask("SELECT count(*) FROM audit_log WHERE action LIKE 'refuse%'"),
        "2"
    );
}

#[test]
fn commands_that_write_are_recorded_with_the_user() {
    let database = TestDatabase::new();
    let user = run(std::process::Command::new("id").arg("-un"));
    let user = user.stdout.trim();
    let command = |arguments: &[&str]| {
        let (first, others) = arguments.split_first().expect("a command");
        let done = run(rollcall(&[first, "--database-url", &database.url]).args(others));
        assert!(done.status.success(), "{done}");
    };
    let told = |action: &str| newest(&database, action, "concat_ws(' ', actor, actor_name)");
    let expected = format!("command_line {user}");
    let key = create_key(&database, &["shop", "--scope", "read"]);
    assert_eq!(told("createApiKey"), expected);
    assert_eq!(newest(&database, "createApiKey", "fields"), "{name,scopes}");
    revoke(&database, &key[..12]);
    assert_eq!(told("revokeApiKey"), expected);
    command(&["key", "clear"]);
    assert_eq!(told("clearApiKeys"), expected);
    command(&["settings", "set", "keep_undo", "10"]);
    assert_eq!(told("updateSettings"), expected);
    assert_eq!(newest(&database, "updateSettings", "fields"), "{keepUndo}");
    command(&["refresh"]);
    assert_eq!(told("refreshSegments"), expected);
    command(&["export", "subscribers"]);
    assert_eq!(told("exportSubscribers"), expected);
    // Who may not write reads without an entry.
    let before = database.ask("SELECT count(*) FROM audit_log");
    command(&["key", "list"]);
    command(&["settings"]);
    assert_eq!(database.ask("SELECT count(*) FROM audit_log"), before);
}

#[test]
fn imports_and_exports_are_recorded() {
    let database = TestDatabase::new();
    let done = import_text(
        &database,
        "subscribers",
        "email,first_name\nona@example.com,Ona\n",
        &[],
    );
    assert!(done.status.success(), "{done}");
    let target = "concat_ws(' ', actor, target, target_id)";
    assert_eq!(
        newest(&database, "createImport", target),
        "command_line import 1"
    );
    assert_eq!(newest(&database, "endImport", target), "system import 1");
    let done = run(&mut rollcall(&[
        "export",
        "--database-url",
        &database.url,
        "person",
        "ona@example.com",
    ]));
    assert!(done.status.success(), "{done}");
    assert_eq!(
        newest(&database, "exportPerson", target),
        "command_line subscriber 1"
    );
    let server = Server::start(&database);
    let answer = send(
        &server,
        Method::GET,
        "/export/person?email=ona@example.com",
        &[],
        "",
    );
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(
        newest(&database, "exportPerson", target),
        "nobody subscriber 1"
    );
    let answer = send(
        &server,
        Method::GET,
        "/export/subscribers?columns=email,country",
        &[],
        "",
    );
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(
        newest(&database, "exportSubscribers", "fields"),
        "{email,country}"
    );
    let before = database.ask("SELECT max(id) FROM audit_log");
    let (_, answer) = server.post("{ subscribers { nodes { personalData } } }", json!({}));
    assert!(answer["errors"].is_null(), "{answer}");
    let asked = "concat_ws(' ', target, target_id, count)";
    assert_eq!(newest(&database, "exportPerson", asked), "subscriber 1");
    let after = database.ask("SELECT max(id) FROM audit_log");
    assert_ne!(before, after);
    let done = run(&mut rollcall(&[
        "import",
        "--database-url",
        &database.url,
        "undo",
        "1",
    ]));
    assert!(done.status.success(), "{done}");
    assert_eq!(
        newest(&database, "undoImport", target),
        "command_line import 1"
    );
    assert_eq!(
        newest(&database, "endUndoOfImport", target),
        "system import 1"
    );
    let marked: Value = database
        .ask("SELECT count(*) FROM audit_log a WHERE a::text ILIKE '%ona%' OR a::text LIKE '%@%'")
        .parse()
        .expect("a number");
    assert_eq!(marked, 0);
}
