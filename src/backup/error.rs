//! Why a backup cannot be made, read or restored.

use crate::db::embedded::{ClientProgramsError, EmbeddedError};
use crate::error::Error;
use std::io;
use std::path::Path;

/// Why a backup cannot be made, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// PostgreSQL's client programs cannot be used.
    #[error("{0}")]
    Programs(#[from] ClientProgramsError),
    /// The database cannot be reached or returned an error.
    #[error("{0}")]
    Database(#[from] Error),
    /// The throw-away cluster of a check cannot be used.
    #[error("{0}")]
    Cluster(#[from] EmbeddedError),
    /// A file cannot be read or written.
    #[error("cannot {doing} \"{path}\": {cause}")]
    File {
        /// What was tried, such as `read`.
        doing: &'static str,
        /// The file.
        path: String,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// The file cannot be used. Nothing was changed.
    #[error("\"{path}\" {problem}; nothing was changed")]
    Unusable {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The database cannot be backed up or replaced as it is. Nothing was changed.
    #[error("{0}; nothing was changed")]
    Refused(String),
    /// A program of PostgreSQL failed. Its changes were rolled back.
    #[error("{program} failed ({status}): {said}; nothing was changed")]
    Failed {
        /// The name of the program.
        program: &'static str,
        /// Exit code or signal.
        status: String,
        /// The end of its error output.
        said: String,
    },
    /// The process is about to end.
    #[error("the server is stopping")]
    Stopping,
}

impl BackupError {
    /// Returns a function that reports a failure with a file.
    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
        let path = path.display().to_string();
        move |cause| BackupError::File { doing, path, cause }
    }

    /// Returns the error that a file cannot be used.
    pub(super) fn unusable(path: &Path, problem: impl Into<String>) -> BackupError {
        BackupError::Unusable {
            path: path.display().to_string(),
            problem: problem.into(),
        }
    }
}

impl From<diesel::result::Error> for BackupError {
    fn from(error: diesel::result::Error) -> BackupError {
        BackupError::Database(error.into())
    }
}
