//! Blocks: the bitmaps in which the members of segments are stored.
//!
//! The bit of a subscriber in a segment is bit `id & 8191` of block `id >> 13`, least significant bit first.

/// How many ids a block has.
pub const BLOCK_IDS: i64 = 8_192;
/// How many blocks a chunk has. Rules are evaluated, and changes are stored, chunk by chunk.
pub const CHUNK_BLOCKS: i32 = 16;
/// How many ids a chunk has.
pub const CHUNK_IDS: i64 = BLOCK_IDS * CHUNK_BLOCKS as i64;
/// How many bytes the bitmap of a block has.
pub const BLOCK_BYTES: usize = 1_024;

/// Lists the ids whose bits are set in a block, ascending.
pub fn list_bits(block: i32, members: &[u8]) -> Vec<i64> {
    let first = i64::from(block) * BLOCK_IDS;
    let mut ids = Vec::new();
    for (position, byte) in members.iter().enumerate() {
        let mut rest = *byte;
        while rest != 0 {
            ids.push(first + position as i64 * 8 + i64::from(rest.trailing_zeros()));
            rest &= rest - 1;
        }
    }
    ids
}
