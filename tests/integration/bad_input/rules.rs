//! Rules that cannot be evaluated cannot be saved, and say everything that is wrong with them at once.

use crate::support::TestApp;
use insta::assert_snapshot;
use serde_json::{Value, json};

/// Tries to save a rule and returns every mistake of it, one per line.
#[track_caller]
fn save(app: &TestApp, rule: Value) -> String {
    let payload = app.payload(
        "mutation ($rule: JSON!) { createSegment(input: {key: \"some\", ruleJson: $rule}) { \
         segment { key } userErrors { code path message hint } } }",
        json!({ "rule": rule }),
    );
    assert_eq!(payload["segment"], Value::Null);
    assert_eq!(app.database.ask("SELECT count(*) FROM segments"), "0");
    lines(&payload["userErrors"])
}

fn lines(errors: &Value) -> String {
    let errors = errors.as_array().expect("a list");
    let lines = errors.iter().map(|error| {
        let text = |name: &str| error[name].as_str().unwrap_or("-").to_owned();
        let hint = error["hint"].as_str().map(|hint| format!(" ({hint})"));
        format!(
            "{} {}: {}{}",
            text("code"),
            text("path"),
            text("message"),
            hint.unwrap_or_default()
        )
    });
    lines.collect::<Vec<String>>().join("\n")
}

fn app() -> TestApp {
    let app = TestApp::at("2026-03-01T09:30:00Z");
    app.group("staff", &[]);
    app.mutate(
        "mutation { createCustomField(input: {key: \"visits\", type: NUMBER}) { userErrors { message } } }",
        json!({}),
    );
    app
}

#[test]
fn all_problems_come_at_once_with_their_paths() {
    let app = app();
    let rule = json!({"all": [
        {"text": {"field": "contry", "is": {"in": ["LT"]}}},
        {"not": {"group": {"inAny": ["staff", "stuff", "nobody"]}}},
        {"any": [
            {"number": {"field": "custom.visits", "is": {"contains": 3}}},
            {"number": {"field": "country", "is": {"atLeast": 3}}},
            {"text": {"field": "custom.visits", "is": {"equals": "3"}}},
            {"date": {"field": "birthday", "is": {"on": "2026-02-30"}}},
            {"any": []},
        ]},
        {"evnt": {"name": "purchase"}},
        {"text": {"field": "city", "is": {"matches": "["}}},
        {"status": {"in": ["subscribd"]}},
        {"event": {"name": "purchase", "inTheLast": {"amount": -1, "unit": "DAYS"}, "cuont": {"equals": 1}}},
    ]});
    assert_snapshot!(save(&app, rule), @r#"
    UNKNOWN_TEST rule.all[2].any[0].number.is: expected a test of numbers ("equals", "notEquals", "greaterThan", "atLeast", "lessThan", "atMost", "between", "in", "isSet"), found "contains" ("contains" is a test of text)
    WRONG_VALUE rule.all[2].any[3].date.is.on: expected a day of the calendar (February 2026 has the days 01 to 28), found "2026-02-30"
    EMPTY rule.all[2].any[4].any: expected at least one node, found none
    UNKNOWN_NODE rule.all[3]: expected a node ("all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random"), found "evnt" (did you mean "event"?)
    INVALID_REGEX rule.all[4].text.is.matches: expected a valid regular expression, found "[": unclosed character class
    WRONG_VALUE rule.all[5].status.in[0]: expected a status ("SUBSCRIBED", "UNSUBSCRIBED", "BOUNCED", "COMPLAINED", "PENDING"), found "subscribd" (did you mean "SUBSCRIBED"?)
    UNKNOWN_KEY rule.all[6].event: expected one of the keys ("name", "names", "where", "inTheLast", "betweenAgo", "during", "between", "before", "after", "count", "distinctDays", "sum", "average", "min", "max", "firstAt", "lastAt", "of"), found "cuont" (did you mean "count"?)
    WRONG_SHAPE rule.all[6].event.inTheLast.amount: expected a whole number from 0 to 100000, found the number -1
    WRONG_VALUE rule.all[6].event.inTheLast.unit: expected a unit ("HOUR", "DAY", "WEEK", "MONTH", "YEAR"), found "DAYS" (did you mean "DAY"?)
    UNKNOWN_FIELD rule.all[0].text.field: expected a field, found "contry", which does not exist (did you mean "country"?)
    UNKNOWN_GROUP rule.all[1].not.group.inAny[1]: expected the key of a group, found "stuff", which does not exist (did you mean "staff"?)
    UNKNOWN_GROUP rule.all[1].not.group.inAny[2]: expected the key of a group, found "nobody", which does not exist
    WRONG_FIELD_TYPE rule.all[2].any[1].number.field: expected a field of type number, found "country" of type text (ask about it with {"text": {"field": "country", ...}})
    WRONG_FIELD_TYPE rule.all[2].any[2].text.field: expected a field of type text, found "custom.visits" of type number (ask about it with {"number": {"field": "custom.visits", ...}})
    "#);
}

#[test]
fn an_operator_of_another_type() {
    let app = app();
    assert_snapshot!(save(&app, json!({"text": {"field": "city", "is": {"atLeast": 3}}})), @r#"UNKNOWN_TEST rule.text.is: expected a test of text ("equals", "notEquals", "in", "notIn", "contains", "notContains", "startsWith", "endsWith", "matches", "isSet"), found "atLeast" ("atLeast" is a test of numbers)"#);
    assert_snapshot!(save(&app, json!({"date": {"field": "birthday", "is": {"startsWith": "19"}}})), @r#"UNKNOWN_TEST rule.date.is: expected a test of dates ("on", "before", "after", "onOrBefore", "onOrAfter", "between", "inTheLast", "moreThanAgo", "betweenAgo", "inTheNext", "during", "isToday", "anniversaryToday", "anniversaryInTheNext", "anniversaryInTheLast", "anniversaryMonth", "isSet"), found "startsWith" ("startsWith" is a test of text)"#);
    assert_snapshot!(save(&app, json!({"boolean": {"field": "custom.visits", "is": {"isTrue": true}}})), @r#"WRONG_FIELD_TYPE rule.boolean.field: expected a field of type boolean, found "custom.visits" of type number (ask about it with {"number": {"field": "custom.visits", ...}})"#);
}

#[test]
fn something_that_is_no_rule() {
    let app = app();
    assert_snapshot!(save(&app, json!("everyone")), @r#"WRONG_SHAPE rule: expected a node, an object with one of the keys "all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random", found the text "everyone""#);
    assert_snapshot!(save(&app, json!({})), @r#"MISSING rule: expected a node, an object with one of the keys "all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random", found none"#);
    assert_snapshot!(save(&app, json!([])), @r#"WRONG_SHAPE rule: expected a node, an object with one of the keys "all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random", found a list"#);
    assert_snapshot!(save(&app, json!({"all": [{"everyone": true}], "any": []})), @r#"WRONG_SHAPE rule: expected a node, an object with exactly one key, found 2: "all", "any" (put several under "all" or "any")"#);
    assert_snapshot!(save(&app, json!({"not": null})), @r#"MISSING rule: expected a node, an object with one of the keys "all", "any", "not", "everyone", "text", "number", "date", "boolean", "list", "status", "location", "group", "segment", "event", "random", found none"#);
    let mut deep = json!({"everyone": true});
    for _ in 0..40 {
        deep = json!({ "not": deep });
    }
    assert_snapshot!(save(&app, deep), @"TOO_DEEP rule.not.not.not.not.not.not.not.not.not.not.not.not.not.not.not.not: expected nodes nested at most 16 deep, found more");
    let wide: Vec<Value> = (0..501).map(|_| json!({"everyone": true})).collect();
    assert_snapshot!(save(&app, json!({ "any": wide })), @"TOO_MANY_NODES rule.any[499]: expected at most 500 nodes, found more");
}

#[test]
fn a_rule_that_is_refused_changes_nothing_of_a_segment() {
    let app = app();
    app.subscriber("ona@example.com", json!({ "country": "LT" }));
    let id = app.segment(
        "lithuanians",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    app.refresh();
    let stored = "SELECT json_agg(s) FROM segments s";
    let before = app.database.ask(stored);
    let payload = app.payload(
        "mutation ($id: ID!) { updateSegment(input: {id: $id, name: \"Latvians\", \
         ruleJson: {group: {inAny: [\"satff\"]}}}) { segment { key } userErrors { code path message hint } } }",
        json!({ "id": id }),
    );
    assert_snapshot!(lines(&payload["userErrors"]), @r#"UNKNOWN_GROUP rule.group.inAny[0]: expected the key of a group, found "satff", which does not exist (did you mean "staff"?)"#);
    assert_eq!(app.database.ask(stored), before);
    assert_eq!(app.members("lithuanians"), ["ona@example.com"]);
}

#[test]
fn a_preview_names_the_same_problems() {
    let app = app();
    let data = app.query(
        "{ previewSegment(ruleJson: {all: [{group: {inAll: [\"satff\"]}}, {text: {field: \"cty\", is: {isSet: 1}}}]}) { \
         memberCount problems { code path message hint } } }",
        json!({}),
    );
    assert_eq!(data["previewSegment"]["memberCount"], Value::Null);
    assert_snapshot!(lines(&data["previewSegment"]["problems"]), @r#"
    WRONG_SHAPE all[1].text.is.isSet: expected true or false, found the number 1
    UNKNOWN_GROUP all[0].group.inAll[0]: expected the key of a group, found "satff", which does not exist (did you mean "staff"?)
    UNKNOWN_FIELD all[1].text.field: expected a field, found "cty", which does not exist (did you mean "city"?)
    "#);
}
