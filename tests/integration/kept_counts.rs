//! Counts that are kept: at every moment they are what counting would say.

use crate::support::TestApp;
use rollcall::audience::status_count::{add_up, count_everybody};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

const NOW: &str = "2026-06-15T12:00:00Z";

/// Whether the kept counts are right, in one snapshot.
const IS_RIGHT: &str = "SELECT NOT EXISTS ( \
    SELECT FROM (SELECT status, count(*) AS counted FROM subscribers GROUP BY status) AS counted \
    FULL JOIN (SELECT status, sum(count) AS kept FROM subscriber_counts GROUP BY status) AS kept USING (status) \
    WHERE coalesce(counted, 0) <> coalesce(kept, 0))";

/// What a statement of a writer does, in turn.
fn statement(writer: usize, turn: usize) -> String {
    let email = format!("w{writer}-{}@example.com", turn / 4);
    let statuses = [
        "subscribed",
        "unsubscribed",
        "bounced",
        "complained",
        "pending",
    ];
    let status = statuses[(turn + writer) % statuses.len()];
    match turn % 4 {
        0 => format!(
            "INSERT INTO subscribers (email, status, created_at, updated_at) \
             SELECT coalesce(nullif(n, 0) || '-', '') || '{email}', '{status}', now(), now() FROM generate_series(0, {}) n",
            turn % 7
        ),
        1 => format!("UPDATE subscribers SET status = '{status}' WHERE email = '{email}'"),
        2 => format!(
            "UPDATE subscribers SET first_name = 'N', status = CASE WHEN id % 2 = 0 THEN '{status}' ELSE status END \
             WHERE email LIKE '%w{writer}-%' AND id % 5 = {}",
            turn % 5
        ),
        _ => format!("DELETE FROM subscribers WHERE email = '{email}' AND {turn} % 3 = 0"),
    }
}

#[test]
fn counts_are_right_at_every_moment_whoever_writes() {
    let app = TestApp::at(NOW);
    let writing = AtomicUsize::new(3);
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let (app, writing) = (&app, &writing);
            scope.spawn(move || {
                for turn in 0..200 {
                    app.database.execute(&statement(writer, turn));
                }
                writing.fetch_sub(1, Ordering::Relaxed);
            });
        }
        while writing.load(Ordering::Relaxed) > 0 {
            assert_eq!(app.database.ask(IS_RIGHT), "true");
            app.db().run_here(add_up).expect("sums");
        }
    });
    assert_eq!(app.database.ask(IS_RIGHT), "true");
    let everybody = app.database.ask("SELECT count(*) FROM subscribers");
    assert_ne!(everybody, "0");
    let kept = app.db().run_here(count_everybody).expect("a count");
    assert_eq!(kept.total().to_string(), everybody);

    app.database.execute("TRUNCATE subscribers CASCADE");
    assert_eq!(app.database.ask(IS_RIGHT), "true");
    let kept = app.db().run_here(count_everybody).expect("a count");
    assert_eq!(kept.total(), 0);
}

#[test]
fn changes_are_added_up_once_they_are_many() {
    let app = TestApp::at(NOW);
    let rows = || app.database.ask("SELECT count(*) FROM subscriber_counts");
    let add = |from: usize, to: usize| {
        for number in from..to {
            app.database.execute(&format!(
                "INSERT INTO subscribers (email, created_at, updated_at) VALUES ('p{number}@example.com', now(), now())"
            ));
        }
    };
    add(0, 499);
    app.db().run_here(add_up).expect("sums");
    assert_eq!(rows(), "499");
    add(499, 500);
    app.db().run_here(add_up).expect("sums");
    assert_eq!(rows(), "1");
    assert_eq!(
        app.query("{ subscribers(first: 1) { totalCount } }", json!({}))["subscribers"]["totalCount"],
        500
    );
}

#[test]
fn an_audience_of_before_is_counted_once() {
    let app = TestApp::at(NOW);
    app.database.execute(
        "INSERT INTO subscribers (email, status, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', (ARRAY['subscribed', 'bounced'])[1 + n % 2], now(), now() FROM generate_series(1, 25) n",
    );
    for text in [
        // A later migration builds on that one.
        include_str!("../../migrations/2026-11-28-000211_tell_runs/down.sql"),
        include_str!("../../migrations/2026-11-28-000200_create_changes/down.sql"),
        include_str!("../../migrations/2026-11-28-000180_keep_counts/down.sql"),
        include_str!("../../migrations/2026-11-28-000180_keep_counts/up.sql"),
        include_str!("../../migrations/2026-11-28-000200_create_changes/up.sql"),
        include_str!("../../migrations/2026-11-28-000211_tell_runs/up.sql"),
    ] {
        app.database.execute(text);
    }
    assert_eq!(app.database.ask(IS_RIGHT), "true");
    assert_eq!(
        app.database.ask(
            "SELECT string_agg(status || ' ' || count, ', ' ORDER BY status) FROM subscriber_counts"
        ),
        "bounced 13, subscribed 12"
    );
}
