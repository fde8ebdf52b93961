//! A source of rows that stops when its import is cancelled.

use super::file::row::Row;
use super::file::table::RowSource;
use super::settings::ImportSettings;
use crate::db::Db;
use crate::db::schema::imports;
use crate::error::Error;
use diesel::prelude::*;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often to poll the database for a cancellation.
const EVERY: Duration = Duration::from_millis(250);

/// The rows of a file that is analyzed. No batch is written yet, so cancellation is checked between rows.
pub(super) struct Watched<'w> {
    /// The rows.
    pub rows: &'w mut dyn RowSource,
    /// The database, where a cancellation is stored.
    pub db: &'w Db,
    /// The import.
    pub import_id: i64,
    /// How the import is run.
    pub settings: &'w ImportSettings,
    /// When the database was last polled.
    pub asked_at: Option<Instant>,
}

impl RowSource for Watched<'_> {
    /// # Errors
    /// [`Error::Abandoned`] if the import was cancelled; [`Error::Unavailable`] if the process is about to end; errors
    /// of the file.
    fn next(&mut self) -> Result<Option<Row>, Error> {
        if self.asked_at.is_none_or(|at| at.elapsed() >= EVERY) {
            self.ask()?;
            self.asked_at = Some(Instant::now());
        }
        self.rows.next()
    }
}

impl Watched<'_> {
    fn ask(&self) -> Result<(), Error> {
        if self.settings.is_stopping.load(Ordering::Relaxed) {
            let message = "the process is stopping; the import will be resumed";
            return Err(Error::Unavailable(message.to_owned()));
        }
        let is_asked: Option<bool> = self.db.run_here(|connection| {
            let import = imports::table.find(self.import_id);
            let asked = import.select(imports::cancel_requested);
            Ok(asked.first(connection).optional()?)
        })?;
        match is_asked {
            Some(false) => Ok(()),
            _ => Err(Error::Abandoned),
        }
    }
}
