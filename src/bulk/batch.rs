//! The changes of one block of subscribers, in one transaction with the checkpoint.

use super::change::{Change, NamedGroup};
use super::job::BulkAction;
use super::setting::Columns;
use crate::audience::block::list_bits;
use crate::audience::group;
use crate::audience::import_trace::forget_people;
use crate::audience::member_lock::lock_for_refresh;
use crate::audience::removal::remove_subscribers;
use crate::audience::status_change::Cause;
use crate::db::schema::{bulk_actions, subscribers};
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Jsonb, Text, Timestamptz};

/// The counts of a changed block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, QueryableByName)]
pub(super) struct Done {
    /// How many subscribers were changed.
    #[diesel(sql_type = BigInt)]
    pub changed: i64,
    /// How many kept their status because re-subscribing needs consent.
    #[diesel(sql_type = BigInt)]
    pub withheld: i64,
}

/// Changes the subscribers of a block, stores the previous values for undo, and moves the checkpoint. Returns whether
/// cancellation was requested.
///
/// # Errors
/// [`Error::Unavailable`] if another process has continued the action; [`Error::Invalid`] if the group was deleted, or if
/// the field was deleted or has another type.
pub(super) fn change_block(
    connection: &mut PgConnection,
    action: &BulkAction,
    change: &Change,
    (block, members): (i32, &[u8]),
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let ids = list_bits(block, members);
    connection.transaction(|connection| {
        let done = match change {
            Change::AddToGroup(group) => {
                lock_group(connection, group)?;
                add(connection, action, group.id, &ids)?
            }
            Change::RemoveFromGroup(group) => {
                lock_group(connection, group)?;
                remove(connection, action, group.id, &ids)?
            }
            Change::SetField(setting) => {
                let columns = setting.columns(connection, action.moment())?;
                Cause {
                    source: action.source(),
                    moment: Some(action.moment()),
                    ..Cause::default()
                }
                .tell(connection)?;
                set(connection, action, &columns, &ids)?
            }
            Change::Delete => delete(connection, &ids, now)?,
        };
        let number = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        let is_cancelled: Option<bool> = diesel::update(bulk_actions::table.find(action.id))
            .filter(bulk_actions::state.eq("running"))
            .filter(bulk_actions::last_block.lt(block))
            .set((
                bulk_actions::last_block.eq(block),
                bulk_actions::done.eq(bulk_actions::done + number),
                bulk_actions::changed.eq(bulk_actions::changed + done.changed),
                bulk_actions::withheld.eq(bulk_actions::withheld + done.withheld),
            ))
            .returning(bulk_actions::cancel_requested)
            .get_result(connection)
            .optional()?;
        is_cancelled.ok_or_else(|| {
            Error::Unavailable("another process has continued this bulk action".to_owned())
        })
    })
}

fn lock_group(connection: &mut PgConnection, group: &NamedGroup) -> Result<(), Error> {
    group::lock(connection, group.id).map_err(|error| match error {
        Error::NotFound { .. } => {
            let key = &group.key;
            let message =
                format!("the group \"{key}\" was deleted before the bulk action had ended");
            Error::invalid("group", message)
        }
        error => error,
    })?;
    Ok(())
}

fn add(
    connection: &mut PgConnection,
    action: &BulkAction,
    group_id: i64,
    ids: &[i64],
) -> Result<Done, Error> {
    Ok(diesel::sql_query(
        "WITH member AS MATERIALIZED ( \
             SELECT id FROM subscribers WHERE id = ANY($2) ORDER BY id FOR KEY SHARE \
         ), added AS ( \
             INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
             SELECT $3, id, $4, $5 FROM member ORDER BY id ON CONFLICT DO NOTHING RETURNING subscriber_id \
         ), noted AS ( \
             INSERT INTO bulk_action_changes (bulk_action_id, subscriber_id, before) \
             SELECT $1, subscriber_id, '{}' FROM added \
         ) SELECT count(*) AS changed, 0::bigint AS withheld FROM added",
    )
    .bind::<BigInt, _>(action.id)
    .bind::<Array<BigInt>, _>(ids)
    .bind::<BigInt, _>(group_id)
    .bind::<Timestamptz, _>(action.moment())
    .bind::<Text, _>(action.source())
    .get_result(connection)?)
}

fn remove(
    connection: &mut PgConnection,
    action: &BulkAction,
    group_id: i64,
    ids: &[i64],
) -> Result<Done, Error> {
    Ok(diesel::sql_query(
        "WITH member AS MATERIALIZED ( \
             SELECT id FROM subscribers WHERE id = ANY($2) ORDER BY id FOR KEY SHARE \
         ), locked AS MATERIALIZED ( \
             SELECT m.* FROM group_memberships m JOIN member ON member.id = m.subscriber_id \
             WHERE m.group_id = $3 ORDER BY m.subscriber_id FOR UPDATE OF m \
         ), removed AS ( \
             DELETE FROM group_memberships m USING locked l \
             WHERE m.group_id = l.group_id AND m.subscriber_id = l.subscriber_id RETURNING m.* \
         ), noted AS ( \
             INSERT INTO bulk_action_changes (bulk_action_id, subscriber_id, before) \
             SELECT $1, subscriber_id, jsonb_build_object('added_at', added_at, 'source', source) FROM removed \
         ) SELECT count(*) AS changed, 0::bigint AS withheld FROM removed",
    )
    .bind::<BigInt, _>(action.id)
    .bind::<Array<BigInt>, _>(ids)
    .bind::<BigInt, _>(group_id)
    .get_result(connection)?)
}

/// Sets a field. Rows are locked in the order of ids and read under the lock.
fn set(
    connection: &mut PgConnection,
    action: &BulkAction,
    columns: &Columns,
    ids: &[i64],
) -> Result<Done, Error> {
    let parts = columns.parts();
    let sql = format!(
        "WITH found AS MATERIALIZED ( \
             SELECT s.id, {differs} AS differs, {withheld} AS is_withheld, \
                 jsonb_build_object('updated_at', s.updated_at) || {before} AS before \
             FROM subscribers s CROSS JOIN {new} WHERE s.id = ANY($5) ORDER BY s.id FOR NO KEY UPDATE OF s \
         ), changed AS ( \
             UPDATE subscribers s SET {set}, updated_at = $4 FROM found f, {new} \
             WHERE s.id = f.id AND f.differs AND NOT f.is_withheld RETURNING s.id, f.before \
         ), noted AS ( \
             INSERT INTO bulk_action_changes (bulk_action_id, subscriber_id, before) \
             SELECT $1, id, before FROM changed \
         ) SELECT (SELECT count(*) FROM changed) AS changed, \
             (SELECT count(*) FROM found WHERE differs AND is_withheld) AS withheld",
        differs = parts.differs,
        withheld = parts.withheld,
        before = parts.before,
        set = parts.set,
        new = parts.new,
    );
    Ok(diesel::sql_query(sql)
        .bind::<BigInt, _>(action.id)
        .bind::<Jsonb, _>(columns.value())
        .bind::<Text, _>(columns.key())
        .bind::<Timestamptz, _>(action.moment())
        .bind::<Array<BigInt>, _>(ids)
        .get_result(connection)?)
}

/// Deletes subscribers in the same way as a single one: removes them from segments and from the stored data of imports,
/// and keeps their statuses for their addresses.
fn delete(connection: &mut PgConnection, ids: &[i64], now: DateTime<Utc>) -> Result<Done, Error> {
    lock_for_refresh(connection)?;
    let people: Vec<(i64, String)> = subscribers::table
        .filter(subscribers::id.eq_any(ids))
        .order(subscribers::id)
        .select((subscribers::id, subscribers::email))
        .for_update()
        .load(connection)?;
    let ids = people.iter().map(|(id, _)| *id).collect();
    let removed = remove_subscribers(connection, ids, now)?;
    forget_people(connection, &people)?;
    Ok(Done {
        changed: i64::try_from(removed).unwrap_or(i64::MAX),
        withheld: 0,
    })
}
