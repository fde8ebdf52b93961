//! The lock of everything that rules refer to.

use crate::db::AdvisoryLock;
use crate::error::Error;
use diesel::PgConnection;

/// Keeps what rules refer to and the rules themselves from changing otherwise until the end of this transaction, so
/// that two changes that are right by themselves cannot be wrong together.
pub fn lock_rules(connection: &mut PgConnection) -> Result<(), Error> {
    AdvisoryLock::Rules.hold(connection)
}
