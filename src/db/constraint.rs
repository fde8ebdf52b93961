//! Converts errors of the database to [`Error`]. A violated unique constraint becomes a problem of the input.

use crate::error::{Error, InputCode, InputProblem};
use diesel::result::{
    ConnectionError, DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError,
};

/// Unique constraints, each with the path in the input and the message.
const TAKEN: [(&str, &str, &str); 4] = [
    (
        "subscribers_email_unique",
        "email",
        "a subscriber with this e-mail exists already",
    ),
    (
        "custom_fields_key_unique",
        "key",
        "a custom field with this key exists already",
    ),
    (
        "groups_key_unique",
        "key",
        "a group with this key exists already",
    ),
    (
        "segments_key_unique",
        "key",
        "a segment with this key exists already",
    ),
];

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Error {
        match &error {
            DieselError::DatabaseError(kind, information) => {
                from_database(kind, information.as_ref())
            }
            DieselError::BrokenTransactionManager => Error::Unavailable(error.to_string()),
            // Queries whose row may be missing are optional, so this row existed a moment ago.
            DieselError::NotFound => Error::Contention("a row was deleted meanwhile".to_owned()),
            _ => Error::Internal(error.to_string()),
        }
    }
}

impl From<ConnectionError> for Error {
    fn from(error: ConnectionError) -> Error {
        let mut message = one_line(&error.to_string());
        if message.contains("SSL support is not compiled in") {
            message.push_str(
                "; build Rollcall with `--features tls`, or take `sslmode` out of the address",
            );
        }
        Error::Unavailable(message)
    }
}

fn from_database(kind: &DatabaseErrorKind, information: &dyn DatabaseErrorInformation) -> Error {
    let message = information.message();
    match kind {
        DatabaseErrorKind::UniqueViolation => {
            let name = information.constraint_name().unwrap_or_default();
            match TAKEN.iter().find(|(constraint, _, _)| *constraint == name) {
                Some((_, path, message)) => {
                    Error::Invalid(vec![InputProblem::new(InputCode::Taken, *path, *message)])
                }
                None => Error::Contention(message.to_owned()),
            }
        }
        // The row that is referred to existed when it was read. The next attempt reports that it is missing.
        DatabaseErrorKind::ForeignKeyViolation | DatabaseErrorKind::SerializationFailure => {
            Error::Contention(message.to_owned())
        }
        DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
            Error::Unavailable(one_line(message))
        }
        _ if message.contains("due to statement timeout") => Error::TimedOut,
        _ if is_shutdown(message) => Error::Unavailable(one_line(message)),
        _ if is_deadlock(information) => Error::Contention("deadlock".to_owned()),
        _ if is_about_nul(information) => Error::invalid("", NUL),
        _ => Error::Internal(message.to_owned()),
    }
}

/// Whether Postgres ends or the connection is lost. Postgres reports its end as an ordinary error of the running
/// statement.
fn is_shutdown(message: &str) -> bool {
    [
        "terminating connection",
        "server closed the connection",
        "the database system is",
        "no connection to the server",
        "SSL connection has been closed",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}

/// Whether Postgres ended a transaction because of a deadlock. The message depends on the language of the server; the
/// names of the lock modes in the details do not.
fn is_deadlock(information: &dyn DatabaseErrorInformation) -> bool {
    let details = information.details().unwrap_or_default();
    let waits = |line: &str| line.contains("ShareLock") || line.contains("ExclusiveLock");
    information.message() == "deadlock detected"
        || (details.lines().count() > 1 && details.lines().all(waits))
}

/// The message about a text that Postgres cannot store.
const NUL: &str = "expected texts without the character U+0000, which cannot be stored";

/// Whether Postgres refused U+0000, the one character that it cannot store: as a byte of a text, or as an escape in
/// JSON. Neither text depends on the language of the server.
fn is_about_nul(information: &dyn DatabaseErrorInformation) -> bool {
    let details = information.details().unwrap_or_default();
    information.message().contains("\"UTF8\": 0x00") || details.contains("\\u0000")
}

fn one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}
