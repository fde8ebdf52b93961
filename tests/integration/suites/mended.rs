//! What the tools of others have found and was mended.

use crate::support::TestApp;
use serde_json::{Value, json};

fn app() -> TestApp {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.subscriber("anna@example.com", json!({"firstName": "Anna"}));
    app.group("staff", &["anna@example.com"]);
    app
}

const ANNA: &str = "subscriber(email: \"anna@example.com\")";

#[test]
fn an_object_of_which_nothing_is_selected_is_empty_and_not_null() {
    let app = app();
    let ask = |document: &str| app.query(document, json!({}));
    let memberships =
        format!("{{ {ANNA} {{ memberships {{ ... on SegmentMembership {{ key }} }} }} }}");
    assert_eq!(
        ask(&memberships),
        json!({"subscriber": {"memberships": [{}]}})
    );
    let fragments = format!(
        "{{ {ANNA} {{ ...F memberships {{ ...M }} }} }} fragment F on Subscriber {{ email @skip(if: true) }} \
         fragment M on Membership {{ ... on SegmentMembership {{ segment {{ id }} }} }}"
    );
    assert_eq!(
        ask(&fragments),
        json!({"subscriber": {"memberships": [{}]}})
    );
    let skipped =
        format!("{{ {ANNA} {{ email @include(if: false) ... @skip(if: true) {{ id }} }} }}");
    assert_eq!(ask(&skipped), json!({"subscriber": {}}));
    assert_eq!(ask("{ a: __typename @skip(if: true) }"), json!({}));
    assert_eq!(
        ask("{ segment(key: \"none\") { ... on Segment { key } } }"),
        json!({"segment": null})
    );
    let other = format!(
        "query ($id: ID!) {{ {ANNA} {{ email @skip(if: true) customFields {{ key @skip(if: true) }} }} node(id: $id) {{ ... on Group {{ key }} }} }}"
    );
    let id = ask(&format!("{{ {ANNA} {{ id }} }}"))["subscriber"]["id"].clone();
    assert_eq!(
        app.query(&other, json!({ "id": id })),
        json!({"subscriber": {"customFields": []}, "node": {}})
    );
}

#[test]
fn fields_stand_in_the_order_of_the_fragment_that_fits() {
    let app = app();
    let id = &app.query("{ group(key: \"staff\") { id } }", json!({}))["group"]["id"];
    let data = app.query(
        "query ($id: ID!) { node(id: $id) { id ... on Segment { name key } ... on Node { ... on Group { key ...G name } } } } \
         fragment G on Group { memberCount key }",
        json!({ "id": id }),
    );
    let keys: Vec<_> = data["node"]
        .as_object()
        .expect("an object")
        .keys()
        .collect();
    assert_eq!(keys, ["id", "key", "memberCount", "name"]);
}

#[test]
fn a_field_that_is_selected_twice_is_executed_once() {
    let app = app();
    let statements = |document: &str| {
        app.query(document, json!({}));
        let before = app.db().statement_count();
        let data = app.query(document, json!({}));
        (app.db().statement_count() - before, data)
    };
    let group = json!({"group": {"key": "staff", "memberCount": 1, "name": "staff"}});
    let (once, data) = statements("{ group(key: \"staff\") { key memberCount name } }");
    assert_eq!(data, group);
    let (twice, data) = statements(
        "{ group(key: \"staff\") { key ...M } ... on Query { group(key: \"staff\") { ...M name } } ...Q } \
         fragment M on Group { memberCount } fragment Q on Query { group(key: \"staff\") { memberCount key } }",
    );
    assert_eq!((twice, data), (once, group));

    let document = "mutation { recordEvents(input: {events: [{email: \"anna@example.com\", name: \"visit\"}]}) { recordedCount } ...M } \
        fragment M on Mutation { recordEvents(input: {events: [{email: \"anna@example.com\", name: \"visit\"}]}) { recordedCount userErrors { message } } }";
    let payload = app.mutate(document, json!({}));
    assert_eq!(payload["recordedCount"], 1);
    let totals = app.query(
        &format!("{{ {ANNA} {{ eventTotals {{ count }} }} }}"),
        json!({}),
    );
    assert_eq!(totals["subscriber"]["eventTotals"], json!([{"count": 1}]));

    // What is null for one selection of an object is null for all of them.
    let response = app.respond(
        &format!("{{ {ANNA} {{ email }} ...Q }} fragment Q on Query {{ {ANNA} {{ events(first: -1) {{ totalCount }} }} }}"),
        json!({}),
    );
    assert_eq!(response["data"], json!({"subscriber": null}));
}

#[test]
fn variables_decide_what_is_collected() {
    let app = app();
    let document = format!(
        "query ($a: Boolean!, $b: Boolean = false) {{ {ANNA} {{ email @include(if: $a) ...F @skip(if: $b) \
         ... @include(if: $b) {{ status }} }} }} fragment F on Subscriber {{ firstName @skip(if: $a) status @include(if: $a) }}"
    );
    for (variables, wanted) in [
        (
            json!({"a": true}),
            json!({"email": "anna@example.com", "status": "SUBSCRIBED"}),
        ),
        (json!({"a": false}), json!({"firstName": "Anna"})),
        (
            json!({"a": false, "b": true}),
            json!({"status": "SUBSCRIBED"}),
        ),
        (
            json!({"a": true, "b": true}),
            json!({"email": "anna@example.com", "status": "SUBSCRIBED"}),
        ),
    ] {
        let data = app.query(&document, variables);
        assert_eq!(data["subscriber"], wanted);
    }
}

#[test]
fn a_field_that_failed_is_null_and_its_siblings_are_there() {
    let app = app();
    let response = app.respond(
        &format!("{{ right: {ANNA} {{ email }} wrong: subscriber {{ email }} }}"),
        json!({}),
    );
    assert_eq!(
        response["data"],
        json!({"right": {"email": "anna@example.com"}, "wrong": null})
    );
    assert_eq!(response["errors"][0]["path"], json!(["wrong"]));
    // Where null is not allowed, what holds it is null.
    let response = app.respond(
        &format!("{{ {ANNA} {{ email events(first: -1) {{ totalCount }} }} group(key: \"staff\") {{ key }} }}"),
        json!({}),
    );
    assert_eq!(
        response["data"],
        json!({"subscriber": null, "group": {"key": "staff"}})
    );
    assert_eq!(
        response["errors"][0]["path"],
        json!(["subscriber", "events"])
    );
    let response = app.respond(
        "{ a: __typename groups(first: -1) { totalCount } }",
        json!({}),
    );
    assert_eq!(response["data"], Value::Null);
}

#[test]
fn an_error_within_lists_names_the_field_that_failed() {
    let app = app();
    app.segment("all", json!({"everyone": true}));
    app.refresh();
    let response = app.respond(
        "{ segments(first: 2) { nodes { members(first: 2) { edges { node { memberships { subscriber { again: events(first: -1) { totalCount } } } } } } } } }",
        json!({}),
    );
    assert_eq!(response["data"], Value::Null);
    assert_eq!(
        response["errors"][0]["path"],
        json!([
            "segments",
            "nodes",
            0,
            "members",
            "edges",
            0,
            "node",
            "memberships",
            0,
            "subscriber",
            "again"
        ])
    );
    // Where something between them may be null, the path is the same.
    let response = app.respond(
        &format!("{{ {ANNA} {{ memberships {{ subscriber {{ events(first: -1) {{ totalCount }} }} }} }} }}"),
        json!({}),
    );
    assert_eq!(response["data"], json!({"subscriber": null}));
    assert_eq!(
        response["errors"][0]["path"],
        json!(["subscriber", "memberships", 0, "subscriber", "events"])
    );
}

#[test]
fn a_text_that_cannot_be_stored_is_refused_wherever_it_comes() {
    let app = app();
    let wanted = "expected texts without the character U+0000, which cannot be stored";
    for question in [
        "query ($text: String!) { subscriber(email: $text) { id } }",
        "query ($text: String!) { group(key: $text) { id } }",
        "query ($text: String!) { segment(key: $text) { id } }",
        "query ($text: String!) { ruleEvents(prefix: $text) { name } }",
        "query ($text: String!) { ruleFields { suggestedValues(prefix: $text) { value } } }",
        "query ($text: String!) { subscribers { nodes { events(name: $text) { nodes { id } } } } }",
        "query ($text: String!) { subscribers { nodes { isMember(of: {group: $text}) } } }",
    ] {
        let response = app.respond(question, json!({"text": "a\u{0}b"}));
        let error = &response["errors"][0];
        assert_eq!(error["message"], wanted, "{question}: {response}");
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{question}");
    }
    for mutation in [
        "refreshSegments(input: {segments: [$text]})",
        "createGroup(input: {key: \"g\", name: $text})",
        "createGroup(input: {key: \"g\", description: $text})",
        "createCustomField(input: {key: \"f\", type: TEXT, label: $text})",
        "createSegment(input: {key: \"s\", name: $text, rule: {everyone: true}})",
        "createSegment(input: {key: \"s\", rule: {text: {field: \"city\", is: {equals: $text}}}})",
        "addToGroup(input: {group: $text})",
        "addToGroup(input: {group: \"staff\", emails: [$text]})",
        "upsertSubscriber(input: {email: \"a@example.com\", values: {city: $text}})",
        "upsertSubscriber(input: {email: \"a@example.com\", values: {source: $text}})",
        "recordEvents(input: {events: [{email: \"anna@example.com\", name: $text}]})",
        "recordEvents(input: {events: [{email: \"anna@example.com\", name: \"n\", dedupeKey: $text}]})",
        "recordEvents(input: {events: [{email: \"anna@example.com\", name: \"n\", properties: {p: $text}}]})",
    ] {
        let document = format!(
            "mutation ($text: String!) {{ {mutation} {{ userErrors {{ code message }} }} }}"
        );
        let response = app.respond(&document, json!({"text": "a\u{0}b"}));
        let (_, payload) = response["data"]
            .as_object()
            .into_iter()
            .flatten()
            .next()
            .unzip();
        let code = match payload {
            Some(payload) => &payload["userErrors"][0]["code"],
            None => &response["errors"][0]["extensions"]["code"],
        };
        let codes = ["INVALID", "NOT_FOUND", "WRONG_VALUE", "BAD_USER_INPUT"];
        assert!(
            code.as_str().is_some_and(|code| codes.contains(&code)),
            "{mutation}: {response}"
        );
    }
}

#[test]
fn an_event_is_fetched_again_by_its_id() {
    let app = app();
    app.event(
        "anna@example.com",
        "purchase",
        "2026-05-01T10:00:00Z",
        Some(12.5),
    );
    let events = format!("{{ {ANNA} {{ events {{ nodes {{ id name value }} }} }} }}");
    let event = app.query(&events, json!({}))["subscriber"]["events"]["nodes"][0].clone();
    let again = app.query(
        "query ($id: ID!) { node(id: $id) { id ... on Event { name value } } }",
        json!({ "id": event["id"] }),
    );
    assert_eq!(again["node"], event);
}

#[test]
fn the_default_of_values_does_not_clear_them() {
    let app = app();
    let introspected = app.query(
        "{ __type(name: \"UpsertSubscriberInput\") { inputFields { name defaultValue } } }",
        json!({}),
    );
    let fields = introspected["__type"]["inputFields"]
        .as_array()
        .expect("fields")
        .clone();
    assert!(
        fields.iter().all(|field| field["defaultValue"].is_null()),
        "{fields:?}"
    );
    for values in ["", ", values: {}"] {
        let payload = app.mutate(
            &format!("mutation {{ upsertSubscriber(input: {{email: \"anna@example.com\"{values}}}) {{ outcome subscriber {{ firstName }} userErrors {{ message }} }} }}"),
            json!({}),
        );
        assert_eq!(payload["outcome"], "UNCHANGED", "{values}");
        assert_eq!(payload["subscriber"]["firstName"], "Anna", "{values}");
    }
}
