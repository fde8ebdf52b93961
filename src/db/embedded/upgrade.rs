//! Moves a cluster to a newer major version of PostgreSQL with `pg_upgrade`.
//!
//! The new cluster is made in a directory beside the old one and takes its name when it is complete. At every moment,
//! either the old cluster or the new one can be started: `recover` finishes or undoes the upgrade of a killed process.
//! Finding binaries is in `upgrade_binaries`.

use super::account::RunAs;
use super::binaries::{Binaries, keep_known};
use super::error::EmbeddedError;
use super::home::{Home, PORT};
use super::locks::{Lifeline, StartLock, Users};
use super::recover::{Workplace, recover};
use super::upgrade_binaries::{self, NewBinaries};
use super::{EmbeddedOptions, LOCK_LIMIT, ORPHAN_LIMIT, WATCHDOG_LIMIT};
use super::{cluster, process, server};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long one of the small steps may take. A checkpoint of a large cluster is among them.
const STEP_LIMIT: Duration = Duration::from_secs(600);
/// How long collecting statistics may take after an upgrade. The start waits for them, and then goes on without them.
const STATISTICS_LIMIT: Duration = Duration::from_secs(600);
/// The space that a new cluster needs beside the copied files, in bytes.
const FRESH_CLUSTER: u64 = 256 << 20;

/// A shell script that runs a program. It kills the program with all its children when standard input ends, because the
/// process that started it has ended. Every process that it starts, servers too, holds standard output open as
/// descriptor 4, and so holds its lock.
const GUARD: &str = r#"
exec 3<&0 4>&1
"$@" </dev/null 3<&- &
program=$!
( while read -r _; do :; done; kill -KILL 0 ) <&3 3<&- 4>&- >/dev/null 2>&1 &
reader=$!
exec 3<&-
wait "$program"
code=$?
kill -KILL "$reader"
exit "$code"
"#;

/// How the files of the tables come into the new cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferMode {
    /// The files are copied; the old cluster stays as it was.
    Copy,
    /// The files share blocks with those of the old cluster, which stays as it was. Only some file systems can do that.
    Clone,
    /// The files are those of the old cluster, which cannot be started any more once the new one was started.
    Link,
}

impl TransferMode {
    /// Returns the flag of `pg_upgrade`, or `None` for copying, which needs no flag.
    fn flag(self) -> Option<&'static str> {
        match self {
            Self::Copy => None,
            Self::Clone => Some("--clone"),
            Self::Link => Some("--link"),
        }
    }
}

/// The result of an upgrade.
#[derive(Debug)]
pub enum Upgrade {
    /// No newer version was requested or found.
    Nothing {
        /// The major version of the cluster.
        major: u32,
    },
    /// The new cluster has taken the place of the old one.
    Done {
        /// The version before the upgrade.
        from: String,
        /// The version after the upgrade.
        to: String,
        /// The path of the old cluster until the new one was started.
        old: PathBuf,
    },
}

/// Moves the cluster of a data directory to a newer major version.
///
/// # Errors
/// Fails if a process uses the cluster, if binaries are missing, or if a step fails. The old cluster then stays in
/// place.
pub fn upgrade(
    options: &EmbeddedOptions,
    new: &NewBinaries,
    mode: TransferMode,
) -> Result<Upgrade, EmbeddedError> {
    if !options.data_dir.join("cluster/PG_VERSION").exists()
        && !options.data_dir.join("cluster.next").exists()
    {
        return Err(EmbeddedError::NoCluster {
            path: options.data_dir.clone(),
        });
    }
    let home = Home::open(&options.data_dir, false)?;
    let _lock = StartLock::acquire(&home, LOCK_LIMIT)?;
    home.check_kind()?;
    be_alone(&home)?;
    recover(&home)?;
    let run_as = RunAs::choose(&home.cluster())?;
    home.admit(&run_as)?;
    let Some(major) = cluster::major(&home)? else {
        return Err(EmbeddedError::NoCluster { path: home.dir });
    };
    let Some(new) = upgrade_binaries::newer(options, &home, &run_as, major, new)? else {
        return Ok(Upgrade::Nothing { major });
    };
    let old = upgrade_binaries::older(options, &home, &run_as, major)?;
    match mode {
        TransferMode::Copy => check_room(&home)?,
        TransferMode::Clone => check_cloning(&home)?,
        TransferMode::Link => {}
    }
    start_and_stop(&home, &old, &run_as)?;
    tracing::info!(
        data_dir = %home.dir.display(),
        from = old.version,
        to = new.version,
        "moving the cluster"
    );
    // The next start needs the new binaries.
    keep_known(&home, &new)?;
    let place = Workplace::make(&home, &run_as)?;
    let made = make(&home, &place, &old, &new, mode, &run_as);
    let made = made.and_then(|()| place.commit(&home));
    if let Err(error) = made {
        place.keep_log(&home);
        // The recovery waits for the lock of the workplace.
        drop(place);
        recover(&home)?;
        return Err(error);
    }
    drop(place);
    recover(&home)?;
    Ok(Upgrade::Done {
        from: old.version,
        to: new.version,
        old: home.old_cluster(),
    })
}

/// Completes an upgrade when the new cluster's server is ready for the first time. Collects the statistics that
/// `pg_upgrade` does not carry over, without which the planner chooses badly, and removes the old cluster.
pub(super) fn finish(
    home: &Home,
    binaries: &Binaries,
    run_as: &RunAs,
    socket_dir: &Path,
) -> Result<(), EmbeddedError> {
    if !home.old_cluster().exists() {
        return Ok(());
    }
    tracing::info!("collecting the statistics of the upgraded cluster");
    let mut vacuumdb = process::command(binaries.dir.join("vacuumdb"), run_as);
    vacuumdb
        .args(["--all", "--analyze-only", "--quiet", "-U", "rollcall"])
        .args(["-p", &PORT.to_string(), "-h"])
        .arg(socket_dir);
    let analyzed = process::run(&mut vacuumdb, "", STATISTICS_LIMIT);
    let problem = match analyzed {
        Ok(finished) if finished.success => None,
        Ok(finished) => Some(process::last_lines(&finished.stderr, 4)),
        Err(error) => Some(error.to_string()),
    };
    if let Some(problem) = problem {
        // This is not tried again, because each start would take as long.
        tracing::warn!(
            "not all statistics of the upgraded cluster were collected; autovacuum will collect the others later: {problem}"
        );
    }
    // The old cluster is renamed first, so that it is never half removed under its name.
    let removed = home.unfinished();
    let old = home.old_cluster();
    fs::rename(&old, &removed).map_err(EmbeddedError::io("remove the old cluster", &old))?;
    let _ = fs::remove_dir_all(&removed);
    let _ = fs::remove_file(home.upgrade_log());
    tracing::info!("removed the old cluster");
    Ok(())
}

/// Checks that no other process uses the cluster, and ends its server if it still runs.
fn be_alone(home: &Home) -> Result<(), EmbeddedError> {
    let users = Users::open(home)?;
    // As at a start, the lifeline is held before checking for other users, so that no watchdog ends a server that is
    // being joined.
    let held = Lifeline::hold(home)?;
    if users
        .others()
        .map_err(EmbeddedError::io("lock", &home.users_lock()))?
    {
        return Err(EmbeddedError::InUse {
            path: home.dir.clone(),
        });
    }
    drop(held);
    Lifeline::wait_for_watchdog(home, ORPHAN_LIMIT);
    server::end(home)
}

/// Starts the old server once. It recovers from a crash, finishes an earlier upgrade, and is shut down cleanly, as
/// `pg_upgrade` requires.
fn start_and_stop(home: &Home, binaries: &Binaries, run_as: &RunAs) -> Result<(), EmbeddedError> {
    let mut launched = server::launch(home, binaries, run_as)?;
    let finished = finish(home, binaries, run_as, &launched.socket_dir);
    server::end(home)?;
    drop(launched.held);
    let _ = process::wait(&mut launched.watchdog, WATCHDOG_LIMIT);
    home.clear()?;
    finished
}

/// Makes the new cluster in a workplace and moves everything into it.
fn make(
    home: &Home,
    place: &Workplace,
    old: &Binaries,
    new: &Binaries,
    mode: TransferMode,
    run_as: &RunAs,
) -> Result<(), EmbeddedError> {
    let options = cluster_options(home, old, new, run_as)?;
    cluster::init(&place.home, new, run_as, &options)?;
    // The servers that pg_upgrade starts read the settings too, so that a setting that the new version does not know
    // fails here.
    let socket_dir = home.socket_dir();
    cluster::write_settings(&place.home, &socket_dir, run_as)?;
    let sockets = place.home.prepare_socket_dir(run_as)?;

    let mut command = process::command("/bin/sh", run_as);
    command.arg("-c").arg(GUARD).arg("rollcall-upgrade");
    command.arg(new.dir.join("pg_upgrade"));
    command.args(["-U", "rollcall"]).args(mode.flag());
    command.arg("-b").arg(&old.dir).arg("-B").arg(&new.dir);
    command.arg("-d").arg(home.cluster());
    command.arg("-D").arg(place.home.cluster());
    command.arg("-s").arg(&sockets);
    command.current_dir(&place.home.dir).process_group(0);
    let status = place
        .run(&mut command)
        .map_err(EmbeddedError::io("run pg_upgrade in", &place.home.dir))?;
    if !status.success() {
        return Err(EmbeddedError::Upgrading {
            path: home.cluster(),
            status: status.to_string(),
            log: home.upgrade_log(),
            tail: process::last_lines(&place.said(), 15),
        });
    }
    // pg_upgrade's last servers did not flush what they wrote.
    let mut initdb = process::command(new.dir.join("initdb"), run_as);
    initdb
        .arg("--sync-only")
        .arg("-D")
        .arg(place.home.cluster());
    cluster::step(
        "flushing the new cluster",
        &mut initdb,
        "",
        home,
        STEP_LIMIT,
    )
}

/// Returns the options of `initdb` that make a cluster of the same form as the old one.
fn cluster_options(
    home: &Home,
    old: &Binaries,
    new: &Binaries,
    run_as: &RunAs,
) -> Result<Vec<String>, EmbeddedError> {
    let mut command = process::command(old.dir.join("pg_controldata"), run_as);
    let cluster = home.cluster();
    let said = process::run(command.arg("-D").arg(&cluster), "", STEP_LIMIT)
        .map_err(EmbeddedError::io("read the control data of", &cluster))?
        .stdout;
    let number = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse::<u64>().ok()
    };
    let mut options = Vec::new();
    match number("Data page checksum version:") {
        // Since version 18, checksums are the default.
        Some(0) if new.major >= 18 => options.push("--no-data-checksums".to_owned()),
        Some(0) | None => {}
        Some(_) => options.push("--data-checksums".to_owned()),
    }
    if let Some(bytes) = number("Bytes per WAL segment:") {
        options.push(format!("--wal-segsize={}", bytes >> 20));
    }
    Ok(options)
}

/// Checks that there is enough free space for a copy of the cluster.
fn check_room(home: &Home) -> Result<(), EmbeddedError> {
    let path = home.cluster();
    let needed = size(&path).map_err(EmbeddedError::io("measure", &path))? + FRESH_CLUSTER;
    let found = nix::sys::statvfs::statvfs(&home.dir)
        .map_err(|error| EmbeddedError::io("measure the disk of", &home.dir)(error.into()))?;
    #[allow(clippy::unnecessary_cast, reason = "32 bits on some systems")]
    let free = found.blocks_available() as u64 * found.fragment_size() as u64;
    if free >= needed {
        return Ok(());
    }
    Err(EmbeddedError::NoRoom {
        path: home.dir.clone(),
        needed: needed >> 20,
        free: free >> 20,
    })
}

/// Checks with the `cp` of GNU that the file system can clone files. If another `cp` is installed, `pg_upgrade` finds
/// out.
fn check_cloning(home: &Home) -> Result<(), EmbeddedError> {
    let place = tempfile::tempdir_in(&home.dir).map_err(EmbeddedError::io("write", &home.dir))?;
    let [file, clone] = ["file", "clone"].map(|name| place.path().join(name));
    fs::write(&file, "cloned").map_err(EmbeddedError::io("write", &file))?;
    let copied = Command::new("cp")
        .env("LC_ALL", "C")
        .arg("--reflink=always")
        .args([&file, &clone])
        .output();
    let said = copied.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
    match said.unwrap_or_default().split_once("failed to clone") {
        None => Ok(()),
        Some((_, said)) => Err(EmbeddedError::CannotClone {
            path: home.dir.clone(),
            said: said
                .rsplit(": ")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        }),
    }
}

/// Returns how much of the disk a tree takes, in bytes.
fn size(dir: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += metadata.blocks() * 512;
        if metadata.is_dir() {
            bytes += size(&entry.path())?;
        }
    }
    Ok(bytes)
}

impl Workplace {
    /// Runs a guarded program to its end, however long that takes. Its output goes to the log of the workplace.
    fn run(
        &self,
        command: &mut std::process::Command,
    ) -> std::io::Result<std::process::ExitStatus> {
        let log: &File = &self.log;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .spawn()?;
        // Standard input stays open until the program has ended; `wait` alone would close it.
        let _lifeline = child.stdin.take();
        child.wait()
    }
}
