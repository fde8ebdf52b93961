//! Consent: which subscribers may be sent e-mail again, and which addresses without a subscriber may not.
//!
//! Only explicit consent takes a subscriber from unsubscribed, bounced or complained to subscribed or pending. When
//! such a subscriber is deleted or gets another address, triggers keep the status for a keyed hash of the old address:
//! see the migration. A new subscriber with that address gets the status back.

use super::clean::clean_text;
use crate::db::{Named, statement};
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::Status;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use std::collections::HashMap;

/// The reason why a subscriber may be sent e-mail again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// What the subscriber did, such as `signed up again`.
    pub reason: String,
    /// Where the subscriber did it, such as `newsletter form`.
    pub source: String,
}

impl Consent {
    /// Cleans both texts.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every text that is empty or cannot be stored.
    pub fn read(reason: &str, source: &str) -> Result<Consent, Error> {
        let mut problems = Vec::new();
        let mut read = |path: &str, text: &str| match clean_text(text) {
            Ok(Some(text)) => text,
            Ok(None) => {
                let message = "expected a text, found an empty one";
                problems.push(InputProblem::new(InputCode::Missing, path, message));
                String::new()
            }
            Err(message) => {
                problems.push(InputProblem::new(InputCode::Invalid, path, message));
                String::new()
            }
        };
        let consent = Consent {
            reason: read("consent.reason", reason),
            source: read("consent.source", source),
        };
        if problems.is_empty() {
            Ok(consent)
        } else {
            Err(Error::Invalid(problems))
        }
    }
}

/// Whether a change of status needs consent: it does if it ends a status that forbids e-mail.
pub fn needs_consent(from: Status, to: Status) -> bool {
    from.withholds() && !to.withholds()
}

/// A notice about a change that was made differently from the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The kind of the notice.
    pub code: NoticeCode,
    /// The place in the input.
    pub path: &'static str,
    /// What was done instead, and why.
    pub message: String,
}

/// The kinds of notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeCode {
    /// The status stayed, because the change needs consent.
    ConsentRequired,
    /// The subscriber got the status that was kept for the address.
    Suppressed,
    /// The address occurs earlier in the same call.
    Repeated,
}

/// The hint for a change that lacks consent.
pub const CONSENT_HINT: &str =
    "give \"consent\" with a reason and a source if the subscriber agreed to be addressed again";

/// A status that is kept for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suppression {
    /// The status.
    pub status: Status,
    /// Since when it holds.
    pub since: DateTime<Utc>,
}

/// Finds the statuses that are kept for addresses, by address.
pub fn find_suppressions(
    connection: &mut PgConnection,
    emails: &[&str],
) -> Result<HashMap<String, Suppression>, Error> {
    if emails.is_empty() {
        return Ok(HashMap::new());
    }
    // While there are no suppressions, no hash is computed.
    let rows: Vec<(String, Named<Status>, DateTime<Utc>)> = statement(
        "SELECT address, status, since FROM suppression_key k CROSS JOIN unnest($1) AS asked (address) \
         JOIN suppressions s ON s.address_hash = suppression_hash(k.inner_key, k.outer_key, address) \
         WHERE EXISTS (SELECT FROM suppressions)",
    )
    .bind::<Array<Text>, _>(emails)
    .returning::<(Text, Text, Timestamptz)>()
    .load(connection)?;
    let found = rows
        .into_iter()
        .map(|(address, Named(status), since)| (address, Suppression { status, since }));
    Ok(found.collect())
}

/// Ends suppressions of addresses, because of consent. Those that an import ends are kept, so that its undo can restore
/// them.
pub fn lift_suppressions(
    connection: &mut PgConnection,
    emails: &[&str],
    import_id: Option<i64>,
) -> Result<(), Error> {
    if emails.is_empty() {
        return Ok(());
    }
    // Rows are locked in the order of their hashes, so that two transactions that lift the same ones cannot deadlock.
    statement(
        "WITH found AS MATERIALIZED ( \
             SELECT s.address_hash FROM suppressions s WHERE address_hash IN ( \
                 SELECT suppression_hash(k.inner_key, k.outer_key, address) \
                 FROM suppression_key k CROSS JOIN unnest($1) AS asked (address)) \
             ORDER BY s.address_hash FOR UPDATE \
         ), lifted AS ( \
             DELETE FROM suppressions s USING found WHERE s.address_hash = found.address_hash RETURNING s.* \
         ) \
         INSERT INTO import_suppressions (import_id, address_hash, status, since) \
         SELECT $2, address_hash, status, since FROM lifted WHERE $2 IS NOT NULL ON CONFLICT DO NOTHING",
    )
    .bind::<Array<Text>, _>(emails)
    .bind::<diesel::sql_types::Nullable<BigInt>, _>(import_id)
    .execute(connection)?;
    Ok(())
}

/// Puts back the suppressions that an import ended.
pub fn restore_suppressions(connection: &mut PgConnection, import_id: i64) -> Result<(), Error> {
    statement(
        "INSERT INTO suppressions (address_hash, status, since) \
         SELECT address_hash, status, since FROM import_suppressions WHERE import_id = $1 ORDER BY address_hash \
         ON CONFLICT DO NOTHING",
    )
    .bind::<BigInt, _>(import_id)
    .execute(connection)?;
    Ok(())
}
