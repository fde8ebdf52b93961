//! How many items a list has.

use super::pages::{AuditCount, DefinitionCount, ProblemCount, RefreshCount};
use super::{GroupMemberCount, SegmentMemberCount, TotalsOf, load_one};
use crate::audience::audit_list::{self, AuditFilter};
use crate::audience::narrowing::Narrowing;
use crate::audience::status_count::count_everybody;
use crate::audience::subscriber_page;
use crate::db::schema::{api_keys, bulk_actions, custom_fields, imports, refreshes, webhooks};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::to_graphql;
use crate::graphql::engine::scalar::count;
use crate::import::ProblemKind;
use async_graphql::Context;
use diesel::prelude::*;

/// The number of items of a list, counted only if it is selected.
#[derive(Debug, Clone)]
pub enum Total {
    /// Known already.
    Known(usize),
    /// All subscribers, or those whose e-mail address fits a narrowing.
    Subscribers(Narrowing),
    /// The versions of the rule of a segment.
    Definitions(i64),
    /// The refreshes of a segment.
    RefreshesOf(i64),
    /// The entries of the audit log about a segment.
    AuditOf(i64),
    /// The entries of the audit log that fit a filter.
    Audit(AuditFilter),
    /// All API keys.
    ApiKeys,
    /// All webhooks.
    Webhooks,
    /// All custom fields.
    CustomFields,
    /// All refreshes.
    Refreshes,
    /// All imports.
    Imports,
    /// All bulk actions.
    BulkActions,
    /// The problems of these kinds of an import.
    ImportProblems(i64, Vec<ProblemKind>),
    /// The members of a group.
    GroupMembers(i64),
    /// The members of a segment.
    SegmentMembers(i64),
    /// The events of a subscriber: those of one name, or all.
    Events(i64, Option<String>),
}

impl Total {
    /// Returns the number of items.
    pub async fn count(&self, context: &Context<'_>) -> async_graphql::Result<i32> {
        let loader = context.loader()?;
        let total = match self {
            Total::Known(total) => i64::try_from(*total).unwrap_or(i64::MAX),
            Total::GroupMembers(id) => load_one(loader, GroupMemberCount(*id)).await?.unwrap_or(0),
            Total::SegmentMembers(id) => load_one(loader, SegmentMemberCount(*id))
                .await?
                .unwrap_or(0),
            Total::Definitions(id) => load_one(loader, DefinitionCount(*id)).await?.unwrap_or(0),
            Total::AuditOf(id) => load_one(loader, AuditCount(*id)).await?.unwrap_or(0),
            Total::RefreshesOf(id) => load_one(loader, RefreshCount(*id)).await?.unwrap_or(0),
            Total::ImportProblems(id, kinds) => {
                load_one(loader, ProblemCount((*id, kinds.clone())))
                    .await?
                    .unwrap_or(0)
            }
            Total::Events(id, name) => load_one(loader, TotalsOf(*id))
                .await?
                .unwrap_or_default()
                .iter()
                .filter(|total| name.as_ref().is_none_or(|name| *name == total.name))
                .map(|total| total.count)
                .sum(),
            _ => self.clone().count_table(context).await?,
        };
        Ok(count(total))
    }

    async fn count_table(self, context: &Context<'_>) -> async_graphql::Result<i64> {
        let counted = context.app()?.db.run(move |connection| {
            Ok(match &self {
                Total::Audit(filter) => audit_list::count(connection, filter)?,
                Total::ApiKeys => api_keys::table.count().get_result(connection)?,
                Total::Webhooks => webhooks::table.count().get_result(connection)?,
                Total::CustomFields => custom_fields::table.count().get_result(connection)?,
                Total::Refreshes => refreshes::table.count().get_result(connection)?,
                Total::Imports => imports::table.count().get_result(connection)?,
                Total::BulkActions => bulk_actions::table.count().get_result(connection)?,
                Total::Subscribers(narrowing) => match narrowing.emails() {
                    Some(range) => subscriber_page::count_in_range(connection, &range)?,
                    None => count_everybody(connection)?.total(),
                },
                // The other totals are known or have loaders.
                _ => 0,
            })
        });
        counted.await.map_err(to_graphql)
    }
}
