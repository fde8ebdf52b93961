//! Ids as runs of consecutive ids. The subscribers that a batch of an import adds are mostly one run.

use crate::error::Error;

/// The size of a run: its first id and its number of ids, little-endian.
const RUN_BYTES: usize = 12;

/// Encodes ids, in any order.
pub fn encode(mut ids: Vec<i64>) -> Vec<u8> {
    ids.sort_unstable();
    ids.dedup();
    let runs = ids.chunk_by(|one, next| one + 1 == *next);
    let mut bytes = Vec::new();
    for run in runs {
        bytes.extend_from_slice(&run[0].to_le_bytes());
        bytes.extend_from_slice(&(run.len() as u32).to_le_bytes());
    }
    bytes
}

/// Decodes ids, ascending.
///
/// # Errors
/// [`Error::Internal`] if the bytes are not of this form.
pub fn decode(bytes: &[u8]) -> Result<Vec<i64>, Error> {
    if !bytes.len().is_multiple_of(RUN_BYTES) {
        return Err(Error::Internal("ids are not stored as runs".to_owned()));
    }
    let mut ids = Vec::new();
    for run in bytes.chunks_exact(RUN_BYTES) {
        let mut first = [0; 8];
        let mut length = [0; 4];
        first.copy_from_slice(&run[..8]);
        length.copy_from_slice(&run[8..]);
        let first = i64::from_le_bytes(first);
        ids.extend((0..i64::from(u32::from_le_bytes(length))).map(|offset| first + offset));
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back() {
        for (ids, runs) in [
            (vec![], 0),
            (vec![7], 1),
            (vec![3, 1, 2, 2], 1),
            (vec![1, 2, 9, 5_000_000_000, 5_000_000_001], 3),
        ] {
            let bytes = encode(ids.clone());
            assert_eq!(bytes.len(), runs * RUN_BYTES);
            let mut sorted = ids;
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(decode(&bytes).expect("runs"), sorted);
        }
        assert!(decode(&[1, 2, 3]).is_err());
    }
}
