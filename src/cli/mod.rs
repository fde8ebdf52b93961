//! The command line: one file per subcommand.

mod audited;
mod backup;
mod config_file;
mod database;
mod demo;
mod export;
mod export_file;
mod health;
mod import;
mod key;
mod listen;
mod log;
mod manual;
mod migrate;
mod refresh;
mod restore;
mod schema;
mod serve;
mod settings;
mod shell;
mod terminal;
mod upgrade_database;
mod webhook;

use crate::config::{DatabaseSettings, GeneralFlags, ImportFlags, ScheduleSettings, WebhookFlags};
#[cfg(feature = "otlp")]
use crate::traces::Exporting;
use clap::{FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Keeps an audience: subscribers, the groups they were put into by hand, and the segments they belong to because a
/// rule says so.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, propagate_version = true)]
struct CommandLine {
    #[command(flatten)]
    general: GeneralFlags,
    #[command(flatten)]
    database: DatabaseSettings,
    #[command(flatten)]
    schedule: ScheduleSettings,
    #[command(flatten)]
    imports: ImportFlags,
    #[command(flatten)]
    webhooks: WebhookFlags,
    #[command(subcommand)]
    command: Command,
}

/// A program that is built without the feature `otlp` exports no traces.
#[cfg(not(feature = "otlp"))]
type Exporting = std::convert::Infallible;

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the GraphQL API and GraphiQL, and refresh segments daily.
    Serve(serve::Arguments),
    /// Serve sample data (real purchases of 1997 and 1998) from a data directory of its own.
    Demo(demo::Arguments),
    /// Refresh segments now.
    Refresh(refresh::Arguments),
    /// Import subscribers or events from a file, and manage imports.
    #[command(subcommand)]
    Import(Box<import::Command>),
    /// List and change the settings of the database, which all servers and commands share.
    Settings(settings::Arguments),
    /// Create, list and revoke API keys.
    #[command(subcommand)]
    Key(key::Command),
    /// Create, list, test and replay webhooks, which send changes to other systems.
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Export subscribers, memberships or events to CSV or NDJSON, or all that is held about a person.
    #[command(subcommand)]
    Export(export::Command),
    /// Print changes, one JSON object per line, as they happen or since a position.
    Listen(listen::Arguments),
    /// Write everything to one file, from one snapshot. Servers keep running meanwhile.
    Backup(backup::Arguments),
    /// Restore a backup into an empty database.
    Restore(restore::Arguments),
    /// Check whether a running server is ready. Exits with 0 if it is and with 1 if not, as container engines expect.
    Health(health::Arguments),
    /// Print the address of the database, or open psql on it.
    #[command(subcommand)]
    Database(shell::DatabaseCommand),
    /// Check the file of settings that `--config` names.
    #[command(subcommand)]
    Config(config_file::ConfigCommand),
    /// Print the completion script of a shell.
    Completions(manual::CompletionsArguments),
    /// Write manual pages.
    Man(manual::ManArguments),
    /// Print the GraphQL schema.
    Schema(schema::Arguments),
    /// Run the missing migrations of the database. Most other commands do so by themselves.
    Migrate(migrate::Arguments),
    /// Move Rollcall's own Postgres to a newer major version. No server or command may use it meanwhile.
    UpgradeDatabase(upgrade_database::Arguments),
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let line = match parse(&arguments) {
        Ok(line) => line,
        Err(error) => return fail(&error),
    };
    // Dropped when the command has ended: that exports the last spans.
    let _exporting = match start_log(&line) {
        Ok(exporting) => exporting,
        Err(error) => return fail(&error),
    };
    let result = match line.command {
        Command::Serve(arguments) => serve::run(
            &line.database,
            &line.schedule,
            &line.imports,
            &line.webhooks,
            &arguments,
        ),
        Command::Demo(arguments) => demo::run(
            &line.database,
            &line.schedule,
            &line.imports,
            &line.webhooks,
            &arguments,
        ),
        Command::Refresh(arguments) => refresh::run(&line.database, &line.schedule, &arguments),
        Command::Import(command) => import::run(&line.database, &line.imports, &command),
        Command::Settings(arguments) => settings::run(&line.database, &arguments),
        Command::Key(command) => key::run(&line.database, &command),
        Command::Webhook(command) => webhook::run(&line.database, &line.webhooks, &command),
        Command::Export(command) => export::run(&line.database, &line.schedule, &command),
        Command::Listen(arguments) => listen::run(&line.database, &arguments),
        Command::Backup(arguments) => backup::run(&line.database, &arguments),
        Command::Restore(arguments) => restore::run(&line.database, &arguments),
        Command::Database(command) => shell::run(&line.database, &command),
        Command::Config(command) => config_file::run(line.general.config.as_deref(), &command),
        Command::Completions(arguments) => manual::complete(&arguments),
        Command::Man(arguments) => manual::write_pages(&arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Migrate(arguments) => migrate::run(&line.database, &arguments),
        Command::UpgradeDatabase(arguments) => upgrade_database::run(&line.database, &arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

/// Parses the command line. Ends the process if the command line is wrong or asks for help.
fn parse(arguments: &[OsString]) -> anyhow::Result<CommandLine> {
    let command = config_file::command(arguments)?;
    let matches = command.get_matches_from(arguments);
    Ok(CommandLine::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()))
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // An error may have several lines. Other control characters are escaped.
    let error = format!("{error:#}");
    let lines: Vec<String> = error.lines().map(terminal::harmless).collect();
    eprintln!("rollcall: {}", lines.join("\n"));
    ExitCode::FAILURE
}

/// Starts the log, and traces for commands that do long work. Servers log what they do, other commands only warnings.
/// `ROLLCALL_LOG` overrides both.
#[cfg_attr(
    not(feature = "otlp"),
    expect(clippy::unnecessary_wraps, reason = "traces may fail to start")
)]
fn start_log(line: &CommandLine) -> anyhow::Result<Option<Exporting>> {
    let default = match line.command {
        Command::Serve(_) | Command::Demo(_) | Command::UpgradeDatabase(_) => "rollcall=info",
        _ => "rollcall=warn",
    };
    let format = line.general.log_format;
    #[cfg(feature = "otlp")]
    if matches!(
        line.command,
        Command::Serve(_) | Command::Demo(_) | Command::Refresh(_) | Command::Import(_)
    ) && let Some((traces, exporting)) = crate::traces::start()?
    {
        log::start_with_traces(format, default, traces);
        return Ok(Some(exporting));
    }
    log::start(format, default);
    Ok(None)
}
