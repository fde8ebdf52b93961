//! The audience of `heavy.rs`: 100,000 subscribers with custom fields, groups, segments, events and a past.

use crate::support::{Server, TestDatabase, eventually};
use serde_json::{Value, json};

/// How many subscribers there are.
const PEOPLE: usize = 100_000;
/// How many groups, segments and events of one subscriber: a full page.
const PAGE: usize = 250;

/// What documents need to know of the audience.
pub struct People {
    /// The variables: a rule of the largest kind, ids, representations and a moment of the past.
    pub variables: Value,
}

/// Fills an empty database through SQL, and refreshes its segments twice with changes in between.
#[track_caller]
pub fn fill(database: &TestDatabase, server: &Server) -> People {
    insert_people(database);
    for field in ["plan: TEXT", "visits: NUMBER", "vip: BOOLEAN"] {
        let (key, of) = field.split_once(": ").expect("two words");
        mutate(
            server,
            &format!("createCustomField(input: {{key: \"{key}\", type: {of}}})"),
        );
    }
    insert_groups(database);
    insert_segments(database);
    insert_imports(database);
    database.execute("ANALYZE");
    refresh(database, server);
    let past = database
        .ask("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    database.execute(
        "UPDATE subscribers SET country = 'EE' WHERE id % 50 = 0; \
         UPDATE subscribers SET status = 'unsubscribed' WHERE id <= 250; \
         DELETE FROM subscribers WHERE id % 1000 = 999",
    );
    refresh(database, server);
    let (status, body) = server.post("{ subscribers(first: 250) { nodes { id } } }", Value::Null);
    assert_eq!(status, 200, "{body}");
    let nodes = body["data"]["subscribers"]["nodes"].as_array();
    let ids: Vec<&Value> = nodes
        .expect("a page")
        .iter()
        .map(|node| &node["id"])
        .collect();
    let representations: Vec<Value> = ids
        .iter()
        .map(|id| json!({"__typename": "Subscriber", "id": id}))
        .collect();
    People {
        variables: json!({
            "rule": large_rule(), "ids": ids, "past": past, "representations": representations,
        }),
    }
}

/// Refreshes all segments. The server refreshes new ones by itself meanwhile, and then has to be asked again.
#[track_caller]
fn refresh(database: &TestDatabase, server: &Server) {
    let refresh =
        "mutation { refreshSegments(input: {}) { refresh { id } userErrors { message } } }";
    eventually("a refresh begins", || {
        let (_, body) = server.post(refresh, Value::Null);
        body["data"]["refreshSegments"]["refresh"]["id"].is_string()
    });
    eventually("the refresh ends", || {
        database.ask("SELECT count(*) FROM refreshes WHERE state = 'running'") == "0"
    });
}

#[track_caller]
fn mutate(server: &Server, call: &str) {
    let document = format!("mutation {{ {call} {{ userErrors {{ message }} }} }}");
    let (status, body) = server.post(&document, Value::Null);
    assert_eq!((status, &body["errors"]), (200, &Value::Null), "{document}");
    let payloads = body["data"].as_object().expect("data").values();
    for payload in payloads {
        assert_eq!(payload["userErrors"], json!([]), "{document}");
    }
}

fn insert_people(database: &TestDatabase) {
    database.execute(&format!(
        "INSERT INTO subscribers (email, first_name, last_name, country, city, custom, created_at, updated_at, subscribed_at) \
         SELECT 'person' || n || '@example.com', 'Name ' || n, repeat(md5(n::text), 4), (ARRAY['LT', 'LV', 'EE', 'DE'])[1 + n % 4], \
             'City ' || n % 5000, jsonb_build_object('plan', 'plan ' || n % 300, 'visits', n % 1000, 'vip', n % 3 = 0), \
             made, made, made \
         FROM generate_series(1, {PEOPLE}) n CROSS JOIN LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 minute' AS made) m; \
         INSERT INTO events (subscriber_id, name, occurred_at, value, properties) \
         SELECT 1 + n % {PEOPLE}, 'event ' || n % {PAGE}, timestamptz '2026-01-01' + n * interval '1 minute', n % 100, \
             jsonb_build_object('item', 'item ' || n % 500, 'amount', n % 300) FROM generate_series(1, {PEOPLE}) n; \
         INSERT INTO events (subscriber_id, name, occurred_at, value) \
         SELECT s, 'event ' || n, timestamptz '2026-02-01' + n * interval '1 minute', 1 \
         FROM generate_series(1, 100) s, generate_series(0, {PAGE} - 1) n; \
         INSERT INTO event_totals (subscriber_id, name, count, value_sum, first_at, last_at) \
         SELECT subscriber_id, name, count(*), coalesce(sum(value), 0), min(occurred_at), max(occurred_at) \
         FROM events GROUP BY subscriber_id, name"
    ));
}

fn insert_groups(database: &TestDatabase) {
    database.execute(&format!(
        "INSERT INTO groups (key, name, created_at, updated_at) \
         SELECT CASE n WHEN 1 THEN 'everybody' ELSE 'group-' || n END, 'Group ' || n, '2026-01-01', '2026-01-01' \
         FROM generate_series(1, {PAGE}) n; \
         INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
         SELECT g.id, s.id, timestamptz '2026-01-01' + s.id * interval '1 minute', 'api' FROM groups g JOIN subscribers s \
         ON g.key = 'everybody' OR s.id <= 300"
    ));
}

/// Every segment has nearly everybody as its member.
fn insert_segments(database: &TestDatabase) {
    database.execute(&format!(
        "INSERT INTO segments (key, name, rule, created_at, updated_at) \
         SELECT CASE n WHEN 1 THEN 'everybody' ELSE 'segment-' || n END, 'Segment ' || n, \
             jsonb_build_object('v', 1, 'root', CASE n % 2 WHEN 1 THEN '{{\"everyone\": true}}'::jsonb \
                 ELSE '{{\"not\": {{\"text\": {{\"field\": \"country\", \"is\": {{\"equals\": \"EE\"}}}}}}}}'::jsonb END), \
             '2026-01-01', '2026-01-01' FROM generate_series(1, {PAGE}) n; \
         INSERT INTO segment_definitions (segment_id, version, rule, created_at) \
         SELECT id, 1, rule, created_at FROM segments"
    ));
}

fn insert_imports(database: &TestDatabase) {
    database.execute(&format!(
        "INSERT INTO imports (kind, state, options, file_name, created_at) \
         SELECT 'subscribers', 'cancelled', '{{}}', 'people.csv', '2026-01-01' FROM generate_series(1, {PAGE}) n; \
         INSERT INTO import_problems (import_id, line, kind, reason, value) \
         SELECT i.id, n, 'malformed', 'expected 3 cells, found 2', repeat('x', 50) FROM imports i, generate_series(1, {PAGE}) n"
    ));
}

/// A rule near every bound that rules have: nodes, values of a list, letters of regular expressions.
fn large_rule() -> Value {
    let values: Vec<String> = (0..10_000)
        .map(|n| format!("person{n}@example.com"))
        .collect();
    let mut nodes = vec![
        json!({"text": {"field": "email", "is": {"in": values}}}),
        json!({"group": {"inAny": ["group-2", "group-3"]}}),
        json!({"segment": {"inAny": ["everybody"]}}),
    ];
    for number in 0..40 {
        let expression = format!("[0-8]{{10,20}}[^z]{{2}}x{number}$");
        nodes.push(json!({"text": {"field": "lastName", "is": {"matches": expression}}}));
        nodes.push(json!({"event": {"name": format!("event {number}"), "inTheLast": {"amount": 90, "unit": "DAY"},
            "sum": {"atLeast": number}}}));
        nodes.push(json!({"date": {"field": "createdAt", "is": {"inTheLast": {"amount": number + 1, "unit": "DAY"}}}}));
    }
    for number in 0..370 {
        nodes
            .push(json!({"number": {"field": "custom.visits", "is": {"atLeast": 1_000 + number}}}));
    }
    json!({ "any": nodes })
}
