//! Sockets and time: the HTTP server and the scheduler's loop.

pub mod graphiql;
mod guard;
mod http;
mod scheduler;

use crate::graphql::{App, build_schema};
use actix_web::{App as WebApp, HttpServer, middleware, web};
use std::net::SocketAddr;
use std::time::Duration;

/// How long requests that are under way may take to finish when the server stops, in seconds.
const SHUTDOWN_SECONDS: u64 = 10;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is not a loopback address.
    #[error(
        "cannot listen on {0}: without API keys Rollcall answers on loopback only; use 127.0.0.1, and a proxy that asks who is there in front of it"
    )]
    NotLoopback(SocketAddr),
    /// The port is in use or may not be used.
    #[error("cannot listen on {address}: {cause}; {}", advice(cause))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The server stopped by a failure.
    #[error("the server failed: {0}")]
    Failed(#[from] std::io::Error),
}

fn advice(cause: &std::io::Error) -> &'static str {
    match cause.kind() {
        std::io::ErrorKind::AddrInUse => {
            "another program uses that port; stop it or choose another with --listen 127.0.0.1:PORT"
        }
        std::io::ErrorKind::PermissionDenied => {
            "ports below 1024 need rights; choose another with --listen 127.0.0.1:PORT"
        }
        _ => "choose another address with --listen",
    }
}

/// Binds the address, reports it, and serves until the process is told to stop.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    app: App,
    listen: SocketAddr,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    if !listen.ip().is_loopback() {
        return Err(ServeError::NotLoopback(listen));
    }
    let bind_error = |cause| ServeError::Bind {
        address: listen,
        cause,
    };
    let listener = std::net::TcpListener::bind(listen).map_err(bind_error)?;
    let address = listener.local_addr().map_err(bind_error)?;
    let schema = build_schema(app.clone());
    let state = web::Data::new(http::State {
        app: app.clone(),
        schema,
    });
    let server = HttpServer::new(move || {
        WebApp::new()
            .wrap(middleware::Compress::default())
            .wrap(middleware::from_fn(http::check_host))
            .app_data(state.clone())
            .configure(http::configure)
            .configure(graphiql::configure)
    })
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .client_request_timeout(Duration::from_secs(30))
    .listen(listener)?
    .run();
    let scheduler = tokio::spawn(scheduler::run(app));
    ready(address);
    let result = server.await;
    // The loop ends here; a refresh that is running comes to its end before the process does.
    scheduler.abort();
    Ok(result?)
}
