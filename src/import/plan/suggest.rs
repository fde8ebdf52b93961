//! Suggestions for columns whose name says nothing to us: by the words that other programs use, and by their values.

use super::mapping::{builtin, fold};
use crate::audience::clean::{clean_boolean, clean_day, clean_email, clean_instant};
use crate::audience::custom_field::is_code;
use crate::import::value::numbers::NumberReader;
use crate::rule::CustomType;

/// What other programs call built-in fields, folded.
const SYNONYMS: [(&str, &[&str]); 14] = [
    (
        "email",
        &[
            "emailaddress",
            "mail",
            "mailaddress",
            "emailadresse",
            "elpastas",
            "correo",
            "courriel",
        ],
    ),
    (
        "status",
        &["subscriptionstatus", "emailstatus", "memberstatus", "state"],
    ),
    (
        "first_name",
        &[
            "fname",
            "givenname",
            "forename",
            "vorname",
            "prenom",
            "vardas",
            "nombre",
        ],
    ),
    (
        "last_name",
        &[
            "lname",
            "surname",
            "familyname",
            "nachname",
            "nom",
            "pavarde",
            "apellido",
        ],
    ),
    (
        "phone",
        &[
            "phonenumber",
            "telephone",
            "tel",
            "mobile",
            "mobilephone",
            "telefon",
            "telefonas",
        ],
    ),
    ("country", &["countrycode", "land", "pays", "salis"]),
    (
        "region",
        &["province", "county", "stateprovince", "bundesland"],
    ),
    ("city", &["town", "ort", "stadt", "ville", "miestas"]),
    (
        "postal_code",
        &["zip", "zipcode", "postcode", "plz", "codepostal"],
    ),
    ("language", &["lang", "locale", "sprache", "kalba"]),
    ("timezone", &["tz"]),
    (
        "birthday",
        &[
            "birthdate",
            "dateofbirth",
            "dob",
            "geburtstag",
            "geburtsdatum",
        ],
    ),
    ("source", &["signupsource", "leadsource", "origin"]),
    (
        "created_at",
        &[
            "created",
            "signupdate",
            "dateadded",
            "optintime",
            "joined",
            "registered",
        ],
    ),
];

/// What a column might be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suggestion {
    /// A built-in field.
    Builtin(&'static str),
    /// A custom field of that type.
    Custom(CustomType),
    /// Nothing can be said.
    Unknown,
}

impl Suggestion {
    /// Says what to do with a column, given the nearest known name.
    pub fn hint(self, column: &str, near: Option<String>) -> String {
        match (self, near) {
            (Suggestion::Builtin(field), _) => {
                format!("is it {field}? say so with --column \"{column}={field}\"")
            }
            (_, Some(near)) => near,
            (_, None) if is_made_up(column) => format!(
                "the file has no header: say what it is with --column \"{column}=FIELD\", or leave it out with --ignore \"{column}\""
            ),
            (Suggestion::Custom(custom_type), None) => format!(
                "make a custom field of it with --field \"{column}:{}\", as its values look, or leave it out with --ignore \"{column}\"",
                custom_type.as_str()
            ),
            (Suggestion::Unknown, None) => format!(
                "make a custom field of it with --field \"{column}:text\" (or number, date, datetime, boolean, list), or leave it out with --ignore \"{column}\""
            ),
        }
    }

    /// Its short form: a field, or the type of a new one.
    pub fn as_text(self) -> Option<String> {
        match self {
            Suggestion::Builtin(field) => Some(field.to_owned()),
            Suggestion::Custom(custom_type) => Some(format!("custom:{}", custom_type.as_str())),
            Suggestion::Unknown => None,
        }
    }
}

/// Whether a column has its name from its place, because the file has no header.
pub fn is_made_up(column: &str) -> bool {
    let number = column.strip_prefix("column ");
    number.is_some_and(|number| number.parse::<usize>().is_ok())
}

/// The built-in field that programs call so.
pub fn by_name(column: &str) -> Option<&'static str> {
    let folded = fold(column);
    let mut synonyms = SYNONYMS.iter();
    let synonym = synonyms.find(|(_, words)| words.contains(&folded.as_str()));
    builtin(column).or(synonym.map(|(field, _)| *field))
}

/// Suggests what a column might be.
pub fn suggest<'v>(
    column: &str,
    values: impl Iterator<Item = &'v str>,
    numbers: NumberReader,
) -> Suggestion {
    if let Some(field) = by_name(column) {
        return Suggestion::Builtin(field);
    }
    let values: Vec<&str> = values.collect();
    if values.is_empty() {
        return Suggestion::Unknown;
    }
    let all = |fits: &dyn Fn(&str) -> bool| values.iter().all(|value| fits(value));
    if all(&|value| clean_email(value).is_ok()) {
        return Suggestion::Builtin("email");
    }
    // Codes keep their leading zeros, and long numbers their last digits, only as text.
    let is_key = |value: &str| is_code(value) || value.len() > 15;
    Suggestion::Custom(match () {
        () if all(&|value| matches!(clean_boolean(value), Ok(Some(_))))
            && !all(&|value| ["0", "1"].contains(&value)) =>
        {
            CustomType::Boolean
        }
        () if all(&|value| numbers.read(value).is_ok() && !is_key(value)) => CustomType::Number,
        () if all(&|value| clean_day(value).is_ok()) => CustomType::Date,
        () if all(&|value| clean_instant(value).is_ok()) => CustomType::Datetime,
        () if values.iter().any(|value| value.contains('|')) => CustomType::List,
        () => CustomType::Text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_told_by_name_and_by_values() {
        let look = |column: &str, values: &[&str]| {
            suggest(column, values.iter().copied(), NumberReader::default())
        };
        assert_eq!(look("E-Mail Address", &[]), Suggestion::Builtin("email"));
        assert_eq!(
            look("Date of Birth", &["x"]),
            Suggestion::Builtin("birthday")
        );
        assert_eq!(
            look("who", &["ona@example.com"]),
            Suggestion::Builtin("email")
        );
        for (values, custom_type) in [
            (&["1", "0"][..], CustomType::Number),
            (&["yes", "no", "1"], CustomType::Boolean),
            (&["3.5", "-2"], CustomType::Number),
            (&["007", "123"], CustomType::Text),
            (&["2026-03-01"], CustomType::Date),
            (&["2026-03-01T09:30:00Z"], CustomType::Datetime),
            (&["a|b", "c"], CustomType::List),
            (&["a", "b"], CustomType::Text),
        ] {
            assert_eq!(
                look("x", values),
                Suggestion::Custom(custom_type),
                "{values:?}"
            );
        }
        assert_eq!(look("x", &[]), Suggestion::Unknown);
        let comma = NumberReader {
            decimal_comma: true,
        };
        for (value, custom_type) in [("0,5", CustomType::Number), ("0.5", CustomType::Text)] {
            let suggested = suggest("x", [value].into_iter(), comma);
            assert_eq!(suggested, Suggestion::Custom(custom_type), "{value}");
        }
    }
}
