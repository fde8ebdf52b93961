//! A refresh that runs while changes go on and are followed.

use super::{NOW, assert_nothing_is_left, country, follow, instant_segment};
use crate::support::{Held, TestApp, instant};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use rollcall::audience::actor::Actor;
use rollcall::audience::segment::{self, SegmentChanges};
use rollcall::audience::{event, group, subscriber_store};
use rollcall::db::Db;
use rollcall::error::Error;
use rollcall::follow::Follower;
use rollcall::past::Trigger;
use rollcall::refresh::{Selection, refresh, refresh_pending};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// An app with p1 to p9, LT and LV in turns, an instant segment of Lithuanians and a daily one of events.
fn app() -> TestApp {
    let app = TestApp::at(NOW);
    app.database.execute(
        "INSERT INTO subscribers (email, country, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', (ARRAY['LV', 'LT'])[1 + n % 2], '2026-03-01', '2026-03-01' FROM generate_series(1, 9) n",
    );
    instant_segment(&app, "lt", country("LT"));
    app.segment(
        "visitors",
        json!({"event": {"name": "visit", "inTheLast": {"amount": 7, "unit": "DAY"}}}),
    );
    app
}

/// Runs a refresh that waits for what is held, does something meanwhile, and lets it go on.
fn during_refresh(app: &TestApp, held: Held, work: impl FnOnce()) {
    std::thread::scope(|scope| {
        let refreshing =
            scope.spawn(|| refresh(app.db(), &Selection::All, Trigger::Manual, &app.app.refresh));
        app.database.wait_for_waiting(1);
        work();
        drop(held);
        refreshing.join().expect("no panic").expect("a refresh");
    });
}

/// Makes every refresh wait when it has its snapshot and begins to load; following goes on.
fn hold_loading(app: &TestApp) -> Held {
    app.database
        .hold("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
}

fn set_country(app: &TestApp, number: u32, code: &str) {
    app.subscriber(
        &format!("p{number}@example.com"),
        json!({ "country": code }),
    );
}

fn numbers(app: &TestApp) -> String {
    let members = app.members("lt").into_iter();
    members.filter_map(|email| email.chars().nth(1)).collect()
}

#[test]
fn what_was_followed_after_the_snapshot_stands() {
    let app = app();
    app.refresh();
    assert_eq!(numbers(&app), "13579");
    let held = hold_loading(&app);
    during_refresh(&app, held, || {
        set_country(&app, 1, "LV");
        set_country(&app, 2, "LT");
        follow(&app);
        // There and back: the snapshot and the present are the same, and the history has two changes.
        set_country(&app, 3, "LV");
        follow(&app);
        set_country(&app, 3, "LT");
        follow(&app);
        assert_eq!(
            app.database.ask("SELECT count(*) FROM touches"),
            "4",
            "they are kept"
        );
    });
    assert_eq!(numbers(&app), "23579");
    assert_eq!(app.database.ask("SELECT count(*) FROM touches"), "0");
    assert_nothing_is_left(&app);
}

#[test]
fn what_was_not_followed_yet_is_followed_afterwards() {
    let app = app();
    app.refresh();
    // Touched before the snapshot, but not followed.
    set_country(&app, 4, "LT");
    let held = app.database.hold_writing();
    during_refresh(&app, held, || {
        set_country(&app, 1, "LV");
        set_country(&app, 2, "LT");
    });
    assert_eq!(numbers(&app), "13579", "nothing stale was written");
    follow(&app);
    assert_eq!(numbers(&app), "234579");
    assert_nothing_is_left(&app);
}

/// The snapshot of the first fill does not show what is changed before it has written.
#[test]
fn what_changes_during_the_first_fill_is_followed_afterwards() {
    let app = app();
    let held = app.database.hold_writing();
    during_refresh(&app, held, || {
        set_country(&app, 1, "LV");
        set_country(&app, 2, "LT");
    });
    follow(&app);
    assert_eq!(numbers(&app), "23579");
    assert_nothing_is_left(&app);
}

/// The same for a rule that is edited: what is followed while its refresh runs is followed for the other segments
/// alone, and once more afterwards.
#[test]
fn what_changes_while_an_edited_rule_is_filled_is_followed_afterwards() {
    let app = app();
    instant_segment(&app, "others", json!({"not": country("LT")}));
    app.refresh();
    let id = app.query("{ segment(key: \"lt\") { id } }", json!({}))["segment"]["id"].clone();
    app.mutate(
        "mutation ($id: ID!, $rule: JSON!) { updateSegment(input: {id: $id, ruleJson: $rule}) { userErrors { message } } }",
        json!({ "id": id, "rule": country("EE") }),
    );
    // Only the writing can wait: a table lock would be waited for by the snapshot of a first fill.
    let held = app.database.hold_writing();
    during_refresh(&app, held, || {
        set_country(&app, 1, "EE");
        set_country(&app, 2, "EE");
    });
    follow(&app);
    assert_eq!(numbers(&app), "12");
    assert_nothing_is_left(&app);
}

/// The clock of the refresh is later than that of the follower.
#[test]
fn whoever_was_followed_for_an_earlier_moment_is_looked_at_again() {
    let app = app();
    let new =
        json!({"date": {"field": "createdAt", "is": {"inTheLast": {"amount": 2, "unit": "DAY"}}}});
    instant_segment(&app, "new", new);
    app.refresh();
    let held = hold_loading(&app);
    let later = "2026-03-20T00:00:00Z";
    app.set_time(later);
    during_refresh(&app, held, || {
        app.set_time(NOW);
        set_country(&app, 1, "LV");
        follow(&app);
        app.set_time(later);
    });
    assert_eq!(app.members("new"), ["p1@example.com"], "left alone");
    follow(&app);
    assert_eq!(app.members("new"), [""; 0]);
    assert_nothing_is_left(&app);
}

/// A transaction that began before anybody followed, and is not noted, is waited for.
#[test]
fn what_began_before_the_segment_is_in_its_first_fill() {
    let app = app();
    app.database
        .execute("DELETE FROM segments WHERE key = 'lt'");
    let held = app
        .database
        .hold("UPDATE subscribers SET country = 'LT' WHERE id = 2");
    instant_segment(&app, "lt", country("LT"));
    std::thread::scope(|scope| {
        let refreshing =
            scope.spawn(|| refresh(app.db(), &Selection::All, Trigger::Manual, &app.app.refresh));
        std::thread::sleep(Duration::from_millis(300));
        held.commit();
        refreshing.join().expect("no panic").expect("a refresh");
    });
    assert_eq!(numbers(&app), "123579");
    assert_nothing_is_left(&app);
}

/// Writers, a follower and refreshes all at once for some seconds; then everything must be as if there had been one
/// evaluation in the end.
#[test]
fn everything_at_once_ends_as_one_evaluation() {
    let app = TestApp::at(NOW);
    app.database.execute(
        "INSERT INTO subscribers (email, country, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', (ARRAY['LV', 'LT'])[1 + n % 2], '2026-03-01', '2026-03-01' FROM generate_series(1, 400) n; \
         ANALYZE subscribers",
    );
    app.group("staff", &[]);
    instant_segment(&app, "lt", country("LT"));
    instant_segment(&app, "staff-only", json!({"group": {"inAny": ["staff"]}}));
    instant_segment(&app, "edited", country("LV"));
    app.segment(
        "buyers",
        json!({"event": {"name": "purchase", "sum": {"atLeast": 20}}}),
    );
    instant_segment(
        &app,
        "nested",
        json!({"all": [{"segment": {"inAny": ["buyers", "lt"]}}, {"not": {"segment": {"inAny": ["staff-only"]}}}]}),
    );
    app.refresh();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for seed in 1..=3 {
            let (app, is_over) = (&app, &is_over);
            scope.spawn(move || {
                let mut random = Random(seed);
                while !is_over.load(Ordering::Relaxed) {
                    let changed = app
                        .db()
                        .run_here(|connection| change(connection, &mut random));
                    assert_harmless(changed);
                }
            });
        }
        scope.spawn(|| {
            let mut follower = Follower::default();
            while !is_over.load(Ordering::Relaxed) {
                assert_harmless(follower.step(app.db(), &app.app.refresh));
            }
        });
        scope.spawn(|| {
            for round in 0_u32.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let rule = country(if round % 2 == 0 { "LT" } else { "EE" });
                edit(app.db(), "edited", rule);
                let settings = &app.app.refresh;
                assert_harmless(refresh_pending(app.db(), settings));
                assert_harmless(refresh(
                    app.db(),
                    &Selection::All,
                    Trigger::Manual,
                    settings,
                ));
            }
        });
        std::thread::sleep(Duration::from_secs(4));
        is_over.store(true, Ordering::Relaxed);
    });
    refresh_pending(app.db(), &app.app.refresh).expect("a refresh");
    follow(&app);
    assert_nothing_is_left(&app);
    let changes: u32 = app
        .database
        .ask("SELECT count(*) FROM instant_changes")
        .parse()
        .expect("a number");
    assert!(changes > 100, "only {changes} changes were followed");
}

/// What may happen where many write at once and is tried again.
fn assert_harmless<T>(result: Result<T, Error>) {
    match result {
        Ok(_) | Err(Error::NotFound { .. } | Error::RefreshRunning) => {}
        Err(error) => panic!("{error:?}"),
    }
}

fn edit(db: &Db, key: &str, rule: serde_json::Value) {
    let changes = SegmentChanges {
        rule: Some(rule),
        ..SegmentChanges::of(Actor::System)
    };
    let edited = db.run_here(|connection| {
        let segment = segment::find_by_key(connection, key)?.expect("it exists");
        segment::update(connection, segment.id, &changes, segment.created_at)
    });
    edited.expect("an edit");
}

/// Changes somebody in one of the ways there are.
fn change(connection: &mut PgConnection, random: &mut Random) -> Result<(), Error> {
    let id = 1 + random.below(400);
    let now = instant(NOW);
    match random.below(10) {
        0..=4 => {
            let code = ["LT", "LV", "EE"][random.below(3) as usize];
            let sql = format!("UPDATE subscribers SET country = '{code}' WHERE id = {id}");
            connection.batch_execute(&sql)?;
        }
        5 => {
            group::add_members(connection, 1, &[id], "api", now)?;
        }
        6 => {
            group::remove_members(connection, 1, &[id])?;
        }
        7 => {
            let bought = event::NewEvent {
                subscriber_id: id,
                name: "purchase".to_owned(),
                occurred_at: now,
                value: Some(7.0),
                properties: serde_json::Map::new(),
                dedupe_key: None,
            };
            event::record(connection, &[bought])?;
        }
        8 => connection.batch_execute(&format!(
            "INSERT INTO subscribers (email, country, created_at, updated_at) \
             VALUES ('n{}x{}@example.com', 'LT', now(), now())",
            random.0, id
        ))?,
        _ => subscriber_store::delete(connection, 400 + random.below(400), now)?,
    }
    Ok(())
}

/// Numbers that look random and are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 % end).expect("it is small")
    }
}
