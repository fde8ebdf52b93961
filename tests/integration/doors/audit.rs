//! The checks of graphql-cop (<https://github.com/dolevf/graphql-cop>), asked as it asks them. Each tells whether it has
//! found something.

use super::{begin, read_answer, start};
use crate::support::{Server, TestDatabase};
use serde_json::{Value, json};

/// Sends a body as graphql-cop does, and returns what came back as JSON; null if it was none.
fn post(server: &Server, media_type: &str, body: &str) -> Value {
    let headers = format!(
        "Content-Type: {media_type}\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    body_of(&read_answer(&mut begin(
        server,
        "POST /graphql",
        &headers,
        body.as_bytes(),
    )))
}

fn get(server: &Server, query: &str, headers: &str) -> Value {
    let line = format!("GET /graphql{query}");
    let headers = format!("{headers}Connection: close\r\n");
    body_of(&read_answer(&mut begin(server, &line, &headers, b"")))
}

fn body_of(answer: &str) -> Value {
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    serde_json::from_str(body.unwrap_or_default()).unwrap_or_default()
}

fn ask(server: &Server, document: &str) -> Value {
    let body = json!({ "operationName": "cop", "query": document });
    post(server, "application/json", &body.to_string())
}

fn is_query(answer: &Value) -> bool {
    answer["data"]["__typename"] == "Query"
}

fn aliases(server: &Server) -> bool {
    let aliases: String = (0..101)
        .map(|one| format!("alias{one}:__typename \n"))
        .collect();
    let answer = ask(server, &format!("query cop {{ {aliases} }}"));
    answer["data"]["alias100"] == "Query"
}

fn batches(server: &Server) -> bool {
    let one = json!({ "operationName": "cop", "query": "query cop { __typename }" });
    let batch = Value::Array(vec![one; 10]);
    post(server, "application/json", &batch.to_string()).is_array()
}

fn directives(server: &Server) -> bool {
    let answer = ask(
        server,
        &format!("query cop {{ __typename {} }}", "@aa".repeat(10)),
    );
    answer["errors"]
        .as_array()
        .is_some_and(|errors| errors.len() == 10)
}

fn circular_introspection(server: &Server) -> bool {
    let answer = ask(
        server,
        "query cop { __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
    );
    answer["data"]["__schema"]["types"]
        .as_array()
        .is_some_and(|types| types.len() > 25)
}

fn repeated_fields(server: &Server) -> bool {
    let repeated = "__typename \n".repeat(500);
    is_query(&ask(server, &format!("query cop {{ {repeated} }}")))
}

fn suggestions(server: &Server) -> bool {
    let answer = ask(server, "query cop { __schema { directive } }");
    answer["errors"]
        .to_string()
        .to_lowercase()
        .contains("did you mean")
}

fn introspection(server: &Server) -> bool {
    let answer = ask(
        server,
        "query cop { __schema { types { name fields { name } } } }",
    );
    answer["data"]["__schema"]["types"].is_array()
}

fn queries_by_get(server: &Server) -> bool {
    is_query(&get(server, "?query=query+cop+%7B__typename%7D", ""))
}

fn queries_by_get_across_sites(server: &Server) -> bool {
    let headers = "Sec-Fetch-Site: cross-site\r\n";
    is_query(&get(server, "?query=query+cop+%7B__typename%7D", headers))
}

fn mutations_by_get(server: &Server) -> bool {
    let answer = get(server, "?query=mutation+cop+%7B__typename%7D", "");
    answer["data"]["__typename"] == "Mutation"
}

fn forms(server: &Server) -> bool {
    let form = "query=query+cop+%7B__typename%7D";
    is_query(&post(server, "application/x-www-form-urlencoded", form))
}

fn explorers(server: &Server) -> bool {
    ["/graphql", "/graphql?query=%7B__typename%7D"]
        .iter()
        .any(|path| {
            let headers = "Accept: text/html\r\nConnection: close\r\n";
            let answer = read_answer(&mut begin(server, &format!("GET {path}"), headers, b""));
            let answer = answer.to_lowercase();
            ["graphiql.min", "graphql playground", "<html", "altair"]
                .iter()
                .any(|sign| answer.contains(sign))
        })
}

fn traces(server: &Server) -> bool {
    let answer = ask(server, "query cop { __typename }");
    answer.to_string().contains("tracing") || !answer["extensions"].is_null()
}

fn unhandled_errors(server: &Server) -> bool {
    let answer = ask(server, "qwerty cop { abc }");
    assert!(answer["errors"].is_array(), "{answer}");
    answer.to_string().to_lowercase().contains("exception")
}

type Check = fn(&Server) -> bool;

const CHECKS: [(&str, Check); 14] = [
    ("alias overloading", aliases),
    ("batches", batches),
    ("directive overloading", directives),
    ("circular introspection", circular_introspection),
    ("field duplication", repeated_fields),
    ("field suggestions", suggestions),
    ("introspection", introspection),
    ("queries by GET", queries_by_get),
    ("queries by GET across sites", queries_by_get_across_sites),
    ("mutations by GET", mutations_by_get),
    ("queries as forms", forms),
    ("an explorer at the endpoint", explorers),
    ("traces", traces),
    ("unhandled errors", unhandled_errors),
];

fn findings(server: &Server) -> Vec<&'static str> {
    let found = CHECKS.iter().filter(|(_, check)| check(server));
    found.map(|(name, _)| *name).collect()
}

#[test]
fn an_audit_finds_only_what_was_chosen() {
    let database = TestDatabase::new();
    let open = start(&database, &[]);
    // Who may read the schema is also told how a name in it is spelled.
    assert_eq!(
        findings(&open),
        ["field suggestions", "introspection", "queries by GET"]
    );
    let closed = start(&database, &["--no-introspection"]);
    assert_eq!(findings(&closed), ["queries by GET"]);
}
