//! What bulk actions do.

use super::{act, audience, counts, in_country, run_all, show};
use crate::support::TestApp;
use rollcall::follow::follow_touches;
use rollcall::import::{SubscriberImport, import_subscribers};
use serde_json::{Value, json};

fn members(app: &TestApp, key: &str) -> Value {
    let data = app.query(
        "query ($key: String!) { group(key: $key) { members(first: 50, orderBy: EMAIL) { nodes { email } } } }",
        json!({ "key": key }),
    );
    let nodes = data["group"]["members"]["nodes"].as_array();
    let nodes = nodes.expect("a list").iter();
    nodes.map(|node| node["email"].clone()).collect()
}

#[test]
fn people_of_a_rule_a_segment_and_a_group_are_added_and_removed() {
    let app = audience();
    app.group("baltic", &["ona@example.com"]);
    app.group("latvian", &[]);
    let added = act(&app, in_country("LT"), json!({"addToGroup": "baltic"}));
    assert_eq!(counts(&app, &added), json!([3, 3, 2, 0]));
    let sources = "SELECT string_agg(DISTINCT source, ', ' ORDER BY source) FROM group_memberships";
    assert_eq!(app.database.ask(sources), "api, bulk 1");
    // Never refreshed, and so refreshed first.
    app.segment(
        "lv",
        json!({"text": {"field": "country", "is": {"equals": "LV"}}}),
    );
    let of_segment = act(
        &app,
        json!({"segment": "lv"}),
        json!({"addToGroup": "baltic"}),
    );
    assert_eq!(counts(&app, &of_segment), json!([1, 1, 1, 0]));
    let copied = act(
        &app,
        json!({"group": "baltic"}),
        json!({"addToGroup": "latvian"}),
    );
    assert_eq!(counts(&app, &copied), json!([4, 4, 4, 0]));
    let removed = act(
        &app,
        in_country("LT"),
        json!({"removeFromGroup": "latvian"}),
    );
    assert_eq!(counts(&app, &removed), json!([3, 3, 3, 0]));
    assert_eq!(members(&app, "latvian"), json!(["janis@example.com"]));
    // Once more there is nothing to do.
    let again = act(
        &app,
        in_country("LT"),
        json!({"removeFromGroup": "latvian"}),
    );
    assert_eq!(counts(&app, &again), json!([3, 3, 0, 0]));
    let nobody = act(
        &app,
        in_country("EE"),
        json!({"removeFromGroup": "latvian"}),
    );
    assert_eq!(counts(&app, &nobody), json!([0, 0, 0, 0]));
}

#[test]
fn every_field_is_set_as_a_mutation_sets_it() {
    let app = audience();
    for (key, of_type) in [
        ("plan", "TEXT"),
        ("visits", "NUMBER"),
        ("seen", "DATETIME"),
        ("day", "DATE"),
        ("vip", "BOOLEAN"),
        ("tags", "LIST"),
    ] {
        app.mutate(
            "mutation ($key: String!, $type: CustomFieldType!) { createCustomField(input: {key: $key, type: $type}) { userErrors { code } } }",
            json!({ "key": key, "type": of_type }),
        );
    }
    let values = json!({
        "firstName": "  Ona ", "lastName": "Kazlauskienė", "phone": "+370 1", "country": "ee", "region": "R", "city": "Vilnius",
        "postalCode": "01103", "position": {"latitude": 54.687157, "longitude": 25.279652}, "language": "LT-lt",
        "timezone": "Europe/Vilnius", "birthday": "1990-02-28", "source": "form", "status": "BOUNCED",
    });
    let custom = json!({
        "plan": "pro", "visits": 0.1, "seen": "2026-01-01T00:00:00.123456Z", "day": "2026-01-01", "vip": false, "tags": ["b", "a"],
    });
    let mut wanted = values.clone();
    wanted["customFields"] = custom.clone();
    // By a mutation, as it should be.
    app.subscriber("janis@example.com", wanted);
    app.group(
        "others",
        &["ona@example.com", "rasa@example.com", "jonas@example.com"],
    );
    let fields = values.as_object().expect("an object").iter();
    let fields = fields.map(|(name, value)| (name.clone(), value.clone()));
    let customs = custom.as_object().expect("an object").iter();
    let customs = customs.map(|(key, value)| (format!("custom.{key}"), value.clone()));
    for (field, value) in fields.chain(customs) {
        let setting = json!({"setField": {"field": field, "value": value}});
        let id = act(&app, json!({"group": "others"}), setting.clone());
        assert_eq!(counts(&app, &id), json!([3, 3, 3, 0]), "{field}");
        let again = act(&app, json!({"group": "others"}), setting);
        assert_eq!(counts(&app, &again), json!([3, 3, 0, 0]), "{field}");
    }
    let kinds =
        "SELECT count(DISTINCT to_jsonb(s) - 'id' - 'email' - 'version') FROM subscribers s";
    assert_eq!(app.database.ask(kinds), "1");
    for (field, _) in custom.as_object().expect("an object") {
        act(
            &app,
            json!({"group": "others"}),
            json!({"setField": {"field": format!("custom.{field}")}}),
        );
    }
    act(
        &app,
        json!({"group": "others"}),
        json!({"setField": {"field": "position", "value": null}}),
    );
    let cleared = "SELECT count(*) FROM subscribers WHERE custom = '{}' AND latitude IS NULL AND longitude IS NULL";
    assert_eq!(app.database.ask(cleared), "3");
}

#[test]
fn a_status_is_not_raised_and_its_history_is_kept() {
    let app = audience();
    app.subscriber("ona@example.com", json!({"status": "UNSUBSCRIBED"}));
    let raised = act(
        &app,
        json!({"rule": {"everyone": true}}),
        json!({"setField": {"field": "status", "value": "PENDING"}}),
    );
    assert_eq!(counts(&app, &raised), json!([4, 4, 3, 1]));
    let statuses = "SELECT string_agg(status, ' ' ORDER BY id) FROM subscribers";
    assert_eq!(
        app.database.ask(statuses),
        "unsubscribed pending pending pending"
    );
    let lowered = act(
        &app,
        in_country("LT"),
        json!({"setField": {"field": "status", "value": "COMPLAINED"}}),
    );
    assert_eq!(counts(&app, &lowered), json!([3, 3, 3, 0]));
    let history = app.query(
        "{ subscriber(email: \"rasa@example.com\") { unsubscribedAt statusHistory(first: 5) { nodes { from to source at } } } }",
        json!({}),
    );
    let at = "2026-03-01T09:30:00+00:00";
    assert_eq!(
        history["subscriber"],
        json!({"unsubscribedAt": at, "statusHistory": {"nodes": [
            {"from": "PENDING", "to": "COMPLAINED", "source": "bulk 2", "at": at},
            {"from": "SUBSCRIBED", "to": "PENDING", "source": "bulk 1", "at": at},
        ]}})
    );
}

#[test]
fn instant_segments_follow() {
    let app = audience();
    app.group("vip", &[]);
    app.mutate(
        "mutation { createSegment(input: {key: \"very\", rule: {group: {inAny: [\"vip\"]}}, mode: INSTANT}) { userErrors { code } } }",
        json!({}),
    );
    app.refresh();
    let follow = || follow_touches(app.db(), &app.app.refresh).expect("following succeeds");
    act(&app, in_country("LT"), json!({"addToGroup": "vip"}));
    follow();
    assert_eq!(app.members("very").len(), 3);
    act(&app, in_country("LT"), json!({"removeFromGroup": "vip"}));
    follow();
    assert_eq!(app.members("very"), Vec::<String>::new());
}

#[test]
fn deleted_people_leave_what_a_single_deletion_leaves() {
    let [at_once, one_by_one] = [true, false].map(|at_once| {
        let app = audience();
        app.subscriber("ona@example.com", json!({"status": "UNSUBSCRIBED"}));
        app.group("staff", &["ona@example.com", "janis@example.com"]);
        app.event("ona@example.com", "buy", "2026-02-01T00:00:00Z", Some(1.0));
        app.segment("everyone", json!({"everyone": true}));
        let file = "email,first_name\nona@example.com,Ona\nnew@example.com,New\nbad ona@example.com,\nnone janis@example.com,\n";
        let options = SubscriberImport::default();
        import_subscribers(app.db(), file.as_bytes(), &options, app.clock.now(), |_| {}).expect("the file is imported");
        app.refresh();
        let people = json!({"rule": {"text": {"field": "country", "is": {"equals": "LT"}}}});
        if at_once {
            let id = act(&app, people, json!({"delete": true}));
            assert_eq!(counts(&app, &id), json!([3, 3, 3, 0]));
            let shown = show(&app, &id);
            assert_eq!(shown["canUndo"], false);
            let refused = app.payload(super::UNDO, json!({"id": id}));
            let message = refused["userErrors"][0]["message"].as_str();
            assert!(message.is_some_and(|text| text.contains("deletion")), "{refused}");
        } else {
            let data = app.query("{ subscribers(first: 50) { nodes { id country } } }", json!({}));
            for node in data["subscribers"]["nodes"].as_array().expect("a list") {
                if node["country"] == "LT" {
                    app.mutate(
                        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { code } } }",
                        json!({"id": node["id"]}),
                    );
                }
            }
        }
        run_all(&app);
        let tables = [
            "subscribers", "group_memberships", "events", "event_totals", "segment_blocks", "segment_deletions",
            "import_changes", "import_batches", "import_additions", "import_problems", "subscriber_deletions",
        ];
        let contents = tables.map(|table| {
            // Several deletions at one moment are one here.
            let sql = match table {
                "segment_deletions" => "SELECT sum(number) FROM segment_deletions".to_owned(),
                "subscriber_deletions" => "SELECT json_agg(subscriber_id ORDER BY subscriber_id) FROM subscriber_deletions".to_owned(),
                _ => format!("SELECT json_agg(t ORDER BY t::text) FROM {table} t"),
            };
            format!("{table}: {}", app.database.ask(&sql))
        });
        let suppressed = app.database.ask("SELECT count(*) FROM suppressions");
        assert_eq!(suppressed, "1");
        contents
    });
    assert_eq!(at_once, one_by_one);
}
