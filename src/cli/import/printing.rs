//! Prints imports for a terminal of 80 columns.

use super::page::{flag, form_of};
use crate::cli::terminal::{Screen, harmless, say};
use crate::db::Db;
use crate::import::{FileForm, Import, ImportKind, ImportReport, ImportState, full_report};
use chrono::{DateTime, Utc};
use std::process::ExitCode;

/// How many problems are printed if standard error is not a terminal; the others are counted.
const PRINTED: usize = 20;

/// How many problems are printed even on the smallest screen.
const AT_LEAST: usize = 1;

/// How many columns that lost cells are listed.
const LOST: usize = 5;

/// How many characters of a file's name are listed.
const NAME: usize = 24;

/// Prints the report of an import and returns the exit code for its outcome. On a terminal the whole report fits on the
/// screen: it shows only as many problems as fit, each on one line.
///
/// The lines `more` are printed last.
pub fn print_result(
    db: &Db,
    import: &Import,
    now: DateTime<Utc>,
    more: &[String],
) -> anyhow::Result<ExitCode> {
    let report = db.run_here(|connection| full_report(connection, import))?;
    let mut head = counts(&report, import.kind);
    head.extend(left_out(import));
    if import.is_dry_run() {
        head.push("a dry run: nothing was written".to_owned());
    }
    let head: Vec<String> = head.iter().map(|line| harmless(line)).collect();
    let tail = what_to_do(&report, import, now);
    let tail = tail.iter().chain(more).map(|line| harmless(line));
    let tail: Vec<String> = tail.collect();
    let screen = Screen::of_errors();
    let room = screen.as_ref().map(|screen| {
        let others = head.iter().chain(&tail);
        let taken: usize = others.map(|line| screen.height_of(line)).sum();
        // One line is for the number of the other problems, and one for the prompt.
        screen.lines.saturating_sub(taken + 2).max(AT_LEAST)
    });
    print_lines(&head);
    print_problems(&report, room.unwrap_or(PRINTED), screen.as_ref());
    print_lines(&tail);
    Ok(match import.state() {
        ImportState::Succeeded | ImportState::Undoing | ImportState::Undone => {
            if report.refused == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(2)
            }
        }
        _ => ExitCode::FAILURE,
    })
}

/// Returns a line for each column with unreadable cells, with the flag that would read them.
fn left_out(import: &Import) -> Vec<String> {
    let columns = import
        .analysis()
        .map(|analysis| analysis.columns)
        .unwrap_or_default();
    let lost = columns
        .iter()
        .filter(|column| column.unread > 0 && column.target.as_deref() != Some("email"));
    let lost = lost.take(LOST).map(|column| {
        let noun = if column.unread == 1 { "cell" } else { "cells" };
        let name: String = column.name.chars().take(NAME).collect();
        let mend = column
            .mend
            .as_ref()
            .map(|mend| format!("; {} reads {}", flag(mend), column.mended));
        // A row of events is refused if a cell cannot be read.
        let what = match import.kind {
            ImportKind::Subscribers => "left out",
            ImportKind::Events => "cannot be read",
        };
        format!(
            "  {name}: {} {noun} {what}{}",
            column.unread,
            mend.unwrap_or_default()
        )
    });
    lost.collect()
}

fn print_lines(lines: &[String]) {
    for line in lines {
        say(line);
    }
}

/// Returns the next steps for an import with this report, each with its command.
fn what_to_do(report: &ImportReport, import: &Import, now: DateTime<Utc>) -> Vec<String> {
    let id = import.id;
    let mut lines = Vec::new();
    let is_nothing = report.rows > 0 && report.refused == report.rows;
    let remarks = report.repeated
        + report.suppressed
        + report.role_addresses
        + report.dropped_cells
        + report.remarks;
    if report.refused + remarks > 0 {
        lines.push(format!(
            "every row with a remark: rollcall import problems {id}"
        ));
    }
    match import.state() {
        ImportState::Failed if is_nothing => {
            let why = import.error.as_deref().unwrap_or_default();
            lines.push(format!("nothing was imported: {why}"));
            if report.unknown > 0 {
                lines.push("to make subscribers of them: --create-people".to_owned());
            }
        }
        ImportState::Cancelled | ImportState::Failed => {
            let why = import
                .error
                .as_deref()
                .unwrap_or("the import was cancelled");
            lines.push(format!("import {id} stopped half-way: {why}"));
            if import.file_path.is_some() {
                lines.push(format!("resume it: rollcall import resume {id}"));
            }
        }
        ImportState::Running | ImportState::Ready | ImportState::Waiting => {
            lines.push(format!(
                "import {id} has not ended: rollcall import resume {id}"
            ));
        }
        ImportState::Analyzed => lines.push(format!("import {id} waits to be started")),
        ImportState::Undoing => lines.push(format!("import {id} is being undone")),
        ImportState::Undone => lines.push(format!("import {id} is undone")),
        ImportState::Succeeded => {}
    }
    if let Some(why) = &import.undo_error {
        lines.push(format!("import {id} was not undone: {why}"));
    }
    if import.can_undo(now) && !is_nothing {
        lines.push(format!("undo it: rollcall import undo {id}"));
    }
    lines
}

/// Returns the number of rows for each outcome, one per line.
fn counts(report: &ImportReport, kind: ImportKind) -> Vec<String> {
    let cells = |number| if number == 1 { "cell" } else { "cells" };
    let left_out = format!(
        "{} left out that cannot be read",
        cells(report.dropped_cells)
    );
    let remarked = format!("{} read with a remark", cells(report.remarks));
    let made = match report.created_people {
        1 => "subscriber made of an unknown person",
        _ => "subscribers made of unknown people",
    };
    let counts: Vec<(u64, &str)> = match kind {
        ImportKind::Subscribers => vec![
            (report.created, "created"),
            (report.updated, "updated"),
            (report.unchanged, "unchanged"),
            (
                report.skipped,
                "left alone, because only new ones are added",
            ),
            (report.repeated, "repeated in the file"),
            (report.refused, "refused"),
            (
                report.suppressed,
                "kept unsubscribed, bounced or complained",
            ),
            (
                report.consent_raised,
                "addressed again, for the reason given",
            ),
            (
                report.role_addresses,
                "with the address of a role, such as info@",
            ),
            (report.added_to_group, "added to groups"),
            (report.dropped_cells, &left_out),
            (report.remarks, &remarked),
        ],
        ImportKind::Events => vec![
            (report.created, "recorded"),
            (report.unchanged, "known already"),
            (report.folded, "joined to the first line of their order"),
            (report.refused, "refused"),
            (report.created_people, made),
            (report.dropped_cells, &left_out),
            (report.remarks, &remarked),
        ],
    };
    let reasons = [
        (report.invalid_email, "for the e-mail address"),
        (report.mistyped, "for another value"),
        (report.malformed, "for their cells"),
        (report.unknown, "about subscribers who do not exist"),
    ];
    let are_several = reasons.iter().filter(|(number, _)| *number > 0).count() > 1;
    let noun = if report.rows == 1 { "row" } else { "rows" };
    let mut lines = vec![format!("{} {noun}", report.rows)];
    for (number, what) in counts.into_iter().filter(|(number, _)| *number > 0) {
        lines.push(format!("  {number:>9} {what}"));
        if what == "refused" && are_several {
            for (number, why) in reasons.into_iter().filter(|(number, _)| *number > 0) {
                lines.push(format!("  {number:>11} {why}"));
            }
        }
    }
    lines
}

fn print_problems(report: &ImportReport, room: usize, screen: Option<&Screen>) {
    let shown = &report.problems[..report.problems.len().min(room)];
    for problem in shown {
        let line = harmless(&format!("  {problem}"));
        match screen {
            Some(screen) => eprintln!("{}", console::truncate_str(&line, screen.columns, "…")),
            None => eprintln!("{line}"),
        }
    }
    let more = report.refused.saturating_sub(shown.len() as u64);
    // If the problems of single rows are no longer stored, the number of others is not printed.
    if !shown.is_empty() && more > 0 {
        eprintln!("  and {more} more");
    }
}

/// Prints one line for each import.
pub fn print_list(imports: &[Import]) {
    if imports.is_empty() {
        say("nothing was imported yet");
        return;
    }
    say(&format!(
        "{:>6}  {:<11} {:<9}  {:<16}  {:>8}  file",
        "id", "what", "state", "asked for", "rows"
    ));
    for import in imports {
        let name: String = harmless(&import.file_name).chars().take(NAME).collect();
        say(&format!(
            "{:>6}  {:<11} {:<9}  {:<16}  {:>8}  {name}",
            import.id,
            import.kind,
            import.state().as_str(),
            import.created_at.format("%Y-%m-%d %H:%M").to_string(),
            import.done_rows,
        ));
    }
}

/// Prints the kind, the state and the file of an import.
pub fn print_import(import: &Import) {
    let state = import.state().as_str();
    say(&format!("import {} of {}: {state}", import.id, import.kind));
    let name = harmless(&import.file_name);
    say(&format!("file {name}, {} bytes", import.file_size));
    if let Some(form) = import.form() {
        print_form(&form);
    }
}

fn print_form(file: &FileForm) {
    say(&form_of(file));
    for column in &file.columns {
        let target = match (&column.target, &column.suggestion) {
            (Some(target), _) => target.clone(),
            (None, Some(suggestion)) => format!("nowhere (looks like {suggestion})"),
            (None, None) => "nowhere".to_owned(),
        };
        say(&format!(
            "  {}",
            harmless(&format!("{} -> {target}", column.column))
        ));
    }
}
