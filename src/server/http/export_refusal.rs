//! The answers to requests whose export cannot begin.

use super::refusal::refuse;
use crate::error::{Error, InputCode};
use crate::graphql::ErrorCode;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};

/// Refuses a request that cannot be answered with a file.
pub(super) fn refuse_error(error: &Error) -> HttpResponse {
    match error {
        Error::NotFound { .. } => refuse(
            StatusCode::NOT_FOUND,
            ErrorCode::NotFound,
            &error.to_string(),
        ),
        // The path names a group or segment that does not exist, so the path does not exist.
        Error::Invalid(problems)
            if problems.iter().all(|problem| {
                problem.code == InputCode::NotFound
                    && ["group", "segment"].contains(&problem.path.as_str())
            }) =>
        {
            refuse(
                StatusCode::NOT_FOUND,
                ErrorCode::NotFound,
                &error.to_string(),
            )
        }
        Error::Invalid(_)
        | Error::InvalidRule(_)
        | Error::InUse { .. }
        | Error::RefreshRunning
        | Error::Resync(_) => refuse(
            StatusCode::BAD_REQUEST,
            ErrorCode::BadUserInput,
            &error.to_string(),
        ),
        Error::TooManyScans(_) | Error::Busy(_) => refuse(
            StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::TooManyOperations,
            &error.to_string(),
        ),
        Error::TimedOut | Error::Abandoned => {
            let message = "preparing the export took too long and was stopped; export less, or try again later";
            refuse(StatusCode::GATEWAY_TIMEOUT, ErrorCode::Timeout, message)
        }
        Error::NewerDatabase(_) => refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Unavailable,
            &error.to_string(),
        ),
        Error::Contention(reason) | Error::Unavailable(reason) => {
            tracing::warn!(%reason, "an export cannot be made now");
            let message = "the database is not available, or too many exports are running; try again in a moment";
            let mut refused = refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::Unavailable,
                message,
            );
            refused
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            refused
        }
        Error::Internal(reason) => {
            tracing::error!(%reason, "an export failed");
            let message = "the server could not answer; its log says why";
            refuse(
                StatusCode::INTERNAL_SERVER_ERROR,
                ErrorCode::Internal,
                message,
            )
        }
    }
}
