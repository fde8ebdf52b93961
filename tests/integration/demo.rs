//! The demo and the documents that speak of it: examples that run, a README that tells the truth.

use crate::support::{Server, Socket, TestApp, TestDatabase};
use rollcall::graphql::ErrorCode;
use serde_json::{Value, json};
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
        message.contains("subscribers who are not of the demo"),
        "{message}"
    );
    let data = app.query("{ subscribers { totalCount } }", json!({}));
    assert_eq!(data["subscribers"]["totalCount"], json!(1));
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("a text")
}

/// Returns the code blocks of a language.
fn blocks<'r>(readme: &'r str, language: &str) -> Vec<&'r str> {
    let start = format!("```{language}\n");
    let blocks = readme.split(&start).skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn rules_and_questions_of_the_readme_work() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.group("staff", &[]);
    app.mutate(
        "mutation { createCustomField(input: {key: \"visits\", type: NUMBER}) { userErrors { message } } }",
        json!({}),
    );
    app.subscriber("ona@example.com", json!({}));
    let readme = readme();
    for block in blocks(&readme, "json") {
        let rule: Value = serde_json::from_str(block).expect("JSON");
        app.segment("active-buyers", rule);
    }
    app.refresh();
    let (copies, questions): (Vec<&str>, Vec<&str>) = blocks(&readme, "graphql")
        .into_iter()
        // The schema of another subgraph is no question.
        .filter(|question| !question.trim_start().starts_with("type "))
        .partition(|block| block.contains("copySegmentToGroup"));
    let copied = app.mutate(copies[0], json!({}));
    assert_eq!(copied["addedCount"], json!(0));
    assert_eq!(questions.len(), 5);
    let data = app.query(questions[0], json!({}));
    assert_eq!(data["segment"]["state"], json!("READY"));
    let data = app.query(questions[1], json!({}));
    assert_eq!(data["previewSegment"]["memberCount"], json!(1));
    assert_eq!(data["subscriber"]["explain"]["isMatch"], json!(false));
    let data = app.query(questions[2], json!({}));
    assert_eq!(data["segment"]["memberCount"], json!(0));
    assert_eq!(
        data["segment"]["changes"]["nodes"][0]["joinedCount"],
        json!(0)
    );
    check_subscription(&app, questions[3]);
    let payload = app.mutate(questions[4], json!({}));
    assert_eq!(payload["segment"]["mode"], json!("INSTANT"));
}

#[test]
fn settings_of_the_readme_are_those_of_the_program() {
    let output = Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .args(["serve", "--help"])
        .output()
        .expect("the program runs");
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    let readme = readme();
    let rows: Vec<Vec<&str>> = readme
        .lines()
        .filter(|line| line.starts_with("| `--"))
        .map(|line| {
            line.split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect()
        })
        .collect();
    assert!(rows.len() > 20, "the README has a table of flags");
    for row in &rows {
        assert!(help.contains(row[1]), "{} is not a flag", row[1]);
        assert!(help.contains(row[2]), "{} is not a variable", row[2]);
    }
    let flags = help
        .split_whitespace()
        .filter(|word| word.starts_with("--"));
    for flag in flags.map(|flag| flag.trim_end_matches([',', '.'])) {
        let is_known =
            ["--help", "--version"].contains(&flag) || rows.iter().any(|row| row[1] == flag);
        assert!(is_known, "{flag} is not in the README");
    }
}

#[test]
fn the_readme_lists_every_code() {
    let readme = readme();
    for code in ErrorCode::ALL {
        let row = format!("| `{}` | ", code.as_str());
        assert!(readme.contains(&row), "{row}");
    }
}

#[test]
fn the_readme_lists_every_node_and_test() {
    let readme = readme();
    for rule in [
        json!({"?": 1}),
        json!({"text": {"field": "x", "is": {"?": 1}}}),
        json!({"number": {"field": "x", "is": {"?": 1}}}),
        json!({"date": {"field": "x", "is": {"?": 1}}}),
        json!({"boolean": {"field": "x", "is": {"?": 1}}}),
        json!({"list": {"field": "x", "is": {"?": 1}}}),
        json!({"location": {"?": 1}}),
        json!({"group": {"?": 1}}),
        json!({"segment": {"?": 1}}),
        json!({"event": {"?": 1}}),
        json!({"random": {"?": 1}}),
    ] {
        let problems = rollcall::rule::parse_rule(&rule).expect_err("an unknown key");
        let known = problems[0].message.split('"').skip(1).step_by(2);
        for name in known.filter(|name| *name != "?") {
            assert!(
                readme.contains(&format!("`{name}`")),
                "the README lacks {name}"
            );
        }
    }
    for (field, _) in rollcall::rule::list_builtin_fields() {
        assert!(
            readme.contains(&format!("`{field}`")),
            "the README lacks {field}"
        );
    }
}
