//! Writes batches with several connections at the same time, and the checkpoint after each.

use super::batch::{Batch, Context, Items, Placed};
use super::turns::{StopOthers, Stopped, Turns};
use super::{events, groups, subscribers};
use crate::audience::runs;
use crate::db::Attempts;
use crate::db::schema::{import_batches, imports};
use crate::error::Error;
use crate::import::file::reader::RowReader;
use crate::import::plan::options::ImportMode;
use crate::import::report::{ImportReport, store_problems};
use crate::metrics::metrics;
use diesel::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How often a batch is tried if other transactions keep adding the same people.
const ATTEMPTS: usize = 10;

/// How far an import is, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file read so far, as it is on the disk.
    pub bytes: u64,
    /// Rows done so far.
    pub rows: u64,
}

/// The existing subscribers of a batch.
enum Found {
    /// The ids of its people.
    People(Vec<i64>),
    /// The subscribers of its events, by address.
    OfEvents(events::Found),
}

/// The state that the writers share.
pub struct BatchWriter<'w, P> {
    /// How rows are read.
    pub kind: &'w RowReader,
    /// The data that all batches share.
    pub context: &'w Context,
    /// Set when the process is about to end.
    pub is_stopping: &'w AtomicBool,
    /// The order in which batches are written.
    pub turns: Turns,
    /// The counts so far.
    pub total: Mutex<ImportReport>,
    /// Called after every batch that is written.
    pub progress: Mutex<P>,
}

impl<P: FnMut(Progress)> BatchWriter<'_, P> {
    /// Writes the received batches, up to the last.
    ///
    /// # Errors
    /// The reason why it stopped before the last batch.
    pub fn write_all(
        &self,
        mut connection: PgConnection,
        receiver: &Mutex<Receiver<Batch>>,
    ) -> Result<(), Stopped> {
        // Dropped also if this thread panics, so that the other does not wait for ever.
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
                let message = "the process is stopping; the import will be resumed";
                return Err(Error::Unavailable(message.to_owned()).into());
            }
            self.write(&mut connection, batch)?;
        }
    }

    fn write(&self, connection: &mut PgConnection, mut batch: Batch) -> Result<(), Stopped> {
        let mut attempt = 1;
        let mut conflicts = Attempts::new();
        loop {
            match self.write_once(connection, &mut batch) {
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

    /// Writes a batch, and returns whether cancellation was requested.
    fn write_once(
        &self,
        connection: &mut PgConnection,
        batch: &mut Batch,
    ) -> Result<bool, Stopped> {
        // Nothing is locked while the writer waits for its turn, neither rows nor tables.
        let found = match self.looks_up_early(batch) {
            true => Some(self.find(connection, batch)?),
            false => None,
        };
        let waits_for_commit = batch.follows || self.creates_people();
        self.turns.wait_to_place(batch.number, waits_for_commit)?;
        connection.transaction(|connection| self.write_in_turn(connection, batch, found))
    }

    /// Whether the people of a batch can be looked up while the previous batch is written. They cannot if that batch
    /// may add some of them. They cannot either if the import only updates: it would miss people who were added since
    /// the look-up, whom other imports notice when they add missing people.
    fn looks_up_early(&self, batch: &Batch) -> bool {
        let adds_nobody = matches!(self.kind, RowReader::People(_, options) if options.mode == ImportMode::Update);
        !batch.follows && !self.creates_people() && !adds_nobody
    }

    fn creates_people(&self) -> bool {
        matches!(self.kind, RowReader::Events(_, options) if options.create_people)
    }

    fn write_in_turn(
        &self,
        connection: &mut PgConnection,
        batch: &mut Batch,
        found: Option<Found>,
    ) -> Result<bool, Stopped> {
        let number = batch.number;
        let found = match found {
            Some(found) => found,
            None => self.find(connection, batch)?,
        };
        let mut placed = self.place(connection, batch, found)?;
        self.turns.placed(number);
        placed.report.added_to_group =
            groups::join_groups(connection, number, &placed, self.context)?;
        self.remember(connection, number, &mut placed)?;
        let mut problems = std::mem::take(&mut placed.problems);
        problems.extend(batch.problems.iter().cloned());
        self.turns.wait_to_commit(number)?;
        // In the order of batches, so that the order of ids is the order of the file.
        store_problems(connection, self.context.import_id, &mut problems)?;
        let total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        self.checkpoint(connection, batch, &placed, total)
    }

    /// Looks up the existing subscribers of a batch.
    fn find(&self, connection: &mut PgConnection, batch: &Batch) -> Result<Found, Error> {
        Ok(match &batch.items {
            Items::People(people) => Found::People(subscribers::find_ids(connection, people)?),
            Items::Events(list) => Found::OfEvents(events::find_people(connection, list)?),
        })
    }

    /// Writes a batch, except the groups of its people.
    fn place(
        &self,
        connection: &mut PgConnection,
        batch: &Batch,
        found: Found,
    ) -> Result<Placed, Error> {
        match (&batch.items, self.kind, found) {
            (Items::People(people), RowReader::People(_, options), Found::People(found)) => {
                subscribers::place(connection, people, &found, options, self.context)
            }
            (Items::Events(list), RowReader::Events(_, options), Found::OfEvents(found)) => {
                events::place(connection, list, found, options, self.context)
            }
            _ => Err(Error::Internal("a batch of another kind".to_owned())),
        }
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

    /// Stores that everything up to this batch is done. Returns whether cancellation was requested. Fails if another
    /// process has continued the import.
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
        for report in [&batch.report, &placed.report] {
            for (outcome, rows) in report.outcomes() {
                metrics().note_import_rows(outcome, rows);
            }
        }
        // The batch is committed right after this, before another writer has its turn.
        *total = counts;
        is_cancelled.ok_or_else(|| {
            Error::Unavailable("another process has continued this import".to_owned()).into()
        })
    }
}
