//! The first key from a file, for servers that nobody can log in to.

use super::{key_command, revoke, status, unknown_key};
use crate::support::{Server, TestDatabase, rollcall, run};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Prepares a server on all addresses with a file for the first key.
fn serve(database: &TestDatabase, file: &Path) -> Command {
    let mut command = rollcall(&["serve", "--listen", "0.0.0.0:0"]);
    command
        .args(["--database-url", &database.url])
        .env("ROLLCALL_BOOTSTRAP_KEY_FILE", file);
    command
}

fn file_with(dir: &Path, text: &str) -> PathBuf {
    let file = dir.join("key");
    std::fs::write(&file, text).expect("a file");
    file
}

#[test]
fn a_file_holds_the_first_key_and_counts_only_then() {
    let database = TestDatabase::new();
    let dir = tempfile::tempdir().expect("a directory");
    let (first, other) = (unknown_key(1), unknown_key(2));
    let file = file_with(dir.path(), &format!("{first}\n"));
    let server = Server::spawn(&mut serve(&database, &file));
    assert_eq!(status(&server, &first), 200);
    assert_eq!(status(&server, &other), 401);
    let listed = key_command(&database, &["list"]).to_string();
    assert!(
        listed.contains("first key, from a file") && listed.contains("admin"),
        "{listed}"
    );
    server.interrupt();

    // Another file changes nothing once there is a key, and neither does the same one after the key was revoked.
    file_with(dir.path(), &other);
    let server = Server::spawn(&mut serve(&database, &file));
    assert_eq!(status(&server, &first), 200);
    assert_eq!(status(&server, &other), 401);
    server.interrupt();
    revoke(&database, &first[..12]);
    let refused = run(&mut serve(&database, &file)).to_string();
    assert!(refused.starts_with("exit code 1\n"), "{refused}");
}

#[test]
fn of_two_servers_with_different_files_one_stores_its_key() {
    let database = TestDatabase::new();
    let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let keys = [unknown_key(1), unknown_key(2)];
    // Both have found no key before one of them stores its own.
    let held = database.hold("LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE");
    let servers: Vec<Server> = std::thread::scope(|scope| {
        let starts: Vec<_> = dirs
            .iter()
            .zip(&keys)
            .map(|(dir, key)| {
                let file = file_with(dir.path(), key);
                let database = &database;
                scope.spawn(move || Server::spawn(&mut serve(database, &file)))
            })
            .collect();
        database.wait_for_waiting(2);
        drop(held);
        starts
            .into_iter()
            .map(|start| start.join().expect("it starts"))
            .collect()
    });
    let accepted = keys.iter().filter(|key| {
        let statuses = servers.iter().map(|server| status(server, key));
        let statuses: Vec<u16> = statuses.collect();
        assert!(
            statuses == [200, 200] || statuses == [401, 401],
            "{statuses:?}"
        );
        statuses == [200, 200]
    });
    assert_eq!(accepted.count(), 1);
    let logs = servers.into_iter().map(|server| server.interrupt().stderr);
    let warned = logs.filter(|log| log.contains("the one of this file is not valid"));
    assert_eq!(warned.count(), 1);
}

#[test]
fn a_file_without_a_key_stops_the_start() {
    let database = TestDatabase::new();
    let dir = tempfile::tempdir().expect("a directory");
    let file = file_with(dir.path(), "rck_secret of another form");
    let refused = run(&mut serve(&database, &file)).to_string();
    let expected = "expected rck_ and 40 letters and digits, found 26 characters of another form";
    assert!(refused.contains(expected), "{refused}");
    assert!(!refused.contains("secret"), "{refused}");
    std::fs::remove_file(&file).expect("it can be removed");
    let refused = run(&mut serve(&database, &file)).to_string();
    assert!(
        refused.contains("cannot read the first API key from "),
        "{refused}"
    );
}
