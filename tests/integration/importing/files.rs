//! The forms that files come in, from the programs that write them.

use super::import;
use crate::support::{TestApp, TestDatabase, import_text};
use insta::assert_snapshot;
use rollcall::import::{FileOptions, Progress, SubscriberImport, import_subscribers};

const NOW: &str = "2026-03-01T09:30:00Z";

fn separated_by(delimiter: u8) -> SubscriberImport {
    SubscriberImport {
        file: FileOptions {
            delimiter: Some(delimiter),
            ..FileOptions::default()
        },
        ..SubscriberImport::default()
    }
}

fn people(app: &TestApp) -> String {
    app.database.ask("SELECT json_agg(json_build_array(s.email, s.first_name, s.city) ORDER BY s.id) FROM subscribers s")
}

#[test]
fn the_same_people_come_of_every_form_of_a_file() {
    let forms: [(&str, &str, u8); 7] = [
        (
            "plain",
            "email,first_name,city\nona@example.com,Ona,Vilnius\njonas@example.com,Jonas,Kaunas\n",
            b',',
        ),
        (
            "no last line end",
            "email,first_name,city\nona@example.com,Ona,Vilnius\njonas@example.com,Jonas,Kaunas",
            b',',
        ),
        (
            "as spreadsheets save it",
            "\u{feff}email,first_name,city\r\nona@example.com,Ona,Vilnius\r\njonas@example.com,Jonas,Kaunas\r\n",
            b',',
        ),
        (
            "everything quoted",
            "\u{feff}\"email\",\"first_name\",\"city\"\r\n\"ona@example.com\",\"Ona\",\"Vilnius\"\r\n\
             \"jonas@example.com\",\"Jonas\",\"Kaunas\"\r\n",
            b',',
        ),
        (
            "semicolons",
            "email;first_name;city\nona@example.com;Ona;Vilnius\njonas@example.com;Jonas;Kaunas\n",
            b';',
        ),
        (
            "tabs",
            "email\tfirst_name\tcity\nona@example.com\tOna\tVilnius\njonas@example.com\tJonas\tKaunas\n",
            b'\t',
        ),
        (
            "blank lines and columns in another order",
            "\ncity,email,first_name\n\nVilnius,ona@example.com,Ona\n  \nKaunas,jonas@example.com,Jonas\n\n",
            b',',
        ),
    ];
    for (form, csv, delimiter) in forms {
        let app = TestApp::at(NOW);
        let report = import(&app, csv, &separated_by(delimiter));
        assert_eq!((report.rows, report.created), (2, 2), "{form}");
        assert_eq!(
            people(&app),
            r#"[["ona@example.com", "Ona", "Vilnius"], ["jonas@example.com", "Jonas", "Kaunas"]]"#,
            "{form}"
        );
    }
}

#[test]
fn quoted_cells_hold_delimiters_line_ends_and_quotes() {
    let app = TestApp::at(NOW);
    let csv = "email,first_name,city\r\n\
        ona@example.com,\"Ona \"\"the\r\nfirst\"\"\",\"Vilnius, old town\"\r\n\
        jonas@example.com,\"\",5\" street\r\n";
    assert_eq!(import(&app, csv, &SubscriberImport::default()).created, 2);
    assert_eq!(
        people(&app),
        r#"[["ona@example.com", "Ona \"the\r\nfirst\"", "Vilnius, old town"], ["jonas@example.com", null, "5\" street"]]"#
    );
}

#[test]
fn columns_can_be_left_out() {
    let app = TestApp::at(NOW);
    let options = SubscriberImport {
        ignore: vec!["internal id".to_owned(), "notes".to_owned()],
        ..SubscriberImport::default()
    };
    let csv = "internal id,email,notes,city\n7,ona@example.com,anything,Vilnius\n";
    assert_eq!(import(&app, csv, &options).created, 1);
    assert_eq!(people(&app), r#"[["ona@example.com", null, "Vilnius"]]"#);
}

#[test]
fn a_file_with_a_header_alone_imports_nobody() {
    let app = TestApp::at(NOW);
    assert_eq!(
        import(&app, "email,city\n", &SubscriberImport::default()).rows,
        0
    );
    assert_eq!(people(&app), "");
}

#[test]
fn progress_grows_to_the_end_of_the_file() {
    let app = TestApp::at(NOW);
    let rows: String = (0..11_000)
        .map(|number| format!("p{number}@example.com\n"))
        .collect();
    let csv = format!("\u{feff}email\n{rows}");
    let mut seen: Vec<Progress> = Vec::new();
    let options = SubscriberImport::default();
    import_subscribers(
        app.db(),
        csv.as_bytes(),
        &options,
        app.clock.now(),
        |progress| seen.push(progress),
    )
    .expect("an import");
    assert_eq!(seen.len(), 3);
    assert!(seen.is_sorted_by_key(|progress| (progress.rows, progress.bytes)));
    let end = Progress {
        bytes: csv.len() as u64,
        rows: 11_000,
    };
    assert_eq!(seen.last(), Some(&end));
}

#[test]
fn the_command_prints_what_it_did() {
    let database = TestDatabase::new();
    let csv =
        "email;status\nona@example.com;\njonas@example.com;unsubscribed\nONA@example.com;pending\n";
    let arguments = ["--delimiter", ";", "--group", "readers", "--create-group"];
    assert_snapshot!(import_text(&database, "subscribers", csv, &arguments), @r"
    exit code 0
    3 rows
              2 created
              1 repeated in the file
              2 added to groups
    every row with a remark: rollcall import problems 1
    undo it: rollcall import undo 1
    ");
    let csv = "email\tstatus\nona@example.com\t\njonas@example.com\tsubscribed\n";
    assert_snapshot!(import_text(&database, "subscribers", csv, &["--delimiter", "tab"]), @r"
    exit code 0
    2 rows
              2 unchanged
              1 kept unsubscribed, bounced or complained
    every row with a remark: rollcall import problems 2
    undo it: rollcall import undo 2
    ");
    let csv = "email,event,occurred_at,dedupe_key\nona@example.com,visit,2026-03-01T09:30:00Z,a\nona@example.com,visit,2026-03-01T09:30:00Z,a\n";
    assert_snapshot!(import_text(&database, "events", csv, &[]), @r"
    exit code 0
    2 rows
              1 recorded
              1 known already
    undo it: rollcall import undo 3
    ");
}
