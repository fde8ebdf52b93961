//! Null where a field failed.
//!
//! The specification (section 6.4.4, "Handling Execution Errors") wants null in the place of a field that failed, and
//! where its type allows none, in the place of what it belongs to, and so on. async-graphql 7.2 leaves such fields out.

use apollo_compiler::Node;
use apollo_compiler::ast::Type;
use apollo_compiler::executable::{ExecutableDocument, Field, Operation, Selection, SelectionSet};
use async_graphql::{Name, PathSegment, ServerError, Value};
use std::collections::HashSet;

/// Puts null where these errors ask for it.
pub fn place_nulls(
    data: &mut Value,
    errors: &[ServerError],
    document: &ExecutableDocument,
    operation: &Operation,
) {
    let mut spreading = Vec::new();
    for path in errors.iter().map(|error| error.path.as_slice()) {
        let nullable = list_nullable(path, document, operation);
        match nullable.iter().rposition(|is_nullable| *is_nullable) {
            // Objects all of whose fields failed come back here, before null spreads.
            Some(last) if last + 1 == path.len() => set_null(data, path),
            Some(last) => spreading.push(&path[..=last]),
            None if path.is_empty() => {}
            None => return *data = Value::Null,
        }
    }
    for path in spreading {
        set_null(data, path);
    }
}

/// Tells for every step of a path whether null may stand there.
fn list_nullable(
    path: &[PathSegment],
    document: &ExecutableDocument,
    operation: &Operation,
) -> Vec<bool> {
    let mut sets = vec![&operation.selection_set];
    let mut current: Option<&Type> = None;
    let mut nullable = Vec::new();
    for segment in path {
        let next = match segment {
            PathSegment::Field(key) => {
                let fields = collect(&sets, key, document);
                sets = fields.iter().map(|field| &field.selection_set).collect();
                // All fields of a key agree in this: validation has made sure of it.
                fields.first().map(|field| field.ty())
            }
            PathSegment::Index(_) => current.map(Type::item_type),
        };
        let Some(ty) = next else {
            break;
        };
        nullable.push(!ty.is_non_null());
        current = Some(ty);
    }
    nullable
}

fn collect<'d>(
    sets: &[&'d SelectionSet],
    key: &str,
    document: &'d ExecutableDocument,
) -> Vec<&'d Node<Field>> {
    let mut found = Vec::new();
    let mut visited = HashSet::new();
    let mut waiting: Vec<&SelectionSet> = sets.to_vec();
    while let Some(set) = waiting.pop() {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) if field.response_key() == key => found.push(field),
                Selection::Field(_) => {}
                Selection::InlineFragment(fragment) => waiting.push(&fragment.selection_set),
                Selection::FragmentSpread(spread) => {
                    let fragment = document.fragments.get(&spread.fragment_name);
                    if let Some(fragment) =
                        fragment.filter(|_| visited.insert(&spread.fragment_name))
                    {
                        waiting.push(&fragment.selection_set);
                    }
                }
            }
        }
    }
    found
}

/// Sets a place to null, unless something that it belongs to is null already.
fn set_null(data: &mut Value, path: &[PathSegment]) {
    let Some((last, way)) = path.split_last() else {
        return;
    };
    let mut place = data;
    for segment in way {
        let next = match (place, segment) {
            (Value::Object(fields), PathSegment::Field(key)) => fields.get_mut(key.as_str()),
            (Value::List(items), PathSegment::Index(index)) => items.get_mut(*index),
            _ => None,
        };
        let Some(next) = next else {
            return;
        };
        place = next;
    }
    match (place, last) {
        (Value::Object(fields), PathSegment::Field(key)) => {
            fields.insert(Name::new(key), Value::Null);
        }
        (Value::List(items), PathSegment::Index(index)) => {
            if let Some(item) = items.get_mut(*index) {
                *item = Value::Null;
            }
        }
        // An object all of whose fields failed has become null itself; it comes back with the one that may be null.
        (place @ Value::Null, PathSegment::Field(key)) => {
            let fields = [(Name::new(key), Value::Null)];
            *place = Value::Object(fields.into_iter().collect());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use apollo_compiler::Schema;
    use async_graphql::value;

    const SCHEMA: &str = "type Query { a: A b: A! list: [A!] holes: [A]! } type A { id: ID! name: String a: A strict: A! }";

    /// Returns what becomes of data where these paths failed.
    fn place(document: &str, mut data: Value, paths: &[&[&str]]) -> String {
        let schema = Schema::parse_and_validate(SCHEMA, "schema").expect("a schema");
        let document = ExecutableDocument::parse_and_validate(&schema, document, "document")
            .expect("a document");
        let operation = document.operations.get(None).expect("an operation");
        let errors = paths.iter().map(|path| {
            let segments = path.iter().map(|step| match step.parse() {
                Ok(index) => PathSegment::Index(index),
                Err(_) => PathSegment::Field((*step).to_owned()),
            });
            ServerError::new("failed", None).with_path(segments.collect())
        });
        let errors: Vec<ServerError> = errors.collect();
        place_nulls(&mut data, &errors, &document, operation);
        data.to_string()
    }

    #[test]
    fn null_stands_at_the_nearest_place_that_allows_it() {
        let document = "{ a { id name ...F } } fragment F on A { strict { id name } }";
        let whole = || value!({"a": {"id": 1, "name": "x", "strict": {"id": 2, "name": "y"}}});
        assert_eq!(
            place(document, whole(), &[&["a", "name"]]),
            "{a: {id: 1, name: null, strict: {id: 2, name: \"y\"}}}"
        );
        assert_eq!(
            place(document, whole(), &[&["a", "strict", "name"]]),
            "{a: {id: 1, name: \"x\", strict: {id: 2, name: null}}}"
        );
        assert_eq!(
            place(document, whole(), &[&["a", "strict", "id"]]),
            "{a: null}"
        );
        assert_eq!(
            place(document, whole(), &[&["a", "strict", "id"], &["a", "name"]]),
            "{a: null}"
        );
        assert_eq!(place(document, value!({}), &[&["a"]]), "{a: null}");
        assert_eq!(place("{ b { id } }", value!({}), &[&["b"]]), "null");
        assert_eq!(
            place(
                "{ b { id } a { id } }",
                value!({"a": {"id": 1}}),
                &[&["b", "id"]]
            ),
            "null"
        );
    }

    #[test]
    fn items_of_lists_count() {
        let data = || value!({"l": [{"id": 1}, {"name": "x"}], "holes": [{"id": 1}, {}]});
        let document = "{ l: list { id name } holes { id } }";
        assert_eq!(
            place(document, data(), &[&["l", "1", "id"]]),
            "{l: null, holes: [{id: 1}, {}]}"
        );
        assert_eq!(
            place(document, data(), &[&["holes", "1", "id"]]),
            "{l: [{id: 1}, {name: \"x\"}], holes: [{id: 1}, null]}"
        );
        assert_eq!(
            place(
                document,
                data(),
                &[&["l", "0", "name"], &["holes", "7", "id"]]
            ),
            "{l: [{id: 1, name: null}, {name: \"x\"}], holes: [{id: 1}, {}]}"
        );
    }

    #[test]
    fn what_has_lost_all_its_fields_comes_back() {
        assert_eq!(
            place(
                "{ b { name a { id } } }",
                value!({"b": null}),
                &[&["b", "name"], &["b", "a"]]
            ),
            "{b: {name: null, a: null}}"
        );
        assert_eq!(
            place("{ a { name } }", Value::Null, &[&["a", "name"]]),
            "null"
        );
        assert_eq!(place("{ a { id } }", Value::Null, &[&["a"]]), "{a: null}");
    }
}
