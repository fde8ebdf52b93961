//! Which requests are admitted: by their `Host`, their API key, and the origin of a page that opens a socket.

use super::claims::Uploads;
use super::cookie::{self, Cookie};
use super::keys::{Keys, Refusal};
use super::limits::{Limiter, RetryAfter, Seats};
use super::standing::{GuardedBody, Standing, guard_payload};
use crate::app::App;
use crate::audience::actor::{Actor, Origin};
use crate::audience::api_key::{Access, Scope};
use crate::audience::refusals::Refused;
use crate::config::{ListenSettings, TransferSettings};
use crate::error::Error;
use crate::graphql::{Asking, ErrorCode, Way, forbidden};
use crate::server::http::routes::{State, refuse};
use crate::server::socket::websocket;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The message for a client without a valid key. It is the same for every reason.
const UNAUTHENTICATED: &str =
    "expected a valid API key in the header \"Authorization: Bearer rck_...\"";

/// The message for a page of another site, from a server without API keys.
const CROSS_SITE: &str = "requests from pages of other sites are refused; \
    copy the address into a new tab, or allow the origin with --allow-origin";

/// When to try again where the database is not available, in seconds.
const RETRY_SECONDS: u64 = 5;

/// Whose budget and whose sockets something counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client {
    /// The clients with this key.
    Key(i64),
    /// The clients at this address.
    Peer(IpAddr),
}

/// Who asks. The middleware [`admit`] leaves it with every request to the API that it lets through; handlers take it as
/// `ReqData<Caller>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// What the caller may do.
    pub access: Access,
    /// The address that the connection comes from: that of the proxy, if there is one.
    pub peer: IpAddr,
}

impl Caller {
    /// Returns how the caller asks in a request of that name.
    pub fn asking(&self, way: Way, request_id: &Arc<str>) -> Asking {
        Asking {
            way,
            access: self.access,
            request_id: Arc::clone(request_id),
            peer: Some(self.peer),
        }
    }

    /// Returns who asks in a request, and from where, for the audit log.
    pub fn origin(&self, request_id: Arc<str>) -> Origin {
        Origin {
            actor: Actor::of(&self.access),
            peer: Some(self.peer),
            request_id: Some(request_id),
        }
    }

    /// Returns whose budget this counts for: the key's, or without one the address's.
    pub fn client(&self) -> Client {
        let key = self.access.key_id.map(Client::Key);
        key.unwrap_or(Client::Peer(self.peer))
    }
}

/// What decides which requests are admitted, and to what.
pub struct Gate {
    /// The keys.
    pub keys: Arc<Keys>,
    /// The rate limits of clients.
    pub limiter: Limiter,
    /// The sockets that are open.
    pub seats: Arc<Seats>,
    /// The uploads that are under way.
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
            seats: Seats::new(
                settings.max_sockets.get() as usize,
                settings.max_sockets_per_client.get() as usize,
            ),
            uploads: Uploads::new(transfer.max_uploads.get()),
            exports: Arc::new(Semaphore::new(transfer.max_exports.get() as usize)),
            is_loopback,
            allowed_origins: settings.allow_origin.clone(),
        })
    }

    /// Returns the origin of a page that may not open sockets. Browsers let every page open them to anywhere, and only
    /// state where the page is from. Programs state nothing.
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

    /// Whether a page of another site sends this, and not one of an allowed origin. Browsers always say so; programs
    /// do not. Pages of other ports of this machine are of the same site.
    fn is_cross_site(&self, headers: &HeaderMap) -> bool {
        let site = headers.get("sec-fetch-site");
        let is_cross_site = site.is_some_and(|site| site.as_bytes() == b"cross-site");
        let has_origin = headers.contains_key(header::ORIGIN);
        is_cross_site && !(has_origin && self.find_foreign_origin(headers).is_none())
    }
}

/// Refuses requests to another name than a loopback one while no key is asked for: a page whose name was pointed here
/// must not reach what is open to this machine. Where a key is asked for, the key is what counts.
pub async fn check_host<B: MessageBody + 'static>(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<EitherBody<B>>> {
    match find_strange_host(request.request()) {
        Some(host) if state.gate.keys.is_open() => {
            let refused = refuse_host(&host);
            Ok(request.into_response(refused).map_into_right_body())
        }
        _ => Ok(next.call(request).await?.map_into_left_body()),
    }
}

fn refuse_host(host: &str) -> HttpResponse {
    let message = format!("expected a loopback name such as localhost as host, found \"{host}\"");
    refuse(StatusCode::FORBIDDEN, ErrorCode::Forbidden, &message)
}

/// Returns what the client calls this server if that is no loopback name. Browsers always say; what proxies put into
/// headers of their own does not count, since the page that this is about could write them too.
pub fn find_strange_host(request: &HttpRequest) -> Option<String> {
    find_host(request).filter(|host| !is_loopback_name(host))
}

/// Returns what the client calls this server, with the port if it says one.
pub fn find_host(request: &HttpRequest) -> Option<String> {
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str().to_owned()),
        None => {
            let host = request.headers().get(header::HOST)?;
            Some(String::from_utf8_lossy(host.as_bytes()).into_owned())
        }
    }
}

/// Whether a host, with or without a port, is this machine.
pub fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Lets a request to the API through with its [`Caller`], or refuses it. A WebSocket without a key and without a session
/// goes on without a caller: its key comes with the first message.
pub async fn admit<B: MessageBody + 'static>(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<EitherBody<B>>> {
    let presented = request.headers().get(header::AUTHORIZATION);
    // A header that is not text is not a key either.
    let presented = presented.map(|value| value.to_str().unwrap_or_default().to_owned());
    let strange_host = find_strange_host(request.request());
    // A key that comes itself is what counts.
    let cookie = match presented {
        Some(_) => Cookie::Missing,
        None => cookie::find(request.request()),
    };
    let (keys, app) = (&state.gate.keys, state.api.app());
    let admitted = match cookie {
        Cookie::Counts(hash) => keys.admit_session(hash, app).await,
        _ => {
            let peer = peer(request.peer_addr());
            keys.admit(presented.as_deref(), peer, app).await
        }
    };
    match admitted {
        // The last key may have been forgotten since the host was looked at.
        Ok(access) if access.key_id.is_none() && strange_host.is_some() => {
            let refused = refuse_host(&strange_host.unwrap_or_default());
            return Ok(request.into_response(refused).map_into_right_body());
        }
        // With an API key a page of another site would have to ask first, which is refused.
        Ok(access) if access.key_id.is_none() && state.gate.is_cross_site(request.headers()) => {
            let refused = refuse(StatusCode::FORBIDDEN, ErrorCode::Forbidden, CROSS_SITE);
            return Ok(request.into_response(refused).map_into_right_body());
        }
        Ok(access) => {
            let peer = peer(request.peer_addr());
            if let Some(prefix) = access.key_id.and_then(|id| keys.prefix_of(id)) {
                tracing::Span::current().record("key", prefix.as_str());
            }
            request.extensions_mut().insert(Caller { access, peer });
        }
        Err(Refusal::Unauthenticated) if presented.is_none() && is_socket(&request) => {}
        Err(Refusal::Unauthenticated) if cookie == Cookie::Foreign => {
            let refused = refuse(StatusCode::FORBIDDEN, ErrorCode::Forbidden, cookie::FOREIGN);
            return Ok(request.into_response(refused).map_into_right_body());
        }
        Err(refusal) => {
            let refused = answer(refusal);
            return Ok(request.into_response(refused).map_into_right_body());
        }
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// What a file, sent or fetched, takes off the budget of a client.
const FILE_COST: u32 = 1_000;

/// Lets a request for a file through that [`admit`] has let in, if the caller may read.
pub async fn admit_reader<B: MessageBody + 'static>(
    state: web::Data<State>,
    caller: web::ReqData<Caller>,
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    admit_to_files(&state, &caller, Scope::Read, request, next).await
}

/// Lets a request with a file through that [`admit`] has let in, if the caller may write.
pub async fn admit_writer<B: MessageBody + 'static>(
    state: web::Data<State>,
    caller: web::ReqData<Caller>,
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    admit_to_files(&state, &caller, Scope::Write, request, next).await
}

/// A transfer is aborted when the key is no longer valid, or when the client sends too slowly.
async fn admit_to_files<B: MessageBody + 'static>(
    state: &web::Data<State>,
    caller: &Caller,
    needed: Scope,
    mut request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    let refused = if !caller.access.scopes.allow(needed) {
        let actor = Actor::of(&caller.access);
        let refusals = &state.api.app().refusals;
        refusals.note(Refused::Scope, actor, Some(caller.peer));
        let message = forbidden(request.path(), needed);
        refuse(StatusCode::FORBIDDEN, ErrorCode::Forbidden, &message)
    } else if let Err(wait) = state.gate.limiter.check(caller.client(), FILE_COST) {
        refuse_rate(wait)
    } else {
        let standing = Standing::watch(state, *caller);
        let guarded = guard_payload(request.take_payload(), standing);
        request.set_payload(guarded);
        let standing = Standing::watch(state, *caller);
        let response = next.call(request).await?;
        let is_file = response.status().is_success();
        return Ok(response.map_body(|_, body| match is_file {
            true => GuardedBody::new(body, standing).boxed(),
            // A refusal holds nothing that needs a key.
            false => body.boxed(),
        }));
    };
    Ok(request.into_response(refused))
}

fn is_socket(request: &ServiceRequest) -> bool {
    request.method() == actix_web::http::Method::GET && websocket::is_upgrade(request.headers())
}

/// Returns where a connection comes from.
pub fn peer(address: Option<SocketAddr>) -> IpAddr {
    let ip = address.map(|address| address.ip().to_canonical());
    // Connections over TCP always have one.
    ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// Answers a client that is not let in.
pub fn answer(refusal: Refusal) -> HttpResponse {
    match refusal {
        Refusal::Unauthenticated => {
            let status = StatusCode::UNAUTHORIZED;
            let mut refused = refuse(status, ErrorCode::Unauthenticated, UNAUTHENTICATED);
            let bearer = HeaderValue::from_static("Bearer");
            refused
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, bearer);
            refused
        }
        Refusal::Unavailable => {
            let message = "the database is not available; try again in a moment";
            let refused = refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::Unavailable,
                message,
            );
            retry_after(refused, RETRY_SECONDS)
        }
    }
}

/// Refuses a request of a client whose budget is used up.
pub fn refuse_rate(wait: RetryAfter) -> HttpResponse {
    let refused = refuse(
        StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::RateLimited,
        &rate_message(wait),
    );
    retry_after(refused, wait.seconds())
}

/// Says that the budget of a client is used up.
pub fn rate_message(wait: RetryAfter) -> String {
    format!(
        "the budget of this minute is used up; try again in {} s",
        wait.seconds()
    )
}

/// Tells when to try again.
pub fn retry_after(mut response: HttpResponse, seconds: u64) -> HttpResponse {
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names() {
        for host in [
            "localhost",
            "LOCALHOST:7655",
            "127.0.0.1:7655",
            "127.8.9.1",
            "[::1]:7655",
            "[::1]",
        ] {
            assert!(is_loopback_name(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com:7655",
            "10.0.0.1",
            "127.0.0.1.example.com",
            "[::2]:1",
        ] {
            assert!(!is_loopback_name(host), "{host}");
        }
    }
}
