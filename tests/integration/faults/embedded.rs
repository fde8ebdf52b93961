//! The life of the Postgres that Rollcall runs itself, as a person at a terminal sees it.

use crate::support::{Server, cluster_dir, eventually, rollcall, run};
use serde_json::json;
use std::path::Path;

/// Returns the processes that have the data directory in their command line: the server and its helpers.
pub fn processes_of(data_dir: &Path) -> Vec<String> {
    let needle = data_dir.to_str().expect("a plain path");
    let entries = std::fs::read_dir("/proc").expect("a list of processes");
    entries
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(needle))
        .collect()
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "looks at processes in /proc")]
fn a_database_of_its_own_through_stops_and_kills() {
    let dir = cluster_dir("life");
    let data_dir = dir.path().join("data");
    let settings = ["--data-dir", data_dir.to_str().expect("a plain path")];
    let count = |server: &Server| {
        let (_, answer) = server.post("{ subscribers { totalCount } }", json!({}));
        answer["data"]["subscribers"]["totalCount"].clone()
    };
    let add = |server: &Server, email: &str| {
        let (_, answer) = server.post(
            "mutation ($email: String!) { upsertSubscriber(input: {email: $email}) { userErrors { message } } }",
            json!({ "email": email }),
        );
        assert_eq!(
            answer["data"]["upsertSubscriber"]["userErrors"],
            json!([]),
            "{answer}"
        );
    };

    // The first start makes everything.
    let server = Server::start_with(&settings);
    add(&server, "ona@example.com");
    // A command beside the server uses the same database and leaves it running.
    let refreshed = run(rollcall(&["refresh"]).args(settings));
    assert!(refreshed.status.success(), "{refreshed}");
    assert_eq!(count(&server), json!(1));
    let stopped = server.interrupt();
    assert_eq!(stopped.status.code(), Some(0), "{stopped}");
    assert_eq!(processes_of(&data_dir), Vec::<String>::new());
    assert!(!data_dir.join("cluster/postmaster.pid").exists());

    // The second start finds the data of the first.
    let server = Server::start_with(&settings);
    assert_eq!(count(&server), json!(1));
    add(&server, "jonas@example.com");
    server.kill();

    // After a kill nobody had time to stop anything, and the next start finds all that was answered for.
    let server = Server::start_with(&settings);
    assert_eq!(count(&server), json!(2));
    let stopped = server.interrupt();
    assert_eq!(stopped.status.code(), Some(0), "{stopped}");
    eventually("everything has ended", || {
        processes_of(&data_dir).is_empty()
    });
}
