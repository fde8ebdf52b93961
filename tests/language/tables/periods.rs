//! Windows with two ends before now, and whole periods of the calendar.

use super::*;

fn seen(value: &str) -> Person {
    created(value)
}

fn born(value: &str) -> Person {
    Person {
        birthday: Some(parse(value)),
        ..nobody()
    }
}

fn joined_staff(value: &str) -> Person {
    Person {
        groups: [("staff".to_owned(), parse(value))].into(),
        ..nobody()
    }
}

fn buyer(value: &str) -> Person {
    active(&[("purchase", value, None)])
}

fn days(from: i64, to: i64) -> Value {
    json!({"from": {"amount": from, "unit": "DAY"}, "to": {"amount": to, "unit": "DAY"}})
}

#[test]
fn between_two_spans_ago_includes_both_ends_to_the_microsecond() {
    // 60 days before noon of 15 July is 16 May, 30 days before it is 15 June.
    let instants = "2026-05-16T11:59:59.999999Z | 2026-05-16T12:00:00Z | 2026-06-01T00:00:00Z \
        | 2026-06-15T12:00:00Z | 2026-06-15T12:00:00.000001Z | 2026-07-15T12:00:00Z";
    let inside = "2026-05-16T12:00:00Z | 2026-06-01T00:00:00Z | 2026-06-15T12:00:00Z";
    let window = json!({"betweenAgo": days(60, 30)});
    check(
        &audience(NOON, instants, seen),
        json!({"date": {"field": "createdAt", "is": window}}),
        inside,
    );
    check(
        &audience(NOON, instants, joined_staff),
        json!({"group": {"inAny": ["staff"], "addedAt": window}}),
        inside,
    );
    check(
        &audience(NOON, instants, buyer),
        json!({"event": {"name": "purchase", "betweenAgo": days(60, 30)}}),
        inside,
    );
    check(
        &audience(NOON, instants, buyer),
        json!({"event": {"name": "purchase", "lastAt": window}}),
        inside,
    );
    check(
        &audience(
            NOON,
            "2026-05-15 | 2026-05-16 | 2026-06-15 | 2026-06-16",
            born,
        ),
        json!({"date": {"field": "birthday", "is": window}}),
        "2026-05-16 | 2026-06-15",
    );
}

#[test]
fn between_two_spans_ago_keeps_the_wall_clock_through_clock_changes() {
    // Vilnius is at +02:00 until 29 March 2026, 03:00. Noon of 30 March is 09:00 UTC, noon two days before 10:00.
    let instants =
        "2026-03-28T09:59:59Z | 2026-03-28T10:00:00Z | 2026-03-29T09:00:00Z | 2026-03-29T09:00:01Z";
    check(
        &audience("2026-03-30T09:00:00Z Europe/Vilnius", instants, buyer),
        json!({"event": {"name": "purchase", "betweenAgo": days(2, 1)}}),
        "2026-03-28T10:00:00Z | 2026-03-29T09:00:00Z",
    );
    // Months are clamped: a month before 31 March is 28 February.
    check(
        &audience(
            "2026-03-31T12:00:00Z UTC",
            "2026-02-28T12:00:00Z | 2026-03-01T00:00:00Z | 2026-03-01T12:00:01Z",
            buyer,
        ),
        json!({"event": {"name": "purchase", "betweenAgo": {
            "from": {"amount": 1, "unit": "MONTH"}, "to": {"amount": 30, "unit": "DAY"}}}}),
        "2026-02-28T12:00:00Z | 2026-03-01T00:00:00Z",
    );
}

/// Asserts the first and the last microsecond of a period, for instants and, by their days, for days.
#[track_caller]
fn check_period(moment: &str, period: &str, first: &str, last: &str) {
    let (first_at, last_at): (chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>) =
        (parse(first), parse(last));
    let micro = chrono::Duration::microseconds(1);
    let said =
        |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    let inside = format!("{} | {}", said(first_at), said(last_at));
    let instants = format!(
        "{} | {inside} | {}",
        said(first_at - micro),
        said(last_at + micro)
    );
    /// Makes a person with a moment, and a rule about that moment.
    type Question = (fn(&str) -> Person, Value);
    let rules: [Question; 4] = [
        (
            seen,
            json!({"date": {"field": "createdAt", "is": {"during": period}}}),
        ),
        (
            buyer,
            json!({"event": {"name": "purchase", "during": period}}),
        ),
        (
            buyer,
            json!({"event": {"name": "purchase", "firstAt": {"during": period}}}),
        ),
        (
            joined_staff,
            json!({"group": {"inAny": ["staff"], "addedAt": {"during": period}}}),
        ),
    ];
    for (make, rule) in rules {
        check(&audience(moment, &instants, make), rule, &inside);
    }
    let (_, zone) = moment.split_once(' ').expect("a time zone");
    let zone: chrono_tz::Tz = parse(zone);
    let day = |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&zone).date_naive();
    let day_before = day(first_at).pred_opt().expect("a day");
    let day_after = day(last_at).succ_opt().expect("a day");
    let inside = match day(first_at) == day(last_at) {
        true => day(first_at).to_string(),
        false => format!("{} | {}", day(first_at), day(last_at)),
    };
    check(
        &audience(
            moment,
            &format!("{day_before} | {inside} | {day_after}"),
            born,
        ),
        json!({"date": {"field": "birthday", "is": {"during": period}}}),
        &inside,
    );
}

#[test]
fn calendar_periods_begin_and_end_with_local_days() {
    // 2026-07-15 is a Wednesday.
    for (period, first, last) in [
        (
            "YESTERDAY",
            "2026-07-14T00:00:00Z",
            "2026-07-14T23:59:59.999999Z",
        ),
        (
            "TODAY",
            "2026-07-15T00:00:00Z",
            "2026-07-15T23:59:59.999999Z",
        ),
        (
            "TOMORROW",
            "2026-07-16T00:00:00Z",
            "2026-07-16T23:59:59.999999Z",
        ),
        (
            "LAST_WEEK",
            "2026-07-06T00:00:00Z",
            "2026-07-12T23:59:59.999999Z",
        ),
        (
            "THIS_WEEK",
            "2026-07-13T00:00:00Z",
            "2026-07-19T23:59:59.999999Z",
        ),
        (
            "NEXT_WEEK",
            "2026-07-20T00:00:00Z",
            "2026-07-26T23:59:59.999999Z",
        ),
        (
            "LAST_MONTH",
            "2026-06-01T00:00:00Z",
            "2026-06-30T23:59:59.999999Z",
        ),
        (
            "THIS_MONTH",
            "2026-07-01T00:00:00Z",
            "2026-07-31T23:59:59.999999Z",
        ),
        (
            "NEXT_MONTH",
            "2026-08-01T00:00:00Z",
            "2026-08-31T23:59:59.999999Z",
        ),
        (
            "LAST_QUARTER",
            "2026-04-01T00:00:00Z",
            "2026-06-30T23:59:59.999999Z",
        ),
        (
            "THIS_QUARTER",
            "2026-07-01T00:00:00Z",
            "2026-09-30T23:59:59.999999Z",
        ),
        (
            "NEXT_QUARTER",
            "2026-10-01T00:00:00Z",
            "2026-12-31T23:59:59.999999Z",
        ),
        (
            "LAST_YEAR",
            "2025-01-01T00:00:00Z",
            "2025-12-31T23:59:59.999999Z",
        ),
        (
            "THIS_YEAR",
            "2026-01-01T00:00:00Z",
            "2026-12-31T23:59:59.999999Z",
        ),
        (
            "NEXT_YEAR",
            "2027-01-01T00:00:00Z",
            "2027-12-31T23:59:59.999999Z",
        ),
    ] {
        check_period(NOON, period, first, last);
    }
}

#[test]
fn calendar_periods_follow_the_clock_changes_of_the_time_zone() {
    for (moment, period, first, last) in [
        // The day of the change has 23 hours in spring and 25 in autumn.
        (
            "2026-03-30T09:00:00Z Europe/Vilnius",
            "YESTERDAY",
            "2026-03-28T22:00:00Z",
            "2026-03-29T20:59:59.999999Z",
        ),
        (
            "2026-10-26T09:00:00Z Europe/Vilnius",
            "YESTERDAY",
            "2026-10-24T21:00:00Z",
            "2026-10-25T21:59:59.999999Z",
        ),
        (
            "2026-10-26T09:00:00Z Europe/Vilnius",
            "LAST_WEEK",
            "2026-10-18T21:00:00Z",
            "2026-10-25T21:59:59.999999Z",
        ),
        (
            "2026-11-02T09:00:00Z Europe/Vilnius",
            "LAST_MONTH",
            "2026-09-30T21:00:00Z",
            "2026-10-31T21:59:59.999999Z",
        ),
        // In New York it is still Sunday, and so the week before.
        (
            "2026-03-09T03:59:00Z America/New_York",
            "THIS_WEEK",
            "2026-03-02T05:00:00Z",
            "2026-03-09T03:59:59.999999Z",
        ),
        (
            "2026-03-09T04:00:00Z America/New_York",
            "LAST_WEEK",
            "2026-03-02T05:00:00Z",
            "2026-03-09T03:59:59.999999Z",
        ),
        (
            "2024-03-01T12:00:00Z Asia/Kolkata",
            "LAST_MONTH",
            "2024-01-31T18:30:00Z",
            "2024-02-29T18:29:59.999999Z",
        ),
        (
            "2027-01-01T12:00:00Z UTC",
            "THIS_WEEK",
            "2026-12-28T00:00:00Z",
            "2027-01-03T23:59:59.999999Z",
        ),
        (
            "2027-01-01T12:00:00Z UTC",
            "LAST_QUARTER",
            "2026-10-01T00:00:00Z",
            "2026-12-31T23:59:59.999999Z",
        ),
    ] {
        check_period(moment, period, first, last);
    }
}
