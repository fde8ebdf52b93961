//! Backups: one file with everything in a database, taken from one snapshot while servers run; restoring and checking it.
//!
//! `pg_dump` and `pg_restore` move the data, because they know every feature of Postgres. This module chooses the
//! snapshot, counts the rows in it, stores what is needed to check the file (`manifest.rs`, `archive.rs`), replaces a
//! database in one transaction (`restore.rs`), and closes the jobs that were running when the backup was made
//! (`finish.rs`).

mod archive;
mod error;
mod finish;
mod keep;
mod make;
mod manifest;
mod program;
mod restore;
mod schedule;
mod tables;
mod verify;

pub use archive::Archive;
pub use error::BackupError;
pub use finish::{Finished, finish_restore};
pub use keep::{Keep, newest_backup};
pub use make::{BackupSource, find_programs, make_backup};
pub use manifest::Manifest;
pub use restore::restore;
pub use schedule::{BackupPlan, Due, next_backup, run_due};
pub use verify::{Verified, verify};
