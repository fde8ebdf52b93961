//! Clients as others write them: `graphql-ws` from npm, in `tests/clients`.

use crate::support::{Server, TestApp, Workshop, eventually, rollcall, run};
use serde_json::{Value, json};
use std::fs::read_to_string;
use std::process::{Child, Command, Stdio};
use tempfile::NamedTempFile;

/// How often somebody moves.
const ROUNDS: usize = 12;

/// A client that listens.
struct Listener {
    child: Child,
    printed: NamedTempFile,
}

impl Listener {
    /// Starts a client and waits until it has asked.
    #[track_caller]
    fn start(clients: &Workshop, server: &Server, after: Option<&str>) -> Listener {
        let printed = NamedTempFile::new().expect("a file for what is printed");
        let child = Command::new("node")
            .args([
                "membership.mjs",
                &format!("ws://{}/graphql", server.address),
            ])
            .args(["lt", "last@example.com"])
            .args(after)
            .current_dir(clients.path())
            .stdin(Stdio::null())
            .stdout(printed.reopen().expect("a handle"))
            .spawn()
            .expect("node starts");
        let listener = Listener { child, printed };
        eventually("the client asks", || !listener.lines().is_empty());
        assert_eq!(listener.lines()[0], json!({"asked": true}));
        listener
    }

    fn lines(&self) -> Vec<Value> {
        let text = read_to_string(self.printed.path()).expect("a text");
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().expect("lines of JSON")
    }

    /// Waits for the end and returns what it was told.
    #[track_caller]
    fn finish(mut self) -> Vec<Value> {
        eventually("the client ends", || {
            self.child.try_wait().expect("a child").is_some()
        });
        let status = self.child.wait().expect("a child");
        assert!(status.success(), "{status}: {:?}", self.lines());
        self.lines().split_off(1)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets people move to and fro, refreshing in turns here and in another process; returns what every refresh did.
fn let_people_move(app: &TestApp) -> Vec<Value> {
    let mut told = Vec::new();
    for round in 0..=ROUNDS {
        let (joined, left) = match round {
            0 => (vec!["anna@example.com"], vec![]),
            ROUNDS => (vec!["last@example.com"], vec![]),
            _ if round % 2 == 1 => (vec![], vec!["anna@example.com", "ona@example.com"]),
            _ => (vec!["anna@example.com", "ona@example.com"], vec![]),
        };
        for (emails, country) in [(&joined, "LT"), (&left, "DE")] {
            for email in emails {
                app.subscriber(email, json!({ "country": country }));
            }
        }
        if round % 3 == 1 {
            let finished = run(&mut rollcall(&[
                "refresh",
                "--database-url",
                &app.database.url,
            ]));
            assert!(finished.status.success(), "{finished}");
        } else {
            app.refresh();
        }
        let data = app.query("{ refreshes(first: 1) { nodes { id } } }", json!({}));
        let refresh = &data["refreshes"]["nodes"][0]["id"];
        told.push(json!({"refresh": refresh, "joined": joined, "left": left, "isLast": true}));
    }
    told
}

#[test]
fn graphql_ws_is_told_every_change_in_order_and_once() {
    let Some(clients) = Workshop::new() else {
        return;
    };
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for (name, code) in [("anna", "DE"), ("ona", "LT"), ("last", "DE")] {
        app.subscriber(&format!("{name}@example.com"), json!({ "country": code }));
    }
    app.segment(
        "lt",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    app.refresh();
    let data = app.query("{ refreshes { nodes { id } } }", json!({}));
    let known = data["refreshes"]["nodes"][0]["id"].as_str();
    // The first refresh follows the question at once.
    app.subscriber("anna@example.com", json!({"country": "LT"}));
    let server = Server::start(&app.database);
    let resuming = Listener::start(&clients, &server, known);
    let listening = Listener::start(&clients, &server, None);
    let told = let_people_move(&app);
    assert_eq!(listening.finish(), told);
    assert_eq!(resuming.finish(), told);
}
