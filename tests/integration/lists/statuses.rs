//! Counts by status.

use crate::support::TestApp;
use serde_json::{Value, json};

const COUNTS: &str = "statusCounts { status count }";

/// Returns the counts in the order of the enum, which must be the order of the list.
#[track_caller]
fn counts(list: &Value) -> Vec<i64> {
    let list = list.as_array().expect("a list");
    let statuses: Vec<&Value> = list.iter().map(|item| &item["status"]).collect();
    let all = [
        "SUBSCRIBED",
        "UNSUBSCRIBED",
        "BOUNCED",
        "COMPLAINED",
        "PENDING",
    ];
    assert_eq!(statuses, all, "every status, once");
    let counts = list.iter().map(|item| item["count"].as_i64());
    counts.map(|count| count.expect("a number")).collect()
}

#[track_caller]
fn ask(app: &TestApp) -> [Vec<i64>; 3] {
    let document = format!(
        "{{ {COUNTS} group(key: \"odd\") {{ {COUNTS} }} segment(key: \"odd\") {{ {COUNTS} }} }}"
    );
    let data = app.query(&document, json!({}));
    [
        counts(&data["statusCounts"]),
        counts(&data["group"]["statusCounts"]),
        counts(&data["segment"]["statusCounts"]),
    ]
}

#[test]
fn counts_by_status_are_those_of_the_people() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.group("odd", &[]);
    app.segment(
        "odd",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    app.refresh();
    assert_eq!(ask(&app), [vec![0; 5], vec![0; 5], vec![0; 5]], "nobody");
    // Over several blocks of ids.
    app.database.execute(
        "INSERT INTO subscribers (email, status, country, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', (ARRAY['subscribed', 'unsubscribed', 'bounced', 'complained', 'pending'])[n % 7 % 5 + 1], \
             CASE WHEN n % 2 = 1 THEN 'LT' END, now(), now() FROM generate_series(1, 20000) n; \
         INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
         SELECT g.id, s.id, now(), 'sql' FROM groups g, subscribers s WHERE s.country = 'LT';",
    );
    app.set_time("2026-06-16T12:00:00Z");
    app.refresh();
    let expected = |condition: &str| -> Vec<i64> {
        [
            "subscribed",
            "unsubscribed",
            "bounced",
            "complained",
            "pending",
        ]
        .iter()
        .map(|status| {
            let count = format!(
                "SELECT count(*) FROM subscribers WHERE status = '{status}' AND {condition}"
            );
            app.database.ask(&count).parse().expect("a number")
        })
        .collect()
    };
    let odd = expected("country = 'LT'");
    assert!(odd.iter().all(|count| *count > 1_000), "{odd:?}");
    assert_eq!(ask(&app), [expected("true"), odd.clone(), odd]);
    // Between refreshes statuses change and people are deleted; the members stay.
    app.database
        .execute("UPDATE subscribers SET status = 'complained' WHERE id % 9 = 0");
    for number in [1, 7, 9, 8_193] {
        let email = format!("p{number}@example.com");
        let found = app.query(
            "query ($email: String) { subscriber(email: $email) { id } }",
            json!({ "email": email }),
        );
        app.mutate(
            "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
            json!({ "id": found["subscriber"]["id"] }),
        );
    }
    let odd = expected("country = 'LT'");
    let members: i64 = odd.iter().sum();
    assert_eq!(ask(&app), [expected("true"), odd.clone(), odd]);
    let data = app.query("{ segment(key: \"odd\") { memberCount } }", json!({}));
    assert_eq!(data["segment"]["memberCount"], json!(members));
}

#[test]
fn counts_cost_more_than_an_object() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let cost = |document: &str| {
        let asked = json!({"query": document, "extensions": {"cost": true}}).to_string();
        let answer: Value = serde_json::from_str(&app.respond_to_text(&asked)).expect("JSON");
        answer["extensions"]["cost"]["requested"]
            .as_i64()
            .unwrap_or_else(|| panic!("a cost: {answer}"))
    };
    for (dear, cheap) in [
        (
            "{ groups(first: 1) { nodes { statusCounts { count } } } }",
            "{ groups(first: 1) { nodes { key } } }",
        ),
        (
            "{ segments(first: 1) { nodes { statusCounts { count } } } }",
            "{ segments(first: 1) { nodes { key } } }",
        ),
    ] {
        assert!(
            cost(dear) >= cost(cheap) + 50,
            "{dear}: {}, {}",
            cost(dear),
            cost(cheap)
        );
    }
}
