//! The supported times, which are those of the years 1 to 9999 in UTC, and how a time is read.
//!
//! Files, JSON and Postgres agree on these years and on no others. Every entry point reads times with [`parse_instant`]
//! or checks them with [`check_moment`], so that what is stored can always be exported and imported again.

use super::problem::shorten;
use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveTime, SubsecRound, Timelike, Utc};
use serde::{Deserialize, Serialize};

/// The first supported time: 0001-01-01T00:00:00Z.
pub const FIRST_MOMENT: DateTime<Utc> = match NaiveDate::from_ymd_opt(1, 1, 1) {
    Some(day) => day.and_time(NaiveTime::MIN).and_utc(),
    None => panic!("a day"),
};

/// The end of the supported times, itself excluded: 10000-01-01T00:00:00Z. Half-open ranges end here.
pub const END_OF_MOMENTS: DateTime<Utc> = match NaiveDate::from_ymd_opt(10_000, 1, 1) {
    Some(day) => day.and_time(NaiveTime::MIN).and_utc(),
    None => panic!("a day"),
};

/// The message about a time outside the range.
const OUTSIDE: &str = "expected a moment from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999Z";

/// Why a text is not accepted as a date-time or a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The text has another form.
    Malformed,
    /// The text has the form, but the date-time or day does not exist or is not supported. The message says what was
    /// expected and found.
    Unsupported(String),
}

impl Refusal {
    /// Returns the message. `expected` is what a malformed text should have been.
    pub fn explain(self, expected: &str, found: &str) -> String {
        match self {
            Refusal::Malformed => format!("expected {expected}, found \"{}\"", shorten(found)),
            Refusal::Unsupported(message) => message,
        }
    }
}

/// Checks that a time lies in the range, and cuts it to whole microseconds.
///
/// Leap seconds (`23:59:60`) are refused: neither Postgres nor the calendar of a rule has them, and a time must be the
/// same wherever it is stored.
///
/// # Errors
/// Fails with a message that says what was expected and found.
pub fn check_moment(moment: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    if moment.nanosecond() >= 1_000_000_000 {
        return Err(format!(
            "expected seconds from 00 to 59, found the leap second {moment:?}; write the second before or after it"
        ));
    }
    if moment < FIRST_MOMENT || moment >= END_OF_MOMENTS {
        return Err(format!("{OUTSIDE}, found {moment:?}"));
    }
    Ok(moment.trunc_subsecs(6))
}

/// A time in the range, as a cursor holds it. Reading a time outside the range fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "DateTime<Utc>")]
pub struct StoredMoment(pub DateTime<Utc>);

impl TryFrom<DateTime<Utc>> for StoredMoment {
    type Error = String;

    fn try_from(moment: DateTime<Utc>) -> Result<StoredMoment, String> {
        check_moment(moment).map(StoredMoment)
    }
}

/// Returns the nearest time from [`FIRST_MOMENT`] to [`END_OF_MOMENTS`], both included, so that it may end a range.
pub fn clamp_moment(moment: DateTime<Utc>) -> DateTime<Utc> {
    moment.clamp(FIRST_MOMENT, END_OF_MOMENTS)
}

/// Returns a time moved by a duration, which may be negative. The result is clamped to the range.
pub fn shift_moment(moment: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    let beyond = match duration < Duration::zero() {
        true => FIRST_MOMENT,
        false => END_OF_MOMENTS,
    };
    moment
        .checked_add_signed(duration)
        .map_or(beyond, clamp_moment)
}

/// Reads an RFC 3339 date-time in the range, and cuts it to microseconds.
///
/// # Errors
/// Fails with a message that says what was expected and found.
pub fn parse_instant(text: &str) -> Result<DateTime<Utc>, String> {
    const EXPECTED: &str = "a time such as \"2026-03-01T09:30:00Z\"";
    read_instant(text).map_err(|refusal| refusal.explain(EXPECTED, text))
}

/// Reads a day, `2026-03-01`, of the years 1 to 9999.
///
/// # Errors
/// Fails with a message that says what was expected and found.
pub fn parse_day(text: &str) -> Result<NaiveDate, String> {
    const EXPECTED: &str = "a day such as \"2026-03-01\"";
    read_day(text).map_err(|refusal| refusal.explain(EXPECTED, text))
}

/// Like [`parse_instant`], for callers that accept other forms too.
///
/// # Errors
/// Fails with the reason why the text is refused.
pub fn read_instant(text: &str) -> Result<DateTime<Utc>, Refusal> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(instant) => check_moment(instant.to_utc()).map_err(Refusal::Unsupported),
        // RFC 3339 has four digits for a year. A date-time with more digits or with a sign counts as outside the range.
        Err(_) => {
            let signed = format!("+{}", text.trim_start_matches(['+', '-']));
            match signed.parse::<DateTime<Utc>>() {
                Ok(instant) if text.starts_with(['+', '-']) || instant.year() > 9999 => {
                    let found = shorten(text);
                    Err(Refusal::Unsupported(format!(
                        "{OUTSIDE}, found \"{found}\""
                    )))
                }
                _ => Err(find_impossible_day(text)
                    .filter(|_| text.len() > 10)
                    .unwrap_or(Refusal::Malformed)),
            }
        }
    }
}

/// Returns why a text that begins as a day does, `1997-02-30`, begins with no day of the calendar.
fn find_impossible_day(text: &str) -> Option<Refusal> {
    let bytes = text.as_bytes().get(..10)?;
    let is_formed = bytes.iter().enumerate().all(|(place, byte)| match place {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if !is_formed {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u32>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let reason = match NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, 1) {
        _ if year == 0 => return None,
        None => "a year has the months 01 to 12".to_owned(),
        Some(first) => {
            let days = u32::from(first.num_days_in_month());
            if (1..=days).contains(&day) {
                return None;
            }
            format!("{} has the days 01 to {days}", first.format("%B %Y"))
        }
    };
    let found = shorten(text);
    Some(Refusal::Unsupported(format!(
        "expected a day of the calendar ({reason}), found \"{found}\""
    )))
}

/// Like [`parse_day`], for callers that accept other forms too.
///
/// # Errors
/// Fails with the reason why the text is refused.
pub fn read_day(text: &str) -> Result<NaiveDate, Refusal> {
    match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(day) if day.year() < 1 || day.year() > 9999 => Err(Refusal::Unsupported(format!(
            "expected a day from 0001-01-01 to 9999-12-31, found \"{}\"",
            shorten(text)
        ))),
        // The day must be written back as the same text: the parser also accepts signs and blanks.
        Ok(day) if day.to_string() == text => Ok(day),
        _ => Err(find_impossible_day(text).unwrap_or(Refusal::Malformed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_at_the_borders_are_read_and_those_beyond_are_not() {
        for (text, kept) in [
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("0001-01-01T05:00:00+05:00", "0001-01-01T00:00:00Z"),
            (
                "9999-12-31T23:59:59.9999999Z",
                "9999-12-31T23:59:59.999999Z",
            ),
            ("9999-12-31T00:00:00-23:59", "9999-12-31T23:59:00Z"),
        ] {
            let instant = parse_instant(text).expect(text);
            assert_eq!(format!("{instant:?}"), kept, "{text}");
        }
        for text in [
            "0000-12-31T23:59:59Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "-0001-01-01T00:00:00Z",
            "-5000-01-01T00:00:00Z",
            "+12000-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
        ] {
            let message = parse_instant(text).expect_err(text);
            assert!(message.starts_with(OUTSIDE), "{text}: {message}");
        }
    }

    #[test]
    fn leap_seconds_are_refused() {
        for text in [
            "2016-12-31T23:59:60Z",
            "2016-12-31T23:59:60.5Z",
            "2017-01-01T00:59:60+01:00",
        ] {
            let message = parse_instant(text).expect_err(text);
            assert!(message.contains("leap second"), "{text}: {message}");
        }
    }

    #[test]
    fn shifting_never_leaves_the_range() {
        let now = parse_instant("2026-03-01T00:00:00Z").expect("an instant");
        assert_eq!(shift_moment(now, Duration::MAX), END_OF_MOMENTS);
        assert_eq!(shift_moment(now, Duration::MIN), FIRST_MOMENT);
        assert_eq!(shift_moment(now, -Duration::days(800_000)), FIRST_MOMENT);
        assert_eq!(shift_moment(now, Duration::zero()), now);
    }

    #[test]
    fn a_day_that_no_calendar_has_is_told_with_the_reason() {
        for (text, reason) in [
            ("1997-02-30", "February 1997 has the days 01 to 28"),
            ("2024-02-30", "February 2024 has the days 01 to 29"),
            ("2026-04-31T00:00:00Z", "April 2026 has the days 01 to 30"),
            ("2026-01-00", "January 2026 has the days 01 to 31"),
            ("2026-13-01", "a year has the months 01 to 12"),
        ] {
            let message = match text.len() {
                10 => parse_day(text).expect_err(text),
                _ => parse_instant(text).expect_err(text),
            };
            let expected = format!("expected a day of the calendar ({reason}), found \"{text}\"");
            assert_eq!(message, expected);
        }
        let refused = parse_instant("2026-02-30").expect_err("a day");
        assert!(refused.starts_with("expected a time"), "{refused}");
        for text in ["1997-02-3O", "1997-2-30", "2026-02-28 ", "ü026-02-30"] {
            assert_eq!(read_day(text), Err(Refusal::Malformed), "{text}");
        }
    }
}
