//! Output on a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, LineWriter, Stdout, Write};

/// Returns a progress bar on standard error, with the estimated remaining time.
pub fn progress_bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    // If the template is invalid, the bar keeps its plain style.
    match ProgressStyle::with_template("{bar:24} {percent:>3}%  {msg}  {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Shows beside a bar how many rows are done, and how many per second. The rows of an earlier run (`before`) do not
/// count for the rate.
pub fn say_rows(bar: &ProgressBar, rows: u64, before: u64) {
    let seconds = bar.elapsed().as_secs_f64().max(0.001);
    let rate = (rows.saturating_sub(before) as f64 / seconds).round();
    bar.set_message(format!("{rows} rows, {rate}/s"));
}

/// Returns standard output for untrusted text. If it is a terminal, control characters are escaped.
pub fn output_of_others() -> Box<dyn Write> {
    let stdout = std::io::stdout();
    if stdout.is_terminal() {
        Box::new(LineWriter::new(Harmless(stdout)))
    } else {
        Box::new(stdout.lock())
    }
}

/// Prints a line. A pipe that its reader has closed, as `head` does, is no error.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A writer that remembers whether its reader has closed the pipe, as `head` does.
pub struct Watched<W> {
    inner: W,
    /// Whether the pipe is closed.
    pub is_closed: bool,
}

impl<W> Watched<W> {
    /// Wraps a writer.
    pub fn new(inner: W) -> Watched<W> {
        Watched {
            inner,
            is_closed: false,
        }
    }
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes);
        self.is_closed |=
            matches!(&written, Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe);
        written
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Wraps a text between words into lines of at most `columns` columns; only a longer word exceeds them. All lines
/// except the first are indented.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    const INDENT: &str = "  ";
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let width = console::measure_text_width(&line) + 1 + console::measure_text_width(word);
        if !line.trim().is_empty() && width > columns {
            lines.push(std::mem::replace(&mut line, INDENT.to_owned()));
            line.push_str(word);
            continue;
        }
        if !line.is_empty() && line != INDENT {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// Standard output with escaped control characters. Expects whole lines.
struct Harmless(Stdout);

impl Write for Harmless {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        for line in text.split_inclusive('\n') {
            let content = line.trim_end_matches(['\r', '\n']);
            let end = &line[content.len()..];
            write!(self.0, "{}{end}", harmless(content))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// The size of a terminal.
pub struct Screen {
    /// The height.
    pub lines: usize,
    /// The width.
    pub columns: usize,
}

impl Screen {
    /// Returns the size of the terminal of standard error, or `None` if standard error is a file or a pipe.
    pub fn of_errors() -> Option<Screen> {
        let (lines, columns) = console::Term::stderr().size_checked()?;
        Some(Screen {
            lines: usize::from(lines),
            columns: usize::from(columns),
        })
    }

    /// How many lines of the screen a line of text takes.
    pub fn height_of(&self, line: &str) -> usize {
        console::measure_text_width(line)
            .div_ceil(self.columns)
            .max(1)
    }
}

/// Escapes control characters: a file can contain them, and a terminal would obey them.
pub fn harmless(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for character in line.chars() {
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(
            harmless("Ona\u{1b}[2J\r\n\u{9b}31m žalia"),
            r"Ona\u{1b}[2J\r\n\u{9b}31m žalia"
        );
    }
}
