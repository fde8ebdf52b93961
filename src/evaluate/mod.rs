//! The evaluator: checked rules and columns in, bitmaps of members out.
//!
//! A [`Plan`] holds every distinct leaf of any number of rules, resolved at one [`Moment`](rollcall_rule::Moment), and
//! what must be loaded to answer them. A [`Chunk`] holds those columns for a range of consecutive subscriber ids: row
//! `i` is the subscriber `first id + i`, whether or not that subscriber exists. [`evaluate_leaves`] answers each leaf
//! once for the chunk. [`combine`] computes the nodes of every rule from these answers. An [`EventTally`] counts
//! events.
//!
//! A bitmap has only the values true and false: if a value is missing, the leaf is false, and the complement is taken
//! among the subscribers that exist. This module uses no database, no clock and no asynchronous code.

mod anniversary;
pub mod cancel;
mod circle;
mod columns;
mod dates;
mod event_plan;
mod events;
mod exact_sum;
mod explain;
mod identity;
mod kernels;
mod leaf;
mod list;
mod millionths;
mod plan;
mod resolve;
mod text;
mod tree;
mod watch;

pub use columns::{Chunk, Column, ColumnKey, GroupKey, HistoryKey, RowIds};
pub use dates::day_number;
pub use event_plan::{EventPlan, ResolvedEvent, ResolvedFilter, ResolvedMeasure};
pub use events::{
    EventFigures, EventSpan, EventTally, Measured, evaluate_filters, measured_numbers,
};
pub use explain::{Witness, describe_memberships};
pub use leaf::evaluate_leaves;
pub use plan::{AskedSegment, PastMemberships, Plan, PlannedNode, PlannedRule, SegmentSource};
pub use resolve::ResolvedLeaf;
pub use tree::combine;
pub use watch::{Part, Watch};
