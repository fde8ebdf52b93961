//! A row of a file of subscribers, cleaned and typed.

use crate::audience::clean::{
    clean_birthday, clean_country, clean_degrees, clean_email, clean_language, clean_text,
    clean_timezone,
};
use crate::audience::custom_field::{clean_cell, store_number};
use crate::import::file::rows::Row;
use crate::import::plan::mapping::{BUILTIN_COLUMNS, Target};
use crate::import::report::{ProblemKind, RowProblem};
use crate::import::value::dates::DateReader;
use crate::import::value::numbers::NumberReader;
use crate::rule::{CustomType, Status};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

/// How many built-in columns there are.
pub const BUILTINS: usize = BUILTIN_COLUMNS.len();

/// The place of the address among the built-in columns.
const EMAIL: usize = 0;

/// Somebody as a row tells of them; what is empty there is missing here.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// The line on which the row begins, from 1.
    pub line: u64,
    /// The values of [`BUILTIN_COLUMNS`], but for the status, as Postgres reads them.
    pub values: [Option<String>; BUILTINS],
    /// Whether to address them.
    pub status: Option<Status>,
    /// Values of custom fields by key.
    pub custom: Map<String, Value>,
    /// Whether an earlier batch of the file had the same address.
    pub is_again: bool,
    /// Whether such a batch says not to address them, where it was not written because nothing is.
    pub was_withheld: bool,
}

impl Person {
    /// The address, which every row that is kept has.
    pub fn email(&self) -> &str {
        self.values[EMAIL].as_deref().unwrap_or_default()
    }

    /// Takes over what a later row of the same address says. A status that says not to address somebody is not raised
    /// by a later row either, unless that was asked for; whether it was kept so is returned.
    pub fn merge(&mut self, later: Person, fills: bool, raises: bool) -> bool {
        for (value, later) in self.values.iter_mut().zip(later.values) {
            if later.is_some() && !(fills && value.is_some()) {
                *value = later;
            }
        }
        for (key, value) in later.custom {
            if !(fills && self.custom.contains_key(&key)) {
                self.custom.insert(key, value);
            }
        }
        let is_kept = !raises && is_raised(self.status, later.status);
        // A wish not to be addressed counts however values are filled.
        let counts = !fills || self.status.is_none() || later.status.is_some_and(Status::withholds);
        if later.status.is_some() && counts && !is_kept {
            self.status = later.status;
        }
        is_kept
    }
}

/// Whether a status says to address somebody whom an earlier one says not to.
pub fn is_raised(earlier: Option<Status>, later: Option<Status>) -> bool {
    earlier.is_some_and(Status::withholds) && later.is_some_and(|status| !status.withholds())
}

/// How rows of a file become people.
pub struct PersonReader {
    /// The names of the columns.
    pub header: Vec<String>,
    /// Where each goes.
    pub targets: Vec<Target>,
    /// How days and times are written.
    pub dates: DateReader,
    /// How numbers are written.
    pub numbers: NumberReader,
    /// What the words of the status column mean.
    pub statuses: Vec<(String, Status)>,
    /// The moment of the import: no birthday comes later.
    pub now: DateTime<Utc>,
}

impl PersonReader {
    /// Turns the cells of a row into a person.
    ///
    /// # Errors
    /// The first thing that is wrong with it: a row is refused as a whole.
    pub fn read(&self, row: Row) -> Result<Person, RowProblem> {
        let line = row.line;
        let cells = check_width(row, self.targets.len())?;
        let mut person = Person {
            line,
            values: Default::default(),
            status: None,
            custom: Map::new(),
            is_again: false,
            was_withheld: false,
        };
        for ((cell, target), column) in cells.iter().zip(&self.targets).zip(&self.header) {
            let refused = |message: String| {
                let kind = match target {
                    Target::Builtin("email") => ProblemKind::InvalidEmail,
                    _ => ProblemKind::Mistyped,
                };
                RowProblem::new(line, kind, message).of_cell(column, cell)
            };
            match target {
                Target::Nowhere => {}
                Target::Builtin("status") => {
                    person.status = self.read_status(cell).map_err(refused)?;
                }
                Target::Builtin(name) => {
                    let value = self.read_builtin(name, cell).map_err(refused)?;
                    if let Some(place) = BUILTIN_COLUMNS.iter().position(|known| known == name) {
                        person.values[place] = value;
                    }
                }
                Target::Custom(key, custom_type) => {
                    let value = self.read_custom(*custom_type, cell).map_err(refused)?;
                    person
                        .custom
                        .extend(value.map(|value| (key.clone(), value)));
                }
            }
        }
        let has = |name| {
            let place = BUILTIN_COLUMNS.iter().position(|known| *known == name);
            place.is_some_and(|place| person.values[place].is_some())
        };
        if has("latitude") != has("longitude") {
            let message = "expected latitude and longitude together, found only one of them";
            return Err(RowProblem::new(line, ProblemKind::Mistyped, message));
        }
        Ok(person)
    }

    /// Returns the address of a row that may be used, without looking at the rest of it.
    pub fn email_of(&self, row: Row) -> Option<String> {
        self.read(row).ok().map(|person| person.email().to_owned())
    }

    fn read_status(&self, cell: &str) -> Result<Option<Status>, String> {
        let text = cell.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let mut said = self.statuses.iter();
        let said = said.find(|(word, _)| word.trim().to_lowercase() == text.to_lowercase());
        match said.map(|(_, status)| *status).or(Status::parse(text)) {
            Some(status) => Ok(Some(status)),
            None => {
                let known: Vec<&str> = Status::ALL.into_iter().map(Status::as_str).collect();
                Err(format!(
                    "expected a status ({}), found \"{text}\"",
                    known.join(", ")
                ))
            }
        }
    }

    fn read_custom(&self, custom_type: CustomType, cell: &str) -> Result<Option<Value>, String> {
        Ok(match custom_type {
            CustomType::Date => self.dates.day(cell)?.map(|day| json!(day.to_string())),
            CustomType::Datetime => self
                .dates
                .instant(cell)?
                .map(|instant| json!(instant.to_rfc3339_opts(SecondsFormat::Micros, true))),
            CustomType::Number => self.numbers.read(cell)?.map(store_number),
            other => clean_cell(other, cell)?,
        })
    }

    fn read_builtin(&self, name: &str, cell: &str) -> Result<Option<String>, String> {
        let degrees = |bound: f64| {
            let number = self.numbers.read(cell)?;
            let degrees = number.map(|number| clean_degrees(number, bound));
            degrees
                .transpose()
                .map(|degrees| degrees.map(|degrees| degrees.to_string()))
        };
        match name {
            "email" => clean_email(cell).map(Some),
            "country" => clean_country(cell),
            "language" => clean_language(cell),
            "timezone" => clean_timezone(cell),
            "birthday" => {
                let day = self.dates.day(cell)?;
                let day = day.map(|day| clean_birthday(day, self.now)).transpose()?;
                Ok(day.map(|day| day.to_string()))
            }
            "created_at" => Ok(self
                .dates
                .instant(cell)?
                .map(|instant| instant.to_rfc3339())),
            "latitude" => degrees(90.0),
            "longitude" => degrees(180.0),
            _ => clean_text(cell),
        }
    }
}

/// Returns the cells of a row that has as many as its header.
pub fn check_width(row: Row, width: usize) -> Result<Vec<String>, RowProblem> {
    let refused = |message: String| RowProblem::new(row.line, ProblemKind::Malformed, message);
    match row.cells {
        Ok(cells) if cells.len() == width => Ok(cells),
        Ok(cells) => Err(refused(format!(
            "expected {width} cells, found {}",
            cells.len()
        ))),
        Err(message) => Err(refused(message)),
    }
}

/// What stands before the @ of addresses that are no person's.
const ROLES: [&str; 28] = [
    "abuse",
    "admin",
    "administrator",
    "billing",
    "contact",
    "do-not-reply",
    "donotreply",
    "enquiries",
    "hello",
    "help",
    "hostmaster",
    "info",
    "jobs",
    "mail",
    "mailer-daemon",
    "marketing",
    "no-reply",
    "noreply",
    "office",
    "postmaster",
    "press",
    "root",
    "sales",
    "security",
    "service",
    "support",
    "team",
    "webmaster",
];

/// Whether an address is that of a role and not of a person.
pub fn is_role(email: &str) -> bool {
    let local = email.split('@').next().unwrap_or_default();
    let local = local.split('+').next().unwrap_or_default();
    ROLES.contains(&local)
}
