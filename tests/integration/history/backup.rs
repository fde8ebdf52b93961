//! Backups of a test's database, as `pg_dump` makes them: every row and every sequence.

use crate::support::TestApp;

/// A backup in tables beside the others.
pub struct Backup(&'static str);

const TABLES: &str = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() \
    AND tablename NOT LIKE 'backup%' AND tablename NOT LIKE '\\_\\_%'";

impl Backup {
    /// Takes a backup under a name.
    pub fn take(app: &TestApp, name: &'static str) -> Backup {
        app.database.execute(&format!(
            "DO $$ DECLARE name text; BEGIN \
                 FOR name IN {TABLES} LOOP EXECUTE format('CREATE TABLE %I AS TABLE %I', 'backup_{name}_' || name, name); END LOOP; \
             END $$; \
             CREATE TABLE backup_{name} AS SELECT sequencename::text AS name, last_value FROM pg_sequences \
                 WHERE schemaname = current_schema()"
        ));
        Backup(name)
    }

    /// Puts everything back as it was; triggers do not see it.
    pub fn restore(&self, app: &TestApp) {
        let name = self.0;
        app.database.execute(&format!(
            "BEGIN; SET LOCAL session_replication_role = replica; \
             DO $$ DECLARE name text; BEGIN \
                 EXECUTE (SELECT 'TRUNCATE ' || string_agg(quote_ident(t), ', ') FROM ({TABLES}) AS tables (t)); \
                 FOR name IN {TABLES} LOOP EXECUTE format('INSERT INTO %I SELECT * FROM %I', name, 'backup_{name}_' || name); END LOOP; \
             END $$; \
             SELECT setval(name::regclass, coalesce(last_value, 1), last_value IS NOT NULL) FROM backup_{name}; COMMIT"
        ));
    }
}
