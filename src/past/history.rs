//! The rows of refreshes and what they did to segments, and the state of a segment that follows from them.

use super::position::check_refresh;
use crate::audience::paged_list::{PagedList, fill_pages};
use crate::audience::paging::{Page, PageRequest};
use crate::audience::segment::Segment;
use crate::db::Kept;
use crate::db::schema::{refreshes, segment_refreshes, segments};
use crate::db::word::words;
use crate::error::Error;
use crate::rule::Problem;
use chrono::{DateTime, Utc};
use diesel::dsl::{count_star, exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// A run of the evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = refreshes, check_for_backend(diesel::pg::Pg))]
#[expect(missing_docs, reason = "the columns, described in the migration")]
pub struct Refresh {
    pub id: i64,
    pub trigger: Trigger,
    pub as_of: DateTime<Utc>,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub state: RefreshState,
    pub error: Option<String>,
    pub done_ids: i64,
    pub total_ids: i64,
    pub token: i64,
}

impl Refresh {
    /// Returns how much of the audience has been evaluated, from 0 to 1.
    pub fn progress(&self) -> f64 {
        match self.state {
            RefreshState::Succeeded => 1.0,
            _ if self.total_ids == 0 => 0.0,
            _ => self.done_ids as f64 / self.total_ids as f64,
        }
    }
}

/// The state of a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshState {
    /// It is running.
    Running,
    /// It ended, and the members are those of its `as_of`.
    Succeeded,
    /// It failed, and nothing of it was kept.
    Failed,
}

words!(RefreshState {
    Running: "running",
    Succeeded: "succeeded",
    Failed: "failed",
});

/// What made a refresh run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The daily job.
    Daily,
    /// A segment was made, its rule changed, or it could not be followed.
    Edit,
    /// A client or an operator asked for it.
    Manual,
}

words!(Trigger {
    Daily: "daily",
    Edit: "edit",
    Manual: "manual",
});

/// What one refresh did to one segment.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = segment_refreshes, check_for_backend(diesel::pg::Pg))]
#[expect(missing_docs, reason = "the columns, described in the migration")]
pub struct SegmentRefresh {
    pub refresh_id: i64,
    pub segment_id: i64,
    pub definition_version: i32,
    pub member_count: i64,
    pub joined: i64,
    pub left: i64,
    pub problems: Value,
    pub joined_between: i64,
    pub left_between: i64,
    pub deleted: i64,
    pub evaluation_micros: Option<i64>,
}

impl SegmentRefresh {
    /// Returns why the rule could not be evaluated, or an empty list if it could.
    pub fn problems(&self) -> Vec<Problem> {
        serde_json::from_value(self.problems.clone()).unwrap_or_default()
    }

    /// Returns whether the refresh gave the segment the members of this version of its rule.
    pub fn is_of(&self, definition_version: i32) -> bool {
        self.definition_version == definition_version && self.problems().is_empty()
    }
}

/// Whether the members of a segment are those of its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentState {
    /// The rule or the time zone is newer than the members; a refresh is due.
    Pending,
    /// The members are those of the rule at the last refresh.
    Ready,
    /// The rule could not be evaluated; the members are those of the last refresh that could.
    Invalid,
}

impl SegmentState {
    /// Returns the state of a segment after its last refresh.
    pub fn of(segment: &Segment, last: Option<&SegmentRefresh>) -> SegmentState {
        match last {
            Some(last)
                if last.definition_version == segment.definition_version
                    && last.refresh_id > segment.stale_through =>
            {
                if last.problems().is_empty() {
                    SegmentState::Ready
                } else {
                    SegmentState::Invalid
                }
            }
            _ => SegmentState::Pending,
        }
    }
}

/// Finds the last refresh of each of these segments that has one.
pub fn find_last_refreshes(
    connection: &mut PgConnection,
    segment_ids: &[i64],
) -> Result<HashMap<i64, (Refresh, SegmentRefresh)>, Error> {
    // Each segment is looked up by itself, because it may have thousands of refreshes.
    let is_last = sql::<Bool>(
        "(segment_refreshes.segment_id, segment_refreshes.refresh_id) IN (SELECT last.segment_id, last.refresh_id FROM unnest(",
    );
    let is_last = is_last.bind::<Array<BigInt>, _>(segment_ids).sql(
        ") AS asked (id) CROSS JOIN LATERAL (SELECT segment_id, refresh_id FROM segment_refreshes \
             WHERE segment_id = asked.id ORDER BY refresh_id DESC LIMIT 1) last)",
    );
    let last = segment_refreshes::table
        .inner_join(refreshes::table)
        .filter(is_last)
        .select((Refresh::as_select(), SegmentRefresh::as_select()));
    let rows: Vec<(Refresh, SegmentRefresh)> = Kept(last).load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(refresh, of_segment)| (of_segment.segment_id, (refresh, of_segment)))
        .collect())
}

/// Finds refreshes by id, in no particular order.
pub fn find_refreshes(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<Refresh>, Error> {
    Ok(refreshes::table
        .filter(refreshes::id.eq_any(ids))
        .select(Refresh::as_select())
        .load(connection)?)
}

/// Finds the refresh that runs now.
pub fn find_running_refresh(connection: &mut PgConnection) -> Result<Option<Refresh>, Error> {
    let running = refreshes::table.filter(refreshes::state.eq("running"));
    Ok(running
        .order(refreshes::id.desc())
        .select(Refresh::as_select())
        .first(connection)
        .optional()?)
}

/// Lists a page of refreshes, newest first.
pub fn list_refreshes(
    connection: &mut PgConnection,
    request: &PageRequest<i64>,
) -> Result<Page<Refresh>, Error> {
    request.fetch(
        |refresh: &Refresh| refresh.id,
        |request, limit| {
            let mut query = refreshes::table
                .select(Refresh::as_select())
                .limit(limit)
                .into_boxed();
            if let Some(after) = request.after {
                query = query.filter(refreshes::id.lt(after));
            }
            if let Some(before) = request.before {
                query = query.filter(refreshes::id.gt(before));
            }
            query = if request.from_end {
                query.order(refreshes::id.asc())
            } else {
                query.order(refreshes::id.desc())
            };
            Ok(query.load(connection)?)
        },
    )
}

/// Lists what each of these refreshes did to its segments, by segment id.
pub fn list_segment_refreshes(
    connection: &mut PgConnection,
    refresh_ids: &[i64],
) -> Result<HashMap<i64, Vec<SegmentRefresh>>, Error> {
    let rows: Vec<SegmentRefresh> = segment_refreshes::table
        .filter(segment_refreshes::refresh_id.eq_any(refresh_ids))
        .order(segment_refreshes::segment_id)
        .select(SegmentRefresh::as_select())
        .load(connection)?;
    let mut by_refresh: HashMap<i64, Vec<SegmentRefresh>> = HashMap::new();
    for row in rows {
        by_refresh.entry(row.refresh_id).or_default().push(row);
    }
    Ok(by_refresh)
}

/// Lists the ids of the segments whose rule or time zone is newer than their members.
pub fn list_pending_segment_ids(connection: &mut PgConnection) -> Result<Vec<i64>, Error> {
    let refreshed = segment_refreshes::table
        .filter(segment_refreshes::segment_id.eq(segments::id))
        .filter(segment_refreshes::definition_version.eq(segments::definition_version))
        .filter(segment_refreshes::refresh_id.gt(segments::stale_through));
    Ok(segments::table
        .filter(segments::archived_at.is_null())
        .filter(not(exists(refreshed)))
        .order(segments::id)
        .select(segments::id)
        .load(connection)?)
}

/// Lists a page of the refreshes of each of these segments, newest first, with what each refresh did to the segment.
/// The keys of the page are refresh ids with tokens.
///
/// # Errors
/// [`Error::Resync`] if a key is not in this history.
pub fn list_refreshes_of(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    request: &PageRequest<(i64, i64)>,
) -> Result<HashMap<i64, Page<(Refresh, SegmentRefresh)>>, Error> {
    for (refresh_id, token) in request.after.iter().chain(&request.before) {
        check_refresh(connection, *refresh_id, *token)?;
    }
    let list = PagedList {
        from: "segment_refreshes r WHERE r.segment_id = asked.holder",
        id: "r.refresh_id",
        key: &["r.refresh_id"],
        bound: "KEY::bigint",
        descends: true,
        ..PagedList::default()
    };
    let pages = list.find_pages(
        connection,
        segment_ids,
        &request.map(|(id, _)| id.to_string()),
    )?;
    let ids: HashSet<i64> = pages
        .values()
        .flat_map(|page| page.rows.iter().map(|item| item.id))
        .collect();
    let rows: Vec<(Refresh, SegmentRefresh)> = segment_refreshes::table
        .inner_join(refreshes::table)
        .filter(segment_refreshes::segment_id.eq_any(segment_ids))
        .filter(segment_refreshes::refresh_id.eq_any(ids))
        .select((Refresh::as_select(), SegmentRefresh::as_select()))
        .load(connection)?;
    let rows = rows
        .into_iter()
        .map(|row| ((row.1.segment_id, row.0.id), row));
    Ok(fill_pages(pages, rows.collect()))
}

/// Returns how many refreshes each of these segments has had.
pub fn count_refreshes_of(
    connection: &mut PgConnection,
    segment_ids: &[i64],
) -> Result<HashMap<i64, i64>, Error> {
    let counted: Vec<(i64, i64)> = segment_refreshes::table
        .filter(segment_refreshes::segment_id.eq_any(segment_ids))
        .group_by(segment_refreshes::segment_id)
        .select((segment_refreshes::segment_id, count_star()))
        .load(connection)?;
    Ok(counted.into_iter().collect())
}
