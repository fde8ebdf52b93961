//! Runs programs whose input or output is streamed.

use super::error::BackupError;
use std::io::Read;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::JoinHandle;

/// How many bytes of a program's error output are kept.
const TAIL: usize = 4_096;

/// How many lines of the error output an error shows.
const SHOWN: usize = 6;

/// A running program. It is killed when this is dropped.
pub(super) struct Program {
    name: &'static str,
    pub(super) child: Child,
    said: Option<JoinHandle<String>>,
}

impl Program {
    /// Starts a program, and keeps the end of its error output.
    pub(super) fn start(name: &'static str, command: &mut Command) -> Result<Program, BackupError> {
        let mut child =
            command
                .stderr(Stdio::piped())
                .spawn()
                .map_err(|cause| BackupError::File {
                    doing: "run",
                    path: command.get_program().display().to_string(),
                    cause,
                })?;
        let stderr = child.stderr.take();
        Ok(Program {
            name,
            child,
            said: stderr.map(|stderr| std::thread::spawn(move || tail(stderr))),
        })
    }

    /// Waits until the program ends.
    ///
    /// # Errors
    /// [`BackupError::Failed`] if the program did not succeed.
    pub(super) fn finish(mut self) -> Result<(), BackupError> {
        let status = self.child.wait();
        let said = self.said.take().and_then(|said| said.join().ok());
        let failed = |status: String| BackupError::Failed {
            program: self.name,
            status,
            said: last_lines(&said.unwrap_or_default()),
        };
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(failed(status.to_string())),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail if the program has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the error output to its end, and returns the last part.
fn tail(mut stderr: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; TAIL];
    while let Ok(number) = stderr.read(&mut buffer) {
        if number == 0 {
            break;
        }
        kept.extend_from_slice(&buffer[..number]);
        let surplus = kept.len().saturating_sub(TAIL);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    match lines.is_empty() {
        true => "it printed no error".to_owned(),
        false => lines[lines.len().saturating_sub(SHOWN)..].join("; "),
    }
}
