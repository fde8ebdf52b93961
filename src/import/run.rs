//! Runs an import. One thread reads batches, and two connections write them: the second part of a batch, its
//! memberships, is written at the same time as the first part of the next. Batches are committed in the order of the
//! file, each with its checkpoint. If the process dies, exactly the rows up to some batch are stored.

use super::control;
use super::file::form::Form;
use super::file::reader::BatchReader;
use super::file::source;
use super::file::spool::in_place;
use super::file::table::{Peeked, RowSource};
use super::job::{self, Import, ImportState};
use super::plan::look::{look, read_names};
use super::plan::options::ImportOptions;
use super::plan::{Plan, prepare, settle};
use super::settings::ImportSettings;
use super::watched::Watched;
use super::write::batch::Context;
use super::write::copy::make_staging;
use super::write::turns::{Stopped, Turns};
use super::write::writer::BatchWriter;
use crate::audience::audit::{self, Entry, TargetKind, Trace};
use crate::audience::setting;
use crate::db::schema::imports;
use crate::db::{AdvisoryLock, Db, SessionLock};
use crate::error::Error;
use crate::rule::shift_moment;
use crate::traces;
use chrono::Duration;
use diesel::prelude::*;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

pub use super::write::writer::Progress;

/// How many connections write.
const WRITERS: usize = 2;

/// Runs an import that is queued or was interrupted when its process died, from where it stopped. Returns `None` if
/// another import is running: imports run one at a time.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] if the import is not ready, or if the file cannot be used: the import has then
/// failed, and the rows stored before are kept.
/// After errors of the database the import can be resumed.
pub fn try_run(
    db: &Db,
    id: i64,
    settings: &ImportSettings,
    progress: impl FnMut(Progress) + Send,
) -> Result<Option<Import>, Error> {
    let Some(mut lock) = SessionLock::take(db, AdvisoryLock::Import)? else {
        return Ok(None);
    };
    let now = settings.clock.now();
    if let Some(stopped) = stop_left(&mut lock.connection, id, settings)? {
        return Ok(Some(stopped));
    }
    let import = lock.connection.transaction(|connection| {
        let import = job::lock(connection, id)?;
        if !matches!(import.state(), ImportState::Ready | ImportState::Running) {
            let message = format!(
                "the import cannot be run: it is {}, not ready",
                import.state().as_str()
            );
            return Err(Error::invalid("id", message));
        }
        diesel::update(imports::table.find(id))
            .set((
                imports::state.eq("running"),
                imports::started_at.eq(import.started_at.unwrap_or(now)),
            ))
            .execute(connection)?;
        job::get(connection, id)
    })?;
    let span = traces::of_import(import.kind.as_str(), import.id);
    let result = span.in_scope(|| run(db, &import, settings, progress));
    traces::end(&span, result.is_ok());
    finish(&mut lock.connection, &import, result, settings).map(Some)
}

/// Cancels an import. A running import stops after its batch, others stop at once. The rows stored so far are kept.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] if the import has ended.
pub fn cancel(db: &Db, id: i64, settings: &ImportSettings, entry: &Entry) -> Result<Import, Error> {
    let now = settings.clock.now();
    let asked = db.run_here(|connection| {
        audit::within(connection, entry, |connection| {
            let import = control::ask_to_stop(connection, id, now)?;
            Ok((import, Trace::of(TargetKind::Import, id)))
        })
    })?;
    if asked.state() == ImportState::Running
        && let Some(mut lock) = SessionLock::take(db, AdvisoryLock::Import)?
        && let Some(stopped) = stop_left(&mut lock.connection, id, settings)?
    {
        return Ok(stopped);
    }
    Ok(asked)
}

/// Ends an import that was cancelled while no process ran it. The caller must hold the lock of imports.
fn stop_left(
    connection: &mut PgConnection,
    id: i64,
    settings: &ImportSettings,
) -> Result<Option<Import>, Error> {
    let import = job::get(connection, id)?;
    if import.state() == ImportState::Running && import.cancel_requested {
        return finish(connection, &import, Ok(ImportState::Cancelled), settings).map(Some);
    }
    Ok(None)
}

/// Records how an import ended, and removes its file if it is not needed any more.
fn finish(
    connection: &mut PgConnection,
    import: &Import,
    result: Result<ImportState, Error>,
    settings: &ImportSettings,
) -> Result<Import, Error> {
    let now = settings.clock.now();
    let keep_undo = setting::load(connection)?.keep_undo;
    let until = shift_moment(now, Duration::days(i64::from(keep_undo)));
    let (state, message, error) = match result {
        Ok(ImportState::Analyzed) => {
            let state = ImportState::Analyzed;
            return job::set_state(connection, import.id, state, None, None);
        }
        Ok(ImportState::Succeeded) => match refused_all(&job::get(connection, import.id)?) {
            Some(message) => (ImportState::Failed, Some(message), None),
            None => (ImportState::Succeeded, None, None),
        },
        Ok(state) => (state, None, None),
        // The import keeps the state running, so that the next process continues it.
        Err(error @ (Error::Unavailable(_) | Error::Contention(_))) => return Err(error),
        Err(error) => (ImportState::Failed, Some(error.to_string()), Some(error)),
    };
    let ended = connection.transaction(|connection| {
        if !import.is_dry_run() {
            diesel::update(imports::table.find(import.id))
                .set(imports::undo_until.eq(until))
                .execute(connection)?;
        }
        let entry = Entry::of_system("endImport", now);
        audit::write(
            connection,
            &entry,
            &Trace::of(TargetKind::Import, import.id),
        )?;
        job::set_state(connection, import.id, state, message.as_deref(), Some(now))
    })?;
    let is_read = error.is_none() && state != ImportState::Cancelled;
    // Answering the open questions starts the import again, with the same file.
    let is_open = ended
        .analysis()
        .is_some_and(|analysis| !analysis.questions.is_empty());
    if (is_read || matches!(error, Some(Error::Invalid(_)))) && !is_open {
        remove_file(connection, &ended)?;
    }
    match error {
        Some(error) => Err(error),
        None => job::get(connection, import.id),
    }
}

/// Returns an error message if every row of the import was refused: the import has failed then.
fn refused_all(import: &Import) -> Option<String> {
    let report = import.report();
    let is_all = report.rows > 0 && report.refused == report.rows;
    is_all.then(|| match report.rows {
        1 => "the only row was refused".to_owned(),
        rows => format!("all {rows} rows were refused"),
    })
}

/// Gives up an import whose questions will not be answered: the copy of its file is removed.
pub fn discard(db: &Db, id: i64) -> Result<(), Error> {
    db.run_here(|connection| {
        let import = job::get(connection, id)?;
        job::forget_values(connection, &import)?;
        remove_file(connection, &import)
    })
}

/// Removes the copy of an import's file.
pub(super) fn remove_file(connection: &mut PgConnection, import: &Import) -> Result<(), Error> {
    if import.is_spooled
        && let Some(path) = &import.file_path
    {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, path, "a file that was imported cannot be removed");
            }
            _ => {}
        }
    }
    job::forget_file(connection, import.id)
}

fn run(
    db: &Db,
    import: &Import,
    settings: &ImportSettings,
    progress: impl FnMut(Progress) + Send,
) -> Result<ImportState, Error> {
    let path = job::path_of(import)?;
    let found = in_place(&path)?;
    if import.file_hash.as_deref() != Some(&found.hash) {
        let message = format!(
            "the file \"{}\" has changed since the import was asked for",
            path.display()
        );
        return Err(Error::invalid("file", message));
    }
    let options = import.options()?;
    // The plan of an earlier run applies to the whole file.
    let is_settled = import.batches > 0 && import.form().is_some_and(|form| form.settled.is_some());
    if !is_settled {
        match look_at(db, import, &options, settings, &path) {
            Err(Error::Abandoned) => return Ok(ImportState::Cancelled),
            looked => looked?,
        }
    }
    if import.waits_for_start {
        return Ok(ImportState::Analyzed);
    }
    let import = &db.run_here(|connection| {
        let import = job::get(connection, import.id)?;
        job::forget_values(connection, &import)?;
        Ok(import)
    })?;
    let read_bytes = Arc::new(AtomicU64::new(0));
    source::read(&path, options.file(), &read_bytes, |rows, form| {
        let file = OpenFile {
            rows,
            form,
            read_bytes: &read_bytes,
        };
        run_rows(db, import, &options, settings, file, progress)
    })
}

/// Analyzes the whole file and settles how it is read.
fn look_at(
    db: &Db,
    import: &Import,
    options: &ImportOptions,
    settings: &ImportSettings,
    path: &Path,
) -> Result<(), Error> {
    source::read(path, options.file(), &Arc::default(), |rows, form| {
        let mut rows = Watched {
            rows,
            db,
            import_id: import.id,
            settings,
            asked_at: None,
        };
        let looked = look(&mut rows, &form, options)?;
        settle(db, import, options, &form, &looked)
    })
}

/// A file whose rows are about to be read.
struct OpenFile<'f, 'c> {
    rows: &'f mut dyn RowSource,
    form: Form,
    read_bytes: &'c AtomicU64,
}

fn run_rows(
    db: &Db,
    import: &Import,
    options: &ImportOptions,
    settings: &ImportSettings,
    file: OpenFile<'_, '_>,
    progress: impl FnMut(Progress) + Send,
) -> Result<ImportState, Error> {
    let moment = import.started_at.unwrap_or(import.created_at);
    let (names, first) = read_names(file.rows, &file.form, options)?;
    let Plan {
        kind,
        groups,
        named_groups,
    } = prepare(db, import, options, &names, moment)?;
    let context = Context {
        import_id: import.id,
        moment,
        groups,
        named_groups,
        meets_known_events: AtomicBool::new(false),
        is_dry_run: options.is_dry_run(),
    };
    let writer = BatchWriter {
        kind: &kind,
        context: &context,
        is_stopping: &settings.is_stopping,
        turns: Turns::new(import.batches),
        total: Mutex::new(import.report()),
        progress: Mutex::new(progress),
    };
    let mut reader = BatchReader::new(&kind, settings.batch_rows, context.is_dry_run);
    let mut connections = Vec::new();
    for _ in 0..WRITERS {
        let mut connection = db.connect()?;
        make_staging(&mut connection)?;
        connections.push(connection);
    }
    let (sender, receiver) = sync_channel(1);
    // Dropped when both writers have ended, so that the reader does not wait for a writer to receive.
    let receiver = Arc::new(Mutex::new(receiver));
    std::thread::scope(|scope| {
        let writer = &writer;
        let writers: Vec<_> = connections
            .into_iter()
            .map(|connection| {
                let receiver = Arc::clone(&receiver);
                scope.spawn(move || writer.write_all(connection, &receiver))
            })
            .collect();
        drop(receiver);
        let mut rows = Peeked {
            first: Vec::from_iter(first).into_iter(),
            rest: file.rows,
        };
        let done_rows = u64::try_from(import.done_rows).unwrap_or_default();
        let mut read = || {
            reader.skip(&mut rows, done_rows, import.batches)?;
            while let Some(mut batch) = reader.next(&mut rows)? {
                batch.end_byte = file.read_bytes.load(Ordering::Relaxed);
                // No writer receives any more after a failure or when the import was cancelled.
                if sender.send(batch).is_err() {
                    break;
                }
            }
            Ok(())
        };
        let was_read: Result<(), Error> = read();
        drop(sender);
        let mut state = ImportState::Succeeded;
        let mut failure = None;
        for writer in writers {
            match writer.join() {
                Ok(Ok(())) => {}
                Ok(Err(Stopped::Cancelled)) => state = ImportState::Cancelled,
                Ok(Err(Stopped::ByOther)) => {}
                Ok(Err(Stopped::Failed(error))) => failure = Some(error),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        match failure {
            Some(error) => Err(error),
            None => was_read.map(|()| state),
        }
    })
}
