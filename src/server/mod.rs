//! Sockets and time: the HTTP server, WebSockets, and the loops: of the scheduler, of the follower of INSTANT segments, of
//! the importer, and of the hub for subscriptions.

mod follower;
pub mod graphiql;
mod guard;
mod http;
mod hub;
mod importer;
mod protocol;
mod scheduler;
mod upload;
mod websocket;

use crate::graphql::{App, build_schema};
use actix_web::dev::ServerHandle;
use actix_web::{App as WebApp, HttpServer, middleware, web};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How long requests that are under way may take to finish when the server stops, in seconds.
const SHUTDOWN_SECONDS: u64 = 10;

/// How long WebSockets may take to close when the server stops.
const GOODBYE: Duration = Duration::from_secs(2);

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
        is_stopping: watch::Sender::new(false),
    });
    let shared = state.clone();
    let server = HttpServer::new(move || {
        WebApp::new()
            .wrap(middleware::Compress::default())
            .wrap(middleware::from_fn(http::check_host))
            .app_data(shared.clone())
            .configure(http::configure)
            .configure(upload::configure)
            .configure(graphiql::configure)
    })
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .client_request_timeout(Duration::from_secs(30))
    .disable_signals()
    .listen(listener)?
    .run();
    let loops = [
        tokio::spawn(stop_when_told(state, server.handle())?),
        tokio::spawn(scheduler::run(app.clone())),
        tokio::spawn(follower::run(app.clone())),
        tokio::spawn(importer::run(app.clone())),
        tokio::spawn(hub::run(app.clone())),
    ];
    ready(address);
    let result = server.await;
    // The loops end here; a refresh that is running comes to its end before the process does, and an import stops behind
    // its batch, to be taken up again by whoever comes next.
    app.imports.is_stopping.store(true, Ordering::Relaxed);
    for running in loops {
        running.abort();
    }
    Ok(result?)
}

/// Waits for a signal to stop, lets the WebSockets say goodbye, and stops the server: at once, or when told by
/// `SIGTERM`, after the requests that are under way.
fn stop_when_told(
    state: web::Data<http::State>,
    server: ServerHandle,
) -> std::io::Result<impl Future<Output = ()>> {
    let [mut interrupt, mut quit, mut terminate] = [
        signal(SignalKind::interrupt())?,
        signal(SignalKind::quit())?,
        signal(SignalKind::terminate())?,
    ];
    Ok(async move {
        let is_gentle = tokio::select! {
            _ = interrupt.recv() => false,
            _ = quit.recv() => false,
            _ = terminate.recv() => true,
        };
        state.is_stopping.send_replace(true);
        // Every socket has a receiver.
        let _ = tokio::time::timeout(GOODBYE, state.is_stopping.closed()).await;
        server.stop(is_gentle).await;
    })
}
