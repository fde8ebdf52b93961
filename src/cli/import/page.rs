//! The page about what an import would do with a file: the form of the file, its columns, what cannot be read, and the
//! command that answers the open questions.

use crate::cli::terminal::harmless;
use crate::import::{Analysis, Change, ColumnAnalysis, FileForm, FileFormat, ImportKind};
use std::fmt::Write as _;

/// The width of a page.
const WIDTH: usize = 80;

/// How many columns are shown one by one.
const SHOWN: usize = 40;

/// The greatest width of the names of columns on the page. Longer names are cut.
const NAME: usize = 28;

/// How many unreadable words of a column are listed.
const WORDS: usize = 3;

/// Returns the lines of the page.
pub fn page(
    analysis: &Analysis,
    form: Option<&FileForm>,
    file: &str,
    command: &[String],
    kind: ImportKind,
) -> Vec<String> {
    let mut lines = Vec::new();
    let form = form.map(form_of).unwrap_or_default();
    let rows = count(analysis.rows, "row");
    lines.push(cut(&format!("{file}: {rows}, {form}")));
    if analysis.malformed > 0 {
        lines.push(format!(
            "{} cannot be cut into cells and will be refused",
            count(analysis.malformed, "row")
        ));
    }
    if let Some(preset) = &analysis.from {
        lines.push(format!("read as an export of {preset}"));
    } else if let Some(preset) = &analysis.recognised {
        lines.push(format!("looks like an export of {preset}"));
    }
    lines.extend(columns(analysis, kind));
    lines.extend(questions(analysis));
    lines.extend(ending(analysis, command, kind));
    lines
}

/// Describes the form of a file: its encoding, its delimiter, and whether it has a header.
pub fn form_of(file: &FileForm) -> String {
    let delimiter = match file.form.delimiter {
        b'\t' => "tab".to_owned(),
        other => format!("\"{}\"", char::from(other)),
    };
    let header = if file.form.has_header {
        "a header"
    } else {
        "no header"
    };
    let part = file
        .form
        .part
        .as_ref()
        .map(|part| format!("\"{}\", ", harmless(part)));
    let part = part.unwrap_or_default();
    let skipped = match file.form.skipped_lines {
        0 => String::new(),
        1 => ", 1 line before it".to_owned(),
        lines => format!(", {lines} lines before it"),
    };
    match file.form.format {
        FileFormat::Text => {
            let encoding = file.form.encoding.as_str();
            format!("{part}{encoding}, cells separated by {delimiter}, {header}{skipped}")
        }
        FileFormat::Workbook => format!("sheet {part}{header}{skipped}"),
        FileFormat::JsonLines => format!("{part}JSON, an object a line"),
    }
}

/// Writes a number with its noun.
fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        many => format!("{} {noun}s", grouped(many)),
    }
}

/// Writes a number with commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn columns(analysis: &Analysis, kind: ImportKind) -> Vec<String> {
    let asked = |place: usize| {
        analysis
            .questions
            .iter()
            .any(|question| question.column == Some(place))
    };
    let columns = || analysis.columns.iter().enumerate();
    // If not all columns fit, those with questions or unreadable cells have priority.
    let matters = |place: usize, column: &ColumnAnalysis| asked(place) || column.unread > 0;
    let mut left = SHOWN.saturating_sub(
        columns()
            .filter(|(place, column)| matters(*place, column))
            .count(),
    );
    let mut shown = Vec::new();
    for (place, column) in columns() {
        if shown.len() < SHOWN && (matters(place, column) || left > 0) {
            left = left.saturating_sub(usize::from(!matters(place, column)));
            shown.push((place, column));
        }
    }
    let width = shown
        .iter()
        .map(|(_, column)| console::measure_text_width(&harmless(&column.name)));
    let width = width.max().unwrap_or_default().min(NAME);
    let mut lines: Vec<String> = Vec::new();
    for (place, column) in &shown {
        lines.extend(column_lines(column, asked(*place), width, kind));
    }
    let hidden = analysis.columns.len() - shown.len();
    if hidden > 0 {
        let open = columns().filter(|(place, _)| asked(*place)).count();
        let shown_open = shown.iter().filter(|(place, _)| asked(*place)).count();
        let open = open - shown_open;
        lines.push(match open {
            0 => format!("  and {}", count(hidden as u64, "more column")),
            open => format!(
                "  and {}, {} of them open",
                count(hidden as u64, "more column"),
                grouped(open as u64)
            ),
        });
    }
    lines
}

fn column_lines(
    column: &ColumnAnalysis,
    is_open: bool,
    width: usize,
    kind: ImportKind,
) -> Vec<String> {
    let name = padded(&harmless(&column.name), width);
    let samples = column.samples.join(", ");
    let mut lines = Vec::new();
    lines.push(match (&column.target, is_open) {
        (_, true) => cut(&format!("? {name} {}", column.why)),
        (Some(target), false) => {
            let samples = if samples.is_empty() {
                String::new()
            } else {
                format!(": {samples}")
            };
            cut(&format!("  {name} -> {target}, {}{samples}", column.why))
        }
        (None, false) => cut(&format!("  {name} left out, {}", column.why)),
    });
    if column.unread > 0 && !is_open {
        let mut text = format!(
            "    {} cannot be read and {}",
            count(column.unread, "cell"),
            match kind {
                ImportKind::Subscribers => "will be left out",
                ImportKind::Events => "will be refused with the row",
            }
        );
        for (place, (value, count)) in column.unread_values.iter().take(WORDS).enumerate() {
            let before = if place == 0 { ": " } else { ", " };
            let _ = write!(text, "{before}{value} ({count})");
        }
        lines.push(cut(&text));
        if let Some(mend) = &column.mend {
            lines.push(format!(
                "    {} reads {} of them",
                flag(mend),
                grouped(column.mended)
            ));
        }
    }
    lines
}

/// Returns the questions that are not about a single column.
fn questions(analysis: &Analysis) -> Vec<String> {
    let others = analysis
        .questions
        .iter()
        .filter(|question| question.column.is_none());
    others
        .map(|question| cut(&format!("? {}", question.message)))
        .collect()
}

fn ending(analysis: &Analysis, command: &[String], kind: ImportKind) -> Vec<String> {
    let open = analysis.questions.len() as u64;
    if open == 0 {
        return Vec::new();
    }
    let number = count(open, "question");
    if analysis.proposal.is_empty() {
        let what = match kind {
            ImportKind::Subscribers => "subscribers",
            ImportKind::Events => "events",
        };
        return vec![
            format!("nothing was written: {number} open, marked with ?"),
            format!("the options: rollcall import {what} --help"),
        ];
    }
    let mut lines = vec![
        format!("nothing was written: {number} open, marked with ?"),
        "this command answers all of them; change the answers that are wrong:".to_owned(),
    ];
    lines.extend(command_lines(command, &analysis.proposal));
    lines
}

/// Writes the given command with the flags of the changes, each on a line.
fn command_lines(command: &[String], changes: &[Change]) -> Vec<String> {
    let flags = changes.iter().map(flag);
    broken(command_parts(command).into_iter().chain(flags).collect())
}

/// Writes a command on one line, or with each flag on its own line if one line is too long.
pub fn command_text(command: &[String]) -> Vec<String> {
    let parts = command_parts(command);
    let line = parts.join(" ");
    if console::measure_text_width(&line) <= WIDTH {
        return vec![line];
    }
    broken(parts)
}

/// Splits a command before each flag.
fn command_parts(command: &[String]) -> Vec<String> {
    let mut parts = vec!["rollcall".to_owned()];
    for word in command {
        let is_flag = word.starts_with("--");
        match parts.last_mut() {
            Some(last) if !is_flag => {
                last.push(' ');
                last.push_str(&quoted(word));
            }
            _ => parts.push(quoted(word)),
        }
    }
    parts
}

/// Joins the parts of a command, each on its own line.
fn broken(parts: Vec<String>) -> Vec<String> {
    let last = parts.len().saturating_sub(1);
    let lines = parts.into_iter().enumerate().map(|(place, part)| {
        let indent = if place == 0 { "" } else { "  " };
        let end = if place == last { "" } else { " \\" };
        format!("{indent}{part}{end}")
    });
    lines.collect()
}

/// Writes a change as a flag.
pub fn flag(change: &Change) -> String {
    let with = |flag: &str, value: String| format!("{flag} {}", quoted(&value));
    match change {
        Change::From { preset } => with("--from", preset.clone()),
        Change::Column { column, field } => with("--column", format!("{column}={field}")),
        Change::Ignore { column } => with("--ignore", column.clone()),
        Change::Field { column, field_type } => {
            with("--field", format!("{column}:{}", field_type.as_str()))
        }
        Change::Status { word, status } => with("--status", format!("{word}={}", status.as_str())),
        Change::Set { field, value } => with("--set", format!("{field}={value}")),
        Change::DateFormat { column, format } => {
            with("--date-format", format!("{column}={}", format.as_str()))
        }
        Change::DecimalComma { column } => format!("--decimal-comma={}", quoted(column)),
        Change::DecimalPoint { column } => with("--decimal-point", column.clone()),
        Change::Split { column, character } => with("--split", format!("{column}={character}")),
        Change::Event { name } => with("--event", name.clone()),
        Change::Fold { column } => with("--fold", column.clone()),
        Change::Others { others } => with("--others", others.as_str().to_owned()),
    }
}

/// Quotes a word for a shell, if that is necessary.
pub fn quoted(word: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "-_./=:,@%+".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if word.contains(['"', '$', '`', '\\', '!']) {
        return format!("'{}'", word.replace('\'', "'\\''"));
    }
    format!("\"{word}\"")
}

/// Cuts a line to the width of the page.
fn cut(line: &str) -> String {
    console::truncate_str(&harmless(line), WIDTH, "…").into_owned()
}

/// Pads or cuts a name to this width.
fn padded(name: &str, width: usize) -> String {
    console::pad_str(name, width, console::Alignment::Left, Some("…")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_shells() {
        for (word, written) in [
            ("people.csv", "people.csv"),
            ("Opt In=opt_in", "\"Opt In=opt_in\""),
            ("it's", "\"it's\""),
            ("a \"b\"", "'a \"b\"'"),
            ("it's $5", "'it'\\''s $5'"),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(word), written, "{word}");
        }
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, written) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), written);
        }
    }
}
