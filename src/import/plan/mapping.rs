//! Which column of a file goes where.

use super::options::SubscriberImport;
use super::suggest::{by_name, suggest};
use crate::audience::catalogue::load_catalogue;
use crate::audience::custom_field;
use crate::error::{Error, InputCode, InputProblem, TOLD};
use crate::import::value::numbers::NumberReader;
use crate::rule::{Catalogue, CustomType, nearest};
use chrono::{DateTime, Utc};
use diesel::PgConnection;

/// The columns that go to built-in fields. Case, blanks, `-` and `_` in a header do not matter.
pub const BUILTIN_COLUMNS: [&str; 16] = [
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
    "created_at",
];

/// How much of a line without the right columns is shown, in characters.
const MAX_SHOWN: usize = 100;

/// Where the cells of a column go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A built-in field, by its place in [`BUILTIN_COLUMNS`].
    Builtin(&'static str),
    /// A custom field.
    Custom(String, CustomType),
    /// Nowhere.
    Nowhere,
}

/// The columns of a file, as its header and first rows have them.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// Their names.
    pub names: &'a [String],
    /// The cells of the first rows.
    pub sample: &'a [Vec<String>],
    /// What stands between cells.
    pub delimiter: u8,
    /// How numbers are written.
    pub numbers: NumberReader,
}

impl Columns<'_> {
    /// The cells of a column that are not empty, in the first rows.
    pub fn values(&self, position: usize) -> impl Iterator<Item = &str> {
        let cells = self.sample.iter().filter_map(move |row| row.get(position));
        cells
            .map(|cell| cell.trim())
            .filter(|cell| !cell.is_empty())
    }
}

/// Maps the columns of a file of subscribers.
///
/// # Errors
/// [`Error::Invalid`] with every column that cannot be mapped.
pub fn map_subscriber_columns(
    connection: &mut PgConnection,
    columns: Columns<'_>,
    options: &SubscriberImport,
) -> Result<Vec<Target>, Error> {
    let catalogue = load_catalogue(connection)?;
    let mapping = Mapping {
        catalogue: &catalogue,
        options,
        columns,
    };
    let mut problems = Vec::new();
    let mut targets = Vec::with_capacity(columns.names.len());
    for (position, column) in columns.names.iter().enumerate() {
        let column = column.trim();
        // Hints are looked for as long as they are told, since that takes longer than finding the problem.
        let is_told = problems.len() < TOLD;
        match mapping.map(position, column, is_told) {
            Ok(target) if target != Target::Nowhere && targets.contains(&target) => {
                let message = format!("expected each column once, found \"{column}\" again");
                problems.push(InputProblem::new(InputCode::Invalid, "header", message));
            }
            Ok(target) => targets.push(target),
            Err(problem) => problems.push(problem),
        }
    }
    let missing = || missing_column("email", columns.names, columns.delimiter);
    let is_header = columns.names.iter().any(|name| by_name(name).is_some());
    if targets.iter().all(|target| *target == Target::Nowhere) && !is_header {
        return Err(Error::Invalid(vec![missing()]));
    }
    if !targets.contains(&Target::Builtin("email")) {
        problems.push(missing());
    }
    let said = options.fields.iter().map(|(column, _)| (column, "--field"));
    let said = said.chain(
        options
            .columns
            .iter()
            .map(|(column, _)| (column, "--column")),
    );
    for (column, by) in said.filter(|(column, _)| {
        !columns
            .names
            .iter()
            .any(|found| found.trim() == column.trim())
    }) {
        let message = format!("expected a column \"{column}\", as {by} says, found none");
        let hint = nearest(column, columns.names.iter().map(String::as_str));
        problems.push(InputProblem::new(InputCode::Missing, "header", message).with_hint(hint));
    }
    if problems.is_empty() {
        Ok(targets)
    } else {
        Err(Error::Invalid(problems))
    }
}

/// Makes the custom fields that columns go to and that do not exist; returns their ids.
///
/// # Errors
/// Those of the database.
pub fn make_fields(
    connection: &mut PgConnection,
    targets: &[Target],
    now: DateTime<Utc>,
) -> Result<Vec<i64>, Error> {
    let catalogue = load_catalogue(connection)?;
    let mut made = Vec::new();
    for target in targets {
        if let Target::Custom(key, custom_type) = target
            && !catalogue.custom_fields.contains_key(key)
        {
            made.push(custom_field::create(connection, key, key, *custom_type, now)?.id);
        }
    }
    Ok(made)
}

/// The problem of a file whose first line lacks a column: often the line is no header at all, or another character
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
        format!("are its cells separated by \"{name}\"? add --delimiter \"{name}\"")
    });
    InputProblem::new(InputCode::Missing, "header", message).with_hint(hint)
}

/// What columns are mapped by.
struct Mapping<'a> {
    catalogue: &'a Catalogue,
    options: &'a SubscriberImport,
    columns: Columns<'a>,
}

impl Mapping<'_> {
    fn map(&self, position: usize, column: &str, is_told: bool) -> Result<Target, InputProblem> {
        let is = |(name, _): &&(String, String)| name.trim() == column;
        if let Some((_, target)) = self.options.columns.iter().find(is) {
            return self.map_as_said(column, target.trim());
        }
        let ignored = &self.options.ignore;
        if ignored.iter().any(|ignored| ignored.trim() == column) {
            return Ok(Target::Nowhere);
        }
        // As exports name custom fields, whose keys may be those of built-in ones.
        let custom = column.strip_prefix("custom.");
        if let (Some(builtin), None) = (builtin(column), custom) {
            return Ok(Target::Builtin(builtin));
        }
        self.map_custom(position, column, is_told)
    }

    fn map_as_said(&self, column: &str, target: &str) -> Result<Target, InputProblem> {
        let custom = target.strip_prefix("custom.");
        if let (Some(builtin), None) = (builtin(target), custom) {
            return Ok(Target::Builtin(builtin));
        }
        let key = custom.unwrap_or(target);
        let existing = self.catalogue.custom_fields.get(key);
        match existing.copied().or(self.wanted(column)) {
            Some(custom_type) => Ok(Target::Custom(key.to_owned(), custom_type)),
            None => {
                let message = format!(
                    "expected column \"{column}\" to go to a built-in field or a custom field, as --column says, found no \"{target}\""
                );
                Err(InputProblem::new(InputCode::NotFound, "header", message)
                    .with_hint(nearest(key, self.known())))
            }
        }
    }

    fn map_custom(
        &self,
        position: usize,
        column: &str,
        is_told: bool,
    ) -> Result<Target, InputProblem> {
        let key = custom_field::suggest_key(column.strip_prefix("custom.").unwrap_or(column));
        match (self.catalogue.custom_fields.get(&key), self.wanted(column)) {
            (Some(existing), Some(asked)) if *existing != asked => Err(InputProblem::new(
                InputCode::Invalid,
                "header",
                format!(
                    "expected column \"{column}\" to be of type {}, as --field says, found that custom field \"{key}\" is of type {}",
                    asked.as_str(),
                    existing.as_str()
                ),
            )),
            (Some(existing), _) => Ok(Target::Custom(key, *existing)),
            (None, Some(asked)) if !key.is_empty() => Ok(Target::Custom(key, asked)),
            (None, _) => {
                let message = format!(
                    "expected a built-in column or the key of a custom field, found \"{column}\""
                );
                let hint = is_told.then(|| {
                    let values = self.columns.values(position);
                    let suggested = suggest(column, values, self.columns.numbers);
                    suggested.hint(column, nearest(column, self.known()))
                });
                Err(InputProblem::new(InputCode::NotFound, "header", message).with_hint(hint))
            }
        }
    }

    /// The type of the custom field that is to be made of a column.
    fn wanted(&self, column: &str) -> Option<CustomType> {
        let mut fields = self.options.fields.iter();
        let field = fields.find(|(name, _)| name.trim() == column);
        field.map(|(_, custom_type)| *custom_type)
    }

    fn known(&self) -> impl Iterator<Item = &str> {
        let custom = self.catalogue.custom_fields.keys().map(String::as_str);
        BUILTIN_COLUMNS.into_iter().chain(custom)
    }
}

/// The built-in field of that name, in any spelling.
pub fn builtin(name: &str) -> Option<&'static str> {
    let known = BUILTIN_COLUMNS.into_iter();
    let folded = fold(name);
    known.into_iter().find(|known| fold(known) == folded)
}

/// Makes `First name`, `first_name` and `firstName` equal, and `E-mail` and `email`.
pub(super) fn fold(column: &str) -> String {
    column
        .chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
