//! A mirror of groups and of the members of segments, kept by webhooks alone, is the audience after random changes.

use super::{create, deliver, in_lithuania};
use crate::support::TestApp;
use crate::webhooks::receiver::{Received, Receiver, Reply};
use chrono::{Duration, SecondsFormat};
use diesel::connection::SimpleConnection;

use proptest::test_runner::{RngAlgorithm, TestRng};
use rand::Rng;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// How many changes are made.
const CHANGES: usize = 300;
/// How many people they are made to.
const PEOPLE: u32 = 40;

/// What a receiver knows: the ids of people by group and by segment.
#[derive(Default)]
struct Mirror {
    seen: HashSet<String>,
    lists: BTreeMap<(&'static str, String), BTreeSet<String>>,
}

impl Mirror {
    /// Takes a message, as the documentation tells receivers to.
    fn take(&mut self, app: &TestApp, message: &Received) {
        if !self.seen.insert(message.id().to_owned()) {
            return;
        }
        let data = message.data();
        let key = |what: &str| data[what]["key"].as_str().unwrap_or_default().to_owned();
        match message.message_type().as_str() {
            "segment.members.changed" => {
                let list = self.lists.entry(("segment", key("segment"))).or_default();
                list.extend(ids(&data["joined"]));
                ids(&data["left"]).for_each(|id| _ = list.remove(&id));
            }
            "group.members.changed" => {
                let list = self.lists.entry(("group", key("group"))).or_default();
                list.extend(ids(&data["added"]));
                ids(&data["removed"]).for_each(|id| _ = list.remove(&id));
            }
            "segment.filled" => {
                let key = key("segment");
                let loaded = load(app, "segment", &key);
                self.lists.insert(("segment", key), loaded);
            }
            "subscriber.deleted" => {
                let deleted = data["deletedIds"].as_array().expect("a list").iter();
                for id in deleted.map(|id| id.as_str().expect("an id")) {
                    self.lists.values_mut().for_each(|list| _ = list.remove(id));
                }
            }
            "webhook.resync" => {
                *self = Mirror {
                    lists: load_all(app),
                    ..Mirror::default()
                }
            }
            other => panic!("{other} was not asked for"),
        }
    }
}

fn ids(people: &Value) -> impl Iterator<Item = String> {
    let people = people.as_array().expect("a list").iter();
    people.map(|person| person["id"].as_str().expect("an id").to_owned())
}

/// Loads the members of a group or a segment by the API.
fn load(app: &TestApp, what: &str, key: &str) -> BTreeSet<String> {
    let document = format!(
        "query ($key: String!) {{ {what}(key: $key) {{ members(first: 250) {{ nodes {{ id }} }} }} }}"
    );
    let data = app.query(&document, json!({ "key": key }));
    ids(&data[what]["members"]["nodes"]).collect()
}

fn load_all(app: &TestApp) -> BTreeMap<(&'static str, String), BTreeSet<String>> {
    let lists = [
        ("segment", "lt"),
        ("segment", "vip"),
        ("group", "a"),
        ("group", "b"),
    ];
    let loaded = lists.map(|(what, key)| ((what, key.to_owned()), load(app, what, key)));
    loaded.into_iter().collect()
}

/// Draws numbers; the same in every run.
struct Dice(TestRng);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        self.0.next_u32() % end
    }
}

/// Lets time pass.
fn pass(app: &TestApp, time: Duration) {
    let then = app.app.now() + time;
    app.set_time(&then.to_rfc3339_opts(SecondsFormat::Micros, true));
}

/// Changes something.
fn change(app: &TestApp, dice: &mut Dice) {
    let email = format!("p{}@example.com", dice.below(PEOPLE));
    let group = ["a", "b"][dice.below(2) as usize];
    match dice.below(20) {
        0..9 => {
            let country = ["LT", "LV", "DE"][dice.below(3) as usize];
            app.subscriber(&email, json!({ "country": country }));
        }
        9..14 => {
            app.mutate(
                "mutation ($group: String!, $email: String!) { addToGroup(input: {group: $group, emails: [$email]}) { userErrors { message } } }",
                json!({ "group": group, "email": email }),
            );
        }
        14..16 => {
            app.mutate(
                "mutation ($group: String!, $email: String!) { removeFromGroup(input: {group: $group, emails: [$email]}) { userErrors { message } } }",
                json!({ "group": group, "email": email }),
            );
        }
        16..17 => {
            let found = app.query(
                "query ($email: String!) { subscriber(email: $email) { id } }",
                json!({ "email": email }),
            );
            if let Some(id) = found["subscriber"]["id"].as_str() {
                super::delete(app, id);
            }
        }
        _ => {
            pass(app, Duration::hours(1));
            app.refresh();
        }
    }
    let follow = rollcall::follow::follow_touches(app.db(), &app.app.refresh);
    follow.expect("changes are followed");
}

#[test]
fn a_mirror_by_webhooks_alone_is_the_audience() {
    let app = TestApp::at(super::NOW);
    app.group("a", &[]);
    app.group("b", &[]);
    app.segment("lt", in_lithuania());
    app.mutate(
        "mutation ($rule: JSON!) { createSegment(input: {key: \"vip\", mode: INSTANT, ruleJson: $rule}) { userErrors { message } } }",
        json!({"rule": {"all": [{"group": {"inAny": ["a"]}}, {"not": in_lithuania()}]}}),
    );
    app.refresh();
    let receiver = Receiver::start();
    let types = ["SEGMENT_MEMBERS_CHANGED", "GROUP_MEMBERS_CHANGED"];
    create(&app, &receiver.url, &types, json!({"peoplePerMessage": 3}));
    let mut mirror = Mirror {
        lists: load_all(&app),
        ..Mirror::default()
    };
    let mut dice = Dice(TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut told = 0;
    for number in 0..CHANGES {
        change(&app, &mut dice);
        // Long enough for the next attempt after a failure.
        pass(&app, Duration::minutes(6));
        if dice.below(3) == 0 {
            if dice.below(6) == 0 {
                receiver.reply([Reply::Status(503, "")]);
            }
            deliver(&app);
        }
        if number == CHANGES / 2 {
            let lost = app
                .db()
                .run_here(|connection| Ok(connection.batch_execute("SELECT renew_history()")?));
            lost.expect("another history");
        }
        for message in receiver.take() {
            told += 1;
            mirror.take(&app, &message);
        }
    }
    // Failures left over are tried again until everything is told.
    for _ in 0..5 {
        pass(&app, Duration::hours(1));
        deliver(&app);
        receiver
            .take()
            .iter()
            .for_each(|message| mirror.take(&app, message));
    }
    assert!(told > CHANGES / 4, "{told}");
    assert_eq!(mirror.lists, load_all(&app));
    let members: usize = mirror.lists.values().map(BTreeSet::len).sum();
    assert!(members > 5, "{members}");
}
