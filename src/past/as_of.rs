//! Membership at any moment of the past: the present members, with every change since then undone.
//!
//! The time of a change in a refresh is the `as_of` of the refresh. Between refreshes instant segments change too, and
//! members are deleted. `position.rs` defines the order of all these changes, which does not depend on clocks. Change
//! rows keep the ids of deleted subscribers: counts of the past include them, lists of subscribers do not. Changes are
//! kept as long as the settings say. Older changes are folded away, that is, deleted; a query for an earlier moment is
//! refused.

use super::position::{Place, last_refresh_at};
use super::snapshot::in_snapshot;
use crate::audience::block::CHUNK_IDS;
use crate::audience::gaps;
use crate::audience::id_set::{IdSet, SETS_AT_A_TIME};
use crate::audience::narrowing::Narrowing;
use crate::audience::paging::{Page, PageRequest};
use crate::audience::subscriber::{SubscriberKey, SubscriberOrder};
use crate::db::schema::{
    history, instant_changes, refreshes, segment_changes, segment_deletions, segment_refreshes,
    subscriber_deletions,
};
use crate::error::{Error, InputCode, InputProblem};
use chrono::{DateTime, Utc};
use diesel::dsl::{max, min};
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use serde_json::Value;
use std::collections::HashMap;

/// The result for each of some segments, by id.
pub type Each<T> = HashMap<i64, Result<T, Error>>;

/// Returns how many members each of these segments had as of a moment, including members who were deleted since.
///
/// # Errors
/// A segment has [`Error::Invalid`] if the moment is before the changes that are kept.
pub fn count_members_as_of(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    at: DateTime<Utc>,
) -> Result<Each<usize>, Error> {
    in_snapshot(connection, |connection| {
        let mut counts = HashMap::new();
        for ids in segment_ids.chunks(SETS_AT_A_TIME) {
            let members = everybody_as_of(connection, ids, at)?.into_iter();
            counts.extend(members.map(|(id, found)| (id, found.map(|members| members.count()))));
        }
        Ok(counts)
    })
}

/// Returns the members of a segment as of a moment, without members who were deleted since. Must run within a snapshot.
///
/// # Errors
/// [`Error::Invalid`] if the moment is in the future or before the changes that are kept.
pub fn members_as_of(
    connection: &mut PgConnection,
    segment_id: i64,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<IdSet, Error> {
    check_past(at, now)?;
    let mut found = people_as_of(connection, &[segment_id], at)?;
    found.remove(&segment_id).unwrap_or(Ok(IdSet::default()))
}

/// Finds for each of these segments a page of the members as of a moment who fit a narrowing now. Also returns how many
/// there are in all.
///
/// # Errors
/// As [`count_members_as_of`].
pub fn find_members_as_of(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    at: DateTime<Utc>,
    (order, request, narrowing): &(SubscriberOrder, PageRequest<SubscriberKey>, Narrowing),
) -> Result<Each<(Page<i64>, usize)>, Error> {
    in_snapshot(connection, |connection| {
        let mut found = HashMap::new();
        for ids in segment_ids.chunks(SETS_AT_A_TIME) {
            let mut sets = HashMap::new();
            for (id, members) in people_as_of(connection, ids, at)? {
                match members {
                    Ok(members) => drop(sets.insert(id, members)),
                    Err(error) => drop(found.insert(id, Err(error))),
                }
            }
            narrowing.narrow(connection, &mut sets)?;
            let pages = IdSet::find_pages(connection, &sets, *order, request)?;
            found.extend(pages.into_iter().map(|(id, page)| {
                let count = sets.get(&id).map_or(0, IdSet::count);
                (id, Ok((page, count)))
            }));
        }
        Ok(found)
    })
}

/// Returns the members of each of these segments as of a moment, without members who were deleted since.
fn people_as_of(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    at: DateTime<Utc>,
) -> Result<Each<IdSet>, Error> {
    let mut members = everybody_as_of(connection, segment_ids, at)?;
    let refresh = last_refresh_at(connection, at)?;
    let gone = deleted_since(connection, refresh)?;
    for set in members.values_mut().flatten() {
        set.remove_all(&gone);
    }
    Ok(members)
}

/// Returns the members of each of these segments as of a moment, including members who were deleted since.
fn everybody_as_of(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    at: DateTime<Utc>,
) -> Result<Each<IdSet>, Error> {
    let places = Place::as_of(connection, segment_ids, at)?;
    let filled = keep_filled(connection, places)?;
    let folded = folded_through(connection)?;
    let (kept, lost): (HashMap<i64, Place>, HashMap<i64, Place>) = filled
        .into_iter()
        .partition(|(_, place)| place.refresh >= folded);
    let ids = segment_ids.iter();
    let mut found: Each<IdSet> = ids.map(|id| (*id, Ok(IdSet::default()))).collect();
    let members = members_at(connection, &kept)?.into_iter();
    found.extend(members.map(|(id, members)| (id, Ok(members))));
    if !lost.is_empty() {
        let error = not_kept(connection, folded, at)?;
        found.extend(lost.into_keys().map(|id| (id, Err(error.clone()))));
    }
    Ok(found)
}

/// Checks that a moment is not in the future: the members of a future moment are not known yet.
///
/// # Errors
/// [`Error::Invalid`] if it is later than `now`.
pub fn check_past(at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Error> {
    if at <= now {
        return Ok(());
    }
    let message = format!("{at:?} is in the future (it is now {now:?})");
    let hint = "leave it out for the present members; a preview evaluates a rule for any moment";
    let problem = InputProblem::new(InputCode::Invalid, "asOf", message);
    Err(Error::Invalid(vec![
        problem.with_hint(Some(hint.to_owned())),
    ]))
}

/// Makes the error for a moment before the changes that are kept.
fn not_kept(connection: &mut PgConnection, folded: i64, at: DateTime<Utc>) -> Result<Error, Error> {
    let since: DateTime<Utc> = refreshes::table
        .find(folded)
        .select(refreshes::as_of)
        .first(connection)?;
    let message = format!("changes are only kept since {since:?}, and {at:?} is earlier");
    Ok(Error::invalid("asOf", message))
}

/// Returns the last refresh whose changes are not kept any more.
pub(super) fn folded_through(connection: &mut PgConnection) -> Result<i64, Error> {
    Ok(history::table
        .select(history::folded_through)
        .first(connection)?)
}

/// Keeps only the segments that had been filled at their place. The others were still empty there.
fn keep_filled(
    connection: &mut PgConnection,
    mut places: HashMap<i64, Place>,
) -> Result<HashMap<i64, Place>, Error> {
    let ids: Vec<i64> = places.keys().copied().collect();
    let first = find_first_fill(connection, &ids)?;
    places.retain(|id, place| first.get(id).is_some_and(|first| *first <= place.refresh));
    Ok(places)
}

/// Returns whether a segment had been filled by the end of a refresh.
pub(super) fn is_filled(
    connection: &mut PgConnection,
    segment_id: i64,
    refresh_id: i64,
) -> Result<bool, Error> {
    let place = Place::after_refresh(refresh_id);
    let filled = keep_filled(connection, HashMap::from([(segment_id, place)]))?;
    Ok(!filled.is_empty())
}

/// Returns the members of a segment after a refresh, including members who were deleted since.
pub(super) fn members_after(
    connection: &mut PgConnection,
    segment_id: i64,
    refresh_id: i64,
) -> Result<IdSet, Error> {
    let places = HashMap::from([(segment_id, Place::after_refresh(refresh_id))]);
    let filled = keep_filled(connection, places)?;
    let found = members_at(connection, &filled)?.into_values().next();
    Ok(found.unwrap_or_default())
}

/// Returns the members of segments at places where they had been filled, including members who were deleted since.
/// These are the present members, with every later change undone.
fn members_at(
    connection: &mut PgConnection,
    places: &HashMap<i64, Place>,
) -> Result<HashMap<i64, IdSet>, Error> {
    let ids: Vec<i64> = places.keys().copied().collect();
    let mut members = IdSet::of_segments(connection, &ids)?;
    undo(connection, places, i64::MAX, &mut members)?;
    Ok(members)
}

/// Undoes the changes of each segment after its place, up to and including those of the refresh `through`. A deletion
/// is undone like any other change.
pub(super) fn undo(
    connection: &mut PgConnection,
    places: &HashMap<i64, Place>,
    through: i64,
    members: &mut HashMap<i64, IdSet>,
) -> Result<(), Error> {
    let Some(first) = places.values().map(|place| place.refresh).min() else {
        return Ok(());
    };
    let ids: Vec<i64> = places.keys().copied().collect();
    // Some rows that are read are before the place of their segment.
    let mut flip = |segment: i64, change: Place, ids: &mut dyn Iterator<Item = i64>| {
        if places.get(&segment).is_some_and(|place| *place < change) {
            let set = members.entry(segment).or_default();
            ids.for_each(|id| set.flip(id));
        }
    };
    // Row by row: the changes of a year take more memory than the members.
    let in_refreshes = segment_changes::table
        .filter(segment_changes::segment_id.eq_any(&ids))
        .filter(segment_changes::refresh_id.gt(first))
        .filter(segment_changes::refresh_id.le(through))
        .select((
            segment_changes::segment_id,
            segment_changes::refresh_id,
            segment_changes::chunk,
            segment_changes::changed,
        ))
        .load_iter::<(i64, i64, i32, Vec<u8>), PgRowByRowLoadingMode>(connection)?;
    for row in in_refreshes {
        let (segment, refresh, chunk, changed) = row?;
        let change = Place::after_refresh(refresh);
        flip(segment, change, &mut ids_of(chunk, &changed)?);
    }
    let deletions = segment_deletions::table
        .filter(segment_deletions::segment_id.eq_any(&ids))
        .filter(segment_deletions::refresh_id.ge(first))
        .filter(segment_deletions::refresh_id.lt(through))
        .select((
            segment_deletions::segment_id,
            segment_deletions::refresh_id,
            segment_deletions::id,
            segment_deletions::chunk,
            segment_deletions::deleted,
        ))
        .load_iter::<(i64, i64, i64, i32, Vec<u8>), PgRowByRowLoadingMode>(connection)?;
    for row in deletions {
        let (segment, refresh, between, chunk, deleted) = row?;
        let change = Place { refresh, between };
        flip(segment, change, &mut ids_of(chunk, &deleted)?);
    }
    let followed = instant_changes::table
        .filter(instant_changes::segment_id.eq_any(&ids))
        .filter(instant_changes::refresh_id.ge(first))
        .filter(instant_changes::refresh_id.lt(through))
        .select((
            instant_changes::segment_id,
            instant_changes::refresh_id,
            instant_changes::id,
            instant_changes::subscriber_id,
        ))
        .load_iter::<(i64, i64, i64, i64), PgRowByRowLoadingMode>(connection)?;
    for row in followed {
        let (segment, refresh, between, subscriber) = row?;
        let change = Place { refresh, between };
        flip(segment, change, &mut std::iter::once(subscriber));
    }
    Ok(())
}

/// Returns the subscribers deleted since a refresh.
pub(super) fn deleted_since(
    connection: &mut PgConnection,
    refresh_id: i64,
) -> Result<IdSet, Error> {
    let refresh = subscriber_deletions::refresh_id;
    let ids: Vec<i64> = subscriber_deletions::table
        .filter(refresh.ge(refresh_id).or(refresh.is_null()))
        .select(subscriber_deletions::subscriber_id)
        .load(connection)?;
    let mut deleted = IdSet::default();
    ids.into_iter().for_each(|id| deleted.flip(id));
    Ok(deleted)
}

pub(crate) fn ids_of(chunk: i32, changed: &[u8]) -> Result<impl Iterator<Item = i64>, Error> {
    let first = i64::from(chunk) * CHUNK_IDS;
    let offsets = gaps::decode(changed)?;
    Ok(offsets
        .into_iter()
        .map(move |offset| first + i64::from(offset)))
}

/// Returns the refresh in which each of these segments was filled first.
pub(crate) fn find_first_fill(
    connection: &mut PgConnection,
    segment_ids: &[i64],
) -> Result<HashMap<i64, i64>, Error> {
    let rows: Vec<(i64, Option<i64>)> = segment_refreshes::table
        .filter(segment_refreshes::segment_id.eq_any(segment_ids))
        .filter(segment_refreshes::problems.eq(Value::Array(Vec::new())))
        .group_by(segment_refreshes::segment_id)
        .select((
            segment_refreshes::segment_id,
            min(segment_refreshes::refresh_id),
        ))
        .load(connection)?;
    let filled = rows.into_iter();
    Ok(filled
        .filter_map(|(segment, refresh)| Some((segment, refresh?)))
        .collect())
}

/// Deletes the changes of refreshes whose `as_of` is before a moment. Returns how many rows it deleted.
pub fn fold_history(connection: &mut PgConnection, before: DateTime<Utc>) -> Result<usize, Error> {
    connection.transaction(|connection| {
        // The cut is at an id, not at a time: a refresh may have run by another clock than the refreshes before it.
        let succeeded = refreshes::table.filter(refreshes::state.eq("succeeded"));
        let first_kept: Option<i64> = succeeded
            .filter(refreshes::as_of.ge(before))
            .select(min(refreshes::id))
            .first(connection)?;
        let mut folded = succeeded.select(max(refreshes::id)).into_boxed();
        if let Some(first_kept) = first_kept {
            folded = folded.filter(refreshes::id.lt(first_kept));
        }
        let Some(last): Option<i64> = folded.first(connection)? else {
            return Ok(0);
        };
        // An earlier fold may have gone further, with another setting.
        let moved = diesel::update(history::table.filter(history::folded_through.lt(last)))
            .set(history::folded_through.eq(last))
            .execute(connection)?;
        if moved == 0 {
            return Ok(0);
        }
        let folded = segment_changes::table.filter(segment_changes::refresh_id.le(last));
        let followed = instant_changes::table.filter(instant_changes::refresh_id.lt(last));
        let deletions = segment_deletions::table.filter(segment_deletions::refresh_id.lt(last));
        let deleted = subscriber_deletions::table.filter(subscriber_deletions::refresh_id.lt(last));
        Ok(diesel::delete(folded).execute(connection)?
            + diesel::delete(followed).execute(connection)?
            + diesel::delete(deletions).execute(connection)?
            + diesel::delete(deleted).execute(connection)?)
    })
}
