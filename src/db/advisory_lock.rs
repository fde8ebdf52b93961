//! The locks that are not of rows: advisory locks of Postgres, one for each kind of work that must be alone. Each schema
//! has its own, so that servers with different schemas do not wait for each other.

use super::Db;
use crate::error::Error;
use diesel::connection::SimpleConnection;
use diesel::dsl::{select, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

/// What a lock is for. In a transaction they are taken in this order: `Restore`, `Rules`, `Types`, `Members`, rows, `Touches`,
/// `Changes`. Those that a session holds are only tried, never waited for, by others, but for `Migrations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdvisoryLock {
    /// A scheduled backup. Held by a session.
    Backup,
    /// Bulk actions, of which one runs at a time. Held by a session.
    Bulk,
    /// The order of the log of changes.
    Changes,
    /// Following what changes for instant segments. Held by a session.
    Follower,
    /// Imports, of which one runs or is undone at a time. Held by a session.
    Import,
    /// The members of segments.
    Members,
    /// Changing the schema. Held by a session.
    Migrations,
    /// A refresh. Held by a session.
    Refresh,
    /// What a restore leaves to do.
    Restore,
    /// Rules, and everything that they refer to.
    Rules,
    /// Whether a refresh begins or the follower goes on.
    Touches,
    /// The types of custom fields.
    Types,
}

impl AdvisoryLock {
    /// What comes before the name of the schema in the key. Servers of several releases must agree about it.
    const fn prefix(self) -> &'static str {
        match self {
            AdvisoryLock::Backup => "rollcall backup ",
            AdvisoryLock::Bulk => "rollcall bulk ",
            AdvisoryLock::Changes => "rollcall changes ",
            AdvisoryLock::Follower => "rollcall follower ",
            AdvisoryLock::Import => "rollcall import ",
            AdvisoryLock::Members => "rollcall members ",
            AdvisoryLock::Migrations => "rollcall migrations",
            AdvisoryLock::Refresh => "rollcall refresh ",
            AdvisoryLock::Restore => "rollcall restore ",
            AdvisoryLock::Rules => "rollcall rules ",
            AdvisoryLock::Touches => "rollcall touches ",
            AdvisoryLock::Types => "rollcall types ",
        }
    }

    /// Writes a call of one of the functions of Postgres for such locks.
    fn call(self, function: &str) -> String {
        let prefix = self.prefix();
        // There may be no schema before the first migration.
        format!("{function}(hashtextextended('{prefix}' || coalesce(current_schema(), ''), 0))")
    }

    fn execute(self, function: &str, connection: &mut PgConnection) -> Result<(), Error> {
        Ok(connection.batch_execute(&format!("SELECT {}", self.call(function)))?)
    }

    fn ask(self, function: &str, connection: &mut PgConnection) -> Result<bool, Error> {
        Ok(select(sql::<Bool>(&self.call(function))).get_result(connection)?)
    }

    /// Waits for it and has it until the end of the transaction, alone.
    pub fn hold(self, connection: &mut PgConnection) -> Result<(), Error> {
        self.execute("pg_advisory_xact_lock", connection)
    }

    /// Waits for who holds it and has it until the end of the transaction, together with others that share it.
    pub fn share(self, connection: &mut PgConnection) -> Result<(), Error> {
        self.execute("pg_advisory_xact_lock_shared", connection)
    }

    /// Takes the lock until the end of the transaction if no other session has it. Returns whether it did.
    pub fn try_hold(self, connection: &mut PgConnection) -> Result<bool, Error> {
        self.ask("pg_try_advisory_xact_lock", connection)
    }

    /// Waits for it and has it until [`let_go`] or the end of the connection.
    pub fn keep(self, connection: &mut PgConnection) -> Result<(), Error> {
        self.execute("pg_advisory_lock", connection)
    }

    /// Takes the lock until [`let_go`] or the end of the connection if no other session has it. Returns whether it did.
    pub fn try_keep(self, connection: &mut PgConnection) -> Result<bool, Error> {
        self.ask("pg_try_advisory_lock", connection)
    }
}

/// Gives back all that this connection keeps.
pub fn let_go(connection: &mut PgConnection) -> Result<(), Error> {
    Ok(connection.batch_execute("SELECT pg_advisory_unlock_all()")?)
}

/// A lock with the connection that has it, for work in many transactions. It ends with the connection, however that ends.
pub struct SessionLock {
    /// The connection that holds it.
    pub connection: PgConnection,
}

impl SessionLock {
    /// Takes a lock if it is free.
    pub fn take(db: &Db, lock: AdvisoryLock) -> Result<Option<SessionLock>, Error> {
        let mut connection = db.connect()?;
        let is_taken = lock.try_keep(&mut connection)?;
        Ok(is_taken.then(|| SessionLock { connection }))
    }
}

impl Drop for SessionLock {
    /// Gives it back at once: the database notices the end of a connection only some time later.
    fn drop(&mut self) {
        // Fails where the connection is lost, and the lock with it.
        let _ = let_go(&mut self.connection);
    }
}
