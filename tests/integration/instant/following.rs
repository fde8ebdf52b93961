//! Every way to change somebody, and what follows at once.

use super::{NOW, assert_nothing_is_left, country, follow, instant_members, instant_segment};
use crate::support::{Server, TestApp, eventually, import_text};
use rollcall::follow::{Follower, Step};
use serde_json::{Value, json};

fn app() -> TestApp {
    let app = TestApp::at(NOW);
    for (email, code) in [("ona", "LT"), ("janis", "LV"), ("mari", "EE")] {
        app.subscriber(&format!("{email}@example.com"), json!({ "country": code }));
    }
    app.group("staff", &["mari@example.com"]);
    app
}

fn set_country(app: &TestApp, email: &str, code: &str) {
    app.subscriber(&format!("{email}@example.com"), json!({ "country": code }));
}

fn purchases(at_least: u32) -> Value {
    json!({"event": {"name": "purchase", "count": {"atLeast": at_least}}})
}

#[track_caller]
fn assert_members(app: &TestApp, key: &str, names: &[&str]) {
    let members = app.members(key);
    let names: Vec<String> = names
        .iter()
        .map(|name| format!("{name}@example.com"))
        .collect();
    assert_eq!(members, names, "{key}");
}

#[test]
fn edits_groups_and_events_are_followed() {
    let app = app();
    instant_segment(&app, "lt", country("LT"));
    instant_segment(&app, "others", json!({"not": country("LT")}));
    instant_segment(&app, "staff-only", json!({"group": {"inAny": ["staff"]}}));
    instant_segment(&app, "buyers", purchases(1));
    instant_segment(
        &app,
        "idle",
        json!({"event": {"name": "purchase", "inTheLast": {"amount": 7, "unit": "DAY"}, "count": {"equals": 0}}}),
    );
    app.refresh();
    follow(&app);

    set_country(&app, "janis", "LT");
    let followed = follow(&app);
    assert_eq!((followed.joined, followed.left), (1, 1));
    assert_members(&app, "lt", &["janis", "ona"]);
    assert_members(&app, "others", &["mari"]);

    app.mutate(
        "mutation { addToGroup(input: {group: \"staff\", emails: [\"ona@example.com\"]}) { userErrors { message } } }",
        json!({}),
    );
    app.mutate(
        "mutation { removeFromGroup(input: {group: \"staff\", emails: [\"mari@example.com\"]}) { userErrors { message } } }",
        json!({}),
    );
    follow(&app);
    assert_members(&app, "staff-only", &["ona"]);

    app.event(
        "mari@example.com",
        "purchase",
        "2026-03-01T11:00:00Z",
        Some(5.0),
    );
    app.event(
        "ona@example.com",
        "purchase",
        "2026-01-01T11:00:00Z",
        Some(5.0),
    );
    follow(&app);
    assert_members(&app, "buyers", &["mari", "ona"]);
    assert_members(&app, "idle", &["janis", "ona"]);

    set_country(&app, "new", "LT");
    follow(&app);
    assert_members(&app, "lt", &["janis", "new", "ona"]);
    assert_members(&app, "idle", &["janis", "new", "ona"]);
    assert_eq!(follow(&app).touches, 0);
    assert_nothing_is_left(&app);
}

#[test]
fn imports_and_plain_sql_are_followed() {
    let app = app();
    instant_segment(&app, "lt", country("LT"));
    instant_segment(&app, "staff-only", json!({"group": {"inAny": ["staff"]}}));
    instant_segment(&app, "buyers", purchases(2));
    app.refresh();
    let subscribers =
        "email,country\nona@example.com,LV\njanis@example.com,LT\nnew@example.com,LT\n";
    let done = import_text(
        &app.database,
        "subscribers",
        subscribers,
        &["--group", "staff"],
    );
    assert!(done.status.success(), "{done}");
    let events = "email,event,occurred_at\nona@example.com,purchase,2026-02-01T00:00:00Z\n\
        ona@example.com,purchase,2026-02-02T00:00:00Z\nmari@example.com,purchase,2026-02-02T00:00:00Z\n";
    let done = import_text(&app.database, "events", events, &[]);
    assert!(done.status.success(), "{done}");
    follow(&app);
    assert_members(&app, "lt", &["janis", "new"]);
    assert_members(&app, "staff-only", &["janis", "mari", "new", "ona"]);
    assert_members(&app, "buyers", &["ona"]);

    app.database.execute(
        "UPDATE subscribers SET country = 'LT' WHERE email = 'mari@example.com'; \
         INSERT INTO subscribers (email, country, created_at, updated_at) VALUES ('sql@example.com', 'LT', now(), now()); \
         UPDATE group_memberships SET subscriber_id = (SELECT id FROM subscribers WHERE email = 'sql@example.com') \
         WHERE subscriber_id = (SELECT id FROM subscribers WHERE email = 'mari@example.com'); \
         DELETE FROM subscribers WHERE email = 'new@example.com'",
    );
    follow(&app);
    assert_members(&app, "lt", &["janis", "mari", "sql"]);
    assert_members(&app, "staff-only", &["janis", "ona", "sql"]);
    assert_nothing_is_left(&app);
}

#[test]
fn whoever_is_deleted_is_nowhere() {
    let app = app();
    instant_segment(&app, "lt", country("LT"));
    app.refresh();
    let id = app.subscriber("janis@example.com", json!({ "country": "LT" }));
    follow(&app);
    set_country(&app, "janis", "LV");
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": id }),
    );
    follow(&app);
    assert_members(&app, "lt", &["ona"]);
    // That janis joined and was deleted is remembered, by the bare id; that janis left is not: it was a deletion.
    let told = "SELECT string_agg(joined::text, ' ') FROM instant_changes";
    assert_eq!(app.database.ask(told), "true");
    assert_eq!(
        app.database
            .ask("SELECT sum(number) FROM segment_deletions"),
        "1"
    );
    assert_nothing_is_left(&app);
}

/// The follower evaluates somebody as a member who is deleted before it can write.
#[test]
fn whoever_is_deleted_meanwhile_joins_nothing() {
    let app = app();
    instant_segment(&app, "lt", country("LT"));
    app.refresh();
    app.subscriber("janis@example.com", json!({ "country": "LT" }));
    let number = app
        .database
        .ask("SELECT id FROM subscribers WHERE email = 'janis@example.com'");
    let mut held = app.database.hold("SELECT 1");
    let now = app.clock.now();
    rollcall::audience::subscriber_store::delete(
        &mut held.connection,
        number.parse().expect("a number"),
        now,
    )
    .expect("a deletion");
    std::thread::scope(|scope| {
        let following = scope.spawn(|| follow(&app));
        app.database.wait_for_waiting(1);
        held.commit();
        following.join().expect("no panic");
    });
    follow(&app);
    assert_members(&app, "lt", &["ona"]);
    assert_nothing_is_left(&app);
}

#[test]
fn what_an_instant_segment_asks_about_is_evaluated_with_it() {
    let app = app();
    app.segment("lt", country("LT"));
    instant_segment(
        &app,
        "lt-staff",
        json!({"all": [{"segment": {"inAny": ["lt"]}}, {"group": {"inAny": ["staff"]}}]}),
    );
    app.segment(
        "not-lt-staff",
        json!({"not": {"segment": {"inAny": ["lt-staff"]}}}),
    );
    app.refresh();
    set_country(&app, "mari", "LT");
    follow(&app);
    assert_members(&app, "lt-staff", &["mari"]);
    // Those that are refreshed daily wait, on either side.
    assert_members(&app, "lt", &["ona"]);
    assert_members(&app, "not-lt-staff", &["janis", "mari", "ona"]);
    assert_nothing_is_left(&app);
    assert_members(&app, "lt", &["mari", "ona"]);
    assert_members(&app, "not-lt-staff", &["janis", "ona"]);
}

#[test]
fn archived_and_invalid_segments_are_left_alone() {
    let app = app();
    app.mutate(
        "mutation { createCustomField(input: {key: \"visits\", type: NUMBER}) { userErrors { message } } }",
        json!({}),
    );
    let visits = json!({"number": {"field": "custom.visits", "is": {"atLeast": 0}}});
    instant_segment(&app, "invalid", json!({"any": [country("LT"), visits]}));
    let archived = instant_segment(&app, "archived", country("LT"));
    instant_segment(&app, "lt", country("LT"));
    app.refresh();
    let archive = |is_archived: bool| {
        app.mutate(
            "mutation ($id: ID!, $archived: Boolean) { updateSegment(input: {id: $id, archived: $archived}) { userErrors { message } } }",
            json!({ "id": archived, "archived": is_archived }),
        );
    };
    archive(true);
    app.database.execute("DELETE FROM custom_fields");
    set_country(&app, "janis", "LT");
    follow(&app);
    assert_members(&app, "invalid", &["ona"]);
    assert_members(&app, "archived", &["ona"]);
    assert_members(&app, "lt", &["janis", "ona"]);
    app.refresh();
    assert_members(&app, "invalid", &["ona"]);

    // What changed meanwhile was not followed: a refresh makes up for it.
    archive(false);
    let data = app.query("{ segment(key: \"archived\") { state } }", json!({}));
    assert_eq!(data["segment"]["state"], "PENDING");
    app.refresh();
    assert_members(&app, "archived", &["janis", "ona"]);
}

#[test]
fn a_segment_that_becomes_instant_is_filled_first() {
    let app = app();
    let id = app.segment("lt", country("LT"));
    app.refresh();
    set_country(&app, "janis", "LT");
    assert_eq!(
        app.database.ask("SELECT count(*) FROM touches"),
        "0",
        "nobody follows"
    );
    let set_mode = |mode: &str| {
        app.mutate(
            "mutation ($id: ID!, $mode: SegmentMode) { updateSegment(input: {id: $id, mode: $mode}) { userErrors { message } } }",
            json!({ "id": id, "mode": mode }),
        );
    };
    let seen = || {
        app.query(
            "{ segment(key: \"lt\") { mode state definitionVersion } }",
            json!({}),
        )["segment"]
            .take()
    };
    set_mode("INSTANT");
    assert_eq!(
        seen(),
        json!({"mode": "INSTANT", "state": "PENDING", "definitionVersion": 2})
    );
    set_country(&app, "mari", "LT");
    follow(&app);
    assert_members(&app, "lt", &["ona"]);
    app.refresh();
    assert_members(&app, "lt", &["janis", "mari", "ona"]);
    assert_nothing_is_left(&app);

    set_mode("DAILY");
    assert_eq!(
        seen(),
        json!({"mode": "DAILY", "state": "READY", "definitionVersion": 2})
    );
    set_country(&app, "mari", "EE");
    follow(&app);
    assert_members(&app, "lt", &["janis", "mari", "ona"]);
}

#[test]
fn of_two_followers_at_once_one_follows() {
    let app = app();
    instant_segment(&app, "lt", country("LT"));
    app.refresh();
    set_country(&app, "janis", "LT");
    let held = app.database.hold_writing();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| Follower::default().step(app.db(), &app.app.refresh));
        app.database.wait_for_waiting(1);
        let second = Follower::default().step(app.db(), &app.app.refresh);
        assert_eq!(second.expect("a step"), Step::Busy);
        drop(held);
        let first = first.join().expect("no panic").expect("a step");
        assert!(
            matches!(first, Step::Done(followed) if followed.joined == 1),
            "{first:?}"
        );
    });
    assert_members(&app, "lt", &["janis", "ona"]);
    assert_nothing_is_left(&app);
}

/// Somebody changes the rule while the follower evaluates the former one.
#[test]
fn members_of_a_former_rule_are_not_written() {
    let app = app();
    let id = instant_segment(&app, "mine", country("LT"));
    app.refresh();
    set_country(&app, "janis", "LT");
    let held = app.database.hold_writing();
    std::thread::scope(|scope| {
        let step = scope.spawn(|| Follower::default().step(app.db(), &app.app.refresh));
        app.database.wait_for_waiting(1);
        app.mutate(
            "mutation ($id: ID!, $rule: JSON!) { updateSegment(input: {id: $id, ruleJson: $rule}) { userErrors { message } } }",
            json!({ "id": id, "rule": country("EE") }),
        );
        drop(held);
        let step = step.join().expect("no panic").expect("a step");
        assert_eq!(step, Step::Outdated);
    });
    follow(&app);
    assert_members(&app, "mine", &["ona"]);
    app.refresh();
    assert_members(&app, "mine", &["mari"]);
    set_country(&app, "ona", "EE");
    follow(&app);
    assert_members(&app, "mine", &["mari", "ona"]);
    assert_nothing_is_left(&app);
}

/// More ids than a statement or a block could take at once, over several blocks.
#[test]
fn many_changes_are_followed_in_steps() {
    let app = TestApp::at(NOW);
    app.database.execute(
        "INSERT INTO subscribers (email, country, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', 'LV', now(), now() FROM generate_series(1, 20000) n",
    );
    instant_segment(&app, "lt", country("LT"));
    instant_segment(
        &app,
        "share",
        json!({"all": [country("LT"), {"random": {"salt": "a", "fromPercent": 0, "toPercent": 50}}]}),
    );
    app.refresh();
    app.database
        .execute("UPDATE subscribers SET country = 'LT' WHERE id % 2 = 0");
    let followed = follow(&app);
    assert_eq!(followed.touches, 10_000);
    let members = "SELECT count(*) FROM segment_memberships m JOIN segments g ON g.id = m.segment_id WHERE g.key = 'lt'";
    assert_eq!(app.database.ask(members), "10000");
    assert_nothing_is_left(&app);
    app.database
        .execute("UPDATE subscribers SET country = NULL");
    follow(&app);
    assert_eq!(instant_members(&app), "", "empty blocks are not kept");
    assert_nothing_is_left(&app);
}

#[test]
fn a_server_follows_by_itself() {
    let app = app();
    instant_segment(&app, "lt", country("LT"));
    app.refresh();
    let server = Server::start(&app.database);
    let is_member = || {
        let asked =
            "{ subscriber(email: \"janis@example.com\") { isMember(of: {segment: \"lt\"}) } }";
        server.post(asked, json!({})).1["data"]["subscriber"]["isMember"] == json!(true)
    };
    server.post(
        "mutation { upsertSubscriber(input: {email: \"janis@example.com\", values: {country: \"LT\"}}) { userErrors { message } } }",
        json!({}),
    );
    eventually("the server follows its own mutation", is_member);
    app.database
        .execute("UPDATE subscribers SET country = 'LV'");
    eventually("the server follows plain SQL", || !is_member());
}
