//! The step: one refresh from its lock to its end. The daily job, the mutation, an edit and the command all call it.

use super::compare::{Evaluable, compare_chunk};
use super::culprit::Search;
use super::order;
use super::running::close_abandoned;
use super::write::{BlockWriter, RefreshedSegment};
use crate::audience::audit::{self, Entry, TargetKind, Trace};
use crate::audience::catalogue::load_catalogue;
use crate::audience::member_count::count_segment_members;
use crate::audience::setting;
use crate::db::schema::{refreshes, segment_refreshes};
use crate::db::{AdvisoryLock, Db, SessionLock};
use crate::error::Error;
use crate::metrics::metrics;
use crate::past::history::{Refresh, Trigger, find_last_refreshes};
use crate::refresh::touches;
use crate::rule::{Moment, Problem};
use crate::scan::RefreshSettings;
use crate::scan::budget::{SlowRule, Spending};
use crate::scan::chunk_range::chunk_range;
use crate::scan::guard::{guard, may_be_of_rule};
use crate::scan::meter::{Figure, Phase};
use crate::scan::rules::{SegmentRule, load_rules};
use crate::scan::snapshot::{SharedSnapshot, Snapshot, wait_for_writers};
use crate::scan::work::Work;
use crate::scan::workers::{ScanFailure, scan};
use crate::traces;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

/// Which segments to refresh; archived ones never are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All segments.
    All,
    /// The segments with these ids, and the segments connected with them by rules.
    Ids(Vec<i64>),
}

/// Refreshes segments now.
///
/// # Errors
/// [`Error::RefreshRunning`] if another refresh is running. After an error of the database, the run is recorded as
/// failed and every member is as before.
pub fn refresh(
    db: &Db,
    selection: &Selection,
    trigger: Trigger,
    settings: &RefreshSettings,
) -> Result<Refresh, Error> {
    let mut lock = Lock::take(db)?;
    lock.refresh(db, selection, trigger, None, settings)
}

/// Refreshes segments now, except those whose rules are known to be too slow. These become invalid, each with its
/// problem.
///
/// # Errors
/// As [`refresh`].
pub fn refresh_without(
    db: &Db,
    too_slow: HashMap<i64, Problem>,
    selection: &Selection,
    trigger: Trigger,
    settings: &RefreshSettings,
) -> Result<Refresh, Error> {
    let mut lock = Lock::take(db)?;
    lock.too_slow = too_slow;
    lock.refresh(db, selection, trigger, None, settings)
}

/// The right to refresh, which at most one connection has. It ends with the connection, however the connection ends.
pub struct Lock {
    pub(super) session: SessionLock,
    /// The segments whose rules are not evaluated because they are known to be too slow, by id.
    too_slow: HashMap<i64, Problem>,
    /// Who asked for the refresh, for its row of the audit log.
    pub(super) asked: Option<Entry>,
}

impl Lock {
    /// Takes the lock, and closes refreshes that never ended because their server stopped.
    ///
    /// # Errors
    /// [`Error::RefreshRunning`] if another connection has the lock.
    pub fn take(db: &Db) -> Result<Lock, Error> {
        let Some(mut session) = SessionLock::take(db, AdvisoryLock::Refresh)? else {
            return Err(Error::RefreshRunning);
        };
        close_abandoned(&mut session.connection)?;
        Ok(Lock {
            session,
            too_slow: HashMap::new(),
            asked: None,
        })
    }

    /// Runs a refresh under the lock. `due` is the name of a schedule and the time that it records as its last run.
    pub fn refresh(
        &mut self,
        db: &Db,
        selection: &Selection,
        trigger: Trigger,
        due: Option<(&str, DateTime<Utc>)>,
        settings: &RefreshSettings,
    ) -> Result<Refresh, Error> {
        let span = traces::of_refresh(trigger.as_str());
        let _entered = span.enter();
        let started_at = settings.clock.now();
        let began = Instant::now();
        let now = order::settle(&mut self.session.connection, started_at)?;
        let asked = self.asked.take();
        let started: Refresh = self.session.connection.transaction(|connection| {
            let started: Refresh = diesel::insert_into(refreshes::table)
                .values((
                    refreshes::trigger.eq(trigger.as_str()),
                    refreshes::as_of.eq(now),
                    refreshes::started_at.eq(started_at),
                    refreshes::state.eq("running"),
                ))
                .returning(Refresh::as_returning())
                .get_result(connection)?;
            if let Some(entry) = &asked {
                let trace = Trace::of(TargetKind::Refresh, started.id);
                audit::write(connection, entry, &trace)?;
            }
            Ok::<_, Error>(started)
        })?;
        let result = touches::begin_refresh(&mut self.session.connection).and_then(|()| {
            let mut taken = take_snapshot(db, selection, &self.too_slow)?;
            let zone = setting::load(&mut taken.0.connection)?.time_zone;
            let run = Run {
                id: started.id,
                moment: Moment { now, zone },
                settings,
            };
            run.evaluate(db, &mut self.session.connection, taken, due)
        });
        metrics().note_refresh(trigger.as_str(), result.is_ok(), began.elapsed());
        traces::end(&span, result.is_ok());
        if let Err(error) = &result {
            // If the database is gone, this fails too, and the next refresh closes the row.
            let recorded = diesel::update(refreshes::table.find(started.id))
                .set((
                    refreshes::state.eq("failed"),
                    refreshes::finished_at.eq(settings.clock.now()),
                    refreshes::error.eq(error.to_string()),
                ))
                .execute(&mut self.session.connection);
            if let Err(recording) = recorded {
                tracing::warn!(refresh = started.id, %recording, "a failed refresh could not be recorded");
            }
        }
        result?;
        Ok(refreshes::table
            .find(started.id)
            .select(Refresh::as_select())
            .first(&mut self.session.connection)?)
    }
}

/// A refresh that has begun.
struct Run<'s> {
    id: i64,
    moment: Moment,
    settings: &'s RefreshSettings,
}

impl Run<'_> {
    /// Evaluates and writes. Rules that fail or are too slow become invalid. The other rules are evaluated again from
    /// the beginning, because they may use the segments of the invalid rules.
    fn evaluate(
        &self,
        db: &Db,
        lock: &mut PgConnection,
        (mut snapshot, mut rules, mut segments): Taken,
        due: Option<(&str, DateTime<Utc>)>,
    ) -> Result<(), Error> {
        // Rules are evaluated on connections of their own, so that a failure leaves the connection of the snapshot
        // usable.
        let shared = snapshot.share()?;
        let mut micros_of_slow: HashMap<usize, i64> = HashMap::new();
        loop {
            let attempt = self.evaluate_rules(db, lock, &mut snapshot, &rules, segments);
            let culprits = match attempt {
                Ok(Attempt::Complete(writer)) => {
                    return self.settings.meter.time(Phase::Writing, || {
                        writer.finish(due, self.settings.clock.now())
                    });
                }
                Ok(Attempt::TooSlow(slow)) => {
                    micros_of_slow.extend(slow.iter().map(|(place, slow)| (*place, slow.micros)));
                    slow.into_iter()
                        .map(|(place, slow)| (place, slow.problem))
                        .collect()
                }
                Err(failure) => {
                    let culprits = self.find_culprits(db, &shared, &rules, &failure)?;
                    if culprits.is_empty() {
                        return Err(failure.error);
                    }
                    culprits
                }
            };
            for (place, problem) in culprits {
                let segment = rules[place].id;
                tracing::error!(segment, %problem, "a rule cannot be evaluated: its segment is invalid");
                rules[place].rule = Err(vec![problem]);
            }
            segments = prepare_segments(&mut snapshot.connection, &rules)?;
            for (place, micros) in &micros_of_slow {
                segments[*place].evaluation_micros = Some(*micros);
            }
        }
    }

    /// Evaluates the rules that can be evaluated. Returns the writer with what they change, or the rules that are too
    /// slow. Even if a rule is too slow, the attempt continues to the end of the audience, so that it finds all slow
    /// rules. Progress is stored over the connection of the lock, outside the transaction.
    fn evaluate_rules(
        &self,
        db: &Db,
        lock: &mut PgConnection,
        snapshot: &mut Snapshot,
        rules: &[SegmentRule],
        segments: Vec<RefreshedSegment>,
    ) -> Result<Attempt, ScanFailure> {
        let places = (0..rules.len()).filter(|place| rules[*place].rule.is_ok());
        let plan = guard(|| Ok(Evaluable::new(rules, places.collect(), &self.moment)));
        let evaluable = plan.map_err(|error| ScanFailure {
            error,
            range: chunk_range(0, snapshot.ids.max(1)),
        })?;
        let meter = &self.settings.meter;
        meter.add(Figure::Conditions, evaluable.plan.count_conditions());
        meter.add(Figure::Leaves, evaluable.plan.leaves.len());
        meter.add(Figure::EventLeaves, evaluable.plan.events.leaves.len());
        let mut writer = BlockWriter::new(db.connect()?, self.id, self.moment.now, segments);
        let (mut done, ids_of_audience) = (0, snapshot.ids);
        let spending = Spending::new(&evaluable.plan, self.settings.rule_budget);
        let work = Work {
            spending: Some(&spending),
            ..Work::of(&self.moment, self.settings)
        };
        if !evaluable.places.is_empty() {
            let scanned = scan(
                db,
                snapshot,
                &evaluable.plan,
                work,
                self.settings.workers,
                |connection, evaluated| compare_chunk(connection, &evaluable, evaluated, meter),
                |outcome| {
                    for (place, count) in evaluable.places.iter().zip(outcome.member_counts) {
                        writer.segments[*place].member_count += count;
                    }
                    done = (done + outcome.ids).min(ids_of_audience);
                    self.tell_progress(lock, done, ids_of_audience)?;
                    match spending.is_exceeded() {
                        // Nothing of this attempt will be kept.
                        true => Ok(()),
                        false => meter.time(Phase::Writing, || writer.add(outcome.changes)),
                    }
                },
            );
            let slow = spending.list_slow(ids_of_audience);
            match scanned {
                Err(failure) if slow.is_empty() || !may_be_of_rule(&failure.error) => {
                    return Err(failure);
                }
                _ if !slow.is_empty() => {
                    let slow = slow.into_iter();
                    let placed = slow.map(|slow| (evaluable.places[slow.tree], slow));
                    return Ok(Attempt::TooSlow(placed.collect()));
                }
                _ => {}
            }
        }
        for (tree, place) in evaluable.places.iter().enumerate() {
            writer.segments[*place].evaluation_micros = Some(spending.micros(tree));
        }
        Ok(Attempt::Complete(Box::new(writer)))
    }

    /// Finds the rules that made an evaluation fail. Returns an empty list if the cause was something else.
    fn find_culprits(
        &self,
        db: &Db,
        snapshot: &SharedSnapshot,
        rules: &[SegmentRule],
        failure: &ScanFailure,
    ) -> Result<Vec<(usize, Problem)>, Error> {
        let Some(range) = failure.range.filter(|_| may_be_of_rule(&failure.error)) else {
            return Ok(Vec::new());
        };
        let search = Search {
            db,
            snapshot,
            moment: &self.moment,
            range,
            budget: self.settings.rule_budget,
        };
        search.find(rules)
    }

    fn tell_progress(&self, lock: &mut PgConnection, done: i64, total: i64) -> Result<(), Error> {
        diesel::update(refreshes::table.find(self.id))
            .set((refreshes::done_ids.eq(done), refreshes::total_ids.eq(total)))
            .execute(lock)?;
        Ok(())
    }
}

/// How an evaluation of all rules ended.
enum Attempt {
    /// Everything was evaluated.
    Complete(Box<BlockWriter>),
    /// The rules at these positions exceeded their budgets. No result of this attempt may be used.
    TooSlow(Vec<(usize, SlowRule)>),
}

/// A snapshot, with the rules and segments to refresh in it.
type Taken = (Snapshot, Vec<SegmentRule>, Vec<RefreshedSegment>);

/// Takes the snapshot and reads the rules and segments to refresh in it.
///
/// A change in a transaction that began before a segment began to follow has no touch for the segment, so the snapshot
/// that fills the segment must show the change. The snapshot is therefore taken again when the transactions of that
/// time have ended.
fn take_snapshot(
    db: &Db,
    selection: &Selection,
    too_slow: &HashMap<i64, Problem>,
) -> Result<Taken, Error> {
    let mut waited: HashSet<i64> = HashSet::new();
    loop {
        let mut snapshot = Snapshot::take(db)?;
        let mut rules = select_rules(&mut snapshot.connection, selection)?;
        for segment in rules.iter_mut().filter(|segment| segment.rule.is_ok()) {
            if let Some(problem) = too_slow.get(&segment.id) {
                segment.rule = Err(vec![problem.clone()]);
            }
        }
        let segments = prepare_segments(&mut snapshot.connection, &rules)?;
        let beginning = segments
            .iter()
            .filter(|segment| segment.is_instant && segment.is_first);
        let before = waited.len();
        waited.extend(beginning.map(|segment| segment.id));
        if waited.len() == before {
            return Ok((snapshot, rules, segments));
        }
        drop(snapshot);
        wait_for_writers(db)?;
    }
}

/// Loads the rules of the selected segments, and of the segments connected with them, so that a segment and the
/// segments that its rule uses have members of the same moment.
fn select_rules(
    connection: &mut PgConnection,
    selection: &Selection,
) -> Result<Vec<SegmentRule>, Error> {
    let catalogue = load_catalogue(connection)?;
    match selection {
        Selection::All => load_rules(connection, &catalogue, None),
        Selection::Ids(ids) => {
            let connected = catalogue.list_connected(ids.iter().copied());
            load_rules(connection, &catalogue, Some(&Vec::from_iter(connected)))
        }
    }
}

fn prepare_segments(
    connection: &mut PgConnection,
    rules: &[SegmentRule],
) -> Result<Vec<RefreshedSegment>, Error> {
    let ids: Vec<i64> = rules.iter().map(|segment| segment.id).collect();
    let filled: HashSet<i64> = segment_refreshes::table
        .filter(segment_refreshes::segment_id.eq_any(&ids))
        .filter(segment_refreshes::problems.eq(Value::Array(Vec::new())))
        .select(segment_refreshes::segment_id)
        .distinct()
        .load(connection)?
        .into_iter()
        .collect();
    let invalid: Vec<i64> = rules
        .iter()
        .filter(|segment| segment.rule.is_err())
        .map(|segment| segment.id)
        .collect();
    let kept_counts = count_segment_members(connection, &invalid)?;
    let last = find_last_refreshes(connection, &ids)?;
    let prepare = |segment: &SegmentRule| {
        let was_filled = filled.contains(&segment.id);
        let last = last.get(&segment.id).map(|(_, last)| last);
        let problems = segment.rule.as_ref().err().cloned().unwrap_or_default();
        if !problems.is_empty() {
            tracing::warn!(
                segment = segment.id,
                "a segment is invalid and keeps its last members"
            );
        }
        let version = segment.definition_version;
        let mut prepared = RefreshedSegment::new(segment.id, version, was_filled, problems);
        prepared.is_instant = segment.is_instant;
        prepared.is_first = last
            .is_none_or(|last| !last.is_of(version) || last.refresh_id <= segment.stale_through);
        prepared.member_count = kept_counts.get(&segment.id).copied().unwrap_or_default();
        prepared
    };
    Ok(rules.iter().map(prepare).collect())
}
