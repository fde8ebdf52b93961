//! Keeps a panic in one evaluation from ending other evaluations.

use crate::error::Error;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs an evaluation. A panic becomes an error.
///
/// # Errors
/// Errors of `evaluate`, and [`Error::Internal`] if it panics.
pub fn guard<T>(evaluate: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // The values that it worked on are dropped with the failed attempt.
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

/// Returns whether a rule may have caused an error. Rules do not cause the loss of the database, a refresh that is
/// running already, or a client that disconnects.
pub fn may_be_of_rule(error: &Error) -> bool {
    !matches!(
        error,
        Error::Unavailable(_) | Error::RefreshRunning | Error::Abandoned
    )
}
