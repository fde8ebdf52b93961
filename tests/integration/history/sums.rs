//! The sums add up: `memberCount` = the one before + joined − left − deleted, wherever it is asked.

use super::{Random, add_segments, ask_segment, delete, follow, set_country};
use crate::support::TestApp;
use serde_json::{Value, json};

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}

fn counts(of: &Value) -> [i64; 4] {
    ["memberCount", "joinedCount", "leftCount", "deletedCount"].map(|field| number(&of[field]))
}

/// Edits for a month, in refreshes and between them, among few enough people that much happens to each.
fn live(app: &TestApp, random: &mut Random) {
    let mut ids: Vec<Option<String>> = vec![None; 30];
    for day in 1..=28 {
        for hour in 0..3 {
            app.set_time(&format!("2026-06-{day:02}T{:02}:00:00Z", 1 + 6 * hour));
            for _ in 0..random.below(6) {
                let place = random.below(ids.len());
                let name = format!("p{place}");
                match (random.below(5), &ids[place]) {
                    (0, Some(id)) => {
                        delete(app, id);
                        ids[place] = None;
                    }
                    (1, Some(_)) => {
                        app.database.execute(&format!(
                            "DELETE FROM subscribers WHERE email = '{name}@example.com'"
                        ));
                        ids[place] = None;
                    }
                    _ => {
                        let code = ["LT", "LV"][random.below(2)];
                        ids[place] = Some(set_country(app, &name, code));
                    }
                }
                if random.below(3) > 0 {
                    follow(app);
                }
            }
        }
        if random.below(4) > 0 {
            app.refresh();
        }
    }
    follow(app);
    app.set_time("2026-06-29T00:00:00Z");
    app.refresh();
}

#[test]
fn counts_of_changes_growth_and_as_of_agree() {
    for seed in 1..=3 {
        let app = TestApp::at("2026-06-01T00:00:00Z");
        add_segments(&app);
        app.refresh();
        live(&app, &mut Random(seed));
        for (key, mode) in super::SEGMENTS {
            let changes = ask_segment(
                &app,
                key,
                "changes(first: 250) { nodes { refresh { asOf } memberCount joinedCount leftCount deletedCount \
                 joined { totalCount } left { totalCount } deleted { totalCount } } }",
            );
            let mut changes = changes["changes"]["nodes"]
                .as_array()
                .expect("a list")
                .clone();
            changes.reverse();
            let growth = |by: &str| {
                let asked = format!(
                    "growth(from: \"2026-01-01T00:00:00Z\", to: \"2027-01-01T00:00:00Z\", by: {by}) {{ memberCount joinedCount leftCount deletedCount }}"
                );
                ask_segment(&app, key, &asked)["growth"]
                    .as_array()
                    .expect("a list")
                    .clone()
            };
            let each = growth("REFRESH");
            assert_eq!(each.len(), changes.len());
            let mut before = 0;
            let mut sums = [0; 3];
            for (change, point) in changes.iter().zip(&each) {
                let what = format!("{seed} {key} {change}");
                let [members, joined, left, deleted] = counts(change);
                assert_eq!(members, before + joined - left - deleted, "{what}");
                assert_eq!(counts(point), counts(change), "{what}");
                let as_of = change["refresh"]["asOf"].as_str().expect("an instant");
                let then = ask_segment(&app, key, &format!("memberCount(asOf: \"{as_of}\")"));
                assert_eq!(number(&then["memberCount"]), members, "{what}");
                // Those in the lists exist; deleted ones are in `deleted` or joined and are nowhere.
                let listed = |list: &str| number(&change[list]["totalCount"]);
                assert!(
                    members - before <= listed("joined") + deleted + joined,
                    "{what}"
                );
                assert!(
                    listed("left") + listed("deleted") <= left + deleted,
                    "{what}"
                );
                before = members;
                for (sum, one) in sums.iter_mut().zip([joined, left, deleted]) {
                    *sum += one;
                }
            }
            let month = growth("MONTH");
            let mut totals = [0; 3];
            for point in &month {
                let [_, joined, left, deleted] = counts(point);
                for (total, one) in totals.iter_mut().zip([joined, left, deleted]) {
                    *total += one;
                }
            }
            assert_eq!(totals, sums, "{key}");
            assert_eq!(app.members(key).len() as i64, before, "{key}");
            assert!(sums.iter().all(|sum| *sum > 3), "{mode}: {sums:?}");
        }
    }
}

/// What was counted stays when the changes themselves are not kept any more.
#[test]
fn counts_outlive_the_changes_that_they_count() {
    let app = TestApp::at("2026-06-01T00:00:00Z");
    add_segments(&app);
    app.refresh();
    live(&app, &mut Random(4));
    let ask = || {
        ask_segment(
            &app,
            "now",
            "changes(first: 250) { nodes { memberCount joinedCount leftCount deletedCount } } \
             growth(from: \"2026-01-01T00:00:00Z\", to: \"2027-01-01T00:00:00Z\") { memberCount joinedCount leftCount deletedCount }",
        )
    };
    let before = ask();
    let cut = crate::support::instant("2026-06-20T00:00:00Z");
    let folded = app
        .db()
        .run_here(|connection| rollcall::past::fold_history(connection, cut));
    assert!(folded.expect("a fold") > 0);
    assert_eq!(ask(), before);
}

/// An instant segment whose members came and went between two refreshes.
#[test]
fn changes_count_what_was_followed_between_refreshes() {
    let app = TestApp::at("2026-06-01T00:00:00Z");
    set_country(&app, "ona", "LT");
    add_segments(&app);
    app.refresh();
    for (name, code) in [
        ("anna", "LT"),
        ("rasa", "LT"),
        ("ona", "DE"),
        ("rasa", "DE"),
        ("rasa", "LT"),
    ] {
        set_country(&app, name, code);
        follow(&app);
    }
    app.set_time("2026-06-02T00:00:00Z");
    app.refresh();
    let changes = ask_segment(
        &app,
        "now",
        "changes(first: 1) { nodes { memberCount joinedCount leftCount deletedCount \
         joined { nodes { email } } left { nodes { email } } } }",
    );
    assert_eq!(
        changes["changes"]["nodes"],
        json!([{"memberCount": 2, "joinedCount": 3, "leftCount": 2, "deletedCount": 0,
            "joined": {"nodes": [{"email": "anna@example.com"}, {"email": "rasa@example.com"}]},
            "left": {"nodes": [{"email": "ona@example.com"}]}}])
    );
}
