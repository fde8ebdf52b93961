//! The console: its types, its size, and its screens in headless Chromium.

use crate::support::{Finished, Server, TestDatabase, Workshop, rollcall};
use std::io::Write;
use std::path::Path;

/// Where Debian and others have Chromium, besides `$CHROMIUM`.
const CHROMIUM: [&str; 3] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
];

/// A server with the data of the demo, and the scripts of the console's tests.
struct Stage {
    server: Server,
    scripts: Workshop,
    _database: TestDatabase,
}

impl Stage {
    /// Returns nothing where npm, Chromium or the console is missing, which is then said.
    fn with(command: &str, base_path: &str) -> Option<Stage> {
        let scripts = Workshop::of_console()?;
        let is_there = |path: &str| Path::new(path).exists();
        let named = std::env::var("CHROMIUM").is_ok_and(|path| is_there(&path));
        if !named && !CHROMIUM.into_iter().any(is_there) {
            return leave_out("Chromium is missing; .ci/install-chromium installs it on Debian");
        }
        let database = TestDatabase::new();
        let server = Server::spawn(
            rollcall(&[command, "--listen", "127.0.0.1:0"])
                .args(["--database-url", &database.url])
                .args(
                    (!base_path.is_empty())
                        .then_some(["--base-path", base_path])
                        .into_iter()
                        .flatten(),
                ),
        );
        let page = ureq::get(format!("http://{}{base_path}/console/", server.address))
            .call()
            .expect("the console answers")
            .body_mut()
            .read_to_string()
            .expect("a page");
        if page.contains("This is the fall-back page") {
            return leave_out("this build has the fall-back page in place of the console");
        }
        Some(Stage {
            server,
            scripts,
            _database: database,
        })
    }

    #[track_caller]
    fn play(&self, script: &str, arguments: &[&str]) -> Finished {
        let origin = format!("http://{}", self.server.address);
        let arguments = [&[origin.as_str()], arguments].concat();
        self.scripts
            .node(&format!("tests/{script}.mjs"), &arguments)
    }
}

/// Says loudly what is not tested; fails where everything has to be.
fn leave_out<T>(reason: &str) -> Option<T> {
    let required = std::env::var("ROLLCALL_CLIENTS").is_ok_and(|value| value == "required");
    assert!(!required, "ROLLCALL_CLIENTS=required, but {reason}");
    // Not by a macro, whose text is kept from developers while the tests succeed.
    let line = format!("\n*** NOT TESTED: the console in a browser; {reason}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    None
}

#[test]
fn the_console_asks_only_for_what_the_schema_has() {
    let Some(console) = Workshop::of_console() else {
        return;
    };
    for (program, arguments) in [
        ("gql.tada/bin/cli.js", &["generate-output"][..]),
        ("gql.tada/bin/cli.js", &["check", "--fail-on-warn"]),
        ("typescript/bin/tsc", &["--noEmit"]),
    ] {
        let program = format!("../node_modules/{program}");
        console.node(&program, arguments).succeeded();
    }
}

#[test]
fn the_console_keeps_to_its_size() {
    let Some(console) = Workshop::of_console() else {
        return;
    };
    let vite = "../node_modules/vite/bin/vite.js";
    console
        .node(vite, &["build", "--manifest", "--logLevel=error"])
        .succeeded();
    console.node("tests/size.mjs", &["dist"]).succeeded();
}

#[test]
fn every_screen_is_accessible_and_loads_nothing_from_other_hosts() {
    let Some(stage) = Stage::with("demo", "") else {
        return;
    };
    stage.play("screens", &[]).succeeded();
}

#[test]
fn the_keyboard_alone_makes_a_segment_and_reads_reasons() {
    let Some(stage) = Stage::with("demo", "/crm") else {
        return;
    };
    stage.play("walk", &["/crm"]).succeeded();
}

#[test]
fn editing_survives_reloads_and_the_changes_of_others() {
    let Some(stage) = Stage::with("demo", "") else {
        return;
    };
    stage.play("editing", &[]).succeeded();
}

#[test]
fn names_small_windows_and_unfinished_rules_are_provided_for() {
    let Some(stage) = Stage::with("demo", "") else {
        return;
    };
    stage.play("stranger", &[]).succeeded();
}

#[test]
fn a_key_signs_in_and_out() {
    let Some(stage) = Stage::with("serve", "") else {
        return;
    };
    stage.play("signing-in", &[]).succeeded();
}

/// Run it by hand: `ROLLCALL_PICTURES=docs/pictures cargo test --test integration pictures -- --ignored`.
#[test]
#[ignore = "it writes the pictures of the documentation"]
fn pictures_of_the_documentation() {
    let stage = Stage::with("demo", "").expect("Chromium and the console");
    let folder = std::env::var("ROLLCALL_PICTURES").expect("a folder in ROLLCALL_PICTURES");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let folder = folder.to_str().expect("a path in UTF-8");
    stage.play("pictures", &[folder]).succeeded();
}
