//! Reads an export page by page. Each page begins after the last key of the page before it.

use super::columns::Chosen;
use crate::audience::block::CHUNK_IDS;
use crate::audience::id_set::IdSet;
use crate::db::schema::{events, groups, segments};
use crate::error::Error;
use crate::past::joined_at_of;
use crate::rule::Status;
use chrono::{DateTime, Utc};
use diesel::deserialize::{self, QueryableByName};
use diesel::dsl::max;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::row::{Field, NamedRow};
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use std::collections::HashMap;

/// How many rows are read at a time.
pub const PAGE: usize = 4_096;

/// The cells of a row as text, in one buffer.
pub struct Cells {
    key: i64,
    bytes: Vec<u8>,
    /// Where each cell ends in the bytes; `None` for a missing cell.
    ends: Vec<Option<usize>>,
}

impl Cells {
    /// Returns the cells in their order. A missing cell is `None`.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = (*end)?;
            let cell = self.bytes.get(start..end);
            start = end;
            cell
        })
    }
}

impl QueryableByName<Pg> for Cells {
    /// The first column is the key, the others are cells.
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        let count = row.field_count();
        let mut cells = Cells {
            key: NamedRow::get::<BigInt, i64>(row, "key_of_page")?,
            bytes: Vec::with_capacity(count * 16),
            ends: Vec::with_capacity(count),
        };
        for place in 1..count {
            let field =
                diesel::row::Row::get(row, place).ok_or("a row has fewer cells than asked for")?;
            let end = field.value().map(|value| {
                cells.bytes.extend_from_slice(value.as_bytes());
                cells.bytes.len()
            });
            cells.ends.push(end);
        }
        Ok(cells)
    }
}

/// Which columns are read, and of which subscribers.
pub struct Scope<'s> {
    /// The columns.
    pub columns: &'s Chosen,
    /// Only subscribers with these statuses. If empty, all subscribers.
    pub statuses: &'s [Status],
}

/// A part of an export that is read along one key.
pub enum Part {
    /// All subscribers, by id.
    Everybody,
    /// These subscribers, by id.
    Some(IdSet),
    /// The members of a group and their memberships, by id.
    OfGroup {
        /// The group.
        id: i64,
        /// The key of the group.
        key: String,
    },
    /// The members of a segment and their memberships, by id.
    OfSegment {
        /// The segment.
        id: i64,
        /// The key of the segment.
        key: String,
    },
    /// The events, in the order in which they were recorded.
    Events {
        /// The id of the last event.
        last: i64,
    },
}

/// How far a part was read.
pub struct State {
    /// The last key that was read.
    after: i64,
    is_over: bool,
    /// The members of the segment that is being read.
    members: Option<IdSet>,
    /// When the members of the current chunk joined, by segment and subscriber.
    joined: HashMap<(i64, i64), DateTime<Utc>>,
    chunk: Option<i64>,
}

impl Default for State {
    /// Before the first key.
    fn default() -> Self {
        State {
            after: -1,
            is_over: false,
            members: None,
            joined: HashMap::new(),
            chunk: None,
        }
    }
}

/// Rows of a part.
pub struct Page {
    /// The last key.
    pub last_key: i64,
    /// The rows.
    pub rows: Vec<Cells>,
}

/// Returns the parts of an export of memberships: groups and then segments, each by key.
pub fn membership_parts(connection: &mut PgConnection) -> Result<Vec<Part>, Error> {
    let groups: Vec<(i64, String)> = groups::table
        .order(groups::key)
        .select((groups::id, groups::key))
        .load(connection)?;
    let segments: Vec<(i64, String)> = segments::table
        .order(segments::key)
        .select((segments::id, segments::key))
        .load(connection)?;
    let groups = groups.into_iter();
    let groups = groups.map(|(id, key)| Part::OfGroup { id, key });
    let segments = segments.into_iter();
    let segments = segments.map(|(id, key)| Part::OfSegment { id, key });
    Ok(groups.chain(segments).collect())
}

/// Members of a group along their ids, with the columns of a membership.
const OF_GROUP: &str = "FROM (SELECT 'group' AS kind, $5 AS key, added_at, NULL::timestamptz AS joined_at, source, subscriber_id \
    FROM group_memberships WHERE group_id = $4) m JOIN subscribers s ON s.id = m.subscriber_id WHERE m.subscriber_id > $3";
const OF_SEGMENT: &str = "FROM (SELECT 'segment' AS kind, $3 AS key, NULL::timestamptz AS added_at, joined_at, NULL AS source, subscriber_id \
    FROM unnest($4, $5) AS member (subscriber_id, joined_at)) m JOIN subscribers s ON s.id = m.subscriber_id WHERE true";

impl Part {
    /// Returns the part with all events.
    pub fn events(connection: &mut PgConnection) -> Result<Part, Error> {
        let last: Option<i64> = events::table.select(max(events::id)).first(connection)?;
        Ok(Part::Events {
            last: last.unwrap_or_default(),
        })
    }

    /// Returns the last key that the part can have if subscribers have this many ids.
    pub fn last_key(&self, ids: i64) -> i64 {
        match self {
            Part::Events { last } => *last,
            _ => ids,
        }
    }

    /// Reads the next page. Returns `None` after the last.
    pub fn next_page(
        &self,
        connection: &mut PgConnection,
        scope: &Scope<'_>,
        state: &mut State,
    ) -> Result<Option<Page>, Error> {
        if state.is_over {
            return Ok(None);
        }
        let after = state.after;
        let rows = match self {
            Part::Everybody => {
                let sql = scope.sql("s.id", "FROM subscribers s WHERE s.id > $3", "s.id");
                scope.bind(sql).bind::<BigInt, _>(after).load(connection)?
            }
            Part::Some(members) => {
                let ids = list_after(members, after);
                let sql = scope.sql("s.id", "FROM subscribers s WHERE s.id = ANY($3)", "s.id");
                let query = scope.bind(sql).bind::<Array<BigInt>, _>(&ids);
                let rows = query.load(connection)?;
                return Ok(state.go_to(ids.last().copied(), rows));
            }
            Part::OfGroup { id, key } => {
                let sql = scope.sql("m.subscriber_id", OF_GROUP, "m.subscriber_id");
                let query = scope.bind(sql).bind::<BigInt, _>(after);
                let query = query.bind::<BigInt, _>(id).bind::<Text, _>(key);
                query.load(connection)?
            }
            Part::OfSegment { id, key } => {
                return self.next_of_segment(connection, scope, state, (*id, key));
            }
            Part::Events { .. } => {
                let from =
                    "FROM events e JOIN subscribers s ON s.id = e.subscriber_id WHERE e.id > $3";
                let sql = scope.sql("e.id", from, "e.id");
                scope.bind(sql).bind::<BigInt, _>(after).load(connection)?
            }
        };
        Ok(state.go_on(rows))
    }

    fn next_of_segment(
        &self,
        connection: &mut PgConnection,
        scope: &Scope<'_>,
        state: &mut State,
        (id, key): (i64, &str),
    ) -> Result<Option<Page>, Error> {
        let members = match state.members.take() {
            Some(members) => members,
            None => IdSet::of_segment(connection, id)?,
        };
        let mut ids = list_after(&members, state.after);
        // The times of joining are found and remembered for one chunk at a time.
        let chunk = ids.first().map(|first| first / CHUNK_IDS);
        ids.retain(|id| Some(id / CHUNK_IDS) == chunk);
        if let Some(number) = chunk.filter(|_| state.chunk != chunk) {
            let last = (number + 1) * CHUNK_IDS - 1;
            let everybody = members.list_between(number * CHUNK_IDS, last, false, usize::MAX);
            let pairs: Vec<(i64, i64)> = everybody.iter().map(|member| (id, *member)).collect();
            state.joined = joined_at_of(connection, &pairs, None)?;
            state.chunk = chunk;
        }
        state.members = Some(members);
        let joined: Vec<Option<DateTime<Utc>>> = ids
            .iter()
            .map(|member| state.joined.get(&(id, *member)).copied())
            .collect();
        let sql = scope.sql("m.subscriber_id", OF_SEGMENT, "m.subscriber_id");
        let query = scope.bind(sql).bind::<Text, _>(key);
        let query = query.bind::<Array<BigInt>, _>(&ids);
        let query = query.bind::<Array<Nullable<Timestamptz>>, _>(joined);
        let rows = query.load(connection)?;
        Ok(state.go_to(ids.last().copied(), rows))
    }
}

fn list_after(members: &IdSet, after: i64) -> Vec<i64> {
    members.list_between(after + 1, i64::MAX, false, PAGE)
}

impl State {
    /// Goes on after a page that was read along the key. A page with fewer than [`PAGE`] rows is the last one.
    fn go_on(&mut self, rows: Vec<Cells>) -> Option<Page> {
        self.is_over = rows.len() < PAGE;
        let last_key = rows.last()?.key;
        self.after = last_key;
        Some(Page { last_key, rows })
    }

    /// Goes on after a page of known ids, of which `last` was the last.
    fn go_to(&mut self, last: Option<i64>, rows: Vec<Cells>) -> Option<Page> {
        let Some(last_key) = last else {
            self.is_over = true;
            return None;
        };
        self.after = last_key;
        Some(Page { last_key, rows })
    }
}

/// A statement with values bound to it.
type Statement = diesel::query_builder::BoxedSqlQuery<'static, Pg, diesel::query_builder::SqlQuery>;

impl Scope<'_> {
    /// Returns the statement of a page. [`Scope::bind`] binds `$1` and `$2`.
    fn sql(&self, key: &str, from: &str, order: &str) -> String {
        let columns: Vec<&str> = self
            .columns
            .columns
            .iter()
            .map(|column| column.sql.as_str())
            .collect();
        // $1 must be used, so that its type is known.
        format!(
            "SELECT {key} AS key_of_page, {} {from} AND ($2::text[] IS NULL OR s.status = ANY($2)) \
             AND $1::text[] IS NOT NULL ORDER BY {order} LIMIT {PAGE}",
            columns.join(", ")
        )
    }

    fn bind(&self, sql: String) -> Statement {
        let statuses: Vec<String> = self
            .statuses
            .iter()
            .map(|status| status.as_str().to_owned())
            .collect();
        let statuses = (!statuses.is_empty()).then_some(statuses);
        diesel::sql_query(sql)
            .into_boxed()
            .bind::<Array<Text>, _>(self.columns.names.clone())
            .bind::<Nullable<Array<Text>>, _>(statuses)
    }
}
