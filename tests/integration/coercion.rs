//! Variables: defaults, null and directives, as the GraphQL specification coerces them.

use crate::support::{Server, Socket, TestApp, TestDatabase};
use serde_json::{Value, json};

/// Every place of a directive, with what follows the operation. `@D` stands for the directive.
const PLACES: [(&str, &str); 6] = [
    ("group(key: \"g\") { key @D name }", ""),
    ("group(key: \"g\") { ... @D { key } name }", ""),
    ("group(key: \"g\") { ... on Group @D { key } name }", ""),
    (
        "group(key: \"g\") { ...F @D name }",
        "fragment F on Group { key }",
    ),
    (
        "group(key: \"g\") { ...F }",
        "fragment F on Group { ...G name } fragment G on Group { key @D }",
    ),
    (
        "group(key: \"g\") { ...F name }",
        "fragment F on Group { ... { ... @D { key } } }",
    ),
];

/// Returns what a document answers under `group`, or the code of its error; nothing may be answered beside an error.
fn ask(app: &TestApp, document: &str, variables: &Value) -> Result<Value, Value> {
    let mut response = app.respond(document, variables.clone());
    let Some(errors) = response.get("errors") else {
        return Ok(response["data"]["group"].take());
    };
    assert_eq!(
        response.get("data"),
        None,
        "{document} {variables}: {errors}"
    );
    Err(errors[0]["extensions"]["code"].clone())
}

#[test]
fn directives_use_the_default_and_refuse_null() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.group("g", &[]);
    for (place, after) in PLACES {
        for directive in ["include", "skip"] {
            for default in [true, false] {
                for given in [
                    None,
                    Some(json!(true)),
                    Some(json!(false)),
                    Some(Value::Null),
                ] {
                    let condition = format!("@{directive}(if: $s)");
                    let document = format!(
                        "query($s: Boolean = {default}) {{ {} }} {}",
                        place.replace("@D", &condition),
                        after.replace("@D", &condition)
                    );
                    let variables = match &given {
                        Some(value) => json!({ "s": value }),
                        None => json!({}),
                    };
                    let found = ask(&app, &document, &variables);
                    let expected = match given {
                        Some(Value::Null) => Err(json!("BAD_USER_INPUT")),
                        given => {
                            let value = given.map_or(default, |given| given == json!(true));
                            let is_there = value == (directive == "include");
                            Ok(match is_there {
                                true => json!({"key": "g", "name": "g"}),
                                false => json!({"name": "g"}),
                            })
                        }
                    };
                    assert_eq!(found, expected, "{document} {variables}");
                }
            }
        }
    }
}

#[test]
fn both_directives_count() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.group("g", &[]);
    for (skip, include, is_there) in [
        (false, true, true),
        (true, true, false),
        (false, false, false),
        (true, false, false),
    ] {
        let document = format!(
            "query($skip: Boolean = {skip}, $include: Boolean = {include}) {{ group(key: \"g\") {{ name key @skip(if: $skip) @include(if: $include) }} }}"
        );
        let found = ask(&app, &document, &json!({})).expect("an answer");
        assert_eq!(found.get("key").is_some(), is_there, "{document}");
    }
}

#[test]
fn a_variable_without_default_cannot_be_a_condition_unless_it_is_never_null() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.group("g", &[]);
    let nullable = "query($s: Boolean) { group(key: \"g\") { key @include(if: $s) } }";
    let refused = ask(&app, nullable, &json!({"s": true}));
    assert_eq!(refused, Err(json!("GRAPHQL_VALIDATION_FAILED")));
    let required = "query($s: Boolean!) { group(key: \"g\") { key @include(if: $s) } }";
    let missing = ask(&app, required, &json!({}));
    assert_eq!(missing, Err(json!("BAD_USER_INPUT")));
}

#[test]
fn mutations_and_subscriptions_use_the_default_and_refuse_null() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let create = "mutation($s: Boolean = true, $key: String = \"made\") { \
         a: createGroup(input: {key: \"always\"}) { userErrors { code } } \
         b: createGroup(input: {key: $key}) @include(if: $s) { group { key } } }";
    for variables in [json!({"s": null}), json!({"key": null})] {
        let refused = app.respond(create, variables.clone());
        assert_eq!(refused.get("data"), None, "{variables}");
        let code = &refused["errors"][0]["extensions"]["code"];
        assert_eq!(code, "BAD_USER_INPUT", "{variables}");
    }
    let data = app.query("{ groups { totalCount } }", json!({}));
    assert_eq!(
        data["groups"]["totalCount"],
        json!(0),
        "nothing was executed"
    );
    let made = app.query(create, json!({}));
    assert_eq!(made["b"]["group"]["key"], json!("made"));

    let database = TestDatabase::new();
    let server = Server::start(&database);
    let mut socket = Socket::open(&server);
    server.post(
        "mutation { createGroup(input: {key: \"g\"}) { __typename } createImport(input: {kind: EVENTS}) { __typename } }",
        json!({}),
    );
    let (_, body) = server.post("{ imports { nodes { id } } }", json!({}));
    let id = body["data"]["imports"]["nodes"][0]["id"].clone();
    let document = "subscription($id: ID!, $s: Boolean = true) { importProgress(id: $id) { state kind @include(if: $s) } }";
    socket.subscribe("1", document, json!({ "id": id }));
    let told = socket.next("1");
    assert_eq!(
        told["importProgress"],
        json!({"state": "WAITING", "kind": "EVENTS"})
    );
    socket.subscribe("2", document, json!({ "id": id, "s": null }));
    let refused = socket.receive();
    assert_eq!(refused["type"], "error", "{refused}");
    assert_eq!(
        refused["payload"][0]["extensions"]["code"],
        "BAD_USER_INPUT"
    );
}

#[test]
fn defaults_stand_in_arguments_and_input_objects() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let document = "mutation($key: String = \"a\", $name: String = \"The name\", $values: SubscriberValuesInput = {firstName: \"Ona\", status: PENDING, customFields: {}}) { \
         createGroup(input: {key: $key, name: $name}) { group { key name } } \
         upsertSubscriber(input: {email: \"ona@example.com\", values: $values}) { subscriber { firstName status } } }";
    let data = app.query(document, json!({}));
    assert_eq!(
        data,
        json!({"createGroup": {"group": {"key": "a", "name": "The name"}},
               "upsertSubscriber": {"subscriber": {"firstName": "Ona", "status": "PENDING"}}})
    );
    let document = "query($first: Int = 1, $ids: [ID!] = [\"x\"]) { subscribers(first: $first) { nodes { email } } nodes(ids: $ids) { id } }";
    let data = app.query(document, json!({}));
    assert_eq!(data["subscribers"]["nodes"][0]["email"], "ona@example.com");
    assert_eq!(data["nodes"], json!([null]));
}

/// Large pages within each other are too much for one request, unless they are left out.
#[test]
fn cost_and_execution_see_the_same_selections() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let pages = "subscribers(first: 250) { nodes { groups(first: 250) { nodes { key } } } }";
    for (document, default) in [
        (
            format!(
                "query($s: Boolean = DEFAULT) {{ __typename ... @include(if: $s) {{ {pages} }} }}"
            ),
            "false",
        ),
        (
            format!(
                "query($s: Boolean = DEFAULT) {{ __typename ...F @skip(if: $s) }} fragment F on Query {{ {pages} }}"
            ),
            "true",
        ),
    ] {
        let left_out = document.replace("DEFAULT", default);
        let response = app.respond(&left_out, json!({}));
        assert_eq!(
            response["data"],
            json!({"__typename": "Query"}),
            "{response}"
        );
        let wanted = json!({ "s": default != "true" });
        let response = app.respond(&left_out, wanted);
        assert_eq!(response["errors"][0]["extensions"]["code"], "TOO_COMPLEX");
    }
    let pages = "query($n: Int = 250) { subscribers(first: $n) { nodes { groups(first: $n) { nodes { members(first: $n) { nodes { id } } } } } } }";
    let response = app.respond(pages, json!({}));
    assert_eq!(response["errors"][0]["extensions"]["code"], "TOO_COMPLEX");
    assert_eq!(app.respond(pages, json!({"n": 1})).get("errors"), None);
}
