//! Warnings about what was never recorded: the rule is valid all the same.

use crate::support::TestApp;
use serde_json::{Value, json};

fn app() -> TestApp {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.subscriber("ona@x.lt", json!({}));
    app.mutate(
        "mutation ($events: [EventInput!]!) { recordEvents(input: {events: $events}) { userErrors { message path } } }",
        json!({"events": [
            {"email": "ona@x.lt", "name": "purchase", "properties": {"total": 12.5, "sku": "A-1", "gift": true}},
            {"email": "ona@x.lt", "name": "purchase", "properties": {"total": 3, "colours": ["red"], "note": null}},
            {"email": "ona@x.lt", "name": "visit", "properties": {"page": "/"}}]}),
    );
    app
}

/// The warnings of a preview, which must be those of the other places too.
#[track_caller]
fn warnings(app: &TestApp, rule: &Value) -> Value {
    let fields = "warnings { path code message hint }";
    let data = app.query(
        &format!(
            "query ($rule: JSON!) {{ previewSegment(ruleJson: $rule) {{ problems {{ message }} memberCount {fields} }} \
             subscriber(email: \"ona@x.lt\") {{ explain(ruleJson: $rule) {{ problems {{ message }} isMatch {fields} }} }} }}"
        ),
        json!({ "rule": rule }),
    );
    let found = data["previewSegment"]["warnings"].clone();
    assert_eq!(data["previewSegment"]["problems"], json!([]));
    assert_ne!(data["previewSegment"]["memberCount"], Value::Null);
    assert_eq!(data["subscriber"]["explain"]["warnings"], found);
    let number = app.database.ask("SELECT count(*) FROM segments");
    let created = app.mutate(
        &format!(
            "mutation ($key: String!, $rule: JSON!) {{ createSegment(input: {{key: $key, ruleJson: $rule}}) {{ \
             segment {{ id }} {fields} userErrors {{ message }} }} }}"
        ),
        json!({"key": format!("s{number}"), "rule": rule}),
    );
    assert_eq!(created["warnings"], found);
    let updated = app.mutate(
        &format!("mutation ($id: ID!) {{ updateSegment(input: {{id: $id, name: \"Other\"}}) {{ {fields} userErrors {{ message }} }} }}"),
        json!({"id": created["segment"]["id"]}),
    );
    assert_eq!(updated["warnings"], found);
    found
}

#[track_caller]
fn lines(app: &TestApp, rule: &Value) -> String {
    let found = warnings(app, rule);
    let found = found.as_array().expect("a list").iter().map(|warning| {
        let word = |key: &str| warning[key].as_str().unwrap_or("-").to_owned();
        format!(
            "{} at {}\n  {}\n  {}",
            word("code"),
            word("path"),
            word("message"),
            word("hint")
        )
    });
    found.collect::<Vec<_>>().join("\n")
}

#[test]
fn event_names_that_never_occurred_get_the_nearest_known_name() {
    let app = app();
    let rule = json!({"all": [
        {"event": {"name": "purchse"}},
        {"not": {"any": [{"event": {"names": ["visit", "Visit", "refund"], "count": {"equals": 0}}}]}}]});
    insta::assert_snapshot!(lines(&app, &rule), @r#"
    UNKNOWN_EVENT at all[0].event.name
      expected the name of a recorded event, found "purchse", which was never recorded
      did you mean "purchase"?
    UNKNOWN_EVENT at all[1].not.any[0].event.names[1]
      expected the name of a recorded event, found "Visit", which was never recorded
      did you mean "visit"?
    UNKNOWN_EVENT at all[1].not.any[0].event.names[2]
      expected the name of a recorded event, found "refund", which was never recorded
      -
    "#);
}

#[test]
fn properties_that_never_occurred_or_have_another_type_are_told() {
    let app = app();
    let rule = json!({"event": {
        "names": ["purchase", "visit"],
        "where": [
            {"text": {"property": "sku", "is": {"equals": "A-1"}}},
            {"text": {"property": "skuu", "is": {"equals": "A-1"}}},
            {"number": {"property": "sku", "is": {"equals": 1}}},
            {"date": {"property": "page", "is": {"isToday": true}}},
            {"boolean": {"property": "total", "is": {"isTrue": true}}},
            {"list": {"property": "colours", "is": {"containsAny": ["red"]}}},
            {"text": {"property": "note", "is": {"isSet": true}}}],
        "sum": {"atLeast": 1}, "of": "totals"}});
    insta::assert_snapshot!(lines(&app, &rule), @r#"
    UNKNOWN_PROPERTY at event.where[1].text.property
      expected a property of the latest 3 such events, found "skuu", which none of them has
      did you mean "sku"?
    OTHER_PROPERTY_TYPE at event.where[2].number.property
      expected a property that holds numbers, found "sku", which holds texts in the latest 3 such events
      -
    OTHER_PROPERTY_TYPE at event.where[4].boolean.property
      expected a property that holds true and false, found "total", which holds numbers in the latest 3 such events
      -
    UNKNOWN_PROPERTY at event.where[6].text.property
      expected a property of the latest 3 such events, found "note", which none of them has
      -
    UNKNOWN_PROPERTY at event.of
      expected a property of the latest 3 such events, found "totals", which none of them has
      did you mean "total"?
    "#);
}

#[test]
fn what_occurred_is_not_warned_about_and_a_new_event_ends_the_warning() {
    let app = app();
    let known = json!({"event": {"name": "purchase", "sum": {"atLeast": 1}, "of": "total",
        "where": [{"boolean": {"property": "gift", "is": {"isTrue": true}}}]}});
    assert_eq!(warnings(&app, &known), json!([]));
    assert_eq!(warnings(&app, &json!({"everyone": true})), json!([]));
    let refund = json!({"event": {"name": "refund"}});
    assert_ne!(warnings(&app, &refund), json!([]));
    app.event("ona@x.lt", "refund", "2026-06-01T00:00:00Z", None);
    assert_eq!(warnings(&app, &refund), json!([]));
}

#[test]
fn an_invalid_rule_has_problems_and_no_warnings() {
    let app = app();
    let rule = json!({"all": [{"event": {"name": "purchse"}}, {"text": {"field": "contry", "is": {"equals": "LT"}}}]});
    let data = app.query(
        "query ($rule: JSON!) { previewSegment(ruleJson: $rule) { problems { code } warnings { code } } }",
        json!({ "rule": rule }),
    );
    assert_eq!(
        data["previewSegment"],
        json!({"problems": [{"code": "UNKNOWN_FIELD"}], "warnings": []})
    );
}

/// Stores an event as it may have been recorded before there were bounds.
fn store(app: &TestApp, name: &str, properties: &Value) {
    app.database.execute(&format!(
        "INSERT INTO events (subscriber_id, name, occurred_at, properties) \
         SELECT id, '{name}', '2026-06-01', '{properties}' FROM subscribers; \
         INSERT INTO event_totals (subscriber_id, name, count, value_sum, first_at, last_at) \
         SELECT id, '{name}', 1, 0, '2026-06-01', '2026-06-01' FROM subscribers ON CONFLICT DO NOTHING"
    ));
}

#[test]
fn only_what_a_rule_can_use_is_offered() {
    let app = app();
    let (long, property) = ("x".repeat(200_000), "p".repeat(300));
    let properties = json!({
        "numbers": [1, 2], "objects": {"a": 1}, "nothing": null, "empty": "", "": "x", "void": [], "blank": [""],
        "mixed": [1, "red", null, ["grey"], {"blue": 1}, ""], "text": "short", property: 1});
    store(&app, "order", &properties);
    store(&app, "order", &json!({ "text": long }));
    let data = app.query(
        "{ ruleEvents(prefix: \"order\") { properties { name node count suggestedValues { value count } } } }",
        json!({}),
    );
    assert_eq!(
        data["ruleEvents"][0]["properties"],
        json!([
            {"name": "text", "node": "TEXT", "count": 2, "suggestedValues": [{"value": "short", "count": 1}]},
            {"name": "mixed", "node": "LIST", "count": 1, "suggestedValues": [{"value": "red", "count": 1}]}])
    );
}

#[test]
fn properties_are_offered_in_bounded_number() {
    let app = app();
    let properties: serde_json::Map<String, Value> = (0..400)
        .map(|number| (format!("p{number:03}"), json!(number)))
        .collect();
    store(&app, "wide", &json!(properties));
    let data = app.query(
        "{ ruleEvents(prefix: \"wide\") { properties { name } } }",
        json!({}),
    );
    let offered = data["ruleEvents"][0]["properties"]
        .as_array()
        .expect("a list");
    assert_eq!(offered.len(), 250);
}
