//! The demo: its data, and the examples of GraphiQL that run over it.

use crate::support::{Server, Socket, TestApp, TestDatabase};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn load_demo(database: &TestDatabase) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .args(["demo", "--load-only", "--database-url", &database.url])
        .output()
        .expect("the program runs")
}

fn demo_app() -> TestApp {
    let database = TestDatabase::new();
    let output = load_demo(&database);
    assert!(output.status.success(), "{output:?}");
    TestApp::over(database, "1998-07-01T09:00:00Z", chrono_tz::UTC)
}

fn examples() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(root().join("web/graphiql/examples"))
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

#[test]
fn every_example_of_graphiql_answers_with_demo_data() {
    let app = demo_app();
    let examples = examples();
    assert!(examples.len() >= 6);
    for path in examples {
        let document = std::fs::read_to_string(&path).expect("a text");
        if document.contains("\nsubscription ") {
            check_subscription(&app, &document);
            continue;
        }
        let data = app.query(&document, json!({}));
        let text = data.to_string();
        assert!(
            text.contains("\"problems\":[]") || !text.contains("problems"),
            "{text}"
        );
        assert!(
            !text.contains("\"userErrors\":[{"),
            "{}: {text}",
            path.display()
        );
        assert!(text.len() > 90, "{}: {text}", path.display());
    }
    let data = app.query(
        "{ segments { nodes { key state } } active: segment(key: \"active-buyers\") { memberCount } }",
        json!({}),
    );
    let nodes = data["segments"]["nodes"].as_array().expect("a list");
    assert_eq!(
        nodes.len(),
        6,
        "five of the demo and the one that an example makes"
    );
    assert!(
        data["active"]["memberCount"]
            .as_u64()
            .is_some_and(|count| (100..2_000).contains(&count))
    );
}

/// Makes sure that a server accepts a subscription.
fn check_subscription(app: &TestApp, document: &str) {
    let server = Server::start(&app.database);
    let mut socket = Socket::open(&server);
    socket.subscribe("1", document, json!({}));
    socket.settle();
}

#[test]
fn a_second_start_finds_the_data_and_repeats_nothing() {
    let app = demo_app();
    app.mutate(
        "mutation { removeFromGroup(input: {group: \"listening-panel\", emails: [\"cdnow-0001@example.com\"]}) { userErrors { message } } }",
        json!({}),
    );
    let count = || {
        app.query(
            "{ subscribers { totalCount } groups { nodes { key memberCount } } refreshes { totalCount } \
               subscriber(email: \"cdnow-0001@example.com\") { eventTotals { count } } }",
            json!({}),
        )
    };
    let before = count();
    let output = load_demo(&app.database);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(count(), before);
}

#[test]
fn the_demo_refuses_a_database_with_other_people() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.subscriber("ona@example.com", json!({}));
    let output = load_demo(&app.database);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("subscribers that are not of the demo"),
        "{message}"
    );
    let data = app.query("{ subscribers { totalCount } }", json!({}));
    assert_eq!(data["subscribers"]["totalCount"], json!(1));
}
