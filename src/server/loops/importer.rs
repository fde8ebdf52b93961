//! The loop of the importer: it sleeps until it is woken, and [`crate::import`] does the work. Across all servers and
//! commands, imports run and are undone one at a time.

use crate::app::App;
use crate::error::Error;
use crate::import::{run_next, tidy, undo_next};
use std::time::{Duration, Instant};

/// How often to poll for imports that other processes requested or abandoned, or are running.
const SOON: Duration = Duration::from_secs(2);
/// How soon to try again after a failure of the database.
const LATER: Duration = Duration::from_secs(10);
/// How often data that is no longer needed is removed.
const TIDY_EVERY: Duration = Duration::from_secs(3_600);

/// Runs imports. Never returns.
pub async fn run(app: App) {
    let mut tidied: Option<Instant> = None;
    loop {
        let is_due = tidied.is_none_or(|tidied| tidied.elapsed() >= TIDY_EVERY);
        if is_due {
            tidied = Some(Instant::now());
        }
        let sleep = step(&app, is_due).await;
        if sleep.is_zero() {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = app.import_ready.notified() => {}
        }
    }
}

/// Undoes or runs the next import, and returns how long to sleep.
async fn step(app: &App, tidies: bool) -> Duration {
    let working = app.clone();
    let done = tokio::task::spawn_blocking(move || {
        if tidies {
            tidy(&working.db, &working.imports)?;
        }
        let undone = undo_next(&working.db.for_long_work(), working.now());
        if let Ok(Some(_)) = undone {
            return undone;
        }
        // An import that cannot be undone yet does not hold up other imports.
        match run_next(&working.db, &working.imports)? {
            Some(import) => Ok(Some(import)),
            None => undone,
        }
    });
    match done.await {
        Ok(Ok(Some(import))) => {
            let state = import.state().as_str();
            // The reason of a refused undo names subscribers, so it must not be logged.
            let (rows, refused) = (import.done_rows, import.undo_error.is_some());
            tracing::info!(
                import = import.id,
                state,
                rows,
                refused,
                "an import was run or undone"
            );
            // INSTANT segments must follow. Another import may be waiting, so the loop does not sleep.
            app.changed.notify_one();
            app.webhooks_due.notify_one();
            Duration::ZERO
        }
        Ok(Ok(None)) => SOON,
        // The reason can quote the file, so only clients who may see the import get it.
        Ok(Err(Error::Invalid(_))) => {
            tracing::warn!("an import failed; the reason is in the import");
            SOON
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "an import or its undo stopped and will be resumed");
            LATER
        }
        Err(stopped) => {
            tracing::error!(%stopped, "an import stopped and will be resumed");
            LATER
        }
    }
}
