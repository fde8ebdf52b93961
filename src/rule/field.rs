//! The fields that conditions test: built-in fields and custom fields.

use super::node_name::NodeName;
use crate::names;
use serde::{Deserialize, Serialize};

/// A field of text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[expect(missing_docs, reason = "named like the fields of a subscriber")]
pub enum TextField {
    Email,
    /// The part of the e-mail address after the last `@`.
    EmailDomain,
    FirstName,
    LastName,
    Phone,
    Country,
    Region,
    City,
    PostalCode,
    Language,
    Timezone,
    Source,
    /// A custom field of type text, by key.
    Custom(String),
}

/// A field of days or date-times.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[expect(missing_docs, reason = "named like the fields of a subscriber")]
pub enum DateField {
    Birthday,
    CreatedAt,
    UpdatedAt,
    SubscribedAt,
    UnsubscribedAt,
    /// A custom field of type date, by key.
    CustomDate(String),
    /// A custom field of type datetime, by key.
    CustomDatetime(String),
}

impl DateField {
    /// Returns whether the field holds days rather than date-times.
    pub fn is_day(&self) -> bool {
        matches!(self, DateField::Birthday | DateField::CustomDate(_))
    }
}

/// A field, by the type of its values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// Text.
    Text(TextField),
    /// A custom field of type number, by key.
    Number(String),
    /// Days or date-times.
    Date(DateField),
    /// A custom field of type boolean, by key.
    Boolean(String),
    /// A custom field of type list, by key.
    List(String),
}

impl Field {
    /// Returns the name of the node that tests the field.
    pub fn node_name(&self) -> &'static str {
        NodeName::of_field(self).as_str()
    }
}

impl NodeName {
    /// Returns the node that tests a field.
    pub fn of_field(field: &Field) -> NodeName {
        match field {
            Field::Text(_) => NodeName::Text,
            Field::Number(_) => NodeName::Number,
            Field::Date(_) => NodeName::Date,
            Field::Boolean(_) => NodeName::Boolean,
            Field::List(_) => NodeName::List,
        }
    }
}

/// The type of a custom field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CustomType {
    /// Text.
    Text,
    /// An IEEE double, never NaN or infinite.
    Number,
    /// A calendar day.
    Date,
    /// A date-time.
    Datetime,
    /// True or false.
    Boolean,
    /// A list of texts.
    List,
}

names!(CustomType {
    Text: "text",
    Number: "number",
    Date: "date",
    Datetime: "datetime",
    Boolean: "boolean",
    List: "list",
});

/// Returns the field for a custom field with this key and type.
pub fn custom_field(key: &str, custom_type: CustomType) -> Field {
    let key = key.to_owned();
    match custom_type {
        CustomType::Text => Field::Text(TextField::Custom(key)),
        CustomType::Number => Field::Number(key),
        CustomType::Date => Field::Date(DateField::CustomDate(key)),
        CustomType::Datetime => Field::Date(DateField::CustomDatetime(key)),
        CustomType::Boolean => Field::Boolean(key),
        CustomType::List => Field::List(key),
    }
}

/// Returns the English label of a built-in field, or `None` if there is no such field.
pub fn find_label(name: &str) -> Option<&'static str> {
    Some(match name {
        "email" => "e-mail address",
        "email.domain" => "e-mail domain",
        "firstName" => "first name",
        "lastName" => "last name",
        "phone" => "phone number",
        "country" => "country",
        "region" => "region",
        "city" => "city",
        "postalCode" => "postal code",
        "language" => "language",
        "timezone" => "time zone",
        "source" => "source",
        "birthday" => "birthday",
        "createdAt" => "time of being added",
        "updatedAt" => "time of the last change",
        "subscribedAt" => "time of subscribing",
        "unsubscribedAt" => "time of unsubscribing",
        _ => return None,
    })
}

/// Lists the built-in fields with their names in rules.
pub fn list_builtin_fields() -> [(&'static str, Field); 17] {
    [
        ("email", Field::Text(TextField::Email)),
        ("email.domain", Field::Text(TextField::EmailDomain)),
        ("firstName", Field::Text(TextField::FirstName)),
        ("lastName", Field::Text(TextField::LastName)),
        ("phone", Field::Text(TextField::Phone)),
        ("country", Field::Text(TextField::Country)),
        ("region", Field::Text(TextField::Region)),
        ("city", Field::Text(TextField::City)),
        ("postalCode", Field::Text(TextField::PostalCode)),
        ("language", Field::Text(TextField::Language)),
        ("timezone", Field::Text(TextField::Timezone)),
        ("source", Field::Text(TextField::Source)),
        ("birthday", Field::Date(DateField::Birthday)),
        ("createdAt", Field::Date(DateField::CreatedAt)),
        ("updatedAt", Field::Date(DateField::UpdatedAt)),
        ("subscribedAt", Field::Date(DateField::SubscribedAt)),
        ("unsubscribedAt", Field::Date(DateField::UnsubscribedAt)),
    ]
}
