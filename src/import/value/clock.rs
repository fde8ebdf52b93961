//! Finds the time of day and the zone in the tokens of a date-time.

use super::token::Token;
use chrono::{FixedOffset, NaiveTime};
use chrono_tz::Tz;

/// A zone that a text names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Zone {
    /// A zone given by its offset from UTC.
    Offset(FixedOffset),
    /// A zone given by the name of a place, such as Europe/Vilnius.
    Named(Tz),
}

/// A text, separated into the day, the time of day and the zone.
pub struct Clock {
    /// The tokens of the day.
    pub date: Vec<Token>,
    /// The time of day.
    pub time: Option<NaiveTime>,
    /// The zone.
    pub zone: Option<Zone>,
}

/// Separates the time of day and the zone from the day. Returns `None` if they are not valid.
pub fn find_clock(mut tokens: Vec<Token>) -> Option<Clock> {
    drop_comment(&mut tokens);
    let mut zone = take_named_zone(&mut tokens);
    join_half_days(&mut tokens);
    let Some((start, end, time)) = find_time(&tokens)? else {
        return Some(Clock {
            date: tokens,
            time: None,
            zone,
        });
    };
    let mut rest = end;
    if let Some((offset, after)) = read_zone(&tokens, end)? {
        zone = Some(
            zone.filter(|_| offset.is_none())
                .unwrap_or(Zone::Offset(offset.unwrap_or(FixedOffset::east_opt(0)?))),
        );
        rest = after;
    }
    let mut date: Vec<Token> = tokens[..start].to_vec();
    // The letter between day and time, or a word such as "at".
    while let Some(token) = date.last() {
        let joins = match token {
            Token::Word(word) => JOINTS.contains(&word.as_str()),
            Token::Blank => true,
            Token::Mark(mark) => *mark == ',',
            Token::Number(_) => false,
        };
        if !joins {
            break;
        }
        date.pop();
    }
    let after = tokens[rest..].iter();
    let after = after.skip_while(|token| {
        **token == Token::Blank
            || token.is('.')
            || token.is(',')
            || token.word().is_some_and(|word| AFTER.contains(&word))
    });
    date.extend(after.cloned());
    Some(Clock {
        date,
        time: Some(time),
        zone,
    })
}

/// Words between a day and its time.
const JOINTS: [&str; 14] = [
    "t", "at", "um", "a", "alle", "ore", "kl", "klo", "om", "o", "в", "godz", "g", "u",
];

/// Words after a time.
const AFTER: [&str; 5] = ["uhr", "h", "hrs", "uur", "val"];

/// Removes a comment at the end: `(Eastern European Summer Time)`.
fn drop_comment(tokens: &mut Vec<Token>) {
    if tokens.last().is_some_and(|token| token.is(')'))
        && let Some(start) = tokens.iter().rposition(|token| token.is('('))
    {
        tokens.truncate(start);
    }
    while tokens.last() == Some(&Token::Blank) {
        tokens.pop();
    }
}

/// Removes and returns the name of a zone at the end: `Europe/Vilnius`, perhaps in brackets.
fn take_named_zone(tokens: &mut Vec<Token>) -> Option<Zone> {
    let is_part = |token: &Token| {
        matches!(token, Token::Word(_)) || "/_[]-".chars().any(|mark| token.is(mark))
    };
    let start = tokens.iter().rposition(|token| !is_part(token))? + 1;
    let text: String = tokens[start..].iter().map(text_of).collect();
    let name = text.trim_matches(['[', ']']);
    if !name.contains('/') {
        return None;
    }
    let zone = chrono_tz::TZ_VARIANTS
        .iter()
        .find(|zone| zone.name().eq_ignore_ascii_case(name))?;
    tokens.truncate(start);
    while tokens.last() == Some(&Token::Blank) {
        tokens.pop();
    }
    Some(Zone::Named(*zone))
}

fn text_of(token: &Token) -> String {
    match token {
        Token::Number(text) | Token::Word(text) => text.clone(),
        Token::Blank => " ".to_owned(),
        Token::Mark(mark) => mark.to_string(),
    }
}

/// Writes "a.m.", "p. m." and the words of other languages as "am" and "pm".
fn join_half_days(tokens: &mut Vec<Token>) {
    let mut place = 0;
    while place < tokens.len() {
        let half = match tokens[place].word() {
            Some("上午" | "오전" | "午前" | "πμ") => Some(("am", 1)),
            Some("下午" | "오후" | "午後" | "μμ") => Some(("pm", 1)),
            Some(letter @ ("a" | "p")) => {
                let rest: Vec<&Token> = tokens[place + 1..].iter().take(4).collect();
                let has_m =
                    |index: usize| rest.get(index).and_then(|token| token.word()) == Some("m");
                let length = match rest.as_slice() {
                    [point, ..] if point.is('.') && has_m(1) => Some(3),
                    [point, Token::Blank, ..] if point.is('.') && has_m(2) => Some(4),
                    [Token::Blank, ..] if has_m(1) => Some(3),
                    _ => None,
                };
                length.map(|length| {
                    let has_point = tokens
                        .get(place + length)
                        .is_some_and(|token| token.is('.'));
                    (
                        if letter == "a" { "am" } else { "pm" },
                        length + usize::from(has_point),
                    )
                })
            }
            _ => None,
        };
        if let Some((half, length)) = half {
            tokens.splice(place..place + length, [Token::Word(half.to_owned())]);
        }
        place += 1;
    }
}

type Found = (usize, usize, NaiveTime);

/// Finds the time of day, with its start and its end among the tokens. The outer `None` means that the time does not
/// exist.
#[expect(
    clippy::option_option,
    reason = "no time at all is another thing than a time that does not exist"
)]
fn find_time(tokens: &[Token]) -> Option<Option<Found>> {
    let short = |place: usize| {
        tokens
            .get(place)
            .and_then(Token::digits)
            .filter(|digits| digits.len() <= 2)
    };
    let half_day = |place: usize| {
        let place = place + usize::from(tokens.get(place) == Some(&Token::Blank));
        let word = tokens.get(place).and_then(Token::word)?;
        ["am", "pm"]
            .contains(&word)
            .then_some((word == "pm", place + 1))
    };
    for place in 0..tokens.len() {
        let Some(hour) = short(place) else {
            // 20230506T070809
            if let [Token::Number(day), Token::Word(t), Token::Number(time), ..] = &tokens[place..]
                && (day.len(), t.as_str()) == (8, "t")
                && [4, 6].contains(&time.len())
            {
                let seconds = time.get(4..).filter(|text| !text.is_empty());
                let time = make_time(&time[..2], &time[2..4], seconds, None, None)?;
                return Some(Some((place + 1, place + 3, time)));
            }
            continue;
        };
        let next = tokens.get(place + 1);
        let is_colon = next.is_some_and(|token| token.is(':'));
        let is_h = next
            .and_then(Token::word)
            .is_some_and(|word| ["h", "u"].contains(&word));
        if (is_colon || is_h)
            && let Some(minute) = tokens
                .get(place + 2)
                .and_then(Token::digits)
                .filter(|digits| digits.len() == 2 || is_colon && digits.len() == 1)
        {
            let mut end = place + 3;
            let mut second = None;
            if tokens.get(end).is_some_and(|token| token.is(':')) {
                second = Some(short(end + 1)?);
                end += 2;
            }
            let mut fraction = None;
            if second.is_some()
                && tokens
                    .get(end)
                    .is_some_and(|token| token.is('.') || token.is(','))
                && let Some(digits) = tokens.get(end + 1).and_then(Token::digits)
            {
                fraction = Some(digits);
                end += 2;
            }
            let after = half_day(end);
            let before = before_half_day(tokens, place);
            let half = after
                .map(|(is_pm, _)| is_pm)
                .or(before.map(|(is_pm, _)| is_pm));
            let end = after.map_or(end, |(_, end)| end);
            let start = before
                .filter(|_| after.is_none())
                .map_or(place, |(_, start)| start);
            let time = make_time(hour, minute, second, fraction, half)?;
            return Some(Some((start, end, time)));
        }
    }
    // "7pm", if no time has a colon.
    for place in 0..tokens.len() {
        if let Some(hour) = short(place)
            && let Some((is_pm, end)) = half_day(place + 1)
        {
            let time = make_time(hour, "00", None, None, Some(is_pm))?;
            return Some(Some((place, end, time)));
        }
    }
    Some(find_pointed_time(tokens))
}

fn before_half_day(tokens: &[Token], place: usize) -> Option<(bool, usize)> {
    let before = place.checked_sub(1)?;
    let before = match tokens[before] {
        Token::Blank => before.checked_sub(1)?,
        _ => before,
    };
    let word = tokens[before].word()?;
    ["am", "pm"]
        .contains(&word)
        .then_some((word == "pm", before))
}

/// Finds a time with points after a day, as it is written in Finland: `6.5.2023 7.08`.
fn find_pointed_time(tokens: &[Token]) -> Option<Found> {
    let start = tokens.iter().rposition(|token| *token == Token::Blank)? + 1;
    let days = tokens[..start]
        .iter()
        .filter(|token| token.digits().is_some())
        .count();
    let digits = |place: usize| tokens.get(start + place).and_then(Token::digits);
    let is_point = |place: usize| tokens.get(start + place).is_some_and(|token| token.is('.'));
    let (hour, minute) = (digits(0)?, digits(2).filter(|minute| minute.len() == 2)?);
    let length = tokens.len() - start;
    if days != 3 || hour.len() > 2 || !is_point(1) {
        return None;
    }
    let second = match length {
        3 => None,
        5 if is_point(3) => Some(digits(4)?),
        _ => return None,
    };
    Some((
        start,
        tokens.len(),
        make_time(hour, minute, second, None, None)?,
    ))
}

fn make_time(
    hour: &str,
    minute: &str,
    second: Option<&str>,
    fraction: Option<&str>,
    is_pm: Option<bool>,
) -> Option<NaiveTime> {
    let hour: u32 = hour.parse().ok()?;
    let hour = match is_pm {
        None => hour,
        Some(is_pm) if (1..=12).contains(&hour) => hour % 12 + if is_pm { 12 } else { 0 },
        Some(_) => return None,
    };
    let nanos: String = fraction
        .unwrap_or_default()
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    NaiveTime::from_hms_nano_opt(
        hour,
        minute.parse().ok()?,
        second.unwrap_or("0").parse().ok()?,
        nanos.parse().ok()?,
    )
}

/// Abbreviations of zones with only one offset from UTC, in hours: most of RFC 2822, and those of Europe.
const ABBREVIATIONS: [(&str, i32); 19] = [
    ("z", 0),
    ("utc", 0),
    ("gmt", 0),
    ("ut", 0),
    ("wet", 0),
    ("west", 1),
    ("cet", 1),
    ("cest", 2),
    ("mez", 1),
    ("mesz", 2),
    ("eet", 2),
    ("eest", 3),
    ("msk", 3),
    ("edt", -4),
    ("est", -5),
    ("cdt", -5),
    ("mdt", -6),
    ("pst", -8),
    ("pdt", -7),
];

/// Reads the zone after a time: its offset from UTC, and where it ends. The outer `None` means that no such offset
/// exists.
#[expect(
    clippy::option_option,
    reason = "no zone at all is another thing than a zone that does not exist"
)]
fn read_zone(tokens: &[Token], start: usize) -> Option<Option<(Option<FixedOffset>, usize)>> {
    let blank = usize::from(tokens.get(start) == Some(&Token::Blank));
    let mut place = start + blank;
    let known = tokens.get(place).and_then(Token::word);
    let known = known.and_then(|word| ABBREVIATIONS.iter().find(|(name, _)| *name == word));
    if known.is_some() {
        place += 1;
    }
    let sign = match tokens.get(place) {
        Some(Token::Mark('+')) => 1,
        Some(Token::Mark('-')) => -1,
        _ => {
            let hours = known.map(|(_, hours)| *hours);
            return Some(hours.map(|hours| (FixedOffset::east_opt(hours * 3_600), place)));
        }
    };
    let digits = tokens.get(place + 1).and_then(Token::digits)?;
    let mut end = place + 2;
    let (hours, minutes) = match digits.len() {
        4 => (&digits[..2], &digits[2..]),
        1 | 2 if tokens.get(end).is_some_and(|token| token.is(':')) => {
            end += 2;
            (digits, tokens.get(end - 1).and_then(Token::digits)?)
        }
        1 | 2 => (digits, "0"),
        _ => return None,
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hours > 15 || minutes > 59 {
        return None;
    }
    // Go writes an abbreviation after the offset, which repeats it.
    if tokens.get(end) == Some(&Token::Blank)
        && let Some(Token::Word(word)) = tokens.get(end + 1)
        && (2..=5).contains(&word.len())
    {
        end += 2;
    }
    Some(Some((
        FixedOffset::east_opt(sign * (hours * 3_600 + minutes * 60)),
        end,
    )))
}
