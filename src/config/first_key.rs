//! Settings of the first API key.

use clap::Args;
use std::path::PathBuf;

/// Where the first API key comes from.
#[derive(Debug, Clone, Args)]
pub struct FirstKeyFlags {
    /// A file with the first API key: `rck_` and 40 letters and digits. The key has the scope ADMIN, which allows
    /// everything. The file is read only while there is no key. It is for servers on which you cannot run commands.
    #[arg(long, env = "ROLLCALL_BOOTSTRAP_KEY_FILE", value_name = "FILE")]
    pub bootstrap_key_file: Option<PathBuf>,
}
