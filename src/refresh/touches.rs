//! Touches: subscribers who changed and must be evaluated again for the instant segments. Triggers write touches in the
//! transaction of the change, so that every change of a subscriber is covered.
//!
//! A touch is deleted once the follower has written its changes. While a refresh runs the touch is only marked as followed,
//! because the refresh's snapshot may be older than the change. The refresh does not change the memberships of touched
//! subscribers in instant segments. When it ends, the touch is deleted, or followed once more.

use crate::db::AdvisoryLock;
use crate::db::schema::{segments, touches};
use crate::error::Error;
use crate::refresh::running::is_refresh_running;
use chrono::{DateTime, Utc};
use diesel::dsl::{exists, max, select};
use diesel::prelude::*;

/// Touches to follow together.
#[derive(Debug, Default)]
pub struct Touched {
    /// The ids of the touches.
    pub touch_ids: Vec<i64>,
    /// The subscribers, ascending and each once.
    pub subscriber_ids: Vec<i64>,
}

/// Reads the oldest waiting touches, up to a limit.
pub fn list_waiting(connection: &mut PgConnection, limit: i64) -> Result<Touched, Error> {
    let rows: Vec<(i64, i64)> = touches::table
        .filter(touches::followed_at.is_null())
        .order(touches::id)
        .limit(limit)
        .select((touches::id, touches::subscriber_id))
        .load(connection)?;
    let (touch_ids, mut subscriber_ids): (Vec<i64>, Vec<i64>) = rows.into_iter().unzip();
    subscriber_ids.sort_unstable();
    subscriber_ids.dedup();
    Ok(Touched {
        touch_ids,
        subscriber_ids,
    })
}

/// Returns the id of the newest touch that waits, if one does.
pub fn last_waiting(connection: &mut PgConnection) -> Result<Option<i64>, Error> {
    Ok(touches::table
        .filter(touches::followed_at.is_null())
        .select(max(touches::id))
        .first(connection)?)
}

/// Returns whether any touch waits, this one or an older one.
pub fn has_waiting(connection: &mut PgConnection, last: i64) -> Result<bool, Error> {
    let waiting = touches::table.filter(touches::followed_at.is_null());
    let until = waiting.filter(touches::id.le(last));
    Ok(select(exists(until)).get_result(connection)?)
}

/// Marks touches, in the follower's transaction, as followed for a moment if a refresh is running. Otherwise deletes
/// them, and with them the touches that were followed during an earlier refresh.
pub fn finish(
    connection: &mut PgConnection,
    touch_ids: &[i64],
    moment: DateTime<Utc>,
) -> Result<(), Error> {
    bar_beginning(connection)?;
    let followed = touches::table.filter(touches::id.eq_any(touch_ids));
    if is_refresh_running(connection)? {
        diesel::update(followed)
            .set(touches::followed_at.eq(moment))
            .execute(connection)?;
    } else {
        diesel::delete(followed).execute(connection)?;
        forget_followed(connection)?;
    }
    Ok(())
}

fn forget_followed(connection: &mut PgConnection) -> Result<(), Error> {
    diesel::delete(touches::table.filter(touches::followed_at.is_not_null()))
        .execute(connection)?;
    Ok(())
}

/// Deletes the touches that were followed before a refresh. The refresh is already recorded as running and has not
/// taken its snapshot yet.
pub fn begin_refresh(connection: &mut PgConnection) -> Result<(), Error> {
    connection.transaction(|connection| {
        bar_beginning(connection)?;
        forget_followed(connection)
    })
}

/// Lists, in the transaction of a refresh, the touched subscribers, ascending. The refresh must not change their
/// memberships of instant segments.
pub fn list_touched(connection: &mut PgConnection) -> Result<Vec<i64>, Error> {
    Ok(touches::table
        .select(touches::subscriber_id)
        .distinct()
        .order(touches::subscriber_id)
        .load(connection)?)
}

/// Settles, in the transaction of a refresh, the touches that were followed while it ran. Touches that were followed
/// for an earlier moment than that of the refresh are followed again; all of them are if the refresh was the first to
/// evaluate some rule. The others are deleted.
pub fn finish_refresh(
    connection: &mut PgConnection,
    as_of: DateTime<Utc>,
    is_first: bool,
) -> Result<(), Error> {
    let mut again = diesel::update(touches::table)
        .filter(touches::followed_at.is_not_null())
        .set(touches::followed_at.eq(None::<DateTime<Utc>>))
        .into_boxed();
    if !is_first {
        again = again.filter(touches::followed_at.lt(as_of));
    }
    again.execute(connection)?;
    forget_followed(connection)
}

/// Orders the follower's check whether a refresh runs and the beginning of a refresh: a refresh that the check does not
/// see takes its snapshot after this transaction has ended.
fn bar_beginning(connection: &mut PgConnection) -> Result<(), Error> {
    AdvisoryLock::Touches.hold(connection)
}

/// Returns whether there is an instant segment that is not archived.
pub fn is_anybody_following(connection: &mut PgConnection) -> Result<bool, Error> {
    let following = segments::table
        .filter(segments::mode.eq("instant"))
        .filter(segments::archived_at.is_null());
    Ok(select(exists(following)).get_result(connection)?)
}
