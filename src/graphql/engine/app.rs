//! What the resolvers work with.

use super::loaders::RequestLoader;
use super::scans::Scans;
use super::scope::forbidden;
use crate::audience::api_key::{Access, Scope};
use crate::db::Db;
use crate::import::ImportSettings;
use crate::live::Live;
use crate::refresh::RefreshSettings;
use async_graphql::{Context, ErrorExtensions};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use tokio::sync::Notify;

/// The application as the API sees it.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub db: Db,
    /// The lines in which scans wait.
    pub scans: Arc<Scans>,
    /// How refreshes are run; holds the clock.
    pub refresh: RefreshSettings,
    /// Tells the scheduler that a segment waits for its refresh.
    pub pending: Arc<Notify>,
    /// What those who listen to refreshes share.
    pub live: Arc<Live>,
    /// Tells the follower of instant segments that something changed.
    pub changed: Arc<Notify>,
    /// Tells whoever checks API keys that one was made or revoked.
    pub keys_changed: Arc<Notify>,
    /// How imports are run.
    pub imports: ImportSettings,
    /// Tells the importer that an import waits for its turn.
    pub import_ready: Arc<Notify>,
}

impl App {
    /// Returns the time.
    pub fn now(&self) -> DateTime<Utc> {
        self.refresh.clock.now()
    }
}

/// What resolvers ask their context for.
pub trait ContextExt {
    /// Returns the application.
    fn app(&self) -> async_graphql::Result<&App>;
    /// Returns the loaders of this request.
    fn loader(&self) -> async_graphql::Result<&RequestLoader>;
    /// Returns what whoever asks may do.
    fn access(&self) -> async_graphql::Result<Access>;
    /// Refuses whoever may not do what a field, given by its coordinate, asks for.
    fn require(&self, needed: Scope, coordinate: &str) -> async_graphql::Result<()>;
}

impl ContextExt for Context<'_> {
    fn app(&self) -> async_graphql::Result<&App> {
        self.data()
    }

    fn loader(&self) -> async_graphql::Result<&RequestLoader> {
        self.data()
    }

    fn access(&self) -> async_graphql::Result<Access> {
        self.data().copied()
    }

    fn require(&self, needed: Scope, coordinate: &str) -> async_graphql::Result<()> {
        if self.access()?.scopes.allow(needed) {
            return Ok(());
        }
        let error = async_graphql::Error::new(forbidden(coordinate, needed));
        Err(error.extend_with(|_, extensions| extensions.set("code", "FORBIDDEN")))
    }
}
