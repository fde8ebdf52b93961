//! Entry point: parses the command line and runs its command.

use std::process::ExitCode;

fn main() -> ExitCode {
    rollcall::cli::run()
}
