//! Makes sure that a segment has been filled before its members are copied or exported, because 0 members would be
//! wrong.

use super::step::{Selection, refresh};
use crate::audience::segment::{self, Segment};
use crate::db::Db;
use crate::error::{Error, InputCode, InputProblem};
use crate::past::as_of::find_first_fill;
use crate::past::history::{SegmentState, Trigger, find_last_refreshes};
use crate::scan::RefreshSettings;
use diesel::prelude::*;
use std::time::{Duration, Instant};

/// The longest wait for another refresh.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// How long to wait before checking again.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Refreshes a segment whose rule is newer than its members, or waits until another refresh has done it. An archived
/// segment is left as it is.
///
/// # Errors
/// [`Error::Invalid`] at `path` if the segment does not exist. [`Error::RefreshRunning`] if another refresh runs for
/// longer than 20 seconds. Errors of the refresh.
pub fn fill_pending(
    db: &Db,
    key: &str,
    path: &str,
    settings: &RefreshSettings,
) -> Result<(), Error> {
    let start = Instant::now();
    loop {
        let pending = db.run_here(|connection| {
            let segment = segment::get_by_key(connection, key, path)?;
            let is_pending = segment.archived_at.is_none() && is_pending(connection, &segment)?;
            Ok(is_pending.then_some(segment.id))
        })?;
        let Some(id) = pending else {
            return Ok(());
        };
        match refresh(db, &Selection::Ids(vec![id]), Trigger::Edit, settings) {
            Ok(_) => return Ok(()),
            // The other refresh may be the one that fills this segment.
            Err(Error::RefreshRunning) if start.elapsed() < LONGEST_WAIT => {
                std::thread::sleep(BETWEEN_LOOKS);
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_pending(connection: &mut PgConnection, segment: &Segment) -> Result<bool, Error> {
    let last = find_last_refreshes(connection, &[segment.id])?;
    let last = last.get(&segment.id).map(|(_, of_segment)| of_segment);
    Ok(SegmentState::of(segment, last) == SegmentState::Pending)
}

/// Refuses a segment that no refresh has filled yet: its lack of members says nothing about its rule.
///
/// # Errors
/// [`Error::Invalid`] at `path`.
pub fn refuse_unfilled(
    connection: &mut PgConnection,
    segment: &Segment,
    path: &str,
) -> Result<(), Error> {
    if find_first_fill(connection, &[segment.id])?.contains_key(&segment.id) {
        return Ok(());
    }
    let key = &segment.key;
    let hint = match segment.archived_at {
        Some(_) => "bring it back with updateSegment(archived: false), and refresh it",
        None => {
            "wait for its first refresh, or run refreshSegments; where its state is INVALID, mend its rule first"
        }
    };
    let message = format!("the segment \"{key}\" has no members yet: no refresh has filled it");
    Err(Error::Invalid(vec![
        InputProblem::new(InputCode::Invalid, path, message).with_hint(Some(hint.to_owned())),
    ]))
}

/// Refuses to refresh an archived segment: it keeps its last members.
///
/// # Errors
/// [`Error::Invalid`] at `path`.
pub fn refuse_archived(segment: &Segment, path: impl Into<String>) -> Result<(), Error> {
    if segment.archived_at.is_none() {
        return Ok(());
    }
    let key = &segment.key;
    let message = format!(
        "the segment \"{key}\" is archived: it keeps its last members and is not refreshed"
    );
    let hint = "bring it back with updateSegment(archived: false)";
    Err(Error::Invalid(vec![
        InputProblem::new(InputCode::Invalid, path, message).with_hint(Some(hint.to_owned())),
    ]))
}
