//! Converts the problems of a document to errors of the API, with the messages of the reference implementation and the
//! nearest known name.

use super::translate::position;
use crate::rule::{and_more, bounded};
use apollo_compiler::Schema;
use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::parser::SourceMap;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::DiagnosticList;
use async_graphql::ServerError;

/// The most problems reported at once.
pub const TOLD: usize = 20;

/// How the validator begins a suggestion of its own.
const SUGGESTION: &str = " Did you mean ";

/// Converts validation diagnostics to errors without codes. Returns an empty list if all diagnostics are false
/// positives. `is_open` is whether names may be suggested: if the schema is hidden, suggestions would reveal it bit by
/// bit.
pub fn list_errors(
    diagnostics: &DiagnosticList,
    sources: &SourceMap,
    schema: &Schema,
    is_open: bool,
) -> Vec<ServerError> {
    let problems = diagnostics.iter().filter_map(|diagnostic| {
        let said = diagnostic.error.unstable_compat_message();
        let message = said.unwrap_or_else(|| diagnostic.error.to_string());
        (!is_mistaken(&message)).then_some((diagnostic, message))
    });
    list_first(TOLD, problems.collect(), |(diagnostic, mut message)| {
        if !is_open && let Some(end) = message.find(SUGGESTION) {
            message.truncate(end);
        }
        if is_open && let Some(hint) = suggest(schema, &message) {
            message.push(' ');
            message.push_str(&hint);
        }
        let span = diagnostic.error.location();
        ServerError::new(bounded(message), Some(position(sources, span)))
    })
}

/// Returns errors for the first problems, and one more error that says how many others there are.
pub fn list_first<T>(
    most: usize,
    mut problems: Vec<T>,
    make: impl FnMut(T) -> ServerError,
) -> Vec<ServerError> {
    let others = problems.len().saturating_sub(most);
    problems.truncate(most);
    let mut errors: Vec<ServerError> = problems.into_iter().map(make).collect();
    if others > 0 {
        errors.push(ServerError::new(and_more(others, "problems"), None));
    }
    errors
}

/// Returns whether a message is a false positive: a scalar of any form may be a list, and the list may contain null. If
/// null is not allowed, `literals.rs` reports it.
fn is_mistaken(message: &str) -> bool {
    message == "JSON cannot represent value: null"
}

/// Returns a hint with the name that was probably meant. It parses the message, because a diagnostic has no other form.
fn suggest(schema: &Schema, message: &str) -> Option<String> {
    let mut quoted = message.split('"').skip(1).step_by(2);
    let (unknown, owner) = (quoted.next()?, quoted.next());
    let names: Vec<&str> = if message.starts_with("Cannot query field") {
        list_fields(schema.types.get(owner?)?)
    } else if message.starts_with("Unknown argument") {
        let (parent, field) = owner?.split_once('.')?;
        let field = schema.type_field(parent, field).ok()?;
        field
            .arguments
            .iter()
            .map(|argument| argument.name.as_str())
            .collect()
    } else if message.starts_with("Unknown type") {
        schema.types.keys().map(|name| name.as_str()).collect()
    } else if message.contains("does not exist in") || message.contains("is not defined by type") {
        list_fields(schema.types.get(owner?)?)
    } else {
        return None;
    };
    let hint = crate::rule::nearest(unknown, names)?;
    let mut letters = hint.chars();
    let first = letters.next()?.to_uppercase();
    Some(format!("{first}{}", letters.as_str()))
}

fn list_fields(definition: &ExtendedType) -> Vec<&str> {
    match definition {
        ExtendedType::Object(object) => object.fields.keys().map(|name| name.as_str()).collect(),
        ExtendedType::Interface(interface) => {
            interface.fields.keys().map(|name| name.as_str()).collect()
        }
        ExtendedType::InputObject(input) => input.fields.keys().map(|name| name.as_str()).collect(),
        ExtendedType::Enum(definition) => {
            definition.values.keys().map(|name| name.as_str()).collect()
        }
        _ => Vec::new(),
    }
}
