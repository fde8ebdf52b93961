//! Pages of sets by e-mail are those of a sorted list, however many members a set has and whatever their addresses are.

use crate::support::TestApp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rollcall::audience::id_set::IdSet;
use rollcall::audience::paging::{PageRequest, page_of};
use rollcall::audience::subscriber::{SubscriberKey, SubscriberOrder};
use rollcall::audience::subscriber_page::{Columns, list_page};
use std::collections::HashMap;

/// How many subscribers are added. Every seventh is deleted again.
const PEOPLE: i64 = 6_000;

/// Adds people whose addresses do not follow their ids.
fn add_people(app: &TestApp) -> Vec<(String, i64)> {
    app.database.execute(&format!(
        "INSERT INTO subscribers (email, created_at, updated_at) \
         SELECT md5(n::text) || '@example.com', now(), now() FROM generate_series(1, {PEOPLE}) n; \
         DELETE FROM subscribers WHERE id % 7 = 0; ANALYZE subscribers"
    ));
    let listed = app
        .database
        .ask("SELECT string_agg(email || ' ' || id, ',' ORDER BY email) FROM subscribers");
    let people = listed.split(',').map(|person| {
        let (email, id) = person.split_once(' ').expect("two words");
        (email.to_owned(), id.parse().expect("an id"))
    });
    people.collect()
}

/// Sets of many kinds: empty ones, small and large ones, all ids, and the subscribers with the first or last addresses.
fn sets(people: &[(String, i64)], random: &mut StdRng) -> HashMap<usize, IdSet> {
    let mut kinds: Vec<Vec<i64>> = [0.0, 0.001, 0.01, 0.05, 0.3, 0.9, 1.0]
        .into_iter()
        .map(|share| (1..=PEOPLE).filter(|_| random.random_bool(share)).collect())
        .collect();
    let ids = |people: &[(String, i64)]| people.iter().map(|(_, id)| *id).collect();
    for number in [3, 400, 3_000] {
        kinds.push(ids(&people[..number]));
        kinds.push(ids(&people[people.len() - number..]));
    }
    let sets = kinds.into_iter().map(|ids| {
        let mut set = IdSet::default();
        ids.into_iter().for_each(|id| set.flip(id));
        set
    });
    sets.enumerate().collect()
}

fn request(people: &[(String, i64)], random: &mut StdRng) -> PageRequest<SubscriberKey> {
    let mut bound = || {
        let email = match random.random_range(0..4) {
            0 => return None,
            1 => "5".to_owned(),
            _ => people[random.random_range(0..people.len())].0.clone(),
        };
        Some(SubscriberKey::Email(email))
    };
    let (after, before) = (bound(), bound());
    PageRequest {
        size: [1, 7, 100][random.random_range(0..3)],
        after,
        before,
        from_end: random.random(),
    }
}

#[test]
fn pages_by_email_are_those_of_a_sorted_list() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let people = add_people(&app);
    let mut random = StdRng::seed_from_u64(7);
    let sets = sets(&people, &mut random);
    for turn in 0..40 {
        let mut request = request(&people, &mut random);
        if let (Some(SubscriberKey::Email(after)), Some(SubscriberKey::Email(before))) =
            (&request.after, &request.before)
            && after > before
        {
            std::mem::swap(&mut request.after, &mut request.before);
        }
        let found = app
            .db()
            .run_here(|connection| {
                IdSet::find_pages(connection, &sets, SubscriberOrder::Email, &request)
            })
            .expect("pages");
        for (kind, set) in &sets {
            let members = people.iter().filter(|(_, id)| set.contains(*id)).cloned();
            let members: Vec<(String, i64)> = members.collect();
            let expected = page_of(&members, &request.map(ToString::to_string), email_of);
            let expected = expected.map(|(_, id)| id);
            assert_eq!(
                found[kind], expected,
                "turn {turn}, set {kind}: {request:?}"
            );
        }
    }
}

#[test]
fn pages_of_all_subscribers_are_those_of_a_sorted_list() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let people = add_people(&app);
    let mut random = StdRng::seed_from_u64(8);
    for turn in 0..200 {
        let request = request(&people, &mut random);
        let range = ["", "a", "7f"][turn % 3];
        let end = (!range.is_empty()).then(|| format!("{range}~"));
        let page = app.db().run_here(|connection| {
            let range = (range, end.clone());
            let (order, columns) = (SubscriberOrder::Email, Columns::WithoutCustom);
            list_page(connection, Some(&range), order, &request, columns)
        });
        let found = page
            .expect("a page")
            .map(|person| (person.email, person.id));
        let listed = people.iter().filter(|(email, _)| email.starts_with(range));
        let listed: Vec<(String, i64)> = listed.cloned().collect();
        let expected = page_of(&listed, &request.map(ToString::to_string), email_of);
        assert_eq!(found, expected, "turn {turn}: {request:?}");

        let by_id = |key: &SubscriberKey| match key {
            SubscriberKey::Email(email) if email.len() > 1 => find(&people, email),
            _ => 99,
        };
        let asked = request.map(by_id);
        let page = app.db().run_here(|connection| {
            let (order, columns) = (SubscriberOrder::Id, Columns::All);
            let request = asked.map(|id| SubscriberKey::Id(*id));
            list_page(connection, None, order, &request, columns)
        });
        let mut ids: Vec<i64> = people.iter().map(|(_, id)| *id).collect();
        ids.sort_unstable();
        let expected = page_of(&ids, &asked, |id| *id);
        let found = page.expect("a page").map(|person| person.id);
        assert_eq!(found, expected, "turn {turn}: {asked:?}");
    }
}

fn email_of((email, _): &(String, i64)) -> String {
    email.clone()
}

fn find(people: &[(String, i64)], email: &str) -> i64 {
    let place = people.binary_search_by(|(known, _)| known.as_str().cmp(email));
    people[place.expect("the address of a person")].1
}
