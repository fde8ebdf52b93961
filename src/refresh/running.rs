//! Whether a refresh is running, and refreshes that never ended.

use crate::db::AdvisoryLock;
use crate::db::schema::refreshes;
use crate::error::Error;
use diesel::dsl::{exists, select};
use diesel::prelude::*;

/// The error of a refresh whose server stopped.
const ABANDONED: &str = "the server stopped before the refresh had finished";

/// Returns whether a refresh is running. Must be called in a transaction. Closes a refresh that is recorded as running
/// but whose server is gone.
pub fn is_refresh_running(connection: &mut PgConnection) -> Result<bool, Error> {
    let running = refreshes::table.filter(refreshes::state.eq("running"));
    let stands_there: bool = select(exists(running)).get_result(connection)?;
    if !stands_there {
        return Ok(false);
    }
    let is_free = AdvisoryLock::Refresh.try_hold(connection)?;
    if is_free {
        close_abandoned(connection)?;
    }
    Ok(!is_free)
}

/// Closes refreshes that never ended. The caller must hold the lock of refreshes.
pub(super) fn close_abandoned(connection: &mut PgConnection) -> Result<(), Error> {
    diesel::update(refreshes::table.filter(refreshes::state.eq("running")))
        .set((
            refreshes::state.eq("failed"),
            refreshes::finished_at.eq(refreshes::started_at.nullable()),
            refreshes::error.eq(ABANDONED),
        ))
        .execute(connection)?;
    Ok(())
}
