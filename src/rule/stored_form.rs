//! Converts values in rules to the form of the stored values that they are compared with.

use super::condition::TextTest;
use super::field::TextField;
use rollcall_text::{
    clean_country, clean_email, clean_language, clean_timezone, show_domain, show_email,
};

/// Returns the test with its values in the form in which the field is stored. A value that the field cannot hold stays
/// as it is and matches nothing.
///
/// Parts of values have no stored form, so the values of `contains`, `startsWith` and the like stay as they are, except
/// for the separator in languages. E-mail addresses are compared as they are shown, with domains in Unicode, so that
/// parts of such domains match too.
pub(super) fn stored_form(field: &TextField, test: &TextTest) -> TextTest {
    let whole = |text: &String| whole_value(field, text);
    let all = |texts: &[String]| texts.iter().map(whole).collect();
    let part = |text: &String| part_of_value(field, text);
    match test {
        TextTest::Equals(text) => TextTest::Equals(whole(text)),
        TextTest::NotEquals(text) => TextTest::NotEquals(whole(text)),
        TextTest::In(texts) => TextTest::In(all(texts)),
        TextTest::NotIn(texts) => TextTest::NotIn(all(texts)),
        TextTest::Contains(text) => TextTest::Contains(part(text)),
        TextTest::NotContains(text) => TextTest::NotContains(part(text)),
        TextTest::StartsWith(text) => TextTest::StartsWith(part(text)),
        TextTest::EndsWith(text) => TextTest::EndsWith(part(text)),
        TextTest::Matches(_) | TextTest::IsSet(_) => test.clone(),
    }
}

fn whole_value(field: &TextField, text: &str) -> String {
    let cleaned = match field {
        TextField::Email => clean_email(text)
            .ok()
            .map(|email| show_email(&email).into_owned()),
        // A cleaned address with this domain has the domain in its stored form.
        TextField::EmailDomain => clean_email(&format!("a@{text}"))
            .ok()
            .and_then(|email| Some(show_domain(email.split_once('@')?.1).into_owned())),
        TextField::Country => clean_country(text).ok().flatten(),
        TextField::Language => clean_language(text).ok().flatten(),
        TextField::Timezone => clean_timezone(text).ok().flatten(),
        _ => None,
    };
    cleaned.unwrap_or_else(|| text.to_owned())
}

fn part_of_value(field: &TextField, text: &str) -> String {
    match field {
        TextField::Email => show_email(text).into_owned(),
        TextField::EmailDomain => show_domain(text).into_owned(),
        TextField::Language => text.replace('_', "-"),
        _ => text.to_owned(),
    }
}

/// Where white space around a text can be part of a stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edges {
    /// Nowhere: stored values are trimmed.
    Trimmed,
    /// At the end: the text is the beginning of a value.
    OpenEnd,
    /// At the start: the text is the end of a value.
    OpenStart,
    /// On both sides: the text is within a value.
    Open,
}

impl Edges {
    /// Trims the sides on which no stored value has white space.
    pub(super) fn trim(self, text: &str) -> &str {
        match self {
            Edges::Trimmed => text.trim(),
            Edges::OpenEnd => text.trim_start(),
            Edges::OpenStart => text.trim_end(),
            Edges::Open => text,
        }
    }
}
