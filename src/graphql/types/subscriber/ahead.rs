//! Values that are read for a whole list of subscribers at once.

use crate::audience::subscriber::Subscriber;
use crate::error::Error;
use crate::graphql::engine::ahead::{Loaded, selects};
use crate::graphql::engine::loaders::{
    GroupList, GroupsOf, SegmentList, SegmentsOf, read_groups_of, read_segments_of,
};
use async_graphql::Context;
use diesel::PgConnection;
use std::borrow::Borrow;
use std::sync::Arc;

/// The values that were read for the subscribers of a list.
#[derive(Default)]
pub struct SubscribersAhead {
    groups: Loaded<GroupList>,
    segments: Loaded<SegmentList>,
}

/// Which values the query selects on the subscribers of a list.
#[derive(Clone, Copy)]
pub struct AskedOfSubscribers {
    groups: bool,
    segments: bool,
}

impl AskedOfSubscribers {
    /// Reads the selection below this field.
    pub fn by(context: &Context<'_>) -> AskedOfSubscribers {
        let asks = |name| selects(context, &[name, "memberships"]);
        AskedOfSubscribers {
            groups: asks("groups"),
            segments: asks("segments"),
        }
    }
}

impl SubscribersAhead {
    /// Reads the selected values of the subscribers of a list, on the connection that has read the list.
    ///
    /// # Errors
    /// As [`Loaded::read_if`].
    pub fn read(
        connection: &mut PgConnection,
        asked: AskedOfSubscribers,
        people: &[Subscriber],
    ) -> Result<Arc<SubscribersAhead>, Error> {
        let ids: Vec<i64> = people.iter().map(|person| person.id).collect();
        let groups = Loaded::read_if(asked.groups, || read_groups_of(connection, &ids))?;
        let segments = Loaded::read_if(asked.segments, || read_segments_of(connection, &ids))?;
        Ok(Arc::new(SubscribersAhead { groups, segments }))
    }

    /// Loads the selected values of each subscriber, in one batch with those of the lists of other parents.
    pub async fn load(
        context: &Context<'_>,
        people: &[impl Borrow<Subscriber>],
    ) -> Arc<SubscribersAhead> {
        let ids: Vec<i64> = people.iter().map(|person| person.borrow().id).collect();
        let asked = AskedOfSubscribers::by(context);
        let (groups, segments) = async_graphql::futures_util::join!(
            Loaded::load_if(asked.groups, context, &ids, GroupsOf),
            Loaded::load_if(asked.segments, context, &ids, SegmentsOf),
        );
        Arc::new(SubscribersAhead { groups, segments })
    }

    /// Returns the groups of a subscriber, or `None` if they are not selected.
    pub fn groups_of(&self, id: i64) -> Option<async_graphql::Result<GroupList>> {
        Some(self.groups.get(id)?.map(Option::unwrap_or_default))
    }

    /// Returns the segments of a subscriber, or `None` if they are not selected.
    pub fn segments_of(&self, id: i64) -> Option<async_graphql::Result<SegmentList>> {
        Some(self.segments.get(id)?.map(Option::unwrap_or_default))
    }
}
