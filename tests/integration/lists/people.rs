//! Lists of subscribers and members, narrowed by the address and the status, in both directions.

use crate::support::TestApp;
use serde_json::{Value, json};

const NOW: &str = "2026-06-15T12:00:00Z";

/// Six people; the group and the segment `all` have everybody but the last.
fn audience() -> TestApp {
    let app = TestApp::at(NOW);
    for (email, status, country) in [
        ("bo@example.com", "SUBSCRIBED", "LT"),
        ("ana@example.com", "UNSUBSCRIBED", "LT"),
        ("anna@example.com", "SUBSCRIBED", "LT"),
        ("an@example.org", "BOUNCED", "LT"),
        ("zoe@example.com", "SUBSCRIBED", "LT"),
        ("anton@example.com", "SUBSCRIBED", "DE"),
    ] {
        app.subscriber(email, json!({"country": country, "status": status}));
    }
    let members = [
        "zoe@example.com",
        "an@example.org",
        "bo@example.com",
        "anna@example.com",
        "ana@example.com",
    ];
    app.group("all", &members);
    app.segment(
        "all",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    app.refresh();
    app
}

/// Returns the names before the @ of a list, and its total count.
#[track_caller]
fn names(app: &TestApp, path: &[&str], document: &str) -> (Vec<String>, i64) {
    let data = app.query(document, json!({}));
    let list = path.iter().fold(&data, |value, name| &value[*name]);
    let nodes = list["nodes"].as_array().expect("a list").iter();
    let names = nodes.map(|node| {
        let email = node["email"].as_str().expect("an address");
        email.split('@').next().unwrap_or_default().to_owned()
    });
    (
        names.collect(),
        list["totalCount"].as_i64().expect("a count"),
    )
}

/// Returns the names of the members of the group and of the segment, which must be the same, and how many there are.
#[track_caller]
fn members(app: &TestApp, arguments: &str) -> (Vec<String>, i64) {
    let [of_group, of_segment] = ["group", "segment"].map(|holder| {
        let document = format!(
            "{{ {holder}(key: \"all\") {{ members({arguments}) {{ totalCount nodes {{ email }} }} }} }}"
        );
        names(app, &[holder, "members"], &document)
    });
    assert_eq!(of_group, of_segment, "{arguments}");
    of_segment
}

#[track_caller]
fn subscribers(app: &TestApp, arguments: &str) -> (Vec<String>, i64) {
    let document = format!("{{ subscribers({arguments}) {{ totalCount nodes {{ email }} }} }}");
    names(app, &["subscribers"], &document)
}

fn found(names: &[&str]) -> (Vec<String>, i64) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let count = names.len() as i64;
    (names, count)
}

#[test]
fn subscribers_are_found_by_how_their_address_begins() {
    let app = audience();
    let search = |arguments: &str| subscribers(&app, arguments);
    let all = ["bo", "ana", "anna", "an", "zoe", "anton"];
    assert_eq!(search("search: \"\""), found(&all));
    assert_eq!(
        search("search: \"an\""),
        found(&["ana", "anna", "an", "anton"])
    );
    assert_eq!(search("search: \" AN@ \""), found(&["an"]));
    assert_eq!(search("search: \"ann\""), found(&["anna"]));
    assert_eq!(search("search: \"anna@example.com\""), found(&["anna"]));
    // Part of the address, and what patterns of SQL would match.
    for nothing in ["nna", "example", "%", "_", "an%", "\\\\", "a\u{10ffff}"] {
        let nobody = search(&format!("search: \"{nothing}\""));
        assert_eq!(nobody, found(&[]), "{nothing}");
    }
    let by_email = "search: \"an\", orderBy: EMAIL";
    assert_eq!(search(by_email), found(&["an", "ana", "anna", "anton"]));
    let backwards = format!("{by_email}, direction: DESCENDING");
    assert_eq!(search(&backwards), found(&["anton", "anna", "ana", "an"]));
    let lithuanians = "filter: {ruleJson: {text: {field: \"country\", is: {equals: \"LT\"}}}}";
    let with_rule = format!("search: \"an\", {lithuanians}");
    assert_eq!(search(&with_rule), found(&["ana", "anna", "an"]));
    let with_rule = format!("{with_rule}, orderBy: EMAIL, direction: DESCENDING");
    assert_eq!(search(&with_rule), found(&["anna", "ana", "an"]));
}

#[test]
fn domains_are_searched_as_they_are_stored() {
    let app = TestApp::at(NOW);
    app.subscriber("a@bücher.example", json!({}));
    app.subscriber("a@example.com", json!({}));
    for search in ["a@bücher.example", "A@BÜCHER.ex", "a@xn--bcher"] {
        let (_, count) = subscribers(&app, &format!("search: \"{search}\""));
        assert_eq!(count, 1, "{search}");
    }
}

#[test]
fn members_are_narrowed_by_address_and_status() {
    let app = audience();
    let members = |arguments: &str| members(&app, arguments);
    assert_eq!(
        members("first: 9"),
        found(&["bo", "ana", "anna", "an", "zoe"])
    );
    assert_eq!(members("search: \"an\""), found(&["ana", "anna", "an"]));
    assert_eq!(members("status: SUBSCRIBED"), found(&["bo", "anna", "zoe"]));
    assert_eq!(members("status: UNSUBSCRIBED"), found(&["ana"]));
    assert_eq!(members("status: BOUNCED"), found(&["an"]));
    assert_eq!(members("status: PENDING"), found(&[]));
    let both = "search: \"an\", status: SUBSCRIBED";
    assert_eq!(members(both), found(&["anna"]));
    let both = "search: \"an\", status: BOUNCED";
    assert_eq!(members(both), found(&["an"]));
    let ordered = "status: SUBSCRIBED, orderBy: EMAIL";
    assert_eq!(members(ordered), found(&["anna", "bo", "zoe"]));
    let ordered = "status: SUBSCRIBED, orderBy: EMAIL, direction: DESCENDING";
    assert_eq!(members(ordered), found(&["zoe", "bo", "anna"]));
    let backwards = "direction: DESCENDING";
    assert_eq!(
        members(backwards),
        found(&["zoe", "an", "anna", "ana", "bo"])
    );
}

/// The member is told with the moment, however the list was made.
#[test]
fn narrowed_members_have_their_moments() {
    let app = audience();
    app.set_time("2026-06-16T12:00:00Z");
    app.mutate(
        "mutation { addToGroup(input: {group: \"all\", emails: [\"anton@example.com\"]}) { userErrors { message } } }",
        json!({}),
    );
    let edges = |arguments: &str| {
        let document = format!(
            "{{ group(key: \"all\") {{ members({arguments}) {{ edges {{ addedAt node {{ email }} }} }} }} }}"
        );
        app.query(&document, json!({}))["group"]["members"]["edges"].clone()
    };
    let edge = |email: &str, day: u32| {
        let added_at = format!("2026-06-{day}T12:00:00+00:00");
        json!({"addedAt": added_at, "node": {"email": email}})
    };
    let expected = json!([edge("anton@example.com", 16), edge("anna@example.com", 15)]);
    let narrowed = "search: \"an\", status: SUBSCRIBED, direction: DESCENDING";
    assert_eq!(edges(narrowed), expected);
}

/// Who was a member then, narrowed by what is so now.
#[test]
fn past_members_are_narrowed_by_the_present() {
    let app = audience();
    app.set_time("2026-06-17T12:00:00Z");
    app.subscriber(
        "bo@example.com",
        json!({"country": "DE", "status": "UNSUBSCRIBED"}),
    );
    app.refresh();
    let past = |arguments: &str| {
        let document = format!(
            "{{ segment(key: \"all\") {{ members(asOf: \"{NOW}\", {arguments}) {{ totalCount nodes {{ email }} }} }} }}"
        );
        names(&app, &["segment", "members"], &document)
    };
    assert_eq!(past("status: UNSUBSCRIBED"), found(&["bo", "ana"]));
    assert_eq!(past("search: \"b\""), found(&["bo"]));
    let backwards = "status: SUBSCRIBED, direction: DESCENDING, orderBy: EMAIL";
    assert_eq!(past(backwards), found(&["zoe", "anna"]));
}

/// A cursor belongs to the order and the direction of its list.
#[test]
fn cursors_are_refused_in_other_orders_and_directions() {
    let app = audience();
    let lists = [
        ("subscribers", "subscribers(ARGUMENTS) { PAGE }"),
        (
            "members",
            "group(key: \"all\") { members(ARGUMENTS) { PAGE } }",
        ),
        (
            "members",
            "segment(key: \"all\") { members(ARGUMENTS) { PAGE } }",
        ),
        ("groups", "groups(ARGUMENTS) { PAGE }"),
        ("segments", "segments(ARGUMENTS) { PAGE }"),
    ];
    for (field, list) in lists {
        let orders: &[&str] = match field {
            "groups" | "segments" => &["KEY", "ADDED", "NAME", "UPDATED", "MEMBER_COUNT"],
            _ => &["ADDED", "EMAIL"],
        };
        let sorts: Vec<String> = orders
            .iter()
            .flat_map(|order| ["ASCENDING", "DESCENDING"].map(|direction| (order, direction)))
            .map(|(order, direction)| format!("orderBy: {order}, direction: {direction}"))
            .collect();
        let ask = |arguments: &str| {
            let list = list.replace("ARGUMENTS", arguments);
            let document = list.replace("PAGE", "pageInfo { endCursor }");
            app.respond(&format!("{{ {document} }}"), json!({}))
        };
        for sort in &sorts {
            let page = ask(&format!("first: 1, {sort}"));
            let cursor = find_cursor(&page["data"]).expect("a cursor");
            for other in &sorts {
                let page = ask(&format!("first: 1, after: \"{cursor}\", {other}"));
                let is_refused = page["errors"][0]["extensions"]["code"] == json!("BAD_USER_INPUT");
                assert_eq!(is_refused, other != sort, "{list}: {sort}, {other}: {page}");
            }
        }
    }
}

fn find_cursor(data: &Value) -> Option<String> {
    match data {
        Value::Object(fields) => match fields.get("endCursor") {
            Some(cursor) => cursor.as_str().map(str::to_owned),
            None => fields.values().find_map(find_cursor),
        },
        _ => None,
    }
}

#[test]
fn what_cannot_be_searched_for_is_told() {
    let app = audience();
    for document in [
        "query ($search: String) { subscribers(search: $search) { totalCount } }",
        "query ($search: String) { group(key: \"all\") { members(search: $search) { totalCount } } }",
        "query ($search: String) { segment(key: \"all\") { members(search: $search) { totalCount } } }",
    ] {
        let answer = app.respond(document, json!({"search": "a\u{0}"}));
        let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
        assert_eq!(
            message, "\"search\": expected a text without NUL characters, found one",
            "{answer}"
        );
    }
}

/// Large lists are walked through along an index, small ones are sorted: both must be the same list.
#[test]
fn long_lists_are_the_same_as_short_ones() {
    let app = TestApp::at(NOW);
    app.database.execute(
        "INSERT INTO subscribers (email, status, created_at, updated_at) \
         SELECT CASE n % 3 WHEN 0 THEN 'a' ELSE 'b' END || lpad((n * 7919 % 60000)::text, 5, '0') || '@example.com', \
             CASE WHEN n % 10 = 0 THEN 'bounced' ELSE 'subscribed' END, now(), now() FROM generate_series(1, 60000) n; \
         INSERT INTO groups (key, name, created_at, updated_at) VALUES ('all', 'all', now(), now()); \
         INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
         SELECT g.id, s.id, now(), 'sql' FROM groups g, subscribers s;",
    );
    app.segment("all", json!({"everyone": true}));
    app.refresh();
    let names_of = |condition: &str, order: &str| -> Vec<String> {
        let found = app.database.ask(&format!(
            "SELECT string_agg(name, ' ' ORDER BY place) FROM (SELECT split_part(email, '@', 1) AS name, \
             row_number() OVER (ORDER BY {order}) AS place FROM subscribers WHERE {condition}) s WHERE place <= 3"
        ));
        found.split(' ').map(str::to_owned).collect()
    };
    for (arguments, condition) in [
        ("status: SUBSCRIBED", "status = 'subscribed'"),
        ("status: BOUNCED", "status = 'bounced'"),
        ("search: \"a\"", "email LIKE 'a%'"),
        ("search: \"b\"", "email LIKE 'b%'"),
        (
            "search: \"b0\", status: BOUNCED",
            "email LIKE 'b0%' AND status = 'bounced'",
        ),
        (
            "search: \"b\", status: SUBSCRIBED",
            "email LIKE 'b%' AND status = 'subscribed'",
        ),
    ] {
        let count: i64 = app
            .database
            .ask(&format!(
                "SELECT count(*) FROM subscribers WHERE {condition}"
            ))
            .parse()
            .expect("a number");
        for (sort, order) in [
            ("orderBy: ADDED", "id"),
            ("orderBy: ADDED, direction: DESCENDING", "id DESC"),
            ("orderBy: EMAIL", "email"),
            ("orderBy: EMAIL, direction: DESCENDING", "email DESC"),
        ] {
            let expected = (names_of(condition, order), count);
            let asked = format!("first: 3, {arguments}, {sort}");
            assert_eq!(members(&app, &asked), expected, "{asked}");
            if !arguments.contains("status") {
                assert_eq!(subscribers(&app, &asked), expected, "{asked}");
            }
        }
    }
}
