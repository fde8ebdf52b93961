//! Statements that fail, one after the other.

use crate::support::TestApp;
use serde_json::Value;

/// How many statements of one document fail in turn, at the most: those after them are like them, of other parents.
const MOST_STATEMENTS: u32 = 50;

/// Replaces every table that holds something by a view of it, and returns a server over these. The views count the
/// statements of a connection that read them, and let one of those fail.
pub fn prepare(app: &TestApp) -> TestApp {
    // Settings can be changed in transactions that may not write. They are those of a connection, so there is one.
    app.database.execute(
        "CREATE SEQUENCE doomed; CREATE SEQUENCE runs; \
         CREATE FUNCTION is_spared() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ DECLARE \
             run text := (SELECT last_value FROM runs); number bigint; BEGIN \
             IF current_setting('test.run', true) IS DISTINCT FROM run THEN \
                 PERFORM set_config('test.run', run, false), set_config('test.number', '0', false); END IF; \
             number := current_setting('test.number')::bigint + 1; \
             PERFORM set_config('test.number', number::text, false); \
             IF number = (SELECT last_value FROM doomed) THEN RAISE 'a fault of the test'; END IF; RETURN true; END $$",
    );
    for table in tables(app) {
        app.database.execute(&format!(
            "ALTER TABLE {table} RENAME TO kept_{table}; \
             CREATE VIEW {table} AS SELECT * FROM kept_{table} WHERE (SELECT is_spared())"
        ));
    }
    app.beside_with(1)
}

/// Answers a document again and again while one of its statements fails, first the first, then the second, and so on, and
/// calls `judge` with each answer that has errors.
pub fn for_each_fault(app: &TestApp, document: &str, mut judge: impl FnMut(&Value)) {
    for number in 0..=MOST_STATEMENTS {
        app.database.execute(&format!(
            "SELECT nextval('runs'), setval('doomed', {})",
            // A sequence has no 0, and no document has so many statements.
            if number == 0 { u32::MAX } else { number }
        ));
        let response = app.respond(document, Value::Null);
        match response.get("errors") {
            None if number > 0 => return,
            None => {}
            Some(_) if number == 0 => panic!("fails in any case: {document}: {response}"),
            Some(_) => judge(&response),
        }
    }
}

/// Lists the tables that hold something.
fn tables(app: &TestApp) -> Vec<String> {
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
