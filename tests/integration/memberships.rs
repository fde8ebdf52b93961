//! Who is in what: statements per question, and pages that neither repeat nor skip anybody.

use crate::support::TestApp;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn audience(people: usize) -> TestApp {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.database.execute(&format!(
        "INSERT INTO subscribers (email, country, created_at, updated_at) \
         SELECT 'p' || lpad((n * 7919 % {people})::text, 5, '0') || '@example.com', (ARRAY['LT','DE','FR'])[1 + n % 3], now(), now() \
         FROM generate_series(1, {people}) n"
    ));
    app
}

#[test]
fn fifty_subscribers_with_groups_and_segments_cost_at_most_four_statements() {
    let app = audience(120);
    for group in ["staff", "press", "beta"] {
        app.group(group, &["p00003@example.com", "p00004@example.com"]);
    }
    for country in ["LT", "DE", "FR"] {
        let rule = json!({"text": {"field": "country", "is": {"equals": country}}});
        app.segment(&format!("in-{}", country.to_lowercase()), rule);
    }
    app.segment("everyone", json!({"everyone": true}));
    app.refresh();
    let document = "{ subscribers(first: 50, orderBy: EMAIL) { nodes { email \
        groups { totalCount edges { addedAt node { key name } } } \
        segments { totalCount edges { node { key name } } } \
        memberships { __typename key } } } }";
    app.query(document, json!({}));
    let before = app.db().statement_count();
    let data = app.query(document, json!({}));
    let statements = app.db().statement_count() - before;
    assert_eq!(
        statements, 3,
        "subscribers, groups, segments; four would be allowed"
    );

    let nodes = data["subscribers"]["nodes"].as_array().expect("a list");
    assert_eq!(nodes.len(), 50);
    for node in nodes {
        assert_eq!(node["segments"]["totalCount"], json!(2), "{node}");
        let groups = node["groups"]["totalCount"].as_u64().expect("a number") as usize;
        let memberships = node["memberships"].as_array().expect("a list");
        assert_eq!(memberships.len(), groups + 2);
    }
    assert_eq!(nodes[3]["groups"]["totalCount"], json!(3));
    assert_eq!(
        nodes[3]["groups"]["edges"][0]["addedAt"],
        json!("2026-06-15T12:00:00+00:00")
    );
}

#[test]
fn is_member_asks_by_key_and_by_id() {
    let app = audience(9);
    app.group("staff", &["p00001@example.com"]);
    let id = app.segment(
        "lt",
        json!({"text": {"field": "country", "is": {"equals": "lt"}}}),
    );
    app.refresh();
    let members = app.members("lt");
    let data = app.query(
        "query ($id: ID!) { subscribers(first: 9) { nodes { email byId: isMember(of: {id: $id}) \
         byKey: isMember(of: {segment: \"lt\"}) staff: isMember(of: {group: \"staff\"}) } } }",
        json!({ "id": id }),
    );
    for node in data["subscribers"]["nodes"].as_array().expect("a list") {
        let email = node["email"].as_str().expect("an e-mail").to_owned();
        assert_eq!(node["byId"], json!(members.contains(&email)), "{email}");
        assert_eq!(node["byKey"], node["byId"]);
        assert_eq!(node["staff"], json!(email == "p00001@example.com"));
    }
    let response = app.respond(
        "{ subscriber(email: \"p00001@example.com\") { isMember(of: {segment: \"nobody\"}) } }",
        json!({}),
    );
    assert_eq!(
        response["errors"][0]["extensions"]["code"],
        json!("NOT_FOUND")
    );
}

/// Goes through a list page by page, calling `between` after each page, and returns the e-mails in order.
fn walk(
    app: &TestApp,
    list: &str,
    order: &str,
    forwards: bool,
    mut between: impl FnMut(usize),
) -> Vec<String> {
    let (size, cursor_name, end, more) = if forwards {
        ("first", "after", "endCursor", "hasNextPage")
    } else {
        ("last", "before", "startCursor", "hasPreviousPage")
    };
    let document = format!(
        "query ($cursor: String) {{ {list} {{ members({size}: 17, {cursor_name}: $cursor, orderBy: {order}) {{ \
         nodes {{ email }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }} }}"
    );
    let mut cursor = Value::Null;
    let mut found: Vec<String> = Vec::new();
    for page_number in 0.. {
        let mut data = app.query(&document, json!({ "cursor": cursor }));
        let holder = data
            .as_object_mut()
            .expect("an object")
            .values_mut()
            .next()
            .expect("a field");
        let page = holder["members"].take();
        let mut emails: Vec<String> = page["nodes"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|node| node["email"].as_str().expect("an e-mail").to_owned())
            .collect();
        if !forwards {
            emails.reverse();
        }
        found.extend(emails);
        if page["pageInfo"][more] == json!(false) {
            break;
        }
        cursor = page["pageInfo"][end].clone();
        between(page_number);
    }
    found
}

#[test]
fn pages_have_no_gaps_and_no_repeats_while_people_are_added() {
    // Spread over several blocks of ids, so that pages cross their borders.
    let app = audience(200);
    app.database
        .execute("SELECT setval(pg_get_serial_sequence('subscribers', 'id'), 30000)");
    app.database.execute(
        "INSERT INTO subscribers (email, country, created_at, updated_at) \
         SELECT 'q' || lpad(n::text, 5, '0') || '@example.com', 'LT', now(), now() FROM generate_series(1, 150) n",
    );
    app.segment(
        "lt",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    app.group("everybody", &[]);
    app.database.execute(
        "INSERT INTO group_memberships SELECT g.id, s.id, now(), 'api' FROM groups g, subscribers s",
    );
    app.refresh();
    for list in ["segment(key: \"lt\")", "group(key: \"everybody\")"] {
        for order in ["ADDED", "EMAIL"] {
            let before: BTreeSet<String> =
                walk(&app, list, order, true, |_| {}).into_iter().collect();
            assert!(before.len() > 200, "{list} has {} members", before.len());
            for forwards in [true, false] {
                let mut added = 0;
                let found = walk(&app, list, order, forwards, |page| {
                    // Addresses before, between and after those that are there.
                    for name in ["a", "p00100x", "q00100x", "z"] {
                        let kind = if list.starts_with("segment") {
                            "s"
                        } else {
                            "g"
                        };
                        let email = format!("{name}{kind}{order}{forwards}{page}@example.com")
                            .to_lowercase();
                        app.subscriber(&email, json!({"country": "LT"}));
                        app.mutate(
                            "mutation ($emails: [String!]!) { addToGroup(input: {group: \"everybody\", emails: $emails}) { userErrors { message } } }",
                            json!({ "emails": [email] }),
                        );
                        added += 1;
                    }
                    if page % 4 == 0 {
                        app.refresh();
                    }
                });
                assert!(added > 0);
                let distinct: BTreeSet<String> = found.iter().cloned().collect();
                assert_eq!(
                    distinct.len(),
                    found.len(),
                    "{list} {order} repeats somebody"
                );
                let missing: Vec<&String> = before.difference(&distinct).collect();
                assert!(missing.is_empty(), "{list} {order} skips {missing:?}");
                if order == "EMAIL" {
                    let mut sorted = found.clone();
                    sorted.sort();
                    if !forwards {
                        sorted.reverse();
                    }
                    assert_eq!(found, sorted);
                }
            }
        }
    }
}

#[test]
fn a_large_segment_pages_by_email_too() {
    let app = audience(25_000);
    app.segment("everyone", json!({"everyone": true}));
    app.refresh();
    let data = app.query(
        "{ segment(key: \"everyone\") { memberCount members(last: 3, orderBy: EMAIL) { nodes { email } pageInfo { hasPreviousPage hasNextPage } } } }",
        json!({}),
    );
    assert_eq!(data["segment"]["memberCount"], json!(25_000));
    assert_eq!(
        data["segment"]["members"],
        json!({
            "nodes": [{"email": "p24997@example.com"}, {"email": "p24998@example.com"}, {"email": "p24999@example.com"}],
            "pageInfo": {"hasPreviousPage": true, "hasNextPage": false}
        })
    );
}

#[test]
fn anything_is_found_again_by_its_id() {
    let app = audience(3);
    app.group("staff", &[]);
    let segment = app.segment("everyone", json!({"everyone": true}));
    app.refresh();
    let ids = app.query(
        "{ subscribers(first: 1) { nodes { id } } groups { nodes { id } } refreshes { nodes { id } } }",
        json!({}),
    );
    let ids: Vec<Value> = ["subscribers", "groups", "refreshes"]
        .iter()
        .map(|list| ids[list]["nodes"][0]["id"].clone())
        .chain([json!(segment), json!("nonsense")])
        .collect();
    let data = app.query(
        "query ($ids: [ID!]!, $id: ID!) { nodes(ids: $ids) { __typename id } node(id: $id) { id ... on Segment { key } } }",
        json!({ "ids": ids, "id": segment }),
    );
    let types: Vec<&str> = data["nodes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|node| node["__typename"].as_str().unwrap_or("null"))
        .collect();
    assert_eq!(types, ["Subscriber", "Group", "Refresh", "Segment", "null"]);
    assert_eq!(data["node"], json!({"id": segment, "key": "everyone"}));
}

/// What is asked of a subscriber, with and without custom fields.
const ASKED: &str = "email groups(first: 2) { totalCount edges { addedAt node { key } } } \
    segments(last: 3) { nodes { key } pageInfo { startCursor } } memberships { key subscriber { email customFields { key value } } }";

#[test]
fn a_list_says_of_each_subscriber_what_the_subscriber_says_alone() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.query(
        "mutation { createCustomField(input: {key: \"plan\", type: TEXT}) { userErrors { message } } }",
        json!({}),
    );
    // In several blocks, near each other and far apart.
    app.database.execute(
        "INSERT INTO subscribers (id, email, country, custom, created_at, updated_at) OVERRIDING SYSTEM VALUE \
         SELECT id, 'p' || id || '@example.com', (ARRAY['LT','DE'])[1 + id % 2], \
            CASE WHEN id % 3 = 0 THEN '{}' ELSE jsonb_build_object('plan', 'plan ' || id) END, now(), now() \
         FROM unnest(ARRAY[1, 2, 9, 70, 100, 8191, 8192, 8193, 20000, 20007]) AS id",
    );
    app.group("staff", &["p1@example.com", "p8192@example.com"]);
    app.group("press", &["p8192@example.com", "p20007@example.com"]);
    for country in ["LT", "DE", "FR"] {
        let rule = json!({"text": {"field": "country", "is": {"equals": country}}});
        app.segment(&format!("in-{}", country.to_lowercase()), rule);
    }
    app.segment("everyone", json!({"everyone": true}));
    app.segment(
        "in-no-plan",
        json!({"text": {"field": "custom.plan", "is": {"isSet": false}}}),
    );
    app.refresh();

    for custom in [
        "",
        "customFields { key value }",
        "plan: customField(key: \"plan\")",
    ] {
        let asked = format!("{ASKED} {custom}");
        let lists = [
            format!("{{ list: subscribers(first: 50) {{ nodes {{ {asked} }} }} }}"),
            format!(
                "{{ list: subscribers(first: 50) {{ nodes: edges {{ node {{ {asked} }} }} }} }}"
            ),
            format!(
                "{{ list: subscribers(first: 50) {{ ...L }} }} fragment L on SubscriberConnection {{ nodes {{ ... on Node {{ ...S }} }} }} \
                 fragment S on Subscriber {{ {asked} }}"
            ),
            format!(
                "{{ list: group(key: \"press\") {{ members(first: 50) {{ nodes {{ {asked} }} }} }} }}"
            ),
            format!(
                "{{ list: segment(key: \"everyone\") {{ members(first: 50, orderBy: EMAIL) {{ nodes {{ {asked} }} }} }} }}"
            ),
        ];
        for list in lists {
            let data = app.query(&list, json!({}));
            let list = &data["list"];
            let nodes = list.get("members").unwrap_or(list)["nodes"].as_array();
            let nodes = nodes.expect("a list");
            assert!(nodes.len() >= 2, "{list}");
            for node in nodes {
                let node = node.get("node").unwrap_or(node);
                let alone = app.query(
                    &format!(
                        "query ($email: String!) {{ subscriber(email: $email) {{ {asked} }} }}"
                    ),
                    json!({ "email": node["email"] }),
                );
                assert_eq!(node, &alone["subscriber"]);
            }
        }
    }
    let data = app.query(
        "{ subscriber(email: \"p8191@example.com\") { segments { nodes { key } } customFields { value } } }",
        json!({}),
    );
    assert_eq!(
        data["subscriber"],
        json!({"segments": {"nodes": [{"key": "everyone"}, {"key": "in-de"}]}, "customFields": [{"value": "plan 8191"}]})
    );
}

#[test]
fn what_cannot_be_loaded_ahead_fails_at_each_place() {
    let app = audience(3);
    app.group("staff", &["p00001@example.com"]);
    let document = "query ($first: Int) { subscribers(first: 2) { edges { node { groups(first: $first) { totalCount } } } } }";
    let response = app.respond(document, json!({ "first": -1 }));
    let places = |response: &Value| {
        let errors = response["errors"].as_array().expect("errors").iter();
        let places =
            errors.map(|error| (error["path"].clone(), error["extensions"]["code"].clone()));
        places.collect::<Vec<_>>()
    };
    let path = |place: usize| json!(["subscribers", "edges", place, "node", "groups"]);
    // A field that is never null takes its parents with it, and the first error is the answer.
    assert_eq!(places(&response), [(path(0), json!("BAD_USER_INPUT"))]);

    app.database
        .execute("ALTER TABLE group_memberships RENAME TO elsewhere");
    let response = app.respond(document, json!({}));
    assert_eq!(
        places(&response),
        [(path(0), json!("INTERNAL_SERVER_ERROR"))]
    );
    let data = app.query("{ subscribers(first: 2) { nodes { email } } }", json!({}));
    assert_eq!(
        data["subscribers"]["nodes"].as_array().map(Vec::len),
        Some(2)
    );
}

#[test]
fn a_key_that_is_too_long_is_that_of_nothing() {
    let app = audience(2);
    for kind in ["group", "segment"] {
        let response = app.respond(
            &format!("query ($key: String!) {{ subscribers(first: 1) {{ nodes {{ isMember(of: {{{kind}: $key}}) }} }} }}"),
            json!({ "key": "k".repeat(64) }),
        );
        assert_eq!(
            response["errors"][0]["extensions"]["code"], "NOT_FOUND",
            "{response}"
        );
    }
}

#[test]
fn an_archived_segment_has_its_members_by_key_too() {
    let app = audience(4);
    let id = app.segment("everyone", json!({"everyone": true}));
    app.refresh();
    app.query(
        "mutation ($id: ID!) { updateSegment(input: {id: $id, archived: true}) { userErrors { message } } }",
        json!({ "id": id }),
    );
    let data = app.query(
        "query ($id: ID!) { subscribers(first: 9) { nodes { byId: isMember(of: {id: $id}) byKey: isMember(of: {segment: \"everyone\"}) } } }",
        json!({ "id": id }),
    );
    for node in data["subscribers"]["nodes"].as_array().expect("a list") {
        assert_eq!(node["byKey"], node["byId"]);
    }
}
