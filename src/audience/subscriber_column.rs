//! The table of the columns that describe a subscriber. Changes, lists, imports, exports, bulk actions, messages of
//! webhooks and the documents about people take their columns from it.

use super::clean::{clean_country, clean_language, clean_text, clean_timezone};
use super::subscriber::Subscriber;
use chrono::NaiveDate;
use serde_json::{Value, json};

/// A column.
pub struct Column {
    /// Its name, also in files.
    pub name: &'static str,
    /// The name of its field in the API.
    pub field: &'static str,
    /// The name of the input that sets it. One input may set several columns.
    pub input: &'static str,
    /// The kind of its value.
    pub kind: ValueKind,
    /// Reads its value.
    pub value: fn(&Subscriber) -> Value,
}

/// The kind of value of a column.
pub enum ValueKind {
    /// Text.
    Text(Text),
    /// Degrees on the globe.
    Degrees,
    /// A calendar day, and its field of a subscriber.
    Day(fn(&mut Subscriber) -> &mut Option<NaiveDate>),
}

/// A column of text.
pub struct Text {
    /// Its field of a subscriber.
    pub place: fn(&mut Subscriber) -> &mut Option<String>,
    /// Returns the text in its normal form, or `None` if it is empty.
    pub clean: fn(&str) -> Result<Option<String>, String>,
}

/// Makes a column: of text with a function that cleans it, or of any kind.
macro_rules! column {
    ($name:ident, $field:literal, $clean:ident) => {
        column!(
            $name,
            $field,
            $field,
            ValueKind::Text(Text {
                place: |person| &mut person.$name,
                clean: $clean,
            })
        )
    };
    ($name:ident, $field:literal, $input:literal, $kind:expr) => {
        Column {
            name: stringify!($name),
            field: $field,
            input: $input,
            kind: $kind,
            value: |person| json!(person.$name),
        }
    };
}

/// The columns that describe a subscriber, each of which may be empty. Not among them are the address, the status and
/// its times, the custom fields, and the times when the subscriber was added and changed.
pub const COLUMNS: [Column; 13] = [
    column!(first_name, "firstName", clean_text),
    column!(last_name, "lastName", clean_text),
    column!(phone, "phone", clean_text),
    column!(country, "country", clean_country),
    column!(region, "region", clean_text),
    column!(city, "city", clean_text),
    column!(postal_code, "postalCode", clean_text),
    column!(latitude, "latitude", "position", ValueKind::Degrees),
    column!(longitude, "longitude", "position", ValueKind::Degrees),
    column!(language, "language", clean_language),
    column!(timezone, "timezone", clean_timezone),
    column!(
        birthday,
        "birthday",
        "birthday",
        ValueKind::Day(|person| &mut person.birthday)
    ),
    column!(source, "source", clean_text),
];

/// Lists the inputs that set these columns.
pub fn list_inputs() -> Vec<&'static str> {
    let mut inputs: Vec<&str> = COLUMNS.iter().map(|column| column.input).collect();
    inputs.dedup();
    inputs
}

/// Lists the names of all columns, in the order of [`Subscriber`], except the id and the version, which the database
/// sets.
pub fn list_names() -> Vec<&'static str> {
    let known = COLUMNS.iter().map(|column| column.name);
    let before = ["email", "status"].into_iter();
    let after = [
        "custom",
        "created_at",
        "updated_at",
        "subscribed_at",
        "unsubscribed_at",
    ];
    before.chain(known).chain(after).collect()
}
