//! Questions and changes that cannot be answered, as GraphQL errors with a code or as user errors.

use crate::support::TestApp;
use insta::assert_snapshot;
use serde_json::{Value, json};

/// Asks what cannot be answered and returns every error: its code, its place in the answer and its message.
#[track_caller]
fn fail(app: &TestApp, document: &str) -> String {
    let response = app.respond(document, json!({}));
    let errors = response["errors"].as_array().expect("errors");
    let lines = errors.iter().map(|error| {
        let code = error["extensions"]["code"].as_str().unwrap_or("-");
        let path = error.get("path").map_or(String::new(), Value::to_string);
        format!(
            "{code} {path} {}",
            error["message"].as_str().unwrap_or_default()
        )
    });
    lines.collect::<Vec<String>>().join("\n")
}

#[test]
fn pages_that_do_not_exist() {
    let app = TestApp::at("2026-03-01T09:30:00Z");
    app.subscriber("ona@example.com", json!({}));
    assert_snapshot!(fail(&app, "{ subscribers(first: 251) { totalCount } }"), @r#"BAD_USER_INPUT ["subscribers"] expected "first" from 0 to 250, found 251"#);
    assert_snapshot!(fail(&app, "{ groups(last: -1) { totalCount } }"), @r#"BAD_USER_INPUT ["groups"] expected "last" from 0 to 250, found -1"#);
    assert_snapshot!(fail(&app, "{ segments(first: 1, last: 1) { totalCount } }"), @r#"BAD_USER_INPUT ["segments"] expected "first" or "last", found both; a page has one end to start from"#);
    assert_snapshot!(fail(&app, "{ subscribers(after: \"here\") { totalCount } }"), @r#"BAD_USER_INPUT ["subscribers"] "after": expected a cursor from a page of this list in this order, found "here""#);
    // A cursor of the order by id, which says nothing in the order by e-mail.
    let page = app.query("{ subscribers { edges { cursor } } }", json!({}));
    let cursor = page["subscribers"]["edges"][0]["cursor"]
        .as_str()
        .expect("a cursor");
    let other = format!("{{ subscribers(orderBy: EMAIL, after: \"{cursor}\") {{ totalCount }} }}");
    let said = fail(&app, &other).replace(cursor, "CURSOR");
    assert_snapshot!(said, @r#"BAD_USER_INPUT ["subscribers"] "after": expected a cursor from a page of this list in this order, found "CURSOR""#);
    assert_snapshot!(fail(&app, "{ refreshes(before: \"bnVsbA\") { totalCount } }"), @r#"BAD_USER_INPUT ["refreshes"] "before": expected a cursor from a page of this list in this order, found "bnVsbA""#);
}

#[test]
fn ids_and_keys_of_nothing() {
    let app = TestApp::at("2026-03-01T09:30:00Z");
    let ona = app.subscriber("ona@example.com", json!({}));
    let data = app.query(
        "{ node(id: \"nonsense\") { id } gone: node(id: \"U3Vic2NyaWJlcjo5OTk\") { id } group(key: \"none\") { id } \
         subscriber(email: \"nobody@example.com\") { id } }",
        json!({}),
    );
    assert_eq!(
        data,
        json!({ "node": null, "gone": null, "group": null, "subscriber": null })
    );
    assert_snapshot!(fail(&app, "{ subscriber(id: \"nonsense\") { email } }"), @r#"BAD_USER_INPUT ["subscriber"] id: expected the id of a subscriber, found "nonsense""#);
    let stranger = format!("{{ group(id: \"{ona}\") {{ key }} }}");
    assert_snapshot!(fail(&app, &stranger), @r#"BAD_USER_INPUT ["group"] id: expected the id of a group, found the id of a subscriber"#);
    assert_snapshot!(fail(&app, "{ subscriber { email } }"), @r#"BAD_USER_INPUT ["subscriber"] expected either "id" or "email""#);
    assert_snapshot!(
        fail(&app, "{ subscriber(email: \"ona@example.com\") { isMember(of: {group: \"none\"}) } }"),
        @r#"NOT_FOUND ["subscriber","isMember"] no group "none" exists"#
    );
}

#[test]
fn documents_that_are_not_valid() {
    let app = TestApp::at("2026-03-01T09:30:00Z");
    for document in [
        "{ subscribers { ",
        "{ people { id } }",
        "query ($id: ID!) { node(id: $id) { id } }",
        "{ node(id: 1) { id }, ...Missing }",
        "{ subscribers(first: \"many\") { totalCount } }",
        "mutation { createGroup(input: {}) { group { id } } }",
    ] {
        let response = app.respond(document, json!({}));
        assert_eq!(response.get("data"), None, "{document}: {response}");
        assert!(
            response["errors"][0]["message"].is_string(),
            "{document}: {response}"
        );
    }
}

#[test]
fn changes_that_are_refused_leave_everything_as_it_was() {
    let app = TestApp::at("2026-03-01T09:30:00Z");
    app.subscriber("ona@example.com", json!({ "country": "LT" }));
    app.group("staff", &["ona@example.com"]);
    app.segment("colleagues", json!({"group": {"inAny": ["staff"]}}));
    app.refresh();
    let group = app.query("{ group(key: \"staff\") { id } }", json!({}));
    let group = group["group"]["id"].as_str().expect("an id");
    let refuse = |document: &str| {
        let payload = app.payload(document, json!({}));
        let errors = payload["userErrors"].as_array().expect("a list");
        let lines = errors.iter().map(|error| {
            let text = |name: &str| error[name].as_str().unwrap_or("-").to_owned();
            format!("{} {}: {}", text("code"), text("path"), text("message"))
        });
        lines.collect::<Vec<String>>().join("\n")
    };
    let errors = "userErrors { code path message }";
    assert_snapshot!(refuse(&format!(
        "mutation {{ upsertSubscriber(input: {{email: \"ona\", values: {{country: \"Lithuania\", \
         position: {{latitude: 91, longitude: 1}}, customFields: {{visits: 1}}}}}}) {{ {errors} }} }}"
    )), @r#"
    INVALID email: expected an e-mail address, found "ona": it has no @
    INVALID country: expected a country code of two letters such as "LT", found "Lithuania"
    INVALID latitude: expected degrees from -90 to 90, found 91
    NOT_FOUND customFields.visits: expected the key of a custom field, found "visits", which does not exist
    "#);
    assert_snapshot!(refuse(&format!(
        "mutation {{ createGroup(input: {{key: \"staff\"}}) {{ {errors} }} }}"
    )), @"TAKEN key: a group with this key exists already");
    assert_snapshot!(refuse(&format!(
        "mutation {{ deleteGroup(input: {{id: \"{group}\"}}) {{ {errors} }} }}"
    )), @r#"IN_USE id: group "staff" is used by segment "colleagues"; change the rule of that segment, or delete the segment, first"#);
    assert_snapshot!(refuse(&format!(
        "mutation {{ addToGroup(input: {{group: \"stuff\", emails: [\"ona@example.com\"]}}) {{ {errors} }} }}"
    )), @r#"NOT_FOUND group: expected the key of a group, found "stuff", which does not exist"#);
    assert_snapshot!(refuse(&format!(
        "mutation {{ recordEvents(input: {{events: [ \
         {{email: \"nobody@example.com\", name: \" \", value: 1e15}}]}}) {{ {errors} }} }}"
    )), @r#"
    NOT_FOUND events[0].email: no subscriber has the e-mail address "nobody@example.com"
    INVALID events[0].name: expected the name of an event, found an empty text
    INVALID events[0].value: expected a value between -1e12 and 1e12, found 1000000000000000; larger ones cannot be summed exactly
    "#);
    assert_snapshot!(refuse(&format!(
        "mutation {{ refreshSegments(input: {{segments: [\"colleagues\", \"strangers\"]}}) {{ {errors} }} }}"
    )), @r#"NOT_FOUND segments[1]: expected the key of a segment, found "strangers", which does not exist"#);
    assert_eq!(
        app.database.ask(
            "SELECT json_build_array((SELECT count(*) FROM subscribers WHERE country = 'LT'), \
             (SELECT count(*) FROM groups), (SELECT count(*) FROM group_memberships), \
             (SELECT count(*) FROM events), (SELECT count(*) FROM refreshes))"
        ),
        "[1, 1, 1, 0, 1]"
    );
}
