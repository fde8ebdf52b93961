//! The places of one embedded cluster: its data directory, its socket, its URL.
//!
//! This module makes and removes directories. It does not start servers.
//!
//! ```text
//! <data_dir>/cluster/      the cluster proper (PGDATA)
//! <data_dir>/run/          the socket, unless the path is too long for one
//! <data_dir>/binaries/     fetched server binaries, a directory per version, and links to others that were used
//! <data_dir>/postgres.log  the log of the server
//! <data_dir>/start.lock, users.lock, lifeline   see `locks`
//! <data_dir>/throwaway     present in throw-away data directories only
//! <data_dir>/cluster.next, cluster.old, upgrade.new-*, upgrade.log   left by upgrades, see `recover`
//! ```

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::account::{RunAs, name_of};
use super::error::EmbeddedError;

/// The port number is only a part of the socket's file name.
pub(super) const PORT: u16 = 5432;

/// The longest socket directory: macOS allows 103 bytes, of which `/.s.PGSQL.5432` takes 14.
const SOCKET_DIR_LIMIT: usize = 85;

const THROWAWAY_MARK: &str = "throwaway";
const START_LOCK: &str = "start.lock";
const USERS_LOCK: &str = "users.lock";
const UNFINISHED: &str = "cluster.new-";

/// The files and directories of one embedded cluster.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) dir: PathBuf,
    pub(super) throwaway: bool,
}

impl Home {
    /// Makes the data directory if it is missing, and resolves its path.
    pub(super) fn open(data_dir: &Path, throwaway: bool) -> Result<Self, EmbeddedError> {
        // PostgreSQL's own files hold one path per line.
        if data_dir
            .as_os_str()
            .as_bytes()
            .iter()
            .any(u8::is_ascii_control)
        {
            return Err(EmbeddedError::UnusablePath {
                path: data_dir.to_owned(),
            });
        }
        let dir = std::path::absolute(data_dir)
            .map_err(EmbeddedError::io("resolve the path", data_dir))?;
        let home = Self { dir, throwaway };
        home.create()?;
        // All processes must use the same spelling: the server is recognised by the path it was started with.
        let dir = fs::canonicalize(&home.dir)
            .map_err(EmbeddedError::io("resolve the path", &home.dir))?;
        Ok(Self { dir, throwaway })
    }

    /// Makes the data directory if it is missing.
    pub(super) fn create(&self) -> Result<(), EmbeddedError> {
        // Root's data directory must let PostgreSQL's user pass.
        let mode = if nix::unistd::geteuid().is_root() {
            0o711
        } else {
            0o700
        };
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(&self.dir)
            .map_err(EmbeddedError::io("create the data directory", &self.dir))
    }

    /// Checks that the directory is of the requested kind, so that a lasting cluster is never removed as a throw-away.
    pub(super) fn check_kind(&self) -> Result<(), EmbeddedError> {
        let wrong = |problem| EmbeddedError::WrongKind {
            path: self.dir.clone(),
            problem,
        };
        let mark = self.dir.join(THROWAWAY_MARK);
        match (self.throwaway, mark.exists()) {
            (true, true) | (false, false) => Ok(()),
            (false, true) => Err(wrong("holds a throw-away cluster, which will be removed")),
            (true, false) => {
                let mut entries = fs::read_dir(&self.dir)
                    .map_err(EmbeddedError::io("read the directory", &self.dir))?;
                let locks = [START_LOCK, USERS_LOCK];
                let foreign = |entry: fs::DirEntry| !locks.iter().any(|l| entry.file_name() == *l);
                if entries.any(|entry| entry.is_ok_and(foreign)) {
                    return Err(wrong(
                        "is not empty, so no throw-away cluster is made there",
                    ));
                }
                fs::write(
                    &mark,
                    "This directory is removed when its last user ends.\n",
                )
                .map_err(EmbeddedError::io("write", &mark))
            }
        }
    }

    /// Lets the server's user reach the cluster and the socket.
    pub(super) fn admit(&self, run_as: &RunAs) -> Result<(), EmbeddedError> {
        if self.throwaway {
            // The watchdog, which runs as that user, must be able to remove the directory.
            run_as.own(&self.dir)?;
        }
        run_as.let_through(&self.dir)?;
        run_as.check_reach(&self.dir)
    }

    /// Creates the private socket directory anew, without the files of a server that died.
    pub(super) fn prepare_socket_dir(&self, run_as: &RunAs) -> Result<PathBuf, EmbeddedError> {
        let dir = self.socket_dir();
        if let Ok(metadata) = fs::symlink_metadata(&dir) {
            // In /tmp, another user may have made it first.
            if ![nix::unistd::geteuid().as_raw(), run_as.uid()].contains(&metadata.uid()) {
                let owner = name_of(metadata.uid());
                return Err(EmbeddedError::ForeignOwner { path: dir, owner });
            }
            for name in [socket_name(), format!("{}.lock", socket_name())] {
                let _ = fs::remove_file(dir.join(name));
            }
            fs::remove_dir(&dir).map_err(EmbeddedError::io("clear the socket directory", &dir))?;
        }
        DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .map_err(EmbeddedError::io("create the socket directory", &dir))?;
        run_as.own(&dir)?;
        Ok(dir)
    }

    /// Removes the directories that must not outlive the server: the socket directory, and a throw-away data directory.
    pub(super) fn clear(&self) -> Result<(), EmbeddedError> {
        let _ = fs::remove_dir(self.socket_dir());
        if !self.throwaway {
            return Ok(());
        }
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(EmbeddedError::io(
                "remove the throw-away directory",
                &self.dir,
            )(error)),
            _ => Ok(()),
        }
    }

    /// Removes clusters that were never finished.
    pub(super) fn sweep(&self) -> Result<(), EmbeddedError> {
        let entries =
            fs::read_dir(&self.dir).map_err(EmbeddedError::io("read the directory", &self.dir))?;
        for entry in entries.flatten() {
            if entry
                .file_name()
                .as_bytes()
                .starts_with(UNFINISHED.as_bytes())
            {
                // An initdb whose starter was killed may still be writing there. It fails soon,
                // and what it leaves is swept next time.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Ok(())
    }

    /// Returns a new path beside the cluster, in which to make a cluster.
    pub(super) fn unfinished(&self) -> PathBuf {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_nanos());
        self.dir
            .join(format!("{UNFINISHED}{}-{now}", std::process::id()))
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.dir.join("cluster")
    }

    pub(super) fn binaries(&self) -> PathBuf {
        // In its own directory, a throw-away cluster would fetch them again each time.
        let lasting = self
            .throwaway
            .then(|| super::default_data_dir().ok())
            .flatten();
        lasting.unwrap_or_else(|| self.dir.clone()).join("binaries")
    }

    /// Returns the path of a complete new cluster until it replaces the old one.
    pub(super) fn next_cluster(&self) -> PathBuf {
        self.dir.join("cluster.next")
    }

    /// Returns the path of the old cluster after an upgrade, until the new one was started.
    pub(super) fn old_cluster(&self) -> PathBuf {
        self.dir.join("cluster.old")
    }

    /// Returns the log of the last upgrade that failed.
    pub(super) fn upgrade_log(&self) -> PathBuf {
        self.dir.join("upgrade.log")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("postgres.log")
    }

    pub(super) fn start_lock(&self) -> PathBuf {
        self.dir.join(START_LOCK)
    }

    pub(super) fn users_lock(&self) -> PathBuf {
        self.dir.join(USERS_LOCK)
    }

    pub(super) fn lifeline(&self) -> PathBuf {
        self.dir.join("lifeline")
    }

    /// Returns the directory of the socket. It is in the data directory, or a private directory in `/tmp` if the path
    /// would be too long for a socket or libpq would misread it.
    pub(super) fn socket_dir(&self) -> PathBuf {
        let beside = self.dir.join("run");
        let bytes = beside.as_os_str().as_bytes();
        // libpq reads a comma as the end of one host and the beginning of the next.
        if bytes.len() <= SOCKET_DIR_LIMIT && !bytes.contains(&b',') {
            return beside;
        }
        PathBuf::from(format!(
            "/tmp/rollcall-{:016x}",
            hash(self.dir.as_os_str().as_bytes())
        ))
    }
}

/// Returns the file name of the socket.
pub(super) fn socket_name() -> String {
    format!(".s.PGSQL.{PORT}")
}

/// Returns the libpq URL of the database behind a socket directory.
pub(super) fn url(socket_dir: &Path) -> String {
    let mut host = String::new();
    for byte in socket_dir.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                host.push(char::from(*byte));
            }
            _ => host.push_str(&format!("%{byte:02X}")),
        }
    }
    // The port is named because PGPORT would override the default.
    format!("postgresql://rollcall@{host}:{PORT}/rollcall")
}

/// FNV-1a: processes built by different compilers must agree, which std's hasher does not promise.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
