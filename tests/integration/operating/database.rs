//! The address of the database, and psql on it.

use super::{on, text};
use crate::support::{TestDatabase, cluster_dir, rollcall, run};

#[test]
fn the_address_is_printed_and_psql_runs_there() {
    let database = TestDatabase::new();
    assert_eq!(
        on(&database, &["database", "url"]).stdout,
        format!("{}\n", database.url)
    );
    let shell = |arguments: &[&str]| {
        let command = ["--database-url", &database.url, "database", "shell"];
        run(&mut rollcall(&[&command, arguments].concat())).to_string()
    };
    let name = format!("exit code 0\n{}\n", database.name());
    assert_eq!(shell(&["-XAt", "-c", "SELECT current_database()"]), name);
    assert!(
        shell(&["-X", "-c", "SELECT nothing"])
            .starts_with("exit code 1\nERROR:  column \"nothing\"")
    );
}

#[test]
fn the_embedded_postgres_runs_as_long_as_psql_does() {
    let dir = cluster_dir("shell");
    let data_dir = dir.path().join("data");
    let with_data = |arguments: &[&str]| {
        run(&mut rollcall(
            &[&["--data-dir", text(&data_dir)], arguments].concat(),
        ))
        .to_string()
    };
    let url = with_data(&["database", "url"]);
    assert!(
        url.starts_with("exit code 0\npostgresql://rollcall@"),
        "{url}"
    );
    let asked = with_data(&["database", "shell", "-XAt", "-c", "SELECT current_user"]);
    assert_eq!(asked, "exit code 0\nrollcall\n");
}
