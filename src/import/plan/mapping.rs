//! The columns of a file, and the custom fields that are created for them.

use super::column::ColumnPlan;
use super::target::Target;
use crate::audience::catalogue::load_catalogue;
use crate::audience::custom_field;
use crate::error::{Error, InputCode, InputProblem};
use chrono::{DateTime, Utc};
use diesel::PgConnection;
use std::collections::HashSet;

/// How much of a line without the right columns is shown, in characters.
const MAX_SHOWN: usize = 100;

/// How much of the name of a column becomes the label of a field, in characters.
const MAX_LABEL: usize = 200;

/// The columns of a file.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// Their names.
    pub names: &'a [String],
    /// The delimiter of cells.
    pub delimiter: u8,
}

/// Creates the custom fields that columns go to and that do not exist, and returns their ids.
pub fn make_fields(
    connection: &mut PgConnection,
    names: &[String],
    columns: &[ColumnPlan],
    now: DateTime<Utc>,
) -> Result<Vec<i64>, Error> {
    let catalogue = load_catalogue(connection)?;
    let mut known: HashSet<String> = catalogue.custom_fields.keys().cloned().collect();
    let mut made = Vec::new();
    for (name, column) in names.iter().zip(columns) {
        if let Target::Custom(key, custom_type) = &column.target
            && known.insert(key.clone())
        {
            let label = name.strip_prefix("custom.").unwrap_or(name);
            let label: String = label.chars().take(MAX_LABEL).collect();
            made.push(custom_field::create(connection, key, &label, *custom_type, now)?.id);
        }
    }
    Ok(made)
}

/// Returns the problem of a file whose first line lacks a column. Often the line is not a header, or another character
/// separates its cells.
pub fn missing_column(needed: &str, header: &[String], delimiter: u8) -> InputProblem {
    let line = header.join(&char::from(delimiter).to_string());
    let shown: String = line.chars().take(MAX_SHOWN).collect();
    let more = if shown.len() < line.len() { "..." } else { "" };
    let message =
        format!("expected a header line with a column \"{needed}\", found \"{shown}{more}\"");
    let other = [(';', ";"), ('\t', "tab"), (',', ","), ('|', "|")]
        .into_iter()
        .find(|(character, _)| header.len() == 1 && line.contains(*character));
    let hint = other.map(|(_, name)| {
        format!("are its cells separated by \"{name}\"? then give that as the delimiter")
    });
    InputProblem::new(InputCode::Missing, "header", message).with_hint(hint)
}
