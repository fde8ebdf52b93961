//! Tests of the embedded server as its users see it, with real clusters.
//!
//! They need server binaries on the system. `sql` speaks just enough of the protocol to ask a
//! question, so that no client library is needed here.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;

/// In a child process of `killed_by_force`: the data directory to start in.
const CHILD_DIR: &str = "ROLLCALL_TEST_EMBEDDED_DIR";
const CHILD_THROWAWAY: &str = "ROLLCALL_TEST_EMBEDDED_THROWAWAY";

fn scratch() -> tempfile::TempDir {
    let dir = tempfile::Builder::new()
        .prefix("rollcall-embedded-")
        .tempdir_in("/tmp")
        .unwrap();
    // Like /tmp itself: open to the user that the server runs as when the tests run as root.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    dir
}

fn start(options: &EmbeddedOptions) -> EmbeddedPostgres {
    EmbeddedPostgres::start(options).unwrap_or_else(|error| panic!("{error}"))
}

fn socket_in(url: &str) -> PathBuf {
    let host = url.strip_prefix("postgresql://rollcall@").unwrap();
    let host = host.strip_suffix(":5432/rollcall").unwrap();
    let mut bytes = Vec::new();
    let mut rest = host.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes)).join(".s.PGSQL.5432")
}

/// Runs one statement and returns the first value of its last row, or an empty string.
fn sql(url: &str, statement: &str) -> String {
    let mut stream = UnixStream::connect(socket_in(url)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut hello = 196_608_i32.to_be_bytes().to_vec();
    hello.extend_from_slice(b"user\0rollcall\0database\0rollcall\0\0");
    stream
        .write_all(&(hello.len() as i32 + 4).to_be_bytes())
        .unwrap();
    stream.write_all(&hello).unwrap();
    wait_until_idle(&mut stream);
    stream.write_all(b"Q").unwrap();
    stream
        .write_all(&(statement.len() as i32 + 5).to_be_bytes())
        .unwrap();
    stream.write_all(statement.as_bytes()).unwrap();
    stream.write_all(b"\0").unwrap();
    wait_until_idle(&mut stream)
}

fn wait_until_idle(stream: &mut UnixStream) -> String {
    let mut value = String::new();
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap();
        let length = i32::from_be_bytes(head[1..].try_into().unwrap()) as usize - 4;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        match head[0] {
            b'Z' => return value,
            b'E' => panic!("{}", String::from_utf8_lossy(&body)),
            // Number of columns (2 bytes), length of the first (4 bytes), its text.
            b'D' => {
                let length = u32::from_be_bytes(body[2..6].try_into().unwrap()) as usize;
                value = String::from_utf8(body[6..6 + length].to_vec()).unwrap();
            }
            _ => {}
        }
    }
}

fn server_pid(data_dir: &Path) -> Pid {
    let text = fs::read_to_string(data_dir.join("cluster/postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().parse().unwrap())
}

fn is_gone(pid: Pid) -> bool {
    // A process that has ended but was not waited for yet has an empty command line.
    kill(pid, None).is_err()
        || fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.is_empty())
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn without_binaries_the_message_says_what_to_do() {
    let dir = scratch();
    let options = EmbeddedOptions {
        search: BinarySearch::Only(vec![PathBuf::from("/nonexistent/bin")]),
        releases_url: Some("https://nowhere.invalid/releases".to_owned()),
        ..EmbeddedOptions::lasting(dir.path().join("data"))
    };
    let message = EmbeddedPostgres::start(&options).unwrap_err().to_string();
    for part in [
        "version 14 or newer",
        "searched: /nonexistent/bin",
        "fetching them failed: unsupported repository for 'https://nowhere.invalid/releases'",
        "install",
        "or set DATABASE_URL",
    ] {
        assert!(message.contains(part), "`{part}` is missing in: {message}");
    }
}

#[test]
fn binaries_that_do_not_work_are_named_with_the_reason() {
    let dir = scratch();
    for name in ["postgres", "initdb"] {
        let path = dir.path().join(name);
        fs::write(&path, "#!/bin/sh\necho 'postgres (PostgreSQL) 12.1'\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let options = EmbeddedOptions {
        search: BinarySearch::Only(vec![dir.path().to_owned()]),
        releases_url: Some("https://nowhere.invalid/releases".to_owned()),
        ..EmbeddedOptions::lasting(dir.path().join("data"))
    };
    let message = EmbeddedPostgres::start(&options).unwrap_err().to_string();
    assert!(
        message.contains("its version is 12.1, older than 14"),
        "{message}"
    );
}

#[test]
fn a_cluster_of_another_version_is_refused_with_both_versions() {
    let dir = scratch();
    let options = EmbeddedOptions {
        releases_url: Some("https://nowhere.invalid/releases".to_owned()),
        ..EmbeddedOptions::lasting(dir.path().join("data"))
    };
    fs::create_dir_all(options.data_dir.join("cluster")).unwrap();
    fs::write(options.data_dir.join("cluster/PG_VERSION"), "99\n").unwrap();
    let message = EmbeddedPostgres::start(&options).unwrap_err().to_string();
    assert!(
        message.contains("was made by PostgreSQL 99, but this system has only 1"),
        "{message}"
    );
}

#[test]
fn a_lasting_cluster_keeps_its_data_over_stop_and_start() {
    let dir = scratch();
    // What a start that was killed half-way would leave.
    let options = EmbeddedOptions::lasting(dir.path().join("data"));
    fs::create_dir_all(options.data_dir.join("cluster.new-1-1/base")).unwrap();

    let first = start(&options);
    assert_eq!(sql(first.url(), "SHOW listen_addresses"), "");
    assert_eq!(sql(first.url(), "SHOW fsync"), "on");
    assert_eq!(sql(first.url(), "SHOW server_encoding"), "UTF8");
    assert_eq!(sql(first.url(), "SHOW timezone"), "UTC");
    assert_eq!(sql(first.url(), "SHOW lc_collate"), "C");
    sql(first.url(), "CREATE TABLE kept AS SELECT 42 AS answer");
    let pid = server_pid(&options.data_dir);
    first.stop().unwrap();
    assert!(is_gone(pid));
    assert!(!options.data_dir.join("cluster.new-1-1").exists());

    let second = start(&options);
    assert_eq!(sql(second.url(), "SELECT answer FROM kept"), "42");
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

    // The first process has not noticed, and counts as a user still.
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
    // Later than the watchdog would need to act.
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
fn a_throwaway_disappears_when_stopped() {
    let dir = scratch();
    let options = EmbeddedOptions::throwaway(dir.path().join("data"));
    let server = start(&options);
    assert_eq!(sql(server.url(), "SHOW fsync"), "off");
    let pid = server_pid(&options.data_dir);
    drop(server);
    assert!(is_gone(pid));
    assert!(!options.data_dir.exists());
    assert!(dir.path().exists());
}

#[test]
fn a_throwaway_is_never_made_among_other_files() {
    let dir = scratch();
    let lasting = EmbeddedOptions::lasting(dir.path().join("data"));
    fs::create_dir(&lasting.data_dir).unwrap();
    fs::write(lasting.data_dir.join("letter"), "precious").unwrap();
    let throwaway = EmbeddedOptions {
        throwaway: true,
        ..lasting.clone()
    };
    let message = EmbeddedPostgres::start(&throwaway).unwrap_err().to_string();
    assert!(message.contains("is not empty"), "{message}");
    assert!(lasting.data_dir.join("letter").exists());

    let throwaway = EmbeddedOptions::throwaway(dir.path().join("other"));
    let lasting = EmbeddedOptions {
        throwaway: false,
        ..throwaway.clone()
    };
    let _server = start(&throwaway);
    let message = EmbeddedPostgres::start(&lasting).unwrap_err().to_string();
    assert!(message.contains("throw-away"), "{message}");
}

#[test]
fn awkward_paths_work() {
    let dir = scratch();
    let long = "a rather long name/".repeat(8);
    for name in ["with space, 'quotes\" and \\", "ünïcode %41 name", &long] {
        let options = EmbeddedOptions::throwaway(dir.path().join(name));
        let server = start(&options);
        assert_eq!(sql(server.url(), "SELECT current_database()"), "rollcall");
        let second = start(&options);
        assert_eq!(sql(second.url(), "SELECT 1"), "1");
        let socket_dir = socket_in(server.url()).parent().unwrap().to_owned();
        let mode = fs::metadata(&socket_dir).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop((server, second));
        assert!(!options.data_dir.exists());
        assert!(!socket_dir.exists());
    }
}

#[test]
fn a_directory_that_is_closed_to_the_servers_user_is_named() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = scratch();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let options = EmbeddedOptions::lasting(closed.join("data"));
    let message = EmbeddedPostgres::start(&options).unwrap_err().to_string();
    assert!(
        message.contains(&format!("chmod o+x {}", closed.display())),
        "{message}"
    );
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

/// Not a test but a part of the others below, unless they call it.
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
