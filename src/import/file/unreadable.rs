//! The error of a file that cannot be read.

use crate::error::Error;
use std::io;

/// Returns the error for a file that cannot be read.
pub fn unreadable(error: io::Error) -> Error {
    Error::invalid("file", format!("the file cannot be read: {error}"))
}
