//! Past memberships of segments, answered from the stored history as a second book-keeping of the test answers them.

use super::{country, explain, preview};
use crate::support::TestApp;
use chrono::{DateTime, Duration, Utc};
use rollcall::follow::follow_touches;
use rollcall::past::fold_history;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DAYS: i64 = 16;
const PEOPLE: usize = 12;

/// When each membership of a person began and ended.
type Memberships = BTreeMap<String, Vec<(DateTime<Utc>, Option<DateTime<Utc>>)>>;

/// A rule about `base`, and what of a membership it asks: whether it may have ended, and how old it is, in days.
type Question = (&'static str, Value, bool, Option<(i64, i64)>);

fn questions() -> Vec<Question> {
    let days = |amount: i64| json!({"amount": amount, "unit": "DAY"});
    let asks = |more: Value| {
        let mut asked = json!({"inAny": ["base"]});
        let keys = asked.as_object_mut().expect("an object");
        keys.extend(more.as_object().expect("an object").clone());
        json!({ "segment": asked })
    };
    let recent = json!({"inTheLast": days(3)});
    let older = json!({"betweenAgo": {"from": days(9), "to": days(2)}});
    vec![
        ("ever", asks(json!({"ever": true})), true, None),
        (
            "recent",
            asks(json!({"joinedAt": recent})),
            false,
            Some((3, 0)),
        ),
        (
            "ever-recent",
            asks(json!({"ever": true, "joinedAt": recent})),
            true,
            Some((3, 0)),
        ),
        (
            "older",
            asks(json!({"joinedAt": older})),
            false,
            Some((9, 2)),
        ),
        (
            "ever-older",
            asks(json!({"ever": true, "joinedAt": older})),
            true,
            Some((9, 2)),
        ),
    ]
}

struct Diary {
    app: TestApp,
    memberships: Memberships,
    is_lithuanian: BTreeMap<String, bool>,
    state: u64,
}

impl Diary {
    fn new(mode: &str) -> Diary {
        let app = TestApp::in_zone("2026-03-20T06:00:00Z", chrono_tz::Europe::Vilnius);
        let mut diary = Diary {
            app,
            memberships: BTreeMap::new(),
            is_lithuanian: BTreeMap::new(),
            state: 7,
        };
        for number in 0..PEOPLE {
            if number == PEOPLE / 2 {
                // The others are in another chunk of ids.
                let away = "SELECT setval(pg_get_serial_sequence('subscribers', 'id'), 140000)";
                diary.app.database.execute(away);
            }
            let email = format!("p{number:02}@x.lt");
            diary.app.subscriber(&email, json!({"country": "DE"}));
            diary.is_lithuanian.insert(email, false);
        }
        diary.create("base", country("LT"), mode);
        for (key, rule, _, _) in questions() {
            diary.create(key, rule, mode);
        }
        diary
    }

    fn create(&self, key: &str, rule: Value, mode: &str) {
        self.app.mutate(
            "mutation ($key: String!, $rule: JSON!, $mode: SegmentMode!) { \
             createSegment(input: {key: $key, ruleJson: $rule, mode: $mode}) { userErrors { message } } }",
            json!({"key": key, "rule": rule, "mode": mode}),
        );
    }

    fn draw(&mut self, below: usize) -> usize {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % below
    }

    /// Some people move.
    fn move_people(&mut self) {
        let emails: Vec<String> = self.is_lithuanian.keys().cloned().collect();
        for email in emails {
            if self.draw(4) == 0 {
                let is_in = !self.is_lithuanian[&email];
                let code = if is_in { "LT" } else { "DE" };
                self.app.subscriber(&email, json!({ "country": code }));
                self.is_lithuanian.insert(email, is_in);
            }
        }
    }

    /// Writes down who joined and left, as of now.
    fn note(&mut self) {
        let now = self.app.clock.now();
        for (email, is_in) in &self.is_lithuanian {
            let known = self.memberships.entry(email.clone()).or_default();
            let last = known.last_mut().filter(|(_, left)| left.is_none());
            match (last, is_in) {
                (None, true) => known.push((now, None)),
                (Some((_, left)), false) => *left = Some(now),
                _ => {}
            }
        }
    }

    fn expected(&self, ever: bool, age: Option<(i64, i64)>) -> Vec<String> {
        let zone = chrono_tz::Europe::Vilnius;
        let now = self.app.clock.now();
        // Days keep the wall clock; no test moment lies in a clock change.
        let ago = |days: i64| {
            let local = now.with_timezone(&zone).naive_local() - Duration::days(days);
            local.and_local_timezone(zone).unwrap().to_utc()
        };
        let counts = |(joined, left): &(DateTime<Utc>, Option<DateTime<Utc>>)| {
            let is_in_time =
                age.is_none_or(|(from, to)| ago(from) <= *joined && *joined <= ago(to));
            (ever || left.is_none()) && is_in_time
        };
        let members = self.memberships.iter();
        members
            .filter(|(_, memberships)| memberships.iter().any(counts))
            .map(|(email, _)| email.clone())
            .collect()
    }

    #[track_caller]
    fn check(&self, with_stored: bool) {
        for (key, rule, ever, age) in questions() {
            let expected = self.expected(ever, age);
            let now = self.app.clock.now();
            if with_stored {
                assert_eq!(self.app.members(key), expected, "{key} at {now}");
            }
            assert_eq!(
                preview(&self.app, &rule),
                json!(expected.len()),
                "{key} at {now}"
            );
            for email in self.is_lithuanian.keys().step_by(5) {
                let (is_match, seen) = explain(&self.app, email, &rule);
                assert_eq!(
                    is_match,
                    expected.contains(email),
                    "{key} of {email}: {seen}"
                );
            }
        }
    }
}

#[test]
fn sixteen_days_of_joining_and_leaving_are_answered_by_refreshes_previews_and_explanations() {
    let mut diary = Diary::new("DAILY");
    for day in 0..DAYS {
        let start: DateTime<Utc> = "2026-03-20T06:00:00Z".parse().expect("an instant");
        diary.app.clock.set(start + Duration::days(day));
        diary.move_people();
        // Who is a member now joins with this evaluation, before a refresh has stored it.
        diary.note();
        diary.check(false);
        diary.app.refresh();
        diary.check(true);
    }
}

#[test]
fn instant_segments_answer_from_what_was_followed() {
    let mut diary = Diary::new("INSTANT");
    diary.app.refresh();
    for step in 0..20 {
        let now: DateTime<Utc> = "2026-03-20T06:00:00Z".parse().expect("an instant");
        diary.app.clock.set(now + Duration::hours(step));
        diary.move_people();
        diary.note();
        follow_touches(diary.app.db(), &diary.app.app.refresh).expect("following succeeds");
        diary.check(true);
        if step % 7 == 6 {
            diary.app.refresh();
            diary.check(true);
        }
    }
}

#[test]
fn what_is_longer_ago_than_changes_are_kept_is_not_known_any_more() {
    let app = TestApp::at("2026-03-01T06:00:00Z");
    let emails = ["past@x.lt", "lasting@x.lt", "new@x.lt"];
    let ids = emails.map(|email| app.subscriber(email, json!({"country": "LT"})));
    app.subscriber("new@x.lt", json!({"country": "DE"}));
    app.segment("base", country("LT"));
    app.refresh();
    app.set_time("2026-03-02T06:00:00Z");
    app.subscriber("past@x.lt", json!({"country": "DE"}));
    app.refresh();
    app.set_time("2026-03-03T06:00:00Z");
    app.subscriber("new@x.lt", json!({"country": "LT"}));
    app.refresh();
    let ever = json!({"segment": {"inAny": ["base"], "ever": true}});
    let march = json!({"segment": {"inAny": ["base"], "joinedAt": {"during": "THIS_MONTH"}}});
    assert_eq!(preview(&app, &ever), json!(3));
    assert_eq!(preview(&app, &march), json!(2));
    assert_eq!(
        explain(&app, "past@x.lt", &ever),
        (
            true,
            "was in \"base\", joined last at 2026-03-01T06:00:00Z".to_owned()
        )
    );
    let cut = "2026-03-03T00:00:00Z".parse().expect("an instant");
    app.db()
        .run_here(|connection| fold_history(connection, cut))
        .expect("folding succeeds");
    assert_eq!(preview(&app, &ever), json!(2));
    assert_eq!(preview(&app, &march), json!(1));
    for (email, is_match, seen) in [
        ("past@x.lt", false, "never in \"base\""),
        (
            "lasting@x.lt",
            true,
            "in \"base\" for longer than changes are kept",
        ),
        ("new@x.lt", true, "in \"base\" since 2026-03-03T06:00:00Z"),
    ] {
        assert_eq!(explain(&app, email, &ever), (is_match, seen.to_owned()));
    }
    // Deleted subscribers were never in.
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": ids[1] }),
    );
    assert_eq!(preview(&app, &ever), json!(1));
}
