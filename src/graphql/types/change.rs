//! The log of changes, for clients that poll and clients that subscribe.

use super::custom_field::CustomFieldNode;
use super::group::GroupNode;
use super::refresh::RefreshNode;
use super::segment::SegmentNode;
use super::subscriber::SubscriberNode;
use crate::app::App;
use crate::changes::{
    Change, ChangeKind, ChangePage, Fills, ObjectKind, Position, Reading, api_name, read,
};
use crate::error::Error;
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{bad_input, to_graphql};
use crate::graphql::engine::id::{IdKind, to_global};
use crate::graphql::engine::loaders::{
    CustomFieldById, GroupById, RefreshById, SegmentById, SubscriberById, load_many, load_one,
};
use crate::graphql::engine::nullable::{Nullable, nullable};
use crate::past::Newest;
use crate::rule::shorten;
use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use std::collections::VecDeque;
use tokio::sync::watch;

/// How many changes a page has by default, and at most.
const PAGE: i32 = 50;
const LARGEST_PAGE: i32 = 250;
/// After how many subscribers a page ends.
const PEOPLE: usize = 1_000;

/// The kind of a change.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "ChangeKind", name = "ChangeKind")]
pub enum ChangeKindName {
    /// Subscribers were created.
    SubscriberCreated,
    /// Fields of subscribers changed. A change of the status alone is SUBSCRIBER_STATUS_CHANGED.
    SubscriberUpdated,
    /// The status of subscribers changed.
    SubscriberStatusChanged,
    /// Subscribers were deleted. They are no longer members of any group or segment.
    SubscriberDeleted,
    /// Subscribers were added to a group, or their `addedAt` changed.
    GroupMembersAdded,
    /// Subscribers were removed from a group.
    GroupMembersRemoved,
    /// Subscribers joined a segment.
    SegmentMembersJoined,
    /// Subscribers left a segment.
    SegmentMembersLeft,
    /// A group was created.
    GroupCreated,
    /// A group was changed, but not its members.
    GroupUpdated,
    /// A group was deleted, and all memberships in it.
    GroupDeleted,
    /// A segment was created.
    SegmentCreated,
    /// A segment was changed, such as its rule.
    SegmentUpdated,
    /// A segment was deleted, and all memberships in it.
    SegmentDeleted,
    /// A custom field was created.
    CustomFieldCreated,
    /// A custom field was changed.
    CustomFieldUpdated,
    /// A custom field was deleted.
    CustomFieldDeleted,
    /// The rule of a segment could not be evaluated, for a new reason. Only listed if `kinds` names it.
    SegmentInvalid,
    /// A refresh has succeeded. Only listed if `kinds` names it.
    RefreshFinished,
    /// A refresh has failed. Only listed if `kinds` names it.
    RefreshFailed,
    /// An import has ended, or was undone. Only listed if `kinds` names it.
    ImportFinished,
}

/// One change, of at most 1,000 subscribers. A change of more subscribers comes as several changes in a row.
pub struct ChangeNode(Change);

/// One change, of at most 1,000 subscribers. A change of more subscribers comes as several changes in a row.
#[Object(name = "Change")]
impl ChangeNode {
    /// The kind of the change.
    async fn kind(&self) -> ChangeKindName {
        self.0.kind.into()
    }

    /// When the transaction of the change began. For members of a segment, the time for which the rule was evaluated.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// The position after this change, for `after`.
    async fn position(&self) -> ID {
        ID(self.0.position.to_text())
    }

    /// The global ids of the subscribers. Subscribers who were deleted since are left out; SUBSCRIBER_DELETED has the
    /// ids that deleted subscribers had.
    async fn subscriber_ids(&self) -> Vec<ID> {
        let ids = self.0.subscriber_ids.iter();
        ids.map(|id| to_global(IdKind::Subscriber, *id)).collect()
    }

    /// The subscribers as they are now, without deleted ones.
    async fn subscribers(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<SubscriberNode>> {
        if self.0.kind == ChangeKind::SubscriberDeleted {
            return Ok(Vec::new());
        }
        let ids = self.0.subscriber_ids.iter();
        let wanted = ids.clone().copied().map(SubscriberById);
        let mut found = load_many(context.loader()?, wanted).await?;
        let people = ids.filter_map(|id| found.remove(&SubscriberById(*id)));
        Ok(people.map(SubscriberNode::new).collect())
    }

    /// The names of the fields that changed, as rules name them, `custom.KEY` included. For segments, groups and custom
    /// fields these are their own fields. If one statement changed several subscribers, these are the fields that
    /// changed in any of them.
    async fn fields(&self) -> Vec<Text<String>> {
        let names = self.0.fields.iter();
        names.map(|name| Text(api_name(name))).collect()
    }

    /// The global id of the group, segment, custom field, refresh or import, also after it was deleted; null for the
    /// other kinds.
    async fn node_id(&self) -> Option<ID> {
        let kind = match self.0.kind.noun()? {
            ObjectKind::Group => IdKind::Group,
            ObjectKind::Segment => IdKind::Segment,
            ObjectKind::CustomField => IdKind::CustomField,
            ObjectKind::Refresh => IdKind::Refresh,
            ObjectKind::Import => IdKind::Import,
        };
        Some(to_global(kind, self.0.about?))
    }

    /// The group, if the change is about a group; null after it was deleted.
    async fn group(&self, context: &Context<'_>) -> Nullable<GroupNode> {
        nullable(async {
            let Some(id) = self.id_of(ObjectKind::Group) else {
                return Ok(None);
            };
            let found = load_one(context.loader()?, GroupById(id)).await?;
            Ok(found.map(GroupNode))
        })
        .await
    }

    /// The segment, if the change is about a segment; null after it was deleted.
    async fn segment(&self, context: &Context<'_>) -> Nullable<SegmentNode> {
        nullable(async {
            let Some(id) = self.id_of(ObjectKind::Segment) else {
                return Ok(None);
            };
            let found = load_one(context.loader()?, SegmentById(id)).await?;
            Ok(found.map(SegmentNode::new))
        })
        .await
    }

    /// The custom field, if the change is about a custom field; null after it was deleted.
    async fn custom_field(&self, context: &Context<'_>) -> Nullable<CustomFieldNode> {
        nullable(async {
            let Some(id) = self.id_of(ObjectKind::CustomField) else {
                return Ok(None);
            };
            let found = load_one(context.loader()?, CustomFieldById(id)).await?;
            Ok(found.map(CustomFieldNode))
        })
        .await
    }

    /// The refresh that ended, or that found the members who joined and left. Null if an INSTANT segment changed at
    /// once, and for the other kinds.
    async fn refresh(&self, context: &Context<'_>) -> Nullable<RefreshNode> {
        nullable(async {
            let Some(id) = self.0.refresh_id.or(self.id_of(ObjectKind::Refresh)) else {
                return Ok(None);
            };
            let found = load_one(context.loader()?, RefreshById(id)).await?;
            Ok(found.map(RefreshNode))
        })
        .await
    }
}

impl ChangeNode {
    fn id_of(&self, noun: ObjectKind) -> Option<i64> {
        self.0.about.filter(|_| self.0.kind.noun() == Some(noun))
    }
}

/// A page of changes.
#[derive(SimpleObject)]
#[graphql(name = "ChangePage")]
pub struct ChangePageNode {
    /// The changes, oldest first.
    changes: Vec<ChangeNode>,
    /// The position after this page, for the `after` of the next one.
    end_position: ID,
    /// Whether there may be more changes after this page. A page without changes may have more after it, if many
    /// changes are of other kinds.
    has_more: bool,
}

impl From<ChangePage> for ChangePageNode {
    fn from(page: ChangePage) -> ChangePageNode {
        ChangePageNode {
            end_position: ID(page.end.to_text()),
            has_more: page.has_more,
            changes: page.changes.into_iter().map(ChangeNode).collect(),
        }
    }
}

/// The log of changes.
#[derive(Default)]
pub struct ChangeQuery;

/// The log of changes.
#[Object]
impl ChangeQuery {
    /// The changes since a position, oldest first: subscribers, groups and their members, custom fields, segments and
    /// their members. All changes have one order, whichever server, command or SQL statement made them, and none is
    /// left out. A page ends after 1,000 subscribers. The query fails with the code RESYNC if changes cannot be
    /// followed from `after`, because they are not kept that long or a backup was restored. Then get the present
    /// position, load everything again, and follow from there.
    async fn changes(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "The `endPosition` of the last page, or the `position` of the last change that is known already. Without it, the page has no changes, and its `endPosition` is the present position."
        )]
        after: Option<ID>,
        #[graphql(
            desc = "Only changes of these kinds; all changes of the audience if absent or empty."
        )]
        kinds: Option<Vec<ChangeKindName>>,
        #[graphql(desc = "At most this many changes, from 1 to 250; 50 if absent.")] first: Option<
            i32,
        >,
    ) -> async_graphql::Result<ChangePageNode> {
        let first = first.unwrap_or(PAGE);
        if !(1..=LARGEST_PAGE).contains(&first) {
            return Err(bad_input(format!(
                "expected \"first\" from 1 to {LARGEST_PAGE}, found {first}"
            )));
        }
        let reading = Reading {
            after: after.as_ref().map(parse_position).transpose()?,
            kinds: kinds_of(kinds),
            first: usize::try_from(first).unwrap_or_default(),
            people: PEOPLE,
            fills: Fills::People,
            segment_ids: None,
            group_ids: None,
        };
        let db = &context.app()?.db;
        let page = db.run(move |connection| read(connection, &reading)).await;
        Ok(page.map_err(to_graphql)?.into())
    }
}

/// Reads the argument `after`.
pub fn parse_position(after: &ID) -> async_graphql::Result<Position> {
    Position::parse(after).ok_or_else(|| {
        bad_input(format!(
            "after: expected a position from `changes` or `changed`, found \"{}\"",
            shorten(after.as_str())
        ))
    })
}

/// Reads the argument `kinds`.
pub fn kinds_of(kinds: Option<Vec<ChangeKindName>>) -> Vec<ChangeKind> {
    let kinds = kinds.unwrap_or_default().into_iter();
    kinds.map(ChangeKind::from).collect()
}

/// Changes as they happen.
pub struct ChangeFeed {
    app: App,
    news: watch::Receiver<Newest>,
    reading: Reading,
    waiting: VecDeque<Change>,
    has_failed: bool,
}

impl ChangeFeed {
    /// Starts after a position, or now without one.
    pub async fn new(
        app: App,
        after: Option<Position>,
        kinds: Vec<ChangeKind>,
    ) -> async_graphql::Result<ChangeFeed> {
        let news = app.live.listen();
        let mut reading = Reading {
            after,
            kinds,
            first: usize::try_from(PAGE).unwrap_or_default(),
            people: PEOPLE,
            fills: Fills::People,
            segment_ids: None,
            group_ids: None,
        };
        let begin = reading.clone();
        // A position that cannot be followed is refused before anything is sent.
        let page = app.db.run(move |connection| read(connection, &begin)).await;
        let page = page.map_err(to_graphql)?;
        reading.after = Some(page.end);
        Ok(ChangeFeed {
            app,
            news,
            reading,
            waiting: page.changes.into(),
            has_failed: false,
        })
    }

    /// Waits for the next change.
    pub async fn next(&mut self) -> Option<async_graphql::Result<ChangeNode>> {
        while self.waiting.is_empty() && !self.has_failed {
            // Noted before the log is read, so that no change between the two is missed.
            let looked_at = self.news.borrow_and_update().last_change;
            let reading = self.reading.clone();
            let read = move |connection: &mut _| read(connection, &reading);
            match self.app.db.run(read).await {
                Ok(page) => {
                    self.reading.after = Some(page.end);
                    self.waiting = page.changes.into();
                    if self.waiting.is_empty() && !page.has_more {
                        // A smaller number is news too: the next read then detects the restored backup.
                        let is_news = |newest: &Newest| newest.last_change != looked_at;
                        self.news.wait_for(is_news).await.ok()?;
                    }
                }
                // The hub has news again when the database answers.
                Err(Error::Unavailable(_)) => self.news.changed().await.ok()?,
                Err(error) => {
                    self.has_failed = true;
                    return Some(Err(to_graphql(error)));
                }
            }
        }
        self.waiting
            .pop_front()
            .map(|change| Ok(ChangeNode(change)))
    }
}
