//! The subscribers of a chunk, and the SQL that selects them: a range of ids for a scan, a list of ids for subscribers
//! who just changed.

use super::chunk_range::ChunkRange;
use crate::evaluate::RowIds;

/// The subscribers of a chunk, one row for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// Consecutive ids.
    Range(ChunkRange),
    /// These ids, ascending and each once.
    List(Vec<i64>),
}

impl Rows {
    /// Returns the number of rows.
    pub fn count(&self) -> usize {
        match self {
            Rows::Range(range) => range.rows,
            Rows::List(ids) => ids.len(),
        }
    }

    /// Returns the ids of the rows.
    pub fn ids(&self) -> RowIds {
        match self {
            Rows::Range(range) => RowIds::From(range.first),
            Rows::List(ids) => RowIds::Listed(ids.clone()),
        }
    }

    /// Lists the pieces that are read with one query each: the blocks of a range, or the whole list.
    pub fn pieces(&self) -> Vec<Piece<'_>> {
        match self {
            Rows::Range(range) => {
                let piece = |(first, last)| Piece::Range {
                    first,
                    last,
                    chunk_first: range.first,
                };
                range.blocks().map(piece).collect()
            }
            Rows::List(ids) => vec![Piece::List(ids)],
        }
    }

    /// Returns all rows in one piece.
    pub fn whole(&self) -> Piece<'_> {
        match self {
            Rows::Range(range) => Piece::Range {
                first: range.first,
                last: range.last(),
                chunk_first: range.first,
            },
            Rows::List(ids) => Piece::List(ids),
        }
    }
}

/// Rows that one query reads. Ids are numbers, so that they can be written into the text of the query.
#[derive(Debug, Clone, Copy)]
pub enum Piece<'r> {
    /// Consecutive ids of a chunk.
    Range {
        /// The first id.
        first: i64,
        /// The first id after them.
        last: i64,
        /// The first id of the chunk.
        chunk_first: i64,
    },
    /// The ids of a whole chunk.
    List(&'r [i64]),
}

impl Piece<'_> {
    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Piece::Range { first, last, .. } => usize::try_from(last - first).unwrap_or_default(),
            Piece::List(ids) => ids.len(),
        }
    }

    /// Returns the SQL that follows FROM: the rows of a table for these ids, with a condition that AND may follow.
    pub fn source(&self, table: &str, id: &str) -> String {
        match self {
            Piece::Range { first, last, .. } => {
                format!("{table} WHERE {id} >= {first} AND {id} < {last}")
            }
            Piece::List(ids) => {
                let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
                format!(
                    "unnest('{{{}}}'::bigint[]) WITH ORDINALITY AS asked (asked_id, asked_place) \
                     JOIN {table} ON {id} = asked_id WHERE true",
                    ids.join(",")
                )
            }
        }
    }

    /// Returns the SQL for the place of a row in the piece, from 0.
    pub fn place(&self, id: &str) -> String {
        match self {
            Piece::Range { first, .. } => format!("({id} - {first})"),
            Piece::List(_) => "(asked_place - 1)".to_owned(),
        }
    }

    /// Returns the SQL for the place of a row in the chunk, from 0.
    pub fn place_in_chunk(&self, id: &str) -> String {
        match self {
            Piece::Range { chunk_first, .. } => format!("({id} - {chunk_first})"),
            Piece::List(_) => self.place(id),
        }
    }
}
