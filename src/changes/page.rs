//! Reads the log.

use super::expand::{Fills, PageCapacity, Parts, Wanted, expand};
use super::kind::{ChangeKind, FOLLOWED, ObjectKind, REFRESHED, row_kinds};
use super::position::{Position, Within};
use super::row::Row;
use super::settle::settle_or_go_on;
use crate::db::schema::{changes, refreshes, subscribers};
use crate::error::Error;
use crate::past::in_snapshot;
use chrono::{DateTime, Utc};
use diesel::dsl::{exists, max, select};
use diesel::prelude::*;
use std::collections::HashSet;

/// The largest number of rows that one page covers, however few of them are wanted.
const WINDOW: i64 = 20_000;
/// How many rows are loaded together.
const ROWS: i64 = 100;

/// What to read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The position to continue after. With `None`, only the present position is returned.
    pub after: Option<Position>,
    /// The kinds of changes to list; those of [`ChangeKind::ALL`] if empty.
    pub kinds: Vec<ChangeKind>,
    /// The largest number of changes in the page; at least one.
    pub first: usize,
    /// The number of subscribers after which the page ends; the last change may have more.
    pub people: usize,
    /// What to list if a segment is filled by a new rule.
    pub fills: Fills,
    /// The segments whose changes are listed; all if `None`.
    pub segment_ids: Option<Vec<i64>>,
    /// The groups whose changes are listed; all if `None`.
    pub group_ids: Option<Vec<i64>>,
}

/// One thing that happened, to at most [`PEOPLE`](super::PEOPLE) subscribers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The position after the change.
    pub position: Position,
    /// When the transaction of the change began; for members of segments, the moment for which the rule was evaluated.
    pub at: DateTime<Utc>,
    /// What happened.
    pub kind: ChangeKind,
    /// The id of the thing that the change is about. [`ChangeKind::noun`] says what kind of thing it is.
    pub about: Option<i64>,
    /// The ids of the subscribers, ascending. Subscribers who were deleted since are left out.
    pub subscriber_ids: Vec<i64>,
    /// How many subscribers there are in all parts of the change, including subscribers who were deleted since.
    pub number: usize,
    /// Whether it is the last part of the change.
    pub is_last: bool,
    /// The columns that changed for any of the subscribers of the statement. Custom fields are `custom.KEY`.
    pub fields: Vec<String>,
    /// The refresh that found the change, if one did.
    pub refresh_id: Option<i64>,
    /// Whether the refresh was the first with the rule of the segment.
    pub is_fill: bool,
}

/// A page of consecutive changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// The changes.
    pub changes: Vec<Change>,
    /// The position after these changes, and after changes that were not wanted.
    pub end: Position,
    /// Whether there are more changes after `end`, wanted or not.
    pub has_more: bool,
}

/// Returns the present position: after everything that is committed. Must not run within a transaction.
pub fn find_position(connection: &mut PgConnection) -> Result<Position, Error> {
    settle_or_go_on(connection)?;
    in_snapshot(connection, Position::now)
}

/// Returns the number of the last row of the log, as [`Position::seq`] has it.
pub fn find_last_seq(connection: &mut PgConnection) -> Result<i64, Error> {
    let last: Option<i64> = changes::table.select(max(changes::seq)).first(connection)?;
    Ok(last.unwrap_or_default())
}

/// Reads the changes after a position. Must not run within a transaction, because it first gives committed changes
/// their order.
///
/// # Errors
/// [`Error::Resync`] if the position is not in this history, or is before the changes that are kept.
pub fn read(connection: &mut PgConnection, reading: &Reading) -> Result<ChangePage, Error> {
    let is_settled = settle_or_go_on(connection)?;
    in_snapshot(connection, |connection| {
        let Some(after) = reading.after else {
            return Ok(ChangePage {
                changes: Vec::new(),
                end: Position::now(connection)?,
                has_more: !is_settled,
            });
        };
        after.check(connection)?;
        let mut page = Collector::new(reading, after);
        page.collect(connection)?;
        let later = changes::table.filter(changes::seq.gt(page.end.seq));
        let has_more = !is_settled
            || page.end.within.is_some()
            || select(exists(later)).get_result(connection)?;
        let mut found = page.changes;
        leave_out_deleted(connection, &mut found)?;
        Ok(ChangePage {
            changes: found,
            end: page.end,
            has_more,
        })
    })
}

/// A page that is being put together.
struct Collector<'r> {
    reading: &'r Reading,
    kinds: &'r [ChangeKind],
    changes: Vec<Change>,
    end: Position,
}

impl<'r> Collector<'r> {
    fn new(reading: &'r Reading, after: Position) -> Collector<'r> {
        let kinds = match reading.kinds.is_empty() {
            true => &ChangeKind::ALL[..],
            false => &reading.kinds[..],
        };
        Collector {
            reading,
            kinds,
            changes: Vec::new(),
            end: after,
        }
    }

    fn room(&self) -> PageCapacity {
        let told = self
            .changes
            .iter()
            .map(|change| change.subscriber_ids.len());
        let told: usize = told.sum();
        PageCapacity {
            parts: self.reading.first.max(1).saturating_sub(self.changes.len()),
            people: self.reading.people.max(1).saturating_sub(told),
        }
    }

    /// Returns whether the page is complete.
    fn is_full(&self) -> bool {
        self.end.within.is_some() || self.room().is_none()
    }

    fn collect(&mut self, connection: &mut PgConnection) -> Result<(), Error> {
        if let Some(within) = self.end.within {
            let row = changes::table.find(self.end.seq).select(Row::as_select());
            let row = row.first(connection)?;
            self.add(connection, &row, Some(within))?;
        }
        let last = find_last(connection, self.end.seq)?;
        while let Some((last_seq, last_token)) = last {
            if self.is_full() || self.end.seq >= last_seq {
                break;
            }
            let rows = self.load(connection, last_seq)?;
            if rows.is_empty() {
                self.end_after(last_seq, last_token);
            }
            for row in rows {
                if self.is_full() {
                    break;
                }
                self.add(connection, &row, None)?;
            }
        }
        Ok(())
    }

    /// Loads the next rows that may have something to list, up to `last_seq`.
    fn load(&self, connection: &mut PgConnection, last_seq: i64) -> Result<Vec<Row>, Error> {
        let mut rows = changes::table
            .filter(changes::seq.gt(self.end.seq))
            .filter(changes::seq.le(last_seq))
            .filter(changes::kind.eq_any(row_kinds(self.kinds)))
            .into_boxed();
        let followed = [
            (ObjectKind::Segment, &self.reading.segment_ids),
            (ObjectKind::Group, &self.reading.group_ids),
        ];
        for (noun, ids) in followed {
            let Some(ids) = ids else {
                continue;
            };
            // Rows that represent members of segments are about a refresh, or about nothing.
            let of_noun = self.kinds.iter().filter(|kind| kind.noun() == Some(noun));
            let of_noun: Vec<&str> = of_noun.map(|kind| kind.as_str()).collect();
            rows = rows.filter(changes::kind.ne_all(of_noun).or(changes::about.eq_any(ids)));
        }
        Ok(rows
            .order(changes::seq)
            .limit(ROWS)
            .select(Row::as_select())
            .load(connection)?)
    }

    fn end_after(&mut self, seq: i64, token: i64) {
        self.end = Position {
            seq,
            token,
            within: None,
            ..self.end
        };
    }

    /// Adds the changes of a row, as far as they fit in the page.
    fn add(
        &mut self,
        connection: &mut PgConnection,
        row: &Row,
        after: Option<Within>,
    ) -> Result<(), Error> {
        let wanted = Wanted {
            kinds: self.kinds,
            segment_ids: self.reading.segment_ids.as_deref(),
            fills: self.reading.fills,
            room: self.room(),
            after,
        };
        let Parts { parts, is_whole } = expand(connection, row, &wanted)?;
        let fields: Vec<String> = row.fields.iter().flatten().cloned().collect();
        let count = parts.len();
        for (number, part) in parts.into_iter().enumerate() {
            let is_end = is_whole && number + 1 == count;
            self.end_after(row.seq, row.token);
            self.end.within = (!is_end).then_some(part.within);
            self.changes.push(Change {
                position: self.end,
                at: part.at,
                kind: part.kind,
                about: part.about,
                subscriber_ids: part.ids,
                number: part.number,
                is_last: part.is_last,
                fields: fields.clone(),
                refresh_id: part.refresh_id,
                is_fill: part.is_fill,
            });
        }
        if is_whole {
            self.end_after(row.seq, row.token);
        }
        Ok(())
    }
}

/// Returns the change that a position lies within, with what all its parts have in common, but without subscribers.
/// Returns `None` if the position lies after a whole row.
///
/// # Errors
/// [`Error::Resync`], as for [`read`].
pub fn find_begun(
    connection: &mut PgConnection,
    position: Position,
) -> Result<Option<Change>, Error> {
    in_snapshot(connection, |connection| {
        position.check(connection)?;
        let Some(within) = position.within else {
            return Ok(None);
        };
        let row = changes::table.find(position.seq).select(Row::as_select());
        let row = row.first(connection)?;
        let side = match within.has_left {
            true => ChangeKind::SegmentMembersLeft,
            false => ChangeKind::SegmentMembersJoined,
        };
        let (kind, refresh_id) = match row.kind.as_str() {
            REFRESHED => (side, row.about),
            FOLLOWED => (side, None),
            kind => match ChangeKind::parse(kind) {
                Some(kind) => (kind, None),
                None => return Ok(None),
            },
        };
        let as_of: Option<DateTime<Utc>> = refreshes::table
            .filter(refreshes::id.nullable().eq(refresh_id))
            .select(refreshes::as_of)
            .first(connection)
            .optional()?;
        Ok(Some(Change {
            position,
            at: as_of.unwrap_or(row.at),
            kind,
            about: Some(within.about).filter(|about| *about != 0),
            subscriber_ids: Vec::new(),
            number: 0,
            is_last: true,
            fields: row.fields.into_iter().flatten().collect(),
            refresh_id,
            is_fill: false,
        }))
    })
}

/// Returns the last row that a page after this row may cover, with its token.
fn find_last(connection: &mut PgConnection, after: i64) -> Result<Option<(i64, i64)>, Error> {
    let later = changes::table
        .filter(changes::seq.gt(after))
        .select((changes::seq, changes::token));
    let of_window: Option<(i64, i64)> = later
        .order(changes::seq)
        .offset(WINDOW - 1)
        .first(connection)
        .optional()?;
    match of_window {
        Some(last) => Ok(Some(last)),
        None => Ok(later
            .order(changes::seq.desc())
            .first(connection)
            .optional()?),
    }
}

/// Leaves out deleted subscribers, except from the changes that report their deletion, and then the changes without
/// subscribers.
fn leave_out_deleted(connection: &mut PgConnection, found: &mut Vec<Change>) -> Result<(), Error> {
    let tells_people = |change: &Change| {
        change.kind != ChangeKind::SubscriberDeleted && !change.subscriber_ids.is_empty()
    };
    let about_people = found.iter().filter(|change| tells_people(change));
    let ids: HashSet<i64> = about_people
        .flat_map(|change| change.subscriber_ids.iter().copied())
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let existing: HashSet<i64> = subscribers::table
        .filter(subscribers::id.eq_any(ids))
        .select(subscribers::id)
        .load(connection)?
        .into_iter()
        .collect();
    found.retain_mut(|change| {
        if !tells_people(change) {
            return true;
        }
        change.subscriber_ids.retain(|id| existing.contains(id));
        !change.subscriber_ids.is_empty()
    });
    Ok(())
}
