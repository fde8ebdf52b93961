//! The refresh: evaluating segments over the whole audience and storing the difference.
//!
//! A refresh has one `as_of` and one snapshot of the database, which all workers share. A worker takes a chunk of
//! consecutive ids, loads the columns the plan needs, evaluates every distinct leaf once, combines the leaves, and
//! hands over what differs from the stored blocks. One transaction writes it all, so that readers see the old members
//! or the new ones, never half; a crash leaves the old ones.
//!
//! Between refreshes the follower does the same for the instant segments and single subscribers who changed; see
//! `instant.rs` and `touches.rs`.

mod blocks;
mod budget;
mod column_builder;
mod compare;
mod copy;
mod culprit;
mod explain;
mod feed;
mod fill;
mod growth;
mod history;
mod instant;
mod load;
mod load_events;
mod load_history;
mod matching;
mod meter;
mod order;
mod passages;
mod past;
mod pg_array;
mod position;
mod preview;
mod rows;
mod rules;
mod scan;
mod schedule;
mod snapshot;
mod step;
mod touches;
mod write;

pub use budget::RULE_BUDGET;
pub use copy::{Copied, SegmentCopy, copy_segment_to_group};
pub use explain::{NodeAnswer, explain};
pub use feed::{Newest, Next, SegmentChange, find_newest, find_next_change};
pub use fill::{fill_pending, refuse_archived, refuse_unfilled};
pub use growth::{GrowthPoint, GrowthStep, list_growth};
pub use history::{
    Refresh, RefreshState, SegmentRefresh, SegmentState, Trigger, find_last_refreshes,
    find_refreshes, find_running_refresh, list_pending_segment_ids, list_refreshes,
    list_segment_refreshes,
};
pub use instant::{Followed, Follower, Step, follow_touches};
pub use matching::{find_matching, list_matching};
pub use meter::{Figure, Meter, Phase};
pub use passages::{Passage, find_joined_at, joined_at_of, list_passages, passages_of};
pub use past::{
    Changed, changed_in, changed_through, count_members_as_of, count_refreshes_of, fold_history,
    in_snapshot, list_changed, list_deleted, list_members_as_of, list_refreshes_of, members_as_of,
};
pub use position::{Place, Position, Start, find_start};
pub use preview::{Difference, People, Preview, PreviewRequest, preview};
pub use schedule::{
    Daily, close_abandoned, due_time, last_run, next_due, next_run, refresh_pending, run_due,
};
pub use snapshot::{Snapshot, prefer_indexes};
pub use step::{RefreshSettings, Selection, refresh, refresh_as_of};
