//! Pieces of blocks: the ranges of bytes that have the bits of some subscribers.

use super::block::BLOCK_IDS;

/// The largest distance between neighbouring ids of one piece. The bits between them are read for nothing, so the
/// ids must lie close together.
const LARGEST_STEP: i64 = 2;
/// The fewest subscribers that are read as one piece. If there are fewer, each bit is read by itself.
const FEWEST: usize = 8;

/// A range of bytes of a block that has the bits of some subscribers.
#[derive(Debug, PartialEq, Eq)]
pub struct BlockPiece {
    /// The number of the block.
    pub block: i32,
    /// The position of the first byte in the block, from 0.
    pub first: i32,
    /// How many bytes it has.
    pub length: i32,
    /// The position of the bit in the block, if the piece has a single subscriber.
    pub bit: Option<i32>,
    ids: Vec<i64>,
}

impl BlockPiece {
    /// Returns the pieces that have the bits of these subscribers.
    pub fn of(subscriber_ids: &[i64]) -> Vec<BlockPiece> {
        let mut ids = subscriber_ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let is_close = |one: &i64, next: &i64| {
            next.saturating_sub(*one) <= LARGEST_STEP
                && next.div_euclid(BLOCK_IDS) == one.div_euclid(BLOCK_IDS)
        };
        let mut pieces = Vec::new();
        for close in ids.chunk_by(is_close) {
            if close.len() < FEWEST {
                pieces.extend(close.chunks(1).filter_map(BlockPiece::new));
            } else {
                pieces.extend(BlockPiece::new(close));
            }
        }
        pieces
    }

    /// Makes a piece of ascending ids of one block. Returns `None` if the id is beyond all blocks.
    fn new(ids: &[i64]) -> Option<BlockPiece> {
        let (first, last) = (*ids.first()?, *ids.last()?);
        let block = i32::try_from(first.div_euclid(BLOCK_IDS)).ok()?;
        let bit_of = |id: i64| id.rem_euclid(BLOCK_IDS) as i32;
        Some(BlockPiece {
            block,
            first: bit_of(first) / 8,
            length: bit_of(last) / 8 - bit_of(first) / 8 + 1,
            bit: (ids.len() == 1).then(|| bit_of(first)),
            ids: ids.to_vec(),
        })
    }

    /// Lists the subscribers whose bits are set. `bytes` is `None` if the database has tested the bit of the only
    /// subscriber.
    pub fn members(&self, bytes: Option<&[u8]>) -> impl Iterator<Item = i64> {
        let ids = self.ids.iter().copied();
        ids.filter(move |id| {
            let bit = id.rem_euclid(BLOCK_IDS) - i64::from(self.first) * 8;
            let byte = usize::try_from(bit / 8).ok();
            bytes.is_none_or(|bytes| {
                byte.and_then(|byte| bytes.get(byte))
                    .is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_close_together_is_read_together() {
        let mut ids = vec![8_192, 5, 0, 5, 200, 8_191, i64::MAX, -3];
        ids.extend(1_000..1_007);
        ids.extend((2_000..2_016).step_by(2));
        let pieces = BlockPiece::of(&ids);
        let singles = pieces.iter().filter(|piece| piece.bit.is_some());
        let singles: Vec<_> = singles.map(|piece| (piece.block, piece.bit)).collect();
        let of_first = [
            0, 5, 200, 1_000, 1_001, 1_002, 1_003, 1_004, 1_005, 1_006, 8_191,
        ];
        let mut expected = vec![(-1, Some(8_189))];
        expected.extend(of_first.map(|bit| (0, Some(bit))));
        expected.push((1, Some(0)));
        assert_eq!(singles, expected);
        let large: Vec<_> = pieces.iter().filter(|piece| piece.bit.is_none()).collect();
        assert_eq!(large.len(), 1);
        assert_eq!(
            (large[0].block, large[0].first, large[0].length),
            (0, 250, 2)
        );
        assert_eq!(
            large[0].ids,
            (2_000..2_016).step_by(2).collect::<Vec<i64>>()
        );
    }

    #[test]
    fn a_piece_ends_with_its_block() {
        let ids: Vec<i64> = (8_184..8_200).collect();
        let pieces = BlockPiece::of(&ids);
        let found: Vec<_> = pieces
            .iter()
            .map(|piece| (piece.block, piece.first, piece.length, piece.ids.len()))
            .collect();
        assert_eq!(found, [(0, 1_023, 1, 8), (1, 0, 1, 8)]);
    }

    #[test]
    fn only_the_subscribers_of_a_piece_are_its_members() {
        let ids: Vec<i64> = (16..32).step_by(2).collect();
        let pieces = BlockPiece::of(&ids);
        let members: Vec<i64> = pieces[0]
            .members(Some(&[0b1111_0010, 0b0000_0001]))
            .collect();
        assert_eq!(members, [20, 22, 24]);
        assert_eq!(pieces[0].members(Some(&[])).count(), 0);
        assert_eq!(
            BlockPiece::of(&[7])[0].members(None).collect::<Vec<_>>(),
            [7]
        );
    }
}
