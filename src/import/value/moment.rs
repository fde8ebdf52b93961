//! Reads a day or a time in any of the forms that programs write, and detects the form.
//!
//! A form with one meaning is read. If the order of day and month is ambiguous, or the century is missing, the outcome
//! says so, and the owner of the file has to choose.

use super::clock::{Zone, find_clock};
use super::months::{find_month, is_weekday};
use super::token::{Token, tokenize};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// The outcome of reading a date-time.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A day, perhaps with a time and a zone.
    Local(Local),
    /// A date-time in UTC: seconds or parts of a second since 1970.
    Instant(DateTime<Utc>),
    /// A placeholder such as `0000-00-00`.
    Nothing,
    /// Day and month could be in either order.
    EitherOrder {
        /// The character between day, month and year.
        separator: char,
        /// Whether the year has two digits.
        is_short_year: bool,
        /// The orders that give a day which exists.
        orders: Vec<Order>,
    },
    /// The day has no year.
    NoYear,
    /// The year has two digits, and two centuries are possible.
    ShortYear,
    /// A number that may count the days since 1900, as spreadsheets do.
    Serial,
    /// Something else.
    Unknown,
}

/// A local day, perhaps with a time and a zone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Local {
    /// The day.
    pub date: NaiveDate,
    /// The time, if there is one.
    pub time: Option<NaiveTime>,
    /// The zone, if there is one.
    pub zone: Option<Zone>,
}

/// The order of day, month and year if all three are numbers and the year does not come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// 31/12/2026.
    DayFirst,
    /// 12/31/2026.
    MonthFirst,
}

/// How texts with several meanings are read.
#[derive(Debug, Clone, Copy)]
pub struct Hints {
    /// The order of day and month if this character separates them; `None` if no option gives it.
    pub order: Option<(Order, char)>,
    /// Whether a day is read, which may be a birthday in either century. Programs write only times of this century.
    pub is_day: bool,
    /// Whether an option says that years have two digits.
    pub reads_short_years: bool,
}

/// Texts longer than this are not date-times.
const MAX_LENGTH: usize = 80;

/// Reads a date-time.
pub fn read_moment(text: &str, hints: &Hints) -> Reading {
    let text = text.trim().trim_matches('"').trim();
    if text.is_empty()
        || text.len() > MAX_LENGTH
        || !text.bytes().any(|byte| byte.is_ascii_digit()) && text.is_ascii()
    {
        return Reading::Unknown;
    }
    if is_placeholder(text) {
        return Reading::Nothing;
    }
    if text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.matches('.').count() <= 1
    {
        return read_digits(text);
    }
    let tokens = tokenize(&prepare(text));
    let Some(clock) = find_clock(tokens) else {
        return Reading::Unknown;
    };
    read_date(&clock.date, hints).map_or_else(
        |reading| reading,
        |date| {
            Reading::Local(Local {
                date,
                time: clock.time,
                zone: clock.zone,
            })
        },
    )
}

/// Whether a text is a placeholder of a database or a program: all digits are zeros, or it is the earliest date-time of
/// a program.
fn is_placeholder(text: &str) -> bool {
    const FIRST: [&str; 8] = [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00",
        "0001-01-01 00:00:00",
        "0001-01-01 00:00:00 +0000 UTC",
        "01/01/0001 00:00:00",
        "1/1/0001 12:00:00 AM",
        "01.01.0001 00:00:00",
        "1/1/0001 0:00:00",
    ];
    let digits = text.bytes().filter(u8::is_ascii_digit);
    let mut letters = text.chars().filter(|character| character.is_alphabetic());
    digits.clone().count() >= 4
        && digits.clone().all(|digit| digit == b'0')
        && letters.all(|letter| "TZ".contains(letter))
        || FIRST.contains(&text)
}

/// Reads a text of digits, perhaps with a point.
fn read_digits(text: &str) -> Reading {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let Ok(number) = whole.parse::<i64>() else {
        return Reading::Unknown;
    };
    let local = |format: &str| {
        let moment = NaiveDateTime::parse_from_str(whole, format).ok()?;
        (1_900..2_100)
            .contains(&moment.year())
            .then_some(Reading::Local(Local {
                date: moment.date(),
                time: Some(moment.time()),
                zone: None,
            }))
    };
    let instant = |instant: Option<DateTime<Utc>>| instant.map(Reading::Instant);
    let has_fraction = text.contains('.');
    let read = match whole.len() {
        5 => Some(Reading::Serial),
        8 if !has_fraction => {
            let date = NaiveDate::parse_from_str(whole, "%Y%m%d").ok();
            let date = date.filter(|date| (1_900..2_100).contains(&date.year()));
            date.map(|date| {
                Reading::Local(Local {
                    date,
                    time: None,
                    zone: None,
                })
            })
        }
        9 | 10 => {
            let digits: String = fraction
                .chars()
                .chain("000000000".chars())
                .take(9)
                .collect();
            instant(DateTime::from_timestamp(
                number,
                digits.parse().unwrap_or(0),
            ))
        }
        12 if !has_fraction => local("%Y%m%d%H%M"),
        13 => instant(DateTime::from_timestamp_millis(number)),
        14 if !has_fraction => local("%Y%m%d%H%M%S"),
        16 if !has_fraction => instant(DateTime::from_timestamp_micros(number)),
        19 if !has_fraction => Some(Reading::Instant(DateTime::from_timestamp_nanos(number))),
        _ => None,
    };
    read.unwrap_or(Reading::Unknown)
}

/// Replaces characters in the forms of East Asia and of some programs with common ones.
fn prepare(text: &str) -> String {
    // Go writes the reading of its monotonic clock after the time.
    let text = text.split(" m=").next().unwrap_or(text);
    let mut prepared = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '年' | '月' | '년' | '월' => prepared.push('-'),
            '日' | '일' => prepared.push(' '),
            '時' | '时' | '点' | '點' | '시' => prepared.push(':'),
            '分' | '분' | '秒' | '초' => prepared.push(' '),
            '\u{2212}' | '\u{2013}' => prepared.push('-'),
            other => prepared.push(other),
        }
    }
    prepared
}

/// Words between the parts of a day: "6 de mayo de 2023", "May 6th", "2023 m. gegužės 6 d.", "6 мая 2023 г.".
const FILLERS: [&str; 24] = [
    "de", "del", "of", "the", "st", "nd", "rd", "th", "er", "º", "ª", "o", "a", "m", "d", "g", "г",
    "года", "року", "р", "di", "den", "den.", "um",
];

/// Reads the tokens of a day.
fn read_date(tokens: &[Token], hints: &Hints) -> Result<NaiveDate, Reading> {
    let mut numbers: Vec<&str> = Vec::new();
    let mut months: Vec<(u32, bool)> = Vec::new();
    let mut separator = None;
    for token in tokens {
        match token {
            Token::Number(digits) => numbers.push(digits),
            Token::Blank => {}
            // A minus before the first number is its sign.
            Token::Mark('-') if numbers.is_empty() && months.is_empty() => {
                return Err(Reading::Unknown);
            }
            Token::Mark(mark) if "-/.,'’".contains(*mark) => {
                separator = separator.or((numbers.len() == 1).then_some(*mark));
            }
            Token::Mark(_) => return Err(Reading::Unknown),
            Token::Word(word) => match find_month(word) {
                Some(month) => months.push((month, is_weekday(word))),
                None if is_weekday(word) || FILLERS.contains(&word.as_str()) => {}
                None => return Err(Reading::Unknown),
            },
        }
    }
    // "mar" is March, and Tuesday in several languages.
    if months.len() > 1 {
        months.retain(|(_, is_day)| !is_day);
    }
    match (months.as_slice(), numbers.as_slice()) {
        ([(month, _)], [first, second]) => with_name(*month, first, second, hints),
        ([_], [_]) => Err(Reading::NoYear),
        ([], [first, second, third]) => {
            let separator = separator.unwrap_or(' ');
            of_numbers([first, second, third], separator, hints)
        }
        ([], [first, second]) if first.len() <= 2 && second.len() <= 2 => Err(Reading::NoYear),
        ([], [digits]) if digits.len() == 8 => match read_digits(digits) {
            Reading::Local(local) => Ok(local.date),
            other => Err(other),
        },
        _ => Err(Reading::Unknown),
    }
}

/// Reads a day whose month has a name.
fn with_name(month: u32, first: &str, second: &str, hints: &Hints) -> Result<NaiveDate, Reading> {
    match (first.len(), second.len()) {
        (1 | 2, 4) => day_of(second, month, first),
        (4, 1 | 2) => day_of(first, month, second),
        (1 | 2, 2) => {
            short_year(second, hints).and_then(|year| day_of(&year.to_string(), month, first))
        }
        _ => Err(Reading::Unknown),
    }
}

fn day_of(year: &str, month: u32, day: &str) -> Result<NaiveDate, Reading> {
    let date = (|| NaiveDate::from_ymd_opt(year.parse().ok()?, month, day.parse().ok()?))();
    date.filter(|date| date.year() > 0).ok_or(Reading::Unknown)
}

/// Reads a day of three numbers.
fn of_numbers(numbers: [&str; 3], separator: char, hints: &Hints) -> Result<NaiveDate, Reading> {
    let [first, second, third] = numbers;
    let day = |year: &str, month: &str, day: &str| day_of(year, month.parse().unwrap_or(0), day);
    match numbers.map(str::len) {
        [4, 1 | 2, 1 | 2] => day(first, second, third),
        [1 | 2, 1 | 2, 2 | 4] => {
            // No country writes the month first and points between, so the order of such a day needs no option.
            let said = hints
                .order
                .filter(|(_, between)| *between == separator)
                .map(|(order, _)| order);
            let order = said.or((separator == '.').then_some(Order::DayFirst));
            let read = |order| match order {
                Order::DayFirst => (second, first),
                Order::MonthFirst => (first, second),
            };
            let is_short_year = third.len() == 2;
            if let Some(order) = order {
                let (month, day_of_month) = read(order);
                let year = match is_short_year {
                    true => short_year(third, hints)?.to_string(),
                    false => third.to_owned(),
                };
                let read_day = day(&year, month, day_of_month);
                if read_day.is_ok() || said.is_some() {
                    return read_day;
                }
            }
            let orders = [Order::DayFirst, Order::MonthFirst]
                .into_iter()
                .filter(|order| {
                    let (month, day_of_month) = read(*order);
                    let year = if is_short_year { "2000" } else { third };
                    day(year, month, day_of_month).is_ok()
                });
            let orders: Vec<Order> = orders.collect();
            Err(match orders.is_empty() {
                true => Reading::Unknown,
                false => Reading::EitherOrder {
                    separator,
                    is_short_year,
                    orders,
                },
            })
        }
        _ => Err(Reading::Unknown),
    }
}

/// Returns the year of two digits. Years from 31 to 49 could be in either century, and so could smaller ones if the
/// text may be a birthday.
fn short_year(digits: &str, hints: &Hints) -> Result<i32, Reading> {
    let year = full_year(digits.parse().map_err(|_| Reading::Unknown)?);
    let is_clear = year < 2_000 || year <= 2_030 && !hints.is_day;
    if is_clear || hints.reads_short_years {
        Ok(year)
    } else {
        Err(Reading::ShortYear)
    }
}

/// Returns the year that two digits mean: one from 1950 to 2049.
pub fn full_year(digits: i32) -> i32 {
    if digits < 50 {
        2_000 + digits
    } else {
        1_900 + digits
    }
}

#[cfg(test)]
mod tests;
