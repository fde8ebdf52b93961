//! The past of membership: who joined and left, growth, and histories.

use super::app::ContextExt;
use super::connection::{connection, write_cursor};
use super::loaders::{JoinedAt, RefreshById, SegmentById, Total, load_one};
use super::refresh::RefreshNode;
use super::scalar::count;
use super::scans::run_scan;
use super::segment::SegmentNode;
use super::subscriber::{
    SubscriberConnection, SubscriberOrderBy, page, subscriber_connection, subscriber_request,
};
use crate::audience::id_set::IdSet;
use crate::audience::subscriber::SubscriberOrder;
use crate::refresh::{
    Changed, GrowthPoint, GrowthStep, Passage, Refresh, SegmentRefresh, list_changed,
};
use async_graphql::{Context, Enum, Object, SimpleObject};
use chrono::{DateTime, Utc};
use std::cmp::Reverse;

/// Since when a subscriber has been a member of a segment: a part of whatever tells of the membership.
pub struct Since {
    /// The segment.
    pub segment_id: i64,
    /// The subscriber.
    pub subscriber_id: i64,
    /// As of when the membership is told; now if none.
    pub as_of: Option<DateTime<Utc>>,
}

/// Since when a subscriber has been a member of a segment.
#[Object]
impl Since {
    /// When the subscriber joined: the `asOf` of the refresh that found it. Null if that is longer ago than changes are
    /// kept.
    async fn joined_at(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Option<DateTime<Utc>>> {
        let key = JoinedAt((self.segment_id, self.subscriber_id, self.as_of));
        load_one(context.loader()?, key).await
    }
}

/// What one refresh did to the members of a segment.
pub struct SegmentChange {
    refresh: Refresh,
    of_segment: SegmentRefresh,
}

impl SegmentChange {
    /// A refresh, and what it did to one segment.
    pub fn new((refresh, of_segment): (Refresh, SegmentRefresh)) -> SegmentChange {
        SegmentChange {
            refresh,
            of_segment,
        }
    }
}

/// What one refresh did to the members of a segment.
#[Object]
impl SegmentChange {
    /// The refresh.
    async fn refresh(&self) -> RefreshNode {
        RefreshNode(self.refresh.clone())
    }

    /// How many members the segment had afterwards.
    async fn member_count(&self) -> i32 {
        count(self.of_segment.member_count)
    }

    /// How many became members.
    async fn joined_count(&self) -> i32 {
        count(self.of_segment.joined)
    }

    /// How many ceased to be members.
    async fn left_count(&self) -> i32 {
        count(self.of_segment.left)
    }

    /// Who became a member, among those who are subscribers still. An error if the refresh is longer ago than changes
    /// are kept.
    async fn joined(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The order of the list.", default)] order_by: SubscriberOrderBy,
        #[graphql(desc = "How many from the start; at most 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "How many from the end; at most 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<SubscriberConnection> {
        let order = order_by.into();
        let arguments = page(first, after, last, before);
        self.list(context, |changed| changed.joined, order, arguments)
            .await
    }

    /// Who ceased to be a member, among those who are subscribers still. An error if the refresh is longer ago than
    /// changes are kept.
    async fn left(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The order of the list.", default)] order_by: SubscriberOrderBy,
        #[graphql(desc = "How many from the start; at most 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "How many from the end; at most 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<SubscriberConnection> {
        let order = order_by.into();
        let arguments = page(first, after, last, before);
        self.list(context, |changed| changed.left, order, arguments)
            .await
    }
}

impl SegmentChange {
    async fn list(
        &self,
        context: &Context<'_>,
        side: fn(Changed) -> IdSet,
        order: SubscriberOrder,
        arguments: super::connection::PageArguments,
    ) -> async_graphql::Result<SubscriberConnection> {
        let request = subscriber_request(order, arguments)?;
        let change = (self.of_segment.segment_id, self.refresh.id);
        let (page, total) = run_scan(context, move |db, _| {
            db.run_here(|connection| list_changed(connection, change, side, order, &request))
        })
        .await?;
        Ok(subscriber_connection(page, order, Total::Known(total)))
    }
}

connection! {
    /// A page of what refreshes did to a segment.
    SegmentChangeConnection
    /// What one refresh did to a segment, in a list.
    SegmentChangeEdge { SegmentChange }
}

/// How long the stretches of a growth are.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[graphql(remote = "GrowthStep")]
pub enum GrowthBy {
    /// Each refresh by itself.
    Refresh,
    /// Days of the server's time zone.
    #[default]
    Day,
    /// Weeks of the server's time zone, from Monday.
    Week,
    /// Months of the server's time zone.
    Month,
}

/// What a stretch of time did to a segment.
#[derive(SimpleObject)]
pub struct SegmentGrowthPoint {
    /// When the stretch begins; of a single refresh its `asOf`.
    pub start: DateTime<Utc>,
    /// How many members there were after its last refresh.
    pub member_count: i32,
    /// How many joined within it; what an INSTANT segment followed between two refreshes counts with the later one.
    pub joined_count: i32,
    /// How many left within it; what an INSTANT segment followed between two refreshes counts with the later one.
    pub left_count: i32,
}

impl From<GrowthPoint> for SegmentGrowthPoint {
    fn from(point: GrowthPoint) -> Self {
        SegmentGrowthPoint {
            start: point.start,
            member_count: count(point.member_count),
            joined_count: count(point.joined),
            left_count: count(point.left),
        }
    }
}

/// How the members of a segment and those of another segment or a group overlap.
#[derive(SimpleObject)]
pub struct SegmentOverlap {
    /// How many are in this one.
    pub this_count: i32,
    /// How many are in the other.
    pub other_count: i32,
    /// How many are in both.
    pub both_count: i32,
    /// How many are in at least one of them.
    pub either_count: i32,
    /// How many are in this one only.
    pub only_this_count: i32,
    /// How many are in the other only.
    pub only_other_count: i32,
}

impl SegmentOverlap {
    /// The overlap of so many members of this one, of the other, and of both.
    pub fn new(this: i64, other: i64, both: i64) -> SegmentOverlap {
        SegmentOverlap {
            this_count: count(this),
            other_count: count(other),
            both_count: count(both),
            either_count: count(this + other - both),
            only_this_count: count(this - both),
            only_other_count: count(other - both),
        }
    }
}

/// In which direction membership changed.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassageDirection {
    /// The subscriber became a member.
    Joined,
    /// The subscriber ceased to be a member.
    Left,
}

/// A subscriber joining a segment or leaving it.
pub struct MembershipPassage(pub Passage);

/// A subscriber joining a segment or leaving it.
#[Object]
impl MembershipPassage {
    /// In which direction.
    async fn direction(&self) -> PassageDirection {
        match self.0.joined {
            true => PassageDirection::Joined,
            false => PassageDirection::Left,
        }
    }

    /// When: the `asOf` of the refresh that found it, or the moment at which an INSTANT segment followed.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// The segment.
    async fn segment(&self, context: &Context<'_>) -> async_graphql::Result<Option<SegmentNode>> {
        let found = load_one(context.loader()?, SegmentById(self.0.segment_id)).await?;
        Ok(found.map(SegmentNode))
    }

    /// The refresh that found it; null if an INSTANT segment followed a change at once.
    async fn refresh(&self, context: &Context<'_>) -> async_graphql::Result<Option<RefreshNode>> {
        let Some(refresh_id) = self.0.refresh_id else {
            return Ok(None);
        };
        let found = load_one(context.loader()?, RefreshById(refresh_id)).await?;
        Ok(found.map(RefreshNode))
    }
}

connection! {
    /// A page of when a subscriber joined segments and left them.
    MembershipPassageConnection
    /// A subscriber joining a segment or leaving it, in a list.
    MembershipPassageEdge { MembershipPassage }
}

/// Returns the place of a passage in a list, newest first.
pub fn passage_key(passage: &Passage) -> PassageKey {
    (Reverse(passage.place), passage.segment_id)
}

/// The place of a passage in a list, newest first.
pub type PassageKey = (Reverse<(i64, i64)>, i64);

/// Turns a passage into an edge.
pub fn passage_edge(passage: Passage) -> MembershipPassageEdge {
    MembershipPassageEdge {
        cursor: write_cursor(&passage_key(&passage)),
        node: MembershipPassage(passage),
    }
}
