//! Writes rows as people and events, batch by batch.

pub(in crate::import) mod batch;
pub(in crate::import) mod consent;
pub(in crate::import) mod copy;
pub(in crate::import) mod event_row;
pub(in crate::import) mod events;
pub(in crate::import) mod groups;
pub(in crate::import) mod merge;
pub(in crate::import) mod person;
pub(in crate::import) mod reasons;
pub(in crate::import) mod subscribers;
pub(in crate::import) mod suppressed;
pub(in crate::import) mod turns;
pub(in crate::import) mod writer;
