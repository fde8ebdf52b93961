//! Finds PostgreSQL's client programs: `pg_dump`, `pg_restore` and `psql`.
//!
//! They are searched for beside the server binaries first, because the version of those is known, and then on the
//! `PATH`, where a machine without a server has them.

use super::account::RunAs;
use super::binaries::{BinarySearch, candidates, version_in, versioned};
use super::process;
use crate::db::connection_variables;
use crate::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// The programs that a directory must have.
const PROGRAMS: [&str; 3] = ["pg_dump", "pg_restore", "psql"];

/// A directory with all client programs.
#[derive(Clone, Debug)]
pub struct ClientPrograms {
    dir: PathBuf,
    /// Their version, such as `15.4`.
    pub version: String,
    /// The major version.
    pub major: u32,
}

/// Why there are no client programs.
#[derive(Debug, thiserror::Error)]
pub enum ClientProgramsError {
    /// No client programs were found.
    #[error(
        "found no {}; looked in {}; install the client programs of PostgreSQL {least} or newer, on Debian the package postgresql-client-{least}",
        PROGRAMS.join(", "),
        searched.join(", ")
    )]
    Missing {
        /// The places that were searched.
        searched: Vec<String>,
        /// The major version of the server.
        least: u32,
    },
    /// All are older than the server, and could not read everything in it.
    #[error(
        "expected client programs of PostgreSQL {least} or newer, which the server is, found {}; install them, on Debian the package postgresql-client-{least}",
        found.join(", ")
    )]
    TooOld {
        /// The versions that were found.
        found: Vec<String>,
        /// The major version of the server.
        least: u32,
    },
}

impl ClientPrograms {
    /// Finds programs of the major version `least`, or else of the next newer version. Fetched programs are in
    /// `data_dir`.
    ///
    /// # Errors
    /// [`ClientProgramsError`].
    pub fn find(
        search: &BinarySearch,
        data_dir: &Path,
        least: u32,
    ) -> Result<ClientPrograms, ClientProgramsError> {
        let (mut searched, mut dirs) = candidates(search);
        let fetched = data_dir.join("binaries");
        searched.push(fetched.display().to_string());
        dirs.extend(versioned(&format!("{}/", fetched.display()), "bin"));
        if *search == BinarySearch::System {
            dirs.extend(std::env::split_paths(
                &std::env::var_os("PATH").unwrap_or_default(),
            ));
        }
        let found: Vec<ClientPrograms> = dirs.iter().filter_map(|dir| probe(dir)).collect();
        let fitting = found.iter().filter(|programs| programs.major >= least);
        if let Some(nearest) = fitting.min_by_key(|programs| programs.major) {
            return Ok(nearest.clone());
        }
        match found.is_empty() {
            true => Err(ClientProgramsError::Missing { searched, least }),
            false => {
                let show = |programs: &ClientPrograms| {
                    format!("{} ({})", programs.version, programs.dir.display())
                };
                let found = found.iter().map(show).collect();
                Err(ClientProgramsError::TooOld { found, least })
            }
        }
    }

    /// Prepares one of the programs for a database. The address is in its environment and not on the command line.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the address cannot be read.
    pub fn command(&self, name: &str, url: &str) -> Result<Command, Error> {
        let mut command = Command::new(self.dir.join(name));
        command
            // Messages are shown in English, as all others are.
            .env("LC_ALL", "C")
            .env("PGCONNECT_TIMEOUT", "30")
            .env_remove("DATABASE_URL")
            .env_remove("PGDATABASE")
            .envs(connection_variables(url)?)
            .stdin(Stdio::null());
        Ok(command)
    }
}

/// Returns the programs of a directory if all are there and `pg_dump` prints its version.
fn probe(dir: &Path) -> Option<ClientPrograms> {
    let has_all = PROGRAMS.iter().all(|name| dir.join(name).is_file());
    if !dir.is_absolute() || !has_all {
        return None;
    }
    let mut command = process::command(dir.join("pg_dump"), &RunAs::Ourselves);
    let finished = process::run(command.arg("--version"), "", PROBE_LIMIT).ok()?;
    let (version, major) = version_in(&finished.stdout)?;
    Some(ClientPrograms {
        dir: dir.to_owned(),
        version,
        major,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// Makes a directory with programs that print this version.
    fn programs(version: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in PROGRAMS.into_iter().chain(["postgres", "initdb"]) {
            let path = dir.path().join(name);
            std::fs::write(
                &path,
                format!("#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n"),
            )
            .unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        dir
    }

    #[test]
    fn programs_are_of_the_version_of_the_server_or_newer() {
        let nowhere = Path::new("/nonexistent");
        let made = ["14.9", "16.1", "17.5"].map(programs);
        let dirs = |places: &[usize]| {
            let dirs = places
                .iter()
                .map(|place| made[*place].path().canonicalize().unwrap());
            BinarySearch::Only(dirs.collect())
        };
        let all = dirs(&[2, 0, 1]);
        for (least, expected) in [(13, "14.9"), (14, "14.9"), (15, "16.1"), (17, "17.5")] {
            let found = ClientPrograms::find(&all, nowhere, least).unwrap();
            assert_eq!(found.version, expected, "{least}");
        }
        let error = ClientPrograms::find(&dirs(&[0]), nowhere, 15).unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with("expected client programs of PostgreSQL 15 or newer, which the server is, found 14.9 ("),
            "{error}"
        );
        let error = ClientPrograms::find(&dirs(&[]), nowhere, 15).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("found no pg_dump, pg_restore, psql"),
            "{error}"
        );
    }
}
