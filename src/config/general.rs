//! Settings of every command.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Arguments of every command.
#[derive(Debug, Clone, Args)]
pub struct GeneralFlags {
    /// A TOML file with settings under the names of their flags, such as `listen = "0.0.0.0:7655"`. Flags and environment
    /// variables win over it.
    #[arg(long, env = "ROLLCALL_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,

    /// How the log is written: `text`, or `json` with one object per line.
    #[arg(
        long,
        env = "ROLLCALL_LOG_FORMAT",
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        global = true
    )]
    pub log_format: LogFormat,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line, for programs that collect logs.
    Json,
}
