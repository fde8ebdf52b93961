//! Answering a request: what it must have before it is executed and async-graphql does not ask for, the order of the
//! fields of its answer, and codes for the errors that async-graphql makes.

use super::RollcallSchema;
use super::app::App;
use super::loaders::request_loader;
use super::order::order_fields;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, VariableDefinition};
use async_graphql::{ErrorExtensionValues, Pos, Request, Response, ServerError, Value};

/// Answers a request, with loaders that belong to it alone, so that no request sees what another has loaded.
///
/// Must be called within a `LocalSet`, as the workers of actix are.
pub async fn execute(schema: &RollcallSchema, app: &App, mut request: Request) -> Response {
    let document = match parse_query(&request.query) {
        Ok(document) => document,
        Err(error) => {
            let error = with_code(error.into(), "GRAPHQL_PARSE_FAILED");
            return Response::from_errors(vec![error]);
        }
    };
    let missing = list_missing_variables(&document, &request);
    if !missing.is_empty() {
        return Response::from_errors(missing);
    }
    let operation_name = request.operation_name.clone();
    request.set_parsed_query(document.clone());
    let request = request.data(request_loader(app.clone()));
    let mut response = schema.execute(request).await;
    order_fields(&mut response, &document, operation_name.as_deref());
    response.errors = add_codes(response.errors);
    response
}

fn list_missing_variables(document: &ExecutableDocument, request: &Request) -> Vec<ServerError> {
    let asked = request.operation_name.as_deref();
    let operation = document.operations.iter().find(|(name, _)| {
        asked.is_none_or(|asked| name.is_some_and(|name| name.as_str() == asked))
    });
    let variables = operation.map(|(_, operation)| operation.node.variable_definitions.as_slice());
    variables
        .unwrap_or_default()
        .iter()
        .filter_map(|variable| find_missing(&variable.node, variable.pos, request))
        .collect()
}

fn find_missing(
    variable: &VariableDefinition,
    position: Pos,
    request: &Request,
) -> Option<ServerError> {
    let wanted = &variable.var_type.node;
    let found = match request.variables.get(&variable.name.node) {
        _ if wanted.nullable => return None,
        None if variable.default_value.is_some() => return None,
        None => "none",
        Some(Value::Null) => "null",
        Some(_) => return None,
    };
    let message = format!(
        "expected a value of type {wanted} for the variable \"${}\", found {found}",
        variable.name.node
    );
    let error = ServerError::new(message, Some(position));
    Some(with_code(error, "BAD_USER_INPUT"))
}

/// Gives a code to errors that have none, because async-graphql made them: those with a path are about an argument of
/// a field, the others about the document.
fn add_codes(errors: Vec<ServerError>) -> Vec<ServerError> {
    let add = |error: ServerError| {
        let has_code = |extensions: &ErrorExtensionValues| extensions.get("code").is_some();
        if error.extensions.as_ref().is_some_and(has_code) {
            error
        } else if error.path.is_empty() {
            with_code(error, "GRAPHQL_VALIDATION_FAILED")
        } else {
            with_code(error, "BAD_USER_INPUT")
        }
    };
    errors.into_iter().map(add).collect()
}

fn with_code(mut error: ServerError, code: &str) -> ServerError {
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("code", code);
    error
}
