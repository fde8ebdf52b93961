//! The unit of systemd, and what the server tells its manager.

use super::text;
use crate::support::{Server, TestDatabase, rollcall};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

/// The highest exposure that the unit may have, as `systemd-analyze security` measures it, in tenths.
const EXPOSURE: &str = "20";

#[test]
fn the_manager_is_told_when_the_server_is_ready_and_when_it_stops() {
    let database = TestDatabase::new();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let timeout = socket.set_read_timeout(Some(Duration::from_secs(60)));
    timeout.expect("a time limit");
    let told = || {
        let mut buffer = [0; 256];
        let length = socket.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length])
            .trim_end()
            .to_owned()
    };
    let mut command = rollcall(&["serve", "--listen", "127.0.0.1:0"]);
    command
        .args(["--database-url", &database.url])
        .env("NOTIFY_SOCKET", &path);
    let server = Server::spawn(&mut command);
    assert_eq!(told(), "READY=1");
    let stopped = server.interrupt();
    assert_eq!(stopped.status.code(), Some(0), "{stopped}");
    assert_eq!(told(), "STOPPING=1");
}

#[test]
fn the_unit_is_valid_and_gives_the_server_few_rights() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/deploy/rollcall.service");
    let unit = std::fs::read_to_string(unit).expect("a unit");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("rollcall.service");
    // Where the program is here, perhaps with blanks in its path.
    let program = format!("\"{}\"", env!("CARGO_BIN_EXE_rollcall"));
    let here = unit.replace("/usr/bin/rollcall", &program);
    std::fs::write(&path, here).expect("a file");
    let threshold = format!("--threshold={EXPOSURE}");
    for arguments in [
        &["verify", "--man=no", text(&path)][..],
        &["security", "--offline=yes", &threshold, text(&path)],
    ] {
        let done = Command::new("systemd-analyze").args(arguments).output();
        let Ok(done) = done else {
            eprintln!("*** NOT TESTED: the unit, which needs systemd-analyze");
            return;
        };
        let said = [done.stdout, done.stderr].concat();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}
