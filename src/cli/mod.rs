//! The command line: one file per subcommand.

mod audited;
mod database;
mod demo;
mod export;
mod export_file;
mod import;
mod key;
mod listen;
mod migrate;
mod refresh;
mod schema;
mod serve;
mod settings;
mod terminal;
mod webhook;

use crate::config::{DatabaseSettings, ImportFlags, ScheduleSettings, WebhookFlags};
use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::process::ExitCode;

/// Keeps an audience: subscribers, the groups they were put into by hand, and the segments they belong to because a
/// rule says so.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, propagate_version = true)]
struct CommandLine {
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

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the GraphQL API and GraphiQL, and refresh segments daily.
    Serve(serve::Arguments),
    /// Serve real sample data (purchases of 1997 and 1998) to look at, in a data directory of its own.
    Demo(demo::Arguments),
    /// Refresh segments now.
    Refresh(refresh::Arguments),
    /// Import subscribers or events from CSV files, and look after imports.
    #[command(subcommand)]
    Import(Box<import::Command>),
    /// List and change the settings of the database, which all servers and commands share.
    Settings(settings::Arguments),
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    Key(key::Command),
    /// Make, list, test and replay webhooks: other systems that are told of changes.
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Export subscribers, memberships or events to CSV or NDJSON, or all that is held about a person.
    #[command(subcommand)]
    Export(export::Command),
    /// Print what changes, one JSON object a line, as it happens or since a position.
    Listen(listen::Arguments),
    /// Print the GraphQL schema.
    Schema(schema::Arguments),
    /// Bring the database to the version of this program; the other commands do so by themselves.
    Migrate(migrate::Arguments),
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let line = CommandLine::parse();
    start_log(&line.command);
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
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Migrate(arguments) => migrate::run(&line.database, &arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            // Some errors have lines of their own; nothing else in them is for the terminal.
            let error = format!("{error:#}");
            let lines: Vec<String> = error.lines().map(terminal::harmless).collect();
            eprintln!("rollcall: {}", lines.join("\n"));
            ExitCode::FAILURE
        }
    }
}

/// Servers tell what they do; other commands only what is wrong. `ROLLCALL_LOG` overrides both.
fn start_log(command: &Command) {
    let default = match command {
        Command::Serve(_) | Command::Demo(_) => "rollcall=info",
        _ => "rollcall=warn",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("ROLLCALL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
