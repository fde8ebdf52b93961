//! Recognises the cluster's server by its `postmaster.pid` and its process.
//!
//! Starting and ending the server is in `server`.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::error::EmbeddedError;
use super::home::{self, Home};
use super::process;

/// The contents of `postmaster.pid`.
pub(super) struct PidFile {
    pub(super) pid: i32,
    pub(super) socket_dir: Option<PathBuf>,
    pub(super) ready: bool,
}

impl PidFile {
    /// Reads the file. Returns `None` if it does not exist or cannot be parsed.
    pub(super) fn read(home: &Home) -> Result<Option<Self>, EmbeddedError> {
        let path = path(home);
        match fs::read(&path) {
            Ok(bytes) => Ok(Self::parse(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // An unreadable file does not mean that the server is dead and another server may use the cluster.
            Err(error) => Err(EmbeddedError::io("read", &path)(error)),
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        // A server in single-user mode writes its process id negated.
        let pid = std::str::from_utf8(lines.next()?)
            .ok()?
            .trim()
            .parse()
            .ok()?;
        let socket_dir = lines.nth(3).filter(|line| !line.is_empty());
        let status = lines.nth(2).unwrap_or_default();
        Some(Self {
            pid,
            socket_dir: socket_dir.map(|line| PathBuf::from(OsStr::from_bytes(line))),
            ready: status.trim_ascii() == b"ready",
        })
    }

    /// Returns whether a server listens on the socket.
    pub(super) fn answers(&self) -> bool {
        let connect = |dir: &PathBuf| UnixStream::connect(dir.join(home::socket_name())).is_ok();
        self.socket_dir.as_ref().is_some_and(connect)
    }
}

/// Removes a dead server's file if PostgreSQL would not start because of it: if its process id now belongs to another
/// process, or if a crash left the file empty.
pub(super) fn remove_misleading(home: &Home) -> Result<(), EmbeddedError> {
    let misleading = PidFile::read(home)?
        .is_none_or(|file| process_exists(file.pid) && is_server(file.pid, home) == Some(false));
    if !misleading {
        return Ok(());
    }
    let path = path(home);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(EmbeddedError::io("remove", &path)(error))
        }
        _ => Ok(()),
    }
}

fn process_exists(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None) != Err(nix::errno::Errno::ESRCH)
}

/// Returns whether a process is the server of this cluster, by the path it was launched with, or `None` if this cannot
/// be found out.
pub(super) fn is_server(pid: i32, home: &Home) -> Option<bool> {
    let cluster = home.cluster();
    let cluster = cluster.as_os_str().as_bytes();
    if pid <= 0 {
        return Some(false);
    }
    if let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) {
        return Some(
            line.split(|byte| *byte == 0)
                .any(|argument| argument == cluster),
        );
    }
    if !process_exists(pid) {
        return Some(false);
    }
    let mut ps = Command::new("ps");
    ps.args(["-ww", "-o", "args=", "-p", &pid.to_string()]);
    let listed = process::run(&mut ps, "", Duration::from_secs(5)).ok()?;
    // Some systems list a path beyond ASCII in an encoding of their own.
    let sought = if cluster.is_ascii() {
        cluster
    } else {
        b"postgres -D"
    };
    Some(
        listed
            .stdout
            .as_bytes()
            .windows(sought.len())
            .any(|part| part == sought),
    )
}

fn path(home: &Home) -> PathBuf {
    home.cluster().join("postmaster.pid")
}
