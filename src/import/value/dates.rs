//! Days and times as people of a country write them. Which way a file writes them is said, never guessed: 03/04/2026 is
//! a day in March to some and in April to others.

use crate::audience::clean::{clean_day, clean_instant};
use crate::rule::check_moment;
use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// A way to write days, perhaps with a time: `dd.mm.yyyy`, `mm/dd/yyyy HH:MM`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DateFormat {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Character(char),
}

/// The words of formats. `mm` is a month and `MM` are minutes; `d` and `m` take one digit or two, as the longer ones do.
const WORDS: [(&str, Part); 8] = [
    ("yyyy", Part::Year),
    ("dd", Part::Day),
    ("mm", Part::Month),
    ("HH", Part::Hour),
    ("MM", Part::Minute),
    ("SS", Part::Second),
    ("d", Part::Day),
    ("m", Part::Month),
];

impl DateFormat {
    /// Reads a format.
    ///
    /// # Errors
    /// What was expected and found.
    pub fn parse(text: &str) -> Result<DateFormat, String> {
        let refused = |reason: &str| {
            Err(format!(
                "expected a format of days such as dd.mm.yyyy or mm/dd/yyyy HH:MM, found \"{text}\": {reason}"
            ))
        };
        let mut parts = Vec::new();
        let mut rest = text.trim();
        while let Some(character) = rest.chars().next() {
            let word = WORDS.iter().find(|(word, _)| rest.starts_with(word));
            let (length, part) = match word {
                Some((word, part)) => (word.len(), *part),
                None if character.is_alphanumeric() => {
                    return refused("its words are yyyy, mm (month), dd, HH, MM (minutes) and SS");
                }
                None => (character.len_utf8(), Part::Character(character)),
            };
            if length > 0 && !matches!(part, Part::Character(_)) && parts.contains(&part) {
                return refused("it has a part twice");
            }
            parts.push(part);
            rest = &rest[length..];
        }
        for needed in [Part::Year, Part::Month, Part::Day] {
            if !parts.contains(&needed) {
                return refused("it needs yyyy, mm and dd");
            }
        }
        if parts.contains(&Part::Second) && !parts.contains(&Part::Minute)
            || parts.contains(&Part::Minute) && !parts.contains(&Part::Hour)
        {
            return refused("minutes need hours, and seconds need minutes");
        }
        Ok(DateFormat {
            text: text.trim().to_owned(),
            parts,
        })
    }

    /// The format as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Reads a moment written this way; the time is that of midnight where there is none in the format.
    fn read(&self, text: &str) -> Option<NaiveDateTime> {
        let mut rest = text;
        let (mut year, mut month, mut day) = (0, 0, 0);
        let (mut hour, mut minute, mut second) = (0, 0, 0);
        for part in &self.parts {
            let (target, least, most) = match part {
                Part::Character(' ') => {
                    let trimmed = rest.trim_start_matches([' ', 'T']);
                    if trimmed.len() == rest.len() {
                        return None;
                    }
                    rest = trimmed;
                    continue;
                }
                Part::Character(character) => {
                    rest = rest.strip_prefix(*character)?;
                    continue;
                }
                Part::Year => (&mut year, 4, 4),
                Part::Month => (&mut month, 1, 2),
                Part::Day => (&mut day, 1, 2),
                Part::Hour => (&mut hour, 1, 2),
                Part::Minute => (&mut minute, 2, 2),
                Part::Second => (&mut second, 2, 2),
            };
            let digits = rest.bytes().take(most).take_while(u8::is_ascii_digit);
            let length = digits.count();
            if length < least {
                return None;
            }
            *target = rest[..length].parse::<u32>().ok()?;
            rest = &rest[length..];
        }
        let day = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        let time = NaiveTime::from_hms_opt(hour, minute, second)?;
        (rest.is_empty() && year > 0).then(|| day.and_time(time))
    }

    fn has_time(&self) -> bool {
        self.parts.contains(&Part::Hour)
    }
}

impl TryFrom<String> for DateFormat {
    type Error = String;

    fn try_from(text: String) -> Result<DateFormat, String> {
        DateFormat::parse(&text)
    }
}

impl From<DateFormat> for String {
    fn from(format: DateFormat) -> String {
        format.text
    }
}

/// How the days and times of a file are read.
#[derive(Debug, Clone)]
pub struct DateReader {
    /// The format that was named, if one was.
    pub format: Option<DateFormat>,
    /// The zone of times without one.
    pub zone: Tz,
}

impl DateReader {
    /// Reads a day: as ISO 8601 has it, or in the format that was named.
    ///
    /// # Errors
    /// What was expected and found.
    pub fn day(&self, cell: &str) -> Result<Option<NaiveDate>, String> {
        let text = cell.trim();
        if let Ok(day) = clean_day(text) {
            return Ok(day);
        }
        match &self.format {
            Some(format) => match format.read(text) {
                Some(moment) => Ok(Some(moment.date())),
                None => Err(format!(
                    "expected a day as {} or such as 2026-03-01, found \"{text}\"",
                    format.as_str()
                )),
            },
            None => clean_day(text).map_err(|message| with_formats(message, text)),
        }
    }

    /// Reads an instant: as RFC 3339 has it, or in the format that was named, in the time zone of the import.
    ///
    /// # Errors
    /// What was expected and found.
    pub fn instant(&self, cell: &str) -> Result<Option<DateTime<Utc>>, String> {
        let text = cell.trim();
        if let Ok(instant) = clean_instant(text) {
            return Ok(instant);
        }
        let Some(format) = &self.format else {
            return clean_instant(text).map_err(|message| with_formats(message, text));
        };
        let expected = || {
            format!(
                "expected a time as {} or such as 2026-03-01T09:30:00Z, found \"{text}\"",
                format.as_str()
            )
        };
        let moment = format.read(text).ok_or_else(expected)?;
        match self.zone.from_local_datetime(&moment) {
            LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => {
                // The zone may carry a day at the border out of the range.
                check_moment(instant.to_utc()).map(Some)
            }
            LocalResult::None if !format.has_time() => {
                // A day that begins later than midnight, as some do when clocks are changed.
                let later = moment + chrono::Duration::hours(1);
                let instant = self.zone.from_local_datetime(&later).earliest();
                instant
                    .map(|instant| Some(instant.to_utc()))
                    .ok_or_else(expected)
            }
            LocalResult::None => Err(format!(
                "expected a time that there was in {}, found \"{text}\", which its clocks passed over",
                self.zone
            )),
        }
    }
}

/// Formats that are tried to tell how a cell might be meant.
const USUAL: [&str; 12] = [
    "dd.mm.yyyy",
    "dd/mm/yyyy",
    "mm/dd/yyyy",
    "dd-mm-yyyy",
    "mm-dd-yyyy",
    "yyyy/mm/dd",
    "yyyy.mm.dd",
    "dd.mm.yyyy HH:MM",
    "dd/mm/yyyy HH:MM",
    "mm/dd/yyyy HH:MM",
    "yyyy-mm-dd HH:MM",
    "yyyy-mm-dd HH:MM:SS",
];

/// Adds the formats in which the cell could be read; where there are several, only the owner can tell.
fn with_formats(message: String, text: &str) -> String {
    let fitting: Vec<&str> = USUAL
        .into_iter()
        .filter(|format| DateFormat::parse(format).is_ok_and(|format| format.read(text).is_some()))
        .collect();
    match fitting.as_slice() {
        [] => message,
        [one] => format!("{message}; is it {one}? name the date format"),
        many => format!(
            "{message}; is it {}? name the date format",
            many.join(" or ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(format: Option<&str>, zone: Tz) -> DateReader {
        DateReader {
            format: format.map(|format| DateFormat::parse(format).expect("a format")),
            zone,
        }
    }

    #[test]
    fn days_are_read_in_the_named_format_only() {
        let german = reader(Some("dd.mm.yyyy"), Tz::UTC);
        let day = NaiveDate::from_ymd_opt(2026, 3, 1);
        assert_eq!(german.day(" 1.3.2026 "), Ok(day));
        assert_eq!(german.day("2026-03-01"), Ok(day));
        assert_eq!(german.day(""), Ok(None));
        for wrong in [
            "01/03/2026",
            "31.02.2026",
            "1.3.26",
            "1.3.20266",
            "01.03.2026 x",
            "0.1.2026",
        ] {
            assert!(german.day(wrong).is_err(), "{wrong}");
        }
        let american = reader(Some("mm/dd/yyyy"), Tz::UTC);
        assert_eq!(american.day("03/01/2026"), Ok(day));
    }

    #[test]
    fn an_ambiguous_day_is_not_guessed() {
        let none = reader(None, Tz::UTC);
        let message = none.day("03/04/2026").expect_err("two meanings");
        assert!(
            message.ends_with("is it dd/mm/yyyy or mm/dd/yyyy? name the date format"),
            "{message}"
        );
        let message = none.day("13/04/2026").expect_err("no guess either");
        assert!(
            message.ends_with("is it dd/mm/yyyy? name the date format"),
            "{message}"
        );
        assert!(!none.day("soon").expect_err("no day").contains("is it"));
    }

    #[test]
    fn times_are_of_the_zone() {
        let vilnius = reader(Some("dd.mm.yyyy HH:MM"), Tz::Europe__Vilnius);
        let read = |text: &str| {
            vilnius
                .instant(text)
                .map(|instant| instant.map(|i| i.to_rfc3339()))
        };
        assert_eq!(
            read("01.07.2026 12:00"),
            Ok(Some("2026-07-01T09:00:00+00:00".to_owned()))
        );
        assert_eq!(
            read("2026-07-01T12:00:00Z"),
            Ok(Some("2026-07-01T12:00:00+00:00".to_owned()))
        );
        assert!(read("29.03.2026 03:30").is_err_and(|message| message.contains("passed over")));
        assert!(read("01.07.2026").is_err());
        for border in ["01.01.0001 00:00", "01.01.0000 12:00"] {
            assert!(read(border).is_err(), "{border}");
        }
        assert_eq!(
            read("31.12.9999 23:59"),
            Ok(Some("9999-12-31T21:59:00+00:00".to_owned()))
        );
    }

    #[test]
    fn formats_that_make_no_sense() {
        for wrong in [
            "",
            "dd.mm",
            "dd.mm.yy",
            "yyyy-mm-dd dd",
            "yyyy-mm-dd MM",
            "Day m yyyy",
            "yyyy mm dd HH:SS",
        ] {
            assert!(DateFormat::parse(wrong).is_err(), "{wrong}");
        }
        let kept = serde_json::to_string(&DateFormat::parse("d/m/yyyy").expect("a format"));
        assert_eq!(kept.expect("JSON"), "\"d/m/yyyy\"");
    }
}
