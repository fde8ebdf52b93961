//! Restores a backup in one transaction, so that a failure changes nothing.
//!
//! `pg_restore` writes the statements, and `psql` runs them between ours. Our statements before them remove what is
//! replaced. Our statements after them set a mark that says what is left to do (`finish.rs`). Nothing takes effect
//! before the COMMIT at the end.

use super::archive::Archive;
use super::error::BackupError;
use super::finish::MARK;
use super::program::Program;
use super::tables::{Place, is_ours, list_all, list_tables};
use crate::db::embedded::{BinarySearch, ClientPrograms};
use crate::db::{list_known_migrations, statement};
use crate::rule::join_first;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// How many lines at the start of the output of `pg_restore` contain its settings.
const PREAMBLE: usize = 60;

/// What is kept of a replaced database, and the tables that it comes from.
const LISTS: [(&str, &str); 5] = [
    ("deletions", "subscriber_deletions"),
    ("erased", "erased_subscribers"),
    ("suppressions", "suppressions"),
    ("keys", "api_keys"),
    ("audit", "audit_log"),
];

/// The columns of these lists.
const COLUMNS: [&str; 5] = [
    "subscriber_id bigint, created_at timestamptz",
    "hash bytea, erased_at timestamptz",
    "address_hash bytea, status text, since timestamptz",
    "sha256 bytea, revoked_at timestamptz",
    "entry jsonb",
];

/// How often, and with which pause, to check whether other clients use a database that is to be replaced.
const LOOKS: u32 = 30;
const PAUSE: Duration = Duration::from_millis(100);

/// Checks a backup and a database, and restores the backup into the database. `connection` is a connection to it.
///
/// Afterwards [`finish_restore`](super::finish_restore) does what is left to do. `user` is the user of the operating
/// system who restores the backup, for the audit log.
///
/// # Errors
/// [`BackupError`]. Nothing is changed then.
pub fn restore(
    archive: &Archive,
    connection: &mut PgConnection,
    url: &str,
    data_dir: &Path,
    replaces: bool,
    user: &str,
) -> Result<(), BackupError> {
    let manifest = &archive.manifest;
    let place = Place::find(connection)?;
    check_versions(archive, &place)?;
    let found = list_all(connection, &place)?;
    match (found.is_empty(), replaces) {
        (true, _) => {}
        (false, false) => {
            return Err(BackupError::Refused(format!(
                "the database is not empty: found {} in the schema \"{}\"; name another database, or replace everything in this one with --replace",
                join_first(&found, ", "),
                place.schema
            )));
        }
        (false, true) => check_replaced(archive, connection, &place)?,
    }
    let least = place.major.max(manifest.pg_dump_major);
    let programs = ClientPrograms::find(&BinarySearch::System, data_dir, least)?;
    archive.check()?;
    let script = Script {
        place: &place,
        archive,
        user,
        replaced: match found.is_empty() {
            true => Vec::new(),
            false => list_tables(connection, &place)?,
        },
    };
    run(&programs, url, &script)
}

/// Checks that Rollcall and the server are not older than those that made the backup, and that the schema is the same.
fn check_versions(archive: &Archive, place: &Place) -> Result<(), BackupError> {
    let manifest = &archive.manifest;
    let known = list_known_migrations()?;
    let unknown = manifest
        .migrations
        .iter()
        .filter(|name| !known.contains(name));
    let unknown: Vec<&String> = unknown.collect();
    if !unknown.is_empty() {
        return Err(archive.unusable(format!(
            "was made by a newer Rollcall ({}), which has migrations that this one does not know ({}); use that version or a newer one",
            manifest.rollcall,
            join_first(&unknown, ", ")
        )));
    }
    if place.major < manifest.postgres_major {
        return Err(archive.unusable(format!(
            "is from PostgreSQL {}, and this server is {}; use PostgreSQL {} or newer",
            manifest.postgres, place.version, manifest.postgres_major
        )));
    }
    if place.schema != manifest.schema {
        return Err(BackupError::Refused(format!(
            "the backup is of the schema \"{}\", and the search path of this connection begins with \"{}\"; name the schema in the address, as in postgres://…?options=-csearch_path%3D{}",
            manifest.schema, place.schema, manifest.schema
        )));
    }
    Ok(())
}

/// Checks that every table to be dropped is known to Rollcall, and that no other client uses the database.
fn check_replaced(
    archive: &Archive,
    connection: &mut PgConnection,
    place: &Place,
) -> Result<(), BackupError> {
    let rows = &archive.manifest.rows;
    let tables = list_tables(connection, place)?.into_iter();
    let foreign: Vec<String> = tables
        .filter(|table| !is_ours(table) && !rows.contains_key(table))
        .collect();
    if !foreign.is_empty() {
        return Err(BackupError::Refused(format!(
            "--replace would delete tables that this Rollcall does not know: {}; move them to another schema, or use the newer Rollcall that made them",
            join_first(&foreign, ", ")
        )));
    }
    // Processes of the server itself have no user.
    let mut looks = 0;
    loop {
        let number: i64 = statement(
            "SELECT count(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND usename IS NOT NULL AND pid <> pg_backend_pid()",
        )
        .returning::<BigInt>()
        .get_result(connection)?;
        looks += 1;
        match number {
            0 => return Ok(()),
            // A connection that was just closed, even by this command, may still be listed.
            _ if looks < LOOKS => std::thread::sleep(PAUSE),
            number => {
                return Err(BackupError::Refused(format!(
                    "the database has {number} other connections; stop the servers first"
                )));
            }
        }
    }
}

/// The statements that run in the transaction before and after those of `pg_restore`.
struct Script<'a> {
    place: &'a Place,
    archive: &'a Archive,
    user: &'a str,
    /// The tables that are replaced.
    replaced: Vec<String>,
}

impl Script<'_> {
    fn has(&self, table: &str) -> bool {
        self.replaced.iter().any(|replaced| replaced == table)
    }

    /// Returns the statements before `pg_restore`: they keep deletions, revoked keys and the audit log, and drop the
    /// tables.
    fn before(&self) -> String {
        let mut script = "BEGIN;\nSET LOCAL lock_timeout = '30s';\n".to_owned();
        if self.replaced.is_empty() {
            return script;
        }
        let table = |name: &str| self.place.quoted(Some(name));
        let mut keep = |name: &str, columns: &str, from: &str| {
            if self.has(from) {
                let from = table(from);
                script += &format!(
                    "CREATE TEMP TABLE kept_{name} AS SELECT {columns} FROM {from} AS t;\n"
                );
            } else if let Some(place) = LISTS.iter().position(|(list, _)| *list == name) {
                // An interrupted restore may nevertheless have left entries of this list.
                script += &format!("CREATE TEMP TABLE kept_{name} ({});\n", COLUMNS[place]);
            }
        };
        let replaced = "replaced_token, (to_jsonb(t)->>'replaced_key')::bytea AS replaced_key";
        keep("mark", replaced, MARK);
        // Read as JSON, because the column may not exist in a database of an older program.
        let deletion = "subscriber_id, (to_jsonb(t)->>'created_at')::timestamptz AS created_at";
        keep("deletions", deletion, "subscriber_deletions");
        keep(
            "suppressions",
            "address_hash, status, since",
            "suppressions",
        );
        keep("suppression_key", "inner_key AS key", "suppression_key");
        keep("erased", "hash, erased_at", "erased_subscribers");
        keep("keys", "sha256, revoked_at", "api_keys");
        // As JSON, which also fits tables with more columns.
        keep("audit", "to_jsonb(t) AS entry", "audit_log");
        keep("history", "token", "history");
        // Keeps the sequences, so that no id is given to another object. Entries of the audit log would then seem to be
        // about it.
        script += &format!(
            "CREATE TEMP TABLE kept_sequences AS SELECT sequencename::text AS name, last_value FROM pg_sequences \
             WHERE schemaname = {} AND last_value IS NOT NULL;\n",
            literal(&self.place.schema)
        );
        // What an interrupted restore still had to do.
        for (name, _) in LISTS {
            let left = format!("{MARK}_{name}");
            if self.has(&left) {
                let left = table(&left);
                script += &format!("INSERT INTO kept_{name} SELECT * FROM {left};\n");
            }
        }
        let left = format!("{MARK}_sequences");
        if self.has(&left) {
            let left = table(&left);
            script += &format!("INSERT INTO kept_sequences SELECT * FROM {left};\n");
        }
        script + &drop_everything(&self.place.schema)
    }

    /// Returns the statements after `pg_restore`: they record what is left to do, and commit.
    fn after(&self) -> String {
        let table = |name: &str| self.place.quoted(Some(&format!("{MARK}{name}")));
        let made_at = self.archive.manifest.made_at.to_rfc3339();
        let first = |column: &str, kept: &str, from: &str| match self.has(from) {
            true => format!("(SELECT {column} FROM kept_{kept} LIMIT 1)"),
            false => "NULL".to_owned(),
        };
        // After an interrupted restore, the replaced database is the one that the interrupted restore replaced.
        let one = |column: &str, from: &str, kind: &str| {
            let of_mark = first(&format!("replaced_{column}"), "mark", MARK);
            format!("coalesce({of_mark}, {})::{kind}", first(column, from, from))
        };
        let mark = table("");
        let mut script = format!(
            "CREATE TABLE {mark} (made_at timestamptz NOT NULL, replaced_token bigint, replaced_key bytea, restored_by text NOT NULL);\n\
             COMMENT ON TABLE {mark} IS 'A backup was restored, and running jobs are still to be closed. The next start does it and removes this.';\n\
             INSERT INTO {mark} VALUES ('{made_at}', {}, {}, {});\n",
            one("token", "history", "bigint"),
            one("key", "suppression_key", "bytea"),
            literal(self.user),
        );
        let sequences = table("_sequences");
        script += &format!("CREATE TABLE {sequences} (name text, last_value bigint);\n");
        if !self.replaced.is_empty() {
            script += &format!("INSERT INTO {sequences} SELECT * FROM kept_sequences;\n");
        }
        for ((name, _), columns) in LISTS.into_iter().zip(COLUMNS) {
            let list = table(&format!("_{name}"));
            script += &format!("CREATE TABLE {list} ({columns});\n");
            if !self.replaced.is_empty() {
                script += &format!("INSERT INTO {list} SELECT * FROM kept_{name};\n");
            }
        }
        script + "COMMIT;\n"
    }
}

/// Returns a text as an SQL literal.
fn literal(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\'', "''");
    format!("E'{escaped}'")
}

/// Returns the statements that drop tables, views, sequences and functions of a schema, except those of extensions.
/// Each kind is dropped in one statement, so that its objects may depend on each other. If an object that is not
/// dropped depends on them, the statement fails.
fn drop_everything(schema: &str) -> String {
    let schema = schema.replace('\'', "''");
    let relations = |kinds: &str, what: &str| {
        format!(
            "    SELECT string_agg(format('%I.%I', n.nspname, c.relname), ', ') INTO names \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = '{schema}' AND c.relkind IN ({kinds}) AND NOT c.relispartition \
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i'));\n    \
             IF names IS NOT NULL THEN EXECUTE 'DROP {what} ' || names; END IF;\n"
        )
    };
    let functions = |kind: &str| {
        format!(
            "    SELECT string_agg(p.oid::regprocedure::text, ', ') INTO names FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
             WHERE n.nspname = '{schema}' AND p.prorettype {kind} 'trigger'::regtype \
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e');\n    \
             IF names IS NOT NULL THEN EXECUTE 'DROP ROUTINE ' || names; END IF;\n"
        )
    };
    // Functions depend on the tables that they read, and tables depend on the functions of their triggers.
    let drops = [
        relations("'v'", "VIEW"),
        relations("'m'", "MATERIALIZED VIEW"),
        functions("<>"),
        relations("'r', 'p'", "TABLE"),
        relations("'S'", "SEQUENCE"),
        functions("="),
    ];
    format!(
        "SET LOCAL search_path TO pg_catalog;\nDO $drop$ DECLARE names text; BEGIN\n{}END $drop$;\n",
        drops.concat()
    )
}

/// Runs the script in one transaction.
fn run(programs: &ClientPrograms, url: &str, script: &Script) -> Result<(), BackupError> {
    let mut command = programs.command("psql", url)?;
    command
        .args([
            "--no-psqlrc",
            "--quiet",
            "--no-password",
            "--output=/dev/null",
        ])
        // The context of an error would quote rows.
        .args(["--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut psql = Program::start("psql", &mut command)?;
    let mut reader = programs.command("pg_restore", url)?;
    reader
        .args(["--file=-", "--no-owner", "--no-privileges"])
        .arg(format!("--schema={}", script.place.schema))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut pg_restore = Program::start("pg_restore", &mut reader)?;
    let (Some(mut sink), Some(dump), Some(statements)) = (
        psql.child.stdin.take(),
        pg_restore.child.stdin.take(),
        pg_restore.child.stdout.take(),
    ) else {
        return Err(BackupError::Stopping);
    };
    let mut source = script.archive.dump()?;
    let feeding = std::thread::spawn(move || {
        let mut dump = dump;
        // If pg_restore fails, it reports the reason itself.
        let _ = io::copy(&mut source, &mut dump);
    });
    let written = sink
        .write_all(script.before().as_bytes())
        .and_then(|()| copy_statements(BufReader::new(statements), &mut sink));
    // A psql that failed has closed its input. The error of psql says more than the broken pipe.
    if written.is_err() {
        drop(sink);
        psql.finish()?;
        return Err(pg_restore.finish().err().unwrap_or(BackupError::Stopping));
    }
    // If this fails, there is no COMMIT, and everything is rolled back.
    pg_restore.finish()?;
    let _ = feeding.join();
    let committed = sink.write_all(script.after().as_bytes());
    drop(sink);
    psql.finish()?;
    committed.map_err(|cause| BackupError::File {
        doing: "write to",
        path: "psql".to_owned(),
        cause,
    })
}

/// Copies the statements of `pg_restore`, except a setting of newer versions that older servers do not know.
fn copy_statements(mut statements: impl BufRead, sink: &mut impl Write) -> io::Result<()> {
    for _ in 0..PREAMBLE {
        let mut line = Vec::new();
        if statements.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if !line.starts_with(b"SET transaction_timeout") {
            sink.write_all(&line)?;
        }
    }
    io::copy(&mut statements, sink)?;
    Ok(())
}
