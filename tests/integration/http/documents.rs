//! Documents that async-graphql alone would take, or would take otherwise.

use super::Client;
use crate::support::{Server, TestApp, TestDatabase};
use insta::assert_snapshot;
use serde_json::{Value, json};

fn problems(app: &TestApp, document: &str, variables: Value) -> String {
    let response = app.respond(document, variables);
    let errors = response["errors"].as_array().cloned().unwrap_or_default();
    let lines = errors.iter().map(|error| {
        let code = error["extensions"]["code"].as_str().unwrap_or_default();
        format!("{code} {}", error["message"].as_str().unwrap_or_default())
    });
    lines.collect::<Vec<String>>().join("\n")
}

#[test]
fn validation_is_that_of_the_specification() {
    let app = TestApp::at("2026-03-01T09:30:00Z");
    let check = |document: &str| problems(&app, document, json!({}));
    assert_snapshot!(check("{ subscriber(id: \"a\") { x: email ...F } } fragment F on Subscriber { x: city }"), @r#"
    GRAPHQL_VALIDATION_FAILED Fields "x" conflict because they return conflicting types "String! and "String". Use different aliases on the fields to fetch both if this was intentional.
    GRAPHQL_VALIDATION_FAILED Fields "x" conflict because "email" and "city" are different fields. Use different aliases on the fields to fetch both if this was intentional.
    "#);
    assert_snapshot!(check("{ a: group(key: \"a\") { id } ...F } fragment F on Query { a: group(key: \"b\") { id } }"), @r#"GRAPHQL_VALIDATION_FAILED Fields "group" conflict because they have differing arguments. Use different aliases on the fields to fetch both if this was intentional."#);
    assert_snapshot!(check("mutation { createGroup(input: {key: \"a\", key: \"b\"}) { userErrors { code } } }"), @r#"GRAPHQL_VALIDATION_FAILED There can be only one input field named "key"."#);
    assert_snapshot!(check("{ subscibers { totalCount } }"), @r#"GRAPHQL_VALIDATION_FAILED Cannot query field "subscibers" on type "Query". Did you mean "subscribers"?"#);
    assert_snapshot!(check("{ subscribers(frist: 1) { totalCount } }"), @r#"GRAPHQL_VALIDATION_FAILED Unknown argument "frist" on field "Query.subscribers". Did you mean "first"?"#);
    assert_snapshot!(check("{ subscribers(orderBy: EMIAL) { totalCount } }"), @r#"GRAPHQL_VALIDATION_FAILED Value "EMIAL" does not exist in "SubscriberOrderBy" enum. Did you mean "EMAIL"?"#);
    assert_snapshot!(check("query ($unused: Int) { __typename }"), @r#"GRAPHQL_VALIDATION_FAILED Variable "$unused" is never used."#);
    assert_snapshot!(check("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"), @r#"GRAPHQL_VALIDATION_FAILED Cannot spread fragment "A" within itself via "A", "B""#);
    assert_snapshot!(check("{ groups }"), @r#"GRAPHQL_VALIDATION_FAILED Field "groups" of type "Query" must have a selection of subfields. Did you mean "groups { ... }"?"#);
    assert_snapshot!(check("subscription { a: refreshProgress { id } b: refreshProgress { id } }"), @"GRAPHQL_VALIDATION_FAILED Anonymous Subscription must select only one top level field.");
}

#[test]
fn values_are_judged_before_anything_is_executed() {
    let app = TestApp::at("2026-03-01T09:30:00Z");
    let check = |document: &str| problems(&app, document, json!({}));
    assert_snapshot!(check("{ segment(key: \"a\") { memberCount(asOf: \"yesterday\") } }"), @r#"GRAPHQL_VALIDATION_FAILED expected a time such as "2026-03-01T09:30:00Z", found "yesterday""#);
    assert_snapshot!(check("{ previewSegment(rule: {everyone: true, group: {inAny: [\"a\"]}}) { memberCount } }"), @r#"GRAPHQL_VALIDATION_FAILED expected exactly one of "all", "any", "boolean", "date", "event", "everyone", "group", "list", "location", "not", "number", "random", "segment", "status", "text" in RuleInput, found "everyone" and "group""#);
    assert_snapshot!(check("{ previewSegment(rule: {}) { memberCount } }"), @r#"GRAPHQL_VALIDATION_FAILED expected exactly one of "all", "any", "boolean", "date", "event", "everyone", "group", "list", "location", "not", "number", "random", "segment", "status", "text" in RuleInput, found none"#);
    assert_snapshot!(check("query ($everyone: Boolean = true) { previewSegment(rule: {everyone: $everyone}) { memberCount } }"), @r#"GRAPHQL_VALIDATION_FAILED expected a variable of a type that ends with "!" for "everyone" of RuleInput, found $everyone"#);
    assert_snapshot!(check("{ previewSegment(ruleJson: {random: 1e400}) { memberCount } }"), @"GRAPHQL_VALIDATION_FAILED expected a number that a double holds, found 1e400: the greatest is 1.7976931348623157e308");
    // A scalar of any form may be a list, and null may stand in it, but not for it.
    assert_snapshot!(check("{ ruleFromQueryBuilder(query: [null, {a: null}]) { result } }"), @"");
    assert_snapshot!(check("{ ruleFromQueryBuilder(query: null) { result } }"), @r#"GRAPHQL_VALIDATION_FAILED Field "ruleFromQueryBuilder" argument "query" of type "JSON!" is required, but it was not provided."#);
    let rule = "query ($rule: RuleInput!, $first: Int! = 1, $now: DateTime) { previewSegment(rule: $rule, first: $first, now: $now) { memberCount } }";
    let check = |variables: Value| problems(&app, rule, variables);
    assert_snapshot!(check(json!({})), @r#"BAD_USER_INPUT expected a value of type RuleInput! for the variable "$rule", found none"#);
    assert_snapshot!(check(json!({"rule": null})), @r#"BAD_USER_INPUT expected a value of type RuleInput! for the variable "$rule", found null"#);
    assert_snapshot!(check(json!({"rule": {"everyone": true, "not": null}})), @r#"BAD_USER_INPUT $rule: expected exactly one of "all", "any", "boolean", "date", "event", "everyone", "group", "list", "location", "not", "number", "random", "segment", "status", "text" in RuleInput, found "everyone" and "not""#);
    assert_snapshot!(check(json!({"rule": {"all": [{"everyone": true}, {"textt": {}}]}})), @r#"BAD_USER_INPUT $rule.all[1]: RuleInput has no "textt"; did you mean "text"?"#);
    assert_snapshot!(check(json!({"rule": {"all": [{"text": {"field": 1, "is": {"isSet": true}}}]}})), @"BAD_USER_INPUT $rule.all[0].text.field: expected a text, found 1");
    assert_snapshot!(check(json!({"rule": {"status": {"in": ["GONE"]}}})), @r#"BAD_USER_INPUT $rule.status.in[0]: expected one of BOUNCED, COMPLAINED, PENDING, SUBSCRIBED, UNSUBSCRIBED, found "GONE""#);
    assert_snapshot!(check(json!({"rule": {"event": {}}})), @"");
    assert_snapshot!(check(json!({"rule": "everyone"})), @r#"BAD_USER_INPUT $rule: expected an object of type RuleInput, found "everyone""#);
    assert_snapshot!(check(json!({"rule": {"everyone": true}, "first": 3_000_000_000_u64})), @"BAD_USER_INPUT $first: expected a whole number of 32 bits, found 3000000000");
    assert_snapshot!(check(json!({"rule": {"everyone": true}, "first": 1.5})), @"BAD_USER_INPUT $first: expected a whole number of 32 bits, found 1.5");
    assert_snapshot!(check(json!({"rule": {"everyone": true}, "first": null})), @r#"BAD_USER_INPUT expected a value of type Int! for the variable "$first", found null"#);
    assert_snapshot!(check(json!({"rule": {"everyone": true}, "now": "soon"})), @r#"BAD_USER_INPUT $now: expected a time such as "2026-03-01T09:30:00Z", found "soon""#);
    // A single value stands for a list of one, also within.
    assert_snapshot!(check(json!({"rule": {"status": {"in": "PENDING"}}, "first": 2.0})), @"");
}

/// What the specification asks for (section 6.4.1, "Coercing Field Arguments"): a variable without a value is not there.
#[test]
fn a_variable_without_a_value_changes_nothing() {
    let app = TestApp::at("2026-03-01T09:30:00Z");
    let id = app.subscriber(
        "ona@example.com",
        json!({"country": "LT", "city": "Vilnius"}),
    );
    let document = "mutation ($id: ID!, $city: String, $country: String) { updateSubscriber(input: {id: $id, \
                    values: {city: $city, country: $country}}) { subscriber { city country } userErrors { message } } }";
    let payload = app.mutate(document, json!({"id": id, "city": "Kaunas"}));
    assert_eq!(
        payload["subscriber"],
        json!({"city": "Kaunas", "country": "LT"})
    );
    let payload = app.mutate(document, json!({"id": id, "country": null}));
    assert_eq!(
        payload["subscriber"],
        json!({"city": "Kaunas", "country": null})
    );
    // The default of an argument stands where its variable has no value.
    let sample = "query ($first: Int) { ruleEvents(first: $first) { name } }";
    assert_eq!(
        app.respond(sample, json!({}))["data"],
        json!({"ruleEvents": []})
    );
}

#[test]
fn documents_may_be_described_and_have_any_letter() {
    let app = TestApp::at("2026-03-01T09:30:00Z");
    let data = app.query(
        "query { __type(name: \"\\u{1F3C3}Group\") { name } }",
        json!({}),
    );
    assert_eq!(data, json!({"__type": null}));
    let data = app.query("\u{feff}query { __typename }", json!({}));
    assert_eq!(data, json!({"__typename": "Query"}));
}

#[test]
fn what_an_operation_costs_is_told_and_bounded() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    let cost = |document: &str, variables: Value| {
        let body = json!({"query": document, "variables": variables, "extensions": {"cost": true}});
        let answer = client.ask(&body).json();
        answer["extensions"]["cost"]["requested"]
            .as_u64()
            .unwrap_or_else(|| panic!("{document}: {answer}"))
    };
    assert_eq!(cost("{ __typename }", json!({})), 0);
    assert_eq!(
        cost("{ __schema { types { name fields { name } } } }", json!({})),
        200
    );
    assert_eq!(cost("{ group(key: \"a\") { key } }", json!({})), 1);
    assert_eq!(cost("{ groups { nodes { key } } }", json!({})), 51);
    assert_eq!(
        cost(
            "query ($n: Int) { groups(first: $n) { edges { node { key } } } }",
            json!({"n": 7})
        ),
        15
    );
    assert_eq!(
        cost(
            "query ($n: Int = 7) { groups(last: $n) { ...F } } fragment F on GroupConnection { nodes { key } }",
            json!({})
        ),
        8
    );
    let members = "{ subscribers(first: 50) { nodes { email groups { nodes { key } } segments { nodes { key } } } } }";
    assert_eq!(cost(members, json!({})), 1 + 50 * (1 + 51 + 51));
    assert_eq!(cost("{ nodes(ids: [\"a\", \"b\"]) { id } }", json!({})), 2);
    assert_eq!(
        cost(
            "mutation { createGroup(input: {key: \"!\"}) { userErrors { code } } }",
            json!({})
        ),
        21
    );
    let deep = "{ groups(first: 250) { nodes { members(first: 250) { nodes { email } } } } }";
    let answer = client.ask(&json!({"query": deep}));
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "TOO_COMPLEX")
    );
    assert_snapshot!(answer.json()["errors"][0]["message"].as_str().expect("text"), @"expected an operation that costs at most 50000, found 63001; ask for smaller pages or fewer lists within each other");
    let plain = client.ask(&json!({"query": "{ __typename }"}));
    assert_eq!(plain.json().get("extensions"), None);
    let small = Server::start_with(&["--database-url", &database.url, "--max-cost", "50"]);
    let answer = Client::new(&small).ask(&json!({"query": "{ groups { nodes { key } } }"}));
    assert_eq!(answer.code(), "TOO_COMPLEX");
}

#[test]
fn the_schema_can_be_kept_back() {
    let database = TestDatabase::new();
    let server = Server::start_with(&["--database-url", &database.url, "--no-introspection"]);
    let client = Client::new(&server);
    for document in [
        "{ __schema { queryType { name } } }",
        "{ ...F } fragment F on Query { __type(name: \"Group\") { name } }",
    ] {
        let answer = client.ask(&json!({"query": document}));
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "GRAPHQL_VALIDATION_FAILED")
        );
    }
    assert_eq!(client.ask(&json!({"query": "{ __typename }"})).status, 200);
    for document in [
        "{ subscibers { totalCount } }",
        "{ subscribers(frist: 1) { totalCount } }",
        "{ subscribers(orderBy: EMIAL) { totalCount } }",
        "mutation { createGroup(input: {kye: \"a\"}) { userErrors { code } } }",
        "query ($ref: SegmentReff) { __typename }",
    ] {
        let answer = client.ask(&json!({"query": document}));
        assert_eq!(answer.status, 400);
        let told = answer.text.to_lowercase();
        assert!(!told.contains("did you mean"), "{told}");
        for secret in [
            "\"subscribers\\\"",
            "first",
            "\"key\\\"",
            "email\\\"",
            "segmentref\\\"",
        ] {
            assert!(
                !told.contains(secret) || document.to_lowercase().contains(secret),
                "{told}"
            );
        }
    }
    let variables = json!({"query": "query ($r: SegmentRef!) { previewSegment(compareTo: $r, ruleJson: {}) { memberCount } }", "variables": {"r": {"kye": "a"}}});
    assert!(!client.ask(&variables).text.contains("did you mean"));
}
