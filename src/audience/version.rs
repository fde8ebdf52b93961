//! Versions of rows, so that no client overwrites a change that it has not seen.
//!
//! A trigger increments the version with every `UPDATE` of a row, so that no code path can forget it.

use crate::error::{Error, InputCode, InputProblem};

/// Compares the version that a caller has read, if given, with the version of the row. The row must be locked.
///
/// # Errors
/// [`Error::Invalid`] with [`InputCode::Conflict`] if they differ.
pub fn check_version(what: &str, expected: Option<i32>, found: i32) -> Result<(), Error> {
    match expected {
        Some(expected) if expected != found => {
            let message = format!(
                "expected version {expected} of the {what}, found version {found}: it was changed since you read it"
            );
            let hint = format!("read it again, and send your change with ifVersion {found}");
            let problem = InputProblem::new(InputCode::Conflict, "ifVersion", message);
            Err(Error::Invalid(vec![problem.with_hint(Some(hint))]))
        }
        _ => Ok(()),
    }
}
