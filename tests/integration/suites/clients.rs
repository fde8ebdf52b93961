//! Clients that others wrote play one scenario against the real server.

use crate::support::{Server, TestDatabase, Workshop, python};
use serde_json::Value;
use std::process::Command;

#[track_caller]
fn check(printed: &str) {
    let line = printed.lines().last().unwrap_or_default();
    let said: Value = serde_json::from_str(line).expect("JSON");
    assert!(said["asked"].as_u64() >= Some(20), "{said}");
}

#[track_caller]
fn play(client: &str) {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let url = format!("http://{}/graphql", server.address);
    let script = format!("end-to-end/{client}.mjs");
    check(&workshop.node(&script, &[&url]).succeeded());
}

#[test]
fn apollo_client() {
    play("apollo");
}

#[test]
fn urql() {
    play("urql");
}

#[test]
fn graphql_ws() {
    play("graphql-ws");
}

#[test]
fn graphql_sse() {
    play("graphql-sse");
}

#[test]
fn graphql_ws_imports_a_list() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let url = format!("http://{}/graphql", server.address);
    let printed = workshop.node("end-to-end/import.mjs", &[&url]).succeeded();
    let said: Value = serde_json::from_str(&printed).expect("JSON");
    assert!(said["asked"].as_u64() >= Some(11), "{said}");
}

#[test]
fn gql_of_python() {
    let Some(python) = python() else {
        return;
    };
    let workshop = Workshop::without_packages();
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let url = format!("http://{}/graphql", server.address);
    let mut script = Command::new(python);
    script.args(["end-to-end/gql_client.py", &url]);
    check(&workshop.run(&mut script).succeeded());
}

#[test]
fn typed_operations_compile_and_run() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop
        .node("graphql-codegen", &["--config", "codegen.json"])
        .succeeded();
    workshop.node("tsc", &["--project", "typed"]).succeeded();
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let url = format!("http://{}/graphql", server.address);
    let printed = workshop.node("typed/compiled/run.js", &[&url]).succeeded();
    let ran: Vec<String> = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(ran, operations(&workshop), "every operation is run");
}

/// Returns the names of all operations of the fixtures, sorted.
fn operations(workshop: &Workshop) -> Vec<String> {
    let files = std::fs::read_dir(workshop.path().join("operations")).expect("operations");
    let mut names = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("a text");
        for line in text.lines() {
            let mut words = line.split([' ', '(']);
            if let (Some("query" | "mutation" | "subscription"), Some(name)) =
                (words.next(), words.next())
            {
                names.push(name.to_owned());
            }
        }
    }
    names.sort();
    names
}
