//! The log: its format, its level, and what must not be in it.
//!
//! No e-mail address is logged above the level DEBUG. Messages of the database and of files can quote any value. So
//! everything that looks like an address is masked when a line is written.

use crate::config::LogFormat;
#[cfg(feature = "otlp")]
use crate::traces::{ListeningLayer, TARGET};
use std::borrow::Cow;
use std::io::{IsTerminal, Stderr, Write};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
#[cfg(feature = "otlp")]
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
#[cfg(feature = "otlp")]
use tracing_subscriber::prelude::*;

/// The text that replaces an address.
const MASK: &str = "<e-mail>";

/// Starts the log. `default` is the filter if `ROLLCALL_LOG` has none.
pub fn start(format: LogFormat, default: &str) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(choose_filter(default))
        .with_writer(Errors)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// Starts the log and the traces. The spans of traces are not logged.
#[cfg(feature = "otlp")]
pub fn start_with_traces(format: LogFormat, default: &str, traces: ListeningLayer) {
    let is_ours = filter_fn(|metadata| metadata.target() != TARGET);
    let filter = choose_filter(default).and(is_ours);
    let log = tracing_subscriber::fmt::layer()
        .with_writer(Errors)
        .with_ansi(std::io::stderr().is_terminal());
    let all = tracing_subscriber::registry().with(traces);
    match format {
        LogFormat::Text => all.with(log.with_filter(filter)).init(),
        LogFormat::Json => all
            .with(log.json().flatten_event(true).with_filter(filter))
            .init(),
    }
}

fn choose_filter(default: &str) -> EnvFilter {
    EnvFilter::try_from_env("ROLLCALL_LOG").unwrap_or_else(|_| EnvFilter::new(default))
}

/// Standard error. Addresses are masked above the level DEBUG.
struct Errors;

/// Writes one line to standard error, with masked addresses if its level requires that.
struct Line {
    stderr: Stderr,
    is_masked: bool,
}

impl<'w> MakeWriter<'w> for Errors {
    type Writer = Line;

    fn make_writer(&'w self) -> Line {
        Line {
            stderr: std::io::stderr(),
            is_masked: true,
        }
    }

    fn make_writer_for(&'w self, metadata: &Metadata<'_>) -> Line {
        Line {
            is_masked: *metadata.level() < Level::DEBUG,
            ..self.make_writer()
        }
    }
}

impl Write for Line {
    /// Expects whole lines, as the subscriber of `tracing` writes them.
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.is_masked {
            let text = String::from_utf8_lossy(bytes);
            self.stderr.write_all(mask(&text).as_bytes())?;
        } else {
            self.stderr.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stderr.flush()
    }
}

fn is_of_local_part(character: char) -> bool {
    character.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(character)
}

fn is_of_domain(character: char) -> bool {
    character.is_alphanumeric() || ".-".contains(character)
}

/// Masks everything that looks like an e-mail address, including the form with `%40` in URLs.
fn mask(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut rest = text;
    loop {
        let found = [
            rest.find('@').map(|at| (at, 1)),
            rest.find("%40").map(|at| (at, 3)),
        ];
        let Some((at, length)) = found.into_iter().flatten().min() else {
            break;
        };
        let (before, after) = (&rest[..at], &rest[at + length..]);
        let local: usize = before
            .chars()
            .rev()
            .take_while(|character| is_of_local_part(*character))
            .map(char::len_utf8)
            .sum();
        let domain: usize = after
            .chars()
            .take_while(|character| is_of_domain(*character))
            .map(char::len_utf8)
            .sum();
        if local > 0 && domain > 0 {
            masked += &before[..at - local];
            masked += MASK;
        } else {
            masked += &rest[..at + length + domain];
        }
        rest = &after[domain..];
    }
    if masked.is_empty() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(masked + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_masked_wherever_they_stand() {
        for (text, masked) in [
            ("nothing to hide", "nothing to hide"),
            ("ona@example.com", "<e-mail>"),
            (
                "Key (email)=(ona.o'neil+x@žalia.example.lt) exists",
                "Key (email)=(<e-mail>) exists",
            ),
            ("\"a@b.c\",\"d@e.f\"", "\"<e-mail>\",\"<e-mail>\""),
            ("?email=ona%40example.com&x", "<e-mail>&x"),
            ("postgres://user:pw@host/db", "postgres://user:<e-mail>/db"),
            ("@ alone, and@ and @b", "@ alone, and@ and @b"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }
}
