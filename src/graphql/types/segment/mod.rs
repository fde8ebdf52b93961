//! Segments: the object and the queries.

mod ahead;
pub(in crate::graphql) mod copy;
mod definition;
pub(in crate::graphql) mod input;
pub(in crate::graphql) mod list;
mod reference;
pub(in crate::graphql) mod reuse;

use self::ahead::{LastRefresh, SegmentsAhead};
use self::definition::{SegmentDefinition, rule_of, summary_of};
pub use self::reference::SegmentRef;
use super::audit::{AuditEntryConnection, page_of_segment};
use super::dependency::{SegmentDependency, users_of, uses_of};
use super::membership::MembershipTarget;
use super::past::{
    GrowthBy, SegmentChangeConnection, SegmentGrowthPoint, SegmentOverlap, Since, change_edge,
};
use super::refresh::SegmentRefreshNode;
use super::rule::node::{RuleNode, RuleProblem, list_nodes, list_problems};
use super::status_count::{StatusCount, list_counts};
use super::subscriber::{
    PeopleList, SubscriberNode, SubscriberOrderBy, SubscriberStatus, SubscribersAhead, page,
    read_narrowing,
};
use crate::audience::paging::Page;
use crate::audience::segment::{Segment, SegmentMode};
use crate::error::Error;
use crate::graphql::engine::answer_budget::{Document, Text};
use crate::graphql::engine::at_hand::{at_hand, written_as_value};
use crate::graphql::engine::connection::{connection, write_cursor};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::direction::SortDirection;
use crate::graphql::engine::error::to_graphql;
use crate::graphql::engine::id::{IdKind, to_global};
use crate::graphql::engine::loaders::{
    DefinitionsOf, GrowthOf, LastDailyRun, LastRefreshOf, MemberCountAsOf, NarrowedSegmentMembers,
    OverlapWithGroup, OverlapWithSegment, PositionOf, RefreshesOf, SegmentMemberCount,
    SegmentMembers, SegmentMembersAsOf, SegmentStatusCounts, SettingsInUse, Total, load_one,
    load_people,
};
use crate::graphql::engine::nullable::{Nullable, nullable};
use crate::graphql::engine::position::write_position;
use crate::graphql::engine::quick::Quick;
use crate::graphql::engine::scalar::count;
use crate::past::{SegmentState, check_past};
use crate::refresh::{Daily, next_run};
use crate::rule::{DependencyKind, read_document};
use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::sync::Arc;

/// Whether the members of a segment match its rule.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "SegmentState", name = "SegmentState")]
pub enum SegmentStateName {
    /// The rule or the time zone is newer than the members; a refresh starts by itself.
    Pending,
    /// The members match the rule as of the last refresh.
    Ready,
    /// The rule can no longer be evaluated; the members are those of the last refresh that succeeded. See `problems`.
    Invalid,
}

/// When the members of a segment change.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[graphql(remote = "SegmentMode", name = "SegmentMode")]
pub enum SegmentModeName {
    /// In refreshes only: once a day, and whenever a refresh is requested.
    #[default]
    Daily,
    /// In refreshes, and right after a subscriber was changed, was added to or removed from a group, or had an event:
    /// within about a second. Changes that only time brings about wait for the refresh. Segments that the
    /// rule uses are evaluated with it; segments that use this one follow at once only if they are INSTANT too.
    Instant,
}

/// A segment: members chosen by a rule. Subscribers join and leave when it is refreshed.
pub struct SegmentNode {
    segment: Arc<Segment>,
    /// The values loaded for the whole list, if the segment is part of a list.
    ahead: Option<Arc<SegmentsAhead>>,
}

impl SegmentNode {
    /// Creates a segment that is not part of a list.
    pub fn new(segment: Arc<Segment>) -> SegmentNode {
        SegmentNode {
            segment,
            ahead: None,
        }
    }

    /// Creates a segment of a list.
    pub fn listed(segment: Arc<Segment>, ahead: Arc<SegmentsAhead>) -> SegmentNode {
        SegmentNode {
            segment,
            ahead: Some(ahead),
        }
    }

    async fn find_last_refresh(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Option<LastRefresh>> {
        let id = self.segment.id;
        match self
            .ahead
            .as_ref()
            .and_then(|ahead| ahead.last_refresh_of(id))
        {
            Some(loaded) => loaded,
            None => load_one(context.loader()?, LastRefreshOf(id)).await,
        }
    }
}

/// A segment: members chosen by a rule. Subscribers join and leave when it is refreshed.
#[Object(name = "Segment")]
impl SegmentNode {
    /// The global id: opaque, and the same for ever.
    pub async fn id(&self) -> ID {
        to_global(IdKind::Segment, self.segment.id)
    }

    /// The immutable name.
    async fn key(&self) -> Text<&str> {
        Text(&self.segment.key)
    }

    /// The display name.
    async fn name(&self) -> Text<&str> {
        Text(&self.segment.name)
    }

    /// The version: it grows with every change of the segment, not with its members. Send it as `ifVersion`, so that
    /// your change is refused if someone else's came first. The versions of the rule alone are those of `definitions`.
    async fn version(&self) -> i32 {
        self.segment.version
    }

    /// What the segment is for.
    async fn description(&self) -> Option<Text<&str>> {
        self.segment.description.as_deref().map(Text)
    }

    /// Free words for finding the segment.
    async fn tags(&self) -> Vec<Text<&str>> {
        let tags = self.segment.tags.list().iter();
        tags.map(|tag| Text(tag.as_str())).collect()
    }

    /// The rule, as it was given: a node with one key.
    async fn rule(&self) -> Document<Value> {
        rule_of(&self.segment.rule.read())
    }

    /// The nodes of the rule, parents before children.
    async fn rule_nodes(&self) -> Vec<RuleNode> {
        let rule = read_document(&self.segment.rule.read());
        rule.map(|rule| list_nodes(&rule)).unwrap_or_default()
    }

    /// The rule as one English sentence; null if it cannot be read any more.
    async fn summary(&self) -> Option<Text<String>> {
        summary_of(&self.segment.rule.read()).map(Text)
    }

    /// The custom fields, groups, other segments and events that the rule uses, by kind and name.
    async fn depends_on(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<SegmentDependency>> {
        uses_of(context, self.segment.id).await
    }

    /// The segments whose rules use this segment, by key. While there are any, this segment cannot be deleted.
    async fn used_by(&self, context: &Context<'_>) -> async_graphql::Result<Vec<SegmentNode>> {
        users_of(context, DependencyKind::Segment, &self.segment.key).await
    }

    /// Every version of the segment's rule, newest first.
    async fn definitions(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<SegmentDefinitionConnection> {
        let request = page(first, after, last, before).read("Segment.definitions")?;
        let id = self.segment.id;
        let page = load_one(context.loader()?, DefinitionsOf((id, request))).await?;
        let edges = page
            .unwrap_or_default()
            .map(|definition| SegmentDefinitionEdge {
                cursor: write_cursor("Segment.definitions", &definition.version),
                node: SegmentDefinition(definition),
            });
        Ok(SegmentDefinitionConnection::new(
            edges,
            Total::Definitions(id),
        ))
    }

    /// Lists the entries of the audit log about the segment, newest first. For ADMIN.
    async fn audit_log(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<AuditEntryConnection> {
        page_of_segment(context, self.segment.id, page(first, after, last, before)).await
    }

    /// The number of the version of the rule, from 1.
    async fn definition_version(&self) -> i32 {
        self.segment.definition_version
    }

    /// When the members change.
    async fn mode(&self) -> SegmentModeName {
        self.segment.mode.into()
    }

    /// Whether the members match the rule.
    async fn state(&self, context: &Context<'_>) -> async_graphql::Result<SegmentStateName> {
        let last = self.find_last_refresh(context).await?;
        let last = last.as_ref().map(|(_, of_segment)| of_segment);
        Ok(SegmentState::of(&self.segment, last).into())
    }

    /// Why the rule could not be evaluated at the last refresh; empty unless the state is INVALID.
    async fn problems(&self, context: &Context<'_>) -> async_graphql::Result<Vec<RuleProblem>> {
        let last = self.find_last_refresh(context).await?;
        let last = last.map(|(_, of_segment)| of_segment);
        Ok(match SegmentState::of(&self.segment, last.as_ref()) {
            SegmentState::Invalid => {
                list_problems(last.map(|last| last.problems()).unwrap_or_default())
            }
            _ => Vec::new(),
        })
    }

    /// How many members the segment has now, or had at a past moment, including members deleted since. Fails if the
    /// moment is in the future or longer ago than changes are kept.
    async fn member_count(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "A moment of the past.")] as_of: Option<DateTime<Utc>>,
    ) -> async_graphql::Result<i32> {
        if let Some(as_of) = as_of {
            check_past(as_of, context.app()?.now()).map_err(to_graphql)?;
            let members = MemberCountAsOf((self.segment.id, as_of));
            let members = load_one(context.loader()?, members).await?;
            let members = members.unwrap_or(Ok(0)).map_err(to_graphql)?;
            return Ok(count(i64::try_from(members).unwrap_or(i64::MAX)));
        }
        let id = self.segment.id;
        let members = match self.ahead.as_ref().and_then(|ahead| ahead.count_of(id)) {
            Some(loaded) => loaded?,
            None => load_one(context.loader()?, SegmentMemberCount(id))
                .await?
                .unwrap_or(0),
        };
        Ok(count(members))
    }

    /// How many members have each status now: every status, in the order of the enum.
    async fn status_counts(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<StatusCount>> {
        let counts = load_one(context.loader()?, SegmentStatusCounts(self.segment.id)).await?;
        Ok(list_counts(&counts.unwrap_or_default()))
    }

    /// The members now, or at a past moment. `search` and `status` apply to the subscribers as they are now.
    /// Subscribers deleted since are neither listed nor counted in `totalCount`. Fails if the moment is in the future
    /// or longer ago than changes are kept.
    #[expect(
        clippy::too_many_arguments,
        reason = "the arguments of a connection, a moment, a search, a status and an order"
    )]
    async fn members(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "A moment of the past.")] as_of: Option<DateTime<Utc>>,
        #[graphql(desc = "The beginning of the e-mail address, in any letter case.")]
        search: Option<String>,
        #[graphql(desc = "Only subscribers with this status.")] status: Option<SubscriberStatus>,
        #[graphql(desc = "The order of the list.", default)] order_by: SubscriberOrderBy,
        #[graphql(desc = "The direction of the order.", default)] direction: SortDirection,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<SegmentMemberConnection> {
        let list = PeopleList::new("Segment.members", order_by, direction);
        let request = list.request(page(first, after, last, before))?;
        let narrowing = read_narrowing(search.as_deref(), status)?;
        let (id, loader, order) = (self.segment.id, context.loader()?, list.order);
        let (page, total) = match as_of {
            None if narrowing.is_everybody() => {
                let page = load_one(loader, SegmentMembers((id, (order, request)))).await?;
                (page.unwrap_or_default(), Total::SegmentMembers(id))
            }
            None => {
                let asked = NarrowedSegmentMembers((id, (order, request, narrowing)));
                let (page, count) = load_one(loader, asked).await?.unwrap_or_default();
                (page, Total::Known(count))
            }
            Some(as_of) => {
                check_past(as_of, context.app()?.now()).map_err(to_graphql)?;
                let asked = (as_of, (order, request, narrowing));
                let found = load_one(loader, SegmentMembersAsOf((id, asked))).await?;
                let found = found.unwrap_or(Ok(Default::default()));
                let (page, count) = found.map_err(to_graphql)?;
                (page, Total::Known(count))
            }
        };
        let (people, permit) = load_people(context, list.page(page)).await?;
        let ahead = SubscribersAhead::load(context, &people.rows).await;
        let edges = people.map(|subscriber| SegmentMemberEdge {
            cursor: list.cursor(&subscriber),
            since: Since {
                segment_id: id,
                subscriber_id: subscriber.id,
                as_of,
            },
            node: SubscriberNode::listed(subscriber, Arc::clone(&ahead), false),
        });
        Ok(SegmentMemberConnection::new(edges, total).loaded_with(permit))
    }

    /// How the members changed, newest first: an item for each refresh, which also counts what happened since the
    /// refresh before. For new items, give the cursor of the newest item that you have as `before`. A cursor of another
    /// database, or from before a backup was restored, fails with the code RESYNC.
    async fn changes(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<SegmentChangeConnection> {
        let request = page(first, after, last, before).read("Segment.changes")?;
        let id = self.segment.id;
        let page = load_one(context.loader()?, RefreshesOf((id, request))).await?;
        let page = page.unwrap_or(Ok(Page::default())).map_err(to_graphql)?;
        let edges = page.map(change_edge);
        Ok(SegmentChangeConnection::new(edges, Total::RefreshesOf(id)))
    }

    /// The position after the last change of the members so far, for `after` of `membershipChanged`. To start a mirror,
    /// read the position first, then load the members, then follow from the position.
    async fn position(&self, context: &Context<'_>) -> async_graphql::Result<ID> {
        let position = load_one(context.loader()?, PositionOf(self.segment.id)).await?;
        let missing = || to_graphql(Error::Internal("there is no position".to_owned()));
        Ok(write_position(&position.ok_or_else(missing)?, 0))
    }

    /// The growth of the segment: a point for each period of time in which it was refreshed, oldest first; at most
    /// 1,000.
    async fn growth(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The first moment.")] from: DateTime<Utc>,
        #[graphql(desc = "The first moment after it.")] to: DateTime<Utc>,
        #[graphql(desc = "The length of the periods.", default)] by: GrowthBy,
    ) -> async_graphql::Result<Vec<SegmentGrowthPoint>> {
        let growth = GrowthOf((self.segment.id, ((from, to), by.into())));
        let points = load_one(context.loader()?, growth).await?;
        let points = points.unwrap_or(Ok(Vec::new())).map_err(to_graphql)?;
        Ok(points.into_iter().map(SegmentGrowthPoint::from).collect())
    }

    /// How the members overlap with those of another segment or of a group.
    async fn overlap(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The other segment or the group.")] with: MembershipTarget,
    ) -> async_graphql::Result<SegmentOverlap> {
        let (kind, other) = Box::pin(with.find(context)).await?;
        let id = self.segment.id;
        let loader = context.loader()?;
        let overlap = match kind {
            IdKind::Group => load_one(loader, OverlapWithGroup((id, other))).await?,
            _ => load_one(loader, OverlapWithSegment((id, other))).await?,
        };
        let (this, other, both) = overlap.unwrap_or_default();
        Ok(SegmentOverlap::new(this, other, both))
    }

    /// The result of the last refresh for this segment; null before the first.
    async fn last_refresh(&self, context: &Context<'_>) -> Nullable<Quick<SegmentRefreshNode>> {
        nullable(async {
            let last = self.find_last_refresh(context).await?;
            Ok(
                last.map(|(refresh, of_segment)| {
                    Quick(SegmentRefreshNode::by(refresh, of_segment))
                }),
            )
        })
        .await
    }

    /// When the daily refresh runs next: now if it is overdue. Null while the segment is archived.
    async fn next_refresh_at(&self, context: &Context<'_>) -> Nullable<DateTime<Utc>> {
        nullable(async {
            if self.segment.archived_at.is_some() {
                return Ok(None);
            }
            let loader = context.loader()?;
            let ran_for = load_one(loader, LastDailyRun(())).await?;
            let settings = load_one(loader, SettingsInUse(())).await?;
            let daily = Daily::of(&settings.unwrap_or_default());
            Ok(Some(next_run(daily, ran_for, context.app()?.now())))
        })
        .await
    }

    /// When the segment was archived. An archived segment is not refreshed and keeps its last members, which rules that
    /// use it see.
    async fn archived_at(&self) -> Option<DateTime<Utc>> {
        self.segment.archived_at
    }

    /// When the segment was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.segment.created_at
    }

    /// When name, description, tags, rule, mode or archiving last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.segment.updated_at
    }
}

connection! {
    /// A page of the versions of the rule of a segment.
    SegmentDefinitionConnection
    /// A version of the rule of a segment.
    SegmentDefinitionEdge { SegmentDefinition }
}

connection! {
    /// A page of the members of a segment.
    SegmentMemberConnection
    /// A member of a segment.
    SegmentMemberEdge {
        SubscriberNode,
        /// When the subscriber joined the segment.
        #[graphql(flatten)]
        since: Since
    }
}

connection! {
    /// A page of the segments of a subscriber.
    SubscriberSegmentConnection
    /// A segment of a subscriber.
    SubscriberSegmentEdge {
        SegmentNode,
        /// When the subscriber joined the segment.
        #[graphql(flatten)]
        since: Since
    } by |segment: &SegmentNode| write_cursor("Subscriber.segments", &segment.segment.key)
}

at_hand!(SegmentNode {
    "id": id(),
    "key": key(),
    "name": name(),
    "version": version(),
    "description": description(),
    "tags": tags(),
    "rule": rule(),
    "definitionVersion": definition_version(),
    "mode": mode(),
    "state": state(),
    "memberCount": member_count(asOf),
    "lastRefresh": last_refresh(),
    "archivedAt": archived_at(),
    "createdAt": created_at(),
    "updatedAt": updated_at(),
});
written_as_value!(SegmentModeName, SegmentStateName);
