//! The doors that need no database.

use super::{assert_same, doubles, write};
use rollcall::audience::clean::clean_number;
use rollcall::audience::custom_field::{clean_cell, clean_value};
use rollcall::audience::event_bounds::{MAX_VALUE, clean_value as clean_event_value};
use rollcall::rule::{CustomType, check_digits, find_lost_digits, write_number};
use serde_json::{Value, json};

#[test]
fn json_is_read_bit_for_bit_however_it_is_written() {
    let doubles = doubles();
    let written = doubles.iter().enumerate();
    let written: Vec<String> = written
        .map(|(place, double)| write(place, *double))
        .collect();
    let text = format!("[{}]", written.join(","));
    assert_eq!(find_lost_digits(&text, &[]), None);
    let read: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let read = read.iter().map(|value| value.as_f64().expect("a number"));
    assert_same("JSON", read, &doubles);
    // What is written again is read again.
    let again = serde_json::to_string(&doubles).expect("JSON");
    let read: Vec<f64> = serde_json::from_str(&again).expect("JSON");
    assert_same("JSON, written by us", read, &doubles);
}

#[test]
fn cells_and_custom_fields_keep_every_bit() {
    let doubles = doubles();
    let cells = doubles.iter().enumerate().map(|(place, double)| {
        let read = clean_number(&write(place, *double)).expect("a number");
        read.expect("a cell that is not empty")
    });
    assert_same("a cell", cells, &doubles);
    let stored = |value: Option<Value>| {
        let value = value.expect("a value").to_string();
        value.parse::<f64>().expect("a number")
    };
    let fields = doubles.iter().map(|double| {
        let cleaned = clean_value(CustomType::Number, &json!(double));
        stored(cleaned.expect("a number"))
    });
    assert_same("a custom field", fields, &doubles);
    let texts = doubles.iter().enumerate().map(|(place, double)| {
        let cleaned = clean_cell(CustomType::Number, &write(place, *double));
        stored(cleaned.expect("a number"))
    });
    assert_same("a text that becomes a number", texts, &doubles);
    let words = doubles.iter().map(|double| {
        let words = write_number(*double);
        words.parse().expect("a number")
    });
    assert_same("words", words, &doubles);
}

#[test]
fn values_of_events_are_kept_or_refused() {
    for double in doubles() {
        // Six decimals are kept where they are all that the number has.
        let rounded: f64 = format!("{double:.6}").parse().expect("a number");
        let has_more = rounded.to_bits() != double.to_bits();
        let written = double.to_string();
        let decimals = written
            .split_once('.')
            .map_or(0, |(_, digits)| digits.len());
        match clean_event_value(double) {
            Ok(value) => {
                assert_eq!(value, double);
                assert!(decimals <= 6 && !has_more, "{double}");
            }
            Err(_) => assert!(decimals > 6 || double.abs() >= MAX_VALUE, "{double}"),
        }
    }
}

/// A whole number beyond 2^53 that lies between two doubles is refused, whoever writes it.
#[test]
fn digits_between_two_doubles_are_refused() {
    let mut checked = 0;
    for double in doubles() {
        let is_between = (9_007_199_254_740_992.0..1e18).contains(&double);
        if is_between && double.fract() == 0.0 {
            let next = double as i64 + 1;
            let is_double = next as f64 as i64 == next;
            let text = next.to_string();
            assert_eq!(
                check_digits(&text, next as f64).is_ok(),
                is_double,
                "{text}"
            );
            assert_eq!(clean_number(&text).is_ok(), is_double, "{text}");
            assert_eq!(
                clean_value(CustomType::Number, &json!(next)).is_ok(),
                is_double,
                "{text}"
            );
            checked += 1;
        }
    }
    assert!(checked > 1_000, "{checked}");
}
