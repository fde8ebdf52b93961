//! `rollcall restore`.

use super::audited;
use super::backup::describe;
use super::database;
use super::terminal::say;
use crate::backup::{Archive, finish_restore, restore};
use crate::clock::Clock;
use crate::config::DatabaseSettings;
use crate::db::migrate;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `rollcall restore`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The backup.
    file: PathBuf,

    /// Replace everything in a database that is not empty. Subscribers that this database had deleted are deleted again.
    #[arg(long)]
    replace: bool,
}

/// Restores a backup.
pub fn run(settings: &DatabaseSettings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // The file is checked before a cluster is created.
    let archive = Archive::open(&arguments.file)?;
    let data_dir = database::data_dir(settings)?;
    let opened = database::open_as_it_is(settings)?;
    let mut connection = opened.db.connect()?;
    let restored = restore(
        &archive,
        &mut connection,
        opened.db.url(),
        &data_dir,
        arguments.replace,
        &audited::user(),
    );
    drop(connection);
    if let Err(error) = restored {
        opened.close()?;
        return Err(error.into());
    }
    opened.db.run_here(migrate)?;
    let finished = finish_restore(&opened.db, Clock::System.now())?;
    opened.close()?;
    say(&format!("restored {}", describe(&archive.manifest)));
    if let Some(finished) = finished {
        say(&format!(
            "closed {} jobs that were under way; deleted {} subscribers again and revoked {} API keys again; the next server refreshes all segments",
            finished.closed, finished.deleted, finished.revoked
        ));
    }
    Ok(ExitCode::SUCCESS)
}
