//! What each test means: people with values at its boundaries, and whom it finds, written by hand.

mod dates;
mod days;
mod events;
mod logic;
mod values;

use crate::columns::{evaluate, read};
use crate::naive::{CustomValue, Event, Moment, Person};
use arrow_buffer::BooleanBuffer;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Debug, str::FromStr};

/// An ordinary moment for tests that do not depend on it.
const NOON: &str = "2026-07-15T12:00:00Z UTC";

/// People with names, at a moment.
struct Audience {
    moment: Moment,
    people: Vec<(String, Person)>,
}

/// People named by the value they have, separated by bars, and before them `none`, who has nothing at all.
/// The moment is an instant and a time zone.
fn audience(moment: &str, values: &str, make: impl Fn(&str) -> Person) -> Audience {
    let (now, zone) = moment.split_once(' ').expect("an instant and a time zone");
    let people = values.split(" | ").filter(|value| !value.is_empty());
    let people = people.map(|value| (value.to_owned(), make(value)));
    Audience {
        moment: Moment {
            now: parse(now),
            zone: parse(zone),
        },
        people: std::iter::once(("none".to_owned(), nobody()))
            .chain(people)
            .collect(),
    }
}

/// Asserts that a rule finds these people, separated by bars, and its complement all others.
#[track_caller]
fn check(audience: &Audience, rule: Value, expected: &str) {
    // Ids without a subscriber lie between the people: no rule finds those.
    let people = audience.people.iter();
    let rows: Vec<Option<Person>> = people
        .flat_map(|(_, person)| [None, Some(person.clone()), None])
        .collect();
    let complement = json!({ "not": rule });
    let rules = [&rule, &complement].map(|rule| {
        let described = |problems| panic!("{rule} has problems: {problems:?}");
        read(rule).unwrap_or_else(described)
    });
    let members = evaluate(&rules, &rows, &audience.moment);
    let names = |members: &BooleanBuffer| -> Vec<&str> {
        let person = |row: usize| match row % 3 {
            1 => &audience.people[row / 3].0,
            _ => "somebody who does not exist",
        };
        members.set_indices().map(person).collect()
    };
    assert_eq!(names(&members[0][0]).join(" | "), expected, "{rule}");

    let expected: Vec<&str> = expected.split(" | ").collect();
    let all = audience.people.iter().map(|(name, _)| name.as_str());
    let others: Vec<&str> = all.filter(|name| !expected.contains(name)).collect();
    assert_eq!(names(&members[1][0]), others, "not {rule}");
}

fn parse<T: FromStr<Err: Debug>>(text: &str) -> T {
    let value = text.parse();
    value.unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

/// Somebody of whom nothing is known that can be missing.
fn nobody() -> Person {
    Person {
        email: "nobody@example.com".to_owned(),
        status: "subscribed",
        text: BTreeMap::new(),
        birthday: None,
        instants: BTreeMap::new(),
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
