//! Random people.

use super::*;
use crate::naive::{CustomValue, Event, Person};
use proptest::collection::vec;
use std::{collections::BTreeMap, iter::zip};

/// People with many missing values. Their ids are still to be given, and addresses are not unique.
pub fn arb_person() -> impl Strategy<Value = Person> {
    let groups = GROUPS.map(|_| perhaps(arb_instant()));
    let traits = (
        arb_texts(),
        perhaps(select(&DAYS[..])),
        arb_instants(),
        perhaps(select(&PLACES[..])),
        arb_custom(),
    );
    let deeds = (groups, vec(arb_event(), 0..=12));
    (among(words("email")), select(&STATUSES[..]), traits, deeds).prop_map(
        |(email, status, (text, birthday, instants, place, custom), (groups, events))| Person {
            id: 0,
            email: email.to_owned(),
            status,
            text,
            birthday,
            instants,
            place,
            custom,
            groups: present(GROUPS.map(str::to_owned), groups),
            events,
        },
    )
}

/// The keys that have a value, with it.
fn present<K: Ord, V, const N: usize>(keys: [K; N], values: [Option<V>; N]) -> BTreeMap<K, V> {
    let pairs = zip(keys, values);
    pairs
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
}

fn arb_words(field: &str) -> impl Strategy<Value = String> + use<> {
    among(words(field)).prop_map(str::to_owned)
}

fn arb_texts() -> impl Strategy<Value = BTreeMap<&'static str, String>> {
    let texts = TEXT_FIELDS.map(|field| perhaps(arb_words(field)));
    texts.prop_map(|texts| present(TEXT_FIELDS, texts))
}

fn arb_instants() -> impl Strategy<Value = BTreeMap<&'static str, DateTime<Utc>>> {
    let always = || arb_instant().prop_map(Some);
    let maybe = || perhaps(arb_instant());
    (always(), always(), maybe(), maybe())
        .prop_map(|instants| present(INSTANT_FIELDS, instants.into()))
}

fn arb_custom() -> impl Strategy<Value = BTreeMap<String, CustomValue>> {
    let value = |(key, kind): (&str, &str)| match kind {
        "text" => arb_words(key).prop_map(CustomValue::Text).boxed(),
        "number" => arb_number().prop_map(CustomValue::Number).boxed(),
        "date" => select(&DAYS[..]).prop_map(CustomValue::Date).boxed(),
        "datetime" => arb_instant().prop_map(CustomValue::Datetime).boxed(),
        "boolean" => any::<bool>().prop_map(CustomValue::Boolean).boxed(),
        "list" => vec(arb_words(key), 0..=4)
            .prop_map(CustomValue::List)
            .boxed(),
        unknown => panic!("no values of type {unknown}"),
    };
    let values = CUSTOM_FIELDS.map(|field| perhaps(value(field)));
    values.prop_map(|values| present(CUSTOM_FIELDS.map(|(key, _)| key.to_owned()), values))
}

fn arb_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => select(numbers()).prop_map(|value| value.as_f64().expect("a number")),
        1 => proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL,
    ]
}

fn arb_event() -> impl Strategy<Value = Event> {
    let (cent, whole) = (10_000, 1_000_000);
    let mut values = [0, 1, 10 * cent, 20 * cent, 10 * whole, 9_999 * cent, -whole].repeat(2);
    values.extend([MAX_MILLIONTHS, -MAX_MILLIONTHS, 123_456_789_012_345_678]);
    let name = select(&EVENTS[..]).prop_map(str::to_owned);
    let properties = PROPERTIES.map(|(key, kind)| perhaps(arb_property(key, kind)));
    let event = |(name, occurred_at, value, properties)| Event {
        name,
        occurred_at,
        value,
        properties: present(PROPERTIES.map(|(key, _)| key.to_owned()), properties)
            .into_iter()
            .collect(),
    };
    (name, arb_instant(), perhaps(select(values)), properties).prop_map(event)
}

/// Mostly a value that tests of that kind can read, else one of any kind.
fn arb_property(key: &'static str, kind: &str) -> BoxedStrategy<Value> {
    let right = match kind {
        "text" => arb_words(key).prop_map(Value::from).boxed(),
        "number" => arb_number().prop_map(Value::from).boxed(),
        "date" => arb_literal(true).prop_map(Value::from).boxed(),
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "list" => vec(arb_words(key), 0..=3).prop_map(Value::from).boxed(),
        unknown => panic!("no properties of kind {unknown}"),
    };
    let any_kind = [
        json!(null),
        json!(3),
        json!("3"),
        json!(true),
        json!("false"),
        json!(""),
        json!({"red": 1}),
        json!([3, "red", null, "", ["grün"]]),
        json!("red"),
        json!("2026-02-30"),
        json!("2026-3-29"),
        json!("2026-03-29T01:00:00"),
        json!("2026-03-29T01:00:00.0000009Z"),
        json!("0000-01-01"),
    ];
    prop_oneof![3 => right, 1 => select(any_kind.to_vec())].boxed()
}
