//! Converts errors to those of the API. Errors that the user can correct are data; the rest are top-level errors with a
//! code.

use super::answer_budget::Text;
use super::code::ErrorCode;
use crate::audience::global_id::write_global_id;
use crate::error::{Error, InputCode, InputProblem, first_problems};
use crate::rule::{Code, Problem, bounded};
use async_graphql::{Enum, ErrorExtensions, SimpleObject, Value};

/// One error in the input of a mutation. Nothing was changed.
#[derive(SimpleObject, Debug, Clone)]
pub struct UserError {
    /// The code of the error.
    pub code: UserErrorCode,
    /// What was expected and what was found.
    pub message: Text<String>,
    /// The place in the input, such as `customFields.visits` or `rule.all[1].text.field`.
    pub path: Text<String>,
    /// How to fix it, if that is known.
    pub hint: Option<Text<String>>,
}

/// The closed list of codes of errors in an input.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserErrorCode {
    /// The value does not have the required form.
    Invalid,
    /// Another object already has the value.
    Taken,
    /// The value names something that does not exist.
    NotFound,
    /// A required value is missing.
    Missing,
    /// Only `consent` gives the status SUBSCRIBED or PENDING back to a subscriber who unsubscribed, bounced or
    /// complained.
    ConsentRequired,
    /// The object is in use and cannot be deleted or changed.
    InUse,
    /// The object was changed since you read it: its version is not `ifVersion`. Read it again.
    Conflict,
    /// Another refresh is running; try again when it has finished.
    RefreshRunning,
    /// A part of the rule has a shape that the rule language does not allow.
    WrongShape,
    /// A value in a rule cannot be used, such as a day that does not exist.
    WrongValue,
    /// A list or a text in a rule is empty, but must hold something.
    Empty,
    /// The rule names a node that does not exist.
    UnknownNode,
    /// The rule has a key that its node does not support.
    UnknownKey,
    /// The rule uses a test that its condition does not support.
    UnknownTest,
    /// The rule names a field that does not exist.
    UnknownField,
    /// The rule names a field of another type than its node tests.
    WrongFieldType,
    /// The rule names a group that does not exist.
    UnknownGroup,
    /// The rule names a segment that does not exist.
    UnknownSegment,
    /// The rule uses its own segment, directly or through other segments.
    Cycle,
    /// A regular expression is invalid or too large.
    InvalidRegex,
    /// Nodes of a rule are nested too deeply.
    TooDeep,
    /// A rule has too many nodes.
    TooManyNodes,
    /// A list in a rule has too many values.
    TooManyValues,
    /// A stored rule has a version that this server does not know.
    UnknownVersion,
    /// Evaluating the rule failed although the rule is valid. The message says why.
    EvaluationFailed,
    /// Evaluating the rule took longer than allowed (`--rule-budget`). The message gives the seconds.
    TooSlow,
}

impl From<InputCode> for UserErrorCode {
    fn from(code: InputCode) -> Self {
        match code {
            InputCode::Invalid => UserErrorCode::Invalid,
            InputCode::Taken => UserErrorCode::Taken,
            InputCode::NotFound => UserErrorCode::NotFound,
            InputCode::Missing => UserErrorCode::Missing,
            InputCode::ConsentRequired => UserErrorCode::ConsentRequired,
            InputCode::Conflict => UserErrorCode::Conflict,
        }
    }
}

impl From<Code> for UserErrorCode {
    fn from(code: Code) -> Self {
        match code {
            Code::WrongShape => UserErrorCode::WrongShape,
            Code::WrongValue => UserErrorCode::WrongValue,
            Code::Missing => UserErrorCode::Missing,
            Code::Empty => UserErrorCode::Empty,
            Code::UnknownNode => UserErrorCode::UnknownNode,
            Code::UnknownKey => UserErrorCode::UnknownKey,
            Code::UnknownTest => UserErrorCode::UnknownTest,
            Code::UnknownField => UserErrorCode::UnknownField,
            Code::WrongFieldType => UserErrorCode::WrongFieldType,
            Code::UnknownGroup => UserErrorCode::UnknownGroup,
            Code::UnknownSegment => UserErrorCode::UnknownSegment,
            Code::Cycle => UserErrorCode::Cycle,
            Code::InvalidRegex => UserErrorCode::InvalidRegex,
            Code::TooDeep => UserErrorCode::TooDeep,
            Code::TooManyNodes => UserErrorCode::TooManyNodes,
            Code::TooManyValues => UserErrorCode::TooManyValues,
            Code::UnknownVersion => UserErrorCode::UnknownVersion,
            Code::EvaluationFailed => UserErrorCode::EvaluationFailed,
            Code::TooSlow => UserErrorCode::TooSlow,
        }
    }
}

impl UserError {
    /// Creates an error in an input.
    pub fn new(code: UserErrorCode, path: impl Into<String>, message: impl Into<String>) -> Self {
        UserError {
            code,
            message: bounded(message).into(),
            path: bounded(path).into(),
            hint: None,
        }
    }

    fn of_input(problem: InputProblem) -> Self {
        UserError {
            code: problem.code.into(),
            message: problem.message.into(),
            path: problem.path.into(),
            hint: problem.hint.map(Text),
        }
    }

    /// Creates an error from a problem of a rule. Its path begins with the field `rule` of the input.
    pub fn of_rule(problem: Problem) -> Self {
        let path = match problem.path.as_str() {
            "" => "rule".to_owned(),
            path => format!("rule.{path}"),
        };
        UserError {
            code: problem.code.into(),
            message: problem.message.into(),
            path: path.into(),
            hint: problem.hint.map(Text),
        }
    }
}

/// Splits a result. The errors that a mutation reports as data are in the inner result.
pub fn split<T>(result: Result<T, Error>) -> async_graphql::Result<Result<T, Vec<UserError>>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Error::Invalid(problems)) => {
            let told = first_problems(problems).into_iter();
            Ok(Err(told.map(UserError::of_input).collect()))
        }
        Err(Error::InvalidRule(problems)) => {
            Ok(Err(problems.into_iter().map(UserError::of_rule).collect()))
        }
        Err(error @ Error::InUse { .. }) => Ok(Err(vec![UserError::new(
            UserErrorCode::InUse,
            "id",
            error.to_string(),
        )])),
        Err(Error::NotFound { what, name }) => Ok(Err(vec![UserError::new(
            UserErrorCode::NotFound,
            "id",
            describe_missing(what, &name),
        )])),
        Err(error @ Error::RefreshRunning) => Ok(Err(vec![UserError::new(
            UserErrorCode::RefreshRunning,
            "",
            error.to_string(),
        )])),
        Err(error) => Err(to_graphql(error)),
    }
}

/// Returns the message about an object that does not exist. Clients know objects by their global ids, not by the numbers
/// that the database has.
pub fn describe_missing(what: &'static str, name: &str) -> String {
    let Ok(number) = name.parse::<i64>() else {
        return format!("no {what} {name} exists");
    };
    let words = what.split(' ').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + &rest.to_lowercase()
    });
    let id = write_global_id(&words.collect::<String>(), number);
    format!("no {what} with the id \"{id}\" exists")
}

/// Returns the error with its code. Failures of the server are logged, and their reason is not shown.
pub fn to_graphql(error: Error) -> async_graphql::Error {
    let (code, message) = match &error {
        Error::NotFound { what, name } => (ErrorCode::NotFound, describe_missing(what, name)),
        Error::Invalid(_) | Error::InvalidRule(_) => (ErrorCode::BadUserInput, error.to_string()),
        Error::InUse { .. } => (ErrorCode::InUse, error.to_string()),
        Error::RefreshRunning => (ErrorCode::RefreshRunning, error.to_string()),
        Error::Resync(_) => (ErrorCode::Resync, error.to_string()),
        Error::TooManyScans(_) | Error::Busy(_) => {
            (ErrorCode::TooManyOperations, error.to_string())
        }
        Error::Abandoned | Error::TimedOut => {
            let message = "the request took too long and was stopped; request less at once";
            (ErrorCode::Timeout, message.to_owned())
        }
        Error::NewerDatabase(_) => (ErrorCode::Unavailable, error.to_string()),
        Error::Contention(reason) => {
            tracing::warn!(%reason, "a transaction failed in every attempt");
            let message =
                "other requests kept changing the same data; nothing was changed, so try again";
            (ErrorCode::Contention, message.to_owned())
        }
        Error::Unavailable(reason) => {
            tracing::warn!(%reason, "the database is not available");
            let message = "the database is not available; try again in a moment";
            (ErrorCode::Unavailable, message.to_owned())
        }
        Error::Internal(reason) => {
            tracing::error!(%reason, "a request failed");
            let message = "the server could not answer; its log says why";
            (ErrorCode::Internal, message.to_owned())
        }
    };
    async_graphql::Error::new(message).extend_with(|_, extensions| {
        extensions.set("code", code.as_str());
        if let Error::InvalidRule(problems) = &error {
            let problems = problems.iter().map(problem_value).collect();
            extensions.set("problems", Value::List(problems));
        }
    })
}

fn problem_value(problem: &Problem) -> Value {
    let json = serde_json::to_value(problem).unwrap_or_default();
    Value::from_json(json).unwrap_or_default()
}

/// Creates an error in an argument of a query.
pub fn bad_input(message: impl Into<String>) -> async_graphql::Error {
    async_graphql::Error::new(bounded(message))
        .extend_with(|_, extensions| extensions.set("code", ErrorCode::BadUserInput.as_str()))
}
