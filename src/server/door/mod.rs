//! Access control: which requests are admitted, and how much each client may use.

pub(in crate::server) mod access;
pub(in crate::server) mod caller;
pub(in crate::server) mod claims;
pub(in crate::server) mod cookie;
pub(in crate::server) mod gate;
pub(in crate::server) mod host;
pub(in crate::server) mod key_watch;
pub(in crate::server) mod keys;
pub(in crate::server) mod limits;
pub(in crate::server) mod pace;
