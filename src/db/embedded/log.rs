//! The log of the server, whose length is limited.
//!
//! The server writes its log as long as it runs, so every process that uses the server checks the length. A log
//! that is too long is copied to another file and truncated. The server appends, so it goes on at the new end.

use super::error::EmbeddedError;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// How long a log may get, in bytes. One older log of that length is kept.
const LONGEST: u64 = 8 << 20;
/// How often the length is checked.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Opens the log for appending. A log that is too long is put aside first.
pub(super) fn open(log: &Path) -> Result<File, EmbeddedError> {
    shorten(log);
    options()
        .append(true)
        .create(true)
        .open(log)
        .map_err(EmbeddedError::io("open the log", log))
}

/// Returns options that do not follow a link, which the server's user may have put there to misdirect root.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options.custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits());
    options
}

/// Puts a log aside that is too long.
fn shorten(log: &Path) {
    let is_long = log.metadata().is_ok_and(|found| found.len() > LONGEST);
    if !is_long {
        return;
    }
    let put_aside = || {
        let old = log.with_extension("log.old");
        let _ = fs::remove_file(&old);
        let mut from = options().read(true).write(true).open(log)?;
        let mut to = options().write(true).create_new(true).open(old)?;
        std::io::copy(&mut from, &mut to)?;
        from.set_len(0)
    };
    if let Err(error) = put_aside() {
        tracing::warn!(%error, "cannot rotate the log of PostgreSQL");
    }
}

/// Keeps a log short until it is dropped.
#[derive(Debug)]
pub(super) struct LogKeeper {
    /// Dropping the sender ends the thread.
    _end: Sender<()>,
}

impl LogKeeper {
    /// Starts the thread. If that fails, the log is shortened at the next start of the server.
    pub(super) fn start(log: PathBuf) -> LogKeeper {
        let (end, ended) = channel();
        let keeper = thread::Builder::new().name("embedded-log".to_owned());
        let started = keeper.spawn(move || {
            while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                shorten(&log);
            }
        });
        if let Err(error) = started {
            tracing::warn!(%error, "cannot start the thread that rotates the log of PostgreSQL; the next start rotates it");
        }
        LogKeeper { _end: end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_long_log_is_put_aside_while_it_is_written_to() {
        let dir = tempfile::tempdir().expect("a directory");
        let log = dir.path().join("postgres.log");
        let mut writing = open(&log).expect("a log");
        let line = vec![b'x'; 1 << 20];
        for _ in 0..100 {
            writing.write_all(&line).expect("it can be written to");
            shorten(&log);
            let length = log.metadata().expect("a log").len();
            assert!(length <= LONGEST, "{length}");
        }
        let old = log
            .with_extension("log.old")
            .metadata()
            .expect("an old log");
        assert!(old.len() <= LONGEST + (1 << 20), "{}", old.len());
        writing.write_all(b"last").expect("it can be written to");
        assert!(fs::read(&log).expect("a log").ends_with(b"last"));
    }
}
