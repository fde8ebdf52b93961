//! Cleans up after a killed upgrade. The next process that has the start lock does this.
//!
//! ```text
//! <data_dir>/upgrade.new-*/        a directory in which a new cluster is being made: it is removed
//! <data_dir>/cluster.next          a new cluster that is complete: it replaces `cluster`
//! <data_dir>/cluster.old           the old cluster, kept until the new one's server was ready once
//! ```
//!
//! Making the new cluster does not change the old one, except that `pg_upgrade --link` renames its control file, so
//! that it cannot be started. The rename to `cluster.next` decides: before it the old cluster is used, after it the new
//! one.

use super::account::RunAs;
use super::cluster::sync;
use super::error::EmbeddedError;
use super::home::Home;
use super::server;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const WORKPLACE: &str = "upgrade.new-";
const LOG: &str = "upgrade.log";

const POLL: Duration = Duration::from_millis(20);
/// How long an `initdb` may go on after the process that waited for it is gone.
const INITDB_LIMIT: Duration = Duration::from_secs(10);
/// How long the programs of a killed upgrade may take to end.
const ORPHANS_LIMIT: Duration = Duration::from_secs(60);
/// How much of a log is read, in bytes.
const MOST: usize = 64 << 10;

/// A directory in which a new cluster is made. It has the form of a data directory.
pub(super) struct Workplace {
    pub(super) home: Home,
    /// The output of the programs. The file is locked, and every process that they start has it open and shares the
    /// lock.
    pub(super) log: File,
}

impl Workplace {
    pub(super) fn make(home: &Home, run_as: &RunAs) -> Result<Self, EmbeddedError> {
        let dir = home.dir.join(format!("{WORKPLACE}{}", std::process::id()));
        DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .map_err(EmbeddedError::io("create the directory", &dir))?;
        let path = dir.join(LOG);
        let open = || {
            let log = OpenOptions::new()
                .append(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            log.lock()?;
            Ok(log)
        };
        let log = open().map_err(EmbeddedError::io("create the log", &path))?;
        run_as.own(&dir)?;
        let home = Home {
            dir,
            throwaway: false,
        };
        Ok(Self { home, log })
    }

    /// Returns the end of the programs' output.
    pub(super) fn said(&self) -> String {
        let bytes = fs::read(self.home.dir.join(LOG)).unwrap_or_default();
        let start = bytes.len().saturating_sub(MOST);
        String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).into_owned()
    }

    /// Copies the programs' output and logs to a file that stays after the upgrade.
    pub(super) fn keep_log(&self, home: &Home) {
        let mut text = self.said().into_bytes();
        let mut logs = Vec::new();
        collect_logs(&self.home.cluster().join("pg_upgrade_output.d"), &mut logs);
        for log in logs {
            text.extend_from_slice(format!("\n==> {} <==\n", log.display()).as_bytes());
            text.extend_from_slice(&fs::read(&log).unwrap_or_default());
        }
        let kept = home.upgrade_log();
        let _ = fs::remove_file(&kept);
        let write = || {
            let mut options = OpenOptions::new();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&kept)?;
            std::io::Write::write_all(&mut file, &text)
        };
        if let Err(error) = write() {
            tracing::warn!(%error, "the log of the upgrade cannot be kept");
        }
    }

    /// Renames the complete new cluster to `cluster.next`, so that it is used from now on. It must have been flushed.
    pub(super) fn commit(&self, home: &Home) -> Result<(), EmbeddedError> {
        let (made, next) = (self.home.cluster(), home.next_cluster());
        fs::rename(&made, &next)
            .map_err(EmbeddedError::io("move the finished cluster to", &next))?;
        sync(&home.dir)
    }
}

fn collect_logs(dir: &Path, logs: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() {
            collect_logs(&path, logs);
        } else if path.extension().is_some_and(|extension| extension == "log") {
            logs.push(path);
        }
    }
}

/// Cleans up after killed processes, so that `cluster` is the cluster to start. The caller must hold the start lock,
/// and no process may use the server.
pub(super) fn recover(home: &Home) -> Result<(), EmbeddedError> {
    let places = workplaces(home)?;
    for place in &places {
        end_programs(home, place)?;
    }
    if home.next_cluster().exists() {
        switch(home)?;
    } else {
        enable_old(home)?;
    }
    for place in places {
        let _ = fs::remove_dir_all(place.socket_dir());
        remove(&place.dir);
    }
    Ok(())
}

/// Removes a workplace. An `initdb` that outlived its upgrade may still write into it, and ends soon. What stays is removed
/// by the next start.
fn remove(dir: &Path) {
    let deadline = Instant::now() + INITDB_LIMIT;
    while fs::remove_dir_all(dir).is_err() && dir.exists() && Instant::now() < deadline {
        std::thread::sleep(POLL);
    }
}

/// Replaces the old cluster by the complete new one. The old cluster is kept under another name.
fn switch(home: &Home) -> Result<(), EmbeddedError> {
    let (cluster, next, old) = (home.cluster(), home.next_cluster(), home.old_cluster());
    if cluster.exists() {
        if old.exists() {
            // This is the old cluster of an earlier upgrade. Under the new name, `Home::sweep` removes it.
            let removed = home.unfinished();
            fs::rename(&old, &removed).map_err(EmbeddedError::io("move away", &old))?;
        }
        fs::rename(&cluster, &old).map_err(EmbeddedError::io("move the old cluster to", &old))?;
    }
    fs::rename(&next, &cluster).map_err(EmbeddedError::io("move the new cluster to", &cluster))?;
    sync(&home.dir)
}

/// Renames the control file back after `pg_upgrade --link` renamed it. Nothing else of the old cluster was changed,
/// since the new one never served.
fn enable_old(home: &Home) -> Result<(), EmbeddedError> {
    let global = home.cluster().join("global");
    let (control, renamed) = (global.join("pg_control"), global.join("pg_control.old"));
    if control.exists() || !renamed.exists() {
        return Ok(());
    }
    fs::rename(&renamed, &control).map_err(EmbeddedError::io("rename", &renamed))?;
    sync(&global)
}

fn workplaces(home: &Home) -> Result<Vec<Home>, EmbeddedError> {
    let entries =
        fs::read_dir(&home.dir).map_err(EmbeddedError::io("read the directory", &home.dir))?;
    let is_ours = |entry: &fs::DirEntry| {
        entry
            .file_name()
            .as_bytes()
            .starts_with(WORKPLACE.as_bytes())
    };
    Ok(entries
        .flatten()
        .filter(is_ours)
        .map(|entry| Home {
            dir: entry.path(),
            throwaway: false,
        })
        .collect())
}

/// Waits until all programs of a killed upgrade have ended. They are killed when the process of the upgrade ends. The
/// servers that they started, on either cluster, are ended here.
fn end_programs(home: &Home, place: &Home) -> Result<(), EmbeddedError> {
    let path = place.dir.join(LOG);
    let log = match File::open(&path) {
        Ok(log) => log,
        // The upgrade was killed before it started any program.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(EmbeddedError::io("open the log", &path)(error)),
    };
    let deadline = Instant::now() + ORPHANS_LIMIT;
    loop {
        server::end(home)?;
        server::end(place)?;
        match log.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(POLL);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(EmbeddedError::Busy {
                    path: home.dir.clone(),
                    seconds: ORPHANS_LIMIT.as_secs(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(EmbeddedError::io("lock", &path)(error)),
        }
    }
}
