//! The normal form of texts. Stored values and values in rules pass through the same functions, so that they compare.
//!
//! Text is NFC, has no invisible characters and is trimmed; an empty text is missing. Every function that can refuse a
//! text fails with a message that says what is wrong. The caller adds the place.

mod country;
mod email;

pub use country::{clean_country, find_country};
pub use email::{clean_email, find_email, show_domain, show_email};

use icu_normalizer::ComposingNormalizerBorrowed;
use std::borrow::Cow;

/// Invisible characters: soft hyphen, joiners and zero-width characters, direction marks, embeddings and isolates,
/// invisible operators, fillers, byte order mark. They come along when text is copied, and make equal texts differ.
/// Variation selectors stay, because they choose between glyphs that look different.
pub const INVISIBLE: [char; 35] = [
    '\u{ad}', '\u{34f}', '\u{61c}', '\u{115f}', '\u{1160}', '\u{180e}', '\u{200b}', '\u{200c}',
    '\u{200d}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{2060}', '\u{2061}', '\u{2062}', '\u{2063}', '\u{2064}', '\u{2065}', '\u{2066}', '\u{2067}',
    '\u{2068}', '\u{2069}', '\u{206a}', '\u{206b}', '\u{206c}', '\u{206d}', '\u{206e}', '\u{206f}',
    '\u{3164}', '\u{feff}', '\u{ffa0}',
];

/// Returns the text in NFC and without invisible characters. White space around it stays.
pub fn normalize(text: &str) -> Cow<'_, str> {
    const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
    if text.is_ascii() {
        Cow::Borrowed(text)
    } else if text.contains(INVISIBLE) {
        let visible = text.replace(INVISIBLE, "");
        Cow::Owned(NFC.normalize(&visible).into_owned())
    } else {
        NFC.normalize(text)
    }
}

/// Returns the text as it is stored: normalized and trimmed. Returns `None` if nothing is left.
pub fn clean(text: &str) -> Option<String> {
    let normal = normalize(text);
    let trimmed = normal.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// Returns a language tag in lower case, such as `en` or `pt-br`. Returns `None` for an empty text.
///
/// # Errors
/// Fails if the text is not a language tag.
pub fn clean_language(text: &str) -> Result<Option<String>, String> {
    let Some(text) = clean(text) else {
        return Ok(None);
    };
    let tag = text.to_ascii_lowercase().replace('_', "-");
    let mut parts = tag.split('-');
    let is_language = parts.next().is_some_and(|part| {
        (2..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase())
    });
    let rest_fits = parts.all(|part| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    if is_language && rest_fits {
        Ok(Some(tag))
    } else {
        Err(format!(
            "expected a language tag such as \"en\" or \"pt-BR\", found \"{text}\""
        ))
    }
}

/// Returns the name of an IANA time zone. Returns `None` for an empty text.
///
/// # Errors
/// Fails if there is no such zone.
pub fn clean_timezone(text: &str) -> Result<Option<String>, String> {
    let Some(name) = clean(text) else {
        return Ok(None);
    };
    let exact = name.parse::<chrono_tz::Tz>().ok();
    let zone = exact.or_else(|| {
        let mut zones = chrono_tz::TZ_VARIANTS.iter().copied();
        zones.find(|zone| zone.name().eq_ignore_ascii_case(&name))
    });
    match zone {
        Some(zone) => Ok(Some(zone.name().to_owned())),
        None => Err(format!(
            "expected an IANA time zone such as \"Europe/Vilnius\", found \"{name}\""
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_has_one_form() {
        for (raw, stored) in [
            ("  Riga\t", Some("Riga")),
            ("Jose\u{301}", Some("José")),
            ("\u{feff}Ri\u{ad}ga\u{200b} ", Some("Riga")),
            ("e\u{200b}\u{301}", Some("é")),
            ("\u{202e}\u{2060}", None),
            ("Ri\u{2066}ga\u{2069}\u{61c}", Some("Riga")),
            ("\u{3164}\u{34f}\u{2063}", None),
            ("\u{a0}", None),
            ("two words", Some("two words")),
        ] {
            assert_eq!(clean(raw).as_deref(), stored, "{raw:?}");
        }
        for character in INVISIBLE {
            assert_eq!(clean(&format!("a{character}b")).as_deref(), Some("ab"));
        }
    }

    #[test]
    fn languages_and_zones_have_one_form() {
        assert_eq!(clean_language("pt_BR"), Ok(Some("pt-br".to_owned())));
        assert_eq!(
            clean_language("\u{200e}zh-Hant "),
            Ok(Some("zh-hant".to_owned()))
        );
        assert!(clean_language("english language").is_err());
        assert_eq!(
            clean_timezone("europe/vilnius"),
            Ok(Some("Europe/Vilnius".to_owned()))
        );
        assert!(clean_timezone("Vilnius").is_err());
    }
}
