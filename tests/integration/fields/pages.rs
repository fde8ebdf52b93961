//! Pages of the lists of several parents, which are loaded together.

use crate::scopes::{Schema, bare, is_required};
use crate::support::TestApp;
use async_graphql::parser::types::FieldDefinition;
use rollcall::audience::membership::find_group_members;
use rollcall::audience::paging::PageRequest;
use rollcall::audience::subscriber::{SubscriberKey, SubscriberOrder};
use rollcall::error::Error;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Values of the arguments that lists have beside those of paging.
const VALUES: [(&str, &[&str]); 7] = [
    ("asOf", &["\"2026-06-13T12:00:00Z\""]),
    ("kinds", &["[MALFORMED, REMARK]"]),
    ("name", &["\"visit\""]),
    ("orderBy", &["ADDED", "EMAIL"]),
    ("direction", &["ASCENDING", "DESCENDING"]),
    ("search", &["\"p\"", "\"p1\""]),
    ("status", &["SUBSCRIBED", "BOUNCED"]),
];

/// Makes parents of every kind, each with another number of items in its lists, and some with none.
fn fill() -> TestApp {
    let app = TestApp::at("2026-06-10T12:00:00Z");
    // The order of the addresses is not that of the ids.
    let emails: Vec<String> = (0..9)
        .map(|number| format!("p{}@example.com", number * 5 % 9))
        .collect();
    for (number, email) in emails.iter().enumerate() {
        let country = ["LT", "DE", "FR"][number % 3];
        app.subscriber(email, json!({ "country": country }));
        for event in 0..number {
            // Two happened at the same moment.
            let at = format!("2026-06-0{}T10:00:00Z", 1 + event / 2);
            app.event(email, ["visit", "buy"][event % 2], &at, None);
        }
    }
    for group in 0..6 {
        let members = emails.iter().enumerate();
        let members = members.filter(|(number, _)| (number * 7 + group) % (group + 1) == 0);
        let members: Vec<&str> = members.map(|(_, email)| email.as_str()).collect();
        app.group(
            &format!("g{group}"),
            if group == 5 { &[] } else { &members },
        );
    }
    let country = |is: &str| json!({"text": {"field": "country", "is": {"equals": is}}});
    let rules = [
        json!({"everyone": true}),
        country("LT"),
        country("DE"),
        json!({"not": country("LT")}),
        country("XX"),
    ];
    for (number, rule) in rules.iter().enumerate() {
        let id = app.segment(&format!("s{number}"), rule.clone());
        for version in 0..number {
            let rule = json!({"any": [rule, country(&format!("Z{version}"))]});
            app.mutate(
                "mutation ($id: ID!, $rule: JSON!) { updateSegment(input: {id: $id, ruleJson: $rule}) { userErrors { message } } }",
                json!({ "id": id, "rule": rule }),
            );
        }
        app.refresh();
        app.set_time(&format!("2026-06-1{}T12:00:00Z", number + 1));
    }
    for number in 0..4 {
        app.mutate(
            "mutation ($name: String!) { createImport(input: {kind: SUBSCRIBERS, fileName: $name}) { userErrors { message } } }",
            json!({ "name": format!("{number}.csv") }),
        );
    }
    app.database.execute(
        "INSERT INTO import_problems (import_id, line, kind, reason) \
             SELECT i.id, n, (ARRAY['malformed', 'remark', 'repeated'])[1 + n % 3], 'of a test' \
             FROM imports i CROSS JOIN generate_series(1, 12) n WHERE n <= i.id * 3; \
         INSERT INTO status_changes (subscriber_id, to_status, changed_at, source) \
             SELECT s.id, 'pending', now(), 'sql' FROM subscribers s CROSS JOIN generate_series(1, 9) n WHERE n <= s.id",
    );
    for day in 15..=18 {
        app.set_time(&format!("2026-06-{day}T12:00:00Z"));
        app.database.execute(&format!(
            "UPDATE subscribers SET country = CASE country WHEN 'LT' THEN 'DE' ELSE 'LT' END WHERE id % 4 = {day} % 4"
        ));
        app.refresh();
    }
    let gone = app.query(
        "{ subscriber(email: \"p5@example.com\") { id } }",
        json!({}),
    );
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": gone["subscriber"]["id"] }),
    );
    app
}

/// A list of the objects of a type that can be asked for by id.
struct List<'s> {
    parent: String,
    field: &'s FieldDefinition,
    selection: String,
}

fn lists(schema: &Schema) -> Vec<List<'_>> {
    let parents = schema.possible("Node").into_iter();
    let lists = parents.flat_map(|parent| {
        let fields = schema.fields(&parent).into_iter();
        let fields = fields.filter(|field| field.ty.node.to_string().ends_with("Connection!"));
        let lists = fields.map(|field| List {
            parent: parent.clone(),
            field,
            selection: select(schema, &bare(&field.ty.node.to_string())),
        });
        lists.collect::<Vec<_>>()
    });
    lists.collect()
}

/// Writes what is selected of a connection.
fn select(schema: &Schema, connection: &str) -> String {
    let type_of = |parent: &str, name: &str| -> String {
        let fields = schema.fields(parent);
        let found = fields.iter().find(|field| field.name.node == name);
        let found = found.unwrap_or_else(|| panic!("no {name} of {parent}"));
        bare(&found.ty.node.to_string())
    };
    let edge = type_of(connection, "edges");
    let node = type_of(&edge, "node");
    let plain = |of: &str| -> String {
        let fields = schema.fields(of).into_iter();
        let fields = fields.filter(|field| {
            let has_needs = field.arguments.iter().any(|found| is_required(&found.node));
            let is_leaf = schema.leaf(&bare(&field.ty.node.to_string())).is_empty();
            !has_needs && is_leaf && field.name.node != "personalData"
        });
        let names = fields.map(|field| field.name.node.to_string());
        names.collect::<Vec<String>>().join(" ")
    };
    format!(
        "{{ totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} edges {{ {} node {{ __typename {} }} }} }}",
        plain(&edge),
        plain(&node)
    )
}

impl List<'_> {
    /// Lists sets of arguments beside those of paging: none, and each value of each argument.
    fn variations(&self) -> Vec<String> {
        let mut variations = vec![String::new()];
        for argument in &self.field.arguments {
            let name = argument.node.name.node.as_str();
            if ["first", "last", "after", "before"].contains(&name) {
                continue;
            }
            let values = VALUES.iter().find(|(of, _)| *of == name);
            let (_, values) = values.unwrap_or_else(|| panic!("no values of {name}"));
            variations.extend(values.iter().map(|value| format!("{name}: {value}, ")));
        }
        variations
    }

    /// Asks several parents for a page, and returns it by parent.
    fn ask(&self, app: &TestApp, ids: &[String], arguments: &str) -> BTreeMap<String, Value> {
        let document = format!(
            "query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {} {{ id list: {}({arguments}) {} }} }} }}",
            self.parent, self.field.name.node, self.selection
        );
        let data = app.query(&document, json!({ "ids": ids }));
        let nodes = data["nodes"].as_array().expect("a list").iter();
        let pages = nodes.map(|node| {
            let id = node["id"].as_str().expect("an id");
            (id.to_owned(), node["list"].clone())
        });
        pages.collect()
    }
}

/// Lists the ids of all objects of a type.
fn ids_of(app: &TestApp, of: &str) -> Vec<String> {
    let root = format!("{}{}s", of[..1].to_lowercase(), &of[1..]);
    let data = app.query(
        &format!("{{ {root}(first: 100) {{ nodes {{ id }} }} }}"),
        json!({}),
    );
    let nodes = data[&root]["nodes"].as_array().expect("a list").iter();
    nodes
        .map(|node| node["id"].as_str().expect("an id").to_owned())
        .collect()
}

fn cursors(page: &Value) -> Vec<String> {
    let edges = page["edges"].as_array().expect("a list").iter();
    edges
        .map(|edge| edge["cursor"].as_str().expect("a cursor").to_owned())
        .collect()
}

/// Checks a page against the whole list, of which it is a stretch.
fn check_stretch(page: &Value, whole: &[String], from: usize, to: usize, about: &str) {
    assert_eq!(cursors(page), whole[from..to], "{about}");
    let info = &page["pageInfo"];
    if from < to {
        assert_eq!(info["hasPreviousPage"], json!(from > 0), "{about}");
        assert_eq!(info["hasNextPage"], json!(to < whole.len()), "{about}");
    }
}

#[test]
fn pages_that_are_loaded_together_are_those_that_are_loaded_alone() {
    let schema = Schema::load();
    let app = fill();
    let (mut compared, mut different) = (0, 0);
    for list in lists(&schema) {
        let ids = ids_of(&app, &list.parent);
        assert!(ids.len() > 2, "too few of {}", list.parent);
        for variation in list.variations() {
            let all = list.ask(&app, &ids, &format!("{variation}first: 100"));
            let whole: BTreeMap<&String, Vec<String>> =
                all.iter().map(|(id, page)| (id, cursors(page))).collect();
            let sizes: Vec<usize> = whole.values().map(Vec::len).collect();
            different += usize::from(sizes.iter().any(|size| *size != sizes[0]));
            let mut pages = vec!["first: 2".to_owned(), "last: 2".to_owned()];
            let longest = whole.values().max_by_key(|cursors| cursors.len());
            let known = longest.expect("a parent");
            for cursor in known.iter().step_by(2) {
                pages.push(format!("first: 2, after: \"{cursor}\""));
                pages.push(format!("last: 2, before: \"{cursor}\""));
            }
            if let [first, .., last] = known.as_slice() {
                pages.push(format!("first: 2, after: \"{first}\", before: \"{last}\""));
                pages.push(format!("last: 2, after: \"{first}\", before: \"{last}\""));
            }
            for page in pages {
                let arguments = format!("{variation}{page}");
                let together = list.ask(&app, &ids, &arguments);
                for id in &ids {
                    let about = format!(
                        "{}.{}({arguments}) of {id}",
                        list.parent, list.field.name.node
                    );
                    let alone = list.ask(&app, std::slice::from_ref(id), &arguments);
                    assert_eq!(together[id], alone[id], "{about}");
                    compared += 1;
                    let whole = &whole[id];
                    let place = |name: &str| {
                        let cursor = page.split(&format!("{name}: \"")).nth(1)?.split('"').next();
                        whole
                            .iter()
                            .position(|found| Some(found.as_str()) == cursor)
                    };
                    match (place("after"), place("before")) {
                        (None, None) if page == "first: 2" => {
                            check_stretch(&alone[id], whole, 0, whole.len().min(2), &about);
                        }
                        (None, None) if page == "last: 2" => {
                            check_stretch(
                                &alone[id],
                                whole,
                                whole.len().saturating_sub(2),
                                whole.len(),
                                &about,
                            );
                        }
                        (Some(after), None)
                            if page.starts_with("first") && !page.contains("before") =>
                        {
                            check_stretch(
                                &alone[id],
                                whole,
                                after + 1,
                                whole.len().min(after + 3),
                                &about,
                            );
                        }
                        (None, Some(before))
                            if page.starts_with("last") && !page.contains("after") =>
                        {
                            check_stretch(
                                &alone[id],
                                whole,
                                before.saturating_sub(2),
                                before,
                                &about,
                            );
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    assert!(compared > 500, "{compared} pages were compared");
    assert!(
        different > 8,
        "{different} lists differ from parent to parent"
    );
}

/// A page that cannot be answered does not take the others with it that are loaded together.
#[test]
fn a_page_that_is_refused_leaves_others_alone() {
    let (app, other) = (fill(), fill());
    let changes = "segment(key: \"s1\") { changes(first: 1) { pageInfo { endCursor } } }";
    let foreign = other.query(&format!("{{ {changes} }}"), json!({}));
    let foreign = foreign["segment"]["changes"]["pageInfo"]["endCursor"].as_str();
    let foreign = foreign.expect("a cursor").to_owned();
    let response = app.respond(
        &format!(
            "{{ bad: segment(key: \"s0\") {{ changes(first: 1, after: \"{foreign}\") {{ totalCount }} }} good: {changes} }}"
        ),
        json!({}),
    );
    assert_eq!(
        response["errors"].as_array().map(Vec::len),
        Some(1),
        "{response}"
    );
    assert_eq!(response["errors"][0]["extensions"]["code"], "RESYNC");
    assert_eq!(response["data"]["bad"], Value::Null);
    let cursor = &response["data"]["good"]["changes"]["pageInfo"]["endCursor"];
    assert!(cursor.is_string(), "{response}");
}

#[test]
fn a_page_of_a_large_group_reads_little_of_it() {
    const MEMBERS: i64 = 60_000;
    let app = TestApp::at("2026-06-10T12:00:00Z");
    app.group("large", &[]);
    app.group("small", &[]);
    app.database.execute(&format!(
        "INSERT INTO subscribers (email, created_at, updated_at) \
             SELECT 'p' || lpad((n * 7919 % {MEMBERS})::text, 5, '0') || '@example.com', now(), now() FROM generate_series(1, {MEMBERS}) n; \
         INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
             SELECT g.id, s.id, now(), 'api' FROM groups g CROSS JOIN subscribers s WHERE g.key = 'large' OR s.id % 10000 = 7"
    ));
    app.database.execute("VACUUM ANALYZE subscribers");
    app.database.execute("VACUUM ANALYZE group_memberships");
    // By e-mail it is looked first whether there are too many to sort.
    for (order, most) in [(SubscriberOrder::Id, 100), (SubscriberOrder::Email, 25_000)] {
        let pages = app.db().run_here(|connection| {
            let request = PageRequest::<SubscriberKey>::first(10);
            use diesel::prelude::*;
            connection.transaction::<_, Error, _>(|connection| {
                let before = count_reads(connection)?;
                let pages = find_group_members(connection, &[1, 2], order, &request)?;
                Ok((pages, count_reads(connection)? - before))
            })
        });
        let (pages, reads) = pages.expect("the pages");
        assert_eq!(pages[&1].rows.len(), 10);
        assert_eq!(pages[&2].rows.len(), 6);
        assert!(pages[&1].has_next && !pages[&2].has_next);
        assert!(reads < most, "{reads} rows are read by {order:?}");
    }
}

/// Counts the rows of members that this transaction has read so far.
fn count_reads(connection: &mut diesel::PgConnection) -> Result<i64, Error> {
    use diesel::prelude::*;
    use diesel::sql_types::BigInt;
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        reads: i64,
    }
    let row: Row = diesel::sql_query(
        "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint AS reads FROM pg_stat_xact_user_tables \
         WHERE relname IN ('group_memberships', 'subscribers')",
    )
    .get_result(connection)?;
    Ok(row.reads)
}
