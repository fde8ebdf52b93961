//! Following: updates the instant segments right after a subscriber changes.
//!
//! A step takes the oldest touches and evaluates the instant segments for their subscribers at the present moment, with
//! the evaluator of the refresh. One transaction writes who joined and who left, and deletes or marks the touches. If a
//! step fails, its touches are left to the next step.
//!
//! Only segments that a refresh has filled since their rule last changed are followed; the others wait for that
//! refresh. Segments whose rule fails or is too slow wait too, until a refresh has evaluated them again.

use crate::audience::block::{BLOCK_BYTES, BLOCK_IDS};
use crate::audience::catalogue::load_catalogue;
use crate::audience::member_lock::lock_for_refresh;
use crate::audience::removal::erase;
use crate::cancel::Cancel;
use crate::db::schema::{refreshes, segments, subscribers};
use crate::db::statement;
use crate::db::{AdvisoryLock, Db, let_go};
use crate::error::Error;
use crate::evaluate::{Plan, combine, evaluate_leaves};
use crate::past::history::{Trigger, find_last_refreshes};
use crate::refresh::order;
use crate::refresh::step::{Selection, refresh_without};
use crate::refresh::touches::{self, Touched};
use crate::rule::{Moment, Problem};
use crate::scan::RefreshSettings;
use crate::scan::blocks::{StoredBlocks, load_stored_bits, store_blocks};
use crate::scan::budget::Spending;
use crate::scan::guard::{guard, may_be_of_rule};
use crate::scan::load::load_chunk;
use crate::scan::meter::Meter;
use crate::scan::rows::Rows;
use crate::scan::rules::{SegmentRule, load_rules, plannable};
use crate::scan::work::Work;
use arrow_buffer::BooleanBuffer;
use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Text, Timestamptz};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// How many touches are followed together: enough for many changes a second, few enough to be done soon.
const BATCH: i64 = 2_048;

/// The result of following.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Followed {
    /// How many touches were followed.
    pub touches: usize,
    /// How many times a subscriber joined a segment.
    pub joined: usize,
    /// How many times a subscriber left a segment.
    pub left: usize,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There is no instant segment.
    Nobody,
    /// There was nothing to follow.
    Idle,
    /// Another follower is at work.
    Busy,
    /// A rule changed meanwhile. Nothing was written, and the next step starts over.
    Outdated,
    /// Touches were followed; there may be more.
    Done(Followed),
}

/// Follows touches step by step. Keeps the connection and the rules between the steps.
#[derive(Default)]
pub struct Follower {
    connection: Option<PgConnection>,
    rules: Option<Rules>,
    /// Whether a refresh was run because following failed, and following has not succeeded since.
    has_refreshed: bool,
    /// The segments whose rules were too slow in the step that failed, by id.
    too_slow: HashMap<i64, Problem>,
}

/// The members of each instant segment among some subscribers: one bit per subscriber, by segment.
type Members = BTreeMap<i64, BooleanBuffer>;

/// The segments whose rules are too slow, with what is wrong with them.
type TooSlow = HashMap<i64, Problem>;

/// The rules that are followed.
struct Rules {
    state: RuleState,
    /// The rules of the instant segments and of all segments that they use.
    rules: Vec<SegmentRule>,
}

/// The state of everything that an evaluation depends on, including the last refresh. If a refresh ends between an
/// evaluation and its writing, the evaluation is of an earlier moment than the refresh and must not be written.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
struct RuleState {
    /// The instant segments that a refresh has filled since their rule last changed.
    #[diesel(sql_type = Array<BigInt>)]
    filled: Vec<i64>,
    /// A hash of everything else that rules depend on.
    #[diesel(sql_type = Text)]
    definitions: String,
}

/// The evaluated members of the instant segments, among some subscribers.
struct Evaluation {
    state: RuleState,
    moment: Moment,
    touched: Touched,
    /// One bit per subscriber, by segment.
    members: BTreeMap<i64, BooleanBuffer>,
}

/// A subscriber who joins a segment or leaves it.
struct Flip {
    segment_id: i64,
    subscriber_id: i64,
    joined: bool,
}

/// Follows all touches that waited when it was called, unless another follower is at work.
///
/// # Errors
/// After an error, the touches that were not followed are left to the next call.
pub fn follow_touches(db: &Db, settings: &RefreshSettings) -> Result<Followed, Error> {
    let mut follower = Follower::default();
    let mut all = Followed::default();
    let last = db.run_here(touches::last_waiting)?;
    while let Some(last) = last {
        match follower.step(db, settings)? {
            Step::Nobody | Step::Idle | Step::Busy => break,
            Step::Outdated => {}
            Step::Done(followed) => {
                all.touches += followed.touches;
                all.joined += followed.joined;
                all.left += followed.left;
            }
        }
        if !db.run_here(|connection| touches::has_waiting(connection, last))? {
            break;
        }
    }
    Ok(all)
}

impl Follower {
    /// Follows the oldest touches.
    ///
    /// # Errors
    /// After an error, the step has written nothing.
    pub fn step(&mut self, db: &Db, settings: &RefreshSettings) -> Result<Step, Error> {
        if !db.run_here(|connection| touches::has_waiting(connection, i64::MAX))? {
            return match db.run_here(touches::is_anybody_following)? {
                true => Ok(Step::Idle),
                false => Ok(Step::Nobody),
            };
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(db)?,
        };
        if !AdvisoryLock::Follower.try_keep(&mut connection)? {
            self.connection = Some(connection);
            return Ok(Step::Busy);
        }
        let step = match guard(|| self.step_alone(&mut connection, settings)) {
            Ok(step) => step,
            Err(error) => {
                // A connection that failed is not kept, and the lock goes with it.
                drop(connection);
                return self.refresh_instead(db, settings, error);
            }
        };
        self.has_refreshed &= !matches!(step, Step::Done(_));
        let_go(&mut connection)?;
        self.connection = Some(connection);
        Ok(step)
    }

    /// Refreshes the instant segments if they could not be followed. The refresh makes the segments invalid whose rules
    /// fail or are too slow, and the next step follows the others. If that did not help, it is not done again.
    fn refresh_instead(
        &mut self,
        db: &Db,
        settings: &RefreshSettings,
        error: Error,
    ) -> Result<Step, Error> {
        let too_slow = std::mem::take(&mut self.too_slow);
        // A refresh without the slow rules always helps: it makes their segments invalid.
        if !may_be_of_rule(&error) || (self.has_refreshed && too_slow.is_empty()) {
            return Err(error);
        }
        tracing::warn!(%error, "changes could not be followed: the instant segments are refreshed");
        let following: Vec<i64> = db.run_here(|connection| {
            Ok(segments::table
                .filter(segments::mode.eq("instant"))
                .filter(segments::archived_at.is_null())
                .select(segments::id)
                .load(connection)?)
        })?;
        let selection = Selection::Ids(following);
        refresh_without(db, too_slow, &selection, Trigger::Edit, settings)?;
        self.has_refreshed = true;
        Ok(Step::Outdated)
    }

    fn step_alone(
        &mut self,
        connection: &mut PgConnection,
        settings: &RefreshSettings,
    ) -> Result<Step, Error> {
        let evaluation = connection
            .build_transaction()
            .repeatable_read()
            .read_only()
            .run(|connection| self.evaluate(connection, settings))?;
        match evaluation {
            None => Ok(Step::Idle),
            Some(evaluation) => connection.transaction(|connection| write(connection, &evaluation)),
        }
    }

    /// Evaluates the instant segments for the touched subscribers.
    fn evaluate(
        &mut self,
        connection: &mut PgConnection,
        settings: &RefreshSettings,
    ) -> Result<Option<Evaluation>, Error> {
        let touched = touches::list_waiting(connection, BATCH)?;
        if touched.touch_ids.is_empty() {
            return Ok(None);
        }
        // The clock is read after the snapshot: nothing that the snapshot shows happened later.
        let now = order::settle_following(connection, settings.clock.now())?;
        let moment = Moment {
            now,
            ..settings.moment(connection)?
        };
        let state = RuleState::take(connection)?;
        let rules = match self.rules.take().filter(|known| known.state == state) {
            Some(known) => known,
            None => Rules::load(connection, &state)?,
        };
        let budget = settings.rule_budget;
        let evaluated = rules.evaluate(connection, &touched.subscriber_ids, &moment, budget)?;
        let members = evaluated.map_err(|too_slow| {
            self.too_slow = too_slow;
            Error::Internal("a rule takes longer to evaluate than it may".to_owned())
        })?;
        self.rules = Some(rules);
        Ok(Some(Evaluation {
            state,
            moment,
            touched,
            members,
        }))
    }
}

/// Makes the connection of a follower. All its queries read a few ids, so that index scans are right even if statistics
/// are missing or stale.
fn connect(db: &Db) -> Result<PgConnection, Error> {
    let mut connection = db.connect()?;
    // If a crash of the database loses a transaction of the follower, the deletion of its touches is lost too, and they
    // are followed again.
    connection.batch_execute(
        "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
         SET max_parallel_workers_per_gather = 0; SET jit = off; SET synchronous_commit = off",
    )?;
    Ok(connection)
}

impl RuleState {
    fn take(connection: &mut PgConnection) -> Result<RuleState, Error> {
        Ok(statement(
            "SELECT ARRAY(SELECT s.id FROM segments s CROSS JOIN LATERAL \
                 (SELECT * FROM segment_refreshes r WHERE r.segment_id = s.id ORDER BY refresh_id DESC LIMIT 1) last \
                 WHERE s.mode = 'instant' AND s.archived_at IS NULL AND last.refresh_id > s.stale_through \
                 AND last.definition_version = s.definition_version AND last.problems = '[]' ORDER BY s.id) AS filled, \
             md5(concat_ws(' ', \
                 (SELECT string_agg(concat_ws(',', id, key, definition_version, mode, archived_at IS NULL), ' ' ORDER BY id) \
                  FROM segments), \
                 (SELECT max(id) FROM refreshes WHERE state = 'succeeded'), \
                 (SELECT value FROM settings WHERE key = 'time_zone'), \
                 (SELECT string_agg(concat_ws(',', id, key, type), ' ' ORDER BY id) FROM custom_fields), \
                 (SELECT string_agg(concat_ws(',', id, key), ' ' ORDER BY id) FROM groups))) AS definitions",
        )
        .get_result(connection)?)
    }
}

impl Rules {
    fn load(connection: &mut PgConnection, state: &RuleState) -> Result<Rules, Error> {
        let catalogue = load_catalogue(connection)?;
        let asked = Vec::from_iter(catalogue.list_asked(state.filled.iter().copied()));
        let mut rules = load_rules(connection, &catalogue, Some(&asked))?;
        let last = find_last_refreshes(connection, &asked)?;
        for segment in &mut rules {
            // A segment whose rule could not be evaluated counts with its last members, as in the refresh that found
            // this.
            if let Some((_, last)) = last.get(&segment.id)
                && last.definition_version == segment.definition_version
                && !last.problems().is_empty()
            {
                segment.rule = Err(last.problems());
            }
        }
        Ok(Rules {
            state: state.clone(),
            rules,
        })
    }

    /// Returns the members of each instant segment among these subscribers, if its rule can be evaluated. If rules are
    /// too slow, returns their segments.
    fn evaluate(
        &self,
        connection: &mut PgConnection,
        subscriber_ids: &[i64],
        moment: &Moment,
        budget: Duration,
    ) -> Result<Result<Members, TooSlow>, Error> {
        if self.state.filled.is_empty() {
            return Ok(Ok(BTreeMap::new()));
        }
        let plan = Plan::new(plannable(&self.rules), moment);
        let ids: Vec<i64> = plannable(&self.rules)
            .filter_map(|rule| rule.segment_id)
            .collect();
        let rows = Rows::List(subscriber_ids.to_vec());
        let (meter, cancel) = (Meter::default(), Cancel::default());
        let spending = Spending::new(&plan, budget);
        let work = Work {
            moment,
            meter: &meter,
            cancel: &cancel,
            spending: Some(&spending),
        };
        let chunk = load_chunk(connection, &plan, &rows, work)?;
        let leaves = evaluate_leaves(&plan, &chunk, moment, &work.watch())?;
        let slow = spending.list_slow(i64::try_from(subscriber_ids.len()).unwrap_or(i64::MAX));
        if !slow.is_empty() {
            let slow = slow.into_iter();
            return Ok(Err(slow
                .map(|slow| (ids[slow.tree], slow.problem))
                .collect()));
        }
        let mut members = BTreeMap::new();
        combine(&plan, &leaves, &chunk, |tree, mut nodes| {
            if self.state.filled.binary_search(&ids[tree]).is_ok() {
                members.insert(ids[tree], nodes.swap_remove(0));
            }
        });
        Ok(Ok(members))
    }
}

/// Writes what an evaluation changes, unless its rules have changed meanwhile.
fn write(connection: &mut PgConnection, evaluation: &Evaluation) -> Result<Step, Error> {
    // Under the lock: the stored members are read and written here, and a deletion must not come between.
    lock_for_refresh(connection)?;
    if RuleState::take(connection)? != evaluation.state {
        return Ok(Step::Outdated);
    }
    let touched = &evaluation.touched;
    let existing: HashSet<i64> = subscribers::table
        .filter(subscribers::id.eq_any(&touched.subscriber_ids))
        .select(subscribers::id)
        .load(connection)?
        .into_iter()
        .collect();
    let ids = touched.subscriber_ids.iter().copied();
    let gone: Vec<i64> = ids.filter(|id| !existing.contains(id)).collect();
    if !gone.is_empty() {
        // The API erases subscribers when it deletes them; plain SQL does not.
        erase(connection, gone, evaluation.moment.now)?;
    }
    let flips = find_flips(connection, evaluation, &existing)?;
    flip_bits(connection, &flips)?;
    log(connection, &flips, evaluation.moment.now)?;
    touches::finish(connection, &touched.touch_ids, evaluation.moment.now)?;
    let joined = flips.iter().filter(|flip| flip.joined).count();
    Ok(Step::Done(Followed {
        touches: touched.touch_ids.len(),
        joined,
        left: flips.len() - joined,
    }))
}

/// Finds the stored memberships that differ from the evaluated ones. Deleted subscribers are skipped: they are members
/// of no segment.
fn find_flips(
    connection: &mut PgConnection,
    evaluation: &Evaluation,
    existing: &HashSet<i64>,
) -> Result<Vec<Flip>, Error> {
    let subscriber_ids = &evaluation.touched.subscriber_ids;
    let segment_ids: Vec<i64> = evaluation.members.keys().copied().collect();
    let stored = load_stored_bits(connection, &segment_ids, subscriber_ids)?;
    let mut flips = Vec::new();
    for (segment_id, members) in &evaluation.members {
        let Some(stored) = stored.get(segment_id) else {
            continue;
        };
        for row in (members ^ stored).set_indices() {
            let flip = Flip {
                segment_id: *segment_id,
                subscriber_id: subscriber_ids[row],
                joined: members.value(row),
            };
            if existing.contains(&flip.subscriber_id) {
                flips.push(flip);
            }
        }
    }
    Ok(flips)
}

fn flip_bits(connection: &mut PgConnection, flips: &[Flip]) -> Result<(), Error> {
    let mut by_block: BTreeMap<(i64, i32), Vec<usize>> = BTreeMap::new();
    for flip in flips {
        let block = i32::try_from(flip.subscriber_id / BLOCK_IDS).unwrap_or(i32::MAX);
        let offset = usize::try_from(flip.subscriber_id % BLOCK_IDS).unwrap_or_default();
        let offsets = by_block.entry((flip.segment_id, block)).or_default();
        offsets.push(offset);
    }
    let wanted: Vec<(i64, i32)> = by_block.keys().copied().collect();
    let stored = StoredBlocks::load_single(connection, &wanted)?;
    let flipped: Vec<(i64, i32, Vec<u8>)> = by_block
        .into_iter()
        .map(|((segment_id, block), offsets)| {
            let members = stored.get(segment_id, block).cloned();
            let mut members = members.unwrap_or_else(|| vec![0; BLOCK_BYTES]);
            for offset in offsets {
                members[offset / 8] ^= 1 << (offset % 8);
            }
            (segment_id, block, members)
        })
        .collect();
    let flipped: Vec<(i64, i32, &[u8])> = flipped
        .iter()
        .map(|(segment_id, block, members)| (*segment_id, *block, members.as_slice()))
        .collect();
    store_blocks(connection, &flipped)
}

/// Records who joined and who left.
fn log(connection: &mut PgConnection, flips: &[Flip], moment: DateTime<Utc>) -> Result<(), Error> {
    let last_refresh: Option<i64> = refreshes::table
        .filter(refreshes::state.eq("succeeded"))
        .select(max(refreshes::id))
        .first(connection)?;
    let column = |value: fn(&Flip) -> i64| -> Vec<i64> { flips.iter().map(value).collect() };
    let joined: Vec<bool> = flips.iter().map(|flip| flip.joined).collect();
    statement(
        "INSERT INTO instant_changes (segment_id, subscriber_id, joined, changed_at, refresh_id) \
         SELECT *, $4, $5 FROM unnest($1, $2, $3)",
    )
    .bind::<Array<BigInt>, _>(column(|flip| flip.segment_id))
    .bind::<Array<BigInt>, _>(column(|flip| flip.subscriber_id))
    .bind::<Array<Bool>, _>(joined)
    .bind::<Timestamptz, _>(moment)
    .bind::<BigInt, _>(last_refresh.unwrap_or_default())
    .execute(connection)?;
    Ok(())
}
