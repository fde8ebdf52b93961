//! Formats of days and times, as users name them.

use super::moment::{Order, full_year};
use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime};
use serde::{Deserialize, Serialize};

/// A format of days, optionally with a time: `dd.mm.yyyy`, `mm/dd/yyyy HH:MM`, `excel`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DateFormat {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    /// A year of two digits, from 1950 to 2049.
    ShortYear,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Character(char),
    /// Days since the end of 1899, as spreadsheets count them.
    Serial,
    /// Days since the start of 1904, as spreadsheets of old Macs count them.
    Serial1904,
}

/// The words of formats. `mm` is a month and `MM` are minutes; `d` and `m` take one digit or two, as `dd` and `mm` do.
const WORDS: [(&str, Part); 9] = [
    ("yyyy", Part::Year),
    ("yy", Part::ShortYear),
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
    /// A message if the text is not a format.
    pub fn parse(text: &str) -> Result<DateFormat, String> {
        let text = text.trim();
        let whole = |parts: Vec<Part>| DateFormat {
            text: text.to_owned(),
            parts,
        };
        match text.to_ascii_lowercase().as_str() {
            "excel" => return Ok(whole(vec![Part::Serial])),
            "excel-1904" => return Ok(whole(vec![Part::Serial1904])),
            "yy" => return Ok(whole(vec![Part::ShortYear])),
            _ => {}
        }
        let refused = |reason: &str| {
            Err(format!(
                "expected a format of days such as dd.mm.yyyy, mm/dd/yyyy HH:MM or excel, found \"{text}\": {reason}"
            ))
        };
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let word = WORDS.iter().find(|(word, _)| rest.starts_with(word));
            let (length, part) = match word {
                Some((word, part)) => (word.len(), *part),
                None if character.is_alphanumeric() => {
                    return refused(
                        "its words are yyyy, yy, mm (month), dd, HH, MM (minutes) and SS",
                    );
                }
                None => (character.len_utf8(), Part::Character(character)),
            };
            if length > 0 && !matches!(part, Part::Character(_)) && parts.contains(&part) {
                return refused("it has a part twice");
            }
            parts.push(part);
            rest = &rest[length..];
        }
        let has = |part| parts.contains(&part);
        if has(Part::Year) == has(Part::ShortYear) || !has(Part::Month) || !has(Part::Day) {
            return refused("it needs yyyy or yy, mm and dd");
        }
        if has(Part::Second) && !has(Part::Minute) || has(Part::Minute) && !has(Part::Hour) {
            return refused("minutes need hours, and seconds need minutes");
        }
        Ok(whole(parts))
    }

    /// Returns the format as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Reads a date-time in exactly this format. If the format has no time, the time is midnight.
    pub fn read(&self, text: &str) -> Option<NaiveDateTime> {
        match self.parts.as_slice() {
            [Part::Serial] => return read_serial(text, NaiveDate::from_ymd_opt(1899, 12, 30)?),
            [Part::Serial1904] => return read_serial(text, NaiveDate::from_ymd_opt(1904, 1, 1)?),
            [Part::ShortYear] => return None,
            _ => {}
        }
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
                Part::ShortYear => (&mut year, 2, 2),
                Part::Month => (&mut month, 1, 2),
                Part::Day => (&mut day, 1, 2),
                Part::Hour => (&mut hour, 1, 2),
                Part::Minute => (&mut minute, 2, 2),
                Part::Second => (&mut second, 2, 2),
                Part::Serial | Part::Serial1904 => return None,
            };
            let digits = rest.bytes().take(most).take_while(u8::is_ascii_digit);
            let length = digits.count();
            if length < least {
                return None;
            }
            *target = rest[..length].parse::<u32>().ok()?;
            rest = &rest[length..];
        }
        let mut year = i32::try_from(year).ok()?;
        if self.parts.contains(&Part::ShortYear) {
            year = full_year(year);
        }
        let day = NaiveDate::from_ymd_opt(year, month, day)?;
        let time = NaiveTime::from_hms_opt(hour, minute, second)?;
        (rest.is_empty() && year > 0).then(|| day.and_time(time))
    }

    /// Returns the order of day and month, and the character after the first of them. Returns `None` if the year comes
    /// first.
    pub fn order(&self) -> Option<(Order, char)> {
        let place = |wanted: Part| self.parts.iter().position(|part| *part == wanted);
        let (day, month) = (place(Part::Day)?, place(Part::Month)?);
        let year = place(Part::Year).or(place(Part::ShortYear))?;
        let first = day.min(month);
        match self.parts.get(first + 1) {
            Some(Part::Character(separator)) if year > first => Some((
                if day < month {
                    Order::DayFirst
                } else {
                    Order::MonthFirst
                },
                *separator,
            )),
            _ => None,
        }
    }

    /// Whether its years have two digits.
    pub fn has_short_years(&self) -> bool {
        self.parts.contains(&Part::ShortYear)
    }

    /// Whether it has a time.
    pub fn has_time(&self) -> bool {
        self.parts.contains(&Part::Hour)
    }
}

/// Reads a spreadsheet's day number; the fraction is the time of day.
fn read_serial(text: &str, since: NaiveDate) -> Option<NaiveDateTime> {
    let is_number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b',');
    let days: f64 = text.replace(',', ".").parse().ok()?;
    let milliseconds = (days * 86_400_000.0).round();
    // A spreadsheet takes no year beyond 9999.
    if !is_number || !(1.0..2_958_466.0).contains(&days) {
        return None;
    }
    since
        .and_hms_opt(0, 0, 0)?
        .checked_add_signed(Duration::milliseconds(milliseconds as i64))
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
