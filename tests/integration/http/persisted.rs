//! Documents that are only named.

use super::Client;
use crate::support::{Server, TestDatabase, rollcall, run};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn extension(hash: &str) -> Value {
    json!({"persistedQuery": {"version": 1, "sha256Hash": hash}})
}

#[test]
fn clients_register_documents_by_their_hash() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    let document = "query Q($n: Int) { groups(first: $n) { totalCount } }";
    let named = json!({"extensions": extension(&hash(document)), "variables": {"n": 1}});
    let unknown = client.ask(&named);
    assert_eq!(
        (unknown.status, unknown.code().as_str()),
        (400, "PERSISTED_QUERY_NOT_FOUND")
    );
    assert_eq!(
        unknown.json()["errors"][0]["message"],
        "PersistedQueryNotFound"
    );
    let registered =
        client.ask(&json!({"query": document, "extensions": extension(&hash(document))}));
    assert_eq!(registered.status, 200);
    let answer = json!({"data": {"groups": {"totalCount": 0}}});
    assert_eq!(client.ask(&named).json(), answer);
    let id = format!("sha256:{}", hash(document));
    assert_eq!(client.ask(&json!({"documentId": id})).json(), answer);
    let by_get = client.get(&format!("?documentId={id}"), &[]);
    assert_eq!(by_get.json(), answer);

    let wrong =
        client.ask(&json!({"query": "{ __typename }", "extensions": extension(&hash("x"))}));
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "BAD_REQUEST"));
    for wrong in [
        json!({"version": 2, "sha256Hash": "x"}),
        json!({"version": 1}),
        json!(1),
    ] {
        let answer = client
            .ask(&json!({"query": "{ __typename }", "extensions": {"persistedQuery": wrong}}));
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "BAD_REQUEST"),
            "{wrong}"
        );
    }
    // What is not valid is not kept.
    let invalid = "{ nothing }";
    let refused = client.ask(&json!({"query": invalid, "extensions": extension(&hash(invalid))}));
    assert_eq!(refused.code(), "GRAPHQL_VALIDATION_FAILED");
    let named = client.ask(&json!({"extensions": extension(&hash(invalid))}));
    assert_eq!(named.code(), "PERSISTED_QUERY_NOT_FOUND");
}

#[test]
fn a_server_may_execute_only_the_documents_of_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    let (counted, named, asked) = (
        "{ groups { totalCount } }",
        "query A { __typename }",
        "query B { b: __typename }",
    );
    let with_line_end = format!("{counted}\n");
    write("count.graphql", &with_line_end);
    write("relay.json", &json!({"a-1": named}).to_string());
    write(
        "apollo.json",
        &json!({"format": "apollo", "operations": [{"id": "b-1", "body": asked}]}).to_string(),
    );
    write("notes.txt", "{ segments { totalCount } }");
    let database = TestDatabase::new();
    let path = folder.path().to_str().expect("a path");
    let server = Server::start_with(&["--database-url", &database.url, "--documents", path]);
    let client = Client::new(&server);
    let counts = json!({"data": {"groups": {"totalCount": 0}}});
    for body in [
        json!({"query": counted}),
        json!({"query": format!("  {counted}\n")}),
        json!({"documentId": format!("sha256:{}", hash(counted))}),
        json!({"documentId": format!("sha256:{}", hash(&with_line_end))}),
        json!({"query": counted, "extensions": extension(&hash(counted))}),
    ] {
        assert_eq!(client.ask(&body).json(), counts, "{body}");
    }
    assert_eq!(
        client.ask(&json!({"documentId": "a-1"})).json(),
        json!({"data": {"__typename": "Query"}})
    );
    assert_eq!(
        client.ask(&json!({"documentId": "b-1"})).json(),
        json!({"data": {"b": "Query"}})
    );
    for body in [
        json!({"query": "{ __typename }"}),
        json!({"query": "{ groups { totalCount nodes { id } } }"}),
        json!({"query": "{ segments { totalCount } }"}),
        json!({"documentId": "c-1"}),
        json!({"query": "{ __typename }", "extensions": extension(&hash("{ __typename }"))}),
        json!({"query": "{ __schema { queryType { name } } }"}),
        json!({}),
    ] {
        let answer = client.ask(&body);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "DOCUMENT_NOT_ALLOWED"),
            "{body}"
        );
    }
}

#[test]
fn a_folder_that_cannot_be_used_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = TestDatabase::new();
    let start = |path: &std::path::Path| {
        let mut command = rollcall(&[
            "serve",
            "--database-url",
            &database.url,
            "--listen",
            "127.0.0.1:0",
        ]);
        let finished = run(command.arg("--documents").arg(path));
        assert_eq!(finished.status.code(), Some(1), "{finished}");
        finished.stderr
    };
    assert!(start(folder.path()).contains("has no file that ends with .graphql, .gql or .json"));
    assert!(start(&folder.path().join("none")).contains("cannot be read"));
    std::fs::write(folder.path().join("a.json"), "[1]").expect("a file");
    assert!(start(folder.path()).contains("as Relay writes it"));
}
