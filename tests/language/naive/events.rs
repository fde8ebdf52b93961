//! What people did, the naive way: the events that count one by one, then what is made of them.

use super::dates::{date_holds, is_in_window, start_of_day};
use super::{
    CustomValue, Event, Moment, Person, items, number_holds, only_entry, string, value_holds,
};
use chrono::{DateTime, Datelike, NaiveDate, SubsecRound};
use num_bigint::BigInt;
use serde_json::Value;
use std::collections::BTreeSet;

const NUMBER_MEASURES: [&str; 6] = ["count", "distinctDays", "sum", "average", "min", "max"];

pub fn event_holds(body: &Value, person: &Person, moment: &Moment) -> bool {
    let names = match body.get("name") {
        Some(name) => std::slice::from_ref(name),
        None => items(&body["names"]),
    };
    let filters = body.get("where").map_or(&[][..], items);
    let counts = |event: &&Event| {
        names.iter().any(|name| string(name) == event.name)
            && is_in_window(body, event.occurred_at, moment)
            && filters.iter().all(|filter| passes(filter, event, moment))
    };
    let events: Vec<&Event> = person.events.iter().filter(counts).collect();
    for measure in NUMBER_MEASURES {
        if let Some(is) = body.get(measure) {
            let measured = match body.get("of") {
                Some(property) => measure_property(measure, string(property), &events),
                None => measure_number(measure, &events, moment),
            };
            return number_holds(is, measured);
        }
    }
    let mut instants: Vec<_> = events.iter().map(|event| event.occurred_at).collect();
    instants.sort();
    for (measure, at) in [("firstAt", instants.first()), ("lastAt", instants.last())] {
        if let Some(is) = body.get(measure) {
            return date_holds(is, at.copied().map(CustomValue::Datetime), moment);
        }
    }
    !events.is_empty()
}

/// The measure of these events, or none if it is missing.
fn measure_number(measure: &str, events: &[&Event], moment: &Moment) -> Option<f64> {
    let values: Vec<i128> = events
        .iter()
        .filter_map(|event| event.value.map(i128::from))
        .collect();
    let sum = values.iter().sum::<i128>() as f64;
    let millionths = |value: &i128| *value as f64 / 1e6;
    match measure {
        "count" => Some(events.len() as f64),
        "distinctDays" => {
            let days = events.iter().map(|event| moment.day_of(event.occurred_at));
            Some(days.collect::<BTreeSet<NaiveDate>>().len() as f64)
        }
        "sum" => Some(sum / 1e6),
        "average" if values.is_empty() => None,
        // Divided once, so that the average of 0.1, 0.2 and 0.3 is 0.2.
        "average" => Some(sum / (1e6 * values.len() as f64)),
        "min" => values.iter().min().map(millionths),
        "max" => values.iter().max().map(millionths),
        unknown => panic!("unknown measure {unknown}"),
    }
}

/// The measure of the numbers in a property, or none if it is missing.
fn measure_property(measure: &str, property: &str, events: &[&Event]) -> Option<f64> {
    let number = |event: &&Event| match event.properties.get(property) {
        Some(Value::Number(number)) => number.as_f64(),
        _ => None,
    };
    let numbers: Vec<f64> = events.iter().filter_map(number).collect();
    let count = numbers.len();
    match measure {
        "sum" => Some(exact_quotient(&numbers, 1)),
        _ if numbers.is_empty() => None,
        "average" => Some(exact_quotient(&numbers, count)),
        "min" => numbers.into_iter().min_by(f64::total_cmp),
        "max" => numbers.into_iter().max_by(f64::total_cmp),
        unknown => panic!("{unknown} is of no property"),
    }
}

/// The sum of these numbers, divided, and only then made a double: by way of its decimal digits.
fn exact_quotient(numbers: &[f64], divisor: usize) -> f64 {
    // A double is a whole number of 2^-1074, which has 1,074 decimal places; 40 more show whether it lies between two.
    let sum: BigInt = numbers.iter().map(|number| in_units(*number)).sum();
    let scaled = sum * BigInt::from(5).pow(1074) * BigInt::from(10).pow(40);
    let (quotient, is_exact) = (&scaled / divisor, (&scaled % divisor) == BigInt::ZERO);
    let sticky = if is_exact { 0 } else { 1 };
    format!("{quotient}{sticky}e-1115")
        .parse()
        .expect("a number")
}

/// How many times 2^-1074 a number is.
fn in_units(number: f64) -> BigInt {
    let bits = number.abs().to_bits();
    let (exponent, fraction) = (bits >> 52, bits & ((1 << 52) - 1));
    let units = match exponent {
        0 => BigInt::from(fraction),
        _ => BigInt::from(fraction + (1 << 52)) << (exponent - 1),
    };
    if number < 0.0 { -units } else { units }
}

fn passes(filter: &Value, event: &Event, moment: &Moment) -> bool {
    let (kind, body) = only_entry(filter);
    let property = event.properties.get(string(&body["property"]));
    let value = property.and_then(|property| read_property(kind, property, moment));
    value_holds(kind, body, value, moment)
}

/// The value of a property for a test of that kind; a value of another kind is missing.
fn read_property(kind: &str, property: &Value, moment: &Moment) -> Option<CustomValue> {
    match (kind, property) {
        ("text", Value::String(text)) => {
            (!text.is_empty()).then(|| CustomValue::Text(text.clone()))
        }
        ("number", Value::Number(number)) => number.as_f64().map(CustomValue::Number),
        ("boolean", Value::Bool(flag)) => Some(CustomValue::Boolean(*flag)),
        ("date", Value::String(text)) => read_instant(text, moment),
        ("list", Value::Array(list)) => {
            let texts = list.iter().filter_map(Value::as_str);
            let texts = texts.filter(|text| !text.is_empty()).map(str::to_owned);
            Some(CustomValue::List(texts.collect()))
        }
        _ => None,
    }
}

/// An instant with its offset, or a day, which counts as its first instant; both written in full.
fn read_instant(text: &str, moment: &Moment) -> Option<CustomValue> {
    let day = text.parse::<NaiveDate>();
    let is_whole = |day: &NaiveDate| day.to_string() == text && day.year() > 0;
    if let Some(day) = day.ok().filter(is_whole) {
        return Some(CustomValue::Datetime(start_of_day(day, moment.zone)));
    }
    let instant = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    let is_in_reach = (1..=9999).contains(&instant.year());
    is_in_reach.then(|| CustomValue::Datetime(instant.trunc_subsecs(6)))
}
