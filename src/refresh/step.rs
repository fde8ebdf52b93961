//! The step: one refresh from its lock to its end. The daily job, the mutation, an edit and the command all call it.

use super::blocks::{BlockChange, StoredBlocks};
use super::history::{Refresh, Trigger};
use super::scan::{Evaluated, scan};
use super::snapshot::Snapshot;
use super::write::{RefreshedSegment, Writer};
use crate::audience::catalogue::load_catalogue;
use crate::audience::membership::count_segment_members;
use crate::clock::Clock;
use crate::db::Db;
use crate::db::schema::{refreshes, segment_refreshes, segments};
use crate::error::Error;
use crate::evaluate::{Plan, combine};
use crate::rule::{Catalogue, CheckedRule, Moment, Problem, check_rule, read_document};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use serde_json::Value;
use std::collections::HashSet;

/// How refreshes are run.
#[derive(Debug, Clone)]
pub struct RefreshSettings {
    /// Where days begin and end.
    pub zone: chrono_tz::Tz,
    /// How many chunks are evaluated at the same time, each over a connection of its own.
    pub workers: usize,
    /// Tells `as_of` and when a refresh started and finished.
    pub clock: Clock,
}

impl RefreshSettings {
    /// Returns the moment of the clock.
    pub fn moment(&self) -> Moment {
        Moment {
            now: self.clock.now(),
            zone: self.zone,
        }
    }
}

/// Which segments to refresh; archived ones never are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// Those with these ids.
    Ids(Vec<i64>),
}

/// Refreshes segments now.
///
/// # Errors
/// [`Error::RefreshRunning`] if another refresh is; [`Error::Unavailable`] and [`Error::Internal`] from the database,
/// with the run recorded as failed and every member as before.
pub fn refresh(
    db: &Db,
    selection: &Selection,
    trigger: Trigger,
    settings: &RefreshSettings,
) -> Result<Refresh, Error> {
    let mut lock = Lock::take(db)?;
    lock.refresh(db, selection, trigger, None, settings)
}

/// The right to refresh, which one connection at most has; it ends with its connection, however that ends.
pub struct Lock {
    /// The connection that has it.
    pub connection: PgConnection,
}

impl Lock {
    /// Takes the lock, and closes refreshes that never came to an end because their server did.
    ///
    /// # Errors
    /// [`Error::RefreshRunning`] if another has it.
    pub fn take(db: &Db) -> Result<Lock, Error> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Bool)]
            taken: bool,
        }
        let mut connection = db.connect()?;
        let row: Row = diesel::sql_query(
            "SELECT pg_try_advisory_lock(hashtextextended('rollcall refresh ' || current_schema(), 0)) AS taken",
        )
        .get_result(&mut connection)?;
        if !row.taken {
            return Err(Error::RefreshRunning);
        }
        diesel::update(refreshes::table.filter(refreshes::state.eq("running")))
            .set((
                refreshes::state.eq("failed"),
                refreshes::finished_at.eq(refreshes::started_at.nullable()),
                refreshes::error.eq("the server stopped before the refresh had finished"),
            ))
            .execute(&mut connection)?;
        Ok(Lock { connection })
    }

    /// Runs a refresh under the lock; `due` is what its schedule records as its last run.
    pub fn refresh(
        &mut self,
        db: &Db,
        selection: &Selection,
        trigger: Trigger,
        due: Option<(&str, DateTime<Utc>)>,
        settings: &RefreshSettings,
    ) -> Result<Refresh, Error> {
        let moment = settings.moment();
        let started: Refresh = diesel::insert_into(refreshes::table)
            .values((
                refreshes::trigger.eq(trigger.as_str()),
                refreshes::as_of.eq(moment.now),
                refreshes::started_at.eq(moment.now),
                refreshes::state.eq("running"),
            ))
            .returning(Refresh::as_returning())
            .get_result(&mut self.connection)?;
        let result = run(db, selection, &moment, started.id, due, settings);
        if let Err(error) = &result {
            // Where the database is gone this fails too, and the next refresh closes the row.
            let recorded = diesel::update(refreshes::table.find(started.id))
                .set((
                    refreshes::state.eq("failed"),
                    refreshes::finished_at.eq(settings.clock.now()),
                    refreshes::error.eq(error.to_string()),
                ))
                .execute(&mut self.connection);
            if let Err(recording) = recorded {
                tracing::warn!(refresh = started.id, %recording, "a failed refresh could not be recorded");
            }
        }
        result?;
        Ok(refreshes::table
            .find(started.id)
            .select(Refresh::as_select())
            .first(&mut self.connection)?)
    }
}

fn run(
    db: &Db,
    selection: &Selection,
    moment: &Moment,
    refresh_id: i64,
    due: Option<(&str, DateTime<Utc>)>,
    settings: &RefreshSettings,
) -> Result<(), Error> {
    let mut snapshot = Snapshot::take(db)?;
    let (segments, rules) = load_segments(&mut snapshot.connection, selection)?;
    // The segments whose rule can be evaluated, in the order of the plan's trees.
    let places: Vec<usize> = (0..segments.len())
        .filter(|place| segments[*place].problems.is_empty())
        .collect();
    let ids: Vec<i64> = places.iter().map(|place| segments[*place].id).collect();
    let plan = Plan::new(&rules, moment);
    let mut writer = Writer::new(db.connect()?, refresh_id, segments);
    if !places.is_empty() {
        scan(
            db,
            &mut snapshot,
            &plan,
            moment,
            settings.workers,
            |connection, evaluated| compare_chunk(connection, &plan, &places, &ids, evaluated),
            |outcome| {
                for (place, count) in places.iter().zip(outcome.member_counts) {
                    writer.segments[*place].member_count += count;
                }
                writer.add(outcome.changes)
            },
        )?;
    }
    writer.finish(due, settings.clock.now())
}

/// What a chunk adds to a refresh.
struct ChunkOutcome {
    /// Members per evaluated segment.
    member_counts: Vec<i64>,
    changes: Vec<BlockChange>,
}

fn compare_chunk(
    connection: &mut PgConnection,
    plan: &Plan,
    places: &[usize],
    ids: &[i64],
    evaluated: &Evaluated<'_>,
) -> Result<ChunkOutcome, Error> {
    let stored = StoredBlocks::load(connection, ids, evaluated.range)?;
    let mut outcome = ChunkOutcome {
        member_counts: Vec::with_capacity(ids.len()),
        changes: Vec::new(),
    };
    for ((tree, place), id) in plan.trees.iter().zip(places).zip(ids) {
        let mut nodes = combine(tree, evaluated.leaves, &evaluated.chunk.exists);
        let members = nodes.swap_remove(0);
        outcome
            .member_counts
            .push(i64::try_from(members.count_set_bits()).unwrap_or(i64::MAX));
        stored.compare(*place, *id, &members, evaluated.range, &mut outcome.changes);
    }
    Ok(outcome)
}

/// Loads the selected segments, with the rules of those that can be evaluated in the same order.
fn load_segments(
    connection: &mut PgConnection,
    selection: &Selection,
) -> Result<(Vec<RefreshedSegment>, Vec<CheckedRule>), Error> {
    let mut query = segments::table
        .filter(segments::archived_at.is_null())
        .order(segments::id)
        .select((segments::id, segments::definition_version, segments::rule))
        .into_boxed();
    if let Selection::Ids(ids) = selection {
        query = query.filter(segments::id.eq_any(ids));
    }
    let rows: Vec<(i64, i32, Value)> = query.load(connection)?;
    let ids: Vec<i64> = rows.iter().map(|(id, _, _)| *id).collect();
    let filled: HashSet<i64> = segment_refreshes::table
        .filter(segment_refreshes::segment_id.eq_any(&ids))
        .filter(segment_refreshes::problems.eq(Value::Array(Vec::new())))
        .select(segment_refreshes::segment_id)
        .distinct()
        .load(connection)?
        .into_iter()
        .collect();
    let catalogue = load_catalogue(connection)?;
    let mut refreshed = Vec::with_capacity(rows.len());
    let mut rules = Vec::new();
    for (id, version, document) in rows {
        let was_filled = filled.contains(&id);
        match read_and_check(&document, &catalogue) {
            Ok(rule) => {
                rules.push(rule);
                refreshed.push(RefreshedSegment::new(id, version, was_filled, Vec::new()));
            }
            Err(problems) => {
                tracing::warn!(
                    segment = id,
                    "a segment is invalid and keeps its last members"
                );
                refreshed.push(RefreshedSegment::new(id, version, was_filled, problems));
            }
        }
    }
    let invalid = |segment: &&mut RefreshedSegment| !segment.problems.is_empty();
    let kept_by: Vec<i64> = refreshed
        .iter_mut()
        .filter(invalid)
        .map(|segment| segment.id)
        .collect();
    let counts = count_segment_members(connection, &kept_by)?;
    for segment in refreshed.iter_mut().filter(invalid) {
        segment.member_count = counts.get(&segment.id).copied().unwrap_or_default();
    }
    Ok((refreshed, rules))
}

fn read_and_check(document: &Value, catalogue: &Catalogue) -> Result<CheckedRule, Vec<Problem>> {
    check_rule(&read_document(document)?, catalogue)
}
