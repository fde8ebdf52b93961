//! What a key with WRITE alone sees: what its own mutations did, and nothing that is stored.

use crate::scopes::Guarded;
use crate::support::eventually;
use rollcall::audience::api_key::Scope;
use serde_json::{Value, json};

/// Everything that a mutation makes, with the id of it.
const MADE: [&str; 9] = [
    "upsertSubscriber(input: {email: \"ona@example.com\", values: {customFields: {visits: 7}}}) { outcome userErrors { code } made: subscriber { id } }",
    "createGroup(input: {key: \"staff\"}) { userErrors { code } made: group { id } }",
    "addToGroup(input: {group: \"staff\", emails: [\"ona@example.com\", \"nobody@example.com\"]}) { addedCount unchangedCount unknownCount userErrors { code } made: group { id } }",
    "removeFromGroup(input: {group: \"staff\", emails: [\"ona@example.com\"]}) { removedCount userErrors { code } made: group { ... on Node { id } } }",
    "createSegment(input: {key: \"all\", rule: {everyone: true}}) { userErrors { code } made: segment { id __typename } }",
    "createImport(input: {kind: SUBSCRIBERS}) { userErrors { code } made: import { id uploadUrl state progress createdAt startedAt finishedAt } }",
    "refreshSegments(input: {}) { userErrors { code } made: refresh { id } }",
    "recordEvents(input: {events: [{email: \"ona@example.com\", name: \"buy\"}]}) { recordedCount ignoredCount results { outcome userErrors { code } } userErrors { code } }",
    "upsertSubscribers(input: {subscribers: [{email: \"ona@example.com\", groups: {add: [\"staff\"]}}]}) { results { outcome subscriber { id } userErrors { code } } userErrors { code } }",
];

#[test]
fn it_sees_the_id_and_the_counts_of_what_it_did() {
    let guarded = Guarded::start();
    let write = guarded.bearer(&[Scope::Write]);
    let field = "mutation { createCustomField(input: {key: \"visits\", type: NUMBER}) { made: customField { id } } }";
    let (_, body) = guarded.ask(&write, field);
    assert!(
        body["data"]["createCustomField"]["made"]["id"].is_string(),
        "{body}"
    );
    for mutation in MADE {
        let document = format!("mutation {{ it: {mutation} }}");
        // Another refresh may run, of the segment that was made.
        eventually("the mutation is done", || {
            let (status, body) = guarded.ask(&write, &document);
            assert_eq!(status, 200, "{document}: {body}");
            let payload = &body["data"]["it"];
            if payload["userErrors"][0]["code"] == "REFRESH_RUNNING" {
                return false;
            }
            assert_eq!(payload["userErrors"], json!([]), "{document}");
            if document.contains("made:") {
                assert!(payload["made"]["id"].is_string(), "{document}: {body}");
            }
            true
        });
    }
}

#[test]
fn it_runs_an_import_to_its_end() {
    let guarded = Guarded::start();
    let write = guarded.bearer(&[Scope::Write]);
    let (_, body) = guarded.ask(
        &write,
        "mutation { createImport(input: {kind: SUBSCRIBERS}) { import { id uploadUrl } userErrors { code } } }",
    );
    let import = &body["data"]["createImport"]["import"];
    let url = import["uploadUrl"].as_str().expect("an address");
    let sent = ureq::put(format!("http://{}{url}", guarded.server.address))
        .header("authorization", &write)
        .send("email\nona@example.com\n")
        .expect("the file is taken");
    assert_eq!(sent.status(), 202);
    let progress = format!(
        "{{ import(id: {}) {{ id state progress startedAt finishedAt uploadUrl }} }}",
        import["id"]
    );
    eventually("the import has succeeded", || {
        let (status, body) = guarded.ask(&write, &progress);
        assert_eq!(status, 200, "{body}");
        body["data"]["import"]["state"] == "SUCCEEDED"
    });
    let people = guarded.database.ask("SELECT count(*) FROM subscribers");
    assert_eq!(people, "1");
}

#[test]
fn it_sees_nothing_that_depends_on_stored_values() {
    let guarded = Guarded::start();
    let write = guarded.bearer(&[Scope::Write]);
    let both = guarded.bearer(&[Scope::Read, Scope::Write]);
    let make = "mutation { createCustomField(input: {key: \"salary\", type: TEXT}) { customField { id } } \
         upsertSubscriber(input: {email: \"ona@example.com\", values: {customFields: {salary: \"much\"}}}) { subscriber { id } } \
         createGroup(input: {key: \"copied\"}) { group { id } } \
         createSegment(input: {key: \"guess\", rule: {text: {field: \"custom.salary\", is: {startsWith: \"m\"}}}}) { segment { id } } \
         createImport(input: {kind: SUBSCRIBERS, dryRun: true}) { import { id } } }";
    let (status, made) = guarded.ask(&write, make);
    assert_eq!(status, 200, "{made}");
    let id = |mutation: &str, noun: &str| made["data"][mutation][noun]["id"].clone();
    let (field, person) = (
        id("createCustomField", "customField"),
        id("upsertSubscriber", "subscriber"),
    );
    let (segment, import) = (id("createSegment", "segment"), id("createImport", "import"));
    let oracles = [
        "mutation { copySegmentToGroup(input: {segment: \"guess\", group: \"copied\"}) { addedCount } }".to_owned(),
        "mutation { copySegmentToGroup(input: {segment: \"guess\", group: \"copied\"}) { userErrors { code } } }".to_owned(),
        // The message names a value and an address.
        format!("mutation {{ updateCustomField(input: {{id: {field}, type: NUMBER}}) {{ userErrors {{ message }} }} }}"),
        format!("mutation {{ undoImport(input: {{id: {import}}}) {{ userErrors {{ message }} }} }}"),
        format!("mutation {{ updateSegment(input: {{id: {segment}, name: \"x\"}}) {{ segment {{ memberCount }} }} }}"),
        // The problems of a stored rule.
        format!("mutation {{ copySegment(input: {{id: {segment}, key: \"copy\"}}) {{ userErrors {{ message }} }} }}"),
        format!("mutation {{ restoreSegmentDefinition(input: {{id: {segment}, definitionVersion: 1}}) {{ userErrors {{ message }} }} }}"),
        format!("mutation {{ updateSubscriber(input: {{id: {person}}}) {{ subscriber {{ email }} }} }}"),
        "{ statusCounts { count } }".to_owned(),
        "mutation { refreshSegments(input: {}) { refresh { segments { memberCount } } } }".to_owned(),
        // The counts of a dry run tell whether a value is as the file says.
        format!("{{ import(id: {import}) {{ report {{ unchanged }} }} }}"),
        format!("{{ import(id: {import}) {{ error columns {{ name }} }} }}"),
        "{ imports { nodes { id } } }".to_owned(),
        "{ previewSegment(rule: {everyone: true}) { memberCount } }".to_owned(),
        "{ subscribers { totalCount } }".to_owned(),
        format!("{{ node(id: {person}) {{ id }} }}"),
        "{ settings { timeZone } }".to_owned(),
    ];
    for document in oracles {
        let (status, body) = guarded.ask(&write, &document);
        assert_eq!(status, 403, "{document}: {body}");
        let code = &body["errors"][0]["extensions"]["code"];
        assert_eq!(code, "FORBIDDEN", "{document}");
        assert_eq!(body.get("data"), None, "{document}");
        let (status, body) = guarded.ask(&both, &document);
        assert_eq!(status, 200, "{document}: {body}");
        assert_ne!(body["data"], Value::Null, "{document}: {body}");
    }
}

/// What is left out is not asked for, and what is put in by a default is.
#[test]
fn scopes_and_execution_see_the_same_selections() {
    let guarded = Guarded::start();
    let write = guarded.bearer(&[Scope::Write]);
    for (document, status) in [
        (
            "query($s: Boolean = true) { __typename groups @skip(if: $s) { totalCount } }",
            200,
        ),
        (
            "query($s: Boolean = false) { __typename groups @skip(if: $s) { totalCount } }",
            403,
        ),
        (
            "query($s: Boolean = false) { __typename ...F @include(if: $s) } fragment F on Query { groups { totalCount } }",
            200,
        ),
        (
            "query($s: Boolean = true) { __typename ...F @include(if: $s) } fragment F on Query { groups { totalCount } }",
            403,
        ),
        (
            "{ __typename ... @include(if: false) { groups { totalCount } } }",
            200,
        ),
        (
            "{ __typename ... @include(if: true) @skip(if: false) { groups { totalCount } } }",
            403,
        ),
    ] {
        let (found, body) = guarded.ask(&write, document);
        assert_eq!(found, status, "{document}: {body}");
        if status == 200 {
            assert_eq!(body["data"], json!({"__typename": "Query"}), "{document}");
        }
    }
}
