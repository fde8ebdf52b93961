//! Rollcall as a subgraph of Apollo Federation.

use crate::support::{Finished, Server, TestApp, Workshop, rollcall, run};
use serde_json::{Value, json};

const ENTITIES: &str = "query ($representations: [_Any!]!) { _entities(representations: $representations) { \
     __typename ... on Subscriber { email country } ... on Group { key } ... on Segment { key memberCount } } }";

/// A server that is a subgraph, over an audience of so many people in one segment and one group.
fn subgraph(people: usize) -> (TestApp, Server, Vec<String>) {
    let mut app = TestApp::at("2026-06-15T12:00:00Z");
    let ids: Vec<String> = (0..people)
        .map(|number| app.subscriber(&format!("p{number}@example.com"), json!({"country": "LT"})))
        .collect();
    app.group("staff", &["p0@example.com"]);
    app.segment("all", json!({"everyone": true}));
    app.refresh();
    let server = Server::start_with(&["--database-url", &app.database.url, "--federation"]);
    app.become_subgraph();
    (app, server, ids)
}

#[test]
fn entities_are_found_by_each_of_their_keys() {
    let (app, server, ids) = subgraph(2);
    let data = app.query(
        "{ group(key: \"staff\") { id } segment(key: \"all\") { id } }",
        json!({}),
    );
    let (group, segment) = (&data["group"]["id"], &data["segment"]["id"]);
    let representations = json!([
        {"__typename": "Subscriber", "id": ids[1]},
        {"__typename": "Subscriber", "email": " P0@Example.com"},
        {"__typename": "Subscriber", "email": "nobody@example.com"},
        {"__typename": "Subscriber", "id": "no id"},
        {"__typename": "Subscriber", "id": group},
        {"__typename": "Group", "id": group},
        {"__typename": "Group", "key": "staff"},
        {"__typename": "Segment", "id": segment},
        {"__typename": "Segment", "key": "all", "other": 1},
        {"__typename": "Segment", "key": "none"},
        {"__typename": "Segment", "id": ids[1]},
    ]);
    let (status, body) = server.post(ENTITIES, json!({ "representations": representations }));
    let person = |email: &str| json!({"__typename": "Subscriber", "email": email, "country": "LT"});
    let staff = json!({"__typename": "Group", "key": "staff"});
    let all = json!({"__typename": "Segment", "key": "all", "memberCount": 2});
    assert_eq!(
        (status, body),
        (
            200,
            json!({"data": {"_entities": [
                person("p1@example.com"), person("p0@example.com"), null, null, null,
                staff, staff, all, all, null, null,
            ]}})
        )
    );
}

#[test]
fn what_is_no_representation_is_refused() {
    let (app, ..) = subgraph(1);
    for (representation, message) in [
        (
            json!("Subscriber"),
            "representations: expected objects such as {__typename: \"Subscriber\", id: …}, found \"Subscriber\"",
        ),
        (
            json!({"id": "1"}),
            "representations: expected Subscriber, Group or Segment as \"__typename\", found \"\"",
        ),
        (
            json!({"__typename": "Refresh", "id": "1"}),
            "representations: expected Subscriber, Group or Segment as \"__typename\", found \"Refresh\"",
        ),
        (
            json!({"__typename": "Group", "email": "x"}),
            "representations: expected \"id\" or \"key\" of a Group as a text, found neither",
        ),
        (
            json!({"__typename": "Subscriber", "id": 7}),
            "representations: expected \"id\" or \"email\" of a Subscriber as a text, found neither",
        ),
    ] {
        let response = app.respond(ENTITIES, json!({"representations": [representation]}));
        assert_eq!(response["data"], Value::Null, "{response}");
        let error = &response["errors"][0];
        assert_eq!(error["message"], message);
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
        assert_eq!(error["path"], json!(["_entities"]));
    }
}

#[test]
fn many_entities_cost_one_statement_per_kind_of_key() {
    let (app, _server, ids) = subgraph(120);
    let by_id = |id: &String| json!({"__typename": "Subscriber", "id": id});
    let by_email = |number: usize| json!({"__typename": "Subscriber", "email": format!("p{number}@example.com")});
    let count = |representations: Vec<Value>| {
        let before = app.db().statement_count();
        let wanted = representations.len();
        let data = app.query(ENTITIES, json!({ "representations": representations }));
        let found = data["_entities"].as_array().expect("a list");
        assert!(
            found.len() == wanted && found.iter().all(Value::is_object),
            "{data}"
        );
        app.db().statement_count() - before
    };
    assert_eq!(
        count(ids.iter().map(by_id).collect()),
        count(vec![by_id(&ids[0])])
    );
    assert_eq!(
        count((0..120).map(by_email).collect()),
        count(vec![by_email(0)])
    );
    let both = ids
        .iter()
        .map(by_id)
        .chain((0..120).map(by_email))
        .collect();
    assert_eq!(count(both), 2 * count(vec![by_id(&ids[0])]));
}

#[test]
fn a_supergraph_is_composed_with_another_subgraph() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let (_app, server, _) = subgraph(1);
    // What it serves is what it prints for those who look at documents.
    let asked = rollcall::graphql::served_sdl(true);
    std::fs::write(workshop.path().join("asked.graphql"), asked).expect("a file");
    let url = format!("http://{}/graphql", server.address);
    let schema = ["schema.mjs", &url, "asked.graphql", "operations"];
    workshop.node(schema[0], &schema[1..]).succeeded();
    let (_, body) = server.post("{ _service { sdl } }", json!({}));
    let served = body["data"]["_service"]["sdl"].as_str().expect("a text");
    let printed = run(&mut rollcall(&["schema", "--federation"])).succeeded();
    for (name, sdl) in [("served", served), ("printed", &printed)] {
        std::fs::write(workshop.path().join(name), sdl).expect("a file");
    }
    let said = workshop.node("federation.mjs", &["served", "printed"]);
    let said: Value = serde_json::from_str(&said.succeeded()).expect("JSON");
    assert_eq!(
        said,
        json!({
            "keys": {
                "Subscriber": ["ROLLCALL id", "ROLLCALL email", "SHOP email"],
                "Group": ["ROLLCALL id", "ROLLCALL key", "SHOP id"],
                "Segment": ["ROLLCALL id", "ROLLCALL key", "SHOP key"],
                "Order": ["SHOP number"],
                "Campaign": ["SHOP name"],
            },
            "subscriber": ["email", "orders", "segments"],
        })
    );
}

#[test]
fn without_the_flag_there_is_nothing_of_federation() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for field in [
        "_service { sdl }",
        "_entities(representations: []) { __typename }",
    ] {
        let response = app.respond(&format!("{{ {field} }}"), json!({}));
        let error = &response["errors"][0]["extensions"]["code"];
        assert_eq!(error, "GRAPHQL_VALIDATION_FAILED", "{response}");
    }
    let printed: Finished = run(&mut rollcall(&["schema"]));
    let committed = include_str!("../../../schema.graphql");
    assert_eq!(printed.succeeded(), committed);
}
