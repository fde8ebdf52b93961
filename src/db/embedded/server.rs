//! Launches the server under its watchdog, finds a running one, and ends it.
//!
//! The decision when to do so is made in `start` and `stop` of the parent module.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::account::RunAs;
use super::binaries::Binaries;
use super::error::EmbeddedError;
use super::home::Home;
use super::locks::Lifeline;
use super::postmaster::{self, PidFile, is_server};
use super::{cluster, log, process};

const POLL: Duration = Duration::from_millis(20);

/// How long a server may take to become ready, crash recovery included.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How long a fast shutdown may take; it writes out everything that is in memory.
const FAST_LIMIT: Duration = Duration::from_secs(60);
/// How long the children of a server that was killed may take to notice.
const ORPHANS_LIMIT: Duration = Duration::from_secs(10);
/// How long an immediate shutdown may take; PostgreSQL itself kills its children after 5 seconds.
const IMMEDIATE_LIMIT: Duration = Duration::from_secs(15);

/// The shell script of the watchdog. It runs the server `$1` on the cluster `$2` and waits for it. When the lifeline,
/// its standard input, ends because no user is left, it sends signal `$3` to the server. In the end it removes `$4`, a
/// throw-away directory, and `$5`, the socket directory.
///
/// The signal is repeated, since a server that has only just been launched ignores it. The throw-away is moved first,
/// so that a new starter sees it whole or not at all. If the server's user cannot move it because its parent belongs to
/// root, only the cluster in it is removed.
const WATCHDOG: &str = r#"
trap : HUP INT QUIT TERM
trap 'abandoned=yes' USR1
abandoned=
exec 3<&0
"$1" -D "$2" </dev/null 3<&- &
server=$!
(
    trap '' HUP INT QUIT TERM
    while read -r _; do :; done
    kill -USR1 $$
    while kill -"$3" "$server"; do sleep 1; done
) <&3 3<&- >/dev/null 2>&1 &
reader=$!
while :; do
    wait "$server"
    code=$?
    kill -0 "$server" 2>/dev/null || break
done
{ kill -KILL "$reader"; wait "$reader"; } 2>/dev/null
if [ "$abandoned" ]; then
    if [ "$4" ]; then
        if mv -- "$4" "$4.gone" 2>/dev/null; then rm -rf -- "$4.gone"; else rm -rf -- "$4/cluster"; fi
    fi
    rmdir -- "$5" 2>/dev/null
fi
exit "$code"
"#;

/// Returns the socket directory of the server that other users share, or `None` if the server is dead. Waits while the
/// server is recovering or ending.
pub(super) fn find_shared(home: &Home) -> Result<Option<PathBuf>, EmbeddedError> {
    let deadline = Instant::now() + READY_LIMIT;
    loop {
        let Some(file) = PidFile::read(home)? else {
            return Ok(None);
        };
        let answers = file.answers();
        if file.ready && answers {
            return Ok(file.socket_dir);
        }
        if !answers && is_server(file.pid, home) == Some(false) {
            return Ok(None);
        }
        if Instant::now() >= deadline {
            return Err(not_ready(home, 0));
        }
        thread::sleep(POLL);
    }
}

/// Waits a while until nothing answers on the socket of a dead server, and returns whether that happened. If the server
/// was killed, its children hold the socket until they notice.
fn falls_silent(file: &PidFile) -> bool {
    let deadline = Instant::now() + ORPHANS_LIMIT;
    while file.answers() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}

/// Ends the server if it runs: by a fast shutdown, then by an immediate one.
pub(super) fn end(home: &Home) -> Result<(), EmbeddedError> {
    let Some(file) = PidFile::read(home)? else {
        return Ok(());
    };
    match is_server(file.pid, home) {
        Some(true) => {}
        Some(false) if falls_silent(&file) => return Ok(()),
        Some(false) => {
            let path = file.socket_dir.unwrap_or_default();
            return Err(EmbeddedError::ForeignServer { path });
        }
        None => {
            return Err(EmbeddedError::Unrecognised {
                path: home.cluster(),
                pid: file.pid,
            });
        }
    }
    // A throw-away cluster need not write out its memory, so it gets no fast shutdown.
    let fast = if home.throwaway {
        None
    } else {
        Some((Signal::SIGINT, FAST_LIMIT))
    };
    let mut seconds = 0;
    for (signal, limit) in fast.into_iter().chain([(Signal::SIGQUIT, IMMEDIATE_LIMIT)]) {
        let _ = kill(Pid::from_raw(file.pid), signal);
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if is_server(file.pid, home) == Some(false) {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        seconds += limit.as_secs();
    }
    Err(EmbeddedError::Stopping {
        path: home.cluster(),
        pid: file.pid,
        seconds,
        log: home.log(),
    })
}

/// A server that this process launched and that is ready.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) watchdog: Child,
    pub(super) held: File,
    pub(super) socket_dir: PathBuf,
}

/// Launches the server and waits until it is ready.
pub(super) fn launch(
    home: &Home,
    binaries: &Binaries,
    run_as: &RunAs,
) -> Result<Launched, EmbeddedError> {
    let deadline = Instant::now() + READY_LIMIT;
    loop {
        postmaster::remove_misleading(home)?;
        let socket_dir = home.prepare_socket_dir(run_as)?;
        cluster::write_settings(home, &socket_dir, run_as)?;
        let log = log::open(&home.log())?;
        let log_start = log.metadata().map_or(0, |metadata| metadata.len());
        let Lifeline { watched, held } = Lifeline::open(home)?;
        let mut watchdog = watchdog(home, binaries, run_as, &socket_dir, watched, log)
            .map_err(EmbeddedError::io("launch the watchdog of", &home.cluster()))?;
        let status = loop {
            if PidFile::read(home)?.is_some_and(|file| file.ready && file.answers()) {
                return Ok(Launched {
                    watchdog,
                    held,
                    socket_dir,
                });
            }
            if let Ok(Some(status)) = watchdog.try_wait() {
                break status;
            }
            if Instant::now() >= deadline {
                let error = not_ready(home, log_start);
                let _ = end(home);
                return Err(error);
            }
            thread::sleep(POLL);
        };
        let said = read_from(&home.log(), log_start);
        // Children of a server that was killed hold its memory until they notice.
        if !said.contains("pre-existing shared memory block") || Instant::now() >= deadline {
            let problem = format!("ended before it was ready ({status})");
            return Err(starting(home, problem, log_start));
        }
        thread::sleep(POLL * 10);
    }
}

fn watchdog(
    home: &Home,
    binaries: &Binaries,
    run_as: &RunAs,
    socket_dir: &Path,
    watched: File,
    log: File,
) -> std::io::Result<Child> {
    let mut command = process::command("/bin/sh", run_as);
    command.arg("-c").arg(WATCHDOG).arg("rollcall-watchdog");
    command
        .arg(binaries.dir.join("postgres"))
        .arg(home.cluster());
    command.arg(if home.throwaway { "QUIT" } else { "INT" });
    command.arg(if home.throwaway {
        home.dir.as_os_str()
    } else {
        "".as_ref()
    });
    command.arg(socket_dir);
    command.stdin(watched).stdout(log.try_clone()?).stderr(log);
    // Ctrl-C in a terminal goes to the whole process group, and must reach only rollcall.
    command.process_group(0);
    command.spawn()
}

fn not_ready(home: &Home, log_start: u64) -> EmbeddedError {
    starting(
        home,
        format!("was not ready within {} seconds", READY_LIMIT.as_secs()),
        log_start,
    )
}

fn starting(home: &Home, problem: String, log_start: u64) -> EmbeddedError {
    let tail = process::last_lines(&read_from(&home.log(), log_start), 15);
    EmbeddedError::Starting {
        path: home.cluster(),
        problem,
        log: home.log(),
        tail,
    }
}

/// Returns the text of a log from `start` on, or only its last part if it is long.
fn read_from(log: &Path, start: u64) -> String {
    const MOST: u64 = 16 << 10;
    let read = || {
        let mut file = File::open(log)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(start.max(end.saturating_sub(MOST))))?;
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}
