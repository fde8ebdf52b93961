//! Statements that fail: one after the other of those that read a table.

use crate::support::TestApp;

/// What happens to a statement that is to fail.
#[derive(Clone, Copy)]
pub enum Fault {
    /// An error that nobody expects.
    Broken,
    /// What Postgres says when a statement has taken too long.
    TooSlow,
}

/// Prepares a database for faults.
pub fn prepare(app: &TestApp, fault: Fault) {
    let raise = match fault {
        Fault::Broken => "RAISE 'a fault of the test'",
        Fault::TooSlow => {
            "RAISE 'canceling statement due to statement timeout' USING ERRCODE = 'query_canceled'"
        }
    };
    app.database.execute(&format!(
        "CREATE SEQUENCE spared; CREATE SEQUENCE doomed; \
         CREATE FUNCTION is_spared() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN \
             IF nextval('spared') = (SELECT last_value FROM doomed) THEN {raise}; END IF; RETURN true; END $$"
    ));
}

/// Runs something while a table is a view of itself that lets statements fail.
pub fn with_fragile(app: &TestApp, table: &str, run: impl FnOnce()) {
    app.database.execute(&format!(
        "ALTER TABLE {table} RENAME TO kept; CREATE VIEW {table} AS SELECT kept.* FROM kept WHERE (SELECT is_spared())"
    ));
    run();
    app.database.execute(&format!(
        "DROP VIEW {table}; ALTER TABLE kept RENAME TO {table}"
    ));
}

/// Lets that statement of those which read the fragile table fail, counted from 1.
pub fn fail_statement(app: &TestApp, number: u32) {
    app.database.execute(&format!(
        "SELECT setval('spared', 1, false), setval('doomed', {number})"
    ));
}

/// Lists the tables that hold something.
pub fn tables(app: &TestApp) -> Vec<String> {
    let names = app.database.ask(
        "SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM information_schema.tables \
         WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND table_name NOT LIKE '%diesel%'",
    );
    let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
    let is_filled = |name: &&String| {
        let question = format!("SELECT EXISTS (SELECT FROM {name})");
        app.database.ask(&question) == "true"
    };
    names.iter().filter(is_filled).cloned().collect()
}
