//! `rollcall migrate`.

use super::database;
use crate::config::DatabaseSettings;
use crate::db::revert_all_migrations;
use anyhow::bail;
use std::process::ExitCode;

/// Arguments of `rollcall migrate`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Revert every migration instead: all data is lost.
    #[arg(long)]
    revert_all: bool,

    /// Confirm that all data is to be deleted.
    #[arg(long, requires = "revert_all")]
    lose_all_data: bool,
}

/// Migrates the database, or reverts every migration.
pub fn run(database: &DatabaseSettings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.revert_all && !arguments.lose_all_data {
        bail!("--revert-all deletes all data; add --lose-all-data if that is meant");
    }
    let opened = database::open(database)?;
    if arguments.revert_all {
        let reverted = opened.db.run_here(revert_all_migrations)?;
        println!("reverted {reverted} migrations");
    } else {
        println!("the database is up to date");
    }
    opened.close()?;
    Ok(ExitCode::SUCCESS)
}
