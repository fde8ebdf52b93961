//! Loaders: one statement per field, however many parents have it.

use super::error::to_graphql;
use super::idle::Idle;
use crate::app::App;
use crate::audience::actor::Origin;
use crate::audience::api_key::{self, ApiKey};
use crate::audience::audit::{self, Entry, TargetKind, Trace};
use crate::audience::custom_field::{self, CustomField};
use crate::audience::dependency::list_uses;
use crate::audience::event::{self, Event, EventTotal};
use crate::audience::group::{self, Group};
use crate::audience::member_count;
use crate::audience::membership;
use crate::audience::segment::{self, Segment};
use crate::audience::session::{self, Session};
use crate::audience::setting::{self, Settings};
use crate::audience::status_change::{StatusChange, list_status_changes};
use crate::audience::subscriber::{self, Subscriber};
use crate::audience::suggestion::{
    EventProperty, Suggestion, SuggestionRequest, list_properties, suggest,
};
use crate::bulk::{self, BulkAction};
use crate::error::Error;
use crate::export::list_people;
use crate::import;
use crate::import::Import;
use crate::past::{
    MembershipChange, Position, Refresh, SegmentRefresh, Start, find_joined_at,
    find_last_refreshes, find_refreshes, find_start, list_membership_changes,
    list_segment_refreshes,
};
use crate::refresh::last_run;
use crate::rule::Dependency;
use crate::text::find_email;
use crate::webhook::{self, Attempt, Webhook};
use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::futures_util::future::BoxFuture;
use async_graphql::futures_util::task::{FutureObj, Spawn, SpawnError};
use async_graphql::runtime::Timer;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tracing::{Instrument, Span};

/// The loaders of one request.
pub type RequestLoader = DataLoader<Loaders>;

/// Creates the loaders of one request. They cache nothing: a mutation must not see values from before it.
///
/// Batches wait on the thread of the request until its operation is idle. Must be called within a `LocalSet`, as the
/// workers of actix are.
pub fn request_loader(app: App, origin: Origin, idle: Idle, operation: &Span) -> RequestLoader {
    let loaders = Loaders {
        app,
        key: origin.actor.api_key_id(),
        origin,
    };
    let spawner = OnThisThread {
        request: Span::current(),
        operation: operation.clone(),
    };
    DataLoader::new(loaders, spawner, WhenIdle(idle)).delay(Duration::ZERO)
}

/// Runs batches on the thread of the request. Their failures are logged in the span of the request.
struct OnThisThread {
    /// For the log.
    request: Span,
    /// For traces.
    operation: Span,
}

impl Spawn for OnThisThread {
    fn spawn_obj(&self, batch: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        let batch = batch.instrument(self.operation.clone());
        tokio::task::spawn_local(batch.instrument(self.request.clone()));
        Ok(())
    }
}

/// Delays batches until the operation can do nothing more without them.
struct WhenIdle(Idle);

impl Timer for WhenIdle {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        let idle = self.0.clone();
        Box::pin(async move { idle.wait().await })
    }
}

/// Loads values by key from the database.
pub struct Loaders {
    app: App,
    /// The API key in whose queue scans wait.
    key: Option<i64>,
    /// The client, and where the request came from.
    origin: Origin,
}

/// Defines the loader of one kind of key by a function over a connection. With `scan`, it first waits in the queue of
/// scans.
macro_rules! load {
    ($(#[$doc:meta])* $key:ident($inner:ty) -> $value:ty, |$connection:ident, $keys:ident| $body:expr) => {
        load!(@ $(#[$doc])* $key($inner) -> $value, $keys, |loaders| {
            loaders.app.db.run(move |$connection| {
                let $keys = $keys.clone();
                $body
            })
        });
    };
    ($(#[$doc:meta])* scan $key:ident($inner:ty) -> $value:ty, |$connection:ident, $keys:ident| $body:expr) => {
        load!(@ $(#[$doc])* $key($inner) -> $value, $keys, |loaders| {
            loaders.app.scan(loaders.key, move |db, _| {
                db.run_here(|$connection| {
                    let $keys = $keys.clone();
                    $body
                })
            })
        });
    };
    (@ $(#[$doc:meta])* $key:ident($inner:ty) -> $value:ty, $keys:ident, |$loaders:ident| $loading:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $key(pub $inner);

        impl Loader<$key> for Loaders {
            type Value = $value;
            type Error = Error;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, $value>, Error> {
                let $keys: Vec<$inner> = keys.iter().map(|key| key.0.clone()).collect();
                let $loaders = self;
                let loaded: HashMap<$inner, $value> = $loading.await?;
                Ok(loaded.into_iter().map(|(key, value)| ($key(key), value)).collect())
            }
        }
    };
}

mod pages;
mod shared;
mod total;

pub use pages::{
    AuditOf, DefinitionsOf, EventsOf, GroupMembers, GroupStatusCounts, GrowthOf, MemberCountAsOf,
    NarrowedGroupMembers, NarrowedSegmentMembers, OverlapWithGroup, OverlapWithSegment, ProblemsOf,
    RefreshesOf, SegmentMembers, SegmentMembersAsOf, SegmentStatusCounts, load_events, load_people,
};

pub use shared::{GroupList, SegmentList, read_groups_of, read_segments_of};
pub use total::Total;

fn by_id<T, V: From<T>>(rows: Vec<T>, id: impl Fn(&T) -> i64) -> HashMap<i64, V> {
    let keyed = rows.into_iter().map(|row| (id(&row), row.into()));
    keyed.collect()
}

fn by_key<T, V: From<T>>(rows: Vec<T>, key: impl Fn(&T) -> &String) -> HashMap<String, V> {
    let keyed = rows.into_iter().map(|row| (key(&row).clone(), row.into()));
    keyed.collect()
}

/// Groups rows by key, in the order in which they come.
fn grouped<K: std::hash::Hash + Eq, T>(
    rows: impl IntoIterator<Item = (K, T)>,
) -> HashMap<K, Vec<T>> {
    let mut by_key: HashMap<K, Vec<T>> = HashMap::new();
    for (key, row) in rows {
        by_key.entry(key).or_default().push(row);
    }
    by_key
}

load!(
    /// A subscriber by id.
    SubscriberById(i64) -> Arc<Subscriber>,
    |connection, ids| Ok(by_id(subscriber::find_by_ids(connection, &ids)?, |row| row.id))
);

load!(
    /// The position after all changes of segments so far. It is the same for every segment.
    PositionOf(i64) -> Position,
    |connection, ids| {
        let position = find_start(connection, Start::Now)?;
        Ok(ids.into_iter().map(|id| (id, position)).collect())
    }
);

load!(
    /// A subscriber by e-mail, in its stored form.
    SubscriberByEmail(String) -> Arc<Subscriber>,
    |connection, emails| Ok(by_key(subscriber::find_by_emails(connection, &emails)?, |row| &row.email))
);

impl SubscriberByEmail {
    /// Returns the key of an e-mail address in any form.
    pub fn of(email: &str) -> SubscriberByEmail {
        SubscriberByEmail(find_email(email))
    }
}

load!(
    /// The changes of a subscriber's status, newest first.
    StatusChangesOf(i64) -> Vec<StatusChange>,
    |connection, ids| {
        let found = list_status_changes(connection, &ids)?.into_iter();
        Ok(grouped(found.map(|change| (change.subscriber_id, change))))
    }
);

load!(
    /// An event by id.
    EventById(i64) -> Event,
    |connection, ids| Ok(by_id(event::find_by_ids(connection, &ids)?, |row| row.id))
);

load!(
    /// A group by id.
    GroupById(i64) -> Arc<Group>,
    |connection, ids| Ok(by_id(group::find_by_ids(connection, &ids)?, |row| row.id))
);

load!(
    /// The current settings, for fields that many parents have.
    SettingsInUse(()) -> Settings,
    |connection, keys| {
        let settings = setting::load(connection)?;
        Ok(keys.into_iter().map(|key| (key, settings)).collect())
    }
);

load!(
    /// A segment by id.
    SegmentById(i64) -> Arc<Segment>,
    |connection, ids| Ok(by_id(segment::find_by_ids(connection, &ids)?, |row| row.id))
);

load!(
    /// A custom field by id.
    CustomFieldById(i64) -> CustomField,
    |connection, ids| Ok(by_id(custom_field::find_by_ids(connection, &ids)?, |row| row.id))
);

load!(
    /// An API key by id.
    ApiKeyById(i64) -> ApiKey,
    |connection, ids| Ok(by_id(api_key::find_by_ids(connection, &ids)?, |row| row.id))
);

load!(
    /// A webhook by id.
    WebhookById(i64) -> Webhook,
    |connection, ids| Ok(by_id(webhook::find_by_ids(connection, &ids)?, |row| row.id))
);

load!(
    /// The last attempts of a webhook, at most that many.
    WebhookAttemptsOf((i64, usize)) -> Vec<Attempt>,
    |connection, keys| {
        // A field asks for the same number of attempts of each webhook, so this is one statement for each field.
        let mut found = HashMap::new();
        for (number, ids) in grouped(keys.into_iter().map(|(id, number)| (number, id))) {
            let lists = webhook::list_last(connection, &ids, number)?.into_iter();
            found.extend(lists.map(|(id, list)| ((id, number), list)));
        }
        Ok(found)
    }
);

load!(
    /// A session by id.
    SessionById(i64) -> Session,
    |connection, ids| Ok(by_id(session::find_by_ids(connection, &ids)?, |row| row.id))
);

load!(
    /// A refresh by id.
    RefreshById(i64) -> Refresh,
    |connection, ids| Ok(by_id(find_refreshes(connection, &ids)?, |row| row.id))
);

load!(
    /// An import by id.
    ImportById(i64) -> Import,
    |connection, ids| Ok(by_id(import::find_by_ids(connection, &ids)?, |row| row.id))
);

load!(
    /// A bulk action by id.
    BulkActionById(i64) -> BulkAction,
    |connection, ids| Ok(by_id(bulk::find_by_ids(connection, &ids)?, |row| row.id))
);

load!(
    /// A group by key.
    GroupByKey(String) -> Arc<Group>,
    |connection, keys| Ok(by_key(group::find_by_keys(connection, &keys)?, |row| &row.key))
);

load!(
    /// A segment by key.
    SegmentByKey(String) -> Arc<Segment>,
    |connection, keys| Ok(by_key(segment::find_by_keys(connection, &keys)?, |row| &row.key))
);

load!(
    /// A custom field by key.
    CustomFieldByKey(String) -> CustomField,
    |connection, keys| Ok(by_key(custom_field::find_by_keys(connection, &keys)?, |row| &row.key))
);

load!(
    /// The groups of a subscriber, ordered by key, each with the time when the subscriber was added.
    GroupsOf(i64) -> GroupList,
    |connection, ids| read_groups_of(connection, &ids)
);

load!(
    /// The segments of a subscriber, ordered by key.
    SegmentsOf(i64) -> SegmentList,
    |connection, ids| read_segments_of(connection, &ids)
);

load!(
    /// How many members a group has.
    GroupMemberCount(i64) -> i64,
    |connection, ids| member_count::count_group_members(connection, &ids)
);

load!(
    /// How many members a segment has.
    SegmentMemberCount(i64) -> i64,
    |connection, ids| member_count::count_segment_members(connection, &ids)
);

load!(
    /// A (group, subscriber) pair, found only if it is a membership.
    GroupPair((i64, i64)) -> (),
    |connection, pairs| {
        let found = membership::filter_group_memberships(connection, &pairs)?;
        Ok(found.into_iter().map(|pair| (pair, ())).collect())
    }
);

load!(
    /// A (segment, subscriber) pair, found only if it is a membership.
    SegmentPair((i64, i64)) -> (),
    |connection, pairs| {
        let found = membership::filter_segment_memberships(connection, &pairs)?;
        Ok(found.into_iter().map(|pair| (pair, ())).collect())
    }
);

load!(
    /// Whether a (key of a group, subscriber) pair is a membership. Not found if the group does not exist.
    GroupKeyPair(membership::KeyPair) -> bool,
    |connection, pairs| membership::test_group_memberships(connection, &pairs)
);

load!(
    /// Whether a (key of a segment, subscriber) pair is a membership. Not found if the segment does not exist.
    SegmentKeyPair(membership::KeyPair) -> bool,
    |connection, pairs| membership::test_segment_memberships(connection, &pairs)
);

load!(
    /// When a membership began, by segment, subscriber and the time as of which the membership is reported.
    JoinedAt((i64, i64, Option<DateTime<Utc>>)) -> DateTime<Utc>,
    |connection, keys| {
        let of_moments = grouped(keys.into_iter().map(|(segment, subscriber, at)| (at, (segment, subscriber))));
        let mut joined = HashMap::new();
        for (at, pairs) in of_moments {
            let found = find_joined_at(connection, &pairs, at)?.into_iter();
            joined.extend(found.map(|((segment, subscriber), since)| ((segment, subscriber, at), since)));
        }
        Ok(joined)
    }
);

load!(
    /// The time for which the daily job last ran.
    LastDailyRun(()) -> DateTime<Utc>,
    |connection, _keys| Ok(last_run(connection)?.map(|ran_for| ((), ran_for)).into_iter().collect())
);

load!(
    @ /// All stored data about a subscriber, by id. Loading it writes a row to the audit log.
    PersonalDataOf(i64) -> serde_json::Value, ids, |loaders| {
        let entry = Entry::new(loaders.origin.clone(), "exportPerson", loaders.app.now());
        loaders.app.db.run(move |connection| {
            let people = list_people(connection, &ids)?;
            let mut found: Vec<i64> = people.keys().copied().collect();
            found.sort_unstable();
            let trace = match found.as_slice() {
                [] => Trace::nothing(),
                [id] => Trace::of(TargetKind::Subscriber, *id),
                ids => Trace::to(TargetKind::Subscriber).with_subscribers(ids),
            };
            audit::write(connection, &entry, &trace)?;
            Ok(people)
        })
    }
);

load!(
    /// When a subscriber joined segments and left them, newest first.
    MembershipChangesOf(i64) -> Vec<MembershipChange>,
    |connection, ids| list_membership_changes(connection, &ids)
);

load!(
    /// The last refresh of a segment, and what it did to the segment.
    LastRefreshOf(i64) -> (Refresh, SegmentRefresh),
    |connection, ids| find_last_refreshes(connection, &ids)
);

load!(
    /// What a refresh did to each of its segments.
    SegmentsOfRefresh(i64) -> Vec<SegmentRefresh>,
    |connection, ids| list_segment_refreshes(connection, &ids)
);

load!(
    /// The segments whose rules use a dependency, ordered by key.
    UsersOf(Dependency) -> Vec<Arc<Segment>>,
    |connection, used| {
        let found = segment::find_users(connection, &used)?.into_iter();
        Ok(grouped(found.map(|(used, segment)| (used, Arc::new(segment)))))
    }
);

load!(
    /// The dependencies of the rule of a segment.
    DependenciesOf(i64) -> Vec<Dependency>,
    |connection, ids| Ok(grouped(list_uses(connection, &ids)?))
);

load!(
    /// The event totals of a subscriber by name.
    TotalsOf(i64) -> Vec<EventTotal>,
    |connection, ids| {
        let totals = event::list_totals(connection, &ids)?;
        Ok(grouped(totals.into_iter().map(|total| (total.subscriber_id, total))))
    }
);

load!(
    /// Values that are suggested for a field.
    scan SuggestionsFor(SuggestionRequest) -> Vec<Suggestion>,
    |connection, requests| {
        let found = suggest(connection, &requests)?;
        Ok(requests.into_iter().zip(found).collect())
    }
);

load!(
    /// The properties of the latest events of a name.
    scan PropertiesOf(String) -> Vec<EventProperty>,
    |connection, events| {
        let found = list_properties(connection, &events)?.into_iter();
        Ok(grouped(found.map(|property| (property.event.clone(), property))))
    }
);

/// Loads one value. If its batch fails, all values in the batch fail. The future is boxed, or it would be a large part
/// of the future of every field.
pub async fn load_one<K>(
    loader: &RequestLoader,
    key: K,
) -> async_graphql::Result<Option<<Loaders as Loader<K>>::Value>>
where
    K: Send + Sync + std::hash::Hash + Eq + Clone + 'static,
    Loaders: Loader<K, Error = Error>,
{
    Box::pin(loader.load_one(key)).await.map_err(to_graphql)
}

/// Loads many values.
pub async fn load_many<K>(
    loader: &RequestLoader,
    keys: impl IntoIterator<Item = K>,
) -> async_graphql::Result<HashMap<K, <Loaders as Loader<K>>::Value>>
where
    K: Send + Sync + std::hash::Hash + Eq + Clone + 'static,
    Loaders: Loader<K, Error = Error>,
{
    let loading = loader.load_many(keys);
    Box::pin(loading).await.map_err(to_graphql)
}
