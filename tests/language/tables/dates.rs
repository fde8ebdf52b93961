//! Fields of instants: days that begin at local midnight, and relative windows across clock changes.

use super::{audience, check, created};
use serde_json::{Value, json};

fn created_at(test: Value) -> Value {
    json!({"date": {"field": "createdAt", "is": test}})
}

/// A zone, a day of it, and four instants: the last before it, its first, its last and the first after it.
pub const DAYS: [(&str, &str, [&str; 4]); 9] = [
    (
        "Europe/Vilnius",
        "2026-03-29",
        [
            "2026-03-28T21:59:59.999999Z",
            "2026-03-28T22:00:00Z",
            "2026-03-29T20:59:59.999999Z",
            "2026-03-29T21:00:00Z",
        ],
    ),
    (
        "Europe/Vilnius",
        "2026-10-25",
        [
            "2026-10-24T20:59:59.999999Z",
            "2026-10-24T21:00:00Z",
            "2026-10-25T21:59:59.999999Z",
            "2026-10-25T22:00:00Z",
        ],
    ),
    (
        "America/New_York",
        "2026-03-08",
        [
            "2026-03-08T04:59:59.999999Z",
            "2026-03-08T05:00:00Z",
            "2026-03-09T03:59:59.999999Z",
            "2026-03-09T04:00:00Z",
        ],
    ),
    (
        "America/New_York",
        "2026-11-01",
        [
            "2026-11-01T03:59:59.999999Z",
            "2026-11-01T04:00:00Z",
            "2026-11-02T04:59:59.999999Z",
            "2026-11-02T05:00:00Z",
        ],
    ),
    (
        "Asia/Kolkata",
        "2026-03-29",
        [
            "2026-03-28T18:29:59.999999Z",
            "2026-03-28T18:30:00Z",
            "2026-03-29T18:29:59.999999Z",
            "2026-03-29T18:30:00Z",
        ],
    ),
    (
        "Asia/Kolkata",
        "2026-10-25",
        [
            "2026-10-24T18:29:59.999999Z",
            "2026-10-24T18:30:00Z",
            "2026-10-25T18:29:59.999999Z",
            "2026-10-25T18:30:00Z",
        ],
    ),
    (
        "Europe/Vilnius",
        "2024-02-29",
        [
            "2024-02-28T21:59:59.999999Z",
            "2024-02-28T22:00:00Z",
            "2024-02-29T21:59:59.999999Z",
            "2024-02-29T22:00:00Z",
        ],
    ),
    (
        "America/New_York",
        "2025-12-31",
        [
            "2025-12-31T04:59:59.999999Z",
            "2025-12-31T05:00:00Z",
            "2026-01-01T04:59:59.999999Z",
            "2026-01-01T05:00:00Z",
        ],
    ),
    (
        "Asia/Kolkata",
        "2026-02-28",
        [
            "2026-02-27T18:29:59.999999Z",
            "2026-02-27T18:30:00Z",
            "2026-02-28T18:29:59.999999Z",
            "2026-02-28T18:30:00Z",
        ],
    ),
];

#[test]
fn a_day_is_that_local_day() {
    for (zone, day, [before, first, last, after]) in DAYS {
        let instants = [before, first, last, after].join(" | ");
        let people = audience(&format!("{first} {zone}"), &instants, created);
        let whole = format!("{first} | {last}");
        check(&people, created_at(json!({"on": day})), &whole);
        check(&people, created_at(json!({"isToday": true})), &whole);
        check(
            &people,
            created_at(json!({"between": {"from": day, "to": day}})),
            &whole,
        );
        check(&people, created_at(json!({"before": day})), before);
        check(&people, created_at(json!({"after": day})), after);
        check(
            &people,
            created_at(json!({"onOrBefore": day})),
            &format!("{before} | {whole}"),
        );
        check(
            &people,
            created_at(json!({"onOrAfter": day})),
            &format!("{whole} | {after}"),
        );
        check(&people, created_at(json!({"isSet": true})), &instants);
        check(&people, created_at(json!({"isSet": false})), "none");
    }
}

#[test]
fn an_instant_is_that_microsecond() {
    let people = audience(
        "2026-03-29T12:00:00Z Europe/Vilnius",
        "2026-03-29T00:59:59.999999Z | 2026-03-29T01:00:00Z | 2026-03-29T01:00:00.000001Z",
        created,
    );
    // Three ways to write the moment at which the clocks of Vilnius change.
    for literal in [
        "2026-03-29T01:00:00Z",
        "2026-03-29T04:00:00.0000009+03:00",
        "2026-03-28T21:00:00-04:00",
    ] {
        check(
            &people,
            created_at(json!({"on": literal})),
            "2026-03-29T01:00:00Z",
        );
        check(
            &people,
            created_at(json!({"before": literal})),
            "2026-03-29T00:59:59.999999Z",
        );
        check(
            &people,
            created_at(json!({"after": literal})),
            "2026-03-29T01:00:00.000001Z",
        );
        check(
            &people,
            created_at(json!({"onOrBefore": literal})),
            "2026-03-29T00:59:59.999999Z | 2026-03-29T01:00:00Z",
        );
        check(
            &people,
            created_at(json!({"onOrAfter": literal})),
            "2026-03-29T01:00:00Z | 2026-03-29T01:00:00.000001Z",
        );
        check(
            &people,
            created_at(json!({"between": {"from": literal, "to": literal}})),
            "2026-03-29T01:00:00Z",
        );
        check(
            &people,
            created_at(json!({"between": {"from": "2026-03-29", "to": literal}})),
            "2026-03-29T00:59:59.999999Z | 2026-03-29T01:00:00Z",
        );
        check(
            &people,
            created_at(json!({"between": {"from": literal, "to": "2026-03-29"}})),
            "2026-03-29T01:00:00Z | 2026-03-29T01:00:00.000001Z",
        );
    }
}

#[test]
fn the_first_and_the_last_year_are_in_reach() {
    let people = audience(
        "2026-03-29T12:00:00Z America/New_York",
        "0001-01-01T12:00:00Z | 9999-12-31T23:59:59.999999Z",
        created,
    );
    check(
        &people,
        created_at(json!({"on": "0001-01-01"})),
        "0001-01-01T12:00:00Z",
    );
    check(&people, created_at(json!({"before": "0001-01-01"})), "");
    check(
        &people,
        created_at(json!({"on": "9999-12-31"})),
        "9999-12-31T23:59:59.999999Z",
    );
    check(&people, created_at(json!({"after": "9999-12-31"})), "");
    let long = json!({"amount": 100_000, "unit": "YEAR"});
    check(
        &people,
        created_at(json!({"inTheLast": long})),
        "0001-01-01T12:00:00Z",
    );
    check(
        &people,
        created_at(json!({"inTheNext": long})),
        "9999-12-31T23:59:59.999999Z",
    );
    check(&people, created_at(json!({"moreThanAgo": long})), "");
}

/// A moment, a period, the instant that lies the period before, and the one that lies it after.
pub const PERIODS: [(&str, u32, &str, &str, &str); 20] = [
    // The clocks of Vilnius go from 03:00 to 04:00 on 29 March, at 01:00 UTC.
    (
        "2026-03-29T12:00:00Z Europe/Vilnius",
        1,
        "DAY",
        "2026-03-28T13:00:00Z",
        "2026-03-30T12:00:00Z",
    ),
    (
        "2026-03-28T12:00:00Z Europe/Vilnius",
        1,
        "DAY",
        "2026-03-27T12:00:00Z",
        "2026-03-29T11:00:00Z",
    ),
    (
        "2026-03-29T12:00:00Z Europe/Vilnius",
        24,
        "HOUR",
        "2026-03-28T12:00:00Z",
        "2026-03-30T12:00:00Z",
    ),
    (
        "2026-04-05T12:00:00Z Europe/Vilnius",
        2,
        "WEEK",
        "2026-03-22T13:00:00Z",
        "2026-04-19T12:00:00Z",
    ),
    // 03:30 does not exist on that day: it is read as if the clocks had not changed yet.
    (
        "2026-03-30T00:30:00Z Europe/Vilnius",
        1,
        "DAY",
        "2026-03-29T01:30:00Z",
        "2026-03-31T00:30:00Z",
    ),
    // They go from 04:00 to 03:00 on 25 October, at 01:00 UTC.
    (
        "2026-10-25T12:00:00Z Europe/Vilnius",
        1,
        "DAY",
        "2026-10-24T11:00:00Z",
        "2026-10-26T12:00:00Z",
    ),
    (
        "2026-10-25T12:00:00Z Europe/Vilnius",
        24,
        "HOUR",
        "2026-10-24T12:00:00Z",
        "2026-10-26T12:00:00Z",
    ),
    // 03:30 exists twice on that day: the first one counts.
    (
        "2026-10-26T01:30:00Z Europe/Vilnius",
        1,
        "DAY",
        "2026-10-25T00:30:00Z",
        "2026-10-27T01:30:00Z",
    ),
    (
        "2026-10-24T00:30:00Z Europe/Vilnius",
        1,
        "DAY",
        "2026-10-23T00:30:00Z",
        "2026-10-25T00:30:00Z",
    ),
    (
        "2026-10-25T12:00:00Z Europe/Vilnius",
        1,
        "MONTH",
        "2026-09-25T11:00:00Z",
        "2026-11-25T12:00:00Z",
    ),
    (
        "2026-03-08T12:00:00Z America/New_York",
        1,
        "DAY",
        "2026-03-07T13:00:00Z",
        "2026-03-09T12:00:00Z",
    ),
    (
        "2026-03-07T07:30:00Z America/New_York",
        1,
        "DAY",
        "2026-03-06T07:30:00Z",
        "2026-03-08T07:30:00Z",
    ),
    (
        "2026-11-01T12:00:00Z America/New_York",
        1,
        "DAY",
        "2026-10-31T11:00:00Z",
        "2026-11-02T12:00:00Z",
    ),
    (
        "2026-11-01T12:00:00Z America/New_York",
        25,
        "HOUR",
        "2026-10-31T11:00:00Z",
        "2026-11-02T13:00:00Z",
    ),
    (
        "2026-03-29T12:00:00Z Asia/Kolkata",
        1,
        "DAY",
        "2026-03-28T12:00:00Z",
        "2026-03-30T12:00:00Z",
    ),
    // Month ends are those of the local day: it is 31 March in Kolkata already.
    (
        "2026-03-30T20:00:00Z Asia/Kolkata",
        1,
        "MONTH",
        "2026-02-27T20:00:00Z",
        "2026-04-29T20:00:00Z",
    ),
    (
        "2024-02-29T12:00:00Z Asia/Kolkata",
        1,
        "YEAR",
        "2023-02-28T12:00:00Z",
        "2025-02-28T12:00:00Z",
    ),
    (
        "2024-02-29T12:00:00Z Asia/Kolkata",
        4,
        "YEAR",
        "2020-02-29T12:00:00Z",
        "2028-02-29T12:00:00Z",
    ),
    (
        "2024-03-31T12:00:00Z Europe/Vilnius",
        1,
        "MONTH",
        "2024-02-29T13:00:00Z",
        "2024-04-30T12:00:00Z",
    ),
    (
        "2026-03-29T12:00:00Z UTC",
        0,
        "DAY",
        "2026-03-29T12:00:00Z",
        "2026-03-29T12:00:00Z",
    ),
];

#[test]
fn relative_windows_keep_the_wall_clock() {
    for (moment, amount, unit, past, future) in PERIODS {
        let (now, _) = moment.split_once(' ').expect("an instant and a zone");
        let period = json!({"amount": amount, "unit": unit});
        let in_the_last = created_at(json!({ "inTheLast": period }));
        let more_than_ago = created_at(json!({ "moreThanAgo": period }));
        let in_the_next = created_at(json!({ "inTheNext": period }));
        let (too_early, too_late) = (just_before(past), just_after(future));
        let instants = match amount {
            0 => format!("{too_early} | {now} | {too_late}"),
            _ => format!("{too_early} | {past} | {now} | {future} | {too_late}"),
        };
        let people = audience(moment, &instants, created);
        let window = |one: &str, other: &str| match amount {
            0 => now.to_owned(),
            _ => format!("{one} | {other}"),
        };
        check(&people, in_the_last, &window(past, now));
        check(&people, more_than_ago, &too_early);
        check(&people, in_the_next, &window(now, future));
    }
}

/// The instant a microsecond before one of a whole minute.
pub fn just_before(instant: &str) -> String {
    let earlier =
        super::parse::<chrono::DateTime<chrono::Utc>>(instant) - chrono::Duration::microseconds(1);
    earlier.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

/// The instant a microsecond after one of a whole minute.
pub fn just_after(instant: &str) -> String {
    instant.replace(":00Z", ":00.000001Z")
}
