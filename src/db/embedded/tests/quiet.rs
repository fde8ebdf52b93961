//! Tests of what the server writes into its log.

use super::super::EmbeddedOptions;
use super::{scratch, start};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use std::fs;

#[test]
fn the_log_holds_no_values() {
    let dir = scratch();
    let options = EmbeddedOptions::lasting(dir.path().join("data"));
    let postgres = start(&options);
    let mut connection = PgConnection::establish(postgres.url()).unwrap();
    connection
        .batch_execute(
            "CREATE TABLE people (email text UNIQUE, number bigint CHECK (number > 0)); \
             INSERT INTO people VALUES ('maria.secret@example.com', 1)",
        )
        .unwrap();
    for refused in [
        "INSERT INTO people VALUES ('maria.secret@example.com', 2)",
        "INSERT INTO people VALUES ('maria.secret@example.com-2', -1)",
        "SELECT 'maria.secret@example.com'::bigint",
        "SELECT '{\"maria.secret@example.com'::jsonb",
        "SELECT maria.secret FROM example",
        "DO $$ BEGIN RAISE EXCEPTION 'maria.secret@example.com'; END $$",
        "DO $$ BEGIN RAISE WARNING 'maria.secret@example.com'; END $$; SELECT 1 / 0",
    ] {
        assert!(connection.batch_execute(refused).is_err(), "{refused}");
    }
    connection
        .batch_execute("SELECT pg_sleep(0.1), 'maria.secret@example.com'")
        .unwrap();
    drop(connection);
    drop(postgres);
    let log = fs::read_to_string(options.data_dir.join("postgres.log")).unwrap();
    assert!(log.contains("ready to accept connections"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}
