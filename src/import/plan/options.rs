//! The options of an import.

use crate::db::word::words;
use crate::import::file::encoding::Encoding;
use crate::import::value::Decimal;
use crate::import::value::date_format::DateFormat;
use crate::import::value::numbers::NumberReader;
use crate::rule::{CustomType, Status};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// What is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportKind {
    /// Subscribers.
    Subscribers,
    /// Events of subscribers.
    Events,
}

words!(ImportKind {
    Subscribers: "subscribers",
    Events: "events",
});

/// The quote that means that no cell is quoted.
pub const NO_QUOTE: u8 = 0;

/// The form of a file, as far as it is given; the rest is detected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FileOptions {
    /// The character between cells, an ASCII character.
    pub delimiter: Option<u8>,
    /// The quote around cells, an ASCII character; [`NO_QUOTE`] if no cell is quoted.
    pub quote: Option<u8>,
    /// The encoding of the text.
    pub encoding: Option<Encoding>,
    /// Whether the first row names the columns.
    pub header: Option<bool>,
    /// How many lines are skipped before the header, or before the first row.
    pub skip_lines: Option<u64>,
    /// The file within a ZIP archive, or the sheet of a workbook.
    pub part: Option<String>,
    /// Columns with JSON objects, whose keys become custom fields.
    pub fields_from: Vec<String>,
    /// Whether decimals follow a comma in every column.
    pub decimal_comma: bool,
}

impl FileOptions {
    /// Returns how the numbers of the file are read.
    pub fn numbers(&self) -> NumberReader {
        NumberReader {
            decimal: self.decimal_comma.then_some(Decimal::Comma),
        }
    }
}

/// Which subscribers an import may change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportMode {
    /// Add new subscribers and change existing ones.
    #[default]
    Upsert,
    /// Add new subscribers and leave existing ones as they are.
    Insert,
    /// Change existing subscribers and add no new ones.
    Update,
}

/// What happens to all unknown columns without an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Others {
    /// They are left out.
    Ignore,
    /// They become custom fields, of the types that their values have.
    Field,
}

impl Others {
    /// Returns the name in options.
    pub fn as_str(self) -> &'static str {
        match self {
            Others::Ignore => "ignore",
            Others::Field => "field",
        }
    }
}

/// How a file of subscribers is imported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriberImport {
    /// The form of the file.
    pub file: FileOptions,
    /// The keys of the groups that every subscriber of the file is added to.
    pub groups: Vec<String>,
    /// Whether missing groups are created.
    pub create_groups: bool,
    /// Custom fields to create if they do not exist: the column and its type.
    pub fields: Vec<(String, CustomType)>,
    /// The targets of columns with other names: the column, and a built-in field or the key of a custom field.
    pub columns: Vec<(String, String)>,
    /// Columns to leave out.
    pub ignore: Vec<String>,
    /// What happens to the other columns. If absent, each of them has to be settled.
    pub others: Option<Others>,
    /// The program whose exports the file is read as, by the name of a preset.
    pub from: Option<String>,
    /// Values for rows without a value of their own: a field and its value.
    pub set: Vec<(String, String)>,
    /// The format of days and times, if it is not ISO 8601.
    pub date_format: Option<DateFormat>,
    /// The formats of days and times in single columns.
    pub date_formats: Vec<(String, DateFormat)>,
    /// Columns in which decimals follow a comma.
    pub decimal_commas: Vec<String>,
    /// Columns in which decimals follow a point, and commas may separate thousands.
    pub decimal_points: Vec<String>,
    /// The character between the items of the lists in a column: the column and the character.
    pub splits: Vec<(String, char)>,
    /// Columns that name groups to add the subscriber of the row to.
    pub groups_from: Vec<String>,
    /// The time zone of times without a zone; UTC if absent.
    pub time_zone: Option<Tz>,
    /// The statuses that words in the status column mean, if the words are not names of statuses.
    pub statuses: Vec<(String, Status)>,
    /// The source of new subscribers, if the file names none.
    pub source: Option<String>,
    /// Which subscribers the import may change.
    pub mode: ImportMode,
    /// Whether existing values stay, so that only missing values are filled.
    pub fill_missing: bool,
    /// Whether a row is refused if a cell cannot be read. Otherwise only the cell is left out.
    pub strict: bool,
    /// Why people who unsubscribed, bounced or complained are re-subscribed if the file says so. Only a caller with
    /// ADMIN rights may give a reason. Without a reason these people keep their status.
    pub raise_consent: Option<String>,
    /// Whether to report only, and write nothing.
    pub dry_run: bool,
}

/// How a file of events is imported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventImport {
    /// The form of the file.
    pub file: FileOptions,
    /// The targets of columns with other names: the column, and the name it should have.
    pub columns: Vec<(String, String)>,
    /// Columns to leave out.
    pub ignore: Vec<String>,
    /// What happens to the other columns. If absent, each of them has to be settled. As fields they become properties.
    pub others: Option<Others>,
    /// The name of all events, if no column has it.
    pub event: Option<String>,
    /// The column that identifies an order: consecutive rows with the same value become one event.
    pub fold: Option<String>,
    /// Whether to create a subscriber for an unknown address. New subscribers wait for a confirmation.
    pub create_people: bool,
    /// The format of times, if it is not RFC 3339.
    pub date_format: Option<DateFormat>,
    /// The time zone of times without a zone; UTC if absent.
    pub time_zone: Option<Tz>,
    /// Whether to report only, and write nothing.
    pub dry_run: bool,
}

/// What is imported, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "an import has one of them")]
pub enum ImportOptions {
    /// An import of subscribers.
    Subscribers(SubscriberImport),
    /// An import of events.
    Events(EventImport),
}

impl ImportOptions {
    /// Returns whether subscribers or events are imported.
    pub fn kind(&self) -> ImportKind {
        match self {
            ImportOptions::Subscribers(_) => ImportKind::Subscribers,
            ImportOptions::Events(_) => ImportKind::Events,
        }
    }

    /// Returns the form of the file, as far as it is given.
    pub fn file(&self) -> &FileOptions {
        match self {
            ImportOptions::Subscribers(options) => &options.file,
            ImportOptions::Events(options) => &options.file,
        }
    }

    /// Whether this is a dry run, which writes nothing.
    pub fn is_dry_run(&self) -> bool {
        match self {
            ImportOptions::Subscribers(options) => options.dry_run,
            ImportOptions::Events(options) => options.dry_run,
        }
    }
}
