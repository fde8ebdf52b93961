//! What each test means: people with values at its boundaries, and whom it finds, written by hand.

mod dates;
mod days;
mod events;
mod lists;
mod logic;
mod measures;
mod memberships;
mod past;
mod periods;
mod places;
mod properties;
mod values;

use crate::columns::{evaluate, numbered, read};
use crate::generate::SEGMENTS;
use crate::naive::{CustomValue, Event, Moment, Person, Segment, World, is_member};
use arrow_buffer::BooleanBuffer;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fmt::Debug, str::FromStr};

/// An ordinary moment for tests that do not depend on it.
const NOON: &str = "2026-07-15T12:00:00Z UTC";

/// People with names, at a moment, and the segments there are, which have nobody unless a test puts them there.
struct Audience {
    world: World,
    people: Vec<(String, Person)>,
}

/// People named by the value they have, separated by bars, and before them `none`, who has nothing at all.
/// The moment is an instant and a time zone.
fn audience(moment: &str, values: &str, make: impl Fn(&str) -> Person) -> Audience {
    let (now, zone) = moment.split_once(' ').expect("an instant and a time zone");
    let people = values.split(" | ").filter(|value| !value.is_empty());
    let people = people.map(|value| (value.to_owned(), make(value)));
    Audience {
        world: World {
            moment: Moment {
                now: parse(now),
                zone: parse(zone),
            },
            segments: SEGMENTS
                .map(|key| (key.to_owned(), Segment::Stored([].into())))
                .into(),
            past: BTreeMap::new(),
        },
        people: std::iter::once(("none".to_owned(), nobody()))
            .chain(people)
            .collect(),
    }
}

/// Asserts that a rule finds these people, separated by bars, and its complement all others.
#[track_caller]
fn check(audience: &Audience, rule: Value, expected: &str) {
    assert_eq!(find(audience, &rule).join(" | "), expected, "{rule}");
    let people = audience.people.iter();
    let expected: Vec<&str> = expected.split(" | ").collect();
    let names = people.clone().map(|(name, _)| name.as_str());
    let others: Vec<&str> = names.filter(|name| !expected.contains(name)).collect();
    assert_eq!(
        find(audience, &json!({ "not": rule })),
        others,
        "not {rule}"
    );
}

/// The names of those whom a rule finds: both evaluators the same.
#[track_caller]
fn find(audience: &Audience, rule: &Value) -> Vec<String> {
    // Ids without a subscriber lie between the people: no rule finds those.
    let people = audience.people.iter();
    let rows = numbered(people.flat_map(|(_, person)| [None, Some(person.clone()), None]));
    let described = |problems| panic!("{rule} has problems: {problems:?}");
    let checked = read(rule).unwrap_or_else(described);
    let members = evaluate(&[checked], &rows, &audience.world);
    let naive = rows.iter().map(Option::as_ref);
    let naive = naive.map(|row| row.is_some_and(|row| is_member(rule, row, &audience.world)));
    assert_eq!(members[0][0], naive.collect::<BooleanBuffer>(), "{rule}");
    let name = |row: usize| match row % 3 {
        1 => audience.people[row / 3].0.clone(),
        _ => "somebody who does not exist".to_owned(),
    };
    members[0][0].set_indices().map(name).collect()
}

fn parse<T: FromStr<Err: Debug>>(text: &str) -> T {
    let value = text.parse();
    value.unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

/// Somebody of whom nothing is known that can be missing.
fn nobody() -> Person {
    Person {
        id: 0,
        email: "nobody@example.com".to_owned(),
        status: "subscribed",
        text: BTreeMap::new(),
        birthday: None,
        instants: BTreeMap::new(),
        place: None,
        custom: BTreeMap::new(),
        groups: BTreeMap::new(),
        events: Vec::new(),
    }
}

/// Somebody with one custom value.
fn custom(key: &str, value: CustomValue) -> Person {
    Person {
        custom: [(key.to_owned(), value)].into(),
        ..nobody()
    }
}

/// Somebody who did things: names, instants and values in millionths.
fn active(events: &[(&str, &str, Option<i64>)]) -> Person {
    let event = |(name, at, value): &(&str, &str, Option<i64>)| Event {
        name: (*name).to_owned(),
        occurred_at: parse(at),
        value: *value,
        properties: Map::new(),
    };
    Person {
        events: events.iter().map(event).collect(),
        ..nobody()
    }
}

/// Somebody who was created then.
fn created(at: &str) -> Person {
    Person {
        instants: [("createdAt", parse(at))].into(),
        ..nobody()
    }
}
