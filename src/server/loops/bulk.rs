//! The loop of bulk actions: it sleeps until it is woken, and [`crate::bulk`] does the work.

use crate::app::App;
use crate::bulk::{run_next, tidy};
use std::time::{Duration, Instant};

/// How often to poll for bulk actions that other processes requested or abandoned, or are running.
const SOON: Duration = Duration::from_secs(2);
/// How soon to try again after a failure of the database.
const LATER: Duration = Duration::from_secs(10);
/// How often data that is no longer needed is removed.
const TIDY_EVERY: Duration = Duration::from_secs(3_600);

/// Runs bulk actions. Never returns.
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
            () = app.bulk_ready.notified() => {}
        }
    }
}

/// Runs or undoes the next bulk action, and returns how long to sleep.
async fn step(app: &App, tidies: bool) -> Duration {
    let working = app.clone();
    let done = tokio::task::spawn_blocking(move || {
        let db = working.db.for_long_work();
        if tidies {
            tidy(&db, working.now())?;
        }
        run_next(&db, &working.refresh, &working.imports.is_stopping)
    });
    match done.await {
        Ok(Ok(Some(action))) => {
            let (state, changed) = (action.state().as_str(), action.changed);
            tracing::info!(
                bulk_action = action.id,
                state,
                changed,
                "a bulk action was run or undone"
            );
            // INSTANT segments must follow, and listeners are notified of deletions.
            app.changed.notify_one();
            app.webhooks_due.notify_one();
            app.live.tell_ended();
            Duration::ZERO
        }
        Ok(Ok(None)) => SOON,
        Ok(Err(error)) => {
            tracing::error!(%error, "a bulk action stopped and will be resumed");
            LATER
        }
        Err(stopped) => {
            tracing::error!(%stopped, "a bulk action stopped and will be resumed");
            LATER
        }
    }
}
