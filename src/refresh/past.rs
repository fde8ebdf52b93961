//! Membership at any moment of the past: the present members, with every change since then undone.
//!
//! The moment of a change is the `as_of` of its refresh; between refreshes instant segments change too, each subscriber
//! with a row of its own. Of one subscriber and segment, joining and leaving take turns, whichever kind they are of: the
//! last refresh before a change is written with it, so that their order does not hang on clocks. Changes are kept as long as the settings say; what is older
//! is folded away, and whoever asks beyond it is told so.

use super::history::{Refresh, SegmentRefresh};
use crate::audience::gaps;
use crate::audience::id_set::IdSet;
use crate::audience::membership::CHUNK_IDS;
use crate::audience::paging::{Page, PageRequest};
use crate::audience::subscriber::{Subscriber, SubscriberKey, SubscriberOrder};
use crate::db::schema::{history, instant_changes, refreshes, segment_changes, segment_refreshes};
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

/// Returns the members of a segment as of a moment, among those who are subscribers still.
///
/// # Errors
/// [`Error::Invalid`] if the moment is later than `now`, or longer ago than changes are kept; those of the database.
pub fn find_members_as_of(
    connection: &mut PgConnection,
    segment_id: i64,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<IdSet, Error> {
    in_snapshot(connection, |connection| {
        members_as_of(connection, segment_id, at, now)
    })
}

/// As [`find_members_as_of`], for a caller who is in a snapshot already.
///
/// # Errors
/// As there.
pub fn members_as_of(
    connection: &mut PgConnection,
    segment_id: i64,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<IdSet, Error> {
    check_past(at, now)?;
    let last: Option<i64> = segment_refreshes::table
        .inner_join(refreshes::table)
        .filter(segment_refreshes::segment_id.eq(segment_id))
        .filter(segment_refreshes::problems.eq(Value::Array(Vec::new())))
        .filter(refreshes::as_of.le(at))
        .select(max(segment_refreshes::refresh_id))
        .first(connection)?;
    match last {
        // Before its first refresh the segment was empty.
        None => Ok(IdSet::default()),
        Some(last) => {
            check_kept(connection, last, at)?;
            let mut members = members_after(connection, segment_id, last)?;
            let later = instant_changes::table
                .filter(instant_changes::segment_id.eq(segment_id))
                .filter(instant_changes::changed_at.gt(at))
                .select(instant_changes::subscriber_id)
                .load::<i64>(connection)?;
            later.into_iter().for_each(|id| members.flip(id));
            Ok(members)
        }
    }
}

/// Lists a page of the members of a segment as of a moment, and says how many they are in all.
///
/// # Errors
/// As [`find_members_as_of`].
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
    let folded: i64 = history::table
        .select(history::folded_through)
        .first(connection)?;
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

/// Returns the members after a refresh: the present ones, with the change of every later refresh undone. Changes
/// between refreshes are not.
fn members_after(
    connection: &mut PgConnection,
    segment_id: i64,
    refresh_id: i64,
) -> Result<IdSet, Error> {
    let mut members = IdSet::of_segment(connection, segment_id)?;
    let later = segment_changes::table
        .filter(segment_changes::segment_id.eq(segment_id))
        .filter(segment_changes::refresh_id.gt(refresh_id));
    let rows: Vec<(i32, Vec<u8>)> = later
        .select((segment_changes::chunk, segment_changes::changed))
        .load(connection)?;
    for (chunk, changed) in rows {
        for id in ids_of(chunk, &changed)? {
            members.flip(id);
        }
    }
    Ok(members)
}

fn ids_of(chunk: i32, changed: &[u8]) -> Result<impl Iterator<Item = i64>, Error> {
    let first = i64::from(chunk) * CHUNK_IDS;
    let offsets = gaps::decode(changed)?;
    Ok(offsets
        .into_iter()
        .map(move |offset| first + i64::from(offset)))
}

/// Who joined a segment and who left it in a refresh, among those who are subscribers still.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Who was not a member before and was after it.
    pub joined: IdSet,
    /// Who was a member before and was not after it.
    pub left: IdSet,
}

/// Finds who joined a segment and who left it in a refresh.
///
/// # Errors
/// [`Error::Invalid`] if the refresh is longer ago than changes are kept; those of the database.
pub fn find_changed(
    connection: &mut PgConnection,
    segment_id: i64,
    refresh_id: i64,
) -> Result<Changed, Error> {
    in_snapshot(connection, |connection| {
        changed_in(connection, segment_id, refresh_id)
    })
}

/// Lists a page of one side of [`find_changed`], and says how many they are in all.
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
        let people = side(changed_in(connection, segment_id, refresh_id)?);
        let page = people.list_page(connection, order, request)?;
        Ok((page, people.count()))
    })
}

fn changed_in(
    connection: &mut PgConnection,
    segment_id: i64,
    refresh_id: i64,
) -> Result<Changed, Error> {
    let as_of: DateTime<Utc> = refreshes::table
        .find(refresh_id)
        .select(refreshes::as_of)
        .first(connection)?;
    // Of the very refresh that was folded away last, the members after it are known, but not the change.
    check_kept(connection, refresh_id - 1, as_of)?;
    let mut after = members_after(connection, segment_id, refresh_id)?;
    let later = instant_changes::table
        .filter(instant_changes::segment_id.eq(segment_id))
        .filter(instant_changes::refresh_id.ge(refresh_id))
        .select(instant_changes::subscriber_id)
        .load::<i64>(connection)?;
    later.into_iter().for_each(|id| after.flip(id));
    if find_first_fill(connection, &[segment_id])?.get(&segment_id) == Some(&refresh_id) {
        return Ok(Changed {
            joined: after,
            left: IdSet::default(),
        });
    }
    let rows: Vec<(i32, Vec<u8>)> = segment_changes::table
        .filter(segment_changes::segment_id.eq(segment_id))
        .filter(segment_changes::refresh_id.eq(refresh_id))
        .select((segment_changes::chunk, segment_changes::changed))
        .load(connection)?;
    let mut changed = Changed::default();
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

/// Returns the refresh in which each of these segments was filled first.
pub(super) fn find_first_fill(
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

/// Lists a page of the refreshes of a segment, newest first, with what each did to it.
///
/// # Errors
/// Those of the database.
pub fn list_refreshes_of(
    connection: &mut PgConnection,
    segment_id: i64,
    request: &PageRequest<i64>,
) -> Result<Page<(Refresh, SegmentRefresh)>, Error> {
    request.fetch(
        |(refresh, _): &(Refresh, SegmentRefresh)| refresh.id,
        |request, limit| {
            let mut query = segment_refreshes::table
                .inner_join(refreshes::table)
                .filter(segment_refreshes::segment_id.eq(segment_id))
                .select((Refresh::as_select(), SegmentRefresh::as_select()))
                .limit(limit)
                .into_boxed();
            if let Some(after) = request.after {
                query = query.filter(segment_refreshes::refresh_id.lt(after));
            }
            if let Some(before) = request.before {
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
        let as_of: DateTime<Utc> = refreshes::table
            .find(last)
            .select(refreshes::as_of)
            .first(connection)?;
        let folded = segment_changes::table.filter(segment_changes::refresh_id.le(last));
        let between = instant_changes::table
            .filter(instant_changes::refresh_id.lt(last))
            .filter(instant_changes::changed_at.le(as_of));
        Ok(diesel::delete(folded).execute(connection)?
            + diesel::delete(between).execute(connection)?)
    })
}
