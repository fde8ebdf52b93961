//! Looks whether the database is there and has the right tables.

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
pub enum Look {
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

    /// Looks once.
    pub async fn look(&self) -> Look {
        let look = async {
            // Held until the check has ended, which may be after this request was answered.
            let turn = Arc::clone(&self.turn).lock_owned().await;
            let looked = self.db.run(move |connection| {
                let _held = &turn;
                check_tables(connection)
            });
            looked.await
        };
        match timeout(HEALTH_DEADLINE, look).await {
            Ok(found) => Look::of(&found),
            Err(_) => Look::Silent,
        }
    }
}

impl Look {
    fn of(found: &Result<Tables, Error>) -> Look {
        match found {
            Ok(Tables::Newer(_)) => Look::Newer,
            Ok(Tables::Older) => Look::Older,
            Ok(Tables::Good) => Look::Good,
            Err(_) => Look::Unavailable,
        }
    }

    /// Returns why requests cannot be served, or `None` if they can.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Look::Good => None,
            Look::Newer => Some("a newer Rollcall has migrated the database"),
            Look::Older => Some("migrations are missing"),
            Look::Unavailable => Some("the database is not available"),
            Look::Silent => Some("the database does not answer"),
        }
    }
}
