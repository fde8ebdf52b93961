//! Subscriptions: what refreshes do, as it happens.

use super::app::{App, ContextExt};
use super::error::to_graphql;
use super::id::{Kind, parse_kind};
use super::import::ImportNode;
use super::import_feed::ImportFeed;
use super::loaders::{SubscriberById, load_many};
use super::refresh::RefreshNode;
use super::segment::SegmentRef;
use super::subscriber::SubscriberNode;
use crate::audience::id_set::IdSet;
use crate::error::Error;
use crate::refresh::{Newest, Refresh, Seen, SegmentChange, find_newest, find_next_change};
use async_graphql::futures_util::stream::{Stream, unfold};
use async_graphql::{Context, ID, Object, Subscription as GraphqlSubscription};
use chrono::{DateTime, Utc};
use std::collections::VecDeque;
use tokio::sync::watch;

/// The most people of one item.
const PEOPLE: usize = 1_000;

/// Who joined a segment and who left it together, or a part of them.
pub struct MembershipChange {
    refresh: Option<Refresh>,
    at: DateTime<Utc>,
    joined: Vec<i64>,
    left: Vec<i64>,
    is_last: bool,
}

/// Who joined a segment and who left it together, or a part of them.
#[Object]
impl MembershipChange {
    /// The refresh that found it; null if an INSTANT segment followed changes of subscribers at once.
    async fn refresh(&self) -> Option<RefreshNode> {
        self.refresh.clone().map(RefreshNode)
    }

    /// The `asOf` of the refresh, or when the last of the changes was followed.
    async fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// Who joined, in the order of having been added to the audience; whoever has been deleted since is left out.
    async fn joined(&self, context: &Context<'_>) -> async_graphql::Result<Vec<SubscriberNode>> {
        load_people(context, &self.joined).await
    }

    /// Who left, in the order of having been added to the audience; whoever has been deleted since is left out.
    async fn left(&self, context: &Context<'_>) -> async_graphql::Result<Vec<SubscriberNode>> {
        load_people(context, &self.left).await
    }

    /// Whether this is the last item of its refresh, whose id is then what `after` may begin from.
    async fn is_last(&self) -> bool {
        self.is_last
    }
}

async fn load_people(
    context: &Context<'_>,
    ids: &[i64],
) -> async_graphql::Result<Vec<SubscriberNode>> {
    let wanted = ids.iter().copied().map(SubscriberById);
    let mut found = load_many(context.loader()?, wanted).await?;
    let people = ids
        .iter()
        .filter_map(|id| found.remove(&SubscriberById(*id)));
    Ok(people.map(SubscriberNode).collect())
}

/// What can be listened to.
#[derive(Default)]
pub struct Subscription;

/// What can be listened to.
#[GraphqlSubscription]
impl Subscription {
    /// Tells whenever a refresh starts, advances or ends, whichever server or command runs it; at first the one that is
    /// running, if one is. Steps that follow each other within half a second may be told as one, the end never is left out.
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

    /// Tells how far an import is, at first at once and then whenever that has changed, whichever server or command runs
    /// it. Steps that follow each other within half a second are told as one. The subscription ends with the import.
    async fn import_progress(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The global id of the import.")] id: ID,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<ImportNode>> + use<>> {
        let app = context.app()?.clone();
        let id = parse_kind(&id, Kind::Import, "id")?;
        let feed = ImportFeed::new(app, id).await?;
        Ok(unfold(feed, async |mut feed| {
            let import = feed.next().await?;
            Some((import.map(ImportNode), feed))
        }))
    }

    /// Tells who joined the segment and who left it: refresh by refresh, and of an INSTANT segment also between them, nobody
    /// twice, nobody left out, whichever server or command did it. The subscription ends when the segment is deleted.
    async fn membership_changed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The segment.")] segment: SegmentRef,
        #[graphql(
            desc = "The id of the last refresh that is known already: what later ones changed is told first, so that nothing is missed between two subscriptions. Without it, the changes are those that happen from now on."
        )]
        after: Option<ID>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<MembershipChange>> + use<>>
    {
        let app = context.app()?.clone();
        let news = app.live.listen();
        let after = match after {
            Some(id) => Some(parse_kind(&id, Kind::Refresh, "after")?),
            None => None,
        };
        // Before the segment is looked for: what changes meanwhile counts.
        let seen = app.db.run(move |connection| match after {
            Some(refresh) => Seen::refresh(connection, refresh),
            None => Seen::now(connection),
        });
        let seen = seen.await.map_err(to_graphql)?;
        let feed = MembershipFeed {
            segment_id: segment.get(context).await?.id,
            app,
            news,
            seen,
            waiting: VecDeque::new(),
            has_failed: false,
        };
        Ok(unfold(feed, async |mut feed| {
            let change = feed.next().await?;
            Some((change, feed))
        }))
    }
}

/// Refreshes as they go on.
struct ProgressFeed {
    news: watch::Receiver<Newest>,
    seen: Option<Refresh>,
    waiting: VecDeque<Refresh>,
}

impl ProgressFeed {
    /// Begins with the refresh that is running, if one is.
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
    /// What has been read.
    seen: Seen,
    waiting: VecDeque<MembershipChange>,
    has_failed: bool,
}

impl MembershipFeed {
    async fn next(&mut self) -> Option<async_graphql::Result<MembershipChange>> {
        while self.waiting.is_empty() && !self.has_failed {
            // What has ended by now is in the database when it is read below.
            let (ended, instant) = {
                let newest = self.news.borrow_and_update();
                (newest.ended_through(), newest.last_instant)
            };
            let (segment_id, seen) = (self.segment_id, self.seen);
            let read = move |connection: &mut _| find_next_change(connection, segment_id, seen);
            match self.app.db.run(read).await {
                Ok(Some(change)) => {
                    self.seen = change.seen;
                    self.waiting = in_parts(&change);
                }
                Ok(None) => {
                    let seen = Seen {
                        refresh: seen.refresh.max(ended),
                        instant: seen.instant.max(instant),
                    };
                    self.seen = seen;
                    let is_news = |newest: &Newest| {
                        newest.ended_through() > seen.refresh || newest.last_instant > seen.instant
                    };
                    self.news.wait_for(is_news).await.ok()?;
                }
                // Whoever looks for all of us has news again when the database has.
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

/// Cuts a change into items of at most [`PEOPLE`] people.
fn in_parts(change: &SegmentChange) -> VecDeque<MembershipChange> {
    let joined = ids_of(&change.changed.joined);
    let left = ids_of(&change.changed.left);
    let people: Vec<(bool, i64)> = joined
        .map(|id| (true, id))
        .chain(left.map(|id| (false, id)))
        .collect();
    let parts = people.chunks(PEOPLE).map(|part| {
        let pick = |wanted| {
            let picked = part.iter().filter(move |(joined, _)| *joined == wanted);
            picked.map(|(_, id)| *id).collect()
        };
        MembershipChange {
            refresh: change.refresh.clone(),
            at: change.at,
            joined: pick(true),
            left: pick(false),
            is_last: false,
        }
    });
    let mut parts: VecDeque<MembershipChange> = parts.collect();
    if let Some(last) = parts.back_mut() {
        last.is_last = true;
    }
    parts
}

fn ids_of(set: &IdSet) -> impl Iterator<Item = i64> {
    set.list_between(0, i64::MAX, false, usize::MAX).into_iter()
}
