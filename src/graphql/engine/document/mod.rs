//! Turns the text of a document into the form that async-graphql executes.
//!
//! Each text is checked against the limits (`limits.rs`) and validated by `apollo-compiler`. The validation of
//! async-graphql lacks rules and can be made to do exponential work. Values that `apollo-compiler` does not check are
//! checked after it (`values.rs`). Valid documents are cached, within bounds, and found by later requests with the same
//! text. With the variables of a request, an operation then gets a cost (`cost.rs`) and is translated (`translate.rs`).

pub(in crate::graphql) mod access;
pub(in crate::graphql) mod cost;
pub(in crate::graphql) mod inclusion;
pub(in crate::graphql) mod limits;
mod literals;
pub(in crate::graphql) mod persisted;
pub(in crate::graphql) mod problem;
pub(in crate::graphql) mod rule_cost;
pub(in crate::graphql) mod translate;
pub(in crate::graphql) mod values;

pub use limits::Limits;
pub use persisted::{AllowedDocuments, AllowedDocumentsError, Reference};
pub use problem::list_first;

use super::code::{ErrorCode, with_code};
use crate::audience::api_key::Scopes;
use crate::rule::bounded;
use crate::traces::are_exported;
use apollo_compiler::Schema;
use apollo_compiler::ast::OperationType;
use apollo_compiler::executable::{ExecutableDocument, Operation};
use apollo_compiler::parser::Parser;
use apollo_compiler::request::RequestError;
use apollo_compiler::validation::{Valid, WithErrors};
use apollo_compiler::{Node, ast};
use async_graphql::ServerError;
use async_graphql::parser::types::ExecutableDocument as Translated;
use persisted::Persisted;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde_json::{Map, Value};
use std::sync::Arc;
use values::{Judge, ValueProblem};

/// A field of introspection that `apollo-compiler` does not know yet.
const INTROSPECTION: &str = "extend type __Type { isOneOf: Boolean }";

/// How many bytes of text the cached documents have at most; parsed they take about twenty times as much.
const KEPT_TEXT: u64 = 2 << 20;
/// About how many cached documents are expected.
const EXPECTED: usize = 500;

/// Why a request is refused.
#[derive(Debug)]
pub struct Refusal {
    /// The code of all the errors.
    pub code: ErrorCode,
    /// The errors, each with that code.
    pub errors: Vec<ServerError>,
}

impl Refusal {
    /// Creates a refusal with one error.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Refusal {
        Refusal::of(code, vec![ServerError::new(bounded(message), None)])
    }

    /// Creates a refusal with these errors, and gives them the code.
    pub fn of(code: ErrorCode, errors: Vec<ServerError>) -> Refusal {
        let errors = errors.into_iter().map(|error| with_code(error, code));
        Refusal {
            code,
            errors: errors.collect(),
        }
    }
}

/// Checks documents, and caches those that are valid.
pub struct Documents {
    schema: Valid<Schema>,
    limits: Limits,
    is_open: bool,
    known: Cache<Arc<str>, Arc<Valid<ExecutableDocument>>, ByText>,
    persisted: Persisted,
}

#[derive(Clone)]
struct ByText;

impl Weighter<Arc<str>, Arc<Valid<ExecutableDocument>>> for ByText {
    fn weight(&self, text: &Arc<str>, _: &Arc<Valid<ExecutableDocument>>) -> u64 {
        // Every document weighs something, or the number of cached documents would have no bound.
        text.len() as u64 + 200
    }
}

/// An operation that may be executed.
pub struct ReadyOperation {
    /// The operation as async-graphql executes it.
    pub translated: Translated,
    /// Whether it is a query, a mutation or a subscription.
    pub kind: OperationType,
    /// The name of the operation, if it has one and traces are exported.
    pub name: Option<String>,
    /// The cost of the operation.
    pub cost: u64,
}

impl Documents {
    /// Checks documents against a schema. `is_open` says whether the schema is shown to clients. `allowed` are the only
    /// documents that may be executed; `None` allows any document.
    pub fn new(
        sdl: &str,
        limits: Limits,
        is_open: bool,
        allowed: Option<AllowedDocuments>,
    ) -> Documents {
        Documents {
            schema: read_schema(sdl),
            limits,
            is_open,
            known: Cache::with_weighter(EXPECTED, KEPT_TEXT, ByText),
            persisted: Persisted::new(allowed),
        }
    }

    /// Returns the text of a document that a request gives, names, or both.
    ///
    /// # Errors
    /// A [`Refusal`] if the document is not known, may not be executed, or does not fit its hash.
    pub fn find_text(
        &self,
        text: Option<&str>,
        reference: Option<&Reference>,
    ) -> Result<Arc<str>, Refusal> {
        self.persisted.find(text, reference)
    }

    /// Makes an operation of a document ready for execution.
    ///
    /// # Errors
    /// A [`Refusal`] with the problems of the first check that fails.
    pub fn prepare(
        &self,
        text: &Arc<str>,
        operation_name: Option<&str>,
        variables: &mut Map<String, Value>,
        scopes: Scopes,
    ) -> Result<ReadyOperation, Refusal> {
        let validated = &*self.find_or_validate(text)?;
        let operation = find_operation(validated, operation_name)?;
        let judge = Judge::new(&self.schema, self.is_open);
        let mut problems = judge.coerce_variables(operation, variables);
        problems.extend(judge.check_nulls(validated, operation, variables));
        if !problems.is_empty() {
            let errors = self.tell(validated, problems);
            return Err(Refusal::of(ErrorCode::BadUserInput, errors));
        }
        access::check_scopes(validated, operation, variables, scopes)?;
        let cost = cost::cost_of(validated, operation, variables);
        if cost > self.limits.cost {
            let message = format!(
                "expected an operation that costs at most {}, found {cost}; ask for smaller pages or fewer lists within each other",
                self.limits.cost
            );
            return Err(Refusal::new(ErrorCode::TooComplex, message));
        }
        Ok(ReadyOperation {
            translated: translate::translate(&self.schema, validated, operation, variables),
            kind: operation.operation_type,
            name: (operation.name.as_ref())
                .filter(|_| are_exported())
                .map(ToString::to_string),
            cost,
        })
    }

    /// Returns what an operation may cost.
    pub fn cost_limit(&self) -> u64 {
        self.limits.cost
    }

    /// Registers a valid text under its hash.
    pub fn keep(&self, text: &Arc<str>, reference: &Reference) {
        self.persisted.keep(text, reference);
    }

    fn find_or_validate(&self, text: &Arc<str>) -> Result<Arc<Valid<ExecutableDocument>>, Refusal> {
        if let Some(known) = self.known.get(text) {
            return Ok(known);
        }
        let document = Arc::new(self.validate(text)?);
        self.known.insert(Arc::clone(text), Arc::clone(&document));
        Ok(document)
    }

    fn validate(&self, text: &str) -> Result<Valid<ExecutableDocument>, Refusal> {
        let too_complex = |message| Refusal::new(ErrorCode::TooComplex, message);
        limits::check_nesting(text, &self.limits).map_err(too_complex)?;
        let parsed = self.parse(text)?;
        limits::check_size(&parsed, &self.limits).map_err(too_complex)?;
        let validated = match parsed.to_executable_validate(&self.schema) {
            Ok(validated) => validated,
            Err(WithErrors { errors, partial }) => {
                let sources = &partial.sources;
                let errors = problem::list_errors(&errors, sources, &self.schema, self.is_open);
                if !errors.is_empty() {
                    return Err(Refusal::of(ErrorCode::ValidationFailed, errors));
                }
                Valid::assume_valid(partial)
            }
        };
        self.check_introspection(&validated)?;
        let problems = Judge::new(&self.schema, self.is_open).check_literals(&validated);
        if !problems.is_empty() {
            let errors = self.tell(&validated, problems);
            return Err(Refusal::of(ErrorCode::ValidationFailed, errors));
        }
        Ok(validated)
    }

    fn parse(&self, text: &str) -> Result<ast::Document, Refusal> {
        let mut parser = Parser::new().token_limit(self.limits.tokens);
        parser.parse_ast(text, "document").map_err(|WithErrors { errors, partial }| {
            if parser.tokens_reached() > self.limits.tokens {
                let message = format!(
                    "expected a document with at most {} words and signs, found more; pass large values as variables",
                    self.limits.tokens
                );
                return Refusal::new(ErrorCode::TooComplex, message);
            }
            let errors = problem::list_errors(&errors, &partial.sources, &self.schema, self.is_open);
            Refusal::of(ErrorCode::ParseFailed, errors)
        })
    }

    fn check_introspection(&self, document: &ExecutableDocument) -> Result<(), Refusal> {
        let is_asked = |operation: &Node<Operation>| {
            let mut fields = operation.root_fields(document);
            fields.any(|field| matches!(field.name.as_str(), "__schema" | "__type"))
        };
        if self.is_open || !document.operations.iter().any(is_asked) {
            return Ok(());
        }
        let message = "introspection is disabled on this server; ask its operator for the file schema.graphql";
        Err(Refusal::new(ErrorCode::ValidationFailed, message))
    }

    fn tell(&self, document: &ExecutableDocument, problems: Vec<ValueProblem>) -> Vec<ServerError> {
        let tell = |problem: ValueProblem| {
            let position = problem
                .span
                .map(|span| translate::position(&document.sources, Some(span)));
            ServerError::new(bounded(problem.message), position)
        };
        problem::list_first(problem::TOLD, problems, tell)
    }
}

/// Parses the schema that the program wrote itself. A mistake in it is a bug, which every test shows.
#[expect(
    clippy::expect_used,
    reason = "the schema is our own, and a test builds it"
)]
fn read_schema(sdl: &str) -> Valid<Schema> {
    let text = format!("{sdl}\n{INTROSPECTION}");
    Schema::parse_and_validate(text, "schema.graphql").expect("the schema is valid")
}

fn find_operation<'d>(
    document: &'d ExecutableDocument,
    name: Option<&str>,
) -> Result<&'d Node<Operation>, Refusal> {
    let operations = &document.operations;
    operations.get(name).map_err(|error: RequestError| {
        let message = match name {
            Some(name) => format!("the document has no operation \"{name}\""),
            None if operations.is_empty() => "the document has no operation".to_owned(),
            None => {
                "expected \"operationName\", since the document has several operations".to_owned()
            }
        };
        tracing::debug!(reason = %error.message(), "no operation");
        Refusal::new(ErrorCode::OperationResolutionFailure, message)
    })
}
