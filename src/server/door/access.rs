//! Which requests are admitted: by their `Host`, their API key, and the site of the page that sends them.

use super::caller::{Caller, peer};
use super::cookie::{self, Cookie};
use super::host::find_strange_host;
use super::key_watch::{GuardedBody, KeyWatch, guard_payload};
use super::keys::Refusal;
use crate::audience::actor::Actor;
use crate::audience::api_key::Scope;
use crate::audience::refusals::Refused;
use crate::graphql::{ErrorCode, forbidden};
use crate::server::http::refusal::{refuse, refuse_key, refuse_rate};
use crate::server::socket::upgrade::is_upgrade;
use crate::server::state::State;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpResponse, web};

/// The message for a page of another site, from a server without API keys.
const CROSS_SITE: &str = "requests from pages of other sites are refused; \
    copy the address into a new tab, or allow the origin with --allow-origin";

/// Refuses requests whose host is not a loopback name, as long as no key is needed. Otherwise a page whose name
/// resolves to this machine (DNS rebinding) could use the open API. Once a key is needed, the key protects the API.
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

/// Admits a request to the API and attaches its [`Caller`], or refuses it. A WebSocket without a key and without a
/// session passes without a caller: its key comes with the first message.
pub async fn admit<B: MessageBody + 'static>(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<EitherBody<B>>> {
    let presented = request.headers().get(header::AUTHORIZATION);
    // A header that is not text counts as an invalid key.
    let presented = presented.map(|value| value.to_str().unwrap_or_default().to_owned());
    let strange_host = find_strange_host(request.request());
    // The header wins over the cookie.
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
        // The last key may have been deleted since the host was checked.
        Ok(access) if access.key_id.is_none() && strange_host.is_some() => {
            let refused = refuse_host(&strange_host.unwrap_or_default());
            return Ok(request.into_response(refused).map_into_right_body());
        }
        // With an API key, a page of another site would need a preflight request, which is refused.
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
            let refused = refuse_key(refusal);
            return Ok(request.into_response(refused).map_into_right_body());
        }
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// The cost of an upload or a download.
const FILE_COST: u32 = 1_000;

/// Admits a request for a file if the caller that [`admit`] found has the scope READ.
pub async fn admit_reader<B: MessageBody + 'static>(
    state: web::Data<State>,
    caller: web::ReqData<Caller>,
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    admit_to_files(&state, &caller, Scope::Read, request, next).await
}

/// Admits a request with a file if the caller that [`admit`] found has the scope WRITE.
pub async fn admit_writer<B: MessageBody + 'static>(
    state: web::Data<State>,
    caller: web::ReqData<Caller>,
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    admit_to_files(&state, &caller, Scope::Write, request, next).await
}

/// Admits a transfer if the caller has the scope and enough budget. It is aborted when the key is no longer valid, or
/// when the client sends too slowly.
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
        let watch = KeyWatch::begin(state, *caller);
        let guarded = guard_payload(request.take_payload(), watch);
        request.set_payload(guarded);
        let watch = KeyWatch::begin(state, *caller);
        let response = next.call(request).await?;
        let is_file = response.status().is_success();
        return Ok(response.map_body(|_, body| match is_file {
            true => GuardedBody::new(body, watch).boxed(),
            // A refusal contains nothing that needs a key.
            false => body.boxed(),
        }));
    };
    Ok(request.into_response(refused))
}

fn is_socket(request: &ServiceRequest) -> bool {
    request.method() == actix_web::http::Method::GET && is_upgrade(request.headers())
}
