//! Changes existing subscribers with one statement over staged rows.

use super::batch::Context;
use super::copy::{CopyText, StagedPeople};
use super::person::{Person, custom_json};
use crate::audience::subscriber_column::COLUMNS;
use crate::db::schema::subscribers;
use crate::error::Error;
use crate::import::plan::options::SubscriberImport;
use crate::rule::Status;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};

#[derive(QueryableByName)]
struct Affected {
    #[diesel(sql_type = BigInt)]
    affected: i64,
}

/// An existing subscriber, with the row that changes them.
pub struct Merged<'p> {
    /// The row.
    pub person: &'p Person,
    /// The id of the subscriber.
    pub id: i64,
    /// The status to give, if it changes.
    pub status: Option<Status>,
    /// Whether the row subscribes a person who must not be sent e-mail. The status in the row is then ignored.
    pub is_kept: bool,
}

/// Changes existing subscribers if a value differs, and stores their previous values. Returns how many changed, without
/// people of earlier batches.
pub fn merge(
    connection: &mut PgConnection,
    people: &[Merged<'_>],
    options: &SubscriberImport,
    context: &Context,
) -> Result<u64, Error> {
    let mut text = CopyText::default();
    for known in people {
        let person = known.person;
        let time =
            |at: Option<DateTime<Utc>>| at.filter(|_| !known.is_kept).map(|at| at.to_rfc3339());
        text.number(known.id);
        text.flag(person.is_again);
        for (_, value) in person.known() {
            text.cell(value);
        }
        text.cell(known.status.map(Status::as_str));
        text.cell(Some(&custom_json(person)?));
        text.cell(time(person.consent.subscribed_at).as_deref());
        text.cell(time(person.consent.unsubscribed_at).as_deref());
        text.end_row();
    }
    text.send(connection, subscribers::table, StagedPeople)?;
    let sql = merge_sql(options.fill_missing, context.is_dry_run);
    let affected: Affected = diesel::sql_query(sql)
        .bind::<BigInt, _>(context.import_id)
        .bind::<Timestamptz, _>(context.moment)
        .get_result(connection)?;
    Ok(u64::try_from(affected.affected).unwrap_or_default())
}

/// Returns the statement that merges staged rows. The stored values leave out the version, which undo does not restore.
/// `OFFSET 0` makes the planner look up every row by its primary key.
fn merge_sql(fills: bool, is_dry_run: bool) -> String {
    let names = COLUMNS.map(|column| column.name);
    let merged = |name: &str| match fills {
        true => format!("coalesce(s.{name}, r.{name})"),
        false => format!("coalesce(r.{name}, s.{name})"),
    };
    let custom = if fills {
        "r.custom || s.custom"
    } else {
        "s.custom || r.custom"
    };
    let list =
        |each: &dyn Fn(&str) -> String| names.iter().map(|name| each(name)).collect::<String>();
    let values = list(&|name| format!("{} AS {name}, ", merged(name)));
    let differences = list(&|name| format!("{} IS DISTINCT FROM s.{name} OR ", merged(name)));
    let sets = list(&|name| format!("{name} = t.{name}, "));
    // The time of a status change is the time in the file, or else the time of the import.
    let subscribed_at = format!(
        "CASE WHEN coalesce(r.status, s.status) = 'subscribed' AND s.status <> 'subscribed' \
             THEN coalesce(r.subscribed_at, $2) ELSE {} END",
        merged("subscribed_at")
    );
    let unsubscribed_at = format!(
        "CASE WHEN r.status IN ('unsubscribed', 'bounced', 'complained') AND s.status <> r.status \
             THEN coalesce(r.unsubscribed_at, $2) ELSE {} END",
        merged("unsubscribed_at")
    );
    let changed = format!(
        "WITH changed AS MATERIALIZED ( \
             SELECT s.id, r.is_again, to_jsonb(s) - 'version' AS before, {values} \
                 {subscribed_at} AS subscribed_at, {unsubscribed_at} AS unsubscribed_at, \
                 coalesce(r.status, s.status) AS status, {custom} AS custom \
             FROM import_staging r \
             CROSS JOIN LATERAL (SELECT * FROM subscribers WHERE id = r.subscriber_id OFFSET 0) s \
             WHERE {differences} {subscribed_at} IS DISTINCT FROM s.subscribed_at \
                 OR {unsubscribed_at} IS DISTINCT FROM s.unsubscribed_at \
                 OR coalesce(r.status, s.status) <> s.status OR {custom} <> s.custom)"
    );
    let counted = "SELECT count(*) FILTER (WHERE NOT is_again) AS affected FROM changed";
    if is_dry_run {
        return format!("{changed} {counted} WHERE $1 IS NOT NULL AND $2 IS NOT NULL");
    }
    // Subscribers added by an earlier batch have no values from before the import to restore.
    format!(
        "{changed}, updated AS ( \
             UPDATE subscribers s SET {sets} status = t.status, custom = t.custom, updated_at = $2, \
                 subscribed_at = t.subscribed_at, unsubscribed_at = t.unsubscribed_at \
             FROM changed t WHERE s.id = t.id RETURNING s.id, t.before, to_jsonb(s) - 'version' AS after \
         ), remembered AS ( \
             INSERT INTO import_changes (import_id, subscriber_id, before, after) \
             SELECT $1, u.id, u.before, u.after FROM updated u \
             WHERE (u.before ->> 'updated_at')::timestamptz <> $2 \
                 OR EXISTS (SELECT FROM import_changes c WHERE c.import_id = $1 AND c.subscriber_id = u.id) \
             ON CONFLICT (import_id, subscriber_id) DO UPDATE SET after = excluded.after \
         ) {counted}"
    )
}
