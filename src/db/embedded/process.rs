//! Runs short-lived helper programs with a time limit.
//!
//! The database server itself, which outlives its starter, is started in `server`.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::account::RunAs;

const POLL: Duration = Duration::from_millis(10);

/// The environment variables that programs get: the places of programs, libraries and temporary files, and the time
/// zone.
const KEPT: [&str; 8] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "TZ",
    "TZDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
];

/// The result of a helper program.
pub(super) struct Finished {
    pub(super) success: bool,
    /// Exit code or signal, for messages.
    pub(super) status: String,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Prepares a program that runs as `run_as`, with little of this process' environment.
pub(super) fn command(program: impl AsRef<std::ffi::OsStr>, run_as: &RunAs) -> Command {
    let mut command = Command::new(program);
    // PGPORT, PGDATA, PGOPTIONS and similar variables would change the server and its clients. Functions in the server
    // can read its environment, so it must not get secrets of this process.
    command.env_clear();
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // Messages are read by `server`, so they must not be translated. On macOS a server without
    // LC_ALL also refuses to start ("postmaster became multithreaded during startup").
    command.env("LC_ALL", "C");
    // The working directory of this process may be closed to the other user.
    command.current_dir("/");
    command.stdin(Stdio::null());
    run_as.apply(&mut command);
    command
}

/// Runs a program to its end, feeding it `input`, and kills it when `limit` has passed.
pub(super) fn run(command: &mut Command, input: &str, limit: Duration) -> io::Result<Finished> {
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().map(read_aside).transpose()?;
    let stderr = child.stderr.take().map(read_aside).transpose()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ended early is reported by its status, not by the broken pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    let status = match wait(&mut child, limit)? {
        Some(status) => status,
        None => {
            child.kill()?;
            child.wait()?;
            let message = format!("did not end within {} seconds", limit.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
    };
    Ok(Finished {
        success: status.success(),
        status: status.to_string(),
        stdout: collected(stdout),
        stderr: collected(stderr),
    })
}

/// Waits for a child for at most `limit`. Returns `None` if it still runs.
pub(super) fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

/// Returns the last `lines` lines of a text, indented for a message.
pub(super) fn last_lines(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let tail = &all[all.len().saturating_sub(lines)..];
    if tail.is_empty() {
        return "  (nothing)".to_owned();
    }
    tail.iter()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn read_aside(mut pipe: impl Read + Send + 'static) -> io::Result<mpsc::Receiver<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new()
        .name("embedded-pipe".to_owned())
        .spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.read_to_end(&mut bytes);
            let _ = sender.send(bytes);
        })?;
    Ok(receiver)
}

fn collected(receiver: Option<mpsc::Receiver<Vec<u8>>>) -> String {
    // A grandchild may keep the pipe open after the program has ended, hence the limit.
    let bytes = receiver.and_then(|bytes| bytes.recv_timeout(Duration::from_secs(1)).ok());
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}
