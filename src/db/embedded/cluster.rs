//! Makes a cluster and writes its configuration.
//!
//! Running the server is in `server`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use super::account::RunAs;
use super::binaries::Binaries;
use super::error::EmbeddedError;
use super::home::{Home, PORT};
use super::process;

/// The file with Rollcall's settings, included by `postgresql.conf`.
const SETTINGS_FILE: &str = "rollcall.conf";

const STEP_LIMIT: Duration = Duration::from_secs(180);

/// Settings of every cluster, beside those that `settings` computes.
///
/// The log must hold no personal data. Messages, details and statements of errors can quote values, so errors of
/// statements are not logged at all: Rollcall, which runs every statement, receives them.
const COMMON: &str = "\
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
max_wal_size = 4GB
wal_compression = on
jit = off
random_page_cost = 1.1
log_destination = 'stderr'
logging_collector = off
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_statement = 'none'
log_duration = off
log_min_duration_statement = -1
log_min_duration_sample = -1
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
lc_messages = 'C'
timezone = 'UTC'
log_timezone = 'UTC'
";

const LASTING: &str = "\
shared_buffers = 256MB
";

/// A throw-away cluster need not survive a crash of the machine.
const THROWAWAY: &str = "\
shared_buffers = 128MB
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_size = 1GB
max_connections = 300
";

/// Returns the major version that made the cluster; `None` means that there is no cluster yet.
pub(super) fn major(home: &Home) -> Result<Option<u32>, EmbeddedError> {
    let path = home.cluster().join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse() {
            Ok(major) => Ok(Some(major)),
            Err(error) => {
                let cause = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
                Err(EmbeddedError::io("understand the version in", &path)(cause))
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EmbeddedError::io("read", &path)(error)),
    }
}

/// Makes the cluster with its role and its database. The cluster gets its name only when it is complete.
pub(super) fn make(home: &Home, binaries: &Binaries, run_as: &RunAs) -> Result<(), EmbeddedError> {
    let unfinished = home.unfinished();
    tracing::info!(
        data_dir = %home.dir.display(),
        version = binaries.version,
        "making a PostgreSQL cluster"
    );
    let made = make_in(&unfinished, home, binaries, run_as).and_then(|()| {
        let cluster = home.cluster();
        fs::rename(&unfinished, &cluster)
            .map_err(EmbeddedError::io("move the finished cluster to", &cluster))?;
        sync(&home.dir)
    });
    if made.is_err() {
        let _ = fs::remove_dir_all(&unfinished);
    }
    made
}

fn make_in(
    dir: &Path,
    home: &Home,
    binaries: &Binaries,
    run_as: &RunAs,
) -> Result<(), EmbeddedError> {
    DirBuilder::new()
        .mode(0o700)
        .create(dir)
        .map_err(EmbeddedError::io("create the directory", dir))?;
    run_as.own(dir)?;
    run_initdb(dir, home, binaries, run_as, &[])?;

    let mut single = process::command(binaries.dir.join("postgres"), run_as);
    single.args(["--single", "-c", "exit_on_error=on"]);
    if home.throwaway {
        single.args(["-c", "fsync=off"]);
    }
    single.arg("-D").arg(dir).arg("template1");
    step(
        "creating the database",
        &mut single,
        "CREATE DATABASE rollcall\n",
        home,
        STEP_LIMIT,
    )?;

    include_settings(&dir.join("postgresql.conf"))
}

/// Makes an empty cluster for `pg_upgrade` to fill, under its final name, with further options of `initdb`.
pub(super) fn init(
    home: &Home,
    binaries: &Binaries,
    run_as: &RunAs,
    options: &[String],
) -> Result<(), EmbeddedError> {
    let dir = home.cluster();
    run_initdb(&dir, home, binaries, run_as, options)?;
    include_settings(&dir.join("postgresql.conf"))
}

fn run_initdb(
    dir: &Path,
    home: &Home,
    binaries: &Binaries,
    run_as: &RunAs,
    options: &[String],
) -> Result<(), EmbeddedError> {
    let mut initdb = process::command(binaries.dir.join("initdb"), run_as);
    // The locale is C on every platform, so that order and case never depend on the system.
    initdb.args([
        "-U",
        "rollcall",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-instructions",
    ]);
    if home.throwaway {
        initdb.arg("--no-sync");
    }
    initdb.args(options).arg("-D").arg(dir);
    step("initdb", &mut initdb, "", home, STEP_LIMIT)
}

/// Runs a program that makes a part of a cluster.
pub(super) fn step(
    step: &'static str,
    command: &mut std::process::Command,
    input: &str,
    home: &Home,
    limit: Duration,
) -> Result<(), EmbeddedError> {
    let path = home.dir.clone();
    let (status, output) = match process::run(command, input, limit) {
        Ok(finished) if finished.success => return Ok(()),
        Ok(finished) => (finished.status, finished.stdout + &finished.stderr),
        Err(error) => (error.to_string(), String::new()),
    };
    let output = process::last_lines(&output, 12);
    Err(EmbeddedError::Making {
        path,
        step,
        status,
        output,
    })
}

fn include_settings(conf: &Path) -> Result<(), EmbeddedError> {
    let append = || {
        let mut file = OpenOptions::new()
            .append(true)
            .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits())
            .open(conf)?;
        writeln!(
            file,
            "\n# Written anew by rollcall at each start.\ninclude '{SETTINGS_FILE}'"
        )?;
        file.sync_all()
    };
    append().map_err(EmbeddedError::io("write", conf))
}

/// Writes Rollcall's settings for the next start of the server.
pub(super) fn write_settings(
    home: &Home,
    socket_dir: &Path,
    run_as: &RunAs,
) -> Result<(), EmbeddedError> {
    let path = home.cluster().join(SETTINGS_FILE);
    let fresh = home.cluster().join("rollcall.conf.new");
    let write = || {
        let _ = fs::remove_file(&fresh);
        // `create_new` does not follow a link, which the server's user may have put there to misdirect root.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)?;
        run_as.own_file(&file)?;
        file.write_all(&settings(home.throwaway, socket_dir))?;
        file.sync_all()?;
        fs::rename(&fresh, &path)
    };
    write().map_err(EmbeddedError::io("write", &path))
}

fn settings(throwaway: bool, socket_dir: &Path) -> Vec<u8> {
    let mut text =
        b"# Written anew by rollcall at each start; changes made here are lost.\n".to_vec();
    text.extend_from_slice(COMMON.as_bytes());
    text.extend_from_slice(if throwaway { THROWAWAY } else { LASTING }.as_bytes());
    text.extend_from_slice(format!("port = {PORT}\nunix_socket_directories = '\"").as_bytes());
    // The value is quoted, and so is each directory of the list in it.
    for byte in socket_dir.as_os_str().as_bytes() {
        match byte {
            b'\'' => text.extend_from_slice(b"''"),
            b'\\' => text.extend_from_slice(b"\\\\"),
            b'"' => text.extend_from_slice(b"\"\""),
            _ => text.push(*byte),
        }
    }
    text.extend_from_slice(b"\"'\n");
    text
}

pub(super) fn sync(dir: &Path) -> Result<(), EmbeddedError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(EmbeddedError::io("flush", dir))
}
