//! Questions to answer before an import writes anything, and the options that would answer them. The options are typed:
//! the command line shows them as flags, the API as fields of its input.

use super::options::{EventImport, ImportOptions, Others, SubscriberImport};
use crate::import::value::date_format::DateFormat;
use crate::rule::{CustomType, Status};
use serde::{Deserialize, Serialize};

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// A column about consent.
    Consent,
    /// A file that lists people who opted out, bounced or complained.
    AboutLeft,
    /// A column with an unknown name.
    Unknown,
    /// A column that would have the same target as another column.
    Again,
    /// A column of which most cells cannot be read.
    Unreadable,
    /// A status column with unknown words.
    StatusWords,
    /// The file has no column with addresses.
    NoEmail,
    /// A file of events has no column with the names of events.
    NoEvent,
    /// A file of events has no column with times.
    NoTime,
}

impl QuestionKind {
    /// Every kind.
    pub const ALL: [QuestionKind; 9] = [
        QuestionKind::Consent,
        QuestionKind::AboutLeft,
        QuestionKind::Unknown,
        QuestionKind::Again,
        QuestionKind::Unreadable,
        QuestionKind::StatusWords,
        QuestionKind::NoEmail,
        QuestionKind::NoEvent,
        QuestionKind::NoTime,
    ];
}

/// A question to answer before anything is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// The kind of the question.
    pub kind: QuestionKind,
    /// The place of the column, if the question is about one.
    pub column: Option<usize>,
    /// The question in words.
    pub message: String,
    /// The options that answer it; empty if only the owner of the file knows the answer.
    pub changes: Vec<Change>,
}

/// A change of the options of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "option", rename_all = "camelCase")]
pub enum Change {
    /// Read the file as an export of a well-known program.
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
    /// Create a custom field for a column.
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
        /// The status that the word means.
        status: Status,
    },
    /// Give a value to every row without a value of its own.
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
    /// Split the cells of a column into items at a character.
    Split {
        /// The column.
        column: String,
        /// The character.
        character: char,
    },
    /// Name all events.
    Event {
        /// The name.
        name: String,
    },
    /// Make one event of the rows of an order.
    Fold {
        /// The column that identifies the order.
        column: String,
    },
    /// Say what happens to all columns without an option.
    Others {
        /// What happens to them.
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
        CustomType::find(&name).ok_or_else(|| serde::de::Error::custom("an unknown type"))
    }
}

impl Change {
    /// Makes the change in the options of a file of subscribers.
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
            Change::Split { column, character } => options.splits.push((column, character)),
            Change::Others { others } => options.others = Some(others),
            // These changes are only for events.
            Change::Event { .. } | Change::Fold { .. } => {}
        }
    }

    /// Makes the change in the options of a file of events.
    pub fn apply_to_events(&self, options: &mut EventImport) {
        match self.clone() {
            Change::Column { column, field } => options.columns.push((column, field)),
            Change::Ignore { column } => options.ignore.push(column),
            Change::Event { name } => options.event = Some(name),
            Change::Fold { column } => options.fold = Some(column),
            Change::Others { others } => options.others = Some(others),
            // The other changes are only for subscribers.
            _ => {}
        }
    }

    /// Makes the change in the options of any import.
    pub fn apply_to(&self, options: &mut ImportOptions) {
        match options {
            ImportOptions::Subscribers(options) => self.apply(options),
            ImportOptions::Events(options) => self.apply_to_events(options),
        }
    }

    /// Returns the change as a field of the input of the API.
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
            Change::Split { column, character } => format!(
                "splits: [{{column: {}, character: {}}}]",
                quoted(column),
                quoted(&character.to_string())
            ),
            Change::Event { name } => format!("event: {}", quoted(name)),
            Change::Fold { column } => format!("fold: {}", quoted(column)),
            Change::Others { others } => format!("others: {}", others.as_str().to_uppercase()),
        }
    }
}
