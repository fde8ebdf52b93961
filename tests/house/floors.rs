//! Rooms stand on floors and use what is below them; libraries stay where they belong; files stay readable.

use super::source::{Module, modules, read};
use std::path::Path;

/// The floors, lowest first. A file may use its own room and the floors below.
const FLOORS: [&[&str]; 17] = [
    &["text"],
    &["rule", "error", "clock", "metrics", "traces"],
    &["evaluate"],
    &["db"],
    &["audience"],
    &["past"],
    &["changes"],
    &["scan"],
    &["refresh"],
    &["follow"],
    &["import", "export", "bulk", "backup"],
    &["webhook"],
    &["live"],
    &["app"],
    &["graphql"],
    &["config"],
    &["server", "cli"],
];

/// Which rooms may use a library.
const LIBRARIES: [(&str, &[&str]); 6] = [
    (
        "diesel",
        &[
            "db", "audience", "past", "changes", "scan", "refresh", "follow", "import", "export",
            "bulk", "backup", "webhook", "graphql", "cli",
        ],
    ),
    ("async_graphql", &["graphql", "server"]),
    ("actix_web", &["server", "cli"]),
    ("actix_ws", &["server"]),
    (
        "tokio",
        &["app", "db", "live", "scan", "graphql", "server", "cli"],
    ),
    ("arrow_array", &["evaluate", "scan"]),
];

/// Tables: the schema of the database, and the words that other programs use.
const TABLES: [&str; 4] = [
    "db/schema.rs",
    "import/plan/consent_words.rs",
    "import/plan/presets.rs",
    "import/plan/vocabulary.rs",
];

/// A file is split by purpose before it is longer.
const LONGEST: usize = 500;

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

fn room_of(module: &Module) -> &str {
    module.path.first().map_or("lib", String::as_str)
}

/// Returns what stands above the room of a module and is used by it nevertheless.
fn used_above(module: &Module) -> Vec<String> {
    let Some(floor) = floor_of(room_of(module)) else {
        return Vec::new();
    };
    let rooms = module.own.iter().filter_map(|path| path.first());
    rooms
        .filter(|used| floor_of(used).is_some_and(|used| used > floor))
        .cloned()
        .collect()
}

/// Returns the libraries that a module uses, though its room must not know them.
fn forbidden_libraries(module: &Module) -> Vec<&'static str> {
    let libraries = LIBRARIES.iter().filter(|(library, rooms)| {
        module.foreign.contains(*library) && !rooms.contains(&room_of(module))
    });
    libraries.map(|(library, _)| *library).collect()
}

#[test]
fn every_room_has_a_floor() {
    for module in modules() {
        let room = room_of(&module);
        assert!(
            room == "lib" || floor_of(room).is_some(),
            "{room} has no floor"
        );
    }
}

#[test]
fn rooms_use_what_is_below_them() {
    for module in modules() {
        let above = used_above(&module);
        assert!(above.is_empty(), "{} uses {above:?}", module.file.display());
    }
}

#[test]
fn libraries_stay_in_their_rooms() {
    for module in modules() {
        let found = forbidden_libraries(&module);
        assert!(found.is_empty(), "{} uses {found:?}", module.file.display());
    }
}

#[test]
fn files_stay_readable() {
    for module in modules() {
        let is_table = TABLES.iter().any(|table| module.file == Path::new(table));
        assert!(
            is_table || module.lines <= LONGEST,
            "{} has {} lines; split it by purpose",
            module.file.display(),
            module.lines
        );
    }
}

#[test]
fn whatever_way_it_is_written_a_use_of_a_higher_room_is_seen() {
    let ways = [
        "use crate::graphql::Api;",
        "use crate::{db::Db, graphql::Api};",
        "use crate::{\n    db::{self, Db},\n    graphql,\n};",
        "use super::super::graphql::Api;",
        "use super::{super::graphql::Api, group};",
        "pub use crate::graphql as api;",
        "fn f() -> crate::graphql::Api { todo!() }",
        "fn f() { let _ = vec![crate::graphql::Api::new()]; }",
        "mod tests { use super::super::super::graphql::Api; }",
        "type T = Vec<crate::graphql::Api>;",
    ];
    for way in ways {
        let module = read(Path::new("audience/planted.rs"), way);
        assert_eq!(used_above(&module), ["graphql"], "{way}");
    }
    let module = read(
        Path::new("text/planted.rs"),
        "use rollcall_rule::{Node, parse_rule};",
    );
    assert_eq!(used_above(&module), ["rule", "rule"]);
    for way in [
        "// use crate::graphql::Api;",
        "/// See [`crate::graphql::Api`].\nfn f() {}",
        "use super::group::Group;",
        "use crate::rule::Node;",
        "const TEXT: &str = \"crate::graphql::Api\";",
    ] {
        let module = read(Path::new("audience/planted.rs"), way);
        assert!(used_above(&module).is_empty(), "{way}");
    }
}

#[test]
fn whatever_way_it_is_written_a_library_is_seen() {
    for way in [
        "use diesel::prelude::*;",
        "use {chrono::Utc, diesel::PgConnection};",
        "use diesel;",
        "fn f(c: &mut diesel::PgConnection) {}",
        "#[derive(diesel::Queryable)]\nstruct S;",
        "fn f() { g!(diesel::select(1)); }",
        "use ::diesel::prelude::*;",
    ] {
        let module = read(Path::new("rule/planted.rs"), way);
        assert_eq!(forbidden_libraries(&module), ["diesel"], "{way}");
    }
}
