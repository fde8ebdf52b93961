//! Files as they really come. Each of the folder `ugly` has its expected report beside it: what was found out about the
//! file, the totals, every row with a remark as it can be downloaded, and who was stored.

use super::{run_job, subscribers};
use crate::support::TestApp;
use rollcall::import::{SubscriberImport, problems_csv};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

const NOW: &str = "2026-03-01T09:30:00Z";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/importing/ugly")
}

/// Imports a file and tells all about it.
fn report(app: &TestApp, bytes: &[u8]) -> String {
    let (import, failure) = run_job(app, &subscribers(SubscriberImport::default()), bytes);
    let counts = import.counts.as_object().expect("an object").iter();
    let counts: Vec<String> = counts
        .filter(|(_, count)| **count != json!(0))
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let problems = app
        .db()
        .run_here(|connection| problems_csv(connection, import.id, None));
    let (problems, _) = problems.expect("problems").expect("a header at least");
    let stored = app.database.ask(
        "SELECT string_agg(concat_ws(' | ', s.email, s.status, s.first_name, s.city, s.birthday), E'\\n' ORDER BY s.id) FROM subscribers s",
    );
    let form = import.form.unwrap_or(Value::Null);
    format!(
        "{}{}\n{}\n\n{}\n{stored}\n",
        failure
            .map(|why| format!("failed: {why}\n"))
            .unwrap_or_default(),
        form,
        counts.join(", "),
        problems.replace('\r', ""),
    )
}

fn with_somebody_gone() -> TestApp {
    let app = TestApp::at(NOW);
    app.subscriber("gone@example.com", json!({"status": "UNSUBSCRIBED"}));
    app
}

#[test]
fn every_ugly_file_has_the_report_beside_it() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension != "snap")
        })
        .collect();
    files.sort();
    assert!(files.len() >= 19, "{files:?}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for file in files {
            let name = file.file_name().expect("a name").to_string_lossy();
            let bytes = std::fs::read(&file).expect("a file");
            insta::assert_snapshot!(name.as_ref(), report(&with_somebody_gone(), &bytes));
        }
    });
}

/// The same file, packed and not, and in other encodings, stores the same people.
#[test]
fn packed_files_are_unpacked() {
    let plain = std::fs::read(folder().join("semicolons.csv")).expect("a file");
    let expected = report(&with_somebody_gone(), &plain);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&plain).expect("memory");
    let gzip = gzip.finish().expect("memory");
    assert_eq!(report(&with_somebody_gone(), &gzip), expected);
    // Two members one after the other, as some programs write.
    let doubled = [gzip.clone(), gzip].concat();
    let doubled = report(&with_somebody_gone(), &doubled);
    assert!(doubled.contains("rows 5"), "{doubled}");
    let zipped = report(&with_somebody_gone(), &zipped(&[("people.csv", &plain)]));
    assert_eq!(
        zipped.replace(r#""part":"people.csv""#, r#""part":null"#),
        expected
    );
}

#[track_caller]
fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(*name, options).expect("memory");
        archive.write_all(bytes).expect("memory");
    }
    archive.finish().expect("memory").into_inner()
}

#[test]
fn archives_that_are_no_single_file_are_refused() {
    let csv = b"email\nona@example.com\n";
    for (files, why) in [
        (
            &[("a.csv", &csv[..]), ("b.csv", csv)][..],
            "found 2: a.csv, b.csv",
        ),
        (&[("folder/", b"")], "found none"),
    ] {
        let found = report(&with_somebody_gone(), &zipped(files));
        assert!(
            found.starts_with("failed: ") && found.contains(why),
            "{found}"
        );
    }
    let broken = report(
        &with_somebody_gone(),
        b"PK\x03\x04 and then nothing of the kind",
    );
    assert!(
        broken.starts_with("failed: file: the ZIP archive cannot be read"),
        "{broken}"
    );
    let cut = report(&with_somebody_gone(), &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0]);
    assert!(
        cut.starts_with("failed: file: the file cannot be read"),
        "{cut}"
    );
}

/// A few kilobytes that would be a hundred megabytes, and rows in front of them that look like a list.
#[test]
fn bombs_are_refused_before_they_grow() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(b"email,first_name\nona@example.com,Ona\n")
        .expect("memory");
    let zeros = vec![b'0'; 1 << 20];
    for _ in 0..100 {
        gzip.write_all(&zeros).expect("memory");
    }
    let bomb = gzip.finish().expect("memory");
    assert!(bomb.len() < 200_000);
    let found = report(&with_somebody_gone(), &bomb);
    assert!(
        found.starts_with(
            "failed: file: the file cannot be read: it expands to more than 200 times its size"
        ),
        "{found}"
    );
}

#[test]
fn a_cell_of_ten_megabytes_costs_its_row() {
    let mut csv = b"email,first_name\nona@example.com,Ona\nlong@example.com,\"".to_vec();
    csv.resize(csv.len() + (10 << 20), b'x');
    csv.extend_from_slice(b"\"\njonas@example.com,Jonas\n");
    let found = report(&with_somebody_gone(), &csv);
    assert!(
        found.contains("rows 3, created 2, refused 1, malformed 1"),
        "{found}"
    );
    assert!(
        found.contains(
            "3,malformed,,,\"expected a row of at most 1048576 bytes, found a line of 10485780\""
        ),
        "{found}"
    );
    // With line ends in it, no line is long.
    let cell = format!("{}\n", "x".repeat(1_000)).repeat(1_200);
    let csv = format!("email,first_name\nona@example.com,\"{cell}\"\njonas@example.com,Jonas\n");
    let found = report(&with_somebody_gone(), csv.as_bytes());
    assert!(
        found.contains("created 1,") && found.contains("jonas@example.com"),
        "{found}"
    );
}
