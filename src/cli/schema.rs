//! `rollcall schema`.

use std::io::Write;
use std::process::ExitCode;

/// Prints the GraphQL schema; needs no database.
pub fn run() -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(crate::graphql::sdl().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
