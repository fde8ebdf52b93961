//! The subscribers who joined and left a segment from one refresh to the next.

use super::as_of::{
    deleted_since, find_first_fill, folded_through, ids_of, is_filled, members_after, undo,
};
use super::position::{Place, too_old};
use super::snapshot::in_snapshot;
use crate::audience::id_set::IdSet;
use crate::audience::paging::{Page, PageRequest};
use crate::audience::subscriber::{Subscriber, SubscriberKey, SubscriberOrder};
use crate::db::schema::{segment_changes, segment_refreshes};
use crate::error::Error;
use diesel::dsl::max;
use diesel::prelude::*;
use std::collections::HashMap;

/// The subscribers who joined a segment, who left it, and who were deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Subscribers who were not members before and were members after.
    pub joined: IdSet,
    /// Subscribers who were members before and were not members after.
    pub left: IdSet,
    /// Members before who do not exist any more.
    pub deleted: IdSet,
}

/// Finds the subscribers who joined or left a segment in the refresh itself, including subscribers who were deleted
/// since. Must run within a snapshot.
///
/// # Errors
/// [`Error::Resync`] if the refresh is before the changes that are kept.
pub fn changed_in(
    connection: &mut PgConnection,
    segment_id: i64,
    refresh_id: i64,
) -> Result<Changed, Error> {
    // For the last refresh that was folded away, the members after it are known, but not the change.
    if refresh_id <= folded_through(connection)? {
        return Err(too_old());
    }
    let after = members_after(connection, segment_id, refresh_id)?;
    let mut changed = Changed::default();
    if find_first_fill(connection, &[segment_id])?.get(&segment_id) == Some(&refresh_id) {
        changed.joined = after;
        return Ok(changed);
    }
    let rows: Vec<(i32, Vec<u8>)> = segment_changes::table
        .filter(segment_changes::segment_id.eq(segment_id))
        .filter(segment_changes::refresh_id.eq(refresh_id))
        .select((segment_changes::chunk, segment_changes::changed))
        .load(connection)?;
    for (chunk, ids) in rows {
        for id in ids_of(chunk, &ids)? {
            match after.contains(id) {
                true => changed.joined.flip(id),
                false => changed.left.flip(id),
            }
        }
    }
    Ok(changed)
}

/// Finds how the members of a segment after a refresh differ from those after the segment's previous refresh. Deleted
/// members are in `deleted` if they were members before; subscribers who joined and were deleted since are left out.
/// Must run within a snapshot.
///
/// # Errors
/// As [`changed_in`].
pub fn changed_through(
    connection: &mut PgConnection,
    segment_id: i64,
    refresh_id: i64,
) -> Result<Changed, Error> {
    let previous: Option<i64> = segment_refreshes::table
        .filter(segment_refreshes::segment_id.eq(segment_id))
        .filter(segment_refreshes::refresh_id.lt(refresh_id))
        .select(max(segment_refreshes::refresh_id))
        .first(connection)?;
    let mut previous = previous.unwrap_or_default();
    if !is_filled(connection, segment_id, previous)? {
        // The segment was empty until now, even if the changes of that time are not kept.
        previous = refresh_id - 1;
    }
    if previous < folded_through(connection)? {
        return Err(too_old());
    }
    let after = members_after(connection, segment_id, refresh_id)?;
    let mut before = after.clone();
    match is_filled(connection, segment_id, previous)? {
        true => {
            let places = HashMap::from([(segment_id, Place::after_refresh(previous))]);
            let mut sets = HashMap::from([(segment_id, before)]);
            undo(connection, &places, refresh_id, &mut sets)?;
            before = sets.remove(&segment_id).unwrap_or_default();
        }
        false => before = IdSet::default(),
    }
    let gone = deleted_since(connection, previous)?;
    let mut changed = Changed {
        joined: after.clone(),
        left: before.clone(),
        deleted: before.clone(),
    };
    changed.joined.remove_all(&before);
    changed.joined.remove_all(&gone);
    changed.left.remove_all(&after);
    changed.deleted.remove_all(&after);
    changed.deleted.retain(&gone);
    changed.left.remove_all(&gone);
    Ok(changed)
}

/// Lists a page of the subscribers that `side` picks from [`changed_through`]. Also returns how many there are in all.
///
/// # Errors
/// As [`changed_through`].
pub fn list_changed(
    connection: &mut PgConnection,
    (segment_id, refresh_id): (i64, i64),
    side: impl FnOnce(Changed) -> IdSet,
    order: SubscriberOrder,
    request: &PageRequest<SubscriberKey>,
) -> Result<(Page<Subscriber>, usize), Error> {
    in_snapshot(connection, |connection| {
        let people = side(changed_through(connection, segment_id, refresh_id)?);
        let page = people.list_page(connection, order, request)?;
        Ok((page, people.count()))
    })
}

/// Lists a page of the ids of the members who were deleted, ascending. Also returns how many there are in all.
///
/// # Errors
/// As [`changed_through`].
pub fn list_deleted(
    connection: &mut PgConnection,
    (segment_id, refresh_id): (i64, i64),
    request: &PageRequest<i64>,
) -> Result<(Page<i64>, usize), Error> {
    in_snapshot(connection, |connection| {
        let deleted = changed_through(connection, segment_id, refresh_id)?.deleted;
        let page = request.fetch(
            |id| *id,
            |request, limit| {
                let first = request.after.map_or(0, |after| after.saturating_add(1));
                let last = request
                    .before
                    .map_or(i64::MAX, |before| before.saturating_sub(1));
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                Ok(deleted.list_between(first, last, request.from_end, limit))
            },
        )?;
        Ok((page, deleted.count()))
    })
}
