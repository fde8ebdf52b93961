//! Rows of the log, and how they store ids.

use crate::audience::gaps;
use crate::db::schema::changes;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;

/// A row of `changes`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = changes, check_for_backend(diesel::pg::Pg))]
pub(super) struct Row {
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub kind: String,
    pub about: Option<i64>,
    pub fields: Vec<Option<String>>,
    pub first_id: Option<i64>,
    pub last_id: Option<i64>,
    pub ids: Option<Vec<u8>>,
    pub token: i64,
}

/// The stored form of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredIds {
    /// The least and the greatest id; `None` if there are none.
    pub bounds: Option<(i64, i64)>,
    /// The offsets from the least id, encoded; `None` if every id from the least to the greatest is there.
    pub coded: Option<Vec<u8>>,
    /// How many ids there are.
    pub number: i32,
}

impl StoredIds {
    /// Encodes ids of one chunk, ascending and each once.
    pub fn of(ids: &[i64]) -> StoredIds {
        let bounds = ids.first().copied().zip(ids.last().copied());
        let number = i32::try_from(ids.len()).unwrap_or(i32::MAX);
        let has_gaps = |(first, last): &(i64, i64)| last - first >= i64::from(number);
        let coded = bounds.filter(has_gaps).map(|(first, _)| {
            let places = ids.iter().filter_map(|id| u32::try_from(id - first).ok());
            gaps::encode(&places.collect::<Vec<u32>>())
        });
        StoredIds {
            bounds,
            coded,
            number,
        }
    }
}

/// Decodes ids from their stored form, ascending.
///
/// # Errors
/// [`Error::Internal`] if they cannot be read.
pub(super) fn read_ids(
    bounds: Option<(i64, i64)>,
    coded: Option<&[u8]>,
) -> Result<Vec<i64>, Error> {
    let Some((first, last)) = bounds else {
        return Ok(Vec::new());
    };
    Ok(match coded {
        None => (first..=last).collect(),
        Some(coded) => {
            let places = gaps::decode(coded)?.into_iter();
            places.map(|place| first + i64::from(place)).collect()
        }
    })
}

impl Row {
    /// Returns the ids that the row keeps, ascending.
    pub fn read_ids(&self) -> Result<Vec<i64>, Error> {
        read_ids(self.first_id.zip(self.last_id), self.ids.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back() {
        for (ids, is_run) in [
            (vec![], true),
            (vec![131_072], true),
            (vec![7, 8, 9], true),
            (vec![1, 3, 131_071], false),
        ] {
            let stored = StoredIds::of(&ids);
            assert_eq!(stored.coded.is_none(), is_run, "{ids:?}");
            assert_eq!(stored.number as usize, ids.len());
            let read = read_ids(stored.bounds, stored.coded.as_deref());
            assert_eq!(read.expect("reads"), ids);
        }
    }
}
