//! Random rules, people and moments, drawn from small shared pools so that conditions are often
//! just met or just missed.

use std::{collections::BTreeMap, fmt::Debug, iter::zip, str::FromStr, sync::LazyLock};

use chrono::{Duration, Months, prelude::*};
use proptest::{collection::vec, prelude::*, sample::select, sample::subsequence};
use serde_json::{Value, json};

use crate::naive::{CustomValue, Event, Moment, Person};

/// Every custom field that rules ask about and people may have: key and type.
#[rustfmt::skip]
pub const CUSTOM_FIELDS: [(&str, &str); 7] = [
    ("plan", "text"), ("city2", "text"), ("visits", "number"), ("score", "number"),
    ("renewal", "date"), ("seen", "datetime"), ("vip", "boolean"),
];

/// Keys of every group.
pub const GROUPS: [&str; 3] = ["staff", "press", "beta"];

/// Every event name.
pub const EVENTS: [&str; 3] = ["purchase", "visit", "refund"];

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

const SPANS: [(&str, &[i64]); 5] = [
    ("HOUR", &[1, 2, 24, 48, 168, 8760]),
    ("DAY", &[1, 2, 7, 14, 30, 31, 90, 365, 366]),
    ("WEEK", &[1, 2, 4, 52]),
    ("MONTH", &[1, 2, 12, 24]),
    ("YEAR", &[1, 2, 26, 1000]),
];

const PATTERNS: &str = r".|^$|^a|[łŁ]|(?-i:VIL)|\d{3}|ǆ|\bß|stra(s+)|k$|^\p{Lu}+$|σ|s{2}";

/// The pool of a text field, separated by bars.
fn words(field: &str) -> &'static str {
    match field.trim_start_matches("custom.") {
        "email" => {
            "anna@example.com|jonas@mail.example.lt|jörg@straße.example|\"a@b\"@example.org\
                |o'neil+50%_off@example.com"
        }
        "email.domain" => "example.com|mail.example.lt|straße.example|example.org|b\"@example.org",
        "firstName" => "Anna|ANNA|Łukasz|ǅuro|İpek|\u{212a}elvin|Kelvin",
        "lastName" => "Strauß|STRAUSS|O'Neil|ΟΔΥΣΣΕΥΣ|οδυσσευς|Zoe\u{308}|Zoë",
        "phone" => "+37061234567|+1 212 555 0100|007",
        "country" => "LT|LV|EE|US|IN|WS",
        "region" => "Vilniaus apskritis|New York|Łódzkie|Marmara",
        "city" | "city2" => "İstanbul|istanbul|Łódź|Vilnius|ß|ẞ|ǅ",
        "postalCode" => "01100|10001|SW1A 1AA",
        "language" => "lt|en|pt-br",
        "timezone" => ZONES,
        "source" => "import|Web Form|50%_off\\now|50xyoff|%|_|\\",
        "plan" => "free|Free|Pro|pro+|(beta) *plan*|𝒫ro 🦀",
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
    let whole = [0, 1, 3, 9_007_199_254_740_993_i64];
    let mut numbers = whole.map(Value::from).to_vec();
    numbers.extend(fractions.map(Value::from));
    numbers
}

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

fn arb_span(units: &'static [(&'static str, &'static [i64])]) -> impl Strategy<Value = Value> {
    select(units).prop_flat_map(|(unit, amounts)| {
        select(amounts).prop_map(move |amount| json!({"amount": amount, "unit": unit}))
    })
}

/// How a literal is written: as a day, or as an instant so many minutes east of UTC.
fn arb_form(takes_instants: bool) -> BoxedStrategy<Option<i32>> {
    match takes_instants {
        true => perhaps(select(vec![0, 0, 330, -300, 780])).boxed(),
        false => Just(None).boxed(),
    }
}

fn write_literal(at: DateTime<Utc>, form: Option<i32>) -> String {
    let Some(minutes) = form else {
        return at.date_naive().to_string();
    };
    // An offset must not carry the year out of its four digits.
    let is_ordinary = (1900..2100).contains(&at.year());
    let zone = FixedOffset::east_opt(60 * minutes * i32::from(is_ordinary)).expect("an offset");
    at.with_timezone(&zone)
        .to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn arb_literal(takes_instants: bool) -> impl Strategy<Value = String> {
    (arb_instant(), arb_form(takes_instants)).prop_map(|(at, form)| write_literal(at, form))
}

/// A range that does not end before it starts, whatever the time zone.
fn arb_range(takes_instants: bool) -> impl Strategy<Value = Value> {
    let form = || arb_form(takes_instants);
    ([arb_instant(), arb_instant()], form(), form()).prop_map(|(mut ends, first, last)| {
        ends.sort();
        let is_wide = ends[1] - ends[0] > Duration::days(2);
        let last = if is_wide { last } else { first };
        json!({"from": write_literal(ends[0], first), "to": write_literal(ends[1], last)})
    })
}

/// Valid rules of every node and test: up to `depth` (at most 5, to stay below 500 nodes) levels of
/// logic above the conditions.
pub fn arb_rule(depth: u32) -> BoxedStrategy<Value> {
    if depth == 0 {
        return arb_condition();
    }
    prop_oneof![
        2 => arb_condition(),
        2 => vec(arb_rule(depth - 1), 1..=3).prop_map(|nodes| json!({"all": nodes})),
        2 => vec(arb_rule(depth - 1), 1..=3).prop_map(|nodes| json!({"any": nodes})),
        1 => arb_rule(depth - 1).prop_map(|node| json!({"not": node})),
    ]
    .boxed()
}

fn arb_condition() -> BoxedStrategy<Value> {
    prop_oneof![
        1 => Just(json!({"everyone": true})),
        8 => arb_text_condition(),
        4 => arb_number_condition(),
        8 => arb_date_condition(),
        2 => arb_boolean_condition(),
        2 => arb_status_condition(),
        2 => arb_group_condition(),
        8 => arb_event_condition(),
    ]
    .boxed()
}

fn arb_some(pool: Vec<&'static str>) -> impl Strategy<Value = Vec<&'static str>> {
    let most = pool.len();
    subsequence(pool, 1..=most)
}

/// `{"test": value}`, one test object.
fn test<V: Into<Value>>(
    name: &'static str,
    value: impl Strategy<Value = V> + 'static,
) -> BoxedStrategy<Value> {
    let test = value.prop_map(move |value| json!({name: value.into()}));
    test.boxed()
}

fn one_of(tests: Vec<BoxedStrategy<Value>>) -> BoxedStrategy<Value> {
    proptest::strategy::Union::new(tests).boxed()
}

/// A word of the field, as it is, in another case, or a part of it.
fn arb_word(field: &'static str) -> impl Strategy<Value = String> {
    (among(words(field)), 0..7).prop_map(|(word, form)| {
        let letters: Vec<char> = word.chars().collect();
        let half = letters.len().div_ceil(2);
        let formed = match form {
            0 => word.to_uppercase(),
            1 => word.to_lowercase(),
            2 => letters[..half].iter().collect(),
            3 => letters[letters.len() - half..].iter().collect(),
            4 => letters[half / 2..half / 2 + half].iter().collect(),
            _ => word.to_owned(),
        };
        formed.trim().to_owned()
    })
}

fn arb_pattern(field: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        among(PATTERNS).prop_map(str::to_owned),
        (arb_word(field), select(vec!["", "^"]))
            .prop_map(|(word, at)| at.to_owned() + &regex::escape(&word)),
    ]
}

fn arb_text_condition() -> impl Strategy<Value = Value> {
    let mut fields = TEXT_FIELDS.to_vec();
    fields.extend("email|email.domain|custom.plan|custom.city2|city".split('|'));
    let node = |(field, is, exact): (&str, Value, Option<bool>)| match exact {
        None => json!({"text": {"field": field, "is": is}}),
        Some(exact) => json!({"text": {"field": field, "is": is, "caseSensitive": exact}}),
    };
    select(fields)
        .prop_flat_map(|field| (Just(field), arb_text_test(field), perhaps(any::<bool>())))
        .prop_map(node)
}

fn arb_text_test(field: &'static str) -> BoxedStrategy<Value> {
    let mut tests = vec![
        test("in", vec(arb_word(field), 1..=4)),
        test("notIn", vec(arb_word(field), 1..=4)),
        test("matches", arb_pattern(field)),
        test("isSet", any::<bool>()),
    ];
    for name in "equals|notEquals|contains|notContains|startsWith|endsWith".split('|') {
        tests.push(test(name, arb_word(field)));
    }
    one_of(tests)
}

fn number_tests(pool: Vec<Value>) -> Vec<BoxedStrategy<Value>> {
    let ends = [select(pool.clone()), select(pool.clone())];
    let range = ends.prop_map(|mut ends| {
        ends.sort_by(|one, other| one.as_f64().partial_cmp(&other.as_f64()).expect("no NaN"));
        json!({"from": ends[0], "to": ends[1]})
    });
    let list = vec(select(pool.clone()), 1..=4);
    let mut tests = vec![test("between", range), test("in", list)];
    for name in "equals|notEquals|greaterThan|atLeast|lessThan|atMost".split('|') {
        tests.push(test(name, select(pool.clone())));
    }
    tests
}

fn arb_number_condition() -> impl Strategy<Value = Value> {
    let mut tests = number_tests(numbers());
    tests.push(test("isSet", any::<bool>()));
    (among("custom.visits|custom.score"), one_of(tests))
        .prop_map(|(field, is)| json!({"number": {"field": field, "is": is}}))
}

fn arb_boolean_condition() -> impl Strategy<Value = Value> {
    let tests = vec![
        test("isTrue", Just(true)),
        test("isFalse", Just(true)),
        test("isSet", any::<bool>()),
    ];
    one_of(tests).prop_map(|is| json!({"boolean": {"field": "custom.vip", "is": is}}))
}

fn arb_date_condition() -> impl Strategy<Value = Value> {
    let days = among("birthday|custom.renewal");
    let instants = among("createdAt|updatedAt|subscribedAt|unsubscribedAt|custom.seen");
    let node = |(field, is)| json!({"date": {"field": field, "is": is}});
    prop_oneof![
        (days, arb_date_test(false)).prop_map(node),
        (instants, arb_date_test(true)).prop_map(node),
    ]
}

fn arb_date_test(is_instant: bool) -> BoxedStrategy<Value> {
    let units = if is_instant { &SPANS[..] } else { &SPANS[1..] };
    let mut tests = vec![
        test("between", arb_range(is_instant)),
        test("isToday", Just(true)),
        test("isSet", any::<bool>()),
        test("anniversaryToday", Just(true)),
        test("anniversaryInTheNext", arb_span(&SPANS[1..])),
        test("anniversaryInTheLast", arb_span(&SPANS[1..])),
        test("anniversaryMonth", 1..=12),
    ];
    for name in ["on", "before", "after", "onOrBefore", "onOrAfter"] {
        tests.push(test(name, arb_literal(is_instant)));
    }
    for name in ["inTheLast", "moreThanAgo", "inTheNext"] {
        tests.push(test(name, arb_span(units)));
    }
    one_of(tests)
}

fn arb_status_condition() -> impl Strategy<Value = Value> {
    arb_some(STATUSES.to_vec()).prop_map(|statuses| {
        let names: Vec<String> = statuses.iter().map(|name| name.to_uppercase()).collect();
        json!({"status": {"in": names}})
    })
}

fn arb_group_condition() -> impl Strategy<Value = Value> {
    let groups = || arb_some(GROUPS.to_vec());
    one_of(vec![test("inAny", groups()), test("inAll", groups())])
        .prop_map(|group| json!({"group": group}))
}

fn arb_event_condition() -> impl Strategy<Value = Value> {
    let one = test("name", select(&EVENTS[..]));
    let some = test("names", arb_some(EVENTS.to_vec()));
    let window = one_of(vec![
        test("inTheLast", arb_span(&SPANS)),
        test("between", arb_range(true)),
        test("before", arb_literal(true)),
        test("after", arb_literal(true)),
    ]);
    let counts = [0.0, 1.0, 2.0, 3.0, 12.0, 1.5].map(Value::from).to_vec();
    let mut sums = [0.1, 0.2, 10.0, 10.3, 99.99, 100.0, 1e-6]
        .map(Value::from)
        .to_vec();
    sums.extend(numbers());
    let count = test("count", one_of(number_tests(counts)));
    let sum = test("sum", one_of(number_tests(sums)));
    let (names, measure) = (one_of(vec![one, some]), one_of(vec![count, sum]));
    (names, perhaps(window), perhaps(measure)).prop_map(|(mut node, window, measure)| {
        for part in [window, measure].into_iter().flatten() {
            let part = part.as_object().expect("an object").clone();
            node.as_object_mut().expect("an object").extend(part);
        }
        json!({"event": node})
    })
}

/// People with many missing values. Addresses are not unique: give each its own before storing.
pub fn arb_person() -> impl Strategy<Value = Person> {
    let groups = GROUPS.map(|_| perhaps(arb_instant()));
    let traits = (
        arb_texts(),
        perhaps(select(&DAYS[..])),
        arb_instants(),
        arb_custom(),
    );
    let deeds = (groups, vec(arb_event(), 0..=12));
    (among(words("email")), select(&STATUSES[..]), traits, deeds).prop_map(
        |(email, status, (text, birthday, instants, custom), (groups, events))| Person {
            email: email.to_owned(),
            status,
            text,
            birthday,
            instants,
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
    let event = |(name, occurred_at, value)| Event {
        name,
        occurred_at,
        value,
    };
    (name, arb_instant(), perhaps(select(values))).prop_map(event)
}
