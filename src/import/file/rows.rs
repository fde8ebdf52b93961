//! Cutting a CSV file into rows, so that one broken row never takes others with it.
//!
//! A row normally ends with its line; a quoted cell may hold line ends. An unclosed quote would swallow everything up
//! to the next one, and the readers that exist accept what comes of it. Here lines are joined only while a quoted cell
//! is open and only up to a bound; where joining does not lead to a well-formed row, the first line stands alone as a
//! broken one and the others are read again.

use crate::audience::formula;
use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

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

/// How cells are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// What stands between cells.
    pub delimiter: u8,
    /// What stands around a cell that may hold delimiters and line ends; none if no cell is quoted.
    pub quote: Option<u8>,
    /// Whether the text was decoded from another encoding: U+FFFD then stands for bytes that mean nothing.
    pub is_decoded: bool,
}

/// Reads rows.
pub struct Rows<R> {
    source: R,
    dialect: Dialect,
    /// Lines read ahead and not yet part of a row.
    ahead: VecDeque<Line>,
    line: u64,
    is_begun: bool,
}

/// A line with its end, or the beginning of one that is too long to be a row.
struct Line {
    text: Vec<u8>,
    /// How many bytes it has in the file.
    length: usize,
}

impl<R: BufRead> Rows<R> {
    /// Reads from a source; a byte order mark at its start is passed over.
    pub fn new(source: R, dialect: Dialect) -> Rows<R> {
        Rows {
            source,
            dialect,
            ahead: VecDeque::new(),
            line: 0,
            is_begun: false,
        }
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
            if first.text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let cells = if first.length > first.text.len() {
                Err(too_long(first.length))
            } else {
                self.read_row(&first.text)?
            };
            return Ok(Some(Row { line, cells }));
        }
    }

    /// Reads the row that begins with this line, taking further lines while a quoted cell is open.
    fn read_row(&mut self, first: &[u8]) -> io::Result<Result<Vec<String>, String>> {
        let mut row = Cutter::new(self.dialect);
        row.take(first);
        let mut length = first.len();
        let mut taken: Vec<Line> = Vec::new();
        while row.place == Place::Quoted && length < MAX_ROW {
            let Some(next) = self.next_line()? else {
                break;
            };
            row.take(&next.text);
            length += next.length;
            taken.push(next);
        }
        Ok(match row.place {
            Place::End if length <= MAX_ROW => {
                self.line += taken.len() as u64;
                let is_decoded = self.dialect.is_decoded;
                let cells = row.cells.into_iter().enumerate();
                cells.map(|cell| read_cell(cell, is_decoded)).collect()
            }
            Place::Broken(message) if taken.is_empty() => Err(message),
            // The quote is not closed where it should be: what was joined to it are rows of their own.
            _ => {
                self.ahead = taken.drain(..).chain(self.ahead.drain(..)).collect();
                Err(unclosed(self.dialect.quote.unwrap_or(b'"')))
            }
        })
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let mut text = Vec::new();
        let bound = MAX_ROW as u64 + 1;
        let mut length = Read::by_ref(&mut self.source)
            .take(bound)
            .read_until(b'\n', &mut text)?;
        if length == MAX_ROW + 1 && !text.ends_with(b"\n") {
            text.truncate(SHOWN);
            length += self.skip_line()?;
        }
        if !self.is_begun && text.starts_with(b"\xef\xbb\xbf") {
            text.drain(..3);
            length -= 3;
        }
        self.is_begun = true;
        Ok((length > 0).then_some(Line { text, length }))
    }

    /// Passes over the rest of a line that is too long, and returns how many bytes that was.
    fn skip_line(&mut self) -> io::Result<usize> {
        let mut skipped = 0;
        loop {
            let available = self.source.fill_buf()?;
            let end = available.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(available.len(), |end| end + 1);
            self.source.consume(used);
            skipped += used;
            if end.is_some() || used == 0 {
                return Ok(skipped);
            }
        }
    }
}

/// How much of a line that is too long is kept.
const SHOWN: usize = 100;

fn too_long(length: usize) -> String {
    format!("expected a row of at most {MAX_ROW} bytes, found a line of {length}")
}

fn unclosed(quote: u8) -> String {
    let quote = char::from(quote);
    format!(
        "expected a closing quote ({quote}), found none; write a quote within a quoted cell twice"
    )
}

fn after_quote(quote: u8) -> String {
    let quote = char::from(quote);
    format!(
        "expected the end of the cell after a closing quote ({quote}), found more; write a quote within a quoted cell twice"
    )
}

const BARE_RETURN: &str =
    "expected lines that end with LF or CR LF, found CR alone; save the file with other line ends";

/// Where in a row the reading is.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    Broken(String),
}

/// Cuts a row into cells, line by line.
struct Cutter {
    dialect: Dialect,
    cells: Vec<Vec<u8>>,
    cell: Vec<u8>,
    place: Place,
}

impl Cutter {
    fn new(dialect: Dialect) -> Cutter {
        Cutter {
            dialect,
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
        if self.place == Place::Start && self.is_plain(content) {
            let cells = content.split(|byte| *byte == self.dialect.delimiter);
            self.cells.extend(cells.map(<[u8]>::to_vec));
            self.place = Place::End;
            return;
        }
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

    /// Whether nothing but delimiters means anything in a line, as in most.
    fn is_plain(&self, content: &[u8]) -> bool {
        let has_quote = |quote| content.contains(&quote);
        !self.dialect.quote.is_some_and(has_quote) && !content.contains(&b'\r')
    }

    fn step(&mut self, byte: u8) -> Place {
        let is_quote = self.dialect.quote == Some(byte);
        match self.place {
            Place::Quoted if is_quote => Place::Quote,
            Place::Quote if is_quote => {
                self.cell.push(byte);
                Place::Quoted
            }
            Place::Quoted => {
                self.cell.push(byte);
                Place::Quoted
            }
            _ if byte == self.dialect.delimiter => {
                self.cells.push(std::mem::take(&mut self.cell));
                Place::Start
            }
            _ if byte == b'\r' => Place::Broken(BARE_RETURN.to_owned()),
            Place::Start if is_quote => Place::Quoted,
            Place::Quote | Place::Blanks if byte == b' ' || byte == b'\t' => Place::Blanks,
            Place::Quote | Place::Blanks => {
                Place::Broken(after_quote(self.dialect.quote.unwrap_or(b'"')))
            }
            _ => {
                self.cell.push(byte);
                Place::Plain
            }
        }
    }
}

fn read_cell((position, cell): (usize, Vec<u8>), is_decoded: bool) -> Result<String, String> {
    let text = String::from_utf8(cell).map_err(|error| {
        format!(
            "expected UTF-8 text, found other bytes in cell {}: \"{}\"; save the file as UTF-8 or name its encoding",
            position + 1,
            String::from_utf8_lossy(error.as_bytes())
                .chars()
                .take(40)
                .collect::<String>()
        )
    })?;
    if is_decoded && text.contains('\u{fffd}') {
        let shown: String = text.chars().take(40).collect();
        return Err(format!(
            "expected text in the encoding of the file, found bytes that mean nothing in cell {}: \"{shown}\"",
            position + 1
        ));
    }
    // What an export of ours puts before a formula is no part of the value.
    Ok(match formula::undo(&text) {
        value if value.len() == text.len() => text,
        value => value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Result<Vec<String>, String>)> {
        let dialect = Dialect {
            delimiter: b',',
            quote: Some(b'"'),
            is_decoded: false,
        };
        let mut rows = Rows::new(text, dialect);
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
    fn a_line_that_is_too_long_costs_one_row() {
        let mut text = b"a,b\n1,\"".to_vec();
        text.resize(10 << 20, b'x');
        text.extend_from_slice(b"\"\ny,2\n");
        let rows = read(&text);
        assert!(
            rows[1]
                .1
                .as_ref()
                .is_err_and(|message| message.contains("at most 1048576 bytes")),
            "{:?}",
            rows[1].1
        );
        assert_eq!(rows[2..], [(3, cells(&["y", "2"]))]);
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
