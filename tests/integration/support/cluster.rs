//! The throw-away cluster of a test run, and a database of it per test.

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::Bool;
use diesel::{Connection, PgConnection, RunQueryDsl};
use rollcall::db::embedded::{EmbeddedOptions, EmbeddedPostgres};
use rollcall::db::{Db, migrate};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

/// Never dropped: its watchdog ends the server and removes the directory when this process is gone, however it goes.
static CLUSTER: OnceLock<EmbeddedPostgres> = OnceLock::new();
static TEMPLATE: OnceLock<&str> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A file system in memory, where there is one.
const MEMORY_DIR: &str = "/dev/shm";
/// How many bytes it must have free. A run of all tests needs less than a quarter of them.
const ROOM: u64 = 8 << 30;

/// Makes a directory for a cluster: as root its server is another user, and the path of a socket has to be short. It is
/// in memory where there is room, since thousands of files are made and removed.
pub fn cluster_dir(purpose: &str) -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix(&format!("rollcall-{purpose}-"))
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir_in(if has_room(MEMORY_DIR) {
            MEMORY_DIR
        } else {
            "/tmp"
        })
        .expect("a directory for the cluster")
}

fn has_room(dir: &str) -> bool {
    let is_writable = nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK).is_ok();
    #[allow(clippy::unnecessary_cast, reason = "32 bits on some systems")]
    let room = nix::sys::statvfs::statvfs(dir).map_or(0, |found| {
        found.blocks_available() as u64 * found.fragment_size() as u64
    });
    is_writable && room >= ROOM
}

/// Returns the address of the cluster, which is started by the first test that asks.
pub fn cluster_url() -> &'static str {
    let cluster = CLUSTER.get_or_init(|| {
        let dir = cluster_dir("test").keep();
        EmbeddedPostgres::start(&EmbeddedOptions::throwaway(dir)).expect("a Postgres for the tests")
    });
    cluster.url()
}

/// Returns the end of a statement that copies the database with all migrations, which the first caller makes. Copying its
/// files takes a tenth of the work of the migrations.
fn template() -> &'static str {
    TEMPLATE.get_or_init(|| {
        admin("CREATE DATABASE migrated");
        let mut connection =
            PgConnection::establish(&url_of("migrated")).expect("the cluster answers");
        migrate(&mut connection).expect("migrations run");
        // By itself the only way before version 15.
        let is_named = "SELECT 1 / (current_setting('server_version_num')::int >= 150000)::int";
        match connection.batch_execute(is_named) {
            Ok(()) => "TEMPLATE migrated STRATEGY file_copy",
            Err(_) => "TEMPLATE migrated",
        }
    })
}

/// A database of a test, dropped with this value.
pub struct TestDatabase {
    /// Its connections have the name of the database as their application name.
    pub db: Db,
    /// The address for other processes, whose application name is that with `-process`.
    pub url: String,
    name: String,
    /// What questions go through, opened by the first one.
    pub(super) asking: Mutex<Option<PgConnection>>,
}

impl TestDatabase {
    /// Makes a database with all migrations.
    pub fn new() -> TestDatabase {
        let database = TestDatabase::made(template());
        // A copy has the history of the original too, and positions tell databases apart by it.
        database.execute("UPDATE history SET token = DEFAULT");
        database
    }

    pub fn without_tables() -> TestDatabase {
        TestDatabase::made("")
    }

    fn made(how: &str) -> TestDatabase {
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        admin(&format!("CREATE DATABASE {name} {how}"));
        // The names tell the connections of this database from those of other tests.
        let url = |application: &str| format!("{}?application_name={application}", url_of(&name));
        let db = Db::open(&url(&name), 6).expect("the cluster answers");
        let url = url(&format!("{name}-process"));
        TestDatabase {
            db,
            url,
            name,
            asking: Mutex::default(),
        }
    }

    /// Returns the name of the database.
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

/// Whether the counts that triggers keep are what counting says, in one snapshot.
pub const COUNTS_ARE_RIGHT: &str = "SELECT NOT EXISTS ( \
        SELECT FROM (SELECT status, count(*) AS counted FROM subscribers GROUP BY status) AS counted \
        FULL JOIN (SELECT status, sum(count) AS kept FROM subscriber_counts GROUP BY status) AS kept USING (status) \
        WHERE coalesce(counted, 0) <> coalesce(kept, 0)) \
    AND NOT EXISTS ( \
        SELECT FROM (SELECT segment_id, sum(bit_count(members)) AS counted FROM segment_blocks GROUP BY segment_id) AS counted \
        FULL JOIN segment_counts AS kept USING (segment_id) WHERE coalesce(counted, 0) <> coalesce(kept.members, 0)) \
    AS is_right";

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let is_right = self.are_counts_right();
        admin(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        if !std::thread::panicking() {
            assert_ne!(is_right, Some(false), "a kept count is wrong");
        }
    }
}

impl TestDatabase {
    /// Whatever the test did, unless it removed these tables.
    fn are_counts_right(&self) -> Option<bool> {
        let mut connection = PgConnection::establish(&url_of(&self.name)).ok()?;
        diesel::select(sql::<Bool>(&format!("({COUNTS_ARE_RIGHT})")))
            .get_result(&mut connection)
            .ok()
    }
}

fn url_of(database: &str) -> String {
    let (server, _) = cluster_url().rsplit_once('/').expect("a path");
    format!("{server}/{database}")
}

fn admin(sql: &str) {
    let mut connection = PgConnection::establish(cluster_url()).expect("the cluster answers");
    connection.batch_execute(sql).expect("the statement runs");
}
