//! Where the fields of rules are stored: the one place that turns a field into SQL.

use crate::rule::{DateField, TextField};

/// Returns the SQL expression of a text field. The domain of an e-mail address is computed from the address.
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

/// Returns the SQL expression of a field of days or date-times.
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

/// Returns the SQL expression of a custom field's value as text. Its evaluation cannot fail.
pub fn custom_column(key: &str) -> String {
    format!("custom ->> {}", quoted(key))
}

/// Returns the SQL expression of a custom field's value as JSON.
pub fn custom_json(key: &str) -> String {
    format!("custom -> {}", quoted(key))
}

/// Returns a key as an SQL literal. A constraint of the table allows only plain keys; quotes are doubled all the same.
fn quoted(key: &str) -> String {
    format!("'{}'", key.replace('\'', "''"))
}
