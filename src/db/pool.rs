//! The pool of connections. Only [`Db`](super::Db) uses it.

use diesel::connection::{
    AnsiTransactionManager, CacheSize, Instrumentation, InstrumentationEvent, SimpleConnection,
    TransactionManager,
};
use diesel::r2d2::{ManageConnection, R2D2Connection};
use diesel::{Connection, ConnectionError, PgConnection, QueryResult};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A connection that was idle longer than this is pinged before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(5);

/// Makes and checks pooled connections.
#[derive(Debug, Clone)]
pub struct Manager {
    pub url: String,
    pub statements: Arc<AtomicU64>,
    pub losses: Losses,
    /// How long a statement may take, if that is limited.
    pub statement_timeout: Option<Duration>,
    /// Whether prepared statements are kept for the next use.
    pub keeps_statements: bool,
}

/// When a connection was last found lost. Connections that were last used before are pinged, because a restart of the
/// database usually closes all of them.
#[derive(Debug, Clone, Default)]
pub struct Losses(Arc<Mutex<Option<Instant>>>);

impl Losses {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn are_after(&self, last_used: Instant) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last >= last_used)
    }
}

/// A connection with the time of its last use, so that busy ones need no ping before every query.
pub struct Pooled {
    pub connection: PgConnection,
    last_used: Instant,
    losses: Losses,
}

impl Pooled {
    /// Stores the time of the use, and marks a connection that the server has closed as broken.
    pub fn finish(&mut self, is_lost: bool) {
        self.last_used = Instant::now();
        if is_lost {
            self.losses.note();
            AnsiTransactionManager::transaction_manager_status_mut(&mut self.connection)
                .set_in_error();
        }
    }
}

/// A failure of the pool.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    #[error("{0}")]
    Connect(#[from] ConnectionError),
    #[error("{0}")]
    Statement(#[from] diesel::result::Error),
}

impl Manager {
    /// Makes a connection.
    pub fn establish(&self) -> Result<PgConnection, PoolError> {
        let mut connection = PgConnection::establish(&self.url)?;
        // Overrides the setting of the database and the role: a deletion must see what others have just written.
        connection.batch_execute("SET default_transaction_isolation = 'read committed'")?;
        if let Some(timeout) = self.statement_timeout {
            let milliseconds = timeout.as_millis();
            connection.batch_execute(&format!("SET statement_timeout = {milliseconds}"))?;
        }
        if !self.keeps_statements {
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
        connection.set_instrumentation(CountStatements(Arc::clone(&self.statements)));
        Ok(connection)
    }
}

impl ManageConnection for Manager {
    type Connection = Pooled;
    type Error = PoolError;

    fn connect(&self) -> Result<Pooled, PoolError> {
        Ok(Pooled {
            connection: self.establish()?,
            last_used: Instant::now(),
            losses: self.losses.clone(),
        })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), PoolError> {
        // Lent connections are always pinged. They begin long work, which is not repeated if the database was restarted
        // before any request noticed it.
        let is_fresh = self.keeps_statements && pooled.last_used.elapsed() < TRUSTED_FOR;
        if is_fresh && !self.losses.are_after(pooled.last_used) {
            return Ok(());
        }
        let ping: QueryResult<()> = pooled.connection.ping();
        Ok(ping?)
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        std::thread::panicking() || pooled.connection.is_broken()
    }
}

/// Counts the statements that are sent, for tests of how many a query costs and for the log.
pub struct CountStatements(pub Arc<AtomicU64>);

impl Instrumentation for CountStatements {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { .. } = event {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl From<PoolError> for crate::error::Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Connect(error) => error.into(),
            PoolError::Statement(error) => error.into(),
        }
    }
}
