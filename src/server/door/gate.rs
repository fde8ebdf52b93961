//! The checks and limits that a request passes first.

use super::claims::Uploads;
use super::host::is_loopback_name;
use super::keys::Keys;
use super::limits::{ConnectionPermits, Limiter};
use crate::app::App;
use crate::config::{ListenSettings, TransferSettings};
use crate::error::Error;
use actix_web::http::header::{self, HeaderMap};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Decides which requests are admitted, and holds the limits of clients.
pub struct Gate {
    /// The keys.
    pub keys: Arc<Keys>,
    /// The rate limits of clients.
    pub limiter: Limiter,
    /// The permits of open sockets.
    pub permits: Arc<ConnectionPermits>,
    /// The running uploads.
    pub uploads: Uploads,
    /// A permit for each export that may still begin.
    pub exports: Arc<Semaphore>,
    is_loopback: bool,
    allowed_origins: Vec<String>,
}

impl Gate {
    /// Makes the gate of a server with these settings.
    pub async fn open(
        app: &App,
        settings: &ListenSettings,
        transfer: &TransferSettings,
    ) -> Result<Gate, Error> {
        let is_loopback = settings.listen.ip().is_loopback();
        Ok(Gate {
            keys: Arc::new(Keys::open(app, is_loopback).await?),
            limiter: Limiter::new(settings.rate_limit),
            permits: ConnectionPermits::new(
                settings.max_sockets.get() as usize,
                settings.max_sockets_per_client.get() as usize,
            ),
            uploads: Uploads::new(transfer.max_uploads.get()),
            exports: Arc::new(Semaphore::new(transfer.max_exports.get() as usize)),
            is_loopback,
            allowed_origins: settings.allow_origin.clone(),
        })
    }

    /// Returns the origin of the request if its pages may not open sockets. Browsers let every page open sockets to any
    /// server, and only state the origin of the page. Programs state none.
    pub fn find_foreign_origin(&self, headers: &HeaderMap) -> Option<String> {
        let origin = headers.get(header::ORIGIN)?;
        let origin = String::from_utf8_lossy(origin.as_bytes()).to_ascii_lowercase();
        let from = origin.split_once("://").map(|(_, host)| host);
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let is_same =
            from.is_some_and(|from| host.is_some_and(|host| host.eq_ignore_ascii_case(from)));
        let is_neighbour = self.is_loopback && from.is_some_and(is_loopback_name);
        let is_ours = is_same || is_neighbour || self.allowed_origins.contains(&origin);
        (!is_ours).then_some(origin)
    }

    /// Returns whether a page of another site sent the request, except pages of an allowed origin. Browsers always
    /// state the site; programs do not. Pages on other ports of this machine belong to the same site.
    pub fn is_cross_site(&self, headers: &HeaderMap) -> bool {
        let site = headers.get("sec-fetch-site");
        let is_cross_site = site.is_some_and(|site| site.as_bytes() == b"cross-site");
        let has_origin = headers.contains_key(header::ORIGIN);
        is_cross_site && !(has_origin && self.find_foreign_origin(headers).is_none())
    }
}
