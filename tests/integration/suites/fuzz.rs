//! schemathesis asks what nobody would ask, and checks every answer.

use crate::keys::create_key;
use crate::support::{Server, TestApp, TestDatabase, Workshop, python};
use serde_json::{Value, json};
use std::process::Command;

/// How many questions are asked. `ROLLCALL_EXAMPLES=2000 cargo test --test integration fuzz` asks more, others each time.
const EXAMPLES: usize = 400;

/// Fills a database and returns the words that mean something in it.
fn fill(database: TestDatabase) -> (TestApp, Value) {
    let app = TestApp::over(database, "2026-06-15T12:00:00Z", chrono_tz::UTC);
    let mut ids = Vec::new();
    app.mutate(
        "mutation { createCustomField(input: {key: \"plan\", type: TEXT}) { userErrors { message } } }",
        json!({}),
    );
    let emails = ["anna", "bert", "cleo", "dora"].map(|name| format!("{name}@example.com"));
    for (index, email) in emails.iter().enumerate() {
        let country = if index % 2 == 0 { "LT" } else { "DE" };
        let values =
            json!({"country": country, "birthday": "1990-02-28", "customFields": {"plan": "pro"}});
        ids.push(app.subscriber(email, values));
        app.event(email, "purchase", "2026-05-01T10:00:00Z", Some(12.5));
    }
    app.group("staff", &[&emails[0], &emails[1]]);
    let lithuanian = json!({"text": {"field": "country", "is": {"equals": "LT"}}});
    ids.push(app.segment("lt", lithuanian));
    ids.push(app.segment(
        "buyers",
        json!({"all": [{"event": {"name": "purchase"}}, {"not": {"group": {"inAny": ["staff"]}}}]}),
    ));
    app.refresh();
    app.subscriber(&emails[0], json!({"country": "EE"}));
    app.refresh();
    let data = app.query(
        "{ groups { nodes { id } } refreshes { nodes { id } } customFields { nodes { id } } \
         subscribers(orderBy: EMAIL) { edges { cursor node { events { edges { cursor node { id } } } } } } }",
        json!({}),
    );
    for list in ["groups", "refreshes", "customFields"] {
        let id = data[list]["nodes"][0]["id"].as_str().expect("an id");
        ids.push(id.to_owned());
    }
    let edge = &data["subscribers"]["edges"][0];
    let event = &edge["node"]["events"]["edges"][0];
    let words = json!({
        "ids": ids,
        "keys": ["staff", "lt", "buyers", "plan", "purchase"],
        "emails": emails,
        "cursors": [edge["cursor"], event["cursor"]],
    });
    (app, words)
}

#[test]
fn no_question_gets_a_malformed_answer() {
    let Some(python) = python() else {
        return;
    };
    let workshop = Workshop::without_packages();
    let (app, words) = fill(TestDatabase::new());
    let server = Server::start(&app.database);
    std::fs::write(workshop.path().join("words.json"), words.to_string()).expect("a file");
    let asked = std::env::var("ROLLCALL_EXAMPLES").ok();
    let examples = match &asked {
        Some(asked) => asked.parse().expect("ROLLCALL_EXAMPLES is a number"),
        None => EXAMPLES,
    };
    let fields = "{ __schema { queryType { fields { name } } mutationType { fields { name } } } }";
    let roots = app.query(fields, json!({}));
    let count = |root: &str| {
        roots["__schema"][root]["fields"]
            .as_array()
            .map_or(0, Vec::len)
    };
    // A tenth more, since a field without arguments has not that many questions to it.
    let each = (examples * 11 / 10).div_ceil(count("queryType") + count("mutationType"));
    // It makes API keys too, and from the first one on needs one itself.
    let key = create_key(&app.database, &["fuzz", "--scope", "admin"]);
    let mut fuzz = Command::new(python);
    fuzz.args(["-m", "schemathesis.cli", "run"])
        .arg(format!("http://{}/graphql", server.address))
        .args(["-H", &format!("Authorization: Bearer {key}")])
        .args(["--max-examples", &each.to_string(), "--phases", "fuzzing"])
        // What the hooks check better: they ask graphql-core whether a document should be accepted.
        .args([
            "--exclude-checks",
            "positive_data_acceptance,negative_data_rejection,not_a_server_error",
        ])
        .args(["--report", "json", "--report-json-path", "report.json"])
        .env("SCHEMATHESIS_HOOKS", "fuzz_hooks")
        .env("PYTHONPATH", workshop.path())
        .env("ROLLCALL_WORDS", workshop.path().join("words.json"));
    if asked.is_none() {
        fuzz.args(["--seed", "1"]);
    }
    let finished = workshop.run(&mut fuzz);
    assert!(finished.status.success(), "{finished}");
    let cases = finished
        .stdout
        .lines()
        .find_map(|line| line.trim().split_once(" generated"))
        .and_then(|(count, _)| count.replace(',', "").parse::<usize>().ok());
    assert!(cases >= Some(examples), "{cases:?}: {finished}");
    let headers = [("authorization", format!("Bearer {key}"))];
    let headers = headers
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let answer = server.post_as(&headers, "{ __typename }", json!({}));
    assert_eq!(answer.status(), 200);
    assert_eq!(*answer.body(), json!({"data": {"__typename": "Query"}}));
}
