//! Checks that a key may use every field that an operation selects.

use super::inclusion::is_included;
use super::problem::{TOLD, list_first};
use super::translate::position;
use super::{ErrorCode, Refusal};
use crate::audience::api_key::{Scope, Scopes};
use crate::graphql::engine::scope::{forbidden, needed_scopes};
use apollo_compiler::executable::{ExecutableDocument, Operation, Selection, SelectionSet};
use async_graphql::ServerError;
use async_graphql::indexmap::IndexMap;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Checks the scopes that the selected fields need, before anything is executed.
///
/// # Errors
/// A [`Refusal`] that names up to [`TOLD`] of the fields that these scopes do not allow, and how many others there are.
pub fn check_scopes(
    document: &ExecutableDocument,
    operation: &Operation,
    variables: &Map<String, Value>,
    scopes: Scopes,
) -> Result<(), Refusal> {
    if scopes.allow(Scope::Admin) {
        return Ok(());
    }
    let mut refused = IndexMap::new();
    let mut visited = HashSet::new();
    let mut waiting: Vec<&SelectionSet> = vec![&operation.selection_set];
    while let Some(set) = waiting.pop() {
        let selections = set.selections.iter();
        for selection in selections.filter(|selection| is_included(selection, variables)) {
            match selection {
                Selection::Field(field) => {
                    let mut needed = needed_scopes(&set.ty, &field.name).iter().copied();
                    if let Some(needed) = needed.find(|needed| !scopes.allow(*needed)) {
                        let coordinate = format!("{}.{}", set.ty, field.name);
                        refused
                            .entry(coordinate)
                            .or_insert((needed, field.location()));
                    }
                    waiting.push(&field.selection_set);
                }
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
    if refused.is_empty() {
        return Ok(());
    }
    let refused = refused.into_iter().collect();
    let errors = list_first(TOLD, refused, |(coordinate, (needed, span))| {
        let place = position(&document.sources, span);
        ServerError::new(forbidden(&coordinate, needed), Some(place))
    });
    Err(Refusal::of(ErrorCode::Forbidden, errors))
}
