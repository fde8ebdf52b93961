//! Following: instant segments change right after what changes a subscriber.

pub(crate) mod instant;
pub(crate) mod touches;

pub use instant::{Followed, Follower, Step, follow_touches};
