//! Files: stored until they are imported, opened, decoded, and cut into rows.
//!
//! `source.rs` opens a file of any format and passes its rows on. Text is decoded (`encoding.rs`), its shape is
//! detected (`shape.rs`), and it is cut into rows (`rows.rs`) of cells (`cells.rs`). Workbooks (`workbook.rs`) and
//! lines of JSON (`json_lines.rs`) have rows of their own. `table.rs` has what all sources of rows have in common,
//! `spread.rs` spreads columns with JSON objects, and `foreign.rs` detects formats that are not supported.

pub(in crate::import) mod cells;
pub(in crate::import) mod encoding;
mod foreign;
pub(in crate::import) mod form;
mod json_lines;
pub(in crate::import) mod reader;
pub(in crate::import) mod row;
pub(in crate::import) mod rows;
pub(in crate::import) mod shape;
pub(in crate::import) mod source;
pub(in crate::import) mod spool;
mod spread;
pub(in crate::import) mod table;
mod unpack;
mod unreadable;
mod workbook;
