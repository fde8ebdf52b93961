//! Tests of several processes with one cluster, some of them killed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::account::RunAs;
use super::super::{EmbeddedOptions, process};
use super::{eventually, is_gone, scratch, server_pid, sql, start};

/// The environment variable with the data directory, in a child process of `start_elsewhere`.
const CHILD_DIR: &str = "ROLLCALL_TEST_EMBEDDED_DIR";
/// The environment variable that says whether the data directory is a throw-away.
const CHILD_THROWAWAY: &str = "ROLLCALL_TEST_EMBEDDED_THROWAWAY";

#[test]
fn a_second_user_attaches_and_outlives_the_first() {
    let dir = scratch();
    let options = EmbeddedOptions::lasting(dir.path().join("data"));
    let first = start(&options);
    let pid = server_pid(&options.data_dir);
    let second = start(&options);
    assert_eq!(first.url(), second.url());
    assert_eq!(server_pid(&options.data_dir), pid);
    first.stop().unwrap();
    assert_eq!(sql(second.url(), "SELECT 1"), "1");
    // Longer than the watchdog would need to act.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(sql(second.url(), "SELECT 1"), "1");
    second.stop().unwrap();
    assert!(is_gone(pid));
}

#[test]
fn many_starters_at_once_share_one_server() {
    let dir = scratch();
    let options = EmbeddedOptions::throwaway(dir.path().join("data"));
    let barrier = std::sync::Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let server = start(&options);
                assert_eq!(sql(server.url(), "SELECT 1"), "1");
                barrier.wait();
                server.stop().unwrap();
            });
        }
    });
    assert!(!options.data_dir.exists());
}

#[test]
fn a_killed_server_is_started_again() {
    let dir = scratch();
    let options = EmbeddedOptions::lasting(dir.path().join("data"));
    let first = start(&options);
    sql(first.url(), "CREATE TABLE kept AS SELECT 42 AS answer");
    let pid = server_pid(&options.data_dir);
    kill(pid, Signal::SIGKILL).unwrap();
    eventually("the server ends", || is_gone(pid));

    // The first process has not noticed this, and still counts as a user.
    let second = start(&options);
    assert_eq!(sql(second.url(), "SELECT answer FROM kept"), "42");
    first.stop().unwrap();
    assert_eq!(sql(second.url(), "SELECT answer FROM kept"), "42");
    let pid = server_pid(&options.data_dir);
    second.stop().unwrap();
    assert!(is_gone(pid));
}

#[test]
fn a_stale_pid_file_that_names_another_process_does_no_harm() {
    let dir = scratch();
    let options = EmbeddedOptions::lasting(dir.path().join("data"));
    start(&options).stop().unwrap();
    let cluster = options.data_dir.join("cluster");
    // A process of the server's own user, which PostgreSQL itself would take for a server.
    let mut other = process::command("sleep", &RunAs::choose(&cluster).unwrap());
    let mut other = other.arg("60").spawn().unwrap();
    let pid_file = cluster.join("postmaster.pid");
    let run = options.data_dir.join("run");
    let text = format!(
        "{}\n{}\n0\n5432\n{}\n\n0 0\nready\n",
        other.id(),
        cluster.display(),
        run.display()
    );
    fs::write(&pid_file, text).unwrap();
    let second = start(&options);
    assert_eq!(sql(second.url(), "SELECT 1"), "1");
    second.stop().unwrap();
    assert!(
        other.try_wait().unwrap().is_none(),
        "the other process was left alone"
    );
    other.kill().unwrap();
    other.wait().unwrap();

    fs::write(&pid_file, "").unwrap();
    start(&options).stop().unwrap();
}

/// Starts a server in a process of its own, which then waits to be killed.
fn start_elsewhere(options: &EmbeddedOptions) -> Child {
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            &format!("{module}::a_process_killed_by_force"),
        ])
        .env(CHILD_DIR, &options.data_dir)
        .env(
            CHILD_THROWAWAY,
            if options.throwaway { "yes" } else { "no" },
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().contains("postgresql://")),
        "the child failed"
    );
    child
}

/// The child process of the tests below. As a test by itself it does nothing.
#[test]
fn a_process_killed_by_force() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let throwaway = std::env::var(CHILD_THROWAWAY).unwrap() == "yes";
    let server = start(&EmbeddedOptions {
        throwaway,
        ..EmbeddedOptions::lasting(dir)
    });
    println!("\n{}", server.url());
    std::thread::sleep(Duration::from_secs(120));
}

#[test]
fn a_killed_starter_leaves_no_server_behind() {
    let dir = scratch();
    for options in [
        EmbeddedOptions::lasting(dir.path().join("lasting")),
        EmbeddedOptions::throwaway(dir.path().join("throwaway")),
    ] {
        let mut child = start_elsewhere(&options);
        let pid = server_pid(&options.data_dir);
        child.kill().unwrap();
        child.wait().unwrap();
        eventually("the server ends", || is_gone(pid));
        if options.throwaway {
            eventually("its files go", || {
                fs::read_dir(dir.path()).unwrap().count() == 1
            });
            assert!(!options.data_dir.exists());
        }
    }
}

#[test]
fn a_start_right_after_a_killed_starter_works() {
    let dir = scratch();
    for options in [
        EmbeddedOptions::lasting(dir.path().join("lasting")),
        EmbeddedOptions::throwaway(dir.path().join("throwaway")),
    ] {
        let mut child = start_elsewhere(&options);
        child.kill().unwrap();
        child.wait().unwrap();
        // The data directory is about to be removed, or its parent does not allow that.
        let closed = options.throwaway && nix::unistd::geteuid().is_root();
        let mode = if closed { 0o755 } else { 0o1777 };
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        let server = start(&options);
        assert_eq!(sql(server.url(), "SELECT 1"), "1");
        server.stop().unwrap();
    }
}

#[test]
fn other_users_survive_a_killed_starter() {
    let dir = scratch();
    let options = EmbeddedOptions::lasting(dir.path().join("data"));
    let mut child = start_elsewhere(&options);
    let server = start(&options);
    let pid = server_pid(&options.data_dir);
    child.kill().unwrap();
    child.wait().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(sql(server.url(), "SELECT 1"), "1");
    assert_eq!(server_pid(&options.data_dir), pid);
    server.stop().unwrap();
    eventually("the server ends", || is_gone(pid));
}

#[test]
fn an_orphan_without_a_watchdog_is_replaced() {
    let dir = scratch();
    let options = EmbeddedOptions::lasting(dir.path().join("data"));
    let mut child = start_elsewhere(&options);
    let pid = server_pid(&options.data_dir);
    // The watchdog is in a process group of its own, together with the server and its reader.
    let group = nix::unistd::getpgid(Some(pid)).unwrap();
    for watchdog in processes_in(group)
        .into_iter()
        .filter(|member| *member != pid)
    {
        let _ = kill(watchdog, Signal::SIGKILL);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(!is_gone(pid), "nobody has ended the server");

    let server = start(&options);
    assert!(is_gone(pid));
    assert_eq!(sql(server.url(), "SELECT 1"), "1");
    server.stop().unwrap();
}

fn processes_in(group: Pid) -> Vec<Pid> {
    let listed = Command::new("ps")
        .args(["-A", "-o", "pid=,pgid="])
        .output()
        .unwrap()
        .stdout;
    let listed = String::from_utf8(listed).unwrap();
    let pairs = listed
        .lines()
        .filter_map(|line| line.trim().split_once(char::is_whitespace));
    pairs
        .filter(|(_, of)| of.trim().parse() == Ok(group.as_raw()))
        .map(|(pid, _)| Pid::from_raw(pid.parse().unwrap()))
        .collect()
}
