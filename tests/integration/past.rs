//! The past: thirty days of edits, each refreshed, and afterwards every day asked for again.

#[path = "../language/naive/mod.rs"]
#[allow(dead_code, reason = "this test does not draw every kind of value")]
mod naive;

use crate::support::TestApp;
use chrono::{DateTime, Duration, Utc};
use naive::{CustomValue, Event, Moment, Person, Segment, World, is_member};
use rollcall::past::fold_history;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const DAYS: usize = 30;
const PEOPLE: usize = 40;

/// Members of each segment by key, as the naive evaluator found them on a day.
type Members = BTreeMap<String, BTreeSet<String>>;

/// What was true on each day, told apart from the database.
struct Replay {
    app: TestApp,
    people: BTreeMap<String, Person>,
    ids: BTreeMap<String, String>,
    rules: BTreeMap<String, Value>,
    segments: BTreeMap<String, String>,
    days: Vec<(DateTime<Utc>, Members)>,
    /// Who existed on each day.
    existing: Vec<BTreeSet<String>>,
    state: u64,
}

impl Replay {
    fn new() -> Replay {
        let app = TestApp::in_zone("2026-03-01T06:00:00Z", chrono_tz::Europe::Vilnius);
        app.mutate(
            "mutation { createCustomField(input: {key: \"visits\", type: NUMBER}) { userErrors { message } } }",
            json!({}),
        );
        app.group("staff", &[]);
        let mut replay = Replay {
            app,
            people: BTreeMap::new(),
            ids: BTreeMap::new(),
            rules: BTreeMap::new(),
            segments: BTreeMap::new(),
            days: Vec::new(),
            existing: Vec::new(),
            state: 42,
        };
        for number in 0..PEOPLE {
            if number == PEOPLE / 2 {
                // The others are in another chunk of ids.
                replay
                    .app
                    .database
                    .execute("SELECT setval(pg_get_serial_sequence('subscribers', 'id'), 140000)");
            }
            replay.add_person(&format!("p{number:02}@x.lt"));
        }
        replay
    }

    /// A small generator, so that every run is the same (Knuth's MMIX constants).
    fn draw(&mut self, below: usize) -> usize {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % below
    }

    fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }

    fn add_person(&mut self, email: &str) {
        let id = self.app.subscriber(email, json!({}));
        self.ids.insert(email.to_owned(), id);
        let now = self.now();
        let instants = ["createdAt", "updatedAt", "subscribedAt"].map(|name| (name, now));
        let person = Person {
            id: 0,
            email: email.to_owned(),
            status: "subscribed",
            text: BTreeMap::new(),
            birthday: None,
            instants: instants.into(),
            place: None,
            custom: BTreeMap::new(),
            groups: BTreeMap::new(),
            events: Vec::new(),
        };
        self.people.insert(email.to_owned(), person);
    }

    fn edit_somebody(&mut self) {
        let emails: Vec<String> = self.people.keys().cloned().collect();
        let email = emails[self.draw(emails.len())].clone();
        let now = self.now();
        match self.draw(10) {
            0..=2 => {
                let country = ["LT", "LV", "DE"][self.draw(3)];
                self.app.subscriber(&email, json!({ "country": country }));
                self.person(&email)
                    .text
                    .insert("country", country.to_owned());
            }
            3 | 4 => {
                let visits = self.draw(10) as f64;
                self.app
                    .subscriber(&email, json!({"customFields": {"visits": visits}}));
                let visits = CustomValue::Number(visits);
                self.person(&email)
                    .custom
                    .insert("visits".to_owned(), visits);
            }
            5 | 6 => {
                let is_in = self.person(&email).groups.contains_key("staff");
                let verb = if is_in {
                    "removeFromGroup"
                } else {
                    "addToGroup"
                };
                self.app.mutate(
                    &format!("mutation ($email: String!) {{ {verb}(input: {{group: \"staff\", emails: [$email]}}) {{ userErrors {{ message }} }} }}"),
                    json!({ "email": email }),
                );
                let groups = &mut self.person(&email).groups;
                match is_in {
                    true => groups.remove("staff"),
                    false => groups.insert("staff".to_owned(), now),
                };
            }
            _ => {
                let value = self.draw(50) as i64;
                self.app
                    .event(&email, "purchase", &now.to_rfc3339(), Some(value as f64));
                self.person(&email).events.push(Event {
                    name: "purchase".to_owned(),
                    occurred_at: now,
                    value: Some(value * 1_000_000),
                    properties: Default::default(),
                });
            }
        }
    }

    fn person(&mut self, email: &str) -> &mut Person {
        self.people.get_mut(email).expect("somebody")
    }

    fn delete_somebody(&mut self) {
        let emails: Vec<String> = self.people.keys().cloned().collect();
        let email = &emails[self.draw(emails.len())];
        self.app.mutate(
            "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
            json!({ "id": self.ids[email] }),
        );
        self.people.remove(email);
    }

    fn add_segment(&mut self, key: &str, rule: Value) {
        let id = self.app.segment(key, rule.clone());
        self.segments.insert(key.to_owned(), id);
        self.rules.insert(key.to_owned(), rule);
    }

    fn change_rule(&mut self, key: &str, rule: Value) {
        self.app.mutate(
            "mutation ($id: ID!, $rule: JSON!) { updateSegment(input: {id: $id, ruleJson: $rule}) { userErrors { message } } }",
            json!({ "id": self.segments[key], "rule": rule }),
        );
        self.rules.insert(key.to_owned(), rule);
    }

    fn refresh(&mut self) {
        self.app.refresh();
        let moment = Moment {
            now: self.now(),
            zone: chrono_tz::Europe::Vilnius,
        };
        let rules = self.rules.iter();
        let world = World {
            segments: rules
                .map(|(key, rule)| (key.clone(), Segment::Rule(rule.clone())))
                .collect(),
            moment,
            past: BTreeMap::new(),
        };
        let members_of = |rule: &Value| {
            let people = self.people.iter();
            let members = people
                .filter(|(_, person)| is_member(rule, person, &world))
                .map(|(email, _)| email.clone());
            members.collect()
        };
        let members = self.rules.iter();
        let members = members.map(|(key, rule)| (key.clone(), members_of(rule)));
        self.days.push((world.moment.now, members.collect()));
        self.existing.push(self.people.keys().cloned().collect());
    }

    /// The members of a segment on a day, those of them who exist still; none before it was made.
    fn members(&self, day: usize, key: &str) -> BTreeSet<String> {
        let members = self.days[day].1.get(key).cloned().unwrap_or_default();
        let exists = |email: &String| self.people.contains_key(email);
        members.into_iter().filter(exists).collect()
    }

    fn is_made(&self, day: usize, key: &str) -> bool {
        self.days[day].1.contains_key(key)
    }

    /// The day on which somebody joined who is a member on that day.
    fn joined_on(&self, mut day: usize, key: &str, email: &str) -> usize {
        while day > 0 && self.members(day - 1, key).contains(email) {
            day -= 1;
        }
        day
    }
}

fn live_thirty_days() -> Replay {
    let mut replay = Replay::new();
    let country = |code: &str| json!({"text": {"field": "country", "is": {"equals": code}}});
    replay.add_segment("lt", country("LT"));
    replay.add_segment("not-de", json!({"not": country("DE")}));
    replay.add_segment("staff", json!({"group": {"inAny": ["staff"]}}));
    replay.add_segment(
        "buyers",
        json!({"event": {"name": "purchase", "inTheLast": {"amount": 3, "unit": "DAY"}}}),
    );
    replay.add_segment(
        "spenders",
        json!({"event": {"name": "purchase", "sum": {"atLeast": 60}}}),
    );
    replay.add_segment("both", json!({"segment": {"inAll": ["lt", "buyers"]}}));
    for day in 0..DAYS {
        for _ in 0..8 {
            replay.edit_somebody();
        }
        match day {
            5 => replay.add_segment(
                "busy",
                json!({"number": {"field": "custom.visits", "is": {"atLeast": 5}}}),
            ),
            12 => replay.change_rule(
                "busy",
                json!({"number": {"field": "custom.visits", "is": {"atMost": 2}}}),
            ),
            9 | 16 | 23 => replay.delete_somebody(),
            18 => replay.add_person("late@x.lt"),
            _ => {}
        }
        replay.refresh();
        // Over the change to summer time on 29 March a day has 23 hours, which the clock does not follow.
        let tomorrow = replay.now() + Duration::days(1);
        replay.app.clock.set(tomorrow);
    }
    replay
}

#[test]
fn every_day_of_thirty_is_told_as_it_was() {
    let replay = live_thirty_days();
    let keys: Vec<&String> = replay.rules.keys().collect();
    for (day, (at, _)) in replay.days.iter().enumerate() {
        // The moment of the refresh itself, and the last one before the next.
        for moment in [*at, *at + Duration::days(1) - Duration::microseconds(1)] {
            for key in &keys {
                let data = replay.app.query(
                    "query ($key: String!, $at: DateTime!) { segment(key: $key) { memberCount(asOf: $at) \
                     members(asOf: $at, first: 250, orderBy: EMAIL) { totalCount edges { joinedAt node { email } } } } }",
                    json!({ "key": key, "at": moment }),
                );
                let expected: Vec<Value> = replay
                    .members(day, key)
                    .iter()
                    .map(|email| {
                        let joined_at = replay.days[replay.joined_on(day, key, email)].0;
                        json!({"joinedAt": joined_at.to_rfc3339(), "node": {"email": email}})
                    })
                    .collect();
                // Deleted subscribers count and are not listed.
                let counted = replay.days[day].1.get(*key).map_or(0, BTreeSet::len);
                assert_eq!(
                    data["segment"],
                    json!({"memberCount": counted, "members": {"totalCount": expected.len(), "edges": expected}}),
                    "{key} at {moment}"
                );
            }
        }
    }
    // Before the first refresh there were none.
    let before = replay.days[0].0 - Duration::microseconds(1);
    let data = replay.app.query(
        "query ($at: DateTime!) { segment(key: \"lt\") { memberCount(asOf: $at) } }",
        json!({ "at": before }),
    );
    assert_eq!(data["segment"]["memberCount"], json!(0));
}

#[test]
fn changes_growth_and_histories_agree_with_every_day() {
    let replay = live_thirty_days();
    let mut histories: BTreeMap<String, Vec<(usize, String, &str)>> = BTreeMap::new();
    for key in replay.rules.keys() {
        let mut expected = Vec::new();
        for day in (0..DAYS).filter(|day| replay.is_made(*day, key)) {
            let before = match day {
                0 => BTreeSet::new(),
                _ => replay.members(day - 1, key),
            };
            let after = replay.members(day, key);
            let joined: Vec<&String> = after.difference(&before).collect();
            let left: Vec<&String> = before.difference(&after).collect();
            for (people, direction) in [(&joined, "JOINED"), (&left, "LEFT")] {
                for email in people {
                    let history = histories.entry((*email).clone()).or_default();
                    history.push((day, key.clone(), direction));
                }
            }
            let nodes = |emails: &[&String]| -> Value {
                let nodes = emails.iter().map(|email| json!({ "email": email }));
                nodes.collect()
            };
            // Members of the day before who are not members any more because they were deleted, by then or since.
            let everybody = |day: usize| replay.days[day].1.get(key).cloned().unwrap_or_default();
            let earlier = if day == 0 {
                BTreeSet::new()
            } else {
                everybody(day - 1)
            };
            let later = everybody(day);
            let gone = earlier
                .difference(&later)
                .filter(|email| !replay.people.contains_key(*email));
            expected.push(json!({"refresh": {"asOf": replay.days[day].0.to_rfc3339()},
                "joined": {"nodes": nodes(&joined)}, "left": {"nodes": nodes(&left)},
                "deleted": {"totalCount": gone.count()}}));
        }
        expected.reverse();
        let data = replay.app.query(
            "query ($key: String!) { segment(key: $key) { changes { nodes { refresh { asOf } \
             joined(orderBy: EMAIL) { nodes { email } } left(orderBy: EMAIL) { nodes { email } } deleted { totalCount } } } } }",
            json!({ "key": key }),
        );
        assert_eq!(
            data["segment"]["changes"]["nodes"],
            json!(expected),
            "{key}"
        );
        check_growth(&replay, key);
    }
    for email in replay.people.keys() {
        let mut expected = histories.remove(email).unwrap_or_default();
        let id_of = |key: &str| {
            replay
                .app
                .db()
                .run_here(|connection| rollcall::audience::segment::find_by_key(connection, key))
        };
        expected.sort_by_key(|(day, key, _)| {
            let id = id_of(key).expect("a row").expect("a segment").id;
            (std::cmp::Reverse(*day), id)
        });
        let expected: Vec<Value> = expected
            .iter()
            .map(|(day, key, direction)| json!({"at": replay.days[*day].0.to_rfc3339(), "direction": direction, "segment": {"key": key}}))
            .collect();
        let data = replay.app.query(
            "query ($email: String!) { subscriber(email: $email) { history(first: 250) { totalCount nodes { at direction segment { key } } } } }",
            json!({ "email": email }),
        );
        assert_eq!(
            data["subscriber"]["history"],
            json!({"totalCount": expected.len(), "nodes": expected}),
            "{email}"
        );
    }
}

/// Growth tells what was counted at the time, also of those who do not exist any more. A day has how many members there
/// are, joined, left and were deleted.
#[track_caller]
fn check_growth(replay: &Replay, key: &str) {
    let counted: Vec<(DateTime<Utc>, [usize; 4])> = (0..DAYS)
        .filter_map(|day| {
            let after = replay.days[day].1.get(key)?;
            let nobody = BTreeSet::new();
            let before = match day {
                0 => &nobody,
                _ => replay.days[day - 1].1.get(key).unwrap_or(&nobody),
            };
            let day_of = replay.days[day].0;
            let exists = |email: &&String| replay.existing[day].contains(*email);
            let left = before.difference(after).filter(exists).count();
            let joined = after.difference(before).count();
            let deleted = before.len() + joined - left - after.len();
            Some((day_of, [after.len(), joined, left, deleted]))
        })
        .collect();
    let growth = |by: &str| {
        let data = replay.app.query(
            "query ($key: String!, $from: DateTime!, $to: DateTime!, $by: GrowthBy!) { segment(key: $key) { \
             growth(from: $from, to: $to, by: $by) { start memberCount joinedCount leftCount deletedCount } } }",
            json!({"key": key, "by": by, "from": replay.days[0].0, "to": replay.days[DAYS - 1].0 + Duration::days(1)}),
        );
        data["segment"]["growth"].clone()
    };
    let point = |start: DateTime<Utc>, [members, joined, left, deleted]: [usize; 4]| {
        json!({"start": start.to_rfc3339(),
        "memberCount": members, "joinedCount": joined, "leftCount": left, "deletedCount": deleted})
    };
    let each: Vec<Value> = counted
        .iter()
        .map(|(at, counts)| point(*at, *counts))
        .collect();
    assert_eq!(growth("REFRESH"), json!(each), "{key}");
    // March 2026 is a month of its own in Vilnius, which is two hours ahead at its beginning.
    let month = counted
        .iter()
        .fold([0; 4], |[_, joined, left, deleted], (_, day)| {
            [day[0], joined + day[1], left + day[2], deleted + day[3]]
        });
    let start = "2026-02-28T22:00:00Z".parse().expect("an instant");
    assert_eq!(growth("MONTH"), json!([point(start, month)]), "{key}");
    let weeks = growth("WEEK");
    let joined = weeks.as_array().expect("a list").iter();
    let joined: u64 = joined.filter_map(|week| week["joinedCount"].as_u64()).sum();
    assert_eq!(joined, month[1] as u64, "{key}");
    assert_eq!(growth("DAY").as_array().map(Vec::len), Some(counted.len()));
}

#[test]
fn what_is_folded_away_is_an_error_and_never_a_guess() {
    let replay = live_thirty_days();
    let cut = replay.days[20].0;
    let rows = replay
        .app
        .db()
        .run_here(|connection| fold_history(connection, cut))
        .expect("a fold");
    assert!(rows > 20, "{rows} rows went");
    let ask = |at: DateTime<Utc>| {
        replay.app.respond(
            "query ($at: DateTime!) { segment(key: \"lt\") { memberCount(asOf: $at) } }",
            json!({ "at": at }),
        )
    };
    for day in 0..DAYS {
        let response = ask(replay.days[day].0);
        if day >= 19 {
            let expected = replay.days[day].1["lt"].len();
            assert_eq!(response["data"]["segment"]["memberCount"], json!(expected));
            continue;
        }
        let error = &response["errors"][0];
        assert_eq!(error["extensions"]["code"], json!("BAD_USER_INPUT"));
        let message = format!(
            "asOf: changes are only kept since {:?}, and {:?} is earlier",
            replay.days[19].0, replay.days[day].0
        );
        assert_eq!(error["message"], json!(message));
    }
    // Whoever joined before is a member since nobody knows when; whoever joined later, since then.
    let data = replay.app.query(
        "{ segment(key: \"not-de\") { members(first: 250) { edges { joinedAt node { email } } } \
         changes(last: 1) { nodes { joinedCount } } } }",
        json!({}),
    );
    for edge in data["segment"]["members"]["edges"]
        .as_array()
        .expect("a list")
    {
        let email = edge["node"]["email"].as_str().expect("an e-mail");
        let joined_on = replay.joined_on(DAYS - 1, "not-de", email);
        let expected = match joined_on {
            20.. => json!(replay.days[joined_on].0.to_rfc3339()),
            _ => Value::Null,
        };
        assert_eq!(edge["joinedAt"], expected, "{email}");
    }
    let refused = replay.app.respond(
        "{ segment(key: \"lt\") { changes(last: 1) { nodes { joined { totalCount } } } } }",
        json!({}),
    );
    assert_eq!(refused["errors"][0]["extensions"]["code"], json!("RESYNC"));
    // Folding again with a setting that keeps more brings nothing back, and takes nothing.
    let earlier = replay.days[3].0;
    let again = replay
        .app
        .db()
        .run_here(|connection| fold_history(connection, earlier));
    assert_eq!(again.expect("a fold"), 0);
    assert_eq!(ask(replay.days[10].0)["data"], json!({"segment": null}));
}

#[test]
fn a_refresh_by_another_clock_folds_nothing_that_is_kept() {
    let replay = live_thirty_days();
    // As `rollcall refresh --now 1997-10-01T00:00:00Z` does.
    replay.app.set_time("1997-10-01T00:00:00Z");
    replay.app.refresh();
    let before = replay.days[0].0 - Duration::days(1);
    let folded = replay
        .app
        .db()
        .run_here(|connection| fold_history(connection, before));
    assert_eq!(folded.expect("a fold"), 0);
}

#[test]
fn overlaps_are_counted_with_segments_and_groups() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for number in 0..12 {
        let values = json!({"country": if number % 2 == 0 { "LT" } else { "LV" },
            "city": if number % 3 == 0 { Some("Vilnius") } else { None }});
        app.subscriber(&format!("p{number:02}@x.lt"), values);
    }
    let group: Vec<String> = [0, 1, 2].map(|number| format!("p{number:02}@x.lt")).into();
    app.group("few", &group.iter().map(String::as_str).collect::<Vec<_>>());
    app.segment(
        "lt",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    app.segment(
        "vilnius",
        json!({"text": {"field": "city", "is": {"equals": "vilnius"}}}),
    );
    app.segment("nobody", json!({"not": {"everyone": true}}));
    app.refresh();
    let overlap = |with: Value| {
        let data = app.query(
            "query ($with: MembershipTarget!) { segment(key: \"lt\") { overlap(with: $with) { \
             thisCount otherCount bothCount eitherCount onlyThisCount onlyOtherCount } } }",
            json!({ "with": with }),
        );
        let counts = data["segment"]["overlap"]
            .as_object()
            .expect("counts")
            .values();
        counts.filter_map(Value::as_u64).collect::<Vec<_>>()
    };
    assert_eq!(overlap(json!({"segment": "vilnius"})), [6, 4, 2, 8, 4, 2]);
    assert_eq!(overlap(json!({"segment": "lt"})), [6, 6, 6, 6, 0, 0]);
    assert_eq!(overlap(json!({"segment": "nobody"})), [6, 0, 0, 6, 6, 0]);
    assert_eq!(overlap(json!({"group": "few"})), [6, 3, 2, 7, 4, 1]);
}
