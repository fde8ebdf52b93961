//! A field costs the same number of statements however many parents ask for it.

use super::walk::{OBJECTS, PARENT, Question, fill, questions_of};
use crate::scopes::Schema;
use crate::support::TestApp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Fields that cost statements for each parent, with the reason.
const PER_PARENT: [(&str, &str); 4] = [
    (
        "SegmentChange.deleted",
        "undoes the history of its own segment in a scan, which waits for its turn",
    ),
    (
        "SegmentChange.joined",
        "undoes the history of its own segment in a scan, which waits for its turn",
    ),
    (
        "SegmentChange.left",
        "undoes the history of its own segment in a scan, which waits for its turn",
    ),
    (
        "Subscriber.explain",
        "evaluates a rule in a snapshot of its own, in a scan, which waits for its turn",
    ),
];

/// Types of which the database has no object. None of their fields reads anything.
const ABSENT: [&str; 8] = [
    "ImportAnalysis",
    "ImportChange",
    "ImportColumn",
    "ImportColumnAnalysis",
    "ImportQuestion",
    "ImportValue",
    "RuleProblem",
    "RuleWarning",
];

/// What a field of several parents costs.
#[derive(Debug, PartialEq)]
struct Cost {
    parents: usize,
    statements: i64,
}

/// Sends a document and returns how many statements it took, with its data.
fn count(app: &TestApp, document: &str) -> (i64, Value) {
    let before = app.db().statement_count();
    let response = app.respond(document, json!({}));
    let statements = app.db().statement_count() - before;
    assert_eq!(response.get("errors"), None, "{document}: {response}");
    let statements = i64::try_from(statements).expect("a small number");
    (statements, response["data"].clone())
}

/// Returns what each set of arguments of a field costs beside the way to its parents. Each document is sent twice: a new
/// connection costs statements of its own, and what is cheaper is counted.
fn costs(app: &TestApp, question: &Question<'_>) -> Vec<Cost> {
    let count = |document: &str| {
        let (first, _) = count(app, document);
        let (second, data) = count(app, document);
        (first.min(second), data)
    };
    let (around, _) = count(&question.without_the_field());
    let costs = question.documents().map(|document| {
        let (all, data) = count(&document);
        Cost {
            parents: count_parents(&data),
            statements: all - around,
        }
    });
    costs.collect()
}

/// Counts the parents in an answer.
fn count_parents(data: &Value) -> usize {
    match data {
        Value::Array(items) => items.iter().map(count_parents).sum(),
        Value::Object(fields) => {
            let below: usize = fields.values().map(count_parents).sum();
            below + usize::from(fields.contains_key(PARENT))
        }
        _ => 0,
    }
}

#[test]
fn a_field_costs_as_many_statements_for_ten_parents_as_for_one() {
    let schema = Schema::load();
    let app = fill();
    let few = questions_of(&schema, 1);
    let many = questions_of(&schema, OBJECTS);
    let (mut tried, mut expensive) = (0, BTreeMap::new());
    let (mut unknown, mut absent) = (BTreeSet::new(), BTreeSet::new());
    for (few, many) in few.iter().zip(&many) {
        let (coordinate, parent) = (many.coordinate(), &many.parent);
        if many.parent == "Query" {
            continue;
        }
        let costs = costs(&app, few).into_iter().zip(costs(&app, many));
        for ((few, many), document) in costs.zip(many.documents()) {
            // No answer has two of some objects, such as the list of all groups.
            if many.parents < 2 {
                if many.parents == 0 {
                    absent.insert(parent.clone());
                }
                continue;
            }
            tried += 1;
            let is_expensive = if many.parents > few.parents {
                few.statements != many.statements
            } else {
                // There are as many of them in every answer, such as the fields of rules.
                many.statements >= i64::try_from(many.parents).expect("a small number")
            };
            if many.parents < OBJECTS && many.statements > 0 {
                unknown.insert(coordinate.clone());
            }
            if is_expensive {
                expensive.insert(coordinate.clone(), format!("{few:?}, {many:?}: {document}"));
            }
        }
    }
    assert_eq!(absent.into_iter().collect::<Vec<_>>(), ABSENT);
    assert!(
        unknown.is_empty(),
        "not tried for several parents: {unknown:#?}"
    );
    assert!(tried > 200, "{tried} fields were tried");
    let listed = |coordinate: &str| PER_PARENT.iter().any(|(listed, _)| *listed == coordinate);
    let cheap = PER_PARENT.iter().map(|(coordinate, _)| *coordinate);
    let cheap: Vec<&str> = cheap
        .filter(|listed| !expensive.contains_key(*listed))
        .collect();
    assert!(cheap.is_empty(), "take these off the list: {cheap:?}");
    expensive.retain(|coordinate, _| !listed(coordinate));
    assert!(expensive.is_empty(), "cost more: {expensive:#?}");
}
