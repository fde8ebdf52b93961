//! The columns of a chunk of subscribers: one array per field that some rule uses.

use arrow_array::Array;
use arrow_array::{
    BooleanArray, Date32Array, Float64Array, ListArray, StringArray, TimestampMicrosecondArray,
    UInt8Array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use rollcall_rule::{DateField, TextField};
use std::collections::HashMap;

/// Names a column that can be loaded: a built-in or custom field.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColumnKey {
    /// Text.
    Text(TextField),
    /// A custom field of type number, by key.
    Number(String),
    /// Days or date-times.
    Date(DateField),
    /// A custom field of type boolean, by key.
    Boolean(String),
    /// A custom field of type list, by key.
    List(String),
    /// Degrees north.
    Latitude,
    /// Degrees east.
    Longitude,
    /// The status, as its place in [`Status::ALL`](rollcall_rule::Status::ALL).
    Status,
}

/// The values of one field, one row per id of the chunk. A row is null if the value or the subscriber is missing.
#[derive(Debug, Clone)]
pub enum Column {
    /// Text, not empty.
    Text(StringArray),
    /// Numbers, neither NaN nor infinite nor negative zero.
    Number(Float64Array),
    /// Days since 1970-01-01.
    Day(Date32Array),
    /// Microseconds since 1970-01-01 00:00 UTC.
    Instant(TimestampMicrosecondArray),
    /// Booleans.
    Boolean(BooleanArray),
    /// Lists of texts, none of them empty.
    List(ListArray),
    /// Places in [`Status::ALL`](rollcall_rule::Status::ALL).
    Status(UInt8Array),
}

impl Column {
    /// Returns which rows of the column have a value.
    pub fn is_set(&self) -> BooleanBuffer {
        let (nulls, rows) = match self {
            Column::Text(array) => (array.nulls(), array.len()),
            Column::Number(array) => (array.nulls(), array.len()),
            Column::Day(array) => (array.nulls(), array.len()),
            Column::Instant(array) => (array.nulls(), array.len()),
            Column::Boolean(array) => (array.nulls(), array.len()),
            Column::List(array) => (array.nulls(), array.len()),
            Column::Status(array) => (array.nulls(), array.len()),
        };
        nulls
            .map(NullBuffer::inner)
            .cloned()
            .unwrap_or_else(|| BooleanBuffer::new_set(rows))
    }
}

/// Group members that can be loaded: those of a group or of any group, added in a half-open range of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKey {
    /// The id of the group; `None` for any group at all.
    pub group: Option<i64>,
    /// The start of the range, in microseconds since 1970-01-01.
    pub from: Option<i64>,
    /// The end of the range, itself excluded.
    pub until: Option<i64>,
}

impl GroupKey {
    /// Returns whether a membership that began at this time counts.
    pub fn contains(&self, added_at: i64) -> bool {
        self.from.is_none_or(|from| from <= added_at)
            && self.until.is_none_or(|until| added_at < until)
    }
}

/// Memberships that can be loaded from the stored history of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HistoryKey {
    /// The id of the segment.
    pub segment_id: i64,
    /// Whether memberships that have ended count too.
    pub ever: bool,
    /// The earliest time at which a membership may have begun, in microseconds since 1970-01-01. If there is no bound
    /// at all, memberships count even if their beginning is no longer known.
    pub from: Option<i64>,
    /// The end of the range, itself excluded.
    pub until: Option<i64>,
}

impl HistoryKey {
    /// Returns whether a membership that began at this time counts.
    pub fn contains(&self, joined_at: i64) -> bool {
        self.from.is_none_or(|from| from <= joined_at)
            && self.until.is_none_or(|until| joined_at < until)
    }

    /// Returns whether memberships count whenever they began.
    pub fn is_unbounded(&self) -> bool {
        self.from.is_none() && self.until.is_none()
    }
}

/// The ids of the rows of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowIds {
    /// Consecutive ids from this one on.
    From(i64),
    /// These ids, ascending, one for each row.
    Listed(Vec<i64>),
}

impl RowIds {
    /// Returns the id of a row.
    pub fn get(&self, row: usize) -> i64 {
        match self {
            RowIds::From(first) => first + row as i64,
            RowIds::Listed(ids) => ids.get(row).copied().unwrap_or_default(),
        }
    }
}

/// The data that a [`Plan`](super::Plan) needs about some subscriber ids, one row for each.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The ids of the rows.
    pub ids: RowIds,
    /// Which ids have a subscriber.
    pub exists: BooleanBuffer,
    /// The columns that the plan lists.
    pub columns: HashMap<ColumnKey, Column>,
    /// The members of the groups that the plan lists.
    pub groups: HashMap<GroupKey, BooleanBuffer>,
    /// The stored members of the segments that the plan lists, by id.
    pub segments: HashMap<i64, BooleanBuffer>,
    /// The subscribers with a stored membership that counts, for each history key of the plan.
    pub histories: HashMap<HistoryKey, BooleanBuffer>,
    /// The answers to the event leaves of the plan, in their order; see [`EventTally`](super::EventTally).
    pub events: Vec<BooleanBuffer>,
}

impl Chunk {
    /// Returns the number of ids in the chunk.
    pub fn rows(&self) -> usize {
        self.exists.len()
    }
}
