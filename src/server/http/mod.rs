//! HTTP routes and their handlers.

pub(in crate::server) mod answer;
pub(in crate::server) mod console;
pub(in crate::server) mod export;
pub(in crate::server) mod export_refusal;
pub mod graphiql;
pub(in crate::server) mod health;
pub(in crate::server) mod media_type;
mod noted;
pub(in crate::server) mod probe;
pub(in crate::server) mod refusal;
pub(in crate::server) mod request_id;
pub(in crate::server) mod respond;
pub(in crate::server) mod routes;
pub(in crate::server) mod session;
mod site;
pub(in crate::server) mod upload;
