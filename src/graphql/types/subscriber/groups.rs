//! Subscribers: the changes of their groups, which come together with those of their values.

use crate::audience::group_changes::{GroupChanges, GroupName};
use crate::graphql::engine::id::{IdKind, parse_global};
use async_graphql::{ID, InputObject};

/// The changes of a subscriber's groups: either `add` and `remove`, or `set`. Groups are named by their keys or their
/// global ids, at most 250 of them. If a group does not exist, nothing of the subscriber is changed.
#[derive(InputObject, Debug, Clone)]
pub struct GroupChangesInput {
    /// The groups to add the subscriber to. A subscriber who is already in a group keeps the time of joining it.
    #[graphql(default)]
    pub add: Vec<String>,
    /// The groups to remove the subscriber from.
    #[graphql(default)]
    pub remove: Vec<String>,
    /// All groups of the subscriber: the subscriber is added to these and removed from all others. An empty list
    /// removes the subscriber from every group.
    pub set: Option<Vec<String>>,
}

impl From<GroupChangesInput> for GroupChanges {
    fn from(input: GroupChangesInput) -> GroupChanges {
        let read = |names: Vec<String>| names.into_iter().map(read_name).collect();
        GroupChanges {
            add: read(input.add),
            remove: read(input.remove),
            set: input.set.map(read),
        }
    }
}

/// Reads the key or the global id of a group. No key is an id: ids have capital letters, and keys have none.
fn read_name(name: String) -> GroupName {
    let id = ID(name);
    match parse_global(&id) {
        Some((IdKind::Group, number)) => GroupName::Id(number),
        _ => GroupName::Key(id.0),
    }
}
