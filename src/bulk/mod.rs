//! Changes of many subscribers as jobs. The subscribers of a rule, a segment or a group are added to a group, removed
//! from a group, given a value, or deleted.
//!
//! A bulk action is a row of `bulk_actions` (`job.rs`, `control.rs`). When it begins, it finds its subscribers and keeps
//! them as bitmaps (`people.rs`). Then each block of 8,192 ids is one transaction (`batch.rs`) that also moves the
//! checkpoint, so that an action whose process died continues after the last committed block (`run.rs`). The old values
//! are stored in the same transaction, so that the action can be undone for some time (`undo.rs`).

pub(crate) mod batch;
pub(crate) mod change;
pub(crate) mod control;
pub(crate) mod job;
pub(crate) mod people;
pub(crate) mod run;
pub(crate) mod setting;
pub(crate) mod trace;
pub(crate) mod undo;

pub use change::{Asked, Change, NamedGroup};
pub use control::{ask_to_stop, ask_to_undo, create};
pub use job::{BulkAction, BulkState, find_by_ids, get, list_page};
pub use people::People;
pub use run::{run_next, tidy};
pub use trace::{BulkTrace, list_traces_of};
