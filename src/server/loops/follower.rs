//! The loop of the follower: it sleeps until it is woken, and [`crate::follow`] follows the changes.

use crate::app::App;
use crate::follow::{Follower, Step};
use std::time::Duration;

/// How often to poll for changes from elsewhere: an import, another server, plain SQL.
const SOON: Duration = Duration::from_millis(500);
/// How often to poll for a first INSTANT segment from another process. A segment made in this process wakes the loop.
const LATER: Duration = Duration::from_secs(10);
/// How long changes are gathered while there is no INSTANT segment. Without this pause, every change would cost two
/// useless statements.
const GATHER: Duration = Duration::from_millis(50);
/// How soon to try again while another follower is working.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Follows changes. Never returns.
pub async fn run(app: App) {
    let mut follower = Follower::default();
    loop {
        let (kept, sleep) = step(&app, follower).await;
        follower = kept;
        let gather = if sleep == LATER {
            GATHER
        } else {
            Duration::ZERO
        };
        if sleep.is_zero() {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = app.changed.notified() => tokio::time::sleep(gather).await,
        }
    }
}

/// Follows the changes so far, and returns how long to sleep.
async fn step(app: &App, mut follower: Follower) -> (Follower, Duration) {
    let working = app.clone();
    let done = tokio::task::spawn_blocking(move || {
        let step = follower.step(&working.db, &working.refresh);
        (follower, step)
    });
    match done.await {
        Ok((follower, Ok(step))) => {
            if let Step::Done(followed) = step {
                tracing::debug!(?followed, "followed changes");
                app.live.tell_ended();
                app.webhooks_due.notify_one();
            }
            let sleep = match step {
                Step::Nobody => LATER,
                Step::Idle => SOON,
                Step::Busy => AT_ONCE,
                Step::Outdated | Step::Done(_) => Duration::ZERO,
            };
            (follower, sleep)
        }
        Ok((follower, Err(error))) => {
            tracing::warn!(%error, "changes could not be followed and will be tried again");
            (follower, SOON)
        }
        Err(stopped) => {
            tracing::error!(%stopped, "the follower stopped and restarts");
            (Follower::default(), SOON)
        }
    }
}
