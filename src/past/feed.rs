//! The newest refreshes, and the changes of a segment, one after the other.
//!
//! A listener remembers the position after the last change that it received (`position.rs`) and misses nothing after it,
//! whichever process made the changes.

use super::as_of::ids_of;
use super::changed::{Changed, changed_in};
use super::history::{Refresh, RefreshState};
use super::position::{Place, Position, last_between};
use super::snapshot::in_snapshot;
use crate::db::schema::{
    changes, instant_changes, refreshes, segment_deletions, segment_refreshes, segments,
};
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::dsl::{exists, max, select};
use diesel::prelude::*;

/// How many refreshes are read together. No more than that end between two polls.
const NEWEST: i64 = 20;

/// The newest refreshes, oldest first, and the last changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Newest {
    /// The rows of the refreshes.
    pub refreshes: Vec<Refresh>,
    /// The id of the last change between refreshes; 0 if there was none.
    pub last_between: i64,
    /// The number of the last row of the log of changes, or 0 if the log is empty.
    pub last_change: i64,
}

impl Newest {
    /// Returns the id up to which all refreshes have ended.
    pub fn ended_through(&self) -> i64 {
        match self.refreshes.last() {
            None => 0,
            Some(last) if last.state == RefreshState::Running => last.id - 1,
            Some(last) => last.id,
        }
    }

    /// Returns the refreshes that are new to a listener who has seen the refresh `seen` and those before it: all later
    /// refreshes, and `seen` itself if it has made progress.
    pub fn list_news(&self, seen: Option<&Refresh>) -> Vec<Refresh> {
        let is_new = |refresh: &&Refresh| {
            seen.is_none_or(|seen| refresh.id > seen.id || refresh.is_later_than(seen))
        };
        self.refreshes.iter().filter(is_new).cloned().collect()
    }
}

impl Refresh {
    /// Returns whether this is the same refresh at a later time.
    fn is_later_than(&self, seen: &Refresh) -> bool {
        self.id == seen.id
            && seen.state == RefreshState::Running
            && (self.state != RefreshState::Running || self.done_ids > seen.done_ids)
    }
}

/// Finds the newest refreshes.
pub fn find_newest(connection: &mut PgConnection) -> Result<Newest, Error> {
    let mut newest: Vec<Refresh> = refreshes::table
        .order(refreshes::id.desc())
        .limit(NEWEST)
        .select(Refresh::as_select())
        .load(connection)?;
    newest.reverse();
    let last_change: Option<i64> = changes::table.select(max(changes::seq)).first(connection)?;
    Ok(Newest {
        refreshes: newest,
        last_between: last_between(connection)?,
        last_change: last_change.unwrap_or_default(),
    })
}

/// A change of a segment: in a refresh, or between refreshes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentChange {
    /// The refresh, if the change was in one.
    pub refresh: Option<Refresh>,
    /// The `as_of` of the refresh, or when the last of the changes happened.
    pub at: DateTime<Utc>,
    /// The subscribers who joined, left or were deleted. Includes subscribers who joined or left and were deleted
    /// since.
    pub changed: Changed,
    /// The position after the change.
    pub position: Position,
}

/// The result of a search for the next change after a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A change of the segment.
    Change(Box<SegmentChange>),
    /// No change of the segment up to this position.
    Nothing(Position),
}

/// Finds the first change of the members of a segment after a position.
///
/// # Errors
/// [`Error::NotFound`] if the segment is deleted. [`Error::Resync`] if the position is not in this history, or is
/// before the changes that are kept.
pub fn find_next_change(
    connection: &mut PgConnection,
    segment_id: i64,
    after: Position,
) -> Result<Next, Error> {
    // One snapshot: a refresh that ends between two queries must not be taken for a later one.
    in_snapshot(connection, |connection| {
        let segment = segments::table.find(segment_id);
        if !select(exists(segment)).get_result(connection)? {
            return Err(Error::not_found("segment", segment_id));
        }
        after.check(connection)?;
        let refresh = find_refresh(connection, segment_id, after.place)?;
        let before = refresh.as_ref().map_or(i64::MAX, |refresh| refresh.id);
        if let Some(change) = find_between(connection, segment_id, after, before)? {
            return Ok(Next::Change(Box::new(change)));
        }
        let Some(refresh) = refresh else {
            return Position::now(connection).map(Next::Nothing);
        };
        let (place, token) = (Place::after_refresh(refresh.id), refresh.token);
        Ok(Next::Change(Box::new(SegmentChange {
            at: refresh.as_of,
            changed: changed_in(connection, segment_id, refresh.id)?,
            refresh: Some(refresh),
            position: after.moved_to(place, token),
        })))
    })
}

/// Finds the next refresh in which a subscriber joined or left.
fn find_refresh(
    connection: &mut PgConnection,
    segment_id: i64,
    after: Place,
) -> Result<Option<Refresh>, Error> {
    let has_changes = segment_refreshes::joined
        .gt(0)
        .or(segment_refreshes::left.gt(0));
    Ok(segment_refreshes::table
        .inner_join(refreshes::table)
        .filter(segment_refreshes::segment_id.eq(segment_id))
        .filter(segment_refreshes::refresh_id.gt(after.refresh))
        .filter(has_changes)
        .order(segment_refreshes::refresh_id)
        .select(Refresh::as_select())
        .first(connection)
        .optional()?)
}

/// How many changes between refreshes are reported together.
const TOGETHER: i64 = 1_000;

/// Finds the next changes between refreshes that are before the refresh `before`: either deletions, or changes that the
/// follower wrote.
fn find_between(
    connection: &mut PgConnection,
    segment_id: i64,
    after: Position,
    before: i64,
) -> Result<Option<SegmentChange>, Error> {
    let followed = list_followed(connection, segment_id, after.place, before)?;
    let deletions = list_deletions(connection, segment_id, after.place, before)?;
    let first_followed = followed.first().map_or(i64::MAX, |row| row.id);
    let first_deletion = deletions.first().map_or(i64::MAX, |row| row.id);
    if first_deletion < first_followed {
        gather_deletions(after, deletions, first_followed)
    } else {
        Ok(gather_followed(after, followed, first_deletion))
    }
}

/// A change that the follower wrote.
#[derive(Queryable, Selectable)]
#[diesel(table_name = instant_changes, check_for_backend(diesel::pg::Pg))]
struct FollowedRow {
    id: i64,
    subscriber_id: i64,
    changed_at: DateTime<Utc>,
    joined: bool,
    refresh_id: i64,
    token: i64,
}

fn list_followed(
    connection: &mut PgConnection,
    segment_id: i64,
    after: Place,
    before: i64,
) -> Result<Vec<FollowedRow>, Error> {
    let is_later = instant_changes::refresh_id
        .gt(after.refresh)
        .or(instant_changes::id.gt(after.between));
    Ok(instant_changes::table
        .filter(instant_changes::segment_id.eq(segment_id))
        .filter(instant_changes::refresh_id.ge(after.refresh))
        .filter(instant_changes::refresh_id.lt(before))
        .filter(is_later)
        .order((instant_changes::refresh_id, instant_changes::id))
        .limit(TOGETHER)
        .select(FollowedRow::as_select())
        .load(connection)?)
}

/// Members of one chunk who were deleted together.
#[derive(Queryable, Selectable)]
#[diesel(table_name = segment_deletions, check_for_backend(diesel::pg::Pg))]
struct DeletionRow {
    id: i64,
    chunk: i32,
    deleted_at: DateTime<Utc>,
    refresh_id: i64,
    number: i32,
    deleted: Vec<u8>,
    token: i64,
}

fn list_deletions(
    connection: &mut PgConnection,
    segment_id: i64,
    after: Place,
    before: i64,
) -> Result<Vec<DeletionRow>, Error> {
    let is_later = segment_deletions::refresh_id
        .gt(after.refresh)
        .or(segment_deletions::id.gt(after.between));
    Ok(segment_deletions::table
        .filter(segment_deletions::segment_id.eq(segment_id))
        .filter(segment_deletions::refresh_id.ge(after.refresh))
        .filter(segment_deletions::refresh_id.lt(before))
        .filter(is_later)
        .order((segment_deletions::refresh_id, segment_deletions::id))
        .limit(TOGETHER)
        .select(DeletionRow::as_select())
        .load(connection)?)
}

/// Gathers changes with ids before `end`, each subscriber at most once, so that the order of joining and leaving is kept.
fn gather_followed(after: Position, rows: Vec<FollowedRow>, end: i64) -> Option<SegmentChange> {
    let mut gathered: Option<SegmentChange> = None;
    for row in rows.into_iter().take_while(|row| row.id < end) {
        let place = Place {
            refresh: row.refresh_id,
            between: row.id,
        };
        let position = after.moved_to(place, row.token);
        let gathered = gathered.get_or_insert_with(|| between(row.changed_at, position));
        let Changed { joined, left, .. } = &mut gathered.changed;
        if joined.contains(row.subscriber_id) || left.contains(row.subscriber_id) {
            break;
        }
        if row.joined { joined } else { left }.flip(row.subscriber_id);
        (gathered.at, gathered.position) = (row.changed_at, position);
    }
    gathered
}

/// Gathers deletions with ids before `end`: the first row, and more rows as long as they have few members.
fn gather_deletions(
    after: Position,
    rows: Vec<DeletionRow>,
    end: i64,
) -> Result<Option<SegmentChange>, Error> {
    let mut gathered: Option<SegmentChange> = None;
    let mut number = 0;
    for row in rows.into_iter().take_while(|row| row.id < end) {
        number += i64::from(row.number);
        if gathered.is_some() && number > TOGETHER {
            break;
        }
        let place = Place {
            refresh: row.refresh_id,
            between: row.id,
        };
        let position = after.moved_to(place, row.token);
        let gathered = gathered.get_or_insert_with(|| between(row.deleted_at, position));
        ids_of(row.chunk, &row.deleted)?.for_each(|id| gathered.changed.deleted.flip(id));
        (gathered.at, gathered.position) = (row.deleted_at, position);
    }
    Ok(gathered)
}

fn between(at: DateTime<Utc>, position: Position) -> SegmentChange {
    SegmentChange {
        refresh: None,
        at,
        changed: Changed::default(),
        position,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::past::Trigger;

    fn refresh(id: i64, state: RefreshState, done_ids: i64) -> Refresh {
        Refresh {
            id,
            trigger: Trigger::Manual,
            as_of: Default::default(),
            started_at: Default::default(),
            finished_at: None,
            state,
            error: None,
            done_ids,
            total_ids: 8,
            token: 1,
        }
    }

    fn newest(refreshes: &[Refresh]) -> Newest {
        Newest {
            refreshes: refreshes.to_vec(),
            last_between: 0,
            last_change: 0,
        }
    }

    #[test]
    fn all_before_the_one_that_runs_have_ended() {
        assert_eq!(newest(&[]).ended_through(), 0);
        let (failed, running) = (
            refresh(4, RefreshState::Failed, 2),
            refresh(7, RefreshState::Running, 0),
        );
        assert_eq!(newest(std::slice::from_ref(&failed)).ended_through(), 4);
        assert_eq!(newest(&[failed, running]).ended_through(), 6);
    }

    #[test]
    fn every_step_forward_is_new_once_and_no_step_back_ever() {
        let (begun, further) = (
            refresh(4, RefreshState::Running, 2),
            refresh(4, RefreshState::Running, 5),
        );
        let (ended, next) = (
            refresh(4, RefreshState::Succeeded, 8),
            refresh(5, RefreshState::Running, 0),
        );
        let news = |known: &[&Refresh], seen| {
            let known: Vec<Refresh> = known.iter().copied().cloned().collect();
            let news = newest(&known).list_news(seen);
            let states = news
                .into_iter()
                .map(|new| (new.id, new.state, new.done_ids));
            states.collect::<Vec<_>>()
        };
        assert_eq!(news(&[&begun], None), [(4, RefreshState::Running, 2)]);
        assert_eq!(news(&[&begun], Some(&begun)), []);
        assert_eq!(
            news(&[&further], Some(&begun)),
            [(4, RefreshState::Running, 5)]
        );
        assert_eq!(
            news(&[&ended, &next], Some(&begun)),
            [
                (4, RefreshState::Succeeded, 8),
                (5, RefreshState::Running, 0)
            ]
        );
        assert_eq!(news(&[&begun], Some(&further)), []);
        assert_eq!(news(&[&further], Some(&ended)), []);
        assert_eq!(news(&[&ended], Some(&next)), []);
    }
}
