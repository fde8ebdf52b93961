//! Stores the reasons of a file why people opted out, bounced or complained, in the history of their status.

use super::merge::Merged;
use super::suppressed::Fresh;
use crate::audience::status_change::Cause;
use crate::db::schema::status_changes;
use crate::error::Error;
use crate::rule::Status;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};

/// Stores the reasons of new people, and of existing subscribers whose status the batch changed.
pub fn remember_reasons(
    connection: &mut PgConnection,
    fresh: &[Fresh<'_>],
    new_ids: &[i64],
    merged: &[Merged<'_>],
    cause: &Cause,
    moment: DateTime<Utc>,
) -> Result<(), Error> {
    let first: Vec<_> = fresh
        .iter()
        .zip(new_ids)
        .filter(|(new, _)| new.kept.is_none() && new.status.withholds())
        .filter_map(|(new, id)| {
            let consent = &new.person.consent;
            Some((
                status_changes::subscriber_id.eq(*id),
                status_changes::to_status.eq(new.status.as_str()),
                status_changes::changed_at.eq(consent.unsubscribed_at.unwrap_or(moment)),
                status_changes::source.eq(&cause.source),
                status_changes::reason.eq(consent.reason.as_deref()?),
            ))
        })
        .collect();
    if !first.is_empty() {
        diesel::insert_into(status_changes::table)
            .values(first)
            .execute(connection)?;
    }
    let changed = merged
        .iter()
        .filter(|known| known.status.is_some_and(Status::withholds));
    let changed =
        changed.filter_map(|known| Some((known.id, known.person.consent.reason.as_deref()?)));
    let (ids, reasons): (Vec<i64>, Vec<&str>) = changed.unzip();
    if !ids.is_empty() {
        // Their changes were written by the trigger in this transaction.
        diesel::sql_query(
            "UPDATE status_changes c SET reason = told.reason FROM unnest($1, $2) AS told (id, reason) \
             WHERE c.subscriber_id = told.id AND c.source = $3 AND c.changed_at = $4 AND c.reason IS NULL \
                 AND c.to_status IN ('unsubscribed', 'bounced', 'complained')",
        )
        .bind::<Array<BigInt>, _>(&ids)
        .bind::<Array<Text>, _>(&reasons)
        .bind::<Text, _>(&cause.source)
        .bind::<Timestamptz, _>(moment)
        .execute(connection)?;
    }
    Ok(())
}
