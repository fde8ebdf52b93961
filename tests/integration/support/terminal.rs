//! A terminal that watches a program: people see what no pipe does.

use nix::pty::{Winsize, openpty};
use std::fs::File;
use std::io::Read;
use std::num::NonZeroU16;
use std::process::{Command, ExitStatus};

/// How many lines that have scrolled off are kept.
const SCROLLBACK: usize = 1_000;

/// What a terminal showed while a program ran.
pub struct Watched {
    pub status: ExitStatus,
    /// The screen whenever it changed.
    pub screens: Vec<String>,
    /// How many lines scrolled off its top.
    pub scrolled: usize,
}

impl Watched {
    /// The screen in the end.
    pub fn last(&self) -> &str {
        self.screens.last().map_or("", String::as_str)
    }
}

/// Shows how it ended and the last screen, for snapshots.
impl std::fmt::Display for Watched {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "{}", self.status)?;
        write!(formatter, "{}", self.last())
    }
}

/// Runs a prepared program to its end on a terminal of this size.
#[track_caller]
pub fn watch(command: &mut Command, lines: u16, columns: u16) -> Watched {
    let size = Winsize {
        ws_row: lines,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let terminal = openpty(Some(&size), None).expect("a pseudo-terminal");
    let side = || terminal.slave.try_clone().expect("a handle");
    let mut child = command
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .stdin(side())
        .stdout(side())
        .stderr(side())
        .spawn()
        .expect("the program starts");
    // The end of the program is the end of what can be read only if nobody else holds its side.
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::null());
    command.stderr(std::process::Stdio::null());
    drop(terminal.slave);
    let count = |number| NonZeroU16::new(number).expect("a size");
    let mut parser = vt100::Parser::new(count(lines), count(columns), SCROLLBACK);
    let mut screens: Vec<String> = Vec::new();
    let mut master = File::from(terminal.master);
    let mut bytes = [0; 4096];
    // Linux tells the end by an error, others by nothing.
    while let Ok(read @ 1..) = master.read(&mut bytes) {
        // However much came at once, no frame of a bar is missed: each begins where its line does.
        for piece in bytes[..read].split_inclusive(|byte| *byte == b'\r') {
            parser.process(piece);
            let screen = parser.screen().contents();
            if screens.last() != Some(&screen) {
                screens.push(screen);
            }
        }
    }
    Watched {
        status: child.wait().expect("a child can be waited for"),
        screens,
        scrolled: parser.screen().scrollback_len(),
    }
}
