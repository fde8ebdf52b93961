//! Fields that failed are null, and where the schema allows no null there, what holds them is.
//!
//! The specification (September 2025, section 6.4.4 "Handling Execution Errors") wants it so, and clients rely on it;
//! async-graphql 7.2 leaves failed fields out of the answer.

use super::types::type_of;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, PathSegment, Response, Value};
use std::collections::{HashMap, HashSet};

/// Makes the failed fields of a response null.
pub fn null_failed_fields(
    response: &mut Response,
    document: &ExecutableDocument,
    operation: &OperationDefinition,
) {
    let failed = response
        .errors
        .iter()
        .filter(|error| !error.path.is_empty());
    // Many errors are of the same field of many things.
    let mut known = HashMap::new();
    let failed: Vec<_> = failed
        .map(|error| {
            let path = error.path.as_slice();
            let nullable = known.entry(name_of(path, false));
            let nullable = nullable.or_insert_with(|| list_nullable(path, document, operation));
            (path, nullable.clone())
        })
        .collect();
    let wanted: HashSet<String> = failed
        .iter()
        .map(|(path, nullable)| name_of(&path[..nullable.last().copied().unwrap_or(0)], true))
        .collect();
    let is_below_another = |place: &[PathSegment]| {
        (0..place.len()).any(|length| wanted.contains(&name_of(&place[..length], true)))
    };
    for (path, mut nullable) in failed {
        // Where async-graphql has dropped more than it must, the null moves up to what is left.
        while let Some(length) = nullable.pop() {
            let place = &path[..length];
            if is_below_another(place) || set_null(&mut response.data, place) {
                break;
            }
        }
    }
}

/// Writes a place down, with or without the positions in lists.
fn name_of(place: &[PathSegment], with_positions: bool) -> String {
    let mut name = String::new();
    for segment in place {
        name.push('.');
        match segment {
            PathSegment::Field(key) => name.push_str(key),
            PathSegment::Index(index) if with_positions => name.push_str(&index.to_string()),
            PathSegment::Index(_) => {}
        }
    }
    name
}

/// Lists the lengths of the beginnings of a path at which the schema allows null, shortest first. The whole answer may
/// always be null.
fn list_nullable(
    path: &[PathSegment],
    document: &ExecutableDocument,
    operation: &OperationDefinition,
) -> Vec<usize> {
    let root = match operation.ty {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    };
    let mut nullable = vec![0];
    let mut here = vec![(root, &operation.selection_set.node)];
    let mut kind = "";
    for (position, segment) in path.iter().enumerate() {
        match segment {
            PathSegment::Field(key) => {
                let mut found = Vec::new();
                for (parent, set) in here {
                    find_fields(parent, set, key, document, &mut found, &mut HashSet::new());
                }
                let types = found
                    .iter()
                    .filter_map(|(parent, field)| type_of(parent, &field.name.node));
                // Of what the document selects under one key all has one shape.
                kind = types.clone().next().unwrap_or_default();
                here = types
                    .map(named)
                    .zip(found.iter().map(|(_, field)| &field.selection_set.node))
                    .collect();
            }
            PathSegment::Index(_) => {
                let list = kind.trim_end_matches('!');
                kind = list
                    .strip_prefix('[')
                    .and_then(|list| list.strip_suffix(']'))
                    .unwrap_or_default();
            }
        }
        if !kind.ends_with('!') {
            nullable.push(position + 1);
        }
    }
    nullable
}

/// Finds the fields of a selection set that answer under a key, each with the type that it is selected from.
fn find_fields<'d>(
    parent: &'d str,
    set: &'d SelectionSet,
    key: &str,
    document: &'d ExecutableDocument,
    found: &mut Vec<(&'d str, &'d Field)>,
    visited: &mut HashSet<&'d Name>,
) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) if field.node.response_key().node == key => {
                found.push((parent, &field.node));
            }
            Selection::Field(_) => {}
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                let parent = condition.map_or(parent, |on| on.node.on.node.as_str());
                let set = &fragment.node.selection_set.node;
                find_fields(parent, set, key, document, found, visited);
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                if visited.insert(name)
                    && let Some(fragment) = document.fragments.get(name)
                {
                    let parent = fragment.node.type_condition.node.on.node.as_str();
                    let set = &fragment.node.selection_set.node;
                    find_fields(parent, set, key, document, found, visited);
                }
            }
        }
    }
}

/// Makes what stands at a place null, if that is there to stand at.
fn set_null(data: &mut Value, place: &[PathSegment]) -> bool {
    let mut value = data;
    for (position, segment) in place.iter().enumerate() {
        let is_last = position + 1 == place.len();
        if is_last && *value == Value::Null {
            // Every field of this object has failed.
            *value = Value::Object(IndexMap::new());
        }
        let below = match (segment, value) {
            (PathSegment::Field(key), Value::Object(fields)) => {
                if is_last {
                    fields.entry(Name::new(key)).or_default();
                }
                fields.get_mut(key.as_str())
            }
            (PathSegment::Index(index), Value::List(items)) => items.get_mut(*index),
            _ => None,
        };
        match below {
            Some(below) => value = below,
            None => return false,
        }
    }
    *value = Value::Null;
    true
}

/// Returns the name in a type, without lists and exclamation marks.
fn named(kind: &str) -> &str {
    kind.trim_matches(['[', ']', '!'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;
    use async_graphql::{ServerError, value};
    use serde_json::json;

    /// What becomes of an answer in which these paths failed.
    #[track_caller]
    fn answer(query: &str, data: Value, failed: serde_json::Value) -> String {
        let document = parse_query(query).expect("a document");
        let (_, operation) = document.operations.iter().next().expect("an operation");
        let mut response = Response::new(data);
        for path in failed.as_array().expect("paths") {
            let mut error = ServerError::new("failed", None);
            error.path = path
                .as_array()
                .expect("a path")
                .iter()
                .map(|segment| match segment.as_u64() {
                    Some(index) => PathSegment::Index(usize::try_from(index).expect("an index")),
                    None => PathSegment::Field(segment.as_str().expect("a key").to_owned()),
                })
                .collect();
            response.errors.push(error);
        }
        null_failed_fields(&mut response, &document, &operation.node);
        response.data.to_string()
    }

    #[test]
    fn a_nullable_field_is_null_beside_others() {
        let query = "{ a: segment(key: \"a\") { key } b: segment { key } }";
        let data = value!({"a": {"key": "a"}});
        assert_eq!(
            answer(query, data, json!([["b"]])),
            "{a: {key: \"a\"}, b: null}"
        );
        assert_eq!(
            answer("{ b: segment { key } }", Value::Null, json!([["b"]])),
            "{b: null}"
        );
    }

    #[test]
    fn a_null_that_is_not_allowed_moves_up() {
        let query = "{ name: __typename segments { nodes { key } } }";
        assert_eq!(
            answer(query, value!({"name": "Query"}), json!([["segments"]])),
            "null"
        );
        let query = "query { segment { ...F } } fragment F on Segment { key count: memberCount }";
        let data = value!({"segment": {"key": "a"}});
        assert_eq!(
            answer(query, data, json!([["segment", "count"]])),
            "{segment: null}"
        );
        let query = "{ nodes(ids: []) { id ... on Segment { memberCount lastRefresh { refresh { id } } } } }";
        let data = value!({"nodes": [{"id": "1"}, {"id": "2"}, {"id": "3"}]});
        let failed = json!([["nodes", 0, "memberCount"], ["nodes", 2, "lastRefresh"]]);
        assert_eq!(
            answer(query, data, failed),
            "{nodes: [null, {id: \"2\"}, {id: \"3\", lastRefresh: null}]}"
        );
    }

    #[test]
    fn what_is_null_already_is_not_filled_again() {
        let query = "{ segment { lastRefresh { segment { key } } memberCount } }";
        let failed = json!([
            ["segment", "lastRefresh", "segment"],
            ["segment", "memberCount"]
        ]);
        let data = value!({"segment": {"lastRefresh": null}});
        assert_eq!(answer(query, data, failed), "{segment: null}");
    }

    #[test]
    fn an_object_of_which_every_field_failed_stays_an_object() {
        let query = "{ segment { lastRefresh { memberCount } summary } }";
        let failed = json!([["segment", "lastRefresh"], ["segment", "summary"]]);
        assert_eq!(
            answer(query, value!({"segment": null}), failed),
            "{segment: {lastRefresh: null, summary: null}}"
        );
    }

    #[test]
    fn where_a_list_was_dropped_the_null_moves_up_to_what_is_left() {
        let query =
            "{ segments { nodes { lastRefresh { refresh { id } } } } groups { totalCount } }";
        let data = value!({"groups": {"totalCount": 1}});
        let failed = json!([["segments", "nodes", 3, "lastRefresh"]]);
        assert_eq!(answer(query, data, failed), "null");
    }
}
