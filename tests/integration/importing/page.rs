//! What `rollcall import` says of files before it writes anything: it fits a terminal of 80 columns, ends with what to
//! type, and what it says to type works.

use super::cases::{cases, input, name_of};
use crate::support::{Finished, TestDatabase, import_text, rollcall, run};
use insta::assert_snapshot;
use std::path::Path;
use std::process::Command;

/// Runs what a message says to type, as a shell does.
fn type_in(text: &str, directory: &Path, database: &TestDatabase) -> Finished {
    let program = Path::new(env!("CARGO_BIN_EXE_rollcall"));
    let bin = program.parent().expect("a directory");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let mut command = Command::new("sh");
    let command = command
        .args(["-c", text])
        .current_dir(directory)
        .env_clear();
    run(command
        .env("PATH", path)
        .env("DATABASE_URL", &database.url)
        .env("HOME", directory))
}

/// The command at the end of a message.
fn command_in(message: &str) -> Option<String> {
    let start = message.rfind("\nrollcall ")?;
    Some(message[start + 1..].trim_end().to_owned())
}

#[track_caller]
fn assert_fits(text: &str, of: &str) {
    // What is said of single rows is cut to the width of a terminal, where there is one.
    for line in text.lines().filter(|line| !line.starts_with("  line ")) {
        assert!(console_width(line) <= 80, "{of}: {line}");
    }
}

/// How many columns of a terminal a line takes.
fn console_width(line: &str) -> usize {
    line.chars()
        .filter(|character| !('\u{300}'..='\u{36f}').contains(character))
        .count()
}

#[test]
fn every_message_fits_and_what_it_says_to_type_works() {
    let database = TestDatabase::new();
    for case in cases() {
        let name = name_of(&case);
        let (file, bytes) = input(&case);
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join(&file), bytes).expect("the file can be written");
        let what = if ["80-shopify-orders", "81-stripe-payments"].contains(&name.as_str()) {
            "events"
        } else {
            "subscribers"
        };
        let mut command = rollcall(&["import", what, &file, "--dry-run"]);
        let command = command
            .env("DATABASE_URL", &database.url)
            .current_dir(directory.path());
        let finished = run(command);
        let said = format!("{}{}", finished.stdout, finished.stderr);
        assert_fits(&said, &name);
        if finished.status.code() != Some(1) || said.contains("rows were refused") {
            continue;
        }
        let last = said.trim_end().lines().last().unwrap_or_default();
        assert!(
            last.contains("rollcall ") || last.starts_with("  --"),
            "{name}: {said}"
        );
        let Some(command) = command_in(&said) else {
            continue;
        };
        let typed = type_in(&command, directory.path(), &database);
        let is_read = typed.stdout.contains("rows were refused");
        assert!(
            is_read || matches!(typed.status.code(), Some(0 | 2)),
            "{name}: {command}\n{typed}"
        );
        assert_fits(&format!("{}{}", typed.stdout, typed.stderr), &name);
    }
}

const MAILCHIMP: &str = "\"Email Address\",\"First Name\",\"Company size\",MEMBER_RATING,OPTIN_TIME,LEID,EUID,\"SMS consent\"\n\
    ona@example.com,Ona,12,4,2023-05-06 07:08:09,1,a,yes\njonas@example.com,Jonas,,2,,2,b,no\n";

#[test]
fn a_file_of_a_known_program_is_recognised() {
    let database = TestDatabase::new();
    let asked = import_text(&database, "subscribers", MAILCHIMP, &[]);
    assert_eq!(asked.status.code(), Some(1), "{asked}");
    for part in [
        "looks like an export of mailchimp",
        "? SMS consent",
        "  --from mailchimp \\",
        "  --ignore \"SMS consent\"",
    ] {
        assert!(asked.stderr.contains(part), "{part}: {asked}");
    }
    assert_eq!(database.ask("SELECT count(*) FROM subscribers"), "0");
}

#[test]
fn refused_rows_are_in_a_file_that_can_be_corrected_and_imported() {
    let database = TestDatabase::new();
    let directory = tempfile::tempdir().expect("a directory");
    let csv = "email;first_name;note\nona@example.com;Ona;\nnobody;\"Jo; Doe\";\"say \"\"hi\"\"\"\n;Ann;\n";
    std::fs::write(directory.path().join("people.csv"), csv).expect("the file can be written");
    let import = |file: &str| {
        let mut command = rollcall(&["import", "subscribers", file, "--field", "note:text"]);
        run(command
            .env("DATABASE_URL", &database.url)
            .current_dir(directory.path()))
    };
    let first = import("people.csv");
    assert_eq!(first.status.code(), Some(2), "{first}");
    let path = directory.path().join("people.refused-1.csv");
    let refused = std::fs::read_to_string(&path).expect("a file");
    assert_snapshot!(refused.replace('\r', ""), @r#"
    refused because;email;first_name;note
    "line 3: expected an e-mail address, found ""nobody"": it has no @";nobody;"Jo; Doe";"say ""hi"""
    line 4: expected an e-mail address, found an empty cell;;Ann;
    "#);
    assert!(first.stdout.contains("people.refused-1.csv"), "{first}");
    let corrected = refused
        .replace(";nobody;", ";jo@example.com;")
        .replace(";;Ann;", ";ann@example.com;Ann;");
    std::fs::write(&path, corrected).expect("the file can be written");
    let second = import("people.refused-1.csv");
    assert_eq!(second.status.code(), Some(0), "{second}");
    assert_eq!(
        database.ask("SELECT string_agg(concat_ws('|', email, first_name, custom ->> 'note'), ' ' ORDER BY id) FROM subscribers"),
        "ona@example.com|Ona jo@example.com|Jo; Doe|say \"hi\" ann@example.com|Ann"
    );
}

#[test]
fn an_import_that_refused_everything_has_failed() {
    let database = TestDatabase::new();
    let finished = import_text(&database, "subscribers", "email\nnobody\n\n,\nnone\n", &[]);
    assert_eq!(finished.status.code(), Some(1), "{finished}");
    assert!(
        finished
            .stdout
            .contains("nothing was imported: all 2 rows were refused"),
        "{finished}"
    );
    assert_eq!(database.ask("SELECT state FROM imports"), "failed");
}

#[test]
fn nobody_reading_on_is_no_error() {
    let database = TestDatabase::new();
    let rows: String = (0..30_000).map(|row| format!("nobody {row}\n")).collect();
    let csv = format!("email\nona@example.com\n{rows}");
    let done = import_text(&database, "subscribers", csv, &[]);
    assert_eq!(done.status.code(), Some(2), "{done}");
    for what in ["problems", "refused", "show"] {
        let directory = tempfile::tempdir().expect("a directory");
        let finished = type_in(
            &format!("(rollcall import {what} 1; echo code $? >&2) | head -1"),
            directory.path(),
            &database,
        );
        let expected = if what == "show" { "code 2" } else { "code 0" };
        assert!(finished.stderr.contains(expected), "{what}: {finished}");
        assert!(!finished.stderr.contains("panicked"), "{what}: {finished}");
    }
}
