//! The evaluator and the naive one find the same members, at every node of thousands of random rules.

use crate::columns::{evaluate, read};
use crate::generate::{arb_moment, arb_person, arb_rule};
use crate::naive::{Moment, Person, is_member};
use arrow_buffer::BooleanBuffer;
use proptest::{collection::vec, option::weighted, prelude::*, test_runner::RngAlgorithm};
use rollcall::rule::CheckedRule;
use serde_json::{Value, json};

/// How often rules, people and a moment are drawn.
const CASES: u32 = 200;

/// How many rules one plan holds in each case; with their complements it is twice as many.
const RULES: usize = 50;

/// How many levels of logic a rule may have above its conditions.
const DEPTH: u32 = 3;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        // Strategies split it very often, for which the default one takes half of the time.
        rng_algorithm: RngAlgorithm::XorShift,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_evaluators_find_the_same_members(
        rules in vec(arb_rule(DEPTH), RULES),
        rows in vec(weighted(0.9, arb_person()), 24..=32),
        moment in arb_moment(),
    ) {
        compare(&rules, &rows, &moment)?;
    }
}

fn compare(rules: &[Value], rows: &[Option<Person>], moment: &Moment) -> Result<(), TestCaseError> {
    let complements = rules.iter().map(|rule| json!({ "not": rule }));
    let rules: Vec<Value> = rules.iter().cloned().chain(complements).collect();
    let checked: Vec<CheckedRule> = rules
        .iter()
        .map(|rule| read(rule).unwrap_or_else(|problems| panic!("{rule}: {problems:?}")))
        .collect();
    let members = evaluate(&checked, rows, moment);
    let everyone: BooleanBuffer = rows.iter().map(Option::is_some).collect();

    let (straight, inverted) = members.split_at(rules.len() / 2);
    for (position, (members, others)) in straight.iter().zip(inverted).enumerate() {
        let (members, others, rule) = (&members[0], &others[0], &rules[position]);
        prop_assert_eq!((members & others).count_set_bits(), 0, "both in {}", rule);
        prop_assert_eq!(members | others, everyone.clone(), "not split by {}", rule);
    }
    for ((rule, checked), members) in rules.iter().zip(&checked).zip(straight) {
        let mut nodes = Vec::new();
        list_nodes(rule, String::new(), &mut nodes);
        prop_assert_eq!(nodes.len(), checked.nodes.len());
        for ((node, checked), members) in nodes.iter().zip(&checked.nodes).zip(members) {
            prop_assert_eq!(&node.0, &checked.path);
            let is_one = |person: &Person| is_member(node.1, person, moment);
            let expected = rows.iter().map(|row| row.as_ref().is_some_and(is_one));
            let expected: BooleanBuffer = expected.collect();
            prop_assert_eq!(members, &expected, "{} at {:?}", node.1, moment);
            prop_assert_eq!(members.count_set_bits(), expected.count_set_bits());
        }
    }
    Ok(())
}

/// Every node of a rule with its path, parents before children.
fn list_nodes<'r>(node: &'r Value, path: String, nodes: &mut Vec<(String, &'r Value)>) {
    let dot = if path.is_empty() { "" } else { "." };
    let below = |key: &str| format!("{path}{dot}{key}");
    let (all, any) = (node["all"].as_array(), node["any"].as_array());
    let lists = [("all", all), ("any", any)];
    nodes.push((path.clone(), node));
    for (key, children) in lists
        .into_iter()
        .filter_map(|(key, list)| Some((key, list?)))
    {
        for (place, child) in children.iter().enumerate() {
            list_nodes(child, format!("{}[{place}]", below(key)), nodes);
        }
    }
    if let Some(child) = node.get("not") {
        list_nodes(child, below("not"), nodes);
    }
}
