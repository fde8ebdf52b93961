//! The application: the database, and what resolvers and loops share.

use crate::audience::refusals::Refusals;
use crate::db::Db;
use crate::error::Error;
use crate::import::ImportSettings;
use crate::live::Live;
use crate::scan::{RefreshSettings, Scans};
use crate::webhook::{Delivery, WebhookSettings};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use tokio::sync::Notify;

/// The application as the API sees it.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub db: Db,
    /// The queue of scans.
    pub scans: Arc<Scans>,
    /// The settings of refreshes. They hold the clock.
    pub refresh: RefreshSettings,
    /// Wakes the scheduler when a segment waits for its refresh.
    pub pending: Arc<Notify>,
    /// The newest refreshes and the last changes, for subscriptions.
    pub live: Arc<Live>,
    /// Wakes the follower of instant segments after a change.
    pub changed: Arc<Notify>,
    /// Wakes the loop that loads API keys: one was made or revoked.
    pub keys_changed: Arc<Notify>,
    /// How imports are run.
    pub imports: ImportSettings,
    /// Wakes the importer when an import is queued.
    pub import_ready: Arc<Notify>,
    /// Wakes the loop of bulk actions when one is queued.
    pub bulk_ready: Arc<Notify>,
    /// The refused requests that are not in the audit log yet.
    pub refusals: Arc<Refusals>,
    /// How webhooks are sent.
    pub webhooks: WebhookSettings,
    /// Wakes the webhook loop after a change.
    pub webhooks_due: Arc<Notify>,
}

impl App {
    /// Returns the time.
    pub fn now(&self) -> DateTime<Utc> {
        self.refresh.clock.now()
    }

    /// Returns a [`Delivery`], which sends the messages of webhooks.
    pub fn delivery(&self) -> Delivery {
        Delivery {
            db: self.db.for_long_work(),
            clock: self.refresh.clock.clone(),
            settings: self.webhooks.clone(),
        }
    }

    /// Waits in the queue of an API key, and then runs a scan over the database. Fails as [`Scans::run`].
    pub async fn scan<T, W>(&self, key: Option<i64>, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&Db, &RefreshSettings) -> Result<T, Error> + Send + 'static,
    {
        self.scans.run(&self.db, &self.refresh, key, work).await
    }
}
