//! However much is wrong, and however long it is: what is told of it is short, and counts the rest.

use super::{assert_answers, start};
use crate::support::{Server, TestDatabase, eventually, import_text};
use serde_json::{Value, json};

/// The most bytes that an answer about mistakes may have.
const SHORT: usize = 200_000;

/// Uploads a file and returns why its import failed.
fn import_fails(server: &Server, file: &str) -> String {
    let (id, path) = super::create_import(server, &[]);
    let sent = ureq::put(format!("http://{}{path}", server.address)).send(file.as_bytes());
    assert_eq!(sent.expect("an answer").status(), 202);
    let mut error = Value::Null;
    eventually("the import fails", || {
        let (_, body) = server.post(
            "query ($id: ID!) { import(id: $id) { error } }",
            json!({ "id": id }),
        );
        error = body["data"]["import"]["error"].clone();
        error.is_string()
    });
    error.as_str().unwrap_or_default().to_owned()
}

fn unknown_columns(count: usize) -> String {
    let columns: String = (0..count).map(|one| format!(",strange {one}")).collect();
    format!("email{columns}\nona@example.com\n")
}

#[test]
fn thousands_of_unknown_columns_are_counted() {
    let database = TestDatabase::new();
    let server = start(&database, &[]);
    let file = unknown_columns(4_999);
    let error = import_fails(&server, &file);
    assert!(error.len() < 30_000, "{} bytes", error.len());
    assert!(error.contains("strange 0"), "{error}");
    assert!(error.ends_with("… and 4,979 more"), "{error}");
    let done = import_text(&database, "subscribers", file, &[]);
    assert!(done.stderr.len() < 30_000, "{} bytes", done.stderr.len());
    assert!(
        done.stderr.contains("and 4,960 more columns"),
        "{}",
        done.stderr
    );
    assert_answers(&server);
}

#[test]
fn a_file_has_so_many_columns_and_no_more() {
    let database = TestDatabase::new();
    let server = start(&database, &[]);
    let file = unknown_columns(50_000);
    let error = import_fails(&server, &file);
    assert!(
        error.contains("expected at most 5000 columns, found 50001"),
        "{error}"
    );
    let done = import_text(&database, "subscribers", file, &[]);
    assert!(
        done.stderr.contains("at most 5000 columns, found 50001"),
        "{}",
        done.stderr
    );
    assert_answers(&server);
}

#[test]
fn long_names_and_values_are_not_told_whole() {
    let database = TestDatabase::new();
    let server = start(&database, &[]);
    let long = "x".repeat(300_000);
    let upsert = "mutation ($input: UpsertSubscriberInput!) { upsertSubscriber(input: $input) { userErrors { message path hint } } }";
    let email = "ona@example.com";
    for (document, variables) in [
        (format!("{{ {long} }}"), json!({})),
        (format!("{{ groups({long}: 1) {{ totalCount }} }}"), json!({})),
        (format!("query ($a: {long}) {{ __typename }}"), json!({})),
        (format!("{{ ...{long} }}"), json!({})),
        (format!("{{ groups(after: \"{long}\") {{ totalCount }} }}"), json!({})),
        ("query ($after: String) { groups(after: $after) { totalCount } }".to_owned(), json!({ "after": long })),
        ("query ($rule: JSON!) { previewSegment(ruleJson: $rule) { problems { path message hint } } }".to_owned(),
            json!({ "rule": { "text": { "field": long, "is": { long.as_str(): 1 } } } })),
        ("query ($rule: JSON!) { previewSegment(ruleJson: $rule) { problems { path message hint } } }".to_owned(),
            json!({ "rule": { long.as_str(): 1 } })),
        (upsert.to_owned(), json!({"input": {"email": long}})),
        (upsert.to_owned(), json!({"input": {"email": email, "values": {"country": long, "language": long, "timezone": long}}})),
        (upsert.to_owned(), json!({"input": {"email": email, "values": {"customFields": { long.as_str(): 1 }}}})),
        (upsert.to_owned(), json!({"input": {"email": email, long.as_str(): 1}})),
    ] {
        let beginning: String = document.chars().take(60).collect();
        let (_, body) = server.post(&document, variables);
        let text = body.to_string();
        assert!(text.len() < 10_000, "{beginning}: {} bytes", text.len());
        assert!(text.contains("message"), "{beginning}: {text}");
    }
    assert_answers(&server);
}

#[test]
fn many_mistakes_are_counted() {
    let database = TestDatabase::new();
    let server = start(&database, &[]);
    let many = |from: &str| {
        (0..5_000)
            .map(|one| format!("{from}{one} "))
            .collect::<String>()
    };
    let fields: serde_json::Map<String, Value> = (0..5_000)
        .map(|one| (format!("strange_{one}"), json!(1)))
        .collect();
    let conditions: Vec<Value> = (0..400)
        .map(|one| json!({"text": {"field": format!("strange_{one}"), "is": {"equals": "x"}}}))
        .collect();
    let upsert = "mutation ($fields: JSON) { upsertSubscriber(input: {email: \"ona@example.com\", values: {customFields: $fields}}) { userErrors { message } } }";
    for (document, variables, counted) in [
        (
            format!("{{ {} }}", many("x")),
            json!({}),
            Some("… and 4,980 more problems"),
        ),
        (
            upsert.to_owned(),
            json!({ "fields": fields }),
            Some("… and 4,900 more problems"),
        ),
        (
            "query ($rule: JSON!) { previewSegment(ruleJson: $rule) { problems { message } } }"
                .to_owned(),
            json!({ "rule": { "all": conditions } }),
            None,
        ),
    ] {
        let (_, body) = server.post(&document, variables);
        let text = body.to_string();
        let beginning: String = text.chars().take(500).collect();
        assert!(text.len() < SHORT, "{} bytes: {beginning}", text.len());
        assert!(text.contains("message"), "{beginning}");
        if let Some(counted) = counted {
            assert!(text.contains(counted), "{beginning}");
        }
    }
}
