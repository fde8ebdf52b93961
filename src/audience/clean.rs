//! Values are cleaned at the door: what is stored is trimmed, typed and in its normal form, or refused.
//!
//! Every function returns what is wrong as a sentence; the caller knows the place.

use crate::rule::{check_digits, parse_day, parse_instant};
use chrono::{DateTime, NaiveDate, Utc};

/// The longest text that a field takes, in characters.
pub const MAX_TEXT: usize = 10_000;

/// The longest address that SMTP can carry in a path, RFC 5321 section 4.5.3.1.3 without its brackets.
const MAX_EMAIL: usize = 254;

/// Trims a text; an empty one is missing.
///
/// # Errors
/// If the text is too long or holds a NUL character, which Postgres cannot store.
pub fn clean_text(text: &str) -> Result<Option<String>, String> {
    let trimmed = text.trim();
    if trimmed.contains('\0') {
        return Err("expected a text without NUL characters, found one".to_owned());
    }
    let length = trimmed.chars().count();
    if length > MAX_TEXT {
        return Err(format!(
            "expected at most {MAX_TEXT} characters, found {length}"
        ));
    }
    Ok((!trimmed.is_empty()).then(|| trimmed.to_owned()))
}

/// Trims and lower-cases an e-mail address.
///
/// The check is about slips, not about RFC 5322: one `@`, something before it, a domain with a dot after it.
///
/// # Errors
/// If it cannot be an address.
pub fn clean_email(text: &str) -> Result<String, String> {
    let email = text.trim().to_lowercase();
    let refused = |reason: &str| {
        Err(format!(
            "expected an e-mail address, found \"{email}\": {reason}"
        ))
    };
    if email.is_empty() {
        return Err("expected an e-mail address, found an empty text".to_owned());
    }
    if email.len() > MAX_EMAIL {
        return Err(format!(
            "expected an e-mail address of at most {MAX_EMAIL} bytes, found {}",
            email.len()
        ));
    }
    let Some((local, domain)) = email.split_once('@') else {
        return refused("it has no @");
    };
    if domain.contains('@') {
        return refused("it has more than one @");
    }
    if local.is_empty() {
        return refused("nothing stands before the @");
    }
    if email.chars().any(|character| {
        character.is_whitespace() || character.is_control() || "<>(),;:\"\\[]".contains(character)
    }) {
        return refused("it holds a character that an address cannot have");
    }
    if domain.split('.').count() < 2 || domain.split('.').any(str::is_empty) {
        return refused("its domain is not complete");
    }
    Ok(email)
}

/// Returns an ISO 3166-1 alpha-2 code in upper case.
///
/// # Errors
/// If it is not two letters.
pub fn clean_country(text: &str) -> Result<Option<String>, String> {
    let code = text.trim().to_ascii_uppercase();
    match code.len() {
        0 => Ok(None),
        2 if code.bytes().all(|byte| byte.is_ascii_uppercase()) => Ok(Some(code)),
        _ => Err(format!(
            "expected a country code of two letters such as \"LT\", found \"{}\"",
            text.trim()
        )),
    }
}

/// Returns a language tag in lower case, such as `en` or `pt-br`.
///
/// # Errors
/// If it is not of that form.
pub fn clean_language(text: &str) -> Result<Option<String>, String> {
    let tag = text.trim().to_ascii_lowercase().replace('_', "-");
    if tag.is_empty() {
        return Ok(None);
    }
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
            "expected a language tag such as \"en\" or \"pt-BR\", found \"{}\"",
            text.trim()
        ))
    }
}

/// Returns the name of an IANA time zone.
///
/// # Errors
/// If there is no such zone.
pub fn clean_timezone(text: &str) -> Result<Option<String>, String> {
    let name = text.trim();
    if name.is_empty() {
        return Ok(None);
    }
    let exact = name.parse::<chrono_tz::Tz>().ok();
    let zone = exact.or_else(|| {
        let mut zones = chrono_tz::TZ_VARIANTS.iter().copied();
        zones.find(|zone| zone.name().eq_ignore_ascii_case(name))
    });
    match zone {
        Some(zone) => Ok(Some(zone.name().to_owned())),
        None => Err(format!(
            "expected an IANA time zone such as \"Europe/Vilnius\", found \"{name}\""
        )),
    }
}

/// Reads a day, `2026-03-01`, of the years 1 to 9999.
///
/// # Errors
/// If it is not one.
pub fn clean_day(text: &str) -> Result<Option<NaiveDate>, String> {
    let text = text.trim();
    match text.is_empty() {
        true => Ok(None),
        false => parse_day(text).map(Some),
    }
}

/// Reads an RFC 3339 instant of the years 1 to 9999, kept to microseconds.
///
/// # Errors
/// If it is not one.
pub fn clean_instant(text: &str) -> Result<Option<DateTime<Utc>>, String> {
    let text = text.trim();
    match text.is_empty() {
        true => Ok(None),
        false => parse_instant(text).map(Some),
    }
}

/// Reads a number that is neither NaN nor infinite.
///
/// # Errors
/// If it is not one, or one that no double holds.
pub fn clean_number(text: &str) -> Result<Option<f64>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<f64>() {
        // Adding zero turns -0 into 0.
        Ok(number) if number.is_finite() => check_digits(text, number).map(|()| Some(number + 0.0)),
        _ => Err(format!("expected a number such as 12.5, found \"{text}\"")),
    }
}

/// Reads true or false in the spellings of spreadsheets.
///
/// # Errors
/// If it is none of them.
pub fn clean_boolean(text: &str) -> Result<Option<bool>, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" | "t" | "yes" | "y" | "1" => Ok(Some(true)),
        "false" | "f" | "no" | "n" | "0" => Ok(Some(false)),
        other => Err(format!(
            "expected true or false (or yes, no, 1, 0), found \"{other}\""
        )),
    }
}

/// Reads degrees within a bound.
///
/// # Errors
/// If it is not a number or beyond the bound.
pub fn clean_degrees(number: f64, bound: f64) -> Result<f64, String> {
    if number.is_finite() && number.abs() <= bound {
        Ok(number + 0.0)
    } else {
        Err(format!(
            "expected degrees from -{bound} to {bound}, found {number}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails() {
        assert_eq!(
            clean_email("  Ona.Petraitė@Example.LT "),
            Ok("ona.petraitė@example.lt".to_owned())
        );
        for wrong in [
            "",
            "ona",
            "@example.lt",
            "ona@",
            "ona@example",
            "o@n@a.lt",
            "o na@example.lt",
            "ona@.lt",
            "ona@example..lt",
            "<ona@example.lt>",
            "ona@example.lt,jon@example.lt",
        ] {
            assert!(clean_email(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn codes_and_zones() {
        assert_eq!(clean_country(" lt "), Ok(Some("LT".to_owned())));
        assert!(clean_country("Lithuania").is_err());
        assert_eq!(clean_language("pt_BR"), Ok(Some("pt-br".to_owned())));
        assert!(clean_language("english language").is_err());
        assert_eq!(
            clean_timezone("europe/vilnius"),
            Ok(Some("Europe/Vilnius".to_owned()))
        );
        assert!(clean_timezone("Vilnius").is_err());
    }

    #[test]
    fn numbers_days_and_flags() {
        assert_eq!(clean_number("-0"), Ok(Some(0.0)));
        for wrong in ["NaN", "inf", "1e999", "twelve", "1,5"] {
            assert!(clean_number(wrong).is_err(), "{wrong}");
        }
        assert!(clean_day("2026-02-30").is_err());
        assert!(clean_day("2026-2-3").is_err());
        assert!(clean_day("+2026-3-01").is_err());
        assert_eq!(
            clean_day(" 0033-04-03 "),
            Ok(NaiveDate::from_ymd_opt(33, 4, 3))
        );
        assert_eq!(clean_boolean("Yes"), Ok(Some(true)));
        assert!(clean_boolean("maybe").is_err());
        assert_eq!(clean_text("  \t "), Ok(None));
        assert!(clean_text("a\0b").is_err());
    }
}
