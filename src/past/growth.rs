//! Growth: how many members a segment had, and how many joined and left, period by period.

use super::as_of::Each;
use crate::audience::setting;
use crate::error::Error;
use crate::rule::clamp_moment;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Timestamptz};
use std::collections::HashMap;

/// The growth of a segment in a period.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct GrowthPoint {
    /// The start of the period; for a single refresh, its `as_of`.
    #[diesel(sql_type = Timestamptz)]
    pub start: DateTime<Utc>,
    /// How many members there were at the end of the period.
    #[diesel(sql_type = BigInt)]
    pub member_count: i64,
    /// How many joined within the period.
    #[diesel(sql_type = BigInt)]
    pub joined: i64,
    /// How many left within the period.
    #[diesel(sql_type = BigInt)]
    pub left: i64,
    /// How many members were deleted within the period.
    #[diesel(sql_type = BigInt)]
    pub deleted: i64,
}

/// The length of the periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GrowthStep {
    /// Each refresh by itself.
    Refresh,
    /// Local days.
    Day,
    /// Local weeks, from Monday.
    Week,
    /// Local months.
    Month,
}

/// The largest number of points of a growth.
pub const MAX_GROWTH_POINTS: i64 = 1_000;

/// Returns the growth of each of these segments: one point for each period with a refresh, oldest first. Only refreshes
/// whose `as_of` lies in a half-open range count. What happened between two refreshes counts with the later one. The
/// member count of a point is therefore that of the point before it, plus joins, minus leaves and deletions.
///
/// # Errors
/// A segment has [`Error::Invalid`] if it has more than 1,000 points.
pub fn list_growths(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    step: GrowthStep,
) -> Result<Each<Vec<GrowthPoint>>, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        segment_id: i64,
        #[diesel(embed)]
        point: GrowthPoint,
    }
    let zone = setting::load(connection)?.time_zone;
    let start = match step {
        GrowthStep::Refresh => "r.as_of".to_owned(),
        GrowthStep::Day => format!("date_trunc('day', r.as_of, '{zone}')"),
        GrowthStep::Week => format!("date_trunc('week', r.as_of, '{zone}')"),
        GrowthStep::Month => format!("date_trunc('month', r.as_of, '{zone}')"),
    };
    let group = match step {
        GrowthStep::Refresh => "r.refresh_id, 1",
        _ => "1",
    };
    let sql = format!(
        "SELECT asked.id AS segment_id, point.* FROM unnest($1) AS asked (id) CROSS JOIN LATERAL \
         (SELECT {start} AS start, (array_agg(r.member_count ORDER BY r.refresh_id DESC))[1] AS member_count, \
             sum(r.joined + r.joined_between)::bigint AS joined, sum(r.\"left\" + r.left_between)::bigint AS \"left\", \
             sum(r.deleted)::bigint AS deleted, max(r.refresh_id) AS place \
          FROM (SELECT s.*, f.as_of FROM segment_refreshes s JOIN refreshes f ON f.id = s.refresh_id WHERE s.segment_id = asked.id) r \
          WHERE r.as_of >= $2 AND r.as_of < $3 GROUP BY {group} ORDER BY place LIMIT {}) point ORDER BY point.place",
        MAX_GROWTH_POINTS + 1
    );
    let rows: Vec<Row> = diesel::sql_query(sql)
        .bind::<Array<BigInt>, _>(segment_ids)
        .bind::<Timestamptz, _>(from)
        .bind::<Timestamptz, _>(to)
        .load(connection)?;
    let mut points: HashMap<i64, Vec<GrowthPoint>> = HashMap::new();
    for row in rows {
        let mut point = row.point;
        // In zones west of Greenwich, the very first period begins before the first supported time.
        point.start = clamp_moment(point.start);
        points.entry(row.segment_id).or_default().push(point);
    }
    let bounded = |points: Vec<GrowthPoint>| match points.len() as i64 > MAX_GROWTH_POINTS {
        false => Ok(points),
        true => Err(Error::invalid(
            "by",
            format!(
                "expected at most {MAX_GROWTH_POINTS} points, found more; ask for longer steps or a shorter time"
            ),
        )),
    };
    let points = points.into_iter();
    Ok(points.map(|(id, points)| (id, bounded(points))).collect())
}
