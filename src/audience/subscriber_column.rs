//! The columns that hold what is known of a subscriber: one row for each, from which changes, lists, imports, exports, bulk
//! actions, messages of webhooks and the documents about people take theirs.

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
    /// What it holds.
    pub kind: Kind,
    /// Reads its value.
    pub value: fn(&Subscriber) -> Value,
}

/// What a column holds.
pub enum Kind {
    /// Text.
    Text(Text),
    /// Degrees on the globe.
    Degrees,
    /// A calendar day, with its place in a subscriber.
    Day(fn(&mut Subscriber) -> &mut Option<NaiveDate>),
}

/// How text is stored.
pub struct Text {
    /// Its place in a subscriber.
    pub place: fn(&mut Subscriber) -> &mut Option<String>,
    /// Brings it to its normal form. An empty text becomes no text.
    pub clean: fn(&str) -> Result<Option<String>, String>,
}

/// Columns with a value of their own, and the two of a position.
macro_rules! column {
    ($name:ident, $field:literal, $clean:ident) => {
        column!(
            $name,
            $field,
            $field,
            Kind::Text(Text {
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

/// The columns that hold what is known of a subscriber; none has to have a value. Others are beside them: the address, the
/// status and its times, the custom fields, and when the subscriber was added and changed.
pub const COLUMNS: [Column; 13] = [
    column!(first_name, "firstName", clean_text),
    column!(last_name, "lastName", clean_text),
    column!(phone, "phone", clean_text),
    column!(country, "country", clean_country),
    column!(region, "region", clean_text),
    column!(city, "city", clean_text),
    column!(postal_code, "postalCode", clean_text),
    column!(latitude, "latitude", "position", Kind::Degrees),
    column!(longitude, "longitude", "position", Kind::Degrees),
    column!(language, "language", clean_language),
    column!(timezone, "timezone", clean_timezone),
    column!(
        birthday,
        "birthday",
        "birthday",
        Kind::Day(|person| &mut person.birthday)
    ),
    column!(source, "source", clean_text),
];

/// Lists the inputs that set these columns.
pub fn list_inputs() -> Vec<&'static str> {
    let mut inputs: Vec<&str> = COLUMNS.iter().map(|column| column.input).collect();
    inputs.dedup();
    inputs
}

/// Lists the names of all columns, in the order of [`Subscriber`], but for the id and the version, which the database gives.
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
