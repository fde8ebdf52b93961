//! Fields that a query asks of every subscriber of a list are loaded before they are resolved, in the same statements and
//! without waiting for each subscriber.

use crate::audience::subscriber::Subscriber;
use crate::error::Error;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::loaders::{
    GroupList, GroupsOf, Loaders, SegmentList, SegmentsOf, load_many,
};
use async_graphql::Context;
use async_graphql::dataloader::Loader;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Lists by subscriber, or why they could not be loaded.
type Loaded<K, V> = async_graphql::Result<HashMap<K, V>>;

/// What was loaded for the subscribers of a list.
#[derive(Default)]
pub struct Ahead {
    groups: Option<Loaded<GroupsOf, GroupList>>,
    segments: Option<Loaded<SegmentsOf, SegmentList>>,
}

impl Ahead {
    /// Loads what the fields below this one ask of each subscriber. If it cannot be loaded, each of them fails at its place.
    pub async fn load(context: &Context<'_>, people: &[impl Borrow<Subscriber>]) -> Arc<Ahead> {
        let ids = || people.iter().map(|person| person.borrow().id);
        let groups = async {
            match selects(context, &["groups", "memberships"]) {
                true => Some(load(context, ids().map(GroupsOf)).await),
                false => None,
            }
        };
        let segments = async {
            match selects(context, &["segments", "memberships"]) {
                true => Some(load(context, ids().map(SegmentsOf)).await),
                false => None,
            }
        };
        let (groups, segments) = async_graphql::futures_util::join!(groups, segments);
        Arc::new(Ahead { groups, segments })
    }

    /// Returns the groups of a subscriber, if they were asked for.
    pub fn groups_of(&self, id: i64) -> Option<async_graphql::Result<GroupList>> {
        Some(found(self.groups.as_ref()?, &GroupsOf(id)))
    }

    /// Returns the segments of a subscriber, if they were asked for.
    pub fn segments_of(&self, id: i64) -> Option<async_graphql::Result<SegmentList>> {
        Some(found(self.segments.as_ref()?, &SegmentsOf(id)))
    }
}

async fn load<K>(
    context: &Context<'_>,
    keys: impl Iterator<Item = K>,
) -> Loaded<K, <Loaders as Loader<K>>::Value>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    Loaders: Loader<K, Error = Error>,
{
    load_many(context.loader()?, keys).await
}

/// A list that is missing is empty.
fn found<K: Eq + Hash, V: Clone + Default>(
    lists: &Loaded<K, V>,
    key: &K,
) -> async_graphql::Result<V> {
    let lists = lists.as_ref().map_err(Clone::clone)?;
    Ok(lists.get(key).cloned().unwrap_or_default())
}

/// Whether the items of a connection are asked for one of these fields.
pub fn selects(context: &Context<'_>, names: &[&str]) -> bool {
    let asked = context.look_ahead();
    let items = [asked.field("nodes"), asked.field("edges").field("node")];
    let mut items = items.iter();
    items.any(|item| names.iter().any(|name| item.field(name).exists()))
}
