//! Deleted members are told: to listeners, to pollers and to whoever comes back; and many cost few statements.

use super::{
    OtherServer, add_segments, ask_segment, delete, emails, follow, position, set_country,
};
use crate::support::TestApp;
use rollcall::audience::removal::remove_subscribers;
use serde_json::{Value, json};

/// Three Lithuanians and one German, and their segments, refreshed once. Returns the ids.
fn app() -> (TestApp, [String; 4]) {
    let app = TestApp::at(super::NOW);
    let people = [
        ("ona", "LT"),
        ("jonas", "LT"),
        ("rasa", "LT"),
        ("anna", "DE"),
    ];
    let ids = people.map(|(name, code)| set_country(&app, name, code));
    add_segments(&app);
    app.refresh();
    follow(&app);
    (app, ids)
}

#[test]
fn listeners_learn_the_ids_of_deleted_members() {
    for (key, _) in super::SEGMENTS {
        let (app, [ona, jonas, rasa, anna]) = app();
        let server = OtherServer::over(&app);
        let start = position(&app, key);
        let mut listener = server.follow(key, &start);
        delete(&app, &ona);
        // Nobody whom the segment never had.
        delete(&app, &anna);
        let told = || (Vec::new(), Vec::new(), vec![ona.clone()]);
        assert_eq!(listener.change(), told(), "{key}");
        set_country(&app, "jonas", "DE");
        follow(&app);
        app.refresh();
        assert_eq!(listener.change(), (vec![], emails(&["jonas"]), vec![]));
        // Plain SQL has no id to give, and is followed all the same.
        app.database
            .execute("DELETE FROM subscribers WHERE email = 'rasa@example.com'");
        follow(&app);
        app.refresh();
        assert_eq!(listener.change(), (vec![], vec![], vec![rasa.clone()]));
        // Whoever comes back is told the same, and of jonas, who left and was deleted since, the id.
        delete(&app, &jonas);
        let mut later = server.follow(key, &start);
        assert_eq!(later.change(), told(), "{key}");
        assert_eq!(later.change(), (vec![], vec![], vec![jonas.clone()]));
        assert_eq!(later.change(), (vec![], vec![], vec![rasa.clone()]));
        // Whoever joined and was deleted since is not told as somebody, and the deletion does no harm.
        let maria = set_country(&app, "maria", "LT");
        follow(&app);
        app.refresh();
        delete(&app, &maria);
        let joined = later.next().expect("an item");
        assert_eq!(
            (&joined["joined"], &joined["joinedCount"]),
            (&json!([]), &json!(1))
        );
        assert_eq!(later.change(), (vec![], vec![], vec![maria]));
    }
}

#[test]
fn pollers_learn_the_ids_of_deleted_members() {
    for (key, _) in super::SEGMENTS {
        let (app, [ona, jonas, rasa, _]) = app();
        let newest = ask_segment(&app, key, "changes(first: 1) { pageInfo { startCursor } }");
        let cursor = &newest["changes"]["pageInfo"]["startCursor"];
        delete(&app, &ona);
        set_country(&app, "jonas", "DE");
        follow(&app);
        app.set_time("2026-06-16T12:00:00Z");
        app.refresh();
        // One who left and is deleted before the poller comes.
        delete(&app, &jonas);
        app.set_time("2026-06-17T12:00:00Z");
        app.refresh();
        let ask = format!(
            "changes(before: {cursor}) {{ nodes {{ memberCount joinedCount leftCount deletedCount \
             joined {{ nodes {{ email }} }} left {{ nodes {{ email }} }} deleted {{ totalCount nodes {{ id }} }} }} }}"
        );
        let nobody = json!({ "nodes": [] });
        assert_eq!(
            ask_segment(&app, key, &ask)["changes"]["nodes"],
            json!([
                {"memberCount": 1, "joinedCount": 0, "leftCount": 0, "deletedCount": 0,
                 "joined": nobody, "left": nobody, "deleted": {"totalCount": 0, "nodes": []}},
                {"memberCount": 1, "joinedCount": 0, "leftCount": 1, "deletedCount": 1,
                 "joined": nobody, "left": nobody, "deleted": {"totalCount": 2, "nodes": [{"id": ona}, {"id": jonas}]}},
            ]),
            "{key}"
        );
        assert!(
            app.members(key)
                .iter()
                .all(|email| email == "rasa@example.com")
        );
        drop(rasa);
    }
}

/// Each statement that deletes or clears is one for many.
#[test]
fn deleting_a_hundred_thousand_people_costs_a_few_statements_per_block() {
    let (app, [_, jonas, ..]) = app();
    app.database.execute(
        "INSERT INTO subscribers (email, country, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', (ARRAY['LT', 'LV'])[1 + n % 2], now(), now() FROM generate_series(1, 100000) n",
    );
    let refresh = || {
        let before = app.db().statement_count();
        app.refresh();
        app.db().statement_count() - before
    };
    app.database.execute("DELETE FROM touches");
    refresh();
    let quiet = refresh();
    let ids: Vec<i64> = (5..=100_004).collect();
    let before = app.db().statement_count();
    let removed = app.db().run_here(|connection| {
        use diesel::Connection;
        connection
            .transaction(|connection| remove_subscribers(connection, ids.clone(), app.clock.now()))
    });
    assert_eq!(removed.expect("a deletion"), 100_000);
    let statements = app.db().statement_count() - before;
    let blocks = 100_000 / 8_192 + 1;
    assert!(statements <= 3 * blocks + 20, "{statements} statements");
    // Neither do a refresh and a deletion afterwards pay for each of them.
    let after = refresh();
    assert!(after <= quiet + 20, "{after} statements after {quiet}");
    let before = app.db().statement_count();
    delete(&app, &jonas);
    let statements = app.db().statement_count() - before;
    assert!(statements <= 20, "{statements} statements");
    assert_eq!(
        ask_segment(
            &app,
            "lt",
            "memberCount changes(first: 1) { nodes { deletedCount } }"
        ),
        json!({"memberCount": 2, "changes": {"nodes": [{"deletedCount": 50_000}]}})
    );
}

/// A large deletion is told in items of a bounded size, each with a position of its own.
#[test]
fn a_large_deletion_is_told_in_parts() {
    let (app, _) = app();
    app.database.execute(
        "INSERT INTO subscribers (email, country, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', 'LT', now(), now() FROM generate_series(1, 2500) n",
    );
    app.refresh();
    let server = OtherServer::over(&app);
    let mut after = position(&app, "lt");
    app.database
        .execute("DELETE FROM subscribers WHERE email LIKE 'p%'");
    app.refresh();
    let mut told = Vec::new();
    for (count, is_last) in [(1_000, false), (1_000, false), (500, true)] {
        // The connection is lost after every item.
        let item = server.follow("lt", &after).next().expect("an item");
        let ids = item["deletedIds"].as_array().expect("a list");
        assert_eq!(
            (ids.len(), &item["deletedCount"], &item["isLast"]),
            (count, &json!(count), &json!(is_last))
        );
        told.extend(ids.iter().map(Value::to_string));
        after = item["position"].clone();
    }
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 2_500);
}
