//! The loop of the scheduler: it sleeps, and [`crate::refresh`] does the work. It also puts changes in order and adds
//! up counts.

use crate::app::App;
use crate::audience::status_count::add_up;
use crate::changes::settle;
use crate::error::Error;
use crate::refresh::{Daily, close_abandoned, next_due, refresh_pending, run_due};
use std::time::Duration;

/// The longest sleep, so that the loop soon notices a changed clock, settings that another process changed, and a
/// refresh whose server has died.
const LONGEST: Duration = Duration::from_secs(5);
/// How soon to try again while another refresh is running.
const SOON: Duration = Duration::from_millis(500);
/// How soon to try again after a failure.
const LATER: Duration = Duration::from_secs(10);

/// Runs due refreshes. Never returns.
pub async fn run(app: App) {
    loop {
        let sleep = step(&app).await;
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = app.pending.notified() => {}
        }
    }
}

/// Runs the refreshes that are due now, and returns how long to sleep.
async fn step(app: &App) -> Duration {
    let working = app.clone();
    let done = tokio::task::spawn_blocking(move || {
        // A refresh of a server that died must not appear to be running.
        close_abandoned(&working.db)?;
        working.db.run_here(add_up)?;
        // This removes deleted subscribers from the log of changes, even while no client reads it.
        working.db.run_here(settle)?;
        // New segments first: a client waits for them.
        let pending = refresh_pending(&working.db, &working.refresh)?;
        let daily = run_due(&working.db, &working.refresh)?;
        let next = next_due(working.db.run_here(Daily::load)?, working.now());
        Ok::<_, Error>((pending.into_iter().chain(daily), next))
    });
    let done = done.await;
    app.live.tell_ended();
    match done {
        Ok(Ok((refreshes, next))) => {
            for refresh in refreshes {
                app.webhooks_due.notify_one();
                tracing::info!(refresh = refresh.id, trigger = %refresh.trigger, as_of = ?refresh.as_of, "refreshed");
            }
            let until_due = next - app.now();
            until_due.to_std().unwrap_or(SOON).min(LONGEST)
        }
        Ok(Err(Error::RefreshRunning)) => SOON,
        Ok(Err(error)) => {
            tracing::error!(%error, "a refresh failed and will be tried again");
            LATER
        }
        Err(stopped) => {
            tracing::error!(%stopped, "a refresh stopped and will be tried again");
            LATER
        }
    }
}
