//! Membership: who is in which group or segment, read from rows and bitmaps.
//!
//! The bit of a subscriber in a segment is bit `id & 8191` of block `id >> 13`, least significant bit first.

use super::group::Group;
use super::id_set::IdSet;
use super::paging::{Page, PageRequest};
use super::segment::Segment;
use super::subscriber::{self, Subscriber, SubscriberKey, SubscriberOrder};
use crate::db::schema::{group_memberships, segment_blocks, subscribers};
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Timestamptz};
use std::collections::HashMap;
use std::sync::Arc;

/// How many ids a block has.
pub const BLOCK_IDS: i64 = 8_192;
/// How many blocks a chunk has: what is evaluated at a time, and what a change is remembered by.
pub const CHUNK_BLOCKS: i32 = 16;
/// How many ids a chunk has.
pub const CHUNK_IDS: i64 = BLOCK_IDS * CHUNK_BLOCKS as i64;
/// How many bytes the bitmap of a block has.
pub const BLOCK_BYTES: usize = 1_024;

/// How many blocks are read at a time while looking for the members of a page.
const BLOCKS_AT_A_TIME: i64 = 16;

/// What adding to or removing from a group did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberChange {
    /// How many memberships changed.
    pub changed: usize,
    /// How many were so already.
    pub unchanged: usize,
    /// How many of the subscribers do not exist.
    pub unknown: usize,
}

impl MemberChange {
    pub(super) fn new(asked: &[i64], existing: usize, changed: usize) -> MemberChange {
        let mut distinct = asked.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        MemberChange {
            changed,
            unchanged: existing.saturating_sub(changed),
            unknown: distinct.len().saturating_sub(existing),
        }
    }
}

/// Keeps a refresh from writing members until the end of this transaction; several such transactions may run at once.
///
/// # Errors
/// Those of the database.
pub fn lock_against_refresh(connection: &mut PgConnection) -> Result<(), Error> {
    Ok(connection.batch_execute(
        "SELECT pg_advisory_xact_lock_shared(hashtextextended('rollcall members ' || current_schema(), 0))",
    )?)
}

/// Waits for the transactions that hold [`lock_against_refresh`] and keeps others out until the end of this one. A
/// refresh, the follower and a deletion take it: each reads members and writes them back, and their changes become
/// visible in the order of their ids.
///
/// # Errors
/// Those of the database.
pub fn lock_for_refresh(connection: &mut PgConnection) -> Result<(), Error> {
    Ok(connection.batch_execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('rollcall members ' || current_schema(), 0))",
    )?)
}

/// Groups by subscriber, each with when the subscriber was added.
pub type GroupsBySubscriber = HashMap<i64, Vec<(Arc<Group>, DateTime<Utc>)>>;

/// Lists the groups of each of these subscribers, by key. Each group is read once, however many are in it.
///
/// # Errors
/// Those of the database.
pub fn list_groups_of(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
) -> Result<GroupsBySubscriber, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(embed)]
        group: Group,
        #[diesel(sql_type = Array<BigInt>)]
        members: Vec<i64>,
        #[diesel(sql_type = Array<Timestamptz>)]
        added_at: Vec<DateTime<Utc>>,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT g.*, m.members, m.added_at FROM (\
             SELECT group_id, array_agg(subscriber_id) AS members, array_agg(added_at) AS added_at \
             FROM group_memberships WHERE subscriber_id = ANY($1) GROUP BY group_id) m \
         JOIN groups g ON g.id = m.group_id ORDER BY g.key",
    )
    .bind::<Array<BigInt>, _>(subscriber_ids)
    .load(connection)?;
    let mut by_subscriber = GroupsBySubscriber::new();
    for row in rows {
        let group = Arc::new(row.group);
        for (member, added_at) in row.members.into_iter().zip(row.added_at) {
            let groups = by_subscriber.entry(member).or_default();
            groups.push((Arc::clone(&group), added_at));
        }
    }
    Ok(by_subscriber)
}

/// Lists the segments of each of these subscribers, by key. Each segment is read once, however many are in it.
///
/// # Errors
/// Those of the database.
pub fn list_segments_of(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
) -> Result<HashMap<i64, Vec<Arc<Segment>>>, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(embed)]
        segment: Segment,
        #[diesel(sql_type = Array<BigInt>)]
        members: Vec<i64>,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT s.*, m.members FROM (\
             SELECT b.segment_id, array_agg(asked.id) AS members FROM unnest($1) AS asked (id) \
             JOIN segment_blocks b ON b.block = (asked.id >> 13)::integer \
             WHERE get_bit(b.members, asked.id & 8191) = 1 GROUP BY b.segment_id) m \
         JOIN segments s ON s.id = m.segment_id ORDER BY s.key",
    )
    .bind::<Array<BigInt>, _>(subscriber_ids)
    .load(connection)?;
    let mut by_subscriber: HashMap<i64, Vec<Arc<Segment>>> = HashMap::new();
    for row in rows {
        let segment = Arc::new(row.segment);
        for member in row.members {
            let segments = by_subscriber.entry(member).or_default();
            segments.push(Arc::clone(&segment));
        }
    }
    Ok(by_subscriber)
}

/// Returns which of these (group, subscriber) pairs are memberships.
///
/// # Errors
/// Those of the database.
pub fn filter_group_memberships(
    connection: &mut PgConnection,
    pairs: &[(i64, i64)],
) -> Result<Vec<(i64, i64)>, Error> {
    filter_pairs(
        connection,
        pairs,
        "SELECT asked.holder, asked.subscriber FROM unnest($1, $2) AS asked (holder, subscriber) \
         JOIN group_memberships m ON m.group_id = asked.holder AND m.subscriber_id = asked.subscriber",
    )
}

/// Returns which of these (segment, subscriber) pairs are memberships.
///
/// # Errors
/// Those of the database.
pub fn filter_segment_memberships(
    connection: &mut PgConnection,
    pairs: &[(i64, i64)],
) -> Result<Vec<(i64, i64)>, Error> {
    filter_pairs(
        connection,
        pairs,
        "SELECT asked.holder, asked.subscriber FROM unnest($1, $2) AS asked (holder, subscriber) \
         JOIN segment_blocks b ON b.segment_id = asked.holder AND b.block = (asked.subscriber >> 13)::integer \
         WHERE get_bit(b.members, asked.subscriber & 8191) = 1",
    )
}

fn filter_pairs(
    connection: &mut PgConnection,
    pairs: &[(i64, i64)],
    sql: &str,
) -> Result<Vec<(i64, i64)>, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        holder: i64,
        #[diesel(sql_type = BigInt)]
        subscriber: i64,
    }
    let (holders, subscribers): (Vec<i64>, Vec<i64>) = pairs.iter().copied().unzip();
    let rows: Vec<Row> = diesel::sql_query(sql)
        .bind::<Array<BigInt>, _>(holders)
        .bind::<Array<BigInt>, _>(subscribers)
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.holder, row.subscriber))
        .collect())
}

/// Lists a page of the members of a group, with when each was added.
///
/// # Errors
/// Those of the database.
pub fn list_group_members(
    connection: &mut PgConnection,
    group_id: i64,
    order: SubscriberOrder,
    request: &PageRequest<SubscriberKey>,
) -> Result<Page<(Subscriber, DateTime<Utc>)>, Error> {
    request.fetch(
        |(member, _): &(Subscriber, DateTime<Utc>)| member.key(order),
        |request, limit| {
            let mut query = group_memberships::table
                .inner_join(subscribers::table)
                .filter(group_memberships::group_id.eq(group_id))
                .select((Subscriber::as_select(), group_memberships::added_at))
                .limit(limit)
                .into_boxed();
            let id = group_memberships::subscriber_id;
            match &request.after {
                Some(SubscriberKey::Id(after)) => query = query.filter(id.gt(*after)),
                Some(SubscriberKey::Email(after)) => {
                    query = query.filter(subscribers::email.gt(after))
                }
                None => {}
            }
            match &request.before {
                Some(SubscriberKey::Id(before)) => query = query.filter(id.lt(*before)),
                Some(SubscriberKey::Email(before)) => {
                    query = query.filter(subscribers::email.lt(before));
                }
                None => {}
            }
            query = match (order, request.from_end) {
                (SubscriberOrder::Id, false) => query.order(id.asc()),
                (SubscriberOrder::Id, true) => query.order(id.desc()),
                (SubscriberOrder::Email, false) => query.order(subscribers::email.asc()),
                (SubscriberOrder::Email, true) => query.order(subscribers::email.desc()),
            };
            Ok(query.load(connection)?)
        },
    )
}

/// Lists a page of the members of a segment.
///
/// # Errors
/// Those of the database.
pub fn list_segment_members(
    connection: &mut PgConnection,
    segment_id: i64,
    order: SubscriberOrder,
    request: &PageRequest<SubscriberKey>,
) -> Result<Page<Subscriber>, Error> {
    // One snapshot, so that nobody vanishes between reading the bits and reading the people.
    connection
        .build_transaction()
        .repeatable_read()
        .read_only()
        .run(|connection| {
            match order {
                // Only the blocks of the page are read.
                SubscriberOrder::Id => request.fetch(
                    |member: &Subscriber| member.key(order),
                    |request, limit| members_by_id(connection, segment_id, request, limit),
                ),
                SubscriberOrder::Email => {
                    let members = IdSet::of_segment(connection, segment_id)?;
                    members.list_page(connection, order, request)
                }
            }
        })
}

fn members_by_id(
    connection: &mut PgConnection,
    segment_id: i64,
    request: &PageRequest<SubscriberKey>,
    limit: i64,
) -> Result<Vec<Subscriber>, Error> {
    let (mut first, mut last) = subscriber::id_bounds(request);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut ids: Vec<i64> = Vec::new();
    while first <= last && ids.len() < limit {
        let blocks = blocks_between(connection, segment_id, first, last, request.from_end)?;
        let Some((end, _)) = blocks.last() else {
            break;
        };
        let next = (
            i64::from(*end) * BLOCK_IDS - 1,
            (i64::from(*end) + 1) * BLOCK_IDS,
        );
        for (block, members) in &blocks {
            let mut found = list_bits(*block, members);
            found.retain(|id| first <= *id && *id <= last);
            if request.from_end {
                found.reverse();
            }
            ids.extend(found);
        }
        if request.from_end {
            last = next.0;
        } else {
            first = next.1;
        }
    }
    ids.truncate(limit);
    subscriber::find_in_order(connection, &ids)
}

fn blocks_between(
    connection: &mut PgConnection,
    segment_id: i64,
    first: i64,
    last: i64,
    from_end: bool,
) -> Result<Vec<(i32, Vec<u8>)>, Error> {
    let block_of = |id: i64| i32::try_from(id >> 13).unwrap_or(i32::MAX);
    let mut query = segment_blocks::table
        .filter(segment_blocks::segment_id.eq(segment_id))
        .filter(segment_blocks::block.ge(block_of(first)))
        .filter(segment_blocks::block.le(block_of(last)))
        .select((segment_blocks::block, segment_blocks::members))
        .limit(BLOCKS_AT_A_TIME)
        .into_boxed();
    query = if from_end {
        query.order(segment_blocks::block.desc())
    } else {
        query.order(segment_blocks::block.asc())
    };
    Ok(query.load(connection)?)
}

/// Lists the ids whose bits are set in a block, ascending.
pub fn list_bits(block: i32, members: &[u8]) -> Vec<i64> {
    let first = i64::from(block) * BLOCK_IDS;
    let mut ids = Vec::new();
    for (position, byte) in members.iter().enumerate() {
        let mut rest = *byte;
        while rest != 0 {
            ids.push(first + position as i64 * 8 + i64::from(rest.trailing_zeros()));
            rest &= rest - 1;
        }
    }
    ids
}
