//! Every connection of the schema: paged forwards and backwards, with pages of every size, while items come and go.
//!
//! The connections are found in the schema. One that the table below lacks fails the test.

use crate::support::TestApp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How many items a list has at first.
const ITEMS: usize = 7;
/// How many come at the most while a list is walked through.
const MOST_ADDED: usize = 4;

/// How to reach a connection, and how items come into it and go.
struct List {
    /// The type and the field.
    coordinate: &'static str,
    /// The document around it; `HERE` stands for the connection.
    around: &'static str,
    /// Arguments besides those of paging: each set of them is another list of the same items.
    variations: &'static [&'static str],
    /// What tells the nodes apart: selected of each.
    identity: &'static str,
    /// Makes what is around the list and so many items.
    fill: fn(&TestApp, usize),
    /// Adds an item; the numbers grow from that of items at first. Does nothing where a list cannot grow.
    add: fn(&TestApp, usize),
    /// Takes an item away.
    remove: fn(&TestApp, &Value),
}

/// Numbers in an order that is not theirs, so that items come at the start, in the middle and at the end.
fn scattered(number: usize) -> usize {
    number * 6_007 % 10_007
}

fn email(number: usize) -> String {
    format!("p{:05}@example.com", scattered(number))
}

fn add_person(app: &TestApp, number: usize) {
    app.subscriber(&email(number), json!({ "country": "LT" }));
}

fn add_people(app: &TestApp, count: usize) {
    (0..count).for_each(|number| add_person(app, number));
}

fn remove_person(app: &TestApp, node: &Value) {
    let found = app.query(
        "query ($email: String!) { subscriber(email: $email) { id } }",
        json!({ "email": node["email"] }),
    );
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": found["subscriber"]["id"] }),
    );
}

/// Runs `DELETE FROM table WHERE column = value`.
fn delete(app: &TestApp, table: &str, column: &str, value: &Value) {
    let value = match value {
        Value::String(text) => format!("'{text}'"),
        other => other.to_string(),
    };
    app.database
        .execute(&format!("DELETE FROM {table} WHERE {column} = {value}"));
}

/// Removes an entry of the audit log as the daily job does.
fn forget_entry(app: &TestApp, column: &str, value: &Value) {
    app.database.execute(&format!(
        "BEGIN; SET LOCAL rollcall.forgets_audit = 'on'; DELETE FROM audit_log WHERE {column}::text = '{}'; COMMIT",
        value.to_string().trim_matches('"')
    ));
}

fn everybody(app: &TestApp, key: &str) {
    app.segment(key, json!({"everyone": true}));
    app.refresh();
}

fn refresh_later(app: &TestApp, number: usize) {
    app.set_time(&format!(
        "2026-06-15T{:02}:{:02}:00Z",
        number / 60,
        number % 60
    ));
    app.refresh();
}

fn fill_members(app: &TestApp, count: usize) {
    add_people(app, count);
    everybody(app, "all");
}

/// Everybody joined in one refresh and left in the next.
fn fill_leavers(app: &TestApp, count: usize) {
    add_people(app, count);
    app.segment(
        "all",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    app.refresh();
    app.set_time("2026-06-15T13:00:00Z");
    app.database
        .execute("UPDATE subscribers SET country = 'DE'");
    app.refresh();
}

fn add_visit(app: &TestApp, number: usize) {
    let second = scattered(number);
    let at = format!(
        "2026-01-01T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    );
    app.event("ona@example.com", "visit", &at, None);
}

fn add_segment(app: &TestApp, number: usize) {
    app.segment(
        &format!("s{:05}", scattered(number)),
        json!({"everyone": true}),
    );
}

fn remove_segment(app: &TestApp, node: &Value) {
    delete(app, "segments", "key", &node["key"]);
}

fn with_ona(app: &TestApp) {
    app.subscriber("ona@example.com", json!({}));
}

const ORDERS: &[&str] = &["orderBy: ADDED", "orderBy: EMAIL"];
const MEMBERS: &[&str] = &[
    "orderBy: ADDED",
    "orderBy: ADDED, direction: DESCENDING",
    "orderBy: EMAIL",
    "orderBy: EMAIL, direction: DESCENDING",
    "orderBy: ADDED, search: \"p\"",
    "orderBy: ADDED, status: SUBSCRIBED, direction: DESCENDING",
    "orderBy: EMAIL, search: \"P\", status: SUBSCRIBED",
    "orderBy: EMAIL, status: SUBSCRIBED, direction: DESCENDING",
];
const GROUPS: &[&str] = &[
    "",
    "direction: DESCENDING",
    "orderBy: ADDED",
    "orderBy: NAME, direction: DESCENDING",
    "orderBy: UPDATED",
    "orderBy: MEMBER_COUNT, direction: DESCENDING, search: \"0\"",
];
const SEGMENTS: &[&str] = &[
    "",
    "withArchived: true",
    "withArchived: true, orderBy: ADDED, direction: DESCENDING",
    "orderBy: NAME",
    "orderBy: UPDATED, direction: DESCENDING",
    "orderBy: MEMBER_COUNT",
];
const ONE: &[&str] = &[""];

fn lists() -> Vec<List> {
    let ona = "subscriber(email: \"ona@example.com\") { HERE }";
    let all = "segment(key: \"all\") { HERE }";
    vec![
        List {
            coordinate: "Query.subscribers",
            around: "HERE",
            variations: &[
                "orderBy: ADDED",
                "orderBy: EMAIL",
                "filter: {ruleJson: {everyone: true}}",
                "orderBy: EMAIL, filter: {ruleJson: {everyone: true}}",
                "orderBy: ADDED, direction: DESCENDING",
                "orderBy: EMAIL, direction: DESCENDING",
                "orderBy: ADDED, search: \"p\"",
                "orderBy: ADDED, search: \"p\", direction: DESCENDING",
                "orderBy: EMAIL, search: \"p\"",
                "orderBy: EMAIL, search: \"p\", direction: DESCENDING",
                "orderBy: EMAIL, direction: DESCENDING, search: \"p\", filter: {ruleJson: {everyone: true}}",
                "direction: DESCENDING, filter: {ruleJson: {everyone: true}}",
            ],
            identity: "email",
            fill: add_people,
            add: add_person,
            remove: remove_person,
        },
        List {
            coordinate: "Query.groups",
            around: "HERE",
            variations: GROUPS,
            identity: "key",
            fill: |app, count| {
                (0..count).for_each(|number| app.group(&format!("g{:05}", scattered(number)), &[]))
            },
            add: |app, number| app.group(&format!("g{:05}", scattered(number)), &[]),
            remove: |app, node| delete(app, "groups", "key", &node["key"]),
        },
        List {
            coordinate: "Query.segments",
            around: "HERE",
            variations: SEGMENTS,
            identity: "key",
            fill: |app, count| (0..count).for_each(|number| add_segment(app, number)),
            add: add_segment,
            remove: remove_segment,
        },
        List {
            coordinate: "Query.customFields",
            around: "HERE",
            variations: ONE,
            identity: "key",
            fill: |app, count| (0..count).for_each(|number| add_field(app, number)),
            add: add_field,
            remove: |app, node| delete(app, "custom_fields", "key", &node["key"]),
        },
        List {
            coordinate: "Query.apiKeys",
            around: "HERE",
            variations: ONE,
            identity: "name",
            fill: |app, count| (0..count).for_each(|number| add_key(app, number)),
            add: add_key,
            remove: |app, node| delete(app, "api_keys", "name", &node["name"]),
        },
        List {
            coordinate: "Query.auditLog",
            around: "HERE",
            variations: &[
                "",
                "filter: {actions: [\"createGroup\"], actorKinds: [NOBODY]}",
            ],
            identity: "target { key }",
            fill: |app, count| {
                (0..count).for_each(|number| app.group(&format!("g{:05}", scattered(number)), &[]))
            },
            add: |app, number| app.group(&format!("g{:05}", scattered(number)), &[]),
            remove: |app, node| forget_entry(app, "target_key", &node["target"]["key"]),
        },
        List {
            coordinate: "Segment.auditLog",
            around: all,
            variations: ONE,
            identity: "definitionVersionAfter",
            fill: |app, count| {
                app.segment("all", json!({"everyone": true}));
                (1..count).for_each(|number| change_rule(app, number));
            },
            add: change_rule,
            remove: |app, node| forget_entry(app, "version_after", &node["definitionVersionAfter"]),
        },
        List {
            coordinate: "Query.webhooks",
            around: "HERE",
            variations: ONE,
            identity: "name",
            fill: |app, count| (0..count).for_each(|number| add_webhook(app, number)),
            add: add_webhook,
            remove: |app, node| delete(app, "webhooks", "name", &node["name"]),
        },
        List {
            coordinate: "Query.imports",
            around: "HERE",
            variations: ONE,
            identity: "fileName",
            fill: |app, count| (0..count).for_each(|number| add_import(app, number)),
            add: add_import,
            remove: |app, node| delete(app, "imports", "file_name", &node["fileName"]),
        },
        List {
            coordinate: "Query.bulkActions",
            around: "HERE",
            variations: ONE,
            identity: "number",
            fill: |app, count| (0..count).for_each(|number| add_bulk_action(app, number)),
            add: add_bulk_action,
            remove: |app, node| delete(app, "bulk_actions", "id", &node["number"]),
        },
        List {
            coordinate: "Import.problems",
            around: "imports(last: 1) { nodes { HERE } }",
            variations: ONE,
            identity: "line",
            fill: |app, count| {
                add_import(app, 0);
                (0..count).for_each(|number| add_problem(app, number));
            },
            add: add_problem,
            remove: |app, node| delete(app, "import_problems", "line", &node["line"]),
        },
        List {
            coordinate: "Query.refreshes",
            around: "HERE",
            variations: ONE,
            identity: "asOf",
            fill: |app, count| (0..count).for_each(|number| refresh_later(app, number)),
            add: refresh_later,
            remove: |app, node| delete(app, "refreshes", "as_of", &node["asOf"]),
        },
        List {
            coordinate: "Group.members",
            around: "group(key: \"all\") { HERE }",
            variations: MEMBERS,
            identity: "email",
            fill: |app, count| {
                app.group("all", &[]);
                (0..count).for_each(|number| add_member(app, number));
            },
            add: add_member,
            remove: |app, node| {
                app.mutate(
                    "mutation ($emails: [String!]!) { removeFromGroup(input: {group: \"all\", emails: $emails}) { userErrors { message } } }",
                    json!({ "emails": [node["email"]] }),
                );
            },
        },
        List {
            coordinate: "Segment.members",
            around: all,
            variations: MEMBERS,
            identity: "email",
            fill: fill_members,
            add: |app, number| {
                add_person(app, number);
                app.refresh();
            },
            remove: remove_person,
        },
        List {
            coordinate: "Segment.members",
            around: all,
            variations: &[
                "asOf: \"2026-06-15T12:00:00Z\"",
                "asOf: \"2026-06-15T12:00:00Z\", orderBy: EMAIL",
                "asOf: \"2026-06-15T12:00:00Z\", orderBy: EMAIL, direction: DESCENDING, search: \"p\"",
            ],
            identity: "email",
            fill: fill_members,
            // The past does not grow.
            add: |app, number| {
                app.set_time("2026-06-16T12:00:00Z");
                add_person(app, number);
                app.refresh();
            },
            remove: remove_person,
        },
        List {
            coordinate: "Segment.changes",
            around: all,
            variations: ONE,
            identity: "refresh { asOf }",
            fill: |app, count| {
                app.segment("all", json!({"everyone": true}));
                (0..count).for_each(|number| refresh_later(app, number));
            },
            add: refresh_later,
            remove: |app, node| {
                app.database.execute(&format!(
                    "DELETE FROM segment_refreshes WHERE refresh_id = (SELECT id FROM refreshes WHERE as_of = '{}')",
                    node["refresh"]["asOf"].as_str().expect("an instant")
                ));
            },
        },
        List {
            coordinate: "Segment.definitions",
            around: all,
            variations: ONE,
            identity: "version",
            fill: |app, count| {
                app.segment("all", json!({"everyone": true}));
                (1..count).for_each(|number| change_rule(app, number));
            },
            add: change_rule,
            remove: |app, node| delete(app, "segment_definitions", "version", &node["version"]),
        },
        List {
            coordinate: "SegmentChange.joined",
            around: "segment(key: \"all\") { changes(last: 1) { nodes { HERE } } }",
            variations: ORDERS,
            identity: "email",
            fill: fill_members,
            add: |_, _| {},
            remove: remove_person,
        },
        List {
            coordinate: "SegmentChange.left",
            around: "segment(key: \"all\") { changes(first: 1) { nodes { HERE } } }",
            variations: ORDERS,
            identity: "email",
            fill: fill_leavers,
            add: |_, _| {},
            remove: remove_person,
        },
        List {
            coordinate: "SegmentChange.deleted",
            around: "segment(key: \"all\") { changes(first: 1) { nodes { HERE } } }",
            variations: ONE,
            identity: "id",
            fill: |app, count| {
                add_people(app, count);
                everybody(app, "all");
                app.set_time("2026-06-15T13:00:00Z");
                app.database
                    .execute("DELETE FROM subscribers WHERE country = 'LT'");
                app.refresh();
            },
            add: |_, _| {},
            // As when the history is folded; the counts of the past stay.
            remove: |app, node| remove_deleted(app, node),
        },
        List {
            coordinate: "Subscriber.groups",
            around: ona,
            variations: ONE,
            identity: "key",
            fill: |app, count| {
                with_ona(app);
                (0..count).for_each(|number| add_group_of_ona(app, number));
            },
            add: add_group_of_ona,
            remove: |app, node| delete(app, "groups", "key", &node["key"]),
        },
        List {
            coordinate: "Subscriber.segments",
            around: ona,
            variations: ONE,
            identity: "key",
            fill: |app, count| {
                with_ona(app);
                (0..count).for_each(|number| add_segment(app, number));
                app.refresh();
            },
            add: |app, number| {
                add_segment(app, number);
                app.refresh();
            },
            remove: remove_segment,
        },
        List {
            coordinate: "Subscriber.history",
            around: ona,
            variations: ONE,
            identity: "segment { key } direction",
            fill: |app, count| {
                with_ona(app);
                for number in 0..count {
                    add_segment(app, number);
                    refresh_later(app, number);
                }
            },
            add: |app, number| {
                add_segment(app, number);
                refresh_later(app, number);
            },
            remove: |app, node| remove_segment(app, &node["segment"]),
        },
        List {
            coordinate: "Subscriber.statusHistory",
            around: ona,
            variations: ONE,
            identity: "at",
            fill: |app, count| {
                with_ona(app);
                (0..count).for_each(|number| add_status_change(app, number));
            },
            add: add_status_change,
            remove: |app, node| delete(app, "status_changes", "changed_at", &node["at"]),
        },
        List {
            coordinate: "Subscriber.events",
            around: ona,
            variations: &["", "name: \"visit\""],
            identity: "occurredAt",
            fill: |app, count| {
                with_ona(app);
                (0..count).for_each(|number| add_visit(app, number));
            },
            add: add_visit,
            remove: |app, node| delete(app, "events", "occurred_at", &node["occurredAt"]),
        },
    ]
}

/// Makes a deleted member one who is known to exist no more, but not to have been a member.
fn remove_deleted(app: &TestApp, node: &Value) {
    let id = URL_SAFE_NO_PAD.decode(node["id"].as_str().expect("an id"));
    let id = String::from_utf8(id.expect("base64")).expect("text");
    let number = id.strip_prefix("Subscriber:").expect("a subscriber");
    delete(
        app,
        "subscriber_deletions",
        "subscriber_id",
        &json!(number.parse::<i64>().expect("a number")),
    );
}

fn add_status_change(app: &TestApp, number: usize) {
    app.database.execute(&format!(
        "INSERT INTO status_changes (subscriber_id, to_status, changed_at, source) \
         SELECT max(id), 'pending', timestamptz '2026-01-01' + {number} * interval '1 minute', 'sql' FROM subscribers"
    ));
}

fn add_import(app: &TestApp, number: usize) {
    app.mutate(
        "mutation ($name: String!) { createImport(input: {kind: SUBSCRIBERS, fileName: $name}) { userErrors { message } } }",
        json!({ "name": format!("{:05}.csv", scattered(number)) }),
    );
}

fn add_bulk_action(app: &TestApp, _: usize) {
    app.database.execute(
        "INSERT INTO bulk_actions (state, people, change, created_at) \
         VALUES ('succeeded', '{\"rule\": {\"everyone\": true}}', '\"delete\"', now())",
    );
}

fn add_problem(app: &TestApp, number: usize) {
    let line = scattered(number);
    app.database.execute(&format!(
        "INSERT INTO import_problems (import_id, line, kind, reason) SELECT max(id), {line}, 'malformed', 'of a test' FROM imports"
    ));
}

fn add_key(app: &TestApp, number: usize) {
    app.mutate(
        "mutation ($name: String!) { createApiKey(input: {name: $name, scopes: [READ]}) { userErrors { message } } }",
        json!({ "name": format!("key {}", scattered(number)) }),
    );
}

fn add_webhook(app: &TestApp, number: usize) {
    let name = format!("webhook {}", scattered(number));
    app.database.execute(&format!(
        "INSERT INTO webhooks (name, url, types, fields, people_per_message, secret, position, next_attempt_at, created_at, updated_at) \
         VALUES ('{name}', 'https://example.com/', '{{refresh.failed}}', '{{}}', 500, '', '', now(), now(), now())"
    ));
}

fn add_field(app: &TestApp, number: usize) {
    app.mutate(
        "mutation ($key: String!) { createCustomField(input: {key: $key, type: TEXT}) { userErrors { message } } }",
        json!({ "key": format!("f{:05}", scattered(number)) }),
    );
}

fn add_member(app: &TestApp, number: usize) {
    add_person(app, number);
    app.mutate(
        "mutation ($emails: [String!]!) { addToGroup(input: {group: \"all\", emails: $emails}) { userErrors { message } } }",
        json!({ "emails": [email(number)] }),
    );
}

fn add_group_of_ona(app: &TestApp, number: usize) {
    app.group(&format!("g{:05}", scattered(number)), &["ona@example.com"]);
}

fn change_rule(app: &TestApp, number: usize) {
    let rule = json!({"text": {"field": "city", "is": {"equals": format!("city {number}")}}});
    let found = app.query("{ segment(key: \"all\") { id } }", json!({}));
    app.mutate(
        "mutation ($id: ID!, $rule: JSON!) { updateSegment(input: {id: $id, ruleJson: $rule}) { userErrors { message } } }",
        json!({ "id": found["segment"]["id"], "rule": rule }),
    );
}

/// A page as a client sees it.
#[derive(Debug)]
struct Page {
    items: Vec<Value>,
    has_next: bool,
    has_previous: bool,
    start: Value,
    end: Value,
}

impl List {
    fn field(&self) -> &str {
        self.coordinate
            .split_once('.')
            .map_or("", |(_, field)| field)
    }

    fn document(&self, arguments: &str) -> String {
        let connection = format!(
            "{}({arguments}) {{ edges {{ cursor node {{ {id} }} }} nodes {{ {id} }} \
             pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }}",
            self.field(),
            id = self.identity
        );
        format!("{{ {} }}", self.around.replace("HERE", &connection))
    }

    /// Asks for a page with these arguments.
    #[track_caller]
    fn page(&self, app: &TestApp, arguments: &str) -> Page {
        let data = app.query(&self.document(arguments), json!({}));
        let page =
            find(&data, self.field()).unwrap_or_else(|| panic!("{} is in {data}", self.coordinate));
        let info = &page["pageInfo"];
        let items = page["nodes"].as_array().expect("a list").clone();
        let edges = page["edges"].as_array().expect("a list");
        assert!(
            edges.iter().map(|edge| &edge["node"]).eq(items.iter()),
            "edges are nodes with cursors"
        );
        assert_eq!(
            info["startCursor"],
            edges
                .first()
                .map_or(Value::Null, |edge| edge["cursor"].clone())
        );
        assert_eq!(
            info["endCursor"],
            edges
                .last()
                .map_or(Value::Null, |edge| edge["cursor"].clone())
        );
        Page {
            items,
            has_next: info["hasNextPage"] == json!(true),
            has_previous: info["hasPreviousPage"] == json!(true),
            start: info["startCursor"].clone(),
            end: info["endCursor"].clone(),
        }
    }

    #[track_caller]
    fn all(&self, app: &TestApp, variation: &str) -> Vec<Value> {
        let page = self.page(app, &format!("first: 250, {variation}"));
        assert!(
            !page.has_next && !page.has_previous,
            "everything is on one page"
        );
        page.items
    }

    /// Goes through the list, with an item coming and one going after every page, and returns what was seen.
    #[track_caller]
    fn walk(
        &self,
        app: &TestApp,
        variation: &str,
        size: usize,
        forwards: bool,
        next_number: &mut usize,
    ) -> Walk {
        let mut walk = Walk {
            added: 0,
            seen: Vec::new(),
            removed: Vec::new(),
        };
        let (count, after) = if forwards {
            ("first", "after")
        } else {
            ("last", "before")
        };
        let mut from = String::new();
        loop {
            let page = self.page(app, &format!("{count}: {size}, {from} {variation}"));
            assert!(page.items.len() <= size);
            let all = self.check_ends(app, variation, &page);
            let mut items = page.items.clone();
            let (goes_on, cursor) = if forwards {
                (page.has_next, &page.end)
            } else {
                (page.has_previous, &page.start)
            };
            if !forwards {
                items.reverse();
            }
            walk.seen.extend(items);
            if !goes_on {
                return walk;
            }
            from = format!("{after}: {cursor},");
            // Not after every page, or a walk towards new items would never end.
            if walk.added < MOST_ADDED {
                (self.add)(app, *next_number);
                *next_number += 1;
                walk.added += 1;
            }
            // The item that the cursor was made for, so that the next page begins after something that is gone.
            if let Some(last) = walk
                .seen
                .last()
                .filter(|_| (walk.seen.len() + size).is_multiple_of(2))
            {
                (self.remove)(app, last);
                walk.removed.push(last.clone());
            }
            // And one that was not seen yet, but not all of them.
            let mut rest: Vec<Value> = all;
            rest.retain(|item| !walk.seen.contains(item));
            if rest.len() > size + 1 {
                let item = rest.swap_remove(rest.len() / 2);
                (self.remove)(app, &item);
                walk.removed.push(item);
            }
        }
    }

    /// Goes through the list once: everything that was there all the time is seen once, in its order.
    #[track_caller]
    fn check_walk(
        &self,
        app: &TestApp,
        variation: &str,
        size: usize,
        forwards: bool,
        next_number: &mut usize,
    ) {
        let before = self.all(app, variation);
        let what = format!(
            "{} {variation} pages of {size}, forwards: {forwards}",
            self.coordinate
        );
        let walk = self.walk(app, variation, size, forwards, next_number);
        let mut expected: Vec<&Value> = before
            .iter()
            .filter(|item| !walk.removed.contains(item))
            .collect();
        if !forwards {
            expected.reverse();
        }
        let throughout: Vec<&Value> = walk
            .seen
            .iter()
            .filter(|item| expected.contains(item))
            .collect();
        assert_eq!(throughout, expected, "{what}");
        let repeated = walk
            .seen
            .iter()
            .enumerate()
            .find(|(place, item)| walk.seen[..*place].contains(item));
        assert!(repeated.is_none(), "{what}: {repeated:?}");
    }

    /// Brings the list back to as many items as at first. Returns false if it has fewer and cannot grow.
    #[track_caller]
    fn level(&self, app: &TestApp, variation: &str, next_number: &mut usize) -> bool {
        let mut items = self.all(app, variation);
        for item in items.iter().skip(ITEMS) {
            (self.remove)(app, item);
        }
        while items.len() < ITEMS {
            (self.add)(app, *next_number);
            *next_number += 1;
            let grown = self.all(app, variation);
            if grown.len() == items.len() {
                return false;
            }
            items = grown;
        }
        true
    }

    /// Makes sure that a page tells rightly what is before and after it. Returns the whole list.
    #[track_caller]
    fn check_ends(&self, app: &TestApp, variation: &str, page: &Page) -> Vec<Value> {
        let all = self.all(app, variation);
        if let (Some(first), Some(last)) = (page.items.first(), page.items.last()) {
            assert_eq!(
                page.has_previous,
                all.first() != Some(first),
                "{} {variation}: {page:?} in {all:?}",
                self.coordinate
            );
            assert_eq!(
                page.has_next,
                all.last() != Some(last),
                "{} {variation}: {page:?} in {all:?}",
                self.coordinate
            );
        }
        all
    }
}

/// What was seen on the way through a list.
struct Walk {
    added: usize,
    seen: Vec<Value>,
    removed: Vec<Value>,
}

/// Finds a field of that name that has a page in it.
fn find<'v>(data: &'v Value, name: &str) -> Option<&'v Value> {
    match data {
        Value::Object(fields) => fields
            .get(name)
            .filter(|field| field.get("pageInfo").is_some())
            .or_else(|| fields.values().find_map(|field| find(field, name))),
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

#[test]
fn the_table_has_every_connection_of_the_schema() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let data = app.query(
        "{ __schema { types { name fields { name type { name ofType { name } } } } } }",
        json!({}),
    );
    let mut served = BTreeSet::new();
    for of_type in data["__schema"]["types"].as_array().expect("a list") {
        for field in of_type["fields"].as_array().into_iter().flatten() {
            let names = [&field["type"]["name"], &field["type"]["ofType"]["name"]];
            if names.iter().any(|name| {
                name.as_str()
                    .is_some_and(|name| name.ends_with("Connection"))
            }) {
                served.insert(format!(
                    "{}.{}",
                    of_type["name"].as_str().unwrap_or_default(),
                    field["name"].as_str().unwrap_or_default()
                ));
            }
        }
    }
    assert!(served.len() >= 15, "{served:?}");
    let known: BTreeSet<String> = lists()
        .iter()
        .map(|list| list.coordinate.to_owned())
        .collect();
    assert_eq!(
        served, known,
        "every connection needs a line in the table of this test"
    );
}

#[test]
fn pages_have_no_gap_and_no_repeat_while_items_come_and_go() {
    for list in lists() {
        // The same items serve every variation and both directions, as long as there are enough of them.
        let mut served: Option<(TestApp, usize)> = None;
        for variation in list.variations {
            for forwards in [true, false] {
                let kept = served.take().filter(|(app, next_number)| {
                    let mut next_number = *next_number;
                    list.level(app, variation, &mut next_number)
                });
                let (app, mut next_number) = kept.unwrap_or_else(|| {
                    let app = TestApp::at("2026-06-15T12:00:00Z");
                    (list.fill)(&app, ITEMS);
                    (app, ITEMS)
                });
                for size in 1..=ITEMS + 1 {
                    list.check_walk(&app, variation, size, forwards, &mut next_number);
                    // Enough for the next size.
                    list.level(&app, variation, &mut next_number);
                }
                served = Some((app, next_number));
            }
        }
    }
}

#[test]
fn a_page_between_two_cursors_tells_what_is_around_it() {
    for list in lists() {
        let app = TestApp::at("2026-06-15T12:00:00Z");
        (list.fill)(&app, ITEMS);
        for variation in list.variations {
            let all = list.all(&app, variation);
            let cursor = |place: usize| {
                list.page(&app, &format!("first: {}, {variation}", place + 1))
                    .end
            };
            let (from, to) = (cursor(1), cursor(5));
            for size in ["first: 2", "first: 9", "last: 2", "last: 9"] {
                let page = list.page(
                    &app,
                    &format!("{size}, after: {from}, before: {to}, {variation}"),
                );
                let expected = match size {
                    "first: 2" => &all[2..4],
                    "last: 2" => &all[3..5],
                    _ => &all[2..5],
                };
                assert_eq!(
                    page.items, expected,
                    "{} {variation} {size}",
                    list.coordinate
                );
                list.check_ends(&app, variation, &page);
            }
            // Nothing is between a cursor and itself, and nothing is asked for.
            let nothing = list.page(
                &app,
                &format!("first: 2, after: {to}, before: {from}, {variation}"),
            );
            assert!(nothing.items.is_empty());
            assert!(
                list.page(&app, &format!("first: 0, {variation}"))
                    .items
                    .is_empty()
            );
        }
    }
}

/// A cursor of a list, as it is written, with this key.
fn cursor_of(list: &List, key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("[\"{}\",{key}]", list.coordinate))
}

#[test]
fn cursors_and_sizes_that_are_none_are_bad_input() {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let nonsense = [
        "nonsense".to_owned(),
        "%%%".to_owned(),
        "👩".to_owned(),
        encode("{}"),
        encode("null"),
        encode("7"),
        encode("\"~\""),
        encode("[7, 7]"),
        encode("[[[["),
    ];
    let keys = [
        "{}",
        "null",
        "true",
        "1.5",
        "99999999999999999999999999",
        "[1, 2, 3, 4]",
        "\"\\u0000\"",
    ];
    // Keys of one list or another, which may be read and then stand somewhere, but never fail.
    let strangers = [
        "-9223372036854775808",
        "9223372036854775807",
        "\"~\"",
        "[\"9999-12-31T00:00:00Z\",1]",
    ];
    for list in lists() {
        let app = TestApp::at("2026-06-15T12:00:00Z");
        (list.fill)(&app, 3);
        for variation in list.variations {
            let respond = |arguments: String| {
                let response = app.respond(
                    &list.document(&format!("{arguments}, {variation}")),
                    json!({}),
                );
                (
                    response["errors"][0]["extensions"]["code"].clone(),
                    response,
                )
            };
            for side in [
                "first: 2, after",
                "last: 2, before",
                "first: 2, before",
                "last: 2, after",
            ] {
                let of_list = keys.iter().map(|key| cursor_of(&list, key));
                for cursor in nonsense.iter().cloned().chain(of_list) {
                    let (code, response) = respond(format!("{side}: {}", json!(cursor)));
                    assert_eq!(
                        code,
                        json!("BAD_USER_INPUT"),
                        "{} {side}: {cursor} {response}",
                        list.coordinate
                    );
                }
                for key in strangers {
                    let cursor = cursor_of(&list, key);
                    let (code, response) = respond(format!("{side}: {}", json!(cursor)));
                    assert!(
                        code.is_null() || code == json!("BAD_USER_INPUT"),
                        "{} {side}: {cursor} {response}",
                        list.coordinate
                    );
                }
            }
            for size in [
                "first: -1",
                "last: -1",
                "first: 251",
                "last: 251",
                "first: 1, last: 1",
            ] {
                let (code, response) = respond(size.to_owned());
                assert_eq!(
                    code,
                    json!("BAD_USER_INPUT"),
                    "{} {size} {response}",
                    list.coordinate
                );
            }
            // The lowest and the highest number are before and after everything.
            let lowest = cursor_of(&list, "-9223372036854775808");
            let (code, _) = respond(format!("first: 9, after: {}", json!(lowest)));
            if code.is_null() {
                let page = list.page(
                    &app,
                    &format!("first: 9, after: {}, {variation}", json!(lowest)),
                );
                let descending = list.page(
                    &app,
                    &format!("last: 9, before: {}, {variation}", json!(lowest)),
                );
                assert_eq!(
                    page.items.len() + descending.items.len(),
                    3,
                    "{}",
                    list.coordinate
                );
            }
        }
    }
}

/// Cursors say of which list they are: every one is tried in every other list, and in every order.
#[test]
fn a_cursor_is_refused_by_every_other_list() {
    let lists = lists();
    let filled: Vec<TestApp> = lists
        .iter()
        .map(|list| {
            let app = TestApp::at("2026-06-15T12:00:00Z");
            (list.fill)(&app, 3);
            app
        })
        .collect();
    let sort_of = |list: &List, variation: &'static str| {
        let usual = match list.coordinate {
            "Query.groups" | "Query.segments" => "KEY",
            _ => "ADDED",
        };
        let mut orders = variation.split(", ");
        let order = orders.find_map(|part| part.strip_prefix("orderBy: "));
        (order.unwrap_or(usual), variation.contains("DESCENDING"))
    };
    let (mut refused, mut taken) = (0, 0);
    for (of, app) in lists.iter().zip(&filled) {
        for variation in of.variations {
            let cursor = of.page(app, &format!("first: 1, {variation}")).end;
            for (list, app) in lists.iter().zip(&filled) {
                for other in list.variations {
                    let asked = list.document(&format!("first: 2, after: {cursor}, {other}"));
                    let response = app.respond(&asked, json!({}));
                    let code = &response["errors"][0]["extensions"]["code"];
                    let what = format!(
                        "{} {variation} in {} {other}",
                        of.coordinate, list.coordinate
                    );
                    if of.coordinate == list.coordinate
                        && sort_of(of, variation) == sort_of(list, other)
                    {
                        assert!(code.is_null(), "{what}: {response}");
                        taken += 1;
                    } else {
                        assert_eq!(*code, json!("BAD_USER_INPUT"), "{what}: {response}");
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(
        refused > 500 && taken > 20,
        "{refused} refused, {taken} taken"
    );
}
