//! How many members groups and segments have, and how many of them they share.

use super::id_set::{IdSet, SETS_AT_A_TIME};
use crate::db::schema::{group_memberships, segment_counts};
use crate::db::statement;
use crate::error::Error;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};
use std::collections::HashMap;

/// Returns how many members each of these groups has.
pub fn count_group_members(
    connection: &mut PgConnection,
    group_ids: &[i64],
) -> Result<HashMap<i64, i64>, Error> {
    let rows: Vec<(i64, i64)> = group_memberships::table
        .filter(group_memberships::group_id.eq_any(group_ids))
        .group_by(group_memberships::group_id)
        .select((group_memberships::group_id, diesel::dsl::count_star()))
        .load(connection)?;
    Ok(rows.into_iter().collect())
}

/// Returns how many members each of these segments has: triggers keep the counts, so that no block is read.
pub fn count_segment_members(
    connection: &mut PgConnection,
    segment_ids: &[i64],
) -> Result<HashMap<i64, i64>, Error> {
    let counts: Vec<(i64, i64)> = segment_counts::table
        .filter(segment_counts::segment_id.eq_any(segment_ids))
        .select((segment_counts::segment_id, segment_counts::members))
        .load(connection)?;
    Ok(counts.into_iter().collect())
}

/// The numbers of members of the first, of the second, and of both.
pub type Overlap = (i64, i64, i64);

/// Counts the members of each of these segments, of another, and of both.
pub fn count_overlaps(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    other_id: i64,
) -> Result<HashMap<i64, Overlap>, Error> {
    let others = IdSet::of_segment(connection, other_id)?;
    let mut overlaps = HashMap::new();
    for ids in segment_ids.chunks(SETS_AT_A_TIME) {
        for (id, mut members) in IdSet::of_segments(connection, ids)? {
            let this = members.count() as i64;
            members.retain(&others);
            overlaps.insert(id, (this, others.count() as i64, members.count() as i64));
        }
    }
    Ok(overlaps)
}

/// Counts the members of each of these segments, of a group, and of both.
pub fn count_overlaps_with_group(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    group_id: i64,
) -> Result<HashMap<i64, Overlap>, Error> {
    let rows: Vec<(i64, i64, i64)> = statement(
        "SELECT asked.id, count(m.subscriber_id) AS others, \
         count(*) FILTER (WHERE get_bit(b.members, m.subscriber_id & 8191) = 1) AS both \
         FROM unnest($1) AS asked (id) LEFT JOIN group_memberships m ON m.group_id = $2 LEFT JOIN segment_blocks b \
         ON b.segment_id = asked.id AND b.block = (m.subscriber_id >> 13)::integer GROUP BY asked.id",
    )
    .bind::<Array<BigInt>, _>(segment_ids)
    .bind::<BigInt, _>(group_id)
    .returning::<(BigInt, BigInt, BigInt)>()
    .load(connection)?;
    let counts = count_segment_members(connection, segment_ids)?;
    let overlap = |(id, others, both)| {
        let this = counts.get(&id).copied().unwrap_or_default();
        (id, (this, others, both))
    };
    Ok(rows.into_iter().map(overlap).collect())
}
