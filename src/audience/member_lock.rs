//! The lock of the members of all segments.

use crate::db::AdvisoryLock;
use crate::error::Error;
use diesel::PgConnection;

/// Keeps a refresh from writing members until the end of this transaction; several such transactions may run at once.
pub fn lock_against_refresh(connection: &mut PgConnection) -> Result<(), Error> {
    AdvisoryLock::Members.share(connection)
}

/// Waits for the transactions that hold [`lock_against_refresh`] and keeps others out until the end of this one. A
/// refresh, the follower and a deletion take this lock, because each reads members and writes them back. Their changes
/// become visible in the order of their ids.
pub fn lock_for_refresh(connection: &mut PgConnection) -> Result<(), Error> {
    AdvisoryLock::Members.hold(connection)
}
