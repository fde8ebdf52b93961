//! Clocks that were wrong cost nothing, and no refresh rewrites what was answered about the past.

use crate::support::{TestApp, instant, rollcall, run};
use rollcall::export::{Content, ExportRequest, prepare};
use rollcall::follow::follow_touches;
use rollcall::past::Refresh;
use rollcall::refresh::run_due;
use serde_json::{Value, json};

fn run_job(app: &TestApp) -> Option<Refresh> {
    run_due(app.db(), &app.app.refresh).expect("the job runs")
}

fn next_refresh(app: &TestApp) -> String {
    let data = app.query(
        "{ segment(key: \"everyone\") { nextRefreshAt } }",
        json!({}),
    );
    data["segment"]["nextRefreshAt"]
        .as_str()
        .expect("a time")
        .to_owned()
}

fn count_as_of(app: &TestApp, at: &str) -> Value {
    let data = app.query(
        "query ($at: DateTime!) { segment(key: \"everyone\") { memberCount(asOf: $at) members(asOf: $at) { totalCount } } }",
        json!({ "at": at }),
    );
    let count = data["segment"]["memberCount"].clone();
    assert_eq!(data["segment"]["members"]["totalCount"], count);
    count
}

fn app() -> TestApp {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.segment("everyone", json!({"everyone": true}));
    app.subscriber("ona@x.lt", json!({}));
    assert_eq!(run_job(&app), None);
    app
}

#[test]
fn the_daily_job_runs_every_day_after_a_clock_that_was_ahead() {
    for ahead in [
        "2026-06-19T03:00:10Z",
        "2026-07-16T03:00:10Z",
        "9999-12-31T23:00:00Z",
    ] {
        let app = app();
        app.set_time("2026-06-16T03:00:00Z");
        assert!(run_job(&app).is_some());
        app.subscriber("rasa@x.lt", json!({}));
        app.set_time(ahead);
        assert!(run_job(&app).is_some(), "by the wrong clock");

        app.set_time("2026-06-16T04:00:00Z");
        let kept = count_as_of(&app, "2026-06-16T03:30:00Z");
        assert_eq!(kept, json!(1), "the past is kept");
        assert_eq!(
            next_refresh(&app),
            "2026-06-16T04:00:00+00:00",
            "it is overdue"
        );
        let caught_up = run_job(&app).expect("at once");
        assert_eq!(caught_up.as_of, instant("2026-06-16T04:00:00Z"));
        assert_eq!(run_job(&app), None, "once");
        for day in 17..22 {
            let due = format!("2026-06-{day}T03:00:00");
            assert_eq!(next_refresh(&app), format!("{due}+00:00"));
            app.set_time(&format!("2026-06-{day}T02:59:59Z"));
            assert_eq!(run_job(&app), None);
            app.set_time(&format!("{due}Z"));
            assert!(run_job(&app).is_some(), "on day {day}");
        }
    }
}

#[test]
fn servers_whose_clocks_differ_by_seconds_run_the_job_once() {
    let app = app();
    app.set_time("2026-06-16T03:00:01Z");
    assert!(run_job(&app).is_some(), "the server that is ahead");
    for now in [
        "2026-06-16T02:59:58Z",
        "2026-06-16T03:00:00Z",
        "2026-06-16T03:00:03Z",
    ] {
        app.set_time(now);
        assert_eq!(run_job(&app), None, "the other at {now}");
    }
}

#[test]
fn the_next_refresh_is_told_as_it_happens_after_a_time_down() {
    let app = app();
    assert_eq!(next_refresh(&app), "2026-06-16T03:00:00+00:00");
    app.set_time("2026-06-18T17:30:00Z");
    assert_eq!(next_refresh(&app), "2026-06-18T17:30:00+00:00");
    assert!(run_job(&app).is_some());
    assert_eq!(next_refresh(&app), "2026-06-19T03:00:00+00:00");
}

#[test]
fn the_past_stays_when_a_clock_is_put_right() {
    let app = app();
    app.set_time("2026-06-16T03:00:00Z");
    app.refresh();
    app.subscriber("rasa@x.lt", json!({}));
    app.set_time("2026-06-19T03:00:00Z");
    app.refresh();
    app.subscriber("jonas@x.lt", json!({}));

    // The clock was three days ahead, and steps back.
    app.set_time("2026-06-16T05:00:00Z");
    assert_eq!(count_as_of(&app, "2026-06-16T04:59:59Z"), json!(1));
    let refreshed = app.refresh();
    assert_eq!(refreshed.as_of, instant("2026-06-16T05:00:00Z"));
    assert_eq!(count_as_of(&app, "2026-06-16T04:59:59Z"), json!(1));
    assert_eq!(count_as_of(&app, "2026-06-16T05:00:00Z"), json!(3));
    let backwards = app.database.ask(
        "SELECT count(*) FROM (SELECT as_of, lag(as_of) OVER (ORDER BY id) AS previous FROM refreshes) r WHERE as_of < previous",
    );
    assert_eq!(backwards, "0", "asOf never goes backwards");
    app.set_time("2026-06-17T03:00:00Z");
    app.refresh();
    let growth = app.query(
        "{ segment(key: \"everyone\") { growth(from: \"2026-06-01T00:00:00Z\", to: \"2026-07-01T00:00:00Z\") { start memberCount joinedCount } } }",
        json!({}),
    );
    assert_eq!(
        growth["segment"]["growth"],
        json!([
            {"start": "2026-06-16T00:00:00+00:00", "memberCount": 3, "joinedCount": 3},
            {"start": "2026-06-17T00:00:00+00:00", "memberCount": 3, "joinedCount": 0},
        ])
    );
}

#[test]
fn a_clock_that_steps_back_rewrites_nothing() {
    let app = app();
    let mut told = Vec::new();
    for (day, name) in [(16, "rasa"), (17, "jonas"), (18, "birgit")] {
        let now = format!("2026-06-{day}T03:00:00Z");
        app.set_time(&now);
        app.refresh();
        told.push((now.clone(), count_as_of(&app, &now)));
        app.subscriber(&format!("{name}@x.lt"), json!({}));
    }
    // By seconds, by hours, by days, and to where a clock without a battery begins.
    let steps = [
        "2026-06-18T02:59:58Z",
        "2026-06-17T22:00:00Z",
        "2026-06-16T12:00:00Z",
        "1970-01-01T00:00:10Z",
    ];
    for now in steps {
        app.set_time(now);
        let refreshed = app.refresh();
        assert_eq!(refreshed.as_of, instant("2026-06-18T03:00:00Z"), "at {now}");
        assert_eq!(refreshed.started_at, instant(now));
    }
    app.set_time("2026-06-18T04:00:00Z");
    assert_eq!(app.refresh().as_of, instant("2026-06-18T04:00:00Z"));
    for (at, count) in &told[..2] {
        assert_eq!(count_as_of(&app, at), *count, "as of {at}");
    }
    assert_eq!(count_as_of(&app, "2026-06-18T02:59:59Z"), told[1].1);
    assert_eq!(count_as_of(&app, "2026-06-18T04:00:00Z"), json!(4));
}

#[test]
fn what_was_followed_by_a_clock_ahead_is_of_the_present_when_it_is_put_right() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.mutate(
        "mutation { createSegment(input: {key: \"everyone\", mode: INSTANT, rule: {everyone: true}}) { userErrors { message } } }",
        json!({}),
    );
    app.refresh();
    let follow = || follow_touches(app.db(), &app.app.refresh).expect("following succeeds");
    app.set_time("2026-06-18T12:00:00Z");
    app.subscriber("ona@x.lt", json!({}));
    follow();
    app.set_time("2026-06-15T13:00:00Z");
    assert_eq!(count_as_of(&app, "2026-06-15T12:30:00Z"), json!(0));
    app.refresh();
    assert_eq!(count_as_of(&app, "2026-06-15T12:30:00Z"), json!(0));
    assert_eq!(count_as_of(&app, "2026-06-15T13:00:00Z"), json!(1));
    let joined = app.query(
        "{ segment(key: \"everyone\") { members { edges { joinedAt } } } }",
        json!({}),
    );
    let joined = &joined["segment"]["members"]["edges"][0]["joinedAt"];
    assert_eq!(*joined, json!("2026-06-15T13:00:00+00:00"));
}

#[test]
fn a_named_moment_before_the_last_refresh_is_refused() {
    let app = app();
    let refresh_as_of = |now: &str| {
        run(&mut rollcall(&[
            "refresh",
            "--database-url",
            &app.database.url,
            "--now",
            now,
        ]))
    };
    let first = refresh_as_of("2026-06-16T03:00:00Z");
    assert!(first.status.success(), "{first}");
    app.set_time("2026-06-17T00:00:00Z");
    let before = count_as_of(&app, "2026-06-16T03:00:00Z");
    app.subscriber("rasa@x.lt", json!({}));
    let runs = || app.database.ask("SELECT count(*) FROM refreshes");
    let runs_before = runs();
    for earlier in [
        "2026-06-16T02:59:59.999999Z",
        "1997-10-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
    ] {
        let refused = refresh_as_of(earlier);
        assert!(!refused.status.success(), "{refused}");
        for part in [
            "now",
            "is before the last refresh, 2026-06-16T03:00:00Z",
            "preview",
        ] {
            assert!(refused.stderr.contains(part), "{part}: {refused}");
        }
    }
    assert_eq!(runs(), runs_before, "nothing was begun");
    assert_eq!(count_as_of(&app, "2026-06-16T03:00:00Z"), before);
    // The same moment again, and a later one, are fine.
    for later in ["2026-06-16T03:00:00Z", "2026-06-16T04:00:00Z"] {
        let done = refresh_as_of(later);
        assert!(done.status.success(), "{done}");
    }
    for malformed in super::OUTSIDE {
        let refused = refresh_as_of(malformed);
        assert!(!refused.status.success(), "{malformed}: {refused}");
        assert!(refused.stderr.contains("expected"), "{refused}");
    }
}

#[test]
fn a_moment_between_followed_changes_is_refused_too() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.mutate(
        "mutation { createSegment(input: {key: \"everyone\", mode: INSTANT, rule: {everyone: true}}) { userErrors { message } } }",
        json!({}),
    );
    app.refresh();
    app.set_time("2026-06-15T14:00:00Z");
    app.subscriber("ona@x.lt", json!({}));
    follow_touches(app.db(), &app.app.refresh).expect("following succeeds");
    let url = &app.database.url;
    let earlier = [
        "refresh",
        "--database-url",
        url,
        "--now",
        "2026-06-15T13:00:00Z",
    ];
    let refused = run(&mut rollcall(&earlier));
    assert!(!refused.status.success(), "{refused}");
    assert!(refused.stderr.contains("2026-06-15T14:00:00Z"), "{refused}");
}

#[test]
fn members_of_the_future_are_not_told() {
    let app = app();
    app.refresh();
    let future = [
        "2026-06-15T12:00:00.000001Z",
        "2026-06-16T00:00:00Z",
        super::LAST,
    ];
    for at in future {
        for field in [
            "memberCount(asOf: $at)",
            "members(asOf: $at) { totalCount }",
        ] {
            let document =
                format!("query ($at: DateTime!) {{ segment(key: \"everyone\") {{ {field} }} }}");
            let response = app.respond(&document, json!({ "at": at }));
            let error = &response["errors"][0];
            assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{response}");
            let message = error["message"].as_str().expect("a message");
            assert!(
                message.contains("asOf") && message.contains("in the future"),
                "{message}"
            );
        }
        let copied = app.payload(
            "mutation ($at: DateTime!) { copySegmentToGroup(input: {segment: \"everyone\", group: \"g\", createGroup: true, asOf: $at}) { \
             userErrors { code path message hint } } }",
            json!({ "at": at }),
        );
        assert_eq!(copied["userErrors"][0]["path"], "asOf");
        assert_eq!(copied["userErrors"][0]["code"], "INVALID");
        assert!(copied["userErrors"][0]["hint"].is_string());
        let content = Content::Segment {
            key: "everyone".to_owned(),
            as_of: Some(instant(at)),
        };
        let exported = prepare(
            app.db(),
            &ExportRequest::of(content),
            &app.app.refresh,
            &app.entry(),
        );
        let refused = exported.err().expect("it is refused").to_string();
        assert!(refused.contains("asOf"), "{refused}");
    }
    assert_eq!(app.database.ask("SELECT count(*) FROM groups"), "0");
    assert_eq!(count_as_of(&app, "2026-06-15T12:00:00Z"), json!(1));
}
