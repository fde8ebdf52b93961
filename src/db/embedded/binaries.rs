//! Finds PostgreSQL's server binaries on this system.
//!
//! Fetching missing binaries is in `download`, and running a server in `server`.

use std::cmp::Reverse;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::account::RunAs;
use super::error::{EmbeddedError, MissingBinaries};
use super::home::Home;
use super::{EmbeddedOptions, download, process};

/// The oldest version whose tools and settings are used here.
const OLDEST_MAJOR: u32 = 14;

const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// The places of packages that install versions side by side: the path before the version, and the path after it.
const VERSIONED: [(&str, &str); 9] = [
    ("/usr/lib/postgresql/", "bin"),
    ("/usr/pgsql-", "bin"),
    ("/usr/lib/postgresql", "bin"),
    ("/usr/libexec/postgresql", ""),
    ("/opt/homebrew/opt/postgresql@", "bin"),
    ("/usr/local/opt/postgresql@", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt/postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions/", "bin"),
    ("/opt/local/lib/postgresql", "bin"),
];

/// Where to search for server binaries before any are fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BinarySearch {
    /// `PATH`, `pg_config` and the places where packages put them.
    #[default]
    System,
    /// These directories and no others; an empty list acts as if nothing were installed.
    Only(Vec<PathBuf>),
}

/// A directory with a server and an initdb that work.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) version: String,
    pub(super) major: u32,
}

/// Finds binaries, of the major version `wanted` if there is a cluster already. Fetches them if the system has none.
pub(super) fn locate(
    options: &EmbeddedOptions,
    home: &Home,
    run_as: &RunAs,
    wanted: Option<u32>,
) -> Result<Binaries, EmbeddedError> {
    let fits = |binaries: &Binaries| wanted.is_none_or(|wanted| wanted == binaries.major);
    let (mut searched, dirs) = candidates(&options.search);
    let fetched = versioned(&format!("{}/", home.binaries().display()), "bin");
    searched.push(home.binaries().display().to_string());
    let mut rejected = Vec::new();
    let mut others = Vec::new();
    for dir in dirs.into_iter().chain(fetched) {
        match probe(&dir, run_as) {
            Ok(binaries) if fits(&binaries) => return Ok(binaries),
            Ok(binaries) => others.push(binaries),
            Err(reason) => rejected.push(format!("{}: {reason}", dir.display())),
        }
    }
    let major = wanted.unwrap_or(download::MAJOR);
    let download = match download::fetch(&home.binaries(), options.releases_url.as_deref(), major)
        .and_then(|dir| probe(&dir, run_as))
    {
        Ok(binaries) => return Ok(binaries),
        Err(reason) => reason,
    };
    let install = download::advice(wanted);
    let missing = Box::new(MissingBinaries {
        searched,
        rejected,
        download,
        install,
    });
    match wanted {
        Some(cluster) if !others.is_empty() => {
            let show = |one: &Binaries| format!("{} ({})", one.version, one.dir.display());
            let found: Vec<String> = others.iter().map(show).collect();
            let is_newer = others.iter().any(|one| one.major > cluster);
            Err(EmbeddedError::WrongMajor {
                path: home.cluster(),
                cluster,
                found: found.join(", "),
                missing,
                upgrade: is_newer.then(|| home.dir.clone()),
            })
        }
        _ => Err(EmbeddedError::NoBinaries(missing)),
    }
}

/// Links the directory of the binaries in use into the data directory, so that later starts and commands find them.
pub(super) fn keep_known(home: &Home, binaries: &Binaries) -> Result<(), EmbeddedError> {
    let all = home.binaries();
    if home.throwaway || binaries.dir.starts_with(&all) {
        return Ok(());
    }
    let place = all.join(binaries.major.to_string());
    let link = place.join("bin");
    if fs::read_link(&link).is_ok_and(|known| known == binaries.dir) {
        return Ok(());
    }
    let fresh = place.join("bin.new");
    let make = || {
        fs::create_dir_all(&place)?;
        let _ = fs::remove_file(&fresh);
        std::os::unix::fs::symlink(&binaries.dir, &fresh)?;
        fs::rename(&fresh, &link)
    };
    make().map_err(EmbeddedError::io(
        "link the programs of PostgreSQL in",
        &place,
    ))?;
    // PostgreSQL may run as another user, who must be able to enter these directories.
    for dir in [&all, &place] {
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(dir, open).map_err(EmbeddedError::io("open the directory", dir))?;
    }
    Ok(())
}

/// Returns the names of the places searched, and the directories there that have both programs.
pub(super) fn candidates(search: &BinarySearch) -> (Vec<String>, Vec<PathBuf>) {
    let (places, dirs) = match search {
        BinarySearch::Only(dirs) => (
            dirs.iter().map(|dir| dir.display().to_string()).collect(),
            dirs.clone(),
        ),
        BinarySearch::System => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let mut places = vec!["PATH".to_owned(), "pg_config --bindir".to_owned()];
            let mut dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
            dirs.extend(pg_config());
            for (before, after) in VERSIONED {
                places.push(format!("{before}*/{after}"));
                dirs.extend(versioned(before, after));
            }
            (places, dirs)
        }
    };
    let mut found = Vec::new();
    for dir in dirs
        .iter()
        .filter(|dir| dir.is_absolute())
        .filter_map(|dir| real_dir(dir))
    {
        if !found.contains(&dir) {
            found.push(dir);
        }
    }
    (places, found)
}

/// Returns the directory of the two programs after following links, because the server finds its other files from
/// there. Returns `None` if a program is missing.
fn real_dir(dir: &Path) -> Option<PathBuf> {
    let complete = |dir: &Path| {
        ["postgres", "initdb"]
            .iter()
            .all(|name| dir.join(name).is_file())
    };
    if !complete(dir) {
        return None;
    }
    let real = fs::canonicalize(dir.join("postgres")).ok()?;
    let real = real.parent()?;
    Some(if complete(real) { real } else { dir }.to_owned())
}

fn pg_config() -> Option<PathBuf> {
    let mut command = Command::new("pg_config");
    let finished = process::run(command.arg("--bindir"), "", PROBE_LIMIT).ok()?;
    finished
        .success
        .then(|| PathBuf::from(finished.stdout.trim_end_matches('\n')))
}

/// Returns the directories `<before>*/<after>`, the newest version first.
pub(super) fn versioned(before: &str, after: &str) -> Vec<PathBuf> {
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let Ok(entries) = fs::read_dir(format!("{parent}/")) else {
        return Vec::new();
    };
    let mut found: Vec<(Vec<u32>, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?;
            let numbers: Option<Vec<u32>> = version.split('.').map(|n| n.parse().ok()).collect();
            Some((numbers?, entry.path().join(after)))
        })
        .collect();
    found.sort_by_key(|(version, _)| Reverse(version.clone()));
    found.into_iter().map(|(_, dir)| dir).collect()
}

/// Checks that both programs run, as the user they will run as, and find their other files.
pub(super) fn probe(dir: &Path, run_as: &RunAs) -> Result<Binaries, String> {
    let run = |name: &str, arguments: &[&str]| {
        let mut command = process::command(dir.join(name), run_as);
        match process::run(command.args(arguments), "", PROBE_LIMIT) {
            Ok(finished) if finished.success => Ok(finished),
            Ok(finished) => {
                let output = process::last_lines(&finished.stderr, 2);
                Err(format!(
                    "{name} fails ({}): {}",
                    finished.status,
                    output.trim()
                ))
            }
            Err(error) => Err(format!("{name} does not run: {error}")),
        }
    };
    let printed = run("postgres", &["--version"])?.stdout;
    let (version, major) =
        version_in(&printed).ok_or_else(|| format!("postgres names no version: {printed:?}"))?;
    if major < OLDEST_MAJOR {
        return Err(format!(
            "its version is {version}, older than {OLDEST_MAJOR}"
        ));
    }
    // `--version` works even for a program that was copied out of its installation.
    let shown = run("initdb", &["--show", "--pgdata=/nonexistent"])?.stderr;
    let share = shown
        .lines()
        .find_map(|line| line.strip_prefix("share_path="));
    if let Some(share) = share.filter(|share| !Path::new(share).join("postgres.bki").is_file()) {
        return Err(format!("initdb's files are missing in {share}"));
    }
    Ok(Binaries {
        dir: dir.to_owned(),
        version,
        major,
    })
}

/// Reads the version and the major version from a text such as `postgres (PostgreSQL) 15.4 (Debian 15.4-1)`. The
/// version may also be `16beta2` or `17devel`.
pub(super) fn version_in(printed: &str) -> Option<(String, u32)> {
    let version = printed
        .split_once("(PostgreSQL) ")?
        .1
        .split_whitespace()
        .next()?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((version.to_owned(), digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn versions_are_read_from_what_postgres_prints() {
        let check = |printed, expected: Option<(&str, u32)>| {
            let expected = expected.map(|(version, major)| (version.to_owned(), major));
            assert_eq!(version_in(printed), expected, "{printed}");
        };
        check(
            "postgres (PostgreSQL) 15.4 (Debian 15.4-1)\n",
            Some(("15.4", 15)),
        );
        check("postgres (PostgreSQL) 18beta2\n", Some(("18beta2", 18)));
        check("postgres (PostgreSQL) 9.6.24\n", Some(("9.6.24", 9)));
        check("postgres (EnterpriseDB) 15.4\n", None);
    }
}
