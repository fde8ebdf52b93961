//! The HTTP server: connections, routes, WebSockets, access control, and the background loops: the scheduler, the
//! follower of INSTANT segments, the importer, bulk actions, backups, the hub of subscriptions, webhooks, and API keys.

mod door;
pub(crate) mod http;
mod loops;
mod metrics;
mod socket;
mod state;

pub use state::HttpSettings;

use crate::app::App;
use crate::backup::BackupPlan;
use crate::config::{ListenSettings, TransferSettings};
use crate::db::count_allowed_connections;
use crate::error::Error;
use crate::graphql::{Api, ApiSettings};
use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::dev::{AppConfig, Server, ServerHandle};
use actix_web::rt::net::TcpStream;
use actix_web::{App as WebApp, middleware, web};
use door::gate::Gate;
use http::probe::{HEALTH_DEADLINE, Health};
use http::{request_id, routes};
use socket::connection::Connection;
use state::State;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How long running requests may take to finish when the server stops, in seconds.
const SHUTDOWN_SECONDS: u64 = 10;

/// How long a client may take to read its last answer before its connection is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long WebSockets may take to close when the server stops.
const GOODBYE: Duration = Duration::from_secs(2);

/// How long the head of a request may take to arrive.
const HEAD_ARRIVAL: Duration = Duration::from_secs(10);

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Other machines can reach the address, and there is no API key.
    #[error(
        "cannot listen on {0}: without API keys Rollcall answers on loopback only; make a key first with `rollcall key create NAME --scope read`, or listen on 127.0.0.1"
    )]
    NoKey(SocketAddr),
    /// The server could need more connections than the database allows.
    #[error(
        "the server needs up to {needed} connections and the database allows {allowed}; lower --connections, --max-scans or --workers, or raise max_connections of the database"
    )]
    TooFewConnections {
        /// How many connections the server could need.
        needed: u32,
        /// How many connections the database allows.
        allowed: u32,
    },
    /// The database does not answer.
    #[error("the database cannot be asked how many connections it has: {0}")]
    Database(Error),
    /// The API keys cannot be loaded.
    #[error("the API keys cannot be loaded: {0}")]
    Keys(Error),
    /// The port is in use or may not be used.
    #[error("cannot listen on {address}: {cause}; {}", advice(cause))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// The server stopped because of an I/O error.
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

/// The settings of a server.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where the server listens, and which clients it accepts.
    pub listen: ListenSettings,
    /// Limits of uploads and exports, and how fast clients must send and read.
    pub transfer: TransferSettings,
    /// The settings of the API.
    pub api: ApiSettings,
    /// How requests are answered.
    pub http: HttpSettings,
    /// When backups are made, if this server makes any.
    pub backups: Option<BackupPlan>,
}

/// Binds the address, reports it, and serves until a signal stops the process.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    app: App,
    settings: ServerSettings,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let listen = settings.listen.listen;
    let drain = Duration::from_secs(settings.listen.drain.into());
    let api = Api::new(app.clone(), settings.api);
    check_connections(api.app()).await?;
    // API keys and health have a pool of their own, so that they work while requests use all connections.
    let answering = App {
        db: app.db.with_own_pool(OWN_CONNECTIONS),
        ..api.app().clone()
    };
    let health = answering.db.with_statement_timeout(HEALTH_DEADLINE);
    let gate = Gate::open(&answering, &settings.listen, &settings.transfer)
        .await
        .map_err(ServeError::Keys)?;
    if !listen.ip().is_loopback() && !gate.keys.has_usable(app.now()) {
        return Err(ServeError::NoKey(listen));
    }
    let keys = Arc::clone(&gate.keys);
    let bind_error = |cause| ServeError::Bind {
        address: listen,
        cause,
    };
    let listener = std::net::TcpListener::bind(listen).map_err(bind_error)?;
    let address = listener.local_addr().map_err(bind_error)?;
    let state = web::Data::new(State {
        api,
        settings: settings.http,
        transfer: settings.transfer,
        health: Health::new(health),
        gate,
        is_stopping: watch::Sender::new(false),
        end_sockets: watch::Sender::new(false),
        is_closing: watch::Sender::new(false),
    });
    let shared = state.clone();
    let server = Server::build()
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .disable_signals()
        .listen("rollcall", listener, move || {
            answer_connections(shared.clone(), address)
        })?
        .run();
    let backups = settings.backups;
    let shared = state.api.app().db.clone();
    let metrics = match settings.listen.metrics_listen {
        Some(address) => {
            let (server, address) = metrics::listen(&app, &shared, address, backups.as_ref())?;
            tracing::info!(%address, "metrics are served");
            Some(tokio::spawn(async move {
                // The listener ends with this server.
                let _ = server.await;
            }))
        }
        None => None,
    };
    let backups = backups.map(|plan| tokio::spawn(loops::backup::run(app.clone(), plan)));
    let loops = [
        tokio::spawn(stop_when_told(state, drain, server.handle())?),
        tokio::spawn(door::keys::run(answering, keys)),
        tokio::spawn(loops::scheduler::run(app.clone())),
        tokio::spawn(loops::follower::run(app.clone())),
        tokio::spawn(loops::importer::run(app.clone())),
        tokio::spawn(loops::bulk::run(app.clone())),
        tokio::spawn(loops::hub::run(app.clone())),
        tokio::spawn(loops::webhooks::run(app.clone())),
        tokio::spawn(loops::memory::run()),
        tokio::spawn(loops::refusals::run(app.clone())),
    ];
    ready(address);
    let result = server.await;
    // The loops end here. The process waits for a running refresh and for a running undo of an import. A running import
    // stops after its batch, and the next process continues it.
    app.imports.is_stopping.store(true, Ordering::Relaxed);
    app.webhooks.is_stopping.store(true, Ordering::Relaxed);
    for running in loops.into_iter().chain(backups).chain(metrics) {
        running.abort();
    }
    loops::refusals::write(&app).await;
    Ok(result?)
}

/// Returns the service that answers connections. It does what actix-web's own server does, which accepts only plain TCP
/// connections: here [`Connection`] watches how fast the client reads. Everything is served below the base path, which
/// may be empty.
fn answer_connections(
    state: web::Data<State>,
    address: SocketAddr,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
{
    let base_path = state.settings.base_path.clone();
    let routes = web::scope(&base_path)
        .configure(routes::configure)
        .configure(http::health::configure)
        .configure(http::export::configure)
        .configure(http::upload::configure)
        .configure(http::session::configure)
        .configure(|config| http::console::configure(config, &base_path))
        .configure(|config| http::graphiql::configure(config, &base_path));
    let app = WebApp::new()
        .wrap(middleware::Compress::default())
        .wrap(middleware::from_fn(door::access::check_host))
        .wrap(middleware::from_fn(request_id::name_request))
        .app_data(state.clone())
        .service(routes);
    let app = app
        .into_factory()
        .map_err(|error: actix_web::Error| error.error_response());
    let stopping = state.clone();
    let http = HttpService::build()
        .client_request_timeout(HEAD_ARRIVAL)
        .client_disconnect_timeout(FAREWELL)
        // A client that closes its side has disconnected: the work for it stops.
        .h1_allow_half_closed(false)
        .local_addr(address)
        .graceful_shutdown_signal(move || {
            let mut is_closing = stopping.is_closing.subscribe();
            async move {
                // An error means that the server has ended.
                let _ = is_closing.wait_for(|is_closing| *is_closing).await;
            }
        })
        .on_connect_ext(|connection: &Connection<TcpStream>, data| {
            data.insert(connection.held());
        })
        .h1(map_config(app, |()| AppConfig::default()));
    let transfer = state.transfer.clone();
    fn_service(move |stream: TcpStream| {
        let peer = stream.peer_addr().ok();
        ready(Ok((Connection::accept(stream, transfer.clone()), peer)))
    })
    .and_then(http)
}

/// The size of the connection pool of API keys, and of that of health.
const OWN_CONNECTIONS: u32 = 2;

/// The size of the connection pool of metrics.
const METRICS_CONNECTIONS: u32 = 1;

/// How many connections the loops of a server need in addition to a refresh: the scheduler, the follower, the hub,
/// imports and their undo, exports, a backup, and webhooks.
const LOOP_CONNECTIONS: u32 = 14 + loops::webhooks::CONNECTIONS;

/// Checks that the database allows enough connections for everything at the same time. Otherwise requests would fail
/// only under load.
async fn check_connections(app: &App) -> Result<(), ServeError> {
    let allowed = app.db.run(count_allowed_connections).await;
    let allowed = allowed.map_err(ServeError::Database)?;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    // A scan has one connection for each worker and one for its snapshot; a refresh has two more, to write with.
    let scan = count(app.refresh.workers).saturating_add(1);
    let scans = count(app.scans.limits().at_once).saturating_mul(scan);
    let own = OWN_CONNECTIONS * 2 + METRICS_CONNECTIONS + LOOP_CONNECTIONS + scan + 2;
    let needed = app
        .db
        .connections()
        .saturating_add(scans)
        .saturating_add(own);
    match needed <= allowed {
        true => Ok(()),
        false => Err(ServeError::TooFewConnections { needed, allowed }),
    }
}

/// Waits for a signal to stop, closes the WebSockets, and stops the server. After `SIGTERM` the server first drains:
/// for `drain` it still answers but reports that it is not ready, and then it finishes the running requests. After
/// other signals it stops at once. Sockets stay open during the drain, because a client whose socket is closed
/// reconnects at once and must then reach another server.
fn stop_when_told(
    state: web::Data<State>,
    drain: Duration,
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
        // Another signal ends the wait.
        tokio::select! {
            () = tokio::time::sleep(drain), if is_gentle => {}
            _ = interrupt.recv(), if is_gentle => {}
            _ = quit.recv(), if is_gentle => {}
            _ = terminate.recv(), if is_gentle => {}
            else => {}
        }
        state.end_sockets.send_replace(true);
        // `closed` waits until every socket has dropped its receiver.
        let _ = tokio::time::timeout(GOODBYE, state.end_sockets.closed()).await;
        state.is_closing.send_replace(true);
        server.stop(is_gentle).await;
    })
}
