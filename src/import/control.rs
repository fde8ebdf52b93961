//! Requests to create, start, cancel and resume imports, and to give them a file.

use super::file::spool::SpooledFile;
use super::job::{Import, ImportState, get, lock, set_state};
use super::plan::options::ImportOptions;
use crate::db::schema::imports;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;

/// Creates an import. Without a file, the import waits for one.
pub fn create(
    connection: &mut PgConnection,
    options: &ImportOptions,
    file_name: &str,
    file: Option<&SpooledFile>,
    now: DateTime<Utc>,
) -> Result<Import, Error> {
    create_to(connection, options, file_name, file, false, now)
}

/// Does the same as [`create`]. With `waits_for_start`, the import waits to be started after its file was analyzed.
pub fn create_to(
    connection: &mut PgConnection,
    options: &ImportOptions,
    file_name: &str,
    file: Option<&SpooledFile>,
    waits_for_start: bool,
    now: DateTime<Utc>,
) -> Result<Import, Error> {
    let state = match file {
        Some(_) => ImportState::Ready,
        None => ImportState::Waiting,
    };
    let stored =
        serde_json::to_value(options).map_err(|error| Error::Internal(error.to_string()))?;
    let created: Import = diesel::insert_into(imports::table)
        .values((
            imports::kind.eq(options.kind().as_str()),
            imports::state.eq(state.as_str()),
            imports::options.eq(stored),
            imports::file_name.eq(file_name.replace('\0', "")),
            imports::created_at.eq(now),
            imports::waits_for_start.eq(waits_for_start),
        ))
        .returning(Import::as_returning())
        .get_result(connection)?;
    match file {
        Some(file) => set_file(connection, created.id, file),
        None => Ok(created),
    }
}

/// Gives an import its file, so that it can be run.
///
/// # Errors
/// [`Error::Invalid`] if the import does not wait for a file; [`Error::NotFound`].
pub fn set_file(
    connection: &mut PgConnection,
    id: i64,
    file: &SpooledFile,
) -> Result<Import, Error> {
    let path = file
        .path
        .to_str()
        .ok_or_else(|| Error::invalid("file", "the path of the file is not valid UTF-8"))?;
    let updated = diesel::update(imports::table.find(id))
        .filter(imports::state.eq_any(["waiting", "ready"]))
        .filter(imports::file_path.is_null())
        .set((
            imports::state.eq("ready"),
            imports::file_path.eq(path),
            imports::file_size.eq(i64::try_from(file.size).unwrap_or(i64::MAX)),
            imports::file_hash.eq(&file.hash),
            imports::is_spooled.eq(file.is_spooled),
        ))
        .returning(Import::as_returning())
        .get_result(connection)
        .optional()?;
    match updated {
        Some(import) => Ok(import),
        None => {
            let import = get(connection, id)?;
            Err(Error::invalid(
                "file",
                format!(
                    "the import does not wait for a file: it is {}",
                    import.state().as_str()
                ),
            ))
        }
    }
}

/// Cancels an import. A running import stops later, an import that has not begun stops at once. If an undo of the
/// import is queued, the undo is cancelled.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] if the import has ended.
pub(super) fn ask_to_stop(
    connection: &mut PgConnection,
    id: i64,
    now: DateTime<Utc>,
) -> Result<Import, Error> {
    connection.transaction(|connection| {
        let import = lock(connection, id)?;
        match import.state() {
            ImportState::Waiting | ImportState::Ready | ImportState::Analyzed => {
                set_state(connection, id, ImportState::Cancelled, None, Some(now))
            }
            ImportState::Running => {
                diesel::update(imports::table.find(id))
                    .set(imports::cancel_requested.eq(true))
                    .execute(connection)?;
                get(connection, id)
            }
            // No undo is complete yet: it locks this row, and checks again that it is still requested.
            ImportState::Undoing => {
                diesel::update(imports::table.find(id))
                    .set(imports::undo_asked_at.eq(None::<DateTime<Utc>>))
                    .execute(connection)?;
                get(connection, id)
            }
            _ => Err(Error::invalid(
                "id",
                format!(
                    "the import has already ended: it is {}",
                    import.state().as_str()
                ),
            )),
        }
    })
}

/// Starts an import whose file was analyzed. `options` replace its options, and with `accepts_proposal` the proposed
/// changes are applied to the options.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] if the import cannot be started, or no proposal answers its questions.
pub fn start(
    connection: &mut PgConnection,
    id: i64,
    options: Option<ImportOptions>,
    accepts_proposal: bool,
) -> Result<Import, Error> {
    connection.transaction(|connection| {
        let import = lock(connection, id)?;
        let analysis = import.analysis();
        let was_looked_at = match import.state() {
            ImportState::Analyzed => true,
            ImportState::Failed | ImportState::Cancelled => import.batches == 0 && analysis.is_some(),
            _ => false,
        };
        if !was_looked_at || import.file_path.is_none() {
            let message = format!(
                "the import is {}; only an import whose file was analyzed and not written yet can be started",
                import.state().as_str()
            );
            return Err(Error::invalid("id", message));
        }
        let mut options = match options {
            Some(options) if options.kind() != import.kind => {
                let message = format!(
                    "expected options of an import of {}, found options of an import of {}",
                    import.kind.as_str(),
                    options.kind().as_str()
                );
                return Err(Error::invalid("options.kind", message));
            }
            Some(options) => options,
            None => import.options()?,
        };
        if accepts_proposal {
            let analysis = analysis.unwrap_or_default();
            if analysis.proposal.is_empty() && !analysis.questions.is_empty() {
                let message = "the analysis has no proposal that answers all questions; answer them with options";
                return Err(Error::invalid("acceptProposal", message));
            }
            analysis.proposal.iter().for_each(|change| change.apply_to(&mut options));
        }
        let stored = serde_json::to_value(&options).map_err(|error| Error::Internal(error.to_string()))?;
        diesel::update(imports::table.find(id))
            .set((
                imports::state.eq("ready"),
                imports::options.eq(stored),
                imports::waits_for_start.eq(false),
                imports::cancel_requested.eq(false),
                imports::error.eq(None::<String>),
                imports::finished_at.eq(None::<DateTime<Utc>>),
            ))
            .execute(connection)?;
        get(connection, id)
    })
}

/// Queues a failed or cancelled import again. An import that was interrupted when its process died is continued without
/// this.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] if the import cannot be resumed.
pub fn resume(connection: &mut PgConnection, id: i64) -> Result<Import, Error> {
    connection.transaction(|connection| {
        let import = lock(connection, id)?;
        let can_resume = match import.state() {
            // A queued import needs no change, nor does a running one, even if its process died: the next one continues
            // it.
            ImportState::Ready | ImportState::Running => return Ok(import),
            ImportState::Failed | ImportState::Cancelled => import.file_path.is_some(),
            _ => false,
        };
        if !can_resume {
            let message = match (import.state(), import.file_path.is_some()) {
                (ImportState::Waiting, _) => "the import still waits for its file".to_owned(),
                (ImportState::Failed | ImportState::Cancelled, false) => {
                    "the file of the import is no longer stored; import it again".to_owned()
                }
                _ => format!(
                    "only a failed or cancelled import can be resumed, and this one is {}",
                    import.state().as_str()
                ),
            };
            return Err(Error::invalid("id", message));
        }
        diesel::update(imports::table.find(id))
            .set((
                imports::state.eq("ready"),
                imports::cancel_requested.eq(false),
                imports::error.eq(None::<String>),
                imports::finished_at.eq(None::<DateTime<Utc>>),
            ))
            .execute(connection)?;
        get(connection, id)
    })
}
