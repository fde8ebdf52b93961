//! The loops that run beside requests: scheduler, importer, bulk actions, follower, hub, webhooks, memory, refused requests.

pub(in crate::server) mod bulk;
pub(in crate::server) mod follower;
pub(in crate::server) mod hub;
pub(in crate::server) mod importer;
pub(in crate::server) mod memory;
pub(in crate::server) mod refusals;
pub(in crate::server) mod scheduler;
pub(in crate::server) mod webhooks;
