//! Claims: a server claims an endpoint for a limited time, and records the outcome of each attempt while its claim is
//! valid.

use super::attempt::{KEPT, NewAttempt};
use super::endpoint::{self, Webhook};
use super::retry::Verdict;
use super::signature::Secret;
use crate::db::schema::{webhook_attempts, webhooks};
use crate::db::statement;
use crate::error::Error;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::{exists, min};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};

/// How long a claim is valid. Sending takes 20 seconds at most; each recorded message renews the claim.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// The claim is renewed before a message is sent if reading the message took longer than this.
pub(super) const SLOW: TimeDelta = TimeDelta::seconds(10);

/// The claim of one server on one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The endpoint.
    pub webhook_id: i64,
    /// A random number by which the claim is recognised.
    token: i64,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Returns whether any endpoint is enabled.
pub fn has_enabled(connection: &mut PgConnection) -> Result<bool, Error> {
    let enabled = webhooks::table.filter(webhooks::disabled_reason.is_null());
    Ok(diesel::select(exists(enabled)).get_result(connection)?)
}

/// Claims the endpoint whose attempt has been due for the longest time, among those that are not at `newest`. Returns
/// `None` if no attempt is due, or if other servers have claimed all of these endpoints.
pub fn claim(
    connection: &mut PgConnection,
    newest: &str,
    now: DateTime<Utc>,
) -> Result<Option<Claim>, Error> {
    let token = i64::from_le_bytes(rand::random());
    let found: Option<Found> = statement(
        "UPDATE webhooks SET lease_until = $3, lease_token = $4 WHERE id = ( \
         SELECT id FROM webhooks WHERE disabled_reason IS NULL AND next_attempt_at <= $1 AND position <> $2 \
         AND (lease_until IS NULL OR lease_until <= $1) ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) \
         RETURNING id",
    )
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(newest)
    .bind::<Timestamptz, _>(now + LEASE)
    .bind::<BigInt, _>(token)
    .get_result(connection)
    .optional()?;
    Ok(found.map(|Found { id }| Claim {
        webhook_id: id,
        token,
    }))
}

/// Returns whether any answer of a receiver is stored.
pub fn has_answers(connection: &mut PgConnection) -> Result<bool, Error> {
    let answers = webhook_attempts::table.filter(webhook_attempts::answer.is_not_null());
    Ok(diesel::select(exists(answers)).get_result(connection)?)
}

/// Returns the next time after `now` at which an attempt is due, if there is one.
pub fn next_due(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Error> {
    Ok(webhooks::table
        .filter(webhooks::disabled_reason.is_null())
        .filter(webhooks::next_attempt_at.gt(now))
        .select(min(webhooks::next_attempt_at))
        .first(connection)?)
}

/// The outcome of sending a message.
#[derive(Clone, Copy)]
pub struct Attempted<'a> {
    /// The endpoint as it was when the message was built.
    pub webhook: &'a Webhook,
    /// The attempt.
    pub attempt: &'a NewAttempt,
    /// The position after the message, and how many parts of the change at that position are delivered then.
    pub after: (&'a str, i32),
    /// The last row of the log of changes before the message was built.
    pub read_after: i64,
    /// What follows from the attempt.
    pub verdict: Verdict,
}

impl Claim {
    /// Returns the endpoint, or `None` if the claim is no longer valid.
    pub fn load(self, connection: &mut PgConnection) -> Result<Option<Webhook>, Error> {
        Ok(webhooks::table
            .find(self.webhook_id)
            .filter(webhooks::lease_token.eq(self.token))
            .select(Webhook::as_select())
            .first(connection)
            .optional()?)
    }

    /// Ends the claim. The endpoint comes after all others that are due.
    pub fn release(self, connection: &mut PgConnection, now: DateTime<Utc>) -> Result<(), Error> {
        statement(
            "UPDATE webhooks SET lease_until = NULL, lease_token = NULL, next_attempt_at = greatest(next_attempt_at, $3) \
             WHERE id = $1 AND (lease_token = $2 OR lease_token IS NULL)",
        )
        .bind::<BigInt, _>(self.webhook_id)
        .bind::<BigInt, _>(self.token)
        .bind::<Timestamptz, _>(now)
        .execute(connection)?;
        Ok(())
    }

    /// Moves the cursor past changes that the endpoint does not receive, and renews the claim. Returns whether the
    /// claim was valid.
    pub fn skip_to(
        self,
        connection: &mut PgConnection,
        (position, part): (&str, i32),
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let moved = statement(
            "UPDATE webhooks SET position = $3, part = $4, lease_until = $5 WHERE id = $1 AND lease_token = $2",
        )
        .bind::<BigInt, _>(self.webhook_id)
        .bind::<BigInt, _>(self.token)
        .bind::<Text, _>(position)
        .bind::<Integer, _>(part)
        .bind::<Timestamptz, _>(now + LEASE)
        .execute(connection)?;
        Ok(moved > 0)
    }

    /// Records an attempt and what follows from it in one statement: the new cursor if the message was delivered,
    /// otherwise the time of the next attempt, or that the endpoint is disabled. Returns whether the claim was valid.
    /// If not, nothing is recorded, and the server that claims the endpoint next sends the message again.
    pub fn record(
        self,
        connection: &mut PgConnection,
        attempted: &Attempted<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let Attempted {
            webhook,
            attempt,
            after: (position, part),
            read_after,
            verdict,
        } = *attempted;
        let is_delivered = verdict == Verdict::Delivered;
        let failing_since = webhook.failing_since.unwrap_or(attempt.attempted_at);
        let (next, reason) = match verdict {
            Verdict::Delivered => (now, None),
            Verdict::Again(at) => (at, None),
            Verdict::Disable(reason) => (now, Some(reason.name())),
        };
        let moved: Option<Found> = statement(RECORD)
            .bind::<BigInt, _>(self.webhook_id)
            .bind::<BigInt, _>(self.token)
            .bind::<Text, _>(if is_delivered {
                position
            } else {
                &webhook.position
            })
            .bind::<Integer, _>(if is_delivered { part } else { webhook.part })
            .bind::<Integer, _>(if is_delivered {
                0
            } else {
                webhook.failures.saturating_add(1)
            })
            .bind::<Nullable<Timestamptz>, _>((!is_delivered).then_some(failing_since))
            .bind::<Timestamptz, _>(next)
            .bind::<Nullable<Text>, _>(reason)
            .bind::<Nullable<Timestamptz>, _>(reason.map(|_| now))
            .bind::<Nullable<Timestamptz>, _>(is_delivered.then_some(now + LEASE))
            .bind::<Text, _>(&attempt.message_id)
            .bind::<Text, _>(attempt.type_)
            .bind::<Integer, _>(attempt.attempt)
            .bind::<Timestamptz, _>(attempt.attempted_at)
            .bind::<Integer, _>(attempt.took_ms)
            .bind::<Bool, _>(is_delivered)
            .bind::<Nullable<Integer>, _>(attempt.status)
            .bind::<Nullable<Text>, _>(attempt.error.as_deref())
            .bind::<Nullable<Text>, _>(attempt.answer.as_deref())
            .bind::<BigInt, _>(KEPT as i64 - 2)
            .bind::<BigInt, _>(read_after)
            .get_result(connection)
            .optional()?;
        Ok(moved.is_some())
    }
}

/// The new attempt counts among those that are kept, although `trimmed` does not see it. Rows are locked in the order
/// of ids, as in all code that locks several. If subscribers were deleted since the message was built, its answer is
/// not stored.
const RECORD: &str = "WITH moved AS ( \
     UPDATE webhooks SET position = $3, part = $4, failures = $5, failing_since = $6, next_attempt_at = $7, \
      disabled_reason = $8, disabled_since = $9, lease_until = $10, \
      lease_token = CASE WHEN $10 IS NULL THEN NULL ELSE lease_token END \
     WHERE id = $1 AND lease_token = $2 RETURNING id \
    ), recorded AS ( \
     INSERT INTO webhook_attempts (webhook_id, message_id, type, attempt, attempted_at, took_ms, is_delivered, status, error, answer) \
     SELECT id, $11, $12, $13, $14, $15, $16, $17, $18, CASE WHEN NOT EXISTS ( \
      SELECT FROM changes WHERE seq > $21 AND kind = 'subscriber_deleted') THEN $19 END FROM moved \
    ), trimmed AS ( \
     DELETE FROM webhook_attempts WHERE id = ANY (ARRAY ( \
      SELECT id FROM webhook_attempts WHERE webhook_id = (SELECT id FROM moved) AND id < \
       (SELECT id FROM webhook_attempts WHERE webhook_id = $1 ORDER BY id DESC OFFSET $20 LIMIT 1) ORDER BY id FOR UPDATE)) \
    ) SELECT id FROM moved";

/// Returns the endpoint with the secrets that sign its messages now.
///
/// # Errors
/// [`Error::NotFound`].
pub fn load_for_test(
    connection: &mut PgConnection,
    id: i64,
    now: DateTime<Utc>,
) -> Result<(Webhook, Vec<Secret>), Error> {
    let webhook = endpoint::get(connection, id)?;
    let secrets = endpoint::find_secrets(connection, id, now)?;
    Ok((webhook, secrets))
}
