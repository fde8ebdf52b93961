//! What is told about rules besides who is in: why, what would change, who matches now, what can be asked.

use crate::support::TestApp;
use serde_json::{Value, json};

fn app() -> TestApp {
    let app = TestApp::in_zone("2026-06-15T12:00:00Z", chrono_tz::Europe::Vilnius);
    for (key, kind) in [("visits", "NUMBER"), ("tags", "LIST"), ("plan", "TEXT")] {
        app.mutate(
            "mutation ($key: String!, $type: CustomFieldType!) { createCustomField(input: {key: $key, type: $type, label: \"My label\"}) { userErrors { message } } }",
            json!({ "key": key, "type": kind }),
        );
    }
    app.subscriber(
        "ona@x.lt",
        json!({"country": "LT", "birthday": "1990-06-18", "position": {"latitude": 54.6872, "longitude": 25.2797},
            "customFields": {"visits": 12, "tags": ["New", "sale"], "plan": "pro"}}),
    );
    app.subscriber(
        "jonas@x.lt",
        json!({"country": "LT", "customFields": {"plan": "Pro"}}),
    );
    app.subscriber(
        "anna@x.de",
        json!({"country": "DE", "status": "PENDING", "customFields": {"tags": ["sale"]}}),
    );
    app.group("staff", &["ona@x.lt"]);
    app.group("press", &[]);
    for (at, value) in [
        ("2026-06-10T22:30:00Z", 10.5),
        ("2026-06-12T10:00:00Z", 20.0),
    ] {
        app.event("ona@x.lt", "purchase", at, Some(value));
    }
    app
}

/// Explains a rule for somebody: every node as "true" or "false", its text, what was seen and what is wanted.
#[track_caller]
fn explain(app: &TestApp, email: &str, rule: &Value) -> Vec<String> {
    let data = app.query(
        "query ($email: String!, $rule: JSON!) { subscriber(email: $email) { explain(ruleJson: $rule) { \
         isMatch isMember problems { path } nodes { path text isTrue seen wanted } } } }",
        json!({ "email": email, "rule": rule }),
    );
    let explanation = &data["subscriber"]["explain"];
    assert_eq!(explanation["problems"], json!([]));
    assert_eq!(explanation["isMember"], Value::Null);
    let nodes = explanation["nodes"].as_array().expect("a list");
    assert_eq!(explanation["isMatch"], nodes[0]["isTrue"]);
    let line = |node: &Value| {
        let words = |key: &str| node[key].as_str().unwrap_or("-").to_owned();
        let is_true = &node["isTrue"];
        let (text, seen, wanted) = (words("text"), words("seen"), words("wanted"));
        format!(
            "{} {is_true} | {text} | {seen} | {wanted}",
            words("path").trim()
        )
        .trim()
        .to_owned()
    };
    nodes.iter().map(line).collect()
}

#[test]
fn every_node_is_explained_with_what_was_seen_and_what_is_wanted() {
    let app = app();
    app.segment(
        "lt",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    let rule = json!({"all": [
        {"text": {"field": "country", "is": {"in": ["LT", "LV"]}}},
        {"number": {"field": "custom.visits", "is": {"atLeast": 10}}},
        {"date": {"field": "birthday", "is": {"anniversaryInTheNext": {"amount": 7, "unit": "DAY"}}}},
        {"date": {"field": "createdAt", "is": {"isToday": true}}},
        {"list": {"field": "custom.tags", "is": {"containsAny": ["new"]}}},
        {"status": {"in": ["SUBSCRIBED"]}},
        {"location": {"within": {"latitude": 54.9, "longitude": 23.9, "radiusKm": 100}}},
        {"group": {"inAny": ["press", "staff"]}},
        {"not": {"segment": {"inAny": ["lt"]}}},
        {"event": {"name": "purchase"}},
        {"event": {"name": "purchase", "sum": {"atLeast": 30}}},
        {"event": {"name": "purchase", "inTheLast": {"amount": 30, "unit": "DAY"}, "distinctDays": {"atLeast": 3}}},
        {"event": {"name": "purchase", "average": {"lessThan": 15}}},
        {"event": {"name": "purchase", "lastAt": {"inTheLast": {"amount": 1, "unit": "WEEK"}}}},
        {"random": {"salt": "a", "fromPercent": 0, "toPercent": 50}}]});
    insta::assert_snapshot!(explain(&app, "ona@x.lt", &rule).join("\n"));
    insta::assert_snapshot!(explain(&app, "anna@x.de", &rule).join("\n"));
}

#[test]
fn a_stored_segment_is_explained_as_of_now_beside_its_members() {
    let app = app();
    app.segment(
        "lt",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    app.refresh();
    app.subscriber("jonas@x.lt", json!({"country": "LV"}));
    let data = app.query(
        "{ subscriber(email: \"jonas@x.lt\") { id explain(segment: {key: \"lt\"}, now: \"2026-07-01T00:00:00Z\") { \
         isMatch isMember asOf problems { path } nodes { path parentPath kind text isTrue seen wanted } } } }",
        json!({}),
    );
    assert_eq!(
        data["subscriber"]["explain"],
        json!({"isMatch": false, "isMember": true, "asOf": "2026-07-01T00:00:00+00:00", "problems": [], "nodes": [
            {"path": "", "parentPath": null, "kind": "TEXT", "text": "country is \"LT\"", "isTrue": false, "seen": "\"LV\"", "wanted": "\"LT\""}]})
    );
    let refused = app.respond(
        "{ subscriber(email: \"jonas@x.lt\") { explain(segment: {key: \"nobody\"}) { isMatch } } }",
        json!({}),
    );
    assert_eq!(
        refused["errors"][0]["message"],
        json!("no segment \"nobody\" exists")
    );
    let refused = app.respond(
        "{ subscriber(email: \"jonas@x.lt\") { explain { isMatch } } }",
        json!({}),
    );
    assert_eq!(
        refused["errors"][0]["message"],
        json!("expected \"rule\" or \"ruleJson\", found neither")
    );
    let problems = app.query(
        "{ subscriber(email: \"jonas@x.lt\") { explain(ruleJson: {text: {field: \"contry\", is: {equals: \"LT\"}}}) { \
         isMatch nodes { path } problems { path code hint } } } }",
        json!({}),
    );
    assert_eq!(
        problems["subscriber"]["explain"],
        json!({"isMatch": null, "nodes": [], "problems": [
            {"path": "text.field", "code": "UNKNOWN_FIELD", "hint": "did you mean \"country\"?"}]})
    );
}

#[test]
fn a_preview_tells_who_would_join_and_who_would_leave() {
    let app = app();
    app.segment(
        "mine",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    app.refresh();
    // Whoever was deleted neither leaves nor joins.
    app.subscriber("gone@x.lt", json!({"country": "LT"}));
    app.refresh();
    let gone = app.query("{ subscriber(email: \"gone@x.lt\") { id } }", json!({}));
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": gone["subscriber"]["id"] }),
    );
    let preview = |rule: Value, first: i32| {
        let data = app.query(
            "query ($rule: JSON!, $first: Int!) { previewSegment(ruleJson: $rule, compareTo: {key: \"mine\"}, first: $first) { \
             memberCount summary problems { code message } difference { joiningCount joining { email } leavingCount leaving { email } } } }",
            json!({ "rule": rule, "first": first }),
        );
        data["previewSegment"].clone()
    };
    let rule = json!({"any": [{"group": {"inAny": ["staff"]}}, {"status": {"in": ["PENDING"]}}]});
    assert_eq!(
        preview(rule.clone(), 5),
        json!({"memberCount": 2, "problems": [],
            "summary": "Subscribers who are in the group \"staff\" or whose status is pending.",
            "difference": {"joiningCount": 1, "joining": [{"email": "anna@x.de"}],
                           "leavingCount": 1, "leaving": [{"email": "jonas@x.lt"}]}})
    );
    let counted = preview(rule, 0);
    assert_eq!(
        counted["difference"],
        json!({"joiningCount": 1, "joining": [], "leavingCount": 1, "leaving": []})
    );
    let own = preview(json!({"segment": {"inAny": ["mine"]}}), 5);
    assert_eq!(own["problems"], json!([]), "comparing is no edit");
}

#[test]
fn a_preview_evaluates_the_segments_it_asks_about() {
    let app = app();
    app.segment(
        "young",
        json!({"date": {"field": "createdAt", "is": {"inTheLast": {"amount": 1, "unit": "DAY"}}}}),
    );
    app.refresh();
    let count = |now: &str| {
        let data = app.query(
            "query ($now: DateTime!) { previewSegment(now: $now, rule: {segment: {inAny: [\"young\"]}}) { memberCount } }",
            json!({ "now": now }),
        );
        data["previewSegment"]["memberCount"].clone()
    };
    assert_eq!(count("2026-06-15T12:00:00Z"), json!(3));
    assert_eq!(count("2026-06-20T12:00:00Z"), json!(0));
}

#[test]
fn subscribers_are_listed_by_rule_and_paged() {
    let app = app();
    for number in 0..20 {
        // Names go down while ids go up.
        app.subscriber(
            &format!("p{:02}@x.lv", 20 - number),
            json!({"country": "LV"}),
        );
    }
    for order in ["ADDED", "EMAIL"] {
        let mut found = Vec::new();
        let mut after = Value::Null;
        loop {
            let data = app.query(
                "query ($after: String, $order: SubscriberOrderBy!) { subscribers(first: 6, after: $after, orderBy: $order, \
                 filter: {rule: {text: {field: \"country\", is: {in: [\"lv\", \"de\"]}}}}) { totalCount nodes { email } \
                 pageInfo { hasNextPage hasPreviousPage endCursor } } }",
                json!({ "after": after, "order": order }),
            );
            let page = &data["subscribers"];
            assert_eq!(page["totalCount"], json!(21));
            assert_eq!(
                page["pageInfo"]["hasPreviousPage"],
                json!(!found.is_empty())
            );
            let nodes = page["nodes"].as_array().expect("a list");
            let emails = nodes.iter().filter_map(|node| node["email"].as_str());
            found.extend(emails.map(str::to_owned));
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == json!(false) {
                break;
            }
        }
        let mut expected: Vec<String> = (1..=20)
            .map(|number| format!("p{number:02}@x.lv"))
            .collect();
        if order == "ADDED" {
            expected.reverse();
        }
        expected.insert(0, "anna@x.de".to_owned());
        assert_eq!(found, expected, "{order}");
    }
    let last = app.query(
        "{ subscribers(last: 2, orderBy: EMAIL, filter: {ruleJson: {everyone: true}}) { nodes { email } pageInfo { hasPreviousPage } } }",
        json!({}),
    );
    assert_eq!(
        last["subscribers"],
        json!({"nodes": [{"email": "p19@x.lv"}, {"email": "p20@x.lv"}], "pageInfo": {"hasPreviousPage": true}})
    );
    let refused = app.respond(
        "{ subscribers(filter: {ruleJson: {text: {field: \"contry\", is: {equals: \"LT\"}}}}) { totalCount } }",
        json!({}),
    );
    insta::assert_json_snapshot!(refused["errors"]);
}

#[test]
fn everything_that_can_be_asked_is_listed_with_what_it_takes() {
    let app = app();
    app.refresh();
    let data = app.query(
        "{ ruleFields { name label node words { name role value } suggestedValues(first: 3) { value count } } }",
        json!({}),
    );
    let fields = data["ruleFields"].as_array().expect("a list");
    let lines: Vec<String> = fields
        .iter()
        .map(|field| {
            let words: Vec<&str> = field["words"]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(|word| word["name"].as_str())
                .collect();
            let values: Vec<String> = field["suggestedValues"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|value| format!("{} {}", value["value"], value["count"]))
                .collect();
            format!(
                "{} {} {} [{}] {}",
                field["node"].as_str().expect("a name"),
                field["name"],
                field["label"],
                words.join(" "),
                values.join(", ")
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn suggestions_follow_a_prefix_and_cost_one_statement() {
    let app = app();
    let before = app.db().statement_count();
    let data = app.query(
        "{ ruleFields { name suggestedValues(prefix: \"P\", first: 2) { value count } } }",
        json!({}),
    );
    assert_eq!(
        app.db().statement_count() - before,
        2,
        "the custom fields, and all suggestions together"
    );
    let of = |name: Value| {
        let mut fields = data["ruleFields"].as_array().expect("a list").iter();
        fields
            .find(|field| field["name"] == name)
            .expect("a field")
            .clone()
    };
    assert_eq!(
        of(json!("custom.plan"))["suggestedValues"],
        json!([{"value": "Pro", "count": 1}, {"value": "pro", "count": 1}])
    );
    assert_eq!(of(json!("country"))["suggestedValues"], json!([]));
    let refused = app.respond(
        "{ ruleFields { suggestedValues(first: 251) { value } } }",
        json!({}),
    );
    assert_eq!(
        refused["errors"][0]["message"],
        json!("expected \"first\" from 0 to 250, found 251")
    );
}

#[test]
fn events_are_listed_with_the_properties_they_have() {
    let app = app();
    app.mutate(
        "mutation ($events: [EventInput!]!) { recordEvents(input: {events: $events}) { userErrors { message path } } }",
        json!({"events": [
            {"email": "ona@x.lt", "name": "order", "occurredAt": "2026-06-10T23:30:00Z", "properties": {"sku": "A-1", "cds": 2, "tags": ["x", "y"]}},
            {"email": "ona@x.lt", "name": "order", "occurredAt": "2026-06-11T23:30:00Z", "properties": {"sku": "A-1", "cds": "two", "tags": ["x"]}},
            {"email": "jonas@x.lt", "name": "order", "occurredAt": "2026-06-11T23:30:00Z", "properties": {"sku": "B-2", "gift": true, "nested": {"a": 1}}}]}),
    );
    let data = app.query(
        "{ ruleEvents { name count properties { name node count words { name } suggestedValues { value count } } } \
           some: ruleEvents(prefix: \"PUR\") { name properties { name } } }",
        json!({}),
    );
    assert_eq!(
        data["some"],
        json!([{"name": "purchase", "properties": []}])
    );
    let order = &data["ruleEvents"][0];
    assert_eq!(
        (&order["name"], &order["count"]),
        (&json!("order"), &json!(3))
    );
    let properties = order["properties"].as_array().expect("a list");
    let lines: Vec<String> = properties
        .iter()
        .map(|property| {
            let words = property["words"].as_array().expect("a list").len();
            format!(
                "{} {} {} {words} {}",
                property["name"], property["node"], property["count"], property["suggestedValues"]
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_custom_field_takes_another_type_if_every_value_can() {
    let app = app();
    let id_of = |key: &str| {
        let data = app.query("{ customFields { nodes { id key } } }", json!({}));
        let nodes = data["customFields"]["nodes"]
            .as_array()
            .expect("a list")
            .clone();
        let mut nodes = nodes.into_iter();
        nodes
            .find(|node| node["key"] == json!(key))
            .expect("a field")["id"]
            .clone()
    };
    let retype = |key: &str, to: &str| {
        app.payload(
            "mutation ($id: ID!, $type: CustomFieldType!) { updateCustomField(input: {id: $id, type: $type}) { \
             customField { type label } userErrors { code path message } } }",
            json!({ "id": id_of(key), "type": to }),
        )
    };
    let values = |key: &str| {
        let data = app.query(
            "query ($key: String!) { subscribers { nodes { customField(key: $key) } } }",
            json!({ "key": key }),
        );
        let nodes = data["subscribers"]["nodes"].as_array().expect("a list");
        let values: Vec<Value> = nodes
            .iter()
            .map(|node| node["customField"].clone())
            .collect();
        json!(values)
    };
    assert_eq!(
        retype("visits", "TEXT"),
        json!({"customField": {"type": "TEXT", "label": "My label"}, "userErrors": []})
    );
    assert_eq!(values("visits"), json!(["12", null, null]));
    assert_eq!(retype("visits", "LIST")["userErrors"], json!([]));
    assert_eq!(values("visits"), json!([["12"], null, null]));
    assert_eq!(retype("visits", "NUMBER")["userErrors"], json!([]));
    assert_eq!(values("visits"), json!([12, null, null]));
    assert_eq!(
        retype("plan", "NUMBER"),
        json!({"customField": null, "userErrors": [{"code": "INVALID", "path": "type", "message":
            "expected values that can be read as number, found 2 that cannot, such as \"pro\" of ona@x.lt"}]})
    );
    assert_eq!(values("plan"), json!(["pro", "Pro", null]));
}

#[test]
fn rules_go_to_react_querybuilder_and_back() {
    let app = app();
    let rule = json!({"all": [
        {"text": {"field": "country", "is": {"notEquals": "DE"}}},
        {"number": {"field": "custom.visits", "is": {"between": {"from": 1, "to": 20}}}},
        {"group": {"inAny": ["staff"]}}]});
    let there = app.query(
        "query ($rule: JSON!) { ruleToQueryBuilder(ruleJson: $rule) { result problems { path message } } }",
        json!({ "rule": rule }),
    );
    let query = &there["ruleToQueryBuilder"]["result"];
    assert_eq!(query["combinator"], json!("and"));
    let back = app.query(
        "query ($query: JSON!) { ruleFromQueryBuilder(query: $query) { result problems { path message } } }",
        json!({ "query": query }),
    );
    assert_eq!(
        back["ruleFromQueryBuilder"],
        json!({"result": rule, "problems": []})
    );
    let refused = app.query(
        "{ ruleFromQueryBuilder(query: {combinator: \"and\", rules: [{field: \"contry\", operator: \"=\", value: \"LT\"}]}) { \
         result problems { path code hint } } }",
        json!({}),
    );
    assert_eq!(
        refused["ruleFromQueryBuilder"],
        json!({"result": null, "problems": [
            {"path": "rules[0].field", "code": "UNKNOWN_FIELD", "hint": "did you mean \"country\"?"}]})
    );
    let refused = app.query(
        "{ ruleToQueryBuilder(rule: {not: {event: {name: \"purchase\"}}}) { result problems { path code } } }",
        json!({}),
    );
    assert_eq!(
        refused["ruleToQueryBuilder"],
        json!({"result": null, "problems": [{"path": "not.event", "code": "UNKNOWN_NODE"}]})
    );
}
