//! The daily job, by a clock.

use crate::support::{TestApp, instant};
use chrono::Duration;
use rollcall::audience::setting;
use rollcall::error::Error;
use rollcall::past::Refresh;
use rollcall::refresh::run_due;
use serde_json::json;

/// Lets the clock go on in steps and returns when the job ran, in local time.
fn runs(app: &TestApp, from: &str, until: &str, step: Duration) -> Vec<String> {
    let settings = app.db().run_here(setting::load).expect("settings");
    let mut now = instant(from);
    let mut found = Vec::new();
    while now < instant(until) {
        app.clock.set(now);
        if let Some(refresh) = run(app) {
            let local = refresh.as_of.with_timezone(&settings.time_zone);
            found.push(local.format("%d %H:%M").to_string());
        }
        now += step;
    }
    found
}

fn run(app: &TestApp) -> Option<Refresh> {
    run_due(app.db(), &app.app.refresh).expect("the job runs")
}

#[test]
fn runs_once_a_day_through_both_daylight_saving_changes() {
    let zone = chrono_tz::Europe::Vilnius;
    let app = TestApp::in_zone("2026-03-27T12:00:00Z", zone);
    app.segment("everyone", json!({"everyone": true}));
    // 03:00 does not exist on 29 March 2026, and happens twice on 25 October.
    let quarter = Duration::minutes(15);
    assert_eq!(
        runs(
            &app,
            "2026-03-27T12:00:00Z",
            "2026-03-30T12:00:00Z",
            quarter
        ),
        ["28 03:00", "29 04:00", "30 03:00"]
    );
    let app = TestApp::in_zone("2026-10-23T12:00:00Z", zone);
    app.segment("everyone", json!({"everyone": true}));
    assert_eq!(
        runs(
            &app,
            "2026-10-23T12:00:00Z",
            "2026-10-26T12:00:00Z",
            quarter
        ),
        ["24 03:00", "25 03:00", "26 03:00"]
    );
}

#[test]
fn catches_up_once_after_two_days_down() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    assert_eq!(
        run(&app),
        None,
        "a new database has nothing to catch up with"
    );
    app.set_time("2026-06-16T03:00:00Z");
    assert!(run(&app).is_some());
    app.set_time("2026-06-18T17:30:00Z");
    let caught_up = run(&app).expect("a refresh");
    assert_eq!(caught_up.as_of, instant("2026-06-18T17:30:00Z"));
    assert_eq!(run(&app), None, "once, not once per missed day");
    app.set_time("2026-06-19T02:59:59Z");
    assert_eq!(run(&app), None);
    app.set_time("2026-06-19T03:00:00Z");
    assert!(run(&app).is_some(), "and on time again");
}

#[test]
fn two_servers_run_it_once() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.segment("everyone", json!({"everyone": true}));
    assert_eq!(run(&app), None);
    for day in 16..20 {
        app.set_time(&format!("2026-06-{day}T03:00:00Z"));
        let outcomes: Vec<Result<Option<Refresh>, Error>> = std::thread::scope(|scope| {
            let servers: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| run_due(app.db(), &app.app.refresh)))
                .collect();
            servers
                .into_iter()
                .map(|server| server.join().expect("no panic"))
                .collect()
        });
        let ran = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Ok(Some(_))))
            .count();
        let went_home = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Ok(None) | Err(Error::RefreshRunning)))
            .count();
        assert_eq!((ran, went_home), (1, 1), "{outcomes:?}");
    }
    let data = app.query(
        "{ refreshes { totalCount nodes { trigger state } } }",
        json!({}),
    );
    assert_eq!(data["refreshes"]["totalCount"], json!(4));
}

#[test]
fn people_join_and_leave_as_time_passes_without_any_edit() {
    let app = TestApp::at("2026-06-01T12:00:00Z");
    for name in ["ona", "jonas", "rasa"] {
        app.subscriber(&format!("{name}@example.com"), json!({}));
    }
    app.subscriber("birgit@example.com", json!({"birthday": "1990-06-20"}));
    app.event(
        "ona@example.com",
        "purchase",
        "2026-05-10T10:00:00Z",
        Some(20.0),
    );
    app.event(
        "jonas@example.com",
        "purchase",
        "2026-05-31T10:00:00Z",
        Some(20.0),
    );
    app.event(
        "rasa@example.com",
        "purchase",
        "2026-06-10T10:00:00Z",
        Some(20.0),
    );
    let last = |days: u32| json!({"event": {"name": "purchase", "inTheLast": {"amount": days, "unit": "DAY"}}});
    app.segment("active", last(30));
    app.segment(
        "lapsed",
        json!({"all": [{"event": {"name": "purchase"}}, {"not": last(30)}]}),
    );
    app.segment(
        "birthday-soon",
        json!({"date": {"field": "birthday", "is": {"anniversaryInTheNext": {"amount": 7, "unit": "DAY"}}}}),
    );
    run(&app);
    let mut story = Vec::new();
    for day in ["02", "09", "10", "11", "13", "20", "21", "30"] {
        app.set_time(&format!("2026-06-{day}T12:00:00Z"));
        run(&app);
        let names = |key: &str| -> String {
            let emails = app.members(key);
            let names: Vec<&str> = emails
                .iter()
                .map(|email| email.split('@').next().unwrap_or(""))
                .collect();
            names.join(",")
        };
        story.push(format!(
            "{day}: {} | {} | {}",
            names("active"),
            names("lapsed"),
            names("birthday-soon")
        ));
    }
    assert_eq!(
        story,
        [
            "02: jonas,ona | rasa | ",
            "09: jonas | ona,rasa | ",
            "10: jonas,rasa | ona | ",
            "11: jonas,rasa | ona | ",
            "13: jonas,rasa | ona | birgit",
            "20: jonas,rasa | ona | birgit",
            "21: jonas,rasa | ona | ",
            "30: rasa | jonas,ona | ",
        ],
        "an event of the future is not in the last days, but it is one"
    );
    let data = app.query(
        "{ segment(key: \"active\") { nextRefreshAt lastRefresh { joinedCount leftCount memberCount refresh { trigger asOf } } } }",
        json!({}),
    );
    assert_eq!(
        data["segment"],
        json!({
            "nextRefreshAt": "2026-07-01T03:00:00+00:00",
            "lastRefresh": {
                "joinedCount": 0, "leftCount": 1, "memberCount": 1,
                "refresh": {"trigger": "DAILY", "asOf": "2026-06-30T12:00:00+00:00"}
            }
        })
    );
}
