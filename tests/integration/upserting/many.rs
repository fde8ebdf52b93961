//! Many upserts at once, and events of which some are wrong.

use super::{LATER, NOW, groups_of};
use crate::support::TestApp;
use serde_json::{Value, json};

const UPSERT: &str = "mutation ($input: UpsertSubscribersInput!) { upsertSubscribers(input: $input) { \
    results { outcome subscriber { email firstName country } notices { code path } userErrors { code path } } \
    userErrors { code path message } } }";

fn upsert(app: &TestApp, subscribers: Value) -> Value {
    app.payload(UPSERT, json!({ "input": { "subscribers": subscribers } }))
}

#[test]
fn each_has_its_result_and_a_wrong_one_leaves_the_others_theirs() {
    let app = TestApp::at(NOW);
    app.group("staff", &[]);
    app.subscriber("b@example.com", json!({"status": "UNSUBSCRIBED"}));
    let payload = upsert(
        &app,
        json!([
            {"email": "C@example.com", "values": {"country": "LT"}, "groups": {"add": ["staff"]}},
            {"email": "none"},
            {"email": "b@example.com", "values": {"status": "SUBSCRIBED", "firstName": "Berta"}},
            {"email": "d@example.com", "values": {"country": "Lithuania", "customFields": {"plan": 1}}},
            {"email": "e@example.com", "values": null},
            {"email": "f@example.com", "groups": {"add": ["stuff"]}},
            {"email": "g@example.com", "consent": {"reason": " ", "source": "form"}},
            {"email": "a@example.com"},
        ]),
    );
    let wrong = json!([
        {"code": "INVALID", "path": "subscribers[1].email"},
        {"code": "INVALID", "path": "subscribers[3].country"},
        {"code": "NOT_FOUND", "path": "subscribers[3].customFields.plan"},
        {"code": "INVALID", "path": "subscribers[4].values"},
        {"code": "NOT_FOUND", "path": "subscribers[5].groups.add[0]"},
        {"code": "MISSING", "path": "subscribers[6].consent.reason"},
    ]);
    let refused = |range: std::ops::Range<usize>| json!({"outcome": null, "subscriber": null, "notices": [], "userErrors": wrong.as_array().expect("a list")[range]});
    assert_eq!(
        payload["results"],
        json!([
            {"outcome": "CREATED", "subscriber": {"email": "c@example.com", "firstName": null, "country": "LT"}, "notices": [], "userErrors": []},
            refused(0..1),
            {"outcome": "UPDATED", "subscriber": {"email": "b@example.com", "firstName": "Berta", "country": null},
             "notices": [{"code": "CONSENT_REQUIRED", "path": "subscribers[2].status"}], "userErrors": []},
            refused(1..3),
            refused(3..4),
            refused(4..5),
            refused(5..6),
            {"outcome": "CREATED", "subscriber": {"email": "a@example.com", "firstName": null, "country": null}, "notices": [], "userErrors": []},
        ])
    );
    let mut told = payload["userErrors"].clone();
    for error in told.as_array_mut().expect("a list") {
        error.as_object_mut().expect("an object").remove("message");
    }
    assert_eq!(told, wrong);
    assert_eq!(groups_of(&app, "c@example.com"), json!([["staff", NOW]]));
    // No id was wasted on those that were wrong.
    assert_eq!(
        app.database
            .ask("SELECT string_agg(id || ' ' || email, ', ' ORDER BY id) FROM subscribers"),
        "1 b@example.com, 2 a@example.com, 3 c@example.com"
    );
}

#[test]
fn an_address_that_is_repeated_is_applied_in_order_and_told() {
    let app = TestApp::at(NOW);
    let payload = upsert(
        &app,
        json!([
            {"email": "ona@example.com", "values": {"firstName": "Ona", "country": "LT"}},
            {"email": "janis@example.com"},
            {"email": " ONA@example.com", "values": {"firstName": "Anna"}},
            {"email": "ona@example.com", "values": {"country": "LV"}},
        ]),
    );
    assert_eq!(payload["userErrors"], json!([]));
    let ona = |first_name: &str, country: &str| json!({"email": "ona@example.com", "firstName": first_name, "country": country});
    let repeated =
        |place: usize| json!([{"code": "REPEATED", "path": format!("subscribers[{place}].email")}]);
    assert_eq!(
        payload["results"],
        json!([
            {"outcome": "CREATED", "subscriber": ona("Ona", "LT"), "notices": [], "userErrors": []},
            {"outcome": "CREATED", "subscriber": {"email": "janis@example.com", "firstName": null, "country": null}, "notices": [], "userErrors": []},
            {"outcome": "UPDATED", "subscriber": ona("Anna", "LT"), "notices": repeated(2), "userErrors": []},
            {"outcome": "UPDATED", "subscriber": ona("Anna", "LV"), "notices": repeated(3), "userErrors": []},
        ])
    );
}

#[test]
fn a_thousand_are_written_and_one_more_is_refused() {
    let app = TestApp::at(NOW);
    app.group("all", &[]);
    let people = |number: usize| {
        let people = (0..number).map(|place| {
            json!({"email": format!("p{place}@example.com"), "values": {"firstName": format!("P{place}")}, "groups": {"set": ["all"]}})
        });
        Value::Array(people.collect())
    };
    let refused = upsert(&app, people(1_001));
    assert_eq!(refused["results"], json!([]));
    assert_eq!(refused["userErrors"][0]["path"], "subscribers");
    assert_eq!(app.database.ask("SELECT count(*) FROM subscribers"), "0");
    for outcome in ["CREATED", "UNCHANGED"] {
        let payload = upsert(&app, people(1_000));
        assert_eq!(payload["userErrors"], json!([]));
        let results = payload["results"].as_array().expect("a list");
        assert_eq!(results.len(), 1_000);
        for (place, result) in results.iter().enumerate() {
            assert_eq!(result["outcome"], outcome);
            assert_eq!(result["subscriber"]["firstName"], format!("P{place}"));
        }
        app.set_time(LATER);
    }
    let members = "SELECT count(*) FROM group_memberships WHERE added_at = '2026-03-01T09:30:00Z'";
    assert_eq!(app.database.ask(members), "1000");
}

#[test]
fn errors_of_all_together_are_bounded() {
    let app = TestApp::at(NOW);
    let payload = upsert(&app, Value::Array(vec![json!({"email": "none"}); 250]));
    let errors = payload["userErrors"].as_array().expect("a list");
    assert_eq!(errors.len(), 101);
    let last = errors[100]["message"].as_str().expect("a message");
    assert!(last.contains("150 more"), "{last}");
    let results = payload["results"].as_array().expect("a list");
    assert_eq!(
        results[249]["userErrors"][0]["path"],
        "subscribers[249].email"
    );
}

/// Two calls with the same people in opposite orders take their locks in one order.
#[test]
fn calls_about_the_same_people_do_not_wait_for_each_other_in_a_circle() {
    let app = TestApp::at(NOW);
    let people: Vec<Value> = (0..200)
        .map(|place| json!({"email": format!("p{place}@example.com")}))
        .collect();
    let beside = app.beside();
    for country in ["LT", "LV"] {
        let of = |people: &mut dyn Iterator<Item = &Value>| -> Value {
            people
                .map(|person| json!({"email": person["email"], "values": {"country": country}}))
                .collect()
        };
        let (there, back) = (of(&mut people.iter()), of(&mut people.iter().rev()));
        std::thread::scope(|scope| {
            let other = scope.spawn(|| upsert(&beside, back));
            assert_eq!(upsert(&app, there)["userErrors"], json!([]));
            assert_eq!(other.join().expect("a payload")["userErrors"], json!([]));
        });
        let count = format!("SELECT count(*) FROM subscribers WHERE country = '{country}'");
        assert_eq!(app.database.ask(&count), "200");
    }
    assert_eq!(
        app.database
            .ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"),
        "0"
    );
}

#[test]
fn each_event_has_its_result() {
    let app = TestApp::at(NOW);
    let ona = app.subscriber("ona@example.com", json!({}));
    let record = "mutation ($events: [EventInput!]!) { recordEvents(input: {events: $events}) { \
        recordedCount ignoredCount results { outcome userErrors { code path } } userErrors { code path } } }";
    let payload = app.payload(
        record,
        json!({"events": [
            {"email": "ona@example.com", "name": "buy", "dedupeKey": "1"},
            {"email": "nobody@example.com", "name": " "},
            {"subscriberId": ona, "name": "buy", "dedupeKey": "1"},
            {"subscriberId": ona, "name": "visit"},
            {"subscriberId": ona, "name": "buy", "value": 1e15},
            {"subscriberId": ona, "name": "buy", "dedupeKey": "2"},
        ]}),
    );
    let of = |outcome: &str| json!({"outcome": outcome, "userErrors": []});
    let nobody = [
        json!({"code": "NOT_FOUND", "path": "events[1].email"}),
        json!({"code": "INVALID", "path": "events[1].name"}),
    ];
    let large = json!({"code": "INVALID", "path": "events[4].value"});
    assert_eq!(
        payload,
        json!({
            "recordedCount": 3,
            "ignoredCount": 1,
            "results": [
                of("RECORDED"),
                {"outcome": null, "userErrors": nobody},
                of("IGNORED"),
                of("RECORDED"),
                {"outcome": null, "userErrors": [large]},
                of("RECORDED"),
            ],
            "userErrors": [nobody[0], nobody[1], large],
        })
    );
    let data = app.query(
        "{ subscriber(email: \"ona@example.com\") { eventTotals { name count } } }",
        json!({}),
    );
    assert_eq!(
        data["subscriber"]["eventTotals"],
        json!([{"name": "buy", "count": 2}, {"name": "visit", "count": 1}])
    );
    // All that are wrong record nothing, and nothing is wrong with none.
    let payload = app.payload(record, json!({"events": [{"name": "buy"}]}));
    assert_eq!(payload["recordedCount"], 0);
    assert_eq!(payload["userErrors"][0]["path"], "events[0]");
    assert_eq!(
        app.mutate(record, json!({"events": []}))["results"],
        json!([])
    );
}
