//! Counts of segments on real purchases, against counts made from the CSV file by plain loops.

use crate::support::TestApp;
use chrono::{DateTime, Duration, Utc};
use rollcall::import::{EventImport, SubscriberImport, import_events, import_subscribers};
use rollcall::rule::CustomType;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const SUBSCRIBERS: &str = include_str!("../../src/cli/demo/subscribers.csv");
const EVENTS: &str = include_str!("../../src/cli/demo/events.csv");

/// A purchase as the file has it, the value in cents.
struct Purchase {
    email: String,
    at: DateTime<Utc>,
    cents: i64,
}

fn purchases() -> Vec<Purchase> {
    EVENTS
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let cents = cells[3].parse::<f64>().expect("a value") * 100.0;
            Purchase {
                email: cells[0].to_owned(),
                at: cells[2].parse().expect("an instant"),
                cents: cents.round() as i64,
            }
        })
        .collect()
}

fn emails() -> Vec<String> {
    let lines = SUBSCRIBERS.lines().skip(1);
    lines
        .map(|line| line.split(',').next().expect("an e-mail").to_owned())
        .collect()
}

/// Everybody for whom the test of their purchases is true, also those without any.
fn who(is_in: impl Fn(&str, &[&Purchase]) -> bool) -> BTreeSet<String> {
    let purchases = purchases();
    let mut by_email: BTreeMap<&str, Vec<&Purchase>> = BTreeMap::new();
    for purchase in &purchases {
        by_email.entry(&purchase.email).or_default().push(purchase);
    }
    emails()
        .into_iter()
        .filter(|email| {
            is_in(
                email,
                by_email.get(email.as_str()).map_or(&[], Vec::as_slice),
            )
        })
        .collect()
}

fn load() -> TestApp {
    let app = TestApp::at("1997-10-01T00:00:00Z");
    let options = SubscriberImport {
        groups: vec!["sample".to_owned()],
        create_groups: true,
        fields: vec![
            ("first_purchase".to_owned(), CustomType::Date),
            ("master_id".to_owned(), CustomType::Text),
        ],
        ..Default::default()
    };
    let now = app.clock.now();
    let report = import_subscribers(app.db(), SUBSCRIBERS.as_bytes(), &options, now, |_| {});
    let report = report.expect("subscribers are imported");
    assert_eq!(
        (report.rows, report.created, report.added_to_group),
        (2_357, 2_357, 2_357)
    );
    let report = import_events(
        app.db(),
        EVENTS.as_bytes(),
        &EventImport::default(),
        now,
        |_| {},
    );
    let report = report.expect("events are imported");
    assert_eq!(
        (report.rows, report.created, report.refused),
        (6_919, 6_919, 0)
    );
    app
}

/// Pages through all members of a segment.
fn members(app: &TestApp, key: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut after = Value::Null;
    loop {
        let data = app.query(
            "query ($key: String!, $after: String) { segment(key: $key) { memberCount members(first: 250, after: $after) { \
             nodes { email } pageInfo { hasNextPage endCursor } } } }",
            json!({ "key": key, "after": after }),
        );
        let page = &data["segment"]["members"];
        for node in page["nodes"].as_array().expect("a list") {
            assert!(found.insert(node["email"].as_str().expect("an e-mail").to_owned()));
        }
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            assert_eq!(data["segment"]["memberCount"], json!(found.len()));
            return found;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

#[test]
fn segments_equal_counts_made_from_the_file() {
    let app = load();
    let now = app.clock.now();
    let panel: Vec<String> = emails().into_iter().step_by(3).collect();
    let staff: Vec<String> = emails().into_iter().step_by(7).collect();
    for (key, members) in [("panel", &panel), ("staff", &staff)] {
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        app.group(key, &members);
    }
    let purchase = |rest: Value| {
        let mut event = json!({"name": "purchase"});
        event
            .as_object_mut()
            .expect("an object")
            .extend(rest.as_object().expect("an object").clone());
        json!({ "event": event })
    };
    let march_ends: DateTime<Utc> = "1997-04-01T00:00:00Z".parse().expect("an instant");
    let cases: Vec<(&str, Value, BTreeSet<String>)> = vec![
        (
            "bought-in-the-last-90-days",
            purchase(json!({"inTheLast": {"amount": 90, "unit": "DAY"}})),
            who(|_, bought| {
                let start = now - Duration::days(90);
                bought
                    .iter()
                    .any(|purchase| start <= purchase.at && purchase.at <= now)
            }),
        ),
        (
            "never-bought-after-march",
            json!({"not": purchase(json!({"after": "1997-03-31"}))}),
            who(|_, bought| !bought.iter().any(|purchase| purchase.at >= march_ends)),
        ),
        (
            "never-bought-after-march-by-count",
            purchase(json!({"after": "1997-03-31", "count": {"equals": 0}})),
            who(|_, bought| !bought.iter().any(|purchase| purchase.at >= march_ends)),
        ),
        (
            "spent-at-least-100",
            purchase(json!({"sum": {"atLeast": 100}})),
            who(|_, bought| bought.iter().map(|purchase| purchase.cents).sum::<i64>() >= 10_000),
        ),
        (
            "bought-at-least-4-times",
            purchase(json!({"count": {"atLeast": 4}})),
            who(|_, bought| bought.len() >= 4),
        ),
        (
            "panel-but-not-staff",
            json!({"all": [{"group": {"inAny": ["panel"]}}, {"not": {"group": {"inAny": ["staff"]}}}]}),
            who(|email, _| {
                panel.iter().any(|member| member == email)
                    && !staff.iter().any(|member| member == email)
            }),
        ),
    ];
    for (key, rule, _) in &cases {
        app.segment(key, rule.clone());
    }
    app.refresh();
    for (key, _, expected) in &cases {
        assert!(
            !expected.is_empty() && expected.len() < 2_357,
            "{key} tells nothing"
        );
        assert_eq!(&members(&app, key), expected, "{key}");
    }
}
