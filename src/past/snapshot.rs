//! One snapshot for several statements.

use crate::error::Error;
use diesel::PgConnection;

/// Runs queries in one snapshot, so that members and changes fit together.
///
/// # Errors
/// Errors of `ask`.
pub fn in_snapshot<T>(
    connection: &mut PgConnection,
    ask: impl FnOnce(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    connection
        .build_transaction()
        .repeatable_read()
        .read_only()
        .run(ask)
}
