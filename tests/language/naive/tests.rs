//! The naive evaluator's calendar, by examples.

use super::Moment;
use super::dates::{anniversary, latest_anniversary, next_anniversary, shift_now, start_of_day};
use chrono::{DateTime, Utc};

fn read<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("valid test data")
}

#[test]
fn spans_keep_the_wall_clock() {
    for line in [
        "Europe/Vilnius 2026-03-29T12:00:00Z -1 DAY 2026-03-28T13:00:00Z",
        "Europe/Vilnius 2026-03-29T12:00:00Z -24 HOUR 2026-03-28T12:00:00Z",
        "Europe/Vilnius 2026-04-05T00:00:00Z -1 WEEK 2026-03-29T01:00:00Z",
        "Europe/Vilnius 2026-10-24T00:59:59Z 1 DAY 2026-10-25T00:59:59Z",
        "Europe/Vilnius 2026-10-24T01:00:00Z 1 DAY 2026-10-25T02:00:00Z",
        "America/New_York 2026-02-08T07:30:00.5Z 1 MONTH 2026-03-08T07:30:00.5Z",
        "America/New_York 2026-10-31T05:30:00Z 1 DAY 2026-11-01T05:30:00Z",
        "America/New_York 2026-11-01T12:00:00Z -1 DAY 2026-10-31T11:00:00Z",
        "Asia/Kolkata 2026-03-30T20:00:00Z -1 MONTH 2026-02-27T20:00:00Z",
        "Asia/Kolkata 2024-02-29T12:00:00Z 1 YEAR 2025-02-28T12:00:00Z",
        "Asia/Kolkata 2024-02-29T12:00:00Z -48 MONTH 2020-02-29T12:00:00Z",
        "Pacific/Apia 2012-01-30T19:00:00Z -1 MONTH 2011-12-30T19:00:00Z",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let (zone, now, steps) = (read(words[0]), read(words[1]), read::<i64>(words[2]));
        let span = serde_json::json!({"amount": steps.abs(), "unit": words[3]});
        let shifted = shift_now(&Moment { now, zone }, &span, steps.signum());
        assert_eq!(shifted, read::<DateTime<Utc>>(words[4]), "{line}");
    }
}

#[test]
fn days_start_at_their_first_instant() {
    for line in [
        "Europe/Vilnius 2026-03-29 2026-03-28T22:00:00Z",
        "Europe/Vilnius 2026-10-26 2026-10-25T22:00:00Z",
        "America/New_York 2026-03-09 2026-03-09T04:00:00Z",
        "America/Havana 2026-03-08 2026-03-08T05:00:00Z",
        "America/Havana 2026-11-01 2026-11-01T04:00:00Z",
        "America/Toronto 1919-03-31 1919-03-31T04:30:00Z",
        "Asia/Kolkata 2026-01-01 2025-12-31T18:30:00Z",
        "Pacific/Apia 2011-12-30 2011-12-30T10:00:00Z",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let start = start_of_day(read(words[1]), read(words[0]));
        assert_eq!(start, read::<DateTime<Utc>>(words[2]), "{line}");
    }
}

#[test]
fn the_29th_of_february_is_celebrated_on_the_28th() {
    let born = read("2000-02-29");
    assert_eq!(anniversary(born, 2100), read("2100-02-28"));
    assert_eq!(
        next_anniversary(born, read("2026-02-28")),
        read("2026-02-28")
    );
    assert_eq!(
        next_anniversary(born, read("2027-03-01")),
        read("2028-02-29")
    );
    assert_eq!(
        latest_anniversary(born, read("2028-02-28")),
        read("2027-02-28")
    );
}
