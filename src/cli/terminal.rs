//! What is printed where somebody looks at it.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, LineWriter, Stdout, Write};

/// A bar on standard error that tells how far some work is, and how long the rest will take.
pub fn progress_bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    // A template that cannot be read leaves the plain bar.
    match ProgressStyle::with_template("{bar:24} {percent:>3}%  {msg}  {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Has a bar say how many rows are done, and how many a second; those that were done before it began took no time.
pub fn say_rows(bar: &ProgressBar, rows: u64, before: u64) {
    let seconds = bar.elapsed().as_secs_f64().max(0.001);
    let rate = (rows.saturating_sub(before) as f64 / seconds).round();
    bar.set_message(format!("{rows} rows, {rate}/s"));
}

/// Standard output for what others have written: where it is a terminal, nothing in it is obeyed.
pub fn output_of_others() -> Box<dyn Write> {
    let stdout = std::io::stdout();
    if stdout.is_terminal() {
        Box::new(LineWriter::new(Harmless(stdout)))
    } else {
        Box::new(stdout.lock())
    }
}

/// Prints a line. Whoever reads may have seen enough, as `head` does: that is no error.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Remembers whether whoever reads has seen enough, as `head` does.
pub struct Watched<W> {
    inner: W,
    /// Whether nobody reads any more.
    pub is_closed: bool,
}

impl<W> Watched<W> {
    /// Watches a writer.
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

/// Breaks a text into lines of at most so many columns, between words where that is possible. All but the first line
/// are indented.
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

/// Takes whole lines.
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

/// The terminal that somebody looks at.
pub struct Screen {
    /// Its height.
    pub lines: usize,
    /// Its width.
    pub columns: usize,
}

impl Screen {
    /// The one that errors are printed on; none where they go to a file or to another program.
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

/// Writes out control characters, which a file can hold and a terminal would obey.
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
