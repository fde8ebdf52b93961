//! What can go wrong below the API, distinguished by what the caller can do about it.

use crate::cancel::{StopReason, Stopped};
use crate::rule::{Problem, and_more, bounded, join_first};
use serde::Serialize;

/// A failure of a use case. It can be cloned, because every request that waits for the same batch of a loader gets it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The requested object does not exist.
    #[error("no {what} {name} exists")]
    NotFound {
        /// The kind of object, such as `group`.
        what: &'static str,
        /// The name, key or id that the caller gave.
        name: String,
    },
    /// Some of the input cannot be accepted; nothing was changed.
    #[error("{}", join_first(.0, "; "))]
    Invalid(Vec<InputProblem>),
    /// The rule of a segment cannot be accepted; nothing was changed.
    #[error("the rule is not valid: {}", join_first(.0, "; "))]
    InvalidRule(Vec<Problem>),
    /// The object cannot be changed or deleted while others use it.
    #[error("{what} is used by {}; {mend}", join_first(used_by, ", "))]
    InUse {
        /// What was to be changed or deleted.
        what: String,
        /// What uses it.
        used_by: Vec<String>,
        /// What the caller can do about it.
        mend: &'static str,
    },
    /// Another refresh is running.
    #[error("another refresh is running; try again when it has finished")]
    RefreshRunning,
    /// The changes after a position in the history can no longer be listed.
    #[error(
        "changes cannot be followed from this position: {0}; load the members again and follow from there"
    )]
    Resync(String),
    /// The database cannot be reached, or the connection was lost. A later retry may succeed.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Newer scans of the same API key took the place of this one in the queue.
    #[error(
        "more than {0} requests that read the whole audience, such as previews, were waiting for this client, so the oldest was refused; send fewer at once"
    )]
    TooManyScans(usize),
    /// Too many operations of the same kind are running. The text says which kind, and when to try again.
    #[error("{0}")]
    Busy(String),
    /// The caller no longer waits for the result.
    #[error("the caller does not wait for the answer any more")]
    Abandoned,
    /// Other transactions changed or locked the same rows at the same time, and this one was rolled back. Nothing was
    /// changed. [`Db::run`](crate::db::Db::run) has already repeated it several times. The caller may try again.
    #[error("other requests kept changing the same data ({0}); nothing was changed, so try again")]
    Contention(String),
    /// A statement took longer than it may and was canceled. Nothing was changed.
    #[error("the database took too long")]
    TimedOut,
    /// A newer Rollcall has migrated the database.
    #[error(
        "a newer Rollcall has migrated this database: upgrade this program (it does not know the migrations {0})"
    )]
    NewerDatabase(String),
    /// A bug in Rollcall, or an unexpected answer of the database.
    #[error("internal error: {0}")]
    Internal(String),
}

/// One problem of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputProblem {
    /// The kind of the problem.
    pub code: InputCode,
    /// The place in the input, such as `customFields.visits`.
    pub path: String,
    /// What was expected and what was found.
    pub message: String,
    /// How to mend it, if that is known.
    pub hint: Option<String>,
}

/// The closed list of problems that an input can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InputCode {
    /// The value does not have the expected form.
    Invalid,
    /// Another object already has this value.
    Taken,
    /// The value names something that does not exist.
    NotFound,
    /// A required value is missing.
    Missing,
    /// A status needs consent that was not given, for example to re-subscribe a subscriber who unsubscribed.
    ConsentRequired,
    /// The object was changed since the caller read it.
    Conflict,
}

impl InputProblem {
    /// Returns a problem without a hint.
    pub fn new(code: InputCode, path: impl Into<String>, message: impl Into<String>) -> Self {
        InputProblem {
            code,
            path: bounded(path),
            message: bounded(message),
            hint: None,
        }
    }

    /// Returns the same problem with a hint, if there is one.
    pub fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// Returns the same problem with `place` put before its path, for an input that is part of a larger one.
    pub fn below(mut self, place: &str) -> Self {
        self.path = match self.path.as_str() {
            "" => place.to_owned(),
            path => bounded(format!("{place}.{path}")),
        };
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

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Error {
        match stopped.0 {
            StopReason::Abandoned => Error::Abandoned,
            StopReason::Deadline => Error::TimedOut,
        }
    }
}

impl Error {
    /// Returns an error with one problem of the code [`InputCode::Invalid`].
    pub fn invalid(path: impl Into<String>, message: impl Into<String>) -> Error {
        Error::Invalid(vec![InputProblem::new(InputCode::Invalid, path, message)])
    }

    /// Returns [`Error::NotFound`] for this kind of object and this name.
    pub fn not_found(what: &'static str, name: impl ToString) -> Error {
        Error::NotFound {
            what,
            name: bounded(name.to_string()),
        }
    }
}

/// How many problems of an input are reported at once.
pub const TOLD: usize = 100;

/// Returns at most [`TOLD`] problems, and if there are others, one more that says how many.
pub fn first_problems(mut problems: Vec<InputProblem>) -> Vec<InputProblem> {
    let others = problems.len().saturating_sub(TOLD);
    if others > 0 {
        let code = problems[TOLD].code;
        problems.truncate(TOLD);
        problems.push(InputProblem::new(code, "", and_more(others, "problems")));
    }
    problems
}
