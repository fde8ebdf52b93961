//! A nullable field that fails is null, and its siblings are there.
//!
//! The specification (September 2025, section 6.4.4 "Handling Execution Errors") wants it so, and clients rely on it.

use super::faults::{for_each_fault, prepare};
use super::walk::{fill, questions_of};
use crate::scopes::{Schema, bare};
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use std::path::Path;

/// Nullable fields whose object is not looked up by itself: nothing of them can fail alone.
const READ_WITH_THE_PARENT: [&str; 4] = [
    "AuditEntry.target",
    "Import.analysis",
    "ImportColumnAnalysis.mend",
    "SegmentDefinition.writtenBy",
];

/// The place of an error: keys of fields and positions in lists.
fn path_of(error: &Value) -> Vec<Value> {
    error["path"].as_array().cloned().unwrap_or_default()
}

/// Returns the beginning of a path at which null must stand: the longest that the schema allows to be null.
fn place_of_null(schema: &Schema, path: &[Value]) -> Vec<Value> {
    // Of a field that several types have, the types of all are possible.
    let mut parents = BTreeSet::from(["Query".to_owned()]);
    let mut types = BTreeSet::new();
    let mut longest = 0;
    for (position, segment) in path.iter().enumerate() {
        types = match segment {
            Value::String(key) => {
                let fields = parents.iter().flat_map(|parent| schema.fields(parent));
                let fields = fields.filter(|field| field.name.node == key.as_str());
                fields.map(|field| field.ty.node.to_string()).collect()
            }
            _ => types.iter().map(|list: &String| item_of(list)).collect(),
        };
        assert!(!types.is_empty(), "{parents:?} have no {segment}: {path:?}");
        if !types.iter().any(|of| of.ends_with('!')) {
            longest = position + 1;
        }
        let names = types.iter().map(|of| bare(of));
        parents = names
            .clone()
            .chain(names.flat_map(|name| schema.possible(&name)))
            .collect();
    }
    path[..longest].to_vec()
}

/// Returns the type of the items of a list.
fn item_of(list: &str) -> String {
    let list = list.trim_end_matches('!');
    list[1..list.len() - 1].to_owned()
}

/// Returns what is wrong with where an answer has null.
fn find_fault(schema: &Schema, response: &Value) -> Option<String> {
    let errors = response["errors"].as_array()?;
    let places: HashSet<Vec<Value>> = errors
        .iter()
        .map(|error| place_of_null(schema, &path_of(error)))
        .collect();
    let reaches_null = |place: &Vec<Value>| {
        let mut value = response.get("data");
        for (position, segment) in place.iter().enumerate() {
            if value == Some(&Value::Null) {
                // Another error made null what this one is in.
                return places.contains(&place[..position]);
            }
            value = match segment {
                Value::String(key) => value.and_then(|value| value.get(key)),
                index => {
                    let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
                    value.and_then(|value| value.get(index.unwrap_or(usize::MAX)))
                }
            };
        }
        value == Some(&Value::Null)
    };
    let wrong = places.iter().find(|place| !reaches_null(place))?;
    Some(format!("no null at {}", serde_json::json!(wrong)))
}

#[test]
fn a_nullable_field_that_fails_is_null_beside_its_siblings() {
    let schema = Schema::load();
    let app = fill();
    let app = prepare(&app);
    // An answer has at most a hundred errors.
    let questions = questions_of(&schema, 5);
    let is_nullable = |of: &str| !of.ends_with('!') || of.contains("]") && !of.contains("!]");
    let nullable: Vec<_> = questions
        .iter()
        .filter(|question| is_nullable(&question.field.ty.node.to_string()))
        .collect();
    let mut failed_alone = BTreeSet::new();
    let mut wrong = BTreeSet::new();
    for question in &nullable {
        let document = question.documents().next().expect("a document");
        for_each_fault(&app, &document, |response| {
            if let Some(fault) = find_fault(&schema, response) {
                wrong.insert(format!("{}: {fault}: {document}", question.coordinate()));
            }
            let is_of_field = |error: &Value| {
                let mut path = path_of(error).into_iter().rev();
                let name = question.field.name.node.as_str();
                path.find(Value::is_string) == Some(name.into())
            };
            let mut errors = response["errors"].as_array().into_iter().flatten();
            if errors.all(is_of_field) {
                failed_alone.insert(question.coordinate());
            }
        });
    }
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
    let is_object = |of: &str| !schema.leaf(&bare(of)).is_empty();
    let untried: Vec<String> = nullable
        .iter()
        .filter(|question| is_object(&question.field.ty.node.to_string()))
        .map(|question| question.coordinate())
        .filter(|coordinate| !failed_alone.contains(coordinate))
        .filter(|coordinate| !READ_WITH_THE_PARENT.contains(&coordinate.as_str()))
        .collect();
    assert!(
        untried.is_empty(),
        "did not fail alone: {untried:?}; did: {failed_alone:?}"
    );
}

/// The fields that the test above does not reach, such as those of payloads, are found in the source.
#[test]
fn no_resolver_of_a_nullable_field_nulls_its_parent() {
    let mut files = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/graphql")];
    let (mut resolvers, mut wrong) = (0, Vec::new());
    while let Some(path) = files.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a directory");
            files.extend(entries.map(|entry| entry.expect("an entry").path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        for block in [
            "#[Object",
            "#[async_graphql::Object",
            "#[ComplexObject",
            "#[Subscription",
        ]
        .iter()
        .flat_map(|attribute| text.split(attribute).skip(1))
        {
            let block = block.split("\n}").next().unwrap_or_default();
            for signature in block.split("async fn ").skip(1) {
                resolvers += 1;
                let signature = signature.split('{').next().unwrap_or_default();
                let packed: String = signature.split_whitespace().collect();
                if packed.contains("Result<Option<") {
                    let name = signature.split('(').next().unwrap_or_default();
                    wrong.push(format!("{}: {name}", path.display()));
                }
            }
        }
    }
    assert!(resolvers > 200, "{resolvers} resolvers were looked at");
    assert!(
        wrong.is_empty(),
        "return Nullable<T> instead (nullable.rs): {wrong:#?}"
    );
}
