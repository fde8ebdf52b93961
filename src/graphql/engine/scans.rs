//! Runs scans for resolvers.

use super::context::ContextExt;
use super::error::to_graphql;
use crate::db::Db;
use crate::error::Error;
use crate::scan::RefreshSettings;
use async_graphql::Context;

/// Runs a scan for a resolver, after waiting in the queue of scans.
pub async fn run_scan<T, W>(context: &Context<'_>, work: W) -> async_graphql::Result<T>
where
    T: Send + 'static,
    W: FnOnce(&Db, &RefreshSettings) -> Result<T, Error> + Send + 'static,
{
    let key = context.access()?.key_id;
    // Boxed, because the future is larger than most resolvers.
    let scanning = Box::pin(context.app()?.scan(key, work));
    scanning.await.map_err(to_graphql)
}
