//! The closed list of codes that errors have under `extensions.code`.

use async_graphql::ServerError;

/// What kind of error it is.
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
    /// Too many operations at the same time over one socket, too many scans of one API key, or too many tests of webhooks.
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
    WrongWay,
    /// No document of this hash is known; send its text with it.
    PersistedQueryNotFound,
    /// This server executes only certain documents, and this is not one of them.
    DocumentNotAllowed,
    /// A variable or an argument cannot be used.
    BadUserInput,
    /// The thing asked for does not exist.
    NotFound,
    /// The thing is in use and cannot be deleted or changed.
    InUse,
    /// Another refresh is running.
    RefreshRunning,
    /// Changes cannot be followed from this position: it is of another history, or too old. Load the members anew.
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

impl ErrorCode {
    /// All of them.
    pub const ALL: [ErrorCode; 22] = [
        ErrorCode::BadRequest,
        ErrorCode::Unauthenticated,
        ErrorCode::Forbidden,
        ErrorCode::RateLimited,
        ErrorCode::TooManyOperations,
        ErrorCode::ParseFailed,
        ErrorCode::ValidationFailed,
        ErrorCode::TooComplex,
        ErrorCode::TooLarge,
        ErrorCode::OperationResolutionFailure,
        ErrorCode::WrongWay,
        ErrorCode::PersistedQueryNotFound,
        ErrorCode::DocumentNotAllowed,
        ErrorCode::BadUserInput,
        ErrorCode::NotFound,
        ErrorCode::InUse,
        ErrorCode::RefreshRunning,
        ErrorCode::Resync,
        ErrorCode::Contention,
        ErrorCode::Timeout,
        ErrorCode::Unavailable,
        ErrorCode::Internal,
    ];

    /// Returns the code as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::BadRequest => "BAD_REQUEST",
            ErrorCode::Unauthenticated => "UNAUTHENTICATED",
            ErrorCode::Forbidden => "FORBIDDEN",
            ErrorCode::RateLimited => "RATE_LIMITED",
            ErrorCode::TooManyOperations => "TOO_MANY_OPERATIONS",
            ErrorCode::ParseFailed => "GRAPHQL_PARSE_FAILED",
            ErrorCode::ValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            ErrorCode::TooComplex => "TOO_COMPLEX",
            ErrorCode::TooLarge => "TOO_LARGE",
            ErrorCode::OperationResolutionFailure => "OPERATION_RESOLUTION_FAILURE",
            ErrorCode::WrongWay => "WRONG_WAY",
            ErrorCode::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            ErrorCode::DocumentNotAllowed => "DOCUMENT_NOT_ALLOWED",
            ErrorCode::BadUserInput => "BAD_USER_INPUT",
            ErrorCode::NotFound => "NOT_FOUND",
            ErrorCode::InUse => "IN_USE",
            ErrorCode::RefreshRunning => "REFRESH_RUNNING",
            ErrorCode::Resync => "RESYNC",
            ErrorCode::Contention => "CONTENTION",
            ErrorCode::Timeout => "TIMEOUT",
            ErrorCode::Unavailable => "UNAVAILABLE",
            ErrorCode::Internal => "INTERNAL_SERVER_ERROR",
        }
    }
}

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
