//! What the Postgres that Rollcall runs itself learns of the process that starts it.

use crate::support::{Server, cluster_dir, rollcall};
use serde_json::json;

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "looks at environments in /proc")]
fn the_embedded_server_sees_no_secrets_of_its_starter() {
    let dir = cluster_dir("environment");
    let data_dir = dir.path().join("data");
    let settings = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        data_dir.to_str().expect("a plain path"),
    ];
    let secrets = [
        "MAIL_PASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "ROLLCALL_RATE_LIMIT",
        "PGPASSWORD",
    ];
    let mut command = rollcall(&settings);
    for secret in secrets {
        command.env(secret, "100000");
    }
    let server = Server::spawn(&mut command);
    let (status, _) = server.post("{ __typename }", json!({}));
    assert_eq!(status, 200);
    let pid_file = std::fs::read_to_string(data_dir.join("cluster/postmaster.pid"));
    let pid = pid_file.expect("a running server");
    let pid = pid.lines().next().expect("a number");
    let environment = std::fs::read(format!("/proc/{pid}/environ")).expect("an environment");
    let environment = String::from_utf8_lossy(&environment);
    let names: Vec<&str> = environment
        .split('\0')
        .filter_map(|one| Some(one.split_once('=')?.0))
        .collect();
    assert!(names.contains(&"PATH"), "{names:?}");
    for secret in secrets {
        assert!(!names.contains(&secret), "{secret}");
    }
    let stopped = server.interrupt();
    assert_eq!(stopped.status.code(), Some(0), "{stopped}");
}
