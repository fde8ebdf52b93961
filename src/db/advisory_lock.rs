//! Advisory locks of Postgres, one for each kind of work that must run alone. Each schema has its own locks, so that
//! servers with different schemas do not wait for each other.

use super::Db;
use crate::error::Error;
use diesel::connection::SimpleConnection;
use diesel::dsl::{select, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

/// The purpose of a lock. A transaction takes locks in this order: `Restore`, `Rules`, `Types`, `Members`, rows,
/// `Touches`, `Changes`. Others only try a lock that a session holds and never wait for it, except for `Migrations`.
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
    /// The work that a restore leaves to do.
    Restore,
    /// Rules, and everything that they refer to.
    Rules,
    /// The beginning of a refresh, and the decision of the follower whether one runs.
    Touches,
    /// The types of custom fields.
    Types,
}

impl AdvisoryLock {
    /// Returns the text before the name of the schema in the key. It must be the same in all releases.
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

    /// Writes a call of a function of Postgres for advisory locks.
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

    /// Waits for the lock and holds it alone until the end of the transaction.
    pub fn hold(self, connection: &mut PgConnection) -> Result<(), Error> {
        self.execute("pg_advisory_xact_lock", connection)
    }

    /// Waits for the lock and shares it with others until the end of the transaction.
    pub fn share(self, connection: &mut PgConnection) -> Result<(), Error> {
        self.execute("pg_advisory_xact_lock_shared", connection)
    }

    /// Takes the lock until the end of the transaction if no other session has it. Returns whether it did.
    pub fn try_hold(self, connection: &mut PgConnection) -> Result<bool, Error> {
        self.ask("pg_try_advisory_xact_lock", connection)
    }

    /// Waits for the lock and holds it alone until [`let_go`] or the end of the connection.
    pub fn keep(self, connection: &mut PgConnection) -> Result<(), Error> {
        self.execute("pg_advisory_lock", connection)
    }

    /// Takes the lock until [`let_go`] or the end of the connection if no other session has it. Returns whether it did.
    pub fn try_keep(self, connection: &mut PgConnection) -> Result<bool, Error> {
        self.ask("pg_try_advisory_lock", connection)
    }
}

/// Releases all locks that this connection keeps.
pub fn let_go(connection: &mut PgConnection) -> Result<(), Error> {
    Ok(connection.batch_execute("SELECT pg_advisory_unlock_all()")?)
}

/// A lock with the connection that holds it, for work in many transactions. The lock ends when the connection ends.
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
    /// Releases the lock at once: the database notices the end of a connection only some time later.
    fn drop(&mut self) {
        // This fails if the connection is lost. Then the lock is lost too.
        let _ = let_go(&mut self.connection);
    }
}
