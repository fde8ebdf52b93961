//! Cutting a CSV file into rows, so that one broken row never takes others with it.
//!
//! A row normally ends with its line; a quoted cell may hold line ends. An unclosed quote would swallow everything up
//! to the next one, and the readers that exist accept what comes of it. Here lines are joined only while a quoted cell
//! is open and only up to a bound; where joining does not lead to a well-formed row, the first line stands alone as a
//! broken one and the others are read again.

use super::encoding::Encoding;
use super::source::unreadable;
use super::table::{RowSource, is_blank};
use crate::audience::formula;
use crate::error::Error;
use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

/// The longest row, in bytes.
pub const MAX_ROW: usize = 1 << 20;

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its cells, or why it cannot be read.
    pub cells: Result<Vec<String>, String>,
    /// What is to be said of how it was read.
    pub remark: Option<String>,
    /// Whether it stands below the table and is no part of it.
    pub is_footer: bool,
}

impl Row {
    /// A row of which nothing is to be said.
    pub fn of(line: u64, cells: Result<Vec<String>, String>) -> Row {
        Row {
            line,
            cells,
            remark: None,
            is_footer: false,
        }
    }
}

/// How cells are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// What stands between cells.
    pub delimiter: u8,
    /// What stands around a cell that may hold delimiters and line ends; none if no cell is quoted.
    pub quote: Option<u8>,
    /// What ends a line: LF, perhaps behind CR, or CR alone.
    pub line_end: u8,
    /// Whether the text was decoded from another encoding: U+FFFD then stands for bytes that mean nothing.
    pub is_decoded: bool,
    /// The encoding of cells that are not in UTF-8.
    pub of_other_cells: Option<Encoding>,
    /// How many lines are passed over at the start.
    pub skipped_lines: u64,
}

impl Default for Dialect {
    fn default() -> Dialect {
        Dialect {
            delimiter: b',',
            quote: Some(b'"'),
            line_end: b'\n',
            is_decoded: false,
            of_other_cells: None,
            skipped_lines: 0,
        }
    }
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

    /// Returns the next row that has a cell which is not empty.
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
            if line <= self.dialect.skipped_lines || first.text.iter().all(u8::is_ascii_whitespace)
            {
                continue;
            }
            let (cells, is_mixed) = if first.length > first.text.len() {
                (Err(too_long(first.length)), false)
            } else {
                self.read_row(&first.text)?
            };
            if cells
                .as_ref()
                .is_ok_and(|cells| cells.iter().all(|cell| is_blank(cell)))
            {
                continue;
            }
            let mut row = Row::of(line, cells);
            if let Some(encoding) = self.dialect.of_other_cells.filter(|_| is_mixed) {
                row.remark = Some(format!(
                    "the line is not in UTF-8 as the file is; it was read as {}",
                    encoding.as_str()
                ));
            }
            return Ok(Some(row));
        }
    }

    /// Reads the row that begins with this line, taking further lines while a quoted cell is open. Returns also whether a cell
    /// is in another encoding.
    fn read_row(&mut self, first: &[u8]) -> io::Result<(Result<Vec<String>, String>, bool)> {
        let mut row = Cutter::new(self.dialect);
        row.take(first);
        if let Place::Broken(_) = row.place
            && let Some(escaped) = self
                .read_escaped(first)
                .filter(|row| [Place::End, Place::Quoted].contains(&row.place))
        {
            row = escaped;
        }
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
                self.finish(row)
            }
            Place::Broken(message) if taken.is_empty() => (Err(message), false),
            // The quote is not closed where it should be: what was joined to it are rows of their own.
            _ => {
                self.ahead = taken.drain(..).chain(self.ahead.drain(..)).collect();
                match self
                    .read_escaped(first)
                    .filter(|row| row.place == Place::End)
                {
                    Some(row) => self.finish(row),
                    None => (Err(unclosed(self.dialect.quote.unwrap_or(b'"'))), false),
                }
            }
        })
    }

    /// Cuts a line of a program that writes a quote within a quoted cell behind a backslash, if it may be one.
    fn read_escaped(&self, first: &[u8]) -> Option<Cutter> {
        let quote = self.dialect.quote?;
        let may_be = first.windows(2).any(|pair| pair == [b'\\', quote]);
        may_be.then(|| {
            let mut row = Cutter::new(self.dialect);
            row.has_escapes = true;
            row.take(first);
            row
        })
    }

    fn finish(&self, row: Cutter) -> (Result<Vec<String>, String>, bool) {
        let mut is_mixed = false;
        let cells = row.cells.into_iter().enumerate();
        let cells = cells
            .map(|cell| read_cell(cell, self.dialect, &mut is_mixed))
            .collect();
        (cells, is_mixed)
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let mut text = Vec::new();
        let bound = MAX_ROW as u64 + 1;
        let mut length = Read::by_ref(&mut self.source)
            .take(bound)
            .read_until(self.dialect.line_end, &mut text)?;
        if length == MAX_ROW + 1 && !text.ends_with(&[self.dialect.line_end]) {
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
            let end = available
                .iter()
                .position(|byte| *byte == self.dialect.line_end);
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
    /// After blanks at the start of a cell.
    Lead,
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
    /// Whether a backslash in a quoted cell takes the meaning from the character behind it.
    has_escapes: bool,
}

impl Cutter {
    fn new(dialect: Dialect) -> Cutter {
        Cutter {
            dialect,
            cells: Vec::new(),
            cell: Vec::new(),
            place: Place::Start,
            has_escapes: false,
        }
    }

    /// Takes the next line of the row, with its line end if it has one. Unless a quoted cell is open then, the row has
    /// come to its end or is broken.
    fn take(&mut self, line: &[u8]) {
        let content = line.strip_suffix(&[self.dialect.line_end]).unwrap_or(line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        if self.place == Place::Start && self.is_plain(content) {
            let cells = content.split(|byte| *byte == self.dialect.delimiter);
            self.cells.extend(cells.map(<[u8]>::to_vec));
            self.place = Place::End;
            return;
        }
        let mut bytes = content.iter().copied();
        while let Some(byte) = bytes.next() {
            if self.has_escapes && self.place == Place::Quoted && byte == b'\\' {
                self.cell.push(bytes.next().unwrap_or(b'\\'));
                continue;
            }
            self.place = self.step(byte);
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
            // A quote behind blanks opens a cell as well, and the blanks are none of it.
            Place::Lead if is_quote => {
                self.cell.clear();
                Place::Quoted
            }
            Place::Start | Place::Lead if byte == b' ' || byte == b'\t' => {
                self.cell.push(byte);
                Place::Lead
            }
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

/// Reads the characters of a cell, and notes whether they are in another encoding than the file.
fn read_cell(
    (position, cell): (usize, Vec<u8>),
    dialect: Dialect,
    is_mixed: &mut bool,
) -> Result<String, String> {
    let text = match (String::from_utf8(cell), dialect.of_other_cells) {
        (Ok(text), _) => text,
        (Err(error), Some(encoding)) => {
            *is_mixed = true;
            encoding.decode(error.as_bytes())
        }
        (Err(error), None) => {
            let shown: String = String::from_utf8_lossy(error.as_bytes())
                .chars()
                .take(40)
                .collect();
            return Err(format!(
                "expected UTF-8 text, found other bytes in cell {}: \"{shown}\"; save the file as UTF-8 or name its encoding",
                position + 1
            ));
        }
    };
    if dialect.is_decoded && text.contains('\u{fffd}') {
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

impl<R: BufRead> RowSource for Rows<R> {
    fn next(&mut self) -> Result<Option<Row>, Error> {
        self.next_row().map_err(unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Result<Vec<String>, String>)> {
        read_as(text, Dialect::default())
    }

    fn read_as(text: &[u8], dialect: Dialect) -> Vec<(u64, Result<Vec<String>, String>)> {
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

    #[test]
    fn cells_of_another_encoding_are_decoded() {
        let dialect = Dialect {
            of_other_cells: Encoding::parse("windows-1252"),
            ..Dialect::default()
        };
        let mut rows = Rows::new(&b"M\xc3\xbcller\nM\xfcller\n"[..], dialect);
        let mut next = || rows.next_row().expect("memory can be read").expect("a row");
        let (first, second) = (next(), next());
        assert_eq!((first.cells, first.remark), (cells(&["Müller"]), None));
        assert_eq!(second.cells, cells(&["Müller"]));
        assert!(
            second
                .remark
                .is_some_and(|remark| remark.contains("windows-1252"))
        );
    }

    #[test]
    fn lines_that_end_with_cr_alone() {
        let dialect = Dialect {
            line_end: b'\r',
            ..Dialect::default()
        };
        let rows = read_as(b"a,b\r\"x\ry\",2\r\rz,3", dialect);
        assert_eq!(
            rows,
            [
                (1, cells(&["a", "b"])),
                (2, cells(&["x\ry", "2"])),
                (5, cells(&["z", "3"]))
            ]
        );
    }

    #[test]
    fn blanks_may_stand_before_a_quote() {
        let rows = read(b"\"a\", \"b, c\",  d\n e , \"{\"\"x\"\": 1}\"\n");
        assert_eq!(
            rows,
            [
                (1, cells(&["a", "b, c", "  d"])),
                (2, cells(&[" e ", "{\"x\": 1}"]))
            ]
        );
    }

    #[test]
    fn quotes_may_stand_behind_a_backslash() {
        let rows = read(
            b"\"say \\\"hi\\\" now\",1\n\"a\\\"\",2\n\"C:\\\",3\n\"{\\\"a\\\": \\\"b\\\"}\",4\n",
        );
        assert_eq!(
            rows,
            [
                (1, cells(&["say \"hi\" now", "1"])),
                (2, cells(&["a\"", "2"])),
                (3, cells(&["C:\\", "3"])),
                (4, cells(&["{\"a\": \"b\"}", "4"])),
            ]
        );
    }

    #[test]
    fn rows_without_values_are_passed_over() {
        let rows = read(b"a,b\n,,\n\0\0\n\" \",\n1,2\n\x1a");
        assert_eq!(rows, [(1, cells(&["a", "b"])), (5, cells(&["1", "2"]))]);
        let dialect = Dialect {
            skipped_lines: 2,
            ..Dialect::default()
        };
        assert_eq!(
            read_as(b"Report\n\na,b\n", dialect),
            [(3, cells(&["a", "b"]))]
        );
    }
}
