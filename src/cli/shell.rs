//! `rollcall database`: the address of the database, and `psql` on it.

use super::database;
use super::terminal::say;
use crate::backup::find_programs;
use crate::config::DatabaseSettings;
use anyhow::{Context, anyhow};
use std::ffi::OsString;
use std::process::{ExitCode, Stdio};
use tokio::signal::unix::{SignalKind, signal};

/// Subcommands of `rollcall database`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum DatabaseCommand {
    /// Print the address of the database. The address of Rollcall's own Postgres is valid while a server or a command runs.
    Url,
    /// Open psql on the database, or run it with these arguments. Rollcall's own Postgres runs meanwhile.
    Shell {
        /// Arguments of psql, such as `-c "SELECT count(*) FROM subscribers"`.
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGUMENT"
        )]
        arguments: Vec<OsString>,
    },
}

/// Runs the subcommand.
pub fn run(settings: &DatabaseSettings, command: &DatabaseCommand) -> anyhow::Result<ExitCode> {
    let opened = database::open_as_it_is(settings)?;
    let code = match command {
        DatabaseCommand::Url => {
            say(opened.db.url());
            ExitCode::SUCCESS
        }
        DatabaseCommand::Shell { arguments } => {
            let programs = find_programs(&opened.db, &database::data_dir(settings)?)?;
            let mut psql = programs.command("psql", opened.db.url())?;
            psql.args(arguments).stdin(Stdio::inherit());
            // Ctrl-C is for psql, which cancels its statement. This process waits until psql ends.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let status = runtime.block_on(async {
                let _interrupts = signal(SignalKind::interrupt())?;
                psql.status()
            });
            let status = status.context("psql does not run")?;
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            ExitCode::from(code.ok_or_else(|| anyhow!("psql ended: {status}"))?)
        }
    };
    opened.close()?;
    Ok(code)
}
