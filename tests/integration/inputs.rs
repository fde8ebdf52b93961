//! Inputs of mutations, made from the schema so that none is forgotten: malformed ids, and null where a value is needed.

use crate::scopes::{Schema, bare, is_required};
use crate::support::TestApp;
use async_graphql::parser::types::{InputObjectType, InputValueDefinition, TypeKind};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

fn input_fields<'s>(schema: &'s Schema, name: &str) -> Vec<&'s InputValueDefinition> {
    match schema.types.get(name).map(|definition| &definition.kind) {
        Some(TypeKind::InputObject(InputObjectType { fields })) => {
            fields.iter().map(|field| &field.node).collect()
        }
        _ => Vec::new(),
    }
}

fn name_of(field: &InputValueDefinition) -> String {
    field.name.node.to_string()
}

/// A mutation field, and its input.
struct Mutation {
    name: String,
    input: String,
}

fn mutations(schema: &Schema) -> Vec<Mutation> {
    let fields = schema.fields("Mutation").into_iter();
    let mutations = fields.map(|field| Mutation {
        name: field.name.node.to_string(),
        input: bare(&field.arguments[0].node.ty.node.to_string()),
    });
    mutations.collect()
}

/// Lists the ways to every ID of an input, each as the names of fields.
fn ways_to_ids(schema: &Schema, input: &str) -> Vec<Vec<String>> {
    // Rules name things by their keys, and nest without an end.
    if input == "RuleInput" {
        return Vec::new();
    }
    let mut ways = Vec::new();
    for field in input_fields(schema, input) {
        let of = bare(&field.ty.node.to_string());
        if of == "ID" {
            ways.push(vec![name_of(field)]);
        }
        for mut below in ways_to_ids(schema, &of) {
            below.insert(0, name_of(field));
            ways.push(below);
        }
    }
    ways
}

/// Writes the smallest input with this value at the end of a way.
fn input_with(schema: &Schema, input: &str, way: &[String], value: &str) -> String {
    let fields = input_fields(schema, input).into_iter();
    let fields = fields.filter_map(|field| {
        let of = field.ty.node.to_string();
        if name_of(field) != way[0] {
            return is_required(field).then(|| schema.argument(field));
        }
        let inner = match &way[1..] {
            [] => value.to_owned(),
            below => input_with(schema, &bare(&of), below, value),
        };
        // Null stands for the whole list.
        let inner = match of.starts_with('[') && inner != "null" {
            true => format!("[{inner}]"),
            false => inner,
        };
        Some(format!("{}: {inner}", way[0]))
    });
    format!("{{{}}}", fields.collect::<Vec<String>>().join(", "))
}

/// Whether a path such as `events[0].subscriberId` ends where a way does.
fn ends_at(error: &Value, way: &[String]) -> bool {
    let path = error["path"].as_str().unwrap_or_default();
    let last = path.rsplit('.').next().unwrap_or_default();
    last.split('[').next() == way.last().map(String::as_str)
}

#[test]
fn a_malformed_id_is_a_user_error_and_leaves_other_mutations_their_results() {
    let schema = Schema::load();
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let mut tried = 0;
    for mutation in mutations(&schema) {
        for way in ways_to_ids(&schema, &mutation.input) {
            // Nothing, no base64, no kind, a number that is none, and the id of a refresh.
            for id in ["", "%%%", "eHh4", "R3JvdXA6MS41", "UmVmcmVzaDox"] {
                tried += 1;
                let input = input_with(&schema, &mutation.input, &way, &format!("\"{id}\""));
                let document = format!(
                    "mutation {{ first: createGroup(input: {{key: \"first-{tried}\"}}) {{ group {{ key }} }} \
                     bad: {}(input: {input}) {{ userErrors {{ code message path }} }} \
                     last: createGroup(input: {{key: \"last-{tried}\"}}) {{ group {{ key }} }} }}",
                    mutation.name
                );
                let response = app.respond(&document, json!({}));
                assert_eq!(response.get("errors"), None, "{document}: {response}");
                let data = &response["data"];
                let errors = data["bad"]["userErrors"].as_array().expect("a list");
                let told = errors.iter().find(|error| ends_at(error, &way));
                let told = told.unwrap_or_else(|| panic!("{document}: {response}"));
                let code = told["code"].as_str().expect("a code");
                assert!(["INVALID", "NOT_FOUND"].contains(&code), "{told}");
                for (place, number) in [("first", tried), ("last", tried)] {
                    let key = format!("{place}-{number}");
                    assert_eq!(data[place]["group"]["key"], json!(key), "{document}");
                }
            }
        }
    }
    assert!(tried > 60, "{tried}");
}

/// The kinds of things that mutations name by an id, as errors call them and as ids have them.
const KINDS: [(&str, &str); 8] = [
    ("a subscriber", "Subscriber"),
    ("a group", "Group"),
    ("a segment", "Segment"),
    ("a custom field", "CustomField"),
    ("an API key", "ApiKey"),
    ("an import", "Import"),
    ("a bulk action", "BulkAction"),
    ("a webhook", "Webhook"),
];

#[test]
fn an_id_without_an_object_is_repeated_as_the_client_sent_it() {
    let schema = Schema::load();
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let mut tried = 0;
    for mutation in mutations(&schema) {
        let way = ["id".to_owned()];
        if !ways_to_ids(&schema, &mutation.input).contains(&way.to_vec()) {
            continue;
        }
        let first_error = |id: &str| {
            let input = input_with(&schema, &mutation.input, &way, &format!("\"{id}\""));
            let document = format!(
                "mutation {{ it: {}(input: {input}) {{ userErrors {{ code message path }} }} }}",
                mutation.name
            );
            app.payload(&document, json!({}))["userErrors"][0].clone()
        };
        let malformed = first_error("%%%")["message"].to_string();
        let kind = KINDS
            .iter()
            .find(|(noun, _)| malformed.contains(&format!("expected the id of {noun},")));
        let (_, kind) = kind.unwrap_or_else(|| panic!("{}: {malformed}", mutation.name));
        let id = URL_SAFE_NO_PAD.encode(format!("{kind}:999"));
        let error = first_error(&id);
        assert_eq!(error["code"], "NOT_FOUND", "{}: {error}", mutation.name);
        let message = error["message"].as_str().expect("a message");
        assert!(
            message.ends_with(&format!("with the id \"{id}\" exists")),
            "{}: {error}",
            mutation.name
        );
        tried += 1;
    }
    assert!(tried > 15, "{tried}");
}

/// Makes one of each thing that can be updated, and returns their ids.
fn make_things(app: &TestApp) -> Value {
    let made = app.query(
        "mutation { updateSubscriber: upsertSubscriber(input: {email: \"ona@example.com\"}) { it: subscriber { id } } \
         updateGroup: createGroup(input: {key: \"g\"}) { it: group { id } } \
         updateSegment: createSegment(input: {key: \"s\", rule: {everyone: true}}) { it: segment { id } } \
         updateCustomField: createCustomField(input: {key: \"f\", type: TEXT}) { it: customField { id } } \
         updateWebhook: createWebhook(input: {name: \"w\", url: \"http://127.0.0.1:9/\", types: [IMPORT_FINISHED]}) { it: webhook { id } } }",
        json!({}),
    );
    json!(
        made.as_object()
            .expect("an object")
            .iter()
            .map(|(name, payload)| (name.clone(), payload["it"]["id"].clone()))
            .collect::<serde_json::Map<_, _>>()
    )
}

/// Null means no condition there, not the absence of a value.
const CONDITIONS: [&str; 2] = ["ifVersion", "consent"];

#[test]
fn null_for_a_value_that_cannot_be_absent_is_a_user_error() {
    let schema = Schema::load();
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let ids = make_things(&app);
    let (mut cleared, mut refused) = (Vec::new(), Vec::new());
    for mutation in mutations(&schema) {
        let is_update = mutation.name.starts_with("update") || mutation.name.starts_with("upsert");
        if !is_update {
            continue;
        }
        let fields = input_fields(&schema, &mutation.input).into_iter();
        let fields = fields.map(|field| (mutation.input.clone(), Vec::new(), field));
        let values = input_fields(&schema, "SubscriberValuesInput").into_iter();
        let values = values.map(|field| {
            (
                "SubscriberValuesInput".to_owned(),
                vec!["values".to_owned()],
                field,
            )
        });
        let mut own = input_fields(&schema, &mutation.input).into_iter();
        let has_values =
            own.any(|field| bare(&field.ty.node.to_string()) == "SubscriberValuesInput");
        for (of, mut way, field) in fields.chain(values.filter(|_| has_values)) {
            let name = name_of(field);
            if is_required(field) || CONDITIONS.contains(&name.as_str()) {
                continue;
            }
            way.push(name.clone());
            let mut input = input_with(&schema, &mutation.input, &way, "null");
            if let Some(id) = ids[&mutation.name].as_str() {
                input = input.replace("id: \"x\"", &format!("id: \"{id}\""));
            }
            input = input.replace("email: \"x\"", "email: \"ona@example.com\"");
            let document = format!(
                "mutation {{ it: {}(input: {input}) {{ userErrors {{ code message path }} }} }}",
                mutation.name
            );
            let payload = app.payload(&document, json!({}));
            let description = |text: &Option<async_graphql::Positioned<String>>| {
                text.as_ref()
                    .map(|text| text.node.clone())
                    .unwrap_or_default()
            };
            let own = description(&field.description);
            let clears = |text: &str| text.contains("null clears");
            let is_clearable = !own.replace('\n', " ").contains("cannot be null")
                && (clears(&own) || clears(&description(&schema.types[&of].description)));
            if is_clearable {
                assert_eq!(payload["userErrors"], json!([]), "{document}");
                cleared.push(name);
            } else {
                let error = &payload["userErrors"][0];
                assert_eq!(error["code"], "INVALID", "{document}: {payload}");
                assert!(ends_at(error, &way), "{document}: {error}");
                let message = error["message"].as_str().expect("a message");
                assert!(message.contains("null"), "{document}: {error}");
                refused.push(name);
            }
        }
    }
    assert!(cleared.len() > 20, "{cleared:?}");
    for name in [
        "status",
        "customFields",
        "email",
        "name",
        "rule",
        "archived",
        "label",
        "timeZone",
    ] {
        assert!(
            refused.iter().any(|found| found == name),
            "{name}: {refused:?}"
        );
    }
}

#[test]
fn a_preview_may_ask_about_the_segment_that_it_is_compared_with() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for (email, country) in [
        ("a@example.com", "LT"),
        ("b@example.com", "LT"),
        ("c@example.com", "LV"),
    ] {
        app.subscriber(email, json!({ "country": country }));
    }
    app.segment(
        "base",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    app.segment("above", json!({"segment": {"inAny": ["base"]}}));
    app.refresh();
    for (rule, joining, leaving) in [
        (json!({"segment": {"inAny": ["base"]}}), 0, 0),
        (json!({"not": {"segment": {"inAny": ["base"]}}}), 1, 2),
        (json!({"segment": {"inAny": ["above"]}}), 0, 0),
        (
            json!({"all": [{"segment": {"inAny": ["base"]}}, {"text": {"field": "email", "is": {"startsWith": "a"}}}]}),
            0,
            1,
        ),
    ] {
        let data = app.query(
            "query ($rule: JSON!) { previewSegment(ruleJson: $rule, compareTo: {key: \"base\"}) { \
             problems { code path } difference { joiningCount leavingCount } } }",
            json!({ "rule": rule }),
        );
        assert_eq!(
            data["previewSegment"],
            json!({"problems": [], "difference": {"joiningCount": joining, "leavingCount": leaving}}),
            "{rule}"
        );
    }
}
