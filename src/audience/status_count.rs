//! How many subscribers have each status: of all subscribers, of groups and of segments.

use super::id_set::{IdSet, SETS_AT_A_TIME};
use super::narrowing::put;
use crate::db::{Named, statement};
use crate::error::Error;
use crate::rule::Status;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, SmallInt, Text};
use std::collections::HashMap;

/// Changes of counts are added up once there are this many rows. Reading fewer rows takes hardly any time.
const MANY: i64 = 500;
/// How many rows are added up at once.
const AT_ONCE: i64 = 100_000;

/// Counts by status, in the order of [`Status::ALL`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatusCounts([i64; Status::ALL.len()]);

impl StatusCounts {
    /// Lists every status with its count.
    pub fn list(&self) -> impl Iterator<Item = (Status, i64)> {
        Status::ALL.into_iter().zip(self.0)
    }

    /// Returns the sum of all counts.
    pub fn total(&self) -> i64 {
        self.0.iter().sum()
    }

    /// Adds to the count of a status.
    fn add(&mut self, status: Status, count: i64) {
        let mut known = Status::ALL.into_iter().zip(&mut self.0);
        if let Some((_, of_status)) = known.find(|(known, _)| *known == status) {
            *of_status += count;
        }
    }
}

/// Returns the counts of all subscribers. Triggers keep them, so no subscriber is read.
pub fn count_everybody(connection: &mut PgConnection) -> Result<StatusCounts, Error> {
    let rows: Vec<(Named<Status>, i64)> = statement(
        "SELECT status, sum(count)::bigint AS count FROM subscriber_counts GROUP BY status",
    )
    .returning::<(Text, BigInt)>()
    .load(connection)?;
    let mut counts = StatusCounts::default();
    for (Named(status), count) in rows {
        counts.add(status, count);
    }
    Ok(counts)
}

/// Adds up the rows in which statements have stored changes of the counts, if there are many of them. Several
/// servers may do this at the same time, and while other statements add rows.
pub fn add_up(connection: &mut PgConnection) -> Result<(), Error> {
    statement(
        "WITH summed AS ( \
             SELECT id FROM subscriber_counts \
             WHERE (SELECT count(*) FROM (SELECT FROM subscriber_counts LIMIT $1) AS many) = $1 \
             ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED \
         ), gone AS ( \
             DELETE FROM subscriber_counts USING summed WHERE subscriber_counts.id = summed.id RETURNING status, count \
         ) INSERT INTO subscriber_counts (status, count) SELECT status, sum(count) FROM gone GROUP BY status",
    )
    .bind::<BigInt, _>(MANY)
    .bind::<BigInt, _>(AT_ONCE)
    .execute(connection)?;
    Ok(())
}

/// Counts the members of each of these groups by status.
pub fn count_groups(
    connection: &mut PgConnection,
    group_ids: &[i64],
) -> Result<HashMap<i64, StatusCounts>, Error> {
    let rows: Vec<(i64, Named<Status>, i64)> = statement(
        "SELECT m.group_id, coalesce(s.status, 'subscribed') AS status, count(*) AS members \
         FROM group_memberships m LEFT JOIN subscribers s ON s.id = m.subscriber_id AND s.status <> 'subscribed' \
         WHERE m.group_id = ANY($1) GROUP BY 1, 2",
    )
    .bind::<Array<BigInt>, _>(group_ids)
    .returning::<(BigInt, Text, BigInt)>()
    .load(connection)?;
    let mut counts: HashMap<i64, StatusCounts> = HashMap::new();
    for (group_id, Named(status), members) in rows {
        counts.entry(group_id).or_default().add(status, members);
    }
    Ok(counts)
}

/// Counts the members of each of these segments by status. Only subscribers with a status other than the usual one are
/// read. The other members have the usual status.
pub fn count_segments(
    connection: &mut PgConnection,
    segment_ids: &[i64],
) -> Result<HashMap<i64, StatusCounts>, Error> {
    // One snapshot, so that statuses and members are of the same moment.
    let snapshot = connection.build_transaction();
    snapshot.repeatable_read().read_only().run(|connection| {
        let others = load_others(connection)?;
        let mut counts = HashMap::new();
        for ids in segment_ids.chunks(SETS_AT_A_TIME) {
            for (id, members) in IdSet::of_segments(connection, ids)? {
                counts.insert(id, count_members(&members, &others));
            }
        }
        Ok(counts)
    })
}

fn count_members(members: &IdSet, others: &HashMap<Status, IdSet>) -> StatusCounts {
    let mut counts = StatusCounts::default();
    let mut left = members.count() as i64;
    for (status, ids) in others {
        let count = members.count_common(ids) as i64;
        counts.add(*status, count);
        left -= count;
    }
    counts.add(Status::Subscribed, left);
    counts
}

/// Loads the subscribers with a status other than the usual one, by status.
fn load_others(connection: &mut PgConnection) -> Result<HashMap<Status, IdSet>, Error> {
    let rows: Vec<(Named<Status>, i32, Vec<i16>)> = statement(
        "SELECT status, (id >> 13)::integer AS block, array_agg((id & 8191)::smallint) AS offsets \
         FROM subscribers WHERE status <> 'subscribed' GROUP BY 1, 2",
    )
    .returning::<(Text, Integer, Array<SmallInt>)>()
    .load(connection)?;
    let mut others: HashMap<Status, IdSet> = HashMap::new();
    for (Named(status), block, offsets) in rows {
        put(others.entry(status).or_default(), block, &offsets);
    }
    Ok(others)
}
