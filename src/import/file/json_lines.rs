//! Newline-delimited JSON: one object per line, whose keys are the columns.

use super::row::Row;
use super::rows::MAX_ROW;
use super::table::RowSource;
use super::unreadable::unreadable;
use crate::error::Error;
use crate::rule::find_lost_digits;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::io::{BufRead, Read};

/// The most keys that the objects of a file may have.
const MAX_KEYS: usize = 4_000;

/// Whether the first line of a file that is not empty is a JSON object.
pub fn is_json_lines(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let mut lines = start.split(|byte| *byte == b'\n');
    let first = lines.find(|line| !line.trim_ascii().is_empty());
    first.is_some_and(|line| {
        line.trim_ascii_start().starts_with(b"{")
            && serde_json::from_slice::<Map<String, Value>>(line).is_ok()
    })
}

/// Collects the keys of all objects, in the order in which they first occur.
///
/// # Errors
/// [`Error::Invalid`] if the file cannot be read or has too many keys.
pub fn collect_keys(source: impl BufRead) -> Result<Vec<String>, Error> {
    let mut lines = Lines::new(source);
    let mut keys: Vec<String> = Vec::new();
    let mut known = HashMap::new();
    while let Some((_, text)) = lines.next_line()? {
        // A line that is not an object is reported when its row is read.
        let Ok(object) = serde_json::from_slice::<Map<String, Value>>(&text) else {
            continue;
        };
        for (key, _) in object {
            if known.contains_key(&key) {
                continue;
            }
            if keys.len() == MAX_KEYS {
                return Err(Error::invalid(
                    "file",
                    format!("expected objects with at most {MAX_KEYS} different keys, found more"),
                ));
            }
            known.insert(key.clone(), keys.len());
            keys.push(key);
        }
    }
    Ok(keys)
}

/// The rows of a file: the keys first, then the values of each object.
pub struct JsonLines<R> {
    lines: Lines<R>,
    places: HashMap<String, usize>,
    header: Option<Vec<String>>,
}

impl<R: BufRead> JsonLines<R> {
    /// Reads a file whose objects have these keys.
    pub fn new(source: R, keys: Vec<String>) -> JsonLines<R> {
        let places = keys
            .iter()
            .enumerate()
            .map(|(place, key)| (key.clone(), place));
        JsonLines {
            lines: Lines::new(source),
            places: places.collect(),
            header: Some(keys),
        }
    }

    fn cells(&self, text: &[u8]) -> Result<Vec<String>, String> {
        let object: Map<String, Value> = serde_json::from_slice(text)
            .map_err(|error| format!("expected a JSON object, found something else: {error}"))?;
        if let Some((path, message)) = std::str::from_utf8(text)
            .ok()
            .and_then(|text| find_lost_digits(text, &[]))
        {
            return Err(format!("{path}: {message}"));
        }
        let mut cells = vec![String::new(); self.places.len()];
        for (key, value) in object {
            let Some(place) = self.places.get(&key) else {
                continue;
            };
            cells[*place] = match value {
                Value::Null => String::new(),
                Value::String(text) => text,
                other => other.to_string(),
            };
        }
        Ok(cells)
    }
}

impl<R: BufRead> RowSource for JsonLines<R> {
    fn next(&mut self) -> Result<Option<Row>, Error> {
        if let Some(header) = self.header.take() {
            return Ok(Some(Row::of(1, Ok(header.iter().collect()))));
        }
        let Some((line, text)) = self.lines.next_line()? else {
            return Ok(None);
        };
        let cells = match text.len() > MAX_ROW {
            true => Err(format!(
                "expected a row of at most {MAX_ROW} bytes, found more"
            )),
            false => self.cells(&text).map(|cells| cells.iter().collect()),
        };
        Ok(Some(Row::of(line, cells)))
    }
}

/// The lines of a file that are not empty, with their numbers.
struct Lines<R> {
    source: R,
    line: u64,
}

impl<R: BufRead> Lines<R> {
    fn new(source: R) -> Lines<R> {
        Lines { source, line: 0 }
    }

    /// Returns the next line. If it is too long to be a row, returns its beginning, one byte longer than a row may be.
    fn next_line(&mut self) -> Result<Option<(u64, Vec<u8>)>, Error> {
        loop {
            let mut text = Vec::new();
            let bound = MAX_ROW as u64 + 1;
            let read = Read::by_ref(&mut self.source)
                .take(bound)
                .read_until(b'\n', &mut text)
                .map_err(unreadable)?;
            if read == 0 {
                return Ok(None);
            }
            if read > MAX_ROW && !text.ends_with(b"\n") {
                self.source.skip_until(b'\n').map_err(unreadable)?;
            }
            self.line += 1;
            if self.line == 1 && text.starts_with(b"\xef\xbb\xbf") {
                text.drain(..3);
            }
            if !text.trim_ascii().is_empty() {
                return Ok(Some((self.line, text)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_become_rows() {
        let text = b"{\"email\":\"a@example.com\",\"age\":42}\n\n{\"tags\":[\"x\"],\"email\":\"b@example.com\",\"vip\":true,\"age\":null}\n[1]\n";
        assert!(is_json_lines(text));
        let keys = collect_keys(&text[..]).expect("keys");
        assert_eq!(keys, ["email", "age", "tags", "vip"]);
        let mut rows = JsonLines::new(&text[..], keys);
        let mut next = || rows.next().expect("memory can be read");
        let cells = |row: Option<Row>| row.map(|row| (row.line, row.cells)).expect("a row");
        let row = |cells: [&str; 4]| Ok(cells.into_iter().collect());
        assert_eq!(cells(next()), (1, row(["email", "age", "tags", "vip"])));
        assert_eq!(cells(next()), (1, row(["a@example.com", "42", "", ""])));
        assert_eq!(
            cells(next()),
            (3, row(["b@example.com", "", "[\"x\"]", "true"]))
        );
        let (line, refused) = cells(next());
        assert!(line == 4 && refused.is_err_and(|message| message.contains("JSON object")));
        assert_eq!(next(), None);
    }

    #[test]
    fn other_files_are_none() {
        for other in [
            &b"email,name\n"[..],
            b"[{\"email\":1}]",
            b"{\n\"a\":1}",
            b"",
        ] {
            assert!(!is_json_lines(other));
        }
    }
}
