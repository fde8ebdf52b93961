//! Rules and values that try to cost too much or to break something: they are refused, or answered like any other.

use crate::columns::{Rows, catalogue, evaluate, numbered, read};
use crate::generate::{arb_person, arb_world};
use crate::naive::{Person, World};
use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};
use rollcall_rule::{
    Catalogue, Code, CustomType, KnownSegment, MAX_PROBLEMS, Problem, parse_and_check,
};
use serde_json::{Value, json};

/// A few hundred people, always the same.
fn crowd() -> (Vec<Option<Person>>, World) {
    let mut runner = TestRunner::deterministic();
    let people = vec(arb_person().prop_map(Some), 300).prop_map(numbered);
    let crowd = (people, arb_world());
    let drawn = crowd.new_tree(&mut runner);
    drawn.expect("people and a world").current()
}

/// The rows that a rule finds.
fn find(rule: &Value, rows: &Rows, world: &World) -> Vec<usize> {
    let described = |problems| panic!("{rule:.200} has problems: {problems:?}");
    let rule = read(rule).unwrap_or_else(described);
    evaluate(&[rule], rows, world)[0][0].set_indices().collect()
}

fn refuse(rule: &Value, catalogue: &Catalogue) -> Vec<Problem> {
    match parse_and_check(rule, catalogue, None) {
        Ok(_) => panic!("{rule:.200} was taken"),
        Err(problems) => problems,
    }
}

fn text(field: &str, test: Value) -> Value {
    json!({"text": {"field": field, "is": test}})
}

fn nested(depth: usize, node: Value) -> Value {
    (1..depth).fold(node, |inner, _| json!({ "not": inner }))
}

#[test]
fn trees_as_deep_and_as_wide_as_can_be() {
    let (rows, world) = crowd();
    let lithuanians = text("country", json!({"equals": "LT"}));
    let found = find(&lithuanians, &rows, &world);
    assert!(!found.is_empty() && found.len() < rows.len());
    // Fifteen times "not", an odd number.
    let others = find(&nested(16, lithuanians.clone()), &rows, &world);
    assert_eq!(found.len() + others.len(), rows.len());

    let same = json!({"all": vec![lithuanians.clone(); 499]});
    assert_eq!(find(&same, &rows, &world), found);
    let different = |number: u32| text("city", json!({"contains": format!("nowhere {number}")}));
    let mut conditions: Vec<Value> = (1..499).map(different).collect();
    conditions.push(lithuanians);
    assert_eq!(find(&json!({ "any": conditions }), &rows, &world), found);
}

#[test]
fn lists_as_long_as_can_be() {
    let (rows, world) = crowd();
    let equal = |test: Value, same: Value| {
        let found = find(&test, &rows, &world);
        assert!(!found.is_empty() && found.len() < rows.len());
        assert_eq!(found, find(&same, &rows, &world));
    };
    let mut texts: Vec<String> = (1..10_000)
        .map(|number| format!("nowhere {number}"))
        .collect();
    texts.push("VILNIUS".to_owned());
    equal(
        text("city", json!({ "in": texts })),
        text("city", json!({"equals": "vilnius"})),
    );
    let visits = |test: Value| json!({"number": {"field": "custom.visits", "is": test}});
    let numbers: Vec<u32> = (0..10_000).map(|number| number * 9).collect();
    equal(
        visits(json!({ "in": numbers })),
        visits(json!({"in": [9, 0]})),
    );
    let count = |test: Value| json!({"event": {"name": "purchase", "count": test}});
    let numbers: Vec<u32> = (2..10_002).collect();
    equal(
        count(json!({ "in": numbers })),
        count(json!({"atLeast": 2})),
    );
    let mut names: Vec<String> = (1..10_000)
        .map(|number| format!("nothing {number}"))
        .collect();
    names.push("purchase".to_owned());
    equal(
        json!({"event": {"names": names}}),
        json!({"event": {"name": "purchase"}}),
    );
    let tags = |test: Value| json!({"list": {"field": "custom.tags", "is": test}});
    let texts: Vec<String> = (1..10_000).map(|number| format!("tag {number}")).collect();
    let none = tags(json!({ "containsAll": texts }));
    assert!(find(&none, &rows, &world).is_empty());
    let texts: Vec<&str> = texts.iter().map(String::as_str).chain(["GRÜN"]).collect();
    equal(
        tags(json!({ "containsAny": texts })),
        tags(json!({"containsAny": ["grün"]})),
    );
    equal(
        tags(json!({ "containsNone": texts })),
        tags(json!({"containsNone": ["grün"]})),
    );
    equal(
        json!({"segment": {"inAll": vec!["both"; 10_000]}}),
        json!({"segment": {"inAny": ["both"]}}),
    );
    equal(
        json!({"group": {"inAny": vec!["staff"; 10_000]}}),
        json!({"group": {"inAny": ["staff"]}}),
    );
}

#[test]
fn patterns_that_other_engines_choke_on() {
    let mut person = crowd().0.swap_remove(0).expect("somebody");
    person
        .text
        .insert("city", format!("{}!", "a".repeat(100_000)));
    let (rows, world) = ([Some(person)], crowd().1);
    for (pattern, is_found) in [
        ("(a+)+$", false),
        ("(a|aa)+$", false),
        ("^(a*)*b", false),
        ("(.*)*!", true),
        ("^(a?){50}a{50}", true),
        ("^a{1,1000}!$", false),
    ] {
        let found = find(&text("city", json!({ "matches": pattern })), &rows, &world);
        assert_eq!(!found.is_empty(), is_found, "{pattern}");
    }
    // What is too large to compile, too long, or no pattern at all.
    for pattern in [
        r"((((\w{50}){50}){50}){50})",
        r"[\w\p{L}]{500}",
        // Within a mebibyte, and hard to search for.
        r"\b\w.{998}\b[!]!",
        r"\w{20}",
        &r"\p{L}|".repeat(83),
        &"(".repeat(500),
        &"a".repeat(501),
        "a{4294967296}",
    ] {
        let problems = refuse(&text("city", json!({ "matches": pattern })), &catalogue());
        assert_eq!(problems.len(), 1, "{pattern}");
        assert_eq!(problems[0].path, "text.is.matches", "{pattern}");
        assert_eq!(problems[0].code, Code::InvalidRegex, "{pattern}");
    }
}

/// As many conditions as a rule can have, each with a pattern.
fn matching(conditions: usize, pattern: impl Fn(usize) -> String) -> Value {
    let condition = |number: usize| text("city", json!({ "matches": pattern(number) }));
    json!({"any": (0..conditions).map(condition).collect::<Vec<_>>()})
}

#[test]
fn many_patterns_are_bounded_together() {
    let (rows, world) = crowd();
    let rule = matching(499, |_| "^v|a".to_owned());
    let same = text("city", json!({"matches": "^v|a"}));
    assert_eq!(find(&rule, &rows, &world), find(&same, &rows, &world));

    let all_of_it = matching(4, |number| format!("{number}{}", "a".repeat(499)));
    assert!(read(&all_of_it).is_ok());
    for (rule, path) in [
        // One character more than all may have together.
        (
            matching(5, |number| "a".repeat(if number < 4 { 500 } else { 1 })),
            4,
        ),
        (matching(499, |number| format!("{number:05}")), 400),
        // Short to write, and each of almost half a mebibyte.
        (matching(499, |_| r"\w{8}".to_owned()), 9),
    ] {
        let problems = refuse(&rule, &catalogue());
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].path, format!("any[{path}].text.is.matches"));
        assert_eq!(problems[0].code, Code::InvalidRegex);
    }
    // Those of events count as well.
    let filter = json!({"text": {"property": "shop", "is": {"matches": "a".repeat(100)}}});
    let event = json!({"event": {"name": "visit", "where": vec![filter; 20]}});
    assert!(read(&event).is_ok());
    let problems = refuse(&json!({"all": [event, same]}), &catalogue());
    assert_eq!(problems[0].path, "all[1].text.is.matches");
}

#[test]
fn numbers_and_dates_at_the_end_of_their_range() {
    let (rows, world) = crowd();
    let find = |rule: Value| find(&rule, &rows, &world).len();
    let score = |test: Value| json!({"number": {"field": "custom.score", "is": test}});
    let anybody = find(score(json!({"isSet": true})));
    let range = json!({"from": f64::MIN, "to": f64::MAX});
    assert_eq!(find(score(json!({ "between": range }))), anybody);
    assert_eq!(find(score(json!({"greaterThan": f64::MAX}))), 0);
    assert_eq!(
        find(score(json!({"in": [1_u64 << 63, i64::MIN, 5e-324]}))),
        find(score(json!({"equals": 5e-324})))
    );
    // It lies between two doubles.
    let problems = refuse(&score(json!({"in": [3, u64::MAX]})), &catalogue());
    assert_eq!(problems[0].path, "number.is.in[1]");
    assert_eq!(problems[0].code, Code::WrongValue);
    let sum =
        |test: Value| json!({"event": {"names": ["purchase", "visit", "refund"], "sum": test}});
    assert_eq!(find(sum(json!({"atMost": 1e308}))), rows.len());
    assert_eq!(find(sum(json!({"lessThan": -1e308}))), 0);

    for measure in ["average", "min", "max"] {
        let of_all = |test: Value| find(json!({"event": {"name": "purchase", measure: test}}));
        let anybody = of_all(json!({"isSet": true}));
        assert_eq!(of_all(json!({"atMost": 1e308})), anybody);
        assert_eq!(of_all(json!({"lessThan": -1e308})), 0);
    }
    let everywhere = json!({"latitude": -90, "longitude": -180, "radiusKm": 20_038});
    assert_eq!(
        find(json!({"location": {"within": everywhere}})),
        find(json!({"location": {"isSet": true}}))
    );

    for field in ["createdAt", "birthday", "custom.renewal", "custom.seen"] {
        let is = |test: Value| json!({"date": {"field": field, "is": test}});
        let anybody = find(is(json!({"isSet": true})));
        let ever = json!({"from": "0001-01-01", "to": "9999-12-31"});
        assert_eq!(find(is(json!({ "between": ever }))), anybody);
        assert_eq!(find(is(json!({"after": "9999-12-31"}))), 0);
        assert_eq!(find(is(json!({"before": "0001-01-01"}))), 0);
        for unit in ["DAY", "WEEK", "MONTH", "YEAR"] {
            let longest = json!({"amount": 100_000, "unit": unit});
            for test in ["inTheLast", "moreThanAgo", "inTheNext"] {
                assert!(find(is(json!({ test: longest }))) <= anybody);
            }
            for test in ["anniversaryInTheLast", "anniversaryInTheNext"] {
                assert_eq!(find(is(json!({ test: longest }))), anybody);
            }
        }
    }
}

#[test]
fn text_in_any_direction_and_of_no_width() {
    let (mut rows, world) = crowd();
    let strange = [
        "שלום עולם",
        "مرحبا",
        "q\u{202e}z\u{202c}",
        "zero\u{200b}width\u{feff}",
        "\u{1}\u{7f}",
        "e\u{301}\u{301}\u{301}",
        "👩‍👩‍👧‍👦",
        "'; DROP TABLE subscribers; --",
        "\"}]}",
    ];
    for (row, value) in rows.iter_mut().zip(strange) {
        let person = row.as_mut().expect("somebody");
        // Stored as the door stores it; rules may have it as it was written.
        let stored = rollcall_text::clean(value).expect("something visible");
        person.text.insert("city", stored);
    }
    for (row, value) in strange.into_iter().enumerate() {
        for test in ["equals", "contains", "startsWith", "endsWith"] {
            let found = find(&text("city", json!({ test: value })), &rows, &world);
            assert_eq!(found, [row], "{test} {value}");
        }
        let pattern = regex::escape(value);
        let found = find(&text("city", json!({ "matches": pattern })), &rows, &world);
        assert_eq!(found, [row], "matches {value}");
        // As a name it is found in the problem, whole.
        let problems = refuse(&text(value, json!({ value: 1 })), &catalogue());
        assert!(
            problems
                .iter()
                .all(|problem| problem.message.contains(value))
        );
    }
}

#[test]
fn json_as_deep_as_it_is_read() {
    let deep = |open: &str, close: &str| -> Value {
        let text = format!("{}1{}", open.repeat(127), close.repeat(127));
        serde_json::from_str(&text).expect("JSON of 127 levels is read")
    };
    let values = [
        deep(r#"{"not":"#, "}"),
        deep("[", "]"),
        deep(r#"{"text":"#, "}"),
        deep(r#"{"is":"#, "}"),
    ];
    for value in values {
        assert!(refuse(&value, &catalogue()).len() <= 3);
        let inside = json!({"all": [
            value,
            {"text": value},
            {"number": {"field": value, "is": value}},
            {"date": {"field": "birthday", "is": {"inTheLast": value}}},
            {"event": {"name": value, "between": value, "count": value}},
            {"group": {"inAny": value}},
        ]});
        assert!(refuse(&inside, &catalogue()).len() >= 6);
    }
}

#[test]
fn json_that_says_things_twice_or_too_largely() {
    let read_text = |json: &str| serde_json::from_str::<Value>(json);
    // No number of JSON is beyond the doubles: the whole text is refused where it comes in, and NaN is none at all.
    for number in ["1e309", "-1e309", "NaN", "Infinity"] {
        let json =
            format!(r#"{{"number": {{"field": "custom.score", "is": {{"equals": {number}}}}}}}"#);
        assert!(read_text(&json).is_err(), "{number}");
    }
    for number in [
        "1e308",
        "-1e308",
        "5e-324",
        "1e-400",
        "-0.0",
        "18446744073709551616",
    ] {
        let json =
            format!(r#"{{"number": {{"field": "custom.score", "is": {{"equals": {number}}}}}}}"#);
        assert!(
            read(&read_text(&json).expect("a number")).is_ok(),
            "{number}"
        );
    }
    // Of a key that is there twice the last value counts, in the place of the first; nothing adds up by stealth.
    let json = r#"{"all": [{"everyone": true}], "all": [{"status": {"in": ["PENDING"], "in": ["BOUNCED"]}}]}"#;
    let rule = read_text(json).expect("JSON");
    assert_eq!(rule, json!({"all": [{"status": {"in": ["BOUNCED"]}}]}));
    // Two different keys are a problem.
    let rule = read_text(r#"{"all": [{"everyone": true}], "any": [{"everyone": true}]}"#);
    assert_eq!(
        refuse(&rule.expect("JSON"), &catalogue())[0].code,
        Code::WrongShape
    );
}

#[test]
fn characters_that_cannot_be_stored() {
    let name = "a\0b";
    let rules = [
        (text("city", json!({"equals": name})), "text.is.equals"),
        (text("city", json!({"in": ["x", name]})), "text.is.in[1]"),
        (text("city", json!({"matches": name})), "text.is.matches"),
        (text(name, json!({"isSet": true})), "text.field"),
        (
            json!({"list": {"field": "custom.tags", "is": {"containsAny": [name]}}}),
            "list.is.containsAny[0]",
        ),
        (json!({"group": {"inAny": [name]}}), "group.inAny[0]"),
        (json!({"segment": {"inAll": [name]}}), "segment.inAll[0]"),
        (json!({"event": {"name": name}}), "event.name"),
        (
            json!({"event": {"names": ["visit", name]}}),
            "event.names[1]",
        ),
        (
            json!({"event": {"name": "visit", "where": [{"number": {"property": name, "is": {"isSet": true}}}]}}),
            "event.where[0].number.property",
        ),
        (
            json!({"random": {"salt": name, "fromPercent": 0, "toPercent": 1}}),
            "random.salt",
        ),
        (json!({"status": {"in": [name]}}), "status.in[0]"),
    ];
    for (rule, path) in rules {
        let problems = refuse(&rule, &catalogue());
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].path, path);
        assert_eq!(problems[0].code, Code::WrongValue);
    }
    // Written as an escape of a pattern it is found in no text, since none has it.
    let (rows, world) = crowd();
    assert!(find(&text("city", json!({"matches": r"\x00"})), &rows, &world).is_empty());
}

#[test]
fn dates_beyond_the_calendar() {
    for (literal, is_taken) in [
        ("9999-12-31", true),
        ("9999-12-31T23:59:59.999999Z", true),
        ("9999-12-31T23:59:59.999999999Z", true),
        ("10000-01-01", false),
        ("+10000-01-01", false),
        ("9999-12-31T23:59:59-00:01", false),
        ("0001-01-01", true),
        ("0000-12-31", false),
        ("-001-01-01", false),
        ("٢٠٢٦-٠٣-٠١", false),
        ("2026-03-01\u{200b}", false),
        ("\u{202e}2026-03-01", false),
    ] {
        let rule = json!({"date": {"field": "createdAt", "is": {"on": literal}}});
        match is_taken {
            true => assert!(read(&rule).is_ok(), "{literal}"),
            false => assert_eq!(
                refuse(&rule, &catalogue())[0].path,
                "date.is.on",
                "{literal}"
            ),
        }
    }
}

#[test]
fn thousands_of_segments_in_a_row() {
    let mut catalogue = Catalogue::default();
    let key = |number: i64| format!("segment-{number}");
    for id in 0..2_000 {
        let uses = (id > 0).then(|| key(id - 1)).into_iter().collect();
        catalogue
            .segments
            .insert(key(id), KnownSegment { id, uses });
    }
    let last = || vec![key(1_999); 10_000];
    // A rule of the first that asks about the last closes a circle of them all, wherever it asks.
    let rule = json!({"segment": {"inAny": last()}});
    let own = key(0);
    let problems = parse_and_check(&rule, &catalogue, Some(&own)).expect_err("a cycle");
    assert_eq!(problems.len(), MAX_PROBLEMS);
    assert!(problems.iter().all(|problem| problem.code == Code::Cycle));
    assert!(problems[0].message.ends_with(
        "the segment would use itself: segment-0 -> segment-1999 -> segment-1998 -> segment-1997 -> segment-1996 -> segment-1995 \
         -> … -> segment-4 -> segment-3 -> segment-2 -> segment-1 -> segment-0"
    ));
    // Of a new segment it is fine.
    assert!(parse_and_check(&rule, &catalogue, Some("new")).is_ok());
}

#[test]
fn thousands_of_names_that_are_almost_known() {
    let mut catalogue = Catalogue::default();
    for number in 0..200 {
        catalogue
            .groups
            .insert(format!("group-number-{number}"), number);
        let key = format!("field_number_{number}");
        catalogue.custom_fields.insert(key, CustomType::Text);
    }
    let groups: Vec<String> = (0..10_000)
        .map(|number| format!("groop-nomber-{number}"))
        .collect();
    let problems = refuse(&json!({"group": {"inAny": groups}}), &catalogue);
    assert_eq!(problems.len(), MAX_PROBLEMS);

    let long = "x".repeat(1 << 20);
    let rule = json!({"all": [
        text(&long, json!({ &long: 1 })),
        {"group": {"inAny": [&long]}},
        {&long: 1},
    ]});
    let problems = refuse(&rule, &catalogue);
    assert_eq!(problems.len(), 4);
    let told: usize = problems
        .iter()
        .map(|problem| problem.to_string().len())
        .sum();
    assert!(told < 4_000, "{told} bytes");
}
