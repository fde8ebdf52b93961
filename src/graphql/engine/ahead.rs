//! Reads values for all objects of a list at once, before the objects are resolved, so that no object waits for its
//! own.

use super::context::ContextExt;
use super::error::to_graphql;
use super::loaders::{Loaders, load_many};
use crate::error::Error;
use async_graphql::dataloader::Loader;
use async_graphql::{Context, Lookahead};
use std::collections::HashMap;
use std::hash::Hash;

/// Values for all objects of a list, by object id: none if the query does not select them, or the error if they could
/// not be read, with which the field then fails for each object.
pub struct Loaded<V>(Option<async_graphql::Result<HashMap<i64, V>>>);

impl<V> Default for Loaded<V> {
    fn default() -> Self {
        Loaded(None)
    }
}

impl<V: Clone> Loaded<V> {
    /// Reads the values if they are selected, on the connection that has read the list.
    ///
    /// # Errors
    /// Fails with [`Error::Unavailable`] or [`Error::Contention`]; the list must then be read again too. Any other
    /// error is kept.
    pub fn read_if(
        is_asked: bool,
        read: impl FnOnce() -> Result<HashMap<i64, V>, Error>,
    ) -> Result<Loaded<V>, Error> {
        let read = match is_asked.then(read) {
            Some(Err(again @ (Error::Unavailable(_) | Error::Contention(_)))) => return Err(again),
            read => read,
        };
        Ok(Loaded(read.map(|values| values.map_err(to_graphql))))
    }

    /// Loads the values if they are selected, in one batch with those of the lists of other parents.
    pub async fn load_if<K>(
        is_asked: bool,
        context: &Context<'_>,
        ids: &[i64],
        key_of: fn(i64) -> K,
    ) -> Loaded<V>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        Loaders: Loader<K, Value = V, Error = Error>,
    {
        if !is_asked {
            return Loaded::default();
        }
        let load = async {
            let keys = ids.iter().copied().map(key_of);
            let mut loaded = load_many(context.loader()?, keys).await?;
            let ids = ids.iter();
            Ok(ids
                .filter_map(|id| Some((*id, loaded.remove(&key_of(*id))?)))
                .collect())
        };
        Loaded(Some(load.await))
    }

    /// Returns the value of an object, or `None` if the values are not selected. The inner `None` means that the object
    /// has no value.
    pub fn get(&self, id: i64) -> Option<async_graphql::Result<Option<V>>> {
        let loaded = self.0.as_ref()?.as_ref();
        Some(
            loaded
                .map(|loaded| loaded.get(&id).cloned())
                .map_err(Clone::clone),
        )
    }
}

/// Returns whether the query selects one of these fields on the items of a connection.
pub fn selects(context: &Context<'_>, names: &[&str]) -> bool {
    let mut found = items(context).flat_map(|item| names.iter().map(move |name| item.field(name)));
    found.any(|field| field.exists())
}

/// Returns whether the query selects a field without arguments on the items of a connection.
pub fn selects_bare(context: &Context<'_>, name: &str) -> bool {
    let found = items(context).map(|item| item.field(name));
    let mut fields = found.flat_map(|field| field.selection_fields());
    fields.any(|field| {
        field
            .arguments()
            .is_ok_and(|arguments| arguments.is_empty())
    })
}

fn items<'c>(context: &'c Context<'_>) -> impl Iterator<Item = Lookahead<'c>> {
    let asked = context.look_ahead();
    [asked.field("nodes"), asked.field("edges").field("node")].into_iter()
}
