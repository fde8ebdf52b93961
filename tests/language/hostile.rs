//! Rules and values that try to cost too much or to break something: they are refused, or answered like any other.

use crate::columns::{Rows, catalogue, evaluate, read};
use crate::generate::{arb_moment, arb_person};
use crate::naive::{Moment, Person};
use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};
use rollcall::rule::{Catalogue, CustomType, MAX_PROBLEMS, Problem, parse_and_check};
use serde_json::{Value, json};

/// A few hundred people, always the same.
fn crowd() -> (Vec<Option<Person>>, Moment) {
    let mut runner = TestRunner::deterministic();
    let crowd = (vec(arb_person().prop_map(Some), 300), arb_moment());
    let drawn = crowd.new_tree(&mut runner);
    drawn.expect("people and a moment").current()
}

/// The rows that a rule finds.
fn find(rule: &Value, rows: &Rows, moment: &Moment) -> Vec<usize> {
    let described = |problems| panic!("{rule:.200} has problems: {problems:?}");
    let rule = read(rule).unwrap_or_else(described);
    evaluate(&[rule], rows, moment)[0][0]
        .set_indices()
        .collect()
}

fn refuse(rule: &Value, catalogue: &Catalogue) -> Vec<Problem> {
    match parse_and_check(rule, catalogue) {
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
    let (rows, moment) = crowd();
    let lithuanians = text("country", json!({"equals": "LT"}));
    let found = find(&lithuanians, &rows, &moment);
    assert!(!found.is_empty() && found.len() < rows.len());
    // Fifteen times "not", an odd number.
    let others = find(&nested(16, lithuanians.clone()), &rows, &moment);
    assert_eq!(found.len() + others.len(), rows.len());

    let same = json!({"all": vec![lithuanians.clone(); 499]});
    assert_eq!(find(&same, &rows, &moment), found);
    let different = |number: u32| text("city", json!({"contains": format!("nowhere {number}")}));
    let mut conditions: Vec<Value> = (1..499).map(different).collect();
    conditions.push(lithuanians);
    assert_eq!(find(&json!({ "any": conditions }), &rows, &moment), found);
}

#[test]
fn lists_as_long_as_can_be() {
    let (rows, moment) = crowd();
    let equal = |test: Value, same: Value| {
        let found = find(&test, &rows, &moment);
        assert!(!found.is_empty() && found.len() < rows.len());
        assert_eq!(found, find(&same, &rows, &moment));
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
    let (rows, moment) = ([Some(person)], crowd().1);
    for (pattern, is_found) in [
        ("(a+)+$", false),
        ("(a|aa)+$", false),
        ("^(a*)*b", false),
        ("(.*)*!", true),
        ("^(a?){50}a{50}", true),
        ("^a{1,1000}!$", false),
    ] {
        let found = find(&text("city", json!({ "matches": pattern })), &rows, &moment);
        assert_eq!(!found.is_empty(), is_found, "{pattern}");
    }
    for pattern in [
        r"((((\w{50}){50}){50}){50})",
        r"[\w\p{L}]{500}",
        &"(".repeat(500),
        &"a?".repeat(251),
    ] {
        let problems = refuse(&text("city", json!({ "matches": pattern })), &catalogue());
        assert_eq!(problems[0].path, "text.is.matches", "{pattern}");
    }
}

#[test]
fn numbers_and_dates_at_the_end_of_their_range() {
    let (rows, moment) = crowd();
    let find = |rule: Value| find(&rule, &rows, &moment).len();
    let score = |test: Value| json!({"number": {"field": "custom.score", "is": test}});
    let anybody = find(score(json!({"isSet": true})));
    let range = json!({"from": f64::MIN, "to": f64::MAX});
    assert_eq!(find(score(json!({ "between": range }))), anybody);
    assert_eq!(find(score(json!({"greaterThan": f64::MAX}))), 0);
    assert_eq!(
        find(score(json!({"in": [u64::MAX, i64::MIN, 5e-324]}))),
        find(score(json!({"equals": 5e-324})))
    );
    let sum =
        |test: Value| json!({"event": {"names": ["purchase", "visit", "refund"], "sum": test}});
    assert_eq!(find(sum(json!({"atMost": 1e308}))), rows.len());
    assert_eq!(find(sum(json!({"lessThan": -1e308}))), 0);

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
    let (mut rows, moment) = crowd();
    let strange = [
        "שלום עולם",
        "مرحبا",
        "a\u{202e}b\u{202c}",
        "zero\u{200b}width\u{feff}",
        "\u{0}\u{1}\u{7f}",
        "e\u{301}\u{301}\u{301}",
        "👩‍👩‍👧‍👦",
        "'; DROP TABLE subscribers; --",
        "\"}]}",
    ];
    for (row, value) in rows.iter_mut().zip(strange) {
        let person = row.as_mut().expect("somebody");
        person.text.insert("city", value.to_owned());
    }
    for (row, value) in strange.into_iter().enumerate() {
        for test in ["equals", "contains", "startsWith", "endsWith"] {
            let found = find(&text("city", json!({ test: value })), &rows, &moment);
            assert_eq!(found, [row], "{test} {value}");
        }
        let pattern = regex::escape(value);
        let found = find(&text("city", json!({ "matches": pattern })), &rows, &moment);
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
