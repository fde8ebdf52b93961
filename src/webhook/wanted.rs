//! Which changes an endpoint receives, in messages of which type, and which changes may share a message. Pure.

use super::endpoint::Webhook;
use super::message_type::{Choice, MessageType};
use crate::changes::{self, Change, ChangeKind};

/// Returns the type of the messages about a change, or `None` if there are no messages about it.
pub fn type_of(kind: ChangeKind, is_fill: bool) -> Option<MessageType> {
    Some(match kind {
        ChangeKind::SubscriberCreated => MessageType::SubscriberCreated,
        ChangeKind::SubscriberUpdated => MessageType::SubscriberUpdated,
        ChangeKind::SubscriberStatusChanged => MessageType::SubscriberStatusChanged,
        ChangeKind::SubscriberDeleted => MessageType::SubscriberDeleted,
        ChangeKind::GroupMembersAdded | ChangeKind::GroupMembersRemoved => {
            MessageType::GroupMembersChanged
        }
        ChangeKind::SegmentMembersJoined | ChangeKind::SegmentMembersLeft if is_fill => {
            MessageType::SegmentFilled
        }
        ChangeKind::SegmentMembersJoined | ChangeKind::SegmentMembersLeft => {
            MessageType::SegmentMembersChanged
        }
        ChangeKind::GroupCreated => MessageType::GroupCreated,
        ChangeKind::GroupUpdated => MessageType::GroupUpdated,
        ChangeKind::GroupDeleted => MessageType::GroupDeleted,
        ChangeKind::SegmentCreated => MessageType::SegmentCreated,
        ChangeKind::SegmentUpdated => MessageType::SegmentUpdated,
        ChangeKind::SegmentDeleted => MessageType::SegmentDeleted,
        ChangeKind::SegmentInvalid => MessageType::SegmentInvalid,
        ChangeKind::RefreshFinished => MessageType::RefreshFinished,
        ChangeKind::RefreshFailed => MessageType::RefreshFailed,
        ChangeKind::ImportFinished => MessageType::ImportFinished,
        ChangeKind::CustomFieldCreated
        | ChangeKind::CustomFieldUpdated
        | ChangeKind::CustomFieldDeleted => {
            return None;
        }
    })
}

/// Returns the kinds of changes that an endpoint receives.
pub fn kinds_of(choice: &Choice) -> Vec<ChangeKind> {
    let takes = |kind: &ChangeKind| {
        let types = [type_of(*kind, false), type_of(*kind, true)];
        types.into_iter().flatten().any(|of| choice.takes(of))
    };
    let kinds = ChangeKind::ALL.into_iter().chain(ChangeKind::RUNS);
    kinds.filter(takes).collect()
}

/// Returns whether an endpoint receives a change.
pub fn is_wanted(webhook: &Webhook, change: &Change) -> bool {
    let of = type_of(change.kind, change.is_fill);
    let is_followed = change.about.is_none_or(|about| match change.kind.noun() {
        Some(changes::ObjectKind::Segment) => webhook.segment_ids.has(about),
        Some(changes::ObjectKind::Group) => webhook.group_ids.has(about),
        _ => true,
    });
    // The subscribers of the change may have been deleted since.
    let has_people =
        !change.kind.has_people() || change.is_fill || !change.subscriber_ids.is_empty();
    is_followed && has_people && of.is_some_and(|of| webhook.types.takes(of))
}

/// Returns whether two changes are parts of one change: of one row of the log, about the same segment or group, with
/// the same type of message.
pub fn is_same(one: &Change, other: &Change) -> bool {
    let side = |kind| type_of(kind, false);
    one.position.seq == other.position.seq
        && one.about == other.about
        && side(one.kind) == side(other.kind)
}

/// Returns whether two changes may share a message.
pub fn are_alike(one: &Change, other: &Change) -> bool {
    let side = |change: &Change| type_of(change.kind, change.is_fill);
    side(one) == side(other)
        && one.about == other.about
        && one.refresh_id == other.refresh_id
        && one.fields == other.fields
        && one.kind.has_people()
        && !one.is_fill
}

/// Returns whether no subscriber of `next` is already in a change of another kind, such as joined and left. Otherwise
/// the order of the changes would be lost.
pub fn are_apart(changes: &[Change], next: &Change) -> bool {
    let others = changes.iter().filter(|change| change.kind != next.kind);
    let mut others = others.flat_map(|change| &change.subscriber_ids);
    // The ids of a change ascend.
    !others.any(|id| next.subscriber_ids.binary_search(id).is_ok())
}

/// Returns the members of `data` that list people.
pub fn sides_of(message_type: MessageType) -> &'static [&'static str] {
    match message_type {
        MessageType::SegmentMembersChanged => &["joined", "left"],
        MessageType::GroupMembersChanged => &["added", "removed"],
        MessageType::SubscriberDeleted => &["deletedIds"],
        _ => &["people"],
    }
}
