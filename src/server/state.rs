//! The state of the server, which all its workers share.

use super::door::gate::Gate;
use super::http::probe::Health;
use crate::config::{StatusCodes, TransferSettings};
use crate::graphql::Api;
use std::time::Duration;
use tokio::sync::watch;

/// What every worker of the server shares.
pub struct State {
    /// The API.
    pub api: Api,
    /// How requests are answered.
    pub settings: HttpSettings,
    /// How fast clients must send and read.
    pub transfer: TransferSettings,
    /// Checks the database.
    pub health: Health,
    /// The checks and limits that a request passes first.
    pub gate: Gate,
    /// Whether the server is about to stop. Until then it answers, and reports to load balancers that it is not ready.
    pub is_stopping: watch::Sender<bool>,
    /// Whether WebSockets and streams have to end.
    pub end_sockets: watch::Sender<bool>,
    /// Whether connections are closed after their current request.
    pub is_closing: watch::Sender<bool>,
}

/// How requests are answered.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Which HTTP statuses report the outcome of a request.
    pub status_codes: StatusCodes,
    /// How long answering may take.
    pub request_timeout: Duration,
    /// The path below which everything is served, such as `/crm`; empty if no base path is set.
    pub base_path: String,
}
