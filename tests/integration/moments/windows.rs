//! Windows that reach beyond the range of moments are clamped, whatever the moment and the zone.

use super::{FIRST, LAST};
use crate::support::{TestApp, instant};
use rollcall::clock::Clock;
use rollcall::past::Trigger;
use rollcall::refresh::{Selection, refresh};
use rollcall::scan::RefreshSettings;
use serde_json::{Value, json};

const NOW: &str = "2026-03-01T12:00:00Z";
const UNITS: [&str; 5] = ["HOUR", "DAY", "WEEK", "MONTH", "YEAR"];
const ZONES: [chrono_tz::Tz; 5] = [
    chrono_tz::UTC,
    chrono_tz::America::New_York,
    chrono_tz::Asia::Tokyo,
    chrono_tz::Pacific::Kiritimati,
    chrono_tz::Pacific::Pago_Pago,
];

/// Three people: one of the first moment, one of now, one of the last.
fn app() -> TestApp {
    let app = TestApp::at(NOW);
    for (key, of_type) in [("seen", "DATETIME"), ("day", "DATE")] {
        app.mutate(
            "mutation ($key: String!, $type: CustomFieldType!) { createCustomField(input: {key: $key, type: $type}) { userErrors { message } } }",
            json!({ "key": key, "type": of_type }),
        );
    }
    for (name, at) in [("first", FIRST), ("now", NOW), ("last", LAST)] {
        let email = format!("{name}@x.lt");
        app.subscriber(
            &email,
            json!({"customFields": {"seen": at, "day": at[..10].to_owned()}}),
        );
        app.event(&email, "buy", at, Some(1.0));
    }
    app
}

fn period(amount: u32, unit: &str) -> Value {
    json!({"amount": amount, "unit": unit})
}

fn event(window: &str, value: Value) -> Value {
    json!({"event": {"name": "buy", window: value}})
}

fn date(field: &str, test: &str, value: Value) -> Value {
    json!({"date": {"field": field, "is": {test: value}}})
}

fn refresh_at(app: &TestApp, now: &str, zone: chrono_tz::Tz) {
    // As if it were the first: otherwise no moment comes after a later one.
    app.database.execute(&format!(
        "DELETE FROM refreshes; UPDATE settings SET value = '{zone}' WHERE key = 'time_zone'"
    ));
    let settings = RefreshSettings {
        clock: Clock::standing_at(instant(now)),
        ..app.app.refresh.clone()
    };
    let refreshed = refresh(app.db(), &Selection::All, Trigger::Manual, &settings);
    refreshed.unwrap_or_else(|error| panic!("as of {now} in {zone}: {error}"));
    let invalid = app.database.ask(
        "SELECT string_agg(s.key || r.problems::text, ', ') FROM segment_refreshes r JOIN segments s ON s.id = r.segment_id \
         WHERE r.problems <> '[]'",
    );
    assert_eq!(invalid, "", "as of {now} in {zone}");
}

#[test]
fn a_window_beyond_the_range_reaches_to_its_border() {
    let app = app();
    for unit in ["MONTH", "YEAR"] {
        let longest = period(100_000, unit);
        let key = |name: &str| format!("{name}-{}", unit.to_lowercase());
        app.segment(&key("bought"), event("inTheLast", longest.clone()));
        for field in ["seen", "day"] {
            let custom = format!("custom.{field}");
            for test in ["inTheLast", "inTheNext", "moreThanAgo"] {
                let rule = date(&custom, test, longest.clone());
                app.segment(&key(&format!("{field}-{}", test.to_lowercase())), rule);
            }
        }
    }
    app.segment("issue", event("inTheLast", period(7_000, "YEAR")));
    let emails = ["first@x.lt", "now@x.lt", "last@x.lt"];
    for zone in ZONES {
        for (place, now) in [FIRST, NOW, LAST].into_iter().enumerate() {
            refresh_at(&app, now, zone);
            let sorted = |emails: &[&str]| {
                let mut emails = emails.to_vec();
                emails.sort_unstable();
                emails
                    .iter()
                    .map(|email| (*email).to_owned())
                    .collect::<Vec<_>>()
            };
            let (past, future) = (sorted(&emails[..=place]), sorted(&emails[place..]));
            for unit in ["month", "year"] {
                // 100,000 months are 8,333 years: from a border they do not reach the other.
                if unit == "month" && now != NOW {
                    continue;
                }
                let members = |name: &str| app.members(&format!("{name}-{unit}"));
                assert_eq!(members("bought"), past, "{now} in {zone}");
                assert_eq!(members("seen-inthelast"), past, "{now} in {zone}");
                assert_eq!(members("seen-inthenext"), future, "{now} in {zone}");
                assert_eq!(members("seen-morethanago"), [""; 0], "{now} in {zone}");
                assert_eq!(members("day-morethanago"), [""; 0], "{now} in {zone}");
                // In other zones the local day may be another than that of the moment.
                if now == NOW && zone == chrono_tz::UTC {
                    assert_eq!(members("day-inthelast"), past, "{now} in {zone}");
                    assert_eq!(members("day-inthenext"), future, "{now} in {zone}");
                }
            }
            if place < 2 {
                assert_eq!(app.members("issue"), past, "{now} in {zone}");
            }
        }
    }
}

#[test]
fn a_period_of_nothing_is_the_moment_itself_also_at_the_borders() {
    let app = app();
    for unit in UNITS {
        let key = unit.to_lowercase();
        app.segment(
            &format!("bought-{key}"),
            event("inTheLast", period(0, unit)),
        );
        let next = date("custom.seen", "inTheNext", period(0, unit));
        app.segment(&format!("next-{key}"), next);
    }
    for zone in ZONES {
        for (now, email) in [
            (FIRST, "first@x.lt"),
            (NOW, "now@x.lt"),
            (LAST, "last@x.lt"),
        ] {
            refresh_at(&app, now, zone);
            for unit in UNITS {
                let key = unit.to_lowercase();
                assert_eq!(
                    app.members(&format!("bought-{key}")),
                    [email],
                    "{unit} {now} {zone}"
                );
                assert_eq!(
                    app.members(&format!("next-{key}")),
                    [email],
                    "{unit} {now} {zone}"
                );
            }
        }
    }
}

#[test]
fn days_at_the_borders_hold_their_moments_and_anniversaries_go_round_them() {
    let app = app();
    let first_day = json!("0001-01-01");
    let last_day = json!("9999-12-31");
    app.segment("on-first", date("custom.seen", "on", first_day.clone()));
    app.segment("on-last", date("custom.seen", "on", last_day.clone()));
    app.segment("before-first", event("before", first_day.clone()));
    app.segment("after-last", event("after", last_day.clone()));
    app.segment(
        "all",
        event("between", json!({"from": first_day, "to": last_day})),
    );
    let week = || period(7, "DAY");
    app.segment("soon", date("custom.day", "anniversaryInTheNext", week()));
    app.segment("lately", date("custom.day", "anniversaryInTheLast", week()));
    let nobody: [&str; 0] = [];
    for now in [FIRST, LAST] {
        refresh_at(&app, now, chrono_tz::UTC);
        assert_eq!(app.members("on-first"), ["first@x.lt"]);
        assert_eq!(app.members("on-last"), ["last@x.lt"]);
        assert_eq!(app.members("before-first"), nobody);
        assert_eq!(app.members("after-last"), nobody);
        assert_eq!(app.members("all"), ["first@x.lt", "last@x.lt", "now@x.lt"]);
    }
    // Seven days after 9999-12-31 the year is 10000, and seven before 0001-01-01 it is 0.
    assert_eq!(app.members("soon"), ["first@x.lt", "last@x.lt"]);
    refresh_at(&app, FIRST, chrono_tz::UTC);
    assert_eq!(app.members("lately"), ["first@x.lt", "last@x.lt"]);
    for zone in ZONES {
        for now in [FIRST, LAST] {
            refresh_at(&app, now, zone);
        }
    }
}

#[test]
fn growth_begins_at_the_first_moment_in_every_zone() {
    let database = crate::support::TestDatabase::new();
    let app = TestApp::over(database, FIRST, chrono_tz::America::New_York);
    app.segment("everyone", json!({"everyone": true}));
    app.refresh();
    for by in ["REFRESH", "DAY", "WEEK", "MONTH"] {
        let data = app.query(
            "query ($by: GrowthBy!, $from: DateTime!, $to: DateTime!) { segment(key: \"everyone\") { growth(from: $from, to: $to, by: $by) { start } } }",
            json!({ "by": by, "from": FIRST, "to": LAST }),
        );
        let start = "0001-01-01T00:00:00+00:00";
        assert_eq!(
            data["segment"]["growth"],
            json!([{ "start": start }]),
            "{by}"
        );
    }
}
