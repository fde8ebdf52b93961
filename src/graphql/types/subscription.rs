//! Subscriptions: changes, memberships, and the progress of refreshes and imports, as they happen.

use super::change::{ChangeFeed, ChangeKindName, ChangeNode, kinds_of, parse_position};
use super::import::ImportNode;
use super::import::feed::ImportFeed;
use super::refresh::RefreshNode;
use super::segment::SegmentRef;
use super::subscriber::SubscriberNode;
use crate::app::App;
use crate::audience::id_set::IdSet;
use crate::audience::subscriber::Subscriber;
use crate::error::Error;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::to_graphql;
use crate::graphql::engine::id::{IdKind, parse_kind, to_global};
use crate::graphql::engine::loaders::{SubscriberById, load_many};
use crate::graphql::engine::position::{parse_after, write_position};
use crate::past::{
    Newest, Next, Position, Refresh, SegmentChange, Start, find_newest, find_next_change,
    find_start,
};
use async_graphql::futures_util::stream::{Stream, unfold};
use async_graphql::{Context, ID, Object, Subscription as GraphqlSubscription};
use chrono::{DateTime, Utc};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use tokio::sync::{OnceCell, watch};

/// The most subscribers of one item.
const PEOPLE: usize = 1_000;

/// Subscribers who joined a segment, left it or were deleted at the same time, or a part of them.
pub struct MembershipChange {
    refresh: Option<Refresh>,
    at: DateTime<Utc>,
    joined: Vec<i64>,
    left: Vec<i64>,
    deleted: Vec<i64>,
    /// The subscribers who left and still exist. Loaded once for `left` and `deletedIds`, so that a subscriber who is
    /// deleted meanwhile is in exactly one of them.
    left_people: OnceCell<Vec<Arc<Subscriber>>>,
    position: ID,
    is_last: bool,
}

/// Subscribers who joined a segment, left it or were deleted at the same time, or a part of them. A mirror that adds
/// those who joined and removes those who left and those in `deletedIds` has the members of the segment.
#[Object]
impl MembershipChange {
    /// The refresh that found the changes. Null for changes between refreshes: an INSTANT segment changed at once, or
    /// members were deleted.
    async fn refresh(&self) -> Option<RefreshNode> {
        self.refresh.clone().map(RefreshNode)
    }

    /// The `asOf` of the refresh, or when the last of the changes happened.
    async fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// The subscribers who joined, in the order in which they were added to the audience, without those who were
    /// deleted since.
    async fn joined(&self, context: &Context<'_>) -> async_graphql::Result<Vec<SubscriberNode>> {
        let people = load_people(context, &self.joined).await?;
        Ok(people.into_iter().map(SubscriberNode::new).collect())
    }

    /// The subscribers who left, in the order in which they were added to the audience. Those who were deleted since
    /// are in `deletedIds`.
    async fn left(&self, context: &Context<'_>) -> async_graphql::Result<Vec<SubscriberNode>> {
        let people = self.left_people(context).await?;
        Ok(people.iter().cloned().map(SubscriberNode::new).collect())
    }

    /// The global ids of deleted subscribers: of members who were deleted, and of subscribers who left and were deleted
    /// since.
    async fn deleted_ids(&self, context: &Context<'_>) -> async_graphql::Result<Vec<ID>> {
        let left: HashSet<i64> = match self.left.is_empty() {
            true => HashSet::new(),
            false => {
                let people = self.left_people(context).await?;
                people.iter().map(|person| person.id).collect()
            }
        };
        let gone = self.left.iter().filter(|id| !left.contains(id));
        let ids = self.deleted.iter().chain(gone);
        Ok(ids.map(|id| to_global(IdKind::Subscriber, *id)).collect())
    }

    /// How many subscribers joined, including those deleted since.
    async fn joined_count(&self) -> i32 {
        count_of(&self.joined)
    }

    /// How many subscribers left, including those deleted since.
    async fn left_count(&self) -> i32 {
        count_of(&self.left)
    }

    /// How many members were deleted.
    async fn deleted_count(&self) -> i32 {
        count_of(&self.deleted)
    }

    /// The position after this item. With it as `after`, the next subscription continues after this item and repeats
    /// nothing.
    async fn position(&self) -> &ID {
        &self.position
    }

    /// Whether this is the last item of its refresh. If so, the id of the refresh can also be given as `after`.
    async fn is_last(&self) -> bool {
        self.is_last
    }
}

impl MembershipChange {
    async fn left_people(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<&[Arc<Subscriber>]> {
        let load = || load_people(context, &self.left);
        Ok(self.left_people.get_or_try_init(load).await?)
    }
}

fn count_of(ids: &[i64]) -> i32 {
    i32::try_from(ids.len()).unwrap_or(i32::MAX)
}

async fn load_people(
    context: &Context<'_>,
    ids: &[i64],
) -> async_graphql::Result<Vec<Arc<Subscriber>>> {
    let wanted = ids.iter().copied().map(SubscriberById);
    let mut found = load_many(context.loader()?, wanted).await?;
    let people = ids
        .iter()
        .filter_map(|id| found.remove(&SubscriberById(*id)));
    Ok(people.collect())
}

/// The subscriptions.
#[derive(Default)]
pub struct Subscription;

/// The subscriptions.
#[GraphqlSubscription]
impl Subscription {
    /// Reports when a refresh starts, advances or ends, whichever server or command runs it, beginning with the running
    /// refresh, if there is one. Steps within half a second may be sent as one; the end is never left out.
    async fn refresh_progress(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<impl Stream<Item = RefreshNode> + use<>> {
        let app = context.app()?;
        let news = app.live.listen();
        let newest = app.db.run(find_newest).await.map_err(to_graphql)?;
        let feed = ProgressFeed::new(newest, news);
        Ok(unfold(feed, async |mut feed| {
            let refresh = feed.next().await?;
            Some((RefreshNode(refresh), feed))
        }))
    }

    /// Reports the progress of an import: once at first, and then after every change, whichever server or command runs
    /// it. Steps within half a second are sent as one. The subscription ends with the import.
    async fn import_progress(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The global id of the import.")] id: ID,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<ImportNode>> + use<>> {
        let app = context.app()?.clone();
        let id = parse_kind(&id, IdKind::Import, "id")?;
        let feed = ImportFeed::new(app, id).await?;
        Ok(unfold(feed, async |mut feed| {
            let import = feed.next().await?;
            Some((import.map(ImportNode), feed))
        }))
    }

    /// Reports changes: subscribers, groups and their members, custom fields, segments and their members, in the order
    /// of `Query.changes`. Every change is reported exactly once, whichever server, command or SQL statement made it.
    /// It fails with the code RESYNC as `Query.changes` does, also when a backup is restored meanwhile.
    async fn changed(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "The `position` of the last change that is known already, or the `endPosition` of a page of `changes`: later changes are sent first. Without it, the changes are those that happen from now on."
        )]
        after: Option<ID>,
        #[graphql(desc = "Only changes of these kinds; all kinds if absent or empty.")]
        kinds: Option<Vec<ChangeKindName>>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<ChangeNode>> + use<>> {
        let app = context.app()?.clone();
        let after = after.as_ref().map(parse_position).transpose()?;
        let feed = ChangeFeed::new(app, after, kinds_of(kinds)).await?;
        Ok(unfold(feed, async |mut feed| {
            let change = feed.next().await?;
            Some((change, feed))
        }))
    }

    /// Reports the subscribers who joined or left the segment, and the members who were deleted: refresh by refresh,
    /// and between refreshes also deletions and the changes of an INSTANT segment. Every change is reported exactly
    /// once, whichever server or command made it. The subscription ends when the segment is deleted. It fails with the
    /// code RESYNC when changes cannot be followed from `after`, or a backup is restored meanwhile: then load the
    /// members again, as for `Segment.position`.
    async fn membership_changed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The segment.")] segment: SegmentRef,
        #[graphql(
            desc = "The `position` of the last item that is known already, or `Segment.position`, or the id of the last refresh that was sent completely: later changes are sent first, so that nothing is missed between two subscriptions. Without it, the changes are those that happen from now on."
        )]
        after: Option<ID>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<MembershipChange>> + use<>>
    {
        let app = context.app()?.clone();
        let news = app.live.listen();
        let (start, told) = match after {
            Some(after) => parse_after(&after)?,
            None => (Start::Now, 0),
        };
        // The position is read before the segment, so that changes in between are reported.
        let start = app.db.run(move |connection| find_start(connection, start));
        let position = start.await.map_err(to_graphql)?;
        let feed = MembershipFeed {
            segment_id: segment.get(context).await?.id,
            app,
            news,
            position,
            told,
            waiting: VecDeque::new(),
            has_failed: false,
        };
        Ok(unfold(feed, async |mut feed| {
            let change = feed.next().await?;
            Some((change, feed))
        }))
    }
}

/// Reports the progress of refreshes.
struct ProgressFeed {
    news: watch::Receiver<Newest>,
    seen: Option<Refresh>,
    waiting: VecDeque<Refresh>,
}

impl ProgressFeed {
    /// Starts with the running refresh, if there is one.
    fn new(newest: Newest, news: watch::Receiver<Newest>) -> ProgressFeed {
        let ended_through = newest.ended_through();
        let seen = newest.refreshes.last().cloned();
        ProgressFeed {
            news,
            waiting: seen
                .clone()
                .filter(|refresh| refresh.id > ended_through)
                .into_iter()
                .collect(),
            seen,
        }
    }

    async fn next(&mut self) -> Option<Refresh> {
        while self.waiting.is_empty() {
            self.news.changed().await.ok()?;
            let newest = self.news.borrow_and_update();
            self.waiting.extend(newest.list_news(self.seen.as_ref()));
            if let Some(last) = self.waiting.back() {
                self.seen = Some(last.clone());
            }
        }
        self.waiting.pop_front()
    }
}

/// The changes of a segment, one after the other.
struct MembershipFeed {
    app: App,
    news: watch::Receiver<Newest>,
    segment_id: i64,
    /// The position up to which changes have been read.
    position: Position,
    /// How many subscribers of the next change were sent already.
    told: usize,
    waiting: VecDeque<MembershipChange>,
    has_failed: bool,
}

impl MembershipFeed {
    async fn next(&mut self) -> Option<async_graphql::Result<MembershipChange>> {
        while self.waiting.is_empty() && !self.has_failed {
            // Noted before the database is read, so that no change between the two is missed.
            let state = |newest: &Newest| (newest.ended_through(), newest.last_between);
            let looked_at = state(&self.news.borrow_and_update());
            let (segment_id, after) = (self.segment_id, self.position);
            let read = move |connection: &mut _| find_next_change(connection, segment_id, after);
            match self.app.db.run(read).await {
                Ok(Next::Change(change)) => {
                    self.waiting = in_parts(&change, after, std::mem::take(&mut self.told));
                    self.position = change.position;
                }
                Ok(Next::Nothing(position)) => {
                    (self.position, self.told) = (position, 0);
                    // Smaller numbers are news too: the next read then detects the restored backup.
                    let is_news = |newest: &Newest| state(newest) != looked_at;
                    self.news.wait_for(is_news).await.ok()?;
                }
                // The hub has news again as soon as the database answers.
                Err(Error::Unavailable(_)) => self.news.changed().await.ok()?,
                Err(Error::NotFound { .. }) => return None,
                Err(error) => {
                    self.has_failed = true;
                    return Some(Err(to_graphql(error)));
                }
            }
        }
        self.waiting.pop_front().map(Ok)
    }
}

/// The list of an item that a subscriber is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ItemList {
    Joined,
    Left,
    Deleted,
}

/// Cuts a change into items of at most [`PEOPLE`] subscribers, without the first `told`, which were sent before. The
/// subscribers of a change and their order never vary, even if some are deleted later.
fn in_parts(change: &SegmentChange, before: Position, told: usize) -> VecDeque<MembershipChange> {
    let sides = [
        (ItemList::Joined, &change.changed.joined),
        (ItemList::Left, &change.changed.left),
        (ItemList::Deleted, &change.changed.deleted),
    ];
    let people: Vec<(ItemList, i64)> = sides
        .into_iter()
        .flat_map(|(side, set)| ids_of(set).map(move |id| (side, id)))
        .collect();
    let mut known = told.min(people.len());
    let mut parts = VecDeque::new();
    for part in people[known..].chunks(PEOPLE) {
        known += part.len();
        let is_last = known == people.len();
        let pick = |wanted| {
            let picked = part.iter().filter(|(side, _)| *side == wanted);
            picked.map(|(_, id)| *id).collect()
        };
        parts.push_back(MembershipChange {
            refresh: change.refresh.clone(),
            at: change.at,
            joined: pick(ItemList::Joined),
            left: pick(ItemList::Left),
            deleted: pick(ItemList::Deleted),
            left_people: OnceCell::new(),
            position: match is_last {
                true => write_position(&change.position, 0),
                false => write_position(&before, known),
            },
            is_last,
        });
    }
    parts
}

fn ids_of(set: &IdSet) -> impl Iterator<Item = i64> + use<> {
    set.list_between(0, i64::MAX, false, usize::MAX).into_iter()
}
