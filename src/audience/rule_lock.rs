//! The lock of everything that rules refer to.

use crate::error::Error;
use diesel::PgConnection;
use diesel::connection::SimpleConnection;

/// Keeps what rules refer to and the rules themselves from changing otherwise until the end of this transaction, so
/// that two changes that are right by themselves cannot be wrong together.
///
/// # Errors
/// Those of the database.
pub fn lock_rules(connection: &mut PgConnection) -> Result<(), Error> {
    Ok(connection.batch_execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('rollcall rules ' || current_schema(), 0))",
    )?)
}
