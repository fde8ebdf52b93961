//! What linters, compilers and graphql-js say of the schema.

use crate::support::{Server, TestDatabase, Workshop};
use serde_json::Value;

#[test]
fn linters_find_nothing_but_what_is_excused() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let printed = workshop.node("lint.mjs", &["schema.graphql"]).succeeded();
    assert_eq!(printed, "");
    // They do find something where there is something.
    let bad = "type Query { bad_name: FooConnection } type FooConnection { nodes: Int }";
    std::fs::write(workshop.path().join("bad.graphql"), bad).expect("a file");
    let printed = workshop.node("lint.mjs", &["bad.graphql"]).succeeded();
    for rule in [
        "fields-are-camel-cased",
        "relay-connection-types-spec",
        "require-description",
        "relay-connection-types:",
    ] {
        assert!(printed.contains(rule), "{rule}: {printed}");
    }
}

#[test]
fn graphql_js_sees_the_committed_schema_and_valid_operations() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let url = format!("http://{}/graphql", server.address);
    let printed = workshop
        .node(
            "schema.mjs",
            &[&url, "schema.graphql", "operations", "examples"],
        )
        .succeeded();
    let said: Value = serde_json::from_str(&printed).expect("JSON");
    assert!(said["operations"].as_u64() >= Some(28), "{said}");
}

#[test]
fn relay_compiles_pages_refetches_and_mutations() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop
        .node("relay-compiler", &["relay.config.json"])
        .succeeded();
    let made = |name: &str| {
        let path = format!("relay/__generated__/{name}.graphql.ts");
        let text = std::fs::read_to_string(workshop.path().join(path));
        text.unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    // Queries that Relay writes by itself, through `node(id:)` and from the root.
    for name in [
        "MembersPaginationQuery",
        "MembersEventsPaginationQuery",
        "MembersEverybodyPaginationQuery",
        "PersonRefetchQuery",
    ] {
        assert!(
            made(name).contains("kind: \"Request\"")
                || made(name).contains("\"kind\": \"Request\"")
        );
    }
    for name in [
        "ChangesMakeGroupMutation",
        "ChangesDeleteGroupMutation",
        "ChangesComesAndGoesSubscription",
    ] {
        made(name);
    }
}

#[test]
fn nothing_of_the_last_release_is_broken() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop
        .node(
            "graphql-inspector",
            &["diff", "released.graphql", "schema.graphql"],
        )
        .succeeded();
    // It does see a breaking change.
    let schema = std::fs::read_to_string(workshop.path().join("schema.graphql")).expect("a schema");
    let broken = schema.replacen("totalCount: Int!", "total: Int!", 1);
    std::fs::write(workshop.path().join("broken.graphql"), broken).expect("a file");
    let diff = workshop.node(
        "graphql-inspector",
        &["diff", "released.graphql", "broken.graphql"],
    );
    assert_eq!(diff.status.code(), Some(1), "{diff}");
    assert!(diff.to_string().contains("totalCount"), "{diff}");
}
