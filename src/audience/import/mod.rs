//! Importing CSV files: subscribers, perhaps into a group, and events.
//!
//! A file is read as a stream. A row that cannot be used is reported with its line and left out; the others are kept.
//! What is wrong with the file as a whole, such as its header, refuses it before anything is written.

mod events;
mod mapping;
mod rows;
mod subscribers;

pub use events::import_events;
pub use mapping::{BUILTIN_COLUMNS, SubscriberImport};
pub use subscribers::import_subscribers;

/// How many problems a report lists; all are counted.
pub const MAX_LISTED: usize = 1_000;

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Rows of the file, without the header and empty lines.
    pub rows: u64,
    /// Subscribers or events that were new.
    pub created: u64,
    /// Subscribers of whom something changed.
    pub updated: u64,
    /// Subscribers who were so already, and events that were known by their dedupe key.
    pub unchanged: u64,
    /// Rows whose e-mail address stands in a later row of the same file, which counts.
    pub repeated: u64,
    /// Subscribers whom the file says to address, but who unsubscribed, bounced or complained: their status stayed.
    pub suppressed: u64,
    /// Subscribers added to the group.
    pub added_to_group: u64,
    /// Rows left out.
    pub refused: u64,
    /// Why, the first [`MAX_LISTED`] of them.
    pub problems: Vec<RowProblem>,
}

/// Why a row was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// The line of the file on which the row begins, from 1.
    pub line: u64,
    /// The column, where it is about one.
    pub column: Option<String>,
    /// What was expected and what was found.
    pub message: String,
}

impl std::fmt::Display for RowProblem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "line {}", self.line)?;
        if let Some(column) = &self.column {
            write!(formatter, ", {column}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

impl ImportReport {
    fn refuse(&mut self, problem: RowProblem) {
        self.refused += 1;
        if self.problems.len() < MAX_LISTED {
            self.problems.push(problem);
        }
    }
}

/// How far an import is, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file read so far.
    pub bytes: u64,
    /// Rows done so far.
    pub rows: u64,
}
