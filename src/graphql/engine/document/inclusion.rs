//! `@skip` and `@include`: which selections are executed. Only these count for scopes and costs.

use apollo_compiler::Node;
use apollo_compiler::ast::{Directive, Value};
use apollo_compiler::executable::Selection;
use serde_json::{Map, Value as Json};

/// Returns whether a selection is executed. The variables must be coerced: absent ones have their defaults.
pub fn is_included(selection: &Selection, variables: &Map<String, Json>) -> bool {
    let is_true = |directive: &Node<Directive>| match directive
        .specified_argument_by_name("if")
        .map(|value| value.as_ref())
    {
        Some(Value::Boolean(value)) => *value,
        Some(Value::Variable(name)) => variables.get(name.as_str()) == Some(&Json::Bool(true)),
        _ => false,
    };
    selection
        .directives()
        .iter()
        .all(|directive| match directive.name.as_str() {
            "skip" => !is_true(directive),
            "include" => is_true(directive),
            _ => true,
        })
}
