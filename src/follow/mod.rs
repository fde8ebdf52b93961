//! Updates instant segments right after a subscriber changes.

pub(crate) mod instant;

pub use instant::{Followed, Follower, Step, follow_touches};
