//! The subscribers who joined or left a segment in a refresh, in ranges of ids. To list a thousand of a million
//! subscribers, only the chunks with this thousand are read.

use super::as_of::{find_first_fill, folded_through, ids_of};
use super::position::too_old;
use crate::audience::block::{BLOCK_IDS, CHUNK_BLOCKS, CHUNK_IDS};
use crate::audience::id_set::IdSet;
use crate::db::schema::{
    instant_changes, segment_blocks, segment_changes, segment_deletions, subscribers,
};
use crate::error::Error;
use diesel::dsl::max;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;

/// How many chunks are read at first, and how many at most if the first ones have too few subscribers: 64 chunks are a
/// mebibyte of bits.
const CHUNKS: (usize, usize) = (4, 64);

/// The two directions of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Subscribers who joined.
    Joined,
    /// Subscribers who left.
    Left,
}

/// Lists the subscribers who joined or left a segment in the refresh itself, at most `limit` of them, ascending from
/// the id `from`. They may include subscribers who were deleted since. Must run within a snapshot.
///
/// # Errors
/// [`Error::Resync`] if the refresh is before the changes that are kept.
pub fn list_changed_in(
    connection: &mut PgConnection,
    (segment_id, refresh_id): (i64, i64),
    direction: Direction,
    from: i64,
    limit: usize,
) -> Result<Vec<i64>, Error> {
    // For the last refresh that was folded away, the members after it are known, but not the change.
    if refresh_id <= folded_through(connection)? {
        return Err(too_old());
    }
    let first = find_first_fill(connection, &[segment_id])?;
    let is_first_fill = first.get(&segment_id) == Some(&refresh_id);
    match (is_first_fill, direction) {
        (true, Direction::Joined) => list_filled(connection, segment_id, refresh_id, from, limit),
        // Before its first fill the segment was empty.
        (true, Direction::Left) => Ok(Vec::new()),
        (false, direction) => {
            list_changed(connection, (segment_id, refresh_id), direction, from, limit)
        }
    }
}

/// Lists the members after a first fill.
fn list_filled(
    connection: &mut PgConnection,
    segment_id: i64,
    refresh_id: i64,
    from: i64,
    limit: usize,
) -> Result<Vec<i64>, Error> {
    let last: Option<i64> = subscribers::table
        .select(max(subscribers::id))
        .first(connection)?;
    let end = chunk_of(last.unwrap_or_default()).map_or(i32::MAX, |chunk| chunk + 1);
    let (mut number, most) = CHUNKS;
    let mut found = Vec::new();
    let mut next = chunk_of(from).unwrap_or(i32::MAX);
    while next < end && found.len() < limit {
        let step = i32::try_from(number).unwrap_or(i32::MAX);
        let chunks: Vec<i32> = (next..end.min(next.saturating_add(step))).collect();
        next = next.saturating_add(step);
        number = (number * 2).min(most);
        let members = Members::after(connection, segment_id, refresh_id, chunks)?;
        found.extend(members.list(from, limit - found.len()));
    }
    Ok(found)
}

/// Lists the subscribers who joined or left, from the stored changes.
fn list_changed(
    connection: &mut PgConnection,
    (segment_id, refresh_id): (i64, i64),
    direction: Direction,
    from: i64,
    limit: usize,
) -> Result<Vec<i64>, Error> {
    let (mut number, most) = CHUNKS;
    let mut found = Vec::new();
    let mut next = chunk_of(from);
    while let Some(chunk) = next.filter(|_| found.len() < limit) {
        let rows: Vec<(i32, Vec<u8>)> = segment_changes::table
            .filter(segment_changes::segment_id.eq(segment_id))
            .filter(segment_changes::refresh_id.eq(refresh_id))
            .filter(segment_changes::chunk.ge(chunk))
            .order(segment_changes::chunk)
            .limit(i64::try_from(number).unwrap_or(i64::MAX))
            .select((segment_changes::chunk, segment_changes::changed))
            .load(connection)?;
        let last = rows.last().map(|(chunk, _)| *chunk);
        next = last
            .filter(|_| rows.len() == number)
            .map(|last| last.saturating_add(1));
        number = (number * 2).min(most);
        let chunks = rows.iter().map(|(chunk, _)| *chunk).collect();
        let members = Members::after(connection, segment_id, refresh_id, chunks)?;
        for (chunk, changed) in rows {
            if found.len() == limit {
                break;
            }
            let ids = ids_of(chunk, &changed)?.filter(|id| *id >= from);
            let in_direction =
                ids.filter(|id| members.contains(*id) == (direction == Direction::Joined));
            found.extend(in_direction.take(limit - found.len()));
        }
    }
    Ok(found)
}

/// Returns the chunk of an id, or `None` if no subscriber can have the id.
fn chunk_of(id: i64) -> Option<i32> {
    i32::try_from(id / CHUNK_IDS).ok()
}

/// The members of a segment in some chunks.
struct Members {
    /// The numbers of the chunks, ascending.
    chunks: Vec<i32>,
    /// The bits of these chunks, one chunk after the other.
    bits: IdSet,
}

impl Members {
    /// Reads the members in these chunks after a refresh: the present members, with every later change undone. The
    /// chunks must ascend.
    fn after(
        connection: &mut PgConnection,
        segment_id: i64,
        refresh_id: i64,
        chunks: Vec<i32>,
    ) -> Result<Members, Error> {
        let mut members = Members {
            chunks,
            bits: IdSet::default(),
        };
        members.read_present(connection, segment_id)?;
        members.undo(connection, segment_id, refresh_id)?;
        Ok(members)
    }

    fn read_present(
        &mut self,
        connection: &mut PgConnection,
        segment_id: i64,
    ) -> Result<(), Error> {
        let chunks = self.chunks.iter();
        let blocks = chunks.flat_map(|chunk| (0..CHUNK_BLOCKS).map(move |block| (*chunk, block)));
        let blocks = blocks.filter_map(|(chunk, block)| {
            let first: i32 = chunk.checked_mul(CHUNK_BLOCKS)?;
            first.checked_add(block)
        });
        let rows = segment_blocks::table
            .filter(segment_blocks::segment_id.eq(segment_id))
            .filter(segment_blocks::block.eq_any(blocks.collect::<Vec<i32>>()))
            .select((segment_blocks::block, segment_blocks::members))
            .load_iter::<(i32, Vec<u8>), PgRowByRowLoadingMode>(connection)?;
        for row in rows {
            let (block, members) = row?;
            if let Some(place) = self.place(i64::from(block) * BLOCK_IDS) {
                self.bits.put(place, &members);
            }
        }
        Ok(())
    }

    fn undo(
        &mut self,
        connection: &mut PgConnection,
        segment_id: i64,
        refresh_id: i64,
    ) -> Result<(), Error> {
        let in_refreshes = segment_changes::table
            .filter(segment_changes::segment_id.eq(segment_id))
            .filter(segment_changes::chunk.eq_any(self.chunks.clone()))
            .filter(segment_changes::refresh_id.gt(refresh_id))
            .select((segment_changes::chunk, segment_changes::changed))
            .load_iter::<(i32, Vec<u8>), PgRowByRowLoadingMode>(connection)?;
        for row in in_refreshes {
            let (chunk, changed) = row?;
            ids_of(chunk, &changed)?.for_each(|id| self.flip(id));
        }
        let deletions = segment_deletions::table
            .filter(segment_deletions::segment_id.eq(segment_id))
            .filter(segment_deletions::chunk.eq_any(self.chunks.clone()))
            .filter(segment_deletions::refresh_id.ge(refresh_id))
            .select((segment_deletions::chunk, segment_deletions::deleted))
            .load_iter::<(i32, Vec<u8>), PgRowByRowLoadingMode>(connection)?;
        for row in deletions {
            let (chunk, deleted) = row?;
            ids_of(chunk, &deleted)?.for_each(|id| self.flip(id));
        }
        let first = self.chunks.first().copied().unwrap_or_default();
        let last = self.chunks.last().copied().unwrap_or_default();
        let followed = instant_changes::table
            .filter(instant_changes::segment_id.eq(segment_id))
            .filter(instant_changes::refresh_id.ge(refresh_id))
            .filter(instant_changes::subscriber_id.ge(i64::from(first) * CHUNK_IDS))
            .filter(instant_changes::subscriber_id.lt((i64::from(last) + 1) * CHUNK_IDS))
            .select(instant_changes::subscriber_id)
            .load_iter::<i64, PgRowByRowLoadingMode>(connection)?;
        for row in followed {
            self.flip(row?);
        }
        Ok(())
    }

    /// Returns the place of the bit of an id, or `None` if the id is in another chunk.
    fn place(&self, id: i64) -> Option<i64> {
        let number = self.chunks.binary_search(&chunk_of(id)?).ok()?;
        Some(i64::try_from(number).ok()? * CHUNK_IDS + id % CHUNK_IDS)
    }

    fn flip(&mut self, id: i64) {
        if let Some(place) = self.place(id) {
            self.bits.flip(place);
        }
    }

    fn contains(&self, id: i64) -> bool {
        self.place(id)
            .is_some_and(|place| self.bits.contains(place))
    }

    /// Lists at most `limit` ids, ascending from the id `from`.
    fn list(&self, from: i64, limit: usize) -> Vec<i64> {
        let first = self.place(from).unwrap_or_default();
        let places = self.bits.list_between(first, i64::MAX, false, limit);
        let ids = places.into_iter().filter_map(|place| {
            let number = usize::try_from(place / CHUNK_IDS).ok()?;
            let chunk = self.chunks.get(number)?;
            Some(i64::from(*chunk) * CHUNK_IDS + place % CHUNK_IDS)
        });
        ids.collect()
    }
}
