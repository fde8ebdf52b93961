//! Cutting a CSV file into rows, so that one broken row never takes others with it.
//!
//! A row normally ends with its line; a quoted cell may hold line ends. An unclosed quote would swallow everything up
//! to the next one. Here lines are joined only while quotes are open and only up to a bound; where joining does not
//! lead to exactly one row, the first line stands alone and the others are read again.

use std::collections::VecDeque;
use std::io::{self, BufRead};

/// The longest row, in bytes.
const MAX_ROW: usize = 1 << 20;

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its cells, or why it cannot be read.
    pub cells: Result<Vec<String>, String>,
}

/// Reads rows.
pub struct Rows<R> {
    source: R,
    delimiter: u8,
    /// Lines read ahead and not yet part of a row.
    ahead: VecDeque<Vec<u8>>,
    line: u64,
    bytes: u64,
}

impl<R: BufRead> Rows<R> {
    /// Reads from a source; a byte order mark at its start is passed over.
    pub fn new(source: R, delimiter: u8) -> Rows<R> {
        Rows {
            source,
            delimiter,
            ahead: VecDeque::new(),
            line: 0,
            bytes: 0,
        }
    }

    /// Returns how many bytes have been read.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the next row that is not an empty line.
    ///
    /// # Errors
    /// Those of the source.
    pub fn next_row(&mut self) -> io::Result<Option<Row>> {
        loop {
            let Some(first) = self.next_line()? else {
                return Ok(None);
            };
            self.line += 1;
            let line = self.line;
            if first.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let cells = self.read_row(first)?;
            return Ok(Some(Row { line, cells }));
        }
    }

    /// Reads the row that begins with this line, taking further lines while a quote is open.
    fn read_row(&mut self, first: Vec<u8>) -> io::Result<Result<Vec<String>, String>> {
        let mut joined = first;
        let first_length = joined.len();
        let mut taken: Vec<Vec<u8>> = Vec::new();
        while count_quotes(&joined) % 2 == 1 {
            let next = if joined.len() < MAX_ROW {
                self.next_line()?
            } else {
                None
            };
            let Some(next) = next else {
                // The quote is never closed: what was joined to it are rows of their own.
                self.ahead = taken.drain(..).chain(self.ahead.drain(..)).collect();
                joined.truncate(first_length);
                let message = "expected a closing quote (\"), found none; write a quote within a quoted cell twice";
                return Ok(Err(message.to_owned()));
            };
            joined.extend_from_slice(&next);
            taken.push(next);
        }
        match self.parse(&joined) {
            Parsed::One(cells) => {
                self.line += taken.len() as u64;
                Ok(cells)
            }
            Parsed::Several => {
                // The open quote was not at the start of a cell, so that it is an ordinary character.
                self.ahead = taken.drain(..).chain(self.ahead.drain(..)).collect();
                joined.truncate(first_length);
                match self.parse(&joined) {
                    Parsed::One(cells) => Ok(cells),
                    Parsed::Several => Ok(Err("expected one row, found several".to_owned())),
                }
            }
        }
    }

    fn parse(&self, raw: &[u8]) -> Parsed {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .from_reader(raw);
        let mut record = csv::ByteRecord::new();
        let is_read = |result: csv::Result<bool>| result.unwrap_or(false);
        if !is_read(reader.read_byte_record(&mut record)) {
            return Parsed::One(Ok(Vec::new()));
        }
        let cells = read_cells(&record);
        if is_read(reader.read_byte_record(&mut record)) {
            return Parsed::Several;
        }
        Parsed::One(cells)
    }

    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        let read = self.source.read_until(b'\n', &mut line)?;
        if self.bytes == 0 && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        self.bytes += read as u64;
        Ok((read > 0).then_some(line))
    }
}

enum Parsed {
    One(Result<Vec<String>, String>),
    Several,
}

fn count_quotes(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'"').count()
}

fn read_cells(record: &csv::ByteRecord) -> Result<Vec<String>, String> {
    record
        .iter()
        .enumerate()
        .map(|(position, cell)| match std::str::from_utf8(cell) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(format!(
                "expected UTF-8 text, found other bytes in cell {}: \"{}\"; save the file as UTF-8",
                position + 1,
                String::from_utf8_lossy(cell)
                    .chars()
                    .take(40)
                    .collect::<String>()
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Result<Vec<String>, String>)> {
        let mut rows = Rows::new(text, b',');
        let mut found = Vec::new();
        while let Some(row) = rows.next_row().expect("memory can be read") {
            found.push((row.line, row.cells));
        }
        found
    }

    fn cells(cells: &[&str]) -> Result<Vec<String>, String> {
        Ok(cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn quoted_cells_may_hold_lines_and_quotes() {
        let text = b"\xef\xbb\xbfa,b\r\n\"x\ny\",\"say \"\"hi\"\"\"\n\n1,2";
        assert_eq!(
            read(text),
            [
                (1, cells(&["a", "b"])),
                (2, cells(&["x\ny", "say \"hi\""])),
                (5, cells(&["1", "2"])),
            ]
        );
    }

    #[test]
    fn an_unclosed_quote_costs_one_row() {
        let rows = read(b"a,b\n\"x,1\ny,2\nz,3\n");
        assert!(
            rows[1]
                .1
                .as_ref()
                .is_err_and(|message| message.contains("closing quote"))
        );
        assert_eq!(
            rows[2..],
            [(3, cells(&["y", "2"])), (4, cells(&["z", "3"]))]
        );
    }

    #[test]
    fn a_quote_within_a_plain_cell_is_a_character() {
        let rows = read(b"5\" disk,1\ny,2\n3\" disk,3\n");
        assert_eq!(
            rows,
            [
                (1, cells(&["5\" disk", "1"])),
                (2, cells(&["y", "2"])),
                (3, cells(&["3\" disk", "3"])),
            ]
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_cost_one_row() {
        let rows = read(b"a\n\xff\xfe\nb\n");
        assert!(
            rows[1]
                .1
                .as_ref()
                .is_err_and(|message| message.contains("UTF-8"))
        );
        assert_eq!(rows[2], (3, cells(&["b"])));
    }
}
