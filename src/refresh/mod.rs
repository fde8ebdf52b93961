//! The refresh: evaluating segments over the whole audience and storing the difference.
//!
//! A refresh has one `as_of` and one snapshot of the database, which all workers share. A worker takes a chunk of
//! consecutive ids, loads the columns the plan needs, evaluates every distinct leaf once, combines the leaves, and
//! hands over what differs from the stored blocks. One transaction writes it all, so that readers see the old members
//! or the new ones, never half; a crash leaves the old ones.
//!
//! Between refreshes the follower does the same for the instant segments and single subscribers who changed; see
//! `follow/instant.rs` and `touches.rs`.

pub(crate) mod asked;
pub(crate) mod compare;
pub(crate) mod copy;
pub(crate) mod culprit;
pub(crate) mod fill;
pub(crate) mod order;
pub(crate) mod running;
pub(crate) mod schedule;
pub(crate) mod step;
pub(crate) mod touches;
pub(crate) mod write;

pub use asked::{refresh_as_of, refresh_asked};

pub use copy::{Copied, SegmentCopy, copy_segment_to_group};

pub use fill::{fill_pending, refuse_archived, refuse_unfilled};

pub use schedule::{
    Daily, close_abandoned, due_time, has_run, last_run, next_due, next_run, refresh_pending,
    run_due,
};

pub use step::{Selection, refresh};
