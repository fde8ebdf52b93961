//! Files of imports: clients upload them by plain `PUT` or `POST`, and they are streamed to the spool. Remarks about their
//! rows are downloaded as CSV.
//!
//! A `POST` must have a type that a page of another site cannot send without a preflight request, as with the API.

use super::refusal::{refuse, retry_after};
use super::request_id::RequestId;
use crate::app::App;
use crate::audience::audit::{Entry, TargetKind, Trace, within};
use crate::error::Error;
use crate::graphql::{ErrorCode, describe_missing, parse_import_id};
use crate::import::{
    Import, ImportState, SpooledFile, TOO_LARGE, Writing, get, problems_csv, refused_csv, set_file,
};
use crate::server::door::access;
use crate::server::door::caller::Caller;
use crate::server::door::claims::Busy;
use crate::server::door::key_watch::REVOKED;
use crate::server::state::State;
use actix_web::error::PayloadError;
use actix_web::http::header::{self, ContentDisposition, DispositionParam, DispositionType};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Bytes, BytesMut, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use async_graphql::futures_util::StreamExt;
use async_graphql::futures_util::stream::unfold;
use serde_json::json;
use std::fmt::Display;
use std::io;

/// How many bytes of an upload are written at a time.
const PIECE: usize = 1 << 18;
/// After how many seconds to try again if too many files are being uploaded.
const BUSY_SECONDS: u64 = 5;

/// Types that forms of any site can send.
const FORM_TYPES: [&str; 3] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
];

/// Adds the routes of imports.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/imports/{id}/file")
                .wrap(from_fn(access::admit_writer))
                .wrap(from_fn(access::admit))
                .route(web::put().to(receive))
                .route(web::post().to(receive))
                .default_service(web::to(only_put)),
        )
        .service(
            web::resource("/imports/{id}/problems.csv")
                .wrap(from_fn(access::admit_reader))
                .wrap(from_fn(access::admit))
                .route(web::get().to(problems)),
        )
        .service(
            web::resource("/imports/{id}/refused.csv")
                .wrap(from_fn(access::admit_reader))
                .wrap(from_fn(access::admit))
                .route(web::get().to(refused)),
        );
}

async fn only_put() -> HttpResponse {
    let message = "expected PUT or POST with the file as body";
    let mut refused = refuse(
        StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::BadRequest,
        message,
    );
    let allow = header::HeaderValue::from_static("PUT, POST");
    refused.headers_mut().insert(header::ALLOW, allow);
    refused
}

#[expect(
    clippy::result_large_err,
    reason = "the answer is sent at once where it is an error"
)]
fn find_import(request: &HttpRequest) -> Result<i64, HttpResponse> {
    let id = request.match_info().get("id").unwrap_or_default();
    parse_import_id(id).ok_or_else(|| {
        let message = format!("expected the id of an import, found \"{id}\"");
        refuse(StatusCode::NOT_FOUND, ErrorCode::NotFound, &message)
    })
}

async fn receive(
    request: HttpRequest,
    state: web::Data<State>,
    caller: web::ReqData<Caller>,
    payload: Payload,
) -> HttpResponse {
    let id = match find_import(&request) {
        Ok(id) => id,
        Err(refused) => return refused,
    };
    if request.method() == Method::POST && is_of_form(&request) {
        let message = "expected a body of type text/csv or application/octet-stream, or PUT, which takes any type";
        return refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::BadRequest,
            message,
        );
    }
    let app = state.api.app();
    let taken = async {
        // These checks run before the body is read, so that no large file is sent in vain.
        check_length(&request, app.imports.spool.max_size())?;
        let _claim = state.gate.uploads.claim(id)?;
        let import = app.db.run(move |connection| get(connection, id)).await?;
        if import.state != ImportState::Waiting || import.file_path.is_some() {
            let message = "the import has its file already, or does not wait for one any more";
            return Err(Error::invalid("file", message).into());
        }
        let file = store(app, payload).await?;
        if !state.gate.keys.still_admit_now(&caller.access, app).await {
            remove(&file);
            return Err(Failure::Revoked);
        }
        let origin = caller.origin(RequestId::of(&request));
        let entry = Entry::new(origin, "uploadImport", app.now());
        Ok(take(app, id, file, entry).await?)
    };
    match taken.await {
        Ok(import) => {
            app.import_ready.notify_one();
            HttpResponse::Accepted().json(json!({
                "import": { "state": import.state.as_str().to_uppercase(), "bytes": import.file_size }
            }))
        }
        Err(failure) => failure.answer(),
    }
}

/// Refuses a body whose `Content-Length` is too large.
fn check_length(request: &HttpRequest, largest: u64) -> Result<(), Error> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > largest => {
            let message =
                format!("expected a file of at most {largest} bytes, found {length} bytes");
            Err(Error::invalid(TOO_LARGE, message))
        }
        _ => Ok(()),
    }
}

/// Why an upload is refused or aborted.
enum Failure {
    Error(Error),
    Busy(Busy),
    /// The body is incomplete.
    Payload(PayloadError),
    /// The key is no longer valid.
    Revoked,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

impl From<Busy> for Failure {
    fn from(busy: Busy) -> Failure {
        Failure::Busy(busy)
    }
}

impl From<PayloadError> for Failure {
    fn from(error: PayloadError) -> Failure {
        Failure::Payload(error)
    }
}

impl Failure {
    fn answer(self) -> HttpResponse {
        match self {
            Failure::Error(error) => answer_error(&error),
            Failure::Busy(Busy::SameImport) => {
                let message = "the file of this import is being uploaded already; \
                    wait until that upload has ended";
                refuse(StatusCode::CONFLICT, ErrorCode::BadUserInput, message)
            }
            Failure::Busy(Busy::Full) => {
                let message = "as many files are being uploaded as --max-uploads allows; try again in a moment";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let refused = refuse(status, ErrorCode::Unavailable, message);
                retry_after(refused, BUSY_SECONDS)
            }
            Failure::Revoked => refuse_revoked(),
            Failure::Payload(PayloadError::Io(error)) => match error.kind() {
                io::ErrorKind::PermissionDenied => refuse_revoked(),
                io::ErrorKind::TimedOut => {
                    let message = error.to_string();
                    refuse(StatusCode::REQUEST_TIMEOUT, ErrorCode::Timeout, &message)
                }
                _ => refuse_broken(&error),
            },
            Failure::Payload(error) => refuse_broken(&error),
        }
    }
}

fn refuse_revoked() -> HttpResponse {
    refuse(
        StatusCode::UNAUTHORIZED,
        ErrorCode::Unauthenticated,
        REVOKED,
    )
}

fn refuse_broken(error: &dyn Display) -> HttpResponse {
    let error = Error::invalid(
        "file",
        format!("the upload ended before the end of the file: {error}"),
    );
    answer_error(&error)
}

fn is_of_form(request: &HttpRequest) -> bool {
    let media_type = request.headers().get(header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|value| value.split(';').next());
    media_type.is_none_or(|media_type| {
        let media_type = media_type.trim().to_ascii_lowercase();
        FORM_TYPES.contains(&media_type.as_str())
    })
}

/// Assigns a file to an import. If that fails, removes the file.
async fn take(app: &App, id: i64, file: SpooledFile, entry: Entry) -> Result<Import, Error> {
    let given = file.clone();
    let taken = app
        .db
        .run(move |connection| {
            within(connection, &entry, |connection| {
                let import = set_file(connection, id, &given)?;
                Ok((import, Trace::of(TargetKind::Import, id)))
            })
        })
        .await;
    if taken.is_err() {
        remove(&file);
    }
    taken
}

fn remove(file: &SpooledFile) {
    // A file that cannot be removed now is removed later, when the spool is tidied.
    let _ = std::fs::remove_file(&file.path);
}

/// Streams a body to the spool. Pieces are written on a blocking thread, so that a slow client keeps no thread waiting.
async fn store(app: &App, mut payload: Payload) -> Result<SpooledFile, Failure> {
    let spool = app.imports.spool.clone();
    let mut writing = on_disk(move || spool.begin()).await?;
    let mut piece = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        piece.extend_from_slice(&chunk?);
        if piece.len() >= PIECE {
            let full = piece.split().freeze();
            writing = on_disk(move || write(writing, &full)).await?;
        }
    }
    Ok(on_disk(move || write(writing, &piece)?.finish()).await?)
}

fn write(mut writing: Writing, bytes: &[u8]) -> Result<Writing, Error> {
    writing.write(bytes)?;
    Ok(writing)
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|stopped| Error::Internal(stopped.to_string()))?
}

fn answer_error(error: &Error) -> HttpResponse {
    let (status, code) = match error {
        Error::NotFound { .. } => (StatusCode::NOT_FOUND, ErrorCode::NotFound),
        Error::Invalid(problems) if problems.iter().any(|problem| problem.path == TOO_LARGE) => {
            (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::BadUserInput)
        }
        Error::Invalid(_) => (StatusCode::CONFLICT, ErrorCode::BadUserInput),
        Error::Contention(_) => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Contention),
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal),
    };
    let message = match error {
        Error::NotFound { what, name } => describe_missing(what, name),
        Error::Invalid(_) | Error::Contention(_) => error.to_string(),
        other => {
            tracing::error!(error = %other, "a file of an import could not be stored or sent");
            "the server could not do this; its log says why".to_owned()
        }
    };
    refuse(status, code, &message)
}

/// Sends the remarks about the rows of an import as CSV, streamed from the database.
async fn problems(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    send(&request, &state, About::Problems).await
}

/// Sends the rows that an import left out, as a file that can be corrected and imported again.
async fn refused(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    send(&request, &state, About::Refused).await
}

/// Which file about an import is sent.
#[derive(Clone, Copy)]
enum About {
    Problems,
    Refused,
}

async fn send(request: &HttpRequest, state: &web::Data<State>, about: About) -> HttpResponse {
    let id = match find_import(request) {
        Ok(id) => id,
        Err(refused) => return refused,
    };
    let db = state.api.app().db.clone();
    let import = match db.run(move |connection| get(connection, id)).await {
        Ok(import) => import,
        Err(error) => return answer_error(&error),
    };
    let parts = unfold((db, None, false), move |(db, after, has_failed)| {
        let import = import.clone();
        async move {
            if has_failed {
                return None;
            }
            let part = db.run(move |connection| match about {
                About::Problems => problems_csv(connection, import.id, after),
                About::Refused => refused_csv(connection, &import, after),
            });
            match part.await {
                Ok(Some((text, last))) => Some((Ok(Bytes::from(text)), (db, Some(last), false))),
                Ok(None) => None,
                // The body ends with an error, so that the client sees that something is missing.
                Err(error) => {
                    let failure = std::io::Error::other(error.to_string());
                    Some((Err(failure), (db, after, true)))
                }
            }
        }
    });
    let what = match about {
        About::Problems => "problems",
        About::Refused => "refused",
    };
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(ContentDisposition {
            disposition: DispositionType::Attachment,
            parameters: vec![DispositionParam::Filename(format!(
                "import-{id}-{what}.csv"
            ))],
        })
        .streaming(parts)
}
