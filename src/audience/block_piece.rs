//! Pieces of blocks: where the bits of some subscribers are.

use super::block::BLOCK_IDS;

/// How many bytes between two subscribers are read with them, rather than apart.
const GAP: i32 = 8;

/// Bytes of a block that have the bits of some subscribers.
#[derive(Debug, PartialEq, Eq)]
pub struct BlockPiece {
    /// The number of the block.
    pub block: i32,
    /// The first byte, from 0.
    pub first: i32,
    last: i32,
    ids: Vec<i64>,
}

impl BlockPiece {
    /// Finds the bytes with the bits of these subscribers.
    pub fn of(subscriber_ids: &[i64]) -> Vec<BlockPiece> {
        let mut ids = subscriber_ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut pieces: Vec<BlockPiece> = Vec::new();
        for id in ids {
            // An id that no block can have belongs to no subscriber.
            let Ok(block) = i32::try_from(id.div_euclid(BLOCK_IDS)) else {
                continue;
            };
            let byte = (id.rem_euclid(BLOCK_IDS) / 8) as i32;
            match pieces.last_mut() {
                Some(piece) if piece.block == block && byte - piece.last <= GAP => {
                    piece.last = byte;
                    piece.ids.push(id);
                }
                _ => pieces.push(BlockPiece {
                    block,
                    first: byte,
                    last: byte,
                    ids: vec![id],
                }),
            }
        }
        pieces
    }

    /// Returns how many bytes it has.
    pub fn length(&self) -> i32 {
        self.last - self.first + 1
    }

    /// Lists the subscribers whose bits are set.
    pub fn members(&self, bytes: &[u8]) -> impl Iterator<Item = i64> {
        let ids = self.ids.iter().copied();
        ids.filter(move |id| {
            let bit = id.rem_euclid(BLOCK_IDS) - i64::from(self.first) * 8;
            let byte = usize::try_from(bit / 8).ok();
            byte.and_then(|byte| bytes.get(byte))
                .is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_lie_near_each_other_are_read_together() {
        let pieces = BlockPiece::of(&[8_200, 5, 0, 5, 200, 8_191, i64::MAX]);
        let found: Vec<_> = pieces
            .iter()
            .map(|piece| (piece.block, piece.first, piece.length(), piece.ids.clone()))
            .collect();
        assert_eq!(
            found,
            [
                (0, 0, 1, vec![0, 5]),
                (0, 25, 1, vec![200]),
                (0, 1_023, 1, vec![8_191]),
                (1, 1, 1, vec![8_200]),
            ]
        );
        let near = BlockPiece::of(&[16, 80]);
        assert_eq!((near.len(), near[0].first, near[0].length()), (1, 2, 9));
    }

    #[test]
    fn only_the_subscribers_of_a_piece_are_its_members() {
        let pieces = BlockPiece::of(&[8_192 + 16, 8_192 + 17, 8_192 + 80]);
        let mut bytes = vec![0b1111_1110; 9];
        bytes[8] = 1;
        let members: Vec<i64> = pieces[0].members(&bytes).collect();
        assert_eq!(members, [8_192 + 17, 8_192 + 80]);
        assert_eq!(pieces[0].members(&[]).count(), 0);
    }
}
