//! Small parts of the English description of rules: quoted texts, lists, numbers, periods and days.

pub(crate) mod event;
pub(crate) mod outline;
pub(crate) mod phrase;
mod sentence;
pub(crate) mod summary;
use super::calendar_period::CalendarPeriod;
use super::condition::{NumberTest, TimeWindow};
use super::digits::grouped;
use super::literal::{DateLiteral, Period, Unit};
use super::problem::shorten;
use chrono::{Datelike, SecondsFormat};

/// How many values of a list are named. The others are only counted.
const MANY: usize = 5;

/// Returns a text in quotes, on one line and not too long.
pub fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in shorten(text).chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            control if control.is_control() => quoted.extend(control.escape_default()),
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

/// Returns a name as it was written, in quotes if it could be mistaken for something else.
pub fn name(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
    if !text.is_empty() && text.len() <= 60 && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        quote(text)
    }
}

/// Returns `a`, `a or b`, `a, b or c`. A long list is cut to its first values and the number of the others.
pub fn one_of(values: &[String]) -> String {
    joined(values, "or", "or one of")
}

/// Like [`one_of`], with `and`.
pub fn each_of(values: &[String]) -> String {
    joined(values, "and", "and")
}

fn joined(values: &[String], word: &str, word_for_others: &str) -> String {
    match values {
        [only] => only.clone(),
        [most @ .., last] if values.len() <= MANY + 1 => {
            format!("{} {word} {last}", most.join(", "))
        }
        _ => {
            let (first, others) = values.split_at(MANY.min(values.len()));
            let others = grouped(&others.len().to_string());
            format!("{} {word_for_others} {others} others", first.join(", "))
        }
    }
}

/// Joins clauses so that it is clear where each one ends.
pub fn join_clauses(clauses: &[String], word: &str) -> String {
    let has_parts = |clause: &String| clause.contains(" or ") || clause.contains(", ");
    match clauses {
        [first, second] if !has_parts(first) && !has_parts(second) => {
            format!("{first} {word} {second}")
        }
        [most @ .., last] if !most.is_empty() => format!("{}, {word} {last}", most.join(", ")),
        _ => clauses.concat(),
    }
}

/// Quotes each of some texts.
pub fn quotes(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| quote(text)).collect()
}

/// Returns a number without needless digits.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1e15 || (size > 0.0 && size < 1e-6) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

/// Formats a number of things, with separators between thousands.
pub fn count(value: f64) -> String {
    grouped(&number(value))
}

/// Returns a length of time with its amount, such as `1 day` or `90 days`.
pub fn period(period: Period) -> String {
    let unit = unit(period.unit);
    match period.amount {
        1 => format!("1 {unit}"),
        amount => format!("{} {unit}s", grouped(&amount.to_string())),
    }
}

/// Returns the period as it follows "the last" or "the next": `day` or `90 days`.
pub fn span(of: Period) -> String {
    match of.amount {
        1 => unit(of.unit).to_owned(),
        _ => period(of),
    }
}

/// Returns a range of time before now, such as `60 to 30 days ago` or `2 months to 30 days ago`.
pub fn ago(start: Period, word: &str, end: Period) -> String {
    if start.unit == end.unit && start.amount != 1 {
        let start = grouped(&start.amount.to_string());
        return format!("{start} {word} {} ago", period(end));
    }
    format!("{} {word} {} ago", period(start), period(end))
}

/// Returns a calendar period with its preposition. A single day has no "in": "in the next calendar week", but
/// "yesterday".
pub fn calendar_period(period: CalendarPeriod, preposition: &str) -> String {
    match period.words() {
        words if period.is_day() && preposition == "in" => words.to_owned(),
        words => format!("{preposition} {words}"),
    }
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Hour => "hour",
        Unit::Day => "day",
        Unit::Week => "week",
        Unit::Month => "month",
        Unit::Year => "year",
    }
}

/// Returns a day or a date-time in ISO 8601, which is understood everywhere.
pub fn date(literal: DateLiteral) -> String {
    match literal {
        DateLiteral::Day(day) => format!("{:04}-{:02}-{:02}", day.year(), day.month(), day.day()),
        DateLiteral::Instant(instant) => instant.to_rfc3339_opts(SecondsFormat::AutoSi, true),
    }
}

/// Returns the name of a month.
pub fn month(month: u32) -> &'static str {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let position = month.saturating_sub(1) as usize;
    NAMES.get(position).unwrap_or(&"no month")
}

/// Returns the words for a window of time, to follow what happened in it. Returns `None` for all time.
pub fn window(window: TimeWindow, within: &str) -> Option<String> {
    Some(match window {
        TimeWindow::AllTime => return None,
        TimeWindow::InTheLast(period) => format!("{within} the last {}", span(period)),
        TimeWindow::BetweenAgo(start, end) => format!("from {}", ago(start, "to", end)),
        TimeWindow::During(period) => calendar_period(period, within),
        TimeWindow::Between(from, to) => format!("from {} to {}", date(from), date(to)),
        TimeWindow::Before(end) => format!("before {}", date(end)),
        TimeWindow::After(start) => format!("after {}", date(start)),
    })
}

/// Returns what a number must be or, if negated, must not be. Returns an empty text for `isSet`.
pub fn amount(test: &NumberTest, negated: bool) -> String {
    let number = |value: &f64| number(*value);
    let plain = match test {
        NumberTest::GreaterThan(value) if negated => return format!("at most {}", number(value)),
        NumberTest::AtLeast(value) if negated => return format!("less than {}", number(value)),
        NumberTest::LessThan(value) if negated => return format!("at least {}", number(value)),
        NumberTest::AtMost(value) if negated => return format!("more than {}", number(value)),
        NumberTest::GreaterThan(value) => format!("more than {}", number(value)),
        NumberTest::AtLeast(value) => format!("at least {}", number(value)),
        NumberTest::LessThan(value) => format!("less than {}", number(value)),
        NumberTest::AtMost(value) => format!("at most {}", number(value)),
        NumberTest::Between(from, to) => format!("between {} and {}", number(from), number(to)),
        NumberTest::Equals(value) => number(value),
        NumberTest::NotEquals(value) => return amount(&NumberTest::Equals(*value), !negated),
        NumberTest::In(values) => return none_or_one(values.iter().map(number), negated),
        NumberTest::IsSet(_) => return String::new(),
    };
    if negated {
        format!("not {plain}")
    } else {
        plain
    }
}

/// Returns `"a" or "b"`. If negated, returns `none of "a" and "b"`, or `not "a"` for a single value.
pub fn none_or_one(values: impl Iterator<Item = String>, negated: bool) -> String {
    let values: Vec<String> = values.collect();
    match (values.as_slice(), negated) {
        (values, false) => one_of(values),
        ([only], true) => format!("not {only}"),
        (values, true) => format!("none of {}", each_of(values)),
    }
}

/// Like [`amount`], to follow `have a sum`: `of at least 3` or `other than 3`.
pub fn measured(test: &NumberTest, negated: bool) -> String {
    match test {
        NumberTest::Between(..) => amount(test, negated),
        NumberTest::NotEquals(value) => measured(&NumberTest::Equals(*value), !negated),
        NumberTest::Equals(_) | NumberTest::In(_) if negated => {
            format!("other than {}", amount(test, false))
        }
        _ => format!("of {}", amount(test, negated)),
    }
}

/// Returns how many things there must be or must not be, and whether the word for them is in the singular.
pub fn how_many(test: &NumberTest, negated: bool) -> (String, bool) {
    let at = |words: &str, value: f64| (format!("{words} {}", count(value)), value == 1.0);
    match (test, negated) {
        (NumberTest::NotEquals(value), _) => how_many(&NumberTest::Equals(*value), !negated),
        (NumberTest::Equals(0.0) | NumberTest::AtMost(0.0), false)
        | (NumberTest::AtLeast(1.0) | NumberTest::GreaterThan(0.0), true)
        | (NumberTest::LessThan(1.0), false) => ("no".to_owned(), false),
        (NumberTest::Equals(0.0) | NumberTest::AtMost(0.0), true) => at("at least", 1.0),
        (NumberTest::Equals(value), false) => at("exactly", *value),
        (NumberTest::Equals(value), true) => at("not exactly", *value),
        (NumberTest::In(values), _) => {
            let said: Vec<String> = values.iter().map(|value| count(*value)).collect();
            let not = if negated { "not " } else { "" };
            let is_one = values.last() == Some(&1.0);
            (format!("{not}exactly {}", one_of(&said)), is_one)
        }
        (NumberTest::Between(from, to), _) => {
            let not = if negated { "not " } else { "" };
            at(&format!("{not}between {} and", count(*from)), *to)
        }
        (NumberTest::GreaterThan(value), false) => at("more than", *value),
        (NumberTest::AtMost(value), true) => at("more than", *value),
        (NumberTest::AtLeast(value), false) => at("at least", *value),
        (NumberTest::LessThan(value), true) => at("at least", *value),
        (NumberTest::LessThan(value), false) => at("fewer than", *value),
        (NumberTest::AtLeast(value), true) => at("fewer than", *value),
        (NumberTest::AtMost(value), false) => at("at most", *value),
        (NumberTest::GreaterThan(value), true) => at("at most", *value),
        (NumberTest::IsSet(_), _) => ("any number of".to_owned(), false),
    }
}

/// Like [`how_many`], followed by the word for the things.
pub fn things(test: &NumberTest, negated: bool, one: &str, several: &str) -> String {
    let (quantity, is_one) = how_many(test, negated);
    format!("{quantity} {}", if is_one { one } else { several })
}

/// Returns whether zero passes a test, so that subscribers without events or items are included.
pub fn accepts_zero(test: &NumberTest, negated: bool) -> bool {
    let passes = match test {
        NumberTest::Equals(value) => *value == 0.0,
        NumberTest::NotEquals(value) => *value != 0.0,
        NumberTest::GreaterThan(value) => 0.0 > *value,
        NumberTest::AtLeast(value) => 0.0 >= *value,
        NumberTest::LessThan(value) => 0.0 < *value,
        NumberTest::AtMost(value) => 0.0 <= *value,
        NumberTest::Between(from, to) => (*from..=*to).contains(&0.0),
        NumberTest::In(values) => values.contains(&0.0),
        NumberTest::IsSet(wanted) => *wanted,
    };
    passes != negated
}
