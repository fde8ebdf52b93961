//! Cuts a CSV file into rows, so that one broken row never affects others.
//!
//! A row normally ends with its line; a quoted cell may hold line ends. An unclosed quote would swallow everything up
//! to the next quote, and existing CSV readers accept the result. Here lines are joined only while a quoted cell is
//! open and only up to a bound. If joining does not lead to a well-formed row, the first line alone becomes a broken
//! row, and the other lines are read again.

use super::cells::Cells;
use super::encoding::Encoding;
use super::row::Row;
use super::table::{RowSource, is_blank};
use super::unreadable::unreadable;
use crate::audience::formula;
use crate::error::Error;
use std::collections::VecDeque;
use std::io::{self, BufRead, Read};
use std::ops::Range;

/// The longest row, in bytes.
pub const MAX_ROW: usize = 1 << 20;

/// How a line is cut into cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The character between cells.
    pub delimiter: u8,
    /// The quote around a cell that may hold delimiters and line ends; `None` if no cell is quoted.
    pub quote: Option<u8>,
    /// The last byte of a line: LF, which may follow CR, or CR alone.
    pub line_end: u8,
    /// Whether the text was decoded from another encoding: U+FFFD then replaces bytes that cannot be decoded.
    pub is_decoded: bool,
    /// The encoding of cells that are not in UTF-8.
    pub of_other_cells: Option<Encoding>,
    /// How many lines are skipped at the start.
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
    /// How many cells the previous row had: most rows have the same number.
    width: usize,
    /// The buffer of an earlier line, to be used again.
    spare: Vec<u8>,
}

/// A line with its line end, or the beginning of a line that is too long to be a row.
struct Line {
    text: Vec<u8>,
    /// How many bytes it has in the file.
    length: usize,
}

impl<R: BufRead> Rows<R> {
    /// Reads from a source. A byte order mark at its start is skipped.
    pub fn new(source: R, dialect: Dialect) -> Rows<R> {
        Rows {
            source,
            dialect,
            ahead: VecDeque::new(),
            line: 0,
            is_begun: false,
            width: 0,
            spare: Vec::new(),
        }
    }

    /// Returns the next row with a cell that is not blank.
    ///
    /// # Errors
    /// Errors of the source.
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
            self.spare = first.text;
            if cells.as_ref().is_ok_and(|cells| cells.iter().all(is_blank)) {
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

    /// Reads the row that begins with this line, and takes more lines while a quoted cell is open. Also returns whether
    /// a cell is in another encoding.
    fn read_row(&mut self, first: &[u8]) -> io::Result<(Result<Cells, String>, bool)> {
        let mut row = Cutter::new(self.dialect, self.width);
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
            // The quote is not closed correctly: the joined lines are rows of their own.
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

    /// Cuts a line in which a backslash escapes quotes within quoted cells, as some programs write them. Returns `None`
    /// if no quote follows a backslash.
    fn read_escaped(&self, first: &[u8]) -> Option<Cutter> {
        let quote = self.dialect.quote?;
        let may_be = first.windows(2).any(|pair| pair == [b'\\', quote]);
        may_be.then(|| {
            let mut row = Cutter::new(self.dialect, self.width);
            row.has_escapes = true;
            row.take(first);
            row
        })
    }

    fn finish(&mut self, row: Cutter) -> (Result<Cells, String>, bool) {
        self.width = row.cells.len();
        match Cells::cut(row.text, row.cells) {
            Ok(mut cells)
                if !self.dialect.is_decoded || !cells.have(char::REPLACEMENT_CHARACTER) =>
            {
                cells.shorten(formula::undo);
                (Ok(cells), false)
            }
            Ok(cells) => self.read_each(cells.iter().map(str::as_bytes)),
            Err((text, places)) => self.read_each(places.iter().map(|place| &text[place.clone()])),
        }
    }

    /// Reads cells one by one, to report which of them is wrong.
    fn read_each<'c>(
        &self,
        cells: impl Iterator<Item = &'c [u8]>,
    ) -> (Result<Cells, String>, bool) {
        let mut is_mixed = false;
        let cells = cells.enumerate();
        let read = cells
            .map(|(place, cell)| read_cell(place, cell, self.dialect, &mut is_mixed))
            .collect();
        (read, is_mixed)
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let mut text = std::mem::take(&mut self.spare);
        text.clear();
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

    /// Skips the rest of a line that is too long, and returns how many bytes it skipped.
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

/// How many bytes of a line that is too long are kept.
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

/// The state of the cutter within a row.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Before the first character of a cell.
    Start,
    /// After blanks at the start of a cell.
    Lead,
    /// Inside a cell without quotes.
    Plain,
    /// Inside a quoted cell.
    Quoted,
    /// After a quote in a quoted cell: the end of the cell, or the first of two that mean one.
    Quote,
    /// After the closing quote and blanks.
    Blanks,
    /// After the row.
    End,
    /// After an error in the row.
    Broken(String),
}

/// Cuts a row into cells, line by line.
struct Cutter {
    dialect: Dialect,
    /// The cells one after the other.
    text: Vec<u8>,
    /// The places in the text of the cells that have ended.
    cells: Vec<Range<usize>>,
    /// Where the cell that is being read begins.
    begun: usize,
    place: Place,
    /// Whether a backslash in a quoted cell escapes the character after it.
    has_escapes: bool,
}

impl Cutter {
    fn new(dialect: Dialect, width: usize) -> Cutter {
        Cutter {
            dialect,
            text: Vec::new(),
            cells: Vec::with_capacity(width),
            begun: 0,
            place: Place::Start,
            has_escapes: false,
        }
    }

    /// Takes the next line of the row, with its line end if it has one. Then a quoted cell is open, or the row has
    /// ended or is broken.
    fn take(&mut self, line: &[u8]) {
        let content = line.strip_suffix(&[self.dialect.line_end]).unwrap_or(line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        if self.place == Place::Start && self.is_plain(content) {
            self.text.extend_from_slice(content);
            for (place, byte) in content.iter().enumerate() {
                if *byte == self.dialect.delimiter {
                    self.cells.push(self.begun..place);
                    self.begun = place + 1;
                }
            }
            self.cells.push(self.begun..content.len());
            self.place = Place::End;
            return;
        }
        let mut bytes = content.iter().copied();
        while let Some(byte) = bytes.next() {
            if self.has_escapes && self.place == Place::Quoted && byte == b'\\' {
                self.text.push(bytes.next().unwrap_or(b'\\'));
                continue;
            }
            self.place = self.step(byte);
            if let Place::Broken(_) = self.place {
                return;
            }
        }
        if self.place == Place::Quoted {
            self.text.extend_from_slice(&line[content.len()..]);
        } else {
            self.end_cell();
            self.place = Place::End;
        }
    }

    fn end_cell(&mut self) {
        self.cells.push(self.begun..self.text.len());
        self.begun = self.text.len();
    }

    /// Whether a line has no special characters except delimiters, as most lines.
    fn is_plain(&self, content: &[u8]) -> bool {
        let has_quote = |quote| content.contains(&quote);
        !self.dialect.quote.is_some_and(has_quote) && !content.contains(&b'\r')
    }

    fn step(&mut self, byte: u8) -> Place {
        let is_quote = self.dialect.quote == Some(byte);
        match self.place {
            Place::Quoted if is_quote => Place::Quote,
            Place::Quote if is_quote => {
                self.text.push(byte);
                Place::Quoted
            }
            Place::Quoted => {
                self.text.push(byte);
                Place::Quoted
            }
            _ if byte == self.dialect.delimiter => {
                self.end_cell();
                Place::Start
            }
            _ if byte == b'\r' => Place::Broken(BARE_RETURN.to_owned()),
            Place::Start if is_quote => Place::Quoted,
            // A quote after blanks opens a cell as well, and the blanks are not part of it.
            Place::Lead if is_quote => {
                self.text.truncate(self.begun);
                Place::Quoted
            }
            Place::Start | Place::Lead if byte == b' ' || byte == b'\t' => {
                self.text.push(byte);
                Place::Lead
            }
            Place::Quote | Place::Blanks if byte == b' ' || byte == b'\t' => Place::Blanks,
            Place::Quote | Place::Blanks => {
                Place::Broken(after_quote(self.dialect.quote.unwrap_or(b'"')))
            }
            _ => {
                self.text.push(byte);
                Place::Plain
            }
        }
    }
}

/// Decodes a cell, and sets `is_mixed` if it is in another encoding than the file.
fn read_cell(
    position: usize,
    cell: &[u8],
    dialect: Dialect,
    is_mixed: &mut bool,
) -> Result<String, String> {
    let text = match (String::from_utf8(cell.to_vec()), dialect.of_other_cells) {
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
            "expected text in the encoding of the file, found invalid bytes in cell {}: \"{shown}\"; name another encoding",
            position + 1
        ));
    }
    // The mark that our exports put before a formula is not part of the value.
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
mod tests;
