//! Refreshes on request, with a row in the audit log.

use super::order;
use super::step::{Lock, Selection};
use crate::audience::audit::Entry;
use crate::db::Db;
use crate::error::Error;
use crate::past::history::{Refresh, Trigger};
use crate::scan::RefreshSettings;

/// Refreshes segments now.
///
/// # Errors
/// As [`refresh`](super::refresh).
pub fn refresh_asked(
    db: &Db,
    selection: &Selection,
    settings: &RefreshSettings,
    entry: Entry,
) -> Result<Refresh, Error> {
    let mut lock = Lock::take(db)?;
    lock.asked = Some(entry);
    lock.refresh(db, selection, Trigger::Manual, None, settings)
}

/// Refreshes segments as of the moment to which the clock of the settings is set.
///
/// # Errors
/// As [`refresh_asked`], and [`Error::Invalid`] if the moment is before the last refresh or the last change that was
/// followed.
pub fn refresh_as_of(
    db: &Db,
    selection: &Selection,
    settings: &RefreshSettings,
    entry: Entry,
) -> Result<Refresh, Error> {
    let mut lock = Lock::take(db)?;
    order::check_not_before_last(&mut lock.session.connection, settings.clock.now())?;
    lock.asked = Some(entry);
    lock.refresh(db, selection, Trigger::Manual, None, settings)
}
