//! Random shares: each subscriber has a bucket per salt, and keeps it.

use twox_hash::XxHash64;

/// How many buckets there are: hundredths of a percent.
pub const BUCKETS: u64 = 10_000;

/// Returns the bucket of a subscriber, from 0 to 9,999: XXH64 with seed 0 of the salt's UTF-8 bytes followed by the
/// id as eight bytes, little-endian, modulo 10,000.
///
/// XXH64 is specified at <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>. It does not change, so that
/// the same subscribers stay in a share forever.
pub fn bucket(salt: &str, subscriber_id: i64) -> u64 {
    buckets(salt)(subscriber_id)
}

/// Returns a function that computes the bucket of a subscriber id. It reuses the buffer with the salt.
pub fn buckets(salt: &str) -> impl FnMut(i64) -> u64 {
    let mut bytes = salt.as_bytes().to_vec();
    let length = bytes.len();
    move |subscriber_id| {
        bytes.truncate(length);
        bytes.extend(subscriber_id.to_le_bytes());
        XxHash64::oneshot(0, &bytes) % BUCKETS
    }
}
