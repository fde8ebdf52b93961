//! Reads whole columns at once: a query aggregates each column into one array, which arrives in Postgres' binary form
//! and is read in place. One row of arrays costs far less to transfer than thousands of rows.
//!
//! The form is that of `array_send` in PostgreSQL's `src/backend/utils/adt/arrayfuncs.c`: number of dimensions,
//! whether nulls occur, element type, then length and lower bound per dimension, each 32 bits big-endian; then each
//! element as its length, -1 for null, and its bytes.

use crate::error::Error;
use diesel::deserialize::{self, QueryableByName};
use diesel::pg::Pg;
use diesel::row::{Field, NamedRow, Row};

/// Microseconds from 1970-01-01, the epoch of our times, to 2000-01-01, the epoch of Postgres.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;
/// Days between the same two dates.
const POSTGRES_EPOCH_DAYS: i32 = 10_957;

/// A row of a query as bytes.
pub struct RawRow {
    fields: Vec<Option<Vec<u8>>>,
}

impl QueryableByName<Pg> for RawRow {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        let fields = (0..row.field_count())
            .map(|position| {
                let field = Row::get(row, position)?;
                field.value().map(|value| value.as_bytes().to_vec())
            })
            .collect();
        Ok(RawRow { fields })
    }
}

impl RawRow {
    /// Returns the elements of an array. A null array has no elements.
    pub fn array(&self, position: usize) -> Result<Elements<'_>, Error> {
        let bytes = self
            .fields
            .get(position)
            .and_then(Option::as_deref)
            .unwrap_or_default();
        Elements::new(bytes)
    }

    /// Returns a `bigint`.
    pub fn bigint(&self, position: usize) -> Result<i64, Error> {
        let bytes = self.fields.get(position).and_then(Option::as_deref);
        read_i64(bytes.unwrap_or_default())
    }
}

/// The elements of an array, in order.
pub struct Elements<'b> {
    rest: &'b [u8],
    remaining: usize,
}

impl<'b> Elements<'b> {
    fn new(bytes: &'b [u8]) -> Result<Elements<'b>, Error> {
        const HEADER: usize = 12;
        const DIMENSION: usize = 8;
        if bytes.is_empty() || read_i32(bytes)? == 0 {
            return Ok(Elements {
                rest: &[],
                remaining: 0,
            });
        }
        let length = bytes.get(HEADER..).ok_or_else(malformed)?;
        Ok(Elements {
            remaining: usize::try_from(read_i32(length)?).map_err(|_| malformed())?,
            rest: bytes.get(HEADER + DIMENSION..).ok_or_else(malformed)?,
        })
    }

    /// Returns the next element, if there is one; a null is `Some(None)`.
    pub fn next_element(&mut self) -> Result<Option<Option<&'b [u8]>>, Error> {
        if self.remaining == 0 {
            return Ok(None);
        }
        self.remaining -= 1;
        let length = read_i32(self.rest)?;
        self.rest = &self.rest[4..];
        let Ok(length) = usize::try_from(length) else {
            return Ok(Some(None));
        };
        let (element, rest) = self.rest.split_at_checked(length).ok_or_else(malformed)?;
        self.rest = rest;
        Ok(Some(Some(element)))
    }

    /// Returns how many elements are left.
    pub fn len(&self) -> usize {
        self.remaining
    }
}

/// Reads an `integer`.
pub fn read_i32(bytes: &[u8]) -> Result<i32, Error> {
    let bytes = bytes.first_chunk().ok_or_else(malformed)?;
    Ok(i32::from_be_bytes(*bytes))
}

/// Reads a `bigint`.
pub fn read_i64(bytes: &[u8]) -> Result<i64, Error> {
    let bytes = bytes.first_chunk().ok_or_else(malformed)?;
    Ok(i64::from_be_bytes(*bytes))
}

/// Reads a `double precision`.
pub fn read_f64(bytes: &[u8]) -> Result<f64, Error> {
    let bytes = bytes.first_chunk().ok_or_else(malformed)?;
    Ok(f64::from_be_bytes(*bytes))
}

/// Reads a `timestamptz` as microseconds since 1970-01-01. Infinities, which we never write, become very early or late
/// times.
pub fn read_instant(bytes: &[u8]) -> Result<i64, Error> {
    Ok(read_i64(bytes)?.saturating_add(POSTGRES_EPOCH_MICROS))
}

/// Reads a `date` as days since 1970-01-01.
pub fn read_day(bytes: &[u8]) -> Result<i32, Error> {
    Ok(read_i32(bytes)?.saturating_add(POSTGRES_EPOCH_DAYS))
}

/// Reads text.
pub fn read_text(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|_| malformed())
}

/// Reads a `numeric` with at most six decimals as millionths.
///
/// The form is that of `numeric_send`: number of digits, weight of the first, sign, scale, then digits of base 10,000.
pub fn read_millionths(bytes: &[u8]) -> Result<i128, Error> {
    const NEGATIVE: i16 = 0x4000;
    let word = |position: usize| -> Result<i16, Error> {
        let bytes = bytes.get(position * 2..).and_then(<[u8]>::first_chunk);
        Ok(i16::from_be_bytes(*bytes.ok_or_else(malformed)?))
    };
    let digits = usize::try_from(word(0)?).map_err(|_| malformed())?;
    let weight = i32::from(word(1)?);
    let mut hundred_millionths: i128 = 0;
    for position in 0..digits {
        let digit = i128::from(word(4 + position)?);
        let exponent = weight - position as i32 + 2;
        let place = u32::try_from(exponent)
            .ok()
            .and_then(|exponent| 10_000_i128.checked_pow(exponent));
        // Digits beyond the eighth decimal do not occur in columns of six decimals.
        hundred_millionths += place.map_or(0, |place| digit.saturating_mul(place));
    }
    let millionths = hundred_millionths / 100;
    Ok(if word(2)? == NEGATIVE {
        -millionths
    } else {
        millionths
    })
}

fn malformed() -> Error {
    Error::Internal("the database sent an array that cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(weight: i16, sign: i16, digits: &[i16]) -> Vec<u8> {
        let length = i16::try_from(digits.len()).expect("few digits");
        let words = [length, weight, sign, 6]
            .into_iter()
            .chain(digits.iter().copied());
        words.flat_map(i16::to_be_bytes).collect()
    }

    #[test]
    fn numerics_become_millionths() {
        // 12345.678901 is 1 * 10000 + 2345 + 6789 / 10000 + 100 / 100000000.
        let value = numeric(1, 0, &[1, 2345, 6789, 100]);
        assert_eq!(read_millionths(&value).expect("reads"), 12_345_678_901);
        let negative = numeric(-1, 0x4000, &[5000]);
        assert_eq!(read_millionths(&negative).expect("reads"), -500_000);
        assert_eq!(read_millionths(&numeric(0, 0, &[])).expect("reads"), 0);
    }

    #[test]
    fn broken_arrays_are_refused() {
        let mut whole: Vec<u8> = [1, 0, 23, 1, 1, 4, 7]
            .iter()
            .flat_map(|word: &i32| word.to_be_bytes())
            .collect();
        let mut elements = Elements::new(&whole).expect("a header");
        assert_eq!(
            elements.next_element().expect("an element"),
            Some(Some(&[0, 0, 0, 7][..]))
        );
        assert_eq!(elements.next_element().expect("the end"), None);
        whole.pop();
        let mut elements = Elements::new(&whole).expect("a header");
        assert!(elements.next_element().is_err());
    }
}
