//! The order of a response: fields stand as the document asks for them.
//!
//! The specification (September 2025, section 7.2.2 "Serialized Map Ordering") wants it so, people reading answers
//! expect it, and async-graphql 7.2 inserts each field when its resolver is done.

use super::empty::MARK;
use super::failed::null_failed_fields;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Response, Value};
use std::collections::HashSet;

/// Puts the fields of a response into the order of its operation, with null for those that failed.
pub fn order_fields(
    response: &mut Response,
    document: &ExecutableDocument,
    operation_name: Option<&str>,
) {
    let mut operations = document.operations.iter();
    let operation = match operation_name {
        Some(wanted) => operations.find(|(name, _)| name.is_some_and(|name| name == wanted)),
        None => operations.next(),
    };
    if let Some((_, operation)) = operation {
        null_failed_fields(response, document, &operation.node);
        order_value(
            &mut response.data,
            &[&operation.node.selection_set.node],
            document,
        );
    }
}

/// What is selected under each key of a response, in the order of first appearance.
type Selected<'d> = IndexMap<&'d Name, Vec<&'d SelectionSet>>;

fn order_value(value: &mut Value, sets: &[&SelectionSet], document: &ExecutableDocument) {
    match value {
        Value::List(items) => {
            for item in items {
                order_value(item, sets, document);
            }
        }
        Value::Object(fields) => {
            let mut selected = Selected::new();
            let mut visited = HashSet::new();
            for set in sets {
                collect(set, document, &mut selected, &mut visited);
            }
            let mut unordered = std::mem::take(fields);
            if !sets.is_empty() {
                unordered.shift_remove(MARK);
            }
            for (key, sets) in selected {
                if let Some(mut field) = unordered.shift_remove(key) {
                    order_value(&mut field, &sets, document);
                    fields.insert(key.clone(), field);
                }
            }
            // Scalars that are objects themselves have no selection and keep their own order.
            fields.extend(unordered);
        }
        _ => {}
    }
}

/// Gathers what a selection set selects. A fragment counts once for an object, so that chains of them cannot grow.
fn collect<'d>(
    set: &'d SelectionSet,
    document: &'d ExecutableDocument,
    selected: &mut Selected<'d>,
    visited: &mut HashSet<&'d Name>,
) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                let key = &field.node.response_key().node;
                let below = selected.entry(key).or_default();
                below.push(&field.node.selection_set.node);
            }
            Selection::InlineFragment(fragment) => {
                collect(
                    &fragment.node.selection_set.node,
                    document,
                    selected,
                    visited,
                );
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                if visited.insert(name)
                    && let Some(fragment) = document.fragments.get(name)
                {
                    collect(
                        &fragment.node.selection_set.node,
                        document,
                        selected,
                        visited,
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;
    use async_graphql::value;

    #[test]
    fn fields_stand_as_they_are_asked_for() {
        let document = parse_query(
            "query Other { z } query Asked { b { y ...Rest x } a: c ... on Query { d { n m } } b { w } } \
             fragment Rest on B { v y }",
        )
        .expect("a document");
        let mut response = Response::new(value!({
            "d": [{"m": 1, "n": 2}, null], "a": {"k": 1, "j": 2}, "b": {"w": 1, "v": 2, "x": 3, "y": 4}
        }));
        order_fields(&mut response, &document, Some("Asked"));
        assert_eq!(
            response.data.to_string(),
            "{b: {y: 4, v: 2, x: 3, w: 1}, a: {k: 1, j: 2}, d: [{n: 2, m: 1}, null]}"
        );
    }
}
