//! `ifVersion`: nobody overwrites a change that they have not seen.

use super::{NOW, add_people, custom_field, email, refusals};
use crate::support::TestApp;
use rollcall::import::{ImportOptions, SubscriberImport, create, get, try_run, undo};
use serde_json::{Value, json};

#[test]
fn one_of_twelve_changes_of_the_same_version_is_made() {
    let app = TestApp::at(NOW);
    let id = app.segment("all", json!({"everyone": true}));
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let updating: Vec<_> = (0..12)
            .map(|number| {
                let (app, id) = (&app, &id);
                scope.spawn(move || {
                    app.payload(
                        "mutation ($id: ID!, $name: String!) { updateSegment(input: {id: $id, ifVersion: 1, name: $name}) { \
                         segment { name version } userErrors { code path message hint } } }",
                        json!({ "id": id, "name": format!("name {number}") }),
                    )
                })
            })
            .collect();
        let answers = updating.into_iter();
        answers.map(|one| one.join().expect("no panic")).collect()
    });
    let (won, lost): (Vec<&Value>, Vec<&Value>) = answers
        .iter()
        .partition(|answer| answer["userErrors"] == json!([]));
    assert_eq!(won.len(), 1);
    for answer in lost {
        assert_eq!(
            answer["userErrors"],
            json!([{
                "code": "CONFLICT",
                "path": "ifVersion",
                "message": "expected version 1 of the segment, found version 2: it was changed since you read it",
                "hint": "read it again, and send your change with ifVersion 2"
            }])
        );
    }
    let stored = app.query("{ segment(key: \"all\") { name version } }", json!({}));
    assert_eq!(stored["segment"], won[0]["segment"]);
    assert_eq!(stored["segment"]["version"], 2);
}

/// For each noun: what changes it, with `ifVersion`, and what deletes it.
const CHANGES: [(&str, &str, &str); 4] = [
    ("Segment", "updateSegment", "description: $text"),
    ("Group", "updateGroup", "description: $text"),
    ("CustomField", "updateCustomField", "label: $text"),
    ("Subscriber", "updateSubscriber", "values: {city: $text}"),
];

#[test]
fn a_change_of_another_version_changes_nothing() {
    let app = TestApp::at(NOW);
    add_people(&app, 1);
    app.segment("all", json!({"everyone": true}));
    app.group("readers", &[]);
    custom_field(&app, "visits", "TEXT");
    let read = || {
        app.query(
            "{ segment(key: \"all\") { id version name description } group(key: \"readers\") { id version description } \
             customFields(first: 1) { nodes { id version label } } subscriber(email: \"p1@example.com\") { id version city } }",
            json!({}),
        )
    };
    let place = |data: &Value, noun: &str| match noun {
        "Segment" => data["segment"].clone(),
        "Group" => data["group"].clone(),
        "CustomField" => data["customFields"]["nodes"][0].clone(),
        _ => data["subscriber"].clone(),
    };
    for (noun, field, values) in CHANGES {
        let change = |version: i64, text: &str| {
            let id = place(&read(), noun)["id"].clone();
            app.payload(
                &format!(
                    "mutation ($id: ID!, $version: Int, $text: String!) {{ \
                     {field}(input: {{id: $id, ifVersion: $version, {values}}}) {{ userErrors {{ code path }} }} }}"
                ),
                json!({ "id": id, "version": version, "text": text }),
            )
        };
        let version = |data: &Value| place(data, noun)["version"].as_i64().expect("a version");
        let first = version(&read());
        assert_eq!(
            refusals(&change(first, "one")),
            Vec::<String>::new(),
            "{noun}"
        );
        let now = read();
        assert_eq!(version(&now), first + 1, "{noun}");
        for wrong in [first, first + 2, -1] {
            assert_eq!(
                refusals(&change(wrong, "two")),
                ["CONFLICT ifVersion"],
                "{noun}"
            );
        }
        if noun != "Subscriber" {
            let delete = format!(
                "mutation ($id: ID!, $version: Int) {{ delete{noun}(input: {{id: $id, ifVersion: $version}}) {{ \
                 userErrors {{ code path }} }} }}"
            );
            let variables = json!({ "id": place(&now, noun)["id"], "version": first });
            assert_eq!(
                refusals(&app.payload(&delete, variables)),
                ["CONFLICT ifVersion"]
            );
        }
        assert_eq!(read(), now, "{noun}");
    }
}

#[test]
fn every_way_to_change_a_row_counts() {
    let app = TestApp::at(NOW);
    add_people(&app, 2);
    let id = custom_field(&app, "visits", "TEXT");
    let version = |number: usize| {
        app.query(
            "query ($email: String!) { subscriber(email: $email) { version } }",
            json!({ "email": email(number) }),
        )["subscriber"]["version"]
            .as_i64()
            .expect("a version")
    };
    app.subscriber(&email(1), json!({"customFields": {"visits": "7"}}));
    assert_eq!(version(1), 2);
    app.subscriber(&email(1), json!({"customFields": {"visits": "7"}}));
    assert_eq!(version(1), 2, "nothing was changed");
    app.mutate(super::SET_TYPE, json!({ "id": id, "type": "NUMBER" }));
    assert_eq!((version(1), version(2)), (3, 1), "the value is another");
    import(
        &app,
        "email,city\np1@example.com,Vilnius\np2@example.com,\n",
    );
    assert_eq!((version(1), version(2)), (4, 1));
}

fn import(app: &TestApp, csv: &str) -> i64 {
    let options = ImportOptions::Subscribers(SubscriberImport::default());
    let file = app
        .app
        .imports
        .spool
        .store(csv.as_bytes())
        .expect("a spool");
    let now = app.clock.now();
    let made = app
        .db()
        .run_here(|connection| create(connection, &options, "people.csv", Some(&file), now));
    let id = made.expect("an import").id;
    let ran = try_run(app.db(), id, &app.app.imports, |_| {});
    ran.expect("it succeeds").expect("it ran");
    let import = app.db().run_here(|connection| get(connection, id));
    import.expect("an import").id
}

/// An undoing gives values back and counts as a change, which does not keep earlier imports from being undone.
#[test]
fn imports_are_undone_one_after_the_other() {
    let app = TestApp::at(NOW);
    add_people(&app, 1);
    let city = || {
        app.database
            .ask("SELECT city || ' ' || version FROM subscribers")
    };
    let first = import(&app, "email,city\np1@example.com,Vilnius\n");
    app.set_time("2026-06-02T12:00:00Z");
    let second = import(&app, "email,city\np1@example.com,Kaunas\n");
    assert_eq!(city(), "Kaunas 3");
    undo(app.db(), second, app.clock.now()).expect("undone");
    assert_eq!(city(), "Vilnius 4");
    undo(app.db(), first, app.clock.now()).expect("undone");
    assert_eq!(
        app.database
            .ask("SELECT version FROM subscribers WHERE city IS NULL"),
        "5"
    );
}
