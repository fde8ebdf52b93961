//! Small tests of values and columns, shared by all conditions.

use arrow_array::{Array, BooleanArray};
use arrow_buffer::BooleanBuffer;
use arrow_schema::ArrowError;
use rollcall_rule::{NumberTest, Quantifier};

/// Returns whether a number is among these sorted numbers. The search is binary, so that thousands of them cost little
/// more than a few.
pub fn is_among(wanted: &[f64], number: f64) -> bool {
    wanted
        .binary_search_by(|wanted| wanted.total_cmp(&number))
        .is_ok()
}

/// Returns which rows of a column have this value.
pub fn evaluate_boolean(flags: &BooleanArray, wanted: bool) -> BooleanBuffer {
    let values = if wanted {
        flags.values().clone()
    } else {
        !flags.values()
    };
    match flags.nulls() {
        Some(nulls) => &values & nulls.inner(),
        None => values,
    }
}

/// Returns the members of any or of all of several sets, or `None` if there are no sets.
pub fn quantify(
    quantifier: Quantifier,
    sets: impl Iterator<Item = BooleanBuffer>,
) -> Option<BooleanBuffer> {
    sets.reduce(|left, right| match quantifier {
        Quantifier::Any => &left | &right,
        Quantifier::All => &left & &right,
    })
}

/// Returns whether a number passes a test.
pub fn passes(test: &NumberTest, number: f64) -> bool {
    match test {
        NumberTest::Equals(wanted) => number == *wanted,
        NumberTest::NotEquals(wanted) => number != *wanted,
        NumberTest::GreaterThan(wanted) => number > *wanted,
        NumberTest::AtLeast(wanted) => number >= *wanted,
        NumberTest::LessThan(wanted) => number < *wanted,
        NumberTest::AtMost(wanted) => number <= *wanted,
        NumberTest::Between(from, to) => *from <= number && number <= *to,
        NumberTest::In(wanted) => is_among(wanted, number),
        NumberTest::IsSet(wanted) => *wanted,
    }
}

/// Returns the rows for which a kernel answered true. A missing value is false.
///
/// A kernel fails only for arrays of different lengths or types, which the columns never are. If it fails, no
/// subscriber matches.
pub fn truths(result: Result<BooleanArray, ArrowError>, rows: usize) -> BooleanBuffer {
    match result {
        Ok(array) => evaluate_boolean(&array, true),
        Err(_) => BooleanBuffer::new_unset(rows),
    }
}
