//! Rules about the source itself.

use std::path::{Path, PathBuf};

/// The floors, lowest first; a file may use its own floor and those below.
const FLOORS: [&[&str]; 8] = [
    &["rule", "error", "clock", "text", "cancel"],
    &["evaluate"],
    &["db"],
    &["audience"],
    &["past", "scan", "refresh", "follow"],
    &["import", "export"],
    &["config", "live", "graphql"],
    &["server", "cli"],
];

/// Which floors may use a library.
const LIBRARIES: [(&str, &[&str]); 4] = [
    (
        "diesel",
        &[
            "db", "audience", "past", "scan", "refresh", "follow", "import", "export", "graphql",
            "cli",
        ],
    ),
    ("async_graphql", &["graphql", "server"]),
    ("actix_web", &["server", "cli"]),
    ("actix_ws", &["server"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Returns every source file with its floor's name and text.
fn modules() -> Vec<(String, PathBuf, String)> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    files
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(root().join("src")).expect("a source");
            let first = inside.components().next().expect("a name").as_os_str();
            let module = first.to_string_lossy().trim_end_matches(".rs").to_owned();
            let text = std::fs::read_to_string(&path).expect("a text");
            (module, path, text)
        })
        .collect()
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

#[test]
fn imports_go_down_only() {
    for (module, path, text) in modules() {
        let Some(floor) = floor_of(&module) else {
            assert!(
                ["lib", "main"].contains(&module.as_str()),
                "{module} has no floor"
            );
            continue;
        };
        for (position, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for used in code.split("crate::").skip(1) {
                let used: String = used
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                let Some(used_floor) = floor_of(&used) else {
                    continue;
                };
                assert!(
                    used_floor <= floor,
                    "{}:{}: {module} uses {used}, which stands above it",
                    path.display(),
                    position + 1
                );
            }
        }
    }
}

#[test]
fn libraries_stay_on_their_floors() {
    for (module, path, text) in modules() {
        for (library, floors) in LIBRARIES {
            let uses = text.lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains(&format!("{library}::"))
            });
            assert!(
                !uses || floors.contains(&module.as_str()),
                "{} uses {library}, which belongs to {floors:?}",
                path.display()
            );
        }
    }
}

#[test]
fn files_stay_readable() {
    for (_, path, text) in modules() {
        let is_generated = path.ends_with("db/schema.rs");
        assert!(
            is_generated || text.lines().count() <= 550,
            "{} has {} lines; split it by purpose",
            path.display(),
            text.lines().count()
        );
    }
}
