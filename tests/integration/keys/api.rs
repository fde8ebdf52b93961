//! API keys through the API, by a clock of the test's own.

use crate::support::TestApp;
use rollcall::audience::api_key::{Access, Scope};
use serde_json::{Value, json};

const CREATE: &str = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { \
    apiKey { id name prefix scopes isUsable createdAt expiresAt revokedAt lastUsedAt } secret userErrors { code path message } } }";
const REVOKE: &str = "mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { apiKey { isUsable revokedAt } userErrors { code path } } }";

fn app() -> TestApp {
    TestApp::at("2026-06-15T12:00:00Z")
}

/// Somebody with a key of these scopes.
fn with(scopes: &[Scope]) -> Access {
    Access {
        key_id: Some(1),
        session_id: None,
        scopes: scopes.iter().copied().collect(),
    }
}

#[test]
fn a_key_is_made_expires_and_is_revoked() {
    let app = app();
    let input = json!({"name": " Shop ", "scopes": ["WRITE", "READ", "WRITE"], "expiresAt": "2026-07-01T00:00:00Z"});
    let made = app.mutate(CREATE, json!({ "input": input }));
    let secret = made["secret"].as_str().expect("a secret");
    let key = &made["apiKey"];
    assert_eq!(secret.len(), 44);
    assert_eq!(key["prefix"], json!(secret[..12]));
    assert_eq!(
        (&key["name"], &key["scopes"], &key["isUsable"]),
        (&json!("Shop"), &json!(["READ", "WRITE"]), &json!(true))
    );
    assert_eq!(key["createdAt"], json!("2026-06-15T12:00:00+00:00"));
    assert_eq!(key["expiresAt"], json!("2026-07-01T00:00:00+00:00"));
    assert_eq!(
        (&key["revokedAt"], &key["lastUsedAt"]),
        (&json!(null), &json!(null))
    );
    let node = "query ($id: ID!) { node(id: $id) { id ... on ApiKey { isUsable prefix } } }";
    let look =
        |app: &TestApp| app.query(node, json!({"id": key["id"]}))["node"]["isUsable"].clone();
    assert_eq!(look(&app), json!(true));
    app.set_time("2026-06-30T23:59:59.999Z");
    assert_eq!(look(&app), json!(true));
    app.set_time("2026-07-01T00:00:00Z");
    assert_eq!(look(&app), json!(false));
    let revoked = json!({"apiKey": {"isUsable": false, "revokedAt": "2026-07-01T00:00:00+00:00"}, "userErrors": []});
    assert_eq!(app.mutate(REVOKE, json!({"id": key["id"]})), revoked);
    app.set_time("2026-08-01T00:00:00Z");
    assert_eq!(
        app.mutate(REVOKE, json!({"id": key["id"]})),
        revoked,
        "since then"
    );
}

#[test]
fn everything_wrong_is_said_at_once() {
    let app = app();
    let input = json!({"name": " ", "scopes": [], "expiresAt": "2026-06-15T12:00:00Z"});
    let refused = app.payload(CREATE, json!({ "input": input }));
    assert_eq!(
        refused,
        json!({"apiKey": null, "secret": null, "userErrors": [
            {"code": "MISSING", "path": "name", "message": "expected a name that says what the key is for, found an empty text"},
            {"code": "MISSING", "path": "scopes", "message": "expected at least one of read, write and admin, found none"},
            {"code": "INVALID", "path": "expiresAt", "message": "expected a time in the future, found 2026-06-15T12:00:00Z"},
        ]})
    );
    let input = json!({"name": "x".repeat(201), "scopes": ["READ"]});
    let refused = app.payload(CREATE, json!({ "input": input }));
    assert_eq!(refused["userErrors"][0]["path"], json!("name"));
    let data = app.query("{ apiKeys { totalCount } }", json!({}));
    assert_eq!(data["apiKeys"]["totalCount"], json!(0));
    let stranger = app.query("{ s: __typename }", json!({}));
    assert_eq!(stranger["s"], json!("Query"));
    // The key 7 in the form of global ids.
    let refused = app.payload(REVOKE, json!({"id": "QXBpS2V5Ojc"}));
    let not_found = json!({"apiKey": null, "userErrors": [{"code": "NOT_FOUND", "path": "id"}]});
    assert_eq!(refused, not_found);
}

#[test]
fn there_is_a_bound_to_usable_keys() {
    let app = app();
    app.database.execute(
        "INSERT INTO api_keys (name, prefix, sha256, scopes, created_at) \
         SELECT 'n', 'p' || n, sha256(n::text::bytea), '{read}', now() FROM generate_series(1, 1000) n",
    );
    let create = || {
        app.payload(
            CREATE,
            json!({"input": {"name": "one more", "scopes": ["READ"]}}),
        )
    };
    let refused = create();
    assert_eq!(
        refused["userErrors"][0]["message"],
        json!("there are already 1000 usable keys (the limit is 1000)")
    );
    app.database
        .execute("UPDATE api_keys SET revoked_at = now() WHERE id = 1");
    assert_eq!(create()["userErrors"], json!([]));
}

#[test]
fn keys_are_listed_in_pages_oldest_first() {
    let app = app();
    for name in ["a", "b", "c"] {
        let input = json!({"name": name, "scopes": ["READ"]});
        app.mutate(CREATE, json!({ "input": input }));
    }
    let list = "query ($first: Int, $after: String, $last: Int) { apiKeys(first: $first, after: $after, last: $last) { \
        totalCount nodes { name } pageInfo { hasNextPage hasPreviousPage endCursor } } }";
    let page = app.query(list, json!({"first": 2}))["apiKeys"].clone();
    assert_eq!(page["nodes"], json!([{"name": "a"}, {"name": "b"}]));
    assert_eq!(
        (&page["totalCount"], &page["pageInfo"]["hasNextPage"]),
        (&json!(3), &json!(true))
    );
    let rest = app.query(
        list,
        json!({"first": 2, "after": page["pageInfo"]["endCursor"]}),
    );
    assert_eq!(rest["apiKeys"]["nodes"], json!([{"name": "c"}]));
    let last = app.query(list, json!({"last": 1}));
    assert_eq!(last["apiKeys"]["nodes"], json!([{"name": "c"}]));
}

/// Besides the check of the whole document: what is about keys also asks for ADMIN where it is resolved.
#[test]
fn only_admin_comes_near_keys() {
    let app = app();
    let made = app.mutate(CREATE, json!({"input": {"name": "a", "scopes": ["READ"]}}));
    let id = made["apiKey"]["id"].clone();
    let without = with(&[Scope::Read, Scope::Write]);
    let code = |response: &Value| response["errors"][0]["extensions"]["code"].clone();
    for (document, variables) in [
        ("{ apiKeys { totalCount } }", json!({})),
        (CREATE, json!({"input": {"name": "b", "scopes": ["ADMIN"]}})),
        (REVOKE, json!({ "id": id })),
    ] {
        let response = app.respond_to(&without, document, variables.clone());
        assert_eq!(
            code(&response),
            json!("FORBIDDEN"),
            "{document}: {response}"
        );
    }
    // Whether there is a key of that id is nobody else's business.
    let node = "query ($id: ID!) { node(id: $id) { __typename } }";
    let response = app.respond_to(&without, node, json!({ "id": id }));
    assert!(response.to_string().find("ApiKey").is_none(), "{response}");
    let admin = with(&[Scope::Admin]);
    let response = app.respond_to(&admin, node, json!({ "id": id }));
    assert_eq!(response["data"]["node"]["__typename"], json!("ApiKey"));
    let keys = app
        .database
        .ask("SELECT count(*) || ' ' || count(revoked_at) FROM api_keys");
    assert_eq!(keys, "1 0", "nothing was made or revoked");
}
