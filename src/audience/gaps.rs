//! The stored form of a change: the ids that joined or left, as gaps between them.
//!
//! Gaps between random ids are geometrically distributed, for which Golomb codes are the shortest (S. W. Golomb,
//! "Run-length encodings", IEEE Transactions on Information Theory 12, 1966); with a power of two as parameter, as
//! here, they are called Rice codes (R. F. Rice, JPL Publication 79-22, 1979). A change of one id in a hundred takes
//! about a byte an id.
//!
//! The form: one byte with the parameter `k`; the number of ids as a little-endian 32-bit number; then the bits, least
//! significant first. A gap is the number of ids left out before an id; it is written as `gap >> k` ones, a zero, and
//! the lowest `k` bits of the gap.

use crate::error::Error;

/// The number of bytes before the bits.
const HEADER: usize = 5;
/// The largest parameter that makes sense for offsets of a chunk.
const MAX_K: u8 = 17;

/// Encodes ascending offsets.
pub fn encode(offsets: &[u32]) -> Vec<u8> {
    let k = best_parameter(offsets);
    let mut bytes = vec![k];
    bytes.extend((offsets.len() as u32).to_le_bytes());
    let mut bits = BitWriter::new(bytes);
    for gap in gaps(offsets) {
        bits.push_ones(gap >> k);
        bits.push(0, 1);
        bits.push(gap & ((1 << k) - 1), k);
    }
    bits.finish()
}

/// Decodes offsets, ascending.
///
/// # Errors
/// [`Error::Internal`] if the bytes are not of this form.
pub fn decode(bytes: &[u8]) -> Result<Vec<u32>, Error> {
    read(bytes).ok_or_else(|| Error::Internal("a stored change cannot be read".to_owned()))
}

fn read(bytes: &[u8]) -> Option<Vec<u32>> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let k = header[0];
    let count = u32::from_le_bytes(header[1..].try_into().ok()?);
    // Every offset takes at least one bit. This check keeps a corrupt count from allocating too much memory.
    if k > MAX_K || u64::from(count) > rest.len() as u64 * 8 {
        return None;
    }
    let mut bits = BitReader { rest, place: 0 };
    let mut offsets = Vec::with_capacity(count as usize);
    let mut next: u32 = 0;
    for _ in 0..count {
        let gap = bits.ones()?.checked_shl(u32::from(k))? | bits.take(k)?;
        let offset = next.checked_add(gap)?;
        offsets.push(offset);
        next = offset.checked_add(1)?;
    }
    Some(offsets)
}

fn gaps(offsets: &[u32]) -> impl Iterator<Item = u32> {
    let mut next = 0;
    offsets.iter().map(move |offset| {
        let gap = offset - next;
        next = offset + 1;
        gap
    })
}

/// Returns the parameter that gives the fewest bits.
fn best_parameter(offsets: &[u32]) -> u8 {
    let length = |k: u8| -> u64 {
        let of_gap = |gap: u32| u64::from(gap >> k) + 1 + u64::from(k);
        gaps(offsets).map(of_gap).sum()
    };
    // The length has one minimum, near the binary logarithm of the mean gap.
    let mean = offsets.last().map_or(0, |last| last / offsets.len() as u32);
    let near = (32 - mean.leading_zeros()) as u8;
    let around = near.saturating_sub(2)..=(near + 1).min(MAX_K);
    around.min_by_key(|k| length(*k)).unwrap_or_default()
}

struct BitWriter {
    bytes: Vec<u8>,
    pending: u64,
    filled: u8,
}

impl BitWriter {
    fn new(bytes: Vec<u8>) -> BitWriter {
        BitWriter {
            bytes,
            pending: 0,
            filled: 0,
        }
    }

    /// Appends the lowest bits of a number, at most 32.
    fn push(&mut self, value: u32, bits: u8) {
        self.pending |= u64::from(value) << self.filled;
        self.filled += bits;
        while self.filled >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.filled -= 8;
        }
    }

    fn push_ones(&mut self, mut count: u32) {
        while count > 0 {
            let now = count.min(16);
            self.push((1 << now) - 1, now as u8);
            count -= now;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.bytes.push(self.pending as u8);
        }
        self.bytes
    }
}

struct BitReader<'b> {
    rest: &'b [u8],
    place: usize,
}

impl BitReader<'_> {
    fn bit(&mut self) -> Option<u32> {
        let byte = self.rest.get(self.place / 8)?;
        let bit = byte >> (self.place % 8) & 1;
        self.place += 1;
        Some(u32::from(bit))
    }

    fn ones(&mut self) -> Option<u32> {
        let mut count = 0;
        while self.bit()? == 1 {
            count += 1;
        }
        Some(count)
    }

    fn take(&mut self, bits: u8) -> Option<u32> {
        (0..bits).try_fold(0, |value, place| Some(value | self.bit()? << place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_one_and_everybody() {
        for offsets in [vec![], vec![0], vec![131_071], (0..131_072).collect()] {
            assert_eq!(decode(&encode(&offsets)).expect("reads"), offsets);
        }
        assert_eq!(encode(&[]).len(), HEADER);
        let all: Vec<u32> = (0..131_072).collect();
        assert_eq!(encode(&all).len(), HEADER + 131_072 / 8);
    }

    #[test]
    fn one_in_a_hundred_takes_about_a_byte() {
        // A multiplicative hash of the number, which looks random.
        let hash = |id: u32| id.wrapping_mul(2_654_435_761) ^ id.wrapping_mul(40_503) >> 7;
        let offsets: Vec<u32> = (0..131_072).filter(|id| hash(*id) % 100 == 0).collect();
        let bits = encode(&offsets).len() as f64 * 8.0 / offsets.len() as f64;
        // The entropy of such a choice is 8.08 bits for each id chosen.
        assert!(bits < 8.6, "{bits} bits an id");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(set in proptest::collection::btree_set(0_u32..131_072, 0..2_000)) {
            let offsets: Vec<u32> = set.into_iter().collect();
            prop_assert_eq!(decode(&encode(&offsets)).expect("reads"), offsets);
        }

        #[test]
        fn anything_else_is_refused_or_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }
}
