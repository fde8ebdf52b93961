//! The refused rows of an import, as CSV with the delimiter and the quote of the file, to be corrected and imported
//! again.

use super::job::Import;
use super::plan::decide::REFUSED_BECAUSE;
use super::report::ProblemKind;
use crate::db::schema::import_problems;
use crate::error::Error;
use diesel::prelude::*;
use serde_json::Value;
use std::io::Write;

/// How many rows are read at a time.
const READ_AT_A_TIME: i64 = 1_000;

/// Returns the next refused rows after the one with the id `after` as lines of CSV, and the id of the last of them.
/// Returns `None` if there are no more. The header of the file comes before the first row, with an additional first
/// column for the reason.
pub fn refused_csv(
    connection: &mut PgConnection,
    import: &Import,
    after: Option<i64>,
) -> Result<Option<(String, i64)>, Error> {
    let kinds = ProblemKind::ALL
        .into_iter()
        .filter(|kind| kind.is_refusal());
    let names: Vec<&str> = kinds.map(ProblemKind::as_str).collect();
    let rows: Vec<(i64, i64, String, Option<Value>)> = import_problems::table
        .filter(import_problems::import_id.eq(import.id))
        .filter(import_problems::kind.eq_any(names))
        .filter(import_problems::id.gt(after.unwrap_or_default()))
        .order(import_problems::id)
        .limit(READ_AT_A_TIME)
        .select((
            import_problems::id,
            import_problems::line,
            import_problems::reason,
            import_problems::cells,
        ))
        .load(connection)?;
    let form = import.form();
    let dialect = Dialect {
        delimiter: form
            .as_ref()
            .map_or(',', |file| char::from(file.form.delimiter)),
        quote: form
            .as_ref()
            .and_then(|file| file.form.quote)
            .map_or('"', char::from),
    };
    let mut text = String::new();
    if after.is_none() {
        let columns = form.map(|file| file.columns).unwrap_or_default();
        let names = columns.iter().map(|column| column.column.as_str());
        // A file that was corrected once has the column already.
        let names = names
            .enumerate()
            .filter(|(place, name)| *place > 0 || *name != REFUSED_BECAUSE);
        dialect.write(
            &mut text,
            std::iter::once(REFUSED_BECAUSE).chain(names.map(|(_, name)| name)),
        );
    }
    let is_corrected = import.form().is_some_and(|file| {
        let first = file.columns.first();
        first.is_some_and(|column| column.column == REFUSED_BECAUSE)
    });
    for (_, line, reason, cells) in &rows {
        let why = format!("line {line}: {reason}");
        let cells = cells
            .as_ref()
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let cells = cells
            .iter()
            .skip(usize::from(is_corrected))
            .filter_map(Value::as_str);
        dialect.write(&mut text, std::iter::once(why.as_str()).chain(cells));
    }
    match rows.last() {
        Some((last, ..)) => Ok(Some((text, *last))),
        None if after.is_none() => Ok(Some((text, 0))),
        None => Ok(None),
    }
}

/// Writes all refused rows of an import.
///
/// # Errors
/// [`Error::Invalid`] if `output` cannot be written.
pub fn write_refused(
    connection: &mut PgConnection,
    import: &Import,
    output: &mut impl Write,
) -> Result<(), Error> {
    let mut after = None;
    while let Some((text, last)) = refused_csv(connection, import, after)? {
        output.write_all(text.as_bytes()).map_err(|error| {
            Error::invalid(
                "output",
                format!("the refused rows cannot be written: {error}"),
            )
        })?;
        after = Some(last);
    }
    Ok(())
}

struct Dialect {
    delimiter: char,
    quote: char,
}

impl Dialect {
    /// Writes a row. Its cells stay as they are in the file: formulas are not escaped.
    fn write<'c>(&self, text: &mut String, cells: impl Iterator<Item = &'c str>) {
        for (place, cell) in cells.enumerate() {
            if place > 0 {
                text.push(self.delimiter);
            }
            let is_plain =
                !cell.contains([self.delimiter, self.quote, '\n', '\r']) && cell.trim() == cell;
            if is_plain {
                text.push_str(cell);
                continue;
            }
            text.push(self.quote);
            for character in cell.chars() {
                if character == self.quote {
                    text.push(self.quote);
                }
                text.push(character);
            }
            text.push(self.quote);
        }
        text.push_str("\r\n");
    }
}
