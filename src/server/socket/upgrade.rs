//! Whether a request asks for a WebSocket.

use actix_web::guard::GuardContext;
use actix_web::http::header::{self, HeaderMap};

/// Returns whether a request asks for a WebSocket.
pub fn is_asked_for(context: &GuardContext<'_>) -> bool {
    is_upgrade(context.head().headers())
}

/// Returns whether headers ask for a WebSocket.
pub fn is_upgrade(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE);
    upgrade.is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"websocket"))
}
