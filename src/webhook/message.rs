//! Builds messages from changes. Pure, so that a repeated message is the same as long as the people in it are the same.
//!
//! A change of many people becomes several messages, its parts. Each part begins after what the endpoint has received
//! of the change. The id of a message depends on the change and on where the part begins and ends. So receivers
//! recognise a repeated message, and do not mistake a message with other people for it.

use super::message_type::MessageType;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The largest body of a message, in bytes.
pub const MAX_BODY: usize = 256_000;
/// The largest number of people in a message.
pub const MAX_PEOPLE: usize = 1_000;
/// How many people a message has if the endpoint does not set a number.
pub const DEFAULT_PEOPLE: usize = 500;

/// How many bytes of the hash are in the id of a message.
const ID_BYTES: usize = 18;

/// What a message contains besides people. It is the same in all parts of a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The type.
    pub message_type: MessageType,
    /// The time of the change.
    pub at: DateTime<Utc>,
    /// The members of `data`.
    pub data: Map<String, Value>,
}

/// A person in a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The member of `data` that lists the person, such as `joined`.
    pub side: &'static str,
    /// The person; `None` if the person was deleted since. A later message reports that.
    pub value: Option<Value>,
}

/// A body, and how many of the given entries it contains.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The body.
    pub body: String,
    /// How many entries the body contains, from the first.
    pub told: usize,
}

/// Where a part is in its change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the part, from 1.
    pub number: u32,
    /// How many entries of the change follow those that are given.
    pub behind: usize,
}

impl Head {
    /// Returns the body of a message without people.
    pub fn whole(&self) -> String {
        body(self.message_type, self.at, self.data.clone())
    }

    /// Returns the body of a message with the first of these entries. Their number is halved until the body fits. The
    /// body has a list for each of `sides`, even if it is empty.
    pub fn part(&self, sides: &[&'static str], entries: &[Entry], place: Place) -> Part {
        let mut told = entries.len();
        loop {
            let behind = place.behind + entries.len() - told;
            let body = self.render(sides, &entries[..told], place.number, behind == 0);
            if body.len() <= MAX_BODY || told == 0 {
                return Part { body, told };
            }
            if told == 1 {
                // A single person has long values. The receiver can query them through the API.
                let short = [shorten(&entries[0])];
                let body = self.render(sides, &short, place.number, behind == 0);
                return Part { body, told };
            }
            told /= 2;
        }
    }

    fn render(
        &self,
        sides: &[&'static str],
        entries: &[Entry],
        part: u32,
        is_last: bool,
    ) -> String {
        let mut data = self.data.clone();
        for side in sides {
            let people = entries.iter().filter(|entry| entry.side == *side);
            let people = people.filter_map(|entry| entry.value.clone());
            data.insert((*side).to_owned(), people.collect());
        }
        data.insert("part".to_owned(), json!(part));
        data.insert("isLast".to_owned(), json!(is_last));
        body(self.message_type, self.at, data)
    }
}

/// Keeps only `id` and `email` of a person, and sets `isShortened`.
fn shorten(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    if let Some(Value::Object(person)) = &mut entry.value {
        person.retain(|name, _| name == "id" || name == "email");
        person.insert("isShortened".to_owned(), json!(true));
    }
    entry
}

fn body(message_type: MessageType, at: DateTime<Utc>, data: Map<String, Value>) -> String {
    let timestamp = at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    json!({"type": message_type.name(), "timestamp": timestamp, "data": data}).to_string()
}

/// Returns the id of a message: a hash of the parts that distinguish it from all other messages.
pub fn message_id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    format!("msg_{}", URL_SAFE_NO_PAD.encode(&digest[..ID_BYTES]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIDES: [&str; 3] = ["joined", "left", "deletedIds"];

    fn head() -> Head {
        let data = json!({"segment": {"key": "lt"}});
        Head {
            message_type: MessageType::SegmentMembersChanged,
            at: "2026-03-01T09:30:00Z".parse().expect("a time"),
            data: data.as_object().expect("an object").clone(),
        }
    }

    fn person(number: usize, note: &str) -> Entry {
        Entry {
            side: SIDES[number % 2],
            value: Some(
                json!({"id": number.to_string(), "email": format!("{number}@example.com"), "custom.note": note}),
            ),
        }
    }

    fn place(number: u32, behind: usize) -> Place {
        Place { number, behind }
    }

    fn read(body: &str) -> Value {
        serde_json::from_str(body).expect("JSON")
    }

    #[test]
    fn a_body_has_type_timestamp_and_data() {
        insta::assert_snapshot!(
            head().whole(),
            @r#"{"type":"segment.members.changed","timestamp":"2026-03-01T09:30:00Z","data":{"segment":{"key":"lt"}}}"#
        );
        let entries = [
            person(2, "x"),
            person(1, ""),
            Entry {
                side: "deletedIds",
                value: Some(json!("9")),
            },
            Entry {
                side: "joined",
                value: None,
            },
        ];
        insta::assert_snapshot!(
            head().part(&SIDES, &entries, place(2, 0)).body,
            @r#"{"type":"segment.members.changed","timestamp":"2026-03-01T09:30:00Z","data":{"segment":{"key":"lt"},"joined":[{"id":"2","email":"2@example.com","custom.note":"x"}],"left":[{"id":"1","email":"1@example.com","custom.note":""}],"deletedIds":["9"],"part":2,"isLast":true}}"#
        );
    }

    #[test]
    fn parts_before_the_last_say_so() {
        let entries = [person(2, "x")];
        let part = head().part(&SIDES, &entries, place(1, 1));
        assert_eq!(read(&part.body)["data"]["isLast"], false);
    }

    #[test]
    fn one_person_with_long_values_is_shortened() {
        let long = "ž".repeat(MAX_BODY);
        let part = head().part(&SIDES, &[person(2, &long), person(4, "x")], place(1, 0));
        assert_eq!(part.told, 1);
        assert!(part.body.len() <= MAX_BODY);
        let data = &read(&part.body)["data"];
        let expected = json!([{"id": "2", "email": "2@example.com", "isShortened": true}]);
        assert_eq!(data["joined"], expected);
        assert_eq!(data["isLast"], false);
    }

    #[test]
    fn ids_differ_where_anything_differs() {
        let ids = [
            message_id(&["1", "23"]),
            message_id(&["12", "3"]),
            message_id(&["123"]),
            message_id(&["1", "23", ""]),
        ];
        for (place, id) in ids.iter().enumerate() {
            assert!(!ids[..place].contains(id));
            // The signed text separates id and time by a full stop.
            assert!(!id.contains('.') && id.len() == 28, "{id}");
        }
        assert_eq!(message_id(&["1", "23"]), ids[0]);
    }

    proptest! {
        /// Parts have every person once, in order, each within the bound, and only the last says that it is the last.
        #[test]
        fn parts_tell_everybody_once(lengths in proptest::collection::vec(0usize..60_000, 0..40)) {
            let people: Vec<Entry> = lengths
                .iter()
                .enumerate()
                .map(|(number, length)| person(number, &"x".repeat(*length)))
                .collect();
            let (mut rest, mut number, mut told) = (&people[..], 1, Vec::new());
            loop {
                let given = rest.len().min(7);
                let part = head().part(&SIDES, &rest[..given], place(number, rest.len() - given));
                prop_assert!(part.body.len() <= MAX_BODY);
                prop_assert!(part.told > 0 || rest.is_empty());
                let data = &read(&part.body)["data"];
                let mut ids: Vec<usize> = SIDES[..2]
                    .iter()
                    .flat_map(|side| data[side].as_array().expect("a list"))
                    .map(|person| person["id"].as_str().expect("an id").parse().expect("a number"))
                    .collect();
                ids.sort_unstable();
                told.extend(ids);
                rest = &rest[part.told..];
                prop_assert_eq!(&data["isLast"], &json!(rest.is_empty()));
                if rest.is_empty() {
                    break;
                }
                number += 1;
            }
            prop_assert_eq!(told, (0..people.len()).collect::<Vec<_>>());
        }
    }
}
