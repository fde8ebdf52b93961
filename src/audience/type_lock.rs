//! The lock that keeps the types of custom fields and the stored values consistent.
//!
//! A transaction that writes values reads the types under a shared lock. A transaction that changes a type or deletes a
//! field waits for it. The lock is an advisory lock: it is fair, so that many writers cannot keep a change of type
//! waiting for ever, and sharing it writes no row. An import reads the types once and writes for a long time, so
//! changes of type are refused meanwhile.

use crate::db::AdvisoryLock;
use crate::error::Error;
use diesel::PgConnection;

/// Keeps the types of all custom fields as they are until the end of this transaction. Take this lock before the locks
/// of subscribers.
pub fn keep_types(connection: &mut PgConnection) -> Result<(), Error> {
    AdvisoryLock::Types.share(connection)
}

/// Waits for the transactions that hold [`keep_types`], and keeps others out until the end of this one.
///
/// # Errors
/// [`Error::InUse`] while an import runs or is undone.
pub fn lock_types(connection: &mut PgConnection, key: &str) -> Result<(), Error> {
    if !AdvisoryLock::Import.try_hold(connection)? {
        return Err(Error::InUse {
            what: format!("custom field \"{key}\""),
            used_by: vec!["an import that is running".to_owned()],
            mend: "try again when it has finished",
        });
    }
    AdvisoryLock::Types.hold(connection)
}
