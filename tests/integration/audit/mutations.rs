//! Every mutation of the schema leaves an entry where it succeeds, none where it does not, and no value of a person.
//!
//! The mutations are found in the schema. One that the table below lacks fails the test.

use super::{entries, global};
use crate::scopes::Schema;
use crate::support::{TestApp, instant};
use rollcall::import::{SubscriberImport, import_subscribers};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const NOW: &str = "2026-06-15T12:00:00Z";
/// Stands in every value of a person.
const MARK: &str = "tracemark";
const EMAIL: &str = "tracemark@example.com";

/// How a mutation is called.
struct Call {
    name: &'static str,
    /// Makes what it needs, and returns an input with which it succeeds.
    good: fn(&TestApp) -> Value,
    /// Returns an input with which it does not.
    bad: fn(&TestApp) -> Value,
    /// What the entry says: the type of the target, and some of the names of fields.
    target: Option<&'static str>,
    fields: &'static [&'static str],
}

fn person(app: &TestApp) -> String {
    app.subscriber(EMAIL, json!({ "firstName": MARK }))
}

fn gone(kind: &str) -> Value {
    json!({ "id": global(kind, 4_000_000) })
}

fn id_of(app: &TestApp, table: &str, kind: &str) -> Value {
    let id = app.database.ask(&format!("SELECT max(id) FROM {table}"));
    json!({ "id": global(kind, id.parse().expect("a number")) })
}

fn segment(app: &TestApp) -> Value {
    let key = format!("s{}", app.database.ask("SELECT count(*) FROM segments"));
    json!({ "id": app.segment(&key, json!({"everyone": true})) })
}

fn group(app: &TestApp) -> (String, Value) {
    let key = format!("g{}", app.database.ask("SELECT count(*) FROM groups"));
    app.group(&key, &[]);
    (key, id_of(app, "groups", "Group"))
}

fn field(app: &TestApp, key: &str) -> Value {
    app.mutate(
        "mutation ($key: String!) { createCustomField(input: {key: $key, type: TEXT}) { userErrors { message } } }",
        json!({ "key": key }),
    );
    id_of(app, "custom_fields", "CustomField")
}

/// Makes an import and gives it a state.
fn import(app: &TestApp, set: &str) -> Value {
    app.mutate(
        "mutation { createImport(input: {kind: SUBSCRIBERS}) { userErrors { message } } }",
        json!({}),
    );
    app.database.execute(&format!(
        "UPDATE imports SET {set} WHERE id = (SELECT max(id) FROM imports)"
    ));
    id_of(app, "imports", "Import")
}

/// Makes a bulk action and gives it a state.
fn bulk_action(app: &TestApp, set: &str) -> Value {
    let (key, _) = group(app);
    app.mutate(
        "mutation ($key: String!) { createBulkAction(input: {group: $key, action: {addToGroup: $key}}) { userErrors { message } } }",
        json!({ "key": key }),
    );
    app.database.execute(&format!(
        "UPDATE bulk_actions SET {set} WHERE id = (SELECT max(id) FROM bulk_actions)"
    ));
    id_of(app, "bulk_actions", "BulkAction")
}

fn with(mut input: Value, more: Value) -> Value {
    let fields = input.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    input
}

fn values() -> Value {
    json!({ "firstName": MARK, "customFields": { "plan": MARK } })
}

fn calls() -> Vec<Call> {
    [segments(), groups(), people(), jobs(), webhooks(), others()]
        .into_iter()
        .flatten()
        .collect()
}

fn segments() -> Vec<Call> {
    vec![
        Call {
            name: "createSegment",
            good: |_| json!({ "key": "all", "ruleJson": { "everyone": true } }),
            bad: |_| json!({ "key": "none", "ruleJson": { "nobody": MARK } }),
            target: Some("SEGMENT"),
            fields: &["key", "ruleJson"],
        },
        Call {
            name: "updateSegment",
            good: |app| with(segment(app), json!({ "name": "Another" })),
            bad: |_| gone("Segment"),
            target: Some("SEGMENT"),
            fields: &["name"],
        },
        Call {
            name: "deleteSegment",
            good: segment,
            bad: |_| gone("Segment"),
            target: Some("SEGMENT"),
            fields: &[],
        },
        Call {
            name: "copySegment",
            good: |app| with(segment(app), json!({ "key": "copied" })),
            bad: |_| with(gone("Segment"), json!({ "key": "copied" })),
            target: Some("SEGMENT"),
            fields: &["key"],
        },
        Call {
            name: "restoreSegmentDefinition",
            good: |app| with(segment(app), json!({ "definitionVersion": 1 })),
            bad: |app| with(segment(app), json!({ "definitionVersion": 9 })),
            target: Some("SEGMENT"),
            fields: &["definitionVersion"],
        },
        Call {
            name: "copySegmentToGroup",
            good: |app| {
                app.segment("source", json!({"everyone": true}));
                json!({ "segment": "source", "group": "filled", "createGroup": true })
            },
            bad: |_| json!({ "segment": "nothing", "group": "filled" }),
            target: Some("GROUP"),
            fields: &["segment", "group", "createGroup"],
        },
        Call {
            name: "refreshSegments",
            good: |_| json!({}),
            bad: |_| json!({ "segments": ["nothing"] }),
            target: Some("REFRESH"),
            fields: &[],
        },
    ]
}

fn groups() -> Vec<Call> {
    vec![
        Call {
            name: "createGroup",
            good: |_| json!({ "key": "vip", "tags": ["spring"] }),
            bad: |_| json!({ "key": "A key" }),
            target: Some("GROUP"),
            fields: &["key", "tags"],
        },
        Call {
            name: "updateGroup",
            good: |app| with(group(app).1, json!({ "name": "Another" })),
            bad: |_| gone("Group"),
            target: Some("GROUP"),
            fields: &["name"],
        },
        Call {
            name: "deleteGroup",
            good: |app| group(app).1,
            bad: |_| gone("Group"),
            target: Some("GROUP"),
            fields: &[],
        },
        Call {
            name: "addToGroup",
            good: |app| {
                person(app);
                json!({ "group": group(app).0, "emails": [EMAIL] })
            },
            bad: |_| json!({ "group": "nothing", "emails": [EMAIL] }),
            target: Some("GROUP"),
            fields: &["group", "emails"],
        },
        Call {
            name: "removeFromGroup",
            good: |app| json!({ "group": group(app).0, "subscriberIds": [person(app)] }),
            bad: |_| json!({ "group": "nothing", "emails": [EMAIL] }),
            target: Some("GROUP"),
            fields: &["group", "subscriberIds"],
        },
    ]
}

fn people() -> Vec<Call> {
    vec![
        Call {
            name: "upsertSubscriber",
            good: |app| {
                field(app, "plan");
                json!({ "email": EMAIL, "values": values() })
            },
            bad: |_| json!({ "email": EMAIL, "values": { "customFields": { MARK: MARK } } }),
            target: Some("SUBSCRIBER"),
            fields: &["firstName", "custom.plan"],
        },
        Call {
            name: "upsertSubscribers",
            good: |app| {
                let (key, _) = group(app);
                json!({ "subscribers": [
                    { "email": EMAIL, "values": { "city": MARK }, "groups": { "add": [key] } },
                    { "email": "tracemark, no address", "values": { "country": "LT" } },
                    { "email": EMAIL, "values": { "customFields": { MARK: MARK } } },
                ] })
            },
            bad: |_| json!({ "subscribers": [{ "email": MARK }] }),
            target: Some("SUBSCRIBER"),
            fields: &["city", "groups"],
        },
        Call {
            name: "updateSubscriber",
            good: |app| json!({ "id": person(app), "email": EMAIL, "values": { "phone": MARK } }),
            bad: |app| json!({ "id": person(app), "values": { "country": MARK } }),
            target: Some("SUBSCRIBER"),
            fields: &["phone", "email"],
        },
        Call {
            name: "deleteSubscriber",
            good: |app| json!({ "id": app.subscriber("tracemark-2@example.com", json!({})) }),
            bad: |_| gone("Subscriber"),
            target: Some("SUBSCRIBER"),
            fields: &[],
        },
        Call {
            name: "recordEvents",
            good: |app| {
                person(app);
                let event = json!({ "email": EMAIL, "name": MARK, "dedupeKey": MARK, "properties": { MARK: MARK } });
                json!({ "events": [event] })
            },
            bad: |_| json!({ "events": [{ "email": "tracemark-3@example.com", "name": MARK }] }),
            target: Some("EVENT"),
            fields: &["events"],
        },
        Call {
            name: "createCustomField",
            good: |_| json!({ "key": "visits", "type": "NUMBER" }),
            bad: |_| json!({ "key": "A key", "type": "NUMBER" }),
            target: Some("CUSTOM_FIELD"),
            fields: &["key", "type"],
        },
        Call {
            name: "updateCustomField",
            good: |app| with(field(app, "first"), json!({ "label": "First" })),
            bad: |_| gone("CustomField"),
            target: Some("CUSTOM_FIELD"),
            fields: &["label"],
        },
        Call {
            name: "deleteCustomField",
            good: |app| field(app, "second"),
            bad: |_| gone("CustomField"),
            target: Some("CUSTOM_FIELD"),
            fields: &[],
        },
    ]
}

fn jobs() -> Vec<Call> {
    vec![
        Call {
            name: "createImport",
            good: |_| json!({ "kind": "SUBSCRIBERS", "fileName": "tracemark.csv", "source": MARK }),
            bad: |_| json!({ "kind": "SUBSCRIBERS", "timeZone": MARK }),
            target: Some("IMPORT"),
            fields: &["kind", "fileName", "source"],
        },
        Call {
            name: "startImport",
            good: |app| {
                let set =
                    "state = 'analyzed', file_path = '/tmp/tracemark.csv', waits_for_start = true";
                import(app, set)
            },
            bad: |_| gone("Import"),
            target: Some("IMPORT"),
            fields: &[],
        },
        Call {
            name: "cancelImport",
            good: |app| import(app, "state = 'waiting'"),
            bad: |_| gone("Import"),
            target: Some("IMPORT"),
            fields: &[],
        },
        Call {
            name: "resumeImport",
            good: |app| import(app, "state = 'cancelled', file_path = '/tmp/tracemark.csv'"),
            bad: |_| gone("Import"),
            target: Some("IMPORT"),
            fields: &[],
        },
        Call {
            name: "undoImport",
            good: |app| {
                let file = b"email,first_name\ntracemark-4@example.com,tracemark\n";
                let options = SubscriberImport::default();
                import_subscribers(app.db(), &file[..], &options, instant(NOW), |_| {})
                    .expect("an import");
                id_of(app, "imports", "Import")
            },
            bad: |_| gone("Import"),
            target: Some("IMPORT"),
            fields: &[],
        },
        Call {
            name: "createBulkAction",
            good: |app| {
                let action = json!({ "setField": { "field": "city", "value": MARK } });
                json!({ "group": group(app).0, "action": action })
            },
            bad: |_| json!({ "group": "nothing", "action": { "delete": true } }),
            target: Some("BULK_ACTION"),
            fields: &["group", "action"],
        },
        Call {
            name: "cancelBulkAction",
            good: |app| bulk_action(app, "state = 'ready'"),
            bad: |_| gone("BulkAction"),
            target: Some("BULK_ACTION"),
            fields: &[],
        },
        Call {
            name: "undoBulkAction",
            good: |app| {
                let set =
                    "state = 'succeeded', started_at = '2026-06-15', undo_until = '2027-01-01'";
                bulk_action(app, set)
            },
            bad: |_| gone("BulkAction"),
            target: Some("BULK_ACTION"),
            fields: &[],
        },
    ]
}

/// Makes a webhook that nobody listens to.
fn webhook(app: &TestApp) -> Value {
    app.mutate(
        "mutation { createWebhook(input: {name: \"shop\", url: \"http://127.0.0.1:9/\", types: [REFRESH_FAILED]}) { userErrors { message } } }",
        json!({}),
    );
    id_of(app, "webhooks", "Webhook")
}

fn webhooks() -> Vec<Call> {
    vec![
        Call {
            name: "createWebhook",
            good: |_| json!({ "name": "shop", "url": "https://example.com/", "types": ["REFRESH_FAILED"] }),
            bad: |_| json!({ "name": "shop", "url": "nowhere", "types": ["REFRESH_FAILED"] }),
            target: Some("WEBHOOK"),
            fields: &["name", "url", "types"],
        },
        Call {
            name: "updateWebhook",
            good: |app| with(webhook(app), json!({ "name": "Another" })),
            bad: |_| gone("Webhook"),
            target: Some("WEBHOOK"),
            fields: &["name"],
        },
        Call {
            name: "deleteWebhook",
            good: webhook,
            bad: |_| gone("Webhook"),
            target: Some("WEBHOOK"),
            fields: &[],
        },
        Call {
            name: "rotateWebhookSecret",
            good: webhook,
            bad: |_| gone("Webhook"),
            target: Some("WEBHOOK"),
            fields: &[],
        },
        Call {
            name: "sendTestWebhook",
            good: webhook,
            bad: |_| gone("Webhook"),
            target: Some("WEBHOOK"),
            fields: &[],
        },
        Call {
            name: "replayWebhook",
            good: |app| with(webhook(app), json!({ "since": NOW })),
            bad: |_| with(gone("Webhook"), json!({ "since": NOW })),
            target: Some("WEBHOOK"),
            fields: &["since"],
        },
    ]
}

fn others() -> Vec<Call> {
    vec![
        Call {
            name: "updateSettings",
            good: |_| json!({ "keepChanges": 100, "refreshAt": "04:00" }),
            bad: |_| json!({ "timeZone": "Nowhere" }),
            target: Some("SETTINGS"),
            fields: &["keepChanges", "refreshAt"],
        },
        Call {
            name: "createApiKey",
            good: |_| json!({ "name": "shop", "scopes": ["WRITE"] }),
            bad: |_| json!({ "name": "", "scopes": ["WRITE"] }),
            target: Some("API_KEY"),
            fields: &["name", "scopes"],
        },
        Call {
            name: "revokeApiKey",
            good: |app| {
                app.mutate(
                    "mutation { createApiKey(input: {name: \"old\", scopes: [READ]}) { userErrors { message } } }",
                    json!({}),
                );
                id_of(app, "api_keys", "ApiKey")
            },
            bad: |_| gone("ApiKey"),
            target: Some("API_KEY"),
            fields: &[],
        },
    ]
}

/// Calls a mutation and returns its user errors.
fn run(app: &TestApp, schema: &Schema, name: &str, input: Value) -> Value {
    let fields = schema.fields("Mutation");
    let field = fields.iter().find(|field| field.name.node == name);
    let field = field.expect("a mutation of the schema");
    let of = &field.arguments[0].node.ty.node;
    let document = format!(
        "mutation ($input: {of}) {{ {name}(input: $input) {{ userErrors {{ message path }} }} }}"
    );
    let payload = app.payload(&document, json!({ "input": input }));
    payload["userErrors"].clone()
}

#[test]
fn every_mutation_leaves_an_entry_if_it_succeeds_and_none_if_it_does_not() {
    let schema = Schema::load();
    let mutations: BTreeSet<String> = schema
        .fields("Mutation")
        .iter()
        .map(|field| field.name.node.to_string())
        .collect();
    let called: BTreeSet<String> = calls().iter().map(|call| call.name.to_owned()).collect();
    assert_eq!(
        called, mutations,
        "the table of this test has every mutation"
    );
    let app = TestApp::at(NOW);
    for call in calls() {
        let (name, input) = (call.name, (call.good)(&app));
        let before = entries(&app).len();
        let errors = run(&app, &schema, name, input);
        let all = entries(&app);
        let ours: Vec<&Value> = all[before..]
            .iter()
            .filter(|entry| entry["action"] == name)
            .collect();
        if name != "upsertSubscribers" {
            assert_eq!(errors, json!([]), "{name}");
        }
        let [entry] = ours.as_slice() else {
            panic!("{name}: expected one entry, found {ours:?}");
        };
        let target = entry["target"]["type"].as_str();
        assert_eq!(target, call.target, "{name}");
        assert_eq!(entry["fields"], json!(call.fields), "{name}");
        assert_eq!(entry["actor"]["kind"], "NOBODY", "{name}");
        assert_eq!(entry["requestId"], "test", "{name}");
        assert_eq!(entry["at"], "2026-06-15T12:00:00+00:00", "{name}");

        let input = (call.bad)(&app);
        let before = entries(&app);
        let errors = run(&app, &schema, name, input);
        assert_ne!(errors, json!([]), "{name}");
        assert_eq!(entries(&app), before, "{name}: it did not succeed");
    }
    let marked = app.database.ask(
        "SELECT coalesce(string_agg(a::text, E'\\n'), '') FROM audit_log a WHERE a::text ILIKE '%tracemark%' OR a::text LIKE '%@%'",
    );
    assert_eq!(marked, "", "an entry has a value of a person");
}

#[test]
fn lists_of_people_are_one_entry_with_their_number_and_the_first_ids() {
    let app = TestApp::at(NOW);
    let people: Vec<Value> = (0..150)
        .map(|number| json!({ "email": format!("p{number}@example.com") }))
        .collect();
    app.mutate(
        "mutation ($people: [UpsertSubscriberInput!]!) { upsertSubscribers(input: {subscribers: $people}) { userErrors { message } } }",
        json!({ "people": people }),
    );
    let all = entries(&app);
    let [entry] = all.as_slice() else {
        panic!("{all:?}");
    };
    assert_eq!(entry["count"], 150);
    let ids = entry["subscriberIds"].as_array().expect("ids");
    assert_eq!(ids.len(), 100);
    assert_eq!(ids[0], global("Subscriber", 1));
}

#[test]
fn entries_about_rules_have_both_versions() {
    let app = TestApp::at(NOW);
    let id = app.segment("lt", json!({"everyone": true}));
    let update = "mutation ($input: UpdateSegmentInput!) { updateSegment(input: $input) { userErrors { message } } }";
    let rule = json!({"text": {"field": "country", "is": {"equals": "LT"}}});
    app.mutate(update, json!({ "input": { "id": id, "ruleJson": rule } }));
    app.mutate(
        update,
        json!({ "input": { "id": id, "name": "Lithuania" } }),
    );
    app.mutate(
        "mutation ($input: RestoreSegmentDefinitionInput!) { restoreSegmentDefinition(input: $input) { userErrors { message } } }",
        json!({ "input": { "id": id, "definitionVersion": 1 } }),
    );
    app.mutate(
        "mutation ($input: DeleteSegmentInput!) { deleteSegment(input: $input) { userErrors { message } } }",
        json!({ "input": { "id": id } }),
    );
    let all = entries(&app);
    let versions: Vec<_> = all
        .iter()
        .map(|entry| {
            let [before, after] = ["definitionVersionBefore", "definitionVersionAfter"]
                .map(|name| entry[name].as_i64());
            (entry["action"].as_str().expect("a name"), before, after)
        })
        .collect();
    assert_eq!(
        versions,
        [
            ("createSegment", None, Some(1)),
            ("updateSegment", Some(1), Some(2)),
            ("updateSegment", None, None),
            ("restoreSegmentDefinition", Some(2), Some(3)),
            ("deleteSegment", Some(3), None),
        ]
    );
}

#[test]
fn a_mutation_whose_entry_cannot_be_written_changes_nothing() {
    let app = TestApp::at(NOW);
    app.database
        .execute("ALTER TABLE audit_log ADD CHECK (action <> 'createGroup')");
    let answer = app.respond(
        "mutation { createGroup(input: {key: \"vip\"}) { userErrors { message } } }",
        json!({}),
    );
    assert!(answer["errors"].is_array(), "{answer}");
    assert_eq!(app.database.ask("SELECT count(*) FROM groups"), "0");
}
