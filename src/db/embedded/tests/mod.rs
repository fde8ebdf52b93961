//! Tests of the embedded server as its users see it, with real clusters.
//!
//! They need server binaries on the system. `sql` speaks just enough of the protocol to run a statement, so that no
//! client library is needed here.

mod life;
mod quiet;
mod sharing;
mod upgrading;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::{EmbeddedOptions, EmbeddedPostgres};

pub(super) fn scratch() -> tempfile::TempDir {
    let dir = tempfile::Builder::new()
        .prefix("rollcall-embedded-")
        .tempdir_in("/tmp")
        .unwrap();
    // Like /tmp itself: open to the user that the server runs as when the tests run as root.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    dir
}

pub(super) fn start(options: &EmbeddedOptions) -> EmbeddedPostgres {
    EmbeddedPostgres::start(options).unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn socket_in(url: &str) -> PathBuf {
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
pub(super) fn sql(url: &str, statement: &str) -> String {
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

pub(super) fn server_pid(data_dir: &Path) -> Pid {
    let text = fs::read_to_string(data_dir.join("cluster/postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().parse().unwrap())
}

pub(super) fn is_gone(pid: Pid) -> bool {
    // A process that has ended but was not waited for yet has an empty command line.
    kill(pid, None).is_err()
        || fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.is_empty())
}

#[track_caller]
pub(super) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
