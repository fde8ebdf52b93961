//! Files that are no backup, or a damaged one: each is refused with what is wrong, and the database stays as it is.

use super::{back_up, on, text};
use crate::support::{TestApp, TestDatabase};
use serde_json::json;
use std::path::Path;

/// Replaces a text in a file by another of the same length.
#[track_caller]
fn replace(path: &Path, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(path).expect("a file");
    let place = bytes
        .windows(from.len())
        .rposition(|window| window == from.as_bytes())
        .expect("the text is there");
    bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

#[test]
fn files_that_are_not_whole_backups_are_refused() {
    let app = TestApp::at("2026-03-01T12:00:00Z");
    app.subscriber("ona@example.com", json!({}));
    let dir = tempfile::tempdir().expect("a directory");
    let good = back_up(&app.database, dir.path());
    let whole = std::fs::read(&good).expect("a file");
    let dump_flipped = {
        let mut bytes = whole.clone();
        bytes[512 + 2_000] ^= 1;
        bytes
    };
    let manifest_at = whole
        .windows(13)
        .rposition(|window| window == b"manifest.json")
        .expect("a manifest");
    let header_flipped = {
        let mut bytes = whole.clone();
        bytes[manifest_at] ^= 1;
        bytes
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", vec![], "is not a backup of Rollcall"),
        (
            "text",
            b"email\nona@example.com\n".repeat(100),
            "is not a backup of Rollcall",
        ),
        (
            "another archive",
            whole[manifest_at..].to_vec(),
            "is not a backup of Rollcall",
        ),
        (
            "a bare dump",
            whole[512..manifest_at].to_vec(),
            "is not a backup of Rollcall",
        ),
        (
            "cut in the dump",
            whole[..3_000].to_vec(),
            "was cut off: it ends before its manifest",
        ),
        (
            "cut behind the dump",
            whole[..manifest_at].to_vec(),
            "was cut off: it ends before its manifest",
        ),
        (
            "cut in the manifest",
            whole[..manifest_at + 600].to_vec(),
            "was cut off: it ends before its manifest",
        ),
        (
            "a flipped bit in the dump",
            dump_flipped,
            "is damaged: the SHA-256 of its dump is not that of the manifest",
        ),
        (
            "a flipped bit in a header",
            header_flipped,
            "is damaged: its manifest cannot be found",
        ),
        (
            "no JSON",
            replace(&good, "\"migrations\": [", "\"migrations\": ]"),
            "is damaged: its manifest cannot be read",
        ),
        (
            "another length",
            replace(&good, "\"bytes\": ", "\"bytes\":9"),
            "is damaged: the length of its dump is not that of the manifest",
        ),
        (
            "a later form",
            replace(&good, "\"format\": 1", "\"format\": 2"),
            "was made by a newer Rollcall (format 2, and this one reads up to 1); use that version or a newer one",
        ),
        (
            "unknown migrations",
            replace(&good, "20261122000001", "29991122000001"),
            "has migrations that this one does not know (29991122000001); use that version or a newer one",
        ),
        (
            "a later server",
            replace(&good, "\"postgres_major\": 1", "\"postgres_major\": 9"),
            "and this server is",
        ),
    ];
    let database = TestDatabase::without_tables();
    let path = dir.path().join("broken.backup");
    for (what, bytes, told) in cases {
        std::fs::write(&path, bytes).expect("a file");
        let refused = on(&database, &["restore", text(&path)]).to_string();
        assert!(
            refused.starts_with("exit code 1\nrollcall: ") && refused.contains(told),
            "{what}: {refused}"
        );
        assert!(refused.contains("nothing was changed"), "{what}: {refused}");
        let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
        assert_eq!(database.ask(tables), "0", "{what}");
    }
    let missing = on(&database, &["restore", "/nonexistent/file"]).to_string();
    assert!(
        missing.contains("cannot read \"/nonexistent/file\": No such file"),
        "{missing}"
    );
}

#[test]
fn checking_finds_a_manifest_that_tells_something_else() {
    let app = TestApp::at("2026-03-01T12:00:00Z");
    app.subscriber("ona@example.com", json!({}));
    let dir = tempfile::tempdir().expect("a directory");
    let path = back_up(&app.database, dir.path());
    let told = on(&app.database, &["backup", "verify", text(&path)]);
    assert!(told.status.success(), "{told}");
    assert!(told.stdout.contains("\nrestored and counted: "), "{told}");
    let other = replace(&path, "\"subscribers\": 1", "\"subscribers\": 2");
    std::fs::write(&path, other).expect("a file");
    let refused = on(&app.database, &["backup", "verify", text(&path)]).to_string();
    assert!(
        refused.contains("differs from its manifest in: subscribers"),
        "{refused}"
    );
}
