//! Transactions commit in another order than that in which they make their changes, and no reader loses any.

use super::{NOW, lines, position, read};
use crate::support::{TestApp, eventually};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

const INSERT: &str = "INSERT INTO subscribers (email, created_at, updated_at) VALUES ";

fn insert(name: &str) -> String {
    format!("{INSERT} ('{name}@example.com', now(), now())")
}

#[test]
fn a_transaction_that_commits_late_is_told_late_and_not_lost() {
    let app = TestApp::at(NOW);
    let mut after = position(&app);
    let first = app.database.hold(&insert("first"));
    let second = app.database.hold(&insert("second"));
    app.subscriber("third@example.com", json!({}));
    assert_eq!(
        lines(&app, &mut after),
        ["SUBSCRIBER_CREATED: third"],
        "nobody waits for the others"
    );
    second.commit();
    assert_eq!(lines(&app, &mut after), ["SUBSCRIBER_CREATED: second"]);
    app.subscriber("third@example.com", json!({"city": "Riga"}));
    assert_eq!(
        lines(&app, &mut after),
        ["SUBSCRIBER_UPDATED (city): third"]
    );
    first.commit();
    assert_eq!(lines(&app, &mut after), ["SUBSCRIBER_CREATED: first"]);
    drop(app.database.hold(&insert("never")));
    assert_eq!(read(&app, &mut after), Vec::<Value>::new());
}

#[test]
fn a_change_comes_after_those_that_it_waited_for() {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({}));
    app.group("staff", &[]);
    let mut after = position(&app);
    let held = app
        .database
        .hold("INSERT INTO group_memberships VALUES (1, 1, now(), 'first')");
    std::thread::scope(|scope| {
        // Waits for the row of the other, and removes it.
        scope.spawn(|| {
            app.db().run_here(|connection| Ok(connection.batch_execute(
                "INSERT INTO group_memberships VALUES (1, 1, now(), 'second') ON CONFLICT DO NOTHING; \
                 DELETE FROM group_memberships WHERE group_id = 1",
            )?)).expect("the statements run");
        });
        app.database.wait_for_waiting(1);
        assert_eq!(read(&app, &mut after), Vec::<Value>::new());
        held.commit();
    });
    assert_eq!(
        lines(&app, &mut after),
        [
            "GROUP_MEMBERS_ADDED staff: ona",
            "GROUP_MEMBERS_REMOVED staff: ona"
        ]
    );
}

/// Writers with transactions of many lengths, and readers who follow meanwhile.
#[test]
fn readers_who_follow_many_writers_are_told_everything_once_and_in_order() {
    const WRITERS: usize = 6;
    const TRANSACTIONS: usize = 40;
    let app = TestApp::at(NOW);
    app.group("staff", &[]);
    for number in 0..WRITERS {
        app.subscriber(&format!("p{number}@example.com"), json!({}));
    }
    let start = position(&app);
    let is_done = AtomicBool::new(false);
    let readers = std::thread::scope(|scope| {
        let database = &app.database;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    let mut connection = database.connect();
                    for number in 0..TRANSACTIONS {
                        // The sequence of ids is drawn from early, and the transaction goes on for a while.
                        let others = (0..number % 7).map(|other| {
                            format!("UPDATE groups SET description = '{writer} {number} {other}' WHERE id = 0; SELECT count(*) FROM generate_series(1, {}); ", 5_000 * (writer + 1))
                        });
                        let toggle = match number % 2 {
                            0 => format!("INSERT INTO group_memberships VALUES (1, {}, now(), 'sql')", writer + 1),
                            _ => format!("DELETE FROM group_memberships WHERE subscriber_id = {}", writer + 1),
                        };
                        let insert = insert(&format!("w{writer}-{number}"));
                        let statements = format!("BEGIN; {insert}; {toggle}; {} COMMIT", others.collect::<String>());
                        connection.batch_execute(&statements).expect("it commits");
                    }
                })
            })
            .collect();
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (start, is_done, url) = (start.clone(), &is_done, &app.database.url);
                scope.spawn(move || {
                    let db = rollcall::db::Db::open(url, 2).expect("the cluster answers");
                    let mut after =
                        rollcall::changes::Position::parse(start.as_str().expect("a text"));
                    let mut told = Vec::new();
                    loop {
                        // Before reading: what was committed by then is read.
                        let was_done = is_done.load(Ordering::SeqCst);
                        let reading = rollcall::changes::Reading {
                            after,
                            kinds: Vec::new(),
                            first: 7,
                            people: 1_000,
                            fills: Default::default(),
                            segment_ids: None,
                            group_ids: None,
                        };
                        let page =
                            db.run_here(|connection| rollcall::changes::read(connection, &reading));
                        let page = page.expect("a page");
                        after = Some(page.end);
                        told.extend(page.changes);
                        if was_done && !page.has_more {
                            return told;
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().expect("a writer ends");
        }
        is_done.store(true, Ordering::SeqCst);
        readers
            .into_iter()
            .map(|reader| reader.join().expect("a reader ends"))
            .collect::<Vec<_>>()
    });
    assert_eq!(readers[0], readers[1], "everybody is told the same");
    let told = &readers[0];
    let mut created = BTreeSet::new();
    let mut members = BTreeSet::new();
    for change in told {
        for id in &change.subscriber_ids {
            match change.kind {
                rollcall::changes::ChangeKind::SubscriberCreated => {
                    assert!(created.insert(*id), "{id} is told twice")
                }
                rollcall::changes::ChangeKind::GroupMembersAdded => {
                    assert!(members.insert(*id), "{id} is in it already")
                }
                rollcall::changes::ChangeKind::GroupMembersRemoved => {
                    assert!(members.remove(id), "{id} is not in it")
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(created.len(), WRITERS * TRANSACTIONS);
    assert_eq!(members.len(), 0);
    eventually("the queue is empty", || {
        app.database.ask("SELECT count(*) FROM waiting_changes") == "0"
    });
}
