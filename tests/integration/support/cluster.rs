//! The throw-away cluster of a test run, and a schema of it per test.

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use rollcall::db::embedded::{EmbeddedOptions, EmbeddedPostgres};
use rollcall::db::{Db, migrate};
use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Never dropped: its watchdog ends the server and removes the directory when this process is gone, however it goes.
static CLUSTER: OnceLock<EmbeddedPostgres> = OnceLock::new();
static SCHEMAS: AtomicU32 = AtomicU32::new(0);

/// Returns the address of the cluster, which is started by the first test that asks.
pub fn cluster_url() -> &'static str {
    let cluster = CLUSTER.get_or_init(|| {
        let dir = tempfile::Builder::new()
            .prefix("rollcall-test-")
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir_in("/tmp")
            .expect("a directory for the cluster")
            .keep();
        EmbeddedPostgres::start(&EmbeddedOptions::throwaway(dir)).expect("a Postgres for the tests")
    });
    cluster.url()
}

/// A database as good as one's own: a schema with all migrations, dropped with this value.
pub struct TestDatabase {
    pub db: Db,
    pub url: String,
    name: String,
}

impl TestDatabase {
    pub fn new() -> TestDatabase {
        let database = TestDatabase::without_tables();
        let migrated = database.db.run_here(migrate);
        migrated.expect("migrations run");
        database
    }

    pub fn without_tables() -> TestDatabase {
        let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        admin(&format!("CREATE SCHEMA {name}"));
        let url = format!("{}?options=-csearch_path%3D{name}", cluster_url());
        let db = Db::open(&url, 6).expect("the cluster answers");
        TestDatabase { db, url, name }
    }

    /// Runs statements of a test's own.
    pub fn execute(&self, sql: &str) {
        let done = self
            .db
            .run_here(|connection| Ok(connection.batch_execute(sql)?));
        done.expect("the statement runs");
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        admin(&format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

fn admin(sql: &str) {
    let mut connection = PgConnection::establish(cluster_url()).expect("the cluster answers");
    connection.batch_execute(sql).expect("the statement runs");
}
