//! The evaluator and the naive one find the same members, at every node of thousands of random rules.

use crate::columns::{evaluate, list_rules, numbered, read};
use crate::generate::{SEGMENTS, arb_person, arb_rule, arb_world};
use crate::naive::{Person, World, is_member};
use arrow_buffer::BooleanBuffer;
use proptest::{collection::vec, option::weighted, prelude::*, test_runner::RngAlgorithm};
use rollcall_rule::CheckedRule;
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
        rules in vec(arb_rule(DEPTH, &SEGMENTS), RULES),
        rows in vec(weighted(0.9, arb_person()), 24..=32).prop_map(numbered),
        world in arb_world(),
    ) {
        compare(&rules, &rows, &world)?;
    }
}

fn compare(rules: &[Value], rows: &[Option<Person>], world: &World) -> Result<(), TestCaseError> {
    let complements = rules.iter().map(|rule| json!({ "not": rule }));
    let checked: Vec<CheckedRule> = rules
        .iter()
        .cloned()
        .chain(complements)
        .map(|rule| read(&rule).unwrap_or_else(|problems| panic!("{rule}: {problems:?}")))
        .collect();
    let mut members = evaluate(&checked, rows, world);
    let everyone: BooleanBuffer = rows.iter().map(Option::is_some).collect();

    let of_segments = members.split_off(checked.len());
    let (straight, inverted) = members.split_at(rules.len());
    for ((rule, members), others) in rules.iter().zip(straight).zip(inverted) {
        let (members, others) = (&members[0], &others[0]);
        prop_assert_eq!((members & others).count_set_bits(), 0, "both in {}", rule);
        prop_assert_eq!(members | others, everyone.clone(), "not split by {}", rule);
    }
    for ((rule, checked), members) in rules.iter().zip(&checked).zip(straight) {
        let paths = checked.nodes.iter().map(|node| node.path.as_str());
        compare_nodes(rule, members, Some(paths.collect()), rows, world)?;
    }
    for ((_, rule), members) in list_rules(world).zip(&of_segments) {
        compare_nodes(rule, members, None, rows, world)?;
    }
    Ok(())
}

fn compare_nodes(
    rule: &Value,
    members: &[BooleanBuffer],
    paths: Option<Vec<&str>>,
    rows: &[Option<Person>],
    world: &World,
) -> Result<(), TestCaseError> {
    let mut nodes = Vec::new();
    list_nodes(rule, String::new(), &mut nodes);
    prop_assert_eq!(nodes.len(), members.len());
    if let Some(paths) = paths {
        prop_assert_eq!(nodes.iter().map(|node| &node.0).collect::<Vec<_>>(), paths);
    }
    for ((_, node), members) in nodes.iter().zip(members) {
        let is_one = |person: &Person| is_member(node, person, world);
        let expected = rows.iter().map(|row| row.as_ref().is_some_and(is_one));
        let expected: BooleanBuffer = expected.collect();
        prop_assert_eq!(members, &expected, "{} in {:?}", node, world);
        prop_assert_eq!(members.count_set_bits(), expected.count_set_bits());
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
