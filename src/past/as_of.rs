//! Membership at any moment of the past: the present members, with every change since then undone.
//!
//! The moment of a change is the `as_of` of its refresh; between refreshes instant segments change too, and members are
//! deleted. `position.rs` has the order of all these changes, which does not depend on clocks. Change rows keep the bare
//! ids of deleted subscribers: counts of the past include them, lists of people do not. Changes are kept as long as the
//! settings say; what is older is folded away, and whoever asks beyond it is told so.

use super::history::{Refresh, SegmentRefresh};
use super::position::{Place, check_refresh, too_old};
use crate::audience::gaps;
use crate::audience::id_set::IdSet;
use crate::audience::membership::CHUNK_IDS;
use crate::audience::paging::{Page, PageRequest};
use crate::audience::subscriber::{Subscriber, SubscriberKey, SubscriberOrder};
use crate::db::schema::{
    history, instant_changes, refreshes, segment_changes, segment_deletions, segment_refreshes,
    subscriber_deletions,
};
use crate::error::{Error, InputCode, InputProblem};
use chrono::{DateTime, Utc};
use diesel::dsl::{max, min};
use diesel::prelude::*;
use serde_json::Value;
use std::collections::HashMap;

/// Runs a question over one snapshot, so that members and changes belong together.
///
/// # Errors
/// Those of the question and of the database.
pub fn in_snapshot<T>(
    connection: &mut PgConnection,
    ask: impl FnOnce(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    connection
        .build_transaction()
        .repeatable_read()
        .read_only()
        .run(ask)
}

/// Returns how many members a segment had as of a moment, also those who were deleted since.
///
/// # Errors
/// [`Error::Invalid`] if the moment is later than `now`, or longer ago than changes are kept; those of the database.
pub fn count_members_as_of(
    connection: &mut PgConnection,
    segment_id: i64,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<usize, Error> {
    check_past(at, now)?;
    in_snapshot(connection, |connection| {
        let (_, members) = everybody_as_of(connection, segment_id, at)?;
        Ok(members.count())
    })
}

/// Returns the members of a segment as of a moment, without those who were deleted since. Must run within a snapshot.
///
/// # Errors
/// [`Error::Invalid`] if the moment is longer ago than changes are kept; those of the database.
pub fn members_as_of(
    connection: &mut PgConnection,
    segment_id: i64,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<IdSet, Error> {
    check_past(at, now)?;
    let (place, mut members) = everybody_as_of(connection, segment_id, at)?;
    members.remove_all(&deleted_since(connection, place.refresh)?);
    Ok(members)
}

fn everybody_as_of(
    connection: &mut PgConnection,
    segment_id: i64,
    at: DateTime<Utc>,
) -> Result<(Place, IdSet), Error> {
    let place = Place::as_of(connection, segment_id, at)?;
    if is_filled(connection, segment_id, place.refresh)? {
        check_kept(connection, place.refresh, at)?;
    }
    Ok((place, members_at(connection, segment_id, place)?))
}

/// Lists a page of the members of a segment as of a moment, and says how many they are in all.
///
/// # Errors
/// As [`members_as_of`].
pub fn list_members_as_of(
    connection: &mut PgConnection,
    segment_id: i64,
    (at, now): (DateTime<Utc>, DateTime<Utc>),
    order: SubscriberOrder,
    request: &PageRequest<SubscriberKey>,
) -> Result<(Page<Subscriber>, usize), Error> {
    // One snapshot, so that nobody vanishes between being found and being read.
    in_snapshot(connection, |connection| {
        let members = members_as_of(connection, segment_id, at, now)?;
        let page = members.list_page(connection, order, request)?;
        Ok((page, members.count()))
    })
}

/// Checks that a moment is past: the members of a later one are not known yet.
fn check_past(at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Error> {
    if at <= now {
        return Ok(());
    }
    let message = format!("expected a moment of the past, found {at:?}, and now it is {now:?}");
    let hint = "leave it out for the present members; a preview evaluates a rule for any moment";
    let problem = InputProblem::new(InputCode::Invalid, "asOf", message);
    Err(Error::Invalid(vec![
        problem.with_hint(Some(hint.to_owned())),
    ]))
}

/// Makes sure that no change after a refresh was folded away.
fn check_kept(
    connection: &mut PgConnection,
    refresh_id: i64,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let folded = folded_through(connection)?;
    if refresh_id >= folded {
        return Ok(());
    }
    let since: DateTime<Utc> = refreshes::table
        .find(folded)
        .select(refreshes::as_of)
        .first(connection)?;
    let message = format!(
        "expected a moment since {since}, which is how far back changes are kept, found {at}"
    );
    Err(Error::invalid("asOf", message))
}

/// Returns the last refresh whose changes are not kept any more.
fn folded_through(connection: &mut PgConnection) -> Result<i64, Error> {
    Ok(history::table
        .select(history::folded_through)
        .first(connection)?)
}

/// Whether a segment had been filled by the end of a refresh: before that it was empty.
fn is_filled(
    connection: &mut PgConnection,
    segment_id: i64,
    refresh_id: i64,
) -> Result<bool, Error> {
    let first = find_first_fill(connection, &[segment_id])?;
    Ok(first
        .get(&segment_id)
        .is_some_and(|first| *first <= refresh_id))
}

/// Returns the members at a place, also those who were deleted since: the present ones, with every later change undone.
fn members_at(
    connection: &mut PgConnection,
    segment_id: i64,
    place: Place,
) -> Result<IdSet, Error> {
    if !is_filled(connection, segment_id, place.refresh)? {
        return Ok(IdSet::default());
    }
    let mut members = IdSet::of_segment(connection, segment_id)?;
    undo(connection, segment_id, place, i64::MAX, &mut members)?;
    Ok(members)
}

/// Undoes the changes after a place, up to those of a refresh. A deletion is undone like any other change.
fn undo(
    connection: &mut PgConnection,
    segment_id: i64,
    place: Place,
    through: i64,
    members: &mut IdSet,
) -> Result<(), Error> {
    let in_refreshes: Vec<(i32, Vec<u8>)> = segment_changes::table
        .filter(segment_changes::segment_id.eq(segment_id))
        .filter(segment_changes::refresh_id.gt(place.refresh))
        .filter(segment_changes::refresh_id.le(through))
        .select((segment_changes::chunk, segment_changes::changed))
        .load(connection)?;
    let is_later = segment_deletions::refresh_id
        .gt(place.refresh)
        .or(segment_deletions::id.gt(place.between));
    let deletions: Vec<(i32, Vec<u8>)> = segment_deletions::table
        .filter(segment_deletions::segment_id.eq(segment_id))
        .filter(segment_deletions::refresh_id.ge(place.refresh))
        .filter(segment_deletions::refresh_id.lt(through))
        .filter(is_later)
        .select((segment_deletions::chunk, segment_deletions::deleted))
        .load(connection)?;
    for (chunk, changed) in in_refreshes.iter().chain(&deletions) {
        ids_of(*chunk, changed)?.for_each(|id| members.flip(id));
    }
    let is_later = instant_changes::refresh_id
        .gt(place.refresh)
        .or(instant_changes::id.gt(place.between));
    let followed: Vec<i64> = instant_changes::table
        .filter(instant_changes::segment_id.eq(segment_id))
        .filter(instant_changes::refresh_id.ge(place.refresh))
        .filter(instant_changes::refresh_id.lt(through))
        .filter(is_later)
        .select(instant_changes::subscriber_id)
        .load(connection)?;
    followed.into_iter().for_each(|id| members.flip(id));
    Ok(())
}

/// Returns the subscribers deleted since a refresh.
fn deleted_since(connection: &mut PgConnection, refresh_id: i64) -> Result<IdSet, Error> {
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

/// Who joined a segment, who left it, and which members were deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Who was not a member before and was after it.
    pub joined: IdSet,
    /// Who was a member before and was not after it.
    pub left: IdSet,
    /// Who was a member before and does not exist any more.
    pub deleted: IdSet,
}

/// Finds who joined a segment and who left it in a refresh itself, also those who were deleted since. Must run within
/// a snapshot.
///
/// # Errors
/// [`Error::Resync`] if the refresh is longer ago than changes are kept; those of the database.
pub fn changed_in(
    connection: &mut PgConnection,
    segment_id: i64,
    refresh_id: i64,
) -> Result<Changed, Error> {
    // Of the very refresh that was folded away last, the members after it are known, but not the change.
    if refresh_id <= folded_through(connection)? {
        return Err(too_old());
    }
    let after = members_at(connection, segment_id, Place::after_refresh(refresh_id))?;
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

/// Finds how the members after a refresh of a segment differ from those after the refresh of the segment before it.
/// Subscribers who were deleted by now are in `deleted` if they were members before, and nowhere if they joined. Must
/// run within a snapshot.
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
        // It was empty until now, whatever of that time is kept.
        previous = refresh_id - 1;
    }
    if previous < folded_through(connection)? {
        return Err(too_old());
    }
    let after = members_at(connection, segment_id, Place::after_refresh(refresh_id))?;
    let mut before = after.clone();
    match is_filled(connection, segment_id, previous)? {
        true => {
            let place = Place::after_refresh(previous);
            undo(connection, segment_id, place, refresh_id, &mut before)?;
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

/// Lists a page of one side of [`changed_through`], and says how many they are in all.
///
/// # Errors
/// As there.
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

/// Lists a page of the ids of the members who were deleted, ascending, and says how many they are in all.
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

/// Lists a page of the refreshes of a segment, newest first, with what each did to it. The keys are ids with tokens.
///
/// # Errors
/// [`Error::Resync`] if a key is not one of this history; those of the database.
pub fn list_refreshes_of(
    connection: &mut PgConnection,
    segment_id: i64,
    request: &PageRequest<(i64, i64)>,
) -> Result<Page<(Refresh, SegmentRefresh)>, Error> {
    for (refresh_id, token) in request.after.iter().chain(&request.before) {
        check_refresh(connection, *refresh_id, *token)?;
    }
    request.fetch(
        |(refresh, _): &(Refresh, SegmentRefresh)| (refresh.id, refresh.token),
        |request, limit| {
            let mut query = segment_refreshes::table
                .inner_join(refreshes::table)
                .filter(segment_refreshes::segment_id.eq(segment_id))
                .select((Refresh::as_select(), SegmentRefresh::as_select()))
                .limit(limit)
                .into_boxed();
            if let Some((after, _)) = request.after {
                query = query.filter(segment_refreshes::refresh_id.lt(after));
            }
            if let Some((before, _)) = request.before {
                query = query.filter(segment_refreshes::refresh_id.gt(before));
            }
            query = if request.from_end {
                query.order(segment_refreshes::refresh_id.asc())
            } else {
                query.order(segment_refreshes::refresh_id.desc())
            };
            Ok(query.load(connection)?)
        },
    )
}

/// Returns how many refreshes a segment has had.
///
/// # Errors
/// Those of the database.
pub fn count_refreshes_of(connection: &mut PgConnection, segment_id: i64) -> Result<i64, Error> {
    Ok(segment_refreshes::table
        .filter(segment_refreshes::segment_id.eq(segment_id))
        .count()
        .get_result(connection)?)
}

/// Folds away the changes of refreshes whose `as_of` is before a moment; returns how many rows went.
///
/// # Errors
/// Those of the database.
pub fn fold_history(connection: &mut PgConnection, before: DateTime<Utc>) -> Result<usize, Error> {
    connection.transaction(|connection| {
        // Not simply those before the moment: a refresh may have been run by another clock, and those before it not.
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
