//! Writes rows as lines: of CSV for people and spreadsheets, of JSON for programs.

use super::Format;
use super::columns::{CellKind, Column};
use super::pages::Cells;
use crate::audience::custom_field::write_list;
use crate::audience::formula::is_formula;
use std::io::{self, Write};

/// Writes rows.
pub enum RowWriter<'c, W: Write> {
    /// As CSV.
    Csv {
        writer: Box<csv::Writer<W>>,
        columns: &'c [Column],
        is_raw: bool,
        buffer: Vec<u8>,
        rows: u64,
    },
    /// As JSON.
    Ndjson {
        sink: W,
        columns: &'c [Column],
        /// What is written before the value of each column.
        labels: Vec<String>,
        buffer: Vec<u8>,
        rows: u64,
    },
}

impl<'c, W: Write> RowWriter<'c, W> {
    /// Begins a file. A CSV file gets its header.
    pub fn new(
        sink: W,
        format: Format,
        columns: &'c [Column],
        is_raw: bool,
    ) -> io::Result<RowWriter<'c, W>> {
        match format {
            Format::Csv => {
                let mut writer = Box::new(csv::Writer::from_writer(sink));
                writer
                    .write_record(columns.iter().map(|column| &column.name))
                    .map_err(of_sink)?;
                Ok(RowWriter::Csv {
                    writer,
                    columns,
                    is_raw,
                    buffer: Vec::new(),
                    rows: 0,
                })
            }
            Format::Ndjson => {
                let mut labels = Vec::with_capacity(columns.len());
                for (position, column) in columns.iter().enumerate() {
                    let before = if position == 0 { '{' } else { ',' };
                    let name = serde_json::to_string(&column.name)?;
                    labels.push(format!("{before}{name}:"));
                }
                Ok(RowWriter::Ndjson {
                    sink,
                    columns,
                    labels,
                    buffer: Vec::new(),
                    rows: 0,
                })
            }
        }
    }

    /// Returns how many rows were written.
    pub fn rows(&self) -> u64 {
        match self {
            RowWriter::Csv { rows, .. } | RowWriter::Ndjson { rows, .. } => *rows,
        }
    }

    /// Writes a row.
    pub fn write(&mut self, row: &Cells) -> io::Result<()> {
        match self {
            RowWriter::Csv {
                writer,
                columns,
                is_raw,
                buffer,
                rows,
            } => {
                for (cell, column) in row.iter().zip(columns.iter()) {
                    write_cell(
                        writer,
                        cell.unwrap_or_default(),
                        column.kind,
                        *is_raw,
                        buffer,
                    )?;
                }
                writer.write_record(None::<&[u8]>).map_err(of_sink)?;
                *rows += 1;
            }
            RowWriter::Ndjson {
                sink,
                columns,
                labels,
                buffer,
                rows,
            } => {
                buffer.clear();
                for ((cell, column), label) in row.iter().zip(columns.iter()).zip(labels) {
                    buffer.extend_from_slice(label.as_bytes());
                    write_value(buffer, cell, column.kind)?;
                }
                buffer.extend_from_slice(b"}\n");
                sink.write_all(buffer)?;
                *rows += 1;
            }
        }
        Ok(())
    }

    /// Ends the file and returns how many rows it has.
    pub fn finish(self) -> io::Result<u64> {
        match self {
            RowWriter::Csv {
                mut writer, rows, ..
            } => writer.flush().map(|()| rows),
            RowWriter::Ndjson { mut sink, rows, .. } => sink.flush().map(|()| rows),
        }
    }
}

fn write_cell<W: Write>(
    writer: &mut csv::Writer<W>,
    cell: &[u8],
    kind: CellKind,
    is_raw: bool,
    buffer: &mut Vec<u8>,
) -> io::Result<()> {
    let list;
    let cell = match kind {
        CellKind::List if !cell.is_empty() => {
            list = write_list(&serde_json::from_slice(cell)?);
            list.as_bytes()
        }
        _ => cell,
    };
    let is_text = matches!(kind, CellKind::Text | CellKind::List);
    if !is_raw && is_formula(cell) && (is_text || !is_number(cell)) {
        buffer.clear();
        buffer.push(b'\'');
        buffer.extend_from_slice(cell);
        writer.write_field(buffer).map_err(of_sink)
    } else {
        writer.write_field(cell).map_err(of_sink)
    }
}

/// Returns the error of the sink, or another error of the CSV writer as an I/O error.
fn of_sink(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Returns whether a cell is a number. A number is not a formula, although it may begin with a sign.
fn is_number(cell: &[u8]) -> bool {
    std::str::from_utf8(cell).is_ok_and(|cell| cell.parse::<f64>().is_ok())
}

fn write_value(buffer: &mut Vec<u8>, cell: Option<&[u8]>, kind: CellKind) -> io::Result<()> {
    match (cell, kind) {
        (None, _) => buffer.extend_from_slice(b"null"),
        (Some(cell), CellKind::Json | CellKind::List) => buffer.extend_from_slice(cell),
        (Some(cell), CellKind::Text | CellKind::Plain) => {
            let text = std::str::from_utf8(cell)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            serde_json::to_writer(buffer, text)?;
        }
    }
    Ok(())
}
