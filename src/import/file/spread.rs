//! Spreads columns with JSON objects into a column for each key: `{"city": "Vilnius"}` becomes a column `custom.city`.

use super::cells::Cells;
use super::row::Row;
use super::table::{RowSource, column_names, fit_width};
use crate::error::Error;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The most keys that the objects of a column may have.
const MAX_KEYS: usize = 1_000;

/// The prefix of a key in the name of its column, which is the name of a custom field as in exports.
const CUSTOM: &str = "custom.";

/// The keys of the objects in some columns.
pub struct Spreading {
    /// The number of columns in the file.
    width: usize,
    /// The place of each column, its name, and its keys in the order in which they first occur.
    columns: Vec<(usize, String, Vec<String>)>,
}

/// Collects the keys of the objects in these columns.
///
/// # Errors
/// [`Error::Invalid`] if a column does not exist or has too many keys; errors of the source.
pub fn collect_keys(
    rows: &mut dyn RowSource,
    wanted: &[String],
    has_header: bool,
) -> Result<Spreading, Error> {
    let first = rows
        .next()?
        .and_then(|row| row.cells.ok())
        .unwrap_or_default();
    let names = match has_header {
        true => column_names(&first),
        false => (1..=first.len())
            .map(|number| format!("column {number}"))
            .collect(),
    };
    let mut spreading = Spreading {
        width: names.len(),
        columns: Vec::new(),
    };
    for name in wanted {
        let Some(place) = names.iter().position(|known| known == name.trim()) else {
            let message =
                format!("an option names the column \"{name}\", but the file has no such column");
            return Err(Error::invalid("fieldsFrom", message));
        };
        spreading
            .columns
            .push((place, names[place].clone(), Vec::new()));
    }
    let mut known: Vec<HashMap<String, ()>> = vec![HashMap::new(); spreading.columns.len()];
    while let Some(row) = rows.next()? {
        let Ok(cells) = fit_width(&row, spreading.width) else {
            continue;
        };
        for ((place, name, keys), known) in spreading.columns.iter_mut().zip(&mut known) {
            for (key, _) in read_object(&cells[*place]).unwrap_or_default() {
                if key.trim().is_empty() || known.insert(key.clone(), ()).is_some() {
                    continue;
                }
                if keys.len() == MAX_KEYS {
                    let message = format!(
                        "expected objects with at most {MAX_KEYS} different keys in column \"{name}\", found more"
                    );
                    return Err(Error::invalid("fieldsFrom", message));
                }
                keys.push(key);
            }
        }
    }
    Ok(spreading)
}

fn read_object(cell: &str) -> Option<Map<String, Value>> {
    let text = cell.trim();
    if text.is_empty() {
        return Some(Map::new());
    }
    serde_json::from_str(text).ok()
}

/// The rows of a source, with its columns spread.
pub struct Spread<'s> {
    inner: &'s mut dyn RowSource,
    spreading: &'s Spreading,
    is_header: bool,
}

impl<'s> Spread<'s> {
    /// Spreads the columns of a source.
    pub fn new(
        inner: &'s mut dyn RowSource,
        spreading: &'s Spreading,
        has_header: bool,
    ) -> Spread<'s> {
        Spread {
            inner,
            spreading,
            is_header: has_header,
        }
    }

    fn spread(&self, row: Row) -> Row {
        let Ok(cells) = fit_width(&row, self.spreading.width) else {
            return row;
        };
        let mut spread = Cells::with_capacity(cells.len());
        let mut remark = row.remark.clone();
        for (place, cell) in cells.iter().enumerate() {
            let Some((_, name, keys)) = self.spreading.columns.iter().find(|(of, ..)| *of == place)
            else {
                spread.push(cell);
                continue;
            };
            if self.is_header {
                for key in keys {
                    spread.push(&format!("{CUSTOM}{key}"));
                }
                continue;
            }
            let mut object = read_object(cell).unwrap_or_else(|| {
                remark = Some(format!("expected a JSON object in column \"{name}\", found something else; it was left out"));
                Map::new()
            });
            for key in keys {
                match object.remove(key) {
                    None | Some(Value::Null) => spread.push(""),
                    Some(Value::String(text)) => spread.push(&text),
                    Some(other) => spread.push(&other.to_string()),
                }
            }
        }
        Row {
            cells: Ok(spread),
            remark,
            ..row
        }
    }
}

impl RowSource for Spread<'_> {
    fn next(&mut self) -> Result<Option<Row>, Error> {
        let Some(row) = self.inner.next()? else {
            return Ok(None);
        };
        let row = self.spread(row);
        self.is_header = false;
        Ok(Some(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    struct Listed(VecDeque<Row>);

    impl RowSource for Listed {
        fn next(&mut self) -> Result<Option<Row>, Error> {
            Ok(self.0.pop_front())
        }
    }

    fn source() -> Listed {
        let rows = [
            ["email", "attributes", "x"],
            [
                "a@example.com",
                "{\"city\": \"Vilnius\", \"tags\": [\"a\"]}",
                "1",
            ],
            ["b@example.com", "{\"age\": 42, \"city\": null}", "2"],
            ["c@example.com", "none", "3"],
            ["d@example.com", "", "4"],
        ];
        let rows = rows
            .iter()
            .zip(1..)
            .map(|(cells, line)| Row::of(line, Ok(cells.iter().collect())));
        Listed(rows.collect())
    }

    #[test]
    fn keys_become_columns() {
        let spreading =
            collect_keys(&mut source(), &["attributes".to_owned()], true).expect("keys");
        let mut listed = source();
        let mut rows = Spread::new(&mut listed, &spreading, true);
        let mut found = Vec::new();
        while let Some(row) = rows.next().expect("rows") {
            found.push((
                row.cells
                    .expect("cells")
                    .iter()
                    .collect::<Vec<_>>()
                    .join(";"),
                row.remark.is_some(),
            ));
        }
        let expected = [
            ("email;custom.city;custom.tags;custom.age;x", false),
            ("a@example.com;Vilnius;[\"a\"];;1", false),
            ("b@example.com;;;42;2", false),
            ("c@example.com;;;;3", true),
            ("d@example.com;;;;4", false),
        ];
        assert_eq!(
            found,
            expected.map(|(cells, remark)| (cells.to_owned(), remark))
        );
        assert!(collect_keys(&mut source(), &["other".to_owned()], true).is_err());
    }
}
