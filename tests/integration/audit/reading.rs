//! Reading the audit log: filters, the log of a segment, and files.

use super::{entries, global, take_nodes};
use crate::keys::create_key;
use crate::support::{Server, TestApp, TestDatabase, eventually, rollcall, run};
use rollcall::audience::api_key::{Access, Scope};
use serde_json::{Value, json};

const NOW: &str = "2026-06-15T12:00:00Z";

/// Returns the actions of the entries that a filter lets through, oldest first, and their number.
#[track_caller]
fn filtered(app: &TestApp, filter: Value) -> (Vec<String>, i64) {
    let mut data = app.query(
        "query ($filter: AuditFilterInput) { auditLog(filter: $filter) { totalCount nodes { action } } }",
        json!({ "filter": filter }),
    );
    let total = data["auditLog"]["totalCount"].as_i64().expect("a number");
    let nodes = take_nodes(&mut data["auditLog"]).into_iter().rev();
    let actions = nodes.map(|node| node["action"].as_str().expect("a name").to_owned());
    (actions.collect(), total)
}

fn make_entries(app: &TestApp) {
    app.group("vip", &[]);
    app.set_time("2026-06-15T13:00:00Z");
    app.subscriber("ona@example.com", json!({ "country": "LT" }));
    app.set_time("2026-06-15T14:00:00Z");
    app.mutate(
        "mutation { addToGroup(input: {group: \"vip\", emails: [\"ona@example.com\"]}) { userErrors { message } } }",
        json!({}),
    );
    app.segment("all", json!({"everyone": true}));
}

#[test]
fn entries_are_filtered_by_action_actor_target_and_time() {
    let app = TestApp::at(NOW);
    make_entries(&app);
    let all = [
        "createGroup",
        "upsertSubscriber",
        "addToGroup",
        "createSegment",
    ];
    for (filter, expected) in [
        (json!({}), all.to_vec()),
        (
            json!({ "actions": ["createGroup", "createSegment"] }),
            vec![all[0], all[3]],
        ),
        (json!({ "actions": [] }), vec![]),
        (json!({ "actions": ["\u{0}"] }), vec![]),
        (json!({ "actorKinds": ["NOBODY"] }), all.to_vec()),
        (json!({ "actorKinds": ["API_KEY", "SYSTEM"] }), vec![]),
        (json!({ "actorName": "somebody" }), vec![]),
        (json!({ "actorName": "\u{0}" }), vec![]),
        (json!({ "apiKeyId": global("ApiKey", 1) }), vec![]),
        (
            json!({ "targetId": global("Group", 1) }),
            vec![all[0], all[2]],
        ),
        // In a list, too.
        (
            json!({ "targetId": global("Subscriber", 1) }),
            vec![all[1], all[2]],
        ),
        (json!({ "targetId": global("Subscriber", 2) }), vec![]),
        (json!({ "targetId": global("Segment", 1) }), vec![all[3]]),
        (json!({ "from": "2026-06-15T13:00:00Z" }), all[1..].to_vec()),
        (json!({ "to": "2026-06-15T13:00:00Z" }), vec![all[0]]),
        (
            json!({ "from": "2026-06-15T13:00:00Z", "to": "2026-06-15T14:00:00Z" }),
            vec![all[1]],
        ),
        (
            json!({ "actions": ["addToGroup"], "targetId": global("Group", 1), "from": NOW }),
            vec![all[2]],
        ),
    ] {
        let (actions, total) = filtered(&app, filter.clone());
        assert_eq!(actions, expected, "{filter}");
        assert_eq!(usize::try_from(total), Ok(expected.len()), "{filter}");
    }
}

#[test]
fn filters_that_mean_nothing_are_refused() {
    let app = TestApp::at(NOW);
    for (filter, message) in [
        (
            json!({ "targetId": "x" }),
            "filter.targetId: expected a global id",
        ),
        (
            json!({ "apiKeyId": global("Group", 1) }),
            "filter.apiKeyId: expected the id of an API key",
        ),
        (json!({ "from": "+10000-01-01T00:00:00Z" }), "filter"),
    ] {
        let answer = app.respond(
            "query ($filter: AuditFilterInput) { auditLog(filter: $filter) { totalCount } }",
            json!({ "filter": filter }),
        );
        let found = answer["errors"][0]["message"].as_str().expect("a message");
        assert!(found.contains(message), "{found}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    }
}

#[test]
fn a_segment_has_its_own_log() {
    let app = TestApp::at(NOW);
    make_entries(&app);
    let id = app.segment("others", json!({"everyone": true}));
    app.mutate(
        "mutation ($id: ID!) { updateSegment(input: {id: $id, name: \"The others\"}) { userErrors { message } } }",
        json!({ "id": id }),
    );
    let data = app.query(
        "{ segments { nodes { key auditLog { totalCount nodes { action target { key } fields } } } } }",
        json!({}),
    );
    let made = |key: &str| json!({ "action": "createSegment", "target": { "key": key }, "fields": ["key", "ruleJson"] });
    let changed =
        json!({ "action": "updateSegment", "target": { "key": "others" }, "fields": ["name"] });
    assert_eq!(
        data["segments"]["nodes"],
        json!([
            { "key": "all", "auditLog": { "totalCount": 1, "nodes": [made("all")] } },
            { "key": "others", "auditLog": { "totalCount": 2, "nodes": [changed, made("others")] } },
        ])
    );
}

#[test]
fn the_audit_log_is_for_admin() {
    let app = TestApp::at(NOW);
    make_entries(&app);
    let access = |scopes: &[Scope]| Access {
        scopes: scopes.iter().copied().collect(),
        ..Access::local()
    };
    for document in [
        "{ auditLog { nodes { action } } }",
        "{ segment(key: \"all\") { auditLog { totalCount } } }",
    ] {
        let refused = app.respond_to(&access(&[Scope::Read, Scope::Write]), document, json!({}));
        let code = &refused["errors"][0]["extensions"]["code"];
        assert_eq!(code, "FORBIDDEN", "{document}");
        let answer = app.respond_to(&access(&[Scope::Admin]), document, json!({}));
        assert!(answer["errors"].is_null(), "{answer}");
    }
}

#[test]
fn the_log_is_exported_as_lines_oldest_first() {
    let app = TestApp::at(NOW);
    make_entries(&app);
    let command = ["export", "--database-url", &app.database.url, "audit"];
    let done = run(&mut rollcall(&command));
    assert!(done.status.success(), "{done}");
    let lines: Vec<Value> = done
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let actions: Vec<&str> = lines
        .iter()
        .map(|line| line["action"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        actions,
        [
            "createGroup",
            "upsertSubscriber",
            "addToGroup",
            "createSegment"
        ]
    );
    assert_eq!(lines[1]["target"], "subscriber");
    assert_eq!(lines[1]["targetId"], 1);
    assert_eq!(lines[1]["fields"], json!(["country"]));
    let some = [
        "--from",
        "2026-06-15T13:00:00Z",
        "--to",
        "2026-06-15T14:00:00Z",
    ];
    let done = run(rollcall(&command).args(some));
    assert_eq!(done.stdout.lines().count(), 1, "{done}");
    // The exports themselves are in it.
    let exports = entries(&app);
    let exports = exports
        .iter()
        .filter(|entry| entry["action"] == "exportAuditLog");
    assert_eq!(exports.count(), 2);
}

#[test]
fn long_logs_are_exported_whole() {
    let database = TestDatabase::new();
    database.execute(
        "INSERT INTO audit_log (at, action, actor) \
         SELECT '2026-01-01'::timestamptz + number / 3 * interval '1 second', 'signIn', 'system' FROM generate_series(0, 2499) number",
    );
    let server = Server::start(&database);
    let get = |path: &str, key: Option<&str>| {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let mut request = agent.get(format!("http://{}{path}", server.address));
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let answer = request.call().expect("the server answers");
        answer.map(|mut body| body.read_to_string().expect("text"))
    };
    let answer = get("/export/audit?to=2026-02-01T00:00:00Z", None);
    assert_eq!(answer.status(), 200);
    let lines: Vec<Value> = answer
        .body()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let ids: Vec<i64> = lines
        .iter()
        .map(|line| line["id"].as_i64().expect("a number"))
        .collect();
    assert_eq!(ids, (1..=2_500).collect::<Vec<i64>>());
    for wrong in [
        "when=now",
        "from=yesterday",
        "from=2026-01-01T00:00:00Z&from=2026-01-01T00:00:00Z",
    ] {
        assert_eq!(
            get(&format!("/export/audit?{wrong}"), None).status(),
            400,
            "{wrong}"
        );
    }
    let reader = create_key(&database, &["reader", "--scope", "read"]);
    let admin = create_key(&database, &["admin", "--scope", "admin"]);
    eventually("the keys count", || {
        server.post("{ groups { totalCount } }", json!({})).0 == 401
    });
    assert_eq!(get("/export/audit", Some(&reader)).status(), 403);
    let answer = get("/export/audit?from=2026-02-01T00:00:00Z", Some(&admin));
    assert_eq!(answer.status(), 200);
    assert!(answer.body().contains("\"createApiKey\""), "{answer:?}");
}
