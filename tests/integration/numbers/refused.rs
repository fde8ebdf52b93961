//! Numbers that no double holds are refused when they are written, at every door, with their place.

use super::NOW;
use crate::support::{Server, Socket, TestApp, TestDatabase, rollcall, run};
use rollcall::import::{EventImport, SubscriberImport, import_events, import_subscribers};
use rollcall::rule::CustomType;
use serde_json::{Value, json};

/// Whole numbers between two doubles, and numbers beyond the greatest and below the least double.
const LOST: [&str; 6] = [
    "9007199254740993",
    "9007199254740993.0",
    "-9007199254740995",
    "18446744073709551617",
    "12345678901234567e0",
    "1e-400",
];

fn app() -> TestApp {
    let app = TestApp::at(NOW);
    app.mutate(
        "mutation { createCustomField(input: {key: \"age\", type: NUMBER}) { userErrors { message } } }",
        json!({}),
    );
    app.subscriber("ona@example.com", json!({}));
    app
}

#[track_caller]
fn errors(app: &TestApp, document: &str, variables: &str) -> Value {
    let body = format!(
        "{{\"query\": {}, \"variables\": {variables}}}",
        json!(document)
    );
    let answer: Value = serde_json::from_str(&app.respond_to_text(&body)).expect("JSON");
    answer["errors"][0].clone()
}

#[test]
fn variables_are_refused_with_their_place() {
    let app = app();
    let record = "mutation ($events: [EventInput!]!) { recordEvents(input: {events: $events}) { recordedCount } }";
    let upsert = "mutation ($values: SubscriberValuesInput) { upsertSubscriber(input: {email: \"ona@example.com\", values: $values}) { outcome } }";
    let preview = "query ($rule: JSON!) { previewSegment(ruleJson: $rule) { memberCount } }";
    for number in LOST {
        for (document, variables, place) in [
            (
                record,
                format!(
                    "{{\"events\": [{{\"email\": \"ona@example.com\", \"name\": \"n\", \"properties\": {{\"num\": [{number}]}}}}]}}"
                ),
                "$events[0].properties.num[0]",
            ),
            (
                upsert,
                format!("{{\"values\": {{\"customFields\": {{\"age\": {number}}}}}}}"),
                "$values.customFields.age",
            ),
            (
                preview,
                format!(
                    "{{\"rule\": {{\"number\": {{\"field\": \"custom.age\", \"is\": {{\"equals\": {number}}}}}}}}}"
                ),
                "$rule.number.is.equals",
            ),
        ] {
            let error = errors(&app, document, &variables);
            assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{variables}");
            let message = error["message"].as_str().expect("a message");
            let expected =
                format!("{place}: expected a number that a double holds, found {number}");
            assert!(message.starts_with(&expected), "{message}");
        }
    }
    assert_eq!(app.database.ask("SELECT count(*) FROM events"), "0");
}

#[test]
fn literals_are_refused() {
    let app = app();
    for number in LOST {
        for document in [
            format!(
                "mutation {{ recordEvents(input: {{events: [{{email: \"ona@example.com\", name: \"n\", properties: {{num: {number}}}}}]}}) {{ recordedCount }} }}"
            ),
            format!(
                "mutation {{ upsertSubscriber(input: {{email: \"ona@example.com\", values: {{customFields: {{age: {number}}}}}}}) {{ outcome }} }}"
            ),
            format!(
                "{{ previewSegment(rule: {{number: {{field: \"custom.age\", is: {{equals: {number}}}}}}}) {{ memberCount }} }}"
            ),
        ] {
            let error = errors(&app, &document, "{}");
            let message = error["message"].as_str().expect("a message");
            let expected = format!("expected a number that a double holds, found {number}");
            assert!(message.starts_with(&expected), "{document}: {message}");
            assert!(error["locations"][0]["column"].is_u64(), "{error}");
        }
    }
}

#[test]
fn cells_are_refused_and_keys_stay_texts() {
    let app = app();
    let options = SubscriberImport {
        fields: vec![("score".to_owned(), CustomType::Number)],
        ..SubscriberImport::default()
    };
    for number in LOST {
        let csv = format!("email,score\njonas@example.com,{number}\nada@example.com,1\n");
        let report =
            import_subscribers(app.db(), csv.as_bytes(), &options, app.clock.now(), |_| {});
        let report = report.expect("a report");
        assert_eq!(report.dropped_cells, 1, "{number}");
        let reason = app
            .database
            .ask("SELECT reason FROM import_problems ORDER BY id DESC LIMIT 1");
        assert!(reason.contains("that a double holds"), "{reason}");

        let json = format!(
            "email,event,occurred_at,properties\nona@example.com,n,{NOW},\"{{\"\"num\"\": {number}}}\"\n"
        );
        let report = import_events(
            app.db(),
            json.as_bytes(),
            &EventImport::default(),
            app.clock.now(),
            |_| {},
        );
        let report = report.expect("a report");
        assert_eq!((report.created, report.refused), (0, 1), "{number}");
        assert!(
            report.problems[0].message.starts_with("num: expected"),
            "{:?}",
            report.problems
        );

        let key =
            format!("email,event,occurred_at,properties.key\nona@example.com,key,{NOW},{number}\n");
        let report = import_events(
            app.db(),
            key.as_bytes(),
            &EventImport::default(),
            app.clock.now(),
            |_| {},
        );
        assert_eq!(report.expect("a report").created, 1, "{number}");
        assert_eq!(
            app.database.ask("SELECT e.properties ->> 'key' || jsonb_typeof(e.properties -> 'key') FROM events e ORDER BY id DESC LIMIT 1"),
            format!("{number}string")
        );
    }
}

/// What a query builder sends as a text is a number too.
#[test]
fn numbers_of_query_builders_are_refused() {
    let app = app();
    for value in ["\"9007199254740993\"", "\"9007199254740993.0\""] {
        let document = "query ($query: JSON!) { ruleFromQueryBuilder(query: $query) { result problems { path message } } }";
        let variables = format!(
            "{{\"query\": {{\"combinator\": \"and\", \"rules\": [{{\"field\": \"custom.age\", \"operator\": \"=\", \"value\": {value}}}]}}}}"
        );
        let body = format!(
            "{{\"query\": {}, \"variables\": {variables}}}",
            json!(document)
        );
        let answer = app.respond_to_text(&body);
        assert!(answer.contains("that a double holds"), "{answer}");
    }
}

/// Bodies, addresses and sockets: each knows the text of its variables.
#[test]
fn requests_to_a_server_are_refused_by_their_text() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let document = "query ($rule: JSON!) { previewSegment(ruleJson: $rule) { memberCount } }";
    let variables = "{\"rule\": {\"random\": {\"salt\": \"x\", \"fromPercent\": 0, \"toPercent\": 9007199254740993.0}}}";
    let expected = "$rule.random.toPercent: expected a number that a double holds, found 9007199254740993.0: \
        the nearest is 9.007199254740992e15; write it as a text to keep every digit";
    let payload = format!(
        "{{\"query\": {}, \"variables\": {variables}}}",
        json!(document)
    );
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let url = format!("http://{}/graphql", server.address);
    let posted = agent
        .post(&url)
        .header("content-type", "application/json")
        .send(payload.as_bytes());
    let got = agent
        .get(&url)
        .query("query", document)
        .query("variables", variables)
        .call();
    for answer in [posted, got] {
        let mut answer = answer.expect("an answer");
        let body: Value = answer.body_mut().read_json().expect("JSON");
        let error = &body["errors"][0];
        assert_eq!(error["message"], expected);
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
    }
    let mut socket = Socket::open(&server);
    let message = format!("{{\"id\": \"1\", \"type\": \"subscribe\", \"payload\": {payload}}}");
    socket.send_message(tungstenite::Message::text(message));
    let refused = socket.receive();
    assert_eq!(refused["type"], "error");
    assert_eq!(refused["payload"][0]["message"], expected);
    // Numbers beside the variables are nobody's business.
    let beside = "{\"query\": \"{ __typename }\", \"extensions\": {\"trace\": 12345678901234567}}";
    let answer = agent
        .post(&url)
        .header("content-type", "application/json")
        .send(beside.as_bytes());
    assert_eq!(answer.expect("an answer").status(), 200);

    let rule =
        "{\"random\": {\"salt\": \"x\", \"fromPercent\": 0, \"toPercent\": 9007199254740993.0}}";
    let url = format!("http://{}/export/rule", server.address);
    let got = agent.get(&url).query("rule", rule).call();
    let posted = agent
        .post(&url)
        .header("content-type", "application/json")
        .send(rule.as_bytes());
    for answer in [got, posted] {
        let mut answer = answer.expect("an answer");
        assert_eq!(answer.status(), 400);
        let text = answer.body_mut().read_to_string().expect("text");
        let expected = "random.toPercent: expected a number that a double holds";
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_rule_in_a_file_is_refused() {
    let database = TestDatabase::new();
    let dir = tempfile::tempdir().expect("a directory");
    let rule = "{\"random\": {\"salt\": \"x\", \"fromPercent\": 0, \"toPercent\": 1e-400}}";
    std::fs::write(dir.path().join("rule.json"), rule).expect("a file");
    let arguments = [
        "export",
        "rule",
        "rule.json",
        "--database-url",
        &database.url,
    ];
    let finished = run(rollcall(&arguments).current_dir(dir.path()));
    assert!(!finished.status.success());
    assert!(
        finished
            .stderr
            .contains("the rule \"rule.json\", random.toPercent: expected a number that a double holds, found 1e-400"),
        "{}",
        finished.stderr
    );
}

/// `7.0` and `7e0` are the whole number 7 wherever a rule wants one.
#[test]
fn whole_numbers_of_rules_may_have_a_point() {
    let app = app();
    for seven in ["7", "7.0", "7e0", "0.7e1"] {
        for (rule, words) in [
            (
                format!(
                    "{{\"date\": {{\"field\": \"birthday\", \"is\": {{\"anniversaryMonth\": {seven}}}}}}}"
                ),
                "Subscribers whose birthday falls in July of any year.",
            ),
            (
                format!(
                    "{{\"date\": {{\"field\": \"createdAt\", \"is\": {{\"inTheLast\": {{\"amount\": {seven}, \"unit\": \"DAY\"}}}}}}}}"
                ),
                "Subscribers whose time of being added is in the last 7 days.",
            ),
            (
                format!(
                    "{{\"event\": {{\"name\": \"buy\", \"inTheLast\": {{\"amount\": {seven}, \"unit\": \"DAY\"}}, \"count\": {{\"equals\": {seven}}}}}}}"
                ),
                "Subscribers who have exactly 7 \"buy\" events of the last 7 days.",
            ),
            (
                format!(
                    "{{\"group\": {{\"inAny\": [\"staff\"], \"addedAt\": {{\"inTheLast\": {{\"amount\": {seven}, \"unit\": \"WEEK\"}}}}}}}}"
                ),
                "",
            ),
        ] {
            let document = "query ($rule: JSON!) { previewSegment(ruleJson: $rule) { summary problems { path code message } } }";
            let body = format!(
                "{{\"query\": {}, \"variables\": {{\"rule\": {rule}}}}}",
                json!(document)
            );
            let answer: Value = serde_json::from_str(&app.respond_to_text(&body)).expect("JSON");
            let preview = &answer["data"]["previewSegment"];
            let wrong_numbers = preview["problems"].as_array().expect("a list").iter();
            let wrong_numbers = wrong_numbers.filter(|problem| problem["code"] != "UNKNOWN_GROUP");
            assert_eq!(wrong_numbers.count(), 0, "{answer}");
            if !words.is_empty() {
                assert_eq!(preview["summary"], words);
            }
        }
    }
    for wrong in ["7.5", "-7.0", "1e300"] {
        let rule = format!(
            "{{\"date\": {{\"field\": \"birthday\", \"is\": {{\"anniversaryMonth\": {wrong}}}}}}}"
        );
        let document =
            "query ($rule: JSON!) { previewSegment(ruleJson: $rule) { problems { path code } } }";
        let body = format!(
            "{{\"query\": {}, \"variables\": {{\"rule\": {rule}}}}}",
            json!(document)
        );
        let answer: Value = serde_json::from_str(&app.respond_to_text(&body)).expect("JSON");
        assert_eq!(
            answer["data"]["previewSegment"]["problems"],
            json!([{ "path": "date.is.anniversaryMonth", "code": "WRONG_SHAPE" }]),
            "{answer}"
        );
    }
}
