//! Random rules, and the segments they ask about.

use super::*;
use crate::columns::FIRST_ID;
use crate::naive::{Past, Segment, World};
use proptest::{collection::vec, sample::subsequence};

const SPANS: [(&str, &[i64]); 5] = [
    ("HOUR", &[1, 2, 24, 48, 168, 8760]),
    ("DAY", &[1, 2, 7, 14, 30, 31, 90, 365, 366]),
    ("WEEK", &[1, 2, 4, 52]),
    ("MONTH", &[1, 2, 12, 24]),
    ("YEAR", &[1, 2, 26, 1000]),
];

const PATTERNS: &str = r".|^$|^a|[łŁ]|(?-i:VIL)|\d{3}|ǆ|\bß|stra(s+)|k$|^\p{Lu}+$|σ|s{2}";

fn arb_span(units: &'static [(&'static str, &'static [i64])]) -> impl Strategy<Value = Value> {
    select(units).prop_flat_map(|(unit, amounts)| {
        select(amounts).prop_map(move |amount| json!({"amount": amount, "unit": unit}))
    })
}

/// Two spans, the first of which reaches back at least as far.
fn arb_span_range(
    units: &'static [(&'static str, &'static [i64])],
) -> impl Strategy<Value = Value> {
    let ends = (arb_span(units), arb_span(units), 0..3);
    ends.prop_map(|(from, to, form)| {
        let days = |span: &Value| {
            let unit = match span["unit"].as_str() {
                Some("HOUR") => 1.0 / 24.0,
                Some("WEEK") => 7.0,
                Some("MONTH") => 30.0,
                Some("YEAR") => 365.0,
                _ => 1.0,
            };
            unit * span["amount"].as_f64().expect("an amount")
        };
        let now = json!({"amount": 0, "unit": to["unit"]});
        match form {
            0 => json!({"from": from, "to": now}),
            _ if days(&from) < days(&to) => json!({"from": to, "to": from}),
            _ => json!({"from": from, "to": to}),
        }
    })
}

const PERIODS: &str = "YESTERDAY|TODAY|TOMORROW|LAST_WEEK|THIS_WEEK|NEXT_WEEK|LAST_MONTH\
    |THIS_MONTH|NEXT_MONTH|LAST_QUARTER|THIS_QUARTER|NEXT_QUARTER|LAST_YEAR|THIS_YEAR|NEXT_YEAR";

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

pub fn arb_literal(takes_instants: bool) -> impl Strategy<Value = String> {
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
pub fn arb_rule(depth: u32, segments: &'static [&'static str]) -> BoxedStrategy<Value> {
    if depth == 0 {
        return arb_condition(segments);
    }
    let below = || arb_rule(depth - 1, segments);
    prop_oneof![
        2 => arb_condition(segments),
        2 => vec(below(), 1..=3).prop_map(|nodes| json!({"all": nodes})),
        2 => vec(below(), 1..=3).prop_map(|nodes| json!({"any": nodes})),
        1 => below().prop_map(|node| json!({"not": node})),
    ]
    .boxed()
}

/// A moment and a rule for every segment; one keeps members of whom nothing is known any more.
pub fn arb_world() -> impl Strategy<Value = World> {
    let arb_segment = |place: usize| match SEGMENTS[place] {
        "archived" => subsequence((FIRST_ID..FIRST_ID + 32).collect::<Vec<i64>>(), 0..=32)
            .prop_map(|ids| Segment::Stored(ids.into_iter().collect()))
            .boxed(),
        _ => {
            // Most ask about several of those before them, which makes diamonds.
            let rule = arb_rule(1, &SEGMENTS[..place]);
            let asking = arb_segment_condition(&SEGMENTS[..place]);
            let rules = (rule, asking, 0..6).prop_map(|(rule, asking, form)| match form {
                0 | 1 => json!({"any": [rule, asking]}),
                2 | 3 => json!({"all": [{"not": asking}, rule]}),
                _ => rule,
            });
            rules.prop_map(Segment::Rule).boxed()
        }
    };
    let segments: Vec<_> = (0..SEGMENTS.len()).map(arb_segment).collect();
    let past = || vec(arb_past(), 32).prop_map(|past| (FIRST_ID..).zip(past).collect());
    let past = vec(past(), SEGMENTS.len());
    (arb_moment(), segments, past).prop_map(|(moment, segments, past)| World {
        moment,
        past: SEGMENTS.map(str::to_owned).into_iter().zip(past).collect(),
        segments: SEGMENTS
            .map(str::to_owned)
            .into_iter()
            .zip(segments)
            .collect(),
    })
}

/// Stored memberships of a segment; that of a member may have begun longer ago than is known.
fn arb_past() -> impl Strategy<Value = Past> {
    (any::<bool>(), vec(select(&NEAR_INSTANTS[..]), 0..=2)).prop_map(|(is_member, mut joined)| {
        joined.sort();
        Past { is_member, joined }
    })
}

fn arb_condition(segments: &'static [&'static str]) -> BoxedStrategy<Value> {
    prop_oneof![
        1 => Just(json!({"everyone": true})),
        8 => arb_text_condition(),
        4 => arb_number_condition(),
        8 => arb_date_condition(),
        2 => arb_boolean_condition(),
        4 => arb_list_condition(),
        2 => arb_status_condition(),
        3 => arb_location_condition(),
        4 => arb_group_condition(),
        4 => arb_segment_condition(segments),
        12 => arb_event_condition(),
        2 => arb_random_condition(),
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

fn arb_boolean_test() -> BoxedStrategy<Value> {
    one_of(vec![
        test("isTrue", Just(true)),
        test("isFalse", Just(true)),
        test("isSet", any::<bool>()),
    ])
}

fn arb_boolean_condition() -> impl Strategy<Value = Value> {
    arb_boolean_test().prop_map(|is| json!({"boolean": {"field": "custom.vip", "is": is}}))
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
        test("betweenAgo", arb_span_range(units)),
        test("during", among(PERIODS)),
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

fn arb_list_condition() -> impl Strategy<Value = Value> {
    among("custom.tags|custom.skills").prop_flat_map(|field| {
        let node = move |is| json!({"list": {"field": field, "is": is}});
        arb_list_test(field).prop_map(node)
    })
}

fn arb_list_test(field: &'static str) -> BoxedStrategy<Value> {
    let sizes = [0.0, 1.0, 2.0, 3.0, 1.5].map(Value::from).to_vec();
    let mut tests = vec![
        test("size", one_of(number_tests(sizes))),
        test("isSet", any::<bool>()),
    ];
    for name in ["containsAny", "containsAll", "containsNone"] {
        tests.push(test(name, vec(arb_word(field), 1..=3)));
    }
    one_of(tests)
}

fn arb_location_condition() -> impl Strategy<Value = Value> {
    // None of the places is that far from another.
    let radii = [
        0.05, 25.0, 111.5, 223.0, 5_000.0, 10_050.0, 14_999.5, 20_015.0, 20_038.0,
    ];
    let within = (select(&PLACES[..]), select(radii.to_vec())).prop_map(
        |(place, radius)| json!({"latitude": place.0, "longitude": place.1, "radiusKm": radius}),
    );
    let tests = vec![
        test("within", within.clone()),
        test("within", within),
        test("isSet", any::<bool>()),
    ];
    one_of(tests).prop_map(|location| json!({ "location": location }))
}

fn arb_group_condition() -> impl Strategy<Value = Value> {
    let groups = || arb_some(GROUPS.to_vec());
    let keys = one_of(vec![
        test("inAny", groups()),
        test("inAll", groups()),
        test("none", Just(true)),
    ]);
    (keys, perhaps(arb_window())).prop_map(|(keys, window)| {
        let added = window.map(|window| json!({"addedAt": window}));
        json!({"group": merge([Some(keys), added])})
    })
}

fn arb_segment_condition(segments: &'static [&'static str]) -> BoxedStrategy<Value> {
    if segments.is_empty() {
        return Just(json!({"everyone": true})).boxed();
    }
    let keys = || arb_some(segments.to_vec());
    let keys = one_of(vec![test("inAny", keys()), test("inAll", keys())]);
    let past = (
        keys,
        perhaps(test("ever", Just(true))),
        perhaps(arb_window()),
    );
    past.prop_map(|(keys, ever, window)| {
        let joined = window.map(|window| json!({"joinedAt": window}));
        json!({"segment": merge([Some(keys), ever, joined])})
    })
    .boxed()
}

fn arb_random_condition() -> impl Strategy<Value = Value> {
    // Hundredfold, some of these are no whole numbers as doubles.
    let percents = vec![
        0.0, 0.01, 0.29, 1.1, 8.12, 33.335, 50.0, 64.07, 99.99, 100.0,
    ];
    let ends = (0..percents.len() - 1).prop_flat_map(move |from| {
        let later = percents[from + 1..].to_vec();
        (Just(percents[from]), select(later))
    });
    (among("a|ą|test 2026"), ends).prop_map(|(salt, (from, to))| {
        json!({"random": {"salt": salt, "fromPercent": from, "toPercent": to}})
    })
}

/// The entries of several objects in one.
fn merge(parts: impl IntoIterator<Item = Option<Value>>) -> Value {
    let mut merged = serde_json::Map::new();
    for part in parts.into_iter().flatten() {
        merged.extend(part.as_object().expect("an object").clone());
    }
    Value::Object(merged)
}

fn arb_window() -> BoxedStrategy<Value> {
    one_of(vec![
        test("inTheLast", arb_span(&SPANS)),
        test("betweenAgo", arb_span_range(&SPANS)),
        test("during", among(PERIODS)),
        test("between", arb_range(true)),
        test("before", arb_literal(true)),
        test("after", arb_literal(true)),
    ])
}

fn arb_event_condition() -> impl Strategy<Value = Value> {
    let one = test("name", select(&EVENTS[..]));
    let some = test("names", arb_some(EVENTS.to_vec()));
    let filters = test("where", vec(arb_filter(), 1..=2));
    let measure = prop_oneof![4 => arb_number_measure(), 1 => arb_instant_measure()];
    let parts = (
        one_of(vec![one, some]),
        perhaps(arb_window()),
        perhaps(filters),
        perhaps(measure),
    );
    parts.prop_map(|(names, window, filters, measure)| {
        json!({"event": merge([Some(names), window, filters, measure])})
    })
}

fn arb_number_measure() -> BoxedStrategy<Value> {
    let counts = || [0.0, 1.0, 2.0, 3.0, 12.0, 1.5].map(Value::from).to_vec();
    let sums = || {
        let mut sums = numbers();
        sums.extend([0.1, 0.2, 10.0, 10.3, 99.99, 100.0, 1e-6].map(Value::from));
        sums
    };
    let optional = || {
        let mut tests = number_tests(sums());
        tests.push(test("isSet", any::<bool>()));
        one_of(tests)
    };
    let of_values = one_of(vec![
        test("sum", one_of(number_tests(sums()))),
        test("average", optional()),
        test("min", optional()),
        test("max", optional()),
    ]);
    let of = perhaps(test("of", among("price|price|price|shop|due")));
    let of_values = (of_values, of).prop_map(|(measure, of)| merge([Some(measure), of]));
    let of_events = one_of(vec![
        test("count", one_of(number_tests(counts()))),
        test("distinctDays", one_of(number_tests(counts()))),
    ]);
    prop_oneof![1 => of_events, 3 => of_values].boxed()
}

fn arb_instant_measure() -> BoxedStrategy<Value> {
    let tests = || arb_date_test(true);
    one_of(vec![test("firstAt", tests()), test("lastAt", tests())])
}

/// A test of a property.
fn arb_filter() -> impl Strategy<Value = Value> {
    select(&PROPERTIES[..]).prop_flat_map(|(property, kind)| {
        let is = match kind {
            "text" => arb_text_test(property),
            "number" => one_of(number_tests(numbers())),
            "date" => arb_date_test(true),
            "boolean" => arb_boolean_test(),
            _ => arb_list_test(property),
        };
        is.prop_map(move |is| json!({ kind: {"property": property, "is": is} }))
    })
}
