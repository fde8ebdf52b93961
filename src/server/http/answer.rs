//! The HTTP endpoint of the API: `POST /graphql`, and `GET /graphql` for queries.
//!
//! It follows GraphQL over HTTP (<https://graphql.github.io/graphql-over-http/draft/>). Only `application/json` is
//! accepted, because a page of another site cannot send it without a preflight request. The cookie of a session counts
//! under further conditions (`door/cookie.rs`).

use super::media_type::{MediaType, choose, is_json};
use super::refusal::refuse_rate;
use super::request_id::RequestId;
use super::respond::{refuse, respond};
use crate::config::StatusCodes;
use crate::graphql::{ErrorCode, OperationKinds, Parameters, Prepared, Refusal, refuse_late};
use crate::server::door::caller::Caller;
use crate::server::door::limits::MAX_BODY;
use crate::server::socket::event_stream;
use crate::server::state::State;
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::{self, Bytes, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::time::timeout;

/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(20);

/// Answers `POST`.
pub async fn post(
    request: HttpRequest,
    state: web::Data<State>,
    caller: ReqData<Caller>,
    payload: web::Payload,
) -> HttpResponse {
    let Some(media_type) = choose(request.headers()) else {
        return not_acceptable();
    };
    let read = read_body(&request, payload, state.settings.status_codes).await;
    let parameters = match read {
        Ok(parameters) => parameters,
        Err(wrong) => return wrong.respond(media_type),
    };
    answer(
        &request,
        &state,
        *caller,
        parameters,
        media_type,
        OperationKinds::Once,
    )
    .await
}

/// Answers `GET`, which allows only queries.
pub async fn get(
    request: HttpRequest,
    state: web::Data<State>,
    caller: ReqData<Caller>,
) -> HttpResponse {
    let Some(media_type) = choose(request.headers()) else {
        return not_acceptable();
    };
    if request.headers().contains_key(header::CONTENT_TYPE) && !is_json(request.headers()) {
        return Wrong::unsupported().respond(media_type);
    }
    if request.query_string().is_empty() {
        let message =
            "expected POST with a JSON body, or GET with ?query=…; the explorer is at /graphiql";
        return Wrong::new(StatusCode::BAD_REQUEST, message).respond(media_type);
    }
    match Parameters::from_query(request.query_string()) {
        Ok(parameters) => {
            answer(
                &request,
                &state,
                *caller,
                parameters,
                media_type,
                OperationKinds::Query,
            )
            .await
        }
        Err(message) => {
            Wrong::unprocessable(message, state.settings.status_codes).respond(media_type)
        }
    }
}

/// Answers other methods.
pub async fn other_method() -> HttpResponse {
    let message =
        "expected POST with a JSON body, or GET with ?query=…; the explorer is at /graphiql";
    let wrong = Wrong::new(StatusCode::METHOD_NOT_ALLOWED, message);
    let mut response = wrong.respond(MediaType::Json);
    let allowed = header::HeaderValue::from_static("GET, POST");
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

async fn answer(
    request: &HttpRequest,
    state: &web::Data<State>,
    caller: Caller,
    parameters: Parameters,
    media_type: MediaType,
    operations: OperationKinds,
) -> HttpResponse {
    let is_stream = media_type == MediaType::EventStream;
    let operations = if is_stream && operations == OperationKinds::Once {
        OperationKinds::Stream
    } else {
        operations
    };
    let context = caller.context(operations, &RequestId::of(request));
    let prepared = state.api.prepare(parameters, &context);
    if let Err(wait) = state.gate.limiter.charge(caller.client(), &prepared) {
        return refuse_rate(wait);
    }
    if is_stream {
        return event_stream::open(request, state, caller, prepared);
    }
    let codes = state.settings.status_codes;
    match prepared {
        Ok(prepared) => execute(state, prepared, media_type).await,
        Err(refusal) => refuse(&refusal, media_type, codes),
    }
}

async fn execute(state: &State, prepared: Prepared, media_type: MediaType) -> HttpResponse {
    let codes = state.settings.status_codes;
    let limit = state.settings.request_timeout;
    match timeout(limit, state.api.answer(prepared)).await {
        Ok(answer) => respond(answer, media_type, codes),
        Err(_) => refuse(&refuse_late(limit), media_type, codes),
    }
}

/// Why a request cannot be read as a GraphQL request.
pub struct Wrong {
    pub status: StatusCode,
    pub message: String,
}

impl Wrong {
    fn new(status: StatusCode, message: impl Into<String>) -> Wrong {
        Wrong {
            status,
            message: message.into(),
        }
    }

    fn unsupported() -> Wrong {
        let message = "expected a body of type application/json in UTF-8";
        Wrong::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    }

    /// Refuses a body that is JSON, but not a request.
    fn unprocessable(message: String, codes: StatusCodes) -> Wrong {
        let status = match codes {
            StatusCodes::Established => StatusCode::BAD_REQUEST,
            StatusCodes::Draft => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Wrong::new(status, message)
    }

    fn respond(self, media_type: MediaType) -> HttpResponse {
        // If a stream was wanted, it has not begun yet.
        let media_type = match media_type {
            MediaType::EventStream => MediaType::Json,
            other => other,
        };
        let refusal = Refusal::new(ErrorCode::BadRequest, self.message);
        let mut response = refuse(&refusal, media_type, StatusCodes::Established);
        *response.status_mut() = self.status;
        response
    }
}

fn not_acceptable() -> HttpResponse {
    let message = "the header Accept must allow application/graphql-response+json, application/json or text/event-stream";
    Wrong::new(StatusCode::NOT_ACCEPTABLE, message).respond(MediaType::Json)
}

async fn read_body(
    request: &HttpRequest,
    payload: web::Payload,
    codes: StatusCodes,
) -> Result<Parameters, Wrong> {
    if !is_json(request.headers()) {
        return Err(Wrong::unsupported());
    }
    // A compressed body could expand to any size.
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding.as_bytes() != b"identity") {
        let message = "expected a body that is not compressed";
        return Err(Wrong::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let body = receive(request, payload).await?;
    let bad_request = |message: String| Wrong::new(StatusCode::BAD_REQUEST, message);
    let json = Parameters::parse_json(&body).map_err(bad_request)?;
    let mut parameters =
        Parameters::from_json(json).map_err(|message| Wrong::unprocessable(message, codes))?;
    parameters.find_lost_digits(&body, &["variables"]);
    Ok(parameters)
}

/// Returns the status for a body that was aborted. `door/key_watch.rs` aborts bodies that are too slow or whose key is
/// no longer valid.
fn status_of(error: &actix_web::Error) -> StatusCode {
    let kind = match error.as_error::<PayloadError>() {
        Some(PayloadError::Io(error)) => Some(error.kind()),
        _ => None,
    };
    match kind {
        Some(ErrorKind::TimedOut) => StatusCode::REQUEST_TIMEOUT,
        Some(ErrorKind::PermissionDenied) => StatusCode::UNAUTHORIZED,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Reads a whole body.
///
/// # Errors
/// [`Wrong`] if the body is too large, too slow or incomplete.
pub async fn receive(request: &HttpRequest, payload: web::Payload) -> Result<Bytes, Wrong> {
    let too_large = || {
        let message = format!("expected a body of at most {MAX_BODY} bytes, found more");
        Wrong::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_BODY) {
        return Err(too_large());
    }
    match timeout(ARRIVAL, payload.to_bytes_limited(MAX_BODY)).await {
        Ok(Ok(Ok(body))) => Ok(body),
        Ok(Ok(Err(error))) => {
            let message = format!("the body cannot be read to its end: {error}");
            Err(Wrong::new(status_of(&error), message))
        }
        Ok(Err(_)) => Err(too_large()),
        Err(_) => {
            let message = format!("expected the whole body within {} s", ARRIVAL.as_secs());
            Err(Wrong::new(StatusCode::REQUEST_TIMEOUT, message))
        }
    }
}
