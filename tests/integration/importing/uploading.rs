//! Imports through a real server: the file by plain HTTP, the progress over a WebSocket, and servers that are killed.

use crate::support::{Held, Server, Socket, TestDatabase, eventually};
use serde_json::{Value, json};

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into()
}

fn start(database: &TestDatabase, dir: &tempfile::TempDir, more: &[&str]) -> Server {
    let spool = dir.path().join("spool");
    let spool = spool.to_str().expect("a plain path");
    let settings = ["--database-url", &database.url, "--spool-dir", spool];
    Server::start_with(&[&settings[..], more].concat())
}

fn create(server: &Server, input: Value) -> Value {
    let (status, body) = server.post(
        "mutation ($input: CreateImportInput!) { createImport(input: $input) { import { id uploadUrl problemsUrl } userErrors { message } } }",
        json!({ "input": input }),
    );
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        body["data"]["createImport"]["userErrors"],
        json!([]),
        "{body}"
    );
    body["data"]["createImport"]["import"].clone()
}

fn url(server: &Server, path: &Value) -> String {
    format!(
        "http://{}{}",
        server.address,
        path.as_str().expect("a path")
    )
}

fn put(server: &Server, import: &Value, bytes: &[u8]) -> (u16, Value) {
    let mut response = agent()
        .put(url(server, &import["uploadUrl"]))
        .send(bytes)
        .expect("the server answers");
    let body = response.body_mut().read_json();
    (response.status().as_u16(), body.expect("a JSON body"))
}

fn state(server: &Server, import: &Value) -> Value {
    let (_, body) = server.post(
        "query ($id: ID!) { import(id: $id) { state error report { rows created refused } } }",
        json!({ "id": import["id"] }),
    );
    body["data"]["import"].clone()
}

fn spooled(dir: &tempfile::TempDir) -> usize {
    std::fs::read_dir(dir.path().join("spool")).map_or(0, Iterator::count)
}

#[test]
fn a_file_is_sent_and_its_progress_told() {
    let database = TestDatabase::new();
    let dir = tempfile::tempdir().expect("a directory");
    let server = start(&database, &dir, &[]);
    let import = create(
        &server,
        json!({"kind": "SUBSCRIBERS", "groups": ["fair"], "createGroups": true}),
    );
    let mut socket = Socket::open(&server);
    socket.subscribe(
        "1",
        "subscription ($id: ID!) { importProgress(id: $id) { state progress report { rows } } }",
        json!({ "id": import["id"] }),
    );
    let first = socket.receive();
    assert_eq!(
        first["payload"]["data"]["importProgress"],
        json!({"state": "WAITING", "progress": 0.0, "report": {"rows": 0}}),
        "{first}"
    );
    let rows: String = (0..12_000)
        .map(|row| format!("p{row}@example.com\n"))
        .collect();
    let (status, body) = put(&server, &import, format!("email\n=1+1\n{rows}").as_bytes());
    assert_eq!(
        (status, &body["import"]["state"]),
        (202, &json!("READY")),
        "{body}"
    );
    let mut told = Vec::new();
    loop {
        let message = socket.receive();
        if message["type"] == "complete" {
            break;
        }
        told.push(message["payload"]["data"]["importProgress"].clone());
    }
    assert_eq!(
        told.last(),
        Some(&json!({"state": "SUCCEEDED", "progress": 1.0, "report": {"rows": 12_001}})),
        "{told:?}"
    );
    assert_eq!(
        state(&server, &import)["report"],
        json!({"rows": 12_001, "created": 12_000, "refused": 1})
    );
    assert_eq!(
        database.ask("SELECT count(*) FROM group_memberships"),
        "12000"
    );
    assert_eq!(spooled(&dir), 0, "the file is not needed any more");
    let mut response = agent()
        .get(url(&server, &import["problemsUrl"]))
        .call()
        .expect("an answer");
    let header = |name: &str| {
        response.headers()[name]
            .to_str()
            .expect("a text")
            .to_owned()
    };
    assert_eq!(header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        header("content-disposition"),
        "attachment; filename=\"import-1-problems.csv\""
    );
    assert_eq!(
        response.body_mut().read_to_string().expect("a text"),
        "line,kind,column,value,reason\r\n2,invalid_email,email,\"'=1+1\",\"expected an e-mail address, found \"\"=1+1\"\": it has no @\"\r\n"
    );
    // A second file for the same import.
    let (status, body) = put(&server, &import, b"email\n");
    assert_eq!(
        (status, &body["errors"][0]["extensions"]["code"]),
        (409, &json!("BAD_USER_INPUT")),
        "{body}"
    );
}

#[test]
fn what_cannot_be_taken_is_refused() {
    let database = TestDatabase::new();
    let dir = tempfile::tempdir().expect("a directory");
    let server = start(&database, &dir, &["--max-upload", "1"]);
    let import = create(&server, json!({"kind": "SUBSCRIBERS"}));
    let (status, body) = put(&server, &import, &vec![b'x'; 1_500_000]);
    assert_eq!(status, 413, "{body}");
    assert_eq!(
        body["errors"][0]["message"],
        "size: expected a file of at most 1000000 bytes, found 1500000 bytes"
    );
    assert_eq!(spooled(&dir), 0);
    let path = url(&server, &import["uploadUrl"]);
    for form in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let posted = agent()
            .post(&path)
            .header("content-type", form)
            .send("email\n")
            .expect("an answer");
        assert_eq!(posted.status().as_u16(), 415, "{form}");
    }
    let strange = agent().get(&path).call().expect("an answer");
    assert_eq!(
        (
            strange.status().as_u16(),
            &strange.headers()["allow"].to_str().ok()
        ),
        (405, &Some("PUT, POST"))
    );
    let unknown = json!({"uploadUrl": "/imports/SW1wb3J0Ojk5/file"});
    let (status, body) = put(&server, &unknown, b"email\n");
    assert_eq!(
        (status, &body["errors"][0]["message"]),
        (404, &json!("no import with the id \"SW1wb3J0Ojk5\" exists"))
    );
    assert_eq!(
        put(
            &server,
            &json!({"uploadUrl": "/imports/1/file"}),
            b"email\n"
        )
        .0,
        404
    );
    // It still waits, and takes a file that is right.
    assert_eq!(state(&server, &import)["state"], "WAITING");
    let posted = agent()
        .post(&path)
        .header("content-type", "text/csv")
        .send("email\nona@example.com\n");
    assert_eq!(posted.expect("an answer").status().as_u16(), 202);
    eventually("the import ends", || {
        state(&server, &import)["state"] == "SUCCEEDED"
    });
    let failing = create(&server, json!({"kind": "EVENTS"}));
    put(&server, &failing, b"email\n");
    eventually("the import ends", || {
        state(&server, &failing)["state"] == "FAILED"
    });
    assert!(
        state(&server, &failing)["error"]
            .as_str()
            .expect("why")
            .contains("occurred_at")
    );
    // The file waits for whoever settles what is open.
    assert_eq!(spooled(&dir), 1);
}

#[test]
fn what_a_killed_server_left_the_next_one_ends() {
    let database = TestDatabase::new();
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = start(&database, &dir, &[]);
    let import = create(&server, json!({"kind": "SUBSCRIBERS"}));
    let rows: String = (0..30_000)
        .map(|row| format!("p{row}@example.com,City {row}\n"))
        .collect();
    put(&server, &import, format!("email,city\n{rows}").as_bytes());
    for _ in 0..2 {
        let done = || {
            database
                .ask("SELECT done_rows FROM imports")
                .parse::<i64>()
                .expect("a number")
        };
        let before = done();
        eventually("it goes on", || done() > before);
        server.kill();
        database.wait_for_end_of_processes();
        assert_eq!(
            database.ask("SELECT count(*) FROM subscribers"),
            done().to_string()
        );
        server = start(&database, &dir, &[]);
    }
    eventually("the import ends", || {
        state(&server, &import)["state"] == "SUCCEEDED"
    });
    assert_eq!(
        state(&server, &import)["report"],
        json!({"rows": 30_000, "created": 30_000, "refused": 0})
    );
    assert_eq!(
        database.ask("SELECT count(DISTINCT city) FROM subscribers"),
        "30000"
    );
    assert_eq!(spooled(&dir), 0);
}

const UNDO: &str = "mutation ($id: ID!) { undoImport(input: {id: $id}) { import { state canUndo undoError } userErrors { message } } }";

/// A server that has imported three people into a new group.
struct Imported {
    import: Value,
    server: Server,
    dir: tempfile::TempDir,
    database: TestDatabase,
}

impl Imported {
    fn new(more: &[&str]) -> Imported {
        let database = TestDatabase::new();
        let dir = tempfile::tempdir().expect("a directory");
        let server = start(&database, &dir, more);
        let import = create(
            &server,
            json!({"kind": "SUBSCRIBERS", "groups": ["fair"], "createGroups": true}),
        );
        put(
            &server,
            &import,
            b"email
a@example.com
b@example.com
c@example.com
",
        );
        eventually("the import ends", || {
            state(&server, &import)["state"] == "SUCCEEDED"
        });
        Imported {
            import,
            server,
            dir,
            database,
        }
    }

    /// Asks for the undoing.
    fn undo(&self) -> Value {
        let (status, body) = self.server.post(UNDO, json!({ "id": self.import["id"] }));
        assert_eq!(status, 200, "{body}");
        body["data"]["undoImport"].clone()
    }

    /// Somebody holds a row that undoing has to delete.
    fn hold_somebody(&self) -> Held {
        self.database
            .hold("SELECT FROM subscribers WHERE email = 'b@example.com' FOR UPDATE")
    }
}

#[test]
fn undoing_goes_on_after_the_answer() {
    let imported = Imported::new(&["--request-timeout", "7"]);
    let Imported {
        import,
        server,
        database,
        ..
    } = &imported;
    let held = imported.hold_somebody();
    let going_on = json!({"import": {"state": "UNDOING", "canUndo": false, "undoError": null}, "userErrors": []});
    assert_eq!(imported.undo(), going_on);
    // Asked for again, it is the same undoing.
    assert_eq!(imported.undo(), going_on);
    let mut socket = Socket::open(server);
    socket.subscribe(
        "1",
        "subscription ($id: ID!) { importProgress(id: $id) { state undoneAt } }",
        json!({ "id": import["id"] }),
    );
    let told = socket.receive();
    assert_eq!(
        told["payload"]["data"]["importProgress"],
        json!({"state": "UNDOING", "undoneAt": null})
    );
    held.commit();
    let told = socket.receive();
    assert_eq!(told["payload"]["data"]["importProgress"]["state"], "UNDONE");
    assert_eq!(socket.receive()["type"], "complete");
    assert_eq!(
        database.ask("SELECT (SELECT count(*) FROM subscribers) + (SELECT count(*) FROM groups)"),
        "0"
    );
}

#[test]
fn what_is_refused_after_the_answer_is_told_by_the_import() {
    let imported = Imported::new(&[]);
    let Imported {
        import,
        server,
        database,
        ..
    } = &imported;
    let held = database.hold_imports();
    assert_eq!(imported.undo()["import"]["state"], "UNDOING");
    database.execute(
        "UPDATE subscribers SET city = 'Riga', updated_at = now() WHERE email = 'b@example.com'",
    );
    held.commit();
    let why = "1 subscriber changed after the import (undo would lose those changes): b@example.com (changed)";
    let look = || {
        let (_, body) = server.post(
            "query ($id: ID!) { import(id: $id) { state canUndo undoError } }",
            json!({ "id": import["id"] }),
        );
        body["data"]["import"].clone()
    };
    eventually("the undoing ends", || look()["state"] != "UNDOING");
    assert_eq!(
        look(),
        json!({"state": "SUCCEEDED", "canUndo": true, "undoError": why})
    );
    // Asked for now, the same is said at once; edited back, it is undone.
    let refused = imported.undo();
    assert_eq!(refused["userErrors"][0]["message"], why);
    database.execute("UPDATE subscribers SET city = NULL, updated_at = (SELECT min(updated_at) FROM subscribers)");
    assert_eq!(
        imported.undo()["import"],
        json!({"state": "UNDONE", "canUndo": false, "undoError": null})
    );
}

#[test]
fn undoing_that_a_killed_server_left_is_done_by_the_next_one() {
    let imported = Imported::new(&[]);
    let held = imported.hold_somebody();
    assert_eq!(imported.undo()["import"]["state"], "UNDOING");
    let Imported {
        import,
        server,
        dir,
        database,
    } = imported;
    server.kill();
    held.commit();
    database.wait_for_end_of_processes();
    assert_eq!(
        database.ask("SELECT count(*) FROM subscribers"),
        "3",
        "nothing is half undone"
    );
    let server = start(&database, &dir, &[]);
    eventually("it is undone", || {
        state(&server, &import)["state"] == "UNDONE"
    });
    assert_eq!(database.ask("SELECT count(*) FROM subscribers"), "0");
}

#[test]
fn undoing_that_has_not_begun_can_be_taken_back() {
    let imported = Imported::new(&[]);
    let database = &imported.database;
    let cancel = "mutation ($id: ID!) { cancelImport(input: {id: $id}) { import { state canUndo } userErrors { message } } }";
    // While it waits for another import, and while it waits for a refresh that writes.
    for hold in [TestDatabase::hold_imports, TestDatabase::hold_writing] {
        let held = hold(database);
        assert_eq!(imported.undo()["import"]["state"], "UNDOING");
        let (_, body) = imported
            .server
            .post(cancel, json!({ "id": imported.import["id"] }));
        assert_eq!(
            body["data"]["cancelImport"],
            json!({"import": {"state": "SUCCEEDED", "canUndo": true}, "userErrors": []})
        );
        held.commit();
        // Whoever was about to undo it has seen that now.
        database.hold_imports().commit();
        assert_eq!(database.ask("SELECT count(*) FROM subscribers"), "3");
    }
    assert_eq!(imported.undo()["import"]["state"], "UNDONE");
}

#[test]
fn undoing_that_breaks_is_tried_again_and_holds_up_nothing() {
    let imported = Imported::new(&[]);
    let Imported {
        import,
        server,
        database,
        ..
    } = &imported;
    database.execute(
        "CREATE FUNCTION break_down() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no space left''; END'; \
         CREATE TRIGGER break_down BEFORE DELETE ON subscribers FOR EACH STATEMENT EXECUTE FUNCTION break_down()",
    );
    let (_, body) = server.post(UNDO, json!({ "id": import["id"] }));
    assert_eq!(
        body["errors"][0]["extensions"]["code"], "INTERNAL_SERVER_ERROR",
        "{body}"
    );
    assert!(!body.to_string().contains("no space left"), "{body}");
    assert_eq!(state(server, import)["state"], "UNDOING");
    let other = create(server, json!({"kind": "SUBSCRIBERS"}));
    put(server, &other, b"email\nd@example.com\n");
    eventually("another import ends", || {
        state(server, &other)["state"] == "SUCCEEDED"
    });
    assert_eq!(state(server, import)["state"], "UNDOING");
    database.execute("DROP TRIGGER break_down ON subscribers");
    eventually("it is undone", || {
        state(server, import)["state"] == "UNDONE"
    });
    assert_eq!(
        database.ask("SELECT string_agg(email, ' ') FROM subscribers"),
        "d@example.com"
    );
}
