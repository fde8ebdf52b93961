//! No circles: files of one room use each other in one direction.

use super::source::{Module, modules, read};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The rooms that have no circle among their files: all but `graphql`, whose types refer to each other as the schema does.
const ROOMS: [&str; 17] = [
    "audience", "backup", "bulk", "changes", "cli", "db", "evaluate", "export", "follow", "import",
    "past", "refresh", "rule", "scan", "server", "text", "webhook",
];

type Graph = BTreeMap<Vec<String>, BTreeSet<Vec<String>>>;

/// Who uses whom among modules. A name that a module hands on belongs to where it comes from.
fn uses(modules: &[Module]) -> Graph {
    let module_at = |path: &[String]| modules.iter().find(|module| module.path == path);
    let find = |path: &[String]| {
        if let Some(module) = module_at(path) {
            return Some(module.path.clone());
        }
        let (module, next) = (1..path.len())
            .rev()
            .find_map(|length| Some((module_at(&path[..length])?, &path[length])))?;
        let from = module.handed_on.get(next);
        Some(from.unwrap_or(&module.path).clone())
    };
    modules
        .iter()
        .map(|module| {
            let used = module.own.iter().filter_map(|path| find(path));
            let others = used.filter(|used| *used != module.path);
            (module.path.clone(), others.collect())
        })
        .collect()
}

/// Returns a circle, if there is one: the modules along it.
fn find_circle(graph: &Graph) -> Option<Vec<String>> {
    let mut left: BTreeSet<&Vec<String>> = graph.keys().collect();
    loop {
        // Whoever uses nobody who is left is in no circle.
        let free: Vec<&Vec<String>> = left
            .iter()
            .filter(|module| graph[**module].iter().all(|used| !left.contains(used)))
            .copied()
            .collect();
        if free.is_empty() {
            break;
        }
        for module in free {
            left.remove(module);
        }
    }
    let mut along = vec![*left.first()?];
    loop {
        let next = graph[along[along.len() - 1]]
            .iter()
            .find(|used| left.contains(used))?;
        if let Some(start) = along.iter().position(|module| *module == next) {
            let names = along[start..].iter().map(|module| module.join("/"));
            return Some(names.collect());
        }
        along.push(next);
    }
}

fn circle_in(room: &str, modules: Vec<Module>) -> Option<Vec<String>> {
    let of_room: Vec<Module> = modules
        .into_iter()
        .filter(|module| module.path.first().is_some_and(|first| first == room))
        .collect();
    find_circle(&uses(&of_room))
}

#[test]
fn no_room_has_a_circle() {
    for room in ROOMS {
        let circle = circle_in(room, modules());
        assert_eq!(circle, None, "in {room}");
    }
}

#[test]
fn a_circle_is_found() {
    let planted = |file: &str, text: &str| read(Path::new(file), text);
    let circle = circle_in(
        "rule",
        vec![
            planted("rule/mod.rs", "mod a; mod b; mod c; pub use c::C;"),
            planted("rule/a.rs", "use super::b::B;"),
            planted("rule/b.rs", "use crate::{C, limits};"),
            planted("rule/c.rs", "fn f() { super::a::a(); }"),
        ],
    );
    assert_eq!(circle.map(|circle| circle.len()), Some(3));
}

#[test]
fn a_circle_of_modules_that_are_imported_whole_is_found() {
    let planted = |file: &str, text: &str| read(Path::new(file), text);
    let circle = circle_in(
        "bulk",
        vec![
            planted("bulk/mod.rs", "mod run; mod undo;"),
            planted("bulk/run.rs", "use super::undo; fn f() { undo::undo(); }"),
            planted("bulk/undo.rs", "use super::run::forget;"),
        ],
    );
    assert_eq!(circle.map(|circle| circle.len()), Some(2));
}
