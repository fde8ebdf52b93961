//! Imports a whole source in one call: for the demo, benchmarks and tests.

use super::control;
use super::file::spool::Spool;
use super::job::{self, Import};
use super::plan::options::{EventImport, ImportKind, ImportOptions, SubscriberImport};
use super::report::ImportReport;
use super::run::{Progress, try_run};
use super::settings::{BATCH_ROWS, ImportSettings};
use crate::clock::Clock;
use crate::db::Db;
use crate::error::Error;
use chrono::{DateTime, Utc};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait before checking again whether another import has ended.
const PAUSE: Duration = Duration::from_millis(100);

/// Imports a CSV file of subscribers: adds new subscribers and changes existing ones, found by e-mail address.
/// An empty cell leaves a value as it is. A file does not re-subscribe people who unsubscribed, bounced or complained,
/// unless a reason is given.
///
/// # Errors
/// [`Error::Invalid`] if the file, its header or a group cannot be used.
pub fn import_subscribers(
    db: &Db,
    source: impl Read,
    options: &SubscriberImport,
    now: DateTime<Utc>,
    progress: impl FnMut(Progress) + Send,
) -> Result<ImportReport, Error> {
    let options = ImportOptions::Subscribers(options.clone());
    import_whole(db, source, &options, now, progress)
}

/// Imports a CSV file of events with the columns `email`, `event`, `occurred_at` and optionally `value`, `dedupe_key`
/// and `properties.*`.
///
/// # Errors
/// [`Error::Invalid`] if the file or its header cannot be used.
pub fn import_events(
    db: &Db,
    source: impl Read,
    options: &EventImport,
    now: DateTime<Utc>,
    progress: impl FnMut(Progress) + Send,
) -> Result<ImportReport, Error> {
    let options = ImportOptions::Events(options.clone());
    import_whole(db, source, &options, now, progress)
}

fn import_whole(
    db: &Db,
    source: impl Read,
    options: &ImportOptions,
    now: DateTime<Utc>,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<ImportReport, Error> {
    let settings = ImportSettings {
        clock: Clock::standing_at(now),
        spool: Spool::new(std::env::temp_dir(), u64::MAX),
        // Events have no identity of their own. They are one batch, so that an interrupted import leaves none of them.
        batch_rows: match options.kind() {
            ImportKind::Subscribers => BATCH_ROWS,
            ImportKind::Events => u64::MAX,
        },
        is_stopping: Arc::default(),
    };
    let file = settings.spool.store(source)?;
    let made = db.run_here(|connection| control::create(connection, options, "", Some(&file), now));
    let done = made.and_then(|import| wait_and_run(db, &import, &settings, &mut progress));
    if done.is_err() {
        // No process will resume this import. If the file cannot be used, it was removed already.
        let _ = std::fs::remove_file(&file.path);
    }
    let done = done?;
    db.run_here(|connection| job::full_report(connection, &done))
}

fn wait_and_run(
    db: &Db,
    import: &Import,
    settings: &ImportSettings,
    progress: &mut (impl FnMut(Progress) + Send),
) -> Result<Import, Error> {
    loop {
        match try_run(db, import.id, settings, &mut *progress)? {
            Some(done) => return Ok(done),
            None => std::thread::sleep(PAUSE),
        }
    }
}
