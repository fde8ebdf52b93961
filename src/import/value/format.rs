//! How the cells of a column are read.

use super::dates::DateReader;
use super::numbers::NumberReader;

/// How the cells of one column are read: by the options for the column, or for the whole file.
#[derive(Debug, Clone)]
pub struct CellFormat {
    /// How days and times are written.
    pub dates: DateReader,
    /// How numbers are written.
    pub numbers: NumberReader,
    /// The character between the items of a list, if an option gives it.
    pub split: Option<char>,
    /// Whether every text is taken literally, as in exports of Rollcall: no word means no value then.
    pub is_literal: bool,
    /// Whether a value is read only in the form in which Rollcall exports it, so that a field of the type of all cells
    /// is exported as the same cells.
    pub is_canonical: bool,
    /// Whether an empty cell of a column of truth values means no, because the other cells hold marks.
    pub empty_is_no: bool,
}

impl CellFormat {
    /// Returns the format of a column without further options.
    pub fn new(dates: DateReader, numbers: NumberReader) -> CellFormat {
        CellFormat {
            dates,
            numbers,
            split: None,
            is_literal: false,
            is_canonical: false,
            empty_is_no: false,
        }
    }
}
