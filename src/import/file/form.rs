//! The form of a file.

use super::encoding::Encoding;
use serde::{Deserialize, Serialize};

/// The format of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FileFormat {
    /// Text with a character between cells.
    #[default]
    Text,
    /// A workbook of Excel.
    Workbook,
    /// JSON, one object per line.
    JsonLines,
}

/// The form of a file, detected or given by options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Form {
    /// The character encoding.
    pub encoding: Encoding,
    /// The character between cells, an ASCII character.
    pub delimiter: u8,
    /// The quote around cells.
    pub quote: Option<u8>,
    /// Whether its first row names the columns.
    pub has_header: bool,
    /// How many lines before the header or the first row are skipped.
    #[serde(default)]
    pub skipped_lines: u64,
    /// Its format.
    #[serde(default)]
    pub format: FileFormat,
    /// The file within an archive, or the sheet of a workbook.
    #[serde(default)]
    pub part: Option<String>,
}
