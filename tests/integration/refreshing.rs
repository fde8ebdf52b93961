//! Refreshes: what they write, and what edits do to them.

use crate::support::TestApp;
use rollcall::audience::gaps;
use rollcall::past::{SegmentState, find_last_refreshes};
use rollcall::refresh::refresh_pending;
use serde_json::json;

fn country(code: &str) -> serde_json::Value {
    json!({"text": {"field": "country", "is": {"equals": code}}})
}

fn app() -> TestApp {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for (name, code) in [("ona", "LT"), ("jonas", "LT"), ("anna", "DE")] {
        app.subscriber(&format!("{name}@example.com"), json!({ "country": code }));
    }
    app.subscriber("nobody@example.com", json!({}));
    app
}

#[test]
fn joined_and_left_are_counted_and_remembered() {
    let app = app();
    app.segment("lt", country("LT"));
    app.refresh();
    app.subscriber("anna@example.com", json!({"country": "LT"}));
    app.subscriber("ona@example.com", json!({"country": null}));
    app.set_time("2026-06-16T12:00:00Z");
    app.refresh();
    assert_eq!(app.members("lt"), ["anna@example.com", "jonas@example.com"]);
    let data = app.query(
        "{ refreshes { nodes { asOf state trigger error segments { joinedCount leftCount memberCount definitionVersion segment { key } } } } }",
        json!({}),
    );
    let of_segment = |joined: u32, left: u32| json!([{"joinedCount": joined, "leftCount": left, "memberCount": 2, "definitionVersion": 1, "segment": {"key": "lt"}}]);
    assert_eq!(
        data["refreshes"]["nodes"],
        json!([
            {"asOf": "2026-06-16T12:00:00+00:00", "state": "SUCCEEDED", "trigger": "MANUAL", "error": null, "segments": of_segment(1, 1)},
            {"asOf": "2026-06-15T12:00:00+00:00", "state": "SUCCEEDED", "trigger": "MANUAL", "error": null, "segments": of_segment(2, 0)},
        ])
    );
    // A first fill has no change rows; the second refresh has one chunk with two ids that changed.
    use diesel::prelude::*;
    use rollcall::db::schema::segment_changes as changes;
    let stored: Vec<Vec<u8>> = app
        .db()
        .run_here(|connection| Ok(changes::table.select(changes::changed).load(connection)?))
        .expect("rows");
    let changed: Vec<Vec<u32>> = stored
        .iter()
        .map(|changed| gaps::decode(changed).expect("gaps"))
        .collect();
    assert_eq!(changed, [[1, 3]]);
}

#[test]
fn a_refresh_without_changes_writes_no_blocks() {
    let app = app();
    app.segment("lt", country("LT"));
    app.refresh();
    app.database.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a block was written'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON segment_blocks FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    app.refresh();
    assert_eq!(app.members("lt").len(), 2);
}

#[test]
fn an_edited_segment_is_pending_until_its_refresh() {
    let app = app();
    let id = app.segment("mine", country("LT"));
    let state = || {
        let data = app.query(
            "{ segment(key: \"mine\") { state definitionVersion memberCount lastRefresh { definitionVersion refresh { trigger } } } }",
            json!({}),
        );
        data["segment"].clone()
    };
    assert_eq!(
        state(),
        json!({"state": "PENDING", "definitionVersion": 1, "memberCount": 0, "lastRefresh": null})
    );
    let pending = || refresh_pending(app.db(), &app.app.refresh).expect("a refresh");
    assert!(pending().is_some());
    assert_eq!(
        state(),
        json!({"state": "READY", "definitionVersion": 1, "memberCount": 2,
               "lastRefresh": {"definitionVersion": 1, "refresh": {"trigger": "EDIT"}}})
    );
    assert!(pending().is_none());
    let update = |rule| {
        app.mutate(
            "mutation ($id: ID!, $rule: JSON!) { updateSegment(input: {id: $id, ruleJson: $rule}) { userErrors { message } } }",
            json!({ "id": id, "rule": rule }),
        )
    };
    update(country("LT"));
    assert_eq!(state()["state"], json!("READY"), "the same rule is no edit");
    update(country("DE"));
    assert_eq!(
        (state()["state"].clone(), state()["memberCount"].clone()),
        (json!("PENDING"), json!(2)),
        "the old members stay until the refresh"
    );
    assert!(pending().is_some());
    assert_eq!(app.members("mine"), ["anna@example.com"]);
}

#[test]
fn an_archived_segment_keeps_its_members_and_is_not_refreshed() {
    let app = app();
    let id = app.segment("lt", country("LT"));
    app.refresh();
    app.mutate(
        "mutation ($id: ID!) { updateSegment(input: {id: $id, archived: true}) { userErrors { message } } }",
        json!({ "id": id }),
    );
    app.subscriber("anna@example.com", json!({"country": "LT"}));
    app.refresh();
    assert_eq!(app.members("lt").len(), 2);
    let data = app.query("{ segments { totalCount } all: segments(withArchived: true) { totalCount nodes { nextRefreshAt } } }", json!({}));
    assert_eq!(data["segments"]["totalCount"], json!(0));
    assert_eq!(
        data["all"],
        json!({"totalCount": 1, "nodes": [{"nextRefreshAt": null}]})
    );
}

#[test]
fn a_segment_that_became_invalid_keeps_its_members_and_stops_no_other() {
    let app = app();
    app.group("staff", &["ona@example.com"]);
    app.segment(
        "staff-of-lt",
        json!({"all": [country("LT"), {"group": {"inAny": ["staff"]}}]}),
    );
    app.segment("lt", country("LT"));
    app.refresh();
    // The API refuses to delete a group in use; somebody with SQL can.
    app.database.execute("DELETE FROM groups");
    app.subscriber("anna@example.com", json!({"country": "LT"}));
    app.refresh();
    assert_eq!(app.members("staff-of-lt"), ["ona@example.com"]);
    assert_eq!(app.members("lt").len(), 3);
    let data = app.query(
        "{ segment(key: \"staff-of-lt\") { state problems { path code message } memberCount lastRefresh { memberCount } } }",
        json!({}),
    );
    assert_eq!(
        data["segment"],
        json!({
            "state": "INVALID", "memberCount": 1, "lastRefresh": {"memberCount": 1},
            "problems": [{
                "path": "all[1].group.inAny[0]", "code": "UNKNOWN_GROUP",
                "message": "expected the key of a group, found \"staff\", which does not exist"
            }]
        })
    );
    app.group("staff", &["jonas@example.com"]);
    app.refresh();
    assert_eq!(
        app.members("staff-of-lt"),
        ["jonas@example.com"],
        "it recovers by itself"
    );
}

#[test]
fn a_deleted_subscriber_leaves_every_segment_at_once() {
    let app = app();
    app.segment("lt", country("LT"));
    app.segment("not-de", json!({"not": country("DE")}));
    app.refresh();
    let id = app.subscriber("ona@example.com", json!({}));
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { deletedId userErrors { message } } }",
        json!({ "id": id }),
    );
    assert_eq!(app.members("lt"), ["jonas@example.com"]);
    assert_eq!(
        app.members("not-de"),
        ["jonas@example.com", "nobody@example.com"]
    );
    app.refresh();
    assert_eq!(app.members("lt"), ["jonas@example.com"]);
    let last = app
        .db()
        .run_here(|connection| find_last_refreshes(connection, &[1, 2]))
        .expect("rows");
    for (_, of_segment) in last.values() {
        assert_eq!(
            (of_segment.joined, of_segment.left),
            (0, 0),
            "deleted, not left"
        );
    }
}

#[test]
fn states_follow_from_versions_and_problems() {
    let app = app();
    app.segment("lt", country("LT"));
    let segment = app
        .db()
        .run_here(|connection| rollcall::audience::segment::find_by_key(connection, "lt"))
        .expect("a row")
        .expect("the segment");
    assert_eq!(SegmentState::of(&segment, None), SegmentState::Pending);
}

#[test]
fn ten_thousand_ids_over_several_chunks_and_gaps() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    // Ids at the borders of blocks and chunks, and far from each other.
    app.database.execute(
        "INSERT INTO subscribers (id, email, country, created_at, updated_at) \
         SELECT id, 'p' || id || '@example.com', CASE WHEN id % 2 = 0 THEN 'LT' END, now(), now() \
         FROM unnest(ARRAY[1, 2, 8190, 8191, 8192, 8193, 131070, 131071, 131072, 131073, 262143, 262144, 300000, 300001]) AS id",
    );
    app.segment("lt", country("LT"));
    app.segment("not-lt", json!({"not": country("LT")}));
    app.segment("everyone", json!({"everyone": true}));
    app.refresh();
    let even = ["131070", "131072", "2", "262144", "300000", "8190", "8192"];
    let odd = ["1", "131071", "131073", "262143", "300001", "8191", "8193"];
    let emails = |ids: &[&str]| -> Vec<String> {
        ids.iter().map(|id| format!("p{id}@example.com")).collect()
    };
    let sorted = |mut emails: Vec<String>| {
        emails.sort();
        emails
    };
    assert_eq!(app.members("lt"), sorted(emails(&even)));
    assert_eq!(app.members("not-lt"), sorted(emails(&odd)));
    assert_eq!(app.members("everyone").len(), 14);
}
