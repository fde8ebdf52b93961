//! Transactions that join an open transaction.

use crate::error::Error;
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::{Connection, PgConnection};

/// Does `work` in the open transaction, or in a new one if none is open.
///
/// An open transaction gets no savepoint, which would be two more statements. So the caller that opened it must roll it
/// back if the work fails.
///
/// # Errors
/// Errors of `work`.
pub fn in_transaction<T>(
    connection: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    match status.transaction_depth()? {
        Some(_) => work(connection),
        None => connection.transaction(work),
    }
}
