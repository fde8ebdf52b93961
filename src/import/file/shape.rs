//! Detects the shape of a table of text from its beginning: the delimiter of cells, and the header.

use super::cells::Cells;
use super::row::Row;
use super::rows::{Dialect, Rows};
use super::table::{Peeked, RowSource, is_blank};
use crate::error::Error;
use crate::import::value::cell::CellOutcome;
use crate::import::value::read_email;
use std::collections::HashMap;

/// The delimiters that can be detected, the likelier first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How many rows are examined to find the delimiter.
const LOOKED_AT: usize = 50;

/// Among how many of the first rows the header can be found.
const MAX_BEFORE_HEADER: usize = 20;

/// Reads the line `sep=;`, which Excel understands. Returns the delimiter, or `None` if the text begins with another
/// line.
pub fn read_separator(text: &str) -> Option<u8> {
    let line = text.split(['\n', '\r']).next()?.trim_matches('"');
    let begin = line.get(..4)?;
    let rest = begin
        .eq_ignore_ascii_case("sep=")
        .then(|| line[4..].trim_end_matches([',', ';']))?;
    match rest.as_bytes() {
        [delimiter] => Some(*delimiter),
        b"\\t" => Some(b'\t'),
        // The delimiter is a comma or semicolon, which was trimmed above.
        [] => line.as_bytes().get(4).copied(),
        _ => None,
    }
}

/// Returns the last byte of line ends: CR in files of old Macs, LF in others.
pub fn find_line_end(text: &str) -> u8 {
    if !text.contains('\n') && text.contains('\r') {
        b'\r'
    } else {
        b'\n'
    }
}

/// Guesses the delimiter: the one that cuts the most of the first rows into the same number of cells, and of equals the
/// one with the most cells.
pub fn guess_delimiter(text: &str, dialect: Dialect) -> u8 {
    let measure = |delimiter: u8| {
        let dialect = Dialect {
            delimiter,
            ..dialect
        };
        let mut counts: HashMap<usize, usize> = HashMap::new();
        let rows = first_rows(text, dialect, LOOKED_AT);
        for row in &rows {
            if let Ok(cells) = &row.cells {
                *counts.entry(cells.len()).or_default() += 1;
            }
        }
        let most = counts
            .into_iter()
            .filter(|(width, _)| *width > 1)
            .max_by_key(|(width, count)| (*count, *width));
        most.map_or((0, 0), |(width, count)| (count, width))
    };
    let mut best = (b',', (0, 0));
    for delimiter in DELIMITERS {
        let measured = measure(delimiter);
        if measured > best.1 {
            best = (delimiter, measured);
        }
    }
    best.0
}

fn first_rows(text: &str, dialect: Dialect, count: usize) -> Vec<Row> {
    let mut rows = Rows::new(text.as_bytes(), dialect);
    let mut found = Vec::new();
    while found.len() < count
        && let Ok(Some(row)) = rows.next_row()
    {
        found.push(row);
    }
    found
}

/// The place of the header of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Whether there is a header.
    pub exists: bool,
    /// How many lines are before it, or before the first row if there is no header.
    pub skipped_lines: u64,
}

/// Finds the header among the first rows: the first row that names a column of addresses, or the first row that is
/// about as wide as the table. Rows that hold an address are not headers.
pub fn find_header(text: &str, dialect: Dialect, names_address: impl Fn(&str) -> bool) -> Header {
    find_header_in(&first_rows(text, dialect, MAX_BEFORE_HEADER), names_address)
}

/// Reads the first rows of a sheet, and drops those before its header.
///
/// # Errors
/// Errors of the source.
pub fn skip_titles<'r>(
    rows: &'r mut dyn RowSource,
    skip_lines: Option<u64>,
    names_address: impl Fn(&str) -> bool,
) -> Result<(Peeked<'r>, Header), Error> {
    let mut first = Vec::new();
    let before = skip_lines.unwrap_or_default();
    while first.len() < MAX_BEFORE_HEADER
        && let Some(row) = rows.next()?
    {
        if row.line > before {
            first.push(row);
        }
    }
    let mut header = find_header_in(&first, names_address);
    if skip_lines.is_some() {
        let holds_address = first.first().is_some_and(|row| {
            row.cells
                .as_ref()
                .is_ok_and(|cells| cells.iter().any(is_address))
        });
        header.exists = !holds_address;
        header.skipped_lines = before;
    }
    first.retain(|row| row.line > header.skipped_lines);
    let rows = Peeked {
        first: first.into_iter(),
        rest: rows,
    };
    Ok((rows, header))
}

fn find_header_in(rows: &[Row], names_address: impl Fn(&str) -> bool) -> Header {
    let cells = |row: &Row| row.cells.clone().unwrap_or_default();
    let holds_address = |row: &Row| cells(row).iter().any(is_address);
    let width = |row: &Row| cells(row).iter().filter(|cell| !is_blank(cell)).count();
    let at = |place: usize, exists: bool| Header {
        exists,
        skipped_lines: if place == 0 { 0 } else { rows[place].line - 1 },
    };
    let first_address = rows.iter().position(holds_address);
    let before = &rows[..first_address.unwrap_or(rows.len())];
    let names = |row: &Row| cells(row).iter().any(&names_address);
    if let Some(place) = before
        .iter()
        .position(|row| names(row) && !is_sentence(&cells(row)))
    {
        return at(place, true);
    }
    let widest = rows.iter().map(width).max().unwrap_or(0);
    match first_address {
        Some(0) => at(0, false),
        // Titles are narrower than the table whose first row holds an address.
        Some(place) if width(&rows[place]) > 1 && before.iter().all(|row| width(row) == 1) => {
            at(place, false)
        }
        _ if before.first().is_some_and(|row| width(row) <= 1) && widest > 2 => {
            let place = before.iter().position(|row| width(row) * 4 >= widest * 3);
            at(place.unwrap_or(0), true)
        }
        _ => at(0, true),
    }
}

/// Whether a row is a note rather than a header: one cell of several words.
fn is_sentence(cells: &Cells) -> bool {
    let mut used = cells.iter().filter(|cell| !is_blank(cell));
    let first = used.next();
    used.next().is_none() && first.is_some_and(|cell| cell.split_whitespace().count() > 4)
}

/// Whether a cell holds an address.
pub fn is_address(cell: &str) -> bool {
    cell.contains('@')
        && matches!(
            read_email(cell),
            CellOutcome::Value(_) | CellOutcome::Remark(..)
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect(delimiter: u8) -> Dialect {
        Dialect {
            delimiter,
            ..Dialect::default()
        }
    }

    #[test]
    fn delimiters_are_found() {
        for (text, delimiter) in [
            (
                "email;first_name;note\na@example.com;Ona;\"a, b, c, d\"\nb@example.com;Jo;x, y\n",
                b';',
            ),
            ("email|first_name\na@example.com|Ona\n", b'|'),
            ("email\tname\na@example.com\tOna, Petraite\n", b'\t'),
            ("email\na@example.com\n", b','),
            (
                "Report of members\n\nemail,name,city\na@example.com,Ona,Vilnius\nb@example.com,Jo,Riga\n",
                b',',
            ),
            (
                "email,first_name,city\na@example.com,Ona\nb@example.com,Jo,Kaunas,extra\nc@example.com,Al,Riga,\n",
                b',',
            ),
        ] {
            assert_eq!(
                guess_delimiter(text, Dialect::default()),
                delimiter,
                "{text}"
            );
        }
        for (line, separator) in [
            ("sep=;\r\nemail;x", Some(b';')),
            ("SEP=,\n", Some(b',')),
            ("\"sep=;\"\n", Some(b';')),
            ("sep=\t\n", Some(b'\t')),
            ("sep=\\t\n", Some(b'\t')),
            ("email,x", None),
            ("separate\n", None),
        ] {
            assert_eq!(read_separator(line), separator, "{line}");
        }
    }

    #[test]
    fn headers_are_found() {
        let find = |text: &str| {
            let header = find_header(text, dialect(b','), |cell| {
                cell.to_lowercase().contains("email")
            });
            (header.exists, header.skipped_lines)
        };
        for (text, header) in [
            ("email,name\na@example.com,Ona\n", (true, 0)),
            ("a@example.com\nb@example.com\n", (false, 0)),
            ("Ona <a@example.com>\nb@example.com\n", (false, 0)),
            ("Ona,Petraite,a@example.com,2023-05-06\n", (false, 0)),
            (
                "Notes:\n\"When exporting, note that email addresses are missing.\"\n\nFirst Name,Email Address\nOna,a@example.com\n",
                (true, 3),
            ),
            (
                "Members of the club\nas of 2026-11-28\nEmail,Name\na@example.com,Ona\n",
                (true, 2),
            ),
            (
                "Members of the club\nwho,what,when\nx,a@example.com,y\n",
                (true, 1),
            ),
            ("Members\nOna,a@example.com\n", (false, 1)),
            ("who,what\n1,2\n", (true, 0)),
            ("", (true, 0)),
        ] {
            assert_eq!(find(text), header, "{text}");
        }
    }
}
