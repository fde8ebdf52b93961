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

/// Makes a directory for a cluster: as root its server is another user, and the path of a socket has to be short.
pub fn cluster_dir(purpose: &str) -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix(&format!("rollcall-{purpose}-"))
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir_in("/tmp")
        .expect("a directory for the cluster")
}

/// Returns the address of the cluster, which is started by the first test that asks.
pub fn cluster_url() -> &'static str {
    let cluster = CLUSTER.get_or_init(|| {
        let dir = cluster_dir("test").keep();
        EmbeddedPostgres::start(&EmbeddedOptions::throwaway(dir)).expect("a Postgres for the tests")
    });
    cluster.url()
}

/// A database as good as one's own: a schema with all migrations, dropped with this value.
pub struct TestDatabase {
    /// Its connections have the name of the schema as their application name.
    pub db: Db,
    /// The address for other processes, whose application name is that with `-process`.
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
        // The names tell the connections of this database from those of other tests.
        let url = |application: &str| format!("{}&application_name={application}", url_of(&name));
        let db = Db::open(&url(&name), 6).expect("the cluster answers");
        let url = url(&format!("{name}-process"));
        TestDatabase { db, url, name }
    }

    /// Returns the name of the schema.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens a connection that is the test's own: what cuts off the application does not touch it.
    pub fn connect(&self) -> PgConnection {
        PgConnection::establish(&url_of(&self.name)).expect("the cluster answers")
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

fn url_of(schema: &str) -> String {
    format!("{}?options=-csearch_path%3D{schema}", cluster_url())
}

fn admin(sql: &str) {
    let mut connection = PgConnection::establish(cluster_url()).expect("the cluster answers");
    connection.batch_execute(sql).expect("the statement runs");
}
