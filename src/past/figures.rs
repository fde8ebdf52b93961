//! Figures of the whole database for monitoring. They are cheap enough to be read every few seconds.

use crate::audience::status_count::count_everybody;
use crate::db::schema::{refreshes, touches};
use crate::db::statement;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::dsl::{max, min};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

/// The states that segments are counted by.
const STATES: [&str; 4] = ["ready", "pending", "invalid", "archived"];

/// The figures of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFigures {
    /// How many segments are in each state.
    pub segments: Vec<(&'static str, i64)>,
    /// How many subscribers have each status.
    pub subscribers: Vec<(&'static str, i64)>,
    /// When a refresh last succeeded.
    pub last_refresh: Option<DateTime<Utc>>,
    /// The id of the oldest touch that the follower has not followed.
    pub oldest_waiting: Option<i64>,
    /// The id of the newest touch, followed or not.
    pub newest_touch: Option<i64>,
}

/// Reads the figures.
pub fn read_figures(connection: &mut PgConnection) -> Result<DatabaseFigures, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        state: String,
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    // As `SegmentState::of` decides.
    let rows: Vec<Row> = statement(
        "SELECT CASE WHEN s.archived_at IS NOT NULL THEN 'archived' \
             WHEN l.refresh_id IS NULL OR l.definition_version <> s.definition_version \
                 OR l.refresh_id <= s.stale_through THEN 'pending' \
             WHEN l.problems <> '[]' THEN 'invalid' ELSE 'ready' END AS state, count(*) AS count \
         FROM segments s LEFT JOIN LATERAL (SELECT * FROM segment_refreshes r WHERE r.segment_id = s.id \
             ORDER BY r.refresh_id DESC LIMIT 1) l ON true GROUP BY 1",
    )
    .load(connection)?;
    let segments = STATES.map(|state| {
        let row = rows.iter().find(|row| row.state == state);
        (state, row.map_or(0, |row| row.count))
    });
    let subscribers = count_everybody(connection)?;
    let subscribers = subscribers
        .list()
        .map(|(status, count)| (status.as_str(), count));
    let last_refresh: Option<DateTime<Utc>> = refreshes::table
        .filter(refreshes::state.eq("succeeded"))
        .order(refreshes::id.desc())
        .select(refreshes::finished_at)
        .first(connection)
        .optional()?
        .flatten();
    Ok(DatabaseFigures {
        segments: segments.to_vec(),
        subscribers: subscribers.collect(),
        last_refresh,
        oldest_waiting: touches::table
            .filter(touches::followed_at.is_null())
            .select(min(touches::id))
            .first(connection)?,
        newest_touch: touches::table.select(max(touches::id)).first(connection)?,
    })
}
