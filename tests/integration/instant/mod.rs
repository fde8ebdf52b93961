//! Segments that follow changes of subscribers at once, beside the daily refresh and through faults.

mod following;
mod killed;
mod meanwhile;
mod past;

use crate::support::TestApp;
use rollcall::follow::{Followed, follow_touches};
use rollcall::past::list_membership_changes;
use serde_json::{Value, json};

const NOW: &str = "2026-03-01T12:00:00Z";

/// Makes an INSTANT segment, without refreshing it, and returns its global id.
#[track_caller]
fn instant_segment(app: &TestApp, key: &str, rule: Value) -> String {
    let payload = app.mutate(
        "mutation ($key: String!, $rule: JSON!) { createSegment(input: {key: $key, ruleJson: $rule, mode: INSTANT}) { \
         segment { id mode } userErrors { code message path hint } } }",
        json!({ "key": key, "rule": rule }),
    );
    assert_eq!(payload["segment"]["mode"], "INSTANT");
    payload["segment"]["id"].as_str().expect("an id").to_owned()
}

fn country(code: &str) -> Value {
    json!({"text": {"field": "country", "is": {"equals": code}}})
}

#[track_caller]
fn follow(app: &TestApp) -> Followed {
    follow_touches(app.db(), &app.app.refresh).expect("following succeeds")
}

/// Returns the stored members of the instant segments as one text.
fn instant_members(app: &TestApp) -> String {
    app.database.ask(
        "SELECT json_agg(json_build_array(g.key, b.block, md5(b.members)) ORDER BY g.key, b.block) \
         FROM segment_blocks b JOIN segments g ON g.id = b.segment_id WHERE g.mode = 'instant'",
    )
}

/// Checks that no change waits and that a full evaluation finds nothing to change in the instant segments.
#[track_caller]
fn assert_nothing_is_left(app: &TestApp) {
    assert_eq!(
        app.database
            .ask("SELECT count(*) FROM touches WHERE followed_at IS NULL"),
        "0"
    );
    let before = instant_members(app);
    let refreshed = app.refresh();
    assert_eq!(
        instant_members(app),
        before,
        "a full evaluation finds others"
    );
    let changed = app.database.ask(&format!(
        "SELECT coalesce(sum(r.joined + r.left), 0) FROM segment_refreshes r JOIN segments g ON g.id = r.segment_id \
         WHERE g.mode = 'instant' AND r.refresh_id = {}",
        refreshed.id
    ));
    assert_eq!(changed, "0");
    let miscounted = app.database.ask(&format!(
        "SELECT count(*) FROM segment_refreshes r JOIN segments g ON g.id = r.segment_id WHERE r.refresh_id = {} \
         AND r.member_count <> (SELECT count(*) FROM segment_memberships m WHERE m.segment_id = g.id)",
        refreshed.id
    ));
    assert_eq!(miscounted, "0");
    assert_history_alternates(app);
}

/// Checks for some subscribers that joining and leaving take turns up to the present: what was remembered of each
/// change is what follows from the members and the changes after it.
#[track_caller]
fn assert_history_alternates(app: &TestApp) {
    let rows = |question: &str| {
        let answer = app
            .database
            .ask(&format!("SELECT json_agg(q) FROM ({question}) q"));
        serde_json::from_str::<Vec<Value>>(&answer).unwrap_or_default()
    };
    let changed = "SELECT DISTINCT c.subscriber_id FROM instant_changes c JOIN subscribers s ON s.id = c.subscriber_id ORDER BY 1 LIMIT 200";
    for row in rows(changed) {
        let id = row["subscriber_id"].as_i64().expect("a number");
        let changes = app
            .db()
            .run_here(|connection| list_membership_changes(connection, &[id]));
        let changes = changes.expect("changes").remove(&id);
        let changes = changes.unwrap_or_default().into_iter();
        let instant = changes.filter(|change| change.refresh_id.is_none());
        let derived: Vec<Value> = instant
            .map(|change| json!({"segment_id": change.segment_id, "joined": change.joined}))
            .collect();
        let remembered = format!(
            "SELECT segment_id, joined FROM instant_changes WHERE subscriber_id = {id} ORDER BY id DESC"
        );
        assert_eq!(derived, rows(&remembered), "of subscriber {id}");
    }
}
