//! `rollcall backup` and `rollcall backup verify`.

use super::database;
use super::terminal::say;
use crate::backup::{Archive, BackupSource, Manifest, make_backup, verify};
use crate::clock::Clock;
use crate::config::DatabaseSettings;
use anyhow::Context;
use chrono::SubsecRound;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `rollcall backup`.
#[derive(Debug, Clone, clap::Args)]
#[command(subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// The file to write. It appears only when it is complete, and replaces a file of that name.
    #[arg(short, long, value_name = "FILE", required = true)]
    output: Option<PathBuf>,
}

/// Subcommands of `rollcall backup`.
#[derive(Debug, Clone, clap::Subcommand)]
enum Command {
    /// Restore a backup into a throw-away Postgres and compare every table with the manifest of the file.
    Verify {
        /// The backup.
        file: PathBuf,
    },
}

/// Makes or checks a backup.
pub fn run(settings: &DatabaseSettings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match (&arguments.command, &arguments.output) {
        (Some(Command::Verify { file }), _) => check(settings, file)?,
        (None, Some(output)) => make(settings, output)?,
        (None, None) => anyhow::bail!("expected --output with the name of a file"),
    }
    Ok(ExitCode::SUCCESS)
}

fn make(settings: &DatabaseSettings, output: &Path) -> anyhow::Result<()> {
    let opened = database::open_as_it_is(settings)?;
    let source = BackupSource {
        db: opened.db.clone(),
        data_dir: database::data_dir(settings)?,
        is_stopping: Default::default(),
    };
    let made = make_backup(&source, output, Clock::System.now());
    drop(source);
    opened.close()?;
    let manifest = made.context("the backup was not made")?;
    say(&format!("{}: {}", output.display(), describe(&manifest)));
    Ok(())
}

fn check(settings: &DatabaseSettings, file: &Path) -> anyhow::Result<()> {
    let archive = Archive::open(file)?;
    let verified = verify(&archive, &database::data_dir(settings)?)?;
    say(&format!(
        "{}: {}",
        file.display(),
        describe(&archive.manifest)
    ));
    say(&format!(
        "restored and counted: {} rows in {} tables, as the manifest says",
        verified.rows, verified.tables
    ));
    Ok(())
}

/// Describes the contents of a backup in one line.
pub fn describe(manifest: &Manifest) -> String {
    let count = |table: &str| manifest.rows.get(table).copied().unwrap_or_default();
    format!(
        "{} subscribers, {} events, {} groups and {} segments at {} (Rollcall {}, PostgreSQL {}, {} bytes)",
        count("subscribers"),
        count("events"),
        count("groups"),
        count("segments"),
        manifest
            .made_at
            .trunc_subsecs(0)
            .format("%Y-%m-%dT%H:%M:%SZ"),
        manifest.rollcall,
        manifest.postgres,
        manifest.dump.bytes
    )
}
