//! Connections that stay open: WebSockets, server-sent events, and the checks that clients read in time.

pub(in crate::server) mod connection;
pub(in crate::server) mod event_stream;
pub(in crate::server) mod frame_guard;
pub(in crate::server) mod outbox;
pub(in crate::server) mod protocol;
pub(in crate::server) mod upgrade;
pub(in crate::server) mod websocket;
