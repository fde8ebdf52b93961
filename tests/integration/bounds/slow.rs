//! A rule that takes longer to evaluate than it may makes its own segment invalid; the others are refreshed and followed.

use crate::support::{TestApp, rollcall, run};
use rollcall::follow::follow_touches;
use serde_json::{Value, json};
use std::time::Duration;

const NOW: &str = "2026-06-15T12:00:00Z";
/// It takes seconds over long texts, and next to nothing over short ones.
const HARD: &str = "[0-8][^z]{80,120}x1";

/// Three thousand people with short names.
fn app() -> TestApp {
    let mut app = TestApp::at(NOW);
    app.app.refresh.rule_budget = Duration::from_millis(500);
    app.database.execute(
        "INSERT INTO subscribers (email, first_name, country, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', 'Ona', 'LT', now(), now() FROM generate_series(1, 3000) n",
    );
    app
}

fn make_names_long(app: &TestApp) {
    app.database
        .execute("UPDATE subscribers SET first_name = repeat(md5(id::text), 60)");
}

fn hard() -> Value {
    json!({"text": {"field": "firstName", "is": {"matches": HARD}}})
}

/// The people whose addresses begin with `p1`, and those for whom the rule is true.
fn or_first(rule: Value) -> Value {
    json!({"any": [rule, {"text": {"field": "email", "is": {"startsWith": "p1"}}}]})
}

fn in_country() -> Value {
    json!({"text": {"field": "country", "is": {"equals": "LT"}}})
}

fn count(app: &TestApp, key: &str) -> i64 {
    let data = app.query(
        "query ($key: String!) { segment(key: $key) { memberCount } }",
        json!({ "key": key }),
    );
    data["segment"]["memberCount"].as_i64().expect("a number")
}

fn state(app: &TestApp, key: &str) -> Value {
    let data = app.query(
        "query ($key: String!) { segment(key: $key) { state problems { code message hint } } }",
        json!({ "key": key }),
    );
    data["segment"].clone()
}

#[track_caller]
fn assert_too_slow(app: &TestApp, key: &str) {
    let state = state(app, key);
    assert_eq!(state["state"], "INVALID", "{key}: {state}");
    let problem = &state["problems"][0];
    assert_eq!(problem["code"], "TOO_SLOW", "{key}");
    let message = problem["message"].as_str().expect("a message");
    assert!(message.contains("the limit is 0.5 s"), "{message}");
    assert!(message.contains(" subscribers"), "{message}");
    let hint = problem["hint"].as_str().expect("a hint");
    assert!(hint.contains("startsWith"), "{hint}");
}

#[track_caller]
fn assert_ready(app: &TestApp, key: &str) {
    assert_eq!(
        state(app, key),
        json!({"state": "READY", "problems": []}),
        "{key}"
    );
}

/// Returns what the last refresh tells of a segment: the seconds of its evaluation.
fn seconds(app: &TestApp, key: &str) -> Value {
    let data = app.query(
        "query ($key: String!) { segment(key: $key) { lastRefresh { evaluationSeconds } } }",
        json!({ "key": key }),
    );
    data["segment"]["lastRefresh"]["evaluationSeconds"].clone()
}

#[test]
fn one_slow_rule_stops_no_other() {
    let app = app();
    app.segment("slow", or_first(hard()));
    app.segment("shares", json!({"not": {"all": [hard(), in_country()]}}));
    app.segment("asks", json!({"segment": {"inAny": ["slow"]}}));
    app.segment("country", in_country());
    app.refresh();
    let before = count(&app, "slow");
    assert!(before > 0);
    for key in ["slow", "shares", "asks", "country"] {
        assert_ready(&app, key);
        assert!(
            seconds(&app, key).is_f64() || seconds(&app, key) == 0,
            "{key}"
        );
    }

    make_names_long(&app);
    app.database
        .execute("UPDATE subscribers SET country = 'DE' WHERE email = 'p1@example.com'");
    app.database
        .execute("DELETE FROM subscribers WHERE email = 'p2@example.com'");
    app.set_time("2026-06-16T12:00:00Z");
    let refreshed = app.refresh();
    for key in ["slow", "shares"] {
        assert_too_slow(&app, key);
        let spent = seconds(&app, key).as_f64().expect("seconds");
        assert!(spent > 0.5, "{key} spent its budget: {spent}");
    }
    assert_eq!(count(&app, "slow"), before, "it keeps its last members");
    assert_eq!(count(&app, "shares"), 2999);
    for (key, members) in [("asks", before), ("country", 2998)] {
        assert_ready(&app, key);
        assert_eq!(count(&app, key), members, "{key}");
    }
    let runs = app.database.ask("SELECT count(*) FROM refreshes");
    assert_eq!(runs, "2", "{} refreshed all of them", refreshed.id);

    app.database
        .execute("UPDATE subscribers SET first_name = 'Ona'");
    app.set_time("2026-06-17T12:00:00Z");
    app.refresh();
    for key in ["slow", "shares"] {
        assert_ready(&app, key);
    }
    app.database
        .execute("UPDATE segment_refreshes SET evaluation_micros = NULL");
    assert_eq!(seconds(&app, "slow"), Value::Null, "as in rows of before");
}

#[test]
fn slow_tests_of_event_properties_count_too() {
    let app = app();
    let visited = |matches: &str| {
        let test = json!({"text": {"property": "page", "is": {"matches": matches}}});
        json!({"event": {"name": "visit", "where": [test], "count": {"atLeast": 1}}})
    };
    app.database.execute(
        "INSERT INTO events (subscriber_id, name, occurred_at, properties) \
         SELECT id, 'visit', now(), jsonb_build_object('page', repeat(md5(id::text), 60)) FROM subscribers",
    );
    app.segment("slow", visited(HARD));
    app.segment("negated", json!({"not": visited(HARD)}));
    app.segment(
        "event",
        json!({"event": {"name": "visit", "inTheLast": {"amount": 1, "unit": "YEAR"}}}),
    );
    app.segment("country", in_country());
    app.refresh();
    for key in ["slow", "negated"] {
        assert_too_slow(&app, key);
        assert_eq!(count(&app, key), 0);
    }
    for key in ["event", "country"] {
        assert_ready(&app, key);
    }
    assert_eq!(count(&app, "country"), 3000);
}

/// Makes a slow rule of this mode, and instant segments beside it; follows a change of everybody.
fn follow_past_slow_rule(mode: &str) {
    let app = app();
    let asks = json!({"all": [in_country(), {"segment": {"inAny": ["slow"]}}]});
    for (key, rule, mode) in [
        ("slow", or_first(hard()), mode),
        ("country", in_country(), "INSTANT"),
        ("asks", asks, "INSTANT"),
    ] {
        app.mutate(
            "mutation ($key: String!, $rule: JSON!, $mode: SegmentMode!) { \
             createSegment(input: {key: $key, ruleJson: $rule, mode: $mode}) { userErrors { message } } }",
            json!({ "key": key, "rule": rule, "mode": mode }),
        );
    }
    app.refresh();
    let follow = || follow_touches(app.db(), &app.app.refresh).expect("following succeeds");
    follow();
    let before = (count(&app, "slow"), count(&app, "asks"));
    assert!(before.0 > 0 && before.0 == before.1);

    app.set_time("2026-06-15T13:00:00Z");
    make_names_long(&app);
    app.database
        .execute("UPDATE subscribers SET country = 'DE' WHERE email = 'p1@example.com'");
    follow();
    assert_too_slow(&app, "slow");
    assert_eq!(count(&app, "slow"), before.0, "it keeps its last members");
    assert_ready(&app, "country");
    assert_eq!(count(&app, "country"), 2999);
    assert_ready(&app, "asks");
    assert_eq!(count(&app, "asks"), before.1 - 1);
    let waiting = "SELECT count(*) FROM touches WHERE followed_at IS NULL";
    assert_eq!(app.database.ask(waiting), "0");

    // From now on it is left alone, and the others are followed without another refresh.
    let refreshes = || app.database.ask("SELECT count(*) FROM refreshes");
    let run = refreshes();
    app.database
        .execute("UPDATE subscribers SET country = 'DE' WHERE email IN ('p2@example.com', 'p10@example.com')");
    follow();
    assert_eq!(count(&app, "country"), 2997);
    assert_eq!(count(&app, "asks"), before.1 - 2);
    assert_eq!(refreshes(), run);
}

#[test]
fn following_goes_on_past_a_slow_rule() {
    follow_past_slow_rule("INSTANT");
}

#[test]
fn following_goes_on_past_a_slow_rule_that_others_ask_about() {
    follow_past_slow_rule("DAILY");
}

#[test]
fn the_command_takes_the_budget_and_names_the_slow_rule() {
    let app = app();
    app.segment("slow", hard());
    app.segment("country", in_country());
    make_names_long(&app);
    let refresh = |budget: &str| {
        let arguments = ["--database-url", &app.database.url, "--rule-budget", budget];
        run(rollcall(&["refresh"]).args(arguments))
    };
    let finished = refresh("1");
    assert!(
        finished.stderr.contains("the limit is 1 s"),
        "{}",
        finished.stderr
    );
    assert!(finished.stderr.contains("INVALID"), "{}", finished.stderr);
    assert_eq!(count(&app, "country"), 3000);
    let refused = refresh("0");
    assert!(
        refused.stderr.contains("--rule-budget"),
        "{}",
        refused.stderr
    );
}
