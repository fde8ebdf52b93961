//! Files of imports: they come by plain `PUT` or `POST` and are streamed to the spool; what is to be said of their rows
//! goes out as CSV.
//!
//! A `POST` must have a type that a page of another site cannot send without asking first, as with the API.

use super::access;
use super::http::{State, refuse};
use crate::audience::import::{
    Import, SpooledFile, TOO_LARGE, Writing, get, problems_csv, set_file,
};
use crate::error::Error;
use crate::graphql::{App, ErrorCode, parse_import_id};
use actix_web::http::header::{self, ContentDisposition, DispositionParam, DispositionType};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Bytes, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use async_graphql::futures_util::StreamExt;
use async_graphql::futures_util::stream::unfold;
use serde_json::json;
use tokio::sync::mpsc;

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

async fn receive(request: HttpRequest, state: web::Data<State>, payload: Payload) -> HttpResponse {
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
    // Asked before the body is read, so that nobody sends a large file for nothing.
    let found = app.db.run(move |connection| get(connection, id)).await;
    let is_waiting = found.map(|import| import.state == "waiting" && import.file_path.is_none());
    let stored = match is_waiting {
        Ok(true) => store(app, payload).await,
        Ok(false) => Err(Error::invalid(
            "file",
            "expected an import that waits for its file, found one that has it",
        )),
        Err(error) => Err(error),
    };
    let taken = match stored {
        Ok(file) => take(app, id, file).await,
        Err(error) => Err(error),
    };
    match taken {
        Ok(import) => {
            app.import_ready.notify_one();
            HttpResponse::Accepted().json(json!({
                "import": { "state": import.state.to_uppercase(), "bytes": import.file_size }
            }))
        }
        Err(error) => answer_error(&error),
    }
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

/// Gives an import its file; one that cannot be used is removed.
async fn take(app: &App, id: i64, file: SpooledFile) -> Result<Import, Error> {
    let path = file.path.clone();
    let taken = app
        .db
        .run(move |connection| set_file(connection, id, &file))
        .await;
    if taken.is_err() {
        // What cannot be removed now is when it is old.
        let _ = std::fs::remove_file(path);
    }
    taken
}

/// Streams a body to the spool. Writing to the disk happens on a thread made for blocking, which the body waits for.
async fn store(app: &App, mut payload: Payload) -> Result<SpooledFile, Error> {
    let spool = app.imports.spool.clone();
    let (sender, receiver) = mpsc::channel::<Bytes>(8);
    let writing = tokio::task::spawn_blocking(move || write(spool.begin()?, receiver));
    let mut broken = None;
    while let Some(chunk) = payload.next().await {
        match chunk {
            // Whoever receives has stopped where the file is too large, and tells why below.
            Ok(chunk) => {
                if sender.send(chunk).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                broken = Some(Error::invalid(
                    "file",
                    format!("the file did not come to its end: {error}"),
                ));
                break;
            }
        }
    }
    drop(sender);
    let written = writing
        .await
        .map_err(|stopped| Error::Internal(stopped.to_string()))?;
    match (broken, written) {
        (Some(error), Ok(file)) => {
            let _ = std::fs::remove_file(file.path);
            Err(error)
        }
        (_, written) => written,
    }
}

fn write(mut writing: Writing, mut receiver: mpsc::Receiver<Bytes>) -> Result<SpooledFile, Error> {
    while let Some(chunk) = receiver.blocking_recv() {
        writing.write(&chunk)?;
    }
    writing.finish()
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
        Error::Invalid(_) | Error::NotFound { .. } | Error::Contention(_) => error.to_string(),
        other => {
            tracing::error!(error = %other, "a file of an import could not be taken or given");
            "the server could not do this; its log says why".to_owned()
        }
    };
    refuse(status, code, &message)
}

/// Sends what is to be said of the rows of an import as CSV, as it is read.
async fn problems(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let id = match find_import(&request) {
        Ok(id) => id,
        Err(refused) => return refused,
    };
    let db = state.api.app().db.clone();
    if let Err(error) = db.run(move |connection| get(connection, id)).await {
        return answer_error(&error);
    }
    let parts = unfold(
        (db, None, false),
        move |(db, after, has_failed)| async move {
            if has_failed {
                return None;
            }
            let part = db
                .run(move |connection| problems_csv(connection, id, after))
                .await;
            match part {
                Ok(Some((text, last))) => Some((Ok(Bytes::from(text)), (db, Some(last), false))),
                Ok(None) => None,
                // The body ends without its end, by which the client sees that something is missing.
                Err(error) => {
                    let failure = std::io::Error::other(error.to_string());
                    Some((Err(failure), (db, after, true)))
                }
            }
        },
    );
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(ContentDisposition {
            disposition: DispositionType::Attachment,
            parameters: vec![DispositionParam::Filename(format!(
                "import-{id}-problems.csv"
            ))],
        })
        .streaming(parts)
}
