//! The errors of the embedded PostgreSQL, as one type.
//!
//! Each message says what failed, where, and how to mend it. It is complete in itself, so no variant has a
//! `source`, which would be printed a second time.

use std::io;
use std::path::{Path, PathBuf};

/// Why the embedded PostgreSQL could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No home directory is known, so the data directory cannot be derived.
    #[error(
        "no data directory is known for the embedded PostgreSQL ({cause}); set HOME or \
         XDG_DATA_HOME, name a data directory, or set DATABASE_URL"
    )]
    NoDataDir {
        /// The error of the look-up of the home directory.
        cause: String,
    },

    /// The data directory's path cannot be written into PostgreSQL's files.
    #[error("the data directory {path:?} has a control character in its path; choose another one")]
    UnusablePath {
        /// The path as it was given.
        path: PathBuf,
    },

    /// A file or directory operation failed.
    #[error("cannot {action} {}: {cause}; {}", path.display(), mend(cause))]
    Io {
        /// The action that was attempted, as a verb with its object's kind.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },

    /// Running as root, and no unprivileged user exists for PostgreSQL.
    #[error(
        "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor a user \
         `nobody` to run it as; create one (`useradd --system postgres`), run as an ordinary \
         user, or set DATABASE_URL"
    )]
    NoAccount,

    /// Running as root, and PostgreSQL's user cannot enter a directory in the path of the cluster.
    #[error(
        "the user `{user}`, as whom PostgreSQL runs because it refuses to run as root, cannot \
         enter {}, which leads to {}; run `chmod o+x {}`, choose another data directory, or set \
         DATABASE_URL", dir.display(), target.display(), dir.display()
    )]
    Unreachable {
        /// The first directory in the path that cannot be entered.
        dir: PathBuf,
        /// The directory that PostgreSQL needs.
        target: PathBuf,
        /// The user PostgreSQL would run as.
        user: String,
    },

    /// A directory that PostgreSQL needs belongs to another user.
    #[error(
        "{} belongs to the user `{owner}`, not to the one running; run as `{owner}`, choose \
         another data directory, or set DATABASE_URL", path.display()
    )]
    ForeignOwner {
        /// The directory.
        path: PathBuf,
        /// The name or the id of the user it belongs to.
        owner: String,
    },

    /// A throw-away cluster was requested in a directory with other files, or a lasting cluster in the directory of a
    /// throw-away one.
    #[error("{} {problem}; choose another data directory", path.display())]
    WrongKind {
        /// The data directory.
        path: PathBuf,
        /// Why the directory cannot be used.
        problem: &'static str,
    },

    /// No usable server binaries exist, and they could not be fetched.
    #[error(
        "no PostgreSQL server of version 14 or newer was found, and none could be fetched\n{0}"
    )]
    NoBinaries(Box<MissingBinaries>),

    /// The cluster was made by another major version than the binaries that exist.
    #[error(
        "the cluster in {} was made by PostgreSQL {cluster}, but this system has only {found}, \
         and {cluster} could not be fetched\n{missing}{}", path.display(), upgrade_advice(*cluster, upgrade.as_deref())
    )]
    WrongMajor {
        /// The cluster's directory.
        path: PathBuf,
        /// The major version that made the cluster.
        cluster: u32,
        /// The versions found instead, with their directories.
        found: String,
        /// Where binaries were searched for, and how to get them.
        missing: Box<MissingBinaries>,
        /// The data directory, if a newer version was found to which the cluster can be moved.
        upgrade: Option<PathBuf>,
    },

    /// There is no cluster to upgrade.
    #[error(
        "there is no cluster in {}, so nothing to upgrade; name the right data directory with --data-dir", path.display()
    )]
    NoCluster {
        /// The data directory.
        path: PathBuf,
    },

    /// A process uses the cluster that is to be upgraded.
    #[error(
        "a rollcall process uses the PostgreSQL in {}; stop the server and all commands first", path.display()
    )]
    InUse {
        /// The data directory.
        path: PathBuf,
    },

    /// An upgrade to an older version was requested.
    #[error(
        "the cluster in {} is of PostgreSQL {cluster} and cannot be moved back to {wanted}; restore a backup that was made \
         with {wanted} or older into another data directory", path.display()
    )]
    Backwards {
        /// The cluster's directory.
        path: PathBuf,
        /// Its major version.
        cluster: u32,
        /// The version that was requested.
        wanted: u32,
    },

    /// No newer binaries were found for the cluster.
    #[error(
        "no PostgreSQL newer than {cluster} was found for the cluster in {}{}\n  to mend this: {install}, or name the \
         directory of its programs with --binaries", path.display(),
        rejected.iter().map(|reason| format!("\n  not usable: {reason}")).collect::<String>()
    )]
    NoNewer {
        /// The cluster's directory.
        path: PathBuf,
        /// Its major version.
        cluster: u32,
        /// Binaries that cannot be used, each with the reason.
        rejected: Vec<String>,
        /// What to install on this system.
        install: String,
    },

    /// The cluster's own binaries lack what an upgrade needs.
    #[error(
        "the PostgreSQL of the cluster, in {}, has no {name}, which an upgrade needs; install a complete server of that version",
        dir.display()
    )]
    Incomplete {
        /// The directory of its programs.
        dir: PathBuf,
        /// The program.
        name: &'static str,
    },

    /// The file system has no space for a copy of the cluster.
    #[error(
        "a copy of the cluster needs {needed} MiB in {}, which has {free} MiB; make room, or use `--mode clone` where the file \
         system can do that, or back up and use `--mode link`", path.display()
    )]
    NoRoom {
        /// The data directory.
        path: PathBuf,
        /// How much space is needed, in MiB.
        needed: u64,
        /// How much space is free, in MiB.
        free: u64,
    },

    /// The file system of the data directory cannot clone files.
    #[error(
        "the file system of {} cannot clone files ({said}), and nothing was changed; use `--mode copy`, or back up and use `--mode link`", path.display()
    )]
    CannotClone {
        /// The data directory.
        path: PathBuf,
        /// The error of the system.
        said: String,
    },

    /// `pg_upgrade` failed.
    #[error(
        "pg_upgrade of {} failed ({status}); the cluster is as it was. Its log is {}, which ends with:\n{tail}", path.display(), log.display()
    )]
    Upgrading {
        /// The cluster's directory.
        path: PathBuf,
        /// How `pg_upgrade` ended.
        status: String,
        /// The file in which its log was kept.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },

    /// Making a new cluster failed.
    #[error(
        "cannot make a PostgreSQL cluster in {}: {step} failed ({status}); the end \
         of its output:\n{output}", path.display()
    )]
    Making {
        /// The directory the cluster was made in.
        path: PathBuf,
        /// The step that failed.
        step: &'static str,
        /// How the step's process ended.
        status: String,
        /// The end of what it printed.
        output: String,
    },

    /// The server did not become ready.
    #[error(
        "PostgreSQL in {} {problem}; the end of its log {} is:\n{tail}", path.display(), log.display()
    )]
    Starting {
        /// The cluster's directory.
        path: PathBuf,
        /// What it did instead of becoming ready.
        problem: String,
        /// The log file.
        log: PathBuf,
        /// The last lines of the log file.
        tail: String,
    },

    /// Another process has held the data directory's start lock for too long.
    #[error(
        "another rollcall process has been starting, stopping or upgrading PostgreSQL in {} for {seconds} \
         seconds; try again when it is done, or end it", path.display()
    )]
    Busy {
        /// The data directory.
        path: PathBuf,
        /// How long this process waited.
        seconds: u64,
    },

    /// Something answers on the cluster's socket that is not the cluster's server.
    #[error(
        "a server that rollcall did not start answers in {}; stop it, choose another data \
         directory, or set DATABASE_URL to it", path.display()
    )]
    ForeignServer {
        /// The socket directory.
        path: PathBuf,
    },

    /// A process has the id of the cluster's server, but cannot be examined.
    #[error(
        "cannot tell whether process {pid} is the PostgreSQL of {}, since neither /proc nor `ps` \
         tells about it; end it by hand if it is, or else remove {}/postmaster.pid",
        path.display(), path.display()
    )]
    Unrecognised {
        /// The cluster's directory.
        path: PathBuf,
        /// The process id in question.
        pid: i32,
    },

    /// The server did not end in time.
    #[error(
        "PostgreSQL in {} (process {pid}) did not stop within {seconds} seconds; see {}, or end \
         it by hand with `kill -QUIT {pid}`", path.display(), log.display()
    )]
    Stopping {
        /// The cluster's directory.
        path: PathBuf,
        /// The server's process id.
        pid: i32,
        /// How long this process waited.
        seconds: u64,
        /// The log file.
        log: PathBuf,
    },
}

impl EmbeddedError {
    /// Returns a closure that turns an I/O error into [`EmbeddedError::Io`], for `map_err`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io {
            action,
            path,
            cause,
        }
    }
}

/// Why there are no server binaries, and how to get them.
#[derive(Debug)]
pub struct MissingBinaries {
    /// The places that were searched, in order.
    pub searched: Vec<String>,
    /// Binaries that were found but cannot be used, each with the reason.
    pub rejected: Vec<String>,
    /// Why they could not be fetched.
    pub download: String,
    /// What to install on this system.
    pub install: String,
}

impl std::fmt::Display for MissingBinaries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "  searched: {}", self.searched.join(", "))?;
        for rejected in &self.rejected {
            writeln!(f, "  not usable: {rejected}")?;
        }
        writeln!(f, "  fetching them failed: {}", self.download)?;
        write!(
            f,
            "  to mend this: {}, or set DATABASE_URL to a running PostgreSQL",
            self.install
        )
    }
}

fn upgrade_advice(cluster: u32, data_dir: Option<&Path>) -> String {
    let Some(dir) = data_dir else {
        return String::new();
    };
    format!(
        "\n  to move the cluster to the newer version: install {cluster} beside it and run `rollcall upgrade-database \
         --data-dir {}`; without {cluster}, restore a backup into another data directory",
        dir.display()
    )
}

fn mend(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => {
            "give this user access to it, choose another data directory, or set DATABASE_URL"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room on that disk, or choose another data directory"
        }
        _ => "choose another data directory, or set DATABASE_URL",
    }
}
