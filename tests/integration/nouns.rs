//! The nouns through the API: made, changed, refused and deleted.

use crate::support::TestApp;
use serde_json::json;

fn app() -> TestApp {
    TestApp::at("2026-06-15T12:00:00Z")
}

#[test]
fn a_subscriber_is_known_by_email_in_any_case() {
    let app = app();
    let upsert = "mutation ($email: String!, $values: SubscriberValuesInput!) { upsertSubscriber(input: {email: $email, values: $values}) { \
        outcome subscriber { id email status firstName country language timezone birthday latitude longitude subscribedAt unsubscribedAt createdAt updatedAt } \
        userErrors { code path message } } }";
    let first = app.mutate(
        upsert,
        json!({"email": " Ona@Example.COM ", "values": {"firstName": " Ona ", "country": "lt", "language": "LT", "timezone": "europe/vilnius",
               "birthday": "1990-02-28", "position": {"latitude": 54.68, "longitude": 25.28}}}),
    );
    assert_eq!(first["outcome"], json!("CREATED"));
    let mut expected = json!({
        "id": first["subscriber"]["id"], "email": "ona@example.com", "status": "SUBSCRIBED", "firstName": "Ona", "country": "LT",
        "language": "lt", "timezone": "Europe/Vilnius", "birthday": "1990-02-28", "latitude": 54.68, "longitude": 25.28,
        "subscribedAt": "2026-06-15T12:00:00+00:00", "unsubscribedAt": null,
        "createdAt": "2026-06-15T12:00:00+00:00", "updatedAt": "2026-06-15T12:00:00+00:00"
    });
    assert_eq!(first["subscriber"], expected);
    app.set_time("2026-06-16T12:00:00Z");
    let again = app.mutate(
        upsert,
        json!({"email": "ONA@example.com", "values": {"country": "LT"}}),
    );
    assert_eq!(
        (&again["outcome"], &again["subscriber"]),
        (&json!("UNCHANGED"), &expected)
    );
    let left = app.mutate(
        upsert,
        json!({"email": "ona@example.com", "values": {"status": "UNSUBSCRIBED", "country": null}}),
    );
    expected["status"] = json!("UNSUBSCRIBED");
    expected["country"] = json!(null);
    expected["unsubscribedAt"] = json!("2026-06-16T12:00:00+00:00");
    expected["updatedAt"] = json!("2026-06-16T12:00:00+00:00");
    assert_eq!(
        (&left["outcome"], &left["subscriber"]),
        (&json!("UPDATED"), &expected)
    );
}

#[test]
fn every_wrong_value_is_reported_and_nothing_is_stored() {
    let app = app();
    app.mutate(
        "mutation { createCustomField(input: {key: \"visits\", type: NUMBER}) { userErrors { message } } }",
        json!({}),
    );
    let payload = app.payload(
        "mutation ($values: SubscriberValuesInput!) { upsertSubscriber(input: {email: \"ona\", values: $values}) { subscriber { id } userErrors { code path hint } } }",
        json!({"values": {"country": "Lithuania", "timezone": "Vilnius", "birthday": "1990-02-30", "position": {"latitude": 91, "longitude": 0},
               "customFields": {"visits": "twelve", "visit": 3}}}),
    );
    assert_eq!(
        payload,
        json!({"subscriber": null, "userErrors": [
            {"code": "INVALID", "path": "email", "hint": null},
            {"code": "INVALID", "path": "country", "hint": null},
            {"code": "INVALID", "path": "timezone", "hint": null},
            {"code": "INVALID", "path": "birthday", "hint": null},
            {"code": "INVALID", "path": "latitude", "hint": null},
            {"code": "NOT_FOUND", "path": "customFields.visit", "hint": "did you mean \"visits\"?"},
            {"code": "INVALID", "path": "customFields.visits", "hint": null},
        ]})
    );
    assert_eq!(
        app.query("{ subscribers { totalCount } }", json!({}))["subscribers"]["totalCount"],
        json!(0)
    );
}

#[test]
fn an_address_can_change_but_not_to_one_that_is_taken() {
    let app = app();
    let ona = app.subscriber("ona@example.com", json!({}));
    app.subscriber("jonas@example.com", json!({}));
    let update = "mutation ($id: ID!, $email: String) { updateSubscriber(input: {id: $id, email: $email}) { subscriber { email } userErrors { code path message } } }";
    let taken = app.payload(update, json!({"id": ona, "email": "Jonas@example.com"}));
    assert_eq!(
        taken["userErrors"],
        json!([{"code": "TAKEN", "path": "email", "message": "a subscriber with this e-mail exists already"}])
    );
    let moved = app.mutate(update, json!({"id": ona, "email": "ona@new.example"}));
    assert_eq!(moved["subscriber"]["email"], json!("ona@new.example"));
}

#[test]
fn groups_change_only_when_somebody_changes_them() {
    let app = app();
    let ona = app.subscriber("ona@example.com", json!({}));
    app.subscriber("jonas@example.com", json!({}));
    app.group("staff", &["ona@example.com"]);
    app.set_time("2026-06-16T12:00:00Z");
    let added = app.mutate(
        "mutation ($ids: [ID!]!, $emails: [String!]!) { addToGroup(input: {group: \"staff\", subscriberIds: $ids, emails: $emails}) { \
         addedCount unchangedCount unknownCount group { memberCount members { edges { addedAt node { email } } } } userErrors { message } } }",
        json!({"ids": [ona], "emails": ["Jonas@example.com", "jonas@example.com", "stranger@example.com"]}),
    );
    assert_eq!(
        added,
        json!({"addedCount": 1, "unchangedCount": 1, "unknownCount": 1, "userErrors": [], "group": {"memberCount": 2, "members": {"edges": [
            {"addedAt": "2026-06-15T12:00:00+00:00", "node": {"email": "ona@example.com"}},
            {"addedAt": "2026-06-16T12:00:00+00:00", "node": {"email": "jonas@example.com"}},
        ]}}})
    );
    let remove = "mutation { removeFromGroup(input: {group: \"staff\", emails: [\"ona@example.com\", \"stranger@example.com\"]}) { \
        removedCount unchangedCount unknownCount group { memberCount } userErrors { message } } }";
    assert_eq!(
        app.mutate(remove, json!({})),
        json!({"removedCount": 1, "unchangedCount": 0, "unknownCount": 1, "group": {"memberCount": 1}, "userErrors": []})
    );
    assert_eq!(
        app.mutate(remove, json!({})),
        json!({"removedCount": 0, "unchangedCount": 1, "unknownCount": 1, "group": {"memberCount": 1}, "userErrors": []})
    );
}

#[test]
fn what_a_rule_uses_cannot_be_deleted() {
    let app = app();
    app.group("staff", &[]);
    let field = app.mutate(
        "mutation { createCustomField(input: {key: \"plan\", type: TEXT}) { customField { id } userErrors { message } } }",
        json!({}),
    )["customField"]["id"]
        .clone();
    app.subscriber("ona@example.com", json!({"customFields": {"plan": "pro"}}));
    let segment = app.segment(
        "staff-pros",
        json!({"all": [{"group": {"inAny": ["staff"]}}, {"text": {"field": "custom.plan", "is": {"equals": "pro"}}}]}),
    );
    let data = app.query("{ group(key: \"staff\") { id usedBy { key } } }", json!({}));
    assert_eq!(data["group"]["usedBy"], json!([{"key": "staff-pros"}]));
    let delete_group = || {
        app.payload(
            "mutation ($id: ID!) { deleteGroup(input: {id: $id}) { deletedId userErrors { code message } } }",
            json!({"id": data["group"]["id"]}),
        )
    };
    let delete_field = || {
        app.payload(
            "mutation ($id: ID!) { deleteCustomField(input: {id: $id}) { deletedId userErrors { code message } } }",
            json!({ "id": field }),
        )
    };
    assert_eq!(
        delete_group()["userErrors"],
        json!([{"code": "IN_USE", "message": "group \"staff\" is used by segment \"staff-pros\"; change the rule of that segment, or delete the segment, first"}])
    );
    assert_eq!(
        delete_field()["userErrors"],
        json!([{"code": "IN_USE", "message": "custom field \"plan\" is used by segment \"staff-pros\"; change the rule of that segment, or delete the segment, first"}])
    );
    app.mutate(
        "mutation ($id: ID!) { deleteSegment(input: {id: $id}) { deletedId userErrors { message } } }",
        json!({ "id": segment }),
    );
    assert_eq!(delete_group()["deletedId"], data["group"]["id"]);
    assert_eq!(delete_field()["deletedId"], field);
    let data = app.query(
        "{ subscriber(email: \"ona@example.com\") { customFields { key } } }",
        json!({}),
    );
    assert_eq!(
        data["subscriber"]["customFields"],
        json!([]),
        "the values are gone with the field"
    );
}

#[test]
fn wrong_events_are_told_and_the_others_recorded_and_totals_follow() {
    let app = app();
    let ona = app.subscriber("ona@example.com", json!({}));
    let record = "mutation ($events: [EventInput!]!) { recordEvents(input: {events: $events}) { recordedCount ignoredCount userErrors { code path } } }";
    let refused = app.payload(
        record,
        json!({"events": [
            {"email": "ona@example.com", "name": "first"},
            {"email": "stranger@example.com", "name": "purchase"},
            {"subscriberId": ona, "email": "ona@example.com", "name": "purchase"},
            {"subscriberId": ona, "name": "  "},
            {"subscriberId": ona, "name": "purchase", "value": 1e12},
            {"subscriberId": ona, "name": "purchase", "value": 0.0000004},
        ]}),
    );
    assert_eq!(
        refused,
        json!({"recordedCount": 1, "ignoredCount": 0, "userErrors": [
            {"code": "NOT_FOUND", "path": "events[1].email"},
            {"code": "INVALID", "path": "events[2]"},
            {"code": "INVALID", "path": "events[3].name"},
            {"code": "INVALID", "path": "events[4].value"},
            {"code": "INVALID", "path": "events[5].value"},
        ]})
    );
    let events = json!({"events": [
        {"email": "ona@example.com", "name": "purchase", "occurredAt": "2026-06-01T10:00:00Z", "value": 29.33, "properties": {"sku": "A", "count": 2}, "dedupeKey": "order-1"},
        {"subscriberId": ona, "name": "purchase", "occurredAt": "2026-06-02T10:00:00Z", "value": 0.000004},
        {"subscriberId": ona, "name": "visit"},
    ]});
    assert_eq!(
        app.mutate(record, events.clone()),
        json!({"recordedCount": 3, "ignoredCount": 0, "userErrors": []})
    );
    assert_eq!(
        app.mutate(record, json!({"events": [events["events"][0]]})),
        json!({"recordedCount": 0, "ignoredCount": 1, "userErrors": []})
    );
    let data = app.query(
        "{ subscriber(email: \"ona@example.com\") { eventTotals { name count sum firstAt lastAt } \
           events(first: 2) { totalCount pageInfo { hasNextPage } nodes { name occurredAt } } \
           purchases: events(name: \"purchase\", last: 1) { totalCount nodes { value properties } } } }",
        json!({}),
    );
    assert_eq!(
        data["subscriber"],
        json!({
            "eventTotals": [
                {"name": "first", "count": 1, "sum": 0.0, "firstAt": "2026-06-15T12:00:00+00:00", "lastAt": "2026-06-15T12:00:00+00:00"},
                {"name": "purchase", "count": 2, "sum": 29.330004, "firstAt": "2026-06-01T10:00:00+00:00", "lastAt": "2026-06-02T10:00:00+00:00"},
                {"name": "visit", "count": 1, "sum": 0.0, "firstAt": "2026-06-15T12:00:00+00:00", "lastAt": "2026-06-15T12:00:00+00:00"},
            ],
            "events": {"totalCount": 4, "pageInfo": {"hasNextPage": true}, "nodes": [
                {"name": "visit", "occurredAt": "2026-06-15T12:00:00+00:00"},
                {"name": "first", "occurredAt": "2026-06-15T12:00:00+00:00"},
            ]},
            "purchases": {"totalCount": 2, "nodes": [{"value": 29.33, "properties": {"sku": "A", "count": 2}}]},
        })
    );
}

#[test]
fn refresh_by_hand_names_unknown_segments() {
    let app = app();
    app.segment("everyone", json!({"everyone": true}));
    let refresh = "mutation ($keys: [String!]) { refreshSegments(input: {segments: $keys}) { refresh { state trigger segments { memberCount } } userErrors { code path } } }";
    assert_eq!(
        app.payload(refresh, json!({"keys": ["everyone", "nobody"]})),
        json!({"refresh": null, "userErrors": [{"code": "NOT_FOUND", "path": "segments[1]"}]})
    );
    assert_eq!(
        app.mutate(refresh, json!({"keys": ["everyone"]}))["refresh"],
        json!({"state": "SUCCEEDED", "trigger": "MANUAL", "segments": [{"memberCount": 0}]})
    );
}
