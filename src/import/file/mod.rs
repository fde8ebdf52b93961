//! Files: kept until they are imported, opened, decoded, and cut into rows.
//!
//! `source.rs` opens a file of any format and hands its rows over. Text is decoded (`encoding.rs`), its shape found out
//! (`shape.rs`), and cut into rows (`rows.rs`) of cells (`cells.rs`); workbooks (`workbook.rs`) and lines of JSON (`json_lines.rs`) have rows of their own.
//! What every source of rows has in common is in `table.rs`; columns with JSON objects are spread by `spread.rs`; what a file is that cannot be read, `foreign.rs` says.

pub(in crate::import) mod cells;
pub(in crate::import) mod encoding;
mod foreign;
mod json_lines;
pub(in crate::import) mod reader;
pub(in crate::import) mod rows;
pub(in crate::import) mod shape;
pub(in crate::import) mod source;
pub(in crate::import) mod spool;
mod spread;
pub(in crate::import) mod table;
mod unpack;
mod workbook;
