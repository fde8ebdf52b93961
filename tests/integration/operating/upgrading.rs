//! Rollcall's own Postgres is moved from the installed version to 18, also by processes that are killed meanwhile.

use super::text;
use crate::support::{Finished, Server, cluster_dir, eventually, postgres18, rollcall, run_within};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long an upgrade may take before it is taken for stuck.
const LIMIT: Duration = Duration::from_mins(4);

/// How often a process is killed in each mode.
const KILLS: u32 = 6;

/// A data directory whose cluster is of the installed PostgreSQL, with people, segments and a history.
struct World {
    dir: tempfile::TempDir,
    /// The programs of PostgreSQL 18.
    programs: PathBuf,
    /// A moment between two refreshes.
    before: String,
}

impl World {
    /// Makes one, or nothing where PostgreSQL 18 or an older one is missing, which is then said.
    fn new() -> Option<World> {
        let programs = postgres18()?;
        let mut world = World {
            dir: cluster_dir("upgrade"),
            programs,
            before: String::new(),
        };
        let server = world.serve();
        if world.major() >= 18 {
            let line =
                "\n*** NOT TESTED: upgrades from an older PostgreSQL, since none is installed\n";
            let _ = std::io::stderr().write_all(line.as_bytes());
            return None;
        }
        fill(&server);
        world.before = post(&server, "{ refreshes(first: 1) { nodes { asOf } } }")["refreshes"]
            ["nodes"][0]["asOf"]
            .as_str()
            .expect("a moment")
            .to_owned();
        change(&server);
        stop(server);
        Some(world)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn major(&self) -> u32 {
        let version = std::fs::read_to_string(self.data().join("cluster/PG_VERSION"));
        let version = version.expect("a cluster");
        version.trim().parse().expect("a number")
    }

    /// Prepares a command on this data directory that finds no PostgreSQL on the `PATH`: only those that packages installed.
    fn command(&self, arguments: &[&str]) -> Command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let others = std::env::split_paths(&path).filter(|dir| !dir.join("postgres").exists());
        let path = std::env::join_paths(others).expect("a path");
        let mut command = rollcall(arguments);
        command
            .env("PATH", path)
            .env("ROLLCALL_DATA_DIR", self.data());
        command
    }

    fn serve(&self) -> Server {
        Server::spawn(&mut self.command(&["serve", "--listen", "127.0.0.1:0"]))
    }

    fn upgrade(&self, mode: &str) -> Command {
        let programs = ["--binaries", text(&self.programs)];
        self.command(&[&["upgrade-database", "--mode", mode][..], &programs].concat())
    }

    /// What clients and psql are told, of now and of the past.
    fn answers(&self) -> Value {
        let server = self.serve();
        let answers = [
            post(
                &server,
                &format!(
                    "{{ segments(first: 3) {{ nodes {{ id key state rule memberCount then: memberCount(asOf: \"{0}\") \
                     members(first: 250, orderBy: EMAIL) {{ edges {{ joinedAt node {{ email }} }} }} \
                     past: members(first: 250, orderBy: EMAIL, asOf: \"{0}\") {{ nodes {{ email }} }} \
                     changes(first: 4) {{ nodes {{ refresh {{ id asOf }} memberCount joined(first: 50) {{ nodes {{ email }} }} \
                     left(first: 50) {{ nodes {{ email }} }} }} }} definitions(first: 9) {{ nodes {{ version rule }} }} }} }} \
                     groups(first: 3) {{ nodes {{ key memberCount members(first: 250) {{ nodes {{ email }} }} }} }} }}",
                    self.before
                ),
            ),
            post(
                &server,
                "{ subscriber(email: \"p7@example.com\") { id customFields { key value } \
                 events(first: 9) { nodes { id name occurredAt value properties } } \
                 history(first: 9) { nodes { at direction segment { key } } } statusHistory(first: 9) { nodes { from to at source } } } }",
            ),
        ];
        stop(server);
        json!(answers)
    }
}

#[track_caller]
fn post(server: &Server, document: &str) -> Value {
    post_with(server, document, Value::Null)
}

#[track_caller]
fn upsert(server: &Server, subscribers: Vec<Value>) {
    post_with(
        server,
        "mutation ($input: UpsertSubscribersInput!) { upsertSubscribers(input: $input) { userErrors { message } } }",
        json!({"input": {"subscribers": subscribers}}),
    );
}

#[track_caller]
fn post_with(server: &Server, document: &str, variables: Value) -> Value {
    let (status, mut body) = server.post(document, variables);
    assert!(status == 200 && body.get("errors").is_none(), "{body}");
    body["data"].take()
}

#[track_caller]
fn stop(server: Server) {
    let stopped = server.interrupt();
    assert_eq!(stopped.status.code(), Some(0), "{stopped}");
}

#[track_caller]
fn succeeded(command: &mut Command) -> Finished {
    let done = run_within(command, LIMIT);
    assert!(done.status.success(), "{done}");
    done
}

/// Makes people, events, a group and segments, and waits until those were refreshed.
fn fill(server: &Server) {
    post(
        server,
        "mutation { createCustomField(input: {key: \"visits\", type: NUMBER}) { userErrors { message } } \
         createGroup(input: {key: \"staff\"}) { userErrors { message } } }",
    );
    let people: Vec<Value> = (0..400)
        .map(|number| {
            json!({
                "email": format!("p{number}@example.com"),
                "values": {"country": (["LT", "LV", "DE"][number % 3]), "customFields": {"visits": number as f64 + 0.25}},
                "groups": {"add": if number % 5 == 0 { vec!["staff"] } else { vec![] }},
            })
        })
        .collect();
    upsert(server, people);
    let events: Vec<Value> = (0..400)
        .map(|number| {
            json!({
                "email": format!("p{}@example.com", number % 90),
                "name": "purchase",
                "occurredAt": format!("2026-01-0{}T10:00:00Z", 1 + number % 9),
                "value": number as f64 + 0.5,
                "properties": {"item": format!("n{number}")},
            })
        })
        .collect();
    post_with(
        server,
        "mutation ($input: RecordEventsInput!) { recordEvents(input: $input) { userErrors { message } } }",
        json!({"input": {"events": events}}),
    );
    for (key, mode, rule) in [
        (
            "lt",
            "DAILY",
            r#"{text: {field: "country", is: {equals: "LT"}}}"#,
        ),
        (
            "now",
            "INSTANT",
            r#"{text: {field: "country", is: {equals: "LV"}}}"#,
        ),
        (
            "buyers",
            "DAILY",
            r#"{event: {name: "purchase", sum: {atLeast: 900}}}"#,
        ),
    ] {
        post(
            server,
            &format!(
                "mutation {{ createSegment(input: {{key: \"{key}\", mode: {mode}, rule: {rule}}}) {{ userErrors {{ message }} }} }}"
            ),
        );
    }
    all_ready(server);
    post(
        server,
        "mutation { refreshSegments(input: {}) { userErrors { message } } }",
    );
    all_ready(server);
}

/// Changes people, so that there is a history.
fn change(server: &Server) {
    let moved = (0..90).map(|number| {
        json!({
            "email": format!("p{number}@example.com"),
            "values": {"country": (["LV", "LT", "EE"][number % 3])},
        })
    });
    upsert(server, moved.collect());
    post(
        server,
        "mutation { refreshSegments(input: {}) { userErrors { message } } }",
    );
    all_ready(server);
    eventually("instant segments have followed", || {
        let found = post(
            server,
            "{ segment(key: \"now\") { changes(first: 9) { totalCount } } }",
        );
        found["segment"]["changes"]["totalCount"].as_u64() >= Some(1)
    });
}

fn all_ready(server: &Server) {
    eventually("all segments are ready", || {
        let found = post(server, "{ segments(first: 9) { nodes { state } } }");
        let nodes = found["segments"]["nodes"].as_array().expect("a list");
        nodes.iter().all(|node| node["state"] == "READY")
    });
}

/// Whether the file system of a directory can clone files, by the `cp` of GNU. Returns `true` on other systems than Linux.
fn can_clone(dir: &Path) -> bool {
    let file = dir.join("cloned");
    std::fs::write(&file, "x").expect("a file");
    let cloned = Command::new("cp")
        .arg("--reflink=always")
        .args([&file, &dir.join("clone")])
        .status();
    cloned.is_ok_and(|status| status.success()) || cfg!(not(target_os = "linux"))
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.expect("cp runs").success());
}

#[test]
fn an_upgraded_cluster_gives_the_same_answers() {
    let Some(world) = World::new() else {
        return;
    };
    let old = world.major();
    let answers = world.answers();
    let server = world.serve();
    let refused = run_within(&mut world.upgrade("copy"), LIMIT).to_string();
    assert!(
        refused.contains("stop the server and all commands first"),
        "{refused}"
    );
    stop(server);

    if !can_clone(world.dir.path()) {
        let refused = run_within(&mut world.upgrade("clone"), LIMIT).to_string();
        let told = "cannot clone files (Operation not supported), and nothing was changed; use `--mode copy`";
        assert!(refused.contains(told), "{refused}");
        assert_eq!(world.major(), old);
        assert!(!world.data().join("upgrade.log").exists());
    }
    let told = succeeded(&mut world.upgrade("copy")).stdout;
    assert!(
        told.starts_with(&format!("moved the cluster from PostgreSQL {old}."))
            && told.contains(" to 18."),
        "{told}"
    );
    assert_eq!(world.major(), 18);
    assert!(world.data().join("cluster.old").exists());
    // The programs are found again without a word about where they are.
    assert_eq!(world.answers(), answers);
    assert!(!world.data().join("cluster.old").exists());
    let counted = succeeded(&mut world.command(&[
        "database",
        "shell",
        "-XAt",
        "-c",
        "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'subscribers' AND attname = 'country'",
    ]));
    assert_eq!(counted.stdout, "t\n", "statistics were collected");
    let again = succeeded(&mut world.command(&["upgrade-database", "--to", "18"])).stdout;
    assert!(
        again.starts_with("the cluster is of PostgreSQL 18"),
        "{again}"
    );
    // Backups use the programs of the new version.
    let backup = world.dir.path().join("audience.backup");
    let mut command = world.command(&["backup", "--output", text(&backup)]);
    let told = succeeded(&mut command).stdout;
    assert!(told.contains("PostgreSQL 18."), "{told}");
    succeeded(&mut world.command(&["backup", "verify", text(&backup)]));
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs cp -a")]
fn a_killed_upgrade_leaves_the_old_cluster_or_the_new_one() {
    let Some(world) = World::new() else {
        return;
    };
    let old = world.major();
    let answers = world.answers();
    let kept = world.dir.path().join("kept");
    copy(&world.data(), &kept);
    for mode in ["copy", "link"] {
        copy(&kept, &world.data());
        let begun = Instant::now();
        succeeded(&mut world.upgrade(mode));
        let whole = begun.elapsed();
        assert_eq!(world.answers(), answers, "{mode}");
        for number in 0..KILLS {
            if world.major() != old {
                copy(&kept, &world.data());
            }
            // Somewhere in this part of the whole; the last part is beyond its end.
            let part = (f64::from(number) + rand::random::<f64>()) / f64::from(KILLS - 1);
            let mut child = world.upgrade(mode).spawn().expect("the program starts");
            std::thread::sleep(whole.mul_f64(part));
            child.kill().expect("it can be killed");
            child.wait().expect("it can be waited for");
            assert_eq!(
                world.answers(),
                answers,
                "{mode}, killed after {part} of {whole:?}"
            );
            let left = std::fs::read_dir(world.data()).expect("a directory");
            let left: Vec<_> = left
                .map(|entry| {
                    entry
                        .expect("an entry")
                        .file_name()
                        .into_string()
                        .expect("a name")
                })
                .filter(|name| {
                    name.contains(".new") || name == "cluster.next" || name == "cluster.old"
                })
                .collect();
            assert_eq!(left, [""; 0], "{mode}, killed after {part} of {whole:?}");
        }
        // What was killed can be done again.
        if world.major() == old {
            succeeded(&mut world.upgrade(mode));
        }
        assert_eq!(world.answers(), answers, "{mode}");
        assert_eq!(world.major(), 18);
    }
}
