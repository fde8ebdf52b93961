//! `rollcall completions` and `rollcall man`: what packages install beside the program.

use super::CommandLine;
use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `rollcall completions`.
#[derive(Debug, Clone, clap::Args)]
pub struct CompletionsArguments {
    /// The shell.
    shell: Shell,
}

/// Arguments of `rollcall man`.
#[derive(Debug, Clone, clap::Args)]
pub struct ManArguments {
    /// The directory to write the pages to.
    directory: PathBuf,
}

/// Prints the completion script of a shell.
pub fn complete(arguments: &CompletionsArguments) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    let name = env!("CARGO_PKG_NAME");
    clap_complete::generate(
        arguments.shell,
        &mut CommandLine::command(),
        name,
        &mut script,
    );
    // It is no error if the reader closes the pipe early.
    let _ = std::io::stdout().write_all(&script);
    Ok(ExitCode::SUCCESS)
}

/// Writes a manual page for each command.
pub fn write_pages(arguments: &ManArguments) -> anyhow::Result<ExitCode> {
    let directory = &arguments.directory;
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(CommandLine::command(), directory))
        .with_context(|| format!("cannot write manual pages to \"{}\"", directory.display()))?;
    Ok(ExitCode::SUCCESS)
}
