//! Checks whether the database can be reached and has the right tables.

use crate::db::{Db, Tables, check_tables};
use crate::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long the check of the database may take before it counts as failed. With the rest of the answer it stays below
/// the two seconds that probes get.
pub const HEALTH_DEADLINE: Duration = Duration::from_millis(1_800);

/// Checks the database. One check runs at a time: while a database hangs, every further check would block another
/// thread.
pub struct Health {
    db: Db,
    turn: Arc<Mutex<()>>,
}

/// The result of a check of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseState {
    Good,
    /// A newer Rollcall has migrated the database, and this one cannot work with it.
    Newer,
    /// Migrations of this program are missing.
    Older,
    /// The database answers with an error, or cannot be reached.
    Unavailable,
    /// The database did not answer in time.
    Silent,
}

impl Health {
    /// Returns a check that uses this pool, which should have a statement timeout.
    pub fn new(db: Db) -> Health {
        Health {
            db,
            turn: Arc::default(),
        }
    }

    /// Checks the database once.
    pub async fn check(&self) -> DatabaseState {
        let check = async {
            // Held until the check has ended, which may be after this request was answered.
            let turn = Arc::clone(&self.turn).lock_owned().await;
            let checked = self.db.run(move |connection| {
                let _held = &turn;
                check_tables(connection)
            });
            checked.await
        };
        match timeout(HEALTH_DEADLINE, check).await {
            Ok(found) => DatabaseState::of(&found),
            Err(_) => DatabaseState::Silent,
        }
    }
}

impl DatabaseState {
    fn of(found: &Result<Tables, Error>) -> DatabaseState {
        match found {
            Ok(Tables::Newer(_)) => DatabaseState::Newer,
            Ok(Tables::Older) => DatabaseState::Older,
            Ok(Tables::Good) => DatabaseState::Good,
            Err(_) => DatabaseState::Unavailable,
        }
    }

    /// Returns why requests cannot be served, or `None` if they can.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            DatabaseState::Good => None,
            DatabaseState::Newer => Some("a newer Rollcall has migrated the database"),
            DatabaseState::Older => Some("migrations are missing"),
            DatabaseState::Unavailable => Some("the database is not available"),
            DatabaseState::Silent => Some("the database does not answer"),
        }
    }
}
