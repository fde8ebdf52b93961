//! The embedded PostgreSQL: a cluster of Rollcall's own, used if no `DATABASE_URL` is set.
//!
//! This module finds (or fetches) server binaries, makes a cluster in a data directory, runs it on a private Unix
//! socket, and stops it when its last user ends. It has no connections to the database, no migrations, and no SQL
//! except for creating the empty database.
//!
//! Several processes may use one data directory at once. The first starts the server, the others attach, and the last
//! to end stops it; `locks` says how they coordinate. A process that is killed needs no clean-up: the server's watchdog
//! notices when no user is left.
//!
//! Unix only (Linux and macOS).

mod account;
mod binaries;
mod client;
mod cluster;
mod download;
mod error;
mod home;
mod locks;
mod log;
mod postmaster;
mod process;
mod reach;
mod recover;
mod server;
mod supervise;
#[cfg(test)]
mod tests;
mod upgrade;
mod upgrade_binaries;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use etcetera::BaseStrategy;

pub use binaries::BinarySearch;
pub use client::{ClientPrograms, ClientProgramsError};
pub use error::{EmbeddedError, MissingBinaries};
pub use supervise::Supervised;
pub use upgrade::{TransferMode, Upgrade, upgrade};
pub use upgrade_binaries::NewBinaries;

use account::RunAs;
use home::Home;
use locks::{Lifeline, StartLock, Users};
use log::LogKeeper;

/// How long to wait while another process starts or stops the server.
const LOCK_LIMIT: Duration = Duration::from_secs(120);

/// How often to start over if the data directory is removed meanwhile.
const ATTEMPTS: u32 = 5;

/// How long a watchdog may take to end a server that no process uses any more.
const ORPHAN_LIMIT: Duration = Duration::from_secs(60);

/// How long a watchdog may take to end after its server.
const WATCHDOG_LIMIT: Duration = Duration::from_secs(5);

/// The options of the embedded cluster.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// The directory that holds the cluster and all that belongs to it; made if it is missing.
    pub data_dir: PathBuf,
    /// Whether the cluster trades safety for speed and is removed, with its data directory, when
    /// its last user ends. Such a data directory must be empty or missing at first.
    pub throwaway: bool,
    /// Where to search for server binaries. Fetched binaries are kept in the data directory, or in [`default_data_dir`]
    /// if the data directory is a throw-away.
    pub search: BinarySearch,
    /// The URL of the list of their releases, in the form of GitHub's API; absent for the default.
    pub releases_url: Option<String>,
}

impl EmbeddedOptions {
    /// Returns options for a lasting cluster.
    pub fn lasting(data_dir: impl Into<PathBuf>) -> Self {
        let (search, releases_url) = (BinarySearch::System, None);
        Self {
            data_dir: data_dir.into(),
            throwaway: false,
            search,
            releases_url,
        }
    }

    /// Returns options for a throw-away cluster, for tests.
    pub fn throwaway(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            throwaway: true,
            ..Self::lasting(data_dir)
        }
    }
}

/// Returns the data directory of the user who runs this process: `$XDG_DATA_HOME/rollcall`,
/// usually `~/.local/share/rollcall`, and `/var/lib/rollcall` for root.
///
/// # Errors
///
/// Fails if the user has no known home directory.
pub fn default_data_dir() -> Result<PathBuf, EmbeddedError> {
    if nix::unistd::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/rollcall"));
    }
    let base = etcetera::choose_base_strategy().map_err(|error| EmbeddedError::NoDataDir {
        cause: error.to_string(),
    })?;
    Ok(base.data_dir().join("rollcall"))
}

/// This process' use of an embedded server. Dropping it ends the use, as [`Self::stop`] does.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    url: String,
    home: Home,
    users: Users,
    /// The writing end of the lifeline, which keeps the server running; `None` if its watchdog was killed.
    held: Option<File>,
    /// Present in the process that started the server.
    watchdog: Option<Child>,
    _log: LogKeeper,
    stopped: bool,
}

impl EmbeddedPostgres {
    /// Starts the cluster's server, or attaches to it if another process runs it already. Makes the cluster first if
    /// there is none.
    ///
    /// Blocks until the server is ready.
    ///
    /// # Errors
    ///
    /// Fails if no server can be found, fetched, made or started; the message says how to mend it.
    pub fn start(options: &EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let mut attempts = 1..=ATTEMPTS;
        loop {
            let home = Home::open(&options.data_dir, options.throwaway)?;
            let lock = StartLock::acquire(&home, LOCK_LIMIT)?;
            let started = Self::start_locked(&home, options);
            // The watchdog of an abandoned throw-away may remove the directory before this process waits for the
            // watchdog.
            if started.is_err() && lock.is_lost(&home) && attempts.next().is_some() {
                continue;
            }
            return started;
        }
    }

    fn start_locked(home: &Home, options: &EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let users = Users::open(home)?;
        let use_lock = |error| EmbeddedError::io("lock", &home.users_lock())(error);

        // The lifeline is held before checking for other users. If there are others, the watchdog had a user all the
        // time, so it has not begun to end the server.
        let held = Lifeline::hold(home)?;
        let shared = users.others().map_err(use_lock)?;
        let held = held.filter(|_| shared);
        if !shared {
            Lifeline::wait_for_watchdog(home, ORPHAN_LIMIT);
        }
        home.check_kind()?;
        if !shared {
            recover::recover(home)?;
        }
        let run_as = RunAs::choose(&home.cluster())?;
        home.admit(&run_as)?;
        if !shared {
            server::end(home)?;
        } else if let Some(socket_dir) = server::find_shared(home)? {
            users.join().map_err(use_lock)?;
            tracing::info!(data_dir = %home.dir.display(), "sharing a running PostgreSQL");
            return Ok(Self::using(home, users, &socket_dir, held, None));
        }

        home.sweep()?;
        let wanted = cluster::major(home)?;
        let binaries = binaries::locate(options, home, &run_as, wanted)?;
        if wanted.is_none() {
            cluster::make(home, &binaries, &run_as)?;
        }
        let launched = server::launch(home, &binaries, &run_as)?;
        users.join().map_err(use_lock)?;
        if let Err(error) = binaries::keep_known(home, &binaries) {
            tracing::warn!("the next start has to find the programs of PostgreSQL again: {error}");
        }
        upgrade::finish(home, &binaries, &run_as, &launched.socket_dir)?;
        tracing::info!(
            data_dir = %home.dir.display(),
            version = binaries.version,
            binaries = %binaries.dir.display(),
            "started PostgreSQL"
        );
        let server::Launched {
            watchdog,
            held,
            socket_dir,
        } = launched;
        Ok(Self::using(
            home,
            users,
            &socket_dir,
            Some(held),
            Some(watchdog),
        ))
    }

    fn using(
        home: &Home,
        users: Users,
        socket_dir: &Path,
        held: Option<File>,
        watchdog: Option<Child>,
    ) -> Self {
        Self {
            url: home::url(socket_dir),
            home: home.clone(),
            users,
            held,
            watchdog,
            _log: LogKeeper::start(home.log()),
            stopped: false,
        }
    }

    /// Returns the libpq URL of the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns whether the server runs. A server that is stopped by a signal but has not ended still runs.
    pub fn is_running(&self) -> bool {
        match postmaster::PidFile::read(&self.home) {
            Ok(Some(file)) => postmaster::is_server(file.pid, &self.home) != Some(false),
            Ok(None) => false,
            // The file cannot be read for now, which does not mean that the server has ended.
            Err(_) => true,
        }
    }

    /// Ends this process' use of the server, and stops the server if no other process uses it.
    ///
    /// # Errors
    ///
    /// Fails if the server does not stop in time, or a throw-away directory cannot be removed.
    pub fn stop(mut self) -> Result<(), EmbeddedError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), EmbeddedError> {
        if std::mem::replace(&mut self.stopped, true) {
            return Ok(());
        }
        let _lock = StartLock::acquire(&self.home, LOCK_LIMIT)?;
        let lock_path = self.home.users_lock();
        if self
            .users
            .others()
            .map_err(EmbeddedError::io("lock", &lock_path))?
        {
            tracing::debug!("leaving PostgreSQL to its other users");
            self.held = None;
            return Ok(());
        }
        server::end(&self.home)?;
        self.held = None;
        match &mut self.watchdog {
            Some(watchdog) => {
                let _ = process::wait(watchdog, WATCHDOG_LIMIT);
            }
            None => Lifeline::wait_for_watchdog(&self.home, WATCHDOG_LIMIT),
        }
        self.home.clear()
    }
}

impl Drop for EmbeddedPostgres {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!("{error}");
        }
    }
}
