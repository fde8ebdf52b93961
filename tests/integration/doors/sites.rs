//! Pages of other sites, caches, and servers that keep their schema back.

use super::{begin, create_import, read_answer, start, status};
use crate::keys::create_key;
use crate::support::TestDatabase;
use serde_json::json;

const QUERY: &str = "/graphql?query=%7B__typename%7D";
const DATA: [&str; 4] = [
    QUERY,
    "/export/subscribers",
    "/export/rule?rule=%7B%22everyone%22:true%7D",
    "/imports/SW1wb3J0OjE/problems.csv",
];

#[test]
fn pages_of_other_sites_get_nothing_from_a_server_without_keys() {
    let database = TestDatabase::new();
    let server = start(&database, &["--allow-origin", "https://app.example.com"]);
    create_import(&server, &[]);
    let ask = |path: &str, headers: &str| {
        let headers = format!("{headers}Connection: close\r\n");
        let answer = read_answer(&mut begin(&server, &format!("GET {path}"), &headers, b""));
        (status(&answer), answer)
    };
    for path in DATA {
        for navigation in [
            "",
            "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
        ] {
            let headers = format!("Sec-Fetch-Site: cross-site\r\n{navigation}");
            let (status, answer) = ask(path, &headers);
            assert_eq!(status, 403, "{path}: {answer}");
            assert!(
                answer.contains("FORBIDDEN") && answer.contains("--allow-origin"),
                "{answer}"
            );
        }
        let foreign = "Sec-Fetch-Site: cross-site\r\nOrigin: https://evil.example\r\n";
        assert_eq!(ask(path, foreign).0, 403, "{path}");
        let allowed = "Sec-Fetch-Site: cross-site\r\nOrigin: https://app.example.com\r\n";
        for headers in [
            "",
            "Sec-Fetch-Site: none\r\n",
            "Sec-Fetch-Site: same-origin\r\n",
            "Sec-Fetch-Site: same-site\r\n",
            allowed,
        ] {
            assert_eq!(ask(path, headers).0, 200, "{path} {headers}");
        }
    }
    // A link from elsewhere may lead to the explorer.
    assert_eq!(ask("/graphiql", "Sec-Fetch-Site: cross-site\r\n").0, 200);
}

#[test]
fn with_a_key_it_does_not_matter_where_a_page_is_from() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "read"]);
    let server = start(&database, &[]);
    let headers = format!(
        "Authorization: Bearer {key}\r\nSec-Fetch-Site: cross-site\r\nConnection: close\r\n"
    );
    let answer = read_answer(&mut begin(&server, &format!("GET {QUERY}"), &headers, b""));
    assert_eq!(status(&answer), 200, "{answer}");
}

#[test]
fn no_answer_with_data_is_kept_or_taken_for_something_else() {
    let database = TestDatabase::new();
    let server = start(&database, &[]);
    let (_, path) = create_import(&server, &[]);
    let query = json!({ "query": "{ __typename }" }).to_string();
    let json = format!(
        "Content-Type: application/json\r\nContent-Length: {}\r\n",
        query.len()
    );
    let stream = format!("Accept: text/event-stream\r\n{json}");
    let csv = "Content-Type: text/csv\r\nContent-Length: 6\r\n";
    let rule = "Content-Type: application/json\r\nContent-Length: 17\r\n";
    let requests: Vec<(String, &str, &str)> = DATA
        .iter()
        .map(|path| (format!("GET {path}"), "", ""))
        .chain([
            ("POST /graphql".to_owned(), json.as_str(), query.as_str()),
            ("POST /graphql".to_owned(), stream.as_str(), query.as_str()),
            (
                "POST /graphql".to_owned(),
                "Content-Type: text/plain\r\nContent-Length: 1\r\n",
                "x",
            ),
            ("DELETE /graphql".to_owned(), "", ""),
            ("GET /export/unknown".to_owned(), "", ""),
            (
                "GET /export/person?email=nobody@example.com".to_owned(),
                "",
                "",
            ),
            ("POST /export/rule".to_owned(), rule, r#"{"everyone":true}"#),
            (format!("PUT {path}"), csv, "email\n"),
            ("GET /health".to_owned(), "", ""),
            ("GET /elsewhere".to_owned(), "", ""),
        ])
        .collect();
    for (line, headers, body) in requests {
        let headers = format!("{headers}Connection: close\r\n");
        let answer = read_answer(&mut begin(&server, &line, &headers, body.as_bytes()));
        let (head, _) = answer.split_once("\r\n\r\n").expect("an answer");
        let head = head.to_ascii_lowercase();
        assert!(head.contains("cache-control: no-store"), "{line}: {head}");
        assert!(
            head.contains("x-content-type-options: nosniff"),
            "{line}: {head}"
        );
    }
    let explorer = read_answer(&mut begin(
        &server,
        "GET /graphiql",
        "Connection: close\r\n",
        b"",
    ));
    let explorer = explorer.to_ascii_lowercase();
    assert!(
        explorer.contains("cache-control: no-cache"),
        "it may be kept"
    );
}

#[test]
fn a_schema_that_is_kept_back_is_not_told_by_suggestions() {
    let database = TestDatabase::new();
    let closed = start(&database, &["--no-introspection"]);
    let open = start(&database, &[]);
    let mut suggested = 0;
    for document in [
        "{ __schema { directive } }",
        "{ __schema }",
        "{ __type }",
        "{ __typenam }",
        "{ subscibers { totalCount } }",
        "{ subscribers }",
        "{ subscribers(frist: 1) { totalCount } }",
        "{ subscribers(orderBy: EMIAL) { totalCount } }",
        "{ subscribers(first: 1) { nodes { emial } } }",
        "{ subscribers { nodes } }",
        "query ($a: Subscibers) { __typename }",
        "{ ... on Subscriberr { id } }",
        "{ __typename @skipp(if: true) }",
        "{ previewSegment(rule: {txet: {}}) { memberCount } }",
        "mutation { upsertSubscriber(input: {emial: \"a\"}) { userErrors { message } } }",
        "mutation { upsertSubscriber { userErrors { message } } }",
        "subscription { refreshProgres { id } }",
    ] {
        let told = |server: &crate::support::Server| {
            let (_, body) = server.post(document, json!({}));
            assert!(body["errors"].is_array(), "{document}: {body}");
            body["errors"].to_string().to_lowercase()
        };
        let errors = told(&closed);
        assert!(!errors.contains("did you mean"), "{document}: {errors}");
        suggested += usize::from(told(&open).contains("did you mean"));
    }
    assert!(suggested > 8, "an open server suggests: {suggested}");
}

#[test]
fn introspection_costs() {
    let database = TestDatabase::new();
    let server = start(&database, &["--rate-limit", "1000"]);
    let ask = || server.post("{ __schema { types { name } } }", json!({})).0;
    let answers: Vec<u16> = (0..10).map(|_| ask()).collect();
    assert_eq!(answers[0], 200);
    assert!(answers.contains(&429), "{answers:?}");
}
