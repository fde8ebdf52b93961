//! Input validation: a value is stored trimmed, typed and in its normal form, or it is refused.
//!
//! An error is a sentence that says what was expected and found. The caller adds the path in the input.

pub use crate::text::{clean_country, clean_email, clean_language, clean_timezone};

use crate::rule::{check_digits, parse_day, parse_instant};
use crate::text;
use chrono::{DateTime, Duration, NaiveDate, Utc};

/// The longest text that a field takes, in characters.
pub const MAX_TEXT: usize = 10_000;

/// Returns a text trimmed and in its normal form, or `None` if it is empty.
///
/// # Errors
/// If the text is too long or holds a NUL character, which Postgres cannot store.
pub fn clean_text(text: &str) -> Result<Option<String>, String> {
    let Some(text) = text::clean(text) else {
        return Ok(None);
    };
    if text.contains('\0') {
        return Err("expected a text without NUL characters, found one".to_owned());
    }
    let length = text.chars().count();
    if length > MAX_TEXT {
        return Err(format!(
            "expected at most {MAX_TEXT} characters, found {length}"
        ));
    }
    Ok(Some(text))
}

/// Reads a day of the years 1 to 9999, such as `2026-03-01`. Returns `None` if the text is empty.
///
/// # Errors
/// If the text is not such a day.
pub fn clean_day(text: &str) -> Result<Option<NaiveDate>, String> {
    let text = text.trim();
    match text.is_empty() {
        true => Ok(None),
        false => parse_day(text).map(Some),
    }
}

/// No living person was born before this year: an earlier birthday is a typing error or a placeholder.
const FIRST_BIRTH_YEAR: i32 = 1900;

/// Checks that a birthday is from 1900 to today. Today is that of UTC+14, where days begin first.
///
/// # Errors
/// If it is earlier or later.
pub fn clean_birthday(day: NaiveDate, now: DateTime<Utc>) -> Result<NaiveDate, String> {
    let today = (now + Duration::hours(14)).date_naive();
    if chrono::Datelike::year(&day) >= FIRST_BIRTH_YEAR && day <= today {
        return Ok(day);
    }
    Err(format!(
        "expected a birthday from {FIRST_BIRTH_YEAR}-01-01 to today, found {day}"
    ))
}

/// Reads an RFC 3339 date-time of the years 1 to 9999, kept to microseconds. Returns `None` if the text is empty.
///
/// # Errors
/// If the text is not such a date-time.
pub fn clean_instant(text: &str) -> Result<Option<DateTime<Utc>>, String> {
    let text = text.trim();
    match text.is_empty() {
        true => Ok(None),
        false => parse_instant(text).map(Some),
    }
}

/// Reads a number that is neither NaN nor infinite. Returns `None` if the text is empty.
///
/// # Errors
/// If the text is not such a number, or if a double cannot hold its digits.
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

/// Reads true or false in the spellings of spreadsheets. Returns `None` if the text is empty.
///
/// # Errors
/// If the text has none of these spellings.
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

/// Checks that degrees are from -`bound` to `bound`.
///
/// # Errors
/// If they are not finite or are beyond the bound.
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
    fn birthdays_lie_within_a_life() {
        let now = DateTime::from_timestamp(1_772_357_400, 0).expect("2026-03-01T09:30:00Z");
        let check = |text: &str| {
            let day = clean_day(text).expect("a day").expect("a day");
            clean_birthday(day, now).is_ok()
        };
        for right in ["1900-01-01", "1990-02-28", "2026-03-01"] {
            assert!(check(right), "{right}");
        }
        for wrong in ["1899-12-31", "0001-01-01", "2026-03-02", "2999-01-01"] {
            assert!(!check(wrong), "{wrong}");
        }
        let late = now + Duration::hours(2);
        let tomorrow = NaiveDate::from_ymd_opt(2026, 3, 2).expect("a day");
        assert!(clean_birthday(tomorrow, late).is_ok());
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
