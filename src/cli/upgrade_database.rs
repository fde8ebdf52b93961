//! `rollcall upgrade-database`.

use super::database;
use super::terminal::say;
use crate::config::DatabaseSettings;
use crate::db::embedded::{EmbeddedOptions, NewBinaries, TransferMode, Upgrade, upgrade};
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `rollcall upgrade-database`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The directory with the programs of the newer PostgreSQL; by default the newest that is installed, or else fetched.
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,

    /// The major version to move to, such as 18; by default the newest that is found.
    #[arg(long, value_name = "MAJOR")]
    to: Option<u32>,

    /// How to transfer the files of the tables to the new cluster.
    #[arg(long, value_enum, default_value_t = Mode::Copy)]
    mode: Mode,
}

/// How files are transferred to the new cluster.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Mode {
    /// Copy the files. The old cluster stays intact.
    Copy,
    /// Share the blocks of the files, if the file system can (Btrfs, XFS, APFS). The old cluster stays intact.
    Clone,
    /// Use the old files (hard links): fast, and without extra disk space. There is no way back after the new cluster
    /// was started.
    Link,
}

impl From<Mode> for TransferMode {
    fn from(mode: Mode) -> TransferMode {
        match mode {
            Mode::Copy => TransferMode::Copy,
            Mode::Clone => TransferMode::Clone,
            Mode::Link => TransferMode::Link,
        }
    }
}

/// Moves the embedded cluster to a newer major version.
pub fn run(settings: &DatabaseSettings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if settings.database_url.is_some() {
        bail!(
            "this command upgrades the embedded PostgreSQL, but DATABASE_URL names another server; unset it, or upgrade that server with its own tools"
        );
    }
    let options = EmbeddedOptions::lasting(database::data_dir(settings)?);
    let binaries = arguments.binaries.as_ref().map(|dir| {
        std::path::absolute(dir)
            .with_context(|| format!("the directory \"{}\" cannot be used", dir.display()))
    });
    let new = NewBinaries {
        dir: binaries.transpose()?,
        major: arguments.to,
    };
    match upgrade(&options, &new, arguments.mode.into())? {
        Upgrade::Nothing { major } => say(&format!(
            "the cluster is of PostgreSQL {major}, and nothing newer was found or asked for"
        )),
        Upgrade::Done { from, to, old } => {
            say(&format!("moved the cluster from PostgreSQL {from} to {to}"));
            say(&format!(
                "the old cluster is kept in {} until the new one has started once",
                old.display()
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}
