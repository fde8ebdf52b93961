//! Pages: every change is on one page, whatever the size of the pages and the kinds that are wanted.

use super::{NOW, code, country, line, lines, page, position, read};
use crate::support::TestApp;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Makes many subscribers with these countries in turn.
fn crowd(app: &TestApp, number: usize) {
    app.database.execute(&format!(
        "INSERT INTO subscribers (email, country, created_at, updated_at) \
         SELECT n || '@example.com', CASE n % 2 WHEN 0 THEN 'LT' ELSE 'LV' END, now(), now() FROM generate_series(1, {number}) n"
    ));
}

/// Reads page by page, and returns the kinds and ids in the order they come, and how many pages had people.
fn walk(app: &TestApp, mut after: Value, more: Value) -> (Vec<(String, Vec<Value>)>, usize) {
    let (mut told, mut pages) = (Vec::new(), 0);
    loop {
        let page = page(app, &after, more.clone());
        for change in page["changes"].as_array().expect("a list") {
            let ids = change["subscriberIds"].as_array().expect("a list");
            assert!(ids.len() <= 1_000);
            told.push((
                change["kind"].as_str().expect("a kind").to_owned(),
                ids.clone(),
            ));
            pages += 1;
        }
        after = page["endPosition"].clone();
        if page["hasMore"] == json!(false) {
            return (told, pages);
        }
    }
}

#[test]
fn large_changes_come_in_parts_and_each_part_has_its_position() {
    let app = TestApp::at(NOW);
    app.segment("lt", country("LT"));
    app.segment("lv", country("LV"));
    let start = position(&app);
    crowd(&app, 4_500);
    app.refresh();
    app.database.execute("UPDATE subscribers SET country = CASE country WHEN 'LT' THEN 'LV' ELSE 'LT' END WHERE id <= 3000");
    app.refresh();
    let (whole, _) = walk(&app, start.clone(), json!({"first": 250}));
    let of_kind = |kind: &str| -> Vec<&Value> {
        let of_kind = whole.iter().filter(|(other, _)| other == kind);
        of_kind.flat_map(|(_, ids)| ids).collect()
    };
    assert_eq!(of_kind("SUBSCRIBER_CREATED").len(), 4_500);
    assert_eq!(of_kind("SUBSCRIBER_UPDATED").len(), 3_000);
    assert_eq!(of_kind("SEGMENT_MEMBERS_JOINED").len(), 4_500 + 3_000);
    assert_eq!(of_kind("SEGMENT_MEMBERS_LEFT").len(), 3_000);
    // One change a page, and a wanted kind alone: the same changes.
    let (one_by_one, _) = walk(&app, start.clone(), json!({"first": 1}));
    assert_eq!(one_by_one, whole);
    for kind in [
        "SUBSCRIBER_CREATED",
        "SEGMENT_MEMBERS_JOINED",
        "SEGMENT_MEMBERS_LEFT",
    ] {
        let (alone, _) = walk(&app, start.clone(), json!({"kinds": [kind]}));
        let wanted = whole.iter().filter(|(other, _)| other == kind);
        assert_eq!(alone, wanted.cloned().collect::<Vec<_>>(), "{kind}");
    }
    // The position of each change leads to the next.
    let mut after = start;
    let mut told = Vec::new();
    for _ in 0..whole.len() {
        let page = page(&app, &after, json!({"first": 50}));
        let first = &page["changes"][0];
        told.push((
            first["kind"].as_str().expect("a kind").to_owned(),
            first["subscriberIds"].as_array().expect("a list").clone(),
        ));
        after = first["position"].clone();
    }
    assert_eq!(told, whole);
}

#[test]
fn people_who_are_deleted_between_two_pages_leave_nobody_out() {
    let app = TestApp::at(NOW);
    let start = position(&app);
    crowd(&app, 3_000);
    app.database
        .execute("UPDATE subscribers SET city = 'Vilnius' WHERE id % 3 <> 0");
    let mut told = BTreeSet::new();
    let mut after = start;
    let mut gone = 1;
    loop {
        let page = page(
            &app,
            &after,
            json!({"first": 1, "kinds": ["SUBSCRIBER_UPDATED"]}),
        );
        for change in page["changes"].as_array().expect("a list") {
            told.extend(
                change["subscribers"]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .map(|person| person["email"].to_string()),
            );
        }
        after = page["endPosition"].clone();
        if page["hasMore"] == json!(false) {
            break;
        }
        // Somebody who was told already.
        app.database
            .execute(&format!("DELETE FROM subscribers WHERE id = {gone}"));
        position(&app);
        gone += 1;
        assert!(gone < 100, "it comes to an end");
    }
    assert_eq!(told.len(), 2_000);
}

#[test]
fn rare_kinds_are_found_among_many_others() {
    let app = TestApp::at(NOW);
    let start = position(&app);
    app.database.execute(
        "INSERT INTO waiting_changes (kind, about) SELECT 'group_updated', n FROM generate_series(1, 25000) n",
    );
    app.subscriber("ona@example.com", json!({}));
    let (told, _) = walk(&app, start, json!({"kinds": ["SUBSCRIBER_CREATED"]}));
    assert_eq!(told.len(), 1);
}

#[test]
fn positions_hold_across_restarts() {
    let app = TestApp::at(NOW);
    let mut after = position(&app);
    app.subscriber("ona@example.com", json!({}));
    let restarted = app.beside();
    assert_eq!(lines(&restarted, &mut after), ["SUBSCRIBER_CREATED: ona"]);
    restarted.subscriber("jonas@example.com", json!({}));
    assert_eq!(lines(&app, &mut after), ["SUBSCRIBER_CREATED: jonas"]);
    assert_eq!(read(&restarted, &mut after), Vec::<Value>::new());
}

#[test]
fn what_cannot_be_a_page_is_bad_input() {
    let app = TestApp::at(NOW);
    for variables in [
        json!({"after": "somewhere"}),
        json!({"after": ""}),
        json!({"first": 0}),
        json!({"first": 251}),
        json!({"first": -1}),
        json!({"kinds": ["NOTHING"]}),
    ] {
        assert_eq!(
            code(&app, super::ASK, variables.clone()),
            "BAD_USER_INPUT",
            "{variables}"
        );
    }
}

#[test]
fn deleted_people_are_told_with_their_ids_alone() {
    let app = TestApp::at(NOW);
    let start = position(&app);
    let id = app.subscriber("ona@example.com", json!({"city": "Vilnius"}));
    app.group("staff", &["ona@example.com"]);
    super::delete(&app, &id);
    let mut after = start;
    let told = read(&app, &mut after);
    let told: Vec<String> = told.iter().map(line).collect();
    assert_eq!(told, ["GROUP_CREATED staff", "SUBSCRIBER_DELETED"]);
}
