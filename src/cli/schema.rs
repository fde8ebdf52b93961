//! `rollcall schema`.

use crate::config::FederationSettings;
use crate::graphql::{sdl, subgraph_sdl};
use std::io::Write;
use std::process::ExitCode;

/// Arguments of `rollcall schema`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    api: FederationSettings,
}

/// Prints the GraphQL schema; needs no database.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let sdl = if arguments.api.federation {
        subgraph_sdl()
    } else {
        sdl()
    };
    std::io::stdout().write_all(sdl.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
