//! `rollcall listen`.

use super::{NOW, country};
use crate::support::{Finished, TestApp, eventually, rollcall, run, without_settings};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;

fn listen(app: &TestApp, arguments: &[&str]) -> Finished {
    let mut command = rollcall(&["listen", "--database-url", &app.database.url]);
    run(command.args(arguments))
}

fn kept(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file is there")
}

#[test]
fn it_goes_on_where_the_file_says() {
    let app = TestApp::at(NOW);
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("position");
    let file = path.to_str().expect("a path");
    let begun = listen(&app, &["--once", "--after-file", file]);
    assert_eq!(
        (begun.status.code(), begun.stdout.as_str()),
        (Some(0), ""),
        "{begun}"
    );
    let id = app.subscriber("ona@example.com", json!({"country": "LT"}));
    app.group("staff", &["ona@example.com"]);
    app.segment("lt", country("LT"));
    app.refresh();
    let told = listen(&app, &["--once", "--after-file", file]);
    assert_eq!(told.status.code(), Some(0), "{told}");
    let mut lines: Vec<Value> = told
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let last = lines.last().expect("a line")["position"].clone();
    // What may stand behind it in the log is not told.
    let last = last.as_str().expect("a text");
    let behind = listen(&app, &["--once", "--after", last]);
    assert_eq!(behind.stdout, "", "{behind}");
    lines.retain(|line| line["fields"] != json!(["updatedAt"]));
    let kinds: Vec<&Value> = lines.iter().map(|line| &line["kind"]).collect();
    assert_eq!(
        kinds,
        [
            "SUBSCRIBER_CREATED",
            "GROUP_CREATED",
            "GROUP_MEMBERS_ADDED",
            "SEGMENT_CREATED",
            "SEGMENT_MEMBERS_JOINED"
        ]
    );
    assert_eq!(
        lines[0]["subscribers"],
        json!([{"id": id, "email": "ona@example.com"}])
    );
    assert_eq!(lines[2]["group"]["key"], "staff");
    assert_eq!(lines[4]["segment"]["key"], "lt");
    let nothing = listen(&app, &["--once", "--after-file", file]);
    assert_eq!(
        (nothing.status.code(), nothing.stdout.as_str()),
        (Some(0), ""),
        "{nothing}"
    );
    super::delete(&app, &id);
    let told = listen(
        &app,
        &[
            "--once",
            "--after-file",
            file,
            "--kinds",
            "subscriber_deleted,SUBSCRIBER_CREATED",
        ],
    );
    let line: Value = serde_json::from_str(told.stdout.trim()).expect("one line");
    assert_eq!(
        line["subscribers"],
        json!([{ "id": id }]),
        "the id and nothing else"
    );
}

#[test]
fn it_follows_until_it_is_stopped() {
    let app = TestApp::at(NOW);
    let dir = tempfile::tempdir().expect("a directory");
    let (path, output) = (dir.path().join("position"), dir.path().join("lines"));
    let mut command = rollcall(&[
        "listen",
        "--database-url",
        &app.database.url,
        "--after-file",
    ]);
    let mut child = without_settings(&mut command)
        .arg(&path)
        .stdout(std::fs::File::create(&output).expect("a file"))
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    eventually("it knows the present position", || path.exists());
    for name in ["ona", "jonas"] {
        app.subscriber(&format!("{name}@example.com"), json!({}));
        eventually("the change is printed", || kept(&output).contains(name));
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    kill(pid, Signal::SIGTERM).expect("it can be stopped");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
    assert_eq!(kept(&output).lines().count(), 2);
    let nothing = listen(
        &app,
        &["--once", "--after-file", path.to_str().expect("a path")],
    );
    assert_eq!(nothing.stdout, "", "{nothing}");
}

#[test]
fn another_history_is_said_with_a_code_of_its_own() {
    let (app, other) = (TestApp::at(NOW), TestApp::at(NOW));
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("position");
    let file = path.to_str().expect("a path");
    listen(&app, &["--once", "--after-file", file]);
    let before = kept(&path);
    let refused = listen(&other, &["--once", "--after-file", file]);
    assert_eq!(refused.status.code(), Some(3), "{refused}");
    assert!(
        refused.stderr.contains("to start over: remove"),
        "{refused}"
    );
    assert_eq!(kept(&path), before, "the file is left alone");
    let refused = listen(&other, &["--once", "--after", before.trim()]);
    assert_eq!(refused.status.code(), Some(3), "{refused}");
}

#[test]
fn what_it_cannot_read_is_said() {
    let app = TestApp::at(NOW);
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("position");
    std::fs::write(&path, "something else").expect("a file");
    let refused = listen(
        &app,
        &["--once", "--after-file", path.to_str().expect("a path")],
    );
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    assert!(refused.stderr.contains("expected a position"), "{refused}");
    assert_eq!(kept(&path), "something else");
    let refused = listen(&app, &["--once", "--kinds", "SUBSCRIBER_CREATE"]);
    assert_eq!(refused.status.code(), Some(2), "{refused}");
    assert!(
        refused
            .stderr
            .contains("did you mean \"SUBSCRIBER_CREATED\"?"),
        "{refused}"
    );
    let missing = dir.path().join("missing").join("position");
    let refused = listen(
        &app,
        &["--once", "--after-file", missing.to_str().expect("a path")],
    );
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    assert!(refused.stderr.contains("cannot be written"), "{refused}");
}
