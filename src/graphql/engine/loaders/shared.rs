//! Lists of the groups and segments of a subscriber, which are shared and not copied.

use crate::audience::group::Group;
use crate::audience::membership;
use crate::audience::segment::Segment;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::PgConnection;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// The groups of a subscriber, each with the time when the subscriber was added.
pub type GroupList = Arc<[(Arc<Group>, DateTime<Utc>)]>;

/// The segments of a subscriber.
pub type SegmentList = Arc<[Arc<Segment>]>;

/// Reads the groups of each of these subscribers.
pub fn read_groups_of(
    connection: &mut PgConnection,
    ids: &[i64],
) -> Result<HashMap<i64, GroupList>, Error> {
    Ok(shared(membership::list_groups_of(connection, ids)?))
}

/// Reads the segments of each of these subscribers.
pub fn read_segments_of(
    connection: &mut PgConnection,
    ids: &[i64],
) -> Result<HashMap<i64, SegmentList>, Error> {
    Ok(shared(membership::list_segments_of(connection, ids)?))
}

fn shared<K: Hash + Eq, T>(lists: HashMap<K, Vec<T>>) -> HashMap<K, Arc<[T]>> {
    let lists = lists.into_iter();
    lists.map(|(key, list)| (key, list.into())).collect()
}
