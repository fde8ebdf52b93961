//! Everything at once, through the API of two servers: no answer fails, and everything adds up at the end.

use super::{NOW, RECORD, SET_TYPE, add_people, custom_field, email};
use crate::support::TestApp;
use rollcall::follow::follow_touches;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the test runs, unless the environment variable `ROLLCALL_STRESS_SECONDS` says otherwise.
const SECONDS: u64 = 8;

/// How many addresses there are. Some of them belong to no subscriber at any time.
const PEOPLE: usize = 300;

/// What each thread does.
type Work = fn(&TestApp, &Ids, &mut Random);

const THREADS: [Work; 8] = [
    edit_subscribers,
    edit_subscribers,
    record_events,
    record_events,
    change_groups,
    delete_subscribers,
    change_types,
    edit_segments,
];

/// Global ids that every thread knows.
struct Ids {
    field: String,
    segments: [(&'static str, String); 3],
}

/// Numbers that look random and are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("it is small")
    }

    fn email(&mut self) -> String {
        email(1 + self.below(PEOPLE))
    }

    fn emails(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.email()).collect()
    }
}

/// Sends a mutation; returns its payload. Every user error must be one of those that the moment explains.
#[track_caller]
fn send(app: &TestApp, document: &str, variables: Value, explained: &[&str]) -> Value {
    let payload = app.payload(document, variables);
    for error in payload["userErrors"].as_array().expect("a list") {
        let code = error["code"].as_str().expect("a code");
        assert!(explained.contains(&code), "{document}: {error}");
    }
    payload
}

fn edit_subscribers(app: &TestApp, _: &Ids, random: &mut Random) {
    let email = random.email();
    let country = ["LV", "LT", "EE"][random.below(3)];
    let visits = [json!("7"), json!(7), Value::Null][random.below(3)].clone();
    // The field may be a text or a number at this moment.
    send(
        app,
        "mutation ($email: String!, $country: String!, $custom: JSON!) { upsertSubscriber(input: {email: $email, \
         values: {country: $country, customFields: $custom}}) { userErrors { code path message } } }",
        json!({ "email": email, "country": country, "custom": {"visits": visits} }),
        &["INVALID"],
    );
    let read = app.query(
        "query ($email: String!) { subscriber(email: $email) { id version } }",
        json!({ "email": random.email() }),
    );
    if read["subscriber"] != Value::Null {
        send(
            app,
            "mutation ($id: ID!, $version: Int!, $country: String!) { updateSubscriber(input: {id: $id, ifVersion: $version, \
             values: {country: $country}}) { userErrors { code path message } } }",
            json!({ "id": read["subscriber"]["id"], "version": read["subscriber"]["version"], "country": country }),
            &["CONFLICT", "NOT_FOUND"],
        );
    }
}

fn record_events(app: &TestApp, _: &Ids, random: &mut Random) {
    let events: Vec<Value> = (0..20)
        .map(|_| {
            let key = format!("key-{}", random.below(3));
            let name = ["visit", "buy"][random.below(2)];
            json!({"email": random.email(), "name": name, "value": 1.25, "dedupeKey": key})
        })
        .collect();
    send(app, RECORD, json!({ "events": events }), &["NOT_FOUND"]);
    let one = json!([{"email": random.email(), "name": "visit"}]);
    send(app, RECORD, json!({ "events": one }), &["NOT_FOUND"]);
}

fn change_groups(app: &TestApp, _: &Ids, random: &mut Random) {
    for field in ["addToGroup", "removeFromGroup"] {
        let document = format!(
            "mutation ($emails: [String!]!) {{ {field}(input: {{group: \"readers\", emails: $emails}}) {{ \
             userErrors {{ code path message }} }} }}"
        );
        send(app, &document, json!({ "emails": random.emails(60) }), &[]);
    }
    if random.below(5) == 0 {
        send(
            app,
            "mutation { copySegmentToGroup(input: {segment: \"visitors\", group: \"copied\", createGroup: true}) { \
             userErrors { code path message } } }",
            json!({}),
            &[],
        );
    }
}

fn delete_subscribers(app: &TestApp, _: &Ids, random: &mut Random) {
    let read = app.query(
        "query ($email: String!) { subscriber(email: $email) { id } }",
        json!({ "email": random.email() }),
    );
    if read["subscriber"] != Value::Null {
        send(
            app,
            "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { code path message } } }",
            json!({ "id": read["subscriber"]["id"] }),
            &[],
        );
    }
}

fn change_types(app: &TestApp, ids: &Ids, random: &mut Random) {
    let type_name = ["TEXT", "NUMBER"][random.below(2)];
    send(
        app,
        SET_TYPE,
        json!({ "id": ids.field, "type": type_name }),
        &[],
    );
    let made = send(
        app,
        "mutation { createCustomField(input: {key: \"passing\", type: TEXT}) { customField { id } userErrors { code } } }",
        json!({}),
        &[],
    );
    send(
        app,
        "mutation ($id: ID!) { deleteCustomField(input: {id: $id}) { userErrors { code path message } } }",
        json!({ "id": made["customField"]["id"] }),
        &[],
    );
}

fn rule_of(key: &str, random: &mut Random) -> Value {
    let country = ["LV", "LT", "EE"][random.below(3)];
    match key {
        "instant" => json!({"text": {"field": "country", "is": {"equals": country}}}),
        "visitors" => {
            let name = ["visit", "buy"][random.below(2)];
            json!({"event": { "name": name }})
        }
        _ => {
            json!({"all": [{"group": {"inAny": ["readers"]}}, {"text": {"field": "country", "is": {"notEquals": country}}}]})
        }
    }
}

fn edit_segments(app: &TestApp, ids: &Ids, random: &mut Random) {
    let (key, id) = &ids.segments[random.below(3)];
    let read = app.query(
        "query ($key: String!) { segment(key: $key) { version } }",
        json!({ "key": key }),
    );
    if random.below(4) == 0 {
        send(
            app,
            "mutation ($id: ID!, $version: Int!, $rule: JSON!) { updateSegment(input: {id: $id, ifVersion: $version, \
             ruleJson: $rule}) { userErrors { code path message } } }",
            json!({ "id": id, "version": read["segment"]["version"], "rule": rule_of(key, random) }),
            &["CONFLICT"],
        );
    }
    send(
        app,
        "mutation { refreshSegments(input: {}) { userErrors { code path message } } }",
        json!({}),
        &["REFRESH_RUNNING"],
    );
}

/// Follows the instant segments as servers do, and refreshes beside them.
fn follow_and_refresh(app: &TestApp, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        follow_touches(app.db(), &app.app.refresh).expect("following succeeds");
        send(
            app,
            "mutation { refreshSegments(input: {segments: [\"instant\"]}) { userErrors { code path message } } }",
            json!({}),
            &["REFRESH_RUNNING"],
        );
    }
}

fn seconds() -> u64 {
    let seconds = std::env::var("ROLLCALL_STRESS_SECONDS").ok();
    seconds.map_or(SECONDS, |seconds| {
        seconds.parse().expect("a number of seconds")
    })
}

/// Ends the other threads when one of them ends, in whatever way.
struct EndOthers<'o>(&'o AtomicBool);

impl Drop for EndOthers<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn everything_at_once_fails_nowhere_and_adds_up() {
    let app = TestApp::at(NOW);
    add_people(&app, PEOPLE);
    app.group("readers", &[&email(1), &email(2)]);
    let field = custom_field(&app, "visits", "TEXT");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let segments = ["instant", "visitors", "readers"].map(|key| {
        let mode = if key == "instant" { "INSTANT" } else { "DAILY" };
        let made = app.mutate(
            "mutation ($key: String!, $rule: JSON!, $mode: SegmentMode!) { \
             createSegment(input: {key: $key, ruleJson: $rule, mode: $mode}) { segment { id } userErrors { message } } }",
            json!({ "key": key, "rule": rule_of(key, &mut random), "mode": mode }),
        );
        let id = made["segment"]["id"].as_str().expect("an id");
        (key, id.to_owned())
    });
    let ids = Ids { field, segments };
    app.refresh();
    let servers = [app.beside(), app.beside()];
    let is_over = AtomicBool::new(false);
    let deadline = Instant::now() + Duration::from_secs(seconds());
    std::thread::scope(|scope| {
        for (number, work) in THREADS.into_iter().enumerate() {
            let (server, ids, is_over) = (&servers[number % 2], &ids, &is_over);
            scope.spawn(move || {
                let _end = EndOthers(is_over);
                let mut random = Random(0x2545_f491_4f6c_dd1d + number as u64);
                while Instant::now() < deadline && !is_over.load(Ordering::Relaxed) {
                    work(server, ids, &mut random);
                }
            });
        }
        for server in &servers {
            let is_over = &is_over;
            scope.spawn(move || {
                let _end = EndOthers(is_over);
                follow_and_refresh(server, is_over);
            });
        }
    });
    assert_everything_adds_up(&app);
}

/// Walks through the changes of a segment, oldest first: each leaves as many members as there were before, with those
/// who joined and without those who left or were deleted.
fn assert_changes_add_up(app: &TestApp, key: &str) {
    let mut members = 0;
    let mut before = Value::Null;
    loop {
        let read = app.query(
            "query ($key: String!, $before: String) { segment(key: $key) { memberCount changes(last: 250, before: $before) { \
             nodes { memberCount joinedCount leftCount deletedCount } pageInfo { startCursor hasPreviousPage } } } }",
            json!({ "key": key, "before": before }),
        );
        let changes = &read["segment"]["changes"];
        let count = |change: &Value, name: &str| change[name].as_i64().expect("a count");
        for change in changes["nodes"].as_array().expect("a list").iter().rev() {
            members += count(change, "joinedCount");
            members -= count(change, "leftCount") + count(change, "deletedCount");
            assert_eq!(count(change, "memberCount"), members, "{key}: {change}");
        }
        if changes["pageInfo"]["hasPreviousPage"] == json!(false) {
            assert_eq!(count(&read["segment"], "memberCount"), members, "{key}");
            return;
        }
        before = changes["pageInfo"]["startCursor"].clone();
    }
}

fn assert_everything_adds_up(app: &TestApp) {
    let ask = |question: &str| app.database.ask(question);
    // What was not followed yet is, and then a full evaluation finds nothing else.
    app.refresh();
    follow_touches(app.db(), &app.app.refresh).expect("following succeeds");
    let members = "SELECT json_agg(json_build_array(s.key, b.block, md5(b.members)) ORDER BY s.key, b.block) \
        FROM segments s JOIN segment_blocks b ON b.segment_id = s.id";
    let stored = ask(members);
    app.refresh();
    assert_eq!(
        ask(members),
        stored,
        "a full evaluation finds other members"
    );
    // So does an evaluation that has no members to start from.
    for key in ["instant", "visitors", "readers"] {
        let read = app.query(
            "query ($key: String!) { segment(key: $key) { rule memberCount } }",
            json!({ "key": key }),
        );
        let anew = format!("{key}-anew");
        app.segment(&anew, read["segment"]["rule"].clone());
        app.refresh();
        assert_eq!(app.members(key), app.members(&anew), "{key}");
        assert_changes_add_up(app, key);
    }
    let totals = "SELECT json_agg(json_build_array(subscriber_id, name, count, value_sum) ORDER BY subscriber_id, name) \
        FROM event_totals";
    let summed = "SELECT json_agg(json_build_array(subscriber_id, name, count, sum) ORDER BY subscriber_id, name) FROM \
        (SELECT subscriber_id, name, count(*), coalesce(sum(value), 0)::numeric(38, 6) AS sum FROM events GROUP BY 1, 2) e";
    assert_eq!(ask(totals), ask(summed), "totals are those of the events");
    let mistyped = "SELECT count(*) FROM subscribers, custom_fields f WHERE f.key = 'visits' AND custom ? 'visits' \
        AND jsonb_typeof(custom -> 'visits') <> CASE f.type WHEN 'number' THEN 'number' ELSE 'string' END";
    assert_eq!(ask(mistyped), "0", "values have the type of their field");
    assert_eq!(
        ask("SELECT count(*) FROM subscribers WHERE custom ? 'passing'"),
        "0"
    );
    assert_ne!(ask("SELECT count(*) FROM subscribers"), "0");
    assert_ne!(
        ask("SELECT count(*) FROM refreshes WHERE state = 'succeeded'"),
        "0"
    );
    assert_eq!(
        ask("SELECT count(*) FROM refreshes WHERE state = 'failed'"),
        "0"
    );
}
