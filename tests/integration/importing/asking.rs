//! Imports through the API, within this process.

use super::make_job;
use crate::support::TestApp;
use insta::{assert_json_snapshot, assert_snapshot};
use rollcall::import::{run_next, set_file};
use serde_json::{Value, json};

const NOW: &str = "2026-03-01T09:30:00Z";

const CREATE: &str = "mutation ($input: CreateImportInput!) { createImport(input: $input) { \
    import { id number state uploadUrl } userErrors { code path message } } }";

fn create(app: &TestApp, input: Value) -> Value {
    app.payload(CREATE, json!({ "input": input }))
}

#[track_caller]
fn created(app: &TestApp, input: Value) -> Value {
    let payload = create(app, input);
    assert_eq!(payload["userErrors"], json!([]));
    payload["import"].clone()
}

/// Gives the import its file and runs it.
#[track_caller]
fn send(app: &TestApp, import: &Value, csv: &str) {
    let file = app
        .app
        .imports
        .spool
        .store(csv.as_bytes())
        .expect("a spool");
    let number = import["number"].as_i64().expect("a number");
    app.db()
        .run_here(|connection| set_file(connection, number, &file))
        .expect("it waits for its file");
    let _ = run_next(app.db(), &app.app.imports);
}

#[test]
fn an_import_tells_all_about_itself() {
    let app = TestApp::at(NOW);
    app.subscriber("gone@example.com", json!({"status": "UNSUBSCRIBED"}));
    let import = created(
        &app,
        json!({"kind": "SUBSCRIBERS", "fileName": "people.csv", "groups": ["fair"], "createGroups": true,
            "columns": [{"column": "Mail", "field": "email"}], "fields": [{"column": "Visits", "type": "NUMBER"}],
            "statuses": [{"word": "yes", "status": "SUBSCRIBED"}], "dateFormat": "dd.mm.yyyy"}),
    );
    assert_eq!(import["state"], "WAITING");
    let id = &import["id"];
    assert_eq!(
        import["uploadUrl"],
        format!("/imports/{}/file", id.as_str().expect("an id"))
    );
    send(
        &app,
        &import,
        "Mail;Visits;Status;Birthday\nona@example.com;3;yes;17.05.1990\ngone@example.com;;yes;\nwrong;;;\n=2+2;;;\ninfo@example.com;x;;\n",
    );
    let data = app.query(
        "query ($id: ID!) { import(id: $id) { kind state dryRun fileName uploadUrl progress encoding delimiter hasHeader \
            columns { name target suggestion } error canUndo undoUntil startedAt finishedAt problemsUrl \
            report { rows created updated unchanged repeated skipped suppressed consentRaised roleAddresses addedToGroups \
                refused malformed invalidEmail mistyped unknown } \
            problems(first: 2) { totalCount pageInfo { hasNextPage } nodes { line kind column value reason } } \
            wrong: problems(kinds: [INVALID_EMAIL]) { totalCount nodes { value } } } }",
        json!({ "id": id }),
    );
    assert_json_snapshot!(data["import"]);
    let node = app.query(
        "query ($id: ID!) { node(id: $id) { id ... on Import { state } } }",
        json!({ "id": id }),
    );
    assert_eq!(node["node"], json!({"id": id, "state": "SUCCEEDED"}));
    let undone = app.mutate(
        "mutation ($id: ID!) { undoImport(input: {id: $id}) { import { state undoneAt canUndo } userErrors { message } } }",
        json!({ "id": id }),
    );
    assert_eq!(
        undone["import"],
        json!({"state": "UNDONE", "undoneAt": "2026-03-01T09:30:00+00:00", "canUndo": false})
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let app = TestApp::at(NOW);
    let payload = create(
        &app,
        json!({"kind": "SUBSCRIBERS", "delimiter": "ab", "quote": "x", "encoding": "ebcdic", "dateFormat": "dd.mm", "timeZone": "Vilnius",
            "raiseConsent": " "}),
    );
    assert_eq!(payload["import"], Value::Null);
    let errors = payload["userErrors"].as_array().expect("a list").iter();
    let errors: Vec<String> = errors
        .map(|error| format!("{}: {}", error["path"], error["message"]))
        .collect();
    assert_snapshot!(errors.join("\n"));
    let events = create(
        &app,
        json!({"kind": "EVENTS", "groups": ["a"], "mode": "INSERT", "fillMissing": true}),
    );
    let paths: Vec<&Value> = events["userErrors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| &error["path"])
        .collect();
    assert_eq!(paths, ["groups", "mode", "fillMissing"]);
    assert_eq!(app.database.ask("SELECT count(*) FROM imports"), "0");
}

#[test]
fn imports_are_listed_newest_first_and_cancelled() {
    let app = TestApp::at(NOW);
    let imports: Vec<Value> = (0..3)
        .map(|_| created(&app, json!({"kind": "EVENTS"})))
        .collect();
    let listed = app.query(
        "{ imports(first: 2) { totalCount nodes { number } pageInfo { endCursor hasNextPage } } }",
        json!({}),
    );
    assert_eq!(
        listed["imports"]["nodes"],
        json!([{"number": 3}, {"number": 2}])
    );
    assert_eq!(listed["imports"]["totalCount"], 3);
    let after = app.query(
        "query ($after: String) { imports(first: 2, after: $after) { nodes { number } pageInfo { hasNextPage hasPreviousPage } } }",
        json!({"after": listed["imports"]["pageInfo"]["endCursor"]}),
    );
    assert_eq!(
        after["imports"],
        json!({"nodes": [{"number": 1}], "pageInfo": {"hasNextPage": false, "hasPreviousPage": true}})
    );
    let cancel = "mutation ($id: ID!) { cancelImport(input: {id: $id}) { import { state } userErrors { code path message } } }";
    let id = json!({ "id": imports[0]["id"] });
    assert_eq!(
        app.mutate(cancel, id.clone())["import"],
        json!({"state": "CANCELLED"})
    );
    assert_eq!(
        app.payload(cancel, id.clone())["userErrors"],
        json!([{"code": "INVALID", "path": "id", "message": "the import has already ended: it is cancelled"}])
    );
    let resume = "mutation ($id: ID!) { resumeImport(input: {id: $id}) { import { state } userErrors { message } } }";
    assert_eq!(
        app.payload(resume, id)["userErrors"],
        json!([{"message": "the file of the import is no longer stored; import it again"}])
    );
}

#[test]
fn one_that_fails_says_why_and_what_its_columns_look_like() {
    let app = TestApp::at(NOW);
    let import = created(&app, json!({"kind": "SUBSCRIBERS"}));
    send(&app, &import, "email,shoe size\nona@example.com,38\n");
    let data = app.query(
        "query ($id: ID!) { import(id: $id) { state error columns { name target suggestion } report { rows } } }",
        json!({ "id": import["id"] }),
    );
    let import = &data["import"];
    assert_eq!(import["state"], "FAILED");
    assert!(
        import["error"]
            .as_str()
            .expect("a reason")
            .contains("column \"shoe size\" has a name that Rollcall does not know")
    );
    assert_eq!(
        import["columns"],
        json!([{"name": "email", "target": "email", "suggestion": "email"}, {"name": "shoe size", "target": null, "suggestion": "custom:number"}])
    );
}

#[test]
fn an_undoing_that_would_lose_something_is_refused_with_names() {
    let app = TestApp::at(NOW);
    let made = make_job(
        &app,
        &super::subscribers(Default::default()),
        b"email\nona@example.com\n",
    );
    run_next(app.db(), &app.app.imports).expect("an import");
    app.set_time("2026-03-02T09:30:00Z");
    app.subscriber("ona@example.com", json!({"city": "Vilnius"}));
    let data = app.query("{ imports { nodes { id number } } }", json!({}));
    assert_eq!(data["imports"]["nodes"][0]["number"], json!(made.id));
    let payload = app.payload(
        "mutation ($id: ID!) { undoImport(input: {id: $id}) { import { state } userErrors { code path message } } }",
        json!({ "id": data["imports"]["nodes"][0]["id"] }),
    );
    assert_eq!(payload["import"], Value::Null);
    assert!(
        payload["userErrors"][0]["message"]
            .as_str()
            .expect("a text")
            .contains("ona@example.com (changed)")
    );
}

#[test]
fn the_first_rows_are_shown_until_the_import_begins() {
    const ROWS: &str = "query ($id: ID!) { import(id: $id) { state analysis { firstRows } } }";
    let app = TestApp::at(NOW);
    let import = created(&app, json!({"kind": "SUBSCRIBERS", "review": true}));
    let long = "x".repeat(100);
    let file = format!(
        "email,first_name,city\na@example.com,Ona,Vilnius\nb@example.com,,Vilnius\nc@example.com,Ona\n\
         d@example.com,one,cell,too many\ne@example.com, Jonas ,{long}\nf@example.com,Last,Kaunas\n"
    );
    send(&app, &import, &file);
    let id = json!({ "id": import["id"] });
    // Equal cells stay in their rows, a short row is filled up, and one that cannot be cut into cells is left out.
    assert_eq!(
        app.query(ROWS, id.clone())["import"],
        json!({"state": "ANALYZED", "analysis": {"firstRows": [
            ["a@example.com", "Ona", "Vilnius"],
            ["b@example.com", "", "Vilnius"],
            ["c@example.com", "Ona", ""],
            ["e@example.com", "Jonas", "x".repeat(30)],
        ]}})
    );
    let start = "mutation ($id: ID!) { startImport(input: {id: $id}) { import { state } userErrors { message } } }";
    assert_eq!(app.payload(start, id.clone())["userErrors"], json!([]));
    run_next(app.db(), &app.app.imports).expect("an import");
    assert_eq!(
        app.query(ROWS, id)["import"],
        json!({"state": "SUCCEEDED", "analysis": {"firstRows": []}})
    );
}
