//! Running it for years: health, backups, metrics, configuration.

mod backups;
mod broken_backups;
mod config_file;
mod database;
mod deploying;
mod health;
mod log;
mod manual;
mod metrics;
mod other_schema;
pub mod replacing;
mod scheduled_backups;
mod service;
mod traces;
mod upgrading;

use crate::support::{Finished, TestDatabase, rollcall, run};
use std::path::{Path, PathBuf};

/// Runs a command of the program on a database.
#[track_caller]
pub fn on(database: &TestDatabase, arguments: &[&str]) -> Finished {
    run(rollcall(arguments).args(["--database-url", &database.url]))
}

/// Makes a backup of a database.
#[track_caller]
pub fn back_up(database: &TestDatabase, dir: &Path) -> PathBuf {
    let path = dir.join("audience.backup");
    let made = on(database, &["backup", "--output", text(&path)]);
    assert!(made.status.success(), "{made}");
    path
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}
