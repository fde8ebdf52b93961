//! Compares the members of a chunk, as the rules of a refresh say, with the stored members.

use crate::error::Error;
use crate::evaluate::{Plan, combine};
use crate::rule::Moment;
use crate::scan::blocks::{BlockChange, StoredBlocks};
use crate::scan::meter::{Meter, Phase};
use crate::scan::rules::{SegmentRule, plannable};
use crate::scan::workers::Evaluated;
use diesel::PgConnection;

/// Rules that are evaluated together.
pub struct Evaluable {
    /// Their plan.
    pub plan: Plan,
    /// Their positions among the rules of the refresh, in the order of the plan's trees.
    pub places: Vec<usize>,
    /// The ids of their segments, in the same order.
    ids: Vec<i64>,
}

impl Evaluable {
    /// Plans the rules at these positions, all of which can be evaluated.
    pub fn new(rules: &[SegmentRule], places: Vec<usize>, moment: &Moment) -> Evaluable {
        let chosen = places.iter().map(|place| &rules[*place]);
        Evaluable {
            plan: Plan::new(plannable(chosen), moment),
            ids: places.iter().map(|place| rules[*place].id).collect(),
            places,
        }
    }
}

/// What a chunk adds to a refresh.
pub struct ChunkOutcome {
    /// How many ids it has.
    pub ids: i64,
    /// Members per evaluated segment.
    pub member_counts: Vec<i64>,
    /// What differs from the stored members.
    pub changes: Vec<BlockChange>,
}

/// Compares the members in a chunk with those that are stored.
pub fn compare_chunk(
    connection: &mut PgConnection,
    evaluable: &Evaluable,
    evaluated: &Evaluated<'_>,
    meter: &Meter,
) -> Result<ChunkOutcome, Error> {
    let Evaluable { plan, places, ids } = evaluable;
    let load = || StoredBlocks::load(connection, ids, evaluated.range);
    let stored = meter.time(Phase::Comparison, load)?;
    let mut outcome = ChunkOutcome {
        ids: evaluated.range.rows as i64,
        member_counts: vec![0; ids.len()],
        changes: Vec::new(),
    };
    let mut members = Vec::with_capacity(ids.len());
    meter.time(Phase::Evaluation, || {
        combine(
            plan,
            evaluated.leaves,
            evaluated.chunk,
            |tree, mut nodes| {
                members.push((tree, nodes.swap_remove(0)));
            },
        );
    });
    meter.time(Phase::Comparison, || {
        for (tree, members) in &members {
            let count = i64::try_from(members.count_set_bits()).unwrap_or(i64::MAX);
            outcome.member_counts[*tree] = count;
            let (place, id) = (places[*tree], ids[*tree]);
            stored.compare(place, id, members, evaluated.range, &mut outcome.changes);
        }
    });
    Ok(outcome)
}
