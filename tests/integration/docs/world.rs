//! Where the blocks of a page run: a database, a server over it, and a directory with a shell.

use super::is_excused;
use super::pages::{Block, Page};
use crate::support::{
    Finished, Server, Socket, TestDatabase, eventually, rollcall, run, without_settings,
};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// The address that pages speak of.
const ADDRESS: &str = "127.0.0.1:7655";

/// Stands for any value in an answer and for any text in an output.
const ANYTHING: &str = "…";

/// What is in the database before the first block of a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The customers of `rollcall demo`, by its clock.
    Demo,
    /// What the blocks of `docs/README.md` make.
    Small,
    /// Nothing.
    Empty,
}

/// A database, a server and a directory. What one block does, the next one finds.
pub struct World {
    /// Before the database: the server ends first.
    server: Server,
    database: TestDatabase,
    dir: TempDir,
    /// The data of the last query.
    data: Value,
    /// What the last command printed.
    printed: String,
}

/// How a block is checked.
enum Use {
    /// Sent to the server. Nothing may be wrong with the answer.
    Document,
    /// The answer that the document before it gets.
    Answer,
    /// Run by a shell. It must succeed.
    Commands,
    /// What the commands before it print.
    Output,
    /// A rule that is saved as a segment and refreshed.
    Rule,
    /// A file of that name, for the commands behind it.
    File(String),
    /// Statements for the database.
    Sql,
}

/// Says how a block is checked; nothing where its language and label have no meaning here.
fn use_of(block: &Block) -> Option<Use> {
    Some(match (block.language.as_str(), block.label.as_str()) {
        ("graphql", "") => Use::Document,
        ("json", "answer") => Use::Answer,
        ("json", "rule") => Use::Rule,
        ("sh", "") => Use::Commands,
        ("text", "output") => Use::Output,
        ("sql", "") => Use::Sql,
        ("csv" | "json" | "toml", name) if name.contains('.') => Use::File(name.to_owned()),
        _ => return None,
    })
}

impl World {
    #[track_caller]
    pub fn new(audience: Audience) -> World {
        let database = TestDatabase::new();
        let dir = tempfile::tempdir().expect("a directory");
        let data_dir = dir.path().join("data");
        let command = if audience == Audience::Demo {
            "demo"
        } else {
            "serve"
        };
        let server = Server::spawn(
            rollcall(&[command, "--listen", "127.0.0.1:0"])
                .args(["--database-url", &database.url, "--data-dir"])
                .arg(data_dir),
        );
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).expect("a directory");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rollcall"), bin.join("rollcall"))
            .expect("a symbolic link");
        let mut world = World {
            server,
            database,
            dir,
            data: Value::Null,
            printed: String::new(),
        };
        if audience == Audience::Small {
            world.run(&Page::read("docs/README.md"));
        }
        world
    }

    /// Runs the blocks of a page that are not excused.
    #[track_caller]
    pub fn run(&mut self, page: &Page) {
        let blocks = page.blocks();
        for (position, block) in blocks.iter().enumerate() {
            if is_excused(&page.name, block) {
                continue;
            }
            let what = use_of(block).unwrap_or_else(|| {
                panic!(
                    "{}:{}: a block of {} {} is neither run nor in NOT_RUN",
                    page.name, block.line, block.language, block.label
                )
            });
            self.check(&page.name, block, blocks.get(position + 1), &what);
        }
    }

    /// Runs a block; `next` is the one behind it.
    #[track_caller]
    fn check(&mut self, page: &str, block: &Block, next: Option<&Block>, what: &Use) {
        let place = format!("{page}:{}", block.line);
        match what {
            Use::Document => {
                let shows_answer = next.is_some_and(|next| next.label == "answer");
                self.send(&place, &block.text, shows_answer);
            }
            Use::Answer => {
                let wanted: Value = serde_json::from_str(&block.text)
                    .unwrap_or_else(|error| panic!("{place}: {error}"));
                assert!(
                    is_like(&self.data, &wanted),
                    "{place}: the answer is\n{:#}",
                    self.data
                );
            }
            Use::Commands => {
                self.settle(&place);
                self.shell(&place, &block.text);
            }
            Use::Output => assert!(
                is_text_like(&self.printed, &block.text),
                "{place}: what is printed is\n{}",
                self.printed
            ),
            Use::Rule => self.save(&place, &block.text),
            Use::File(name) => {
                std::fs::write(self.dir.path().join(name), &block.text).expect("a file");
            }
            Use::Sql => self.database.execute(&block.text),
        }
    }

    /// Sends a document. A subscription must be accepted; the answer of another operation must have no errors.
    #[track_caller]
    fn send(&mut self, place: &str, document: &str, shows_answer: bool) {
        if document.trim_start().starts_with("subscription") {
            let mut socket = Socket::open(&self.server);
            socket.subscribe("1", document, json!({}));
            socket.settle();
            return;
        }
        self.settle(place);
        self.data = self.post(place, document, json!({}));
        if !shows_answer {
            assert_flawless(place, &self.data);
        }
        if let Some(url) = find(&self.data, "uploadUrl").and_then(Value::as_str) {
            let line = format!("declare -x UPLOAD_URL=\"{url}\"\n");
            let state = std::fs::read_to_string(self.state()).unwrap_or_default();
            std::fs::write(self.state(), state + &line).expect("a file");
        }
    }

    /// Runs commands in the directory, with the variables that those before have exported.
    #[track_caller]
    fn shell(&mut self, place: &str, commands: &str) {
        if commands.contains("curl") && !is_installed("curl") {
            let required = std::env::var("ROLLCALL_CLIENTS").is_ok_and(|value| value == "required");
            assert!(!required, "ROLLCALL_CLIENTS=required, but there is no curl");
            eprintln!("*** NOT TESTED: {place}, which needs curl");
            return;
        }
        let state = self.state();
        let script = format!(
            "set -euo pipefail\n\
             [ ! -e {state} ] || . {state}\n\
             curl() {{ command curl --silent --show-error --fail-with-body \"$@\"; }}\n\
             {commands}\n\
             export -p > {state}\n",
            state = state.display(),
            commands = commands.replace(ADDRESS, &self.server.address),
        );
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.dir.path().join("bin");
        let mut command = Command::new("bash");
        without_settings(&mut command)
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("DATABASE_URL", &self.database.url)
            .env("ROLLCALL_DATA_DIR", self.dir.path().join("data"))
            .args(["-c", &script])
            .current_dir(self.dir.path());
        let done: Finished = run(&mut command);
        assert!(done.status.success(), "{place}: {done}");
        // Lines of CSV end as its standard says.
        self.printed = done.stdout.replace("\r\n", "\n");
    }

    /// Saves a rule as a segment and refreshes it.
    #[track_caller]
    fn save(&mut self, place: &str, rule: &str) {
        let rule: Value =
            serde_json::from_str(rule).unwrap_or_else(|error| panic!("{place}: {error}"));
        let document = "mutation ($key: String!, $rule: JSON!) { \
             createSegment(input: {key: $key, ruleJson: $rule}) { userErrors { path message hint } } }";
        let line = place.rsplit(':').next().unwrap_or_default();
        let key = format!("line-{line}");
        let data = self.post(place, document, json!({"key": key, "rule": rule}));
        assert_flawless(place, &data);
        self.settle(place);
        let document = "query ($key: String!) { segment(key: $key) { state } }";
        let data = self.post(place, document, json!({ "key": key }));
        assert_eq!(data["segment"]["state"], "READY", "{place}");
    }

    /// Waits until the server has refreshed what earlier blocks have changed: it does so by itself.
    #[track_caller]
    fn settle(&self, place: &str) {
        let document = "{ segments { nodes { state } } refreshes(first: 1) { nodes { state } } }";
        eventually("segments are refreshed", || {
            let data = self.post(place, document, json!({})).to_string();
            !data.contains("PENDING") && !data.contains("RUNNING")
        });
    }

    /// Sends a document with the key that the commands of the page have made, and returns the data.
    #[track_caller]
    fn post(&self, place: &str, document: &str, variables: Value) -> Value {
        let key = self.variable("KEY").map(|key| format!("Bearer {key}"));
        let headers: Vec<(&str, &str)> = key
            .iter()
            .map(|key| ("authorization", key.as_str()))
            .collect();
        let mut body = self
            .server
            .post_as(&headers, document, variables)
            .into_body();
        assert_eq!(body.get("errors"), None, "{place}");
        body["data"].take()
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("variables")
    }

    /// Returns a variable that commands have exported.
    fn variable(&self, name: &str) -> Option<String> {
        let state = std::fs::read_to_string(self.state()).unwrap_or_default();
        let start = format!("declare -x {name}=\"");
        let line = state.lines().find_map(|line| line.strip_prefix(&start))?;
        Some(line.trim_end_matches('"').to_owned())
    }
}

fn is_installed(program: &str) -> bool {
    let version = Command::new(program).arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// Makes sure that no mutation was refused and no rule has problems.
#[track_caller]
fn assert_flawless(place: &str, data: &Value) {
    for name in ["userErrors", "problems"] {
        if let Some(Value::Array(found)) = find(data, name) {
            assert!(found.is_empty(), "{place}: {name} {found:#?}");
        }
    }
}

/// Finds the first value of that name, but an empty list is passed over.
fn find<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Object(entries) => entries.iter().find_map(|(key, value)| {
            let is_it = key == name && value.as_array().is_none_or(|items| !items.is_empty());
            if is_it {
                Some(value)
            } else {
                find(value, name)
            }
        }),
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

/// Whether a value is the wanted one, in which [`ANYTHING`] stands for any value.
fn is_like(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (_, Value::String(wanted)) if wanted == ANYTHING => true,
        (Value::Object(found), Value::Object(wanted)) => {
            found.len() == wanted.len()
                && wanted
                    .iter()
                    .all(|(key, wanted)| found.get(key).is_some_and(|found| is_like(found, wanted)))
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len()
                && found
                    .iter()
                    .zip(wanted)
                    .all(|(found, wanted)| is_like(found, wanted))
        }
        _ => found == wanted,
    }
}

/// Whether a text is the wanted one, in which [`ANYTHING`] stands for any text.
fn is_text_like(found: &str, wanted: &str) -> bool {
    let mut rest = found.trim_end();
    let parts: Vec<&str> = wanted.trim_end().split(ANYTHING).collect();
    let (Some((last, middle)), Some(first)) = (parts[1..].split_last(), parts.first()) else {
        return rest == wanted.trim_end();
    };
    let Some(begun) = rest.strip_prefix(first) else {
        return false;
    };
    rest = begun;
    for part in middle {
        let Some(place) = rest.find(part) else {
            return false;
        };
        rest = &rest[place + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn answers_and_outputs_differ_where_they_differ() {
    assert!(is_text_like("a 12 b\n", "a … b"));
    assert!(is_text_like("a\n", "a"));
    assert!(!is_text_like("a 12 c", "a … b"));
    assert!(!is_text_like("ab", "a"));
    let found = json!({"id": "x", "list": [1, 2]});
    assert!(is_like(&found, &json!({"id": ANYTHING, "list": [1, 2]})));
    assert!(!is_like(&found, &json!({"id": ANYTHING, "list": [1]})));
    assert!(!is_like(&found, &json!({"id": ANYTHING})));
}

#[test]
fn a_block_without_a_meaning_is_not_run() {
    let page = Page {
        name: "page".to_owned(),
        text: "```graphql\n{ a }\n```\n```graphql later\n{ a }\n```\n- An item:\n  ```rust\n  a\n  ```\n"
            .to_owned(),
    };
    let blocks = page.blocks();
    let known: Vec<bool> = blocks.iter().map(|block| use_of(block).is_some()).collect();
    assert_eq!(known, [true, false, false]);
}
