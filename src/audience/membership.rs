//! Membership: which subscribers are in which group or segment, read from rows and bitmaps.

use super::block::{BLOCK_IDS, list_bits};
use super::block_piece::BlockPiece;
use super::group::Group;
use super::id_set::{FEW_MEMBERS, IdSet, SETS_AT_A_TIME};
use super::paged_list::{Item, PagedList};
use super::paging::{KeyRange, Page, PageRequest};
use super::segment::Segment;
use super::subscriber::{self, SubscriberKey, SubscriberOrder};
use crate::db::statement;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How many blocks are read at a time while looking for the members of a page.
const BLOCKS_AT_A_TIME: i64 = 16;

/// Groups by subscriber, each with when the subscriber was added.
pub type GroupsBySubscriber = HashMap<i64, Vec<(Arc<Group>, DateTime<Utc>)>>;

/// Lists the groups of each of these subscribers, ordered by key. Each group is read once, however many are in it.
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
    let rows: Vec<Row> = statement(
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

/// Lists the segments of each of these subscribers, ordered by key. Each segment is read once, however many are in it.
/// Only those bytes of a block that have the bits of these subscribers are read.
pub fn list_segments_of(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
) -> Result<HashMap<i64, Vec<Arc<Segment>>>, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(embed)]
        segment: Segment,
        #[diesel(sql_type = Array<BigInt>)]
        places: Vec<i64>,
        #[diesel(sql_type = Array<Nullable<Binary>>)]
        bytes: Vec<Option<Vec<u8>>>,
    }
    let pieces = BlockPiece::of(subscriber_ids);
    let of = |value: fn(&BlockPiece) -> i32| pieces.iter().map(value).collect::<Vec<i32>>();
    let rows: Vec<Row> = statement(
        "SELECT s.*, m.places, m.bytes FROM (\
             SELECT b.segment_id, array_agg(asked.place) AS places, array_agg(piece.bytes) AS bytes \
             FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS asked (block, first, length, bit, place) \
             JOIN segment_blocks b ON b.block = asked.block \
             CROSS JOIN LATERAL (SELECT CASE WHEN asked.bit IS NULL \
                 THEN substring(b.members FROM asked.first FOR asked.length) END AS bytes OFFSET 0) piece \
             WHERE CASE WHEN asked.bit IS NULL THEN bit_count(piece.bytes) > 0 ELSE get_bit(b.members, asked.bit) = 1 END \
             GROUP BY b.segment_id) m \
         JOIN segments s ON s.id = m.segment_id ORDER BY s.key",
    )
    .bind::<Array<Integer>, _>(of(|piece| piece.block))
    .bind::<Array<Integer>, _>(of(|piece| piece.first + 1))
    .bind::<Array<Integer>, _>(of(|piece| piece.length))
    .bind::<Array<Nullable<Integer>>, _>(pieces.iter().map(|piece| piece.bit).collect::<Vec<_>>())
    .load(connection)?;
    let mut by_subscriber: HashMap<i64, Vec<Arc<Segment>>> = HashMap::new();
    for row in rows {
        let segment = Arc::new(row.segment);
        for (place, bytes) in row.places.into_iter().zip(&row.bytes) {
            let piece = usize::try_from(place - 1).ok();
            let piece = piece.and_then(|place| pieces.get(place));
            for member in piece
                .into_iter()
                .flat_map(|piece| piece.members(bytes.as_deref()))
            {
                let segments = by_subscriber.entry(member).or_default();
                segments.push(Arc::clone(&segment));
            }
        }
    }
    Ok(by_subscriber)
}

/// Returns which of these (group, subscriber) pairs are memberships.
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
    let (holders, subscribers): (Vec<i64>, Vec<i64>) = pairs.iter().copied().unzip();
    Ok(statement(sql)
        .bind::<Array<BigInt>, _>(holders)
        .bind::<Array<BigInt>, _>(subscribers)
        .returning::<(BigInt, BigInt)>()
        .load(connection)?)
}

/// The key of a group or segment, and the id of a subscriber.
pub type KeyPair = (String, i64);

/// Returns whether each of these (group, subscriber) pairs is a membership. Pairs whose group does not exist are left
/// out.
pub fn test_group_memberships(
    connection: &mut PgConnection,
    pairs: &[KeyPair],
) -> Result<HashMap<KeyPair, bool>, Error> {
    test_pairs(
        connection,
        pairs,
        "SELECT asked.key, asked.subscriber, m.group_id IS NOT NULL AS is_member \
         FROM unnest($1, $2) AS asked (key, subscriber) JOIN groups g ON g.key = asked.key \
         LEFT JOIN group_memberships m ON m.group_id = g.id AND m.subscriber_id = asked.subscriber",
    )
}

/// Returns whether each of these (segment, subscriber) pairs is a membership. Pairs whose segment does not exist are
/// left out.
pub fn test_segment_memberships(
    connection: &mut PgConnection,
    pairs: &[KeyPair],
) -> Result<HashMap<KeyPair, bool>, Error> {
    test_pairs(
        connection,
        pairs,
        "SELECT asked.key, asked.subscriber, coalesce(get_bit(b.members, asked.subscriber & 8191) = 1, false) AS is_member \
         FROM unnest($1, $2) AS asked (key, subscriber) JOIN segments s ON s.key = asked.key \
         LEFT JOIN segment_blocks b ON b.segment_id = s.id AND b.block = (asked.subscriber >> 13)::integer",
    )
}

fn test_pairs(
    connection: &mut PgConnection,
    pairs: &[KeyPair],
    sql: &str,
) -> Result<HashMap<KeyPair, bool>, Error> {
    let (keys, subscribers): (Vec<&str>, Vec<i64>) =
        pairs.iter().map(|(key, id)| (key.as_str(), *id)).unzip();
    let tested: Vec<(String, i64, bool)> = statement(sql)
        .bind::<Array<Text>, _>(keys)
        .bind::<Array<BigInt>, _>(subscribers)
        .returning::<(Text, BigInt, Bool)>()
        .load(connection)?;
    let tested = tested.into_iter();
    Ok(tested
        .map(|(key, subscriber, is_member)| ((key, subscriber), is_member))
        .collect())
}

/// Finds a page of the members of each of these groups: their ids, and when each was added.
pub fn find_group_members(
    connection: &mut PgConnection,
    group_ids: &[i64],
    order: SubscriberOrder,
    request: &PageRequest<SubscriberKey>,
) -> Result<HashMap<i64, Page<Item>>, Error> {
    let by_id = PagedList {
        from: "group_memberships m WHERE m.group_id = asked.holder",
        id: "m.subscriber_id",
        key: &["m.subscriber_id"],
        bound: "KEY::bigint",
        moment: "m.added_at",
        ..PagedList::default()
    };
    let request = &request.map(SubscriberKey::to_string);
    if order == SubscriberOrder::Id {
        return by_id.find_pages(connection, group_ids, request);
    }
    let by_email = PagedList {
        id: "s.id",
        key: &["s.email"],
        bound: "KEY",
        ..by_id
    };
    // OFFSET 0 keeps the planner from choosing another plan: it does not know which groups are large.
    let by_sorting = PagedList {
        from: "(SELECT m.subscriber_id AS id, m.added_at, s.email FROM group_memberships m CROSS JOIN LATERAL \
               (SELECT email FROM subscribers WHERE id = m.subscriber_id OFFSET 0) s \
               WHERE m.group_id = asked.holder OFFSET 0) s WHERE true",
        moment: "s.added_at",
        ..by_email
    };
    let by_walking = PagedList {
        from: "subscribers s CROSS JOIN LATERAL (SELECT added_at FROM group_memberships \
               WHERE group_id = asked.holder AND subscriber_id = s.id OFFSET 0) m WHERE true",
        ..by_email
    };
    let large = filter_large_groups(connection, group_ids)?;
    let (large, small): (Vec<i64>, Vec<i64>) = group_ids.iter().partition(|id| large.contains(id));
    let mut pages = by_sorting.find_pages(connection, &small, request)?;
    pages.extend(by_walking.find_pages(connection, &large, request)?);
    Ok(pages)
}

/// Returns the groups that have too many members to sort all of them.
fn filter_large_groups(
    connection: &mut PgConnection,
    group_ids: &[i64],
) -> Result<HashSet<i64>, Error> {
    let large: Vec<i64> = statement(
        "SELECT asked.id FROM unnest($1) AS asked (id) WHERE EXISTS \
         (SELECT FROM group_memberships WHERE group_id = asked.id OFFSET $2)",
    )
    .bind::<Array<BigInt>, _>(group_ids)
    .bind::<BigInt, _>(FEW_MEMBERS as i64)
    .returning::<BigInt>()
    .load(connection)?;
    Ok(large.into_iter().collect())
}

/// Finds a page of the ids of the members of each of these segments.
pub fn find_segment_members(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    order: SubscriberOrder,
    request: &PageRequest<SubscriberKey>,
) -> Result<HashMap<i64, Page<i64>>, Error> {
    match order {
        // Only the blocks of the pages are read.
        SubscriberOrder::Id => request.fetch_each(
            segment_ids,
            |id: &i64| SubscriberKey::Id(*id),
            |ranges, from_end, limit| members_by_id(connection, ranges, from_end, limit),
        ),
        SubscriberOrder::Email => {
            let mut pages = HashMap::new();
            for ids in segment_ids.chunks(SETS_AT_A_TIME) {
                let sets = IdSet::of_segments(connection, ids)?;
                pages.extend(IdSet::find_pages(connection, &sets, order, request)?);
            }
            Ok(pages)
        }
    }
}

/// The search for the members of one segment from one id to another.
struct Search {
    segment_id: i64,
    first: i64,
    last: i64,
    found: Vec<i64>,
    is_done: bool,
}

/// Lists at most `limit` members of each segment by id: ascending, or descending from the end.
fn members_by_id(
    connection: &mut PgConnection,
    ranges: &[KeyRange<i64, SubscriberKey>],
    from_end: bool,
    limit: i64,
) -> Result<Vec<(i64, i64)>, Error> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut searches: HashMap<i64, Search> = ranges
        .iter()
        .map(|range| {
            let (first, last) = subscriber::id_bounds(range);
            let search = Search {
                segment_id: range.holder,
                first,
                last,
                found: Vec::new(),
                is_done: first > last,
            };
            (range.holder, search)
        })
        .collect();
    // A round reads some blocks of every segment that has not enough members yet.
    while searches.values().any(|search| !search.is_done) {
        let asked: Vec<&Search> = searches.values().filter(|search| !search.is_done).collect();
        let mut blocks = blocks_between(connection, &asked, from_end)?;
        for search in searches.values_mut().filter(|search| !search.is_done) {
            let blocks = blocks.remove(&search.segment_id).unwrap_or_default();
            search.read(&blocks, from_end);
            search.is_done |= search.found.len() >= limit || search.first > search.last;
        }
    }
    let found = searches.into_values();
    Ok(found
        .flat_map(|search| {
            let ids = search.found.into_iter().take(limit);
            ids.map(move |id| (search.segment_id, id))
        })
        .collect())
}

impl Search {
    /// Collects the members of the next blocks.
    fn read(&mut self, blocks: &[(i32, Vec<u8>)], from_end: bool) {
        for (block, members) in blocks {
            let mut ids = list_bits(*block, members);
            ids.retain(|id| self.first <= *id && *id <= self.last);
            if from_end {
                ids.reverse();
            }
            self.found.extend(ids);
        }
        let Some((end, _)) = blocks.last() else {
            self.is_done = true;
            return;
        };
        if from_end {
            self.last = i64::from(*end) * BLOCK_IDS - 1;
        } else {
            self.first = (i64::from(*end) + 1) * BLOCK_IDS;
        }
    }
}

/// The blocks of each segment, with their numbers.
type Blocks = HashMap<i64, Vec<(i32, Vec<u8>)>>;

/// Returns the next blocks of each segment.
fn blocks_between(
    connection: &mut PgConnection,
    searches: &[&Search],
    from_end: bool,
) -> Result<Blocks, Error> {
    let block_of = |id: i64| i32::try_from(id >> 13).unwrap_or(i32::MAX);
    let direction = if from_end { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT asked.id AS segment_id, b.block, b.members FROM unnest($1, $2, $3) AS asked (id, first, last) CROSS JOIN LATERAL \
         (SELECT block, members FROM segment_blocks WHERE segment_id = asked.id AND block BETWEEN asked.first AND asked.last \
          ORDER BY block {direction} LIMIT {BLOCKS_AT_A_TIME}) b ORDER BY b.block {direction}"
    );
    let of = |value: fn(&Search) -> i64| searches.iter().map(move |search| value(search));
    let rows: Vec<(i64, i32, Vec<u8>)> = statement(sql)
        .bind::<Array<BigInt>, _>(of(|search| search.segment_id).collect::<Vec<i64>>())
        .bind::<Array<Integer>, _>(
            of(|search| search.first)
                .map(block_of)
                .collect::<Vec<i32>>(),
        )
        .bind::<Array<Integer>, _>(of(|search| search.last).map(block_of).collect::<Vec<i32>>())
        .returning::<(BigInt, Integer, Binary)>()
        .load(connection)?;
    let mut blocks: HashMap<i64, Vec<(i32, Vec<u8>)>> = HashMap::new();
    for (segment_id, block, members) in rows {
        let of_segment = blocks.entry(segment_id).or_default();
        of_segment.push((block, members));
    }
    Ok(blocks)
}
