//! Answers have a budget of bytes: one that is too large is broken off, whatever its texts and documents are.

use crate::support::{Server, Socket, TestApp, rollcall};
use serde_json::{Value, json};
use std::io::Read;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// The question that must be answered whatever else happens.
const PROBE: &str = "{ groups(first: 1) { totalCount } }";
/// How much memory one operation may add: the budget, the pages that are loaded and not resolved yet, and what the
/// allocator keeps. Without the budget it is up to ten times as much.
const MEMORY: u64 = 170_000_000;

/// Fields whose answers over [`audience`], repeated that often, would take 40 to 300 megabytes, each because of another
/// kind of field.
const LARGE: [(&str, usize, &str); 5] = [
    (
        "custom values",
        6,
        "subscribers(first: 250) { nodes { customFields { key value } } }",
    ),
    (
        "one custom value",
        25,
        "subscribers(first: 250) { nodes { a: customField(key: \"notes\") b: customField(key: \"notes\") } }",
    ),
    (
        "texts",
        25,
        "subscribers(first: 250) { nodes { firstName lastName a: firstName b: lastName } }",
    ),
    (
        "properties",
        25,
        "subscribers(first: 20) { nodes { events(first: 10) { nodes { properties } } } }",
    ),
    (
        "small values",
        25,
        "subscribers(first: 20) { edges { node { events(first: 10, name: \"small\") { edges { node { properties } } } } } }",
    ),
];

/// Repeats a field under other names.
fn repeat(field: &str, times: usize) -> String {
    let aliases: Vec<String> = (0..times).map(|n| format!("a{n}: {field}")).collect();
    format!("{{ {} }}", aliases.join(" "))
}

/// Subscribers with long names, custom values and events.
pub fn audience() -> TestApp {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.query(
        "mutation { createCustomField(input: {key: \"notes\", type: TEXT}) { customField { key } } }",
        json!({}),
    );
    app.database.execute(
        "INSERT INTO subscribers (email, first_name, last_name, custom, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', repeat('f', 9000), repeat('l', 9000), \
           jsonb_build_object('notes', repeat('n', 30000)), now(), now() \
         FROM generate_series(1, 250) n; \
         INSERT INTO events (subscriber_id, name, occurred_at, properties) \
         SELECT id, 'large', now(), jsonb_build_object('text', repeat('p', 60000)) \
         FROM subscribers, generate_series(1, 10) ORDER BY id LIMIT 200; \
         INSERT INTO events (subscriber_id, name, occurred_at, properties) \
         SELECT id, 'small', now() - interval '1 day', \
           (SELECT jsonb_object_agg('k' || k, k) FROM generate_series(1, 5000) k) \
         FROM subscribers, generate_series(1, 10) ORDER BY id LIMIT 200",
    );
    app
}

/// Ends the probes when it is dropped, also where the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[track_caller]
fn assert_too_large(answer: &Value, what: &str) {
    assert_eq!(answer["data"], Value::Null, "{what}");
    let errors = answer["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 1, "{what}: {errors:?}");
    assert_eq!(errors[0]["extensions"]["code"], "TOO_LARGE", "{what}");
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads memory in /proc")]
fn an_answer_that_is_too_large_is_broken_off_before_it_takes_the_memory() {
    let app = audience();
    // A server for each, because what the allocator keeps of one answer would count for the next.
    for (what, times, field) in LARGE {
        let server = Server::start(&app.database);
        assert_eq!(server.post(PROBE, Value::Null).0, 200);
        let before = server.peak_memory();
        assert!(before > 0);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let (status, body) = server.post(PROBE, Value::Null);
                    assert_eq!((status, &body["errors"]), (200, &Value::Null));
                }
            });
            let ends = Ends(&is_over);
            let (status, answer) = server.post(&repeat(field, times), Value::Null);
            drop(ends);
            assert_eq!(status, 200, "{what}: {answer}");
            assert_too_large(&answer, what);
        });
        let grown = server.peak_memory().saturating_sub(before);
        assert!(grown < MEMORY, "{what}: {grown} bytes more");
    }
}

/// What is told about a person has no bound, so that it is written page by page.
#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads memory in /proc")]
fn the_document_about_a_person_takes_little_memory() {
    let database = crate::support::TestDatabase::new();
    database.execute(
        "INSERT INTO subscribers (email, created_at, updated_at) VALUES ('ona@example.com', now(), now()); \
         INSERT INTO events (subscriber_id, name, occurred_at, properties) \
         SELECT 1, 'visit', now() - n % 500 * interval '1 hour', jsonb_build_object('text', repeat('p', 10000)) \
         FROM generate_series(1, 20000) n",
    );
    let server = Server::start(&database);
    assert_eq!(server.post(PROBE, Value::Null).0, 200);
    let before = server.peak_memory();
    let url = format!(
        "http://{}/export/person?email=ona@example.com",
        server.address
    );
    let mut answer = ureq::get(url).call().expect("the document");
    let mut text = String::new();
    answer
        .body_mut()
        .as_reader()
        .read_to_string(&mut text)
        .expect("a whole document");
    let document: Value = serde_json::from_str(&text).expect("a document");
    let events = document["events"].as_array().expect("a list");
    assert_eq!(events.len(), 20_000);
    let times = events.iter().map(|event| event["occurredAt"].as_str());
    assert!(times.rev().is_sorted(), "the newest is the first");
    let grown = server.peak_memory().saturating_sub(before);
    assert!(
        text.len() > 200_000_000 && grown < 30_000_000,
        "{grown} bytes more"
    );
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads memory in /proc")]
fn memory_is_given_back() {
    let app = audience();
    let server = Server::start(&app.database);
    // Small answers first, so that what the program itself takes does not count.
    for (what, _, field) in LARGE {
        let document = format!("{{ {} }}", field.replace("first: 250", "first: 1"));
        assert_eq!(server.post(&document, Value::Null).0, 200, "{what}");
    }
    let before = server.memory();
    // Several at a time, so that much is taken beside what stays.
    for (_, times, field) in LARGE {
        let document = repeat(field, times);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| server.post(&document, Value::Null));
            }
        });
    }
    let taken = server.peak_memory() - before;
    assert!(taken > 100_000_000, "{taken} bytes");
    // Not all of it: what lasts stands between, such as further connections.
    crate::support::eventually("memory is given back", || {
        server.memory() < before + taken / 4 * 3
    });
}

#[test]
fn what_fits_into_the_budget_is_answered_whole() {
    let app = audience();
    for (what, _, field) in LARGE {
        let answer = app.respond(&format!("{{ {field} }}"), json!({}));
        // The small values of 200 events alone are more than the budget, and nothing else is.
        if what == "small values" {
            assert_too_large(&answer, what);
            continue;
        }
        assert_eq!(answer["errors"], Value::Null, "{what}");
        let nodes = answer["data"]["subscribers"]["nodes"].as_array();
        assert!(nodes.is_some_and(|nodes| nodes.len() >= 20), "{what}");
    }
}

#[test]
fn the_budget_is_a_setting() {
    let app = audience();
    let settings = ["--database-url", &app.database.url, "--max-answer", "1"];
    let server = Server::start_with(&settings);
    let document = |first: usize| {
        format!("{{ subscribers(first: {first}) {{ nodes {{ id firstName lastName }} }} }}")
    };
    let (_, answer) = server.post(&document(50), Value::Null);
    assert_eq!(answer["errors"], Value::Null);
    let (_, answer) = server.post(&document(100), Value::Null);
    assert_too_large(&answer, "two megabytes");
    let message = answer["errors"][0]["message"].as_str().expect("a message");
    assert!(
        message.contains("at most 1 MiB (--max-answer)"),
        "{message}"
    );
}

#[test]
fn sockets_and_event_streams_have_the_budget_for_each_answer() {
    let app = audience();
    let server = Server::start(&app.database);
    let mut socket = Socket::open(&server);
    let large = repeat(LARGE[2].2, 25);
    for id in ["1", "2"] {
        socket.subscribe(id, &large, json!({}));
        let answer = socket.receive();
        assert_eq!(answer["type"], "next");
        assert_too_large(&answer["payload"], "over a socket");
        assert_eq!(socket.receive()["type"], "complete");
    }
    socket.subscribe("3", PROBE, json!({}));
    assert_eq!(socket.next("3"), json!({"groups": {"totalCount": 0}}));
    let mut response = ureq::post(format!("http://{}/graphql", server.address))
        .header("accept", "text/event-stream")
        .send_json(json!({ "query": large }))
        .expect("a stream");
    let mut events = String::new();
    let read = response.body_mut().as_reader().read_to_string(&mut events);
    read.expect("the stream ends");
    let data = events.lines().find_map(|line| line.strip_prefix("data:"));
    let answer = serde_json::from_str(data.unwrap_or_default().trim()).expect("JSON");
    assert_too_large(&answer, "over an event stream");
}

#[test]
fn entities_have_the_budget_too() {
    let mut app = audience();
    app.become_subgraph();
    let ids = app.query("{ subscribers(first: 250) { nodes { id } } }", json!({}));
    let keys = ids["subscribers"]["nodes"]
        .as_array()
        .expect("nodes")
        .iter();
    let keys: Vec<Value> = keys
        .map(|node| json!({"__typename": "Subscriber", "id": node["id"]}))
        .collect();
    let fields: Vec<String> = (0..25).map(|n| format!("a{n}: firstName")).collect();
    let document = format!(
        "query ($keys: [_Any!]!) {{ _entities(representations: $keys) {{ ... on Subscriber {{ {} }} }} }}",
        fields.join(" ")
    );
    let answer = app.respond(&document, json!({"keys": keys}));
    assert_too_large(&answer, "entities");
    let answer = app.respond(&document, json!({"keys": keys[..20]}));
    assert_eq!(answer["errors"], Value::Null);
}

#[test]
fn a_mutation_whose_answer_is_too_large_is_carried_out() {
    let app = audience();
    let fields: Vec<String> = (0..90).map(|n| format!("a{n}: firstName")).collect();
    let update = |number: usize| {
        format!(
            "m{number}: updateSubscriber(input: {{id: $id, values: {{firstName: $name}}}}) {{ subscriber {{ {} }} }}",
            fields[..9].join(" ")
        )
    };
    let ids = app.query("{ subscribers(first: 1) { nodes { id } } }", json!({}));
    let id = &ids["subscribers"]["nodes"][0]["id"];
    let read = format!(
        "{{ subscribers(first: 250) {{ nodes {{ {} }} }} }}",
        fields.join(" ")
    );
    assert_too_large(&app.respond(&read, json!({})), "a query");
    let name = "n".repeat(9_999);
    let updates: Vec<String> = (0..9).map(update).collect();
    let document = format!(
        "mutation ($id: ID!, $name: String) {{ {} }}",
        updates.join(" ")
    );
    // Nine answers of nine names fit.
    let answer = app.respond(&document, json!({"id": id, "name": name}));
    assert_eq!(answer["errors"], Value::Null);
    let change = format!(
        "mutation ($id: ID!, $name: String) {{ updateSubscriber(input: {{id: $id, values: {{firstName: $name}}}}) {{ subscriber {{ events(first: 10, name: \"small\") {{ nodes {{ {} }} }} }} }} last: createGroup(input: {{key: \"last\"}}) {{ group {{ key }} }} }}",
        (0..9)
            .map(|n| format!("p{n}: properties"))
            .collect::<Vec<_>>()
            .join(" ")
    );
    let answer = app.respond(&change, json!({"id": id, "name": "Ona"}));
    assert_too_large(&answer, "a mutation");
    let message = answer["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains("the changes were made"), "{message}");
    let data = app.query("{ group(key: \"last\") { key } }", json!({}));
    assert_eq!(
        data,
        json!({"group": {"key": "last"}}),
        "also those after it"
    );
}

#[test]
fn personal_data_with_large_events_is_refused_before_it_is_loaded() {
    let app = audience();
    let document =
        |first: usize| format!("{{ subscribers(first: {first}) {{ nodes {{ personalData }} }} }}");
    let answer = app.respond(&document(2), json!({}));
    assert_eq!(answer["errors"], Value::Null);
    let answer = app.respond(&document(20), json!({}));
    let errors = answer["errors"].to_string();
    assert!(errors.contains("8000000 bytes of properties"), "{errors}");
}

#[test]
fn scalars_and_documents_have_a_cost() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.subscriber("ona@example.com", json!({}));
    let server = Server::start(&app.database);
    let cost = |selected: &str| {
        let body = json!({
            "query": format!("{{ subscribers(first: 100) {{ nodes {{ {selected} }} }} }}"),
            "extensions": {"cost": true},
        });
        let mut response = ureq::post(format!("http://{}/graphql", server.address))
            .send_json(body)
            .expect("an answer");
        let answer: Value = response.body_mut().read_json().expect("JSON");
        answer["extensions"]["cost"]["requested"]
            .as_u64()
            .expect("a cost")
    };
    let scalars = |count: usize| {
        (0..count)
            .map(|n| format!("a{n}: email "))
            .collect::<String>()
    };
    assert_eq!(cost(&scalars(9)), 101);
    assert_eq!(cost(&scalars(10)), 201);
    assert_eq!(
        cost(&format!(
            "... {{ {} }} ... {{ {} }}",
            scalars(4),
            "id b: id c: id d: id e: id f: id"
        )),
        201
    );
    assert_eq!(cost("id customField(key: \"notes\")"), 301);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads limits in /proc")]
fn a_server_may_open_as_many_files_as_the_system_lets_it() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let program = rollcall(&["serve", "--listen", "127.0.0.1:0"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -Sn 256 && exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args())
        .args(["--database-url", &app.database.url]);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let server = Server::spawn(&mut command);
    let limits = server.proc_file("limits");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let values: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
    assert_eq!(values.get(3), values.get(4), "{limits}");
    assert_ne!(values.get(3), Some(&"256"), "{limits}");
}
