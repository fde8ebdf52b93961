//! Statuses, media types and headers of GraphQL over HTTP.

use super::{Client, GRAPHQL};
use crate::support::{Server, TestDatabase};
use serde_json::{Value, json};

const JSON: &str = "application/json";

/// Requests that are not executed: the body, and the statuses for clients of graphql-response+json and of JSON only,
/// first by established codes and then by those of the draft.
fn unexecuted() -> Vec<(Value, [u16; 4], &'static str)> {
    let missing = "query ($id: ID!) { node(id: $id) { id } }";
    vec![
        (
            json!({"query": "{"}),
            [400, 200, 400, 400],
            "GRAPHQL_PARSE_FAILED",
        ),
        (
            json!({"query": ""}),
            [400, 200, 400, 400],
            "GRAPHQL_PARSE_FAILED",
        ),
        (
            json!({"query": "{ people }"}),
            [400, 200, 422, 422],
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({"query": missing}),
            [400, 200, 422, 422],
            "BAD_USER_INPUT",
        ),
        (
            json!({"query": missing, "variables": {"id": [1]}}),
            [400, 200, 422, 422],
            "BAD_USER_INPUT",
        ),
        (
            json!({"query": "query a { __typename } query b { __typename }"}),
            [400, 200, 422, 422],
            "OPERATION_RESOLUTION_FAILURE",
        ),
        (
            json!({"query": "{ __typename }", "operationName": "b"}),
            [400, 200, 422, 422],
            "OPERATION_RESOLUTION_FAILURE",
        ),
        (json!({}), [400, 400, 400, 400], "BAD_REQUEST"),
        (json!({"query": 1}), [400, 400, 422, 422], "BAD_REQUEST"),
        (json!([]), [400, 400, 422, 422], "BAD_REQUEST"),
        (
            json!({"query": "{ __typename }", "variables": []}),
            [400, 400, 422, 422],
            "BAD_REQUEST",
        ),
        (
            json!({"query": "{ __typename }", "extensions": 1}),
            [400, 400, 422, 422],
            "BAD_REQUEST",
        ),
        (
            json!({"query": "subscription { refreshProgress { id } }"}),
            [405, 405, 405, 405],
            "WRONG_WAY",
        ),
    ]
}

#[test]
fn what_is_not_executed_says_so_by_its_status_and_has_no_data() {
    let database = TestDatabase::new();
    let established = Server::start(&database);
    let url = ["--database-url", &database.url];
    let draft = Server::start_with(&[url[0], url[1], "--status-codes", "draft"]);
    let clients = [Client::new(&established), Client::new(&draft)];
    for (body, statuses, code) in unexecuted() {
        let mut found = Vec::new();
        for client in &clients {
            for accept in [GRAPHQL, JSON] {
                let headers = [("content-type", JSON), ("accept", accept)];
                let answer = client.post(&body.to_string(), &headers);
                assert_eq!(answer.code(), code, "{body}: {}", answer.text);
                assert_eq!(answer.json().get("data"), None, "{body}");
                assert!(answer.header("content-type").starts_with(accept), "{body}");
                found.push(answer.status);
            }
        }
        assert_eq!(found, statuses, "{body}");
    }
}

#[test]
fn answers_with_errors_keep_their_data() {
    let database = TestDatabase::new();
    let established = Server::start(&database);
    let url = ["--database-url", &database.url];
    let draft = Server::start_with(&[url[0], url[1], "--status-codes", "draft"]);
    for (server, partial) in [(&established, 200), (&draft, 294)] {
        let client = Client::new(server);
        let whole = client.ask(&json!({"query": "{ __typename }"}));
        assert_eq!(
            (whole.status, whole.text.as_str()),
            (200, r#"{"data":{"__typename":"Query"}}"#)
        );
        let some = client.ask(&json!({"query": "{ __typename subscriber { id } }"}));
        assert_eq!(some.status, partial);
        assert_eq!(
            some.json()["data"],
            json!({"__typename": "Query", "subscriber": null})
        );
        let none = client.ask(&json!({"query": "{ subscribers(first: 1000) { totalCount } }"}));
        assert_eq!(none.status, partial);
        assert_eq!(none.json().get("data"), Some(&Value::Null));
        assert_eq!(none.code(), "BAD_USER_INPUT");
    }
}

#[test]
fn forms_of_answers() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    let body = r#"{"query": "{ __typename }"}"#;
    for (accept, content_type) in [
        (None, "application/json; charset=utf-8"),
        (Some("*/*"), "application/json; charset=utf-8"),
        (
            Some(GRAPHQL),
            "application/graphql-response+json; charset=utf-8",
        ),
        (
            Some("application/graphql-response+json,application/json;q=0.9"),
            "application/graphql-response+json; charset=utf-8",
        ),
    ] {
        let mut headers = vec![("content-type", JSON)];
        headers.extend(accept.map(|accept| ("accept", accept)));
        // This client of ours would add one of its own.
        let answer = client.post(body, &headers);
        assert_eq!(answer.status, 200, "{accept:?}");
        assert_eq!(answer.header("content-type"), content_type, "{accept:?}");
    }
    let answer = client.post(body, &[("content-type", JSON), ("accept", "text/html")]);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (406, "BAD_REQUEST")
    );
    let request = client.agent.get(format!(
        "{}?query=%7B__schema%7Btypes%7Bname%7D%7D%7D",
        client.url
    ));
    let zipped = request
        .header("accept-encoding", "gzip")
        .call()
        .expect("an answer");
    assert_eq!(zipped.headers()["content-encoding"], "gzip");
}

#[test]
fn what_is_brought_must_be_json_in_utf_8() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    let body = r#"{"query": "{ __typename }"}"#;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
    ] {
        let answer = client.post(body, &[("content-type", content_type)]);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (415, "BAD_REQUEST"),
            "{content_type}"
        );
        let answer = client.get("?query=%7B__typename%7D", &[("content-type", content_type)]);
        assert_eq!(answer.status, 415, "{content_type}");
    }
    let not_utf_8 = client
        .agent
        .post(&client.url)
        .content_type(JSON)
        .send(&b"{\"query\": \"\xff\"}"[..]);
    assert_eq!(not_utf_8.expect("an answer").status(), 400);
}

#[test]
fn get_asks_and_does_not_change() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    let get = |query: &str| client.get(query, &[("accept", GRAPHQL)]);
    let answer = get(
        "?query=query+Q(%24n:String!)%7B__type(name:%24n)%7Bname%7D%7D&variables=%7B%22n%22:%22Group%22%7D&operationName=Q&extensions=",
    );
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (200, r#"{"data":{"__type":{"name":"Group"}}}"#)
    );
    let answer = get("?query=query+a%7B__typename%7Dquery+b%7Bb:__typename%7D&operationName=b");
    assert_eq!(answer.text, r#"{"data":{"b":"Query"}}"#);
    for (query, status, code) in [
        ("", 400, "BAD_REQUEST"),
        ("?query=", 400, "BAD_REQUEST"),
        ("?query=%7B__typename%7D&variables=%7B", 400, "BAD_REQUEST"),
        ("?query=%7B__typename%7D&variables=1", 400, "BAD_REQUEST"),
        ("?query=mutation%7B__typename%7D", 405, "WRONG_WAY"),
        (
            "?query=query+a%7B__typename%7Dmutation+b%7B__typename%7D&operationName=b",
            405,
            "WRONG_WAY",
        ),
    ] {
        let answer = get(query);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{query}: {}",
            answer.text
        );
        if status == 405 {
            assert_eq!(answer.header("allow"), "POST");
        }
    }
    let stranger = client.get("?query=%7B__typename%7D", &[("host", "example.com")]);
    assert_eq!(
        (stranger.status, stranger.code().as_str()),
        (403, "FORBIDDEN")
    );
}

#[test]
fn requests_have_names() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    let name = |headers: &[(&str, &str)]| {
        client
            .get("?query=%7B__typename%7D", headers)
            .header("x-request-id")
            .to_owned()
    };
    assert_eq!(name(&[("x-request-id", "web-1:42")]), "web-1:42");
    let (one, other) = (name(&[]), name(&[("x-request-id", "not for a log <")]));
    assert_eq!((one.len(), other.len()), (36, 36));
    assert_ne!(one, other);
}

#[test]
fn what_fails_inside_shows_the_name_of_the_request_and_nothing_else() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    database.execute("ALTER TABLE groups RENAME TO secrets");
    let headers = [
        ("content-type", JSON),
        ("accept", GRAPHQL),
        ("x-request-id", "find-me"),
    ];
    let answer = client.post(r#"{"query": "{ groups { nodes { id } } }"}"#, &headers);
    let body = answer.json();
    assert_eq!(
        body["errors"][0]["extensions"],
        json!({"code": "INTERNAL_SERVER_ERROR", "requestId": "find-me"})
    );
    assert_eq!(
        body["errors"][0]["message"],
        "the server could not answer; its log says why"
    );
    let log = server.interrupt().stderr;
    let line = log.lines().find(|line| line.contains("find-me"));
    assert!(line.is_some_and(|line| line.contains("groups")), "{log}");
}

#[test]
fn what_takes_too_long_is_broken_off_with_its_statement() {
    let database = TestDatabase::new();
    let url = ["--database-url", &database.url];
    let server = Server::start_with(&[url[0], url[1], "--request-timeout", "1"]);
    let client = Client::new(&server);
    client.ask(
        &json!({"query": "mutation { createGroup(input: {key: \"a\"}) { userErrors { code } } }"}),
    );
    database.execute(
        "CREATE VIEW slow AS SELECT pg_sleep(60) IS NULL AS is_slow; ALTER TABLE groups RENAME TO kept; \
         CREATE VIEW groups AS SELECT kept.* FROM kept, slow",
    );
    let answer = client.ask(&json!({"query": "{ groups { nodes { id } } }"}));
    assert_eq!(answer.code(), "TIMEOUT", "{}", answer.text);
    let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%groups%' AND state = 'active' \
                   AND pid <> pg_backend_pid() AND datname = current_database() AND wait_event = 'PgSleep'";
    crate::support::eventually("the statement ends", || database.ask(running) == "0");
    assert_eq!(client.ask(&json!({"query": "{ __typename }"})).status, 200);
}
