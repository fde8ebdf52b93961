//! A rule that fails makes its own segment invalid; the others are refreshed and followed as ever.

use crate::support::{TestApp, TestDatabase};
use rollcall::follow::follow_touches;
use rollcall::refresh::{refresh_pending, run_due};
use serde_json::{Value, json};

const NOW: &str = "2026-03-01T12:00:00Z";

/// Makes reading a column of subscribers fail for the value "Poison". Rules that do not ask about the column do not read
/// it, and go on.
fn poison(database: &TestDatabase, columns: &[&str]) {
    let list = columns
        .iter()
        .map(|column| format!("'{column}'"))
        .collect::<Vec<_>>()
        .join(", ");
    database.execute(&format!(
        "CREATE FUNCTION read_column(value text) RETURNS text LANGUAGE plpgsql STABLE AS $$ \
             BEGIN IF value = 'Poison' THEN RAISE 'the value % cannot be read', value; END IF; RETURN value; END $$; \
         ALTER TABLE subscribers RENAME TO people; \
         DO $$ BEGIN EXECUTE (SELECT 'CREATE VIEW subscribers AS SELECT ' || string_agg(CASE WHEN column_name IN ({list}) \
             THEN format('read_column(%1$I) AS %1$I', column_name) ELSE quote_ident(column_name) END, ', ' ORDER BY ordinal_position) \
             || ' FROM people' FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = 'people'); END $$"
    ));
}

fn heal(database: &TestDatabase) {
    database.execute(
        "CREATE OR REPLACE FUNCTION read_column(value text) RETURNS text LANGUAGE sql STABLE AS 'SELECT value'",
    );
}

fn text(field: &str, value: &str) -> Value {
    json!({"text": {"field": field, "is": {"equals": value}}})
}

/// Three people, all of Vilnius and Lithuania.
fn app() -> TestApp {
    let app = TestApp::at(NOW);
    for name in ["anna", "jonas", "ona"] {
        let values = json!({"city": "Vilnius", "region": "East", "country": "LT"});
        app.subscriber(&format!("{name}@x.lt"), values);
    }
    app
}

fn set(app: &TestApp, table: &str, column: &str, value: &str, email: &str) {
    app.database.execute(&format!(
        "UPDATE {table} SET {column} = '{value}' WHERE email = '{email}'"
    ));
}

/// Returns the members of a segment, reading nothing of them but their addresses.
fn members(app: &TestApp, key: &str) -> Vec<String> {
    let emails = app.database.ask(&format!(
        "SELECT string_agg(p.email, ' ' ORDER BY p.email) FROM segment_memberships m JOIN segments s ON s.id = m.segment_id \
         JOIN subscribers p ON p.id = m.subscriber_id WHERE s.key = '{key}'"
    ));
    emails.split_whitespace().map(str::to_owned).collect()
}

/// Returns the state of a segment and the codes and messages of its problems.
fn state(app: &TestApp, key: &str) -> Value {
    let data = app.query(
        "query ($key: String!) { segment(key: $key) { state problems { code path message hint } } }",
        json!({ "key": key }),
    );
    data["segment"].clone()
}

#[track_caller]
fn assert_invalid(app: &TestApp, key: &str) {
    let state = state(app, key);
    assert_eq!(state["state"], "INVALID", "{key}");
    let problem = &state["problems"][0];
    assert_eq!(problem["code"], "EVALUATION_FAILED", "{key}");
    let message = problem["message"].as_str().expect("a message");
    assert!(
        message.contains("the value Poison cannot be read"),
        "{message}"
    );
    assert!(problem["hint"].is_string());
}

#[test]
fn one_failing_rule_stops_no_other() {
    let app = app();
    let everybody = ["anna@x.lt", "jonas@x.lt", "ona@x.lt"];
    for number in 0..20 {
        app.segment(&format!("good-{number}"), text("country", "LT"));
    }
    app.segment("city", text("city", "Vilnius"));
    app.segment(
        "also-city",
        json!({"all": [{"everyone": true}, text("city", "Vilnius")]}),
    );
    app.segment("region", text("region", "East"));
    app.segment("asks-city", json!({"segment": {"inAny": ["city"]}}));
    app.segment(
        "asks-good",
        json!({"not": {"segment": {"inAny": ["good-3"]}}}),
    );
    app.refresh();
    assert_eq!(members(&app, "asks-city"), everybody);

    set(&app, "subscribers", "city", "Poison", "anna@x.lt");
    set(&app, "subscribers", "region", "Poison", "jonas@x.lt");
    set(&app, "subscribers", "country", "DE", "ona@x.lt");
    poison(&app.database, &["city", "region"]);
    app.set_time("2026-03-02T12:00:00Z");
    let refreshed = app.refresh();
    assert_eq!(
        app.database
            .ask("SELECT count(*) FROM refreshes WHERE state = 'failed'"),
        "0"
    );
    for key in ["city", "also-city", "region"] {
        assert_invalid(&app, key);
        assert_eq!(
            members(&app, key),
            everybody,
            "{key} keeps its last members"
        );
    }
    for number in 0..20 {
        let key = format!("good-{number}");
        assert_eq!(state(&app, &key)["state"], "READY");
        assert_eq!(members(&app, &key), ["anna@x.lt", "jonas@x.lt"]);
    }
    assert_eq!(members(&app, "asks-good"), ["ona@x.lt"]);
    // As where the segment asked about is invalid for another reason: its last members count.
    assert_eq!(state(&app, "asks-city")["state"], "READY");
    assert_eq!(members(&app, "asks-city"), everybody);
    let outcomes = app.database.ask(&format!(
        "SELECT count(*) || ' ' || count(*) FILTER (WHERE problems <> '[]') FROM segment_refreshes WHERE refresh_id = {}",
        refreshed.id
    ));
    assert_eq!(outcomes, "25 3");

    // Invalid segments are tried again, and changes are remembered since the last members.
    heal(&app.database);
    app.set_time("2026-03-03T12:00:00Z");
    app.refresh();
    for key in ["city", "also-city", "asks-city"] {
        assert_eq!(state(&app, key), json!({"state": "READY", "problems": []}));
        assert_eq!(members(&app, key), ["jonas@x.lt", "ona@x.lt"]);
    }
    let data = app.query(
        "{ segment(key: \"city\") { memberCount(asOf: \"2026-03-02T18:00:00Z\") lastRefresh { leftCount } } }",
        json!({}),
    );
    assert_eq!(
        data["segment"],
        json!({"memberCount": 3, "lastRefresh": {"leftCount": 1}})
    );
}

#[test]
fn new_segments_and_the_daily_job_pass_a_failing_rule() {
    let app = app();
    app.segment("city", text("city", "Vilnius"));
    run_due(app.db(), &app.app.refresh).expect("a new database");
    set(&app, "subscribers", "city", "Poison", "anna@x.lt");
    poison(&app.database, &["city"]);
    app.segment("good", text("country", "LT"));
    let pending = refresh_pending(app.db(), &app.app.refresh).expect("a refresh");
    assert!(pending.is_some());
    assert_invalid(&app, "city");
    assert_eq!(state(&app, "good")["state"], "READY");
    assert_eq!(members(&app, "good").len(), 3);
    let again = refresh_pending(app.db(), &app.app.refresh).expect("nothing to do");
    assert_eq!(again, None, "no segment stays pending");
    for day in ["02", "03"] {
        app.set_time(&format!("2026-03-{day}T03:00:00Z"));
        let ran = run_due(app.db(), &app.app.refresh).expect("the job runs");
        assert!(ran.is_some(), "once a day");
        assert_invalid(&app, "city");
    }
}

#[test]
fn following_goes_on_past_a_failing_rule() {
    let app = app();
    for (key, field, value) in [("city", "city", "Vilnius"), ("country", "country", "LT")] {
        app.mutate(
            "mutation ($key: String!, $rule: JSON!) { createSegment(input: {key: $key, ruleJson: $rule, mode: INSTANT}) { userErrors { message } } }",
            json!({ "key": key, "rule": text(field, value) }),
        );
    }
    app.refresh();
    let follow = || follow_touches(app.db(), &app.app.refresh).expect("following succeeds");
    follow();
    poison(&app.database, &["city"]);
    app.set_time("2026-03-01T13:00:00Z");
    set(&app, "people", "city", "Poison", "anna@x.lt");
    set(&app, "people", "country", "DE", "jonas@x.lt");
    let followed = follow();
    assert!(followed.touches > 0);
    assert_invalid(&app, "city");
    assert_eq!(members(&app, "city").len(), 3, "it keeps its last members");
    assert_eq!(members(&app, "country"), ["anna@x.lt", "ona@x.lt"]);
    assert_eq!(
        app.database
            .ask("SELECT count(*) FROM touches WHERE followed_at IS NULL"),
        "0"
    );

    // From now on it is left alone, and the other followed without another refresh.
    let refreshes = || app.database.ask("SELECT count(*) FROM refreshes");
    let before = refreshes();
    set(&app, "people", "country", "DE", "ona@x.lt");
    follow();
    assert_eq!(members(&app, "country"), ["anna@x.lt"]);
    assert_eq!(refreshes(), before);

    // A refresh that can evaluate it lets it follow again.
    heal(&app.database);
    app.set_time("2026-03-01T14:00:00Z");
    app.refresh();
    follow();
    assert_eq!(members(&app, "city"), ["jonas@x.lt", "ona@x.lt"]);
    set(&app, "people", "city", "Kaunas", "ona@x.lt");
    follow();
    assert_eq!(members(&app, "city"), ["jonas@x.lt"]);
}

#[test]
fn an_error_that_no_rule_makes_fails_the_refresh() {
    let app = app();
    app.segment("good", text("country", "LT"));
    app.database
        .execute("ALTER TABLE segment_blocks RENAME TO elsewhere");
    let failed = rollcall::refresh::refresh(
        app.db(),
        &rollcall::refresh::Selection::All,
        rollcall::past::Trigger::Manual,
        &app.app.refresh,
    );
    assert!(failed.is_err());
    app.database
        .execute("ALTER TABLE elsewhere RENAME TO segment_blocks");
    app.refresh();
    assert_eq!(state(&app, "good")["state"], "READY");
}
