//! Two locks and a lifeline, by which rollcall processes that share a data directory coordinate.
//!
//! - `start.lock` is held exclusively while a process decides about the server, starts it or stops it.
//! - `users.lock` is shared by all processes that use the server.
//! - `lifeline` is a named pipe. Every user holds its writing end. The server's watchdog holds its reading end, and
//!   reads the end of file when the last user has ended, even if it was killed.
//!
//! The decisions are made in `start` and `stop` of the parent module.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::error::EmbeddedError;
use super::home::Home;

const POLL: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(2);

/// The exclusive lock for starting and stopping the server. It is released when dropped.
#[derive(Debug)]
pub(super) struct StartLock {
    file: File,
}

impl StartLock {
    /// Waits for the lock for at most `limit`.
    pub(super) fn acquire(home: &Home, limit: Duration) -> Result<Self, EmbeddedError> {
        let path = home.start_lock();
        let started = Instant::now();
        let mut told = false;
        loop {
            // The previous holder may have removed a throw-away directory, and the lock's file with it.
            home.create()?;
            let file = open_lock(&path)?;
            match file.try_lock() {
                Ok(()) if is_still_at(&file, &path) => return Ok(Self { file }),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(EmbeddedError::io("lock", &path)(error));
                }
            }
            let waited = started.elapsed();
            if waited >= limit {
                let seconds = limit.as_secs();
                return Err(EmbeddedError::Busy {
                    path: home.dir.clone(),
                    seconds,
                });
            }
            if waited > PATIENCE && !told {
                told = true;
                tracing::info!(
                    data_dir = %home.dir.display(),
                    "waiting for another rollcall process that is starting or stopping PostgreSQL");
            }
            std::thread::sleep(POLL);
        }
    }

    /// Returns whether the lock's file, and with it a throw-away directory, has been removed.
    pub(super) fn is_lost(&self, home: &Home) -> bool {
        !is_still_at(&self.file, &home.start_lock())
    }
}

/// The shared lock of a process that uses the server. It is released when dropped.
#[derive(Debug)]
pub(super) struct Users {
    file: File,
}

impl Users {
    /// Opens the lock without taking it. Only holders of the [`StartLock`] may use this type.
    pub(super) fn open(home: &Home) -> Result<Self, EmbeddedError> {
        Ok(Self {
            file: open_lock(&home.users_lock())?,
        })
    }

    /// Returns whether another process uses the server. Releases the lock of this process.
    pub(super) fn others(&self) -> io::Result<bool> {
        self.file.unlock()?;
        match self.file.try_lock() {
            Ok(()) => self.file.unlock().map(|()| false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Takes the lock: this process becomes a user.
    pub(super) fn join(&self) -> io::Result<()> {
        self.file.try_lock_shared().map_err(io::Error::from)
    }
}

/// The two ends of the pipe between users and watchdog.
#[derive(Debug)]
pub(super) struct Lifeline {
    /// The reading end, for the watchdog's standard input.
    pub(super) watched: File,
    /// The writing end, for this process to hold.
    pub(super) held: File,
}

impl Lifeline {
    /// Opens both ends, making the pipe if it is missing.
    pub(super) fn open(home: &Home) -> Result<Self, EmbeddedError> {
        let path = home.lifeline();
        let is_pipe = |metadata: fs::Metadata| metadata.file_type().is_fifo();
        if !fs::symlink_metadata(&path).is_ok_and(is_pipe) {
            let _ = fs::remove_file(&path);
            nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)
                .map_err(io::Error::from)
                .map_err(EmbeddedError::io("create the named pipe", &path))?;
        }
        let open = || {
            // Opening one end blocks until the other end is opened. The first reader does not block. It is closed
            // again, because the watchdog's reader must block in its reads.
            let first = OpenOptions::new()
                .read(true)
                .custom_flags(unblocking())
                .open(&path)?;
            let held = open_held(&path)?;
            let watched = File::open(&path)?;
            drop(first);
            Ok(Self { watched, held })
        };
        open().map_err(EmbeddedError::io("open the named pipe", &path))
    }

    /// Opens the writing end. Returns `None` if no watchdog has the reading end.
    pub(super) fn hold(home: &Home) -> Result<Option<File>, EmbeddedError> {
        let path = home.lifeline();
        match open_held(&path) {
            Ok(held) => Ok(Some(held)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => Ok(None),
            Err(error) => Err(EmbeddedError::io("open the named pipe", &path)(error)),
        }
    }

    /// Waits until no watchdog is left, for at most `limit`.
    pub(super) fn wait_for_watchdog(home: &Home, limit: Duration) {
        let deadline = Instant::now() + limit;
        while matches!(Self::hold(home), Ok(Some(_))) && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
    }
}

fn unblocking() -> i32 {
    (OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits()
}

fn open_held(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .custom_flags(unblocking())
        .open(path)
}

fn open_lock(path: &Path) -> Result<File, EmbeddedError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
        .map_err(EmbeddedError::io("open the lock", path))
}

fn is_still_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(opened), Ok(there)) => (opened.dev(), opened.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}
