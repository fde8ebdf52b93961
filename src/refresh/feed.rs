//! What is new: the newest refreshes, and what they did to a segment, one after the other.
//!
//! Refreshes run one at a time under a lock, so their ids are also the order in which they end: once a refresh has
//! ended, nothing with its id or a smaller one comes to be any more. Whoever remembers an id misses nothing after it,
//! whichever process ran the refreshes.

use super::history::{Refresh, RefreshState};
use super::past::{Changed, find_changed};
use crate::db::schema::{instant_changes, refreshes, segment_refreshes, segments};
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::dsl::{exists, max, select};
use diesel::prelude::*;

/// How many refreshes are looked at together. More than that never end between two looks.
const NEWEST: i64 = 20;

/// The newest refreshes, oldest first, and what came between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Newest {
    /// Their rows.
    pub refreshes: Vec<Refresh>,
    /// The id of the last change that an instant segment followed at once; 0 if there was none.
    pub last_instant: i64,
}

impl Newest {
    /// Returns the id up to which all refreshes have ended.
    pub fn ended_through(&self) -> i64 {
        match self.refreshes.last() {
            None => 0,
            Some(last) if last.state() == RefreshState::Running => last.id - 1,
            Some(last) => last.id,
        }
    }

    /// Returns what is new to somebody who has seen a refresh and those before it: the refreshes after it, and itself
    /// if it has gone on since.
    pub fn list_news(&self, seen: Option<&Refresh>) -> Vec<Refresh> {
        let is_new = |refresh: &&Refresh| {
            seen.is_none_or(|seen| refresh.id > seen.id || refresh.is_later_than(seen))
        };
        self.refreshes.iter().filter(is_new).cloned().collect()
    }
}

impl Refresh {
    /// Whether this is the same refresh at a later time.
    fn is_later_than(&self, seen: &Refresh) -> bool {
        self.id == seen.id
            && seen.state() == RefreshState::Running
            && (self.state() != RefreshState::Running || self.done_ids > seen.done_ids)
    }
}

/// Finds the newest refreshes.
///
/// # Errors
/// Those of the database.
pub fn find_newest(connection: &mut PgConnection) -> Result<Newest, Error> {
    let mut newest: Vec<Refresh> = refreshes::table
        .order(refreshes::id.desc())
        .limit(NEWEST)
        .select(Refresh::as_select())
        .load(connection)?;
    newest.reverse();
    Ok(Newest {
        refreshes: newest,
        last_instant: last_instant(connection)?,
    })
}

fn last_instant(connection: &mut PgConnection) -> Result<i64, Error> {
    let last: Option<i64> = instant_changes::table
        .select(max(instant_changes::id))
        .first(connection)?;
    Ok(last.unwrap_or(0))
}

/// What somebody has seen of the changes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The last refresh.
    pub refresh: i64,
    /// The last change that was followed at once.
    pub instant: i64,
}

impl Seen {
    /// What there is to see now: whoever asks for what comes after it gets all that readers cannot see yet.
    ///
    /// # Errors
    /// Those of the database.
    pub fn now(connection: &mut PgConnection) -> Result<Seen, Error> {
        let last: Option<i64> = refreshes::table
            .filter(refreshes::state.eq("succeeded"))
            .select(max(refreshes::id))
            .first(connection)?;
        Ok(Seen {
            refresh: last.unwrap_or(0),
            instant: last_instant(connection)?,
        })
    }

    /// A refresh, and all that was followed before the next one. Of what was followed after it, all is new.
    ///
    /// # Errors
    /// Those of the database.
    pub fn refresh(connection: &mut PgConnection, refresh: i64) -> Result<Seen, Error> {
        let before = instant_changes::table.filter(instant_changes::refresh_id.lt(refresh));
        let instant: Option<i64> = before.select(max(instant_changes::id)).first(connection)?;
        Ok(Seen {
            refresh,
            instant: instant.unwrap_or(0),
        })
    }
}

/// What changed a segment: a refresh, or changes of subscribers that it followed at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentChange {
    /// The refresh, if it was one.
    pub refresh: Option<Refresh>,
    /// The `as_of` of the refresh, or when the last of the changes was followed.
    pub at: DateTime<Utc>,
    /// Who joined and who left, among those who are subscribers still.
    pub changed: Changed,
    /// What has been seen with it.
    pub seen: Seen,
}

/// Finds the first change of who is in a segment after what has been seen.
///
/// # Errors
/// [`Error::NotFound`] if the segment is gone; [`Error::Invalid`] if that change is longer ago than changes are kept;
/// those of the database.
pub fn find_next_change(
    connection: &mut PgConnection,
    segment_id: i64,
    seen: Seen,
) -> Result<Option<SegmentChange>, Error> {
    let refresh: Option<Refresh> = segment_refreshes::table
        .inner_join(refreshes::table)
        .filter(segment_refreshes::segment_id.eq(segment_id))
        .filter(segment_refreshes::refresh_id.gt(seen.refresh))
        .filter(
            segment_refreshes::joined
                .gt(0)
                .or(segment_refreshes::left.gt(0)),
        )
        .order(segment_refreshes::refresh_id)
        .select(Refresh::as_select())
        .first(connection)
        .optional()?;
    let before = refresh.as_ref().map_or(i64::MAX, |refresh| refresh.id);
    if let Some(followed) = find_followed(connection, segment_id, seen, before)? {
        return Ok(Some(followed));
    }
    match refresh {
        Some(refresh) => of_refresh(connection, segment_id, refresh, seen).map(Some),
        None => {
            let segment = segments::table.find(segment_id);
            match select(exists(segment)).get_result(connection)? {
                true => Ok(None),
                false => Err(Error::not_found("segment", format!("number {segment_id}"))),
            }
        }
    }
}

fn of_refresh(
    connection: &mut PgConnection,
    segment_id: i64,
    refresh: Refresh,
    seen: Seen,
) -> Result<SegmentChange, Error> {
    let changed =
        find_changed(connection, segment_id, refresh.id).map_err(|error| match error {
            Error::Invalid(_) => {
                let message = "expected a refresh whose later changes are kept still, found one that is too long ago";
                Error::invalid("after", message)
            }
            other => other,
        })?;
    Ok(SegmentChange {
        seen: Seen {
            refresh: refresh.id,
            ..seen
        },
        at: refresh.as_of,
        refresh: Some(refresh),
        changed,
    })
}

/// How many changes that were followed at once are told together.
const FOLLOWED: i64 = 1_000;

/// Finds the next changes that were followed at once, those before a refresh; of each subscriber one at most, so that
/// their order is not lost.
fn find_followed(
    connection: &mut PgConnection,
    segment_id: i64,
    seen: Seen,
    before: i64,
) -> Result<Option<SegmentChange>, Error> {
    let rows: Vec<(i64, i64, DateTime<Utc>, bool)> = instant_changes::table
        .filter(instant_changes::segment_id.eq(segment_id))
        .filter(instant_changes::id.gt(seen.instant))
        .filter(instant_changes::refresh_id.lt(before))
        .order(instant_changes::id)
        .limit(FOLLOWED)
        .select((
            instant_changes::id,
            instant_changes::subscriber_id,
            instant_changes::changed_at,
            instant_changes::joined,
        ))
        .load(connection)?;
    let mut next: Option<SegmentChange> = None;
    for (id, subscriber_id, at, joined) in rows {
        let next = next.get_or_insert_with(|| SegmentChange {
            refresh: None,
            at,
            changed: Changed::default(),
            seen,
        });
        let Changed { joined: in_, left } = &mut next.changed;
        if in_.contains(subscriber_id) || left.contains(subscriber_id) {
            break;
        }
        if joined { in_ } else { left }.flip(subscriber_id);
        (next.at, next.seen.instant) = (at, id);
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refresh(id: i64, state: &str, done_ids: i64) -> Refresh {
        Refresh {
            id,
            trigger: "manual".to_owned(),
            as_of: Default::default(),
            started_at: Default::default(),
            finished_at: None,
            state: state.to_owned(),
            error: None,
            done_ids,
            total_ids: 8,
        }
    }

    fn newest(refreshes: &[Refresh]) -> Newest {
        Newest {
            refreshes: refreshes.to_vec(),
            last_instant: 0,
        }
    }

    #[test]
    fn all_before_the_one_that_runs_have_ended() {
        assert_eq!(newest(&[]).ended_through(), 0);
        let (failed, running) = (refresh(4, "failed", 2), refresh(7, "running", 0));
        assert_eq!(newest(std::slice::from_ref(&failed)).ended_through(), 4);
        assert_eq!(newest(&[failed, running]).ended_through(), 6);
    }

    #[test]
    fn every_step_forward_is_new_once_and_no_step_back_ever() {
        let (begun, further) = (refresh(4, "running", 2), refresh(4, "running", 5));
        let (ended, next) = (refresh(4, "succeeded", 8), refresh(5, "running", 0));
        let news = |known: &[&Refresh], seen| {
            let known: Vec<Refresh> = known.iter().copied().cloned().collect();
            let news = newest(&known).list_news(seen);
            let states = news
                .into_iter()
                .map(|new| (new.id, new.state, new.done_ids));
            states.collect::<Vec<_>>()
        };
        assert_eq!(news(&[&begun], None), [(4, "running".to_owned(), 2)]);
        assert_eq!(news(&[&begun], Some(&begun)), []);
        assert_eq!(
            news(&[&further], Some(&begun)),
            [(4, "running".to_owned(), 5)]
        );
        assert_eq!(
            news(&[&ended, &next], Some(&begun)),
            [(4, "succeeded".to_owned(), 8), (5, "running".to_owned(), 0)]
        );
        assert_eq!(news(&[&begun], Some(&further)), []);
        assert_eq!(news(&[&further], Some(&ended)), []);
        assert_eq!(news(&[&ended], Some(&next)), []);
    }
}
