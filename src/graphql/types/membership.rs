//! The membership of one subscriber in a group or a segment.

use super::group::GroupNode;
use super::past::Since;
use super::segment::SegmentNode;
use super::subscriber::SubscriberNode;
use crate::audience::key::MAX_KEY;
use crate::error::Error;
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::to_graphql;
use crate::graphql::engine::id::{IdKind, parse_global};
use crate::graphql::engine::loaders::{
    GroupByKey, GroupKeyPair, GroupPair, SegmentByKey, SegmentKeyPair, SegmentPair, load_one,
};
use crate::rule::bounded;
use async_graphql::{Context, ID, Interface, OneofObject, SimpleObject};
use chrono::{DateTime, Utc};

/// The membership of a subscriber in a group or a segment.
#[derive(Interface)]
#[expect(
    clippy::duplicated_attributes,
    reason = "two fields of the interface have the same type"
)]
#[graphql(
    field(name = "subscriber", ty = "&SubscriberNode", desc = "The subscriber."),
    field(
        name = "key",
        ty = "&Text<String>",
        desc = "The key of the group or segment."
    ),
    field(
        name = "name",
        ty = "&Text<String>",
        desc = "The name of the group or segment."
    )
)]
pub enum Membership {
    /// A membership in a group.
    Group(GroupMembership),
    /// A membership in a segment.
    Segment(SegmentMembership),
}

/// The membership of a subscriber in a group.
#[derive(SimpleObject)]
pub struct GroupMembership {
    /// The subscriber.
    subscriber: SubscriberNode,
    /// The key of the group.
    key: Text<String>,
    /// The name of the group.
    name: Text<String>,
    /// The group.
    group: GroupNode,
    /// When the subscriber was added.
    added_at: DateTime<Utc>,
}

/// The membership of a subscriber in a segment.
#[derive(SimpleObject)]
pub struct SegmentMembership {
    /// The subscriber.
    subscriber: SubscriberNode,
    /// The key of the segment.
    key: Text<String>,
    /// The name of the segment.
    name: Text<String>,
    /// The segment.
    segment: SegmentNode,
    /// When the subscriber joined the segment.
    #[graphql(flatten)]
    since: Since,
}

/// A group or a segment.
#[derive(OneofObject)]
pub enum MembershipTarget {
    /// The global id of a group or segment.
    Id(ID),
    /// The key of a group.
    Group(String),
    /// The key of a segment.
    Segment(String),
}

/// Lists every membership of a subscriber: groups first, each kind by key.
pub async fn memberships_of(
    context: &Context<'_>,
    subscriber: &SubscriberNode,
) -> async_graphql::Result<Vec<Membership>> {
    let (groups, segments) = async_graphql::futures_util::try_join!(
        subscriber.list_groups(context),
        subscriber.list_segments(context),
    )?;
    let groups = groups.iter().cloned().map(|(group, added_at)| {
        Membership::Group(GroupMembership {
            subscriber: subscriber.clone(),
            key: group.key.clone().into(),
            name: group.name.clone().into(),
            group: GroupNode(group),
            added_at,
        })
    });
    let segments = segments.iter().cloned().map(|segment| {
        Membership::Segment(SegmentMembership {
            subscriber: subscriber.clone(),
            key: segment.key.clone().into(),
            name: segment.name.clone().into(),
            since: Since {
                segment_id: segment.id,
                subscriber_id: subscriber.row_id(),
                as_of: None,
            },
            segment: SegmentNode::new(segment),
        })
    });
    Ok(groups.chain(segments).collect())
}

impl MembershipTarget {
    /// Returns whether the target is a group or a segment, and its id.
    pub async fn find(self, context: &Context<'_>) -> async_graphql::Result<(IdKind, i64)> {
        let loader = context.loader()?;
        match self {
            MembershipTarget::Id(id) => parse_target(&id),
            MembershipTarget::Group(key) => {
                let found = load_one(loader, GroupByKey(key.clone())).await?;
                let group = found.ok_or_else(|| missing("group", &key))?;
                Ok((IdKind::Group, group.id))
            }
            MembershipTarget::Segment(key) => {
                let found = load_one(loader, SegmentByKey(key.clone())).await?;
                let segment = found.ok_or_else(|| missing("segment", &key))?;
                Ok((IdKind::Segment, segment.id))
            }
        }
    }
}

fn parse_target(id: &ID) -> async_graphql::Result<(IdKind, i64)> {
    match parse_global(id) {
        Some((kind @ (IdKind::Group | IdKind::Segment), number)) => Ok((kind, number)),
        _ => Err(missing("group or segment", id.as_str())),
    }
}

fn missing(what: &'static str, name: &str) -> async_graphql::Error {
    to_graphql(Error::not_found(what, format!("\"{}\"", bounded(name))))
}

/// Returns whether a subscriber is in a group or segment.
pub async fn is_member(
    context: &Context<'_>,
    subscriber_id: i64,
    target: MembershipTarget,
) -> async_graphql::Result<bool> {
    let loader = context.loader()?;
    match target {
        // The field may be selected on every subscriber of a list: a huge key must not be sent for each of them.
        MembershipTarget::Group(key) if key.len() > MAX_KEY => Err(missing("group", &key)),
        MembershipTarget::Segment(key) if key.len() > MAX_KEY => Err(missing("segment", &key)),
        MembershipTarget::Id(id) => {
            let (kind, holder) = parse_target(&id)?;
            let pair = (holder, subscriber_id);
            Ok(match kind {
                IdKind::Group => load_one(loader, GroupPair(pair)).await?.is_some(),
                _ => load_one(loader, SegmentPair(pair)).await?.is_some(),
            })
        }
        MembershipTarget::Group(key) => {
            let found = load_one(loader, GroupKeyPair((key.clone(), subscriber_id))).await?;
            found.ok_or_else(|| missing("group", &key))
        }
        MembershipTarget::Segment(key) => {
            let found = load_one(loader, SegmentKeyPair((key.clone(), subscriber_id))).await?;
            found.ok_or_else(|| missing("segment", &key))
        }
    }
}
