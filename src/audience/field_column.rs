//! Where the fields of rules are stored: the one place that turns a field into SQL.

use crate::rule::{DateField, TextField};

/// Returns the expression of a field of text. That of an e-mail's domain is its own.
pub fn text_column(field: &TextField) -> String {
    match field {
        TextField::Email => "email",
        TextField::EmailDomain => "substring(email from '[^@]*$')",
        TextField::FirstName => "first_name",
        TextField::LastName => "last_name",
        TextField::Phone => "phone",
        TextField::Country => "country",
        TextField::Region => "region",
        TextField::City => "city",
        TextField::PostalCode => "postal_code",
        TextField::Language => "language",
        TextField::Timezone => "timezone",
        TextField::Source => "source",
        TextField::Custom(key) => return custom_column(key),
    }
    .to_owned()
}

/// Returns the expression of a field of days or instants.
pub fn date_column(field: &DateField) -> String {
    match field {
        DateField::Birthday => "birthday",
        DateField::CreatedAt => "created_at",
        DateField::UpdatedAt => "updated_at",
        DateField::SubscribedAt => "subscribed_at",
        DateField::UnsubscribedAt => "unsubscribed_at",
        DateField::CustomDate(key) | DateField::CustomDatetime(key) => return custom_column(key),
    }
    .to_owned()
}

/// Returns the expression of a custom field: its value as text, which cannot fail.
pub fn custom_column(key: &str) -> String {
    format!("custom ->> {}", quoted(key))
}

/// Returns the expression of a custom field: its value as JSON.
pub fn custom_json(key: &str) -> String {
    format!("custom -> {}", quoted(key))
}

/// Keys are plain by a constraint of their table; the doubled quote keeps a mistake there harmless.
fn quoted(key: &str) -> String {
    format!("'{}'", key.replace('\'', "''"))
}
