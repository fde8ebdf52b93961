//! Rules through the API: typed and as JSON, previews, and every kind of leaf on stored data.

use crate::support::TestApp;
use serde_json::{Value, json};

fn app() -> TestApp {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for (key, kind) in [
        ("plan", "TEXT"),
        ("visits", "NUMBER"),
        ("vip", "BOOLEAN"),
        ("renewal", "DATE"),
        ("seen", "DATETIME"),
        ("tags", "LIST"),
    ] {
        app.mutate(
            "mutation ($key: String!, $type: CustomFieldType!) { createCustomField(input: {key: $key, type: $type}) { userErrors { message } } }",
            json!({ "key": key, "type": kind }),
        );
    }
    app.subscriber(
        "ona@example.com",
        json!({"country": "LT", "city": "Łódź", "position": {"latitude": 51.7592, "longitude": 19.456}, "birthday": "1990-06-18", "status": "SUBSCRIBED", "customFields": {
            "plan": "Pro", "visits": 12, "vip": true, "renewal": "2026-06-30", "seen": "2026-06-15T11:30:00Z", "tags": ["a", "b"]}}),
    );
    app.subscriber(
        "jonas@mail.example",
        json!({"country": "DE", "birthday": "1988-02-29", "status": "UNSUBSCRIBED", "customFields": {
            "plan": "free", "visits": 0, "vip": false, "renewal": "2026-06-01", "seen": "2026-06-14T23:59:59.999999Z"}}),
    );
    app.subscriber("rasa@example.com", json!({"status": "PENDING"}));
    app.group("staff", &["ona@example.com", "rasa@example.com"]);
    app.group("press", &["ona@example.com"]);
    app.event(
        "ona@example.com",
        "purchase",
        "2026-06-01T10:00:00Z",
        Some(29.33),
    );
    app.event(
        "ona@example.com",
        "purchase",
        "2026-06-10T10:00:00Z",
        Some(70.67),
    );
    app.event("ona@example.com", "visit", "2026-06-15T12:00:00Z", None);
    app.mutate(
        "mutation ($events: [EventInput!]!) { recordEvents(input: {events: $events}) { userErrors { message path } } }",
        json!({"events": [
            {"email": "ona@example.com", "name": "order", "occurredAt": "2026-06-10T23:30:00Z", "value": 10,
             "properties": {"sku": "A-1", "cds": 2, "gift": true, "due": "2026-06-20", "tags": ["New", "sale"]}},
            {"email": "ona@example.com", "name": "order", "occurredAt": "2026-06-11T00:30:00Z", "value": 20,
             "properties": {"sku": "B-2", "cds": 1, "gift": false, "due": "2026-06-16T08:00:00Z"}},
            {"email": "jonas@mail.example", "name": "order", "occurredAt": "2026-01-31T12:00:00Z",
             "properties": {"sku": 7, "cds": "2", "gift": "true", "due": 20260620, "tags": "New"}}]}),
    );
    app.event("jonas@mail.example", "visit", "2025-01-01T00:00:00Z", None);
    app
}

/// Previews a rule and returns the first names of the addresses that match.
#[track_caller]
fn matching(app: &TestApp, rule: &Value) -> String {
    let data = app.query(
        "query ($rule: JSON!) { previewSegment(ruleJson: $rule) { problems { path message } memberCount audienceCount sample { email } nodes { matchCount } } }",
        json!({ "rule": rule }),
    );
    let preview = &data["previewSegment"];
    assert_eq!(preview["problems"], json!([]), "{rule}");
    let names: Vec<&str> = preview["sample"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|node| node["email"].as_str()?.split('@').next())
        .collect();
    assert_eq!(preview["memberCount"], json!(names.len()));
    assert_eq!(preview["nodes"][0]["matchCount"], preview["memberCount"]);
    names.join(" ")
}

#[test]
fn every_kind_of_leaf_on_stored_data() {
    let app = app();
    let text = |field: &str, test: Value| json!({"text": {"field": field, "is": test}});
    let number = |test: Value| json!({"number": {"field": "custom.visits", "is": test}});
    let date = |field: &str, test: Value| json!({"date": {"field": field, "is": test}});
    let days = |amount: u32| json!({"amount": amount, "unit": "DAY"});
    let order = |mut parts: Value| {
        parts["name"] = json!("order");
        json!({ "event": parts })
    };
    let cases = [
        (json!({"everyone": true}), "ona jonas rasa"),
        (text("country", json!({"equals": "lt"})), "ona"),
        (text("country", json!({"notEquals": "LT"})), "jonas rasa"),
        (text("country", json!({"isSet": false})), "rasa"),
        (text("city", json!({"startsWith": "łó"})), "ona"),
        (
            text("email.domain", json!({"in": ["example.com", "x.y"]})),
            "ona rasa",
        ),
        (text("email", json!({"matches": "^[jr].*@"})), "jonas rasa"),
        (
            text("custom.plan", json!({"notContains": "PR"})),
            "jonas rasa",
        ),
        (number(json!({"atLeast": 0})), "ona jonas"),
        (number(json!({"between": {"from": 1, "to": 12}})), "ona"),
        (number(json!({"notEquals": 0})), "ona rasa"),
        (
            json!({"boolean": {"field": "custom.vip", "is": {"isFalse": true}}}),
            "jonas",
        ),
        (
            json!({"not": {"boolean": {"field": "custom.vip", "is": {"isTrue": true}}}}),
            "jonas rasa",
        ),
        (
            date("custom.renewal", json!({"inTheNext": days(15)})),
            "ona",
        ),
        (
            date("custom.renewal", json!({"moreThanAgo": days(13)})),
            "jonas",
        ),
        (date("custom.seen", json!({"isToday": true})), "ona"),
        (date("custom.seen", json!({"on": "2026-06-14"})), "jonas"),
        (
            date("birthday", json!({"anniversaryInTheNext": days(3)})),
            "ona",
        ),
        (date("birthday", json!({"anniversaryMonth": 2})), "jonas"),
        (
            date(
                "createdAt",
                json!({"inTheLast": {"amount": 1, "unit": "HOUR"}}),
            ),
            "ona jonas rasa",
        ),
        (date("unsubscribedAt", json!({"isSet": true})), "jonas"),
        (
            json!({"status": {"in": ["PENDING", "UNSUBSCRIBED"]}}),
            "jonas rasa",
        ),
        (json!({"group": {"inAny": ["staff", "press"]}}), "ona rasa"),
        (json!({"group": {"inAll": ["staff", "press"]}}), "ona"),
        (json!({"event": {"name": "visit"}}), "ona jonas"),
        (
            json!({"event": {"name": "visit", "inTheLast": days(1)}}),
            "ona",
        ),
        (
            json!({"event": {"name": "purchase", "sum": {"atLeast": 100}}}),
            "ona",
        ),
        (
            json!({"event": {"name": "purchase", "after": "2026-06-05", "sum": {"atLeast": 70.67}}}),
            "ona",
        ),
        (
            json!({"event": {"name": "purchase", "sum": {"atMost": 10}}}),
            "jonas rasa",
        ),
        (
            json!({"event": {"name": "purchase", "inTheLast": days(30), "count": {"equals": 0}}}),
            "jonas rasa",
        ),
        (
            json!({"event": {"names": ["purchase", "visit"], "count": {"equals": 3}}}),
            "ona",
        ),
        (
            json!({"event": {"names": ["purchase", "visit"], "before": "2026-01-01"}}),
            "jonas",
        ),
        (
            json!({"list": {"field": "custom.tags", "is": {"containsAny": ["B", "x"]}}}),
            "ona",
        ),
        (
            json!({"list": {"field": "custom.tags", "is": {"containsAll": ["a", "b"]}}}),
            "ona",
        ),
        (
            json!({"list": {"field": "custom.tags", "is": {"containsNone": ["a"]}}}),
            "jonas rasa",
        ),
        (
            json!({"list": {"field": "custom.tags", "is": {"size": {"atMost": 1}}}}),
            "jonas rasa",
        ),
        (
            json!({"location": {"within": {"latitude": 52.2297, "longitude": 21.0122, "radiusKm": 120}}}),
            "ona",
        ),
        (json!({"location": {"isSet": false}}), "jonas rasa"),
        (
            json!({"group": {"inAny": ["staff"], "addedAt": {"inTheLast": days(1)}}}),
            "ona rasa",
        ),
        (
            json!({"random": {"salt": "a", "fromPercent": 0, "toPercent": 100}}),
            "ona jonas rasa",
        ),
        (
            order(json!({"where": [{"text": {"property": "sku", "is": {"startsWith": "a"}}}]})),
            "ona",
        ),
        (
            order(json!({"where": [{"text": {"property": "sku", "is": {"isSet": false}}}]})),
            "jonas",
        ),
        (
            order(json!({"where": [{"number": {"property": "cds", "is": {"atLeast": 2}}}]})),
            "ona",
        ),
        (
            order(json!({"where": [{"boolean": {"property": "gift", "is": {"isTrue": true}}}]})),
            "ona",
        ),
        (
            order(json!({"where": [{"date": {"property": "due", "is": {"inTheNext": days(3)}}}]})),
            "ona",
        ),
        (
            order(
                json!({"where": [{"list": {"property": "tags", "is": {"containsAny": ["new"]}}}]}),
            ),
            "ona",
        ),
        (
            order(
                json!({"where": [{"text": {"property": "sku", "is": {"equals": "a-1"}}},
                {"number": {"property": "cds", "is": {"equals": 1}}}]}),
            ),
            "",
        ),
        (order(json!({"distinctDays": {"equals": 2}})), "ona"),
        (order(json!({"average": {"equals": 15}})), "ona"),
        (order(json!({"average": {"isSet": false}})), "jonas rasa"),
        (order(json!({"min": {"equals": 10}})), "ona"),
        (order(json!({"max": {"equals": 20}})), "ona"),
        (order(json!({"sum": {"equals": 0}})), "jonas rasa"),
        (order(json!({"firstAt": {"on": "2026-06-10"}})), "ona"),
        (order(json!({"lastAt": {"moreThanAgo": days(90)}})), "jonas"),
        (order(json!({"lastAt": {"isSet": false}})), "rasa"),
        (
            order(json!({"after": "2026-06-10", "lastAt": {"isSet": true}})),
            "ona",
        ),
        (
            json!({"all": [{"not": {"group": {"inAny": ["press"]}}}, {"any": [number(json!({"isSet": true})), text("email", json!({"contains": "RASA"}))]}]}),
            "jonas rasa",
        ),
    ];
    for (rule, expected) in &cases {
        assert_eq!(matching(&app, rule), *expected, "{rule}");
        assert_eq!(
            matching(&app, &json!({ "not": rule })),
            ["ona", "jonas", "rasa"]
                .into_iter()
                .filter(|name| !expected.split(' ').any(|member| member == *name))
                .collect::<Vec<_>>()
                .join(" "),
            "not {rule}"
        );
    }
    // What a preview says, a refresh finds.
    for (number, (rule, _)) in cases.iter().enumerate() {
        app.segment(&format!("s{number:02}"), rule.clone());
    }
    app.refresh();
    for (number, (_, expected)) in cases.iter().enumerate() {
        let mut names: Vec<&str> = expected.split_whitespace().collect();
        names.sort_unstable();
        let members = app.members(&format!("s{number:02}"));
        let found: Vec<&str> = members
            .iter()
            .filter_map(|email| email.split('@').next())
            .collect();
        assert_eq!(found, names, "s{number:02}");
    }
}

#[test]
fn a_typed_rule_and_its_json_are_the_same() {
    let app = app();
    let document = "mutation ($key: String!) { createSegment(input: {key: $key, rule: {all: [ \
        {text: {field: \"country\", is: {in: [\"LT\", \"DE\"]}, caseSensitive: true}}, \
        {not: {group: {inAny: [\"press\"]}}}, \
        {event: {name: \"visit\", before: \"2026-01-01\", count: {between: {from: 1, to: 2}}}}, \
        {date: {field: \"birthday\", is: {anniversaryInTheNext: {amount: 12, unit: MONTH}}}}, \
        {status: {in: [UNSUBSCRIBED]}} ]}}) { segment { rule } userErrors { message path } } }";
    let payload = app.mutate(document, json!({"key": "typed"}));
    let rule = json!({"all": [
        {"text": {"field": "country", "is": {"in": ["LT", "DE"]}, "caseSensitive": true}},
        {"not": {"group": {"inAny": ["press"]}}},
        {"event": {"name": "visit", "before": "2026-01-01", "count": {"between": {"from": 1.0, "to": 2.0}}}},
        {"date": {"field": "birthday", "is": {"anniversaryInTheNext": {"amount": 12, "unit": "MONTH"}}}},
        {"status": {"in": ["UNSUBSCRIBED"]}},
    ]});
    assert_eq!(payload["segment"]["rule"], rule);
    assert_eq!(matching(&app, &rule), "jonas");
    app.refresh();
    assert_eq!(app.members("typed"), ["jonas@mail.example"]);
}

#[test]
fn the_typed_language_offers_what_the_parser_knows() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let data = app.query(
        "{ __schema { types { name isOneOf inputFields { name } } } }",
        json!({}),
    );
    let types = data["__schema"]["types"].as_array().expect("a list");
    // The parser names what it knows where something unknown stands.
    let is_one_of = |name: &str| {
        ![
            "StatusConditionInput",
            "GroupConditionInput",
            "SegmentConditionInput",
            "EventConditionInput",
            "RandomConditionInput",
        ]
        .contains(&name)
    };
    let known = |rule: Value| -> Vec<String> {
        let problems = rollcall::rule::parse_rule(&rule).expect_err("an unknown key");
        let message = &problems[0].message;
        let list = message
            .split_once('(')
            .and_then(|(_, rest)| rest.split_once(')'))
            .expect("a list")
            .0;
        let mut names: Vec<String> = list
            .split(", ")
            .map(|name| name.trim_matches('"').to_owned())
            .collect();
        names.sort();
        names
    };
    let test_of = |node: &str| json!({ node: {"field": "x", "is": {"?": 1}} });
    for (type_name, rule) in [
        ("RuleInput", json!({"?": 1})),
        ("TextTestInput", test_of("text")),
        ("NumberTestInput", test_of("number")),
        ("DateTestInput", test_of("date")),
        ("BooleanTestInput", test_of("boolean")),
        ("ListTestInput", test_of("list")),
        ("LocationConditionInput", json!({"location": {"?": 1}})),
        ("SegmentConditionInput", json!({"segment": {"?": 1}})),
        (
            "WindowInput",
            json!({"group": {"inAny": ["x"], "addedAt": {"?": 1}}}),
        ),
        ("StatusConditionInput", json!({"status": {"?": 1}})),
        ("GroupConditionInput", json!({"group": {"?": 1}})),
        ("EventConditionInput", json!({"event": {"?": 1}})),
        ("RandomConditionInput", json!({"random": {"?": 1}})),
        (
            "EventPropertyInput",
            json!({"event": {"name": "x", "where": [{"?": 1}]}}),
        ),
    ] {
        let described = types
            .iter()
            .find(|described| described["name"] == json!(type_name))
            .expect(type_name);
        assert_eq!(
            described["isOneOf"],
            json!(is_one_of(type_name)),
            "{type_name}"
        );
        let mut offered: Vec<String> = described["inputFields"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|field| field["name"].as_str().expect("a name").to_owned())
            .collect();
        offered.sort();
        assert_eq!(offered, known(rule), "{type_name}");
    }
}

#[test]
fn a_preview_counts_every_node_and_stores_nothing() {
    let app = app();
    let data = app.query(
        "{ previewSegment(first: 1, now: \"2026-06-02T00:00:00Z\", rule: {any: [ \
            {all: [{group: {inAny: [\"staff\"]}}, {text: {field: \"country\", is: {isSet: true}}}]}, \
            {not: {event: {name: \"purchase\", inTheLast: {amount: 1, unit: DAY}}}} ]}) { \
            memberCount audienceCount share asOf nodes { path parentPath kind matchCount } sample { email } } \
          segments { totalCount } refreshes { totalCount } }",
        json!({}),
    );
    assert_eq!(
        data,
        json!({
            "previewSegment": {
                "memberCount": 3, "audienceCount": 3, "share": 1.0, "asOf": "2026-06-02T00:00:00+00:00",
                "nodes": [
                    {"path": "", "parentPath": null, "kind": "ANY", "matchCount": 3},
                    {"path": "any[0]", "parentPath": "", "kind": "ALL", "matchCount": 1},
                    {"path": "any[0].all[0]", "parentPath": "any[0]", "kind": "GROUP", "matchCount": 2},
                    {"path": "any[0].all[1]", "parentPath": "any[0]", "kind": "TEXT", "matchCount": 2},
                    {"path": "any[1]", "parentPath": "", "kind": "NOT", "matchCount": 2},
                    {"path": "any[1].not", "parentPath": "any[1]", "kind": "EVENT", "matchCount": 1}
                ],
                "sample": [{"email": "ona@example.com"}]
            },
            "segments": {"totalCount": 0}, "refreshes": {"totalCount": 0}
        })
    );
}

#[test]
fn seventy_thousand_event_names_in_one_refresh() {
    let app = app();
    for number in 0..7 {
        let names = (0..10_000).map(|name| format!("event {number} {name}"));
        let names: Vec<String> = names.chain(["visit".to_owned()]).skip(1).collect();
        app.segment(
            &format!("s{number}"),
            json!({"event": {"names": names, "inTheLast": {"amount": 1, "unit": "DAY"}}}),
        );
        app.segment(
            &format!("t{number}"),
            json!({"event": {"names": names, "count": {"equals": 1}}}),
        );
    }
    app.refresh();
    assert_eq!(app.members("s6"), ["ona@example.com"]);
    assert_eq!(app.members("t6"), ["jonas@mail.example", "ona@example.com"]);
}
