//! Blocks: comparing the new members with the stored ones, and the form in which a change is remembered.

use super::scan::ChunkRange;
use crate::audience::membership::{BLOCK_BYTES, BLOCK_IDS};
use crate::db::schema::segment_blocks;
use crate::error::Error;
use arrow_buffer::{BooleanBuffer, Buffer};
use diesel::prelude::*;
use std::collections::HashMap;

const EMPTY: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];

/// A block whose members are not those that are stored.
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
    /// Takes ids out of the new members, as if they had never been looked at.
    pub fn forget(&mut self, offsets: &[usize]) {
        for offset in offsets {
            let mask = !(1_u8 << (offset % 8));
            self.members[offset / 8] &= mask;
            self.changed[offset / 8] &= mask;
        }
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

    /// Whether nobody is left in the block.
    pub fn is_empty(&self) -> bool {
        self.members.iter().all(|byte| *byte == 0)
    }
}

/// The stored blocks of some segments in a range of ids.
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
        assert!(change.is_empty());
    }
}
