//! The kinds of changes.

/// The kind of a change: what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each says what happened")]
pub enum ChangeKind {
    SubscriberCreated,
    SubscriberUpdated,
    SubscriberStatusChanged,
    SubscriberDeleted,
    GroupMembersAdded,
    GroupMembersRemoved,
    SegmentMembersJoined,
    SegmentMembersLeft,
    GroupCreated,
    GroupUpdated,
    GroupDeleted,
    SegmentCreated,
    SegmentUpdated,
    SegmentDeleted,
    CustomFieldCreated,
    CustomFieldUpdated,
    CustomFieldDeleted,
    SegmentInvalid,
    RefreshFinished,
    RefreshFailed,
    ImportFinished,
}

/// The kinds of things that a change can be about, besides subscribers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the noun of that name")]
pub enum ObjectKind {
    Group,
    Segment,
    CustomField,
    Refresh,
    Import,
}

impl ChangeKind {
    /// The kinds of changes of the audience.
    pub const ALL: [ChangeKind; 17] = [
        ChangeKind::SubscriberCreated,
        ChangeKind::SubscriberUpdated,
        ChangeKind::SubscriberStatusChanged,
        ChangeKind::SubscriberDeleted,
        ChangeKind::GroupMembersAdded,
        ChangeKind::GroupMembersRemoved,
        ChangeKind::SegmentMembersJoined,
        ChangeKind::SegmentMembersLeft,
        ChangeKind::GroupCreated,
        ChangeKind::GroupUpdated,
        ChangeKind::GroupDeleted,
        ChangeKind::SegmentCreated,
        ChangeKind::SegmentUpdated,
        ChangeKind::SegmentDeleted,
        ChangeKind::CustomFieldCreated,
        ChangeKind::CustomFieldUpdated,
        ChangeKind::CustomFieldDeleted,
    ];

    /// The kinds for the outcomes of refreshes and imports. Readers get them only if they name them.
    pub const RUNS: [ChangeKind; 4] = [
        ChangeKind::SegmentInvalid,
        ChangeKind::RefreshFinished,
        ChangeKind::RefreshFailed,
        ChangeKind::ImportFinished,
    ];

    /// Returns the name in rows of the log.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::SubscriberCreated => "subscriber_created",
            ChangeKind::SubscriberUpdated => "subscriber_updated",
            ChangeKind::SubscriberStatusChanged => "subscriber_status_changed",
            ChangeKind::SubscriberDeleted => "subscriber_deleted",
            ChangeKind::GroupMembersAdded => "group_members_added",
            ChangeKind::GroupMembersRemoved => "group_members_removed",
            ChangeKind::SegmentMembersJoined => "segment_members_joined",
            ChangeKind::SegmentMembersLeft => "segment_members_left",
            ChangeKind::GroupCreated => "group_created",
            ChangeKind::GroupUpdated => "group_updated",
            ChangeKind::GroupDeleted => "group_deleted",
            ChangeKind::SegmentCreated => "segment_created",
            ChangeKind::SegmentUpdated => "segment_updated",
            ChangeKind::SegmentDeleted => "segment_deleted",
            ChangeKind::CustomFieldCreated => "custom_field_created",
            ChangeKind::CustomFieldUpdated => "custom_field_updated",
            ChangeKind::CustomFieldDeleted => "custom_field_deleted",
            ChangeKind::SegmentInvalid => "segment_invalid",
            ChangeKind::RefreshFinished => "refresh_finished",
            ChangeKind::RefreshFailed => "refresh_failed",
            ChangeKind::ImportFinished => "import_finished",
        }
    }

    /// Returns the kind with this name.
    pub fn parse(name: &str) -> Option<ChangeKind> {
        let mut kinds = ChangeKind::ALL.into_iter().chain(ChangeKind::RUNS);
        kinds.find(|kind| kind.as_str() == name)
    }

    /// Returns the kind of thing that [`Change::about`](super::Change::about) is the id of, if it is one.
    pub fn noun(self) -> Option<ObjectKind> {
        match self {
            ChangeKind::SubscriberCreated
            | ChangeKind::SubscriberUpdated
            | ChangeKind::SubscriberStatusChanged
            | ChangeKind::SubscriberDeleted => None,
            ChangeKind::GroupMembersAdded
            | ChangeKind::GroupMembersRemoved
            | ChangeKind::GroupCreated
            | ChangeKind::GroupUpdated
            | ChangeKind::GroupDeleted => Some(ObjectKind::Group),
            ChangeKind::SegmentMembersJoined
            | ChangeKind::SegmentMembersLeft
            | ChangeKind::SegmentCreated
            | ChangeKind::SegmentUpdated
            | ChangeKind::SegmentDeleted
            | ChangeKind::SegmentInvalid => Some(ObjectKind::Segment),
            ChangeKind::RefreshFinished | ChangeKind::RefreshFailed => Some(ObjectKind::Refresh),
            ChangeKind::ImportFinished => Some(ObjectKind::Import),
            ChangeKind::CustomFieldCreated
            | ChangeKind::CustomFieldUpdated
            | ChangeKind::CustomFieldDeleted => Some(ObjectKind::CustomField),
        }
    }

    /// Returns whether a change of this kind is about subscribers who joined or left segments.
    pub fn is_of_segment(self) -> bool {
        matches!(
            self,
            ChangeKind::SegmentMembersJoined | ChangeKind::SegmentMembersLeft
        )
    }

    /// Returns whether a change of this kind is about subscribers.
    pub fn has_people(self) -> bool {
        matches!(
            self,
            ChangeKind::SubscriberCreated
                | ChangeKind::SubscriberUpdated
                | ChangeKind::SubscriberStatusChanged
                | ChangeKind::SubscriberDeleted
                | ChangeKind::GroupMembersAdded
                | ChangeKind::GroupMembersRemoved
                | ChangeKind::SegmentMembersJoined
                | ChangeKind::SegmentMembersLeft
        )
    }
}

/// The kind of rows that represent what a refresh wrote.
pub(super) const REFRESHED: &str = "refreshed";
/// The kind of rows that represent what the follower wrote.
pub(super) const FOLLOWED: &str = "followed";

/// Returns the kinds of rows that hold changes of these kinds.
pub(super) fn row_kinds(kinds: &[ChangeKind]) -> Vec<&'static str> {
    let own = kinds.iter().filter(|kind| !kind.is_of_segment());
    let mut names: Vec<&'static str> = own.map(|kind| kind.as_str()).collect();
    if kinds.iter().any(|kind| kind.is_of_segment()) {
        names.extend([REFRESHED, FOLLOWED]);
    }
    names
}

/// Returns the name of a column in the API: `firstName` for `first_name`. Custom fields keep their names.
pub fn api_name(column: &str) -> String {
    if column.starts_with("custom.") {
        return column.to_owned();
    }
    let mut words = column.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_columns_have_their_names() {
        for kind in ChangeKind::ALL.into_iter().chain(ChangeKind::RUNS) {
            assert_eq!(ChangeKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(ChangeKind::parse(REFRESHED), None);
        let names = ["first_name", "email", "custom.first_visit"].map(api_name);
        assert_eq!(names, ["firstName", "email", "custom.first_visit"]);
    }
}
