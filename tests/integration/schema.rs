//! The schema as clients see it.

use serde_json::Value;
use std::path::Path;

const UPDATE: &str = "cargo run -- schema > schema.graphql";

#[test]
fn schema_graphql_is_what_the_code_serves() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let served = rollcall::graphql::sdl();
    if committed == served {
        return;
    }
    let difference = committed
        .lines()
        .zip(served.lines())
        .enumerate()
        .find(|(_, (committed, served))| committed != served);
    match difference {
        Some((line, (committed, served))) => panic!(
            "schema.graphql differs from the code in line {}:\n  file: {committed}\n  code: {served}\nif the change is meant, run: {UPDATE}",
            line + 1
        ),
        None => panic!(
            "schema.graphql has another length than the code; if the change is meant, run: {UPDATE}"
        ),
    }
}

/// Calls `check` with the path and the description of everything that clients can read about.
fn for_each_description(introspected: &Value, mut check: impl FnMut(String, &Value)) {
    for described in introspected["types"].as_array().expect("a list") {
        let name = described["name"].as_str().expect("a name");
        // The scalars of the specification are described there.
        if name.starts_with("__") || ["ID", "String", "Int", "Float", "Boolean"].contains(&name) {
            continue;
        }
        check(name.to_owned(), &described["description"]);
        for list in ["fields", "inputFields", "enumValues"] {
            for field in described[list].as_array().into_iter().flatten() {
                let path = format!("{name}.{}", field["name"].as_str().expect("a name"));
                check(path.clone(), &field["description"]);
                for argument in field["args"].as_array().into_iter().flatten() {
                    let argument_name = argument["name"].as_str().expect("a name");
                    check(
                        format!("{path}({argument_name}:)"),
                        &argument["description"],
                    );
                }
            }
        }
    }
}

#[test]
fn everything_is_described() {
    let app = crate::support::TestApp::at("2026-06-15T12:00:00Z");
    let data = app.query(
        "{ __schema { types { name description fields { name description args { name description } } \
         inputFields { name description } enumValues { name description } } } }",
        serde_json::json!({}),
    );
    let mut bare = Vec::new();
    let mut count = 0;
    for_each_description(&data["__schema"], |path, description| {
        count += 1;
        if description
            .as_str()
            .is_none_or(|text| text.trim().is_empty())
        {
            bare.push(path);
        }
    });
    assert!(count > 300, "{count} descriptions were looked at");
    assert!(bare.is_empty(), "without a description: {bare:?}");
}
