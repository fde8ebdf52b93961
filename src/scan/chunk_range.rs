//! The range of ids of a chunk.

use crate::audience::block::{BLOCK_IDS, CHUNK_IDS};

/// A range of consecutive ids: whole blocks, or a single id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkRange {
    /// The first id.
    pub first: i64,
    /// How many ids.
    pub rows: usize,
}

impl ChunkRange {
    /// Returns the first id after the range.
    pub fn last(self) -> i64 {
        self.first + self.rows as i64
    }

    /// Returns the number of its first block.
    pub fn first_block(self) -> i32 {
        block_of(self.first)
    }

    /// Returns the number of its last block.
    pub fn last_block(self) -> i32 {
        block_of(self.last() - 1)
    }

    /// Lists its blocks, each as its first id and the first id after it.
    pub fn blocks(self) -> impl Iterator<Item = (i64, i64)> {
        (self.first..self.last())
            .step_by(BLOCK_IDS as usize)
            .map(move |first| (first, (first + BLOCK_IDS).min(self.last())))
    }
}

fn block_of(id: i64) -> i32 {
    i32::try_from(id / BLOCK_IDS).unwrap_or(i32::MAX)
}

/// Returns the chunk with this number, or `None` if an audience with this many ids has no such chunk.
pub fn chunk_range(number: i64, ids: i64) -> Option<ChunkRange> {
    let first = number.checked_mul(CHUNK_IDS)?;
    if first >= ids {
        return None;
    }
    // Whole blocks, because blocks are what is stored. A small audience has a small chunk.
    let blocks = ((ids - first).min(CHUNK_IDS) + BLOCK_IDS - 1) / BLOCK_IDS;
    Some(ChunkRange {
        first,
        rows: usize::try_from(blocks * BLOCK_IDS).ok()?,
    })
}
