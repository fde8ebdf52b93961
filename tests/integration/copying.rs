//! Copying the members of a segment into a group.

use crate::support::TestApp;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

const COPY: &str = "mutation ($input: CopySegmentToGroupInput!) { copySegmentToGroup(input: $input) { \
    group { key memberCount } addedCount unchangedCount userErrors { code path message hint } } }";

fn copy(app: &TestApp, input: Value) -> Value {
    app.payload(COPY, json!({ "input": input }))
}

/// Two of three people are Lithuanian on the first day, and the third only on the second.
fn audience() -> TestApp {
    let app = TestApp::at("2026-03-01T09:30:00Z");
    for (email, country) in [
        ("ona@example.com", "LT"),
        ("jonas@example.com", "LT"),
        ("anna@example.com", "DE"),
    ] {
        app.subscriber(email, json!({ "country": country }));
    }
    app.segment(
        "lt",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    app.refresh();
    app.set_time("2026-03-02T09:30:00Z");
    app.subscriber("ona@example.com", json!({ "country": "LV" }));
    app.subscriber("anna@example.com", json!({ "country": "LT" }));
    app.refresh();
    app
}

fn stored(app: &TestApp) -> String {
    app.database.ask(
        "SELECT string_agg(split_part(s.email, '@', 1) || ' ' || to_char(m.added_at AT TIME ZONE 'UTC', 'DD') || ' ' || m.source, ', ' ORDER BY s.email) \
         FROM group_memberships m JOIN subscribers s ON s.id = m.subscriber_id",
    )
}

#[test]
fn members_are_added_once_and_stay() {
    let app = audience();
    let input = json!({ "segment": "lt", "group": "kept", "createGroup": true });
    assert_eq!(
        copy(&app, input.clone()),
        json!({
            "group": { "key": "kept", "memberCount": 2 }, "addedCount": 2, "unchangedCount": 0, "userErrors": []
        })
    );
    assert_eq!(stored(&app), "anna 02 segment:lt, jonas 02 segment:lt");
    app.set_time("2026-03-03T09:30:00Z");
    assert_eq!(
        copy(&app, input),
        json!({
            "group": { "key": "kept", "memberCount": 2 }, "addedCount": 0, "unchangedCount": 2, "userErrors": []
        })
    );
    assert_eq!(stored(&app), "anna 02 segment:lt, jonas 02 segment:lt");

    // As of the first day; who is in already stays as it was.
    let past = json!({ "segment": "lt", "group": "kept", "asOf": "2026-03-01T12:00:00+02:00" });
    assert_eq!(
        copy(&app, past),
        json!({
            "group": { "key": "kept", "memberCount": 3 }, "addedCount": 1, "unchangedCount": 1, "userErrors": []
        })
    );
    assert_eq!(
        stored(&app),
        "anna 02 segment:lt, jonas 02 segment:lt, ona 03 segment:lt@2026-03-01T10:00:00Z"
    );
    // Before its first refresh the segment was empty.
    let before = json!({ "segment": "lt", "group": "kept", "asOf": "2025-01-01T00:00:00Z" });
    assert_eq!(copy(&app, before)["addedCount"], json!(0));
}

#[test]
fn members_of_many_blocks_are_all_copied() {
    let app = TestApp::at("2026-03-01T09:30:00Z");
    app.database.execute(
        "INSERT INTO subscribers (email, country, created_at, updated_at) \
         SELECT n || '@example.com', CASE WHEN n % 3 = 0 THEN 'LT' END, now(), now() FROM generate_series(1, 40000) n; \
         DELETE FROM subscribers WHERE id BETWEEN 9000 AND 18000",
    );
    app.segment(
        "lt",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    app.refresh();
    let copied = copy(
        &app,
        json!({ "segment": "lt", "group": "kept", "createGroup": true }),
    );
    let expected: i32 = app
        .database
        .ask("SELECT count(*) FROM subscribers WHERE country = 'LT'")
        .parse()
        .expect("a number");
    assert_eq!(copied["addedCount"], json!(expected));
    let wrong = "SELECT count(*) FROM subscribers s FULL JOIN group_memberships m ON m.subscriber_id = s.id \
        WHERE (s.country = 'LT') IS DISTINCT FROM true AND m.group_id IS NOT NULL OR s.country = 'LT' AND m.group_id IS NULL";
    assert_eq!(app.database.ask(wrong), "0");
}

#[test]
fn a_member_who_is_deleted_meanwhile_is_left_out() {
    let app = audience();
    // The deletion holds the row; the copy waits for it and then finds nobody.
    let held = app
        .database
        .hold("DELETE FROM subscribers WHERE email = 'anna@example.com'");
    std::thread::scope(|scope| {
        let copying = scope.spawn(|| {
            app.db().run_here(|connection| {
                let copy = rollcall::refresh::SegmentCopy {
                    segment: "lt".to_owned(),
                    group: "kept".to_owned(),
                    create_group: true,
                    as_of: None,
                };
                rollcall::refresh::copy_segment_to_group(
                    connection,
                    &copy,
                    app.clock.now(),
                    &app.entry(),
                )
            })
        });
        app.database.wait_for_waiting(1);
        held.commit();
        let copied = copying.join().expect("no panic").expect("a copy");
        assert_eq!((copied.added, copied.unchanged), (1, 0));
    });
    assert_eq!(stored(&app), "jonas 02 segment:lt");
}

#[test]
fn what_cannot_be_copied_is_told() {
    let app = audience();
    app.group("staff", &[]);
    assert_json_snapshot!(copy(&app, json!({ "segment": "lr", "group": "staff" }))["userErrors"], @r#"
    [
      {
        "code": "NOT_FOUND",
        "path": "segment",
        "message": "expected the key of a segment, found \"lr\", which does not exist",
        "hint": "did you mean \"lt\"?"
      }
    ]
    "#);
    assert_json_snapshot!(copy(&app, json!({ "segment": "lt", "group": "elsewhere" }))["userErrors"], @r#"
    [
      {
        "code": "NOT_FOUND",
        "path": "group",
        "message": "expected the key of a group, found \"elsewhere\", which does not exist",
        "hint": "createGroup makes it"
      }
    ]
    "#);
    assert_json_snapshot!(copy(&app, json!({ "segment": "lt", "group": "Not a key", "createGroup": true }))["userErrors"], @r#"
    [
      {
        "code": "INVALID",
        "path": "group",
        "message": "expected 1 to 63 lower-case letters, digits, \"-\" and \"_\", starting with a letter or digit, found \"Not a key\"",
        "hint": "for example \"not-a-key\""
      }
    ]
    "#);
    app.database
        .execute("UPDATE history SET folded_through = (SELECT max(id) FROM refreshes)");
    assert_json_snapshot!(copy(&app, json!({ "segment": "lt", "group": "staff", "asOf": "2026-03-01T12:00:00Z" }))["userErrors"], @r#"
    [
      {
        "code": "INVALID",
        "path": "asOf",
        "message": "changes are only kept since 2026-03-02T09:30:00Z, and 2026-03-01T12:00:00Z is earlier",
        "hint": null
      }
    ]
    "#);
    assert_eq!(stored(&app), "");
}
