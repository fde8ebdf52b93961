//! A statement that takes too long is a TIMEOUT, whichever loader or resolver sent it.

use super::faults::{Fault, fail_statement, prepare, tables, with_fragile};
use super::walk::{fill, questions};
use crate::scopes::Schema;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn every_statement_that_takes_too_long_is_a_timeout() {
    let schema = Schema::load();
    let app = fill();
    prepare(&app, Fault::TooSlow);
    // All fields of a type at once: each of their statements fails in its turn.
    let mut documents: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    for question in questions(&schema) {
        let aliased = format!("a{}: {}", documents.len(), question.selections[0]);
        let of_type = documents.entry(question.parent.clone());
        let (_, fields) = of_type.or_insert_with(|| (question.around.clone(), Vec::new()));
        fields.push(format!("{}_{aliased}", question.field.name.node));
    }
    let mut failed = BTreeSet::new();
    let mut wrong = BTreeSet::new();
    for table in tables(&app) {
        with_fragile(&app, &table, || {
            for (around, fields) in documents.values() {
                let document = around.replace("GAP", &fields.join(" "));
                for number in 1.. {
                    fail_statement(&app, number);
                    let response = app.respond(&document, Value::Null);
                    let Some(errors) = response["errors"].as_array() else {
                        break;
                    };
                    failed.insert(table.clone());
                    let is_wrong = |error: &&Value| error["extensions"]["code"] != "TIMEOUT";
                    for error in errors.iter().filter(is_wrong) {
                        wrong.insert(format!("{table}: {error}"));
                    }
                }
            }
        });
    }
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
    assert!(failed.len() > 12, "statements failed that read {failed:?}");
}
