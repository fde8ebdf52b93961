//! Imports as a terminal of 80 columns shows them.

use crate::audience::import::{
    FileForm, Import, ImportKind, ImportReport, ImportState, full_report,
};
use crate::db::Db;
use chrono::{DateTime, Utc};
use std::process::ExitCode;

/// How many problems are printed; the others are counted.
const PRINTED: usize = 20;

/// How many characters of a file's name are listed.
const NAME: usize = 24;

/// Prints the report of an import, and returns the exit code that tells its outcome.
pub fn print_result(db: &Db, import: &Import, now: DateTime<Utc>) -> anyhow::Result<ExitCode> {
    let report = db.run_here(|connection| full_report(connection, import))?;
    print_report(&report, import.kind());
    if import.is_dry_run() {
        println!("a dry run: nothing was written");
    }
    print_problems(&report, import.id);
    let id = import.id;
    match import.state() {
        ImportState::Cancelled | ImportState::Failed => {
            let why = import
                .error
                .clone()
                .unwrap_or_else(|| "it was cancelled".to_owned());
            println!("import {id} stopped half-way: {why}");
            if import.file_path.is_some() {
                println!("go on with it: rollcall import resume {id}");
            }
        }
        ImportState::Running | ImportState::Ready | ImportState::Waiting => {
            println!("import {id} has not ended: rollcall import resume {id}");
        }
        ImportState::Undone => println!("import {id} is undone"),
        ImportState::Succeeded => {}
    }
    if import.can_undo(now) {
        println!("undo it: rollcall import undo {id}");
    }
    Ok(match import.state() {
        ImportState::Succeeded | ImportState::Undone if report.refused == 0 => ExitCode::SUCCESS,
        ImportState::Succeeded | ImportState::Undone => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    })
}

fn print_report(report: &ImportReport, kind: ImportKind) {
    println!("{} rows", report.rows);
    let lines = match kind {
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
    for (number, what) in lines.into_iter().filter(|(number, _)| *number > 0) {
        println!("  {number:>9} {what}");
        if what == "refused" && are_several {
            for (number, why) in reasons.into_iter().filter(|(number, _)| *number > 0) {
                println!("  {number:>11} {why}");
            }
        }
    }
}

fn print_problems(report: &ImportReport, id: i64) {
    for problem in report.problems.iter().take(PRINTED) {
        eprintln!("  {problem}");
    }
    if report.refused > PRINTED as u64 {
        let more = report.refused - PRINTED as u64;
        eprintln!("  and {more} more");
    }
    if report.refused + report.repeated + report.suppressed + report.role_addresses > 0 {
        println!("every row with a remark: rollcall import problems {id}");
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
        let name: String = import.file_name.chars().take(NAME).collect();
        println!(
            "{:>6}  {:<11} {:<9}  {:<16}  {:>8}  {name}",
            import.id,
            import.kind,
            import.state,
            import.created_at.format("%Y-%m-%d %H:%M").to_string(),
            import.done_rows,
        );
    }
}

/// Prints what an import is about.
pub fn print_import(import: &Import) {
    println!("import {} of {}: {}", import.id, import.kind, import.state);
    println!("file {}, {} bytes", import.file_name, import.file_size);
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
        println!("  {} -> {target}", column.column);
    }
}
