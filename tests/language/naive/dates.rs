//! Dates the naive way: comparing, counting back and ahead, celebrating.

use super::{CustomValue, Moment, only_entry, string, truth};
use chrono::{DateTime, Datelike, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime};
use chrono::{SubsecRound, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use serde_json::{Value, json};
use std::cmp::Ordering;

/// A day or an instant.
fn literal(value: &Value) -> CustomValue {
    let text = string(value);
    // Instants are whole microseconds.
    let instant = || -> DateTime<Utc> { text.parse().expect("a day or an instant") };
    text.parse().map_or_else(
        |_| CustomValue::Datetime(instant().trunc_subsecs(6)),
        CustomValue::Date,
    )
}

pub fn date_holds(is: &Value, value: Option<CustomValue>, moment: &Moment) -> bool {
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
        "during" => is_during(string(wanted), day, today),
        "inTheLast" | "moreThanAgo" | "inTheNext" | "betweenAgo" => {
            relative_holds(test, wanted, &value, moment)
        }
        _ => absolute_holds(test, wanted, &value, moment.zone),
    }
}

/// Whether a day is in a calendar period: as many days, weeks, months, quarters or years from today as the name says.
fn is_during(period: &str, day: NaiveDate, today: NaiveDate) -> bool {
    let monday = |day: NaiveDate| day.week(Weekday::Mon).first_day();
    let month = |day: NaiveDate| i64::from(day.year()) * 12 + i64::from(day.month0());
    let distance = match period.rsplit('_').next() {
        Some("WEEK") => (monday(day) - monday(today)).num_days() / 7,
        Some("MONTH") => month(day) - month(today),
        Some("QUARTER") => month(day).div_euclid(3) - month(today).div_euclid(3),
        Some("YEAR") => i64::from(day.year() - today.year()),
        _ => (day - today).num_days(),
    };
    match period {
        "YESTERDAY" => distance == -1,
        "TODAY" => distance == 0,
        "TOMORROW" => distance == 1,
        _ if period.starts_with("LAST_") => distance == -1,
        _ if period.starts_with("THIS_") => distance == 0,
        _ if period.starts_with("NEXT_") => distance == 1,
        unknown => panic!("unknown calendar period {unknown}"),
    }
}

fn relative_holds(test: &str, span: &Value, value: &CustomValue, moment: &Moment) -> bool {
    let today = moment.day_of(moment.now);
    if test == "betweenAgo" {
        let [from, to] = [&span["from"], &span["to"]];
        return match *value {
            CustomValue::Date(day) => {
                shift_day(today, from, -1) <= day && day <= shift_day(today, to, -1)
            }
            CustomValue::Datetime(at) => {
                shift_now(moment, from, -1) <= at && at <= shift_now(moment, to, -1)
            }
            ref other => panic!("{other:?} is not a date"),
        };
    }
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

/// The anniversary in a year; 29 February's is 28 February where there is none.
pub fn anniversary(day: NaiveDate, year: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, day.month(), day.day())
        .unwrap_or_else(|| NaiveDate::from_ymd_opt(year, 2, 28).expect("28 February"))
}

pub fn next_anniversary(day: NaiveDate, today: NaiveDate) -> NaiveDate {
    let is_over = anniversary(day, today.year()) < today;
    anniversary(day, today.year() + i32::from(is_over))
}

pub fn latest_anniversary(day: NaiveDate, today: NaiveDate) -> NaiveDate {
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
pub fn shift_now(moment: &Moment, span: &Value, sign: i64) -> DateTime<Utc> {
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
pub fn start_of_day(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
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

/// Whether the one window that is there, if any, has the instant in it.
pub fn is_in_window(windows: &Value, at: DateTime<Utc>, moment: &Moment) -> bool {
    let at = CustomValue::Datetime(at);
    for test in ["inTheLast", "betweenAgo"] {
        if let Some(span) = windows.get(test) {
            return relative_holds(test, span, &at, moment);
        }
    }
    if windows.get("during").is_some() {
        let during = json!({"during": windows["during"]});
        return date_holds(&during, Some(at), moment);
    }
    let mut absolute = ["between", "before", "after"].into_iter();
    let window = absolute.find_map(|test| Some((test, windows.get(test)?)));
    window.is_none_or(|(test, wanted)| absolute_holds(test, wanted, &at, moment.zone))
}
