//! Backups of tables in a schema that is not `public`, beside tables of others.

use super::replacing::leave;
use super::text;
use crate::support::{Finished, TestDatabase, rollcall, run};
use std::path::Path;

/// Makes a database with a schema `crm`, and a table of somebody else in `public`.
fn database() -> TestDatabase {
    let database = TestDatabase::without_tables();
    database.execute("CREATE SCHEMA crm; CREATE TABLE public.bills AS SELECT 1 AS number");
    database
}

/// Runs a command on the schema `crm`.
fn in_crm(database: &TestDatabase, arguments: &[&str]) -> Finished {
    leave(database);
    let url = format!("{}&options=-csearch_path%3Dcrm", database.url);
    run(rollcall(arguments).args(["--database-url", &url]))
}

#[track_caller]
fn succeeds(done: Finished) -> String {
    assert!(done.status.success(), "{done}");
    done.stdout
}

fn people(database: &TestDatabase) -> String {
    database.ask("SELECT string_agg(email, ' ' ORDER BY email) FROM crm.subscribers")
}

fn import(database: &TestDatabase, dir: &Path, emails: &str) {
    let file = dir.join("people.csv");
    std::fs::write(&file, format!("email\n{emails}\n")).expect("a file");
    succeeds(in_crm(database, &["import", "subscribers", text(&file)]));
}

#[test]
fn a_backup_goes_back_into_a_schema_of_the_same_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let one = database();
    import(&one, dir.path(), "ada@example.com\nbob@example.com");
    let path = dir.path().join("crm.backup");
    succeeds(in_crm(&one, &["backup", "--output", text(&path)]));
    succeeds(run(&mut rollcall(&["backup", "verify", text(&path)])));

    let other = database();
    let told = succeeds(in_crm(&other, &["restore", text(&path)]));
    assert!(told.contains("2 subscribers"), "{told}");
    assert_eq!(people(&other), "ada@example.com bob@example.com");
    import(&other, dir.path(), "eve@example.com");

    // Over what is there, and beside what is not Rollcall's.
    succeeds(in_crm(&other, &["restore", "--replace", text(&path)]));
    assert_eq!(people(&other), "ada@example.com bob@example.com");
    assert_eq!(other.ask("SELECT count(*) FROM public.bills"), "1");
    let public = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(other.ask(public), "1", "nothing is beside the bills");

    let refused = run(rollcall(&["restore", text(&path)])
        .args(["--database-url", &TestDatabase::without_tables().url]))
    .to_string();
    assert!(refused.contains("options=-csearch_path%3Dcrm"), "{refused}");
}
