//! The closed list of codes that errors have under `extensions.code`.

use crate::rule::names;
use async_graphql::ServerError;

/// The code of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The request is malformed: its body, parameters or headers.
    BadRequest,
    /// An API key is needed, and the request has no usable one.
    Unauthenticated,
    /// The key may not do this.
    Forbidden,
    /// The limit of requests is used up; try again later.
    RateLimited,
    /// Too many operations at the same time over one socket, too many scans of one API key, or too many tests of
    /// webhooks.
    TooManyOperations,
    /// The document is not GraphQL.
    ParseFailed,
    /// The document does not fit the schema.
    ValidationFailed,
    /// The document is larger or costs more than is allowed.
    TooComplex,
    /// The answer takes more bytes than is allowed.
    TooLarge,
    /// The document has no such operation.
    OperationResolutionFailure,
    /// The operation is not allowed over this transport: a mutation by GET, or a subscription without a stream.
    OperationNotAllowed,
    /// No document with this hash is known; send its text too.
    PersistedQueryNotFound,
    /// This server executes only certain documents, and this is not one of them.
    DocumentNotAllowed,
    /// A variable or an argument cannot be used.
    BadUserInput,
    /// The requested object does not exist.
    NotFound,
    /// The object is in use and cannot be deleted or changed.
    InUse,
    /// Another refresh is running.
    RefreshRunning,
    /// Changes cannot be followed from this position: it belongs to another history, or is too old. Load the members
    /// again.
    Resync,
    /// Other requests kept changing the same data; nothing was changed; try again.
    Contention,
    /// Answering took too long and was stopped.
    Timeout,
    /// The database is not available; try again later.
    Unavailable,
    /// The server failed; its log says why.
    Internal,
}

names!(ErrorCode {
    BadRequest: "BAD_REQUEST",
    Unauthenticated: "UNAUTHENTICATED",
    Forbidden: "FORBIDDEN",
    RateLimited: "RATE_LIMITED",
    TooManyOperations: "TOO_MANY_OPERATIONS",
    ParseFailed: "GRAPHQL_PARSE_FAILED",
    ValidationFailed: "GRAPHQL_VALIDATION_FAILED",
    TooComplex: "TOO_COMPLEX",
    TooLarge: "TOO_LARGE",
    OperationResolutionFailure: "OPERATION_RESOLUTION_FAILURE",
    OperationNotAllowed: "WRONG_WAY",
    PersistedQueryNotFound: "PERSISTED_QUERY_NOT_FOUND",
    DocumentNotAllowed: "DOCUMENT_NOT_ALLOWED",
    BadUserInput: "BAD_USER_INPUT",
    NotFound: "NOT_FOUND",
    InUse: "IN_USE",
    RefreshRunning: "REFRESH_RUNNING",
    Resync: "RESYNC",
    Contention: "CONTENTION",
    Timeout: "TIMEOUT",
    Unavailable: "UNAVAILABLE",
    Internal: "INTERNAL_SERVER_ERROR",
});

/// Returns the code of an error.
pub fn code_of(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        async_graphql::Value::String(code) => Some(code),
        _ => None,
    }
}

/// Gives a code to an error.
pub fn with_code(mut error: ServerError, code: ErrorCode) -> ServerError {
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("code", code.as_str());
    error
}
