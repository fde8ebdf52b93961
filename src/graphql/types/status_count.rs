//! How many subscribers have each status.

use super::subscriber::SubscriberStatus;
use crate::audience::status_count::{StatusCounts, count_everybody};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::to_graphql;
use crate::graphql::engine::scalar::count;
use async_graphql::{Context, Object, SimpleObject};

/// How many subscribers have a status.
#[derive(SimpleObject)]
pub struct StatusCount {
    /// The status.
    status: SubscriberStatus,
    /// How many subscribers have the status.
    count: i32,
}

/// Lists every status with its count.
pub fn list_counts(counts: &StatusCounts) -> Vec<StatusCount> {
    let counts = counts.list().map(|(status, found)| StatusCount {
        status: status.into(),
        count: count(found),
    });
    counts.collect()
}

/// Queries about statuses.
#[derive(Default)]
pub struct StatusCountQuery;

#[Object]
impl StatusCountQuery {
    /// Counts all subscribers by status: every status, in the order of the enum.
    async fn status_counts(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<StatusCount>> {
        let counts = context.app()?.db.run(count_everybody).await;
        Ok(list_counts(&counts.map_err(to_graphql)?))
    }
}
