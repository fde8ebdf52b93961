//! The past of membership: who joined and left, growth, and histories.

use super::refresh::RefreshNode;
use super::segment::SegmentNode;
use super::subscriber::{
    PeopleList, SubscriberConnection, SubscriberOrderBy, SubscribersAhead, page,
};
use crate::audience::id_set::IdSet;
use crate::audience::subscriber_page::Columns;
use crate::graphql::engine::at_hand::{Written, at_hand};
use crate::graphql::engine::connection::{connection, write_cursor};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::direction::SortDirection;
use crate::graphql::engine::id::{IdKind, to_global};
use crate::graphql::engine::loaders::{JoinedAt, RefreshById, SegmentById, Total, load_one};
use crate::graphql::engine::nullable::{Nullable, nullable};
use crate::graphql::engine::scalar::count;
use crate::graphql::engine::scans::run_scan;
use crate::graphql::engine::written::Writing;
use crate::past::{
    Changed, GrowthPoint, GrowthStep, MembershipChange, Refresh, SegmentRefresh, list_changed,
    list_deleted,
};
use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use std::cmp::Reverse;

/// When a subscriber joined a segment: a part of every type that shows the membership.
pub struct Since {
    /// The segment.
    pub segment_id: i64,
    /// The subscriber.
    pub subscriber_id: i64,
    /// The moment for which the membership is reported; now if `None`.
    pub as_of: Option<DateTime<Utc>>,
}

/// When a subscriber joined a segment.
#[Object]
impl Since {
    /// When the subscriber joined: the `asOf` of the refresh that found it. Null if that is longer ago than changes are
    /// kept.
    async fn joined_at(&self, context: &Context<'_>) -> Nullable<DateTime<Utc>> {
        nullable(async {
            let key = JoinedAt((self.segment_id, self.subscriber_id, self.as_of));
            load_one(context.loader()?, key).await
        })
        .await
    }
}

/// The value must be loaded first.
impl Written for Since {
    fn write(&self, _: &Context<'_>, _: &mut Writing<'_>) -> Option<()> {
        None
    }
}

/// How the members of a segment changed from one of its refreshes to the next. The counts include changes in the
/// refresh, changes of an INSTANT segment since the previous refresh, and deletions. `memberCount` is that of the
/// previous change, plus `joinedCount`, minus `leftCount` and `deletedCount`.
pub struct SegmentChange {
    refresh: Refresh,
    of_segment: SegmentRefresh,
}

/// How the members of a segment changed from one of its refreshes to the next. The counts include changes in the
/// refresh, changes of an INSTANT segment since the previous refresh, and deletions. `memberCount` is that of the
/// previous change, plus `joinedCount`, minus `leftCount` and `deletedCount`.
#[Object]
impl SegmentChange {
    /// The refresh that ends the change.
    async fn refresh(&self) -> RefreshNode {
        RefreshNode(self.refresh.clone())
    }

    /// How many members the segment had afterwards.
    async fn member_count(&self) -> i32 {
        count(self.of_segment.member_count)
    }

    /// How often a subscriber became a member; a subscriber who joined twice counts twice.
    async fn joined_count(&self) -> i32 {
        count(self.of_segment.joined + self.of_segment.joined_between)
    }

    /// How often a member left; a member who left twice counts twice. Deletions are not counted here.
    async fn left_count(&self) -> i32 {
        count(self.of_segment.left + self.of_segment.left_between)
    }

    /// How many members were deleted.
    async fn deleted_count(&self) -> i32 {
        count(self.of_segment.deleted)
    }

    /// The subscribers who are members after the change and were not before it, without those who were deleted since.
    /// Fails with the code RESYNC if the refresh is longer ago than changes are kept.
    async fn joined(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The order of the list.", default)] order_by: SubscriberOrderBy,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<SubscriberConnection> {
        let arguments = page(first, after, last, before);
        self.list(context, "SegmentChange.joined", order_by, arguments)
            .await
    }

    /// The subscribers who were members before the change and are not after it, without those who were deleted since.
    /// Fails with the code RESYNC if the refresh is longer ago than changes are kept.
    async fn left(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The order of the list.", default)] order_by: SubscriberOrderBy,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<SubscriberConnection> {
        let arguments = page(first, after, last, before);
        self.list(context, LEFT, order_by, arguments).await
    }

    /// The ids of subscribers who were members before the change, are not members after it, and are deleted by now. A
    /// mirror removes them as it removes those who left. Fails with the code RESYNC if the refresh is longer ago than
    /// changes are kept.
    async fn deleted(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<DeletedMemberConnection> {
        const LIST: &str = "SegmentChange.deleted";
        let request = page(first, after, last, before).read(LIST)?;
        let change = self.key();
        let (page, total) = run_scan(context, move |db, _| {
            db.run_here(|connection| list_deleted(connection, change, &request))
        })
        .await?;
        let edges = page.map(|id| DeletedMemberEdge {
            cursor: write_cursor(LIST, &id),
            node: DeletedMember {
                id: to_global(IdKind::Subscriber, id),
            },
        });
        Ok(DeletedMemberConnection::new(edges, Total::Known(total)))
    }
}

const LEFT: &str = "SegmentChange.left";

/// A member of a segment who was deleted.
#[derive(SimpleObject)]
pub struct DeletedMember {
    /// The global id that the subscriber had.
    id: ID,
}

connection! {
    /// A page of members of a segment who were deleted.
    DeletedMemberConnection
    /// A deleted member of a segment, in a list.
    DeletedMemberEdge { DeletedMember }
}

impl SegmentChange {
    /// Returns the ids of the segment and the refresh.
    fn key(&self) -> (i64, i64) {
        (self.of_segment.segment_id, self.refresh.id)
    }

    async fn list(
        &self,
        context: &Context<'_>,
        list: &'static str,
        order_by: SubscriberOrderBy,
        arguments: crate::graphql::engine::connection::PageArguments,
    ) -> async_graphql::Result<SubscriberConnection> {
        let people = PeopleList::new(list, order_by, SortDirection::Ascending);
        let (order, request) = (people.order, people.request(arguments)?);
        let side: fn(Changed) -> IdSet = match list {
            LEFT => |changed| changed.left,
            _ => |changed| changed.joined,
        };
        let change = self.key();
        let (page, total) = run_scan(context, move |db, _| {
            db.run_here(|connection| list_changed(connection, change, side, order, &request))
        })
        .await?;
        let total = Total::Known(total);
        let ahead = SubscribersAhead::load(context, &page.rows).await;
        Ok(people.connection(page, ahead, Columns::All, total))
    }
}

connection! {
    /// A page of changes of a segment.
    SegmentChangeConnection
    /// A change of a segment, in a list.
    SegmentChangeEdge { SegmentChange }
}

/// The name of the list of changes of a segment.
pub const CHANGES: &str = "Segment.changes";

/// Turns a refresh, and what it did to a segment, into an edge. The cursor has the token of the refresh, so that a
/// cursor of another history is detected.
pub fn change_edge((refresh, of_segment): (Refresh, SegmentRefresh)) -> SegmentChangeEdge {
    SegmentChangeEdge {
        cursor: write_cursor(CHANGES, &(refresh.id, refresh.token)),
        node: SegmentChange {
            refresh,
            of_segment,
        },
    }
}

/// The length of the periods of a growth.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[graphql(remote = "GrowthStep")]
pub enum GrowthBy {
    /// One point for each refresh.
    Refresh,
    /// Days of the server's time zone.
    #[default]
    Day,
    /// Weeks of the server's time zone, from Monday.
    Week,
    /// Months of the server's time zone.
    Month,
}

/// The changes of a segment in a period of time.
#[derive(SimpleObject)]
pub struct SegmentGrowthPoint {
    /// When the period begins; for a single refresh, its `asOf`.
    pub start: DateTime<Utc>,
    /// How many members there were after the last refresh of the period.
    pub member_count: i32,
    /// How many subscribers joined in the period; changes of an INSTANT segment between two refreshes count with the
    /// later one.
    pub joined_count: i32,
    /// How many members left in the period; changes of an INSTANT segment between two refreshes count with the later
    /// one.
    pub left_count: i32,
    /// How many members were deleted in the period; deletions between two refreshes count with the later one.
    /// `memberCount` is that of the point before, plus `joinedCount`, minus `leftCount` and `deletedCount`.
    pub deleted_count: i32,
}

impl From<GrowthPoint> for SegmentGrowthPoint {
    fn from(point: GrowthPoint) -> Self {
        SegmentGrowthPoint {
            start: point.start,
            member_count: count(point.member_count),
            joined_count: count(point.joined),
            left_count: count(point.left),
            deleted_count: count(point.deleted),
        }
    }
}

/// How the members of a segment and those of another segment or a group overlap.
#[derive(SimpleObject)]
pub struct SegmentOverlap {
    /// How many subscribers are in this segment.
    pub this_count: i32,
    /// How many are in the other segment or group.
    pub other_count: i32,
    /// How many are in both.
    pub both_count: i32,
    /// How many are in at least one of the two.
    pub either_count: i32,
    /// How many are only in this segment.
    pub only_this_count: i32,
    /// How many are only in the other segment or group.
    pub only_other_count: i32,
}

impl SegmentOverlap {
    /// Creates the overlap from the numbers of members of this one, of the other one, and of both.
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

/// Whether a subscriber joined or left.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassageDirection {
    /// The subscriber became a member.
    Joined,
    /// The subscriber is no longer a member.
    Left,
}

/// A subscriber joining a segment or leaving it.
pub struct MembershipPassage(pub MembershipChange);

/// A subscriber joining a segment or leaving it.
#[Object]
impl MembershipPassage {
    /// Whether the subscriber joined or left.
    async fn direction(&self) -> PassageDirection {
        match self.0.joined {
            true => PassageDirection::Joined,
            false => PassageDirection::Left,
        }
    }

    /// When the membership changed: the `asOf` of the refresh that found the change, or the time at which an INSTANT
    /// segment changed.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// The segment.
    async fn segment(&self, context: &Context<'_>) -> Nullable<SegmentNode> {
        nullable(async {
            let found = load_one(context.loader()?, SegmentById(self.0.segment_id)).await?;
            Ok(found.map(SegmentNode::new))
        })
        .await
    }

    /// The refresh that found the change; null if an INSTANT segment changed at once.
    async fn refresh(&self, context: &Context<'_>) -> Nullable<RefreshNode> {
        nullable(async {
            let Some(refresh_id) = self.0.refresh_id else {
                return Ok(None);
            };
            let found = load_one(context.loader()?, RefreshById(refresh_id)).await?;
            Ok(found.map(RefreshNode))
        })
        .await
    }
}

connection! {
    /// A page of the times at which a subscriber joined and left segments.
    MembershipPassageConnection
    /// A subscriber joining a segment or leaving it, in a list.
    MembershipPassageEdge { MembershipPassage }
}

/// Returns the place of a change in a list, newest first.
pub fn membership_change_key(change: &MembershipChange) -> MembershipChangeKey {
    (Reverse(change.place), change.segment_id)
}

/// The place of a change in a list, newest first.
pub type MembershipChangeKey = (Reverse<(i64, i64)>, i64);

/// Turns a change into an edge.
pub fn membership_change_edge(change: MembershipChange) -> MembershipPassageEdge {
    MembershipPassageEdge {
        cursor: write_cursor("Subscriber.history", &membership_change_key(&change)),
        node: MembershipPassage(change),
    }
}

at_hand!(DeletedMember {});
at_hand!(SegmentChange {});
at_hand!(MembershipPassage {});
