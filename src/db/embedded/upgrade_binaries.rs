//! Finds the two sets of server binaries that an upgrade needs: those of the cluster, and newer ones.
//!
//! It runs them only to check that they work and to read their version.

use super::account::RunAs;
use super::binaries::{Binaries, candidates, locate, probe, versioned};
use super::error::EmbeddedError;
use super::home::Home;
use super::{EmbeddedOptions, download};
use std::path::{Path, PathBuf};

/// The programs of the old version that an upgrade runs.
const OLD_PROGRAMS: [&str; 4] = ["postgres", "pg_controldata", "pg_ctl", "pg_resetwal"];
/// The programs of the new version that an upgrade runs.
const NEW_PROGRAMS: [&str; 10] = [
    "postgres",
    "initdb",
    "pg_controldata",
    "pg_ctl",
    "pg_dump",
    "pg_dumpall",
    "pg_resetwal",
    "pg_restore",
    "pg_upgrade",
    "vacuumdb",
];

/// The version that a cluster is to be moved to.
#[derive(Clone, Debug, Default)]
pub struct NewBinaries {
    /// The directory of its programs; `None` means the newest version that is found, or else fetched.
    pub dir: Option<PathBuf>,
    /// Its major version; `None` means any newer version.
    pub major: Option<u32>,
}

/// Finds the newest binaries that match `wanted` and can upgrade a cluster of the major version `cluster`. Fetches them
/// if there are none. Returns `None` if the cluster has the wanted version, or if no version is wanted and there is no
/// newer one.
pub(super) fn newer(
    options: &EmbeddedOptions,
    home: &Home,
    run_as: &RunAs,
    cluster: u32,
    wanted: &NewBinaries,
) -> Result<Option<Binaries>, EmbeddedError> {
    match wanted.major {
        Some(major) if major == cluster => return Ok(None),
        Some(major) if major < cluster => {
            return Err(EmbeddedError::Backwards {
                path: home.cluster(),
                cluster,
                wanted: major,
            });
        }
        _ => {}
    }
    let dirs = match &wanted.dir {
        Some(dir) => vec![dir.clone()],
        None => {
            let fetched = versioned(&format!("{}/", home.binaries().display()), "bin");
            candidates(&options.search)
                .1
                .into_iter()
                .chain(fetched)
                .collect()
        }
    };
    let mut rejected = Vec::new();
    let mut newest: Option<Binaries> = None;
    for dir in dirs {
        match fitting(&dir, run_as, cluster, wanted.major) {
            Ok(found)
                if newest
                    .as_ref()
                    .is_some_and(|known| known.major >= found.major) => {}
            Ok(found) => newest = Some(found),
            Err(reason) => rejected.push(format!("{}: {reason}", dir.display())),
        }
    }
    if newest.is_some() {
        return Ok(newest);
    }
    let refused = |rejected| EmbeddedError::NoNewer {
        path: home.cluster(),
        cluster,
        rejected,
        install: download::advice(Some(wanted.major.unwrap_or(cluster + 1))),
    };
    let major = match (&wanted.dir, wanted.major) {
        (Some(_), _) => return Err(refused(rejected)),
        (None, None) if download::MAJOR <= cluster => return Ok(None),
        (None, major) => major.unwrap_or(download::MAJOR),
    };
    download::fetch(&home.binaries(), options.releases_url.as_deref(), major)
        .and_then(|dir| fitting(&dir, run_as, cluster, wanted.major))
        .map(Some)
        .map_err(|reason| {
            rejected.push(format!("fetching {major} failed: {reason}"));
            refused(rejected)
        })
}

/// Finds the binaries of the cluster, as for a start, and checks that they have the programs that an upgrade needs.
pub(super) fn older(
    options: &EmbeddedOptions,
    home: &Home,
    run_as: &RunAs,
    cluster: u32,
) -> Result<Binaries, EmbeddedError> {
    let found = locate(options, home, run_as, Some(cluster))?;
    match missing(&found.dir, &OLD_PROGRAMS) {
        None => Ok(found),
        Some(name) => Err(EmbeddedError::Incomplete {
            dir: found.dir,
            name,
        }),
    }
}

fn fitting(
    dir: &Path,
    run_as: &RunAs,
    cluster: u32,
    wanted: Option<u32>,
) -> Result<Binaries, String> {
    let found = probe(dir, run_as)?;
    if found.major <= cluster {
        return Err(format!("its version is {}, not newer", found.version));
    }
    if let Some(wanted) = wanted.filter(|wanted| *wanted != found.major) {
        return Err(format!("its version is {}, not {wanted}", found.version));
    }
    match missing(dir, &NEW_PROGRAMS) {
        None => Ok(found),
        Some(name) => Err(format!("it has no {name}, which an upgrade needs")),
    }
}

fn missing(dir: &Path, programs: &[&'static str]) -> Option<&'static str> {
    programs
        .iter()
        .copied()
        .find(|name| !dir.join(name).is_file())
}
