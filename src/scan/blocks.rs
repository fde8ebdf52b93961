//! Blocks: compares new members with the stored ones, and holds the changes.

use super::chunk_range::ChunkRange;
use crate::audience::block::{BLOCK_BYTES, BLOCK_IDS};
use crate::db::schema::segment_blocks;
use crate::error::Error;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, Buffer, MutableBuffer};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer};
use std::collections::HashMap;

const EMPTY: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];

/// A block whose new members differ from the stored ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockChange {
    /// The place of the segment in the refresh.
    pub segment: usize,
    /// The block.
    pub block: i32,
    /// The new members.
    pub members: Vec<u8>,
    /// The stored members XOR the new ones.
    pub changed: Vec<u8>,
}

impl BlockChange {
    /// Removes ids from the new members and from the changes.
    pub fn forget(&mut self, offsets: &[usize]) {
        for offset in offsets {
            let mask = !(1_u8 << (offset % 8));
            self.members[offset / 8] &= mask;
            self.changed[offset / 8] &= mask;
        }
    }

    /// Removes ids from the changes only, so that their membership stays as it is.
    pub fn leave(&mut self, offsets: &[usize]) {
        for offset in offsets {
            self.changed[offset / 8] &= !(1_u8 << (offset % 8));
        }
    }

    /// Applies the change to these members, which may differ from those it was computed from.
    pub fn apply_to(&mut self, stored: Option<&Vec<u8>>) {
        let stored = stored.map_or(EMPTY.as_slice(), Vec::as_slice);
        let pairs = stored.iter().zip(&self.changed);
        self.members = pairs.map(|(stored, changed)| stored ^ changed).collect();
    }

    /// Returns whether nothing is changed.
    pub fn is_void(&self) -> bool {
        self.changed.iter().all(|byte| *byte == 0)
    }

    /// Returns how many joined and how many left.
    pub fn count(&self) -> (u64, u64) {
        let pairs = self.changed.iter().zip(&self.members);
        pairs.fold((0, 0), |(joined, left), (changed, members)| {
            (
                joined + u64::from((changed & members).count_ones()),
                left + u64::from((changed & !members).count_ones()),
            )
        })
    }
}

#[derive(QueryableByName)]
struct SingleBlock {
    #[diesel(sql_type = BigInt)]
    segment_id: i64,
    #[diesel(sql_type = Integer)]
    block: i32,
    #[diesel(sql_type = Binary)]
    members: Vec<u8>,
}

/// Stored blocks of some segments.
pub struct StoredBlocks {
    blocks: HashMap<(i64, i32), Vec<u8>>,
}

impl StoredBlocks {
    /// Reads the blocks of these segments in a range.
    pub fn load(
        connection: &mut PgConnection,
        segment_ids: &[i64],
        range: ChunkRange,
    ) -> Result<StoredBlocks, Error> {
        let rows: Vec<(i64, i32, Vec<u8>)> = segment_blocks::table
            .filter(segment_blocks::block.ge(range.first_block()))
            .filter(segment_blocks::block.le(range.last_block()))
            .filter(segment_blocks::segment_id.eq_any(segment_ids))
            .select((
                segment_blocks::segment_id,
                segment_blocks::block,
                segment_blocks::members,
            ))
            .load(connection)?;
        Ok(StoredBlocks {
            blocks: rows
                .into_iter()
                .map(|(segment, block, members)| ((segment, block), members))
                .collect(),
        })
    }

    /// Reads single blocks of segments.
    pub fn load_single(
        connection: &mut PgConnection,
        wanted: &[(i64, i32)],
    ) -> Result<StoredBlocks, Error> {
        let (segment_ids, numbers): (Vec<i64>, Vec<i32>) = wanted.iter().copied().unzip();
        let rows: Vec<SingleBlock> = diesel::sql_query(
            "SELECT b.segment_id, b.block, b.members FROM unnest($1, $2) AS asked (segment_id, block) \
             JOIN segment_blocks b USING (segment_id, block)",
        )
        .bind::<Array<BigInt>, _>(segment_ids)
        .bind::<Array<Integer>, _>(numbers)
        .load(connection)?;
        let blocks = rows
            .into_iter()
            .map(|row| ((row.segment_id, row.block), row.members));
        Ok(StoredBlocks {
            blocks: blocks.collect(),
        })
    }

    /// Returns a block, if it has members.
    pub fn get(&self, segment_id: i64, block: i32) -> Option<&Vec<u8>> {
        self.blocks.get(&(segment_id, block))
    }

    /// Returns the members of a segment in a range, one bit per id.
    pub fn members(&self, segment_id: i64, range: ChunkRange) -> BooleanBuffer {
        let blocks = range.first_block()..=range.last_block();
        let mut bytes = Vec::with_capacity(blocks.clone().count() * BLOCK_BYTES);
        for block in blocks {
            match self.blocks.get(&(segment_id, block)) {
                Some(stored) => bytes.extend_from_slice(stored),
                None => bytes.extend_from_slice(&EMPTY),
            }
        }
        let offset = usize::try_from(range.first % BLOCK_IDS).unwrap_or_default();
        BooleanBuffer::new(Buffer::from_vec(bytes), offset, range.rows)
    }

    /// Appends the blocks in which the members of a segment differ from the stored ones.
    pub fn compare(
        &self,
        segment: usize,
        segment_id: i64,
        members: &BooleanBuffer,
        range: ChunkRange,
        changes: &mut Vec<BlockChange>,
    ) {
        let bytes = whole_bytes(members);
        for (block, new) in (range.first_block()..).zip(bytes.chunks_exact(BLOCK_BYTES)) {
            let old = match self.blocks.get(&(segment_id, block)) {
                Some(stored) => stored.as_slice(),
                None => &EMPTY,
            };
            if old != new {
                let changed = old.iter().zip(new).map(|(old, new)| old ^ new).collect();
                changes.push(BlockChange {
                    segment,
                    block,
                    members: new.to_vec(),
                    changed,
                });
            }
        }
    }
}

/// Writes blocks, each given by segment, number and bytes. A block without members is deleted.
pub fn store_blocks(
    connection: &mut PgConnection,
    blocks: &[(i64, i32, &[u8])],
) -> Result<(), Error> {
    let is_empty = |block: &(i64, i32, &[u8])| block.2.iter().all(|byte| *byte == 0);
    let (empty, filled): (Vec<_>, Vec<_>) = blocks.iter().copied().partition(is_empty);
    let segment_ids = |blocks: &[(i64, i32, &[u8])]| blocks.iter().map(|block| block.0).collect();
    let numbers = |blocks: &[(i64, i32, &[u8])]| blocks.iter().map(|block| block.1).collect();
    if !filled.is_empty() {
        diesel::sql_query(
            "INSERT INTO segment_blocks (segment_id, block, members) SELECT * FROM unnest($1, $2, $3) \
             ON CONFLICT (block, segment_id) DO UPDATE SET members = excluded.members",
        )
        .bind::<Array<BigInt>, Vec<i64>>(segment_ids(&filled))
        .bind::<Array<Integer>, Vec<i32>>(numbers(&filled))
        .bind::<Array<Binary>, Vec<&[u8]>>(filled.iter().map(|block| block.2).collect())
        .execute(connection)?;
    }
    if !empty.is_empty() {
        diesel::sql_query(
            "DELETE FROM segment_blocks b USING unnest($1, $2) AS empty (segment_id, block) \
             WHERE b.segment_id = empty.segment_id AND b.block = empty.block",
        )
        .bind::<Array<BigInt>, Vec<i64>>(segment_ids(&empty))
        .bind::<Array<Integer>, Vec<i32>>(numbers(&empty))
        .execute(connection)?;
    }
    Ok(())
}

/// Reads which of these subscribers are stored members of segments: one bit for each, in their order, by segment.
pub fn load_stored_bits(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    subscriber_ids: &[i64],
) -> Result<HashMap<i64, BooleanBuffer>, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        segment_id: i64,
        #[diesel(sql_type = Array<Integer>)]
        places: Vec<i32>,
    }
    // Postgres picks the bits, because blocks are large. Each block is visited once, because blocks of instant segments
    // have many row versions while a refresh keeps its snapshot.
    let found: Vec<Row> = diesel::sql_query(
        "SELECT b.segment_id, array_agg(bit.place) AS places FROM \
             (SELECT (id >> 13)::integer AS block, array_agg(id & 8191) AS offsets, array_agg((place - 1)::integer) AS places \
              FROM unnest($1) WITH ORDINALITY AS ids (id, place) GROUP BY 1) AS asked \
         JOIN segment_blocks b ON b.block = asked.block AND b.segment_id = ANY($2) \
         CROSS JOIN LATERAL unnest(asked.offsets, asked.places) AS bit (number, place) \
         WHERE get_bit(b.members, bit.number) = 1 GROUP BY b.segment_id",
    )
    .bind::<Array<BigInt>, _>(subscriber_ids)
    .bind::<Array<BigInt>, _>(segment_ids)
    .load(connection)?;
    let nobody = || {
        BooleanBufferBuilder::new_from_buffer(
            MutableBuffer::from_len_zeroed(subscriber_ids.len().div_ceil(8)),
            subscriber_ids.len(),
        )
    };
    let mut stored: HashMap<i64, BooleanBufferBuilder> =
        segment_ids.iter().map(|id| (*id, nobody())).collect();
    for row in found {
        let Some(bits) = stored.get_mut(&row.segment_id) else {
            continue;
        };
        for place in row
            .places
            .iter()
            .filter_map(|place| usize::try_from(*place).ok())
        {
            bits.set_bit(place, true);
        }
    }
    let finish = |(id, mut bits): (i64, BooleanBufferBuilder)| (id, bits.finish());
    Ok(stored.into_iter().map(finish).collect())
}

/// Returns the bitmap as bytes from its first bit on; a slice of a larger buffer is copied.
fn whole_bytes(members: &BooleanBuffer) -> std::borrow::Cow<'_, [u8]> {
    if members.offset() == 0 {
        std::borrow::Cow::Borrowed(&members.values()[..members.len() / 8])
    } else {
        std::borrow::Cow::Owned(members.sliced().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgotten_id_neither_joined_nor_left() {
        let mut members = vec![0_u8; BLOCK_BYTES];
        let mut changed = vec![0_u8; BLOCK_BYTES];
        members[0] = 0b0011;
        changed[0] = 0b1010;
        let mut change = BlockChange {
            segment: 0,
            block: 0,
            members,
            changed,
        };
        assert_eq!(change.count(), (1, 1));
        change.forget(&[1]);
        assert_eq!(change.count(), (0, 1));
        change.forget(&[0, 3]);
        assert_eq!(change.count(), (0, 0));
        assert!(change.is_void());
    }
}
