//! Objects of which nothing is selected are empty objects.
//!
//! A selection set may come to nothing: its fragments are of other types, or its fields are skipped. The specification
//! then wants `{}`; async-graphql 7.2 answers null, as if there were no such object. A field of our own in such sets
//! keeps the object and tells its type; it is taken out of the answer again where that is put into order, for which the
//! type is needed too.

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned};

/// The key of the field of our own. Names with two underscores are not for clients.
pub const MARK: &str = "__rollcallObject";

/// Returns the document with a field of our own wherever nothing else may be selected, or what is depends on the type.
pub fn mark_objects(document: &ExecutableDocument) -> ExecutableDocument {
    let mut marked = document.clone();
    let operations = match &mut marked.operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    for operation in operations {
        let set = &mut operation.node.selection_set.node;
        // A subscription has exactly one field.
        if operation.node.ty != OperationType::Subscription {
            mark(set);
        }
        mark_below(set);
    }
    for fragment in marked.fragments.values_mut() {
        mark_below(&mut fragment.node.selection_set.node);
    }
    marked
}

/// Marks what the fields of a selection set select.
fn mark_below(set: &mut SelectionSet) {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) => {
                let below = &mut field.node.selection_set.node;
                if !below.items.is_empty() {
                    mark(below);
                    mark_below(below);
                }
            }
            Selection::InlineFragment(fragment) => {
                mark_below(&mut fragment.node.selection_set.node);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Adds the mark to a selection set, unless it has a field that is selected in any case and nothing but fields.
fn mark(set: &mut SelectionSet) {
    let is_field =
        |selection: &Positioned<Selection>| matches!(selection.node, Selection::Field(_));
    let is_certain = |selection: &Positioned<Selection>| match &selection.node {
        Selection::Field(field) => field.node.directives.is_empty(),
        _ => false,
    };
    if set.items.iter().any(is_certain) && set.items.iter().all(is_field) {
        return;
    }
    let at = set
        .items
        .first()
        .map_or_else(Pos::default, |first| first.pos);
    let field = Field {
        alias: Some(Positioned::new(Name::new(MARK), at)),
        name: Positioned::new(Name::new("__typename"), at),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::new(SelectionSet { items: Vec::new() }, at),
    };
    let field = Selection::Field(Positioned::new(field, at));
    set.items.push(Positioned::new(field, at));
}
