//! Tests of `moment.rs`.

use super::*;
use chrono::{SecondsFormat, TimeZone};

fn hints(order: Option<(Order, char)>) -> Hints {
    Hints {
        order,
        is_day: false,
        reads_short_years: false,
    }
}

fn shown(text: &str, order: Option<(Order, char)>) -> String {
    match read_moment(text, &hints(order)) {
        Reading::Local(Local { date, time, zone }) => {
            let local = date.and_time(time.unwrap_or_default());
            match zone {
                Some(Zone::Offset(offset)) => {
                    let instant = offset
                        .from_local_datetime(&local)
                        .single()
                        .expect("an instant");
                    instant
                        .to_utc()
                        .to_rfc3339_opts(SecondsFormat::AutoSi, true)
                }
                Some(Zone::Named(zone)) => {
                    let instant = zone
                        .from_local_datetime(&local)
                        .single()
                        .expect("an instant");
                    instant
                        .to_utc()
                        .to_rfc3339_opts(SecondsFormat::AutoSi, true)
                }
                None if time.is_none() => date.to_string(),
                None => local.format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
            }
        }
        Reading::Instant(instant) => instant.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        other => format!("{other:?}"),
    }
}

#[test]
fn forms_of_one_meaning() {
    let (local, utc) = ("2023-05-06T07:08:09", "2023-05-06T07:08:09Z");
    for (text, meaning) in [
        ("2023-05-06T07:08:09Z", utc),
        ("2023-05-06T07:08:09.123Z", "2023-05-06T07:08:09.123Z"),
        ("2023-05-06T07:08:09,123Z", "2023-05-06T07:08:09.123Z"),
        ("2023-05-06T10:08:09+03:00", utc),
        ("2023-05-06T10:08:09+0300", utc),
        ("2023-05-06T07:08:09.000+0000", utc),
        ("2023-05-06 07:08:09+00:00", utc),
        ("2023-05-06 07:08:09+00", utc),
        ("2023-05-06 02:08:09-05", utc),
        ("2023-05-06 07:08:09 +0000", utc),
        ("2023-05-06 07:08:09 UTC", utc),
        ("2023-05-06 07:08:09Z", utc),
        ("2023-05-06 07:08:09 GMT", utc),
        ("2023-05-06 12:38:09 +05:30", utc),
        ("2023-05-06T07:08:09", local),
        ("2023-05-06t07:08:09", local),
        ("2023-05-06 07:08:09", local),
        ("2023-05-06 07:08", "2023-05-06T07:08:00"),
        ("2023-05-06", "2023-05-06"),
        ("2023-5-6", "2023-05-06"),
        ("2023-05-06 07:08:09.123456", "2023-05-06T07:08:09.123456"),
        (
            "2023-05-06 07:08:09.123456 +0000 UTC",
            "2023-05-06T07:08:09.123456Z",
        ),
        (
            "2023-05-06 09:08:09.5 +0200 EET",
            "2023-05-06T07:08:09.500Z",
        ),
        ("2023-05-06 07:08:09 +0000 UTC m=+0.000012", utc),
        ("2023/05/06 07:08:09", local),
        ("2023.05.06", "2023-05-06"),
        ("2023. 5. 6.", "2023-05-06"),
        ("20230506", "2023-05-06"),
        ("20230506T070809Z", utc),
        ("20230506T070809", local),
        ("20230506 07:08:09", local),
        ("20230506070809", local),
        ("202305060708", "2023-05-06T07:08:00"),
        ("1683356889", utc),
        ("1683356889.25", "2023-05-06T07:08:09.250Z"),
        ("1683356889000", utc),
        ("1683356889000000", utc),
        ("2023-05-06T10:08:09[Europe/Vilnius]", utc),
        ("2023-05-06T10:08:09+03:00[Europe/Vilnius]", utc),
        ("2023-05-06 10:08:09 Europe/Vilnius", utc),
        ("06 May 2023", "2023-05-06"),
        ("6-May-2023", "2023-05-06"),
        ("2023-May-06", "2023-05-06"),
        ("14-Mar-85", "1985-03-14"),
        ("May 6, 2023", "2023-05-06"),
        ("May 6th, 2023", "2023-05-06"),
        ("Saturday, May 6, 2023", "2023-05-06"),
        ("May 6, 2023 7:08 PM", "2023-05-06T19:08:00"),
        ("May 6, 2023 at 7:08 PM", "2023-05-06T19:08:00"),
        ("May 6, 2023, 7:08:09\u{202f}AM", local),
        ("7:08 p.m., May 6, 2023", "2023-05-06T19:08:00"),
        ("May 6, 2023 12:08 AM", "2023-05-06T00:08:00"),
        ("May 6, 2023 7pm", "2023-05-06T19:00:00"),
        ("Sat, 06 May 2023 07:08:09 +0000", utc),
        ("Sat, 6 May 2023 07:08:09 GMT", utc),
        ("Sat, 6 May 2023 03:08:09 EDT", utc),
        (
            "Sat May 06 2023 10:08:09 GMT+0300 (Eastern European Summer Time)",
            utc,
        ),
        ("Sat May  6 07:08:09 2023", local),
        ("Sat May  6 07:08:09 UTC 2023", utc),
        ("6. Mai 2023", "2023-05-06"),
        ("6. März 2023 07:08 Uhr", "2023-03-06T07:08:00"),
        ("samedi 6 mai 2023 à 07:08", "2023-05-06T07:08:00"),
        ("6 mai 2023 7h08", "2023-05-06T07:08:00"),
        ("mar. 2 mai 2023", "2023-05-02"),
        ("1er août 2023", "2023-08-01"),
        ("6 de mayo de 2023", "2023-05-06"),
        ("6 de maio de 2023", "2023-05-06"),
        ("6 maggio 2023", "2023-05-06"),
        ("6 mei 2023", "2023-05-06"),
        ("6 maja 2023", "2023-05-06"),
        ("6 мая 2023 г.", "2023-05-06"),
        ("6 травня 2023 р.", "2023-05-06"),
        ("2023 m. gegužės 6 d.", "2023-05-06"),
        ("6. toukokuuta 2023", "2023-05-06"),
        ("6.5.2023 klo 7.08.09", local),
        ("6.5.2023 7.08", "2023-05-06T07:08:00"),
        ("2023年5月6日", "2023-05-06"),
        ("2023年5月6日 7時8分", "2023-05-06T07:08:00"),
        ("2023년 5월 6일 오후 7:08", "2023-05-06T19:08:00"),
        ("06.05.2023", "2023-05-06"),
        ("06.05.2023 07:08", "2023-05-06T07:08:00"),
        ("06.05.2023, 07:08:09", local),
        ("06.05.23", "2023-05-06"),
    ] {
        assert_eq!(shown(text, None), meaning, "{text}");
    }
}

#[test]
fn two_meanings_are_not_guessed() {
    let either = |text: &str| match read_moment(text, &hints(None)) {
        Reading::EitherOrder { orders, .. } => orders,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(either("03/04/2026"), [Order::DayFirst, Order::MonthFirst]);
    assert_eq!(
        either("5/6/2023 7:08 AM"),
        [Order::DayFirst, Order::MonthFirst]
    );
    assert_eq!(either("13/04/2026"), [Order::DayFirst]);
    assert_eq!(either("04-13-26"), [Order::MonthFirst]);
    let (day, month) = (Some((Order::DayFirst, '/')), Some((Order::MonthFirst, '/')));
    assert_eq!(shown("3/4/2026 7:08 PM", day), "2026-04-03T19:08:00");
    assert_eq!(shown("3/4/2026 7:08 PM", month), "2026-03-04T19:08:00");
    assert_eq!(shown("3/4/26", month), "2026-03-04");
    assert_eq!(shown("3/4/85", month), "1985-03-04");
    assert_eq!(
        shown("05.13.2026", Some((Order::MonthFirst, '.'))),
        "2026-05-13"
    );
    assert_eq!(either("05.13.2026"), [Order::MonthFirst]);
    assert_eq!(shown("45052", None), "Serial");
    assert_eq!(shown("45052.297", None), "Serial");
    let birth = Hints {
        is_day: true,
        ..hints(None)
    };
    assert_eq!(read_moment("14-Mar-12", &birth), Reading::ShortYear);
    assert!(matches!(
        read_moment("14-Mar-85", &birth),
        Reading::Local(_)
    ));
}

#[test]
fn what_is_no_moment() {
    for nothing in [
        "0000-00-00",
        "0000-00-00 00:00:00",
        "00-00-0000",
        "00/00/0000",
        "0001-01-01 00:00:00 +0000 UTC",
    ] {
        assert_eq!(shown(nothing, None), "Nothing", "{nothing}");
    }
    for text in ["03/14", "March 14", "1/1"] {
        assert_eq!(shown(text, None), "NoYear", "{text}");
    }
    for text in [
        "",
        "soon",
        "1985",
        "31.02.2026",
        "2026-13-01",
        "32/13/2026",
        "1.3.20266",
        "01.03.2026 x",
        "0.1.2026",
        "May 2023x",
        "6 listopada 2023",
        "7:08",
        "2023-05-06 25:00",
        "2023-05-06 13:00 PM",
        "+37060000000",
        "192.168.0.1",
        "06052023",
        "2023-05-06 07:08:09 IST",
        "2023-05-06T07:08:09+99:00",
        "Mai",
        "1-2-3-4",
        "12345678901",
        "-5000-01-01T00:00:00Z",
        "-01/02/2023",
        "\u{2212}2023-05-06",
        "- 6 May 2023",
    ] {
        assert_eq!(shown(text, None), "Unknown", "{text}");
    }
}
