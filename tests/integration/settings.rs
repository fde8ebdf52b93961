//! Settings of the database: every server and command gives a rule the same meaning.

use crate::support::{Server, TestApp, TestDatabase, eventually, instant, rollcall, run};
use insta::assert_snapshot;
use rollcall::audience::setting::{self, SettingKey};
use rollcall::follow::follow_touches;
use rollcall::refresh::{refresh_pending, run_due};
use serde_json::{Value, json};

/// Half past eleven at night in UTC, the next day in Vilnius.
const NIGHT: &str = "2026-03-01T23:30:00Z";

/// Every setting with the default, another value, its flag and its variable.
const SETTINGS: [(&str, &str, &str, &str); 5] = [
    ("time_zone", "UTC", "Asia/Tokyo", "ROLLCALL_TIME_ZONE"),
    ("refresh_at", "03:00", "05:30", "ROLLCALL_REFRESH_AT"),
    ("keep_changes", "400", "30", "ROLLCALL_KEEP_CHANGES"),
    ("keep_undo", "30", "7", "ROLLCALL_KEEP_UNDO"),
    ("keep_audit", "730", "90", "ROLLCALL_KEEP_AUDIT"),
];

fn change(app: &TestApp, input: Value) -> Value {
    app.mutate(
        "mutation ($input: UpdateSettingsInput!) { updateSettings(input: $input) { \
         settings { timeZone refreshAt keepChanges keepUndo } userErrors { code path message } } }",
        json!({ "input": input }),
    )["settings"]
        .take()
}

fn state(app: &TestApp, key: &str) -> Value {
    let data = app.query(
        "query ($key: String!) { segment(key: $key) { state } }",
        json!({ "key": key }),
    );
    data["segment"]["state"].clone()
}

#[test]
fn the_first_start_stores_flags_and_defaults() {
    let database = TestDatabase::new();
    let arguments = ["--database-url", &database.url];
    let flags = ["--time-zone", "Europe/Vilnius", "--keep-undo", "9"];
    let server = Server::start_with(&[arguments.as_slice(), &flags].concat());
    let (_, body) = server.post(
        "{ settings { timeZone refreshAt keepChanges keepUndo } }",
        json!({}),
    );
    assert_eq!(
        body["data"]["settings"],
        json!({"timeZone": "Europe/Vilnius", "refreshAt": "03:00", "keepChanges": 400, "keepUndo": 9})
    );
    // A flag that is absent never disagrees, and one that agrees does not either.
    Server::start_with(&arguments);
    Server::start_with(&[arguments.as_slice(), &flags].concat());
}

#[test]
fn a_flag_that_differs_from_the_stored_value_stops_every_command() {
    let database = TestDatabase::new();
    drop(Server::start(&database));
    let url = ["--database-url", database.url.as_str()];
    for (key, stored, other, variable) in SETTINGS {
        let flag = format!("--{}", key.replace('_', "-"));
        let mut commands = vec![
            vec!["serve", "--listen", "127.0.0.1:0"],
            vec!["serve", "--listen", "127.0.0.1:0", "--no-introspection"],
        ];
        match key {
            "keep_undo" => commands.push(vec!["import", "list"]),
            _ => commands.extend([vec!["refresh"], vec!["export", "subscribers"]]),
        }
        for command in commands {
            let by_flag = run(rollcall(&command).args(url).args([&flag, other]));
            let by_variable = run(rollcall(&command).args(url).env(variable, other));
            for done in [by_flag, by_variable] {
                assert_eq!(done.status.code(), Some(1), "{command:?} {key}: {done}");
                let mend = format!("rollcall settings set {key} {other}\n");
                assert!(done.stderr.ends_with(&mend), "{command:?} {key}: {done}");
                let found = format!("the setting {key} of this database is {stored};");
                assert!(done.stderr.contains(&found), "{command:?} {key}: {done}");
            }
        }
    }
    let mut both = rollcall(&[
        "refresh",
        "--time-zone",
        "Asia/Tokyo",
        "--refresh-at",
        "05:30",
    ]);
    assert_snapshot!(run(both.args(url)), @r"
    exit code 1
    rollcall: --time-zone (or ROLLCALL_TIME_ZONE) is Asia/Tokyo, but the setting time_zone of this database is UTC; leave it out, or change the setting for all servers: rollcall settings set time_zone Asia/Tokyo
    --refresh-at (or ROLLCALL_REFRESH_AT) is 05:30, but the setting refresh_at of this database is 03:00; leave it out, or change the setting for all servers: rollcall settings set refresh_at 05:30
    ");
}

#[test]
fn the_command_lists_and_changes_settings() {
    let database = TestDatabase::new();
    let settings = |arguments: &[&str]| {
        let mut command = rollcall(&["settings", "--database-url", &database.url]);
        // A variable of the service must not keep the setting from being changed.
        run(command
            .args(arguments)
            .env("ROLLCALL_TIME_ZONE", "Asia/Tokyo"))
    };
    assert_snapshot!(settings(&[]), @r"
    exit code 0
    time_zone     UTC  (default)
    refresh_at    03:00  (default)
    keep_changes  400  (default)
    keep_undo     30  (default)
    keep_audit    730  (default)
    ");
    assert_snapshot!(settings(&["set", "time_zone", "Europe/Vilnius"]), @r"
    exit code 0
    time_zone     Europe/Vilnius
    refresh_at    03:00  (default)
    keep_changes  400  (default)
    keep_undo     30  (default)
    keep_audit    730  (default)
    ");
    assert_snapshot!(settings(&["set", "time_zone", "Europe/Vilnus"]), @r#"
    exit code 1
    rollcall: time_zone: expected an IANA time zone such as Europe/Vilnius; did you mean "Europe/Vilnius"?
    "#);
    assert_snapshot!(settings(&["set", "refresh_at", "25:00"]), @r#"
    exit code 1
    rollcall: refresh_at: expected a time from 00:00 to 23:59, such as 03:00, found "25:00"
    "#);
    assert_snapshot!(settings(&["set", "keep_undo", "a week"]), @r#"
    exit code 1
    rollcall: keep_undo: expected a number of days from 0 to 36500, found "a week"
    "#);
    assert_snapshot!(settings(&["set", "keep_undos", "7"]), @r#"
    exit code 2
    error: invalid value 'keep_undos' for '<KEY>': expected one of time_zone, refresh_at, keep_changes, keep_undo, keep_audit; did you mean "keep_undo"?

    For more information, try '--help'.
    "#);
    for (key, _, other, _) in SETTINGS {
        let done = settings(&["set", key, other]);
        assert!(done.status.success(), "{done}");
        let listed = settings(&[]);
        let line = listed.stdout.lines().find(|line| line.starts_with(key));
        assert!(line.is_some_and(|line| line.ends_with(other)), "{listed}");
    }
}

#[test]
fn values_that_cannot_be_used_are_user_errors_and_change_nothing() {
    let app = TestApp::at(NIGHT);
    let payload = app.payload(
        "mutation { updateSettings(input: {timeZone: \"Middle/Earth\", refreshAt: \"24:00\", keepChanges: -1, keepUndo: 2147483647, keepAudit: 0}) { \
         settings { timeZone } userErrors { code path message } } }",
        json!({}),
    );
    assert_eq!(payload["settings"], Value::Null);
    let errors = payload["userErrors"].as_array().expect("a list");
    let paths: Vec<&str> = errors
        .iter()
        .filter_map(|error| error["path"].as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "timeZone",
            "refreshAt",
            "keepChanges",
            "keepUndo",
            "keepAudit"
        ]
    );
    assert!(
        errors.iter().all(|error| error["code"] == "INVALID"),
        "{payload}"
    );
    let stored = app.db().run_here(setting::list_stored).expect("settings");
    for (key, stored, _, _) in SETTINGS {
        let found = stored_value(&app, key);
        assert_eq!(found.as_deref(), Some(stored));
    }
    assert_eq!(stored.len(), 5);
}

fn stored_value(app: &TestApp, key: &str) -> Option<String> {
    let stored = app.db().run_here(setting::list_stored).expect("settings");
    let key = SettingKey::find(key)?;
    stored
        .into_iter()
        .find_map(|(found, value)| (found == key).then_some(value))
}

#[test]
fn a_refresh_by_command_gives_the_members_of_the_server() {
    let rule = json!({"date": {"field": "createdAt", "is": {"on": "2026-03-02"}}});
    for (zone, members) in [
        (chrono_tz::Europe::Vilnius, vec!["ona@example.com"]),
        (chrono_tz::America::New_York, vec![]),
    ] {
        let app = TestApp::in_zone(NIGHT, zone);
        app.subscriber("ona@example.com", json!({}));
        app.segment("second", rule.clone());
        app.refresh();
        assert_eq!(app.members("second"), members, "{zone}");
        let url = &app.database.url;
        let now = "2026-03-02T10:00:00Z";
        let done = run(&mut rollcall(&[
            "refresh",
            "--now",
            now,
            "--database-url",
            url,
        ]));
        assert!(done.status.success(), "{done}");
        assert!(done.stdout.contains("+0 -0"), "{zone}: {done}");
        assert_eq!(app.members("second"), members, "{zone}");
    }
}

/// Everything that depends on the time zone, asked of one server.
fn answers(server: &Server) -> Value {
    let rule = "{date: {field: \"custom.seen\", is: {on: \"2026-03-02\"}}}";
    let document = format!(
        "{{ settings {{ timeZone }} previewSegment(rule: {rule}) {{ memberCount }} \
         subscribers(filter: {{rule: {rule}}}) {{ totalCount }} \
         subscriber(email: \"ona@example.com\") {{ explain(rule: {rule}) {{ isMatch }} }} \
         segment(key: \"second\") {{ nextRefreshAt }} }}"
    );
    let (_, mut body) = server.post(&document, json!({}));
    assert_eq!(body.get("errors"), None, "{body}");
    body["data"].take()
}

#[test]
fn two_servers_use_a_change_at_once_and_never_disagree() {
    let database = TestDatabase::new();
    let (first, second) = (Server::start(&database), Server::start(&database));
    let (_, body) = first.post(
        "mutation { createCustomField(input: {key: \"seen\", type: DATETIME}) { userErrors { message } } \
         upsertSubscriber(input: {email: \"ona@example.com\", values: {customFields: {seen: \"2026-03-01T23:30:00Z\"}}}) { userErrors { message } } \
         createSegment(input: {key: \"second\", rule: {date: {field: \"custom.seen\", is: {on: \"2026-03-02\"}}}}) { userErrors { message } } }",
        json!({}),
    );
    assert_eq!(body.get("errors"), None, "{body}");
    for (zone, count) in [("UTC", 0), ("Europe/Vilnius", 1), ("America/New_York", 0)] {
        let (status, body) = first.post(
            &format!("mutation {{ updateSettings(input: {{timeZone: \"{zone}\", refreshAt: \"05:30\"}}) {{ userErrors {{ message }} }} }}"),
            json!({}),
        );
        assert_eq!(status, 200, "{body}");
        let told = answers(&second);
        assert_eq!(told["settings"]["timeZone"], json!(zone));
        assert_eq!(
            told["previewSegment"]["memberCount"],
            json!(count),
            "{zone}"
        );
        assert_eq!(told["subscribers"]["totalCount"], json!(count), "{zone}");
        assert_eq!(
            told["subscriber"]["explain"]["isMatch"],
            json!(count == 1),
            "{zone}"
        );
        // While the daily refresh is overdue, the next one is due now.
        eventually("both servers answer the same", || {
            answers(&second) == answers(&first)
        });
        // The segment is refreshed by itself.
        for server in [&first, &second] {
            eventually("the segment has the members of the new time zone", || {
                let question = "{ segment(key: \"second\") { state memberCount } }";
                let (_, body) = server.post(question, json!({}));
                body["data"]["segment"] == json!({"state": "READY", "memberCount": count})
            });
        }
    }
}

#[test]
fn another_time_zone_makes_all_segments_pending_until_they_are_refreshed() {
    let app = TestApp::at(NIGHT);
    app.subscriber("ona@example.com", json!({}));
    app.segment(
        "second",
        json!({"date": {"field": "createdAt", "is": {"on": "2026-03-02"}}}),
    );
    app.mutate(
        "mutation { createSegment(input: {key: \"instant\", mode: INSTANT, rule: {date: {field: \"createdAt\", is: {on: \"2026-03-02\"}}}}) { userErrors { message } } }",
        json!({}),
    );
    app.refresh();
    change(&app, json!({"refreshAt": "04:00", "timeZone": "UTC"}));
    assert_eq!(state(&app, "second"), "READY", "the time zone is the same");
    change(&app, json!({"timeZone": "Europe/Vilnius"}));
    for key in ["second", "instant"] {
        assert_eq!(state(&app, key), "PENDING");
        assert!(app.members(key).is_empty());
    }
    // The instant segment begins to follow again with its refresh.
    app.subscriber("jonas@example.com", json!({}));
    follow_touches(app.db(), &app.app.refresh).expect("followed");
    assert!(app.members("instant").is_empty());
    let refreshed = refresh_pending(app.db(), &app.app.refresh).expect("a refresh");
    assert!(refreshed.is_some());
    for key in ["second", "instant"] {
        assert_eq!(state(&app, key), "READY");
        assert_eq!(app.members(key), ["jonas@example.com", "ona@example.com"]);
    }
    app.subscriber("ruta@example.com", json!({}));
    follow_touches(app.db(), &app.app.refresh).expect("followed");
    assert_eq!(app.members("instant").len(), 3);
    let again = refresh_pending(app.db(), &app.app.refresh).expect("a refresh");
    assert_eq!(again, None);
    // An archived segment is pending once it is not archived any more.
    let archive = |archived: bool| {
        let id = app.query("{ segment(key: \"second\") { id } }", json!({}));
        app.mutate(
            "mutation ($id: ID!, $archived: Boolean!) { updateSegment(input: {id: $id, archived: $archived}) { userErrors { message } } }",
            json!({"id": id["segment"]["id"], "archived": archived}),
        );
    };
    archive(true);
    change(&app, json!({"timeZone": "UTC"}));
    refresh_pending(app.db(), &app.app.refresh).expect("a refresh");
    archive(false);
    assert_eq!(state(&app, "second"), "PENDING");
    refresh_pending(app.db(), &app.app.refresh).expect("a refresh");
    assert!(app.members("second").is_empty());
}

#[test]
fn growth_steps_are_days_of_the_present_time_zone() {
    let app = TestApp::at(NIGHT);
    app.segment("everyone", json!({"everyone": true}));
    app.refresh();
    let growth = || {
        let data = app.query(
            "{ segment(key: \"everyone\") { growth(from: \"2026-02-01T00:00:00Z\", to: \"2026-04-01T00:00:00Z\", by: DAY) { start } } }",
            json!({}),
        );
        data["segment"]["growth"][0]["start"].clone()
    };
    assert!(
        growth()
            .as_str()
            .is_some_and(|start| start.starts_with("2026-03-01T00:00:00"))
    );
    change(&app, json!({"timeZone": "Europe/Vilnius"}));
    assert!(
        growth()
            .as_str()
            .is_some_and(|start| start.starts_with("2026-03-01T22:00:00"))
    );
}

#[test]
fn the_daily_refresh_runs_at_the_present_time_and_keeps_changes_as_long_as_set() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.segment("everyone", json!({"everyone": true}));
    let run = || run_due(app.db(), &app.app.refresh).expect("the job runs");
    let next = || {
        let data = app.query(
            "{ segment(key: \"everyone\") { nextRefreshAt } }",
            json!({}),
        );
        instant(data["segment"]["nextRefreshAt"].as_str().expect("a moment"))
    };
    assert_eq!(run(), None);
    assert_eq!(next(), instant("2026-06-16T03:00:00Z"));
    change(
        &app,
        json!({"refreshAt": "18:30", "timeZone": "Asia/Kolkata"}),
    );
    assert_eq!(next(), instant("2026-06-15T13:00:00Z"));
    app.set_time("2026-06-15T12:59:59Z");
    assert_eq!(run(), None);
    app.set_time("2026-06-15T13:00:00Z");
    assert!(run().is_some());

    app.set_time("2026-06-20T13:00:00Z");
    assert!(run().is_some());
    let past = "{ segment(key: \"everyone\") { memberCount(asOf: \"2026-06-16T12:00:00Z\") } }";
    assert_eq!(app.respond(past, json!({})).get("errors"), None);
    change(&app, json!({"keepChanges": 2}));
    app.set_time("2026-06-21T13:00:00Z");
    assert!(run().is_some());
    for day in 22..25 {
        app.set_time(&format!("2026-06-{day}T13:00:00Z"));
        assert!(run().is_some());
    }
    let refused = app.respond(past, json!({}));
    assert_eq!(refused["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
}

#[test]
fn an_import_can_be_undone_as_long_as_set_when_it_ends() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for days in [3, 300] {
        change(&app, json!({"keepUndo": days}));
        let options = rollcall::import::SubscriberImport::default();
        rollcall::import::import_subscribers(
            app.db(),
            "email\nona@example.com\n".as_bytes(),
            &options,
            app.clock.now(),
            |_| {},
        )
        .expect("an import");
        let data = app.query("{ imports(first: 1) { nodes { undoUntil } } }", json!({}));
        let until = data["imports"]["nodes"][0]["undoUntil"]
            .as_str()
            .expect("a moment");
        assert_eq!(
            instant(until),
            app.clock.now() + chrono::Duration::days(days)
        );
    }
}
