//! Following: instant segments change right after what changes a subscriber.

pub(crate) mod instant;

pub use instant::{Followed, Follower, Step, follow_touches};
