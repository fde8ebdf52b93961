//! Attempts: the outcomes of sending messages, kept for a while.

use crate::db::schema::webhook_attempts;
use crate::db::statement;
use crate::error::Error;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Timestamptz};
use std::collections::HashMap;

/// How many attempts of an endpoint are kept.
pub const KEPT: usize = 100;
/// How long attempts are kept.
const KEPT_FOR: TimeDelta = TimeDelta::days(30);

/// An attempt to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = webhook_attempts, check_for_backend(diesel::pg::Pg))]
#[expect(missing_docs, reason = "the columns, described in the migration")]
pub struct Attempt {
    pub id: i64,
    pub webhook_id: i64,
    pub message_id: String,
    pub type_: String,
    pub attempt: i32,
    pub attempted_at: DateTime<Utc>,
    pub took_ms: i32,
    pub is_delivered: bool,
    pub status: Option<i32>,
    pub error: Option<String>,
    pub answer: Option<String>,
}

/// An attempt to be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Insertable)]
#[diesel(table_name = webhook_attempts)]
pub struct NewAttempt {
    pub webhook_id: i64,
    pub message_id: String,
    pub type_: &'static str,
    pub attempt: i32,
    pub attempted_at: DateTime<Utc>,
    pub took_ms: i32,
    pub is_delivered: bool,
    pub status: Option<i32>,
    pub error: Option<String>,
    pub answer: Option<String>,
}

/// Records an attempt that moves no cursor, and returns it.
///
/// # Errors
/// [`Error::NotFound`] if the endpoint is gone.
pub fn record(connection: &mut PgConnection, attempt: &NewAttempt) -> Result<Attempt, Error> {
    let stored = diesel::insert_into(webhook_attempts::table)
        .values(attempt)
        .returning(Attempt::as_returning())
        .get_result(connection);
    match stored {
        Err(diesel::result::Error::DatabaseError(
            diesel::result::DatabaseErrorKind::ForeignKeyViolation,
            _,
        )) => Err(Error::not_found("webhook", attempt.webhook_id)),
        stored => Ok(stored?),
    }
}

/// Finds the last attempts of each of these endpoints, newest first.
pub fn list_last(
    connection: &mut PgConnection,
    webhook_ids: &[i64],
    number: usize,
) -> Result<HashMap<i64, Vec<Attempt>>, Error> {
    let ids: Vec<i64> = statement(
        "SELECT a.id FROM unnest($1) AS asked (id) CROSS JOIN LATERAL \
         (SELECT id FROM webhook_attempts WHERE webhook_id = asked.id ORDER BY id DESC LIMIT $2) a",
    )
    .bind::<Array<BigInt>, _>(webhook_ids)
    .bind::<BigInt, _>(i64::try_from(number).unwrap_or(i64::MAX))
    .returning::<BigInt>()
    .load(connection)?;
    let attempts: Vec<Attempt> = webhook_attempts::table
        .filter(webhook_attempts::id.eq_any(ids))
        .order(webhook_attempts::id.desc())
        .select(Attempt::as_select())
        .load(connection)?;
    let mut by_webhook: HashMap<i64, Vec<Attempt>> = HashMap::new();
    for attempt in attempts {
        by_webhook
            .entry(attempt.webhook_id)
            .or_default()
            .push(attempt);
    }
    Ok(by_webhook)
}

/// Removes the attempts that are too old, and returns how many. Rows are locked by id, as in all code that locks
/// several.
pub fn tidy(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<usize, Error> {
    Ok(statement(
        "DELETE FROM webhook_attempts WHERE id = ANY (ARRAY ( \
             SELECT id FROM webhook_attempts WHERE attempted_at < $1 ORDER BY id FOR UPDATE))",
    )
    .bind::<Timestamptz, _>(now - KEPT_FOR)
    .execute(connection)?)
}
