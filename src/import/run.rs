//! Running an import. A thread reads batches; two connections write them, so that the second part of one batch, its
//! memberships, is written beside the first part of the next. Batches are committed in the order of the file, each with
//! the checkpoint behind it: whenever the process dies, what is stored is what some first rows of the file say.

use super::control;
use super::file::reader::{BatchReader, Kind};
use super::file::source;
use super::file::source::Form;
use super::file::spool::{Spool, in_place};
use super::file::table::{Peeked, RowSource};
use super::job::{self, Import, ImportState};
use super::plan::look::{look, read_names};
use super::plan::options::ImportOptions;
use super::plan::{Plan, prepare, settle};
use super::report::{ImportReport, store_problems};
use super::write::batch::{Batch, Context, Items, Placed};
use super::write::copy::make_staging;
use super::write::turns::{StopOthers, Stopped, Turns};
use super::write::{events, subscribers};
use crate::audience::runs;
use crate::audience::setting;
use crate::clock::Clock;
use crate::db::schema::{import_batches, imports};
use crate::db::{Attempts, Db};
use crate::error::Error;
use crate::rule::shift_moment;
use chrono::Duration;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many connections write.
const WRITERS: usize = 2;

/// How often a batch is tried whose people somebody else is adding at the same time.
const ATTEMPTS: usize = 10;

/// How imports are run.
#[derive(Debug, Clone)]
pub struct ImportSettings {
    /// Tells the time.
    pub clock: Clock,
    /// Where files wait.
    pub spool: Spool,
    /// How many rows are written in one transaction.
    pub batch_rows: u64,
    /// Set when the process is about to end: the running import stops behind its batch, to be taken up again.
    pub is_stopping: Arc<AtomicBool>,
}

/// How many rows are written in one transaction, where nobody says otherwise.
pub const BATCH_ROWS: u64 = 5_000;

/// How far an import is, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file read so far, as it is on the disk.
    pub bytes: u64,
    /// Rows done so far.
    pub rows: u64,
}

/// Runs an import that waits for its turn, or that a dead process left, from where it stopped. Returns nothing while
/// another import runs; they run one at a time.
///
/// # Errors
/// [`Error::Invalid`] if the file cannot be used; what was written before stays, and the import has failed. Those of
/// the database; the import can be taken up again then.
pub fn try_run(
    db: &Db,
    id: i64,
    settings: &ImportSettings,
    progress: impl FnMut(Progress) + Send,
) -> Result<Option<Import>, Error> {
    let Some(mut lock) = Lock::take(db)? else {
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
                "expected an import that waits for its turn, found one that is {}",
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
    let result = run(db, &import, settings, progress);
    finish(&mut lock.connection, &import, result, settings).map(Some)
}

/// Asks an import to stop: one that runs does behind its batch, one that does not at once. What is stored stays.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] if it has ended.
pub fn cancel(db: &Db, id: i64, settings: &ImportSettings) -> Result<Import, Error> {
    let now = settings.clock.now();
    let asked = db.run_here(|connection| control::ask_to_stop(connection, id, now))?;
    if asked.state() == ImportState::Running
        && let Some(mut lock) = Lock::take(db)?
        && let Some(stopped) = stop_left(&mut lock.connection, id, settings)?
    {
        return Ok(stopped);
    }
    Ok(asked)
}

/// Ends an import that was asked to stop while nobody ran it. The lock must be held.
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

/// Writes down how an import ended, and removes its file where it is not needed any more.
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
        // It is left running, so that whoever comes next takes it up.
        Err(error @ (Error::Unavailable(_) | Error::Contention(_))) => return Err(error),
        Err(error) => (ImportState::Failed, Some(error.to_string()), Some(error)),
    };
    let ended = connection.transaction(|connection| {
        if !import.is_dry_run() {
            diesel::update(imports::table.find(import.id))
                .set(imports::undo_until.eq(until))
                .execute(connection)?;
        }
        job::set_state(connection, import.id, state, message.as_deref(), Some(now))
    })?;
    let is_read = error.is_none() && state != ImportState::Cancelled;
    // Whoever settles what is open starts it again, with the same file.
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

/// Returns why an import has failed that was read to its end: not a single row of it could be used.
fn refused_all(import: &Import) -> Option<String> {
    let report = import.report();
    let is_all = report.rows > 0 && report.refused == report.rows;
    is_all.then(|| match report.rows {
        1 => "its only row was refused".to_owned(),
        rows => format!("all of its {rows} rows were refused"),
    })
}

/// Gives up an import whose questions nobody will answer: the copy of its file is removed.
///
/// # Errors
/// Those of the database.
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

/// Held while an import runs; the database lets go of it when its connection ends.
pub(super) struct Lock {
    pub connection: PgConnection,
}

impl Lock {
    /// Takes the lock if it is free.
    pub fn take(db: &Db) -> Result<Option<Lock>, Error> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Bool)]
            is_taken: bool,
        }
        let mut connection = db.connect()?;
        let row: Row = diesel::sql_query(
            "SELECT pg_try_advisory_lock(hashtextextended('rollcall import ' || current_schema(), 0)) AS is_taken",
        )
        .get_result(&mut connection)?;
        Ok(row.is_taken.then_some(Lock { connection }))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The end of the connection lets go of it too.
        let _ = self
            .connection
            .batch_execute("SELECT pg_advisory_unlock_all()");
    }
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
            "expected the file as it was when the import was asked for, found \"{}\" changed since",
            path.display()
        );
        return Err(Error::invalid("file", message));
    }
    let options = import.options()?;
    // What an earlier run settled holds for all of the file.
    let is_settled = import.batches > 0 && import.form().is_some_and(|form| form.settled.is_some());
    if !is_settled {
        let read_bytes = Arc::default();
        source::read(&path, options.file(), &read_bytes, |rows, form| {
            let looked = look(rows, &form, &options)?;
            settle(db, import, &options, &form, &looked)
        })?;
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
    let writer = Writer {
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
    // Gone when both writers are, so that the reader does not wait for somebody to receive.
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
                // Nobody receives any more after a failure or when the import was cancelled.
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

/// What the writers share.
struct Writer<'w, P> {
    kind: &'w Kind,
    context: &'w Context,
    is_stopping: &'w AtomicBool,
    turns: Turns,
    total: Mutex<ImportReport>,
    progress: Mutex<P>,
}

impl<P: FnMut(Progress)> Writer<'_, P> {
    fn write_all(
        &self,
        mut connection: PgConnection,
        receiver: &Mutex<Receiver<Batch>>,
    ) -> Result<(), Stopped> {
        // Told also where this thread panics, so that the other does not wait for ever.
        let guard = StopOthers::new(&self.turns);
        loop {
            let received = receiver
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv();
            let Ok(batch) = received else {
                std::mem::forget(guard);
                return Ok(());
            };
            if self.is_stopping.load(Ordering::Relaxed) {
                let message = "the process ends; the import is taken up again";
                return Err(Error::Unavailable(message.to_owned()).into());
            }
            self.write(&mut connection, batch)?;
        }
    }

    fn write(&self, connection: &mut PgConnection, mut batch: Batch) -> Result<(), Stopped> {
        let mut attempt = 1;
        let mut conflicts = Attempts::new();
        loop {
            let written =
                connection.transaction(|connection| self.write_once(connection, &mut batch));
            match written {
                // Another transaction has just added one of these people; they are known now.
                Err(Stopped::Failed(Error::Invalid(_))) if attempt < ATTEMPTS => attempt += 1,
                Err(Stopped::Failed(Error::Contention(_))) if conflicts.wait_for_next() => {}
                Err(stopped) => return Err(stopped),
                Ok(is_cancelled) => {
                    self.turns.commit(batch.number);
                    let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
                    progress(Progress {
                        bytes: batch.end_byte,
                        rows: batch.end_row,
                    });
                    return if is_cancelled {
                        Err(Stopped::Cancelled)
                    } else {
                        Ok(())
                    };
                }
            }
        }
    }

    /// Writes a batch; returns whether somebody has asked the import to stop.
    fn write_once(
        &self,
        connection: &mut PgConnection,
        batch: &mut Batch,
    ) -> Result<bool, Stopped> {
        let number = batch.number;
        // Looked up beside the batch before, unless that makes people.
        let found = match (&batch.items, self.kind) {
            (Items::Events(list), Kind::Events(_, options)) if !options.create_people => {
                events::find_people(connection, list)?
            }
            _ => events::Found::new(),
        };
        let creates_people = matches!(self.kind, Kind::Events(_, options) if options.create_people);
        self.turns
            .wait_to_place(number, batch.follows || creates_people)?;
        let mut placed = match (&batch.items, self.kind) {
            (Items::People(people), Kind::People(_, options)) => {
                subscribers::place(connection, people, options, self.context)?
            }
            (Items::Events(list), Kind::Events(_, options)) => {
                let found = if creates_people {
                    events::find_people(connection, list)?
                } else {
                    found
                };
                events::place(connection, list, found, options, self.context)?
            }
            _ => return Err(Error::Internal("a batch of another kind".to_owned()).into()),
        };
        self.turns.placed(number);
        placed.report.added_to_group =
            subscribers::join_groups(connection, number, &placed, self.context)?;
        self.remember(connection, number, &mut placed)?;
        let mut problems = std::mem::take(&mut placed.problems);
        problems.extend(batch.problems.iter().cloned());
        self.turns.wait_to_commit(number)?;
        // In the order of batches: their ids tell the order of the file.
        store_problems(connection, self.context.import_id, &mut problems)?;
        let total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        self.checkpoint(connection, batch, &placed, total)
    }

    fn remember(
        &self,
        connection: &mut PgConnection,
        number: i32,
        placed: &mut Placed,
    ) -> Result<(), Error> {
        if placed.new_ids.is_empty() && placed.new_people.is_empty() {
            return Ok(());
        }
        let ids = std::mem::take(&mut placed.new_ids);
        let people = std::mem::take(&mut placed.new_people);
        diesel::insert_into(import_batches::table)
            .values((
                import_batches::import_id.eq(self.context.import_id),
                import_batches::number.eq(number),
                import_batches::created.eq(runs::encode(ids)),
                import_batches::people.eq((!people.is_empty()).then(|| runs::encode(people))),
            ))
            .execute(connection)?;
        Ok(())
    }

    /// Writes down that everything up to this batch is done, unless another process has gone on with the import.
    fn checkpoint(
        &self,
        connection: &mut PgConnection,
        batch: &Batch,
        placed: &Placed,
        mut total: MutexGuard<'_, ImportReport>,
    ) -> Result<bool, Stopped> {
        let mut counts = total.clone();
        counts.add(&batch.report);
        counts.add(&placed.report);
        let stored = serde_json::to_value(&counts);
        let stored = stored.map_err(|error| Error::Internal(error.to_string()))?;
        let is_cancelled: Option<bool> =
            diesel::update(imports::table.find(self.context.import_id))
                .filter(imports::state.eq("running"))
                .filter(imports::batches.eq(batch.number - 1))
                .set((
                    imports::done_rows.eq(i64::try_from(batch.end_row).unwrap_or(i64::MAX)),
                    imports::done_bytes.eq(i64::try_from(batch.end_byte).unwrap_or(i64::MAX)),
                    imports::batches.eq(batch.number),
                    imports::counts.eq(stored),
                ))
                .returning(imports::cancel_requested)
                .get_result(connection)
                .optional()?;
        // The batch is committed at once after this, before anybody else has its turn.
        *total = counts;
        is_cancelled.ok_or_else(|| {
            Error::Unavailable("another process has gone on with this import".to_owned()).into()
        })
    }
}
