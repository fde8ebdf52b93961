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

/// What was loaded for the subscribers of a list.
#[derive(Default)]
pub struct Ahead {
    groups: Option<HashMap<GroupsOf, GroupList>>,
    segments: Option<HashMap<SegmentsOf, SegmentList>>,
}

impl Ahead {
    /// Loads what the fields below this one ask of each subscriber. What cannot be loaded is left to the fields, which then
    /// fail, each at its place.
    pub async fn load(context: &Context<'_>, people: &[impl Borrow<Subscriber>]) -> Arc<Ahead> {
        let ids = || people.iter().map(|person| person.borrow().id);
        let groups = async {
            match selects(context, &["groups", "memberships"]) {
                true => load(context, ids().map(GroupsOf)).await,
                false => None,
            }
        };
        let segments = async {
            match selects(context, &["segments", "memberships"]) {
                true => load(context, ids().map(SegmentsOf)).await,
                false => None,
            }
        };
        let (groups, segments) = async_graphql::futures_util::join!(groups, segments);
        Arc::new(Ahead { groups, segments })
    }

    /// Returns the groups of a subscriber, if they were loaded.
    pub fn groups_of(&self, id: i64) -> Option<GroupList> {
        found(self.groups.as_ref()?, &GroupsOf(id))
    }

    /// Returns the segments of a subscriber, if they were loaded.
    pub fn segments_of(&self, id: i64) -> Option<SegmentList> {
        found(self.segments.as_ref()?, &SegmentsOf(id))
    }
}

async fn load<K>(
    context: &Context<'_>,
    keys: impl Iterator<Item = K>,
) -> Option<HashMap<K, <Loaders as Loader<K>>::Value>>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    Loaders: Loader<K, Error = Error>,
{
    load_many(context.loader().ok()?, keys).await.ok()
}

/// A list that is missing is empty.
fn found<K: Eq + Hash, V: Clone + Default>(lists: &HashMap<K, V>, key: &K) -> Option<V> {
    Some(lists.get(key).cloned().unwrap_or_default())
}

/// Whether the items of a connection are asked for one of these fields.
pub fn selects(context: &Context<'_>, names: &[&str]) -> bool {
    let asked = context.look_ahead();
    let items = [asked.field("nodes"), asked.field("edges").field("node")];
    let mut items = items.iter();
    items.any(|item| names.iter().any(|name| item.field(name).exists()))
}
