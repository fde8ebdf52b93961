//! A row of a file, of any format.

use super::cells::Cells;

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its cells, or why it cannot be read.
    pub cells: Result<Cells, String>,
    /// A remark about how the row was read, if there is one.
    pub remark: Option<String>,
    /// Whether it is below the table and not a part of it.
    pub is_footer: bool,
}

impl Row {
    /// Returns a row without a remark.
    pub fn of(line: u64, cells: Result<Cells, String>) -> Row {
        Row {
            line,
            cells,
            remark: None,
            is_footer: false,
        }
    }
}
