//! Sessions over HTTP: `POST /session` signs a browser in with an API key, `DELETE /session` signs it out.

use super::refusal::{refuse, refuse_key, refuse_rate};
use super::request_id::RequestId;
use crate::audience::actor::{Actor, Origin};
use crate::audience::session;
use crate::graphql::ErrorCode;
use crate::server::door::caller::{Caller, Client, peer};
use crate::server::door::cookie::{self, Cookie, Name};
use crate::server::door::keys::Refusal;
use crate::server::state::State;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

/// The cost of signing in or out.
const SIGN_IN_COST: u32 = 100;

/// The message of a server without API keys, which needs no sessions.
const OPEN: &str = "this server has no API keys and needs no session; make a key first with `rollcall key create NAME --scope read`";

/// Adds the routes of sessions.
pub fn configure(config: &mut ServiceConfig) {
    config.service(
        web::resource("/session")
            .route(web::post().to(sign_in))
            .route(web::delete().to(sign_out))
            .default_service(web::to(other_method)),
    );
}

async fn other_method() -> HttpResponse {
    let message = "expected POST with an API key to sign in, or DELETE to sign out";
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut refused = refuse(status, ErrorCode::BadRequest, message);
    let allowed = HeaderValue::from_static("POST, DELETE");
    refused.headers_mut().insert(header::ALLOW, allowed);
    refused
}

/// Starts a session of the key in the header `Authorization`. A session that the browser already has is ended.
async fn sign_in(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let Some(name) = Name::choose(&request) else {
        let message = cookie::IN_THE_CLEAR;
        return refuse(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message);
    };
    let presented = request.headers().get(header::AUTHORIZATION);
    let presented = presented.map(|value| value.to_str().unwrap_or_default());
    let (keys, app) = (&state.gate.keys, state.api.app());
    let peer = peer(request.peer_addr());
    let mut admitted = keys.admit(presented, peer, app).await;
    if admitted.is_ok_and(|access| access.key_id.is_none()) {
        // The first key may have been made since the last load.
        if let Err(refusal) = keys.load_now().await {
            return refuse_key(refusal);
        }
        admitted = keys.admit(presented, peer, app).await;
    }
    let access = match admitted {
        Ok(access) => access,
        Err(refusal) => return refuse_key(refusal),
    };
    let Some(key_id) = access.key_id else {
        return refuse(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, OPEN);
    };
    let client = Caller { access, peer }.client();
    if let Err(wait) = state.gate.limiter.check(client, SIGN_IN_COST) {
        return refuse_rate(wait);
    }
    let replaced = match cookie::find(&request) {
        Cookie::Counts(hash) => hash,
        _ => None,
    };
    let now = app.now();
    let origin = origin_of(&request);
    let started = app.db.run(move |connection| {
        session::sign_in(connection, key_id, replaced.as_ref(), origin.clone(), now)
    });
    match started.await {
        Ok(Some((_, token))) => {
            let mut response = HttpResponse::NoContent();
            response.append_header((header::SET_COOKIE, name.set(Some(&token))));
            // A cookie of the other name must not take precedence over this one.
            response.append_header((header::SET_COOKIE, name.other().set(None)));
            response.finish()
        }
        Ok(None) => refuse_key(Refusal::Unauthenticated),
        Err(error) => {
            tracing::warn!(%error, "a session could not be started");
            refuse_key(Refusal::Unavailable)
        }
    }
}

/// Returns the address and the id of a request. The actor is known only once the session is.
fn origin_of(request: &HttpRequest) -> Origin {
    Origin {
        actor: Actor::Nobody,
        peer: Some(peer(request.peer_addr())),
        request_id: Some(RequestId::of(request)),
    }
}

/// Ends the session of the cookie and removes the cookie. A browser without a session is signed out already.
async fn sign_out(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let hash = match cookie::find(&request) {
        Cookie::Foreign => {
            let message = cookie::FOREIGN;
            return refuse(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message);
        }
        Cookie::Counts(hash) => hash,
        Cookie::Missing => None,
    };
    if let Some(hash) = hash {
        // A request without a session costs a statement too.
        let client = Client::Peer(peer(request.peer_addr()));
        if let Err(wait) = state.gate.limiter.check(client, SIGN_IN_COST) {
            return refuse_rate(wait);
        }
        let app = state.api.app();
        let (origin, now) = (origin_of(&request), app.now());
        let ended = app
            .db
            .run(move |connection| session::sign_out(connection, &hash, origin.clone(), now));
        if let Err(error) = ended.await {
            tracing::warn!(%error, "a session could not be ended");
            return refuse_key(Refusal::Unavailable);
        }
        // Loads the keys, so that this server refuses the cookie as soon as the browser has the answer. Other servers
        // refuse it within seconds, and so does this one if the load fails.
        if state.gate.keys.load_now().await.is_err() {
            tracing::warn!(
                "a session was ended, but the sessions could not be loaded again; its cookie may be accepted for some seconds"
            );
        }
    }
    let mut response = HttpResponse::NoContent();
    for name in [Name::Secure, Name::Plain] {
        response.append_header((header::SET_COOKIE, name.set(None)));
    }
    response.finish()
}
