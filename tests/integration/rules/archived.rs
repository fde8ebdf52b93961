//! An archived segment lends its last members, frozen, to every rule that asks about it.

use super::{archive, country, explain, preview};
use crate::support::TestApp;
use rollcall::follow::follow_touches;
use rollcall::past::Trigger;
use rollcall::refresh::{Selection, refresh};
use serde_json::{Value, json};

const LENT: [&str; 2] = ["jonas@x.lt", "ona@x.lt"];

/// Two Lithuanians are members of `lt` when it is archived. Afterwards Jonas moves away and Anna comes.
fn app() -> (TestApp, String) {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for (email, code) in [
        ("anna@x.lt", "DE"),
        ("jonas@x.lt", "LT"),
        ("ona@x.lt", "LT"),
    ] {
        app.subscriber(email, json!({ "country": code }));
    }
    let id = app.segment("lt", country("LT"));
    app.refresh();
    archive(&app, &id, true);
    (app, id)
}

fn move_people(app: &TestApp) {
    app.set_time("2026-06-16T12:00:00Z");
    app.subscriber("jonas@x.lt", json!({"country": "DE"}));
    app.subscriber("anna@x.lt", json!({"country": "LT"}));
}

fn asking() -> Value {
    json!({"segment": {"inAny": ["lt"]}})
}

#[test]
fn refreshes_previews_and_explanations_find_the_members_it_was_archived_with() {
    let (app, id) = app();
    move_people(&app);
    app.segment("asking", asking());
    app.segment("others", json!({"not": asking()}));
    app.refresh();
    assert_eq!(app.members("lt"), LENT);
    assert_eq!(app.members("asking"), LENT);
    assert_eq!(app.members("others"), ["anna@x.lt"]);
    assert_eq!(preview(&app, &asking()), json!(2));
    for (email, is_match, seen) in [
        ("jonas@x.lt", true, "in \"lt\""),
        ("anna@x.lt", false, "not in \"lt\""),
    ] {
        assert_eq!(explain(&app, email, &asking()), (is_match, seen.to_owned()));
    }
    // Its past is frozen too: no subscriber joins it any more.
    let today = json!({"segment": {"inAny": ["lt"], "joinedAt": {"during": "TODAY"}}});
    assert_eq!(preview(&app, &today), json!(0));
    let ever = json!({"segment": {"inAny": ["lt"], "ever": true}});
    assert_eq!(preview(&app, &ever), json!(2));
    // Brought back, it has the members of its rule with the next refresh.
    archive(&app, &id, false);
    app.refresh();
    assert_eq!(app.members("asking"), ["anna@x.lt", "ona@x.lt"]);
}

#[test]
fn a_refresh_of_one_segment_and_chains_find_the_same() {
    let (app, _) = app();
    let asking_id = app.segment("asking", asking());
    app.segment("chain", json!({"segment": {"inAny": ["asking"]}}));
    move_people(&app);
    let number = app
        .database
        .ask("SELECT id FROM segments WHERE key = 'asking'");
    let ids = vec![number.parse().expect("a number")];
    refresh(
        app.db(),
        &Selection::Ids(ids),
        Trigger::Manual,
        &app.app.refresh,
    )
    .expect("a refresh");
    assert_eq!(app.members("chain"), LENT);
    // Archived in the middle of a chain, it lends what it had.
    archive(&app, &asking_id, true);
    app.refresh();
    assert_eq!(app.members("chain"), LENT);
}

#[test]
fn instant_segments_that_ask_about_it_find_the_same() {
    let (app, _) = app();
    app.mutate(
        "mutation ($rule: JSON!) { createSegment(input: {key: \"asking\", ruleJson: $rule, mode: INSTANT}) { \
         userErrors { message } } }",
        json!({ "rule": asking() }),
    );
    app.refresh();
    move_people(&app);
    follow_touches(app.db(), &app.app.refresh).expect("following succeeds");
    assert_eq!(app.members("asking"), LENT);
}

#[test]
fn refreshing_it_is_refused_with_what_to_do() {
    let (app, _) = app();
    app.segment("other", json!({"everyone": true}));
    let payload = app.payload(
        "mutation { refreshSegments(input: {segments: [\"other\", \"lt\"]}) { refresh { state } \
         userErrors { code path message hint } } }",
        json!({}),
    );
    assert_eq!(
        payload,
        json!({"refresh": null, "userErrors": [{
            "code": "INVALID", "path": "segments[1]",
            "message": "the segment \"lt\" is archived: it keeps its last members and is not refreshed",
            "hint": "bring it back with updateSegment(archived: false)"}]})
    );
    // Without keys it is left out, as before.
    let payload = app.mutate(
        "mutation { refreshSegments(input: {}) { refresh { state } userErrors { message } } }",
        json!({}),
    );
    assert_eq!(payload["refresh"]["state"], "SUCCEEDED");
}
