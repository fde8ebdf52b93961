//! What can go wrong below the API, told apart by what the caller can do about it.

use crate::rule::Problem;
use serde::Serialize;

/// A failure of a use case.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The thing asked for does not exist.
    #[error("no {what} {name} exists")]
    NotFound {
        /// What kind of thing, such as `group`.
        what: &'static str,
        /// How it was asked for.
        name: String,
    },
    /// Some of the input cannot be accepted; nothing was changed.
    #[error("{}", list(.0))]
    Invalid(Vec<InputProblem>),
    /// The rule of a segment cannot be accepted; nothing was changed.
    #[error("the rule is not valid: {}", list(.0))]
    InvalidRule(Vec<Problem>),
    /// The thing cannot go while others use it.
    #[error("{what} is used by {}", used_by.join(", "))]
    InUse {
        /// What was to be deleted.
        what: String,
        /// What uses it.
        used_by: Vec<String>,
    },
    /// Another refresh is running.
    #[error("another refresh is running; try again when it has finished")]
    RefreshRunning,
    /// The database cannot be reached or went away; trying again later may help.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Other transactions changed or locked the same rows at the same time, and this one was rolled back. Nothing was
    /// changed. It can be repeated; [`Db::run`](crate::db::Db::run) has done so some times already.
    #[error("other requests kept changing the same data ({0}); nothing was changed, so try again")]
    Contention(String),
    /// A statement took longer than it may and was broken off; nothing was changed.
    #[error("the database took too long")]
    TimedOut,
    /// A mistake of ours or an answer of the database that was not expected.
    #[error("internal error: {0}")]
    Internal(String),
}

/// One thing wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputProblem {
    /// What kind of mistake it is.
    pub code: InputCode,
    /// The place in the input, such as `customFields.visits`.
    pub path: String,
    /// What was expected and what was found.
    pub message: String,
    /// How to mend it, where that is known.
    pub hint: Option<String>,
}

/// The closed list of mistakes an input can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InputCode {
    /// The value is not of the form asked for.
    Invalid,
    /// The value is already taken by another.
    Taken,
    /// The value names something that does not exist.
    NotFound,
    /// A required value is not there.
    Missing,
    /// The thing was changed since the caller read it.
    Conflict,
}

impl InputProblem {
    /// A problem without a hint.
    pub fn new(code: InputCode, path: impl Into<String>, message: impl Into<String>) -> Self {
        InputProblem {
            code,
            path: path.into(),
            message: message.into(),
            hint: None,
        }
    }

    /// The same problem with a hint, if there is one.
    pub fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

impl std::fmt::Display for InputProblem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => write!(formatter, "{}", self.message)?,
            path => write!(formatter, "{path}: {}", self.message)?,
        }
        match &self.hint {
            Some(hint) => write!(formatter, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl Error {
    /// A single problem with an input.
    pub fn invalid(path: impl Into<String>, message: impl Into<String>) -> Error {
        Error::Invalid(vec![InputProblem::new(InputCode::Invalid, path, message)])
    }

    /// An absence.
    pub fn not_found(what: &'static str, name: impl ToString) -> Error {
        Error::NotFound {
            what,
            name: name.to_string(),
        }
    }
}

fn list(problems: &[impl ToString]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
