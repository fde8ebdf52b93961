//! Positions: how far a client has read the history of changes, and whether the database still has that history.
//!
//! Changes have one order: refreshes by id, and between two refreshes the changes that instant segments followed and the
//! deletions, by an id from one sequence. All are written under one lock, so that they become visible in that order and
//! nothing ever appears before a position that was read.
//!
//! A restored backup goes back in that order and then gives the same ids to other changes. Every refresh and every
//! change between refreshes therefore has a random token, and a position carries the token of the last refresh or
//! change before it.

use super::snapshot::in_snapshot;
use crate::db::schema::{history, instant_changes, refreshes, segment_deletions};
use crate::db::statement;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use std::collections::HashMap;

/// A place in the order of all changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The last refresh before it; 0 if there was none.
    pub refresh: i64,
    /// The last change after that refresh and before the place; 0 if there was none.
    pub between: i64,
}

/// A place in the history of one database: what is before it has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The place.
    pub place: Place,
    /// The token of the last change before the place.
    pub token: i64,
    /// The id of the history; `None` in positions that were issued before histories had ids.
    pub history: Option<i64>,
}

/// Where a client wants to begin to follow changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// From now on.
    Now,
    /// After the last refresh that the client knows.
    Refresh(i64),
    /// After a position.
    Position(Position),
}

/// Returns the position to follow from.
///
/// # Errors
/// [`Error::Resync`] if changes cannot be followed from there.
pub fn find_start(connection: &mut PgConnection, start: Start) -> Result<Position, Error> {
    in_snapshot(connection, |connection| {
        let position = match start {
            Start::Now => return Position::now(connection),
            Start::Refresh(id) => Position::of_known_refresh(connection, id)?,
            Start::Position(position) => position,
        };
        position.check(connection)?;
        Ok(position)
    })
}

impl Place {
    /// Returns the place right after a refresh.
    pub fn after_refresh(refresh: i64) -> Place {
        let between = 0;
        Place { refresh, between }
    }

    /// Returns the place in the history of each of these segments as of a moment: after the last refresh whose `as_of`
    /// is not later, and after the changes since that refresh that are not later either.
    pub fn as_of(
        connection: &mut PgConnection,
        segment_ids: &[i64],
        at: DateTime<Utc>,
    ) -> Result<HashMap<i64, Place>, Error> {
        let refresh = last_refresh_at(connection, at)?;
        let followed: Vec<(i64, Option<i64>)> = instant_changes::table
            .filter(instant_changes::segment_id.eq_any(segment_ids))
            .filter(instant_changes::refresh_id.eq(refresh))
            .filter(instant_changes::changed_at.le(at))
            .group_by(instant_changes::segment_id)
            .select((instant_changes::segment_id, max(instant_changes::id)))
            .load(connection)?;
        let deleted: Vec<(i64, Option<i64>)> = segment_deletions::table
            .filter(segment_deletions::segment_id.eq_any(segment_ids))
            .filter(segment_deletions::refresh_id.eq(refresh))
            .filter(segment_deletions::deleted_at.le(at))
            .group_by(segment_deletions::segment_id)
            .select((segment_deletions::segment_id, max(segment_deletions::id)))
            .load(connection)?;
        let places = segment_ids.iter();
        let mut places: HashMap<i64, Place> = places
            .map(|id| (*id, Place::after_refresh(refresh)))
            .collect();
        for (segment_id, last) in followed.into_iter().chain(deleted) {
            let place = places.entry(segment_id);
            place.and_modify(|place| place.between = place.between.max(last.unwrap_or_default()));
        }
        Ok(places)
    }
}

/// Returns the id of the last refresh whose `as_of` is not later than a moment, or 0 if no such refresh exists.
pub(super) fn last_refresh_at(
    connection: &mut PgConnection,
    at: DateTime<Utc>,
) -> Result<i64, Error> {
    let last: Option<i64> = refreshes::table
        .filter(refreshes::state.eq("succeeded"))
        .filter(refreshes::as_of.le(at))
        .select(max(refreshes::id))
        .first(connection)?;
    Ok(last.unwrap_or_default())
}

impl Position {
    /// Returns the position after all changes that exist now. Must run within a snapshot.
    pub fn now(connection: &mut PgConnection) -> Result<Position, Error> {
        let after_refresh = Position::after_newest(connection, i64::MAX)?;
        let last = last_between(connection)?;
        let after_between = find_between(connection, last)?;
        let after_between = after_between.filter(|(place, _)| *place > after_refresh.place);
        Ok(match after_between {
            Some((place, token)) => after_refresh.moved_to(place, token),
            None => after_refresh,
        })
    }

    /// Returns the position of a client that names only the last refresh it knows, which may have failed or still run.
    ///
    /// # Errors
    /// [`Error::Resync`] if there is no such refresh.
    fn of_known_refresh(connection: &mut PgConnection, refresh_id: i64) -> Result<Position, Error> {
        let known: Option<i64> = refreshes::table
            .find(refresh_id)
            .select(refreshes::id)
            .first(connection)
            .optional()?;
        if known.is_none() {
            return Err(unknown());
        }
        Position::after_newest(connection, refresh_id)
    }

    /// Returns the position right after the newest refresh that has succeeded, of the refreshes up to an id.
    fn after_newest(connection: &mut PgConnection, last: i64) -> Result<Position, Error> {
        let newest: Option<(i64, i64)> = refreshes::table
            .filter(refreshes::state.eq("succeeded"))
            .filter(refreshes::id.le(last))
            .order(refreshes::id.desc())
            .select((refreshes::id, refreshes::token))
            .first(connection)
            .optional()?;
        let history: i64 = history::table.select(history::token).first(connection)?;
        let (refresh, token) = newest.unwrap_or((0, history));
        Ok(Position {
            place: Place::after_refresh(refresh),
            token,
            history: Some(history),
        })
    }

    /// Returns another position of the same history.
    pub(super) fn moved_to(&self, place: Place, token: i64) -> Position {
        Position {
            place,
            token,
            ..*self
        }
    }

    /// Checks that the position is in the history of this database, and that all changes after it are kept.
    ///
    /// # Errors
    /// [`Error::Resync`] if not.
    pub fn check(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let Place { refresh, between } = self.place;
        let (history, folded): (i64, i64) = history::table
            .select((history::token, history::folded_through))
            .first(connection)?;
        if self.history.is_some_and(|known| known != history) {
            return Err(unknown());
        }
        let stored = match (refresh, between) {
            (0, 0) => Some(history),
            (_, 0) => refreshes::table
                .find(refresh)
                .select(refreshes::token)
                .first(connection)
                .optional()?,
            _ => find_between(connection, between)?
                .filter(|(place, _)| *place == self.place)
                .map(|(_, token)| token),
        };
        match stored {
            Some(token) if token == self.token && refresh >= folded => Ok(()),
            _ if refresh < folded => Err(too_old()),
            _ => Err(unknown()),
        }
    }
}

/// Checks that a refresh with this token is in the history of this database.
///
/// # Errors
/// [`Error::Resync`] if not.
pub fn check_refresh(
    connection: &mut PgConnection,
    refresh_id: i64,
    token: i64,
) -> Result<(), Error> {
    let stored: Option<i64> = refreshes::table
        .find(refresh_id)
        .select(refreshes::token)
        .first(connection)
        .optional()?;
    match stored {
        Some(stored) if stored == token => Ok(()),
        _ => Err(unknown()),
    }
}

/// Returns the error for a position or refresh whose later changes are not kept any more.
pub fn too_old() -> Error {
    Error::Resync("the changes after the position are no longer kept".to_owned())
}

/// Returns the error for a position that is not in the history of this database.
pub fn unknown() -> Error {
    Error::Resync(
        "the position is not one of this database: it is from another server, or a backup was restored"
            .to_owned(),
    )
}

/// Returns the id of the last change between refreshes, or 0 if no such change is stored.
pub fn last_between(connection: &mut PgConnection) -> Result<i64, Error> {
    let followed: Option<i64> = instant_changes::table
        .select(max(instant_changes::id))
        .first(connection)?;
    let deleted: Option<i64> = segment_deletions::table
        .select(max(segment_deletions::id))
        .first(connection)?;
    Ok(followed.max(deleted).unwrap_or_default())
}

/// Finds a change between refreshes by its id: its place and token.
fn find_between(connection: &mut PgConnection, id: i64) -> Result<Option<(Place, i64)>, Error> {
    let found: Option<(i64, i64)> = statement(
        "SELECT refresh_id, token FROM instant_changes WHERE id = $1 \
         UNION ALL SELECT refresh_id, token FROM segment_deletions WHERE id = $1",
    )
    .bind::<BigInt, _>(id)
    .returning::<(BigInt, BigInt)>()
    .get_result(connection)
    .optional()?;
    Ok(found.map(|(refresh, token)| {
        let place = Place {
            refresh,
            between: id,
        };
        (place, token)
    }))
}
