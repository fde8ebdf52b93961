//! Connections that are lent for longer than a statement, and reused.

use super::pool::Manager;
use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use diesel::r2d2::PooledConnection;
use std::ops::{Deref, DerefMut};

/// A connection that is lent. When the lease is dropped, it ends the transaction and returns the connection.
pub struct Lease(PooledConnection<Manager>);

impl Lease {
    pub(super) fn new(pooled: PooledConnection<Manager>) -> Lease {
        Lease(pooled)
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0.connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0.connection
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Scans open their transaction by hand and never commit it. If the rollback fails, the connection is lost.
        let is_lost = self.0.connection.batch_execute("ROLLBACK").is_err();
        self.0.finish(is_lost);
    }
}
