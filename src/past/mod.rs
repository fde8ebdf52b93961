//! The past of membership: who was a member at a moment, who joined and left, and how far somebody has read.

pub(crate) mod as_of;
pub(crate) mod feed;
pub(crate) mod growth;
pub(crate) mod history;
pub(crate) mod passages;
pub(crate) mod position;

pub use as_of::{
    Changed, Each, changed_in, changed_through, check_past, count_members_as_of,
    count_refreshes_of, find_members_as_of, fold_history, in_snapshot, list_changed, list_deleted,
    list_refreshes_of, members_as_of,
};
pub use feed::{Newest, Next, SegmentChange, find_newest, find_next_change};
pub use growth::{GrowthPoint, GrowthStep, list_growths};
pub use history::{
    Refresh, RefreshState, SegmentRefresh, SegmentState, Trigger, find_last_refreshes,
    find_refreshes, find_running_refresh, list_pending_segment_ids, list_refreshes,
    list_segment_refreshes,
};
pub use passages::{Passage, find_joined_at, joined_at_of, list_passages, passages_of};
pub use position::{Place, Position, Start, find_start};
