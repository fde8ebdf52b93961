//! What happened in refreshes and between them, in one history.

use super::{country, follow, instant_segment};
use crate::support::{TestApp, instant};
use rollcall::audience::id_set::IdSet;
use rollcall::error::Error;
use rollcall::past::{
    changed_in, find_joined_at, fold_history, in_snapshot, list_membership_changes, members_as_of,
};
use serde_json::json;

/// An app with ona (1) and janis (2), and a segment (1) that is filled, followed four times, refreshed, followed again.
fn app() -> TestApp {
    let app = TestApp::at("2026-03-01T12:00:00Z");
    let set = |email: &str, code: &str| {
        app.subscriber(email, json!({ "country": code }));
    };
    set("ona@example.com", "LT");
    set("janis@example.com", "LV");
    let new =
        json!({"date": {"field": "createdAt", "is": {"inTheLast": {"amount": 2, "unit": "DAY"}}}});
    instant_segment(
        &app,
        "new-lithuanians",
        json!({"all": [country("LT"), new]}),
    );
    app.refresh();
    for (time, email, code) in [
        ("13", "janis", "LT"),
        ("14", "janis", "LV"),
        ("15", "ona", "EE"),
        ("16", "ona", "LT"),
    ] {
        app.set_time(&format!("2026-03-01T{time}:00:00Z"));
        set(&format!("{email}@example.com"), code);
        follow(&app);
    }
    app.set_time("2026-03-04T03:00:00Z");
    app.refresh();
    app.set_time("2026-03-04T10:00:00Z");
    app.database
        .execute("UPDATE subscribers SET created_at = '2026-03-04T09:00:00Z' WHERE id = 1");
    follow(&app);
    app
}

fn ids(set: &IdSet) -> Vec<i64> {
    set.list_between(0, 100, false, 100)
}

fn members_at(app: &TestApp, time: &str) -> Result<Vec<i64>, Error> {
    let at = instant(time);
    let members = app.db().run_here(|connection| {
        in_snapshot(connection, |connection| {
            members_as_of(connection, 1, at, at)
        })
    });
    members.map(|members| ids(&members))
}

fn changes_of(app: &TestApp, id: i64) -> Vec<(String, bool, Option<i64>)> {
    let changes = app
        .db()
        .run_here(|connection| list_membership_changes(connection, &[id]));
    let changes = changes.expect("changes").remove(&id);
    let changes = changes.unwrap_or_default().into_iter();
    changes
        .map(|change| {
            (
                change.at.format("%d %H").to_string(),
                change.joined,
                change.refresh_id,
            )
        })
        .collect()
}

fn change(at: &str, joined: bool, refresh_id: Option<i64>) -> (String, bool, Option<i64>) {
    (at.to_owned(), joined, refresh_id)
}

#[test]
fn members_of_any_moment_are_known() {
    let app = app();
    for (time, expected) in [
        ("2026-03-01T11:59:00Z", vec![]),
        ("2026-03-01T12:00:00Z", vec![1]),
        ("2026-03-01T13:00:00Z", vec![1, 2]),
        ("2026-03-01T14:30:00Z", vec![1]),
        ("2026-03-01T15:30:00Z", vec![]),
        ("2026-03-01T17:00:00Z", vec![1]),
        ("2026-03-04T02:59:00Z", vec![1]),
        ("2026-03-04T03:00:00Z", vec![]),
        ("2026-03-04T10:00:00Z", vec![1]),
    ] {
        assert_eq!(members_at(&app, time).expect("members"), expected, "{time}");
    }
}

#[test]
fn joining_and_leaving_are_listed_together() {
    let app = app();
    assert_eq!(
        changes_of(&app, 1),
        [
            change("04 10", true, None),
            change("04 03", false, Some(2)),
            change("01 16", true, None),
            change("01 15", false, None),
            change("01 12", true, Some(1)),
        ]
    );
    assert_eq!(
        changes_of(&app, 2),
        [change("01 14", false, None), change("01 13", true, None)]
    );
    let joined = app
        .db()
        .run_here(|connection| find_joined_at(connection, &[(1, 1)], None));
    assert_eq!(
        joined.expect("instants")[&(1, 1)],
        instant("2026-03-04T10:00:00Z")
    );
}

#[test]
fn what_a_refresh_did_is_told_from_what_happened_after_it() {
    let app = app();
    let changed = |refresh_id| {
        let changed = app.db().run_here(|connection| {
            in_snapshot(connection, |connection| {
                changed_in(connection, 1, refresh_id)
            })
        });
        let changed = changed.expect("changes");
        (ids(&changed.joined), ids(&changed.left))
    };
    assert_eq!(changed(1), (vec![1], vec![]));
    assert_eq!(changed(2), (vec![], vec![1]));
}

#[test]
fn both_kinds_are_folded_away_together() {
    let app = app();
    let before = instant("2026-03-04T04:00:00Z");
    let folded = app
        .db()
        .run_here(|connection| fold_history(connection, before));
    assert_eq!(folded.expect("a fold"), 5);
    assert_eq!(changes_of(&app, 1), [change("04 10", true, None)]);
    assert_eq!(changes_of(&app, 2), []);
    let refused = members_at(&app, "2026-03-01T17:00:00Z");
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    assert_eq!(
        members_at(&app, "2026-03-04T03:00:00Z").expect("members"),
        [0_i64; 0]
    );
    assert_eq!(
        members_at(&app, "2026-03-04T11:00:00Z").expect("members"),
        [1]
    );
}

#[test]
fn a_deleted_subscriber_counts_in_the_past_and_is_not_listed() {
    let app = app();
    let now = app.clock.now();
    let deleted = app
        .db()
        .run_here(|connection| rollcall::audience::subscriber_store::delete(connection, 1, now));
    deleted.expect("a deletion");
    assert_eq!(
        members_at(&app, "2026-03-01T13:00:00Z").expect("members"),
        [2]
    );
    let data = app.query(
        "{ segment(key: \"new-lithuanians\") { memberCount(asOf: \"2026-03-01T13:00:00Z\") \
         members(asOf: \"2026-03-01T13:00:00Z\") { totalCount nodes { email } } } }",
        json!({}),
    );
    assert_eq!(
        data["segment"],
        json!({"memberCount": 2, "members": {"totalCount": 1, "nodes": [{"email": "janis@example.com"}]}})
    );
}

#[test]
fn growth_counts_what_was_followed_with_the_next_refresh() {
    let app = app();
    let growth = |by: &str| {
        let data = app.query(
            "query ($by: GrowthBy!) { segment(key: \"new-lithuanians\") { growth(from: \"2026-03-01T00:00:00Z\", \
             to: \"2026-04-01T00:00:00Z\", by: $by) { start memberCount joinedCount leftCount } } }",
            json!({ "by": by }),
        );
        data["segment"]["growth"].clone()
    };
    let point = |start: &str, counts: [u32; 3]| json!({"start": start, "memberCount": counts[0], "joinedCount": counts[1], "leftCount": counts[2]});
    assert_eq!(
        growth("REFRESH"),
        json!([
            point("2026-03-01T12:00:00+00:00", [1, 1, 0]),
            point("2026-03-04T03:00:00+00:00", [0, 2, 3]),
        ])
    );
    assert_eq!(
        growth("MONTH"),
        json!([point("2026-03-01T00:00:00+00:00", [0, 3, 3])])
    );
}
