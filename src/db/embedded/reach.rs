//! Checks which directories the user of the server can enter.

use super::account::RunAs;
use super::error::EmbeddedError;
use super::process;
use std::path::{Path, PathBuf};
use std::time::Duration;

const CHECK_LIMIT: Duration = Duration::from_secs(10);

impl RunAs {
    /// Checks that this user can enter `target` and every directory above it.
    pub(super) fn check_reach(&self, target: &Path) -> Result<(), EmbeddedError> {
        let Self::Other { name, .. } = self else {
            return Ok(());
        };
        let mut dirs: Vec<&Path> = target.ancestors().collect();
        dirs.reverse();
        // A shell of that user checks it, because modes alone do not show what access lists allow.
        let script = "for dir; do [ -x \"$dir\" ] || { printf %s \"$dir\"; exit 1; }; done";
        let mut command = process::command("/bin/sh", self);
        command.arg("-c").arg(script).arg("sh").args(&dirs);
        let finished = process::run(&mut command, "", CHECK_LIMIT)
            .map_err(EmbeddedError::io("check access to", target))?;
        if finished.success {
            return Ok(());
        }
        Err(EmbeddedError::Unreachable {
            dir: PathBuf::from(finished.stdout),
            target: target.to_owned(),
            user: name.clone(),
        })
    }
}
