//! Counts that are kept: at every moment they are what counting would say.

use crate::support::{COUNTS_ARE_RIGHT, TestApp};
use rollcall::audience::status_count::{add_up, count_everybody};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

const NOW: &str = "2026-06-15T12:00:00Z";

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
            assert_eq!(app.database.ask(COUNTS_ARE_RIGHT), "true");
            app.db().run_here(add_up).expect("sums");
        }
    });
    assert_eq!(app.database.ask(COUNTS_ARE_RIGHT), "true");
    let everybody = app.database.ask("SELECT count(*) FROM subscribers");
    assert_ne!(everybody, "0");
    let kept = app.db().run_here(count_everybody).expect("a count");
    assert_eq!(kept.total().to_string(), everybody);

    app.database.execute("TRUNCATE subscribers CASCADE");
    assert_eq!(app.database.ask(COUNTS_ARE_RIGHT), "true");
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
    assert_eq!(app.database.ask(COUNTS_ARE_RIGHT), "true");
    assert_eq!(
        app.database.ask(
            "SELECT string_agg(status || ' ' || count, ', ' ORDER BY status) FROM subscriber_counts"
        ),
        "bounced 13, subscribed 12"
    );
}

/// Statements of all kinds that change the blocks of the segments 1, 2 and 3.
const WRITES: [&str; 9] = [
    "INSERT INTO segment_blocks (segment_id, block, members) \
     SELECT 1 + n % 2, n, set_bit(set_bit(decode(repeat('00', 1024), 'hex'), n, 1), 8191, 1) FROM generate_series(0, 9) n",
    // Some are there already.
    "INSERT INTO segment_blocks (segment_id, block, members) \
     SELECT 1 + n % 3, n, decode(repeat('0f', 1024), 'hex') FROM generate_series(3, 14) n \
     ON CONFLICT (block, segment_id) DO UPDATE SET members = excluded.members",
    "UPDATE segment_blocks SET members = set_bit(members, 7, 1 - get_bit(members, 7)) WHERE block % 2 = 0",
    "UPDATE segment_blocks SET members = members",
    "UPDATE segment_blocks SET members = decode(repeat('ff', 1024), 'hex') WHERE segment_id = 3",
    "DELETE FROM segment_blocks WHERE block IN (1, 4, 5)",
    "DELETE FROM segments WHERE id = 2",
    "DELETE FROM segment_blocks WHERE segment_id = 3",
    "TRUNCATE segment_blocks",
];

#[test]
fn members_are_counted_whatever_writes_blocks() {
    let app = TestApp::at(NOW);
    for key in ["a", "b", "c"] {
        app.segment(key, json!({"everyone": true}));
    }
    let counts = || {
        app.database.ask(
            "SELECT coalesce(string_agg(segment_id || ' ' || members, ', ' ORDER BY segment_id), '') FROM segment_counts",
        )
    };
    let mut seen = vec![counts()];
    for write in WRITES {
        app.database.execute(write);
        assert_eq!(app.database.ask(COUNTS_ARE_RIGHT), "true", "{write}");
        seen.push(counts());
    }
    insta::assert_debug_snapshot!(seen, @r#"
    [
        "",
        "1 10, 2 10",
        "1 16392, 2 16392, 3 16384",
        "1 16398, 2 16394, 3 16386",
        "1 16398, 2 16394, 3 16386",
        "1 16398, 2 16394, 3 32768",
        "1 16395, 2 12293, 3 24576",
        "1 16395, 3 24576",
        "1 16395, 3 0",
        "",
    ]
    "#);
}

#[test]
fn members_of_before_are_counted_once() {
    let app = TestApp::at(NOW);
    for key in ["a", "b", "c"] {
        app.segment(key, json!({"everyone": true}));
    }
    let down = include_str!("../../migrations/2026-11-29-000310_keep_member_counts/down.sql");
    let up = include_str!("../../migrations/2026-11-29-000310_keep_member_counts/up.sql");
    for text in [down, WRITES[0], up] {
        app.database.execute(text);
    }
    assert_eq!(app.database.ask(COUNTS_ARE_RIGHT), "true");
    assert_eq!(
        app.database.ask("SELECT sum(members) FROM segment_counts"),
        "20"
    );
}
