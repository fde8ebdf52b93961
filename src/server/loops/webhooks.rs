//! The loop of webhooks: it sleeps until it is woken, and [`crate::webhook`] reads, sends and records.
//!
//! Each endpoint with something to send gets a thread, up to a limit. A receiver may take 20 seconds. No database
//! connection is held meanwhile, and a stopping server does not wait: the interrupted message is sent again later.

use crate::app::App;
use crate::error::Error;
use crate::webhook::{Claim, Delivery, DeliveryOutcome, has_enabled, next_due, tidy};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};

/// How many connections the threads share.
pub const CONNECTIONS: u32 = 2;
/// How many endpoints receive messages at the same time.
const AT_ONCE: usize = 16;
/// How often to poll for changes that other processes made.
const SOON: Duration = Duration::from_secs(1);
/// How often to poll for a first webhook from another process, and how soon to try again after a failure of the
/// database.
const LATER: Duration = Duration::from_secs(10);
/// How long changes are gathered before a poll, which costs the database as much as a small change.
const GATHERING: Duration = Duration::from_millis(50);
/// How often old attempts are removed.
const TIDY_EVERY: Duration = Duration::from_secs(3_600);

/// Sends the messages of webhooks. Never returns.
pub async fn run(app: App) {
    let delivery = Delivery {
        db: app.db.for_long_work().with_own_pool(CONNECTIONS),
        ..app.delivery()
    };
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut tidied: Option<Instant> = None;
    loop {
        // Fails only if the semaphore is closed, which it never is.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        let is_due = tidied.is_none_or(|tidied| tidied.elapsed() >= TIDY_EVERY);
        if is_due {
            tidied = Some(Instant::now());
        }
        let sleep = match claim(&delivery, is_due).await {
            Ok(Ok(claim)) => {
                let (delivery, app) = (delivery.clone(), app.clone());
                tokio::spawn(async move {
                    if deliver(delivery, claim).await {
                        app.webhooks_due.notify_one();
                    }
                    drop(permit);
                });
                continue;
            }
            Ok(Err(sleep)) => sleep,
            Err(error) => {
                tracing::error!(%error, "cannot look for messages to webhooks; retrying later");
                LATER
            }
        };
        drop(permit);
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = app.webhooks_due.notified() => tokio::time::sleep(GATHERING).await,
        }
    }
}

/// Claims an endpoint with something to send, or returns how long to sleep.
async fn claim(delivery: &Delivery, tidies: bool) -> Result<Result<Claim, Duration>, Error> {
    let delivery = delivery.clone();
    let claimed = tokio::task::spawn_blocking(move || {
        let now = delivery.clock.now();
        if tidies {
            delivery.db.run_here(|connection| tidy(connection, now))?;
        }
        if let Some(claim) = delivery.claim()? {
            return Ok(Ok(claim));
        }
        let due = delivery
            .db
            .run_here(|connection| next_due(connection, now))?;
        let until_due = due.and_then(|due| (due - now).to_std().ok());
        let longest = match delivery.db.run_here(has_enabled)? {
            true => SOON,
            false => LATER,
        };
        Ok(Err(until_due.unwrap_or(longest).min(longest)))
    });
    match claimed.await {
        Ok(claimed) => claimed,
        Err(stopped) => Err(Error::Internal(stopped.to_string())),
    }
}

/// Sends an endpoint the messages that it has not received, on a separate thread, so that the process can end without
/// waiting for it. Returns whether there may be more messages.
async fn deliver(delivery: Delivery, claim: Claim) -> bool {
    let (tell, told) = oneshot::channel();
    let thread = std::thread::Builder::new().name("webhook".to_owned());
    let spawned = thread.spawn(move || {
        // Sending fails only if the loop has ended.
        let _ = tell.send(delivery.deliver(claim));
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "cannot start a thread to send messages to a webhook; retrying later");
        return false;
    }
    match told.await {
        Ok(Ok(outcome)) => {
            tracing::debug!(
                webhook = claim.webhook_id,
                ?outcome,
                "sent messages to a webhook"
            );
            outcome == DeliveryOutcome::More
        }
        Ok(Err(error)) => {
            tracing::warn!(webhook = claim.webhook_id, %error, "messages to a webhook will be sent later");
            false
        }
        Err(_) => {
            tracing::error!(
                webhook = claim.webhook_id,
                "sending messages to a webhook panicked; retrying later"
            );
            false
        }
    }
}
