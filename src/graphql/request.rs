//! Answering a request: what it must have before it is executed and async-graphql does not ask for, the order of the
//! fields of its answer, and codes for the errors that async-graphql makes.

use super::RollcallSchema;
use super::app::App;
use super::empty::mark_objects;
use super::failed::null_failed_fields;
use super::loaders::request_loader;
use super::order::order_fields;
use async_graphql::futures_util::stream::{self, BoxStream, StreamExt};
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    ExecutableDocument, OperationDefinition, OperationType, Selection, VariableDefinition,
};
use async_graphql::{ErrorExtensionValues, Pos, Positioned, Request, Response, ServerError, Value};
use std::sync::Arc;
use tokio::sync::Notify;

/// Answers a request, with loaders that belong to it alone, so that no request sees what another has loaded.
///
/// Must be called within a `LocalSet`, as the workers of actix are.
pub async fn execute(schema: &RollcallSchema, app: &App, request: Request) -> Response {
    match Prepared::new(app, request) {
        Ok((prepared, request)) => prepared.finish(schema.execute(request).await),
        Err(errors) => Response::from_errors(errors),
    }
}

/// What comes out of a request that may be answered more than once.
pub enum Reply {
    /// An answer.
    Next(Response),
    /// The only answer: nothing was executed.
    Refused(Vec<ServerError>),
}

/// Answers a request of any kind: a query or a mutation once, a subscription as often as something happens.
///
/// The answers must be awaited within a `LocalSet`, as the workers of actix are.
pub fn execute_stream(
    schema: &RollcallSchema,
    app: &App,
    request: Request,
) -> BoxStream<'static, Reply> {
    let prepared = Prepared::new(app, request).and_then(|(prepared, request)| {
        prepared.check_root()?;
        Ok((prepared, request))
    });
    let (prepared, request) = match prepared {
        Ok(prepared) => prepared,
        Err(errors) => return stream::iter([Reply::Refused(errors)]).boxed(),
    };
    let is_subscription = prepared.is_subscription();
    let mut is_first = true;
    let answers = schema.execute_stream(request).map(move |response| {
        let response = prepared.finish(response);
        let is_first = std::mem::take(&mut is_first);
        let has_failed = response.data == Value::Null && !response.errors.is_empty();
        if is_first && (never_began(&response) || is_subscription && has_failed) {
            Reply::Refused(response.errors)
        } else {
            Reply::Next(response)
        }
    });
    answers.boxed()
}

/// Whether a response is about a request that was not executed. It then has no data, not even null, as the
/// specification asks.
pub fn never_began(response: &Response) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// What is known of a request beside what async-graphql is given.
struct Prepared {
    document: ExecutableDocument,
    operation_name: Option<String>,
    changed: Arc<Notify>,
}

impl Prepared {
    fn new(app: &App, mut request: Request) -> Result<(Prepared, Request), Vec<ServerError>> {
        let document = parse_query(&request.query)
            .map_err(|error| vec![with_code(error.into(), "GRAPHQL_PARSE_FAILED")])?;
        let missing = list_missing_variables(&document, &request);
        if !missing.is_empty() {
            return Err(missing);
        }
        let operation_name = request.operation_name.clone();
        request.set_parsed_query(mark_objects(&document));
        let request = request.data(request_loader(app.clone()));
        let prepared = Prepared {
            document,
            operation_name,
            changed: Arc::clone(&app.changed),
        };
        Ok((prepared, request))
    }

    fn operation(&self) -> Option<&Positioned<OperationDefinition>> {
        find_operation(&self.document, self.operation_name.as_deref())
    }

    fn is_subscription(&self) -> bool {
        self.operation()
            .is_some_and(|operation| operation.node.ty == OperationType::Subscription)
    }

    fn is_mutation(&self) -> bool {
        self.operation()
            .is_some_and(|operation| operation.node.ty == OperationType::Mutation)
    }

    /// Makes sure that a subscription has one field, as the specification asks and async-graphql does not; it looks
    /// for fields only where they stand straight in the operation.
    fn check_root(&self) -> Result<(), Vec<ServerError>> {
        let Some(operation) = self.operation().filter(|_| self.is_subscription()) else {
            return Ok(());
        };
        let [selection] = operation.node.selection_set.node.items.as_slice() else {
            let message = "expected a subscription with a single field, found several";
            return Err(vec![refusal(message, operation.pos)]);
        };
        match &selection.node {
            Selection::Field(_) => Ok(()),
            _ => {
                let message = "expected the field of a subscription in the operation itself, found it in a fragment";
                Err(vec![refusal(message, selection.pos)])
            }
        }
    }

    /// Puts an answer into order and gives codes to its errors; tells the follower of instant segments of a change.
    fn finish(&self, mut response: Response) -> Response {
        if self.is_mutation() {
            self.changed.notify_one();
        }
        if let Some(operation) = self.operation() {
            null_failed_fields(&mut response, &self.document, &operation.node);
        }
        order_fields(
            &mut response,
            &self.document,
            self.operation_name.as_deref(),
        );
        response.errors = add_codes(response.errors);
        response
    }
}

fn find_operation<'d>(
    document: &'d ExecutableDocument,
    asked: Option<&str>,
) -> Option<&'d Positioned<OperationDefinition>> {
    let mut operations = document.operations.iter();
    let found = operations.find(|(name, _)| {
        asked.is_none_or(|asked| name.is_some_and(|name| name.as_str() == asked))
    });
    found.map(|(_, operation)| operation)
}

fn refusal(message: &str, position: Pos) -> ServerError {
    let error = ServerError::new(message, Some(position));
    with_code(error, "GRAPHQL_VALIDATION_FAILED")
}

fn list_missing_variables(document: &ExecutableDocument, request: &Request) -> Vec<ServerError> {
    let operation = find_operation(document, request.operation_name.as_deref());
    let variables = operation.map(|operation| operation.node.variable_definitions.as_slice());
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
