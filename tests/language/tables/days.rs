//! Fields of days: the calendar, what "today" is, and anniversaries.

use super::{Audience, audience, check, created, nobody, parse};
use crate::naive::Person;
use serde_json::{Value, json};

fn born(moment: &str, days: &str) -> Audience {
    audience(moment, days, |day| Person {
        birthday: Some(parse(day)),
        ..nobody()
    })
}

fn birthday(test: Value) -> Value {
    json!({"date": {"field": "birthday", "is": test}})
}

fn span(test: &str, amount: u32, unit: &str) -> Value {
    birthday(json!({test: {"amount": amount, "unit": unit}}))
}

#[test]
fn days_compare_with_days() {
    let people = born(
        "2026-03-29T12:00:00Z UTC",
        "0001-01-01 | 2026-02-28 | 2026-03-01 | 2026-03-02 | 9999-12-31",
    );
    let day = "2026-03-01";
    check(&people, birthday(json!({"on": day})), "2026-03-01");
    check(
        &people,
        birthday(json!({"before": day})),
        "0001-01-01 | 2026-02-28",
    );
    check(
        &people,
        birthday(json!({"after": day})),
        "2026-03-02 | 9999-12-31",
    );
    check(
        &people,
        birthday(json!({"onOrBefore": day})),
        "0001-01-01 | 2026-02-28 | 2026-03-01",
    );
    check(
        &people,
        birthday(json!({"onOrAfter": day})),
        "2026-03-01 | 2026-03-02 | 9999-12-31",
    );
    check(
        &people,
        birthday(json!({"between": {"from": "2026-02-28", "to": day}})),
        "2026-02-28 | 2026-03-01",
    );
    check(
        &people,
        birthday(json!({"between": {"from": day, "to": day}})),
        "2026-03-01",
    );
    check(&people, birthday(json!({"before": "0001-01-01"})), "");
    check(&people, birthday(json!({"after": "9999-12-31"})), "");
    check(
        &people,
        birthday(json!({"isSet": true})),
        "0001-01-01 | 2026-02-28 | 2026-03-01 | 2026-03-02 | 9999-12-31",
    );
    check(&people, birthday(json!({"isSet": false})), "none");
}

#[test]
fn relative_days_count_from_today() {
    let people = born(
        "2026-03-29T12:00:00Z UTC",
        "2026-03-27 | 2026-03-28 | 2026-03-29 | 2026-03-30 | 2026-03-31",
    );
    check(&people, birthday(json!({"isToday": true})), "2026-03-29");
    check(&people, span("inTheLast", 0, "DAY"), "2026-03-29");
    check(
        &people,
        span("inTheLast", 1, "DAY"),
        "2026-03-28 | 2026-03-29",
    );
    check(&people, span("inTheNext", 0, "DAY"), "2026-03-29");
    check(
        &people,
        span("inTheNext", 1, "DAY"),
        "2026-03-29 | 2026-03-30",
    );
    check(
        &people,
        span("moreThanAgo", 0, "DAY"),
        "2026-03-27 | 2026-03-28",
    );
    check(&people, span("moreThanAgo", 1, "DAY"), "2026-03-27");
    check(
        &people,
        span("inTheLast", 100_000, "YEAR"),
        "2026-03-27 | 2026-03-28 | 2026-03-29",
    );
    check(&people, span("moreThanAgo", 100_000, "YEAR"), "");
    check(
        &people,
        span("inTheNext", 100_000, "YEAR"),
        "2026-03-29 | 2026-03-30 | 2026-03-31",
    );
}

#[test]
fn today_begins_at_local_midnight() {
    for (moment, today) in [
        ("2026-03-28T21:59:59.999999Z Europe/Vilnius", "2026-03-28"),
        ("2026-03-28T22:00:00Z Europe/Vilnius", "2026-03-29"),
        ("2026-03-29T20:59:59.999999Z Europe/Vilnius", "2026-03-29"),
        ("2026-03-29T21:00:00Z Europe/Vilnius", "2026-03-30"),
        ("2026-10-24T21:00:00Z Europe/Vilnius", "2026-10-25"),
        ("2026-10-25T21:59:59.999999Z Europe/Vilnius", "2026-10-25"),
        ("2026-10-25T22:00:00Z Europe/Vilnius", "2026-10-26"),
        ("2026-03-08T04:59:59.999999Z America/New_York", "2026-03-07"),
        ("2026-03-08T05:00:00Z America/New_York", "2026-03-08"),
        ("2026-03-09T03:59:59.999999Z America/New_York", "2026-03-08"),
        ("2026-03-09T04:00:00Z America/New_York", "2026-03-09"),
        ("2026-11-01T04:00:00Z America/New_York", "2026-11-01"),
        ("2026-11-02T04:59:59.999999Z America/New_York", "2026-11-01"),
        ("2026-11-02T05:00:00Z America/New_York", "2026-11-02"),
        ("2026-03-28T18:29:59.999999Z Asia/Kolkata", "2026-03-28"),
        ("2026-03-28T18:30:00Z Asia/Kolkata", "2026-03-29"),
        ("2024-02-29T18:29:59.999999Z Asia/Kolkata", "2024-02-29"),
        ("2024-02-29T18:30:00Z Asia/Kolkata", "2024-03-01"),
    ] {
        let days = "2024-02-29 | 2024-03-01 | 2026-03-07 | 2026-03-08 | 2026-03-09 | 2026-03-28 | \
            2026-03-29 | 2026-03-30 | 2026-10-25 | 2026-10-26 | 2026-11-01 | 2026-11-02";
        let people = born(moment, days);
        check(&people, birthday(json!({"isToday": true})), today);
        check(&people, span("inTheNext", 0, "DAY"), today);
    }
}

#[test]
fn months_and_years_end_where_the_month_ends() {
    for (now, test, amount, unit, expected) in [
        (
            "2026-03-31",
            "inTheLast",
            1,
            "MONTH",
            "2026-02-28 | 2026-03-01",
        ),
        (
            "2024-03-31",
            "inTheLast",
            25,
            "MONTH",
            "2022-02-28 | 2023-02-28 | 2024-02-29",
        ),
        ("2024-03-31", "inTheLast", 1, "MONTH", "2024-02-29"),
        (
            "2024-03-31",
            "moreThanAgo",
            1,
            "MONTH",
            "2022-02-27 | 2022-02-28 | 2023-02-28",
        ),
        ("2023-03-31", "moreThanAgo", 13, "MONTH", "2022-02-27"),
        ("2026-01-31", "inTheNext", 1, "MONTH", "2026-02-28"),
        ("2024-01-31", "inTheNext", 1, "MONTH", "2024-02-29"),
        (
            "2024-02-29",
            "inTheLast",
            1,
            "YEAR",
            "2023-02-28 | 2024-02-29",
        ),
        (
            "2024-02-29",
            "moreThanAgo",
            1,
            "YEAR",
            "2022-02-27 | 2022-02-28",
        ),
        (
            "2024-02-29",
            "inTheNext",
            2,
            "YEAR",
            "2024-02-29 | 2026-02-28",
        ),
        (
            "2022-02-28",
            "inTheNext",
            1,
            "YEAR",
            "2022-02-28 | 2023-02-28",
        ),
        (
            "2028-02-29",
            "inTheLast",
            4,
            "YEAR",
            "2024-02-29 | 2026-02-28 | 2026-03-01 | 2028-02-29",
        ),
        (
            "2026-03-01",
            "inTheLast",
            2,
            "WEEK",
            "2026-02-28 | 2026-03-01",
        ),
        (
            "2026-03-14",
            "inTheLast",
            2,
            "WEEK",
            "2026-02-28 | 2026-03-01",
        ),
        ("2026-03-15", "inTheLast", 2, "WEEK", "2026-03-01"),
    ] {
        let people = born(
            &format!("{now}T12:00:00Z UTC"),
            "2022-02-27 | 2022-02-28 | 2023-02-28 | 2024-02-29 | 2026-02-28 | 2026-03-01 | \
             2028-02-29",
        );
        check(&people, span(test, amount, unit), expected);
    }
}

const BIRTHDAYS: &str =
    "1999-12-31 | 2000-01-01 | 2000-02-28 | 2000-02-29 | 2000-03-01 | 2040-03-02";

#[test]
fn anniversaries_today() {
    for (now, expected) in [
        ("2026-02-27", ""),
        ("2026-02-28", "2000-02-28 | 2000-02-29"),
        ("2026-03-01", "2000-03-01"),
        ("2026-03-02", "2040-03-02"),
        ("2028-02-28", "2000-02-28"),
        ("2028-02-29", "2000-02-29"),
        ("2100-02-28", "2000-02-28 | 2000-02-29"),
        ("2026-12-31", "1999-12-31"),
        ("2027-01-01", "2000-01-01"),
    ] {
        let people = born(&format!("{now}T12:00:00Z UTC"), BIRTHDAYS);
        check(
            &people,
            birthday(json!({"anniversaryToday": true})),
            expected,
        );
        check(&people, span("anniversaryInTheNext", 0, "DAY"), expected);
        check(&people, span("anniversaryInTheLast", 0, "DAY"), expected);
    }
}

#[test]
fn anniversaries_ahead_and_behind() {
    const EVERYBODY: &str = BIRTHDAYS;
    for (now, test, amount, unit, expected) in [
        (
            "2026-12-31",
            "anniversaryInTheNext",
            1,
            "DAY",
            "1999-12-31 | 2000-01-01",
        ),
        ("2026-12-30", "anniversaryInTheNext", 1, "DAY", "1999-12-31"),
        (
            "2027-01-01",
            "anniversaryInTheNext",
            1,
            "WEEK",
            "2000-01-01",
        ),
        (
            "2027-01-01",
            "anniversaryInTheLast",
            1,
            "DAY",
            "1999-12-31 | 2000-01-01",
        ),
        ("2027-01-02", "anniversaryInTheLast", 1, "DAY", "2000-01-01"),
        (
            "2026-02-27",
            "anniversaryInTheNext",
            1,
            "DAY",
            "2000-02-28 | 2000-02-29",
        ),
        ("2028-02-27", "anniversaryInTheNext", 1, "DAY", "2000-02-28"),
        (
            "2028-02-27",
            "anniversaryInTheNext",
            2,
            "DAY",
            "2000-02-28 | 2000-02-29",
        ),
        (
            "2026-03-01",
            "anniversaryInTheLast",
            1,
            "DAY",
            "2000-02-28 | 2000-02-29 | 2000-03-01",
        ),
        (
            "2028-03-01",
            "anniversaryInTheLast",
            1,
            "DAY",
            "2000-02-29 | 2000-03-01",
        ),
        (
            "2026-01-31",
            "anniversaryInTheNext",
            1,
            "MONTH",
            "2000-02-28 | 2000-02-29",
        ),
        (
            "2028-01-31",
            "anniversaryInTheNext",
            1,
            "MONTH",
            "2000-02-28 | 2000-02-29",
        ),
        (
            "2026-03-31",
            "anniversaryInTheLast",
            1,
            "MONTH",
            "2000-02-28 | 2000-02-29 | 2000-03-01 | 2040-03-02",
        ),
        // From the second to the first of March there is every day of a year, but one day less lacks the first.
        ("2026-03-02", "anniversaryInTheNext", 364, "DAY", EVERYBODY),
        (
            "2026-03-02",
            "anniversaryInTheNext",
            363,
            "DAY",
            "1999-12-31 | 2000-01-01 | 2000-02-28 | 2000-02-29 | 2040-03-02",
        ),
        ("2026-06-01", "anniversaryInTheNext", 1, "YEAR", EVERYBODY),
        ("2026-06-01", "anniversaryInTheLast", 1, "YEAR", EVERYBODY),
        (
            "2026-06-01",
            "anniversaryInTheNext",
            100_000,
            "YEAR",
            EVERYBODY,
        ),
        (
            "2026-06-01",
            "anniversaryInTheLast",
            100_000,
            "YEAR",
            EVERYBODY,
        ),
    ] {
        let people = born(&format!("{now}T12:00:00Z UTC"), BIRTHDAYS);
        check(&people, span(test, amount, unit), expected);
    }
}

#[test]
fn anniversaries_of_a_month() {
    let people = born("2026-06-01T12:00:00Z UTC", BIRTHDAYS);
    let month = |number: u32| birthday(json!({"anniversaryMonth": number}));
    check(&people, month(1), "2000-01-01");
    check(&people, month(2), "2000-02-28 | 2000-02-29");
    check(&people, month(6), "");
    check(&people, month(12), "1999-12-31");
}

#[test]
fn an_instant_has_the_anniversary_of_its_local_day() {
    let instants = "1999-12-31T21:59:59.999999Z | 1999-12-31T22:00:00Z | 2025-03-28T22:30:00Z | \
        2025-03-29T21:30:00Z";
    let people = audience("2026-03-28T22:00:00Z Europe/Vilnius", instants, created);
    let created = |test: Value| json!({"date": {"field": "createdAt", "is": test}});
    check(
        &people,
        created(json!({"anniversaryMonth": 12})),
        "1999-12-31T21:59:59.999999Z",
    );
    check(
        &people,
        created(json!({"anniversaryMonth": 1})),
        "1999-12-31T22:00:00Z",
    );
    // Summer time had not begun by then a year before, so that both are of the 29th.
    check(
        &people,
        created(json!({"anniversaryToday": true})),
        "2025-03-28T22:30:00Z | 2025-03-29T21:30:00Z",
    );
}
