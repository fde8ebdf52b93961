//! Lists of groups and segments: searched and in every order.

use crate::support::TestApp;
use serde_json::json;

/// Three groups and three segments of the same keys and names.
fn nouns() -> TestApp {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for email in ["a@example.com", "b@example.com", "c@example.com"] {
        app.subscriber(email, json!({}));
    }
    let (a, b, c) = ("a@example.com", "b@example.com", "c@example.com");
    for (day, key, name, members) in [
        (16, "newsletter", "žalia", vec![a, b, c]),
        (17, "beta", "Apple", vec![a]),
        (18, "clients", "apple Tree", vec![a, b]),
    ] {
        app.set_time(&format!("2026-06-{day}T12:00:00Z"));
        app.group(key, &members);
        app.segment(
            key,
            json!({"text": {"field": "email", "is": {"in": members}}}),
        );
        for noun in ["Group", "Segment"] {
            let lower = noun.to_lowercase();
            let found = app.query(
                &format!("query ($key: String) {{ {lower}(key: $key) {{ id }} }}"),
                json!({ "key": key }),
            );
            app.mutate(
                &format!(
                    "mutation ($id: ID!, $name: String) {{ update{noun}(input: {{id: $id, name: $name}}) {{ userErrors {{ message }} }} }}"
                ),
                json!({ "id": found[&lower]["id"], "name": name }),
            );
        }
    }
    // The first one is changed last.
    app.set_time("2026-06-19T12:00:00Z");
    app.database.execute(
        "UPDATE groups SET updated_at = '2026-06-19' WHERE key = 'newsletter'; \
                  UPDATE segments SET updated_at = '2026-06-19' WHERE key = 'newsletter'",
    );
    app.refresh();
    app
}

/// Returns the keys of the groups and of the segments, which must be the same.
#[track_caller]
fn keys(app: &TestApp, arguments: &str) -> Vec<String> {
    let [groups, segments] = ["groups", "segments"].map(|list| {
        let document = format!("{{ {list}({arguments}) {{ totalCount nodes {{ key }} }} }}");
        let data = app.query(&document, json!({}));
        let nodes = data[list]["nodes"].as_array().expect("a list").iter();
        let keys: Vec<String> = nodes
            .map(|node| node["key"].as_str().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(data[list]["totalCount"], json!(keys.len()), "{arguments}");
        keys
    });
    assert_eq!(groups, segments, "{arguments}");
    groups
}

#[test]
fn groups_and_segments_come_in_every_order() {
    let app = nouns();
    for (order, expected) in [
        ("KEY", ["beta", "clients", "newsletter"]),
        ("ADDED", ["newsletter", "beta", "clients"]),
        ("NAME", ["beta", "clients", "newsletter"]),
        ("UPDATED", ["beta", "clients", "newsletter"]),
        ("MEMBER_COUNT", ["beta", "clients", "newsletter"]),
    ] {
        assert_eq!(
            keys(&app, &format!("orderBy: {order}")),
            expected,
            "{order}"
        );
        let mut reversed = expected;
        reversed.reverse();
        let descending = format!("orderBy: {order}, direction: DESCENDING");
        assert_eq!(keys(&app, &descending), reversed, "{order}");
    }
    assert_eq!(keys(&app, "first: 9"), keys(&app, "orderBy: KEY"));
    app.mutate(
        "mutation { removeFromGroup(input: {group: \"newsletter\", emails: [\"a@example.com\", \"b@example.com\", \"c@example.com\"]}) { userErrors { message } } }",
        json!({}),
    );
    let data = app.query(
        "{ groups(orderBy: MEMBER_COUNT, first: 1) { nodes { key } } }",
        json!({}),
    );
    assert_eq!(
        data["groups"]["nodes"][0]["key"],
        json!("newsletter"),
        "it is empty"
    );
}

#[test]
fn groups_and_segments_are_found_by_parts_of_name_and_key() {
    let app = nouns();
    let search = |text: &str| keys(&app, &format!("search: \"{text}\""));
    assert_eq!(search("APPLE"), ["beta", "clients"]);
    assert_eq!(search("le tr"), ["clients"]);
    assert_eq!(search("Ž"), ["newsletter"]);
    assert_eq!(search("NEWS"), ["newsletter"]);
    assert_eq!(search("et"), ["beta", "newsletter"]);
    assert_eq!(search(" \\t"), ["beta", "clients", "newsletter"]);
    for nothing in ["%", "_", "*", "zalia", "apple  tree"] {
        assert!(search(nothing).is_empty(), "{nothing}");
    }
    let both = "search: \"apple\", orderBy: MEMBER_COUNT, direction: DESCENDING";
    assert_eq!(keys(&app, both), ["clients", "beta"]);
}

#[test]
fn archived_segments_are_found_when_asked_for() {
    let app = nouns();
    app.database
        .execute("UPDATE segments SET archived_at = '2026-06-19' WHERE key = 'beta'");
    let found = |arguments: &str| {
        let document = format!("{{ segments({arguments}, search: \"apple\") {{ totalCount }} }}");
        app.query(&document, json!({}))["segments"]["totalCount"].clone()
    };
    assert_eq!(found("withArchived: false"), json!(1));
    assert_eq!(found("withArchived: true"), json!(2));
}

#[test]
fn what_is_read_with_a_list_of_segments_is_what_each_says_by_itself() {
    let app = nouns();
    app.set_time("2026-06-20T12:00:00Z");
    app.segment("new", json!({"everyone": true}));
    let fields = "key now: memberCount \
                  then: memberCount(asOf: \"2026-06-20T00:00:00Z\") null: memberCount(asOf: null) state problems { message } \
                  lastRefresh { memberCount joinedCount refresh { id asOf trigger } segment { key } }";
    let listed = app.query(
        &format!("{{ segments(first: 9) {{ totalCount nodes {{ {fields} }} edges {{ node {{ {fields} }} }} }} }}"),
        json!({}),
    );
    let nodes = listed["segments"]["nodes"].as_array().expect("a list");
    for (node, edge) in nodes
        .iter()
        .zip(listed["segments"]["edges"].as_array().expect("a list"))
    {
        let alone = app.query(
            &format!("query ($key: String) {{ segment(key: $key) {{ {fields} }} }}"),
            json!({ "key": node["key"] }),
        );
        assert_eq!(*node, alone["segment"]);
        assert_eq!(*node, edge["node"]);
    }
    let said = nodes.iter().map(|node| {
        let refreshed = &node["lastRefresh"]["memberCount"];
        format!(
            "{} {} {} {} {}",
            node["key"], node["now"], node["then"], node["state"], refreshed
        )
    });
    let said: Vec<String> = said.collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    "beta" 1 1 "READY" 1
    "clients" 2 2 "READY" 2
    "new" 0 0 "PENDING" null
    "newsletter" 3 3 "READY" 3
    "#);
}
