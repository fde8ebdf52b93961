//! Which column of a file goes where.

use crate::audience::catalogue::load_catalogue;
use crate::audience::custom_field;
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::{Catalogue, CustomType, nearest};
use chrono::{DateTime, Utc};
use diesel::PgConnection;
use std::collections::BTreeMap;

/// How a file of subscribers is imported.
#[derive(Debug, Clone)]
pub struct SubscriberImport {
    /// The key of the group that every subscriber of the file is added to.
    pub group: Option<String>,
    /// Whether the group is made if it does not exist.
    pub create_group: bool,
    /// Custom fields to make if they do not exist: the column and its type.
    pub fields: Vec<(String, CustomType)>,
    /// Columns to leave out.
    pub ignore: Vec<String>,
    /// What separates the cells.
    pub delimiter: u8,
}

impl Default for SubscriberImport {
    fn default() -> Self {
        SubscriberImport {
            group: None,
            create_group: false,
            fields: Vec::new(),
            ignore: Vec::new(),
            delimiter: b',',
        }
    }
}

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

/// Maps the header of a file of subscribers, making custom fields where told to.
///
/// # Errors
/// [`Error::Invalid`] with every column that cannot be mapped.
pub fn map_subscriber_columns(
    connection: &mut PgConnection,
    header: &[String],
    options: &SubscriberImport,
    now: DateTime<Utc>,
) -> Result<Vec<Target>, Error> {
    let catalogue = load_catalogue(connection)?;
    let wanted: BTreeMap<String, CustomType> = options
        .fields
        .iter()
        .map(|(column, custom_type)| (column.trim().to_owned(), *custom_type))
        .collect();
    let mut problems = Vec::new();
    let mut targets = Vec::with_capacity(header.len());
    for column in header.iter().map(|column| column.trim()) {
        match map_column(column, &catalogue, &wanted, options) {
            Ok(target) if target != Target::Nowhere && targets.contains(&target) => {
                let message = format!("expected each column once, found \"{column}\" again");
                problems.push(InputProblem::new(InputCode::Invalid, "header", message));
            }
            Ok(target) => targets.push(target),
            Err(problem) => problems.push(problem),
        }
    }
    if targets.iter().all(|target| *target == Target::Nowhere) {
        let missing = missing_column("email", header, options.delimiter);
        return Err(Error::Invalid(vec![missing]));
    }
    if !targets.contains(&Target::Builtin("email")) {
        problems.push(missing_column("email", header, options.delimiter));
    }
    for column in wanted
        .keys()
        .filter(|column| !header.iter().any(|found| found.trim() == **column))
    {
        let message = format!("expected a column \"{column}\", as --field says, found none");
        let hint = nearest(column, header.iter().map(String::as_str));
        problems.push(InputProblem::new(InputCode::Missing, "header", message).with_hint(hint));
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    for target in &targets {
        if let Target::Custom(key, custom_type) = target
            && !catalogue.custom_fields.contains_key(key)
        {
            custom_field::create(connection, key, key, *custom_type, now)?;
        }
    }
    Ok(targets)
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

fn map_column(
    column: &str,
    catalogue: &Catalogue,
    wanted: &BTreeMap<String, CustomType>,
    options: &SubscriberImport,
) -> Result<Target, InputProblem> {
    if options
        .ignore
        .iter()
        .any(|ignored| ignored.trim() == column)
    {
        return Ok(Target::Nowhere);
    }
    let builtin = BUILTIN_COLUMNS
        .iter()
        .find(|known| fold(known) == fold(column));
    // As exports name custom fields, whose keys may be those of built-in ones.
    let custom = column.strip_prefix("custom.");
    if let (Some(builtin), None) = (builtin, custom) {
        return Ok(Target::Builtin(builtin));
    }
    let key = custom_field::suggest_key(custom.unwrap_or(column));
    match (catalogue.custom_fields.get(&key), wanted.get(column)) {
        (Some(existing), Some(asked)) if existing != asked => Err(InputProblem::new(
            InputCode::Invalid,
            "header",
            format!(
                "expected column \"{column}\" to be of type {}, as --field says, found that custom field \"{key}\" is of type {}",
                asked.as_str(),
                existing.as_str()
            ),
        )),
        (Some(existing), _) => Ok(Target::Custom(key, *existing)),
        (None, Some(asked)) if !key.is_empty() => Ok(Target::Custom(key, *asked)),
        (None, _) => {
            let known = BUILTIN_COLUMNS.into_iter();
            let known: Vec<&str> = known
                .chain(catalogue.custom_fields.keys().map(String::as_str))
                .collect();
            let hint = match nearest(column, known.iter().copied()) {
                Some(hint) => hint,
                None => format!(
                    "make a custom field of it with --field \"{column}:text\" (or number, date, datetime, boolean, list), or leave it out with --ignore \"{column}\""
                ),
            };
            let message = format!(
                "expected a built-in column or the key of a custom field, found \"{column}\""
            );
            Err(InputProblem::new(InputCode::NotFound, "header", message).with_hint(Some(hint)))
        }
    }
}

/// Makes `First name`, `first_name` and `firstName` equal, and `E-mail` and `email`.
fn fold(column: &str) -> String {
    column
        .chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
