//! Large changes are read in stretches of ids: a page costs what it tells, and the pages together tell everybody once.

use super::{NOW, country, page, position};
use crate::support::TestApp;
use rollcall::changes::{ChangeKind, Fills, Position, Reading, read};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How many ids a chunk has.
const CHUNK: i64 = 131_072;

/// Makes subscribers in Latvia: so many at the beginning of each of these chunks.
fn settle_in(app: &TestApp, chunks: &[i64], number: i64) {
    for chunk in chunks {
        let first = (chunk * CHUNK).max(1);
        app.database.execute(&format!(
            "INSERT INTO subscribers (id, email, country, created_at, updated_at) \
             SELECT n, n || '@example.com', 'LV', now(), now() FROM generate_series({first}, {first} + {number} - 1) n"
        ));
    }
}

/// Reads the people of one kind, in pages of so many changes.
fn told(app: &TestApp, start: &Value, kind: &str, first: usize) -> Vec<String> {
    let (mut after, mut told) = (start.clone(), Vec::new());
    loop {
        let page = page(app, &after, json!({"kinds": [kind], "first": first}));
        for change in page["changes"].as_array().expect("a list") {
            let ids = change["subscriberIds"].as_array().expect("a list").iter();
            told.extend(ids.map(|id| id.as_str().expect("an id").to_owned()));
        }
        after = page["endPosition"].clone();
        if page["hasMore"] == json!(false) {
            return told;
        }
    }
}

#[test]
fn pages_tell_everybody_once_wherever_they_are() {
    let app = TestApp::at(NOW);
    app.segment("lv", country("LV"));
    app.segment("lt", country("LT"));
    let start = position(&app);
    settle_in(&app, &[0, 3, 9, 70], 1_200);
    app.refresh();
    app.database
        .execute("UPDATE subscribers SET country = 'LT' WHERE id % 3 <> 0");
    app.refresh();
    app.database
        .execute("DELETE FROM subscribers WHERE id % 7 = 0");
    app.refresh();
    let ids = |condition: &str| -> BTreeSet<String> {
        let asked = format!("SELECT string_agg(id::text, ' ') FROM subscribers WHERE {condition}");
        let ids = app.database.ask(&asked);
        let global = |id: &str| {
            rollcall::audience::global_id::write_global_id("Subscriber", id.parse().expect("an id"))
        };
        ids.split(' ').map(global).collect()
    };
    let (everybody, moved) = (ids("true"), ids("id % 3 <> 0"));
    for first in [1, 2, 250] {
        let joined = told(&app, &start, "SEGMENT_MEMBERS_JOINED", first);
        assert_eq!(joined.len(), everybody.len() + moved.len(), "{first}");
        assert_eq!(joined.into_iter().collect::<BTreeSet<_>>(), everybody);
        let left = told(&app, &start, "SEGMENT_MEMBERS_LEFT", first);
        assert_eq!(left.len(), moved.len(), "{first}");
        assert_eq!(left.into_iter().collect::<BTreeSet<_>>(), moved);
    }
}

#[test]
fn a_page_reads_only_the_chunks_that_it_tells() {
    let app = TestApp::at(NOW);
    app.segment("all", json!({"everyone": true}));
    let start = position(&app);
    settle_in(&app, &[0, 9], 1_500);
    app.refresh();
    let filled = position(&app);
    settle_in(&app, &[1, 8], 1_500);
    app.refresh();
    // What cannot be read stands for what is not read: it breaks every page that touches it.
    app.database
        .execute("UPDATE segment_changes SET changed = '\\x00' WHERE chunk = 8");
    let kinds = json!({"kinds": ["SEGMENT_MEMBERS_JOINED"], "first": 1});
    for after in [start, filled] {
        let first = page(&app, &after, kinds.clone());
        let ids = &first["changes"][0]["subscriberIds"];
        assert_eq!(ids.as_array().expect("a list").len(), 1_000);
        assert_eq!(first["hasMore"], true);
    }
}

#[test]
fn an_endpoint_reads_only_what_it_follows() {
    let app = TestApp::at(NOW);
    for key in ["lt", "lv"] {
        app.segment(key, country(&key.to_uppercase()));
        app.group(key, &[]);
    }
    let start = position(&app);
    // More changes than fit a page, of the group and the segment that are not followed.
    for number in 0..120 {
        let id = number + 1;
        let code = if number == 119 { "LT" } else { "LV" };
        app.database.execute(&format!(
            "INSERT INTO subscribers (id, email, country, created_at, updated_at) VALUES ({id}, '{id}@example.com', '{code}', now(), now()); \
             INSERT INTO group_memberships SELECT id, {id}, now(), 'sql' FROM groups WHERE key = lower('{code}'); \
             UPDATE segments SET description = '{id}' WHERE key = 'lv'; UPDATE groups SET description = '{id}' WHERE key = 'lv'"
        ));
    }
    app.refresh();
    let id = |table: &str| -> i64 {
        let asked = format!("SELECT id FROM {table} WHERE key = 'lt'");
        app.database.ask(&asked).parse().expect("an id")
    };
    let reading = Reading {
        after: Position::parse(start.as_str().expect("a text")),
        kinds: vec![
            ChangeKind::GroupMembersAdded,
            ChangeKind::GroupUpdated,
            ChangeKind::SegmentUpdated,
            ChangeKind::SegmentMembersJoined,
        ],
        first: 50,
        people: 1_000,
        fills: Fills::People,
        segment_ids: Some(vec![id("segments")]),
        group_ids: Some(vec![id("groups")]),
    };
    let page = app.db().run_here(|connection| read(connection, &reading));
    let page = page.expect("a page");
    let told: Vec<(ChangeKind, Option<i64>)> = page
        .changes
        .iter()
        .map(|change| (change.kind, change.about))
        .collect();
    assert_eq!(
        told,
        [
            (ChangeKind::GroupMembersAdded, Some(id("groups"))),
            (ChangeKind::SegmentMembersJoined, Some(id("segments"))),
        ]
    );
    assert!(!page.has_more);
}
