//! Undoing a bulk action: either everything is as it was before, or nothing is touched and the error says what prevents
//! the undo. Later changes are not overwritten, regardless of who made them.

use super::change::{Change, NamedGroup};
use super::control::check_undo;
use super::job::{self, BulkAction, BulkState, forget_before, reason_of};
use super::setting::{Columns, FieldSetting};
use crate::audience::audit::{self, Entry, TargetKind, Trace};
use crate::audience::group;
use crate::audience::status_change::Cause;
use crate::db::Db;
use crate::db::schema::bulk_actions;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Jsonb, Text, Timestamptz};

/// Undoes a bulk action for which undo was requested. If the undo is refused, the request is dropped and the reason is
/// stored with the action.
///
/// # Errors
/// Errors of the database; the caller retries.
pub(super) fn undo(db: &Db, id: i64, now: DateTime<Utc>) -> Result<BulkAction, Error> {
    db.run_here(|connection| {
        connection.transaction(|connection| {
            let action = job::get(connection, id)?;
            // In a savepoint: a refused undo is rolled back completely.
            match connection.transaction(|connection| undo_within(connection, &action, now)) {
                Ok(undone) => Ok(undone),
                Err(error @ (Error::Unavailable(_) | Error::Contention(_))) => Err(error),
                // Drop the request: a refused undo must not block the other actions.
                Err(refusal) => {
                    let reason = reason_of(&action, &refusal);
                    Ok(diesel::update(bulk_actions::table.find(id))
                        .set((
                            bulk_actions::undo_asked_at.eq(None::<DateTime<Utc>>),
                            bulk_actions::undo_error.eq(reason),
                        ))
                        .returning(BulkAction::as_returning())
                        .get_result(connection)?)
                }
            }
        })
    })
}

fn undo_within(
    connection: &mut PgConnection,
    action: &BulkAction,
    now: DateTime<Utc>,
) -> Result<BulkAction, Error> {
    match action.change()? {
        Change::AddToGroup(group) => undo_adding(connection, action, &group)?,
        Change::RemoveFromGroup(group) => undo_removing(connection, action, &group)?,
        Change::SetField(setting) => undo_setting(connection, action, &setting, now)?,
        Change::Delete => {}
    }
    // The action is locked last, as in `change_block`.
    let locked = job::lock(connection, action.id)?;
    let Some(asked) = locked.undo_asked_at else {
        return Err(Error::invalid(
            "id",
            "the undo of the bulk action was cancelled",
        ));
    };
    check_undo(&locked, asked)?;
    forget_before(connection, &[action.id])?;
    let entry = Entry::of_system("endUndoOfBulkAction", now);
    let trace = Trace::of(TargetKind::BulkAction, action.id);
    audit::write(connection, &entry, &trace)?;
    Ok(diesel::update(bulk_actions::table.find(action.id))
        .set((
            bulk_actions::state.eq(BulkState::Undone.as_str()),
            bulk_actions::undone_at.eq(now),
            bulk_actions::undo_until.eq(None::<DateTime<Utc>>),
            bulk_actions::undo_asked_at.eq(None::<DateTime<Utc>>),
            bulk_actions::undo_error.eq(None::<String>),
        ))
        .returning(BulkAction::as_returning())
        .get_result(connection)?)
}

/// Removes the members that the action added, except those that were removed and added again since.
fn undo_adding(
    connection: &mut PgConnection,
    action: &BulkAction,
    group: &NamedGroup,
) -> Result<(), Error> {
    diesel::sql_query(
        "WITH locked AS MATERIALIZED ( \
             SELECT m.group_id, m.subscriber_id FROM group_memberships m \
             JOIN bulk_action_changes c ON c.subscriber_id = m.subscriber_id \
             WHERE c.bulk_action_id = $1 AND m.group_id = $2 AND m.added_at = $3 AND m.source = $4 \
             ORDER BY m.subscriber_id FOR UPDATE OF m) \
         DELETE FROM group_memberships m USING locked l \
         WHERE m.group_id = l.group_id AND m.subscriber_id = l.subscriber_id",
    )
    .bind::<BigInt, _>(action.id)
    .bind::<BigInt, _>(group.id)
    .bind::<Timestamptz, _>(action.moment())
    .bind::<Text, _>(action.source())
    .execute(connection)?;
    Ok(())
}

/// Restores the memberships that the action removed, except those of subscribers who were added again since.
fn undo_removing(
    connection: &mut PgConnection,
    action: &BulkAction,
    group: &NamedGroup,
) -> Result<(), Error> {
    group::lock(connection, group.id).map_err(|error| match error {
        Error::NotFound { .. } => {
            let message = format!(
                "the group \"{}\", from which people were removed, was deleted since",
                group.key
            );
            Error::invalid("id", message)
        }
        error => error,
    })?;
    diesel::sql_query(
        "WITH member AS MATERIALIZED ( \
             SELECT s.id FROM subscribers s JOIN bulk_action_changes c ON c.subscriber_id = s.id \
             WHERE c.bulk_action_id = $1 ORDER BY s.id FOR KEY SHARE OF s) \
         INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
         SELECT $2, m.id, (c.before ->> 'added_at')::timestamptz, c.before ->> 'source' \
         FROM member m JOIN bulk_action_changes c ON c.bulk_action_id = $1 AND c.subscriber_id = m.id \
         ORDER BY m.id ON CONFLICT DO NOTHING",
    )
    .bind::<BigInt, _>(action.id)
    .bind::<BigInt, _>(group.id)
    .execute(connection)?;
    Ok(())
}

/// Restores the previous values. Fails if a subscriber got another value since. `updated_at` is restored too, unless
/// the subscriber was changed in another way since.
fn undo_setting(
    connection: &mut PgConnection,
    action: &BulkAction,
    setting: &FieldSetting,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let columns = setting.columns(connection, action.moment())?;
    diesel::sql_query(
        "SELECT FROM subscribers WHERE id IN (SELECT subscriber_id FROM bulk_action_changes WHERE bulk_action_id = $1) \
         ORDER BY id FOR NO KEY UPDATE",
    )
    .bind::<BigInt, _>(action.id)
    .execute(connection)?;
    let parts = columns.parts();
    refuse_later(connection, action, setting, &columns)?;
    Cause {
        source: format!("undo of {}", action.source()),
        moment: Some(now),
        ..Cause::default()
    }
    .tell(connection)?;
    diesel::sql_query(format!(
        "UPDATE subscribers s SET {}, updated_at = CASE WHEN s.updated_at = $4 THEN old.updated_at ELSE s.updated_at END \
         FROM bulk_action_changes c CROSS JOIN LATERAL jsonb_populate_record(NULL::subscribers, c.before) old \
         WHERE c.bulk_action_id = $1 AND s.id = c.subscriber_id",
        parts.restore
    ))
    .bind::<BigInt, _>(action.id)
    .bind::<Jsonb, _>(columns.value())
    .bind::<Text, _>(columns.key())
    .bind::<Timestamptz, _>(action.moment())
    .execute(connection)?;
    Ok(())
}

/// Fails if any subscriber has another value than the action set.
fn refuse_later(
    connection: &mut PgConnection,
    action: &BulkAction,
    setting: &FieldSetting,
    columns: &Columns,
) -> Result<(), Error> {
    #[derive(QueryableByName)]
    struct Later {
        #[diesel(sql_type = BigInt)]
        total: i64,
    }
    let parts = columns.parts();
    let later: Later = diesel::sql_query(format!(
        "SELECT count(*) AS total FROM bulk_action_changes c \
         JOIN subscribers s ON s.id = c.subscriber_id CROSS JOIN {} WHERE c.bulk_action_id = $1 AND {}",
        parts.new, parts.differs
    ))
    .bind::<BigInt, _>(action.id)
    .bind::<Jsonb, _>(columns.value())
    .bind::<Text, _>(columns.key())
    .get_result(connection)?;
    if later.total == 0 {
        return Ok(());
    }
    // The message has no addresses: it is stored, and would have to be erased together with the subscribers.
    let message = format!(
        "{} subscribers have another {} now than the bulk action set; undo would overwrite it, so nothing was undone",
        later.total, setting.field
    );
    Err(Error::invalid("id", message))
}
