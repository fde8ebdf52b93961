//! Numbers: a hundred thousand doubles go through every door, and come out of every door bit for bit.
//!
//! Zero has no sign: -0 comes back as 0.

mod events;
mod people;
mod pure;
mod refused;
mod rules;

use crate::support::TestApp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

const NOW: &str = "2026-03-01T09:30:00Z";

/// How many doubles go through every door.
const COUNT: usize = 100_000;

/// What breaks readers of numbers: the ends of the range, the ends of whole numbers, and where digits are lost.
const BORDERS: [f64; 24] = [
    0.0,
    -0.0,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    5e-324,
    -5e-324,
    1e-320,
    2.225_073_858_507_201e-308,
    9_007_199_254_740_991.0,
    9_007_199_254_740_992.0,
    9_007_199_254_740_994.0,
    -9_007_199_254_740_994.0,
    9_223_372_036_854_775_807.0,
    18_446_744_073_709_551_615.0,
    1e22,
    1e23,
    1e16,
    90.333_333_333_333_33,
    123_456_789.123_456_79,
    0.1 + 0.2,
    1e308,
    -1e-5,
    7.0,
];

/// Returns the doubles, the same in every run: borders, and one third each of random bits, of fractions as people write
/// them, and of whole numbers of any size.
fn doubles() -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(12);
    let mut doubles = BORDERS.to_vec();
    while doubles.len() < COUNT {
        let double = match doubles.len() % 3 {
            0 => f64::from_bits(random.random()),
            1 => {
                let digits = random.random_range(-1_000_000_000_000_000_i64..1_000_000_000_000_000);
                let scale = 10_f64.powi(random.random_range(0..16));
                digits as f64 / scale
            }
            _ => {
                let bits = random.random_range(1..64);
                (random.random::<u64>() >> bits) as f64
            }
        };
        if double.is_finite() {
            doubles.push(double);
        }
    }
    doubles
}

/// Writes a double in one of the ways in which programs do.
fn write(place: usize, double: f64) -> String {
    match place % 4 {
        0 => serde_json::Number::from_f64(double)
            .expect("finite")
            .to_string(),
        1 => format!("{double:e}"),
        2 => format!("{double:.16e}"),
        _ => format!("{double}"),
    }
}

/// The bits of a number, of which zero has one form.
fn bits(double: f64) -> u64 {
    (double + 0.0).to_bits()
}

/// Makes sure that these are the same doubles, however they were read.
#[track_caller]
fn assert_same(door: &str, found: impl IntoIterator<Item = f64>, expected: &[f64]) {
    let mut count = 0;
    for (found, expected) in found.into_iter().zip(expected) {
        assert_eq!(
            bits(found),
            bits(*expected),
            "{door}, number {count}: {found:e} is not {expected:e}"
        );
        count += 1;
    }
    assert_eq!(count, expected.len(), "{door}");
}

/// Makes sure that two files are the same.
#[track_caller]
fn assert_same_file(found: &str, expected: &str) {
    for (line, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "line {line}");
    }
    assert_eq!(found.len(), expected.len());
}

/// Reads the number that a value is, or that stands in it as a text.
#[track_caller]
fn read(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.to_string().parse().expect("a number"),
        Value::String(text) => text.parse().expect("a number"),
        other => panic!("expected a number, found {other}"),
    }
}

/// Sends a document with the text of its variables, and returns its data.
#[track_caller]
fn ask(app: &TestApp, document: &str, variables: &str) -> Value {
    let body = format!(
        "{{\"query\": {}, \"variables\": {variables}}}",
        json!(document)
    );
    let mut answer: Value = serde_json::from_str(&app.respond_to_text(&body)).expect("JSON");
    assert_eq!(answer.get("errors"), None, "{document}");
    answer["data"].take()
}

/// The key of a custom field or the name of a property by its number.
fn name(number: usize) -> String {
    format!("n{number}")
}
