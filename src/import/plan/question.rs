//! What has to be settled before an import writes anything, and the options that would settle it. The options are
//! typed: the command line shows them as flags, the API as fields of its input.

use super::options::{Others, SubscriberImport};
use crate::import::value::dates::DateFormat;
use crate::rule::{CustomType, Status};
use serde::{Deserialize, Serialize};

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// A column that speaks of consent.
    Consent,
    /// A file that lists people who left.
    AboutLeft,
    /// A column whose name means nothing here.
    Unknown,
    /// A column that would mean what another one means already.
    Again,
    /// A column of which most cells cannot be read.
    Unreadable,
    /// A status column with words that are not understood.
    StatusWords,
    /// The file has no column with addresses.
    NoEmail,
}

impl QuestionKind {
    /// Every kind.
    pub const ALL: [QuestionKind; 7] = [
        QuestionKind::Consent,
        QuestionKind::AboutLeft,
        QuestionKind::Unknown,
        QuestionKind::Again,
        QuestionKind::Unreadable,
        QuestionKind::StatusWords,
        QuestionKind::NoEmail,
    ];
}

/// Something that has to be settled before anything is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// What it is about.
    pub kind: QuestionKind,
    /// The place of the column, where it is about one.
    pub column: Option<usize>,
    /// What was found.
    pub message: String,
    /// The options that settle it; empty if only the owner of the file can.
    pub changes: Vec<Change>,
}

/// A change of the options of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "option", rename_all = "camelCase")]
pub enum Change {
    /// Read the file as that program writes it.
    From {
        /// The name of the preset.
        preset: String,
    },
    /// Send a column to a field.
    Column {
        /// The column.
        column: String,
        /// The field.
        field: String,
    },
    /// Leave a column out.
    Ignore {
        /// The column.
        column: String,
    },
    /// Make a custom field of a column.
    Field {
        /// The column.
        column: String,
        /// The type of the field.
        #[serde(with = "custom_type")]
        field_type: CustomType,
    },
    /// Say what a word of a status column means.
    Status {
        /// The word.
        word: String,
        /// What it means.
        status: Status,
    },
    /// Give every row a value.
    Set {
        /// The field.
        field: String,
        /// The value.
        value: String,
    },
    /// Read the days and times of a column in a format.
    DateFormat {
        /// The column.
        column: String,
        /// The format.
        format: DateFormat,
    },
    /// Read decimals of a column after a comma.
    DecimalComma {
        /// The column.
        column: String,
    },
    /// Read decimals of a column after a point, and commas between groups of digits.
    DecimalPoint {
        /// The column.
        column: String,
    },
    /// Say what becomes of all columns that nothing is said of.
    Others {
        /// What.
        others: Others,
    },
}

mod custom_type {
    use crate::rule::CustomType;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &CustomType, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.as_str())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CustomType, D::Error> {
        let name = String::deserialize(deserializer)?;
        CustomType::parse(&name).ok_or_else(|| serde::de::Error::custom("an unknown type"))
    }
}

impl Change {
    /// Makes the change.
    pub fn apply(&self, options: &mut SubscriberImport) {
        match self.clone() {
            Change::From { preset } => options.from = Some(preset),
            Change::Column { column, field } => options.columns.push((column, field)),
            Change::Ignore { column } => options.ignore.push(column),
            Change::Field { column, field_type } => options.fields.push((column, field_type)),
            Change::Status { word, status } => options.statuses.push((word, status)),
            Change::Set { field, value } => options.set.push((field, value)),
            Change::DateFormat { column, format } => options.date_formats.push((column, format)),
            Change::DecimalComma { column } => options.decimal_commas.push(column),
            Change::DecimalPoint { column } => options.decimal_points.push(column),
            Change::Others { others } => options.others = Some(others),
        }
    }

    /// Writes it as a field of the input of the API.
    pub fn as_input(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Change::From { preset } => format!("from: {}", preset.to_uppercase()),
            Change::Column { column, field } => {
                format!(
                    "columns: [{{column: {}, field: {}}}]",
                    quoted(column),
                    quoted(field)
                )
            }
            Change::Ignore { column } => format!("ignore: [{}]", quoted(column)),
            Change::Field { column, field_type } => {
                let name = field_type.as_str().to_uppercase();
                format!("fields: [{{column: {}, type: {name}}}]", quoted(column))
            }
            Change::Status { word, status } => {
                let name = status.as_str().to_uppercase();
                format!("statuses: [{{word: {}, status: {name}}}]", quoted(word))
            }
            Change::Set { field, value } => {
                format!(
                    "set: [{{field: {}, value: {}}}]",
                    quoted(field),
                    quoted(value)
                )
            }
            Change::DateFormat { column, format } => format!(
                "dateFormats: [{{column: {}, format: {}}}]",
                quoted(column),
                quoted(format.as_str())
            ),
            Change::DecimalComma { column } => format!("decimalCommas: [{}]", quoted(column)),
            Change::DecimalPoint { column } => format!("decimalPoints: [{}]", quoted(column)),
            Change::Others { others } => format!("others: {}", others.as_str().to_uppercase()),
        }
    }
}
