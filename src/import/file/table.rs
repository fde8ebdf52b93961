//! Rows of a file of any format: the names of columns, and the width of rows.

use super::cells::Cells;
use super::row::Row;
use crate::error::Error;
use crate::text::normalize;
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

/// A source of rows.
pub trait RowSource {
    /// Returns the next row, or `None` after the last.
    ///
    /// # Errors
    /// Errors of the source.
    fn next(&mut self) -> Result<Option<Row>, Error>;
}

/// Rows that were read ahead, and the rest of their source.
pub struct Peeked<'r> {
    /// The first rows.
    pub first: std::vec::IntoIter<Row>,
    /// The rest.
    pub rest: &'r mut dyn RowSource,
}

impl RowSource for Peeked<'_> {
    fn next(&mut self) -> Result<Option<Row>, Error> {
        match self.first.next() {
            Some(row) => Ok(Some(row)),
            None => self.rest.next(),
        }
    }
}

/// Returns the names of columns. Invisible characters are removed, and blanks are reduced to single spaces. Columns
/// without a name and repeated names get a number.
pub fn column_names(cells: &Cells) -> Vec<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut names = Vec::with_capacity(cells.len());
    for (place, cell) in cells.iter().enumerate() {
        let visible = normalize(cell).replace('\0', "");
        let name = visible.split_whitespace().collect::<Vec<&str>>().join(" ");
        let name = match name.is_empty() {
            true => format!("column {}", place + 1),
            false => name,
        };
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        names.push(match *count {
            1 => name,
            count => format!("{name} ({count})"),
        });
    }
    names
}

/// Returns the cells of a row, as many as its header has. Missing cells at the end become empty, because spreadsheets
/// leave them out; blank cells beyond the width are dropped.
///
/// # Errors
/// A message if the row cannot be read, or has cells beyond the width that are not blank.
pub fn fit_width(row: &Row, width: usize) -> Result<Cow<'_, Cells>, String> {
    let cells = row.cells.as_ref().map_err(String::clone)?;
    if cells.len() == width {
        return Ok(Cow::Borrowed(cells));
    }
    let used = cells
        .iter()
        .rposition(|cell| !is_blank(cell))
        .map_or(0, |place| place + 1);
    if used > width {
        return Err(format!("expected {width} cells, found {used}"));
    }
    let missing = std::iter::repeat_n("", width - used);
    Ok(Cow::Owned(cells.iter().take(used).chain(missing).collect()))
}

/// The first columns of the files that Rollcall exports: of subscribers, and of events. For subscribers they are the
/// columns of the first release; newer columns come after them.
const OWN_SUBSCRIBERS: [&str; 15] = [
    "email",
    "status",
    "first_name",
    "last_name",
    "phone",
    "country",
    "region",
    "city",
    "postal_code",
    "latitude",
    "longitude",
    "language",
    "timezone",
    "birthday",
    "source",
];
const OWN_EVENTS: [&str; 6] = [
    "email",
    "event",
    "occurred_at",
    "value",
    "dedupe_key",
    "properties",
];

/// Whether Rollcall exported the file. In such a file every text is taken literally.
pub fn is_own_export(names: &[String]) -> bool {
    let begins = |columns: &[&str]| {
        names.len() >= columns.len()
            && names
                .iter()
                .zip(columns)
                .all(|(name, column)| name == column)
    };
    begins(&OWN_SUBSCRIBERS) || begins(&OWN_EVENTS)
}

/// Whether a cell has no visible characters.
pub fn is_blank(cell: &str) -> bool {
    // U+001A marked the end of a file in old systems.
    cell.chars().all(|character| {
        character.is_whitespace() || "\0\u{feff}\u{200b}\u{1a}".contains(character)
    })
}

/// The most lines at the end of a file that are taken for a footer.
const MAX_FOOTER: usize = 5;

/// Marks the footer at the end of a file: rows with a single cell, such as "Total: 2" or "Page 1 of 1".
pub struct WithFooter<'s> {
    inner: &'s mut dyn RowSource,
    /// Rows that are a footer unless another row follows, and the row that follows.
    held: VecDeque<Row>,
    /// How many rows have been read.
    read: u64,
    /// How many cells the first row has.
    width: usize,
    is_ended: bool,
}

impl<'s> WithFooter<'s> {
    /// Reads from a source.
    pub fn new(inner: &'s mut dyn RowSource) -> WithFooter<'s> {
        WithFooter {
            inner,
            held: VecDeque::new(),
            read: 0,
            width: 0,
            is_ended: false,
        }
    }
}

impl RowSource for WithFooter<'_> {
    fn next(&mut self) -> Result<Option<Row>, Error> {
        if let Some(row) = self.held.pop_front() {
            return Ok(Some(row));
        }
        if self.is_ended {
            return Ok(None);
        }
        loop {
            match self.inner.next()? {
                Some(row)
                    if self.read >= 2
                        && self.width > 1
                        && looks_like_footer(&row)
                        && self.held.len() < MAX_FOOTER =>
                {
                    self.held.push_back(row);
                }
                Some(row) => {
                    if self.read == 0 {
                        self.width = row.cells.as_ref().map_or(0, Cells::len);
                    }
                    self.read += 1;
                    self.held.push_back(row);
                    break;
                }
                None => {
                    self.is_ended = true;
                    for row in &mut self.held {
                        row.is_footer = true;
                    }
                    break;
                }
            }
        }
        Ok(self.held.pop_front())
    }
}

fn looks_like_footer(row: &Row) -> bool {
    let Ok(cells) = &row.cells else {
        return false;
    };
    let mut used = cells.iter().filter(|cell| !is_blank(cell));
    let first = used.next();
    used.next().is_none() && first.is_some_and(|cell| !cell.contains('@') && !is_word(cell))
}

/// Whether a cell is one word of letters: it may be the name in a row without an address.
fn is_word(cell: &str) -> bool {
    cell.trim().chars().all(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Listed(VecDeque<Row>);

    impl RowSource for Listed {
        fn next(&mut self) -> Result<Option<Row>, Error> {
            Ok(self.0.pop_front())
        }
    }

    fn cells(cells: &[&str]) -> Cells {
        cells.iter().collect()
    }

    #[test]
    fn columns_have_names_of_their_own() {
        let header = cells(&[
            " Email ",
            "name",
            "name",
            "",
            "First \u{a0} Name",
            "\u{feff}Last Name",
            "",
        ]);
        assert_eq!(
            column_names(&header),
            [
                "Email",
                "name",
                "name (2)",
                "column 4",
                "First Name",
                "Last Name",
                "column 7"
            ]
        );
    }

    #[test]
    fn ragged_rows_fit() {
        let fit = |row: &[&str]| fit_width(&Row::of(1, Ok(cells(row))), 3).map(Cow::into_owned);
        assert_eq!(fit(&["a"]), Ok(cells(&["a", "", ""])));
        assert_eq!(fit(&["a", "b", "c", "", " "]), Ok(cells(&["a", "b", "c"])));
        assert_eq!(
            fit(&["a", "b", "c", "d"]),
            Err("expected 3 cells, found 4".to_owned())
        );
    }

    #[test]
    fn only_the_last_rows_are_a_footer() {
        let rows = [
            &["email", "name"][..],
            &["a@example.com", "Ona"],
            &["lost", ""],
            &["b@example.com", ""],
            &["Total: 2"],
            &["", "Page 1 of 1"],
        ];
        let rows = rows
            .iter()
            .zip(1..)
            .map(|(row, line)| Row::of(line, Ok(cells(row))));
        let mut listed = Listed(rows.collect());
        let mut rows = WithFooter::new(&mut listed);
        let mut footers = Vec::new();
        while let Some(row) = rows.next().expect("rows") {
            footers.push(row.is_footer);
        }
        assert_eq!(footers, [false, false, false, false, true, true]);
    }
}
