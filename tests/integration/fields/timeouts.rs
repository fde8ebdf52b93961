//! A statement that takes too long is a TIMEOUT, whichever loader or resolver sent it.

use super::faults::{Fault, for_each_fault, prepare};
use super::walk::{fill, questions};
use crate::scopes::Schema;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Fields that want one of several arguments.
const REFUSED: [&str; 3] = [
    "Query.previewSegment",
    "Query.ruleFromQueryBuilder",
    "Query.ruleToQueryBuilder",
];

#[test]
fn every_statement_that_takes_too_long_is_a_timeout() {
    let schema = Schema::load();
    let app = fill();
    // All fields of a type at once: each of their statements fails in its turn.
    let mut refused = Vec::new();
    let mut documents: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    for question in questions(&schema) {
        let alone = question.documents().next().expect("a document");
        if app.respond(&alone, Value::Null).get("errors").is_some() {
            refused.push(question.coordinate());
            continue;
        }
        let aliased = format!("a{}: {}", documents.len(), question.selections[0]);
        let of_type = documents.entry(question.parent.clone());
        let (_, fields) = of_type.or_insert_with(|| (question.around.clone(), Vec::new()));
        fields.push(format!("{}_{aliased}", question.field.name.node));
    }
    assert!(
        refused.iter().all(|one| REFUSED.contains(&one.as_str())),
        "{refused:?}"
    );
    let app = prepare(&app, Fault::TooSlow);
    let (mut failed, mut wrong) = (0, BTreeSet::new());
    for (around, fields) in documents.values() {
        let document = around.replace("GAP", &fields.join(" "));
        for_each_fault(&app, &document, |response| {
            failed += 1;
            let errors = response["errors"].as_array().into_iter().flatten();
            let is_wrong = |error: &&Value| error["extensions"]["code"] != "TIMEOUT";
            wrong.extend(errors.filter(is_wrong).map(Value::to_string));
        });
    }
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
    assert!(failed > 100, "{failed} statements failed");
}
