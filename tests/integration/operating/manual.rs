//! Completions and manual pages.

use super::text;
use crate::support::{rollcall, run};

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let done = run(&mut rollcall(&["completions", shell]));
        assert!(done.status.success(), "{shell}: {done}");
        for word in ["backup", "verify", "metrics-listen"] {
            assert!(done.stdout.contains(word), "{shell} does not know {word}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = tempfile::tempdir().expect("a directory");
    let pages = dir.path().join("man1");
    let done = run(&mut rollcall(&["man", text(&pages)]));
    assert!(done.status.success(), "{done}");
    for (page, word) in [
        ("rollcall.1", "rollcall\\-backup(1)"),
        ("rollcall-serve.1", "\\-\\-backup\\-dir"),
        ("rollcall-backup-verify.1", "throw\\-away Postgres"),
    ] {
        let text = std::fs::read_to_string(pages.join(page)).expect(page);
        assert!(text.contains(word), "{page} has no {word}");
    }
}
