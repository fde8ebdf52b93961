//! Connections, migrations, and the Postgres that Rollcall runs itself.
//!
//! [`Db::run`] is the only way from asynchronous code to a connection. Of the nouns, this module knows only the names
//! of their columns and locks.

mod addresses;
mod advisory_lock;
mod capacity;
mod conninfo;
mod constraint;
pub mod embedded;
mod joined;
mod json_text;
mod lease;
mod migrate;
mod pool;
mod retry;
#[expect(
    missing_docs,
    reason = "generated; the migrations describe tables and columns"
)]
pub mod schema;
mod statement;
pub mod word;

pub use advisory_lock::{AdvisoryLock, SessionLock, let_go};
pub use capacity::count_allowed_connections;
pub use conninfo::connection_variables;
pub use joined::in_transaction;
pub use json_text::JsonText;
pub use lease::Lease;
pub use migrate::{
    Tables, check_tables, list_known_migrations, list_pending_migrations, migrate,
    revert_all_migrations,
};
pub use retry::Attempts;
pub use statement::{Kept, statement};
pub use word::Named;

use crate::error::Error;
use crate::metrics::metrics;
use crate::traces;
use diesel::connection::CacheSize;
use diesel::r2d2::Pool;
use diesel::{Connection, PgConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a request waits for a free connection before it fails because the database is not available.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// How many connections are lent at most. The scans that may run at the same time need fewer.
const MOST_LEASES: u32 = 64;

/// Access to one database.
#[derive(Clone)]
pub struct Db {
    pool: Pool<pool::Manager>,
    leases: Pool<pool::Manager>,
    manager: pool::Manager,
    connections: u32,
    statements: Arc<AtomicU64>,
    /// The access without a timeout from which this one was made, if its statements have a timeout.
    without_timeout: Option<Arc<Db>>,
}

impl Db {
    /// Opens a database with at most that many connections. They are made when they are first needed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it cannot be reached now.
    pub fn open(url: &str, connections: u32) -> Result<Db, Error> {
        drop(PgConnection::establish(url)?);
        let statements = Arc::new(AtomicU64::new(0));
        let manager = pool::Manager {
            url: url.to_owned(),
            statements: Arc::clone(&statements),
            losses: pool::Losses::default(),
            statement_timeout: None,
            keeps_statements: true,
        };
        Ok(Db::of(manager, connections))
    }

    /// Returns access to the same database for requests: no statement takes longer than `timeout`.
    pub fn with_statement_timeout(&self, timeout: Duration) -> Db {
        let manager = pool::Manager {
            statement_timeout: Some(timeout),
            ..self.manager.clone()
        };
        Db {
            without_timeout: Some(Arc::new(self.clone())),
            ..Db::of(manager, self.connections)
        }
    }

    /// Returns access to the same database through a pool of its own, so that its users never wait for requests.
    pub fn with_own_pool(&self, connections: u32) -> Db {
        Db::of(self.manager.clone(), connections)
    }

    fn of(manager: pool::Manager, connections: u32) -> Db {
        let lent = pool::Manager {
            keeps_statements: false,
            ..manager.clone()
        };
        Db {
            pool: build_pool(manager.clone(), connections),
            leases: build_pool(lent, MOST_LEASES),
            statements: Arc::clone(&manager.statements),
            manager,
            connections,
            without_timeout: None,
        }
    }

    /// Runs blocking work with a connection, on a thread for blocking work.
    ///
    /// The work is one whole use case. As its last step it writes, in one statement or in one transaction that it opens
    /// itself. After a deadlock, Postgres has rolled back this step. The work is run again from its beginning, so that
    /// it also reads again what its decisions depend on.
    ///
    /// # Errors
    /// Errors of `work`; [`Error::Unavailable`] if no connection is available; [`Error::Contention`] if the last
    /// attempt failed as well.
    pub async fn run<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnMut(&mut PgConnection) -> Result<T, Error> + Send + 'static,
    {
        let db = self.clone();
        let span = traces::current();
        let work = move || span.in_scope(|| db.run_here(work));
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(stopped) => Err(Error::Unavailable(stopped.to_string())),
            },
        }
    }

    /// Runs blocking work with a connection on this thread: for subcommands and for threads that Rollcall starts.
    ///
    /// # Errors
    /// As [`Db::run`].
    pub fn run_here<T>(
        &self,
        mut work: impl FnMut(&mut PgConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut attempts = Attempts::new();
        loop {
            // The connection goes back to the pool while this waits for the next attempt.
            let result = self.run_once(&mut work);
            match result {
                Err(Error::Contention(_)) if attempts.wait_for_next() => {}
                result => return result,
            }
        }
    }

    fn run_once<T>(
        &self,
        work: impl FnOnce(&mut PgConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let span = traces::of_database();
        let _entered = span.enter();
        let began = Instant::now();
        let pooled = self.pool.get();
        let waited = began.elapsed();
        metrics().note_wait(waited);
        traces::end_wait(&span, waited);
        let mut pooled = pooled.map_err(|error| Error::Unavailable(error.to_string()))?;
        let result = work(&mut pooled.connection);
        pooled.finish(matches!(result, Err(Error::Unavailable(_))));
        traces::end(&span, result.is_ok());
        result
    }

    /// Makes a connection outside the pool, for work that keeps a connection for a long time. It caches no prepared
    /// statements, because such work sends statements that are made for one plan and never repeated.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn connect(&self) -> Result<PgConnection, Error> {
        let mut connection = self.manager.establish()?;
        connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        Ok(connection)
    }

    /// Lends a connection for a scan. It comes back when the lease is dropped, and the next scan reuses it, because
    /// opening a connection takes longer than a small scan. It keeps no prepared statements, because a scan sends
    /// statements that are made for one plan.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn lease(&self) -> Result<Lease, Error> {
        let pooled = self.leases.get();
        let pooled = pooled.map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Lease::new(pooled))
    }

    /// Returns access for work that outlasts a request, such as a refresh: its statements have no timeout.
    pub fn for_long_work(&self) -> Db {
        match &self.without_timeout {
            Some(db) => (**db).clone(),
            None => self.clone(),
        }
    }

    /// Returns the address of the database, with the password if it has one.
    pub fn url(&self) -> &str {
        &self.manager.url
    }

    /// Returns how many connections the pool has at most.
    pub fn connections(&self) -> u32 {
        self.connections
    }

    /// Returns how many connections of the pool are in use, and how many wait to be used.
    pub fn count_connections(&self) -> (u32, u32) {
        let state = self.pool.state();
        let used = state.connections.saturating_sub(state.idle_connections);
        (used, state.idle_connections)
    }

    /// Returns how many statements have been sent to the database so far.
    pub fn statement_count(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }
}

fn build_pool(manager: pool::Manager, connections: u32) -> Pool<pool::Manager> {
    Pool::builder()
        .max_size(connections.max(1))
        .min_idle(Some(0))
        .connection_timeout(CONNECTION_TIMEOUT)
        .error_handler(Box::new(diesel::r2d2::NopErrorHandler))
        .build_unchecked(manager)
}
