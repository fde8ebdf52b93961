//! The file of settings: flags and environment variables win over it, and what cannot be used is told by name.

use super::text;
use crate::support::{Server, TestDatabase, rollcall, run};
use std::path::PathBuf;
use tempfile::TempDir;

fn file(dir: &TempDir, content: &str) -> PathBuf {
    let path = dir.path().join("rollcall.toml");
    std::fs::write(&path, content).expect("a file");
    path
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = file(&dir, "listen = \"127.0.0.1:1\"\nbase-path = \"/of-file\"\n");
    // It names the address that it asks, where nobody listens.
    let asked = |arguments: &[&str], variable: Option<&str>| {
        let mut command = rollcall(&[&["health", "--config", text(&path)], arguments].concat());
        command.envs(variable.map(|address| ("ROLLCALL_LISTEN", address)));
        let told = run(&mut command).to_string();
        let (_, url) = told.split_once("http://").expect("an address");
        url.split('/').take(2).collect::<Vec<_>>().join("/")
    };
    assert_eq!(asked(&[], None), "127.0.0.1:1/of-file");
    assert_eq!(asked(&[], Some("127.0.0.1:2")), "127.0.0.1:2/of-file");
    let flag = ["--listen", "127.0.0.1:3"];
    assert_eq!(asked(&flag, Some("127.0.0.1:2")), "127.0.0.1:3/of-file");
    // The file may be named by the environment, too.
    let mut command = rollcall(&["health"]);
    let told = run(command.env("ROLLCALL_CONFIG", &path)).to_string();
    assert!(told.contains("http://127.0.0.1:1/of-file/"), "{told}");
}

#[test]
fn a_server_takes_every_kind_of_value_from_the_file() {
    let database = TestDatabase::new();
    let dir = tempfile::tempdir().expect("a directory");
    let path = file(
        &dir,
        &format!(
            "# What this server is.\ndatabase-url = \"{}\"\nconnections = 4\nno-introspection = true\nfederation = false\n\
             allow-origin = [\"https://a.example.com\", \"https://b.example.com\"]\ntime-zone = \"Europe/Vilnius\"\n\
             log-format = \"json\"\nlisten = \"127.0.0.1:0\"\n",
            database.url
        ),
    );
    let server = Server::spawn(&mut rollcall(&["serve", "--config", text(&path)]));
    let (_, body) = server.post(
        "{ __schema { queryType { name } } }",
        serde_json::Value::Null,
    );
    assert!(body["errors"].is_array(), "{body}");
    let (_, body) = server.post("{ settings { timeZone } }", serde_json::Value::Null);
    assert_eq!(
        body["data"]["settings"]["timeZone"], "Europe/Vilnius",
        "{body}"
    );
    let checked = run(&mut rollcall(&["config", "check", "--config", text(&path)]));
    assert!(checked.status.success(), "{checked}");
    assert!(
        !checked.stdout.contains("postgres"),
        "values can be secrets: {checked}"
    );
    assert!(
        checked
            .stdout
            .contains("8 settings, all of which can be used"),
        "{checked}"
    );
}

#[test]
fn what_cannot_be_used_is_named_with_the_nearest_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = file(
        &dir,
        "lisen = \"127.0.0.1:1\"\nrequest_timeout = 3\noutput = \"x\"\nconnections = \"many\"\nworkers = 100\n\
         federation = \"yes\"\nbase-path = [\"/a\"]\nlog-format = \"xml\"\n",
    );
    for command in [&["config", "check"][..], &["key", "list"]] {
        let told = run(rollcall(command).args(["--config", text(&path)])).to_string();
        for part in [
            "exit code 1\nrollcall: the file \"",
            "\n  lisen: expected the name of a setting; did you mean \"listen\"?",
            "\n  request_timeout: expected the name of a setting; did you mean \"request-timeout\"?",
            "\n  output: expected the name of a setting",
            "\n  connections: invalid value 'many' for '--connections <CONNECTIONS>'",
            "\n  workers: invalid value '100' for '--workers <WORKERS>'",
            "\n  federation: expected true or false",
            "\n  base-path: expected a text or a number, found array",
            "\n  log-format: invalid value 'xml' for '--log-format <FORMAT>'",
        ] {
            assert!(told.contains(part), "{part} is not in {told}");
        }
    }
    let broken = file(&dir, "listen = 127.0.0.1\n");
    let told = run(&mut rollcall(&[
        "config",
        "check",
        "--config",
        text(&broken),
    ]))
    .to_string();
    assert!(
        told.contains("is not TOML: TOML parse error at line 1"),
        "{told}"
    );
    let told = run(&mut rollcall(&[
        "config",
        "check",
        "--config",
        "/nonexistent",
    ]))
    .to_string();
    assert!(
        told.contains("\"/nonexistent\" of --config cannot be read: No such file"),
        "{told}"
    );
    let told = run(&mut rollcall(&["config", "check"])).to_string();
    assert!(
        told.contains("expected a file: rollcall config check --config FILE"),
        "{told}"
    );
}
