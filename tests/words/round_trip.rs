//! A rule that is mapped to react-querybuilder and back is the same rule, and so is a query.

use crate::{catalogue, parsed};
use insta::assert_json_snapshot;
use proptest::prelude::*;
use proptest::{collection::vec, sample::select};
use rollcall_rule::{
    CheckedRule, Leaf, ListTest, NodeKind, Quantifier, check_rule, from_query_builder,
    parse_and_check, summarize, to_query_builder,
};
use serde_json::{Value, json};

/// The rule without our sugar: denials at the leaves, groups of one opened, "all of several" as a group.
fn form(rule: &CheckedRule, index: usize, negated: bool) -> String {
    let sign = if negated { "not " } else { "" };
    let several = |word: &str, children: &[usize]| match children {
        [only] => form(rule, *only, negated),
        children => {
            let inside = children.iter().map(|child| form(rule, *child, false));
            format!("{sign}{word}({})", inside.collect::<Vec<_>>().join("; "))
        }
    };
    let every = |singles: Vec<String>| match singles.as_slice() {
        [only] => format!("{sign}{only}"),
        singles => format!("{sign}all({})", singles.join("; ")),
    };
    match &rule.nodes[index].kind {
        NodeKind::All(children) => several("all", children),
        NodeKind::Any(children) => several("any", children),
        NodeKind::Not(inner) => form(rule, *inner, !negated),
        NodeKind::Everyone => format!("{sign}everyone"),
        NodeKind::Segment {
            quantifier: Quantifier::All,
            ids,
            ..
        } => every(
            ids.iter()
                .map(|id| format!("segments {:?}", [id]))
                .collect(),
        ),
        NodeKind::Segment { ids, .. } => format!("{sign}segments {ids:?}"),
        NodeKind::Leaf {
            leaf,
            negated: opposite,
        } => {
            if *opposite {
                let sign = if negated { "" } else { "not " };
                return format!("{sign}{leaf:?}");
            }
            match leaf {
                Leaf::Group {
                    quantifier: Quantifier::All,
                    ids,
                    added,
                } => every(
                    ids.iter()
                        .map(|id| {
                            let quantifier = Quantifier::Any;
                            let (ids, added) = (vec![*id], *added);
                            format!(
                                "{:?}",
                                Leaf::Group {
                                    quantifier,
                                    ids,
                                    added
                                }
                            )
                        })
                        .collect(),
                ),
                Leaf::List {
                    key,
                    test: ListTest::ContainsAll(texts),
                } => every(
                    texts
                        .iter()
                        .map(|text| {
                            let test = ListTest::ContainsAny(vec![text.clone()]);
                            format!(
                                "{:?}",
                                Leaf::List {
                                    key: key.clone(),
                                    test
                                }
                            )
                        })
                        .collect(),
                ),
                leaf => format!("{sign}{leaf:?}"),
            }
        }
    }
}

fn form_of(rule: &Value) -> String {
    let (_, checked) = parse_and_check(rule, &catalogue(), None)
        .unwrap_or_else(|problems| panic!("{rule} is right: {problems:#?}"));
    form(&checked, 0, false)
}

fn there_and_back(rule: &Value) -> Value {
    let query = to_query_builder(&parsed(rule))
        .unwrap_or_else(|problems| panic!("{rule} can be mapped: {problems:#?}"));
    from_query_builder(&query, &catalogue())
        .unwrap_or_else(|problems| panic!("{query} can be mapped: {problems:#?}"))
}

/// Every condition that react-querybuilder can say.
fn conditions() -> Vec<Value> {
    let of = |node: &str, field: &str, tests: Value| {
        let tests = tests.as_array().expect("a list").clone();
        let condition = |test| json!({node: {"field": field, "is": test}});
        tests.into_iter().map(condition).collect::<Vec<_>>()
    };
    [
        of(
            "text",
            "country",
            json!([
                {"equals": "LT"}, {"notEquals": "a, \"b\\,"}, {"in": ["LT", "a,b", "c d"]},
                {"notIn": ["LT"]}, {"contains": "L"}, {"notContains": "L"}, {"startsWith": "L"},
                {"endsWith": "T"}, {"isSet": true}, {"isSet": false},
            ]),
        ),
        of(
            "number",
            "custom.visits",
            json!([
                {"equals": 3}, {"notEquals": -0.5}, {"greaterThan": 1e308}, {"atLeast": 100.0},
                {"lessThan": 9007199254740994_u64}, {"atMost": 0},
                {"between": {"from": -3, "to": 9.25}}, {"in": [3, 1, 2]}, {"isSet": true},
                {"isSet": false},
            ]),
        ),
        of(
            "date",
            "custom.renewal",
            json!([
                {"on": "2026-03-01"}, {"before": "0001-01-01"}, {"after": "9999-12-31"},
                {"onOrBefore": "2026-03-01"}, {"onOrAfter": "2026-03-01"},
                {"between": {"from": "2026-03-01", "to": "2026-03-01"}}, {"isSet": true},
                {"isSet": false},
            ]),
        ),
        of(
            "date",
            "custom.seen",
            json!([
                {"on": "2026-03-01"}, {"before": "2026-03-01T09:30:00.123456+02:00"},
                {"between": {"from": "2026-03-01", "to": "2026-03-01T00:00:00Z"}},
            ]),
        ),
        of(
            "boolean",
            "custom.vip",
            json!([
                {"isTrue": true}, {"isFalse": true}, {"isSet": true}, {"isSet": false},
            ]),
        ),
        of(
            "list",
            "custom.tags",
            json!([
                {"containsAny": ["a"]}, {"containsAny": ["a", "b"]}, {"containsAll": ["a", "b"]},
                {"containsAll": ["a"]}, {"containsNone": ["a"]}, {"containsNone": ["a", "b"]},
                {"isSet": true}, {"isSet": false},
            ]),
        ),
        vec![
            json!({"text": {"field": "city", "is": {"isSet": true}, "caseSensitive": false}}),
            json!({"status": {"in": ["SUBSCRIBED"]}}),
            json!({"status": {"in": ["PENDING", "BOUNCED"]}}),
            json!({"group": {"inAny": ["staff"]}}),
            json!({"group": {"inAll": ["staff", "press"]}}),
            json!({"group": {"none": true}}),
            json!({"segment": {"inAny": ["loyal", "lapsed"]}}),
            json!({"segment": {"inAll": ["loyal", "lapsed"]}}),
            json!({"everyone": true}),
        ],
    ]
    .concat()
}

#[test]
fn every_condition_comes_back() {
    for condition in conditions() {
        let not = json!({ "not": condition });
        let both = json!({"all": [condition, not]});
        let neither = json!({"not": {"any": [not, {"not": not}]}});
        for rule in [&condition, &not, &both, &neither] {
            let back = there_and_back(rule);
            assert_eq!(form_of(&back), form_of(rule), "{back}");
        }
    }
}

#[test]
fn a_query_as_it_is_written() {
    let rule = json!({"all": [
        {"text": {"field": "country", "is": {"in": ["LT", "LV"]}}},
        {"not": {"group": {"inAny": ["staff"]}}},
        {"not": {"number": {"field": "custom.visits", "is": {"atLeast": 3}}}},
        {"not": {"any": [
            {"date": {"field": "createdAt", "is": {"between": {"from": "2026-01-01", "to": "2026-12-31"}}}},
            {"list": {"field": "custom.tags", "is": {"containsAll": ["a", "b"]}}},
            {"boolean": {"field": "custom.vip", "is": {"isSet": false}}},
        ]}},
    ]});
    let query = to_query_builder(&parsed(&rule)).expect("all of it has a counterpart");
    assert_json_snapshot!(query);
    let single = json!({"text": {"field": "country", "is": {"notEquals": "LT"}}});
    let query = to_query_builder(&parsed(&single)).expect("all of it has a counterpart");
    assert_json_snapshot!(query, @r#"
    {
      "combinator": "and",
      "rules": [
        {
          "field": "country",
          "operator": "!=",
          "value": "LT"
        }
      ]
    }
    "#);
    let nobody = json!({"not": {"everyone": true}});
    let query = to_query_builder(&parsed(&nobody)).expect("all of it has a counterpart");
    assert_json_snapshot!(query, @r#"
    {
      "combinator": "and",
      "not": true,
      "rules": [
        {
          "combinator": "and",
          "rules": []
        }
      ]
    }
    "#);
}

/// A rule of react-querybuilder with values as its editors give them.
fn any_rule() -> impl Strategy<Value = Value> {
    const TEXT: [&str; 6] = [
        "=",
        "!=",
        "contains",
        "doesNotContain",
        "beginsWith",
        "doesNotBeginWith",
    ];
    let text = (
        select(&TEXT),
        select(&["LT", "a,b", "Ąžuolas", " x"]),
        select(&["city", "email"]),
    )
        .prop_map(|(operator, value, field)| (field, operator, json!(value)));
    let several = (
        select(&["in", "notIn"]),
        select(&["LT", "LT,LV", "a\\,b, c"]),
        any::<bool>(),
    )
        .prop_map(|(operator, value, split)| match split {
            true => (
                "country",
                operator,
                value.split(',').collect::<Vec<_>>().into(),
            ),
            false => ("country", operator, json!(value)),
        });
    let number = (
        select(&["=", "!=", "<", "<=", ">", ">="]),
        -9..9_i32,
        any::<bool>(),
    )
        .prop_map(|(operator, value, quoted)| match quoted {
            true => ("custom.visits", operator, json!(value.to_string())),
            false => ("custom.visits", operator, json!(value)),
        });
    let range = (select(&["between", "notBetween"]), -9..0_i32, 0..9_i32)
        .prop_map(|(operator, from, to)| ("custom.visits", operator, json!([from, to])));
    let date = (select(&["=", "!=", "<", "<=", ">", ">="]), 1..29_u32)
        .prop_map(|(operator, day)| ("birthday", operator, json!(format!("2026-02-{day:02}"))));
    let vip = (select(&["=", "!="]), any::<bool>())
        .prop_map(|(operator, value)| ("custom.vip", operator, json!(value)));
    let unary = (
        select(&["null", "notNull"]),
        select(&["city", "custom.tags", "custom.vip", "group"]),
    )
        .prop_map(|(operator, field)| (field, operator, Value::Null));
    let member = (
        select(&["=", "!=", "in", "notIn"]),
        select(&["staff", "press"]),
    )
        .prop_map(|(operator, key)| ("group", operator, json!(key)));
    prop_oneof![text, several, number, range, date, vip, unary, member].prop_map(
        |(field, operator, value)| json!({"field": field, "operator": operator, "value": value}),
    )
}

/// A query in either form.
fn any_query() -> impl Strategy<Value = Value> {
    let group = |item: BoxedStrategy<Value>| {
        let words = vec(select(&["and", "or"]), 4);
        (vec(item, 1..5), words, any::<(bool, bool)>()).prop_map(|(items, words, (not, mixed))| {
            if !mixed {
                return json!({"combinator": words[0], "not": not, "rules": items});
            }
            let last = items.len() - 1;
            let between = items.into_iter().zip(words).enumerate();
            let items = between.flat_map(|(place, (item, word))| {
                let word = (place < last).then(|| json!(word));
                std::iter::once(item).chain(word)
            });
            json!({"not": not, "rules": items.collect::<Vec<_>>()})
        })
    };
    let inner = any_rule().prop_recursive(3, 24, 4, move |item| group(item.boxed()));
    vec(inner, 0..4).prop_map(|rules| json!({"combinator": "and", "rules": rules}))
}

/// Whatever somebody might send, with the keys and words of the format here and there.
fn any_json() -> impl Strategy<Value = Value> {
    const KEYS: [&str; 9] = [
        "rules",
        "rules",
        "combinator",
        "field",
        "operator",
        "value",
        "not",
        "muted",
        "match",
    ];
    const WORDS: [&str; 12] = [
        "and", "or", "=", "in", "between", "null", "country", "group", "staff", "status", "\\,", "",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(&WORDS).prop_map(Value::from),
        any_rule(),
    ];
    leaf.prop_recursive(6, 48, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec((select(&KEYS), inner.clone()), 1..6).prop_map(|entries| {
                let entries = entries.into_iter();
                Value::Object(
                    entries
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect(),
                )
            }),
            vec(inner, 0..5).prop_map(|rules| json!({"combinator": "or", "rules": rules})),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn every_query_is_a_rule_and_comes_back(query in any_query()) {
        let rule = from_query_builder(&query, &catalogue()).expect("the query can be mapped");
        let node = parsed(&rule);
        check_rule(&node, &catalogue(), None).expect("every name is known");
        let back = there_and_back(&rule);
        prop_assert_eq!(form_of(&back), form_of(&rule));
        prop_assert_eq!(summarize(&parsed(&back)), summarize(&node));
    }

    #[test]
    fn whatever_is_sent_is_a_rule_or_refused(query in any_json()) {
        match from_query_builder(&query, &catalogue()) {
            Ok(rule) => prop_assert!(parse_and_check(&rule, &catalogue(), None).is_ok(), "{}", rule),
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }
}
