//! Growth: how many members a segment had, joined and left, stretch by stretch.

use crate::audience::setting;
use crate::error::Error;
use crate::rule::clamp_moment;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};

/// What a stretch of time did to a segment.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct GrowthPoint {
    /// The first instant of the stretch; of a single refresh its `as_of`.
    #[diesel(sql_type = Timestamptz)]
    pub start: DateTime<Utc>,
    /// How many members there were at its end.
    #[diesel(sql_type = BigInt)]
    pub member_count: i64,
    /// How many joined within it.
    #[diesel(sql_type = BigInt)]
    pub joined: i64,
    /// How many left within it.
    #[diesel(sql_type = BigInt)]
    pub left: i64,
    /// How many members were deleted within it.
    #[diesel(sql_type = BigInt)]
    pub deleted: i64,
}

/// How long the stretches are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// The most points of a growth.
pub const MAX_GROWTH_POINTS: i64 = 1_000;

/// Tells how a segment grew: one point for each stretch with a refresh, oldest first, of the refreshes whose `as_of`
/// lies in a half-open range. What happened between two refreshes counts with the later one, so that the members of a
/// point are those of the point before it, plus who joined, minus who left and who was deleted.
///
/// # Errors
/// [`Error::Invalid`] if there are more than 1,000; those of the database.
pub fn list_growth(
    connection: &mut PgConnection,
    segment_id: i64,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    step: GrowthStep,
) -> Result<Vec<GrowthPoint>, Error> {
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
        "SELECT {start} AS start, (array_agg(r.member_count ORDER BY r.refresh_id DESC))[1] AS member_count, \
             sum(r.joined + r.joined_between)::bigint AS joined, sum(r.\"left\" + r.left_between)::bigint AS \"left\", \
             sum(r.deleted)::bigint AS deleted \
         FROM (SELECT s.*, f.as_of FROM segment_refreshes s JOIN refreshes f ON f.id = s.refresh_id WHERE s.segment_id = $1) r \
         WHERE r.as_of >= $2 AND r.as_of < $3 GROUP BY {group} ORDER BY max(r.refresh_id) LIMIT {}",
        MAX_GROWTH_POINTS + 1
    );
    let mut points: Vec<GrowthPoint> = diesel::sql_query(sql)
        .bind::<BigInt, _>(segment_id)
        .bind::<Timestamptz, _>(from)
        .bind::<Timestamptz, _>(to)
        .load(connection)?;
    if points.len() as i64 > MAX_GROWTH_POINTS {
        let message = format!(
            "expected at most {MAX_GROWTH_POINTS} points, found more; ask for longer steps or a shorter time"
        );
        return Err(Error::invalid("by", message));
    }
    // The first stretch of all begins before the first moment in zones west of Greenwich.
    for point in &mut points {
        point.start = clamp_moment(point.start);
    }
    Ok(points)
}
