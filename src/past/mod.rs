//! Past memberships: the members at a moment, who joined and left, and how far a client has read.

pub(crate) mod as_of;
pub(crate) mod changed;
mod changed_chunks;
pub(crate) mod feed;
mod figures;
pub(crate) mod growth;
pub(crate) mod history;
pub(crate) mod membership_changes;
pub(crate) mod position;
mod snapshot;

pub use as_of::{
    Each, check_past, count_members_as_of, find_members_as_of, fold_history, members_as_of,
};
pub use changed::{Changed, changed_in, changed_through, list_changed, list_deleted};
pub use changed_chunks::{Direction, list_changed_in};
pub use feed::{Newest, Next, SegmentChange, find_newest, find_next_change};
pub use figures::{DatabaseFigures, read_figures};
pub use growth::{GrowthPoint, GrowthStep, list_growths};
pub use history::{
    Refresh, RefreshState, SegmentRefresh, SegmentState, Trigger, count_refreshes_of,
    find_last_refreshes, find_refreshes, find_running_refresh, list_pending_segment_ids,
    list_refreshes, list_refreshes_of, list_segment_refreshes,
};
pub use membership_changes::{
    MembershipChange, find_joined_at, joined_at_of, list_membership_changes, membership_changes_of,
};
pub use position::{Place, Position, Start, find_start};
pub use snapshot::in_snapshot;
