//! Random rules, people and moments, drawn from small shared pools so that conditions are often
//! just met or just missed.

mod people;
mod rules;

pub use people::arb_person;
use rules::arb_literal;
pub use rules::{arb_rule, arb_world};

use crate::naive::Moment;
use chrono::{Duration, Months, prelude::*};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use std::{fmt::Debug, str::FromStr, sync::LazyLock};

/// Every custom field that rules ask about and people may have: key and type.
#[rustfmt::skip]
pub const CUSTOM_FIELDS: [(&str, &str); 9] = [
    ("plan", "text"), ("city2", "text"), ("visits", "number"), ("score", "number"),
    ("renewal", "date"), ("seen", "datetime"), ("vip", "boolean"), ("tags", "list"),
    ("skills", "list"),
];

/// Keys of every group.
pub const GROUPS: [&str; 3] = ["staff", "press", "beta"];

/// Keys of every segment. A rule among them asks about those before it.
pub const SEGMENTS: [&str; 6] = ["archived", "base", "left", "right", "both", "loyal"];

/// Every event name.
pub const EVENTS: [&str; 3] = ["purchase", "visit", "refund"];

/// What rules ask about events: the property and the node that asks.
#[rustfmt::skip]
pub const PROPERTIES: [(&str, &str); 5] = [
    ("shop", "text"), ("price", "number"), ("due", "date"), ("gift", "boolean"),
    ("colours", "list"),
];

/// Every status as a person has it; rules spell it in upper case.
#[rustfmt::skip]
pub const STATUSES: [&str; 5] =
    ["subscribed", "unsubscribed", "bounced", "complained", "pending"];

/// The built-in text fields that may be missing; `email` and `email.domain` never are.
#[rustfmt::skip]
pub const TEXT_FIELDS: [&str; 10] = [
    "firstName", "lastName", "phone", "country", "region", "city", "postalCode", "language",
    "timezone", "source",
];

/// The built-in instant fields; the first two are never missing.
pub const INSTANT_FIELDS: [&str; 4] = ["createdAt", "updatedAt", "subscribedAt", "unsubscribedAt"];

/// The largest value of an event in millionths: twelve of them still fit 64 bits.
pub const MAX_MILLIONTHS: i64 = 700_000_000_000_000_000;

const ZONES: &str = "UTC|Europe/Vilnius|America/New_York|Asia/Kolkata|Pacific/Apia";

/// Clock changes, Apia's skipped day, month ends, leap days and an ordinary day.
const ANCHORS: &str = "2026-03-29|2026-10-25|2026-03-08|2026-11-01|2011-12-30|2021-04-04\
    |2024-02-29|2000-02-29|2026-02-28|2026-01-31|2025-12-31|2026-07-15";

/// Days and instants that stand in their pools many times, so that independent draws often meet.
const FAVOURITE_DAYS: &str = "2026-03-29|2026-11-01|2024-02-29";
const FAVOURITE_INSTANTS: &str =
    "2026-03-29T01:00:00Z|2026-11-01T05:30:00Z|2024-02-29T12:00:00Z|2026-10-25T00:30:00Z";

/// The anchors, and days at some distance of them.
static NEAR_DAYS: LazyLock<Vec<NaiveDate>> = LazyLock::new(|| {
    let favourites: Vec<NaiveDate> = FAVOURITE_DAYS.split('|').map(read).collect();
    let mut days = favourites.repeat(200);
    for anchor in ANCHORS.split('|').map(read::<NaiveDate>) {
        for months in [0, 1, 2, 12, 24, 312] {
            for distance in [0, -365, -90, -30, -7, -2, -1, 1, 7, 14, 31, 365] {
                days.push(anchor - Months::new(months) + Duration::days(distance));
            }
        }
    }
    days
});

/// A day in every century, and the limits.
static FAR_DAYS: LazyLock<Vec<NaiveDate>> = LazyLock::new(|| {
    let day = |year: u32| NaiveDate::from_yo_opt(year as i32, 1 + year * 7 % 365);
    let mut days: Vec<NaiveDate> = (1..=9999).step_by(101).filter_map(day).collect();
    days.extend([read::<NaiveDate>("0001-01-01"), read("9999-12-31")].repeat(10));
    days
});

static NEAR_INSTANTS: LazyLock<Vec<DateTime<Utc>>> = LazyLock::new(|| {
    let favourites: Vec<DateTime<Utc>> = FAVOURITE_INSTANTS.split('|').map(read).collect();
    [instants_on(&NEAR_DAYS), favourites.repeat(1500)].concat()
});

static DAYS: LazyLock<Vec<NaiveDate>> = LazyLock::new(|| [&NEAR_DAYS[..], &FAR_DAYS].concat());

static INSTANTS: LazyLock<Vec<DateTime<Utc>>> =
    LazyLock::new(|| [&NEAR_INSTANTS[..], &instants_on(&FAR_DAYS)].concat());

/// Minutes of the UTC day at or around midnights and clock changes of the zones.
const MINUTES: [i64; 16] = [
    0, 30, 60, 90, 240, 300, 330, 390, 420, 450, 600, 660, 720, 1110, 1260, 1320,
];

/// The pool of a text field, separated by bars. Texts are in the form in which they are stored, as what is not becomes so
/// at the door, in people as in rules.
fn words(field: &str) -> &'static str {
    match field.trim_start_matches("custom.") {
        "email" => {
            "anna@example.com|jonas@mail.example.lt|jörg@straße.example\
                |o'neil+50%_off@example.com"
        }
        "email.domain" => "example.com|mail.example.lt|straße.example|example.org|b\"@example.org",
        "firstName" => "Anna|ANNA|Łukasz|ǅuro|İpek|KELVIN|Kelvin",
        "lastName" => "Strauß|STRAUSS|O'Neil|ΟΔΥΣΣΕΥΣ|οδυσσευς|ZOË|Zoë",
        "phone" => "+37061234567|+1 212 555 0100|007",
        "country" => "LT|LV|EE|US|IN|WS",
        "region" => "Vilniaus apskritis|New York|Łódzkie|Marmara",
        "city" | "city2" => "İstanbul|istanbul|Łódź|Vilnius|ß|ẞ|ǅ",
        "postalCode" => "01100|10001|SW1A 1AA",
        "language" => "lt|en|pt-br",
        "timezone" => ZONES,
        "source" => "import|Web Form|50%_off\\now|50xyoff|%|_|\\",
        "plan" => "free|Free|Pro|pro+|(beta) *plan*|𝒫ro 🦀",
        "shop" => "Vilnius|VILNIUS|online|Łódź",
        "tags" | "skills" | "colours" => "red|RED|grün|GRÜN|𝒫ro 🦀|İ|שלום|–",
        unknown => panic!("no words for {unknown}"),
    }
}

/// One of several texts separated by bars.
fn among(texts: &'static str) -> impl Strategy<Value = &'static str> + Clone {
    select(texts.split('|').collect::<Vec<_>>())
}

/// Zero of both signs, neighbours that binary fractions blur, limits; whole ones written both ways.
fn numbers() -> Vec<Value> {
    let blurred = 0.1 + 0.2;
    let fractions = [
        -0.0, 3.0, 9.0, -1.0, 2.5, 0.3, blurred, 5e-324, 1e308, -1e308,
    ];
    let whole = [0, 1, 3, 9_007_199_254_740_994_i64];
    let mut numbers = whole.map(Value::from).to_vec();
    numbers.extend(fractions.map(Value::from));
    numbers
}

/// Places at which circles are easily got wrong: the poles, both sides of the date line, and two that lie opposite.
const PLACES: [(f64, f64); 14] = [
    (90.0, 0.0),
    (90.0, 137.0),
    (-90.0, 10.0),
    (89.999, -45.0),
    (0.0, 180.0),
    (-0.0, -180.0),
    (-16.8, 179.999),
    (-16.8, -179.999),
    (54.6872, 25.2797),
    (-54.6872, -154.7203),
    (54.8985, 23.9036),
    (40.7128, -74.006),
    (22.5726, 88.3639),
    (0.0, 0.0),
];

fn read<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("valid constants")
}

fn midnight(day: &NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

fn instants_on(days: &[NaiveDate]) -> Vec<DateTime<Utc>> {
    let times = |start| MINUTES.map(|minutes| start + Duration::minutes(minutes));
    days.iter().map(midnight).flat_map(times).collect()
}

fn arb_instant() -> impl Strategy<Value = DateTime<Utc>> {
    nudged(&INSTANTS)
}

/// Mostly an instant of the pool, else one a microsecond beside it, but none in the year 0.
fn nudged(pool: &'static [DateTime<Utc>]) -> impl Strategy<Value = DateTime<Utc>> {
    let first: DateTime<Utc> = read("0001-01-01T00:00:00Z");
    (select(pool), select(vec![0, 0, 0, 0, -1, 1]))
        .prop_map(move |(at, micros)| (at + Duration::microseconds(micros)).max(first))
}

/// Moments of refreshes: near clock changes, month ends and leap days, and ordinary ones.
pub fn arb_moment() -> impl Strategy<Value = Moment> {
    let zone = among(ZONES).prop_map(read);
    (nudged(&NEAR_INSTANTS), zone).prop_map(|(now, zone)| Moment { now, zone })
}

/// A value or none. Unlike `option::of` it costs no copy of the random generator.
fn perhaps<V: Debug>(value: impl Strategy<Value = V>) -> impl Strategy<Value = Option<V>> {
    (any::<bool>(), value).prop_map(|(is_set, value)| is_set.then_some(value))
}
