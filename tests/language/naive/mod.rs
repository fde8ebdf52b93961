//! The rule language a second time: one person, one condition, one comparison after the other.
//!
//! It shares no code with the evaluator under test, and is plain rather than fast. Rules are taken
//! to be valid; an unknown node or test panics, so that it can never mean "everybody".

mod dates;
mod events;
mod tests;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use dates::{date_holds, is_in_window};
use events::event_holds;
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use twox_hash::XxHash64;

/// Everything a rule can ask about one subscriber.
#[derive(Clone, Debug)]
pub struct Person {
    /// Which subscriber it is.
    pub id: i64,
    /// The normalised address.
    pub email: String,
    /// `subscribed`, `unsubscribed`, `bounced`, `complained` or `pending`.
    pub status: &'static str,
    /// Built-in text fields by their name in rules; a missing value has no entry.
    pub text: BTreeMap<&'static str, String>,
    /// The day of birth.
    pub birthday: Option<NaiveDate>,
    /// `createdAt`, `updatedAt`, `subscribedAt` and `unsubscribedAt`; a missing value has no entry.
    pub instants: BTreeMap<&'static str, DateTime<Utc>>,
    /// Degrees north and east.
    pub place: Option<(f64, f64)>,
    /// Custom values by key, without the `custom.` in front.
    pub custom: BTreeMap<String, CustomValue>,
    /// Keys of the groups the person is in, and since when.
    pub groups: BTreeMap<String, DateTime<Utc>>,
    /// What the person did, in any order.
    pub events: Vec<Event>,
}

/// The value of a custom field.
#[derive(Clone, Debug, PartialEq)]
pub enum CustomValue {
    /// Trimmed, never empty.
    Text(String),
    /// Never NaN nor infinite.
    Number(f64),
    /// A day without a time.
    Date(NaiveDate),
    /// An instant.
    Datetime(DateTime<Utc>),
    /// A stored `false` differs from a missing value.
    Boolean(bool),
    /// Several texts, none of them empty.
    List(Vec<String>),
}

/// Something a person did.
#[derive(Clone, Debug)]
pub struct Event {
    /// What it was.
    pub name: String,
    /// When it was.
    pub occurred_at: DateTime<Utc>,
    /// What it was worth, in millionths.
    pub value: Option<i64>,
    /// What else is known of it: any JSON.
    pub properties: Map<String, Value>,
}

/// Everything a rule can ask about beside the person.
#[derive(Clone, Debug)]
pub struct World {
    /// When it is asked.
    pub moment: Moment,
    /// The segments by key.
    pub segments: BTreeMap<String, Segment>,
    /// What is stored of memberships of segments that have rules, by key and id.
    pub past: BTreeMap<String, BTreeMap<i64, Past>>,
}

/// The stored memberships of one person in one segment.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Whether the last of them has not ended.
    pub is_member: bool,
    /// When they began, oldest first; none of a member whose membership is older than what is kept.
    pub joined: Vec<DateTime<Utc>>,
}

impl World {
    /// What is stored of one person and one segment.
    pub fn past_of(&self, segment: &str, id: i64) -> Past {
        let past = self.past.get(segment).and_then(|past| past.get(&id));
        let past = past.cloned().unwrap_or_default();
        match &self.segments[segment] {
            Segment::Rule(_) => past,
            Segment::Stored(members) => Past {
                is_member: members.contains(&id),
                ..past
            },
        }
    }
}

/// A segment that rules ask about.
#[derive(Clone, Debug)]
pub enum Segment {
    /// Its members are those whom its rule finds.
    Rule(Value),
    /// An archived or invalid one: its members stay who they were, by id.
    Stored(BTreeSet<i64>),
}

/// The "now" of an evaluation and the time zone whose days and wall clock count.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The refresh's `as_of`.
    pub now: DateTime<Utc>,
    /// The configured time zone.
    pub zone: Tz,
}

impl Moment {
    fn day_of(&self, instant: DateTime<Utc>) -> NaiveDate {
        instant.with_timezone(&self.zone).date_naive()
    }
}

/// Whether the rule, a node of the JSON document, is true of the person.
pub fn is_member(rule: &Value, person: &Person, world: &World) -> bool {
    let (kind, body) = only_entry(rule);
    let holds = |node: &Value| is_member(node, person, world);
    let is_status = |status: &Value| string(status).to_lowercase() == person.status;
    match kind {
        "all" => items(body).iter().all(holds),
        "any" => items(body).iter().any(holds),
        "not" => !holds(body),
        "everyone" => truth(body),
        "text" | "number" | "date" | "boolean" | "list" => {
            let value = find_value(person, string(&body["field"]));
            value_holds(kind, body, value, &world.moment)
        }
        "status" => items(&body["in"]).iter().any(is_status),
        "location" => location_holds(body, person.place),
        "group" => group_holds(body, person, &world.moment),
        "segment" => quantify(body, |key| segment_holds(body, key, person, world)),
        "event" => event_holds(body, person, &world.moment),
        "random" => random_holds(body, person.id),
        unknown => panic!("unknown node {unknown}"),
    }
}

/// Whether a test of a value holds: of a field, or of a property of an event.
fn value_holds(kind: &str, body: &Value, value: Option<CustomValue>, moment: &Moment) -> bool {
    let is = &body["is"];
    match kind {
        "text" => text_holds(body, value),
        "number" => number_holds(is, value.map(as_number)),
        "date" => date_holds(is, value, moment),
        "boolean" => boolean_holds(is, value),
        "list" => list_holds(is, value),
        unknown => panic!("unknown kind of value {unknown}"),
    }
}

fn only_entry(object: &Value) -> (&str, &Value) {
    let object = object.as_object().expect("an object");
    assert_eq!(object.len(), 1, "exactly one key in {object:?}");
    let (key, value) = object.iter().next().expect("one entry");
    (key, value)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

fn string(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn truth(value: &Value) -> bool {
    value.as_bool().expect("true or false")
}

fn as_number(value: CustomValue) -> f64 {
    match value {
        CustomValue::Number(number) => number,
        other => panic!("{other:?} is not a number"),
    }
}

fn find_value(person: &Person, field: &str) -> Option<CustomValue> {
    if let Some(key) = field.strip_prefix("custom.") {
        return person.custom.get(key).cloned();
    }
    let text = |text: &str| Some(CustomValue::Text(text.to_owned()));
    let instant = |field| Some(CustomValue::Datetime(*person.instants.get(field)?));
    match field {
        "email" => text(&person.email),
        "email.domain" => text(person.email.rsplit('@').next()?),
        "birthday" => person.birthday.map(CustomValue::Date),
        _ if field.ends_with("At") => instant(field),
        _ => text(person.text.get(field)?),
    }
}

/// Fields whose values have one form only.
const CODES: [&str; 5] = ["email", "email.domain", "country", "language", "timezone"];
/// Tests that compare whole values.
const WHOLE: [&str; 4] = ["equals", "notEquals", "in", "notIn"];

fn text_holds(body: &Value, value: Option<CustomValue>) -> bool {
    let (test, wanted) = only_entry(&body["is"]);
    // Whole codes and addresses are brought into the one form in which they are stored, letter case included.
    let has_one_form = body["field"]
        .as_str()
        .is_some_and(|field| CODES.contains(&field))
        && WHOLE.contains(&test);
    let exact = body.get("caseSensitive").is_some_and(truth) && !has_one_form;
    let passes = |test| match &value {
        None => false,
        Some(CustomValue::Text(text)) => text_passes(text, test, wanted, exact),
        Some(other) => panic!("{other:?} is not a text"),
    };
    match test {
        "isSet" => value.is_some() == truth(wanted),
        "notEquals" => !passes("equals"),
        "notIn" => !passes("in"),
        "notContains" => !passes("contains"),
        _ => passes(test),
    }
}

fn text_passes(value: &str, test: &str, wanted: &Value, exact: bool) -> bool {
    let fold = |text: &str| match exact {
        true => text.to_owned(),
        false => text.to_lowercase(),
    };
    let folded = fold(value);
    match test {
        "equals" => folded == fold(string(wanted)),
        "in" => items(wanted).iter().any(|one| folded == fold(string(one))),
        "contains" => folded.contains(&fold(string(wanted))),
        "startsWith" => folded.starts_with(&fold(string(wanted))),
        "endsWith" => folded.ends_with(&fold(string(wanted))),
        "matches" => {
            let pattern = (string(wanted).to_owned(), exact);
            PATTERNS.with_borrow_mut(|known| {
                let pattern = known.entry(pattern).or_insert_with_key(compile);
                pattern.is_match(value)
            })
        }
        unknown => panic!("unknown text test {unknown}"),
    }
}

thread_local! {
    /// Compiled patterns, by text and whether letter case counts: compiling takes longer than all else.
    static PATTERNS: RefCell<HashMap<(String, bool), Regex>> = RefCell::default();
}

fn compile((pattern, exact): &(String, bool)) -> Regex {
    let mut pattern = RegexBuilder::new(pattern);
    let pattern = pattern.case_insensitive(!exact).build();
    pattern.expect("a valid pattern")
}

fn number_holds(is: &Value, value: Option<f64>) -> bool {
    let (test, wanted) = only_entry(is);
    let passes = |holds: fn(f64, f64) -> bool| value.is_some_and(|v| holds(v, number(wanted)));
    match test {
        "isSet" => value.is_some() == truth(wanted),
        "equals" => passes(|v, w| v == w),
        "notEquals" => !passes(|v, w| v == w),
        "greaterThan" => passes(|v, w| v > w),
        "atLeast" => passes(|v, w| v >= w),
        "lessThan" => passes(|v, w| v < w),
        "atMost" => passes(|v, w| v <= w),
        "between" => {
            value.is_some_and(|v| number(&wanted["from"]) <= v && v <= number(&wanted["to"]))
        }
        "in" => value.is_some_and(|v| items(wanted).iter().any(|one| v == number(one))),
        unknown => panic!("unknown number test {unknown}"),
    }
}

fn boolean_holds(is: &Value, value: Option<CustomValue>) -> bool {
    let (test, wanted) = only_entry(is);
    match test {
        "isSet" => value.is_some() == truth(wanted),
        "isTrue" => truth(wanted) && value == Some(CustomValue::Boolean(true)),
        "isFalse" => truth(wanted) && value == Some(CustomValue::Boolean(false)),
        unknown => panic!("unknown boolean test {unknown}"),
    }
}

fn list_holds(is: &Value, value: Option<CustomValue>) -> bool {
    let (test, wanted) = only_entry(is);
    let list = match value {
        None => Vec::new(),
        Some(CustomValue::List(list)) => list,
        Some(other) => panic!("{other:?} is not a list"),
    };
    let folded: Vec<String> = list.iter().map(|item| item.to_lowercase()).collect();
    let has = |item: &Value| folded.contains(&string(item).to_lowercase());
    match test {
        "isSet" => list.is_empty() != truth(wanted),
        "containsAny" => items(wanted).iter().any(has),
        "containsAll" => items(wanted).iter().all(has),
        "containsNone" => !items(wanted).iter().any(has),
        "size" => number_holds(wanted, Some(list.len() as f64)),
        unknown => panic!("unknown list test {unknown}"),
    }
}

fn location_holds(body: &Value, place: Option<(f64, f64)>) -> bool {
    let (test, wanted) = only_entry(body);
    match test {
        "isSet" => place.is_some() == truth(wanted),
        "within" => place.is_some_and(|place| {
            let centre = (number(&wanted["latitude"]), number(&wanted["longitude"]));
            let (away, radius) = (distance_km(place, centre), number(&wanted["radiusKm"]));
            // There the last bit of a sine decides, and no expectation holds.
            assert!((away - radius).abs() > 1e-6, "{place:?} is on the circle");
            away < radius
        }),
        unknown => panic!("unknown location test {unknown}"),
    }
}

/// The distance along the great circle, from the straight line through the earth.
fn distance_km(one: (f64, f64), other: (f64, f64)) -> f64 {
    let [one, other] = [one, other].map(|(latitude, longitude)| {
        let (north, east) = (latitude.to_radians(), longitude.to_radians());
        [
            north.cos() * east.cos(),
            north.cos() * east.sin(),
            north.sin(),
        ]
    });
    let square = |axis: usize| (one[axis] - other[axis]).powi(2);
    let chord = (square(0) + square(1) + square(2)).sqrt();
    2.0 * 6_371.008_8 * (chord / 2.0).min(1.0).asin()
}

/// Whether somebody is in one or in all of the groups or segments that the keys name.
fn quantify(body: &Value, is_in: impl Fn(&str) -> bool) -> bool {
    let is_in = |key: &Value| is_in(string(key));
    match (body.get("inAny"), body.get("inAll")) {
        (Some(keys), None) => items(keys).iter().any(is_in),
        (None, Some(keys)) => items(keys).iter().all(is_in),
        _ => panic!("exactly one quantifier in {body}"),
    }
}

/// Whether the person has a membership of the segment that counts.
fn segment_holds(body: &Value, key: &str, person: &Person, world: &World) -> bool {
    let is_in = match &world.segments[key] {
        Segment::Rule(rule) => is_member(rule, person, world),
        Segment::Stored(members) => members.contains(&person.id),
    };
    let (ever, window) = (body.get("ever").is_some_and(truth), body.get("joinedAt"));
    if !ever && window.is_none() {
        return is_in;
    }
    let past = world.past_of(key, person.id);
    // When each began, and whether it lasts until now.
    let mut memberships: Vec<(Option<DateTime<Utc>>, bool)> =
        past.joined.iter().map(|at| (Some(*at), false)).collect();
    if past.is_member && memberships.is_empty() {
        memberships.push((None, false));
    }
    if let Some(last) = memberships.last_mut() {
        last.1 = past.is_member && is_in;
    }
    if is_in && !past.is_member {
        memberships.push((Some(world.moment.now), true));
    }
    memberships.into_iter().any(|(at, lasts)| {
        let is_in_time = match (window, at) {
            (None, _) => true,
            (Some(window), Some(at)) => is_in_window(window, at, &world.moment),
            (Some(_), None) => false,
        };
        (ever || lasts) && is_in_time
    })
}

fn group_holds(body: &Value, person: &Person, moment: &Moment) -> bool {
    let is_in_time = |added: &DateTime<Utc>| match body.get("addedAt") {
        Some(window) => is_in_window(window, *added, moment),
        None => true,
    };
    if body.get("none").is_some_and(truth) {
        return !person.groups.values().any(is_in_time);
    }
    quantify(body, |key| person.groups.get(key).is_some_and(is_in_time))
}

fn random_holds(body: &Value, id: i64) -> bool {
    let bucket = bucket(string(&body["salt"]), id) as f64;
    // Multiplied as it is written: 100 times 1.1 is 110 and nothing beside it.
    let hundredths = |percent: &Value| -> f64 {
        let number = format!("{percent}e2").parse();
        number.expect("a number without an exponent")
    };
    hundredths(&body["fromPercent"]) <= bucket && bucket < hundredths(&body["toPercent"])
}

/// A bucket out of 10,000. The hash is a published one and taken as given.
pub fn bucket(salt: &str, id: i64) -> u64 {
    let bytes = [salt.as_bytes(), &id.to_le_bytes()].concat();
    XxHash64::oneshot(0, &bytes) % 10_000
}
