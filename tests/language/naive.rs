//! The rule language a second time: one person, one condition, one comparison after the other.
//!
//! It shares no code with the evaluator under test, and is plain rather than fast. Rules are taken
//! to be valid; an unknown node or test panics, so that it can never mean "everybody".

use std::{
    cell::RefCell,
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
};

use chrono::{
    DateTime, Datelike, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc,
};
use chrono_tz::Tz;
use regex::{Regex, RegexBuilder};
use serde_json::Value;

mod tests;

/// Everything a rule can ask about one subscriber.
#[derive(Clone, Debug)]
pub struct Person {
    /// The normalised address.
    pub email: String,
    /// `subscribed`, `unsubscribed`, `bounced`, `complained` or `pending`.
    pub status: &'static str,
    /// Built-in text fields by their name in rules; a missing value has no entry.
    pub text: BTreeMap<&'static str, String>,
    /// The day of birth.
    pub birthday: Option<NaiveDate>,
    /// `createdAt`, `updatedAt`, `subscribedAt` and `unsubscribedAt`; a missing value has no entry.
    pub instants: BTreeMap<&'static str, DateTime<Utc>>,
    /// Custom values by key, without the `custom.` in front.
    pub custom: BTreeMap<String, CustomValue>,
    /// Keys of the groups the person is in, and since when.
    pub groups: BTreeMap<String, DateTime<Utc>>,
    /// What the person did, in any order.
    pub events: Vec<Event>,
}

/// The value of a custom field.
#[derive(Clone, Debug, PartialEq)]
#[allow(dead_code, reason = "the language gains lists later")]
pub enum CustomValue {
    /// Trimmed, never empty.
    Text(String),
    /// Never NaN nor infinite.
    Number(f64),
    /// A day without a time.
    Date(NaiveDate),
    /// An instant.
    Datetime(DateTime<Utc>),
    /// A stored `false` differs from a missing value.
    Boolean(bool),
    /// Several texts.
    List(Vec<String>),
}

/// Something a person did.
#[derive(Clone, Debug)]
pub struct Event {
    /// What it was.
    pub name: String,
    /// When it was.
    pub occurred_at: DateTime<Utc>,
    /// What it was worth, in millionths.
    pub value: Option<i64>,
}

/// The "now" of an evaluation and the time zone whose days and wall clock count.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The refresh's `as_of`.
    pub now: DateTime<Utc>,
    /// The configured time zone.
    pub zone: Tz,
}

impl Moment {
    fn day_of(&self, instant: DateTime<Utc>) -> NaiveDate {
        instant.with_timezone(&self.zone).date_naive()
    }
}

/// Whether the rule, a node of the JSON document, is true of the person.
pub fn is_member(rule: &Value, person: &Person, moment: &Moment) -> bool {
    let (kind, body) = only_entry(rule);
    let holds = |node: &Value| is_member(node, person, moment);
    let is_status = |status: &Value| string(status).to_lowercase() == person.status;
    match kind {
        "all" => items(body).iter().all(holds),
        "any" => items(body).iter().any(holds),
        "not" => !holds(body),
        "everyone" => truth(body),
        "text" => text_holds(body, find_value(person, body)),
        "number" => number_holds(&body["is"], find_value(person, body)),
        "date" => date_holds(&body["is"], find_value(person, body), moment),
        "boolean" => boolean_holds(&body["is"], find_value(person, body)),
        "status" => items(&body["in"]).iter().any(is_status),
        "group" => group_holds(body, person),
        "event" => event_holds(body, person, moment),
        unknown => panic!("unknown node {unknown}"),
    }
}

fn only_entry(object: &Value) -> (&str, &Value) {
    let object = object.as_object().expect("an object");
    assert_eq!(object.len(), 1, "exactly one key in {object:?}");
    let (key, value) = object.iter().next().expect("one entry");
    (key, value)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

fn string(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn truth(value: &Value) -> bool {
    value.as_bool().expect("true or false")
}

fn find_value(person: &Person, condition: &Value) -> Option<CustomValue> {
    let field = string(&condition["field"]);
    if let Some(key) = field.strip_prefix("custom.") {
        return person.custom.get(key).cloned();
    }
    let text = |text: &str| Some(CustomValue::Text(text.to_owned()));
    let instant = |field| Some(CustomValue::Datetime(*person.instants.get(field)?));
    match field {
        "email" => text(&person.email),
        "email.domain" => text(person.email.rsplit('@').next()?),
        "birthday" => person.birthday.map(CustomValue::Date),
        _ if field.ends_with("At") => instant(field),
        _ => text(person.text.get(field)?),
    }
}

fn text_holds(body: &Value, value: Option<CustomValue>) -> bool {
    let exact = body.get("caseSensitive").is_some_and(truth);
    let (test, wanted) = only_entry(&body["is"]);
    let passes = |test| match &value {
        None => false,
        Some(CustomValue::Text(text)) => text_passes(text, test, wanted, exact),
        Some(other) => panic!("{other:?} is not a text"),
    };
    match test {
        "isSet" => value.is_some() == truth(wanted),
        "notEquals" => !passes("equals"),
        "notIn" => !passes("in"),
        "notContains" => !passes("contains"),
        _ => passes(test),
    }
}

fn text_passes(value: &str, test: &str, wanted: &Value, exact: bool) -> bool {
    let fold = |text: &str| match exact {
        true => text.to_owned(),
        false => text.to_lowercase(),
    };
    let folded = fold(value);
    match test {
        "equals" => folded == fold(string(wanted)),
        "in" => items(wanted).iter().any(|one| folded == fold(string(one))),
        "contains" => folded.contains(&fold(string(wanted))),
        "startsWith" => folded.starts_with(&fold(string(wanted))),
        "endsWith" => folded.ends_with(&fold(string(wanted))),
        "matches" => {
            let pattern = (string(wanted).to_owned(), exact);
            PATTERNS.with_borrow_mut(|known| {
                let pattern = known.entry(pattern).or_insert_with_key(compile);
                pattern.is_match(value)
            })
        }
        unknown => panic!("unknown text test {unknown}"),
    }
}

thread_local! {
    /// Compiled patterns, by text and whether letter case counts: compiling takes longer than all else.
    static PATTERNS: RefCell<HashMap<(String, bool), Regex>> = RefCell::default();
}

fn compile((pattern, exact): &(String, bool)) -> Regex {
    let mut pattern = RegexBuilder::new(pattern);
    let pattern = pattern.case_insensitive(!exact).build();
    pattern.expect("a valid pattern")
}

fn number_holds(is: &Value, value: Option<CustomValue>) -> bool {
    let (test, wanted) = only_entry(is);
    let value = value.map(|value| match value {
        CustomValue::Number(number) => number,
        other => panic!("{other:?} is not a number"),
    });
    let passes = |holds: fn(f64, f64) -> bool| value.is_some_and(|v| holds(v, number(wanted)));
    match test {
        "isSet" => value.is_some() == truth(wanted),
        "equals" => passes(|v, w| v == w),
        "notEquals" => !passes(|v, w| v == w),
        "greaterThan" => passes(|v, w| v > w),
        "atLeast" => passes(|v, w| v >= w),
        "lessThan" => passes(|v, w| v < w),
        "atMost" => passes(|v, w| v <= w),
        "between" => {
            value.is_some_and(|v| number(&wanted["from"]) <= v && v <= number(&wanted["to"]))
        }
        "in" => value.is_some_and(|v| items(wanted).iter().any(|one| v == number(one))),
        unknown => panic!("unknown number test {unknown}"),
    }
}

fn boolean_holds(is: &Value, value: Option<CustomValue>) -> bool {
    let (test, wanted) = only_entry(is);
    match test {
        "isSet" => value.is_some() == truth(wanted),
        "isTrue" => truth(wanted) && value == Some(CustomValue::Boolean(true)),
        "isFalse" => truth(wanted) && value == Some(CustomValue::Boolean(false)),
        unknown => panic!("unknown boolean test {unknown}"),
    }
}

fn group_holds(body: &Value, person: &Person) -> bool {
    let (test, keys) = only_entry(body);
    let is_in = |key: &Value| person.groups.contains_key(string(key));
    match test {
        "inAny" => items(keys).iter().any(is_in),
        "inAll" => items(keys).iter().all(is_in),
        unknown => panic!("unknown group test {unknown}"),
    }
}

/// A day or an instant.
fn literal(value: &Value) -> CustomValue {
    let text = string(value);
    let instant = || text.parse().expect("a day or an instant");
    text.parse()
        .map_or_else(|_| CustomValue::Datetime(instant()), CustomValue::Date)
}

fn date_holds(is: &Value, value: Option<CustomValue>, moment: &Moment) -> bool {
    let (test, wanted) = only_entry(is);
    if test == "isSet" {
        return value.is_some() == truth(wanted);
    }
    let Some(value) = value else { return false };
    let today = moment.day_of(moment.now);
    let day = match value {
        CustomValue::Date(day) => day,
        CustomValue::Datetime(instant) => moment.day_of(instant),
        ref other => panic!("{other:?} is not a date"),
    };
    match test {
        "isToday" => truth(wanted) && day == today,
        "anniversaryToday" => truth(wanted) && anniversary(day, today.year()) == today,
        "anniversaryInTheNext" => next_anniversary(day, today) <= shift_day(today, wanted, 1),
        "anniversaryInTheLast" => latest_anniversary(day, today) >= shift_day(today, wanted, -1),
        "anniversaryMonth" => i64::from(day.month()) == wanted.as_i64().expect("a month"),
        "inTheLast" | "moreThanAgo" | "inTheNext" => relative_holds(test, wanted, &value, moment),
        _ => absolute_holds(test, wanted, &value, moment.zone),
    }
}

fn relative_holds(test: &str, span: &Value, value: &CustomValue, moment: &Moment) -> bool {
    let today = moment.day_of(moment.now);
    match *value {
        CustomValue::Date(day) => is_near(test, day, today, |sign| shift_day(today, span, sign)),
        CustomValue::Datetime(at) => {
            is_near(test, at, moment.now, |sign| shift_now(moment, span, sign))
        }
        ref other => panic!("{other:?} is not a date"),
    }
}

fn is_near<T: PartialOrd>(test: &str, value: T, now: T, shifted: impl Fn(i64) -> T) -> bool {
    match test {
        "inTheLast" => shifted(-1) <= value && value <= now,
        "moreThanAgo" => value < shifted(-1),
        "inTheNext" => now <= value && value <= shifted(1),
        unknown => panic!("unknown date test {unknown}"),
    }
}

fn absolute_holds(test: &str, wanted: &Value, value: &CustomValue, zone: Tz) -> bool {
    let to = |wanted: &Value| compare(value, &literal(wanted), zone);
    match test {
        "on" => to(wanted).is_eq(),
        "before" => to(wanted).is_lt(),
        "after" => to(wanted).is_gt(),
        "onOrBefore" => to(wanted).is_le(),
        "onOrAfter" => to(wanted).is_ge(),
        "between" => to(&wanted["from"]).is_ge() && to(&wanted["to"]).is_le(),
        unknown => panic!("unknown date test {unknown}"),
    }
}

/// Less before the literal begins, greater after it has ended.
fn compare(value: &CustomValue, literal: &CustomValue, zone: Tz) -> Ordering {
    match (value, literal) {
        (CustomValue::Date(value), CustomValue::Date(day)) => value.cmp(day),
        (CustomValue::Datetime(value), CustomValue::Datetime(instant)) => value.cmp(instant),
        (CustomValue::Datetime(value), CustomValue::Date(day)) => {
            if *value < start_of_day(*day, zone) {
                Ordering::Less
            } else if *value < start_of_day(*day + Duration::days(1), zone) {
                Ordering::Equal
            } else {
                Ordering::Greater
            }
        }
        mixed => panic!("{mixed:?} cannot be compared"),
    }
}

fn event_holds(body: &Value, person: &Person, moment: &Moment) -> bool {
    let names = match body.get("name") {
        Some(name) => std::slice::from_ref(name),
        None => items(&body["names"]),
    };
    let is_wanted = |event: &&Event| {
        let occurred = CustomValue::Datetime(event.occurred_at);
        names.iter().any(|name| string(name) == event.name) && is_in_window(body, &occurred, moment)
    };
    let events: Vec<&Event> = person.events.iter().filter(is_wanted).collect();
    let count = events.len() as f64;
    match (body.get("count"), body.get("sum")) {
        (None, None) => count >= 1.0,
        (Some(is), None) => number_holds(is, Some(CustomValue::Number(count))),
        (None, Some(is)) => {
            let values = events.iter().map(|event| event.value.unwrap_or(0));
            let millionths: i128 = values.map(i128::from).sum();
            let sum = millionths as f64 / 1e6;
            number_holds(is, Some(CustomValue::Number(sum)))
        }
        (Some(_), Some(_)) => panic!("at most one measure"),
    }
}

fn is_in_window(body: &Value, occurred: &CustomValue, moment: &Moment) -> bool {
    if let Some(span) = body.get("inTheLast") {
        return relative_holds("inTheLast", span, occurred, moment);
    }
    for test in ["between", "before", "after"] {
        if let Some(wanted) = body.get(test) {
            return absolute_holds(test, wanted, occurred, moment.zone);
        }
    }
    true
}

/// The anniversary in a year; 29 February's is 28 February where there is none.
fn anniversary(day: NaiveDate, year: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, day.month(), day.day())
        .unwrap_or_else(|| NaiveDate::from_ymd_opt(year, 2, 28).expect("28 February"))
}

fn next_anniversary(day: NaiveDate, today: NaiveDate) -> NaiveDate {
    let is_over = anniversary(day, today.year()) < today;
    anniversary(day, today.year() + i32::from(is_over))
}

fn latest_anniversary(day: NaiveDate, today: NaiveDate) -> NaiveDate {
    let is_ahead = anniversary(day, today.year()) > today;
    anniversary(day, today.year() - i32::from(is_ahead))
}

/// Adds (`sign` 1) or subtracts (-1) a `{amount, unit}` span of whole days or more.
fn shift_day(day: NaiveDate, span: &Value, sign: i64) -> NaiveDate {
    match string(&span["unit"]) {
        "DAY" => day + Duration::days(amount(span, sign, 365)),
        "WEEK" => day + Duration::weeks(amount(span, sign, 52)),
        "MONTH" => shift_months(day, amount(span, sign, 12)),
        "YEAR" => shift_months(day, 12 * amount(span, sign, 1)),
        unknown => panic!("unknown calendar unit {unknown}"),
    }
}

/// The signed amount, cut at 20,000 years, which are out of reach of every stored date.
fn amount(span: &Value, sign: i64, units_per_year: i64) -> i64 {
    let amount = span["amount"].as_i64().expect("an amount");
    sign * amount.clamp(0, 20_000 * units_per_year)
}

/// The same day of another month, or that month's last day.
fn shift_months(day: NaiveDate, months: i64) -> NaiveDate {
    let total = i64::from(day.year()) * 12 + i64::from(day.month0()) + months;
    let (year, month) = (total.div_euclid(12) as i32, total.rem_euclid(12) as u32 + 1);
    let day_in_month = |day| NaiveDate::from_ymd_opt(year, month, day);
    let mut existing = (1..=day.day()).rev().filter_map(day_in_month);
    existing.next().expect("every month has a first day")
}

/// Now plus or minus a span: hours are exact, everything longer keeps the wall-clock time.
fn shift_now(moment: &Moment, span: &Value, sign: i64) -> DateTime<Utc> {
    if span["unit"] == "HOUR" {
        return moment.now + Duration::seconds(3600 * amount(span, sign, 365 * 24));
    }
    let wall = moment.now.with_timezone(&moment.zone).naive_local();
    let shifted = shift_day(wall.date(), span, sign).and_time(wall.time());
    instant_at(shifted, moment.zone)
}

/// The first instant at which clocks show this time; none when a jump skips it.
fn first_instant_at(wall: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(instant) => Some(instant.to_utc()),
        LocalResult::Ambiguous(one, other) => Some(one.min(other).to_utc()),
        LocalResult::None => None,
    }
}

/// The instant of a wall-clock time; one that a jump skips counts on from before the jump.
fn instant_at(wall: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    let mut earlier = wall;
    loop {
        if let Some(instant) = first_instant_at(earlier, zone) {
            return instant + (wall - earlier);
        }
        earlier -= Duration::minutes(1);
    }
}

/// The first instant of a day, or what comes next where its midnight, or all of it, was skipped.
fn start_of_day(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    let (minute, second) = (Duration::minutes(1), Duration::seconds(1));
    let mut wall = midnight;
    while first_instant_at(wall, zone).is_none() {
        wall += minute;
    }
    while wall > midnight && first_instant_at(wall - second, zone).is_some() {
        wall -= second;
    }
    first_instant_at(wall, zone).expect("just found")
}
