//! Keeps one failed evaluation from taking others with it.

use crate::error::Error;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs an evaluation; a panic in it becomes an error.
///
/// # Errors
/// Those of the evaluation, and [`Error::Internal`] for a panic.
pub fn guard<T>(evaluate: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // What it worked on is dropped with the failed attempt.
    catch_unwind(AssertUnwindSafe(evaluate)).unwrap_or_else(|panic| {
        let message = format!("the evaluation panicked: {}", message_of(panic.as_ref()));
        Err(Error::Internal(message))
    })
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(message), _) => message,
        (_, Some(message)) => message,
        _ => "no message",
    }
}

/// Whether a rule may be at fault for an error; where the database went away none is.
pub fn may_be_of_rule(error: &Error) -> bool {
    !matches!(
        error,
        Error::Unavailable(_) | Error::RefreshRunning | Error::Abandoned
    )
}
