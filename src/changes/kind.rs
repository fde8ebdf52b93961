//! The kinds of changes.

/// The kind of a change: what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each says what happened")]
pub enum Kind {
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
pub enum Noun {
    Group,
    Segment,
    CustomField,
    Refresh,
    Import,
}

impl Kind {
    /// The kinds of changes of the audience.
    pub const ALL: [Kind; 17] = [
        Kind::SubscriberCreated,
        Kind::SubscriberUpdated,
        Kind::SubscriberStatusChanged,
        Kind::SubscriberDeleted,
        Kind::GroupMembersAdded,
        Kind::GroupMembersRemoved,
        Kind::SegmentMembersJoined,
        Kind::SegmentMembersLeft,
        Kind::GroupCreated,
        Kind::GroupUpdated,
        Kind::GroupDeleted,
        Kind::SegmentCreated,
        Kind::SegmentUpdated,
        Kind::SegmentDeleted,
        Kind::CustomFieldCreated,
        Kind::CustomFieldUpdated,
        Kind::CustomFieldDeleted,
    ];

    /// The kinds for the outcomes of refreshes and imports. Readers get them only if they name them.
    pub const RUNS: [Kind; 4] = [
        Kind::SegmentInvalid,
        Kind::RefreshFinished,
        Kind::RefreshFailed,
        Kind::ImportFinished,
    ];

    /// Returns the name in rows of the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::SubscriberCreated => "subscriber_created",
            Kind::SubscriberUpdated => "subscriber_updated",
            Kind::SubscriberStatusChanged => "subscriber_status_changed",
            Kind::SubscriberDeleted => "subscriber_deleted",
            Kind::GroupMembersAdded => "group_members_added",
            Kind::GroupMembersRemoved => "group_members_removed",
            Kind::SegmentMembersJoined => "segment_members_joined",
            Kind::SegmentMembersLeft => "segment_members_left",
            Kind::GroupCreated => "group_created",
            Kind::GroupUpdated => "group_updated",
            Kind::GroupDeleted => "group_deleted",
            Kind::SegmentCreated => "segment_created",
            Kind::SegmentUpdated => "segment_updated",
            Kind::SegmentDeleted => "segment_deleted",
            Kind::CustomFieldCreated => "custom_field_created",
            Kind::CustomFieldUpdated => "custom_field_updated",
            Kind::CustomFieldDeleted => "custom_field_deleted",
            Kind::SegmentInvalid => "segment_invalid",
            Kind::RefreshFinished => "refresh_finished",
            Kind::RefreshFailed => "refresh_failed",
            Kind::ImportFinished => "import_finished",
        }
    }

    /// Returns the kind with this name.
    pub fn parse(name: &str) -> Option<Kind> {
        let mut kinds = Kind::ALL.into_iter().chain(Kind::RUNS);
        kinds.find(|kind| kind.as_str() == name)
    }

    /// Returns the kind of thing that [`Change::about`](super::Change::about) is the id of, if it is one.
    pub fn noun(self) -> Option<Noun> {
        match self {
            Kind::SubscriberCreated
            | Kind::SubscriberUpdated
            | Kind::SubscriberStatusChanged
            | Kind::SubscriberDeleted => None,
            Kind::GroupMembersAdded
            | Kind::GroupMembersRemoved
            | Kind::GroupCreated
            | Kind::GroupUpdated
            | Kind::GroupDeleted => Some(Noun::Group),
            Kind::SegmentMembersJoined
            | Kind::SegmentMembersLeft
            | Kind::SegmentCreated
            | Kind::SegmentUpdated
            | Kind::SegmentDeleted
            | Kind::SegmentInvalid => Some(Noun::Segment),
            Kind::RefreshFinished | Kind::RefreshFailed => Some(Noun::Refresh),
            Kind::ImportFinished => Some(Noun::Import),
            Kind::CustomFieldCreated | Kind::CustomFieldUpdated | Kind::CustomFieldDeleted => {
                Some(Noun::CustomField)
            }
        }
    }

    /// Returns whether a change of this kind is about subscribers who joined or left segments.
    pub fn is_of_segment(self) -> bool {
        matches!(self, Kind::SegmentMembersJoined | Kind::SegmentMembersLeft)
    }

    /// Returns whether a change of this kind is about subscribers.
    pub fn has_people(self) -> bool {
        matches!(
            self,
            Kind::SubscriberCreated
                | Kind::SubscriberUpdated
                | Kind::SubscriberStatusChanged
                | Kind::SubscriberDeleted
                | Kind::GroupMembersAdded
                | Kind::GroupMembersRemoved
                | Kind::SegmentMembersJoined
                | Kind::SegmentMembersLeft
        )
    }
}

/// The kind of rows that represent what a refresh wrote.
pub(super) const REFRESHED: &str = "refreshed";
/// The kind of rows that represent what the follower wrote.
pub(super) const FOLLOWED: &str = "followed";

/// Returns the kinds of rows that hold changes of these kinds.
pub(super) fn row_kinds(kinds: &[Kind]) -> Vec<&'static str> {
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
        for kind in Kind::ALL.into_iter().chain(Kind::RUNS) {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::parse(REFRESHED), None);
        let names = ["first_name", "email", "custom.first_visit"].map(api_name);
        assert_eq!(names, ["firstName", "email", "custom.first_visit"]);
    }
}
