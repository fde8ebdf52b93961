//! The types of messages, by which receivers distinguish them and endpoints choose them.

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MessageType {
    /// Subscribers joined a segment, left it, or were deleted while they were members.
    SegmentMembersChanged,
    /// A segment was filled for the first time, or after its rule changed. The message has counts instead of people.
    SegmentFilled,
    /// The rule of a segment could not be evaluated.
    SegmentInvalid,
    /// A segment was created.
    SegmentCreated,
    /// A segment itself was changed, not its members.
    SegmentUpdated,
    /// A segment was deleted.
    SegmentDeleted,
    /// A refresh has succeeded.
    RefreshFinished,
    /// A refresh has failed.
    RefreshFailed,
    /// An import has ended.
    ImportFinished,
    /// Subscribers were created.
    SubscriberCreated,
    /// Values of subscribers changed.
    SubscriberUpdated,
    /// The status of subscribers changed.
    SubscriberStatusChanged,
    /// Subscribers were deleted.
    SubscriberDeleted,
    /// Subscribers were added to a group, or removed from it.
    GroupMembersChanged,
    /// A group was created.
    GroupCreated,
    /// A group itself was changed, not its members.
    GroupUpdated,
    /// A group was deleted.
    GroupDeleted,
    /// An administrator tests the endpoint. Every endpoint receives it.
    WebhookTest,
    /// The endpoint missed changes, because its position is no longer valid. Every endpoint receives it.
    WebhookResync,
}

impl MessageType {
    /// The types that an endpoint can choose.
    pub const CHOICES: [MessageType; 17] = [
        MessageType::SegmentMembersChanged,
        MessageType::SegmentFilled,
        MessageType::SegmentInvalid,
        MessageType::SegmentCreated,
        MessageType::SegmentUpdated,
        MessageType::SegmentDeleted,
        MessageType::RefreshFinished,
        MessageType::RefreshFailed,
        MessageType::ImportFinished,
        MessageType::SubscriberCreated,
        MessageType::SubscriberUpdated,
        MessageType::SubscriberStatusChanged,
        MessageType::SubscriberDeleted,
        MessageType::GroupMembersChanged,
        MessageType::GroupCreated,
        MessageType::GroupUpdated,
        MessageType::GroupDeleted,
    ];

    /// Returns the name in messages, in the database and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            MessageType::SegmentMembersChanged => "segment.members.changed",
            MessageType::SegmentFilled => "segment.filled",
            MessageType::SegmentInvalid => "segment.invalid",
            MessageType::SegmentCreated => "segment.created",
            MessageType::SegmentUpdated => "segment.updated",
            MessageType::SegmentDeleted => "segment.deleted",
            MessageType::RefreshFinished => "refresh.finished",
            MessageType::RefreshFailed => "refresh.failed",
            MessageType::ImportFinished => "import.finished",
            MessageType::SubscriberCreated => "subscriber.created",
            MessageType::SubscriberUpdated => "subscriber.updated",
            MessageType::SubscriberStatusChanged => "subscriber.status_changed",
            MessageType::SubscriberDeleted => "subscriber.deleted",
            MessageType::GroupMembersChanged => "group.members.changed",
            MessageType::GroupCreated => "group.created",
            MessageType::GroupUpdated => "group.updated",
            MessageType::GroupDeleted => "group.deleted",
            MessageType::WebhookTest => "webhook.test",
            MessageType::WebhookResync => "webhook.resync",
        }
    }

    /// Returns the type that an endpoint can choose by this name.
    pub fn find(name: &str) -> Option<MessageType> {
        let mut choices = MessageType::CHOICES.into_iter();
        choices.find(|choice| choice.name() == name)
    }
}

impl std::fmt::Display for MessageType {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The types that an endpoint has chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice(pub Vec<MessageType>);

impl Choice {
    /// Returns whether the endpoint receives messages of a type. An endpoint that chose changes of members also
    /// receives the other types that change members.
    pub fn takes(&self, message_type: MessageType) -> bool {
        let is_chosen = |choice: MessageType| self.0.contains(&choice);
        let (of_segments, of_groups) = (
            is_chosen(MessageType::SegmentMembersChanged),
            is_chosen(MessageType::GroupMembersChanged),
        );
        is_chosen(message_type)
            || match message_type {
                MessageType::WebhookTest | MessageType::WebhookResync => true,
                MessageType::SegmentFilled | MessageType::SegmentDeleted => of_segments,
                MessageType::GroupDeleted => of_groups,
                MessageType::SubscriberDeleted => of_segments || of_groups,
                _ => false,
            }
    }
}

impl From<Vec<Option<String>>> for Choice {
    /// Reads the names that the database has. Names of a newer version are left out.
    fn from(names: Vec<Option<String>>) -> Choice {
        let names = names.iter().flatten();
        Choice(names.filter_map(|name| MessageType::find(name)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_found_by_its_name() {
        for choice in MessageType::CHOICES {
            assert_eq!(MessageType::find(choice.name()), Some(choice));
        }
        for name in ["webhook.test", "webhook.resync", "", "Segment.Filled"] {
            assert_eq!(MessageType::find(name), None, "{name}");
        }
    }

    #[test]
    fn receivers_of_members_learn_what_else_changes_them() {
        let choice = Choice(vec![MessageType::SegmentMembersChanged]);
        assert!(choice.takes(MessageType::SegmentFilled));
        assert!(choice.takes(MessageType::SegmentDeleted));
        assert!(choice.takes(MessageType::SubscriberDeleted));
        assert!(choice.takes(MessageType::WebhookResync));
        assert!(choice.takes(MessageType::WebhookTest));
        assert!(!choice.takes(MessageType::SegmentInvalid));
        assert!(!choice.takes(MessageType::GroupDeleted));
        let groups = Choice(vec![MessageType::GroupMembersChanged]);
        assert!(groups.takes(MessageType::GroupDeleted));
        assert!(groups.takes(MessageType::SubscriberDeleted));
        assert!(!groups.takes(MessageType::SegmentDeleted));
        let other = Choice(vec![MessageType::SegmentFilled]);
        assert!(!other.takes(MessageType::SegmentMembersChanged));
    }

    #[test]
    fn names_of_a_newer_version_are_left_out() {
        let names = ["segment.filled", "later.type"].map(|name| Some(name.to_owned()));
        let read = Choice::from(names.to_vec());
        assert_eq!(read, Choice(vec![MessageType::SegmentFilled]));
    }
}
