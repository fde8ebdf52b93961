//! The work of a server for imports in the background: it continues imports of processes that died, and removes data
//! that is not needed any more.

use super::job::{self, Import, ImportState, forget_expired};
use super::run::{remove_file, try_run};
use super::settings::ImportSettings;
use crate::audience::setting;
use crate::db::Db;
use crate::db::schema::imports;
use crate::error::Error;
use crate::rule::shift_moment;
use chrono::Duration;
use diesel::prelude::*;
use std::path::{Path, PathBuf};

/// For how many days an import waits for its file.
const WAITS: i64 = 1;

/// Runs the oldest import that is queued or interrupted and whose file is in the spool of this machine, or ends an
/// interrupted import that was cancelled. Returns `None` if there is no such import, or if another import is running.
///
/// # Errors
/// Errors of [`try_run`]. If the file cannot be used, the import has failed and the next one can be run.
pub fn run_next(db: &Db, settings: &ImportSettings) -> Result<Option<Import>, Error> {
    let unfinished = db.run_here(job::list_unfinished)?;
    let next = unfinished.into_iter().find(|import| {
        let path = import.file_path.as_deref();
        let is_asked_to_stop = import.cancel_requested && import.state() == ImportState::Running;
        is_asked_to_stop || path.is_some_and(|path| settings.spool.holds(Path::new(path)))
    });
    match next {
        Some(import) => try_run(db, import.id, settings, |_| {}),
        None => Ok(None),
    }
}

/// Deletes the undo data of imports that cannot be undone any more, ends imports whose file never came, and removes
/// files that are not needed any more.
pub fn tidy(db: &Db, settings: &ImportSettings) -> Result<(), Error> {
    let now = settings.clock.now();
    let kept = db.run_here(|connection| {
        let keep_undo = setting::load(connection)?.keep_undo;
        let kept_since = shift_moment(now, -Duration::days(i64::from(keep_undo).max(1)));
        forget_expired(connection, now)?;
        let late: Vec<i64> = imports::table
            .filter(imports::state.eq("waiting"))
            .filter(imports::created_at.lt(shift_moment(now, -Duration::days(WAITS))))
            .select(imports::id)
            .load(connection)?;
        for id in late {
            let why = format!("the file was not sent within {} hours", 24 * WAITS);
            job::set_state(connection, id, ImportState::Failed, Some(&why), Some(now))?;
        }
        let given_up: Vec<Import> = imports::table
            .filter(imports::file_path.is_not_null())
            .filter(imports::state.eq_any(["failed", "cancelled", "succeeded", "undone"]))
            .filter(imports::finished_at.lt(kept_since))
            .select(Import::as_select())
            .load(connection)?;
        for import in given_up {
            remove_file(connection, &import)?;
        }
        let kept: Vec<Option<String>> = imports::table
            .filter(imports::file_path.is_not_null())
            .select(imports::file_path)
            .load(connection)?;
        Ok(kept)
    })?;
    let kept: Vec<PathBuf> = kept.into_iter().flatten().map(PathBuf::from).collect();
    settings.spool.remove_others(&kept)?;
    Ok(())
}
