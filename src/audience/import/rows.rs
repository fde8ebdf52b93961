//! Cutting a CSV file into rows, so that one broken row never takes others with it.
//!
//! A row normally ends with its line; a quoted cell may hold line ends. An unclosed quote would swallow everything up
//! to the next one, and the readers that exist accept what comes of it. Here lines are joined only while a quoted cell
//! is open and only up to a bound; where joining does not lead to a well-formed row, the first line stands alone as a
//! broken one and the others are read again.

use crate::audience::formula;
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
            let cells = self.read_row(&first)?;
            return Ok(Some(Row { line, cells }));
        }
    }

    /// Reads the row that begins with this line, taking further lines while a quoted cell is open.
    fn read_row(&mut self, first: &[u8]) -> io::Result<Result<Vec<String>, String>> {
        let mut row = Cutter::new(self.delimiter);
        row.take(first);
        let mut length = first.len();
        let mut taken: Vec<Vec<u8>> = Vec::new();
        while row.place == Place::Quoted && length < MAX_ROW {
            let Some(next) = self.next_line()? else {
                break;
            };
            row.take(&next);
            length += next.len();
            taken.push(next);
        }
        Ok(match row.place {
            Place::End => {
                self.line += taken.len() as u64;
                row.cells.into_iter().enumerate().map(read_cell).collect()
            }
            Place::Broken(message) if taken.is_empty() => Err(message.to_owned()),
            // The quote is not closed where it should be: what was joined to it are rows of their own.
            _ => {
                self.ahead = taken.drain(..).chain(self.ahead.drain(..)).collect();
                Err(UNCLOSED.to_owned())
            }
        })
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

const UNCLOSED: &str =
    "expected a closing quote (\"), found none; write a quote within a quoted cell twice";
const AFTER_QUOTE: &str = "expected the end of the cell after a closing quote (\"), found more; write a quote within a quoted cell twice";
const BARE_RETURN: &str =
    "expected lines that end with LF or CR LF, found CR alone; save the file with other line ends";

/// Where in a row the reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first character of a cell.
    Start,
    /// In a cell without quotes around it.
    Plain,
    /// In a quoted cell.
    Quoted,
    /// After a quote in a quoted cell: the end of the cell, or the first of two that mean one.
    Quote,
    /// After the closing quote and blanks.
    Blanks,
    /// After the row.
    End,
    /// After something that no row has.
    Broken(&'static str),
}

/// Cuts a row into cells, line by line.
struct Cutter {
    delimiter: u8,
    cells: Vec<Vec<u8>>,
    cell: Vec<u8>,
    place: Place,
}

impl Cutter {
    fn new(delimiter: u8) -> Cutter {
        Cutter {
            delimiter,
            cells: Vec::new(),
            cell: Vec::new(),
            place: Place::Start,
        }
    }

    /// Takes the next line of the row, with its line end if it has one. Unless a quoted cell is open then, the row has
    /// come to its end or is broken.
    fn take(&mut self, line: &[u8]) {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        for byte in content {
            self.place = self.step(*byte);
            if let Place::Broken(_) = self.place {
                return;
            }
        }
        if self.place == Place::Quoted {
            self.cell.extend_from_slice(&line[content.len()..]);
        } else {
            self.cells.push(std::mem::take(&mut self.cell));
            self.place = Place::End;
        }
    }

    fn step(&mut self, byte: u8) -> Place {
        match (self.place, byte) {
            (Place::Quoted, b'"') => Place::Quote,
            (Place::Quote, b'"') | (Place::Quoted, _) => {
                self.cell.push(byte);
                Place::Quoted
            }
            (_, byte) if byte == self.delimiter => {
                self.cells.push(std::mem::take(&mut self.cell));
                Place::Start
            }
            (_, b'\r') => Place::Broken(BARE_RETURN),
            (Place::Start, b'"') => Place::Quoted,
            (Place::Quote | Place::Blanks, b' ' | b'\t') => Place::Blanks,
            (Place::Quote | Place::Blanks, _) => Place::Broken(AFTER_QUOTE),
            _ => {
                self.cell.push(byte);
                Place::Plain
            }
        }
    }
}

fn read_cell((position, cell): (usize, Vec<u8>)) -> Result<String, String> {
    // What an export of ours puts before a formula is no part of the value.
    let undone = |text: String| match formula::undo(&text) {
        value if value.len() == text.len() => text,
        value => value.to_owned(),
    };
    String::from_utf8(cell).map(undone).map_err(|error| {
        format!(
            "expected UTF-8 text, found other bytes in cell {}: \"{}\"; save the file as UTF-8",
            position + 1,
            String::from_utf8_lossy(error.as_bytes())
                .chars()
                .take(40)
                .collect::<String>()
        )
    })
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
    fn an_unclosed_quote_that_a_later_row_seems_to_close_costs_one_row() {
        let rows = read(b"a,\"x\ny,2\n\"z\",3\nu,\"v\n");
        assert!(rows[0].1.is_err() && rows[3].1.is_err(), "{rows:?}");
        assert_eq!(
            rows[1..3],
            [(2, cells(&["y", "2"])), (3, cells(&["z", "3"]))]
        );
    }

    #[test]
    fn text_after_a_closing_quote_costs_one_row() {
        let rows = read(b"\"x\" y,1\n\"x\" ,2\n");
        assert!(
            rows[0]
                .1
                .as_ref()
                .is_err_and(|message| message.contains("after a closing quote"))
        );
        assert_eq!(rows[1..], [(2, cells(&["x", "2"]))]);
    }

    #[test]
    fn lines_that_end_with_a_bare_return_are_none() {
        let rows = read(b"a,b\r1,2\r");
        assert!(
            rows[0]
                .1
                .as_ref()
                .is_err_and(|message| message.contains("CR alone"))
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
