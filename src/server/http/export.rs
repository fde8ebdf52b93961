//! Exports over HTTP: `GET /export/…`, streamed from a blocking thread.
//!
//! The thread writes into a short channel, waits while the client is slow, and ends when the connection ends. An error
//! before the first byte is answered with a status of its own. A later error aborts the connection, so that an
//! incomplete file never looks complete.

use super::answer::receive;
use super::export_refusal::refuse_error;
use super::media_type::is_json;
use super::refusal::refuse;
use super::request_id::RequestId;
use crate::audience::actor::{Actor, Origin};
use crate::audience::api_key::Scope;
use crate::audience::audit::Entry;
use crate::audience::refusals::Refused;
use crate::error::Error;
use crate::export::{
    Content, ExportError, ExportRequest, Format, prepare, write_audit, write_person,
};
use crate::graphql::{ErrorCode, forbidden};
use crate::rule::{Status, find_lost_digits, nearest, parse_instant};
use crate::server::door::access;
use crate::server::door::caller::Caller;
use crate::server::state::State;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder, Resource};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::fmt::Display;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use tokio::sync::{mpsc, oneshot};

/// How many bytes are sent at a time.
const PIECE: usize = 1 << 16;
/// How many pieces may wait for the client.
const WAITING: usize = 4;

/// Adds the routes, for clients with the scope READ.
pub fn configure(config: &mut ServiceConfig) {
    config.service(
        web::scope("/export")
            .wrap(from_fn(access::admit_reader))
            .wrap(from_fn(access::admit))
            .service(resource("/person").route(web::get().to(person)))
            .service(resource("/audit").route(web::get().to(audit)))
            .service(
                resource("/rule")
                    .route(web::get().to(rule_in_address))
                    .route(web::post().to(rule_in_body)),
            )
            .service(resource("/{what}").route(web::get().to(all)))
            .service(resource("/{what}/{key}").route(web::get().to(members)))
            .default_service(web::to(unknown)),
    );
}

/// Returns a resource that refuses other methods.
fn resource(path: &str) -> Resource {
    web::resource(path).default_service(web::to(only_get))
}

async fn only_get() -> HttpResponse {
    let message = "expected GET, or POST to /export/rule with the rule as JSON body";
    let mut refused = refuse(
        StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::BadRequest,
        message,
    );
    let allow = HeaderValue::from_static("GET");
    refused.headers_mut().insert(header::ALLOW, allow);
    refused
}

const KNOWN: &str = "/export/subscribers, /export/group/KEY, /export/segment/KEY, /export/rule, /export/memberships, \
    /export/events, /export/person or /export/audit";

async fn unknown() -> HttpResponse {
    let message = format!("expected GET and one of {KNOWN}");
    refuse(StatusCode::NOT_FOUND, ErrorCode::NotFound, &message)
}

async fn all(
    request: HttpRequest,
    state: web::Data<State>,
    what: web::Path<String>,
) -> HttpResponse {
    let content = match what.as_str() {
        "subscribers" => Content::Subscribers,
        "memberships" => Content::Memberships,
        "events" => Content::Events,
        _ => return unknown().await,
    };
    answer(&request, &state, content, &what).await
}

async fn members(
    request: HttpRequest,
    state: web::Data<State>,
    place: web::Path<(String, String)>,
) -> HttpResponse {
    let (what, key) = place.into_inner();
    let name = key.clone();
    let content = match what.as_str() {
        "group" => Content::Group { key },
        "segment" => Content::Segment { key, as_of: None },
        _ => return unknown().await,
    };
    answer(&request, &state, content, &name).await
}

async fn rule_in_address(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answer(&request, &state, Content::Rule(Value::Null), "rule").await
}

async fn rule_in_body(
    request: HttpRequest,
    state: web::Data<State>,
    payload: web::Payload,
) -> HttpResponse {
    let bad_request = |status, problem: &dyn Display| {
        let message = format!("expected a rule as a body of type application/json: {problem}");
        refuse(status, ErrorCode::BadRequest, &message)
    };
    if !is_json(request.headers()) {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return bad_request(status, &"the body has another type");
    }
    let body = match receive(&request, payload).await {
        Ok(body) => body,
        Err(wrong) => return bad_request(wrong.status, &wrong.message),
    };
    let text = std::str::from_utf8(&body).map_err(|error| error.to_string());
    match text.and_then(read_rule) {
        Ok(rule) => answer(&request, &state, Content::Rule(rule), "rule").await,
        Err(reason) => bad_request(StatusCode::BAD_REQUEST, &reason),
    }
}

/// Reads a rule, unless its numbers would lose digits.
fn read_rule(text: &str) -> Result<Value, String> {
    let rule = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match find_lost_digits(text, &[]) {
        Some((path, message)) => Err(format!("{path}: {message}")),
        None => Ok(rule),
    }
}

/// Answers with a file of that name.
async fn answer(
    request: &HttpRequest,
    state: &State,
    content: Content,
    name: &str,
) -> HttpResponse {
    let asked = match read_query(request.query_string(), content) {
        Ok(asked) => asked,
        Err(error) => return refuse_error(&error),
    };
    let (media_type, extension) = match asked.format {
        Format::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        Format::Ndjson => ("application/x-ndjson", "ndjson"),
    };
    let app = state.api.app().clone();
    let entry = entry(request, state, asked.content.action());
    let write = move |sink: &mut Pieces| {
        let export = prepare(&app.db, &asked, &app.refresh, &entry)?;
        export.write(sink, |_| {})
    };
    match start(state, write).await {
        Ok(body) => file(media_type, &format!("{name}.{extension}")).body(body),
        Err(error) => refuse_error(&error),
    }
}

/// Returns the entry of an export in the audit log.
fn entry(request: &HttpRequest, state: &State, action: &'static str) -> Entry {
    let caller = request.extensions().get::<Caller>().copied();
    let request_id = RequestId::of(request);
    let origin = caller.map_or_else(
        || Origin::of(Actor::Nobody),
        |caller| caller.origin(request_id),
    );
    Entry::new(origin, action, state.api.app().now())
}

fn file(media_type: &'static str, name: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, media_type));
    // Keys contain nothing that must be quoted, and other names were refused as not found.
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.insert_header((header::CONTENT_DISPOSITION, value));
    }
    response
}

async fn person(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let email = read_pairs(request.query_string()).and_then(|pairs| match pairs.as_slice() {
        [(name, email)] if name == "email" => Ok(email.clone()),
        _ => Err(Error::invalid(
            "email",
            "expected ?email=ADDRESS and nothing else",
        )),
    });
    let email = match email {
        Ok(email) => email,
        Err(error) => return refuse_error(&error),
    };
    let db = state.api.app().db.clone();
    let entry = entry(&request, &state, "exportPerson");
    let write = move |sink: &mut Pieces| write_person(&db, &email, false, sink, &entry);
    match start(&state, write).await {
        Ok(body) => file("application/json", "person.json").body(body),
        Err(error) => refuse_error(&error),
    }
}

/// Answers with the audit log, which needs the scope ADMIN.
async fn audit(
    request: HttpRequest,
    state: web::Data<State>,
    caller: web::ReqData<Caller>,
) -> HttpResponse {
    if !caller.access.scopes.allow(Scope::Admin) {
        let (actor, refusals) = (Actor::of(&caller.access), &state.api.app().refusals);
        refusals.note(Refused::Scope, actor, Some(caller.peer));
        let message = forbidden(request.path(), Scope::Admin);
        return refuse(StatusCode::FORBIDDEN, ErrorCode::Forbidden, &message);
    }
    let (from, to) = match read_period(request.query_string()) {
        Ok(period) => period,
        Err(error) => return refuse_error(&error),
    };
    let db = state.api.app().db.clone();
    let entry = entry(&request, &state, "exportAuditLog");
    let write = move |sink: &mut Pieces| write_audit(&db, from, to, sink, &entry);
    match start(&state, write).await {
        Ok(body) => file("application/x-ndjson", "audit.ndjson").body(body),
        Err(error) => refuse_error(&error),
    }
}

/// A period of time. A missing bound means that it is open.
type Period = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

fn read_period(query: &str) -> Result<Period, Error> {
    let (mut from, mut to) = (None, None);
    for (name, value) in read_pairs(query)? {
        let bound = match name.as_str() {
            "from" => &mut from,
            "to" => &mut to,
            _ => {
                let message = "unknown parameter; use one of: from, to";
                return Err(Error::invalid(name, message));
            }
        };
        let moment = parse_instant(&value);
        let moment = moment.map_err(|message| Error::invalid(name.clone(), message))?;
        if bound.replace(moment).is_some() {
            return Err(Error::invalid(name, "the parameter is given twice"));
        }
    }
    Ok((from, to))
}

fn read_pairs(query: &str) -> Result<Vec<(String, String)>, Error> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query);
    let pairs = pairs.map_err(|error| Error::invalid("query", error.to_string()))?;
    Ok(pairs.into_inner())
}

/// Reads the query parameters of an export.
fn read_query(query: &str, content: Content) -> Result<ExportRequest, Error> {
    let mut asked = ExportRequest::of(content);
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in read_pairs(query)? {
        if seen.contains(&name) {
            return Err(Error::invalid(name, "the parameter is given twice"));
        }
        read_parameter(&mut asked, &name, &value)?;
        seen.push(name);
    }
    match &asked.content {
        Content::Rule(Value::Null) => {
            let message =
                "expected a rule as JSON, in the parameter \"rule\" or as the body of a POST";
            Err(Error::invalid("rule", message))
        }
        _ => Ok(asked),
    }
}

fn read_parameter(asked: &mut ExportRequest, name: &str, value: &str) -> Result<(), Error> {
    let wrong = |message: String| Error::invalid(name, message);
    match (name, &mut asked.content) {
        ("format", _) => {
            asked.format = match value {
                "csv" => Format::Csv,
                "ndjson" => Format::Ndjson,
                _ => return Err(wrong(format!("expected csv or ndjson, found \"{value}\""))),
            }
        }
        ("columns", _) => asked.columns = Some(value.split(',').map(str::to_owned).collect()),
        ("status", _) => {
            for status in value.split(',') {
                let status = Status::parse(status.trim()).ok_or_else(|| {
                    let known: Vec<&str> = Status::ALL.into_iter().map(Status::as_str).collect();
                    wrong(format!("expected {}, found \"{status}\"", known.join(", ")))
                })?;
                asked.statuses.push(status);
            }
        }
        ("raw", _) => {
            asked.is_raw = value
                .parse()
                .map_err(|_| wrong(format!("expected true or false, found \"{value}\"")))?;
        }
        ("asOf", Content::Segment { as_of, .. }) => {
            *as_of = Some(parse_instant(value).map_err(wrong)?);
        }
        ("rule", Content::Rule(rule)) if rule.is_null() => {
            *rule = read_rule(value)
                .map_err(|reason| wrong(format!("expected a rule as JSON: {reason}")))?;
        }
        _ => {
            let known: &[&str] = match &asked.content {
                Content::Segment { .. } => &["format", "columns", "status", "raw", "asOf"],
                Content::Rule(_) => &["format", "columns", "status", "raw", "rule"],
                _ => &["format", "columns", "status", "raw"],
            };
            let hint = nearest(name, known.iter().copied());
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            let message = format!("unknown parameter; use one of: {}{hint}", known.join(", "));
            return Err(wrong(message));
        }
    }
    Ok(())
}

/// Starts an export, and waits until its first piece is there or it has failed.
async fn start(
    state: &State,
    write: impl FnOnce(&mut Pieces) -> Result<u64, ExportError> + Send + 'static,
) -> Result<ExportBody, Error> {
    let Ok(permit) = Arc::clone(&state.gate.exports).try_acquire_owned() else {
        let busy = "as many exports are running as --max-exports allows";
        return Err(Error::Unavailable(busy.to_owned()));
    };
    let (sender, receiver) = mpsc::channel(WAITING);
    let (begun, has_begun) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let mut sink = Pieces {
            sender,
            begun: Some(begun),
            piece: Vec::with_capacity(PIECE),
        };
        let written = write(&mut sink);
        sink.end(written);
    });
    match has_begun.await {
        Ok(Ok(())) => Ok(ExportBody {
            receiver,
            is_over: false,
        }),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::Internal(
            "an export stopped before it began".to_owned(),
        )),
    }
}

/// What the thread of an export sends.
enum Piece {
    Bytes(Bytes),
    /// The file is complete.
    End,
}

/// Where the thread of an export writes.
struct Pieces {
    sender: mpsc::Sender<Piece>,
    /// Notified when the first piece is there.
    begun: Option<oneshot::Sender<Result<(), Error>>>,
    piece: Vec<u8>,
}

impl Pieces {
    fn send(&mut self, piece: Piece) -> io::Result<()> {
        if let Some(begun) = self.begun.take() {
            // Fails if the client has disconnected, which the channel reports too.
            let _ = begun.send(Ok(()));
        }
        // A client that does not read loses its connection, and the channel closes.
        let sent = self.sender.blocking_send(piece);
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn send_bytes(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            // An empty piece would end the transfer.
            return Ok(());
        }
        let full = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.send(Piece::Bytes(Bytes::from(full)))
    }

    /// Sends the rest and marks the file as complete, or reports the error if nothing was sent yet.
    fn end(mut self, written: Result<u64, ExportError>) {
        let ended = match written {
            Ok(_) => self
                .send_bytes()
                .and_then(|()| self.send(Piece::End))
                .map_err(ExportError::from),
            Err(error) => Err(error),
        };
        let error = match ended {
            Ok(()) => return,
            Err(ExportError::Write(error)) => {
                tracing::debug!(%error, "the client of an export has gone");
                Error::Internal(error.to_string())
            }
            Err(ExportError::Read(error)) => error,
        };
        match self.begun.take() {
            // Fails if the client has disconnected.
            Some(begun) => drop(begun.send(Err(error))),
            None => tracing::warn!(%error, "an export broke off"),
        }
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.send_bytes()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The body of an export. Reading it fails if the thread ends without marking the file as complete.
struct ExportBody {
    receiver: mpsc::Receiver<Piece>,
    is_over: bool,
}

impl MessageBody for ExportBody {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Bytes, io::Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        self.receiver.poll_recv(context).map(|piece| match piece {
            Some(Piece::Bytes(bytes)) => Some(Ok(bytes)),
            Some(Piece::End) => {
                self.is_over = true;
                None
            }
            None => Some(Err(io::Error::other("the export broke off"))),
        })
    }
}
