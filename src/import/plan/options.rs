//! What can be asked of an import.

use crate::import::value::dates::DateFormat;
use crate::import::value::numbers::NumberReader;
use crate::rule::{CustomType, Status};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// What is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportKind {
    /// People.
    Subscribers,
    /// What they did.
    Events,
}

impl ImportKind {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            ImportKind::Subscribers => "subscribers",
            ImportKind::Events => "events",
        }
    }
}

/// How the bytes of a file are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, the low byte first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, the high byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Windows-1252, of which ISO 8859-1 is a part.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Encoding; 4] = [
        Encoding::Utf8,
        Encoding::Utf16Le,
        Encoding::Utf16Be,
        Encoding::Windows1252,
    ];

    /// Its usual name.
    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Utf16Le => "utf-16le",
            Encoding::Utf16Be => "utf-16be",
            Encoding::Windows1252 => "windows-1252",
        }
    }

    /// Reads its name in any letter case; Latin 1 is read as Windows-1252, as browsers do.
    pub fn parse(text: &str) -> Option<Encoding> {
        let name = text.trim().to_ascii_lowercase();
        let mut known = Encoding::ALL.into_iter();
        known
            .find(|encoding| encoding.as_str() == name)
            .or(match name.as_str() {
                "utf8" => Some(Encoding::Utf8),
                "latin1" | "iso-8859-1" | "cp1252" => Some(Encoding::Windows1252),
                _ => None,
            })
    }
}

/// Says that no cell is quoted.
pub const NO_QUOTE: u8 = 0;

/// The form of a file, as far as it is said; the rest is found out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FileOptions {
    /// What stands between cells, an ASCII character.
    pub delimiter: Option<u8>,
    /// What stands around cells, an ASCII character; [`NO_QUOTE`] if no cell is quoted.
    pub quote: Option<u8>,
    /// How bytes are characters.
    pub encoding: Option<Encoding>,
    /// Whether the first row names the columns.
    pub header: Option<bool>,
    /// Whether decimals follow a comma; this is not found out.
    pub decimal_comma: bool,
}

impl FileOptions {
    /// How its numbers are read.
    pub fn numbers(&self) -> NumberReader {
        NumberReader {
            decimal_comma: self.decimal_comma,
        }
    }
}

/// Whom an import may touch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportMode {
    /// Add who is new, change who is known.
    #[default]
    Upsert,
    /// Add who is new, leave alone who is known.
    Insert,
    /// Change who is known, add nobody.
    Update,
}

/// How a file of subscribers is imported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriberImport {
    /// The form of the file.
    pub file: FileOptions,
    /// The keys of the groups that every subscriber of the file is added to.
    pub groups: Vec<String>,
    /// Whether groups are made that do not exist.
    pub create_groups: bool,
    /// Custom fields to make if they do not exist: the column and its type.
    pub fields: Vec<(String, CustomType)>,
    /// Where columns go that are named otherwise: the column, and a built-in field or the key of a custom field.
    pub columns: Vec<(String, String)>,
    /// Columns to leave out.
    pub ignore: Vec<String>,
    /// How days and times are written, where not as ISO 8601 has them.
    pub date_format: Option<DateFormat>,
    /// The time zone of times without one; UTC if absent.
    pub time_zone: Option<Tz>,
    /// What the words of the status column mean, where they are not the names of statuses.
    pub statuses: Vec<(String, Status)>,
    /// The source of those who are new, where the file names none.
    pub source: Option<String>,
    /// Whom it may touch.
    pub mode: ImportMode,
    /// Whether values that are there stay, so that only missing ones are filled.
    pub fill_missing: bool,
    /// Why people who unsubscribed, bounced or complained may be addressed again where the file says so. Only somebody
    /// with ADMIN rights may give a reason; without one they stay as they are.
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
    /// Where columns go that are named otherwise: the column, and the name it should have.
    pub columns: Vec<(String, String)>,
    /// Columns to leave out.
    pub ignore: Vec<String>,
    /// How times are written, where not as RFC 3339 has them.
    pub date_format: Option<DateFormat>,
    /// The time zone of times without one; UTC if absent.
    pub time_zone: Option<Tz>,
    /// Whether to report only, and write nothing.
    pub dry_run: bool,
}

/// What is imported, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ImportOptions {
    /// People.
    Subscribers(SubscriberImport),
    /// What they did.
    Events(EventImport),
}

impl ImportOptions {
    /// What is imported.
    pub fn kind(&self) -> ImportKind {
        match self {
            ImportOptions::Subscribers(_) => ImportKind::Subscribers,
            ImportOptions::Events(_) => ImportKind::Events,
        }
    }

    /// The form of the file, as far as it is said.
    pub fn file(&self) -> &FileOptions {
        match self {
            ImportOptions::Subscribers(options) => &options.file,
            ImportOptions::Events(options) => &options.file,
        }
    }

    /// Whether nothing is written.
    pub fn is_dry_run(&self) -> bool {
        match self {
            ImportOptions::Subscribers(options) => options.dry_run,
            ImportOptions::Events(options) => options.dry_run,
        }
    }
}
