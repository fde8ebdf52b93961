//! The types of reading one cell, which `value` and `plan` share.

use chrono::{DateTime, NaiveDate, Utc};

/// The kind of value that a cell is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellKind {
    /// An e-mail address.
    Email,
    /// A text.
    Text,
    /// A phone number.
    Phone,
    /// A postal code.
    PostalCode,
    /// A country, stored as its ISO 3166-1 code.
    Country,
    /// A language tag.
    Language,
    /// A time zone.
    Timezone,
    /// A day.
    Day,
    /// A date-time.
    Instant,
    /// Degrees from -90 to 90.
    Latitude,
    /// Degrees from -180 to 180.
    Longitude,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A list of texts.
    List,
}

/// A value that was read from a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum CellValue {
    /// A text in its normal form. Addresses, countries, languages and time zones are texts, too.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A day.
    Day(NaiveDate),
    /// A date-time.
    Instant(DateTime<Utc>),
    /// A list, which is not empty.
    List(Vec<String>),
}

/// The outcome of reading a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum CellOutcome<T> {
    /// A value.
    Value(T),
    /// The cell is empty, or a word that means no value.
    Nothing,
    /// A value, and a remark about how it was read.
    Remark(T, String),
    /// The cell cannot be read.
    Bad(BadCell),
}

impl<T> CellOutcome<T> {
    /// Changes the value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> CellOutcome<U> {
        match self {
            CellOutcome::Value(value) => CellOutcome::Value(change(value)),
            CellOutcome::Nothing => CellOutcome::Nothing,
            CellOutcome::Remark(value, remark) => CellOutcome::Remark(change(value), remark),
            CellOutcome::Bad(bad) => CellOutcome::Bad(bad),
        }
    }

    /// Returns the value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            CellOutcome::Value(value) | CellOutcome::Remark(value, _) => Some(value),
            CellOutcome::Nothing | CellOutcome::Bad(_) => None,
        }
    }
}

/// Why a cell cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCell {
    /// What was expected and what was found.
    pub reason: String,
    /// The options that would make the cell readable, each of them alone.
    pub fits: Vec<Fit>,
}

impl BadCell {
    /// Returns the reason for a cell that no option makes readable.
    pub fn new(reason: impl Into<String>) -> BadCell {
        BadCell {
            reason: reason.into(),
            fits: Vec::new(),
        }
    }
}

/// An option that makes a cell readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fit {
    /// This format of days or times.
    DateFormat(&'static str),
    /// Decimals that follow a comma.
    DecimalComma,
    /// Decimals that follow a point, and commas between groups of digits.
    DecimalPoint,
}

impl Fit {
    /// Describes the option in a few words.
    pub fn as_text(self) -> &'static str {
        match self {
            Fit::DateFormat(format) => format,
            Fit::DecimalComma => "decimals after a comma",
            Fit::DecimalPoint => "decimals after a point",
        }
    }
}

impl From<String> for BadCell {
    fn from(reason: String) -> BadCell {
        BadCell::new(reason)
    }
}
