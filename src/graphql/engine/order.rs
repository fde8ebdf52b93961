//! The order of a response: fields stand as the document asks for them.
//!
//! The specification (September 2025, section 7.2.2 "Serialized Map Ordering") wants it so, people reading answers
//! expect it, and async-graphql 7.2 inserts each field when its resolver is done.

use super::empty::MARK;
use super::types::is_a;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Response, Value};
use std::collections::HashSet;

/// Puts the fields of a response into the order of its operation.
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
            let mut unordered = std::mem::take(fields);
            let kind = match sets {
                [] => None,
                _ => unordered.shift_remove(MARK),
            };
            let kind = match &kind {
                Some(Value::String(kind)) => Some(kind.as_str()),
                _ => None,
            };
            let mut gathering = Gathering {
                document,
                kind,
                selected: Selected::new(),
                visited: HashSet::new(),
            };
            for set in sets {
                gathering.collect(set);
            }
            for (key, sets) in gathering.selected {
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

/// Gathers what selection sets select from an object.
struct Gathering<'d> {
    document: &'d ExecutableDocument,
    /// The type of the object, where that matters.
    kind: Option<&'d str>,
    selected: Selected<'d>,
    visited: HashSet<&'d Name>,
}

impl<'d> Gathering<'d> {
    /// Adds a selection set. A fragment counts once for an object, so that chains of them cannot grow.
    fn collect(&mut self, set: &'d SelectionSet) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let key = &field.node.response_key().node;
                    let below = self.selected.entry(key).or_default();
                    below.push(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    if condition.is_none_or(|on| self.may_be(&on.node.on.node)) {
                        self.collect(&fragment.node.selection_set.node);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.document.fragments.get(name)
                        && self.may_be(&fragment.node.type_condition.node.on.node)
                        && self.visited.insert(name)
                    {
                        self.collect(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }

    fn may_be(&self, condition: &str) -> bool {
        self.kind.is_none_or(|kind| is_a(kind, condition))
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
