//! The history of the status of subscribers. A trigger writes it, so that no code path can forget it. Settings of the
//! transaction hold the cause of a change.

use super::consent::Consent;
use crate::db::schema::status_changes;
use crate::db::{Named, statement};
use crate::error::Error;
use crate::rule::Status;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Text;

/// A change of the status of a subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = status_changes, check_for_backend(diesel::pg::Pg))]
#[expect(
    missing_docs,
    reason = "the columns, described in the migration and in the GraphQL schema"
)]
pub struct StatusChange {
    pub id: i64,
    pub subscriber_id: i64,
    pub from_status: Option<Named<Status>>,
    pub to_status: Named<Status>,
    pub changed_at: DateTime<Utc>,
    pub source: String,
    pub reason: Option<String>,
    pub consent_source: Option<String>,
}

/// The cause of changes of statuses in a transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// The source of the changes, as the column `source` has it.
    pub source: String,
    /// Why subscribers may be sent e-mail again.
    pub reason: Option<String>,
    /// Where they gave consent.
    pub consent_source: Option<String>,
    /// When the changes are made, if the rows do not say it.
    pub moment: Option<DateTime<Utc>>,
}

impl Cause {
    /// Returns the cause of changes by a mutation, perhaps with consent.
    pub fn api(consent: Option<&Consent>) -> Cause {
        Cause {
            source: "api".to_owned(),
            reason: consent.map(|consent| consent.reason.clone()),
            consent_source: consent.map(|consent| consent.source.clone()),
            moment: None,
        }
    }

    /// Returns the cause of changes by an import, perhaps with a reason to send e-mail to people again.
    pub fn import(id: i64, reason: Option<&str>) -> Cause {
        Cause {
            source: format!("import {id}"),
            reason: reason.map(str::to_owned),
            ..Cause::default()
        }
    }

    /// Returns the cause of changes by the undo of an import. A trigger compares this text of `source`, so that
    /// subscribers whom the undo deletes leave no suppression.
    pub fn undo(id: i64, moment: DateTime<Utc>) -> Cause {
        Cause {
            source: format!("undo of import {id}"),
            moment: Some(moment),
            ..Cause::default()
        }
    }

    /// Returns the cause of a status that was kept for an address.
    pub fn suppression() -> Cause {
        Cause {
            source: "suppression".to_owned(),
            ..Cause::default()
        }
    }

    /// Sets the cause for the triggers until the transaction ends.
    pub fn tell(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let moment = self.moment.map(|moment| moment.to_rfc3339());
        statement(
            "SELECT set_config('rollcall.source', $1, true), set_config('rollcall.reason', $2, true), \
             set_config('rollcall.consent_source', $3, true), set_config('rollcall.moment', $4, true)",
        )
        .bind::<Text, _>(&self.source)
        .bind::<Text, _>(self.reason.as_deref().unwrap_or_default())
        .bind::<Text, _>(self.consent_source.as_deref().unwrap_or_default())
        .bind::<Text, _>(moment.unwrap_or_default())
        .execute(connection)?;
        Ok(())
    }
}

/// The status of a new subscriber whose address was suppressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstStatus {
    /// The subscriber.
    pub subscriber_id: i64,
    /// The status that was kept for the address, if consent ended it.
    pub from: Option<&'static str>,
    /// The status of the subscriber.
    pub to: &'static str,
}

/// Stores the first status of new subscribers whose addresses were suppressed.
pub fn remember_first(
    connection: &mut PgConnection,
    statuses: &[FirstStatus],
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let rows: Vec<_> = statuses
        .iter()
        .map(|status| {
            (
                status_changes::subscriber_id.eq(status.subscriber_id),
                status_changes::from_status.eq(status.from),
                status_changes::to_status.eq(status.to),
                status_changes::changed_at.eq(now),
                status_changes::source.eq(&cause.source),
                status_changes::reason.eq(&cause.reason),
                status_changes::consent_source.eq(&cause.consent_source),
            )
        })
        .collect();
    // A row has seven parameters, and Postgres takes 65,535 at most.
    for some in rows.chunks(9_000) {
        diesel::insert_into(status_changes::table)
            .values(some.to_vec())
            .execute(connection)?;
    }
    Ok(())
}

/// Lists the changes of status of these subscribers, newest first.
pub fn list_status_changes(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
) -> Result<Vec<StatusChange>, Error> {
    Ok(status_changes::table
        .filter(status_changes::subscriber_id.eq_any(subscriber_ids))
        .order((status_changes::subscriber_id, status_changes::id.desc()))
        .select(StatusChange::as_select())
        .load(connection)?)
}
