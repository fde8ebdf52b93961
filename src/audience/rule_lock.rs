//! The lock of everything that rules refer to.

use crate::db::AdvisoryLock;
use crate::error::Error;
use diesel::PgConnection;

/// Keeps other transactions from changing rules and what rules refer to, until the end of this transaction. Otherwise
/// two changes that are valid by themselves could be invalid together.
pub fn lock_rules(connection: &mut PgConnection) -> Result<(), Error> {
    AdvisoryLock::Rules.hold(connection)
}
