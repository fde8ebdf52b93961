//! Locks that are held across transactions, by a connection of their own.

use super::Db;
use crate::error::Error;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

/// Held while a job runs; the database lets go of it when its connection ends.
pub struct SessionLock {
    /// The connection that holds it.
    pub connection: PgConnection,
}

impl SessionLock {
    /// Takes the lock of that name if it is free.
    ///
    /// # Errors
    /// Those of the database.
    pub fn take(db: &Db, name: &str) -> Result<Option<SessionLock>, Error> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Bool)]
            is_taken: bool,
        }
        let mut connection = db.connect()?;
        let row: Row = diesel::sql_query(
            "SELECT pg_try_advisory_lock(hashtextextended($1 || ' ' || current_schema(), 0)) AS is_taken",
        )
        .bind::<Text, _>(name)
        .get_result(&mut connection)?;
        Ok(row.is_taken.then_some(SessionLock { connection }))
    }
}

impl Drop for SessionLock {
    fn drop(&mut self) {
        // The end of the connection lets go of it too.
        let _ = self
            .connection
            .batch_execute("SELECT pg_advisory_unlock_all()");
    }
}
