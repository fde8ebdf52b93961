//! The loops that run beside requests: scheduler, importer, follower, hub, memory.

pub(in crate::server) mod follower;
pub(in crate::server) mod hub;
pub(in crate::server) mod importer;
pub(in crate::server) mod memory;
pub(in crate::server) mod scheduler;
