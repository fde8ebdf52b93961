//! Imports as a terminal of 80 columns shows them.

use crate::cli::terminal::{Screen, harmless};
use crate::db::Db;
use crate::import::{FileForm, Import, ImportKind, ImportReport, ImportState, full_report};
use chrono::{DateTime, Utc};
use std::process::ExitCode;

/// How many problems are printed where there is no screen that they have to fit; the others are counted.
const PRINTED: usize = 20;

/// How many problems are printed even on the smallest screen.
const AT_LEAST: usize = 1;

/// How many characters of a file's name are listed.
const NAME: usize = 24;

/// Prints the report of an import, and returns the exit code that tells its outcome. On a terminal all of it stays on
/// the screen: as many problems are shown as there is room for, each on one line.
pub fn print_result(db: &Db, import: &Import, now: DateTime<Utc>) -> anyhow::Result<ExitCode> {
    let report = db.run_here(|connection| full_report(connection, import))?;
    let mut head = counts(&report, import.kind());
    if import.is_dry_run() {
        head.push("a dry run: nothing was written".to_owned());
    }
    let head: Vec<String> = head.iter().map(|line| harmless(line)).collect();
    let tail = what_to_do(&report, import, now);
    let tail: Vec<String> = tail.iter().map(|line| harmless(line)).collect();
    let screen = Screen::of_errors();
    let room = screen.as_ref().map(|screen| {
        let others = head.iter().chain(&tail);
        let taken: usize = others.map(|line| screen.height_of(line)).sum();
        // One line is left for the number of the others, and one for the prompt.
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

fn print_lines(lines: &[String]) {
    for line in lines {
        println!("{line}");
    }
}

/// What can be done with an import that has this report.
fn what_to_do(report: &ImportReport, import: &Import, now: DateTime<Utc>) -> Vec<String> {
    let id = import.id;
    let mut lines = Vec::new();
    if report.refused + report.repeated + report.suppressed + report.role_addresses > 0 {
        lines.push(format!(
            "every row with a remark: rollcall import problems {id}"
        ));
    }
    match import.state() {
        ImportState::Cancelled | ImportState::Failed => {
            let why = import.error.as_deref().unwrap_or("it was cancelled");
            lines.push(format!("import {id} stopped half-way: {why}"));
            if import.file_path.is_some() {
                lines.push(format!("go on with it: rollcall import resume {id}"));
            }
        }
        ImportState::Running | ImportState::Ready | ImportState::Waiting => {
            lines.push(format!(
                "import {id} has not ended: rollcall import resume {id}"
            ));
        }
        ImportState::Undoing => lines.push(format!("import {id} is being undone")),
        ImportState::Undone => lines.push(format!("import {id} is undone")),
        ImportState::Succeeded => {}
    }
    if let Some(why) = &import.undo_error {
        lines.push(format!("import {id} was not undone: {why}"));
    }
    if import.can_undo(now) {
        lines.push(format!("undo it: rollcall import undo {id}"));
    }
    lines
}

/// How many rows came to what.
fn counts(report: &ImportReport, kind: ImportKind) -> Vec<String> {
    let counts = match kind {
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
        ],
        ImportKind::Events => vec![
            (report.created, "recorded"),
            (report.unchanged, "known already"),
            (report.refused, "refused"),
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
    // Where nothing is remembered of single rows any more, there are no others.
    if !shown.is_empty() && more > 0 {
        eprintln!("  and {more} more");
    }
}

/// Prints one line for each import.
pub fn print_list(imports: &[Import]) {
    if imports.is_empty() {
        println!("nothing was imported yet");
        return;
    }
    println!(
        "{:>6}  {:<11} {:<9}  {:<16}  {:>8}  file",
        "id", "what", "state", "asked for", "rows"
    );
    for import in imports {
        let name: String = harmless(&import.file_name).chars().take(NAME).collect();
        println!(
            "{:>6}  {:<11} {:<9}  {:<16}  {:>8}  {name}",
            import.id,
            import.kind,
            import.state().as_str(),
            import.created_at.format("%Y-%m-%d %H:%M").to_string(),
            import.done_rows,
        );
    }
}

/// Prints what an import is about.
pub fn print_import(import: &Import) {
    let state = import.state().as_str();
    println!("import {} of {}: {state}", import.id, import.kind);
    let name = harmless(&import.file_name);
    println!("file {name}, {} bytes", import.file_size);
    if let Some(form) = import.form() {
        print_form(&form);
    }
}

fn print_form(file: &FileForm) {
    let delimiter = match file.form.delimiter {
        b'\t' => "tab".to_owned(),
        other => format!("\"{}\"", char::from(other)),
    };
    let header = if file.form.has_header {
        "a header"
    } else {
        "no header"
    };
    println!(
        "{}, cells separated by {delimiter}, {header}",
        file.form.encoding.as_str()
    );
    for column in &file.columns {
        let target = match (&column.target, &column.suggestion) {
            (Some(target), _) => target.clone(),
            (None, Some(suggestion)) => format!("nowhere (looks like {suggestion})"),
            (None, None) => "nowhere".to_owned(),
        };
        println!("  {}", harmless(&format!("{} -> {target}", column.column)));
    }
}
