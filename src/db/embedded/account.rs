//! The operating-system user that PostgreSQL runs as.
//!
//! This module chooses the user and makes it the owner of directories. It knows nothing about clusters or servers.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{Uid, User, geteuid};

use super::error::EmbeddedError;

/// Users that are tried when running as root, in order. macOS ships `_postgres`.
const CANDIDATES: [&str; 3] = ["postgres", "_postgres", "nobody"];

/// The user that PostgreSQL and its tools run as.
#[derive(Clone, Debug)]
pub(super) enum RunAs {
    /// The user this process runs as.
    Ourselves,
    /// Another user, because PostgreSQL refuses to run as root.
    Other { name: String, uid: u32, gid: u32 },
}

impl RunAs {
    /// Chooses the user for the cluster in `cluster`, which may not exist yet.
    pub(super) fn choose(cluster: &Path) -> Result<Self, EmbeddedError> {
        let owner = cluster.metadata().ok().map(|metadata| metadata.uid());
        let ours = geteuid();
        if !ours.is_root() {
            return match owner {
                Some(owner) if owner != ours.as_raw() => Err(EmbeddedError::ForeignOwner {
                    path: cluster.to_owned(),
                    owner: name_of(owner),
                }),
                _ => Ok(Self::Ourselves),
            };
        }
        // A cluster keeps its owner, even if a better candidate has been created since.
        let owner = owner.filter(|owner| *owner != 0);
        let owner = owner.and_then(|owner| User::from_uid(Uid::from_raw(owner)).ok().flatten());
        let found = CANDIDATES
            .iter()
            .filter_map(|name| User::from_name(name).ok().flatten());
        owner
            .into_iter()
            .chain(found)
            .find(|user| !user.uid.is_root())
            .map(|user| Self::Other {
                name: user.name,
                uid: user.uid.as_raw(),
                gid: user.gid.as_raw(),
            })
            .ok_or(EmbeddedError::NoAccount)
    }

    /// Makes a program run as this user. Supplementary groups are dropped as well.
    pub(super) fn apply(&self, command: &mut Command) {
        if let Self::Other { uid, gid, .. } = self {
            command.gid(*gid).uid(*uid);
        }
    }

    /// Returns the id of this user.
    pub(super) fn uid(&self) -> u32 {
        match self {
            Self::Ourselves => geteuid().as_raw(),
            Self::Other { uid, .. } => *uid,
        }
    }

    /// Makes this user the owner of a directory.
    pub(super) fn own(&self, dir: &Path) -> Result<(), EmbeddedError> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other { uid, gid, .. } => lchown(dir, Some(*uid), Some(*gid))
                .map_err(EmbeddedError::io("change the owner of", dir)),
        }
    }

    /// Makes this user the owner of an open file.
    pub(super) fn own_file(&self, file: &File) -> std::io::Result<()> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other { uid, gid, .. } => fchown(file, Some(*uid), Some(*gid)),
        }
    }

    /// Lets this user pass through a directory of the user of this process.
    pub(super) fn let_through(&self, dir: &Path) -> Result<(), EmbeddedError> {
        let Self::Other { uid, .. } = self else {
            return Ok(());
        };
        let change = || {
            let metadata = dir.metadata()?;
            let mode = metadata.permissions().mode();
            if metadata.uid() == *uid || mode & 0o001 != 0 {
                return Ok(());
            }
            std::fs::set_permissions(dir, PermissionsExt::from_mode(mode | 0o001))
        };
        change().map_err(EmbeddedError::io("change the permissions of", dir))
    }
}

/// Returns the name of a user, or the id if there is no name.
pub(super) fn name_of(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}
